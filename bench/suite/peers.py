"""Other programs as opponents, each in turn with ours, so that a ratio's two halves see the same machine."""
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Callable, NamedTuple, Optional, Tuple

from . import keys, machine, native, studies
from .figures import say

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers")
# What is imported, and what of PyPI has it.
PACKAGES = {"torch": "torch", "jax": "jax", "flwr": "flwr", "ray": "flwr[simulation]", "pfl": "pfl"}
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
    """A program that measures once for each line it is sent and prints one number (bench/peers/common.py)."""

    def __init__(self, python, program, *args):
        self.command, self.said = " ".join((program, *args)), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([python, os.path.join(PEERS, program), *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.said, text=True)
        self.name = self.process.stdout.readline().removeprefix("ready ").strip()
        if not self.name:
            raise self._failed("did not get ready")

    def _failed(self, how):
        """It and why, by the last line that it said."""
        self.process.kill()
        self.process.wait()
        self.said.seek(0)
        last = [line.strip() for line in self.said if line.strip()][-1:]
        return RuntimeError(": ".join([f"{self.command} {how}"] + last))

    def measure(self):
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())
        except (OSError, ValueError):
            raise self._failed("ended before it had measured") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
        except OSError:
            pass  # it is gone
        self.process.wait()
        self.said.close()


def venv(folder, fig):
    """Its python, with what of PACKAGES could be installed: those that could not are noted."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        say(f"making {folder}")
        if subprocess.run([sys.executable, "-m", "venv", folder], check=False, stdout=sys.stderr).returncode != 0:
            fig.note(f"peers: {sys.executable} could not make {folder} (on Debian: apt-get install python3-venv)")
            return python, []
    there = []
    for name, package in PACKAGES.items():
        def has(module=name):
            return subprocess.run([python, "-c", f"import {module}"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0
        if not has():
            say(f"installing {package}")
            subprocess.run([python, "-m", "pip", "install", "-q", package], stdout=sys.stderr, check=False)
        if has():
            there.append(name)
        else:
            fig.note(f"{package}: could not be installed into {folder}")
    fig.about.append(machine.versions(python))
    return python, there


def _ours(build, model, *more):
    return float(native.rows(build, "bench_train", "-r", 1, *more, keys.MODELS[model])[0]["median/s"])


def _against(fig, python, key, forms, ours, model, repeats):
    """Ratios to the form that we beat by least."""
    best = None
    for package, form in forms:
        try:
            with Peer(python, f"{package}_train.py", model, form) as peer:
                got = [ours() / peer.measure() for _ in range(repeats)]
        except RuntimeError as e:
            fig.note(f"{key}: {e}")
            continue
        say(f"{key}: {statistics.median(got):.2f} times {peer.name}")
        if best is None or statistics.median(got) < statistics.median(best):
            best, fig.beside[key] = got, peer.name
    if best:
        fig.add(key, *best)


class Task(NamedTuple):
    """A task of bench/suite/studies.py beside a peer's program."""
    part: str                      # of the benchmark that measures it
    turns: Callable                # what takes our turns
    time: str                      # of a turn, that is compared
    program: Tuple[str, ...]       # the peer's, with model, form and batch
    needs: Tuple[str, ...]         # packages
    most: int                      # times that it is run
    samples: Optional[int] = None  # in the task, where the peer says samples/s and not seconds


TASKS = {
    "lr_mnist_task_vs_torch_loop_x": Task("tasks", studies.lr_mnist_turns, "cpu_s",
                                          ("torch_train.py", "softmax", "eager", "10"), ("torch",), 5, 60_000),
    "lenet_cifar_task_vs_torch_loop_x": Task("lenet", studies.lenet_cifar_turns, "wall_s",
                                             ("torch_train.py", "lenet5", "eager", "50"), ("torch",), 3, 1_250_000),
    "lr_mnist_task_vs_pfl_x": Task("tasks", studies.lr_mnist_turns, "cpu_s", ("pfl_task.py",), ("torch", "pfl"), 5),
    "lr_mnist_task_vs_flower_x": Task("tasks", studies.lr_mnist_turns, "wall_s", ("flower_task.py",),
                                      ("torch", "flwr", "ray"), 1),
}


