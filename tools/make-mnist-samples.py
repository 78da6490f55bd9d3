#!/usr/bin/env python3
"""Makes datasets/samples/mnist-writers from the full MNIST files and their tables of writers.

    python3 tools/make-mnist-samples.py DATA_DIR [OUT_DIR]

DATA_DIR holds mnist/ (four IDX files and two writer tables, gz); OUT_DIR is datasets/samples by default. Takes whole
writers, spread evenly over the writers that have at least MIN digits, so that each keeps its own distribution of
labels: TRAIN_WRITERS from the training part, TEST_WRITERS from the test part. The output depends on nothing else.
"""
import gzip
import os
import struct
import sys

TRAIN_WRITERS, TEST_WRITERS, MIN = 60, 60, {"train": 80, "t10k": 15}


def read(path):
    with gzip.open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        with gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
            z.write(data)


def part(source, out, prefix, writers_wanted):
    images = read(f"{source}/{prefix}-images-idx3-ubyte.gz")
    labels = read(f"{source}/{prefix}-labels-idx1-ubyte.gz")
    table = read(f"{source}/{prefix}-writers.csv.gz").decode().splitlines()
    rows = [r.split(",") for r in table if not r.startswith("#")]
    column = rows[0].index("writer")
    writer = [r[column] for r in rows[1:]]
    _, n, height, width = struct.unpack(">IIII", images[:16])
    assert n == len(labels) - 8 == len(writer)
    count = {}
    for w in writer:
        count[w] = count.get(w, 0) + 1
    able = sorted((w for w in count if count[w] >= MIN[prefix]), key=int)
    chosen = {able[i * len(able) // writers_wanted] for i in range(writers_wanted)}
    keep = [i for i in range(n) if writer[i] in chosen]
    size = height * width
    write(f"{out}/{prefix}-images-idx3-ubyte.gz", struct.pack(">IIII", 0x803, len(keep), height, width) +
          b"".join(images[16 + i * size:16 + (i + 1) * size] for i in keep))
    write(f"{out}/{prefix}-labels-idx1-ubyte.gz", struct.pack(">II", 0x801, len(keep)) +
          bytes(labels[8 + i] for i in keep))
    lines = ["# writer of every digit beside this file; mnist_index is its place in the full MNIST part",
             "index,label,writer,mnist_index"]
    lines += [f"{j},{labels[8 + i]},{writer[i]},{i}" for j, i in enumerate(keep)]
    write(f"{out}/{prefix}-writers.csv.gz", ("\n".join(lines) + "\n").encode())
    print(f"{prefix}: {len(keep)} digits of {len(chosen)} writers")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    out = os.path.join(sys.argv[2] if len(sys.argv) == 3 else os.path.join(here, "../datasets/samples"), "mnist-writers")
    os.makedirs(out, exist_ok=True)
    part(f"{sys.argv[1]}/mnist", out, "train", TRAIN_WRITERS)
    part(f"{sys.argv[1]}/mnist", out, "t10k", TEST_WRITERS)


main()
