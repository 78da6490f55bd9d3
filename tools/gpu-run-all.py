#!/usr/bin/env python3
"""All checks and measurements of the CUDA device, in under eight minutes: run-all [--out FOLDER] [--only STEP,...]

Every step has a time limit of its own and a failing one does not stop the others; what matters most comes first. What is printed
is in results.txt, what was found in results.json, both up to date whenever a command ends, however run-all itself does. Without a
device the steps that need one say so, and the emulated device is checked.
Exit code: 0 all passed on a device; 77 there is no device and all else passed; 1 something failed.
"""
import argparse
import concurrent.futures
import csv
import importlib.util
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import time

from gpu_session import Failure, Session, Skip, tool

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(HERE, "bin")
FORAGE = os.path.join(BIN, "forage")
MODELS = "softmax 2nn lenet5 mcmahan_cnn pfl_cnn char_lstm".split()


# ---- what there is ----

def about(s, found):
    found["bundle"] = open(os.path.join(HERE, "made-from.txt"), encoding="utf-8").read()
    s.say(found["bundle"].rstrip())
    query = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,ecc.mode.current"
    listed = []
    try:
        out = s.run([tool("nvidia-smi"), f"--query-gpu={query}", "--format=csv,noheader"], may_fail=True, seconds=10)
        listed = found["devices"] = [x for x in out.strip().splitlines() if x.count(",") == query.count(",")]
    except (Skip, Failure) as e:
        s.say(f"    nvidia-smi: {e}")
    try:
        found["nvcc"] = s.run([tool("nvcc"), "--version"], quiet=True, seconds=5).strip().splitlines()[-1]
        s.say("    nvcc: " + found["nvcc"])
    except (Skip, Failure) as e:
        s.say(f"    nvcc: {e}")
    for module in ("torch", "jax", "numpy"):
        found[module] = importlib.util.find_spec(module) is not None
    s.say("    Python " + ", ".join(m + (" is there" if found[m] else " is not there") for m in ("torch", "jax", "numpy")))
    try:
        doctor = s.run([FORAGE, "doctor"], may_fail=True, seconds=20)
    except Failure as e:
        doctor = e.output
    seen = re.search(r"cuda.*device \d+:", doctor) is not None
    s.device = s.found["device"] = seen or bool(listed)  # steps that need it fail rather than be skipped
    if listed and not seen:
        raise Failure("nvidia-smi lists a device that forage does not find: see what doctor says of cuda above; `compiled here` may "
                      "do better")


# ---- tests ----

def tests(s, found):
    """Each program whatever the others came to: operations on the device first."""
    bad = []
    on_device = {"FG_TEST_DEVICE": "cuda"} if s.device else {}
    for name, env in (("test_device_ops", on_device), ("test_trainer_device", {}), ("test_cuda_device", {}),
                      ("test_trainer_device_codes", {}), ("test_trainer_device_memory", {}), ("test_trainer_device_step", {})):
        try:
            out = s.run([os.path.join(BIN, name)], **env)
            found[name] = len(re.findall(r"^ok|\[       OK", out, re.M))
            if s.device and re.search("^skip.*CUDA device", out, re.M):
                raise Failure("found no device")
        except (Failure, Skip) as e:
            found[name] = str(e)
            bad += [f"{name}: {e}"] if s.device or isinstance(e, Failure) else []
    if bad:
        raise Failure("; ".join(bad))


def compiled_here(s, _):
    """The kernels and their test by this machine's nvcc and make, for its own device."""
    nvcc = tool("nvcc")
    if shutil.which("make") is None:
        raise Skip("no make here")
    copy = os.path.join(s.tmp, "src")
    shutil.copytree(os.path.join(HERE, "src"), copy)
    arch = "native" if s.device else "sm_90"
    s.run(["make", "-s", f"-j{os.cpu_count() or 4}", "-C", os.path.join(copy, "kernels"), "-f", "Makefile.nvcc", f"NVCC={nvcc}",
           f"ARCH={arch}", "check"], **({"FG_TEST_DEVICE": "cuda"} if s.device else {}))


# ---- runs ----

