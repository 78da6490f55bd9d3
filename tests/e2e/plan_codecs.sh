#!/usr/bin/env bash
# A plan with codecs whose clients keep what was not sent: its pilots keep it, too, and come to the run's own accuracy.
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
done_testing
