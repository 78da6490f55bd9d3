"""Other programs as opponents, each in turn with ours, so that a ratio's two halves see the same machine."""
import os
import statistics
import subprocess
import sys

from . import keys, native
from .figures import say

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers")
PACKAGES = ("torch", "jax", "flwr")
# The forms that were found best of each model, on the machines that we had (doc/performance.md).
FORMS = {
    "softmax": [("jax", "scan"), ("jax", "loop"), ("torch", "step"), ("torch", "vmap")],
    "two_nn": [("jax", "scan"), ("jax", "loop"), ("torch", "step"), ("torch", "vmap")],
    "lenet5": [("torch", "vmap"), ("torch", "step"), ("jax", "loop")],
    "mcmahan_cnn": [("torch", "step"), ("jax", "loop")],
    "pfl_cnn": [("torch", "step"), ("jax", "loop")],
    "char_lstm": [("torch", "eager"), ("jax", "loop")],
}
EVALUATED = ("two_nn", "mcmahan_cnn")


class Peer:
    """A program that measures once for each line it is sent (bench/peers/common.py)."""

    def __init__(self, python, program, *args):
        self.process = subprocess.Popen([python, os.path.join(PEERS, program), *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.name = self.process.stdout.readline().removeprefix("ready ").strip()
        if not self.name:
            self.process.wait()
            raise RuntimeError(f"{program} {' '.join(args)} did not get ready")

    def rate(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def venv(folder, fig):
    """Its python, with what of PACKAGES could be installed: those that could not are noted."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        say(f"making {folder}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, stdout=sys.stderr)
    there = []
    for name in PACKAGES:
        def has():
            return subprocess.run([python, "-c", f"import {name}"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0
        if not has():
            say(f"installing {name}")
            subprocess.run([python, "-m", "pip", "install", "-q", name], stdout=sys.stderr, check=False)
        if has():
            there.append(name)
        else:
            fig.note(f"{name}: could not be installed into {folder}")
    return python, there


def _ours(build, model, *more):
    return float(native.rows(build, "bench_train", "-r", 1, *more, keys.MODELS[model])[0]["median/s"])


def _against(fig, python, key, forms, ours, model, repeats):
    """Ratios to the form that we beat by least."""
    best = None
    for package, form in forms:
        try:
            with Peer(python, f"{package}_train.py", model, form) as peer:
                got = [ours() / peer.rate() for _ in range(repeats)]
        except (RuntimeError, ValueError) as e:
            fig.note(f"{key}: {e}")
            continue
        say(f"{key}: {statistics.median(got):.2f} times {peer.name}")
        if best is None or statistics.median(got) < statistics.median(best):
            best = got
    if best:
        fig.add(key, *best)


# A task of bench/suite/studies.py: its time, its samples, and the plain loop (model, form, batch) that does as many.
TASKS = {
    "lr_mnist_task_vs_torch_loop_x": ("lr_mnist_task_cpu_s", 60_000, ("softmax", "eager", "10")),
    "lenet_cifar_task_vs_torch_loop_x": ("lenet_cifar_task_s", 1_250_000, ("lenet5", "eager", "50")),
}


def loops(fig, python, repeats):
    """Whole tasks against the loop that anyone would write first."""
    for key, (ours, samples, loop) in TASKS.items():
        if ours not in fig.values:
            fig.note(f"{key}: {ours} was not measured")
            continue
        try:
            with Peer(python, "torch_train.py", *loop) as peer:
                fig.add(key, *(samples / peer.rate() / fig.median(ours) for _ in range(repeats)))
        except (RuntimeError, ValueError) as e:
            fig.note(f"{key}: {e}")


def all_of_them(fig, build, folder, repeats, quick):
    python, there = venv(folder, fig)
    if "flwr" in there:
        flower(fig, build, python, repeats, quick)
    if "torch" in there:
        loops(fig, python, repeats)
    for model, forms in FORMS.items():
        forms = [f for f in forms if f[0] in there]
        _against(fig, python, f"{model}_vs_best_expert", forms, lambda m=model: _ours(build, m), model, repeats)
        if model in EVALUATED:
            _against(fig, python, f"{model}_eval_vs_best_expert", [(p, "forward") for p in ("torch", "jax") if p in there],
                     lambda m=model: _ours(build, m, "-f"), model, repeats)


def _sums(fig, build, peer, repeats, n, take):
    """Each line of bench_sum in turn with a measurement of the peer: take(way, ours, theirs)."""
    with subprocess.Popen([os.path.join(build, "bench", "bench_sum"), str(repeats), str(n)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as ours:
        for line in ours.stdout:
            way, _, rate, _ = line.split()
            if way != "way":
                take(way.replace("-", "_"), float(rate), peer.rate())
                try:
                    os.write(ours.stdin.fileno(), b"go\n")
                except BrokenPipeError:  # that was its last
                    break


def flower(fig, build, python, repeats, quick):
    """From wire bytes to the sum against Flower's in-place aggregation."""
    n = 4 if quick else 64
    try:
        with Peer(python, "flower_aggregate.py", str(n)) as peer:
            _sums(fig, build, peer, repeats, n, lambda way, ours, theirs: fig.add(f"sum_{way}_vs_flower_x", ours / theirs))
    except (RuntimeError, ValueError) as e:
        fig.note(f"sum_*_vs_flower_x: {e}")


def numpy_python():
    """A Python that has NumPy, or None."""
    for python in (os.environ.get("FG_PYTHON"), sys.executable, "/usr/bin/python3"):
        if python and subprocess.run([python, "-c", "import numpy"], stderr=subprocess.DEVNULL,
                                     check=False).returncode == 0:
            return python
    return None


def sums(fig, build, repeats, quick):
    """From wire bytes to the sum, turn by turn with NumPy's += of ready arrays."""
    python, n = numpy_python(), 4 if quick else 64
    if python is None:
        fig.note("sum_*: no Python with NumPy was found")
        return
    with Peer(python, "numpy_add.py", str(n)) as numpy:
        def take(way, ours, theirs):
            fig.add("numpy_add_updates_per_s", theirs)
            fig.add(f"sum_{way}_updates_per_s", ours)
            fig.add(f"sum_{way}_vs_numpy_x", ours / theirs)
        _sums(fig, build, numpy, repeats, n, take)
