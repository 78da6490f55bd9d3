#!/usr/bin/env bash
# The same configuration and seed give the same model: any threads, instruction set, ranks, shell.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"

simulate() { # NAME ARGS...
    local name=$1
    shift
    if "$FORAGE" simulate -q "${SMALL[@]}" --out "$T/$name" "$@" "$EXAMPLE" >"$T/$name.out" 2>&1; then :; else
        echo "  $(tail -3 "$T/$name.out")"
    fi
}

simulate base --set run.threads=1
want=$(sha "$T/base")
expect_match "simulate gives a hash" '^[0-9a-f]{64}$' "$want"

for n in 2 4; do
    simulate "t$n" --set run.threads=$n
    expect "the same with $n threads" "$want" "$(sha "$T/t$n")"
done
expect "rounds.csv is the same with 4 threads" "$(sha256sum <"$T/base/rounds.csv")" "$(sha256sum <"$T/t4/rounds.csv")"

for k in avx512 avx2 reference; do
    if "$FORAGE" simulate -q "${SMALL[@]}" --set run.kernels=$k --out "$T/$k" "$EXAMPLE" >"$T/$k.out" 2>&1; then
        expect "the same with $k kernels" "$want" "$(sha "$T/$k")"
    elif grep -q "not supported\|lacks" "$T/$k.out"; then
        skip "the same with $k kernels" "this CPU lacks them"
    else
        not_ok "the same with $k kernels" "$(tail -3 "$T/$k.out")"
    fi
done

# glibc chooses exp, log, sin... by CPU: nothing of it may reach a result.
GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-AVX2_Usable,-FMA_Usable,-AVX512F simulate tunables --set run.kernels=reference
expect "the same with glibc's oldest mathematics" "$want" "$(sha "$T/tunables")"

if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "ranks" "built without MPI"
    done_testing
fi
for n in 2 3 5; do
    timeout 120 "$FORAGE" launch -n $n "${SMALL[@]}" --out "$T/launch$n" "$EXAMPLE" >"$T/launch$n.out" 2>&1
    rc=$?
    expect "launch -n $n ends well" 0 $rc
    expect "the same under launch -n $n" "$want" "$(sha "$T/launch$n")"
done
# The line that launch prints, with simulate in the place of train.
line=$(grep -m1 -o '^/[^ ]*/mpirun .* -n [0-9]*' "$T/launch3.out")
read -ra mpirun <<<"$line"
timeout 120 "${mpirun[@]}" "$FORAGE" simulate -q "${SMALL[@]}" --out "$T/ranks3" "$EXAMPLE" >"$T/ranks3.out" 2>&1
expect "the same over 3 ranks of simulate" "$want" "$(sha "$T/ranks3")"
# Over ranks of simulate, which share out evaluation, too: every round, the clients' own test data, codecs for which clients keep
# something, a model that goes down as differences, clients that begin with the model they received last.
same_over_ranks() { # NAME SETTING...
    local name=$1 n
    shift
    "$FORAGE" simulate -q --set run.rounds=5 --set run.threads=1 "$@" --out "$T/one" --force "$EXAMPLE" >"$T/o" 2>&1
    found="$(sha "$T/one") $(sha256sum <"$T/one/rounds.csv")"
    expect_match "$name: a hash" '^[0-9a-f]{64} ' "$found"
    for n in 2 3; do
        timeout 120 "${mpirun[@]:0:${#mpirun[@]}-1}" $n "$FORAGE" simulate -q -v -v --set run.rounds=5 --set run.threads=1 "$@" --out "$T/ranks" \
            --force "$EXAMPLE" >"$T/o" 2>"$T/err"
        expect "$name: the same model and rounds over $n ranks" "$found" "$(sha "$T/ranks") $(sha256sum <"$T/ranks/rounds.csv")"
    done
    shared=$(grep -o '[0-9]* pieces of evaluations' "$T/err" "$T/o" | grep -o '[0-9]* pieces' | head -1)
    stayed=$(grep -o 'sums of [0-9]* updates' "$T/err" "$T/o" | grep -o '[0-9]* updates' | head -1)
}
E=(--set run.eval_every=1)
same_over_ranks "evaluated every round" "${E[@]}"
expect_match "evaluated every round: other ranks take part" '^[1-9]' "$shared"
expect_match "evaluated every round: updates stay with the ranks that made them" '^[1-9]' "$stayed"
same_over_ranks "the clients' own test data" "${E[@]}" --set run.eval_clients_every=2
for codec in stc powersgd; do
    same_over_ranks "$codec" "${E[@]}" --set wire.codec=$codec --set wire.density=0.05
    expect "$codec: updates go up" "0 updates" "$stayed"
