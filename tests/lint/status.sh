#!/usr/bin/env bash
# No `$?` follows a `$(...)` in one command: it would say how that ended, not the command before, and a check of an exit
# code that stands there cannot fail.
# shellcheck disable=SC2016 # an awk program
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
find bench reproduce tests tools -name '*.sh' | LC_ALL=C sort | LC_ALL=C xargs -r awk '
{
    begin = line == "" ? FNR : begin
    line = line $0
    if (sub(/\\$/, "", line)) { next }
    n++
    while (gsub(/\$\([^()]*\)/, "\001", line)) { }
    if (line ~ /\001[^;&|]*\$\?/) {
        print "not ok - status: " FILENAME ":" begin ": $? after $(...) is the exit code of that"
        bad++
    }
    line = ""
}
END { if (!bad) print "ok - status: " n + 0 " lines have no $? after a $(...)"; exit bad > 0 }
'
