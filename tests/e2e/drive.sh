#!/usr/bin/env bash
# A trace played on real workers: they come and go by it, keep who they are, and what happened is compared with what
# was predicted.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q '^MPI: none'; then
    skip "drive" "built without MPI"
    exit 77
fi
# Four machines. The first is always up; the others go in the middle of a slot's task and come back, but for the last.
cat >"$T/trace.csv" <<'END'
# clock: utc
# zero_utc: 2024-09-02T00:00:00Z
# span_s: 86400
node,start_s,end_s
always,0,86400
flaps,0,8100
flaps,14400,86400
late,7200,15300
late,21600,86400
leaves,0,19000
END
DRIVE=(--set run.rounds=8 --set run.eval_every=4 --set run.threads=1 --set data.partition=iid --set data.clients=4
    --set select.policy=all --set select.clients=4 --set carbon.traces= --set "availability.trace=$T/trace.csv"
    --set train.epochs=1 --set train.steps=20 --set fleet.samples_per_s=0.1 --set fleet.speed_spread=0 --set drive.hour_s=1.5)

# in_json FILE EXPRESSION: of the object j
in_json() { "${FG_PYTHON:-python3}" -c 'import json,sys; j=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# A machine that is too busy to play an hour in 1.5 s says so: then the run says nothing, and is made again.
for _ in 1 2 3; do
    timeout 120 "$FORAGE" launch --drive -q --json --force "${DRIVE[@]}" --out "$T/run" "$EXAMPLE" >"$T/json" 2>"$T/err"
    rc=$?
    [ "$(in_json "$T/json" 'j["played"]["late_s"] > 0.75')" = True ] || break
    printf '# played with a delay of %s s: once more\n' "$(in_json "$T/json" 'j["played"]["late_s"]')"
done
expect "a trace is played to its end" 0 "$rc"
expect "and it is told how late workers came and went" True "$(in_json "$T/json" '0 < j["played"]["late_s"] < 60')"
expect "it is real time" real "$(sed -n 's/^clock = //p' "$T/run/config.ini")"
expect "all rounds are there" 8 "$(in_json "$T/json" 'j["deployed"]["rounds"]')"
expect "the prediction is of the same run in virtual time" "8 virtual" "$(in_json "$T/json" 'j["predicted"]["rounds"]') $(sed -n 's/^clock = //p' "$T/run-predicted/config.ini")"
expect "workers came as the trace says: three, and three later" 6 "$(in_json "$T/json" 'j["played"]["workers"]')"
expect "and were killed as it says" 3 "$(in_json "$T/json" 'j["played"]["killed"]')"
expect "the prediction loses the updates of those who leave" 3 "$(in_json "$T/json" 'j["predicted"]["updates_lost"]')"
expect "so does the deployment, which cannot see it coming" True "$(in_json "$T/json" '2 <= j["deployed"]["updates_lost"] <= 5')"
expect "with steps that were wasted" True "$(in_json "$T/json" 'j["deployed"]["steps_wasted"] > 0')"
expect "differences are those of the totals" True "$(in_json "$T/json" 'all(v is None or abs(j["deployed"][k] - j["predicted"][k] - v) < 1e-6 for k, v in j["difference"].items())')"
expect "each round is there twice" True "$(in_json "$T/json" '[r["round"] for r in j["rounds"]] == list(range(8)) and all(r[s]["n_used"] >= 1 for r in j["rounds"] for s in ("deployed", "predicted"))')"
expect "who is up at each slot is mostly what the trace says" True "$(in_json "$T/json" 'sum(r["deployed"]["n_available"] == r["predicted"]["n_available"] for r in j["rounds"]) >= 5')"
expect "who comes back is the same client" "2 2" "$(grep -c 'is client 1$' "$T/run/log.txt") $(grep -c 'is client 2$' "$T/run/log.txt")"
"$FORAGE" simulate -q --replay "$T/run" >/dev/null 2>"$T/err"
rc=$?
expect "what happened can be met again, to the same model" "0 $(sha "$T/run")" "$rc $(sha "$T/run-replay")"

# What another policy would have come to on what was met.
what_if() { "$FORAGE" simulate -q --json --replay "$T/run" --set select.policy=uniform --set select.clients=2 "$@"; }
what_if >"$T/what" 2>"$T/err"
expect "a replay with another policy" 0 $?
expect "asks as many as it wants" True "$(in_json "$T/what" 'all(r["counterfactual"]["n_selected"] == min(2, r["counterfactual"]["n_available"]) for r in j["rounds"] if r["counterfactual"])')"
expect "of those who were seen to be up" True "$(in_json "$T/what" 'sum(r["counterfactual"]["n_available"] == r["recorded"]["n_available"] for r in j["rounds"] if r["counterfactual"]) >= 6')"
expect "and says of each assignment whether it was tried then" True "$(in_json "$T/what" 'j["assignments"]["tried"] + j["assignments"]["untried"] == j["assignments"]["all"] > 9 and j["assignments"]["tried"] > 0')"
expect "without changing the recorded run" "real" "$(sed -n 's/^clock = //p' "$T/run/config.ini")"
sha1=$(sha "$T/run-counterfactual")
what_if --force >/dev/null 2>&1
expect "again, the same" "$sha1" "$(sha "$T/run-counterfactual")"
"$FORAGE" simulate -q --replay "$T/run" --set data.clients=3 --out "$T/other" >/dev/null 2>"$T/err"
expect "other data are refused" 2 $?
"$FORAGE" simulate -q --replay "$T/run-predicted" --set select.clients=2 --out "$T/other" >/dev/null 2>"$T/err"
expect "so is a run in which nobody was seen" "2 absent" "$? $([ -e "$T/other" ] && echo there || echo absent)"

# With notice; the aggregator is killed on the way and the same command goes on.
again() {
    timeout 120 "$FORAGE" launch --drive -q "${DRIVE[@]}" --set drive.leave=notice --set run.sync_s=1000 --out "$T/notice" "$EXAMPLE"
}
again >"$T/o" 2>"$T/err" &
job=$!
for _ in $(seq 1200); do
    [ -r "$T/notice/rounds.csv" ] && [ "$(wc -l <"$T/notice/rounds.csv")" -gt 4 ] && break
    read -rt 0.05 <> <(:)
done
kill -KILL "$(grep -o '[0-9]*' "$T/notice/lock" | head -1)"
wait $job
expect "the aggregator is killed" 1 $?
cp "$T/notice/rounds.csv" "$T/before.csv"
again >"$T/o" 2>"$T/err"
expect "the same command plays on" "0 8" "$? $(json "$T/notice/summary.json" rounds)"
expect "no round that was committed is lost" "$(sha256sum <"$T/before.csv")" "$(head -n "$(wc -l <"$T/before.csv")" "$T/notice/rounds.csv" | sha256sum)"
expect_match "the comparison for people" 'updates lost +[0-9]+ +3 ' "$(cat "$T/o")"
expect_match "some were told to go" '[1-9][0-9]* were given notice' "$(cat "$T/o")"

# With notice, a client that must leave hands back the steps it did: a partial update, then and as predicted.
timeout 120 "$FORAGE" launch --drive -q --json "${DRIVE[@]}" --set run.rounds=3 --set drive.hour_s=4 --set drive.leave=notice \
    --set drive.notice_s=3 --set train.on_leave=hand_back --out "$T/partial" "$EXAMPLE" >"$T/json" 2>"$T/err"
expect "a run in which one is told to go" "0 1" "$? $(in_json "$T/json" 'j["played"]["noticed"]')"
expect "who hands back its steps, as predicted" "1 1" "$(in_json "$T/json" 'j["deployed"]["updates_partial"]') $(in_json "$T/json" 'j["predicted"]["updates_partial"]')"
"$FORAGE" simulate -q --replay "$T/partial" >/dev/null 2>"$T/err"
rc=$?
expect "and can be met again" "0 $(sha "$T/partial")" "$rc $(sha "$T/partial-replay")"

# wrong use
"$FORAGE" launch --drive -n 4 "$EXAMPLE" >/dev/null 2>"$T/err"
expect "-n makes no sense with it" 2 $?
for key in run.clock=virtual drive.on=no; do # nobody would start a worker
    timeout 60 "$FORAGE" launch --drive "${DRIVE[@]}" --set $key --out "$T/none" "$EXAMPLE" >/dev/null 2>"$T/err"
    expect_match "--drive with $key is refused" "^2 absent forage: --set: ${key%=*}: expected (real|yes), .*--drive" \
        "$? $([ -e "$T/none" ] && echo there || echo absent) $(cat "$T/err")"
done
"$FORAGE" launch --drive "${DRIVE[@]}" --set run.rounds=48 --out "$T/long" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "a run that is longer than its trace" "2 absent" "$? $([ -e "$T/long" ] && echo there || echo absent)"
"$FORAGE" launch -n 2 --set drive.on=yes --set run.clock=real "${DRIVE[@]}" --out "$T/no" "$EXAMPLE" >/dev/null 2>"$T/err"
expect "drive.on without --drive" 2 $?
expect_match "and what to do" 'launch --drive' "$(cat "$T/err")"
done_testing
