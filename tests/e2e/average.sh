#!/usr/bin/env bash
# aggregate.average: the run's model is the mean of the server's, wherever it is looked at; training does not know of it.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
MEAN=(--set aggregate.average=yes --set run.rounds=12 --set run.eval_every=1 --set run.eval_clients_every=6 --set run.threads=1)
books() { echo "$(sha "$1") $(sha256sum <"$1/rounds.csv")"; }
simulate() { # NAME ARGS...
    local name=$1
    shift
    "$FORAGE" simulate -q --force "$@" --out "$T/$name" "$EXAMPLE" >"$T/o" 2>"$T/err" || tail -3 "$T/err"
}

simulate mean "${MEAN[@]}"
want=$(books "$T/mean")
expect "twelve models are averaged" 12 "$(json "$T/mean/summary.json" models_averaged)"
simulate last "${MEAN[@]}" --set aggregate.average=no
expect "none are" 0 "$(json "$T/last/summary.json" models_averaged)"
expect "the same tasks, bytes and losses as without" "$(sha256sum <"$T/last/participation.part")" "$(sha256sum <"$T/mean/participation.part")"

# The same sum made of the models of runs of 1, 2, ... rounds, which are the server's after that many.
for n in 1 2 3 4; do
    simulate "x$n" "${MEAN[@]}" --set run.rounds=$n --set aggregate.average=no
    "$FORAGE" export -q --format npz "$T/x$n" >"$T/o" 2>"$T/err" || tail -3 "$T/err"
done
simulate mean4 "${MEAN[@]}" --set run.rounds=4
"$FORAGE" export -q --format npz "$T/mean4" >"$T/o" 2>"$T/err" || tail -3 "$T/err"
for n in x1 x2 x3 x4 mean4; do
    "${FG_PYTHON:-python3}" "$SRC/tests/lib/read_export.py" "$T/$n/params.npz" >"$T/$n.txt"
done
holds "the model is their mean, number s counting s (s + 1) ... (s + 7)" "${FG_PYTHON:-python3}" - "$T" <<'PY'
import math, sys
values = lambda name: [float(v) for line in open(f"{sys.argv[1]}/{name}.txt") for v in line.split()[2:]]
weights = [math.prod(range(s, s + 8)) for s in range(1, 5)]
models, mean = [values(f"x{s}") for s in range(1, 5)], values("mean4")
assert len(mean) > 1000 and all(len(m) == len(mean) for m in models)
for got, *xs in zip(mean, *models):
    want = sum(w * x for w, x in zip(weights, xs)) / sum(weights)
    assert abs(got - want) <= 1e-7 * max(map(abs, xs)), (got, want)
PY

"$FORAGE" evaluate --json "$T/mean" >"$T/e.json" 2>"$T/err"
expect "evaluate scores what the run scored" "$(json "$T/mean/summary.json" accuracy)" "$(json "$T/e.json" accuracy)"
simulate on --set model.from="$T/mean" --set run.rounds=1 --set train.lr=1e-30 --set aggregate.average=no
expect "model.from begins with it" "$(sha "$T/mean")" "$(sha "$T/on")"
killed_on_the_way "$T/killed" "${MEAN[@]}"
expect "killed on the way: the same model and rounds" "0 $want" "$? $(books "$T/killed")"
holds "it was killed" [ "$kills" -ge 1 ]

F=(--set select.policy=forage --set run.rounds=6 --set run.eval_every=3)
simulate auto "${F[@]}"
simulate yes "${F[@]}" --set aggregate.average=yes
simulate no "${F[@]}" --set aggregate.average=no
expect "auto is yes with policy forage" "$(sha "$T/yes")" "$(sha "$T/auto")"
holds "which is another model than no" [ "$(sha "$T/yes")" != "$(sha "$T/no")" ]
expect "and the same tasks" "$(sha256sum <"$T/no/participation.part")" "$(sha256sum <"$T/yes/participation.part")"
simulate other "${F[@]}" --set select.policy=uniform
expect "auto is no with another" 0 "$(json "$T/other/summary.json" models_averaged)"
for what in train.mode=cost-only aggregate.rule=semicyclic; do
    "$FORAGE" simulate -q "${MEAN[@]}" --set run.eval_clients_every=0 --set "$what" --out "$T/not" "$EXAMPLE" >"$T/o" 2>"$T/err"
    expect_match "$what has no mean" '^2 .*aggregate.average' "$? $(cat "$T/err")"
    holds "$what: nothing is left behind" [ ! -e "$T/not" ]
done

if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "deployed" "built without MPI"
    done_testing
fi
timeout 120 "$FORAGE" launch -n 3 "${MEAN[@]}" --out "$T/launched" "$EXAMPLE" >"$T/launched.out" 2>&1
expect "launch as simulate" "0 $want" "$? $(books "$T/launched")"
# The line that launch prints, with simulate in the place of train.
line=$(grep -m1 -o '^/[^ ]*/mpirun .* -n ' "$T/launched.out")
read -ra mpirun <<<"$line"
for how in down=none down=ternary; do
    simulate one "${MEAN[@]}" --set "wire.$how"
    for n in 2 3; do
        timeout 120 "${mpirun[@]}" $n "$FORAGE" simulate -q -v -v "${MEAN[@]}" --set "wire.$how" --force --out "$T/ranks" "$EXAMPLE" \
            >"$T/o" 2>"$T/err"
        rc=$?
        expect "$how: the same over $n ranks" "0 $(books "$T/one")" "$rc $(books "$T/ranks")"
        shared=$(grep -oh '[0-9]* pieces of evaluations' "$T/err" "$T/o" | head -1)
        expect_match "$how: the $n ranks have the mean to score" '^[1-9]' "$shared"
    done
done
done_testing
