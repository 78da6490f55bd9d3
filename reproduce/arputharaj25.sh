#!/usr/bin/env bash
# The pattern of Arputharaj et al. (2025), table II: what slack is worth at a budget of carbon, and what a cap on the
# weights does. On a Gaussian mixture or on MNIST, seven clients in seven zones, forecasts known (the paper's assumption).
#
#   reproduce/arputharaj25.sh [gaussian|mnist]   SEEDS="1 2 3" RATES="0.3 0.1" BUDGETS="3 5 10 20" SLACKS="0 20 50 110"
#                                                MODEL=2nn: another network than the paper's, less work than its CNN
#
# Budgets are the emissions of the first m of 50 rounds with everyone. Baseline: everyone trains until the budget is spent.
# For each budget and slack the learning rate with the best mean counts. Results go to reproduce/out/arputharaj25-*/, the table
# to results.csv there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
forage=${FORAGE:-$here/../build/forage}
what=${1:-gaussian}
case $what in
    gaussian) path=gaussian:classes=10,dim=20,n=6000,test=2000,seed=5 layers='dense 32, relu, dense classes' ;;
    mnist)
        path=${FORAGE_DATA:?the folder with mnist and traces/carbon}/mnist
        layers='conv2d 32, relu, maxpool 2, conv2d 64, relu, maxpool 2, flatten, dense 128, relu, dense classes'
        ;;
    *) echo "arputharaj25.sh: unknown problem '$what', expected gaussian or mnist" >&2; exit 2 ;;
esac
layers=${MODEL:-$layers}
out=${OUT:-$here/out/arputharaj25-$what}
seeds=${SEEDS:-1 2 3}
rates=${RATES:-0.3 0.1}
budgets=${BUDGETS:-3 5 10 20}
slacks=${SLACKS:-0 20 50 110}
carbon=${FORAGE_DATA:?the folder with traces/carbon}/traces/carbon
mkdir -p "$out"
{
    echo "# clock: utc"
    echo "# zero_utc: 2022-01-15T00:00:00Z"
    echo "# zone_of_node: country-prefix"
    echo "node,start_s,end_s"
    for zone in DE FR GB IE SE CAL TEX; do echo "$zone-1,0,31536000"; done
} >"$out/always.csv"
cat >"$out/study.ini" <<INI
[run]
rounds = 50
eval_every = 1000000
threads = 1
[time]
start = 2022-01-15T00:00:00Z
[data]
path = $path
partition = dirichlet
alpha = 0.5
clients = 7
[availability]
trace = always.csv
[carbon]
allow_mixed = yes
traces = DE=$carbon/DE_2022.csv.gz
    FR=$carbon/FR_2021-10_2022-09.csv.gz
    GB=$carbon/GB_2022.csv.gz
    IE=$carbon/IE_2022-01_2022-09.csv.gz
    SE=$carbon/SE_2021-10_2022-09.csv.gz
    CAL=$carbon/US-CAL-CISO_2022.csv.gz
    TEX=$carbon/US-TEX-ERCO_2022.csv.gz
[fleet]
# 5 steps of 128 samples take about 0.3 kWh of an hour
samples_per_s = 0.2
speed_spread = 0
link_spread = 0
power_w = 337.5
power_spread = 0
comm_power_w = 0
network_kwh_per_gb = 0
[select]
clients = 7
policy = all
alpha = 0.1
tune = 1
replan = 0
[forecast]
availability = oracle
carbon = oracle
[aggregate]
weights = uniform
[model]
layers = $layers
[train]
steps = 5
batch = 128
clip = 1
INI
run() { # NAME ARGS...
    local dir=$out/$1
    shift
    [ -f "$dir/run.h5" ] || "$forage" simulate -q --out "$dir" "$@" "$out/study.ini" >"$dir.txt" 2>&1 || {
        cat "$dir.txt" >&2
        exit 1
    }
}
for m in $budgets; do
    run "grams-$m" --set run.rounds="$m"
    grams=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["carbon_g"] * 1.000001)' "$out/grams-$m/summary.json")
    for seed in $seeds; do
        for lr in $rates; do
            run "m$m-lr$lr-seed$seed-base-0" --seed "$seed" --set train.lr="$lr" --set run.rounds="$m"
            for s in $slacks; do
                for weights in plain six; do
                    run "m$m-lr$lr-seed$seed-$weights-$s" --seed "$seed" --set train.lr="$lr" --set run.rounds=$((50 + s)) \
                        --set select.slack="$s" --set select.policy=greenfl --set carbon.budget_g="$grams" \
                        --set aggregate.over=all --set aggregate.inverse="$weights"
                done
            done
        done
    done
done
python3 - "$out" "$budgets" "$seeds" <<'PY'
import glob, json, re, sys
out, budgets, seeds = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
acc, gap = {}, 0.0
for path in glob.glob(out + "/m*-lr*/summary.json"):
    m, lr, seed, what, s = re.search(r"/m(\d+)-lr([0-9.]+)-seed(\d+)-(\w+)-(\d+)/", path).groups()
    if m in budgets and seed in seeds:
        d = json.load(open(path))
        acc.setdefault((m, what, int(s)), {}).setdefault(lr, []).append(100 * d["accuracy"])
        if d["plan_value"]:
            gap = max(gap, d["plan_bound"] / d["plan_value"] - 1)
best = {k: max(sum(v) / len(v) for v in rates.values()) for k, rates in acc.items()}
print("accuracy in %%, mean of %d seeds at the best learning rate; certificates: gap at most %.3g %%" % (len(seeds), 100 * gap))
with open(out + "/results.csv", "w") as f:
    f.write("rounds,weights,slack,accuracy\n")
    f.writelines("%s,%s,%d,%.4f\n" % (m, w, s, a) for (m, w, s), a in sorted(best.items()))
for m in budgets:
    base = best[m, "base", 0]
    print("budget %4.1f %% (%s rounds): everyone until it is spent %.1f" % (100 * int(m) / 50, m, base))
    for what in ("plain", "six"):
        row = sorted((s, a) for (b, w, s), a in best.items() if b == m and w == what)
        top = max(row, key=lambda x: x[1])
        print("   weights %-5s %s  best s = %d, gain %+.1f points" %
              (what, "  ".join("s=%d: %.1f" % x for x in row), top[0], top[1] - base))
PY
