#!/usr/bin/env bash
# What redundancy, local steps, codec, availability (share pi, memory lambda) and its coupling with the data do to the error:
# a factorial of 432 cells, on quadratics with a known optimum (bench/tradeoff) and on digits of MNIST (forage sweep). Measured
# error beside each term of the planning model (doc/algorithms/planning.md), Kendall's tau, the Pareto front.
#
#   reproduce/tradeoff.sh        REPLICAS=32 SEEDS=1-3 ROUNDS=40 JOBS=2
#
# Digits: those that ship (datasets/samples/mnist-writers), softmax regression. Results go to reproduce/out/tradeoff/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
forage=${FORAGE:-$build/forage}
out=${OUT:-$here/out/tradeoff}
rounds=${ROUNDS:-40}
mkdir -p "$out"
[ -x "$build/bench/tradeoff" ] || make -s -C "$build" bench/tradeoff
[ -s "$out/quadratic.csv" ] || {
    "$build/bench/tradeoff" "${REPLICAS:-32}" >"$out/quadratic.tmp"
    mv "$out/quadratic.tmp" "$out/quadratic.csv"
}
worlds=
for pi in 0.2 0.5 0.9; do
    for lambda in 0 0.5 0.9; do
        # the nodes' own shares differ as in bench/tradeoff: the deviation of a uniform choice of 0.8 of the room
        spread=$(awk -v p="$pi" 'BEGIN { print 0.8 * (p < 0.5 ? p : 1 - p) / sqrt(3) }')
        "$forage" trace synth --nodes 60 --hours $((rounds + 8)) --pi "$pi" --lambda "$lambda" --spread "$spread" --seed 3 \
            -o "$out/pi$pi-lambda$lambda.csv" >/dev/null
        worlds+="pi$pi-lambda$lambda = availability.trace=pi$pi-lambda$lambda.csv
"
    done
done
# Ten of sixty clients a round; a step takes 20 s of an hour, so long work is lost when a client leaves. The codec's variance is
# three times an update's square, as in bench/tradeoff.
cat >"$out/study.ini" <<INI
[run]
rounds = $rounds
eval_every = 2
[data]
path = $here/../datasets/samples/mnist-writers
clients = 60
partition = dirichlet
alpha = 0.3
[fleet]
samples_per_s = 0.5
[select]
clients = 10
[aggregate]
weights = uniform
[train]
batch = 10
lr = 0.05
[model]
layers = softmax
INI
cat >"$out/sweep.ini" <<INI
[sweep]
base = study.ini
seeds = ${SEEDS:-1-3}
metric = loss
better = lower
compare = steps
[vary]
select.over = 1 2 3
[axis codec]
none = wire.codec=none
rough = wire.codec=adaptive wire.variance=3 wire.variance_rounds=0
[axis steps]
1 = train.steps=1
5 = train.steps=5
20 = train.steps=20
100 = train.steps=100
[axis data]
independent = data.coupling=independent
correlated = data.coupling=labels-availability
[axis world]
$worlds
INI
"$forage" sweep -q --jobs "${JOBS:-2}" --out "$out/mnist" "$out/sweep.ini" >"$out/mnist.txt"
grep -A 1 '^average rank' "$out/mnist.txt"
python3 "$here/tradeoff.py" "$out" "$rounds"
