#!/usr/bin/env bash
# forage bench science, its quick size: the whole of it, again without a run, a policy of one's own, results of others.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
out=$T/science
"$FORAGE" bench science --out "$out" --jobs 2 >"$T/o" 2>"$T/err"
expect "the quick size ends with 0" 0 $?
policies=$("$FORAGE" bench science --list | grep -c ' = ')
"$FORAGE" bench science --list --json >"$T/list" 2>&1
expect "its list is no JSON" 2 $?
expect "every policy twice and two lines above" $((2 * policies + 2)) "$(wc -l <"$out/results.csv")"
expect_match "the hash is in the results" '^# study [0-9a-f]{64} quick$' "$(head -1 "$out/results.csv")"
expect_match "a table of policies" '^\| forage \| [0-9.]+ \|' "$(cat "$T/o")"
holds "half of all runs by: runs that never reach the target count" "${FG_PYTHON:-python3}" - "$out" "$T/o" <<'PY'
import csv, glob, json, math, re, sys
full = {int(p.split("seed")[-1].split("/")[0]): json.load(open(p))["carbon_g"] for p in glob.glob(sys.argv[1] + "/unrestricted/runs/*/summary.json")}
rows = list(csv.DictReader(open(sys.argv[1] + "/results.csv").readlines()[1:]))
told = dict(re.findall(r"^\| ([a-z0-9-]+) \|(?:[^|]*\|){4} ([0-9.]+|-) \|", open(sys.argv[2]).read(), re.M))
seen = 0
for p in {r["policy"] for r in rows}:
    x = sorted(float(r["target_g"]) / full[int(r["seed"])] if r["target_g"] else math.inf for r in rows if r["policy"] == p)
    half = x[(len(x) - 1) // 2]
    assert told[p] == ("-" if math.isinf(half) else "%.1f" % (100 * half)), (p, told[p], x)
    seen += not math.isinf(half)
assert 0 < seen < len(told)
PY
draws "a study's picture" && expect_match "a picture" '<svg xmlns' "$(head -c 20 "$out/results.svg")"
cp "$out/results.csv" "$T/first.csv"

"$FORAGE" bench science --out "$out" >"$T/o2" 2>"$T/err2"
expect "again: no run" "" "$(cat "$T/err2")"
holds "again: the same table" cmp -s "$T/o" "$T/o2"

for wrong in no.key=1 select.policy=fancy; do
    echo "mine = $wrong" >"$T/mine"
    "$FORAGE" bench science --out "$T/wrong" --policy "$T/mine" >"$T/o3" 2>"$T/err3"
    expect "a policy that is none: $wrong" 2 $?
    expect_match "is named before anything is run" "^forage: policy mine: --set: ${wrong%=*}: expected" "$(cat "$T/err3")"
done
echo "mine" >"$T/mine"
"$FORAGE" bench science --out "$T/wrong" --policy "$T/mine" >"$T/o3" 2>"$T/err3"
expect "a file of policies that is none: 2" 2 $?
expect_match "is named" "^forage: --policy: .*expected name = value, found 'mine'" "$(cat "$T/err3")"
"$FORAGE" bench science --out "$T/wrong" --jobs 4097 2>"$T/err3"
expect_match "too many jobs" "^2 forage: --jobs: expected at most 4096" "$? $(cat "$T/err3")"
echo "mine = select.policy=all train.prox_mu=0.1" >"$T/mine"
"$FORAGE" bench science --out "$out" --policy "$T/mine" >"$T/o3" 2>"$T/err3"
expect "a policy of one's own: its two runs only" 2 "$(grep -c 'mine' "$T/err3")"
expect "and no other" 2 "$(wc -l <"$T/err3")"
expect_match "it has a rank" '^\| mine \| [0-9.]+ \|' "$(cat "$T/o3")"

"$FORAGE" bench science --show --out "$out" --merge "$T/first.csv" >"$T/o4" 2>&1
expect "results of others join" 0 $?
sed '3s/.$/x/' "$T/first.csv" >"$T/other.csv"
"$FORAGE" bench science --show --out "$out" --merge "$T/other.csv" >/dev/null 2>"$T/err4"
expect "other parameters of the same run: exit 2" 2 $?
expect_match "which line, which parameters" 'other.csv:3: expected the parameters [0-9a-f]{16}' "$(cat "$T/err4")"
sed '1s/quick/small/' "$T/first.csv" >"$T/other.csv"
"$FORAGE" bench science --show --out "$out" --merge "$T/other.csv" >/dev/null 2>"$T/err4"
expect "results of another study: exit 2" 2 $?
"$FORAGE" bench science --show --out "$T/merged" --merge "$T/first.csv" --json >"$T/j" 2>/dev/null
expect "a table from others' results alone" 0 $?
holds "as JSON, the same numbers" "${FG_PYTHON:-python3}" - "$T/first.csv" "$T/j" <<'PY'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1]).readlines()[1:]))
got = json.load(open(sys.argv[2]))
cell = got["cells"][0]
mean = lambda p: sum(float(r["accuracy"]) for r in rows if r["policy"] == p) / 2
assert len(got["cells"]) == 1 and got["runs"] == len(rows)
assert abs(cell["forage"] - mean("forage")) < 1e-9 and abs(cell["other"] - mean(cell["best_other"])) < 1e-9
assert abs(cell["difference"] - (mean("forage") - mean(cell["best_other"]))) < 1e-9
ranked = [p for p in got["ranks"]]
assert cell["other"] >= max(mean(p) for p in ranked if p != "forage") - 1e-9
for p in ranked:  # one cell: the rank is that of the mean, ties shared
    better = sum(mean(q) > mean(p) for q in ranked)
    same = sum(mean(q) == mean(p) for q in ranked)
    assert abs(got["ranks"][p] - (better + (same + 1) / 2)) < 0.51, p
PY
sed -i '1s/./0/' "$out/study.txt"
"$FORAGE" bench science --out "$out" >/dev/null 2>"$T/err5"
expect "a folder of another study: exit 2" 2 $?
expect "science stands alone" 2 "$("$FORAGE" bench art >/dev/null 2>&1; echo $?)"
done_testing
