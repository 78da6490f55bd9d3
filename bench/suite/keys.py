"""The one table of what bench/run measures: doc/performance.md, the printed table and --json all come from it.

A name may hold {model}, {way}, {codec} or {batch}; it then stands for one key each. `goal` is (">=" or "<=", value) or None; `needs`
is "" for what every run measures, else what it takes: "peers" (--peers), "numpy" or "mpi" (a build with MPI).
"""
from typing import NamedTuple, Optional, Tuple

# As in the keys: as in the program.
MODELS = {"softmax": "softmax", "two_nn": "2nn", "lenet5": "lenet5", "mcmahan_cnn": "mcmahan_cnn", "pfl_cnn": "pfl_cnn",
          "char_lstm": "char_lstm"}
CONVOLUTIONS = ("mcmahan_cnn", "pfl_cnn")
AGAINST_PFL = ("two_nn", "lenet5")
WAYS = ("fp32", "int8", "ternary", "sparse_ternary")
# As in wire.codec, with _ for -; sparse_ternary: ternary at wire.density = 0.01.
CODECS = ("none", "zstd", "fp16", "bf16", "int8", "int4", "int8_range", "int4_range", "ternary", "ternary_range", "sparse_ternary",
          "adaptive", "drive", "top_k", "stc", "sign", "powersgd")
BATCHES = (1, 4, 16, 32, 64)


class Key(NamedTuple):
    name: str
    text: str
    goal: Optional[Tuple[str, float]] = None
    needs: str = ""
    over: Tuple[str, ...] = tuple(MODELS)  # what {model}, {way} or {codec} stands for


