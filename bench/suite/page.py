"""What doc/performance.md shows of a run: the figures that have a goal, in Markdown, a row each."""
from . import keys
from .figures import shown

# Headings, and under each what a row is called and its key; every key that has a goal is here.
ROWS = (
    ("**Training**, one core, batch 10: times as fast as the nearest of PyTorch and JAX", (
        ("softmax", "softmax_vs_best_expert"), ("2NN", "two_nn_vs_best_expert"), ("LeNet-5", "lenet5_vs_best_expert"),
        ("McMahan CNN", "mcmahan_cnn_vs_best_expert"), ("pfl CNN", "pfl_cnn_vs_best_expert"),
        ("char-LSTM", "char_lstm_vs_best_expert"), ("McMahan CNN, bf16", "mcmahan_cnn_bf16_vs_best_expert"),
        ("pfl CNN, bf16", "pfl_cnn_bf16_vs_best_expert"))),
    ("the same over pfl-research", (("2NN", "two_nn_vs_pfl_x"), ("LeNet-5", "lenet5_vs_pfl_x"))),
    ("share of the multiply-add peak", (("2NN", "two_nn_roofline_share"),)),
    ("two cores over one", (("2NN", "two_nn_two_cores_x"), ("McMahan CNN", "mcmahan_cnn_two_cores_x"))),
    ("**Evaluation**, one core: times the nearest of PyTorch and JAX", (
        ("2NN", "two_nn_eval_vs_best_expert"), ("McMahan CNN", "mcmahan_cnn_eval_vs_best_expert"),
        ("McMahan CNN, bf16", "mcmahan_cnn_eval_bf16_vs_best_expert"))),
    ("**Sums** of updates, from wire bytes", (
        ("fp32 over NumPy's `+=`", "sum_fp32_vs_numpy_x"), ("fp32 over Flower", "sum_fp32_vs_flower_x"),
        ("8 bits over Flower", "sum_int8_vs_flower_x"), ("sparse ternary over Flower", "sum_sparse_ternary_vs_flower_x"))),
    ("**Whole tasks**", (
        ("FLUTE's softmax task over a plain PyTorch loop", "lr_mnist_task_vs_torch_loop_x"),
        ("the same over Flower", "lr_mnist_task_vs_flower_x"),
        ("LeNet-5 task, all cores, over a plain PyTorch loop", "lenet_cifar_task_vs_torch_loop_x"),
        ("from start to the end of a first round, s", "startup_s"), ("peak memory, MB", "peak_memory_mb"),
        ("MNIST from its cached file, s", "mnist_load_s"))),
    ("**Scale** of the simulation", (
        ("client-rounds/s, 8,192 clients, without learning", "client_rounds_per_s_8192"),
        ("bytes a client, 1,000,000 clients", "bytes_per_client_1e6"),
        ("time a client and round at 1,000,000 clients over that at 10,000", "client_round_flatness_x"),
        ("a round that learns, 100 of 100,000 clients, over its training alone: softmax", "softmax_round_vs_training_x"),
        ("the same, 2NN", "two_nn_round_vs_training_x"), ("two ranks of `simulate` over one", "two_ranks_vs_one_x"))),
)


def row(fig, what, key):
    goal = fig.known[key].goal
    if key not in fig.values:
        return f"| {what} | not measured | | {goal[0]} {shown(goal[1])} | |"
    low, middle, high = fig.spread(key)
    hit = "yes" if keys.reached(fig.known[key], middle) else "**no**"
    beside = f" ({fig.beside[key]})" if key in fig.beside else ""
    around = f"{shown(low)} to {shown(high)}" if low < high else ""
    return f"| {what}{beside} | {shown(middle)} | {around} | {goal[0]} {shown(goal[1])} | {hit} |"


def markdown(fig):
    listed = [key for _, rows in ROWS for _, key in rows]
    lacking = {name for name, k in fig.known.items() if k.goal} ^ set(listed)
    if lacking:
        raise KeyError(f"bench/suite/page.py and keys.py differ: {', '.join(sorted(lacking))}")
    lines = [line + "  " for line in fig.about] + ["", "| figure | median | least to most | goal | reached |", "|---|---|---|---|---|"]
    for heading, rows in ROWS:
        lines += [f"| {heading} | | | | |"] + [row(fig, what, key) for what, key in rows]
    return "\n".join(lines + [""] + [f"- not measured: {n}" for n in fig.notes]).rstrip()
