#!/usr/bin/env bash
# Bytes that clients send until the model is as good as without a codec, beside those of dense float32.
#
#   reproduce/wire_bytes.sh [2nn|cnn]        default: 2nn
#
# MNIST, two label-sorted shards a client, 10 of 100 clients a round, one epoch of batches of 10 (McMahan et al., AISTATS 2017). RATE is
# the learning rate, DECAY that of train.schedule = inverse (none: constant), EVERY how many rounds lie between two evaluations, ROUNDS how far a run goes, SEEDS which runs, TARGETS what is to be reached, CODECS what is tried, each as name or
# name:density. Results go to reproduce/out/wire_bytes/ (finished runs are not run again). The cnn takes some 3 s of a core a round.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
forage=${FORAGE:-$here/../build/forage}
out=${OUT:-$here/out/wire_bytes}
model=${1:-2nn}
case $model in
2nn) layers=2nn seeds=${SEEDS:-1 2 3 4 5} rounds=${ROUNDS:-450} targets=${TARGETS:-0.94 0.95 0.96} ;;
cnn) layers=mcmahan_cnn seeds=${SEEDS:-1} rounds=${ROUNDS:-100} targets=${TARGETS:-0.94 0.95 0.96} ;;
*) echo "unknown model '$model'; there are 2nn and cnn" >&2; exit 2 ;;
esac
rate=${RATE:-0.05}
schedule=(--set train.schedule=constant)
[ -n "${DECAY:-}" ] && schedule=(--set train.schedule=inverse --set "train.decay=$DECAY")
name=$model-lr$rate${DECAY:+-decay$DECAY}
codecs=${CODECS:-none ternary:0.006 ternary:0.005}
mkdir -p "$out"

for seed in $seeds; do
    for codec in $codecs; do
        dir=$out/$name-$codec-seed$seed
        [ "$codec" != "${codec#*:}" ] && density=${codec#*:} || density=1
        "$forage" simulate -q --out "$dir" --seed "$seed" --set "train.lr=$rate" "${schedule[@]}" --set "run.rounds=$rounds" --set "model.layers=$layers" \
            --set run.stop_at_target=no --set run.eval_clients_every=1000000 --set "run.eval_every=${EVERY:-1}" --set "wire.codec=${codec%%:*}" --set "wire.density=$density" \
            "$here/../examples/mnist-2nn-2shard.ini" >"$dir.txt" 2>&1 || {
            cat "$dir.txt" >&2
            exit 1
        }
    done
done
python3 - "$out/$name" "$seeds" "$codecs" "$targets" <<'PY'
import csv, sys

start, seeds, codecs, targets = sys.argv[1], sys.argv[2].split(), sys.argv[3].split(), sys.argv[4].split()


def reached(codec, seed, target):
    """The first round at the target, and the bytes up until then; None: not reached."""
    sent = 0
    for row in csv.DictReader(open("%s-%s-seed%s/rounds.csv" % (start, codec, seed))):
        sent += int(row["uplink_bytes"])
        if row["test_accuracy"] and float(row["test_accuracy"]) >= target:
            return int(row["round"]) + 1, sent
    return None


for target in targets:
    dense = [reached("none", s, float(target)) for s in seeds]
    for codec in codecs:
        runs = [reached(codec, s, float(target)) for s in seeds]
        line = "%s  %-15s rounds %s" % (target, codec, " ".join(str(r[0]) if r else "-" for r in runs))
        if None not in runs + dense:
            more = sum(r[0] for r in runs) / sum(r[0] for r in dense)
            less = sum(r[1] for r in dense) / sum(r[1] for r in runs)
            line += "  mean %.1f, %.2f times the dense ones; %.0f times fewer bytes up" % (
                sum(r[0] for r in runs) / len(runs), more, less)
        print(line)
PY
