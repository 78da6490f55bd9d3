#!/bin/sh
# What checkpoints, journal and the other files of a run cost: share of wall_s, for a rule without and one with memory per client.
# bench/saving.sh [FORAGE] [FILE]
set -eu
forage=${1:-build/forage} file=${2:-examples/quickstart.ini}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for rule in fedavg mifa; do
    "$forage" simulate -q "$file" --set aggregate.rule=$rule --out "$dir/$rule" >/dev/null
    python3 - "$dir/$rule/summary.json" "$rule" <<'PY'
import json, sys
s = json.load(open(sys.argv[1]))
print(f"{sys.argv[2]:8} {s['saving_s']:8.3f} of {s['wall_s']:8.1f} s  {100 * s['saving_s'] / s['wall_s']:5.2f} %")
PY
done
