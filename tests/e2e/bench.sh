#!/usr/bin/env bash
# bench/run works, its figures are numbers by the keys that doc/performance.md lists, and stdout holds nothing else.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
PYTHON=${FG_PYTHON:-python3}
bench() { "$PYTHON" "$SRC/bench/run" --build "${FG_BUILDDIR:-build}" --made "$@"; }

mpi=mpi
if "$FORAGE" --version | grep -q 'MPI: none'; then mpi=none; fi

bench --keys >"$T/keys"
sed '/^<!-- keys -->$/,/^<!-- \/keys -->$/!d;//d' "$SRC/doc/performance.md" >"$T/page"
expect "doc/performance.md lists the keys of bench/run" "$(cat "$T/keys")" "$(cat "$T/page")"

bench --quick --json --only limits,train,eval,codecs,workers,tasks,ranks,load,scale,learn >"$T/json" 2>"$T/err" ||
    not_ok "bench/run --quick ends well" "$(tail -5 "$T/err")"
expect "its figures are positive numbers, one of each kind is there" "as it should be" "$("$PYTHON" - "$T/json" "$mpi" 2>&1 <<'PY'
import json, sys
f = json.load(open(sys.argv[1]))
wanted = """fma_gflops_per_s l1_gb_per_s memory_gb_per_s softmax_samples_per_s two_nn_roofline_share char_lstm_bound_share
two_nn_eval_samples_per_s lr_mnist_task_cpu_s startup_s peak_memory_mb mnist_load_s client_rounds_per_s_8192
softmax_round_vs_training_x two_threads_vs_one_x codec_int8_encode_gb_per_s codec_sparse_ternary_decode_gb_per_s""".split()
if sys.argv[2] == "mpi":
    wanted.append("aggregator_updates_per_s")
missing = [k for k in wanted if k not in f]
# A peak is not known for kernels of plain C, and a difference of two times may be anything on a busy machine.
differences = {"lr_mnist_task_s", "two_threads_vs_one_x", "two_ranks_vs_one_x"}
odd = [k for k, v in f.items() if not isinstance(v, float) or v < 0 and k not in differences]
print("as it should be" if not missing and not odd else f"missing {missing}, odd {odd}")
PY
)"
bench --quick --only load --markdown >"$T/md" 2>"$T/err"
expect_match "--markdown has every figure with a goal" '^[|] MNIST from its cached file, s [|] [0-9.]+ [|]( [0-9.]+ to [0-9.]+| ) [|] <= 0.1 [|] (yes|[*]{2}no[*]{2}) [|]$' "$(grep 'MNIST from' "$T/md")"
expect_match "and says which were not measured" '^[|] LeNet-5 [|] not measured [|] [|] >= 4 [|] [|]$' "$(grep 'LeNet-5 | not' "$T/md" | tail -1)"

listed() { sed -n '/^| figure /,/^$/s/^| \([^|]*[^ |]\) |.*/\1/p' "$1" | sed 's/ ([^()]*)$//'; }
expect "doc/performance.md has the same rows" "$(listed "$T/md")" "$(listed "$SRC/doc/performance.md")"

# Peers that cannot be installed, or that fail: said, and the rest is measured. This python has nothing, or all that does not work.
mkdir -p "$T/venv/bin"
printf '#!/bin/sh\nexit 1\n' >"$T/venv/bin/python"
chmod +x "$T/venv/bin/python"
bench --quick --only train --peers "$T/venv" >"$T/table" 2>"$T/err"
expect "packages that cannot be installed: the rest is measured" 0 $?
expect_match "what could not be installed is said" "not measured: torch: could not be installed into" "$(cat "$T/table")"
expect_match "and the figures that lack it" "not measured: two_nn_vs_pfl_x: torch and pfl could not be installed" "$(cat "$T/table")"
expect_match "the table begins with the machine" "^machine: .*, [0-9]+ cores" "$(head -n 1 "$T/table")"
# shellcheck disable=SC2016 # expanded by that script
printf '#!/bin/sh\n[ "$1" != -c ] || exit 0\necho "no such form" >&2\nexit 1\n' >"$T/venv/bin/python"
bench --quick --only train --peers "$T/venv" >"$T/table" 2>"$T/err"
expect "peers that fail: the rest is measured" 0 $?
expect_match "why they failed is said" "not measured: two_nn_vs_pfl_x: pfl_task.py two_nn did not get ready: no such form" "$(cat "$T/table")"

bench --only nothing >"$T/out" 2>"$T/err"
expect "an unknown part is a usage error" "2" "$?"
expect_match "and says which there are" "unknown part nothing; there are limits train" "$(cat "$T/err")"
done_testing
