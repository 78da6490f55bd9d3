"""What the C programs of bench/ measure."""
import os
import subprocess

from . import keys


def rows(build, program, *args):
    """The table that a program prints: a list of dicts by its head line."""
    text = subprocess.run([os.path.join(build, "bench", program), *map(str, args)], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    head, *lines = [line.split() for line in text.splitlines() if line.strip()]
    return [dict(zip(head, line)) for line in lines]


def limits(fig, build, repeats):
    for row in rows(build, "bench_limits", "auto", repeats):
        fig.add("fma_gflops_per_s", row["GFLOP/s"])
        for key, column in (("l1", "L1"), ("l2", "L2"), ("l3", "L3"), ("memory", "mem")):
            fig.add(f"{key}_gb_per_s", row[f"{column}-GB/s"])


def _how(repeats, quick):
    return ["-r", repeats, "-s", "0" if quick else "0.05"]


def training(fig, build, repeats, quick):
    name = {program: key for key, program in keys.MODELS.items()}
    batches = "10" if quick else ",".join(map(str, (10,) + keys.BATCHES))
    for row in rows(build, "bench_train", *_how(repeats, quick), "-b", batches):
        model = name[row["model"]]
        prefix = model if row["batch"] == "10" else f"{model}_batch{row['batch']}"
        fig.add(f"{prefix}_samples_per_s", row["min/s"], row["median/s"], row["max/s"])
        fig.add(f"{prefix}_bound_share", row["of-bound"])
        if row["batch"] == "10":
            fig.add(f"{model}_roofline_share", row["fma-min"], row["of-fma"], row["fma-max"])


def samples_per_s(build, models, quick):
    """Once each, batch 10."""
    return {row["model"]: float(row["median/s"]) for row in rows(build, "bench_train", *_how(1, quick), *models)}


def loading(fig, build, folder, repeats):
    for row in rows(build, "bench_load", folder, repeats):
        fig.add("mnist_import_s" if row["how"] == "import" else "mnist_load_s", row["s"])


def evaluation(fig, build, repeats, quick):
    for row in rows(build, "bench_train", *_how(repeats, quick), "-f", "2nn", "mcmahan_cnn"):
        model = "two_nn" if row["model"] == "2nn" else row["model"]
        fig.add(f"{model}_eval_samples_per_s", row["min/s"], row["median/s"], row["max/s"])
        fig.add(f"{model}_eval_roofline_share", row["fma-min"], row["of-fma"], row["fma-max"])


def inexact(fig, build, repeats, quick):
    """bf16 and exact turn by turn."""
    for _ in range(1 if quick else max(3, repeats // 2)):
        for model in keys.CONVOLUTIONS:
            for key, more in (("bf16", []), ("eval_bf16", ["-f"])):
                exact, bf16 = (float(rows(build, "bench_train", *_how(1, quick), "-a", a, *more, model)[0]["median/s"])
                               for a in ("exact", "bf16"))
                fig.add(f"{model}_{key}_vs_exact_x", bf16 / exact)


def two_cores(fig, build, repeats, quick):
    if (os.cpu_count() or 1) < 2:
        fig.note("two cores: there is one")
        return
    for row in rows(build, "bench_train", *_how(repeats, quick), "-t", 2, "2nn", "mcmahan_cnn"):
        model = "two_nn" if row["model"] == "2nn" else row["model"]
        fig.add(f"{model}_two_cores_x", row["x-min"], row["x"], row["x-max"])


def codecs(fig, build, repeats, quick):
    for _ in range(repeats):
        for row in rows(build, "bench_codec", 1 if quick else 5):
            if row["codec"] == "memcpy":
                fig.add("memcpy_gb_per_s", row["encode"])
            elif row["density"] != "0.001":
                name = "sparse_ternary" if row["density"] == "0.01" else row["codec"].replace("-", "_")
                fig.add(f"codec_{name}_encode_gb_per_s", row["encode"])
                fig.add(f"codec_{name}_decode_gb_per_s", row["decode"])