def images(s, channels_first, name, n, n_test):
    """Data in the shape of CIFAR-10 (binary) or MNIST (IDX): noise with a bright band at a place that is the label."""
    folder = os.path.join(s.tmp, name)
    if os.path.isdir(folder):
        return folder
    os.mkdir(folder)
    draw = random.Random(1)
    size = 3072 if channels_first else 784
    band = size // 20
    for part, count in (("train", n), ("test", n_test)):
        pool = draw.randbytes(size * 512)
        label = bytes(draw.randrange(10) for _ in range(count))
        pixels = []
        for k in label:
            at = draw.randrange(511) * size
            x = bytearray(pool[at:at + size])
            x[k * 2 * band:k * 2 * band + band] = b"\xf0" * band
            pixels.append(bytes(x))
        if channels_first:
            where = "data_batch_1.bin" if part == "train" else "test_batch.bin"
            with open(os.path.join(folder, where), "wb") as f:
                for k, x in zip(label, pixels):
                    f.write(bytes([k]) + x)
        else:
            prefix = "train" if part == "train" else "t10k"
            with open(os.path.join(folder, prefix + "-images-idx3-ubyte"), "wb") as f:
                f.write(b"\0\0\x08\x03" + b"".join(v.to_bytes(4, "big") for v in (count, 28, 28)) + b"".join(pixels))
            with open(os.path.join(folder, prefix + "-labels-idx1-ubyte"), "wb") as f:
                f.write(b"\0\0\x08\x01" + count.to_bytes(4, "big") + label)
    return folder


def study(s, name, device, data, rounds, cohort, model, clients=0, partition="iid", batch=10, every=10, arithmetic="exact", seed=1,
          seconds=None):
    """A run, in at most so many seconds; its summary and its seconds of wall time."""
    ini = os.path.join(s.tmp, f"{name}-{arithmetic}-{seed}.ini")
    with open(ini, "w", encoding="utf-8") as f:
        f.write(f"[run]\nrounds = {rounds}\neval_every = {every}\nsync_s = 3600\n[data]\npath = {data}\nclients = {clients}\n"
                f"partition = {partition}\nnormalise = yes\n[select]\nclients = {cohort}\n[aggregate]\nweights = uniform\n"
                f"[model]\nlayers = {model}\n[train]\nbatch = {batch}\nlr = 0.1\nepochs = 1\n")
    out = os.path.join(s.tmp, f"{name}-{device}-{arithmetic}-{seed}")
    begin = time.monotonic()
    s.run([FORAGE, "simulate", "-q", "--force", "--set", f"worker.device={device}",
           "--set", f"train.arithmetic={arithmetic}", "--set", f"run.seed={seed}", "--out", out, ini], quiet=True,
          seconds=seconds)
    took = time.monotonic() - begin
    with open(os.path.join(out, "summary.json"), encoding="utf-8") as f:
        return json.load(f), took


def same_model(s, found):
    """`exact`: 20 rounds in the shape of pfl-research's CIFAR10 benchmark, and some on real digits, end with the CPU's model."""
    device = "cuda" if s.device else "emulated"
    digits = dict(data=os.path.join(HERE, "data", "mnist-writers"), rounds=3, cohort=4, model="2nn", partition="groups")
    if s.device:
        digits.update(rounds=20, cohort=20)
        shape = dict(data=images(s, True, "cifar", 50000, 10000), rounds=20, clients=1000, cohort=50, model="pfl_cnn", every=20)
    else:
        s.say("    no device: the emulated one, in a smaller shape")
        shape = dict(data=images(s, True, "cifar-small", 200, 50), rounds=2, clients=10, cohort=3, model="lenet5")
    bad = []
    for name, how in (("digits", digits), ("cifar", shape)):
        models = []
        for where in (device, "cpu"):
            try:
                summary, seconds = study(s, name, where, **how)
            except Failure as e:
                bad.append(f"{name}, {where}: {e}")
                continue
            models.append(summary["params_sha256"])
            found[f"{name} {where}"] = {"model": models[-1], "seconds": round(seconds, 2)}
            s.say(f"    {name}, {where}: model {models[-1]} in {seconds:.2f} s")
        bad += [f"the models of cpu and {device} differ: {name}"] if len(set(models)) > 1 else []
    if bad:
        raise Failure("; ".join(bad))


