#!/usr/bin/env bash
# Each `Source: Surname ... YEAR` in a comment has an entry in doc/papers.bib with that first author and year; each
# key such as mcmahan17 in a policy's `.source` and in the `Source` lines of doc/algorithms has that entry.
# shellcheck disable=SC2016 # an awk program
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
{
    echo doc/papers.bib
    find src kernels datasets -name '*.[ch]' -o -name '*.cu' | LC_ALL=C sort
    find doc/algorithms -name '*.md' | LC_ALL=C sort
} | xargs awk '
FILENAME == "doc/papers.bib" {
    if (match($0, /^@[a-z]+[{][a-z]+[0-9][0-9],/)) { key = $0; gsub(/^@[a-z]+[{]|,.*/, "", key); known[key] = 1 }
    if (/author *=/) { a = $0; sub(/.*= *[{"]/, "", a); split(a, w, /[ ,}]/); author = tolower(w[1]) }
    if (/year *=/ && match($0, /[0-9][0-9][0-9][0-9]/)) have[author " " substr($0, RSTART, 4)] = 1
    next
}
FNR == 1 { report() }
/\.source = "|define SOURCE "/ || (FILENAME ~ /\.md$/ && /Sources?: `/) { keys($0) }
FILENAME ~ /\.md$/ { next }
/Source:/ && !/Source: *$/ { report(); text = $0; sub(/.*Source: */, "", text); where = FILENAME ":" FNR; lines = 0 }
where != "" && !/Source:/ { if (/\*\// || ++lines > 3) report(); else text = text " " $0 }
END { report(); if (!bad) print "ok - papers: " n + 0 " sources are in doc/papers.bib"; exit bad > 0 }
function keys(line,    k) {
    while (match(line, /[a-z]+[0-9][0-9]/)) {
        k = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
        if (k in known) n++
        else { print "not ok - papers: " FILENAME ":" FNR ": " k " is not in doc/papers.bib"; bad++ }
    }
}
function report(    w) {
    if (where == "") return
    split(text, w, /[ ,]/)
    if (!match(text, /(19|20)[0-9][0-9]/)) { print "not ok - papers: " where ": a Source needs author and year"; bad++ }
    else if (!((tolower(w[1]) " " substr(text, RSTART, 4)) in have)) {
        print "not ok - papers: " where ": " w[1] " " substr(text, RSTART, 4) " is not in doc/papers.bib"; bad++
    } else n++
    where = ""
}
'
