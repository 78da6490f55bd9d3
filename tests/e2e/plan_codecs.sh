#!/usr/bin/env bash
# A plan with codecs whose clients keep what was not sent: its pilots keep it, too, and come to the run's own accuracy;
# rounds to the same accuracy are told of each codec, with what they may be off by; and policies that ask for losses
# are planned.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"

cat >"$T/s.ini" <<'INI'
[run]
rounds = 20
threads = 1
[data]
path = gaussian:classes=5,dim=8,n=1200,groups=24,seed=3
clients = 12
partition = dirichlet
test_fraction = 0.4
[select]
clients = 4
[model]
layers = dense 16, relu, dense classes
[train]
lr = 0.05
INI

# CODEC: the plan's accuracy, of pilots whose future is the run's, for clients are always there
planned() {
    "$FORAGE" plan -q --json --draws 2 --pilots 2 --set wire.codec="$1" "$T/s.ini" >"$T/plan.json" 2>"$T/err" || return
    "${FG_PYTHON:-python3}" -c 'import json, sys; print(json.load(open(sys.argv[1]))["expected"]["accuracy"]["mean"])' "$T/plan.json"
}
ran() {
    "$FORAGE" simulate -q --force --out "$T/run" --set wire.codec="$1" "$T/s.ini" >"$T/o" 2>"$T/err"
    json "$T/run/summary.json" accuracy
}
dense=$(ran none)
for codec in none top-k stc sign powersgd; do
    run=$(ran "$codec") plan=$(planned "$codec")
    expect "$codec: the pilots' accuracy is the run's" "$run" "$plan"
    if [ "$codec" != none ]; then holds "$codec makes a difference" [ "$run" != "$dense" ]; fi
done

cat >"$T/check.py" <<'PY'
import json, sys
short, long, own = ({c["codec"]: c for c in json.load(open(f))["codecs"]} for f in sys.argv[1:])

def close(a, b, within):
    assert abs(a - b) <= within * abs(b), (a, b)

dense = short["none"]
for name, c in short.items():
    if name in ("top-k", "stc", "sign"):  # so many times the rounds send all of what comes without a codec
        assert c["keeps_state"] and c["rounds"] > 1 and 0 < c["sent"] < 1
        close(c["rounds"] * c["sent"], 1, 1e-3)
        close(c["rounds_high"], 2 * c["rounds"], 1e-9)
        close(c["rounds_low"], max(1, c["rounds"] / 2), 1e-9)
        assert long[name]["rounds"] < c["rounds"], name  # what waits is sent in the end
    elif name == "powersgd":  # a bound, and no figure
        assert all(c[k] is None for k in ("rounds", "sent", "run_bytes", "run_wh", "run_s")), c
        assert c["rounds_low"] == 1 < c["rounds_high"]
    else:
        assert c["sent"] is None and c["rounds_low"] == c["rounds"] == c["rounds_high"], c
    if c["rounds"] is not None:
        close(c["run_bytes"] / c["bytes"] / c["rounds"], dense["run_bytes"] / dense["bytes"], 1e-9)
# beside a run with top-k one without goes as far in the share that is sent
assert own["top-k"]["rounds"] == own["top-k"]["rounds_low"] == own["top-k"]["rounds_high"] == 1
close(own["none"]["rounds"], own["top-k"]["sent"], 1e-3)
assert own["none"]["rounds_low"] < own["none"]["rounds"] < own["none"]["rounds_high"] <= 1
PY
for policy in pow-d cpow-d rpow-d; do
    "$FORAGE" plan -q --draws 3 --set select.policy=$policy "$T/s.ini" >"$T/o" 2>"$T/err"
    expect "$policy can be planned" "0 " "$? $(grep -v availability "$T/err")"
done
told() { "$FORAGE" plan -q --json --draws 3 --pilots 0 "$@" "$T/s.ini" 2>"$T/err"; }
told >"$T/short.json"
told --set run.rounds=200 >"$T/long.json"
told --set wire.codec=top-k >"$T/own.json"
holds "rounds of each codec" "${FG_PYTHON:-python3}" "$T/check.py" "$T/short.json" "$T/long.json" "$T/own.json"
table=$("$FORAGE" plan -q --draws 3 --pilots 0 "$T/s.ini" 2>&1)
expect_match "a figure and what it may be off by" 'top-k .* [0-9.]+ \([0-9.]+-[0-9.]+\) .* clients keep state, [0-9]+% sent' "$table"
expect_match "a bound alone" 'powersgd .* \? \(1-[0-9.e+]+\) +\? +\? +\?  clients keep state, bounds alone' "$table"
done_testing
