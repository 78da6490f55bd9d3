#!/usr/bin/env bash
# The numbers of a run add up: what clients that leave did and lost, bytes, energy and carbon, recomputed from the
# traces without forage; and a run that outlives its traces.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"

# Four clients of two zones, some of which go in the middle of a task. Every figure is exact in binary floating point.
cat >"$T/t.csv" <<'CSV'
# clock: utc
# zero_utc: 2023-03-01T00:00:00Z
# zone_of_node: country-prefix
node,start_s,end_s
DE-a,0,9000
DE-a,14400,200000
DE-b,100,7500
DE-b,20000,43000
GB-a,0,200000
GB-b,3000,30000
GB-b,36000,48230
CSV
"${FG_PYTHON:-python3}" - "$T" <<'PY'
import datetime, sys
for zone, k in (("DE", 7), ("GB", 3)):
    with open(f"{sys.argv[1]}/{zone}.csv", "w") as f:
        f.write("utc_time,gco2_per_kwh\n")
        for h in range(48):
            t = datetime.datetime(2023, 3, 1) + datetime.timedelta(hours=h)
            f.write(f"{t:%Y-%m-%dT%H:%M:%SZ},{100 + h * h * k % 211}\n")
PY
cat >"$T/s.ini" <<'INI'
[run]
rounds = 12
slot_s = 7200
threads = 1
[data]
path = gaussian:classes=4,dim=6,n=400,groups=4,seed=3
clients = 4
test_fraction = 0.25
[availability]
trace = t.csv
[carbon]
traces = DE=DE.csv
  GB=GB.csv
[select]
policy = all
[fleet]
samples_per_s = 0.015625
speed_spread = 0
uplink_mbps = 0.00001
downlink_mbps = 0.00002
link_spread = 0
power_w = 60
power_spread = 0
comm_power_w = 5
network_kwh_per_gb = 0.03
[cost]
idle = full
idle_w = 32
init_s = 3
network_w = 2
network_w_per_mbps = 0.5
embodied_kg = 100
lifetime_h = 1000
server_idle_w = 2
server_w = 6
server_pue = 1.25
server_zone = GB
server_samples_per_s = 512
server_mb_per_s = 0.001
plan_us = 1000
[model]
layers = dense 5, relu, dense 4
[train]
batch = 1
INI
cat >"$T/check.py" <<'PY'
"""Recompute a run's costs from its traces and compare: check.py RUN TRACES_DIR lose|hand_back DEADLINE_S"""
import csv, json, math, struct, sys
run, traces, on_leave, deadline = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
ZERO = 1677628800  # 2023-03-01
s = json.load(open(run + "/summary.json"))
s["test_samples"] = s["client_test_samples"] = 100  # a quarter of 400: the clients' held-out samples are the test set
size = 4 * s["params"]
up = {}
for line in open(traces + "/t.csv"):
    if line[0] != "#" and not line.startswith("node"):
        node, a, b = line.split(",")
        up.setdefault(node, []).append((int(a), int(b)))
nodes = list(up)  # as many clients as nodes: client i is node i
grid = {z: [float(r["gco2_per_kwh"]) for r in csv.DictReader(open(f"{traces}/{z}.csv"))] for z in ("DE", "GB")}

def us(seconds):
    return math.ceil(seconds * 1e6) / 1e6

