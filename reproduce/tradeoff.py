"""What reproduce/tradeoff.sh says of its two factorials: fits, Kendall's tau, Pareto fronts. Needs nothing but Python."""
import csv
import itertools
import math
import sys

out, rounds = sys.argv[1], int(sys.argv[2])
TERMS = ("progress", "variance", "drift", "bias")


def tau(x, y):
    """Kendall's tau-b."""
    more = ties_x = ties_y = 0
    for (a, b), (c, d) in itertools.combinations(list(zip(x, y)), 2):
        more += ((a > c) - (a < c)) * ((b > d) - (b < d))
        ties_x += a == c
        ties_y += b == d
    pairs = len(x) * (len(x) - 1) / 2
    room = math.sqrt((pairs - ties_x) * (pairs - ties_y))
    return more / room if room > 0 else float("nan")


def solve(m, v):
    """Gaussian elimination with pivots; None where the matrix is singular."""
    n = len(v)
    a = [row[:] + [b] for row, b in zip(m, v)]
    for i in range(n):
        p = max(range(i, n), key=lambda k: abs(a[k][i]))
        if abs(a[p][i]) < 1e-14:
            return None
        a[i], a[p] = a[p], a[i]
        for k in range(i + 1, n):
            f = a[k][i] / a[i][i]
            a[k] = [x - f * y for x, y in zip(a[k], a[i])]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (a[i][n] - sum(a[i][k] * x[k] for k in range(i + 1, n))) / a[i][i]
    return x


def fit(rows, free, fixed=()):
    """Non-negative least squares of error / error = 1 on the terms / error: every subset of few terms is tried."""
    best = None
    target = [1 - sum(r[t] for t in fixed) / r["error"] for r in rows]
    for size in range(len(free) + 1):
        for some in itertools.combinations(free, size):
            x = [[r[t] / r["error"] for t in some] for r in rows]
            c = solve([[sum(v[i] * v[k] for v in x) for k in range(size)] for i in range(size)],
                      [sum(v[i] * b for v, b in zip(x, target)) for i in range(size)])
            if c is None or any(v < 0 for v in c):
                continue
            rest = sum((b - sum(p * q for p, q in zip(v, c))) ** 2 for v, b in zip(x, target))
            if best is None or rest < best[0]:
                best = (rest, dict(zip(some, c)))
    return {t: best[1].get(t, 0.0) if t in free else 1.0 if t in fixed else 0.0 for t in TERMS}


def all_of(row, c):
    return sum(c[t] * row[t] for t in TERMS)


def split(rows, keys):
    groups = {}
    for r in rows:
        groups.setdefault(tuple(r[k] for k in keys), []).append(r)
    return groups


