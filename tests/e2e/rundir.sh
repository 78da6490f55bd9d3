#!/usr/bin/env bash
# The life of a run directory: finished, resumed after a signal or kill -9, refused, locked, forced.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
ARGS=(-q --set run.eval_every=2 --set run.threads=1)

"$FORAGE" simulate "${ARGS[@]}" --set run.rounds=12 --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "a run ends with 0" 0 $?
want=$(sha "$T/whole")
for f in summary.json rounds.csv run.h5 journal config.ini log.txt; do
    if [ -e "$T/whole/$f" ]; then ok "it leaves $f"; else not_ok "it leaves $f" "$(ls "$T/whole")"; fi
done

out=$("$FORAGE" simulate "${ARGS[@]}" --set run.rounds=12 --out "$T/whole" "$EXAMPLE" 2>&1)
expect "a finished run is printed, exit 0" 0 $?
expect_match "and says what it reached" "[Aa]ccuracy" "$out"

"$FORAGE" simulate "${ARGS[@]}" --set run.rounds=13 --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "another configuration is refused with 2" 2 $?
expect_match "naming the key" "run.rounds" "$(cat "$T/err")"
"$FORAGE" simulate "${ARGS[@]}" --set run.rounds=3 --force --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "--force starts anew" 0 $?
expect "with the new rounds" 3 "$(json "$T/whole/summary.json" rounds)"

cd "$T" && "$FORAGE" simulate -q --out "$T/again" "$T/whole/config.ini" >/dev/null 2>"$T/err"
expect "the saved configuration runs from another folder" "$(sha "$T/whole")" "$(sha "$T/again")"
cd "$OLDPWD" || exit 1

# Signals: each try is stopped a little later; the same command goes on until it is done.
tries=0
rc=75
while [ $rc = 75 ] && [ $tries -lt 60 ]; do
    tries=$((tries + 1))
    "$FORAGE" simulate "${ARGS[@]}" --set run.rounds=12 --set run.sync_s=0 --out "$T/stopped" "$EXAMPLE" >/dev/null 2>"$T/err" &
    pid=$!
    (for _ in $(seq $((tries * 4))); do kill -0 $pid 2>/dev/null || exit; read -rt 0.02 <> <(:); done; kill -INT $pid 2>/dev/null) &
    wait $pid
    rc=$?
done
expect "a run stopped by SIGINT $((tries - 1)) times ends" 0 $rc
expect "with the same model" "$want" "$(sha "$T/stopped")"

tries=0
rc=137
while [ $rc = 137 ] && [ $tries -lt 60 ]; do
    tries=$((tries + 1))
    "$FORAGE" simulate "${ARGS[@]}" --set run.rounds=12 --set run.sync_s=0 --out "$T/killed" "$EXAMPLE" >/dev/null 2>"$T/err" &
    pid=$!
    (for _ in $(seq $((tries * 4))); do kill -0 $pid 2>/dev/null || exit; read -rt 0.02 <> <(:); done; kill -KILL $pid 2>/dev/null) &
    wait $pid 2>/dev/null
    rc=$?
done
expect "a run killed $((tries - 1)) times ends" 0 $rc
expect "with the same model after kill -9" "$want" "$(sha "$T/killed")"
expect "and the same rounds.csv" "$(sha256sum <"$T/stopped/rounds.csv")" "$(sha256sum <"$T/killed/rounds.csv")"

if [ "$(id -u)" = 0 ] && mkdir "$T/full" && mount -t tmpfs -o size=400k tmpfs "$T/full" 2>/dev/null; then
    "$FORAGE" simulate "${ARGS[@]}" --set run.rounds=4 --out "$T/full/run" "$EXAMPLE" >/dev/null 2>"$T/err"
    rc=$?
    umount "$T/full"
    expect "a full disk ends with 1" 1 $rc
    expect_match "and names the file" "$T/full/run" "$(cat "$T/err")"
else
    skip "a full disk" "cannot mount a tmpfs"
fi
"$FORAGE" simulate "${ARGS[@]}" --set run.rounds=4 --out /proc/nowhere/run "$EXAMPLE" >/dev/null 2>"$T/err"
rc=$?
expect_match "an output folder that cannot be made ends with 1 or 2" '^[12]$' "$rc"
expect_match "and is named" "/proc/nowhere" "$(cat "$T/err")"
done_testing
