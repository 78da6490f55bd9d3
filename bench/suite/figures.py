"""Measured values by key, their spread, and how they are printed."""
import json
import statistics
import sys

from . import keys


def say(text):
    """Progress, for people; stdout is for results."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Figures:
    def __init__(self):
        self.known = keys.expand()
        self.values = {}  # key -> list of values
        self.notes = []  # what was not measured, and why
        self.about = []  # lines on what it was measured with
        self.beside = {}  # key -> the opponent that came nearest

    def add(self, key, *values):
        if key not in self.known:
            raise KeyError(f"{key} is not in bench/suite/keys.py")
        self.values.setdefault(key, []).extend(float(v) for v in values)

    def note(self, text):
        if text not in self.notes:
            say(text)
            self.notes.append(text)

    def median(self, key):
        return statistics.median(self.values[key])

    def spread(self, key):
        v = self.values[key]
        return min(v), statistics.median(v), max(v)

    def ordered(self):
        return [k for k in self.known if k in self.values]

    def json(self):
        return json.dumps({k: rounded(self.median(k)) for k in self.ordered()}, indent=1)

    def table(self):
        lines = self.about + [f"{'key':36} {'min':>12} {'median':>12} {'max':>12}  goal"]
        for k in self.ordered():
            low, middle, high = (shown(x) for x in self.spread(k))
            lines.append(f"{k:36} {low:>12} {middle:>12} {high:>12}  {goal(self.known[k], self.median(k))}".rstrip())
        return "\n".join(lines + [f"not measured: {n}" for n in self.notes])


def rounded(x):
    return float(f"{x:.6g}")


def shown(x):
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"


def goal(key, value):
    hit = keys.reached(key, value)
    if hit is None:
        return ""
    return f"{key.goal[0]} {shown(key.goal[1])}, {'reached' if hit else 'not reached'}"
