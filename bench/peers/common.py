"""What the peers' programs share: shapes of the models, and the talk with bench/run.

A program prepares and compiles, prints "ready NAME", then prints samples/s of CPU time for every line it reads, and ends
with its input. One thread: set before numpy, torch or jax are imported.
"""
import argparse
import os
import sys
import time
from types import SimpleNamespace

GPU = os.environ.get("FG_PEER_GPU") == "1"  # *_cohort.py: as it is, no talk
for _name in () if GPU else ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
if not GPU:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

IMAGE = {"softmax": (28, 28, 1), "two_nn": (28, 28, 1), "lenet5": (32, 32, 3), "mcmahan_cnn": (28, 28, 1),
         "pfl_cnn": (32, 32, 3)}
MODELS = [*IMAGE, "char_lstm"]
STEPS, BATCH, VMAP = 60, 10, 8
CHARS, LENGTH, HIDDEN, EMBED = 90, 80, 256, 8
LEAST_S = 0.3
# FLUTE's task: softmax on MNIST, one epoch a round.
LR_MNIST = SimpleNamespace(rounds=int(os.environ.get("FG_BENCH_ROUNDS", "100")), clients=1000, cohort=10, samples=60, batch=10)
LR_MNIST.total = LR_MNIST.rounds * LR_MNIST.cohort * LR_MNIST.samples


def shard(torch):
    """The samples of any client of that task, made once a process: speed does not depend on what the pictures show."""
    if not hasattr(LR_MNIST, "data"):
        LR_MNIST.data = torch.rand(LR_MNIST.samples, 784), torch.randint(10, (LR_MNIST.samples,))
    return LR_MNIST.data


def serve(name, work):
    """work() does something and returns how many samples it was."""
    work()
    print("ready", name, flush=True)
    for _ in sys.stdin:
        begin, samples, spent = time.process_time(), 0, 0.0
        while spent < LEAST_S:
            samples += work()
            spent = time.process_time() - begin
        print(samples / spent, flush=True)


def cohort_options(doc):
    """What *_cohort.py are told."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--cpu", action="store_true", help="without a GPU, too")
    parser.add_argument("model", nargs="*")
    return parser.parse_args()
