#!/usr/bin/env bash
# worker.device: a run whose clients are lanes of the emulated device ends with the CPU's model; wrong names are refused.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
cat >"$T/s.ini" <<INI
[run]
rounds = 4
[data]
path = gaussian:classes=5,dim=8,n=600,groups=24,seed=3
partition = groups
test_fraction = 0.2
[select]
clients = 6
[model]
layers = dense 8, relu, dropout 0.2, dense classes
[train]
epochs = 2
INI
model() {
    "${FG_PYTHON:-python3}" -c 'import json, sys; print(json.load(open(sys.argv[1] + "/summary.json"))["params_sha256"])' "$1"
}
for device in cpu emulated; do
    "$FORAGE" simulate -q --force --set worker.device=$device --out "$T/$device" "$T/s.ini" >"$T/o" 2>"$T/err" || cat "$T/err"
done
a=$(model "$T/cpu") b=$(model "$T/emulated")
if [ -n "$a" ] && [ "$a" = "$b" ]; then ok "the emulated device gives the CPU's model"; else not_ok "the emulated device gives the CPU's model" "$a $b"; fi
for wrong in gpu cuda: cuda:x cuda:999; do
    if ! "$FORAGE" simulate -q --force --set worker.device=$wrong --out "$T/w" "$T/s.ini" >"$T/o" 2>"$T/err" &&
        grep -q "worker.device" "$T/err"; then ok "$wrong is refused"; else not_ok "$wrong is refused" "$(cat "$T/err")"; fi
done
done_testing
