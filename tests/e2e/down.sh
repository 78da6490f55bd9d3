#!/usr/bin/env bash
# Models that go down as differences of one sequence: simulated and deployed it is the same run, whoever is killed.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
DOWN=(--set wire.down=int4 --set wire.codec=int8 --set run.rounds=12 --set run.eval_every=6 --set run.threads=1)
books() { echo "$(sha "$1") $(sha256sum <"$1/rounds.csv")"; }

"$FORAGE" simulate -q "${DOWN[@]}" --out "$T/whole" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "simulated" 0 $?
want=$(books "$T/whole")
"$FORAGE" simulate -q "${DOWN[@]}" --set wire.down=none --out "$T/dense" "$EXAMPLE" >/dev/null 2>"$T/err"
holds "what was saved is what whole models and float32 would have cost more" "${FG_PYTHON:-python3}" - "$T/whole/summary.json" "$T/dense/summary.json" <<'PY'
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert a["saved_downlink_bytes"] + a["downlink_bytes"] == b["downlink_bytes"]
assert a["saved_uplink_bytes"] + a["uplink_bytes"] == 4 * a["params"] * a["updates_used"]
assert abs((a["energy_wh"] + a["saved_wh"]) / (b["energy_wh"] + b["saved_wh"]) - 1) < 1e-9 and a["saved_wh"] > b["saved_wh"] > 0
assert a["saved_s"] > b["saved_s"] > 0
PY
# Durations count whole floats of zstd, whose output may differ by version.
"$FORAGE" simulate -q "${DOWN[@]}" --set wire.down=none --set wire.codec=zstd --out "$T/zstd" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "zstd saves bytes and no time" "0 0" "$(json "$T/zstd/summary.json" saved_downlink_bytes) $(json "$T/zstd/summary.json" saved_s)"
holds "fewer bytes go down than of whole models" [ "$(json "$T/whole/summary.json" downlink_bytes)" -lt "$(json "$T/dense/summary.json" downlink_bytes)" ]

killed_on_the_way "$T/killed" "${DOWN[@]}"
expect "killed on the way: the same model and books" "0 $want" "$? $(books "$T/killed")"
holds "it was killed" [ "$kills" -ge 1 ]

"$FORAGE" simulate -q "${DOWN[@]}" --set aggregate.rule=fedawe --out "$T/own" "$EXAMPLE" >/dev/null 2>"$T/err"
expect_match "clients with models of their own: refused" '2 .*wire.down.*models of their own' "$? $(cat "$T/err")"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "deployed" "built without MPI"
    done_testing
fi

timeout 120 "$FORAGE" launch -q -n 3 "${DOWN[@]}" --out "$T/deployed" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "deployed: the same model and books" "0 $want" "$? $(books "$T/deployed")"
timeout 120 "$FORAGE" launch -q -n 3 "${DOWN[@]}" --set aggregate.rule=fedbuff --set select.over=1.5 --out "$T/late" "$EXAMPLE" >/dev/null 2>"$T/err"
"$FORAGE" simulate -q "${DOWN[@]}" --set aggregate.rule=fedbuff --set select.over=1.5 --out "$T/late1" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "tasks that go on from old models: deployed as simulated" "$(books "$T/late1")" "$(books "$T/late")"

# Workers are killed, then the aggregator; the same command goes on.
launch() { timeout 120 "$FORAGE" launch -n 3 "${DOWN[@]}" --set run.rounds=40 --set run.sync_s=0.05 --set workers.spawn_backoff_s=0.05 --out "$T/run" "$EXAMPLE" >"$T/out" 2>"$T/err"; }
launch &
job=$!
kill_workers_at 4 10
wait_for 60 has_rows "$T/run" 16
kill -KILL "$(grep -o '[0-9]*' "$T/run/lock" | head -1)"
wait $job
launch
expect "workers and aggregator are killed: the same command goes on" 0 $?
"$FORAGE" simulate -q "${DOWN[@]}" --set run.rounds=40 --out "$T/calm" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "the same model and books as of a run that nothing disturbed" "$(books "$T/calm")" "$(books "$T/run")"

# Real time: a worker is a client; a replay meets it again.
timeout 120 "$FORAGE" launch -q -n 4 "${DOWN[@]}" --set run.clock=real --set run.pace=continuous --set run.slot_s=1 --set data.partition=iid \
    --set data.clients=3 --set select.clients=3 --set select.deadline_s=60 --set availability.trace= --set carbon.traces= --out "$T/real" "$EXAMPLE" >"$T/out" 2>"$T/err"
expect "in real time" 0 $?
"$FORAGE" simulate -q --replay "$T/real" --out "$T/replay" >/dev/null 2>"$T/err"
rc=$?
expect "in real time: a replay gives the same model and books" "0 $(books "$T/real")" "$rc $(books "$T/replay")"
done_testing