def report(name, rows, environment, decision, fits):
    error = [r["error"] for r in rows]
    print("%s: %d cells" % (name, len(rows)))
    print("  tau of each term alone: " + ", ".join("%s %.2f" % (t, tau([r[t] for r in rows], error)) for t in TERMS))
    for what, c in fits:
        e = [all_of(r, c) for r in rows]
        parts = split(rows, ("data",))
        chosen, within = [], []
        for group in split(rows, environment).values():
            within.append(tau([all_of(r, c) for r in group], [r["error"] for r in group]))
            least = min(r["error"] for r in group)
            chosen.append(min(group, key=lambda r: all_of(r, c))["error"] / least)
        within = [t for t in within if t == t]
        print("  %s: tau %.2f (%s); within an environment %.2f in the mean, %.2f at worst; the cell it would choose has "
              "%.2f times the least error in the median, %.2f at worst" %
              (what, tau(e, error), ", ".join("%s %.2f" % (k[0], tau([all_of(r, c) for r in g], [r["error"] for r in g]))
                                              for k, g in sorted(parts.items())),
               sum(within) / len(within), min(within), sorted(chosen)[len(chosen) // 2], max(chosen)))
        print("      constants: " + ", ".join("%s %.3g" % (t, c[t]) for t in TERMS))
    count, groups = {}, split(rows, environment)
    for group in groups.values():
        for r in group:
            cost = (r["error"], r["work"], r["bytes"])
            if not any(all(a <= b for a, b in zip(o, cost)) and o != cost
                       for o in ((q["error"], q["work"], q["bytes"]) for q in group)):
                key = tuple(r[k] for k in decision)
                count[key] = count.get(key, 0) + 1
    print("  Pareto front (error, client steps, bytes), how many of the %d environments: " % len(groups) +
          "; ".join("%s: %d" % (" ".join("%s=%s" % p for p in zip(decision, k)), n)
                    for k, n in sorted(count.items(), key=lambda x: (-x[1], x[0]))))


def effects(rows, keys):
    for k in keys:
        print("  error by %s, geometric mean: " % k + ", ".join(
            "%s %.4g" % (g[0], math.exp(sum(math.log(r["error"]) for r in rs) / len(rs)))
            for g, rs in sorted(split(rows, (k,)).items(), key=lambda x: (len(str(x[0][0])), x[0]))))


def quadratic():
    rows = []
    for r in csv.DictReader(open(out + "/quadratic.csv")):
        words = ("redundancy", "steps", "codec", "pi", "lambda", "data")
        rows.append({k: v if k in words else float(v) for k, v in r.items()})
    effects(rows, ("redundancy", "steps", "codec", "pi", "lambda", "data"))
    for what, key, form in (("quadratics, error at the end, strongly convex form", "error", "end_"),
                            ("quadratics, error at the end", "error", ""),
                            ("quadratics, mean error over the rounds", "mean_error", "")):
        judged = [dict(r, error=r[key], **{t: r[form + t] for t in TERMS}) for r in rows]
        report(what, judged, ("pi", "lambda", "data"), ("redundancy", "steps", "codec"), [
            ("all constants 1", dict.fromkeys(TERMS, 1.0)),
            ("c1..c3 fitted", fit(judged, TERMS[:3], TERMS[3:])),
            ("the bias fitted, too", fit(judged, TERMS))])


def mnist():
    """The terms with sigma^2 = zeta^2 = G^2 = D0 = L = 1 at the chances and the bias that the runs had; means over the seeds."""
    runs, rows = {}, []
    for r in csv.DictReader(open(out + "/mnist/results.csv")):
        runs.setdefault(tuple(r[k] for k in ("select.over", "steps", "codec", "world", "data")), []).append(r)
    for (over, steps, codec, world, data), seeds in runs.items():
        def mean(key):
            return sum(float(r[key] or 1) for r in seeds) / len(seeds)  # no update used: a bias of 1
        pi, lam = (float(p) for p in world[2:].split("-lambda"))
        n, e, om, lr = mean("clients"), float(steps), 3.0 if codec == "rough" else 0.0, 0.05
        s = max(mean("updates_used") / (n * rounds), 1e-6)
        rows.append({"over": over, "steps": steps, "codec": codec, "pi": "%g" % pi, "lambda": "%g" % lam, "data": data,
                     "loss": mean("loss"), "work": mean("steps_total"), "bytes": mean("uplink_bytes"),
                     "progress": 1 / (lr * e * rounds),
                     "variance": lr * e / (n * s) * ((1 + om) / e + om + (1 - s) * (1 + lam) / (1 - lam)),
                     "drift": lr * lr * (e - 1) * (1 + e), "bias": 4 * mean("participation_tv") ** 2})
    least = min(r["loss"] for r in rows)
    for r in rows:
        r["error"] = r["loss"] - 0.95 * least
    with open(out + "/mnist/terms.csv", "w", newline="") as f:
        table = csv.DictWriter(f, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    print("MNIST: error = test loss less 0.95 times the least of all runs (%.3f): no optimum is known" % least)
    effects(rows, ("over", "steps", "codec", "pi", "lambda", "data"))
    report("MNIST", rows, ("pi", "lambda", "data"), ("over", "steps", "codec"), [
        ("all constants 1", dict.fromkeys(TERMS, 1.0)), ("all fitted", fit(rows, TERMS))])


quadratic()
mnist()