def inexact(s, found):
    """`tf32` and `bf16`: a run repeats itself bit for bit, and learns as well as `exact` on a few rounds, mean of seeds. The runs of an
    arithmetic share the device."""
    device = "cuda" if s.device else "emulated"
    how = dict(data=os.path.join(HERE, "data", "mnist-writers"), rounds=2, cohort=2, model="2nn", partition="groups")
    seeds = [1]
    if s.device:
        how.update(rounds=30, cohort=20)
        seeds = [1, 2, 3, 4, 5]
    for arithmetic in ("exact", "tf32", "bf16"):
        with concurrent.futures.ThreadPoolExecutor(len(seeds) + 1 if s.device else 1) as pool:
            runs = [pool.submit(study, s, name, device, arithmetic=arithmetic, seed=seed, **how)
                    for name, seed in [("seeds", seed) for seed in seeds] + [("again", seeds[0])]]
        summaries = [r.result()[0] for r in runs]
        if any(x["arithmetic"] != arithmetic for x in summaries):
            raise Failure(f"a summary tells of another arithmetic than {arithmetic}")
        if summaries[-1]["params_sha256"] != summaries[0]["params_sha256"]:
            raise Failure(f"{arithmetic}: the same run ended with another model")
        accuracy = [x["accuracy"] or 0.0 for x in summaries[:-1]]
        found[arithmetic] = sum(accuracy) / len(accuracy)
        s.say(f"    {arithmetic}: accuracy {found[arithmetic]:.4f}, mean of {len(accuracy)}; repeats itself")
    if s.device and min(found["tf32"], found["bf16"]) < found["exact"] - 0.005:
        raise Failure("tf32 or bf16 is more than half a point below exact")


def goal_1(s, found):
    """1000 users of 50 images, cohort 50, pfl's CNN, evaluation every 10 rounds: 1500 rounds, where a tenth shows that there is time."""
    data, failed = images(s, True, "cifar", 50000, 10000), []
    for rounds in (150, 1500):
        for arithmetic in ("tf32", "bf16", "exact"):
            short = found.get(f"{arithmetic} 150", {}).get("seconds")
            left = s.step_ends - time.monotonic()
            if rounds > 150 and (short is None or 10 * short > left):
                s.say(f"    G1 in {arithmetic}: no time for {rounds} rounds")
                continue
            try:
                summary, seconds = study(s, "g1", "cuda", data, rounds, 50, "pfl_cnn", 1000, arithmetic=arithmetic,
                                         seconds=left / 3 if rounds == 150 else None)
            except Failure as e:
                failed.append(f"{arithmetic}: {e}")
                s.say(f"    G1 in {arithmetic}: {e}")
                continue
            found[f"{arithmetic} {rounds}"] = {"seconds": round(seconds, 2), "goal_s": 8 * rounds / 1500,
                                               "accuracy": summary.get("accuracy")}
            s.say(f"    G1 in {arithmetic}: {rounds} rounds in {seconds:.2f} s, start and evaluation included (goal 8 s for 1500)")
            s.save()
    if failed:
        raise Failure("; ".join(failed))


def goal_2(s, found):
    """FLUTE's CNN task shape: 1500 rounds of 10 clients, batch 20; a tenth first."""
    data = images(s, False, "mnist", 30000, 2000)
    for arithmetic, rounds in (("exact", 150), ("exact", 1500), ("tf32", 1500)):
        summary, seconds = study(s, "g2", "cuda", data, rounds, 10, "mcmahan_cnn", 300, batch=20, every=50, arithmetic=arithmetic)
        found[f"{arithmetic} {rounds}"] = {"seconds": round(seconds, 2), "goal_s": 6 * rounds / 1500,
                                           "accuracy": summary.get("accuracy")}
        s.say(f"    G2 in {arithmetic}: {rounds} rounds in {seconds:.2f} s, start and evaluation included (goal 6 s for 1500)")


# ---- speed ----

def table(text):
    """Rows of a bench program's table as {first column: {column: value}}."""
    lines = [x.split() for x in text.splitlines() if x.strip()]
    head = next((x for x in lines if x[0] == "model"), None)
    if head is None:
        return {}
    rows = lines[lines.index(head) + 1:]
    return {r[0]: dict(zip(head[1:], [float(v) if re.fullmatch(r"[-+.\de]+", v) and v != "-" else v for v in r[1:]]))
            for r in rows if len(r) == len(head)}


def ways(s, found):
    """Small models in `exact`, a block a client and an operation at a time: what the device chooses should be the better one."""
    for way in ("resident", "lockstep"):
        try:
            out = s.run([os.path.join(BIN, "bench_device"), "-w", way, "softmax", "2nn", "lenet5"], seconds=10)
        except Failure as e:
            out = e.output
        found[way] = table(out)
    for model in sorted(set(found["resident"]) & set(found["lockstep"])):
        rates = [t.get(model, {}).get("median/s", 0) for t in (found["resident"], found["lockstep"], found.get("exact", {}))]
        s.say("    {}: {:.0f} samples/s resident, {:.0f} in lockstep; the device chose {:.0f}".format(model, *rates))


