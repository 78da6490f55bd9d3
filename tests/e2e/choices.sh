#!/usr/bin/env bash
# Every choice that the configuration offers runs, and makes the difference that it should; a launch with many of them
# at once is the simulation to the byte.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
S=$SRC/datasets/samples/traces
cat >"$T/s.ini" <<INI
[run]
rounds = 6
threads = 1
[data]
path = gaussian:classes=5,dim=8,n=1200,groups=24,seed=3
partition = groups
test_fraction = 0.2
[availability]
trace = $S/volunteer-desktops-2w.csv
[carbon]
traces = GB=$S/carbon-GB-2w.csv, KR=$S/carbon-KR-2w.csv
[select]
clients = 6
[model]
layers = dense 8, relu, dense classes
[train]
epochs = 2
lr = 0.05
INI
run() { # NAME ARGS...: its hash, or the message
    local name=$1
    shift
    echo "$* " >>"$T/tried"
    if "$FORAGE" simulate -q --force --out "$T/$name" "$@" "$T/s.ini" >"$T/o" 2>"$T/err"; then
        sed -n 's/.*"params_sha256": "\(.*\)".*/\1/p' "$T/$name/summary.json"
    else         head -1 "$T/err"
    fi
}
base=$(run base)
expect_match "the small study" '^[0-9a-f]{64}$' "$base"
cp "$T/base/config.ini" "$T/saved.ini"

declare -A seen=([$base]="the default")
# new KEY=VALUE...: another model than any before it
new() {
    local args=() found
    for a in "$@"; do args+=(--set "$a"); done
    found=$(run new "${args[@]}")
    if [[ ! $found =~ ^[0-9a-f]{64}$ ]]; then
        not_ok "$*" "$found"
    elif [ -n "${seen[$found]:-}" ]; then
        not_ok "$* makes a difference" "the same model as: ${seen[$found]}"
    else
        ok "$* makes a difference"
        seen[$found]=$*
    fi
}
for rule in fedsgd fedavgm; do new aggregate.rule=$rule; done
for rule in fedadam fedyogi fedadagrad; do new aggregate.rule=$rule aggregate.lr=0.01; done
new aggregate.weights=uniform aggregate.lr=0.5
new aggregate.over=all
new aggregate.average=yes
for schedule in inverse step cosine; do new train.schedule=$schedule train.decay=0.5; done
for local in momentum=0.5 weight_decay=0.01 clip=0.5 prox_mu=0.5 steps=3 batch=0 batch=7 epochs=1 lr=0.01; do new "train.$local"; done
for policy in all cyclic; do new select.policy=$policy; done
new select.over=2
for policy in greenfl forage robust cafed cafed-last f3ast f3ast-pi rpow-d refl fedzero; do
    new select.policy=$policy aggregate.over=all carbon.budget_g=0.004
    expect "$policy stays within its budget" 1 "$(awk -v g="$(json "$T/new/summary.json" carbon_g)" 'BEGIN { print(g > 0 && g <= 0.004) }')"
done
for policy in greenfl forage; do run "$policy" --set select.policy=$policy --set run.rounds=12 --set select.slack=6 --set carbon.budget_g=0.02 >/dev/null; done
last() { tail -1 "$T/$1/rounds.csv" | awk -F, '{ print($6 < $5 ? "some" : "all") }'; }
expect "greenfl ends with a round for everyone, forage does not" "all some" "$(last greenfl) $(last forage)"
for rule in fedawe fedstale diloco fedau mifa fedvarp fednova; do new aggregate.rule=$rule aggregate.lr=0.7; done
for inverse in plain capped; do new aggregate.inverse=$inverse aggregate.over=all; done
for plan in adacomm marin; do new train.plan=$plan aggregate.rule=fednova train.steps=100; done
for plan in marin optimal; do # tasks of some hours
    new train.plan=$plan aggregate.rule=fednova select.policy=pause run.pace=continuous fleet.samples_per_s=0.01
done
new carbon.budget_g=0.002
for partition in iid dirichlet; do
    for coupling in independent labels-availability rare-carbon; do
        new data.partition=$partition data.coupling=$coupling data.clients=30
    done
done
for coupling in independent rare-carbon; do new data.partition=shards data.coupling=$coupling data.clients=30; done
for coupling in labels-availability rare-carbon; do new data.coupling=$coupling; done
new data.partition=iid data.imbalance=1
new data.normalise=yes
for init in xavier glorot_normal he_uniform he_normal lecun_uniform zeros; do new model.init=$init; done
new "model.layers=dense 8, tanh, dense classes"
new "model.layers=dense 8, relu, dropout 0.3, dense classes"
new model.layers=softmax
new "model.from=$T/base"
for codec in fp16 bf16 int8 int4 ternary drive top-k; do new wire.codec=$codec; done
new wire.codec=adaptive wire.variance_rounds=0
for codec in fp16 int8 ternary drive stc; do new wire.down=$codec; done
new wire.down=ternary wire.down_density=0.01
new wire.codec=powersgd
new wire.codec=powersgd wire.rank=1
new wire.codec=ternary wire.density=0.01
new wire.codec=ternary wire.clip=2.5
new run.seed=2
new time.start=2024-09-05T00:00:00Z

new select.policy=zones select.zones=1
new select.policy=pause select.quantile=0.3
for policy in pow-d cpow-d; do new select.policy=$policy select.candidates=10; done
expect "greenest is zones with one, where that is the greenest all the time" \
    "$(run zones --set select.policy=zones --set select.zones=1)" "$(run greenest --set select.policy=greenest)"
