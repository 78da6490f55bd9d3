#!/usr/bin/env bash
# Checks every #include "..." of src/, kernels/ and datasets/ against the layer table beside this file, that what a header
# declares is not defined in a higher layer, and that what decides reads no clock (src/base/now.h): it is handed the time.
# shellcheck disable=SC2016 # an awk program
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=${1:-$here/../..}
cd "$top" || exit 1
bad=0
while read -r file; do
    echo "not ok - layers: $file reads a clock"
    bad=1
done < <(grep -rlE 'src/base/now\.h|clock_gettime|gettimeofday|[^_a-z]time\(NULL\)' src/plan src/config src/availability \
    src/forecast src/planner src/aggregator src/model src/wire src/worker/session* kernels datasets)
find src kernels datasets -name '*.[ch]' -o -name '*.cu' | LC_ALL=C sort | xargs -r awk '
function place(path,    p, best) {
    best = ""
    for (p in layer) if (index(path, p) == 1 && length(p) > length(best)) best = p
    return best
}
FNR == NR { if ($0 !~ /^#/ && NF >= 3) { layer[$1] = $2; module[$1] = $3 } ; next }
FNR == 1 {
    mine = place(FILENAME)
    if (mine == "") { print "not ok - layers: " FILENAME " is in no module of layers.txt"; bad++ }
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\""); inc = part[2]
    if (inc == "config.h" || mine == "") next
    theirs = place(inc)
    if (theirs == "") {
        print "not ok - layers: " FILENAME ":" FNR ": \"" inc "\" is in no module (full path from the top?)"; bad++
    } else if (module[theirs] != module[mine] && layer[theirs] + 0 >= layer[mine] + 0) {
        print "not ok - layers: " FILENAME ":" FNR ": " module[mine] " (layer " layer[mine] ") includes " inc \
            " of " module[theirs] " (layer " layer[theirs] ")"; bad++
    }
    n++
}
/^[a-z].*[ *]fg_[a-z0-9_]+\(/ && !/^(static|typedef|return)/ {
    name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
    if (FILENAME ~ /\.h$/) declared[name] = FILENAME
    else if (!/;[ \t]*$/) defined[name] = FILENAME
}
END {
    for (name in defined) {
        if (!(name in declared)) continue
        here = place(defined[name]); there = place(declared[name])
        if (layer[here] + 0 > layer[there] + 0) {
            print "not ok - layers: " name " of " declared[name] " is defined in " defined[name]; bad++
        }
    }
 if (!bad) print "ok - layers: " n + 0 " includes go down only"; exit bad > 0 }
' "$here/layers.txt" && [ $bad = 0 ]
