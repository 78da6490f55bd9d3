"""Whole studies through the program: FLUTE's and BlazeFL's tasks, the start, memory, and studies without learning."""
import json
import os
import random
import re
import struct
import shutil
import subprocess
import time

from . import keys, native

CIFAR_RECORD = 3073
HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.path.join(HERE, "..", "..", "datasets", "samples", "traces")


class Ran:
    """A run of the program: wall_s, cpu_s, peak_mb, summary."""

    def __init__(self, forage, folder, sections, launcher=()):
        ini, out = os.path.join(folder, "study.ini"), os.path.join(folder, "run")
        with open(ini, "w") as f:
            for section, entries in sections.items():
                f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()))
        with open(os.path.join(folder, "err"), "w+") as err, open(os.path.join(folder, "json"), "w+") as text:
            argv = [*launcher, forage, "simulate", "-q", "--force", "--json", "--out", out, ini]
            begin = time.perf_counter()
            pid = os.posix_spawn(argv[0], argv, dict(
                os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache")), file_actions=[
                    (os.POSIX_SPAWN_DUP2, text.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
            _, status, used = os.wait4(pid, 0)
            self.wall_s = time.perf_counter() - begin
            self.cpu_s = used.ru_utime + used.ru_stime
            self.peak_mb = used.ru_maxrss / 1024
            if status != 0:
                err.seek(0)
                raise RuntimeError(f"forage simulate {ini}: {err.read()}")
            text.seek(0)
            self.summary = json.load(text)


def write_mnist(folder, train, test):
    """Noise in MNIST's format, the same after 10,000 pictures: speed does not depend on what they show."""
    os.makedirs(folder, exist_ok=True)
    noise = random.Random(1).randbytes(784 * 10000)
    for name, n in [("train", train), ("t10k", test)]:
        with open(os.path.join(folder, f"{name}-images-idx3-ubyte"), "wb") as f:
            f.write(struct.pack(">IIII", 0x803, n, 28, 28))
            for first in range(0, n, 10000):
                f.write(noise[:784 * min(n - first, 10000)])
        with open(os.path.join(folder, f"{name}-labels-idx1-ubyte"), "wb") as f:
            f.write(struct.pack(">II", 0x801, n) + bytes(i % 10 for i in range(n)))
    return folder


def mnist(folder, quick):
    """Where it lies, and its training samples."""
    real = os.path.join(os.environ.get("FORAGE_DATA", ""), "mnist")
    size = (2000, 100) if quick else (60000, 10000)
    data = real if os.path.isdir(real) and not quick else write_mnist(os.path.join(folder, "mnist"), *size)
    return data, size[0]


def loading(fig, build, folder, repeats, quick):
    native.loading(fig, build, mnist(folder, quick)[0], repeats)


class Turn:
    """A run of many rounds less a run of one: wall_s and cpu_s of all rounds of a task, without the start. A run before
    them finds what another program has left of caches and clocks."""

    def __init__(self, forage, folder, study, rounds, of):
        Ran(forage, folder, study(1))
        self.one, self.many = Ran(forage, folder, study(1)), Ran(forage, folder, study(1 + rounds))
        self.wall_s = (self.many.wall_s - self.one.wall_s) * of / rounds
        self.cpu_s = (self.many.cpu_s - self.one.cpu_s) * of / rounds


def lr_mnist_turns(forage, folder, quick):
    """FLUTE's LR_MNIST task, 100 rounds: a function that takes a Turn of it."""
    data, samples = mnist(folder, quick)
    rounds = 300 if quick else 100  # of few samples: enough to be more than noise

    def study(n):
        return {
            "run": {"rounds": n, "eval_every": 1000000, "threads": 1, "sync_s": 86400},
            "data": {"path": data, "clients": samples // 60},
            "select": {"policy": "uniform", "clients": 10},
            "train": {"epochs": 1, "batch": 10, "lr": 0.03},
            "model": {"layers": "softmax"},
        }
    return lambda: Turn(forage, folder, study, rounds, 100)


def lr_mnist(fig, forage, folder, repeats, quick):
    take = lr_mnist_turns(forage, folder, quick)
    for _ in range(repeats):
        turn = take()
        fig.add("lr_mnist_task_s", turn.wall_s)
        fig.add("lr_mnist_task_cpu_s", turn.cpu_s)
        fig.add("startup_s", turn.one.wall_s)
        fig.add("startup_cpu_s", turn.one.cpu_s)
        fig.add("peak_memory_mb", turn.many.peak_mb)


def mpirun(build):
    """The program that starts two ranks here, with its options; None in a build without MPI."""
    with open(os.path.join(build, "config.h")) as f:
        found = re.search(r'^#define FG_MPI_BIN "(.+)"$', f.read(), re.M)
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return [os.path.join(found[1], "mpirun"), *root, "--map-by", ":oversubscribe", "-n", "2"] if found else None


def ranks(fig, forage, build, folder, repeats, quick):
    """A study of tasks of some milliseconds, spread over two threads and over two ranks: a run of some rounds less a run of one."""
    data, samples = mnist(folder, quick)
    clients, more = (20, 4) if quick else (100, 15)
    two = mpirun(build)
    if two is None:
        fig.note("two_ranks_vs_one_x: this build has no MPI")

    def wall_s(threads, launcher=()):
        study = {
            "run": {"rounds": 1, "eval_every": 1000000, "threads": threads, "sync_s": 86400},
            "data": {"path": data, "clients": clients},
            "select": {"policy": "all"},
            "train": {"epochs": 1, "batch": 10, "lr": 0.05},
            "model": {"layers": "2nn"},
        }
        first = Ran(forage, folder, study, launcher).wall_s
        study["run"]["rounds"] = 1 + more
        return Ran(forage, folder, study, launcher).wall_s - first

    for _ in range(min(repeats, 3)):
        one = wall_s(1)
        fig.add("two_threads_vs_one_x", one / wall_s(2))
        if two is not None:
            fig.add("two_ranks_vs_one_x", one / wall_s(1, two))


def write_cifar(folder, train, test):
    """Noise in CIFAR-10's format: speed does not depend on what the pictures show."""
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(1)
    for name, n in [("data_batch_1.bin", train), ("test_batch.bin", test)]:
        with open(os.path.join(folder, name), "wb") as f:
            for i in range(n):
                f.write(bytes([i % 10]) + rng.randbytes(CIFAR_RECORD - 1))
    return folder


def lenet_cifar_turns(forage, folder, quick):
    """BlazeFL's LeNet-5 task, 5 rounds: a function that takes a Turn of it."""
    data = write_cifar(os.path.join(folder, "cifar"), 1000 if quick else 50000, 100)

    def study(rounds):
        return {
            "run": {"rounds": rounds, "eval_every": 1000000, "sync_s": 86400},
            "data": {"path": data, "clients": 100},
            "select": {"policy": "all"},
            "train": {"epochs": 1 if quick else 5, "batch": 50, "lr": 0.01},
            "model": {"layers": "lenet5"},
        }
    return lambda: Turn(forage, folder, study, 6 if quick else 1, 5)


def lenet_cifar(fig, forage, folder, repeats, quick):
    take = lenet_cifar_turns(forage, folder, quick)
    for _ in range(1 if quick else max(1, min(2, repeats // 2))):
        turn = take()
        fig.add("lenet_cifar_task_s", turn.wall_s)
        fig.add("lenet_cifar_task_cpu_s", turn.cpu_s)


def cost_only(clients, rounds, policy, cohort, sync_s=10):
    trace = os.path.join(TRACES, "volunteer-desktops-2w.csv")
    zones = ", ".join(f"{z}={os.path.join(TRACES, f'carbon-{z}-2w.csv')}" for z in ("GB", "KR"))
    return {
        "run": {"rounds": rounds, "sync_s": sync_s},
        "time": {"wrap": "yes"},
        "data": {"clients": clients, "samples": 600},
        "availability": {"trace": trace},
        "carbon": {"traces": zones},
        "train": {"mode": "cost-only"},
        "model": {"params": 199210},
        "select": {"policy": policy, "clients": cohort},
    }


def scale(fig, forage, folder, repeats, quick):
    """Studies without learning: everyone takes part; a thousandth does, at ten thousand and at a million clients."""
    few, n = (8, 1) if quick else (168, min(repeats, 3))
    for _ in range(n):
        ran = Ran(forage, folder, cost_only(8192, few, "all", 8192))
        s = ran.summary
        fig.add("client_rounds_per_s_8192", s["client_rounds_per_s"])
        fig.add("client_rounds_whole_per_s_8192", 8192 * few / ran.wall_s)
        fig.add("tasks_per_s_8192", s["tasks_per_s"])
    if quick:
        return
    for _ in range(n):
        small, large = (Ran(forage, folder, cost_only(c, r, "uniform", c // 1000, sync)).summary
                        for c, r, sync in ((10000, 720, 86400), (1000000, 72, 1)))  # the larger one saves on the way
        at = [1e9 / s["client_rounds_per_s"] for s in (small, large)]
        fig.add("client_round_ns_1e4", at[0])
        fig.add("client_round_ns_1e6", at[1])
        fig.add("client_round_flatness_x", at[1] / at[0])
        fig.add("bytes_per_client_1e6", large["bytes_per_client"])


def learning(fig, forage, build, folder, repeats, quick):
    """A round that learns, out of very many clients: a run of some rounds less a run of one, over the training of as many samples."""
    clients, each, epochs, cohort = (200, 10, 60, 10) if quick else (100000, 10, 60, 100)
    raw, data = write_mnist(os.path.join(folder, "many"), clients * each, 100), os.path.join(folder, "many.h5")
    subprocess.run([forage, "dataset", "import", "-q", raw, data], check=True)
    shutil.rmtree(raw)

    def study(model, n):
        return {
            "run": {"rounds": n, "eval_every": 1000000, "threads": 1, "sync_s": 86400},
            "data": {"path": data, "clients": clients},
            "select": {"policy": "uniform", "clients": cohort},
            "train": {"epochs": epochs, "batch": 10, "lr": 0.01},
            "model": {"layers": model},
        }
    for _ in range(min(repeats, 3)):
        for key, rounds in (("softmax", 100), ("two_nn", 10)):
            model = keys.MODELS[key]
            one, many = Ran(forage, folder, study(model, 1)), Ran(forage, folder, study(model, 1 + rounds))
            pure = cohort * each * epochs / native.samples_per_s(build, [model], quick)[model]
            fig.add(f"{key}_round_vs_training_x", (many.cpu_s - one.cpu_s) / rounds / pure)
    os.remove(data)


def has_mpi(build):
    with open(os.path.join(build, "config.h")) as f:
        return "#define FG_MPI_BIN " in f.read()


def workers(fig, forage, build, repeats, quick):
    """One aggregator before many workers that send updates without pause."""
    if not has_mpi(build):
        fig.note("aggregator_*: built without MPI")
        return
    for _ in range(min(repeats, 3)):
        text = subprocess.run([os.path.join(HERE, "..", "many_workers.sh"), *(("8", "40") if quick else ("64", "8")), "none", "sender"],
                              env=dict(os.environ, FORAGE=forage, JSON="1"), check=True, stdout=subprocess.PIPE, text=True).stdout
        got = json.loads(text)
        least, most = got.pop("answers")
        for key, value in got.items():
            fig.add(f"aggregator_{key}", value)
        fig.add("aggregator_turns_x", most / max(least, 1))