def speed(s, found):
    """All models of an arithmetic in one program; those that it did not come to, each in its own; and the device's two ways."""
    failed = []
    for arithmetic in ("exact", "tf32", "bf16"):
        there = found[arithmetic] = {}
        for models in (MODELS, *([m] for m in MODELS)):
            if all(m in there for m in models):
                continue
            try:
                out = s.run([os.path.join(BIN, "bench_device"), "-a", arithmetic, *[m for m in models if m not in there]], seconds=15)
            except Failure as e:
                out = e.output
                failed += [f"{arithmetic}, {models[0]}: {e}"] if len(models) == 1 else []
            limits = re.search(r"limits of .*", out)
            if limits:
                found["limits"] = limits.group(0)
            there.update(table(out))
    ways(s, found)
    if failed:
        raise Failure("; ".join(failed))


def operations(s, _):
    s.run([os.path.join(BIN, "test_device_ops"), "--bench"])


def peer(program, module, *options):
    """A program that prints a line of JSON as each thing is measured: what it came to before it failed counts."""
    def work(s, found):
        if importlib.util.find_spec(module) is None:
            raise Skip(f"no {module} here")
        try:
            out = s.run([sys.executable, os.path.join(HERE, "peers", program), *options])
        except Failure as e:
            found.update(lines_of_json(e.output))
            raise
        found.update(lines_of_json(out))
    return work


def lines_of_json(text):
    found = {}
    for line in text.splitlines():
        try:
            found.update(json.loads(line) if line.startswith("{") else {})
        except ValueError:  # cut short
            continue
    return found


def beside(s):
    """G1 and the models beside their peers, from what was found."""
    of = {name: step["found"] for name, step in s.found["steps"].items()}
    ours = {a: of.get("G1", {}).get(f"{a} 1500", {}).get("seconds") for a in ("tf32", "bf16", "exact")}
    for name in ("JAX in tf32", "PyTorch"):
        took = [v * 1500 / of[name]["rounds"] for k, v in of.get(name, {}).items() if k.endswith("_s") and not k.endswith("_per_s")]
        if took:
            s.say(f"    G1, {name} at its best: {min(took):.1f} s for 1500 rounds" +
                  "".join(f"; {a} takes {v} s: {min(took) / v:.2f} times as fast" for a, v in ours.items() if v))
    for name in ("models in JAX", "models in PyTorch"):
        for model, forms in of.get(name, {}).items():
            best = max((v for v in forms.values() if isinstance(v, int)), default=0) if isinstance(forms, dict) else 0
            here = {"two_nn": "2nn"}.get(model, model)
            rates = {a: of.get("speed of models", {}).get(a, {}).get(here, {}).get("median/s") for a in ("exact", "tf32", "bf16")}
            if best:
                s.say(f"    {here}, {name.split()[-1]} at its best in tf32: {best} samples/s" +
                      "".join(f"; {a} {v:.0f}: {v / best:.2f}" for a, v in rates.items() if v))


# ---- tools ----

def unless_refused(e, *signs):
    """A tool that may not or cannot work on this machine (sandboxes, counters for administrators only) says nothing of the program."""
    for line in e.output.splitlines():
        if any(x in line for x in signs):
            raise Skip(line.strip(" ="))
    raise e


def sanitizer(*kinds):
    def work(s, _):
        program = tool("compute-sanitizer")
        for kind in kinds:
            try:
                s.run([program, "--tool", kind, "--error-exitcode", "1", os.path.join(BIN, "test_device_ops")],
                      FG_TEST_ITERS="1", FG_TEST_DEVICE="cuda")
            except Failure as e:
                unless_refused(e, "Device not supported")
    return work


PROFILE = {"gpu__time_duration.sum": "ns", "sm__throughput.avg.pct_of_peak_sustained_elapsed": "compute_percent",
           "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed": "memory_percent",
           "sm__warps_active.avg.pct_of_peak_sustained_active": "occupancy_percent"}


def kernel_name(text):
    """The operation's name of `lockstep<N, arithmetic>`, in the order of kernels/device.h; other kernels' own names."""
    kind = re.search(r"lockstep<(?:\([^)]*\))?(\d+)", text)
    if not kind:
        return re.split(r"[(<]", text.replace("void ", ""))[0]
    with open(os.path.join(HERE, "src", "kernels", "device.h"), encoding="utf-8") as f:
        names = re.findall(r"^    FG_OP_(\w+),", f.read().split("enum fg_op_kind {")[1].split("};")[0], re.M)
    return names[int(kind.group(1))].lower()