KEYS = [
    # limits of the machine, one core
    Key("fma_gflops_per_s", "limit of one core: fp32 multiply-adds in registers"),
    Key("l1_gb_per_s", "limit of one core: bytes read from its first cache"),
    Key("l2_gb_per_s", "the same, second cache"),
    Key("l3_gb_per_s", "the same, shared cache (an eighth of it)"),
    Key("memory_gb_per_s", "the same, main memory"),
    # training
    Key("{model}_samples_per_s", "training, batch 10, one core, CPU time"),
    Key("{model}_roofline_share", "the same as a share of the multiply-add peak measured around each repetition"),
    Key("two_nn_roofline_share", "", (">=", 0.70)),
    Key("{model}_bound_share", "the same as a share of the roofline that binds: the arithmetic, or the weights' way through "
        "the memory that holds them, once forward, once back and once updated (more than 1 where part of them stays in a faster one)"),
    Key("{model}_batch{batch}_samples_per_s", "training at another batch, one core, CPU time"),
    Key("{model}_batch{batch}_bound_share", "the same as a share of the roofline that binds"),
    Key("{model}_eval_samples_per_s", "evaluation, forward only, one core, CPU time", over=("two_nn", "mcmahan_cnn")),
    Key("{model}_eval_roofline_share", "the same as a share of the multiply-add peak", over=("two_nn", "mcmahan_cnn")),
    Key("{model}_bf16_vs_exact_x", "train.arithmetic = bf16 against exact, batch 10", over=CONVOLUTIONS),
    Key("{model}_eval_bf16_vs_exact_x", "the same of evaluation, which follows that key", over=CONVOLUTIONS),
    Key("{model}_two_cores_x", "eight clients on two threads against one, wall time, the least of five turns of each", (">=", 1.9),
        over=("two_nn", "mcmahan_cnn")),
    Key("two_threads_vs_one_x", "a study of the 2NN, 100 clients a round, 15 rounds without the start, on two threads against one, "
        "wall time"),
    Key("two_ranks_vs_one_x", "the same over two ranks of simulate against one process", (">=", 1.9), "mpi"),
    Key("{model}_vs_best_expert", "our samples/s over those of PyTorch or JAX in the form that comes nearest, turn by turn, "
        "batch 10, one core", needs="peers"),
    Key("softmax_vs_best_expert", "", (">=", 3.0), "peers"),
    Key("two_nn_vs_best_expert", "", (">=", 1.8), "peers"),
    Key("lenet5_vs_best_expert", "", (">=", 2.5), "peers"),
    Key("mcmahan_cnn_vs_best_expert", "", (">=", 1.5), "peers"),
    Key("pfl_cnn_vs_best_expert", "", (">=", 1.5), "peers"),
    Key("char_lstm_vs_best_expert", "", (">=", 2.0), "peers"),
    Key("{model}_vs_pfl_x", "the same over pfl-research's simulation in one process, training rounds of 10 users", needs="peers",
        over=AGAINST_PFL),
    Key("two_nn_vs_pfl_x", "", (">=", 7.0), "peers"),
    Key("lenet5_vs_pfl_x", "", (">=", 4.0), "peers"),
    Key("{model}_eval_vs_best_expert", "`{model}_vs_best_expert`, forward only", (">=", 1.5), "peers", over=("two_nn", "mcmahan_cnn")),
    Key("{model}_bf16_vs_best_expert", "training under train.arithmetic = bf16 against the same opponents in float and PyTorch "
        "under autocast to bfloat16, whichever comes nearest", (">=", 2.0), "peers", over=CONVOLUTIONS),
    Key("{model}_eval_bf16_vs_best_expert", "the same, forward only", needs="peers", over=CONVOLUTIONS),
    Key("mcmahan_cnn_eval_bf16_vs_best_expert", "", (">=", 1.5), "peers"),
    # aggregation
    Key("numpy_add_updates_per_s", "NumPy's += of ready float32 arrays of 1,663,370 values, one core", needs="numpy"),
    Key("sum_{way}_updates_per_s", "from a frame's bytes to the rule's sum, checksum verified, the same size, one core",
        needs="numpy", over=WAYS),
    Key("sum_{way}_vs_numpy_x", "the same over NumPy's +=, turn by turn", needs="numpy", over=WAYS),
    Key("sum_fp32_vs_numpy_x", "", (">=", 0.85), "numpy"),
    Key("sum_{way}_vs_flower_x", "the same over Flower's in-place aggregation of serialised arrays, turn by turn", needs="peers",
        over=WAYS),
    Key("sum_fp32_vs_flower_x", "", (">=", 4.5), "peers"),
    Key("sum_int8_vs_flower_x", "", (">=", 15.0), "peers"),
    Key("sum_sparse_ternary_vs_flower_x", "", (">=", 50.0), "peers"),
    Key("aggregator_updates_per_s", "one aggregator and 64 worker processes on loopback that answer every task at once with a ready "
        "update of the 2NN (0.8 MB): updates taken in, wall time, rounds and the joining of workers included", needs="mpi"),
    Key("aggregator_cpu_ms_per_update", "the same: CPU time of the aggregator, start and end included", needs="mpi"),
    Key("aggregator_processor_share", "the same: of its wall time, on a processor; the rest it waits", needs="mpi"),
    Key("aggregator_peak_mb", "the same: its most memory", needs="mpi"),
    Key("aggregator_turns_x", "the same: the most answers of a worker over the least", needs="mpi"),
    # codecs
    Key("memcpy_gb_per_s", "limit of one core: copying 1,663,370 floats"),
    Key("codec_{codec}_encode_gb_per_s", "floats encoded, normal deviates, one core", over=CODECS),
    Key("codec_{codec}_decode_gb_per_s", "the same, decoded", over=CODECS),
    # whole tasks
    Key("lr_mnist_task_s", "FLUTE's LR_MNIST task: softmax, batch 10, 100 rounds of 10 of 1000 clients; wall time of rounds "
        "1 to 100 after the first, everything but the start included"),
    Key("lr_mnist_task_cpu_s", "the same, CPU time"),
    Key("lenet_cifar_task_s", "BlazeFL's task: LeNet-5, CIFAR-10's shape, 100 clients x 500 samples, all of them, E = 5, "
        "B = 50, 5 rounds (one is measured), wall time, all cores"),
    Key("lenet_cifar_task_cpu_s", "the same, CPU time"),
    Key("lr_mnist_task_vs_torch_loop_x", "what a plain PyTorch loop, one thread, takes for the 60,000 samples of that softmax "
        "task / `lr_mnist_task_cpu_s`, turn by turn", (">=", 20), "peers"),
    Key("lenet_cifar_task_vs_torch_loop_x", "what a plain PyTorch loop, one thread, takes for the 1,250,000 samples of the LeNet-5 "
        "task / `lenet_cifar_task_s`, turn by turn", (">=", 5), "peers"),
    Key("lr_mnist_task_vs_flower_x", "what Flower's simulation (Ray, all cores) takes for 100 rounds of that softmax task, wall time, "
        "its start not counted / `lr_mnist_task_s`, one turn", (">=", 200), "peers"),
    Key("lr_mnist_task_vs_pfl_x", "the same for pfl-research's simulation in one process, CPU time / `lr_mnist_task_cpu_s`, turn by turn",
        needs="peers"),
    Key("startup_s", "from the start of the program to its end after one round of that softmax task, wall time",
        ("<=", 0.2)),
    Key("startup_cpu_s", "the same, CPU time"),
    Key("peak_memory_mb", "most memory of the softmax task (Flower: 2,800 MB)", ("<=", 140)),
    Key("mnist_import_s", "MNIST from its raw files into the HDF5 file that later runs map, wall time"),
    Key("mnist_load_s", "MNIST from that file, every byte checked, wall time", ("<=", 0.1)),
    # scale
    Key("client_rounds_per_s_8192", "train.mode = cost-only, 8,192 clients, all that are up take part: clients x rounds / s "
        "(SimGrid: 11,900)", (">=", 200 * 11900)),
    Key("tasks_per_s_8192", "the same: tasks played / s"),
    Key("client_rounds_whole_per_s_8192", "the same study's 168 rounds, from the program's start to its end: its inputs read, "
        "1,000,000 rows of results written and packed"),
    Key("bytes_per_client_1e6", "most memory of a study of 1,000,000 clients, program, checkpoints and run.h5 included",
        ("<=", 256)),
    Key("client_round_ns_1e4", "cost-only, a thousandth of the clients picked each round: time a client and round"),
    Key("client_round_ns_1e6", "the same at 1,000,000 clients"),
    Key("client_round_flatness_x", "the second over the first", ("<=", 1.5)),
    Key("{model}_round_vs_training_x", "learning on: a round of 100 out of 100,000 clients, 60 epochs of its ten samples each, batch 10, whatever it "
        "takes / the training of as many samples alone (`{model}_samples_per_s`), turn by turn, one core, CPU time", ("<=", 1.2),
        over=("softmax", "two_nn")),
]


