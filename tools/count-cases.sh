#!/usr/bin/env bash
# Usage: count-cases.sh BUILD_DIR...
# Counts test cases in the .log and .trs files that `make check` left and prints `N passed, N failed, N skipped`.
# A case is a cmocka test or a line `ok - ...`, `not ok - ...`, `skip - ...`. One that began and did not end failed.
# A program without any such line is one case; a failed program in which nothing failed is one failed case more.
set -euo pipefail
find "$@" -name '*.trs' | LC_ALL=C sort | awk '
function flush_open(    t) { for (t in open) { failed += open[t]; bad += open[t] } split("", open) }
function last_word(    i) { i = match($0, /\] [^ ]+$/); return substr($0, i + 2) }
{
    trs = $0; log_file = trs; sub(/\.trs$/, ".log", log_file)
    result = ""
    while ((getline line < trs) > 0) if (sub(/^:test-result: /, "", line)) result = line
    close(trs)
    before = passed + failed + skipped; bad = 0
    while ((getline < log_file) > 0) {
        if (/\[ RUN      \] [^ ]+$/) open[last_word()]++
        else if (/\[       OK \] [^ ]+$/ && open[last_word()] > 0) { open[last_word()]--; passed++ }
        else if (/\[  FAILED  \] [^ ]+$/ && open[last_word()] > 0) { open[last_word()]--; failed++; bad++ }
        else if (/\[  SKIPPED \] [^ ]+$/ && open[last_word()] > 0) { open[last_word()]--; skipped++ }
        else if (/^ok - /) passed++
        else if (/^not ok - /) { failed++; bad++ }
        else if (/^skip - /) skipped++
    }
    close(log_file)
    flush_open()
    none = passed + failed + skipped == before
    if (result != "PASS" && result != "SKIP" && !bad) failed++
    else if (none && result == "PASS") passed++
    else if (none && result == "SKIP") skipped++
}
END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
'
