#!/usr/bin/env python3
"""What a simulated round costs, fitted: seconds = a * clients + b * tasks, from CPU times of cost-only runs.

usage: bench/scale_fit.py [FORAGE] [CLIENTS,...]     (build/forage, 10000,30000,100000,300000,1000000)

Each size is run with a thousandth and a tenth of the clients picked, and with two numbers of rounds, so that the
start of the program and the writing of the results that a client costs once drop out; what a task costs in the
results stays in. Prints the runs, the fit with its largest relative error, and what it says of larger populations.
"""
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TRACES = os.path.join(HERE, "datasets", "samples", "traces")
LOW, HIGH = 12, 60  # rounds

INI = """[run]
rounds = {rounds}
sync_s = 86400
[time]
wrap = yes
[data]
clients = {clients}
samples = 600
[availability]
trace = {traces}/volunteer-desktops-2w.csv
[carbon]
traces = GB={traces}/carbon-GB-2w.csv, KR={traces}/carbon-KR-2w.csv
[train]
mode = cost-only
[model]
params = 199210
[select]
policy = uniform
clients = {cohort}
"""


def cpu_seconds(forage, folder, **what):
    path = os.path.join(folder, "s.ini")
    with open(path, "w") as f:
        f.write(INI.format(traces=TRACES, **what))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([forage, "simulate", "-q", "--force", "--out", os.path.join(folder, "run"), path], check=True,
                   stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fit(rows):
    """Least squares of relative errors for t = a n + b k."""
    nn = sum((n / t) ** 2 for n, k, t in rows)
    nk = sum(n * k / t ** 2 for n, k, t in rows)
    kk = sum((k / t) ** 2 for n, k, t in rows)
    n1 = sum(n / t for n, k, t in rows)
    k1 = sum(k / t for n, k, t in rows)
    det = nn * kk - nk * nk
    return (n1 * kk - k1 * nk) / det, (k1 * nn - n1 * nk) / det


def main():
    forage = sys.argv[1] if len(sys.argv) > 1 else "build/forage"
    sizes = [int(x) for x in (sys.argv[2] if len(sys.argv) > 2 else "10000,30000,100000,300000,1000000").split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            for k in (max(1, n // 1000), n // 10):
                low, high = (cpu_seconds(forage, folder, rounds=r, clients=n, cohort=k) for r in (LOW, HIGH))
                t = (high - low) / (HIGH - LOW)
                if t > 0:
                    rows.append((n, k, t))
                    print(f"{n:>8} clients {k:>6} tasks: {t * 1e3:9.3f} ms a round", flush=True)
    a, b = fit(rows)
    worst = max(abs(a * n + b * k - t) / t for n, k, t in rows)
    print(f"fit: {a * 1e9:.1f} ns a client and round, {b * 1e9:.0f} ns a task; off by at most {100 * worst:.0f}%")
    for n, k in ((10**6, 1000), (10**8, 10000), (10**8, 10**6)):
        print(f"{n:.0e} clients, {k:.0e} tasks: {a * n + b * k:8.2f} s a round, {(a * n + b * k) * 744 / 3600:7.2f} h a "
              f"month of hourly rounds")


if __name__ == "__main__":
    main()
