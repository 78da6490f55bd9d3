"""Convolutions (NHWC, stride 1) of clients that each have their own weights, two ways to write them under vmap."""
import jax.numpy as jnp
from jax import lax


def grouped(x, w, padding):
    """As XLA's convolution, of which vmap makes one with a group a client."""
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def products(x, w, padding):
    """As a product of patches and weights, of which vmap makes a batch of products: groups are slow in many versions."""
    k = w.shape[0]
    if padding == "SAME":
        x = jnp.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    h, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    patches = jnp.concatenate([x[:, i:i + h, j:j + width] for i in range(k) for j in range(k)], -1)
    return patches @ w.reshape(-1, w.shape[-1])


FORMS = {"products": products, "grouped": grouped}
