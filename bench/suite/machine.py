"""What figures were measured on: the machine, the build, the opponents' versions and what else was going on."""
import os
import re
import subprocess


def _first(path, pattern):
    try:
        with open(path) as f:
            found = re.search(pattern, f.read(), re.M)
    except OSError:
        found = None
    return found[1].strip() if found else "unknown"


def _said(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    except OSError:
        return ""


def load():
    return f"{os.getloadavg()[0]:.1f}"


def describe(build, forage):
    """A line each."""
    cpu = _first("/proc/cpuinfo", r"^model name\s*: (.*)$")
    features = re.search(r"^ok +cpu +(.*)$", _said(forage, "doctor"), re.M)
    options = _first(os.path.join(build, "Makefile"), r"^CFLAGS = (.*)$")
    compiler = _said(*_first(os.path.join(build, "Makefile"), r"^CC = (.*)$").split(), "--version").splitlines()
    version = _said(forage, "--version").splitlines()
    return [f"machine: {cpu}, {len(os.sched_getaffinity(0))} cores ({features[1] if features else 'features unknown'})",
            f"build: {version[0] if version else 'forage'}, {compiler[0] if compiler else 'unknown compiler'}, {options}"]


# The distributions of PyPI that peers come from.
PEERS = ("torch", "jax", "flwr", "ray", "pfl", "numpy")


def versions(python):
    """What of them that Python has, on one line."""
    program = ("import importlib.metadata as m, sys\nfor n in sys.argv[1:]:\n try: print(n, m.version(n))\n"
               " except m.PackageNotFoundError: pass")
    return "peers: " + ", ".join(_said(python, "-c", program, *PEERS).splitlines())
