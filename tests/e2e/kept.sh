#!/usr/bin/env bash
# A codec for which clients keep something (top-k: what was not sent yet): simulated and deployed it is the same run; what is
# lost with the worker that held it begins anew, the journal says so, and a replay meets it again.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
KEPT=(--set wire.codec=top-k --set wire.density=0.02 --set run.rounds=12 --set run.eval_every=6 --set run.threads=1)
resets() { json "$1/summary.json" states_reset; }

"$FORAGE" simulate -q "${KEPT[@]}" --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "simulated: nothing is lost" "0 0" "$? $(resets "$T/whole")"

# Killed again and again: what clients keep is saved beside the model.
killed_on_the_way "$T/killed" "${KEPT[@]}"
code=$?
expect "killed on the way: the same model" "0 0 $(sha "$T/whole")" "$code $(resets "$T/killed") $(sha "$T/killed")"
holds "it was killed" [ "$kills" -ge 1 ]
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "kept" "built without MPI"
    done_testing
fi

timeout 120 "$FORAGE" launch -n 3 "${KEPT[@]}" --out "$T/deployed" "$EXAMPLE" >/dev/null 2>"$T/err"
rc=$?
expect "deployed, nothing happens: the same model" "0 0 $(sha "$T/whole")" "$rc $(resets "$T/deployed") $(sha "$T/deployed")"
expect_match "deployed: a warning says what a loss would change" 'warning: wire.codec = top-k: .*begins anew' "$(cat "$T/err")"

# Workers are killed: what they held is gone.
replayed() { # NAME DIR: it lost something, and a replay gives the same run
    expect_match "$1: what was lost is counted" '^[1-9]' "$(resets "$2")"
    "$FORAGE" simulate -q --replay "$2" --force --out "$T/replay" >/dev/null 2>"$T/err"
    rc=$?
    expect "$1: a replay gives the same model, rounds and losses" "0 $(sha "$2") $(sha256sum <"$2/rounds.csv") $(resets "$2")" \
        "$rc $(sha "$T/replay") $(sha256sum <"$T/replay/rounds.csv") $(resets "$T/replay")"
}
launch() { timeout 120 "$FORAGE" launch -n 3 "${KEPT[@]}" --set run.rounds=40 --set workers.spawn_backoff_s=0.05 --out "$T/run" "$EXAMPLE" >"$T/out" 2>"$T/err"; }
launch &
job=$!
kill_workers_at 4 10
wait $job
expect "killed workers: it ends well" 0 $?
replayed "killed workers" "$T/run"

# The aggregator is killed, and with it go all workers; then a simulation goes on.
rm -rf "$T/run"
launch &
job=$!
wait_for 60 has_rows "$T/run" 8
kill -KILL "$(grep -o '[0-9]*' "$T/run/lock" | head -1)"
wait $job
before=$(head -n 6 "$T/run/rounds.csv" | sha256sum)
launch &
job=$!
wait_for 60 has_rows "$T/run" 16
kill -INT "$(pgrep -f "^$(readlink -f "$FORAGE") train .*$T/run " | head -1)"
wait $job
expect "the aggregator is killed: the same command goes on, and can be interrupted" 75 $?
expect_match "it says what is gone" 'warning: what clients kept .* begin anew' "$(cat "$T/err")"
"$FORAGE" simulate -q "$T/run/config.ini" --out "$T/run" >/dev/null 2>"$T/err"
expect "a simulation goes on from there" "0 40" "$? $(json "$T/run/summary.json" rounds)"
expect "committed rounds stay" "$before" "$(head -n 6 "$T/run/rounds.csv" | sha256sum)"
replayed "the aggregator is killed" "$T/run"

# PowerSGD keeps more than a vector of the model's length.
P=(--set wire.codec=powersgd --set run.rounds=8 --set run.eval_every=4 --set run.threads=1)
"$FORAGE" simulate -q "${P[@]}" --out "$T/power" "$EXAMPLE" >/dev/null 2>"$T/err"
timeout 120 "$FORAGE" launch -q -n 3 "${P[@]}" --out "$T/power3" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "powersgd: deployed as simulated" "$(sha "$T/power") 0" "$(sha "$T/power3") $(resets "$T/power3")"
"$FORAGE" simulate -q "${P[@]}" --set run.sync_s=0.05 --out "$T/powerk" "$EXAMPLE" >/dev/null 2>&1 &
job=$!
wait_for 60 has_rows "$T/powerk" 4
kill -KILL $job 2>/dev/null
wait $job 2>/dev/null
"$FORAGE" simulate -q "${P[@]}" --out "$T/powerk" "$EXAMPLE" >/dev/null 2>"$T/err"
rc=$?
expect "powersgd: killed on the way: the same model" "0 $(sha "$T/power")" "$rc $(sha "$T/powerk")"
"$FORAGE" simulate -q "${P[@]}" --set aggregate.rule=mifa --out "$T/powerm" "$EXAMPLE" >/dev/null 2>"$T/err"
expect_match "powersgd with mifa: refused" '2 .*wire.codec.*mifa' "$? $(cat "$T/err")"

# A rule that keeps an update of each client has its rows beside them.
for how in simulate "launch -n 3"; do
    # shellcheck disable=SC2086 # a command and its option
    timeout 120 "$FORAGE" $how -q "${KEPT[@]}" --set aggregate.rule=mifa --out "$T/mifa${how%% *}" "$EXAMPLE" >/dev/null 2>"$T/err"
    expect "with mifa: $how" 0 $?
done
expect "with mifa: the same model" "$(sha "$T/mifasimulate")" "$(sha "$T/mifalaunch")"

# Real time: a worker is a client.
timeout 120 "$FORAGE" launch -n 4 "${KEPT[@]}" --set run.clock=real --set run.pace=continuous --set run.slot_s=1 --set data.partition=iid \
    --set data.clients=3 --set select.clients=3 --set train.epochs=2 --set select.deadline_s=60 --set availability.trace= --set carbon.traces= \
    --set workers.spawn_backoff_s=0.05 --set run.rounds=30 --out "$T/real" "$EXAMPLE" >"$T/out" 2>"$T/err" &
job=$!
wait_for 60 has_rows "$T/real" 6
kill -KILL "$(grep -o 'worker [0-9]*: process [0-9]*' "$T/real/log.txt" | tail -1 | awk '{print $4}')"
wait $job
expect "in real time, a worker is killed: it ends well" 0 $?
replayed "in real time" "$T/real"
done_testing