def hottest(text, count=3):
    """The kernels that take longest in ncu's table: (name, figures)."""
    rows = csv.DictReader(io.StringIO("\n".join(x for x in text.splitlines() if x.startswith('"'))))
    seen = {}
    for row in rows:
        try:
            values = {to: float(row[name].replace(",", "")) for name, to in PROFILE.items()}
        except (KeyError, ValueError):  # the units
            continue
        seen.setdefault(kernel_name(row["Kernel Name"]), []).append(values)
    out = []
    for name, values in sorted(seen.items(), key=lambda k: -sum(v["ns"] for v in k[1]))[:count]:
        ns = sum(v["ns"] for v in values)
        mean = {key: round(sum(v[key] * v["ns"] for v in values) / ns, 1) for key in PROFILE.values() if key != "ns"}
        out.append((name, {"launches": len(values), "us": round(ns / 1000, 1), **mean}))
    return out


def profile(s, found):
    """The three kernels of the pfl CNN that take longest, and how near they are to what limits: of the first epoch's launches, behind
    those that load code (one of each of some fifty kernels)."""
    try:
        out = s.run([tool("ncu"), "--csv", "--page", "raw", "--print-units", "base", "--clock-control", "none", "--metrics",
                     ",".join(PROFILE), "--kernel-name", "regex:lockstep", "--launch-skip", "60", "--launch-count", "60",
                     os.path.join(BIN, "bench_device"), "-c", "50", "-n", "50", "-r", "1", "pfl_cnn"], quiet=True)
        found.update(hottest(out))
        if not found:
            raise Failure("ncu gave no figures: " + out.strip()[-300:], out)
    except Failure as e:
        unless_refused(e, "ERR_NVGPUCTRPERM", "Failed to initialize the profiler")
    for name, figures in found.items():
        s.say(f"    {name}: {figures}")


# Name, seconds that it may take whatever came before, what it does, whether it needs a device.
STEPS = [
    ("about", 25, about, False),
    ("tests", 40, tests, False),
    ("same model as the CPU", 40, same_model, False),
    ("G1", 70, goal_1, True),
    ("G2", 20, goal_2, True),
    ("speed of models", 40, speed, True),
    ("JAX in tf32", 40, peer("jax_pfl.py", "jax", "--tf32", "--rounds", "50"), True),
    ("models in JAX", 35, peer("jax_cohort.py", "jax", "--tf32"), True),
    ("models in PyTorch", 15, peer("torch_cohort.py", "torch", "--tf32"), True),
    ("tf32 and bf16", 35, inexact, False),
    ("PyTorch", 15, peer("torch_pfl.py", "torch", "--tf32", "--rounds", "20", "--eager"), True),
    ("memcheck", 15, sanitizer("memcheck"), True),
    ("racecheck", 15, sanitizer("racecheck"), True),
    ("profile", 15, profile, True),
    ("speed of operations", 5, operations, True),
    ("initcheck", 10, sanitizer("initcheck", "synccheck"), True),
    ("compiled here", 34, compiled_here, False),
]
MOST_SECONDS = 470


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.getcwd(), help="where results.txt and results.json go (default: here)")
    parser.add_argument("--only", metavar="STEP,...", help="no other steps")
    parser.add_argument("--seconds", type=float, default=MOST_SECONDS, help=f"time for everything (default {MOST_SECONDS})")
    o = parser.parse_args()
    assert sum(seconds for _, seconds, _, _ in STEPS) < MOST_SECONDS, "the steps' limits add up to more than all may take"
    os.makedirs(o.out, exist_ok=True)
    for name in os.listdir(BIN):  # who carried the folder may have lost it
        if not os.access(os.path.join(BIN, name), os.X_OK):
            os.chmod(os.path.join(BIN, name), 0o755)
    s = Session(o.out, o.seconds, o.only.split(",") if o.only else [])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # commands under way are ended, too
    try:
        s.say(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))
        for i, step in enumerate(STEPS):
            s.step(*step, behind=sum(seconds for _, seconds, _, _ in STEPS[i + 1:]))
    finally:
        shutil.rmtree(s.tmp, ignore_errors=True)
    beside(s)
    states = [x["state"] for x in s.found["steps"].values()]
    s.say(f"\n{states.count('passed')} passed, {states.count('FAILED')} failed, {states.count('skipped')} skipped, "
          f"{time.monotonic() - s.begin:.0f} s; {s.json_path}")
    sys.exit(1 if "FAILED" in states else 0 if s.device else 77)


if __name__ == "__main__":
    main()
