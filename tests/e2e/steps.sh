#!/usr/bin/env bash
# select.plan_steps = planned: long tasks where bytes are scarce, short ones where they are not; the same bits however it is
# computed, killed and gone on with, and met again.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
BASE=(--set run.rounds=24 --set run.eval_every=12 --set select.policy=forage --set carbon.budget_g=60)
P=("${BASE[@]}" --set select.plan_steps=planned)
simulate() { # NAME ARGS...
    local name=$1
    shift
    timeout 120 "$FORAGE" simulate -q "$@" --out "$T/$name" "$EXAMPLE" >"$T/o" 2>&1 || sed 's/^/# /' "$T/o"
}
steps() { # NAME: local steps of an update, in hundredths, and whether the rounds add up to the summary
    awk -F, 'NR > 1 { s += $11 - $12; n += $7 } END { printf "%d", 100 * s / n }' "$T/$1/rounds.csv"
}

simulate fixed "${BASE[@]}"
simulate named "${BASE[@]}" --set select.plan_steps=fixed
expect "fixed is what it was" "$(sha "$T/fixed")" "$(sha "$T/named")"
simulate plenty "${P[@]}"
simulate scarce "${P[@]}" --set budget.mb=24
expect_match "planned: a model" '^[0-9a-f]{64}$' "$(sha "$T/plenty")"
expect "it is another one" different "$([ "$(sha "$T/plenty")" = "$(sha "$T/fixed")" ] || echo different)"
holds "scarce bytes: updates of more than twice the steps" test "$(steps scarce)" -gt $((2 * $(steps plenty)))
holds "they go beyond the configured ones" test "$(steps scarce)" -gt "$(steps fixed)"
holds "cheap transfers: shorter ones" test "$(steps plenty)" -lt "$(steps fixed)"
expect "the budgets are kept" "1 1" "$(awk -v g="$(json "$T/plenty/summary.json" carbon_g)" -v u="$(json "$T/scarce/summary.json" uplink_bytes)" \
    -v d="$(json "$T/scarce/summary.json" downlink_bytes)" 'BEGIN { print (g > 0 && g <= 60), (u + d > 0 && u + d <= 24e6) }')"
for run in plenty scarce; do
    expect "$run: rounds and summary count the same steps" "$(json "$T/$run/summary.json" steps_total)" \
        "$(awk -F, 'NR > 1 { s += $11 } END { print s }' "$T/$run/rounds.csv")"
    expect "$run: a value that is at most its bound" 1 "$(awk -v v="$(json "$T/$run/summary.json" plan_value)" \
        -v b="$(json "$T/$run/summary.json" plan_bound)" 'BEGIN { print (v > 0 && v <= b) }')"
done
expect "a byte is worth something where they are scarce" 1 \
    "$(awk -v p="$(json "$T/scarce/summary.json" plan_price_per_byte)" 'BEGIN { print (p > 0) }')"

whole=$(sha "$T/scarce") rounds=$(sha256sum <"$T/scarce/rounds.csv")
simulate reference "${P[@]}" --set budget.mb=24 --set run.kernels=reference --set run.threads=2
expect "reference kernels, two threads: the same model" "$whole" "$(sha "$T/reference")"
killed_on_the_way "$T/killed" "${P[@]}" --set budget.mb=24
expect "killed on the way: it goes on" 0 $?
expect "to the same model and rounds" "$whole $rounds" "$(sha "$T/killed") $(sha256sum <"$T/killed/rounds.csv")"
M=("${P[@]}" --set data.placement=movable --set data.move=plan)
simulate moved "${M[@]}"
simulate moved2 "${M[@]}" --set run.threads=2
expect "where data move: the same with two threads" "$(sha "$T/moved")" "$(sha "$T/moved2")"
holds "where data move: levels, too" test "$(steps moved)" -lt "$(steps fixed)"

refused() { # NAME PATTERN ARGS...
    local name=$1 pattern=$2
    shift 2
    "$FORAGE" simulate -q "$@" --out "$T/refused" "$EXAMPLE" >/dev/null 2>"$T/err"
    expect "$name: refused" 2 $?
    expect_match "$name: says why" "$pattern" "$(cat "$T/err")"
}
refused "another policy" 'select.plan_steps.*fixed with select.policy = uniform' --set select.plan_steps=planned
refused "fedsgd and a plan of steps" 'train.plan.*fixed with aggregate.rule = fedsgd' --set train.plan=adacomm --set aggregate.rule=fedsgd
refused "fedsgd" 'select.plan_steps.*fixed with aggregate.rule = fedsgd' "${P[@]}" --set aggregate.rule=fedsgd

if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "launch" "built without MPI"
    done_testing
fi
timeout 120 "$FORAGE" launch -q -n 3 "${P[@]}" --set budget.mb=24 --out "$T/launched" "$EXAMPLE" >"$T/o" 2>&1
expect "launch as simulate" "$whole $rounds" "$(sha "$T/launched") $(sha256sum <"$T/launched/rounds.csv")"
timeout 120 "$FORAGE" launch -q -n 4 --set run.clock=real --set run.pace=continuous --set run.slot_s=1 --set data.partition=iid \
    --set data.clients=3 --set select.clients=3 --set run.threads=1 --set select.deadline_s=60 --set availability.trace= \
    --set carbon.traces= --set run.rounds=6 --set select.policy=forage --set select.plan_steps=planned --out "$T/real" "$EXAMPLE" >"$T/o" 2>&1
expect "real time: it ends" 0 $?
"$FORAGE" simulate -q --replay "$T/real" >"$T/o" 2>&1
expect "its replay: the same model and rounds" "$(sha "$T/real") $(sha256sum <"$T/real/rounds.csv")" \
    "$(sha "$T/real-replay") $(sha256sum <"$T/real-replay/rounds.csv")"
done_testing
