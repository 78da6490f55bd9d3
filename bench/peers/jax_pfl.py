#!/usr/bin/env python3
"""The opponent on a GPU: pfl-research's CIFAR10 benchmark shape in JAX, as an expert would write it.

1000 users x 50 images, cohort 50, one local epoch, batch 10, lr 0.1, the pfl CNN with dropout, unweighted mean,
evaluation every 10 rounds on 10,000 images. Data are random bytes: time is measured, not accuracy.
Two forms: `scan`, whole rounds in one jit (vmap over clients, scan over steps and rounds); `loop`, one jitted step of
all clients called from Python; each with convolutions as products and as XLA's own (jax_conv.py). Compiled before the clock
starts, parameters donated. A line of JSON on stdout as each is done. Exits 77 without JAX or without a GPU (--cpu allows it).
"""
import argparse
import json
import sys
import time

try:
    import jax
    import jax.numpy as jnp
    from jax import lax, random
except ImportError:
    print("jax_pfl: no JAX here")
    sys.exit(77)

import jax_conv

USERS, IMAGES, BATCH, LR = 1000, 50, 10, 0.1


def init(key):
    shapes = {"c1": (3, 3, 3, 32), "c2": (3, 3, 32, 64), "d1": (12544, 128), "d2": (128, 10)}
    params = {}
    for name, shape in shapes.items():
        key, use = random.split(key)
        fan = shape[-1] + shape[-2]
        if len(shape) == 4:
            fan *= 9
        limit = (6.0 / fan) ** 0.5
        params[name] = (random.uniform(use, shape, minval=-limit, maxval=limit), jnp.zeros(shape[-1]))
    return params


def conv(x, p, form):
    return jax.nn.relu(jax_conv.FORMS[form](x, p[0], "VALID") + p[1])


def drop(key, x, rate):
    return jnp.where(random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def scores(params, x, key, form):
    x = x.astype(jnp.float32) / 255.0 - 0.5
    x = conv(conv(x, params["c1"], form), params["c2"], form)
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    if key is not None:
        x = drop(random.fold_in(key, 0), x, 0.25)
    x = jax.nn.relu(x.reshape(x.shape[0], -1) @ params["d1"][0] + params["d1"][1])
    if key is not None:
        x = drop(random.fold_in(key, 1), x, 0.5)
    return x @ params["d2"][0] + params["d2"][1]


def loss(params, x, y, key, form):
    z = scores(params, x, key, form)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def sgd(params, x, y, key, form):
    gradient = jax.grad(loss)(params, x, y, key, form)
    return jax.tree_util.tree_map(lambda w, g: w - LR * g, params, gradient)


def orders(data, key, cohort):
    """The clients of a round: keys (cohort), and the samples of their steps (steps, cohort, BATCH), in a random order."""
    who = random.choice(key, USERS, (cohort,), replace=False)
    keys = random.split(key, cohort)
    order = jax.vmap(lambda k: random.permutation(k, IMAGES))(keys) + who[:, None] * IMAGES
    return keys, order.reshape(cohort, -1, BATCH).transpose(1, 0, 2)


def spread(params, cohort):
    return jax.tree_util.tree_map(lambda p: jnp.broadcast_to(p, (cohort, *p.shape)), params)


def mean(w):
    return jax.tree_util.tree_map(lambda p: jnp.mean(p, 0), w)


def all_clients(w, data, order, keys, i, form):
    """Step i of all clients."""
    draw = jax.vmap(lambda k: random.fold_in(k, i))(keys)
    return jax.vmap(lambda p, x, y, k: sgd(p, x, y, k, form))(w, data[0][order[i]], data[1][order[i]], draw)


def by_scan(cohort, form):
    def one(w, data, key):
        keys, order = orders(data, key, cohort)
        steps = jnp.arange(IMAGES // BATCH)
        return mean(lax.scan(lambda c, i: (all_clients(c, data, order, keys, i, form), None), spread(w, cohort), steps)[0])

    def some_rounds(params, data, key, n):
        return lax.scan(lambda w, i: (one(w, data, random.fold_in(key, i)), None), params, jnp.arange(n))[0]
    return jax.jit(some_rounds, static_argnums=3, donate_argnums=0)


def by_loop(cohort, form):
    start = jax.jit(lambda params, data, key, r: (spread(params, cohort), *orders(data, random.fold_in(key, r), cohort)))
    step = jax.jit(lambda w, data, order, keys, i: all_clients(w, data, order, keys, i, form), donate_argnums=0)
    end = jax.jit(mean)

    def some_rounds(params, data, key, n):
        for r in range(n):
            w, keys, order = start(params, data, key, r)
            for i in range(IMAGES // BATCH):
                w = step(w, data, order, keys, i)
            params = end(w)
        return params
    return some_rounds


def accuracy(params, x, y):
    def part(total, xy):
        return total + jnp.sum(jnp.argmax(scores(params, xy[0], None, "grouped"), 1) == xy[1]), None
    parts = (x.reshape(-1, 500, *x.shape[1:]), y.reshape(-1, 500))
    return lax.scan(part, 0, parts)[0]


def measure(run, rounds, every, data, test):
    evaluate = jax.jit(accuracy)
    params, key = run(init(random.PRNGKey(1)), data, random.PRNGKey(2), every), random.PRNGKey(3)
    jax.block_until_ready((params, evaluate(params, *test)))  # compiled before the clock
    begin = time.perf_counter()
    for r in range(0, rounds, every):
        params = run(params, data, random.fold_in(key, r), every)
        right = evaluate(params, *test)
    jax.block_until_ready((params, right))
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--cohort", type=int, default=50)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--test", type=int, default=10000, help="images of an evaluation, a multiple of 500")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="without a GPU, too")
    arg = parser.parse_args()
    if jax.default_backend() != "gpu" and not arg.cpu:
        print("jax_pfl: JAX sees no GPU")
        sys.exit(77)
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if arg.tf32 else "highest")
    key = random.PRNGKey(0)
    data = (random.randint(key, (USERS * IMAGES, 32, 32, 3), 0, 256, jnp.uint8),
            random.randint(key, (USERS * IMAGES,), 0, 10))
    test = (data[0][:arg.test], data[1][:arg.test])
    out = {"device": str(jax.devices()[0]), "rounds": arg.rounds, "cohort": arg.cohort, "tf32": arg.tf32}
    for make, name in ((by_scan, "scan"), (by_loop, "loop")):
        for form in jax_conv.FORMS:
            key = f"{name}_{form}"
            try:
                out[key + "_s"] = measure(make(arg.cohort, form), arg.rounds, arg.every, data, test)
            except Exception as e:  # pylint: disable=broad-except  # no memory, or no such algorithm: the others go on
                out[key + "_error"] = (str(e).splitlines() or [type(e).__name__])[0][:200]
            else:
                out[key + "_samples_per_s"] = arg.rounds * arg.cohort * IMAGES / out[key + "_s"]
            print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
