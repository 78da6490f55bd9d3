#!/usr/bin/env bash
# forage torture: a run through kills, hangs, notices and deaths of its aggregator ends with the simulation's model.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "torture" "built without MPI"
    exit 77
fi
at() { "${FG_PYTHON:-python3}" -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2:]: v=v[k]
print(v)' "$@"; }

timeout 350 "$FORAGE" torture "$EXAMPLE" --kills 60 --seed 1 --aggregator-every 20 --gap 0.15 --compare --json \
    --set run.eval_every=32 --set run.threads=1 --set workers.patience_s=1 --out "$T/run" >"$T/json" 2>"$T/err"
expect "60 failures and 3 kills of the aggregator: exit code" 0 $?
sed 's/^/# /' "$T/err"
[ "$failed" = 0 ] || done_testing
expect "60 failures were played" 60 "$(($(at "$T/json" events kill) + $(at "$T/json" events stop) + $(at "$T/json" events notice)))"
for kind in kill stop notice; do
    expect_match "among them: $kind" '^[1-9]' "$(at "$T/json" events $kind)"
done
expect "the aggregator was killed" 3 "$(at "$T/json" events aggregator)"
expect "hangs, ends that nobody asked for" "0 0" "$(at "$T/json" hangs) $(at "$T/json" unexpected_ends)"
expect "the simulation's model" "$(sha "$T/run-undisturbed")" "$(sha "$T/run")"
expect "it is finished" finished "$(json "$T/run/summary.json" status)"
expect "and its rounds are the simulation's" "$(sha256sum <"$T/run-undisturbed/rounds.csv")" "$(sha256sum <"$T/run/rounds.csv")"
echo "# $(at "$T/json" wall_s) s, undisturbed simulation $(at "$T/json" simulated_s) s, $(at "$T/json" workers_started) workers"

"$FORAGE" torture "$EXAMPLE" --set run.clock=real --out "$T/real" >/dev/null 2>"$T/err"
expect "real time is refused" 2 $?
expect_match "and it says why" 'run.clock' "$(cat "$T/err")"
"$FORAGE" torture "$EXAMPLE" --set run.rounds=100000 --set time.wrap=no --compare --out "$T/long" >/dev/null 2>"$T/err"
expect_match "a simulation that does not run: exit code, and it says why" \
    '^2 forage: the undisturbed simulation ended with code 2: the run is longer than the .* trace' "$? $(cat "$T/err")"
"$FORAGE" torture "$EXAMPLE" --gap -1 --out "$T/gap" >/dev/null 2>"$T/err"
expect_match "a negative gap is refused" "^2 .*--gap: expected 0 seconds or more, found -1" "$? $(cat "$T/err")"
"$FORAGE" torture "$T/nothere.ini" >/dev/null 2>"$T/err"
expect "a study that is not there: exit code" 2 $?
done_testing
