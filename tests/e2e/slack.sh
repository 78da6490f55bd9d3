#!/usr/bin/env bash
# What slack and a cap on the weights are worth at a tight budget of carbon: the pattern of arputharaj25's table II on a mixture
# of Gaussians (reproduce/arputharaj25.sh). The quick form is its tightest budget, the long one its whole table in reproduce/README.md.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
export FORAGE_DATA=${FORAGE_DATA:-$SRC/../shared/data}
[ -d "$FORAGE_DATA/traces/carbon" ] || { skip "the worth of slack" "FORAGE_DATA does not name a folder with traces/carbon"; done_testing; }

budgets="3" slacks="0 50 110"
[ -z "${FG_LONG:-}" ] || budgets="3 5 10 20" slacks="0 20 50 110"
FORAGE=$FORAGE OUT=$T/out SEEDS="1 2" BUDGETS=$budgets SLACKS=$slacks RATES="0.3 0.1" bash "$SRC/reproduce/arputharaj25.sh" >"$T/o" 2>"$T/err"
expect "the script ends with 0" 0 $?
cat "$T/o"
says() { # says NAME EXPRESSION: of best (plain, six), at (weights, slack), gain (rounds of the budget)
    expect "$1" True "$("${FG_PYTHON:-python3}" - "$T/out/results.csv" "$2" 2>&1 <<'PY'
import csv, sys
a = {(int(r["rounds"]), r["weights"], int(r["slack"])): float(r["accuracy"]) for r in csv.DictReader(open(sys.argv[1]))}
budgets, slacks = sorted({k[0] for k in a}), sorted({k[2] for k in a if k[1] != "base"})
at = lambda weights, s, m=3: a[m, weights, s]
best = lambda weights, m=3: max(at(weights, s, m) for s in slacks)
gain = lambda weights, m: best(weights, m) - a[m, "base", 0]
print(eval(sys.argv[2]) or sorted(a.items()))
PY
)"
}
says "slack is worth 5 points and more at 6 % of the carbon" 'gain("plain", 3) >= 5 and gain("six", 3) >= 5'
says "neither no slack nor the longest is the best there" 'best("plain") == at("plain", 50)'
says "the longest costs 5 points" 'best("plain") - at("plain", 110) >= 5'
says "a cap at 6 is never half a point worse" 'all(at("six", s, m) >= at("plain", s, m) - 0.5 for s in slacks for m in budgets)'
says "and 2 points better there" 'best("six") >= best("plain") + 2'
says "the advantage shrinks as the budget grows" 'all(gain(w, m) > gain(w, n) for w in ("plain", "six") for m, n in zip(budgets, budgets[1:]))'
done_testing