new aggregate.rule=fedbuff run.pace=continuous
for codec in stc sign; do new wire.codec=$codec; done
for codec in int8 int4 ternary; do
    expect "$codec-range is $codec" "$(run plain --set wire.codec=$codec)" "$(run range --set wire.codec=$codec-range)"
done
new select.policy=random select.counts="$(printf '1 2 3 0 %.0s' 1 2 3 4 5 6)"
new data.split=validation

# What must not change the model.
same() { expect "$1 changes no parameter" "$base" "$(run same --set "$1")"; }
for setting in aggregate.rule=refl run.threads=3 run.eval_every=4 run.eval_clients_every=2 run.target_accuracy=0.2 wire.codec=zstd \
    data.placement=movable run.sync_s=0 fleet.power_w=7 carbon.pue=1.5; do same "$setting"; done
expect "the saved configuration is the same run" "$base" \
    "$(cd / && "$FORAGE" simulate -q --out "$T/again" "$T/saved.ini" >/dev/null 2>&1; sha "$T/again")"
run stop --set run.target_accuracy=0.01 --set run.stop_at_target=yes >/dev/null
expect "run.stop_at_target ends the run" "1 1" "$(json "$T/stop/summary.json" rounds) $(json "$T/stop/summary.json" rounds_to_target)"
run target --set run.target_accuracy=0.01 >/dev/null
expect "a target alone only is recorded" "6 1" "$(json "$T/target/summary.json" rounds) $(json "$T/target/summary.json" rounds_to_target)"
expect "evaluation every 4 rounds and at the end" "0 0 0 1 0 1" \
    "$(run every --set run.eval_every=4 >/dev/null; tail -n +2 "$T/every/rounds.csv" | awk -F, '{ printf "%s%d", (NR > 1 ? " " : ""), ($21 != "") }')"

run blocks --set aggregate.rule=semicyclic --set aggregate.blocks=2 --set aggregate.cycle=3 --set select.policy=all --set select.clients=2 >/dev/null
run chain --set select.policy=all --set select.clients=2 >/dev/null
expect "semicyclic is fedavg's chain" "$(sha "$T/chain")" "$(sha "$T/blocks")"
expect "but each client goes by its block's mean" different \
    "$([ "$(json "$T/chain/summary.json" client_accuracy_mean)" = "$(json "$T/blocks/summary.json" client_accuracy_mean)" ] || echo different)"
"$FORAGE" evaluate --json "$T/blocks" >"$T/e.json" 2>"$T/err"
expect "evaluate, too, goes by the blocks' means" "$(json "$T/blocks/summary.json" client_accuracy_mean)" "$(json "$T/e.json" client_accuracy_mean)"
run diverged --set train.lr=1e6 >/dev/null
expect_match "updates that are not numbers: refused with a warning" 'not finite numbers and were refused' "$(cat "$T/err" "$T/diverged/log.txt")"
expect "and counted alike in rounds and summary" "$(tail -n +2 "$T/diverged/rounds.csv" | awk -F, '{ n += $9 } END { print n }')" \
    "$(json "$T/diverged/summary.json" updates_lost)"

untried=
for key in select.policy aggregate.rule wire.codec; do
    default=$("$FORAGE" options --json $key | sed -n 's/.*"default": "\(.*\)",/\1/p')
    for name in $("$FORAGE" options --json $key | sed -n 's/.*"choices": "\(.*\)",/\1/p' | tr '|' ' '); do
        [ "$name" = "$default" ] || grep -q -- "$key=$name " "$T/tried" || untried+=" $key=$name"
    done
done
expect "every policy, rule and codec was tried here" "" "$untried"

if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "launch" "built without MPI"
    done_testing
fi
many=(--set select.over=2 --set select.deadline_s=900 --set fleet.samples_per_s=0.1 --set train.on_leave=hand_back
    --set wire.codec=zstd --set data.placement=movable --set data.partition=dirichlet --set data.clients=90 --set data.min_samples=1
    --set aggregate.rule=fedyogi --set aggregate.lr=0.01 --set train.schedule=cosine --set train.momentum=0.5)
run many "${many[@]}" >/dev/null
expect_match "a study of many choices has late updates" '^[1-9]' "$(json "$T/many/summary.json" updates_late)"
timeout 120 "$FORAGE" launch -q -n 3 --out "$T/launched" "${many[@]}" "$T/s.ini" >"$T/o" 2>"$T/err"
for f in rounds.csv run.h5 participation.part; do
    if cmp -s "$T/many/$f" "$T/launched/$f"; then ok "its launch leaves the same $f"; else
        not_ok "its launch leaves the same $f" "$(sha "$T/many") $(sha "$T/launched") $(tail -1 "$T/err")"; fi
done
same_bytes() { # NAME ARGS...: simulate and launch leave the same files
    local name=$1
    shift
    run sim "$@" >/dev/null
    timeout 120 "$FORAGE" launch -q --force -n 3 --out "$T/launched" "$@" "$T/s.ini" >"$T/o" 2>"$T/err"
    if cmp -s "$T/sim/run.h5" "$T/launched/run.h5"; then ok "$name: launch as simulate"; else
        not_ok "$name: launch as simulate" "$(sha "$T/sim") $(sha "$T/launched") $(tail -1 "$T/err")"; fi
}
same_bytes "forage with MarIn and FedNova" --set select.policy=forage --set carbon.budget_g=0.004 --set select.slack=2 \
    --set train.plan=marin --set aggregate.rule=fednova
same_bytes "FedAWE, whose tasks start from older models" --set aggregate.rule=fedawe --set select.policy=rpow-d
done_testing
