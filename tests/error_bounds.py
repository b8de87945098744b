"""Bounds for the rounding errors of the core against the twin, for every number of a pass.

The model is the usual one (N. Higham, "Accuracy and stability of numerical algorithms", ch. 3):
every operation errs by at most u = eps / 2 of its result, so a sum of k products that is rounded
everywhere errs by at most gamma(k + 1) times the sum of the products' sizes, in whatever order it
is taken, with fused multiply-adds or without. On the way, errors of the operands are carried along:

    z = a W + b     E_z = E_a |W| + gamma(k + 2) ((|a| + E_a) |W| + |b|)
    a = f(z)        E_a = 1.13 E_z + ULPS eps |a|       |f'| <= 1.13, the largest being gelu's
    s = f'(z)       E_s = E_z + SLOPE eps               |f''| <= 1
    x y             E = E_x |y| + |x| E_y + E_x E_y + u |x y|

A term too many or too few in a sum of k is an error of about 1/k of the sum, against k u of the
bound: at float32 the bound finds it for all k below sqrt(1/u), about 4000.
"""

from __future__ import annotations

import numpy as np
import reference as ref
from helpers import Array, Core
from numpy.typing import NDArray

F64 = NDArray[np.float64]
# What an activation and its slope may err by: test_kernels.py
ULPS = {"gelu": 12}
SLOPE = {"gelu": 4, "silu": 20}


def gradient_and_bound(core: Core, X: Array, Y: Array) -> dict[str, tuple[F64, F64]]:
    """The twin's output, cost of each example, and summed gradient, each with its bound.

    For the quadratic loss and any activations but softmax and exp. At float64 the twin rounds as
    the core does, so everything is doubled.
    """
    u = float(np.finfo(core.dtype).eps) / 2
    twice = 2 if core.dtype == np.float64 else 1
    layers = ref.unpack(core.sizes, core.exact)
    names = [*core.names["activation"], core.names["output"]]
    net = {key: core.names[key] for key in ("activation", "output")}
    _, z = ref.forward(core.sizes, core.exact, X, **net)
    a, deltas, C = ref.backward(core.sizes, core.exact, X, Y, **core.names)
    m = len(X)

    def gamma(k: int) -> float:
        return k * u / (1 - k * u)

    def product(x: F64, ex: F64, y: F64, ey: F64, k: int) -> F64:  # |x| |y|: sums of k terms
        x, y = np.abs(x), np.abs(y)
        return ex @ y + x @ ey + ex @ ey + gamma(k + 2) * ((x + ex) @ (y + ey))

    E_a, E_s = [np.zeros_like(a[0])], []
    for (W, b), out, z_l in zip(layers, a[1:], z, strict=True):
        E_z = product(a[len(E_s)], E_a[-1], W, np.zeros_like(W), len(W))
        E_z += gamma(len(W) + 2) * (np.abs(b) + np.abs(z_l))
        name = names[len(E_s)]
        E_a.append(1.13 * E_z + ULPS.get(name, 3) * 2 * u * np.abs(out))
        E_s.append(E_z + SLOPE.get(name, 2) * 2 * u)
    slopes = [np.abs(ref.ACTIVATIONS[name][1](z_l)) for name, z_l in zip(names, z, strict=True)]

    r = np.abs(a[-1] - Y)
    E_r = E_a[-1] + u * (r + E_a[-1])
    E_C = (2 * r * E_r + E_r**2).sum(axis=1) + gamma(r.shape[1] + 2) * ((r + E_r) ** 2).sum(axis=1)

    # r -> g = 2 r -> delta = g s, and then g = delta W^T -> delta = g s, layer by layer
    g, E_g, parts = 2 * r, 2 * E_r, []
    for layer in reversed(range(len(layers))):
        W, s = layers[layer][0], slopes[layer]
        E_d = E_g * s + g * E_s[layer] + E_g * E_s[layer]
        E_d = E_d + u * (np.abs(g) + E_g) * (s + E_s[layer])
        d = np.abs(deltas[layer])
        E_W = product(a[layer].T, E_a[layer].T, d, E_d, m)
        E_b = E_d.sum(axis=0) + gamma(m + 2) * (d + E_d).sum(axis=0)
        parts = [E_W.ravel(), E_b, *parts]
        g = np.abs(deltas[layer] @ W.T)
        E_g = product(deltas[layer], E_d, W.T, np.zeros_like(W.T), W.shape[1])
    summed = m * ref.gradient(core.sizes, core.exact, X, Y, **core.names)
    return {
        "output": (a[-1], twice * E_a[-1]),
        "cost": (C, twice * E_C),
        "gradient": (summed, twice * np.concatenate(parts)),
    }
