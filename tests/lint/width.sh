#!/usr/bin/env bash
# No line of C is longer than 110 columns: clang-format keeps code so (.clang-format), but leaves comments alone.
# shellcheck disable=SC2016 # an awk program
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
find src kernels datasets bench tests \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cc' \) | LC_ALL=C sort | LC_ALL=C xargs -r awk '
{
    line = $0
    gsub(/[\200-\277]/, "", line) # of a character in UTF-8 its first byte counts
    n++
    if (length(line) > 110) {
        print "not ok - width: " FILENAME ":" FNR ": expected at most 110 columns, found " length(line)
        bad++
    }
}
END { if (!bad) print "ok - width: " n + 0 " lines of at most 110 columns"; exit bad > 0 }
'
