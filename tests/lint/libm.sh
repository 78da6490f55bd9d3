#!/usr/bin/env bash
# No function of libm but sqrt, fma, rounding and the like: the others differ by CPU and version (doc/determinism.md).
# shellcheck disable=SC2016 # an awk program
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
find src kernels datasets -name '*.[ch]' -o -name '*.cu' | LC_ALL=C sort | xargs -r awk '
BEGIN {
    name = "(exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|" \
           "acosh|atanh|lgamma|tgamma|erf|erfc|cbrt|hypot)[fl]?[(]"
}
FNR == 1 { comment = 0 }
{
    line = $0
    while (comment ? (at = index(line, "*/")) : (at = index(line, "/*"))) {
        code = comment ? code : code substr(line, 1, at - 1)
        line = substr(line, at + 2)
        comment = !comment
    }
    code = comment ? code : code line
    gsub(/"([^"\\]|\\.)*"/, "", code)
    sub(/\/\/.*/, "", code)
    if (match(code, "(^|[^a-zA-Z0-9_])" name)) {
        print "not ok - libm: " FILENAME ":" FNR ": " $0
        bad++
    }
    code = ""
    n++
}
END { if (!bad) print "ok - libm: " n + 0 " lines call nothing of it that differs by CPU"; exit bad > 0 }
'