PLACES = ("{model}", "{way}", "{codec}")


def expand():
    """All keys in order: name -> Key; a later, literal entry overrides the goal of a pattern's."""
    out = {}
    for k in KEYS:
        for m in k.over if any(p in k.name for p in PLACES) else ("",):
            for b in BATCHES if "{batch}" in k.name else ("",):
                name = k.name.replace("{batch}", str(b))
                for place in PLACES:
                    name = name.replace(place, m)
                out[name] = k._replace(name=name, text=k.text or out[name].text)
    return out


def page():
    """The table of keys in Markdown, patterns unexpanded."""
    lines = ["| key | what | goal |", "|---|---|---|"]
    for k in KEYS:
        if k.text:
            goal = f"{k.goal[0]} {k.goal[1]:,g}" if k.goal else ""
            of = f" ({', '.join(k.over)})" if "{" in k.name and k.over not in (tuple(MODELS), CODECS) else ""
            lines.append(f"| `{k.name}`{of} | {k.text} | {goal} |")
        else:
            lines.append(f"| `{k.name}` | of these | {k.goal[0]} {k.goal[1]:,g} |")
    models, codecs = (", ".join(f"`{m}`" for m in names) for names in (MODELS, CODECS))
    return "\n".join(lines + ["", f"`{{model}}` is one of {models}; `{{batch}}` of {', '.join(map(str, BATCHES))}; `{{codec}}` of "
                              f"{codecs} (`sparse_ternary`: `ternary` at a density of 0.01)."])


def reached(key, value):
    """True or False where the key has a goal, else None."""
    if key.goal is None:
        return None
    return value >= key.goal[1] if key.goal[0] == ">=" else value <= key.goal[1]
