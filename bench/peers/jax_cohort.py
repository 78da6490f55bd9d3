#!/usr/bin/env python3
"""Cohorts of clients on a GPU in JAX: jax_cohort.py [--tf32] [--clients N] [--samples N] [--seconds S] [--cpu] [MODEL...]

Samples/s of local epochs as bench_device has them: so many clients, each with its own parameters, in batches of 10. Forms:
`scan`, vmap over clients and scan over steps in one jit, `loop`, the jitted step of all clients in a Python loop; with
convolutions as products and as XLA's own (jax_conv.py). Compiled before the clock starts, parameters donated. A line of JSON
as each is done. Exits 77 without JAX or without a GPU (--cpu allows it).
"""
import json
import os
import sys
import time

os.environ["FG_PEER_GPU"] = "1"
try:
    import jax
    import jax.numpy as jnp
except ImportError:
    print("jax_cohort: no JAX here")
    sys.exit(77)

import common
import jax_conv
import jax_train


def spread(params, clients):
    return jax.tree.map(lambda p: jnp.broadcast_to(p, (clients, *p.shape)), params)


def epoch(form, step):
    """From one set of parameters to every client's: all steps of all clients, each on a batch of its own."""
    every = jax.vmap(step)

    def scan(params, xs, ys):
        return jax.lax.scan(lambda w, b: (every(w, *b), None), spread(params, xs.shape[1]), (xs, ys))[0]
    if form == "scan":
        return jax.jit(scan)
    first = jax.jit(lambda params, xs, ys: every(spread(params, xs.shape[1]), xs[0], ys[0]))
    other = jax.jit(lambda w, xs, ys, i: every(w, xs[i], ys[i]), donate_argnums=0)

    def loop(params, xs, ys):
        w = first(params, xs, ys)
        for i in range(1, xs.shape[0]):
            w = other(w, xs, ys, i)
        return w
    return loop


def measure(run, params, xs, ys, seconds):
    """Epochs a second; the first one compiles."""
    jax.block_until_ready(run(params, xs, ys))
    begin, n = time.perf_counter(), 0
    while n < 3 or time.perf_counter() - begin < seconds:
        jax.block_until_ready(run(params, xs, ys))
        n += 1
    return n / (time.perf_counter() - begin)


def main():
    arg = common.cohort_options(__doc__)
    if jax.default_backend() != "gpu" and not arg.cpu:
        print("jax_cohort: JAX sees no GPU")
        sys.exit(77)
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if arg.tf32 else "highest")
    print(json.dumps({"device": str(jax.devices()[0]), "clients": arg.clients, "tf32": arg.tf32}), flush=True)
    for model in arg.model or common.MODELS:
        found = {}
        convs = list(jax_conv.FORMS) if model in jax_train.LAYERS and jax_train.LAYERS[model][0] else ["products"]
        for form in ("scan", "loop"):
            for conv in convs:
                name = form if len(convs) == 1 else f"{form}_{conv}"
                try:
                    params, logits = jax_train.network(model, conv)
                    xs, ys = jax_train.data(model, arg.samples // common.BATCH, arg.clients, common.BATCH)
                    run = epoch(form, jax_train.step_of(logits))
                    rate = measure(run, params, xs, ys, arg.seconds) * arg.clients * xs.shape[0] * common.BATCH
                    found[name] = round(rate)
                except Exception as e:  # pylint: disable=broad-except  # the others go on
                    found[name] = "error: " + (str(e).splitlines() or [type(e).__name__])[0][:200]
                print(json.dumps({model: found}), flush=True)


if __name__ == "__main__":
    main()
