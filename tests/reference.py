"""The readable NumPy twin of the C core: backpropagation in float64, written like the derivation.

Nothing here is fast, and nothing here knows fastnn: the tests compare the library with this file,
and `test_reference.py` compares this file with finite differences and hand-worked numbers.

Notation, for a mini-batch of n rows and layers 1..L (layer 0 is the input, X):

    z = a_in W + b          a_in: (n, n_in)   W: (n_in, n_out)   b: (n_out,)   z: (n, n_out)
    a = f(z)                (n, n_out), the next layer's a_in
    delta = dC_i/dz         (n, n_out), row i for example i's own cost C_i
    C = sum_i w_i C_i / sum_i w_i, the cost of the mini-batch, w = 1 unless given

Weights of targets, w_ij (n, n_out), count each term of C_i, and 0 where Y is NaN, a missing target:
then w_i = mean_j w_ij, and within its row a term counts r_ij = w_ij / w_i.

All parameters live in one vector: layer by layer, W in row-major order, then b.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Sizes = Sequence[int]  # [n_in, hidden..., n_out]
Names = str | Sequence[str]  # one activation for all hidden layers, or one for each
Masks = Sequence[Array] | None  # dropout: one (n, width) for each hidden layer; f(z) * mask

# --- activations: a = f(z), and f'(z) -----------------------------------------------------------

LEAK = 0.01  # the slope of leaky_relu below zero
SQRT_2PI = math.sqrt(2 * math.pi)
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def softplus(z: Array) -> Array:  # ln(1 + e^z), without overflow
    return np.logaddexp(0.0, z)


def sigmoid(z: Array) -> Array:  # 1 / (1 + e^-z); note that 1 - sigmoid(z) = sigmoid(-z)
    return np.exp(-softplus(-z))


def Phi(z: Array) -> Array:  # the normal distribution function, accurate in its left tail too
    return erfc(-z / math.sqrt(2)) / 2


def logsumexp(z: Array) -> Array:  # ln sum_j e^z_j: (n, n_out) -> (n, 1)
    top = z.max(axis=1, keepdims=True)
    return top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))


def softmax(z: Array) -> Array:  # e^z_j / sum_k e^z_k, row by row
    return np.exp(z - logsumexp(z))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1, 0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, LEAK * z), lambda z: np.where(z > 0, 1, LEAK)),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.exp(np.minimum(z, 0)),
    ),
    "gelu": (lambda z: z * Phi(z), lambda z: Phi(z) + z * np.exp(-(z**2) / 2) / SQRT_2PI),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
    "softplus": (softplus, sigmoid),
    "exp": (np.exp, np.exp),  # output only; so is softmax, which has a Jacobian and no f'
}
HIDDEN: list[str] = [name for name in ACTIVATIONS if name != "exp"]

# --- losses: C_i as a sum over the outputs, and its derivative ----------------------------------

# name: (the terms of C_i = sum_j ..., dC_i/da_j), each a function of r = a - y, (n, n_out).
# c is 1/n_out, p the loss's parameter (huber's d, quantile's q).
RESIDUAL_LOSSES: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "quadratic": (lambda r, c, p: r**2, lambda r, c, p: 2 * r),
    "mse": (lambda r, c, p: c * r**2, lambda r, c, p: c * 2 * r),
    "mae": (lambda r, c, p: c * np.abs(r), lambda r, c, p: c * np.sign(r)),
    "huber": (
        lambda r, c, p: c * np.where(np.abs(r) <= p, r**2 / 2, p * (np.abs(r) - p / 2)),
        lambda r, c, p: c * np.clip(r, -p, p),
    ),
    "quantile": (  # the usual max(q s, (q-1) s) of s = y - a = -r; at s = 0 the derivative is 0
        lambda r, c, p: c * np.maximum(-p * r, (1 - p) * r),
        lambda r, c, p: c * np.where(r < 0, -p, np.where(r > 0, 1 - p, 0)),
    ),
}
LOSS_PARAMETERS: dict[str, float] = {"huber": 1.0, "quantile": 0.5}  # d and q, unless given

LEGAL: list[tuple[str, str]] = [  # (output, loss)
    *((output, loss) for output in ACTIVATIONS for loss in RESIDUAL_LOSSES),
    *(("softmax", loss) for loss in RESIDUAL_LOSSES if loss != "quantile"),
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("exp", "poisson"),
    ("softplus", "poisson"),
]
PAIRED = [("identity", "gaussian_nll")]  # outputs are mean and log-variance of a target, in turn


def loss_and_delta(
    z: Array,
    a: Array,
    y: Array,
    output: str,
    loss: str,
    parameter: float | None = None,
    r: Any = 1.0,
) -> tuple[Array, Array]:
    """C_i (n,) and the last layer's delta = dC_i/dz (n, n_out); z, a, y: (n, n_out).

    r (n, n_out): what each term counts.
    """
    if (output, loss) not in LEGAL + PAIRED:
        raise ValueError(f"loss {loss} does not go with output {output}")
    c = 1 / z.shape[1]
    if loss == "cross_entropy":  # -sum y ln a, where ln a_j = z_j - logsumexp(z)
        y, r = r * y, 1.0
        C, delta = y * (logsumexp(z) - z), y.sum(axis=1, keepdims=True) * a - y
    elif loss == "binary_cross_entropy":  # -sum y ln a + (1-y) ln(1-a), where a = sigmoid(z)
        C, delta = softplus(z) - y * z, a - y
    elif loss == "poisson" and output == "exp":  # a - y ln a, where ln a = z
        C, delta = c * (a - y * z), c * (a - y)
    else:
        if loss == "gaussian_nll":  # y and r stand at the means; others do not count
            mu, s, target = a[:, ::2], a[:, 1::2], y[:, ::2]
            C, dC_da, r = np.zeros_like(a), np.zeros_like(a), np.ones_like(a) * r
            C[:, ::2] = c * ((target - mu) ** 2 * np.exp(-s) + s)
            dC_da[:, ::2] = c * -2 * (target - mu) * np.exp(-s)
            dC_da[:, 1::2] = c * (1 - (target - mu) ** 2 * np.exp(-s))
            r[:, 1::2] = r[:, ::2]
        elif loss == "poisson":
            C, dC_da = c * (a - y * np.log(a)), c * (1 - y / a)
        else:
            p = LOSS_PARAMETERS.get(loss) if parameter is None else parameter
            C, dC_da = (f(a - y, c, p) for f in RESIDUAL_LOSSES[loss])
        if output == "softmax":  # dC/dz_j = sum_k dC/da_k da_k/dz_j, da_k/dz_j = a_k ([j=k] - a_j)
            dC_da, C, r = r * dC_da, r * C, 1.0
            delta = a * (dC_da - (dC_da * a).sum(axis=1, keepdims=True))
        else:
            delta = dC_da * ACTIVATIONS[output][1](z)
    return (r * C).sum(axis=1), r * delta


# --- the network: forward, backward, cost and gradient ------------------------------------------


def weight_mask(sizes: Sizes) -> Bools:
    """True where a parameter is a weight, False where it is a bias; (n_params,)."""
    shapes = [(n_in * n_out, n_out) for n_in, n_out in pairwise(sizes)]
    return np.concatenate([np.arange(n_W + n_b) < n_W for n_W, n_b in shapes])


def unpack(sizes: Sizes, params: Array) -> list[tuple[Array, Array]]:
    """One (W, b) a layer, W (n_in, n_out) and b (n_out,): views of params (n_params,)."""
    if params.shape != weight_mask(sizes).shape:
        raise ValueError(f"params has shape {params.shape}; {sizes} has {weight_mask(sizes).shape}")
    layers = []
    for n_in, n_out in pairwise(sizes):
        W, b, params = np.split(params, [n_in * n_out, n_in * n_out + n_out])
        layers.append((W.reshape(n_in, n_out), b))
    return layers


def forward(
    sizes: Sizes, params: Array, X: Array, *, activation: Names, output: str, masks: Masks = None
) -> tuple[list[Array], list[Array]]:
    """The activations of layers 0..L (after dropout) and the z of layers 1..L, each (n, width)."""
    names = [*np.broadcast_to(activation, len(sizes) - 2).tolist(), output]
    keep = [*(masks or np.ones(len(sizes) - 2)), 1.0]
    activations, zs = [np.asarray(X, dtype=np.float64)], []
    for layer, (W, b) in enumerate(unpack(sizes, params)):
        z = activations[-1] @ W + b
        a = softmax(z) if names[layer] == "softmax" else ACTIVATIONS[names[layer]][0](z)
        zs.append(z)
        activations.append(a * keep[layer])
    return activations, zs


def backward(
    sizes: Sizes,
    params: Array,
    X: Array,
    Y: Array,
    *,
    activation: Names,
    output: str,
    loss: str,
    loss_parameter: Any = None,
    masks: Masks = None,
    r: Any = 1.0,
) -> tuple[list[Array], list[Array], Array]:
    """The activations of layers 0..L, the deltas of layers 1..L, and C_i (n,)."""
    a, z = forward(sizes, params, X, activation=activation, output=output, masks=masks)
    y = np.asarray(Y, dtype=np.float64)
    if y.shape != a[-1].shape:
        raise ValueError(f"Y has shape {y.shape}; the output has {a[-1].shape}")
    C, delta = loss_and_delta(z[-1], a[-1], y, output, loss, loss_parameter, r)
    names, layers = np.broadcast_to(activation, len(sizes) - 2).tolist(), unpack(sizes, params)
    keep, deltas = masks or np.ones(len(names)), [delta]
    for layer in reversed(range(len(names))):
        f_prime, W_next = ACTIVATIONS[names[layer]][1], layers[layer + 1][0]
        delta = (delta @ W_next.T) * keep[layer] * f_prime(z[layer])
        deltas.insert(0, delta)
    return a, deltas, C


# Below, **net is backward's activation, output, loss, loss_parameter and masks.


def shares(Y: Array, sample_weight: Array | None) -> tuple[Array, Array, Any]:
    """Y without NaN, the weights of rows w_i (n,), and those within a row, r_ij (n, n_out) or 1."""
    w = np.ones(len(Y)) if sample_weight is None else np.asarray(sample_weight)
    if w.ndim == 1 and not np.isnan(Y).any():
        return Y, w, 1.0
    w = np.where(np.isnan(Y), 0, w[:, None] if w.ndim == 1 else w)
    row = w.mean(axis=1)
    return np.nan_to_num(Y), row, w / np.where(row > 0, row, 1)[:, None]


def cost_per_example(sizes: Sizes, params: Array, X: Array, Y: Array, **net: Any) -> Array:
    """C_i, unweighted, (n,)."""
    return backward(sizes, params, X, Y, **net)[2]


def cost(
    sizes: Sizes, params: Array, X: Array, Y: Array, sample_weight: Array | None = None, **net: Any
) -> float:
    """C = sum_i w_i C_i / sum_i w_i."""
    Y, w, r = shares(Y, sample_weight)
    return float(np.average(cost_per_example(sizes, params, X, Y, r=r, **net), weights=w))


def gradient_per_example(sizes: Sizes, params: Array, X: Array, Y: Array, **net: Any) -> Array:
    """dC_i/dparams, unweighted, (n, n_params): dW = a_in^T delta and db = delta, row by row."""
    a, deltas, C = backward(sizes, params, X, Y, **net)
    parts = []
    for a_in, delta in zip(a[:-1], deltas, strict=True):
        dW = a_in[:, :, None] * delta[:, None, :]  # (n, n_in, n_out)
        parts += [dW.reshape(len(C), -1), delta]
    return np.concatenate(parts, axis=1)


def gradient(
    sizes: Sizes, params: Array, X: Array, Y: Array, sample_weight: Array | None = None, **net: Any
) -> Array:
    """dC/dparams, (n_params,): dW = a_in^T delta and db = sum_i delta, by each row's share of C."""
    Y, w, r = shares(Y, sample_weight)
    a, deltas, _ = backward(sizes, params, X, Y, r=r, **net)
    share = w[:, None] / w.sum()
    parts = []
    for a_in, delta in zip(a[:-1], deltas, strict=True):
        parts += [(a_in.T @ (share * delta)).ravel(), (share * delta).sum(axis=0)]
    return np.concatenate(parts)


