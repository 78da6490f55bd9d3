# For end-to-end tests: a temporary folder, one line a case, and short ways to run forage.
# shellcheck shell=bash disable=SC2034 # used by those that source this
set -u
FORAGE=$(realpath "${FG_PROGRAM:-build/forage}")
SRC=$(realpath "${FG_SRCDIR:-.}")
T=$(mktemp -d "${TMPDIR:-/tmp}/forage-test.XXXXXX")
trap 'rm -rf "$T"' EXIT
export XDG_CACHE_HOME=$T/cache
failed=0

# killed_on_the_way DIR ARGUMENT...: simulate into DIR, killed after 3, 7 and 10 rounds, and to the end; its exit code. How often
# it was still there to be killed: $kills.
killed_on_the_way() {
    local dir=$1 rows job
    shift
    kills=0
    for rows in 3 7 10; do
        "$FORAGE" simulate -q "$@" --set run.sync_s=0.05 --out "$dir" "$EXAMPLE" >/dev/null 2>&1 &
        job=$!
        wait_for 60 has_rows "$dir" "$rows"
        kill -KILL $job 2>/dev/null && kills=$((kills + 1))
        wait $job 2>/dev/null
    done
    "$FORAGE" simulate -q "$@" --out "$dir" "$EXAMPLE" >/dev/null 2>"$T/err"
}

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1"; shift; printf '  %s\n' "$@"; failed=1; }
skip() { echo "skip - $1 ($2)"; }
done_testing() { exit $failed; }

# expect NAME WANTED FOUND
expect() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2" "found:    $3"; fi; }
# holds NAME COMMAND...
holds() { local name=$1; shift; if "$@"; then ok "$name"; else not_ok "$name"; fi; }
# expect_match NAME PATTERN TEXT
expect_match() { if printf '%s' "$3" | grep -qE -- "$2"; then ok "$1"; else not_ok "$1" "expected a match of: $2" "found: $3"; fi; }
# wait_for SECONDS COMMAND...: until it succeeds; what tests of processes wait with, never for a time
wait_for() {
    local end=$(($(date +%s%N) + $1 * 1000000000)); shift
    until "$@"; do
        [ "$(date +%s%N)" -lt "$end" ] || return 1
        read -r -t 0.02 <> <(:)
    done
    return 0
}
rows() { if [ -r "$1/rounds.csv" ]; then wc -l <"$1/rounds.csv"; else echo 0; fi; }
has_rows() { [ "$(rows "$1")" -ge "$2" ]; } # has_rows DIR N: header included
alive() { # a zombie that nobody has waited for yet has ended
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) && [ "${state:0:1}" != Z ]
}
none_alive() { # PID...
    local p
    for p in "$@"; do alive "$p" && return 1; done
    return 0
}
# Seconds in which something must happen that is promised within one: more, since the machine may be another's as well.
soon() { awk -v cores="$(nproc)" '{print ($1 > 2 * cores) ? 8 : 3}' /proc/loadavg; }
# json FILE KEY: a scalar of a JSON object
json() { "${FG_PYTHON:-python3}" -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
sha() { json "$1/summary.json" params_sha256 2>/dev/null || echo none; }

# Where there is no gnuplot, pictures cannot be looked at: draws NAME || skip them
draws() { command -v "${GNUPLOT:-gnuplot}" >/dev/null || { skip "$1" "no gnuplot"; return 1; }; }

# A small study on the samples that ship: availability and carbon traces and all.
SMALL=(--set run.rounds=6 --set run.eval_every=3)
EXAMPLE=$SRC/examples/quickstart.ini

# Deployments of long tasks into $T/run, so that a failure finds one begun; momentum, so that the optimiser has a state.
LONG_TASKS=(--set run.rounds=2 --set run.eval_every=2 --set run.threads=1 --set train.epochs=100 --set train.momentum=0.5
    --set train.lr=0.01 --set fleet.samples_per_s=100 --set workers.spawn_backoff_s=0.05 --set workers.heartbeat_s=0.2)
log() { cat "$T/run/log.txt" 2>/dev/null; }
last_worker() { log | grep -o 'worker [0-9]*: process [0-9]*' | tail -1 | awk '{print $4}'; } # its pid
two_work() { [ "$(log | grep -c ': process ')" -ge 2 ]; }
over() { ! kill -0 "$job" 2>/dev/null; }
gone() { over || ! kill -0 "$1" 2>/dev/null; }
kill_workers_at() { # kill_workers_at ROWS...: the newest worker, each time that rounds.csv has so many rows
    local n
    for n in "$@"; do
        wait_for 60 has_rows "$T/run" "$n"
        kill -KILL "$(last_worker)"
        wait_for 20 gone "$(last_worker)"
    done
}
launched_long() { # launched_long ARGUMENT...: in the background, as $job
    rm -rf "$T/run"
    timeout 120 "$FORAGE" launch -n 3 "$EXAMPLE" "${LONG_TASKS[@]}" "$@" --out "$T/run" >"$T/out" 2>"$T/err" &
    job=$!
    wait_for 60 two_work || echo "# two workers did not come"
}
# cpu_ticks PID: hundredths of a second that it has computed
cpu_ticks() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{t = $12 + $13} END {print t + 0}'; }
# hit_until DONE COMMAND...: give the pid of one worker after the other to the command until DONE says so, each once it has
# computed for longer than it takes to begin a task
hit_until() {
    local done=$1 victim='' old='' tries=0 begun
    shift
    # shellcheck disable=SC2317 # wait_for calls it
    newer() { victim=$(last_worker); over || [ "$victim" != "$old" ]; }
    # shellcheck disable=SC2317
    computes() { over || [ "$(cpu_ticks "$victim")" -ge $((begun + 15)) ]; }
    until "$done" || over || [ $tries -ge 30 ]; do
        wait_for 20 newer || break
        begun=$(cpu_ticks "$victim")
        wait_for 60 computes || break
        "$@" "$victim"
        wait_for 20 gone "$victim"
        old=$victim
        tries=$((tries + 1))
    done
}
# struck DONE "COMMAND" ARGUMENT...: launch such a deployment and hit until DONE; one that was over before a worker was in the
# middle of a task (on a busy machine workers come late) is launched again.
struck() {
    local done=$1 command=$2 i
    shift 2
    for i in 1 2 3 4 5 6; do
        launched_long "$@"
        # shellcheck disable=SC2086 # a command and its option
        hit_until "$done" $command
        ! "$done" && over || return 0
        echo "# over too soon, time $i"
        wait "$job"
    done
}
