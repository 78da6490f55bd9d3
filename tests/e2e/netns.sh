#!/usr/bin/env bash
# Several hosts with a real ssh between them, one of which is cut off in the middle of a run. Each is a set of namespaces:
# skipped where these, sshd or root's rights are missing.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
# shellcheck source=tests/lib/netns.sh
. "${FG_SRCDIR:-.}/tests/lib/netns.sh"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "hosts in namespaces" "built without MPI"
    exit 77
fi
trap 'drop_hosts; rm -rf "$T"' EXIT
if ! make_hosts 3; then
    skip "hosts in namespaces" "$why"
    exit 77
fi
export TMPDIR=$T/tmp
mkdir "$TMPDIR"
# A host that does not answer is tried for seconds: the rounds must outlast that on a fast machine.
LONG=(--set run.rounds=500 --set run.eval_every=500 --set time.wrap=yes --set run.threads=1
    --set workers.spawn_backoff_s=0.05 --set workers.patience_s=2 --set workers.heartbeat_s=0.2)

says() { grep -qs "$1" "$T/run/log.txt"; }
empty_host() { [ -z "$(in_host "$1" pgrep -x forage)" ]; }

expect_match "doctor finds forage there" '^ok +host +h3: reachable, has this forage' \
    "$(in_host 1 "$FORAGE" doctor --host h2,h3)"

in_host 1 timeout 120 "$FORAGE" launch -n 4 --host h2:2,h3 "$EXAMPLE" "${LONG[@]}" --out "$T/run" >"$T/out" 2>"$T/err" &
job=$!
for k in 1 2 3; do # two on h2, one on h3
    wait_for 60 says "worker $k: process"
done
wait_for 60 has_rows "$T/run" 4
unplug 3
holds "a host that is cut off is silent" wait_for 30 says 'worker 3 has said nothing'
holds "another takes its place, elsewhere" wait_for 30 says 'worker 4: process [0-9]* on h2'
in_host 1 pkill -9 -f '^ssh .* h3 ' # what ssh does by itself after 15 s
holds "and it is lost with its ssh" wait_for 30 says 'worker 3 is gone'
in_host 2 kill -9 "$(grep -o 'worker 1: process [0-9]*' "$T/run/log.txt" | awk '{print $4}')"
holds "the next that is lost is replaced" wait_for 30 says 'worker 5: process [0-9]* on h2'
plug 3
wait "$job"
code=$?
"$FORAGE" simulate -q "$EXAMPLE" "${LONG[@]}" --out "$T/sim" >/dev/null 2>&1
expect "the simulation's model" "0 $(sha "$T/sim")" "$code $(sha "$T/run")"
expect "and nobody had to start again" 0 "$(grep -c 'started again' "$T/run/log.txt")"
for k in 1 2 3; do
    holds "nothing is left on h$k" wait_for 30 empty_host "$k"
done
expect "nor in its temporary folder" "" "$(ls "$TMPDIR")"
done_testing
