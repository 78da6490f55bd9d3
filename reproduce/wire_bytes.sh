#!/usr/bin/env bash
# Bytes that clients send until the model is as good as without a codec, beside those of dense float32.
#
#   reproduce/wire_bytes.sh [2nn|cnn|lenet|lstm]        default: 2nn
#
# CODECS is what is tried, each as name or name:number (powersgd: its rank; adaptive: its variance; else the density), TARGETS the test
# accuracies to be reached, RATE the learning rate, DECAY that of train.schedule = inverse (none: constant), EVERY how many rounds lie
# between two evaluations, ROUNDS how far a run goes that does not reach the highest target, SEEDS which runs, JOBS how many of them at a time, one
# thread each. Results go to reproduce/out/wire_bytes/ (finished runs are not run again).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
forage=${FORAGE:-$here/../build/forage}
out=${OUT:-$here/out/wire_bytes}
model=${1:-2nn}

# NAME: example, learning rate, rounds at most, rounds between evaluations, targets, seeds, codecs, settings
study() {
    local few=none,int8-range,int4-range,drive,ternary-range,ternary-range:0.01,adaptive,sign,powersgd,top-k,stc
    case $1 in
    2nn) echo "mnist-2nn-2shard 0.05 450 1 0.94,0.95,0.96 1,2,3,4,5 none,ternary:0.006,ternary:0.005" ;;
    cnn) echo "mnist-cnn-2shard 0.1 80 2 0.94,0.95,0.96,0.97 1,2,3,4,5 none,ternary-range:0.006 train.arithmetic=bf16" ;;
    lenet) echo "cifar-lenet5 0.05 400 5 0.40,0.44,0.47 1,2,3 $few,ternary:0.03" ;;
    lstm) echo "shakespeare-roles 1.0 24 4 0.18,0.20,0.22 1 $few,ternary-range:0.005" ;;
    *) echo "unknown model '$1'; there are 2nn, cnn, lenet and lstm" >&2; exit 2 ;;
    esac
}

# SEED CODEC
run() {
    local dir=$start-$2-seed$1 key=wire.density set=()
    case $2 in powersgd:*) key=wire.rank ;; adaptive:*) key=wire.variance ;; esac
    for s in $settings "wire.codec=${2%%:*}"; do set+=(--set "$s"); done
    [ "$2" = "${2%:*}" ] || set+=(--set "$key=${2#*:}")
    "$forage" simulate -q --out "$dir" --seed "$1" "${set[@]}" "$example" >"$dir.txt" 2>&1 || { cat "$dir.txt" >&2; return 1; }
}

spec=$(study "$model")
read -r example rate rounds every targets seeds codecs settings <<<"$spec"
rate=${RATE:-$rate} targets=${TARGETS:-${targets//,/ }} seeds=${SEEDS:-${seeds//,/ }} codecs=${CODECS:-${codecs//,/ }}
example=$here/../examples/$example.ini
start=$out/$model-lr$rate${DECAY:+-decay$DECAY}
settings="$settings run.threads=1 run.rounds=${ROUNDS:-$rounds} run.eval_every=${EVERY:-$every} run.eval_clients_every=1000000 train.lr=$rate
    run.stop_at_target=yes run.target_accuracy=$(tr ' ' '\n' <<<"$targets" | sort -g | tail -1)"
[ -z "${DECAY:-}" ] || settings+=" train.schedule=inverse train.decay=$DECAY"
mkdir -p "$out"
export forage start settings example
export -f run
for seed in $seeds; do
    for codec in $codecs; do echo "$seed $codec"; done
done | xargs -P "${JOBS:-$(nproc)}" -n 2 bash -c 'run "$@"' run

python3 - "$start" "$seeds" "$codecs" "$targets" <<'PY'
import csv, sys

start, seeds, codecs, targets = sys.argv[1], *(a.split() for a in sys.argv[2:])
runs = {(c, s): list(csv.DictReader(open("%s-%s-seed%s/rounds.csv" % (start, c, s)))) for c in codecs for s in seeds}


def reached(codec, seed, target):
    """The first round at the target, and the bytes up until then; None: not reached."""
    sent = 0
    for row in runs[codec, seed]:
        sent += int(row["uplink_bytes"])
        if row["test_accuracy"] and float(row["test_accuracy"]) >= float(target):
            return int(row["round"]) + 1, sent
    return None


print("bytes of an update; best test accuracy of each seed's run, and the rounds it took in all")
for codec in codecs:
    rows = [r for s in seeds for r in runs[codec, s]]
    best = ["%.4f (%d)" % (max(float(r["test_accuracy"]) for r in runs[codec, s] if r["test_accuracy"]), len(runs[codec, s]))
            for s in seeds]
    print("%-20s %9.0f  %s" % (codec, sum(int(r["uplink_bytes"]) for r in rows) / sum(int(r["n_used"]) for r in rows), " ".join(best)))
for target in targets:
    print("\n%s, seeds %s: first round; mean, MB up; rounds and bytes beside the dense runs, over seeds that get there with both" % (
        target, " ".join(seeds)))
    dense = {s: reached("none", s, target) for s in seeds} if "none" in codecs else {}
    for codec in codecs:
        got = {s: reached(codec, s, target) for s in seeds}
        line = "%-20s %s" % (codec, " ".join("%3s" % (got[s][0] if got[s] else "-") for s in seeds))
        both = [s for s in seeds if got[s] and dense.get(s)]
        if both:
            rounds, sent = (sum(got[s][i] for s in both) for i in (0, 1))
            line += "  %6.1f %9.3f  %.2f times the rounds, %.1f times fewer bytes (%d of %d seeds)" % (
                rounds / len(both), sent / len(both) / 1e6, rounds / sum(dense[s][0] for s in both),
                sum(dense[s][1] for s in both) / sent, len(both), len(seeds))
        print(line)
PY