def integral(zone, a, b):
    total = 0.0
    for h in range(int(a // 3600), int(b // 3600) + 1):
        lo, hi = max(a, 3600.0 * h), min(b, 3600.0 * (h + 1))
        total += grid[zone][h] * (hi - lo) if hi > lo else 0.0
    return total

def close(what, a, b, within=1e-6):
    assert abs(a - b) <= within * max(abs(a), abs(b), 1e-30), f"{what}: {a!r} and {b!r}"

data = open(run + "/participation.part", "rb").read()
assert data[:8] == b"FGPARTS1" and struct.unpack("<I", data[8:12]) == (96,)
rows = [struct.unpack("<6I2Q3d2q", data[i:i + 80]) for i in range(16, len(data), 96)]
per_round, per_client, verdicts = {}, {}, [0] * 5
table = list(csv.DictReader(open(run + "/rounds.csv")))
commits = [float(r["t_end_s"]) - ZERO for r in table]
book = {}  # (spend, zone): [J, g]
first_task = set()

def add(spend, zone, j, g):
    into = book.setdefault((spend, zone), [0.0, 0.0])
    into[0] += j
    into[1] += g

def power(spend, zone, watts, a, b):
    add(spend, zone, watts * (b - a), watts * integral(zone.replace("server", "GB"), a, b) / 3.6e6)

def energy(spend, zone, j, at):
    add(spend, zone, j, j / 3.6e6 * grid[zone.replace("server", "GB")][int(at // 3600)])
for rnd, client, verdict, steps, planned, _, b_up, b_down, joule, gram, loss, t0, t1 in rows:
    begin, end, zone = t0 / 1e6 - ZERO, t1 / 1e6 - ZERO, nodes[client][:2]
    leaves = [b for a, b in up[nodes[client]] if a <= begin < b][0]
    down, work, send = us(size / 2.5), us(planned / 0.015625), us(size / 1.25)
    want, want_end, want_up, want_verdict = planned, begin + down + work + send, size, 0
    if want_end > leaves:
        fit = math.floor((leaves - begin - down - send) * 0.015625)
        if on_leave == "hand_back" and fit > 0:
            want, work, want_verdict = fit, us(fit / 0.015625), 1
            want_end = begin + down + work + send
        else:
            want_end, want_verdict = leaves, 2
    if deadline and want_end > begin + deadline:
        want_end, want_verdict = begin + deadline, 3
    if want_verdict >= 2:  # cut: what was done until then
        left = want_end - begin
        down = min(down, left)
        work = min(work, left - down)
        send = min(send, left - down - work)
        want = min(want, math.floor(work * 0.015625))
        want_up = math.floor(size * send / us(size / 1.25))
    name = f"round {rnd} client {client}"
    twice = want_verdict == 3 and begin + down + planned / 0.015625 + size / 1.25 > leaves  # cut twice, rounded down twice
    want_up -= twice and b_up == want_up - 1
    assert (verdict, steps, b_up, b_down) == (want_verdict, want, want_up, size), \
        f"{name}: {(verdict, steps, b_up, b_down)}, expected {(want_verdict, want, want_up, size)}"
    close(name + " end", end, want_end, 1e-9)
    net = 0.03e-9 * 3.6e6
    want_j = 60 * work + 5 * (down + send) + net * (b_down + b_up)
    computing, sending = begin + down, begin + down + work
    i_down, i_up = integral(zone, begin, computing), integral(zone, sending, sending + send)
    want_g = (60 * integral(zone, computing, sending) + 5 * (i_down + i_up)) / 3.6e6
    want_g += 0.03e-9 * (b_down * i_down / down + (b_up * i_up / send if send else 0.0))
    close(name + " energy", joule, want_j)
    close(name + " carbon", gram, want_g)
    net_power = [2 * down + 0.5 * b_down * 8e-6, 2 * send + 0.5 * b_up * 8e-6]
    for spend, link in (("network_per_gb", [net * b_down, net * b_up]), ("network_power", net_power)):
        g = link[0] * i_down / down + (link[1] * i_up / send if send else 0.0)
        add(spend, zone, sum(link), g / 3.6e6)
    if verdict >= 2:
        add("wasted", zone, want_j, want_g)
    else:
        train_g = 60 * integral(zone, computing, sending) / 3.6e6
        add("train", zone, 60 * work, train_g)
        add("model", zone, want_j - 60 * work, want_g - train_g)
    if client not in first_task and down == us(size / 2.5):  # it got its model
        energy("init", zone, 60 * 3, computing)
    first_task.add(client)
    power("idle_marginal", zone, 32, begin, max(end, min(leaves, commits[rnd])))
    add("embodied", zone, 0.0, 100e3 * (end - begin) / 3.6e6)
    verdicts[verdict] += 1
    waste = verdict >= 2
    for into in (per_round.setdefault(rnd, [0] * 8), per_client.setdefault(client, [0] * 8)):
        for i, x in enumerate((steps, waste * steps, b_up, b_down, joule, gram, waste * joule, waste * gram)):
            into[i] += x

KEYS = ("steps_total", "steps_wasted", "uplink_bytes", "downlink_bytes", "energy_wh", "carbon_g", "wasted_wh", "wasted_g")
assert len(table) == s["rounds"]
for i, key in enumerate(KEYS):
    scale = 3600.0 if key.endswith("_wh") else 1.0
    for r in table:
        close(f"round {r['round']} {key}", float(r[key]), per_round.get(int(r["round"]), [0] * 8)[i] / scale, 1e-12)
    for what, by in (("rounds", per_round), ("clients", per_client)):
        close(f"{key} of {what} and total", sum(x[i] for x in by.values()) / scale, s[key], 1e-12)
# the footprint: what machines, server and networks used beside the tasks, at three prices
before = 0.0
for i, r in enumerate(table):
    begin, end = float(r["t_begin_s"]) - ZERO, commits[i]
    for node in nodes:
        if any(a <= begin < b for a, b in up[node]):
            power("idle_full", node[:2], 32, before, end)
    power("server", "server", 2 * 1.25, before, end)
    energy("server", "server", 6 * 1.25 * int(r["n_used"]) * size / 1000, end)
    energy("planning", "server", 6 * 1.25 * 1e-3 * 4, before)
    samples = (s["test_samples"] if r["test_accuracy"] else 0) + (s["client_test_samples"] if r["client_accuracy_mean"] else 0)
    energy("evaluate", "server", 6 * 1.25 * samples / 512, end)
    before = end
book.update({("idle", z): x for (spend, z), x in list(book.items()) if spend == "idle_full"})
means = {z: integral(z, 0, before) / before for z in grid}
means["server"] = means["GB"]
flat = sum(means[n[:2]] for n in nodes) / 4
close("mean intensity", s["footprint"]["mean_g_per_kwh"], flat)
spends = ("init", "shard", "model", "train", "ask", "evaluate", "idle", "wasted", "server", "planning", "codec", "embodied")
sums = {}
for spend in spends + ("idle_marginal", "idle_full", "network_per_gb", "network_power"):
    rows_of = {z: x for (name, z), x in book.items() if name == spend}
    sums[spend] = (sum(x[0] for x in rows_of.values()) / 3600, sum(x[1] for x in rows_of.values()),
                   sum(x[1] if spend == "embodied" else x[0] / 3.6e6 * means[z] for z, x in rows_of.items()),
                   sum(x[1] if spend == "embodied" else x[0] / 3.6e6 * flat for z, x in rows_of.items()))
sums["total"] = [sum(sums[k][i] for k in spends) for i in range(4)]
sums["tasks"] = [sum(sums[k][i] for k in ("shard", "model", "train", "ask", "wasted")) for i in range(4)]
for spend, want in sums.items():
    for key, x in zip(("energy_wh", "carbon_g", "zone_mean_g", "constant_g"), want):
        close(f"footprint {spend} {key}", s["footprint"][spend][key], x)
close("tasks are energy_wh", s["footprint"]["tasks"]["energy_wh"], s["energy_wh"], 1e-12)
close("tasks are carbon_g", s["footprint"]["tasks"]["carbon_g"], s["carbon_g"], 1e-12)
close("footprint_g", s["footprint_g"], sums["total"][1])
close("carbon_constant_g", s["carbon_constant_g"], sums["tasks"][3])
close("footprint_zone_mean_g", s["footprint_zone_mean_g"], sums["total"][2])

assert verdicts[:2] == [s["updates_used"] - s["updates_partial"], s["updates_partial"]]
assert verdicts[2:4] == [s["updates_lost"], s["updates_late"]] and verdicts[4] == 0
cut = sum(r[6] for r in rows if r[2] >= 2)
assert s["uplink_bytes"] == s["updates_used"] * size + cut and s["downlink_bytes"] == len(rows) * size
try:
    import h5py
except ImportError:
    h5py = None
if h5py:
    with h5py.File(run + "/run.h5") as f:
        led = f["ledger"]
        for i, key in enumerate(("steps", "steps_wasted", "bytes_up", "bytes_down")):
            for c in range(4):
                assert led[key][c] == per_client.get(c, [0] * 8)[i], f"run.h5 {key} of client {c}"
        for c in range(4):
            mine = per_client.get(c, [0] * 8)
            close("ledger energy", led["compute_j"][c] + led["comm_j"][c], mine[4], 1e-12)
            close("ledger carbon", led["carbon_g"][c], mine[5], 1e-12)
            close("ledger waste", led["wasted_g"][c], mine[7], 1e-12)
        foot = f["footprint"]
        zones = foot.attrs["zones"]
        zones = (zones.decode() if isinstance(zones, bytes) else zones).split(",")
        for (spend, z), (j, g) in book.items():
            if spend in spends:
                close(f"run.h5 {spend} {z}", foot[spend + "_j"][zones.index(z)], j)
                close(f"run.h5 {spend} {z}", foot[spend + "_g"][zones.index(z)], g)
        part = f["participation"]
        assert list(part["steps"][:]) == [r[3] for r in rows] and list(part["bytes_up"][:]) == [r[6] for r in rows]
print(*verdicts, int(cut > 0))
PY

# one ON_LEAVE DEADLINE_S WANTED [ARGS]: WANTED is how many were used, partial, lost, late, stale, and whether any byte up was cut
one() {
    local on=$1 deadline=$2 wanted=$3
    shift 3
    "$FORAGE" simulate -q --force --out "$T/run" --set train.on_leave="$on" --set select.deadline_s="$deadline" "$@" "$T/s.ini" \
        >"$T/o" 2>"$T/err" || { not_ok "$on, deadline $deadline: the run" "$(cat "$T/err")"; return; }
    "${FG_PYTHON:-python3}" "$T/check.py" "$T/run" "$T" "$on" "$deadline" >"$T/o" 2>&1
    expect "$on, deadline $deadline: every task, sum and gram as computed from the traces" "$wanted" "$(tail -1 "$T/o")"
}
one lose 0 "30 0 4 0 0 1"
one hand_back 0 "30 3 1 0 0 0"
one lose 5001 "0 0 3 31 0 1"
one hand_back 0 "47 5 0 0 0 0" --set run.pace=continuous --set run.rounds=20

# Hours are a budget: the run ends when they are over, be it between two slots.
"$FORAGE" simulate -q --out "$T/hours" --set budget.hours=5.5 --set fleet.samples_per_s=1 --set fleet.uplink_mbps=1 \
    --set fleet.downlink_mbps=1 "$T/s.ini" >"$T/o" 2>"$T/err"
expect "a run of short tasks ends after budget.hours" "0 19800" "$? $(json "$T/hours/summary.json" virtual_s)"

# A run that outlives a trace: an error that names it, what was done is kept, and wrapping is the way out.
long=(--set run.pace=continuous --set run.rounds=200)
"$FORAGE" simulate -q --out "$T/long" "${long[@]}" "$T/s.ini" >"$T/o" 2>"$T/err"
expect "a continuous run that outlives a trace ends with 2" 2 $?
expect_match "and says which, and the way out" 'longer than the carbon trace .*DE.csv.*time.wrap' "$(cat "$T/err")"
rounds=$(($(wc -l <"$T/long/rounds.csv") - 1))
expect "what it did is kept" "$rounds" "$(json "$T/long/summary.json" rounds)"
"$FORAGE" simulate -q --out "$T/fits" "${long[@]}" --set run.rounds=$rounds "$T/s.ini" >"$T/o" 2>"$T/err"
expect "as many rounds as fit are one run" "$(sha "$T/fits")" "$(sha "$T/long")"
"$FORAGE" simulate -q --out "$T/long" "${long[@]}" "$T/s.ini" >"$T/o" 2>"$T/err"
expect "started again it ends the same" "2 $rounds" "$? $(json "$T/long/summary.json" rounds)"
"$FORAGE" simulate -q --out "$T/wrapped" "${long[@]}" --set time.wrap=yes "$T/s.ini" >"$T/o" 2>"$T/err"
expect "with time.wrap it goes on" "0 200" "$? $(json "$T/wrapped/summary.json" rounds)"

# Carbon of another year that holds the trace's season from its second day on: the run begins there.
for zone in DE GB; do
    sed -n '1p;2,30s/^2023-03-01/2022-03-03/p' "$T/$zone.csv" >"$T/$zone-2022.csv"
done
"$FORAGE" simulate -q --out "$T/season" --set run.rounds=3 --set "carbon.traces=DE=$T/DE-2022.csv,GB=$T/GB-2022.csv" \
    "$T/s.ini" >"$T/o" 2>"$T/err"
expect "carbon of another year: begins on the first day that it covers" "0 1677715200" \
    "$? $(cut -d, -f3 "$T/season/rounds.csv" 2>/dev/null | sed -n 2p)"
width=$(cd "$T" && "$FORAGE" show season | awk '{ if (length($0) > w) w = length($0) } END { print w }')
if [ "${width:-999}" -le 80 ]; then ok "show fits 80 columns"; else not_ok "show fits 80 columns" "widest line: $width"; fi
done_testing