# --- dropout: a counter-based generator, so a function of (seed, step, layer, element), no state -


def philox4x32(counter: Any, key: Any) -> NDArray[np.uint32]:
    """Salmon et al. 2011, 10 rounds on 32-bit words: counter (..., 4), key (..., 2) -> (..., 4)."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    x0, x1, x2, x3 = np.moveaxis(np.asarray(counter, dtype=np.uint64), -1, 0)
    k0, k1 = np.moveaxis(np.asarray(key, dtype=np.uint64), -1, 0)
    for _ in range(10):
        p0, p1 = x0 * np.uint64(0xD2511F53), x2 * np.uint64(0xCD9E8D57)  # 32 x 32 -> 64 bits
        x0, x1, x2, x3 = (p1 >> half) ^ x1 ^ k0, p1 & low, (p0 >> half) ^ x3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack(np.broadcast_arrays(x0, x1, x2, x3), axis=-1).astype(np.uint32)


def dropout_masks(
    sizes: Sizes, n: int, dropout: float | Sequence[float], *, seed: int, step: int
) -> list[Array]:
    """For each hidden layer (n, width): 0 with probability p, else 1/(1-p); one p, or a list."""
    ps, low, masks = np.broadcast_to(dropout, len(sizes) - 2).tolist(), 0xFFFFFFFF, []
    for layer, p in enumerate(ps, start=1):
        n_words = n * sizes[layer]  # e = row * width + column takes word e % 4 of block e // 4
        blocks = np.arange(-(-n_words // 4))
        counters = np.stack(np.broadcast_arrays(blocks, layer, step & low, step >> 32), axis=-1)
        words = philox4x32(counters, (seed & low, seed >> 32)).ravel()[:n_words]
        kept = words >= math.floor(p * 2**32)
        masks.append(kept.reshape(n, sizes[layer]) / (1 - p))
    return masks


# --- optimisers: w -> w', given the gradient g; L2 and decay touch weights, never biases --------

State = dict[str, Any]  # starts as {}: moments at 0, the step t at 1


def clip(g: Array, clipnorm: float | None, clipvalue: float | None) -> Array:
    """g shortened to the length clipnorm, or its values kept within ± clipvalue"""
    if clipnorm is not None:
        return g * min(1, clipnorm / max(np.linalg.norm(g), 1e-300))
    return g if clipvalue is None else np.clip(g, -clipvalue, clipvalue)


@dataclass(frozen=True)
class SGD:
    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    clipnorm: float | None = None
    clipvalue: float | None = None

    def step(self, w: Array, g: Array, state: State, is_weight: Bools) -> Array:
        g = clip(g, self.clipnorm, self.clipvalue) + self.weight_decay * is_weight * w
        v = state["v"] = self.momentum * state.get("v", 0) + g
        return w - self.lr * (g + self.momentum * v if self.nesterov else v)


@dataclass(frozen=True)
class Adam:  # D. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    clipnorm: float | None = None
    clipvalue: float | None = None

    def step(self, w: Array, g: Array, state: State, is_weight: Bools) -> Array:
        b1, b2 = self.betas
        g = clip(g, self.clipnorm, self.clipvalue) + self.weight_decay * is_weight * w
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
        v = state["v"] = b2 * state.get("v", 0) + (1 - b2) * g**2
        return w - self.lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + self.eps)


@dataclass(frozen=True)
class AdamW(Adam):  # I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019)
    weight_decay: float = 0.01

    def step(self, w: Array, g: Array, state: State, is_weight: Bools) -> Array:
        w = w * (1 - self.lr * self.weight_decay * is_weight)
        clipping = (self.clipnorm, self.clipvalue)
        return Adam(self.lr, self.betas, self.eps, 0, *clipping).step(w, g, state, is_weight)


@dataclass(frozen=True)
class RMSprop:
    lr: float
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0
    clipnorm: float | None = None
    clipvalue: float | None = None

    def step(self, w: Array, g: Array, state: State, is_weight: Bools) -> Array:
        g = clip(g, self.clipnorm, self.clipvalue) + self.weight_decay * is_weight * w
        v = state["v"] = self.alpha * state.get("v", 0) + (1 - self.alpha) * g**2
        u = g / (np.sqrt(v) + self.eps)
        buf = state["buf"] = self.momentum * state.get("buf", 0) + u
        return w - self.lr * buf


def train(
    sizes: Sizes,
    params: Array,
    X: Array,
    Y: Array,
    *,
    batches: Sequence[NDArray[np.intp]],
    optimiser: SGD | Adam | RMSprop,
    state: State | None = None,
    sample_weight: Array | None = None,
    dropout: float | Sequence[float] = 0.0,
    dropout_seed: int = 0,
    first_step: int = 0,
    **net: Any,
) -> tuple[Array, list[float]]:
    """One step a batch (its row numbers) -> the new params, and each batch's cost before its step.

    state: the optimiser's, updated in place. Batch k has the dropout of step first_step + k.
    """
    state, is_weight, costs = {} if state is None else state, weight_mask(sizes), []
    w = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
    for step, rows in enumerate(batches, start=first_step):
        masks = dropout_masks(sizes, len(rows), dropout, seed=dropout_seed, step=step)
        batch = (X[rows], Y[rows], w[rows])
        costs.append(cost(sizes, params, *batch, masks=masks, **net))
        g = gradient(sizes, params, *batch, masks=masks, **net)
        params = optimiser.step(params, g, state, is_weight)
    return params, costs
