#!/usr/bin/env bash
# One aggregator and N worker processes on this machine that send updates of the 2NN: `real` ones, whose clients have ten samples and
# one step to do, or `sender`s (bench_sender.c), which speak the same protocol over the same MPI and answer every task at once with an
# update that is ready, each with two tasks at hand all the time, so that on few cores it is the aggregator that there is too little of.
# Says how many updates the aggregator took in, what its time went into, its memory, and how evenly its workers were heard; with JSON=1
# in the environment as JSON alone. FORAGE is the program; bench_sender lies beside it in bench/.
# usage: bench/many_workers.sh [WORKERS] [ROUNDS] [CODEC] [real|sender]     (64 20 none sender)
set -eu
FORAGE=${FORAGE:-build/forage} workers=${1:-64} rounds=${2:-20} codec=${3:-none} kind=${4:-sender}
clients=$workers
[ "$kind" = real ] || clients=$((8 * workers))
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
python3 - "$T/mnist" "$clients" <<'PY'
import os, random, struct, sys
folder, n = sys.argv[1], 10 * int(sys.argv[2])
os.makedirs(folder)
rng = random.Random(1)
for name, m in (("train", n), ("t10k", 10)):
    with open(f"{folder}/{name}-images-idx3-ubyte", "wb") as f:
        f.write(struct.pack(">IIII", 0x803, m, 28, 28) + rng.randbytes(784 * m))
    with open(f"{folder}/{name}-labels-idx1-ubyte", "wb") as f:
        f.write(struct.pack(">II", 0x801, m) + bytes(i % 10 for i in range(m)))
PY
cat >"$T/s.ini" <<INI
[run]
rounds = $rounds
eval_every = 1000000
threads = 1
[data]
path = $T/mnist
clients = $clients
[select]
policy = all
[model]
layers = 2nn
[train]
steps = 1
batch = 10
lr = 0.01
[wire]
codec = $codec
INI
begin=$(date +%s%N)
if [ "$kind" = real ]; then
    "$FORAGE" launch -n $((workers + 1)) -v -v --out "$T/run" "$T/s.ini" >"$T/out" 2>&1 &
else # the line that launch would use, for two programs
    mpirun=$(sed -n 's/^#define FG_MPI_BIN "\(.*\)"$/\1\/mpirun/p' "$(dirname "$FORAGE")/config.h")
    "${MPIRUN:-$mpirun}" --with-ft ulfm --mca async_mpi_finalize 1 --mca pml ob1 --mca btl self,tcp --mca btl_tcp_if_include lo \
        --allow-run-as-root --oversubscribe --bind-to none -n 1 "$FORAGE" train -v -v --out "$T/run" "$T/s.ini" : \
        -n "$workers" "$(dirname "$FORAGE")/bench/bench_sender" >"$T/out" 2>&1 &
fi
launch=$!
# The aggregator is rank 0: its CPU time and memory are read until it ends.
aggregator='' used='0 0' peak=0
while kill -0 "$launch" 2>/dev/null; do
    if [ -z "$aggregator" ]; then
        for p in /proc/[0-9]*; do
            if grep -qzF "$T/" "$p/cmdline" 2>/dev/null && grep -qzx 'OMPI_COMM_WORLD_RANK=0' "$p/environ" 2>/dev/null; then
                aggregator=${p#/proc/}
            fi
        done
    elif [ -r "/proc/$aggregator/stat" ]; then
        used=$(awk '{ print $14, $15 }' "/proc/$aggregator/stat" 2>/dev/null || echo "$used")
        now=$(awk '/VmHWM/ { print $2 }' "/proc/$aggregator/status" 2>/dev/null || echo 0)
        [ "${now:-0}" -le "$peak" ] || peak=$now
    fi
    sleep 0.1
done
wait "$launch" || { tail -n 20 "$T/out" >&2; exit 1; }
wall=$((($(date +%s%N) - begin) / 1000000))
# shellcheck disable=SC2086 # two words
python3 - "$T" "$workers" "$rounds" "$wall" "$peak" $used "$clients" <<'PY'
import json, os, re, sys
folder, workers, rounds, wall, peak, user, system, clients = sys.argv[1], *map(int, sys.argv[2:9])
tick = os.sysconf("SC_CLK_TCK")
text = open(f"{folder}/out", errors="replace").read()
m = re.search(r"remote executor: ([\d.]+) s in the transport, ([\d.]+) s judging frames, ([\d.]+) s opening updates.*?; "
              r"(\d+) bytes sent, (\d+) received; answers of a worker: (\d+) to (\d+)", text)
if not m:
    sys.exit("many_workers: the aggregator said nothing of its time\n" + text[-2000:])
waited, judged, opened = (float(m[i]) for i in (1, 2, 3))
summary = json.load(open(f"{folder}/run/summary.json"))
n, cpu = rounds * clients, (user + system) / tick
if os.environ.get("JSON"):
    print(json.dumps({"updates_per_s": n / summary["wall_s"], "cpu_ms_per_update": 1e3 * cpu / n, "processor_share": cpu / wall * 1e3,
                      "peak_mb": peak / 1024, "answers": [int(m[6]), int(m[7])]}))
    sys.exit()
print(f"updates            {n} of {int(m[5]) / n / 1e6:.2f} MB, {workers} workers, {rounds} rounds")
print(f"throughput         {n / summary['wall_s']:.0f} updates/s, {int(m[5]) / summary['wall_s'] / 1e6:.0f} MB/s, "
      f"rounds, their models and the joining of workers included")
print(f"per update         CPU {1e3 * cpu / n:.2f} ms of the aggregator ({user / tick:.1f} s user, {system / tick:.1f} s system)")
print(f"of its wall time   in the transport {waited / wall * 1e5:.1f} %, judging frames {judged / wall * 1e5:.1f} %, "
      f"opening updates {opened / wall * 1e5:.2f} %; on a processor {cpu / wall * 1e5:.1f} %")
print(f"peak memory        {peak / 1024:.0f} MB, {peak * 1024 / 199210 / 4:.0f} models")
print(f"answers of workers {m[6]} to {m[7]}")
PY
