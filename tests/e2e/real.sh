#!/usr/bin/env bash
# run.clock = real: workers are clients, the wall's clock decides, a worker that dies is a client that left.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "real time" "built without MPI"
    done_testing
fi
# One round a slot of a second: at full speed all rounds are over before a process that starts meanwhile has come.
REAL=(--set run.clock=real --set run.slot_s=1 --set data.partition=iid
    --set data.clients=3 --set select.clients=3 --set train.epochs=1 --set run.threads=1 --set select.deadline_s=60 --set availability.trace= --set carbon.traces=)

"$FORAGE" simulate -q "${REAL[@]}" --out "$T/alone" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "real time needs workers" 2 $?
expect_match "and says how to get them" 'forage launch' "$(cat "$T/err")"

timeout 120 "$FORAGE" launch -q -n 4 "${REAL[@]}" --set run.rounds=4 --out "$T/three" "$EXAMPLE" >"$T/o" 2>&1
expect "three machines train in real time" 0 $?
expect_match "no round is lost to starting up" "^[123] [123] [23] 3$" "$(tail -n +2 "$T/three/rounds.csv" | awk -F, '{printf "%s%s", s, $7; s=" "}')"
expect_match "and learn" '^0\.[6-9]' "$(json "$T/three/summary.json" accuracy)"
if [ "$(wc -c <"$T/three/journal")" -gt 500 ]; then ok "the journal holds the events"; else
    not_ok "the journal holds the events" "$(wc -c <"$T/three/journal") bytes"; fi

timeout 120 "$FORAGE" launch -q -n 3 "${REAL[@]}" --set run.slot_s=3600 --set run.rounds=1 --out "$T/hourly" "$EXAMPLE" >"$T/o" 2>&1
expect_match "a deployment that will wait for hours says so" 'run.pace = slot: a round begins every 3600 s of real time, 1 rounds take 1.0 h' "$(cat "$T/o")"
expect_match "and that a client has no machine" '3 clients .data.clients. and 2 workers' "$(cat "$T/o")"
expect "who asked for seconds is not warned" "" "$(grep -E 'run.pace|data.clients' "$T/three/log.txt")"

# A worker is killed once it has joined: the rounds go on with the other two.
timeout 120 "$FORAGE" launch -qvv -n 4 "${REAL[@]}" --set run.rounds=12 --set workers.spawn_backoff_s=0.05 --out "$T/killed" "$EXAMPLE" >"$T/o" 2>&1 &
pid=$!
joined() { victim=$(grep -om1 'worker 2: process [0-9]*' "$T/killed/log.txt" 2>/dev/null | awk '{print $4}') && has_rows "$T/killed" 4; }
wait_for 100 joined
kill -KILL "$victim"
wait $pid
expect "a run that loses a worker ends well" 0 $?
expect "all rounds are done" 12 "$(json "$T/killed/summary.json" rounds)"
expect_match "another process comes back as the same client" 'worker 4 is client 1' "$(cat "$T/killed/log.txt")"
# Its aggregator is killed: the rounds since the last checkpoint, here all, are derived from the journal.
run_crash() { timeout 120 "$FORAGE" launch -q -n 4 "${REAL[@]}" --set run.pace=continuous --set run.rounds=60 --set run.sync_s=1000 --set aggregate.average=yes --out "$T/crash" "$EXAMPLE"; }
run_crash >"$T/o" 2>&1 &
pid=$!
wait_for 100 has_rows "$T/crash" 7
kill -KILL "$(grep -o '[0-9]*' "$T/crash/lock" | head -1)"
wait $pid
expect "the aggregator is killed" 1 $?
[ -r "$T/crash/rounds.csv" ] || sed 's/^/# /' "$T/o" # it had not come so far
cp "$T/crash/rounds.csv" "$T/before.csv"
run_crash >"$T/o" 2>&1
expect "the same command goes on" "0 60" "$? $(json "$T/crash/summary.json" rounds)"
n=$(wc -l <"$T/before.csv")
expect "and keeps every round that was committed" "$(sha256sum <"$T/before.csv")" "$(head -n "$n" "$T/crash/rounds.csv" | sha256sum)"
expect_match "deriving them from the journal" "($((n - 1))|$n) rounds after the last checkpoint" "$(cat "$T/crash/log.txt")"
# What happened is met again, without MPI: the same model and the same participation.
for run in three killed crash; do
    "$FORAGE" simulate -q --replay "$T/$run" >"$T/o" 2>"$T/err"
    expect "the replay of '$run' ends well" 0 $?
    expect "with the same model" "$(sha "$T/$run")" "$(sha "$T/$run-replay")"
    expect "and the same rounds" "$(sha256sum <"$T/$run/rounds.csv")" "$(sha256sum <"$T/$run-replay/rounds.csv")"
done
"$FORAGE" simulate -q --replay "$T/nothere" >/dev/null 2>"$T/err"
expect "a replay of nothing is refused" 2 $?
done_testing
