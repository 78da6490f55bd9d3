#!/usr/bin/env bash
# The life of a run directory: finished, resumed after a signal or kill -9, refused, locked, forced.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
ARGS=(-q --set run.eval_every=2 --set run.threads=1)

"$FORAGE" simulate "${ARGS[@]}" --set run.rounds=12 --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "a run ends with 0" 0 $?
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

# interrupted SIGNAL TIMES NAME SEED ARGS...: the same command again and again, each time with a signal at a random moment
# (seeded): so many more rounds committed, and up to 60 ms after that. What is done too early is looked at and begun anew.
rows() { lines=(); [ ! -r "$1/rounds.csv" ] || mapfile -t lines <"$1/rounds.csv"; }
same() { # RUN: the undisturbed one's model and rounds
    [ "$(sha "$1")" = "$whole_sha" ] && cmp -s "$whole/rounds.csv" "$1/rounds.csv"
}
interrupted() {
    local signal=$1 times=$2 name=$3 dir=$T/$3 hit=0 wrong=0 tries goal pid rc
    RANDOM=$4
    shift 4
    for ((tries = 0; tries < 3 * times && hit < times; tries++)); do
        rows "$dir"
        goal=$((${#lines[@]} + RANDOM % 3))
        [ "$signal" = KILL ] || goal=$((goal + 1)) # it listens by then
        "$FORAGE" simulate -q "$@" --out "$dir" "$EXAMPLE" >"$T/o" 2>&1 &
        pid=$!
        while rows "$dir"; [ ${#lines[@]} -lt "$goal" ] && kill -0 $pid 2>/dev/null; do read -rt 0.005 <> <(:); done
        read -rt "0.0$((RANDOM % 6))$((RANDOM % 10))" <> <(:)
        kill -"$signal" $pid 2>/dev/null
        wait $pid 2>/dev/null
        rc=$?
        case $rc in
            75 | 137) hit=$((hit + 1)) ;;
            0) same "$dir" || wrong=$((wrong + 1)); rm -rf "$dir" ;;
            *) wrong=$((wrong + 1)); sed 's/^/  /' "$T/o" ;;
        esac
    done
    expect "$name: interrupted by SIG$signal, ended wrong" "$times 0" "$hit $wrong"
    timeout 200 "$FORAGE" simulate -q "$@" --out "$dir" "$EXAMPLE" >"$T/o" 2>"$T/err"
    expect "$name: the last try ends" 0 $?
    if same "$dir"; then ok "$name: the undisturbed model and rounds"; else not_ok "$name: the undisturbed model and rounds"; fi
}
undisturbed() { # ARGS...
    whole=$T/undisturbed
    rm -rf "$whole"
    "$FORAGE" simulate -q "$@" --out "$whole" "$EXAMPLE" >/dev/null 2>&1
    whole_sha=$(sha "$whole")
}
ONE=(--set run.rounds=24 --set run.eval_every=2 --set run.sync_s=0 --set run.threads=1)
MEMORY=(--set aggregate.rule=mifa --set model.layers=softmax --set run.rounds=90 --set run.eval_every=5 --set run.sync_s=0.1)
undisturbed "${ONE[@]}"
interrupted INT 5 signals 1 "${ONE[@]}"
interrupted KILL 20 killed 2 "${ONE[@]}"
interrupted KILL 20 threads 3 "${ONE[@]}" --set run.threads=2
undisturbed "${MEMORY[@]}"
interrupted KILL 20 memory 4 "${MEMORY[@]}" --set run.threads=2

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
