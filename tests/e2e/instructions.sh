#!/usr/bin/env bash
# In ./check --long: fixed small runs take no more instructions than they did (bench/instructions.sh), and the guard can fail.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
build=$(realpath "${FG_BUILDDIR:-build}")
name="fixed small runs take as many instructions as they did"
if [ -z "${FG_LONG:-}" ]; then
    skip "$name" "only in ./check --long"
else
    status=0
    "$SRC/bench/instructions.sh" "$build" || status=$?
    if [ "$status" -ne 77 ]; then
        expect "$name" 0 "$status"
        awk '{ $3 = int($3 / 1.2); print }' "$SRC/bench/instructions.txt" >"$T/less.txt"
        less=0
        FG_INSTRUCTIONS=$T/less.txt "$SRC/bench/instructions.sh" "$build" softmax >"$T/less" || less=$?
        expect "a run that takes a fifth more than its figure is found" 1 "$less"
    fi
fi
done_testing