done
same_over_ranks "down as ternary" "${E[@]}" --set wire.down=ternary --set wire.codec=int4
same_over_ranks "fedawe" "${E[@]}" --set aggregate.rule=fedawe
same_over_ranks "fedbuff" "${E[@]}" --set aggregate.rule=fedbuff --set select.over=2
# A rank dies on the way.
"${mpirun[@]}" "$FORAGE" simulate -q --set run.rounds=20 --set run.eval_every=1 --out "$T/dies" "$EXAMPLE" >"$T/o" 2>&1 &
job=$!
wait_for 60 has_rows "$T/dies" 4
holds "a rank dies on the way" kill -KILL "$(pgrep -f "^$(readlink -f "$FORAGE") simulate .*$T/dies " | tail -1)"
wait $job
"$FORAGE" simulate -q --set run.rounds=20 --set run.eval_every=1 --out "$T/lives" "$EXAMPLE" >"$T/o" 2>&1
expect "a rank dies on the way: the same model" "$(sha "$T/lives")" "$(sha "$T/dies")"
expect "a rank dies on the way: the same rounds" "$(sha256sum <"$T/lives/rounds.csv")" "$(sha256sum <"$T/dies/rounds.csv")"
timeout 120 "$FORAGE" launch -q -n 3 "${SMALL[@]}" --set data.placement=movable --out "$T/movable" "$EXAMPLE" >"$T/movable.out" 2>&1
simulate movable1 --set data.placement=movable
expect "shipped shards: launch as simulate" "$(sha "$T/movable1")" "$(sha "$T/movable")"
# Movable data: who trains on whose, copies and bars included, and who was shipped what.
shipped() { # RUN: a line for every participation with its shard and the bytes of data that came with it
    od -An -v -t u4 -w96 -j16 "$1/participation.part" | awk '{print $1, $2, $3, $21, $23}'
}
M=(--set run.rounds=12 --set run.eval_every=12 --set data.placement=movable --set data.move=plan --set select.redundancy=2
    --set data.move_worth=8 --set data.barred_zones=GB)
for policy in uniform forage greenest; do
    timeout 120 "$FORAGE" launch -q -n 3 "${M[@]}" --set select.policy=$policy --out "$T/move" --force "$EXAMPLE" >"$T/move.out" 2>&1
    "$FORAGE" simulate -q "${M[@]}" --set select.policy=$policy --out "$T/move1" --force "$EXAMPLE" >"$T/move1.out" 2>&1
    expect_match "$policy, moved data: a hash" '^[0-9a-f]{64}$' "$(sha "$T/move1")"
    expect "$policy, moved data: launch as simulate" "$(sha "$T/move1")" "$(sha "$T/move")"
    expect "$policy, moved data: the same books" "$(sha256sum <"$T/move1/rounds.csv")" "$(sha256sum <"$T/move/rounds.csv")"
    expect "$policy, moved data: shipped to the same" "$(shipped "$T/move1")" "$(shipped "$T/move")"
    expect_match "$policy, moved data: some train on others' data" '^[1-9]' "$(shipped "$T/move1" | awk '$2 != $5 {n++} END {print n + 0}')"
done
G=(--set run.rounds=12 --set run.eval_every=12 --set select.policy=greenfl --set carbon.budget_g=60 --set aggregate.over=all
    --set aggregate.inverse=capped --set select.slack=4 --set select.slack_auto=yes)
