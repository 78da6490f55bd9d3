#!/usr/bin/env bash
# workers.on_loss = ignore on real workers: what is lost with them is counted, the rounds go on, partial updates are used as the
# rule declares, a stop of everyone commits none, and what happened is met again by a replay.
# shellcheck disable=SC2317 # functions are called by struck
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "ignore" "built without MPI"
    exit 77
fi
IGNORE=(--set workers.on_loss=ignore --set aggregate.rule=fednova)
count() { json "$T/run/summary.json" "updates_$1"; }
# finished NAME: it ended well, every task of a round is counted once, and a replay gives the same
finished() {
    wait "$job"
    expect "$1: exit code, rounds" "0 2" "$? $(json "$T/run/summary.json" rounds)"
    expect "$1: every task is counted once" "$(awk -F, 'NR > 1 { n += $6 } END { print n }' "$T/run/rounds.csv")" \
        "$(($(count used) + $(count lost) + $(count late)))"
    "$FORAGE" simulate -q --replay "$T/run" --force --out "$T/replay" >/dev/null 2>"$T/err"
    rc=$?
    expect "$1: a replay ends well with the same model and rounds" "0 $(sha "$T/run") $(sha256sum <"$T/run/rounds.csv")" \
        "$rc $(sha "$T/replay") $(sha256sum <"$T/replay/rounds.csv")"
}
lost() { log | grep -q '[1-9][0-9]* of its tasks are lost'; }

struck lost "kill -KILL" "${IGNORE[@]}"
finished "killed workers"
expect_match "killed workers: their tasks are lost" '^[1-9]' "$(count lost)"

# a worker that hangs for longer than its patience, and wakes up
launched_long "${IGNORE[@]}" --set workers.patience_s=1
stop_and_go() { kill -STOP "$1"; wait_for 20 lost; kill -CONT "$1"; }
stop_and_go "$(last_worker)"
finished "a worker that hangs and wakes up"

handed() { log | grep -q 'hands back [1-9]'; } # steps
struck handed "kill -TERM" "${IGNORE[@]}"
finished "a notice"
expect_match "a notice: the rule uses the steps that were done" '^[1-9]' "$(count partial)"
[ "$(count partial)" != 0 ] || log | grep -E 'hands back|notice|lost|worker' | tail -n 40 | sed 's/^/# /'

struck handed "kill -TERM" "${IGNORE[@]}" --set aggregate.rule=mifa
finished "a notice, a rule that refuses partial updates"
expect "a notice, a rule that refuses partial updates: none is used" 0 "$(count partial)"
expect_match "a notice, a rule that refuses partial updates: it counts as lost" '^[1-9]' "$(count lost)"

# every rank gets the signal, as batch systems do: nothing partial is committed
launched_long "${IGNORE[@]}"
# shellcheck disable=SC2046 # a list of pids
kill -TERM $(pgrep -f "^$(readlink -f "$FORAGE") train .*$T/run ")
wait "$job"
expect "a signal to every rank: exit code, partial updates committed" "75 0" "$? $(awk -F, 'NR > 1 { n += $8 } END { print n + 0 }' "$T/run/rounds.csv")"
timeout 120 "$FORAGE" launch -n 3 "$EXAMPLE" "${LONG_TASKS[@]}" "${IGNORE[@]}" --out "$T/run" >/dev/null 2>&1 &
job=$!
finished "the same command afterwards"
done_testing
