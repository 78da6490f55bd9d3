"""JAX at its best: jax_train.py MODEL FORM

FORM: scan (a scan over steps of vmap over 8 clients, one program: best where all is dense), loop (a jitted step called
in a Python loop: best with convolutions, which are slow inside scan), forward (evaluation, jitted, 256 samples at a time).
"""
import sys
from functools import partial

import common
import jax
import jax.numpy as jnp
import jax_conv
import numpy as np

RNG = np.random.default_rng(1)
LAYERS = {  # convolutions (kernel, in, out, padding, pooled), then dense (in, out)
    "softmax": ([], [(784, 10)]),
    "two_nn": ([], [(784, 200), (200, 200), (200, 10)]),
    "lenet5": ([(5, 3, 6, "VALID", 1), (5, 6, 16, "VALID", 1)], [(400, 120), (120, 84), (84, 10)]),
    "mcmahan_cnn": ([(5, 1, 32, "SAME", 1), (5, 32, 64, "SAME", 1)], [(3136, 512), (512, 10)]),
    "pfl_cnn": ([(3, 3, 32, "VALID", 0), (3, 32, 64, "VALID", 1)], [(12544, 128), (128, 10)]),
}


def normal(*shape):
    return jnp.asarray(RNG.normal(0, 0.05, shape), jnp.float32)


def network(name, conv="grouped"):
    """Parameters, and the function from them and a batch to logits; conv: jax_conv.py."""
    if name == "char_lstm":
        return lstm()
    convs, denses = LAYERS[name]
    params = [(normal(k, k, i, o), normal(o)) for k, i, o, _, _ in convs] + [(normal(i, o), normal(o)) for i, o in denses]

    def logits(p, x):
        for (w, b), (_, _, _, padding, pooled) in zip(p, convs):
            x = jax.nn.relu(jax_conv.FORMS[conv](x, w, padding) + b)
            if pooled:
                x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(x.shape[0], -1)
        for i, (w, b) in enumerate(p[len(convs):]):
            x = x @ w + b
            x = jax.nn.relu(x) if i + 1 < len(denses) else x
        return x
    return params, logits


def lstm():
    e, h, c = common.EMBED, common.HIDDEN, common.CHARS
    params = [normal(c, e), (normal(e, 4 * h), normal(h, 4 * h), normal(4 * h)),
              (normal(h, 4 * h), normal(h, 4 * h), normal(4 * h)), (normal(h, c), normal(c))]

    def layer(p, xs):  # (T, B, .)
        wx, wh, b = p
        xs = xs @ wx + b

        def cell(s, x):
            i, f, g, o = jnp.split(x + s[0] @ wh, 4, axis=-1)
            cell_state = jax.nn.sigmoid(f) * s[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            out = jax.nn.sigmoid(o) * jnp.tanh(cell_state)
            return (out, cell_state), out
        zero = jnp.zeros((xs.shape[1], h))
        return jax.lax.scan(cell, (zero, zero), xs)[1]

    def logits(p, x):
        xs = p[0][x.T]
        xs = layer(p[2], layer(p[1], xs))
        return (xs @ p[3][0] + p[3][1]).swapaxes(0, 1).reshape(-1, c)
    return params, logits


def data(name, *shape):
    if name == "char_lstm":
        x = jnp.asarray(RNG.integers(common.CHARS, size=shape + (common.LENGTH,)))
        return x, jnp.asarray(RNG.integers(common.CHARS, size=shape[:-1] + (shape[-1] * common.LENGTH,)))
    return (jnp.asarray(RNG.random(shape + common.IMAGE[name]), jnp.float32), jnp.asarray(RNG.integers(10, size=shape)))


def step_of(logits):
    def loss(p, x, y):
        z = jax.nn.log_softmax(logits(p, x))
        return -jnp.take_along_axis(z, y[:, None], 1).mean()

    def step(p, x, y):
        return jax.tree.map(lambda a, b: a - 0.01 * b, p, jax.grad(loss)(p, x, y))
    return step


def scan(name):
    params, logits = network(name)
    step, k = step_of(logits), common.VMAP
    x, y = data(name, common.STEPS, k, common.BATCH)
    x = x.reshape(common.STEPS, k, common.BATCH, -1)
    params = jax.tree.map(lambda a: jnp.stack([a] * k), params)

    @partial(jax.jit, donate_argnums=0)
    def clients(p, x, y):
        return jax.lax.scan(lambda q, b: (jax.vmap(step)(q, *b), 0), p, (x, y))[0]
    state = {"p": params}

    def work():
        state["p"] = clients(state["p"], x, y)
        jax.block_until_ready(state["p"])
        return k * common.STEPS * common.BATCH
    return work


def loop(name):
    params, logits = network(name)
    step = jax.jit(step_of(logits), donate_argnums=0)
    steps = 2 if name == "char_lstm" else 10
    x, y = data(name, steps, common.BATCH)
    xs, ys = list(x), list(y)
    state = {"p": params}

    def work():
        for xb, yb in zip(xs, ys):
            state["p"] = step(state["p"], xb, yb)
        jax.block_until_ready(state["p"])
        return steps * common.BATCH
    return work


def forward(name):
    params, logits = network(name)
    run = jax.jit(lambda p, x: logits(p, x).argmax(1))
    x, _ = data(name, 256)

    def work():
        jax.block_until_ready(run(params, x))
        return 256
    return work


def main():
    name, form = sys.argv[1:3]
    common.serve(f"jax-{jax.__version__}-{form}", {"scan": scan, "loop": loop, "forward": forward}[form](name))


if __name__ == "__main__":
    main()
