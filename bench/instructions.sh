#!/usr/bin/env bash
# Instructions that fixed small runs take, by valgrind's callgrind, against the figures in bench/instructions.txt: a guard of speed that
# no clock disturbs. More than a twentieth more fails. A figure is of a compiler and its options, so the file names them; the kernels are
# the AVX2 ones, since valgrind has no AVX-512. Exit status 77: no figures for this compiler, or no valgrind.
# bench/instructions.sh BUILD [NAME...]   prints `ok - ...` or `not ok - ...` for each, of all or of those named
# bench/instructions.sh --store BUILD     replaces this compiler's figures
set -eu
store=no
[ "${1:-}" != --store ] || { store=yes; shift; }
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: bench/instructions.sh [--store] BUILD [NAME...]}" && pwd)
shift
file=${FG_INSTRUCTIONS:-$here/instructions.txt}
all=(softmax 2nn lenet5 mcmahan_cnn pfl_cnn char_lstm mcmahan_cnn_bf16 2nn_eval mcmahan_cnn_eval
    sums_fp32 sums_int8 sums_ternary sums_sparse-ternary codecs simulator)
names=("$@")
[ $# -gt 0 ] || names=("${all[@]}")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

value() { sed -n "s/^$1 = *//p" "$build/Makefile"; }
key() { # the compiler with those of its options that change code, as one word
    local cc options
    cc=$(value CC)
    options=$(printf '%s %s' "$(value CFLAGS)" "$(value FG_LDFLAGS)" | tr ' ' '\n' |
        grep -E '^-(O|m|fsan|fprofile|flto)' | sort -u | tr '\n' ',')
    printf '%s;%s' "$($cc --version | head -n 1 | tr ' ' '_')" "${options%,}"
}
skip() {
    echo "ok - instructions # SKIP $1"
    exit 77
}
command -v valgrind >/dev/null || skip "valgrind is not installed"
grep -qw avx2 /proc/cpuinfo || skip "the figures are of AVX2"
key=$(key)
[ "$store" = yes ] || grep -qF "$key " "$file" || skip "no figures for this compiler: $key"

count() { # [OPTION...] COMMAND...: instructions
    valgrind --tool=callgrind --callgrind-out-file="$T/out" "$@" </dev/null >"$T/text" 2>&1 || { cat "$T/text" >&2; return 1; }
    awk '/^(summary|totals):/ { print $2; exit }' "$T/out"
}
part() { count --toggle-collect=bench_counted "$@"; } # what is measured, not what is made before it
train() {                                             # MODEL BATCH [OPTION...]
    part "$build/bench/bench_train" -1 -k avx2 "${@:3}" -b "$2" "$1"
}
study() { # cost-only, 1000 clients, a day
    local traces=$here/../datasets/samples/traces
    printf '%s\n' '[run]' 'rounds = 24' '[time]' 'wrap = yes' '[data]' 'clients = 1000' 'samples = 600' '[availability]' \
        "trace = $traces/volunteer-desktops-2w.csv" '[carbon]' "traces = GB=$traces/carbon-GB-2w.csv" '[train]' 'mode = cost-only' \
        '[model]' 'params = 199210' '[select]' 'policy = all' >"$T/s.ini"
    count "$build/forage" simulate -q --force --out "$T/run" "$T/s.ini"
}
measure() { # NAME
    case $1 in
        softmax | 2nn) train "$1" 10 ;;
        lenet5) train "$1" 4 ;;
        mcmahan_cnn | pfl_cnn) train "$1" 2 ;;
        char_lstm) train "$1" 1 ;;
        *_bf16) train "${1%_bf16}" 2 -a bf16 ;; # rounded in software there
        *_eval) train "${1%_eval}" 10 -f ;;
        sums_*) part "$build/bench/bench_sum" 1 8 "${1#sums_}" ;;
        codecs) part "$build/bench/bench_codec" 1 ;;
        simulator) study ;;
        *) echo "instructions: unknown name '$1'" >&2 && return 2 ;;
    esac
}
bad=0
for name in "${names[@]}"; do
    now=$(measure "$name")
    if [ "$store" = yes ]; then
        printf '%s %s %s\n' "$key" "$name" "$now" >>"$T/new"
        continue
    fi
    stored=$(awk -v key="$key" -v name="$name" '$1 == key && $2 == name { print $3 }' "$file")
    awk -v name="$name" -v now="$now" -v stored="${stored:-0}" 'BEGIN {
        good = stored > 0 && now <= 1.05 * stored
        printf "%s - instructions of %s: %.3f of the stored figure\n", good ? "ok" : "not ok", name, (stored > 0 ? now / stored : 0)
        exit !good }' || bad=1
done
if [ "$store" = yes ]; then
    { grep -vF "$key " "$file" 2>/dev/null || true; cat "$T/new"; } >"$T/file"
    cp "$T/file" "$file"
fi
exit "$bad"
