#!/usr/bin/env bash
# Notices to real workers: SIGTERM, a file, a command. What they had begun goes on elsewhere from where it stood, and the
# model is the undisturbed one.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "notice" "built without MPI"
    exit 77
fi
# long tasks, so that a notice finds one begun; momentum, so that the optimiser has a state
LONG=(--set run.rounds=2 --set run.eval_every=2 --set run.threads=1 --set train.epochs=50 --set train.momentum=0.5
    --set train.lr=0.01 --set fleet.samples_per_s=100 --set workers.spawn_backoff_s=0.05 --set workers.notice_every_s=0.05 --set workers.heartbeat_s=0.2)

log() { cat "$T/run/log.txt" 2>/dev/null; }
handed_back() { log | grep -q 'from the state it handed back'; }
# working N: pid of the N-th last worker that joined
working() { log | grep -o 'worker [0-9]*: process [0-9]*' | tail -"$1" | head -1 | awk '{print $4}'; }
two_work() { [ "$(log | grep -c ': process ')" -ge 2 ]; }
over() { ! kill -0 "$job" 2>/dev/null; }
gone() { over || ! kill -0 "$1" 2>/dev/null; }
# notice COMMAND...: give one worker after the other notice (the command gets its pid) until one hands back a state
notice() {
    local victim old='' tries=0
    until handed_back || over || [ $tries -ge 20 ]; do
        newer() { victim=$(working 1); [ "$victim" != "$old" ]; }
        wait_for 20 newer || break
        "$@" "$victim"
        wait_for 20 gone "$victim"
        old=$victim
        tries=$((tries + 1))
    done
}
launched() { # launched ARGUMENT...
    rm -rf "$T/run"
    timeout 120 "$FORAGE" launch -n 3 "$EXAMPLE" "${LONG[@]}" "$@" --out "$T/run" >"$T/out" 2>"$T/err" &
    job=$!
    wait_for 60 two_work || echo "# two workers did not come"
}
finished() { # finished NAME
    wait "$job"
    expect "$1: exit code and the undisturbed model" "0 $want" "$? $(sha "$T/run")"
    if handed_back; then ok "$1: a state was handed back"; else not_ok "$1: a state was handed back" "$(log | grep worker)"; fi
}

timeout 120 "$FORAGE" simulate "$EXAMPLE" "${LONG[@]}" --out "$T/sim" >/dev/null 2>&1
want=$(sha "$T/sim")

launched
notice kill -TERM
finished "SIGTERM to a worker"

say_go() { touch "$T/go.$1"; }
launched --set "workers.notice_command=test -e '$T'/go.\$PPID"
notice say_go
finished "a command that says so"

everyone_leaves() { touch "$T/leave"; wait_for 20 handed_back; rm -f "$T/leave"; }
launched --set "workers.notice_file=$T/leave"
notice everyone_leaves
finished "a file, seen by every worker"

# no time to hand anything back: the work is repeated
launched --set workers.grace_s=0
kill -TERM "$(working 1)"
wait "$job"
expect "no grace: exit code and the undisturbed model" "0 $want" "$? $(sha "$T/run")"
done_testing