def tasks(fig, o, python, there):
    """Whole tasks, against the loop that anyone would write first and other frameworks, turn by turn."""
    for key, task in TASKS.items():
        lacking = [n for n in task.needs if n not in there]
        if task.part not in o.only:
            continue
        if lacking:
            fig.note(f"{key}: {' and '.join(lacking)} could not be installed")
            continue
        take = task.turns(o.forage, o.folder, o.quick)
        try:
            with Peer(python, *task.program) as peer:
                for _ in range(min(o.repeats, task.most)):
                    ours = getattr(take(), task.time)
                    theirs = peer.measure()
                    fig.add(key, (theirs if task.samples is None else task.samples / theirs) / ours)
        except RuntimeError as e:
            fig.note(f"{key}: {e}")


def simulator(fig, build, python, there, repeats):
    """Training against pfl-research's own rounds of the same layers, turn by turn."""
    lacking = [n for n in ("torch", "pfl") if n not in there]
    for model in keys.AGAINST_PFL:
        key = f"{model}_vs_pfl_x"
        if lacking:
            fig.note(f"{key}: {' and '.join(lacking)} could not be installed")
            continue
        try:
            with Peer(python, "pfl_task.py", model) as peer:
                fig.add(key, *(_ours(build, model) / peer.measure() for _ in range(repeats)))
        except RuntimeError as e:
            fig.note(f"{key}: {e}")


def experts(fig, build, python, there, repeats, forward):
    """Training, or evaluation, against the form of each package that comes nearest."""
    for model, forms in FORMS.items():
        if forward and model not in EVALUATED:
            continue
        key = f"{model}_eval_vs_best_expert" if forward else f"{model}_vs_best_expert"
        forms = [(p, "forward") for p in ("torch", "jax")] if forward else forms
        more = ("-f",) if forward else ()
        _against(fig, python, key, [f for f in forms if f[0] in there],
                 lambda m=model, a=more: _ours(build, m, *a), model, repeats)


def inexact(fig, build, python, there, repeats):
    """bf16 against the forms of float and, since it is as inexact, PyTorch's own bfloat16."""
    for model in keys.CONVOLUTIONS:
        for key, forms, more in (("bf16", FORMS[model] + [("torch", "step-bf16")], ()),
                                 ("eval_bf16", [("torch", "forward"), ("jax", "forward"), ("torch", "forward-bf16")], ("-f",))):
            _against(fig, python, f"{model}_{key}_vs_best_expert", [f for f in forms if f[0] in there],
                     lambda m=model, a=more: _ours(build, m, "-a", "bf16", *a), model, repeats)


def all_of_them(fig, o):
    """What compares with the parts that were measured."""
    python, there = venv(os.path.abspath(o.peers), fig)
    if "flwr" in there and "sums" in o.only:
        flower(fig, o.build, python, o.repeats, o.quick)
    tasks(fig, o, python, there)
    for part in ("train", "eval"):
        if part in o.only:
            experts(fig, o.build, python, there, o.repeats, part == "eval")
    if "train" in o.only:
        simulator(fig, o.build, python, there, o.repeats)
    if "bf16" in o.only:
        inexact(fig, o.build, python, there, o.repeats)


def _sums(fig, build, peer, repeats, n, take):
    """Each line of bench_sum in turn with a measurement of the peer: take(way, ours, theirs)."""
    with subprocess.Popen([os.path.join(build, "bench", "bench_sum"), str(repeats), str(n)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as ours:
        for line in ours.stdout:
            way, _, rate, _ = line.split()
            if way != "way":
                take(way.replace("-", "_"), float(rate), peer.measure())
                os.write(ours.stdin.fileno(), b"go\n")


def flower(fig, build, python, repeats, quick):
    """From wire bytes to the sum against Flower's in-place aggregation."""
    n = 4 if quick else 64
    try:
        with Peer(python, "flower_aggregate.py", str(n)) as peer:
            _sums(fig, build, peer, repeats, n, lambda way, ours, theirs: fig.add(f"sum_{way}_vs_flower_x", ours / theirs))
    except RuntimeError as e:
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