timeout 120 "$FORAGE" launch -q -n 3 "${G[@]}" --out "$T/plan" "$EXAMPLE" >"$T/plan.out" 2>&1
"$FORAGE" simulate -q "${G[@]}" --out "$T/plan1" "$EXAMPLE" >"$T/plan1.out" 2>&1
expect "planned from forecasts: launch as simulate" "$(sha "$T/plan1")" "$(sha "$T/plan")"
expect "planned from forecasts: the same books" "$(sha256sum <"$T/plan1/rounds.csv")" "$(sha256sum <"$T/plan/rounds.csv")"
for how in "cpow-d fedavg 1" "uniform fedbuff 2" "refl refl 1.3"; do
    read -r policy rule over <<<"$how"
    L=(--set run.rounds=6 --set run.eval_every=3 --set "select.policy=$policy" --set "aggregate.rule=$rule" --set "select.over=$over")
    timeout 120 "$FORAGE" launch -q -n 3 "${L[@]}" --out "$T/late" --force "$EXAMPLE" >"$T/late.out" 2>&1
    "$FORAGE" simulate -q "${L[@]}" --out "$T/late1" --force "$EXAMPLE" >"$T/late1.out" 2>&1
    expect "$policy, $rule: launch as simulate" "$(sha "$T/late1")" "$(sha "$T/late")"
    expect "$policy, $rule: the same books" "$(sha256sum <"$T/late1/rounds.csv")" "$(sha256sum <"$T/late/rounds.csv")"
done
Z=(--set run.rounds=2 --set wire.codec=zstd --set wire.level=9)
timeout 120 "$FORAGE" launch -q -n 3 "${Z[@]}" --out "$T/zstd" "$EXAMPLE" >"$T/zstd.out" 2>&1
"$FORAGE" simulate -q "${Z[@]}" --out "$T/zstd1" "$EXAMPLE" >"$T/zstd1.out" 2>&1
expect "compressed: launch and simulate count the same bytes" "$(json "$T/zstd1/summary.json" uplink_bytes)" \
    "$(json "$T/zstd/summary.json" uplink_bytes)"
for codec in fp16 bf16 int8 int8-range int4 int4-range ternary ternary-range adaptive drive top-k stc sign powersgd; do
    C=(--set run.rounds=2 --set "wire.codec=$codec" --set wire.density=0.05)
    "$FORAGE" simulate -q "${C[@]}" --set run.threads=1 --out "$T/$codec" "$EXAMPLE" >"$T/o" 2>&1
    "$FORAGE" simulate -q "${C[@]}" --set run.threads=2 --out "$T/$codec-2" "$EXAMPLE" >"$T/o" 2>&1
    timeout 120 "$FORAGE" launch -q -n 3 "${C[@]}" --out "$T/$codec-3" "$EXAMPLE" >"$T/o" 2>&1
    found="$(sha "$T/$codec") $(json "$T/$codec/summary.json" uplink_bytes)"
    expect_match "$codec: a model, from fewer bytes" '^[0-9a-f]{64} [1-9]' "$found"
    expect "$codec: the same with 2 threads" "$found" "$(sha "$T/$codec-2") $(json "$T/$codec-2/summary.json" uplink_bytes)"
    expect "$codec: the same under launch -n 3" "$found" "$(sha "$T/$codec-3") $(json "$T/$codec-3/summary.json" uplink_bytes)"
done
for down in ternary drive sign; do
    C=(--set run.rounds=3 --set "wire.down=$down" --set wire.codec=int4)
    "$FORAGE" simulate -q "${C[@]}" --set run.threads=1 --out "$T/d-$down" "$EXAMPLE" >"$T/o" 2>&1
    timeout 120 "$FORAGE" launch -q -n 3 "${C[@]}" --out "$T/d-$down-3" "$EXAMPLE" >"$T/o" 2>&1
    found="$(sha "$T/d-$down") $(json "$T/d-$down/summary.json" downlink_bytes)"
    expect_match "down as $down: a model" '^[0-9a-f]{64} [1-9]' "$found"
    expect "down as $down: the same under launch -n 3" "$found" "$(sha "$T/d-$down-3") $(json "$T/d-$down-3/summary.json" downlink_bytes)"
done
done_testing
