#!/usr/bin/env bash
# bench/run works, its figures are numbers by the keys that doc/performance.md lists, and stdout holds nothing else.
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
PYTHON=${FG_PYTHON:-python3}
bench() { "$PYTHON" "$SRC/bench/run" --build "${FG_BUILDDIR:-build}" --made "$@"; }

bench --keys >"$T/keys"
sed '/^<!-- keys -->$/,/^<!-- \/keys -->$/!d;//d' "$SRC/doc/performance.md" >"$T/page"
expect "doc/performance.md lists the keys of bench/run" "$(cat "$T/keys")" "$(cat "$T/page")"

bench --quick --json --only limits,train,eval,tasks,ranks,load,scale,learn >"$T/json" 2>"$T/err" ||
    not_ok "bench/run --quick ends well" "$(tail -5 "$T/err")"
expect "its figures are positive numbers, one of each kind is there" "as it should be" "$("$PYTHON" - "$T/json" 2>&1 <<'PY'
import json, sys
f = json.load(open(sys.argv[1]))
wanted = """fma_gflops_per_s l1_gb_per_s memory_gb_per_s softmax_samples_per_s two_nn_roofline_share char_lstm_bound_share
two_nn_eval_samples_per_s lr_mnist_task_cpu_s startup_s peak_memory_mb mnist_load_s client_rounds_per_s_8192
softmax_round_vs_training_x two_threads_vs_one_x""".split()
missing = [k for k in wanted if k not in f]
# A peak is not known for kernels of plain C, and a difference of two times may be anything on a busy machine.
differences = {"lr_mnist_task_s", "two_threads_vs_one_x", "two_ranks_vs_one_x"}
odd = [k for k, v in f.items() if not isinstance(v, float) or v < 0 and k not in differences]
print("as it should be" if not missing and not odd else f"missing {missing}, odd {odd}")
PY
)"
bench --only nothing >"$T/out" 2>"$T/err"
expect "an unknown part is a usage error" "2" "$?"
expect_match "and says which there are" "unknown part nothing; there are limits train" "$(cat "$T/err")"
done_testing
