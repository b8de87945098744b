"""The networks in plain NumPy, float64: what every contender is compared with.

Row vectors as in csrc/: a (B, n_l), W (n_l, n_l+1), b (n_l+1,), z = aW + b.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnn.bench.workloads import Rule, Workload

Array = NDArray[Any]
Params = list[tuple[Array, Array]]  # W and b of each layer


def initial_params(workload: Workload, seed: int = 1) -> Array:
    """Return the weights that all start from: N(0, 1/n_in), for relu N(0, 2/n_in); biases 0.

    Returns
    -------
    ndarray of float32, shape (n_params,)
        Layer by layer, W row-major then b.
    """
    rng = np.random.default_rng(seed)
    gain = 2.0 if workload.activation == "relu" else 1.0
    parts = []
    for n_in, n_out in pairwise(workload.sizes):
        parts += [rng.normal(0, np.sqrt(gain / n_in), n_in * n_out), np.zeros(n_out)]
    return np.concatenate(parts).astype(np.float32)


def split(params: Array, sizes: tuple[int, ...]) -> Params:
    """Return views W (n_in, n_out) and b (n_out,) of each layer."""
    pairs, at = [], 0
    for n_in, n_out in pairwise(sizes):
        W = params[at : at + n_in * n_out].reshape(n_in, n_out)
        b = params[at + n_in * n_out :][:n_out]
        pairs.append((W, b))
        at += (n_in + 1) * n_out
    return pairs


def f(name: str, z: Array) -> Array:
    """Return the activation."""
    a = z
    if name == "sigmoid":
        a = 1 / (1 + np.exp(-z))
    elif name == "tanh":
        a = np.tanh(z)
    elif name == "relu":
        a = np.maximum(z, 0)
    elif name == "softmax":
        a = np.exp(z - z.max(axis=1, keepdims=True))
        a /= a.sum(axis=1, keepdims=True)
    return a


def f_prime(name: str, a: Array) -> Array:
    """Return f'(z), computed from the activation a = f(z)."""
    slope: Array
    if name == "sigmoid":
        slope = a * (1 - a)
    elif name == "tanh":
        slope = 1 - a * a
    else:  # relu
        slope = (a > 0).astype(a.dtype)
    return slope


def forward(workload: Workload, layers: Params, X: Array) -> list[Array]:
    """Return the activations of every layer, the input first."""
    activations = [X]
    for l, (W, b) in enumerate(layers, 1):
        name = workload.output if l == len(layers) else workload.activation
        activations.append(f(name, activations[-1] @ W + b))
    return activations


def loss(workload: Workload, params: Array, X: Array, targets: Array) -> float:
    """Return the mean loss of the examples, in float64."""
    layers = split(params.astype(np.float64), workload.sizes)
    a, y = forward(workload, layers, X.astype(np.float64))[-1], targets
    if workload.loss == "cross_entropy":
        return float(-np.log(np.maximum((a * y).sum(axis=1), 1e-300)).mean())
    each = ((a - y) ** 2).sum(axis=1)
    return float(each.mean()) / (y.shape[1] if workload.loss == "mse" else 1)


def gradient(workload: Workload, layers: Params, X: Array, targets: Array) -> list[Array]:
    """Return dW and db of each layer, for the mean loss of the batch; flat in that order.

    Softmax goes with cross-entropy, δ = (a − y)/B; others with Σ (a − y)², δ = 2 (a − y) f'/B,
    divided by n_out for mse.
    """
    activations = forward(workload, layers, X)
    a = activations[-1]
    delta = (a - targets) / len(X)
    if workload.loss != "cross_entropy":
        delta *= 2 / (a.shape[1] if workload.loss == "mse" else 1)
        if workload.output != "identity":
            delta *= f_prime(workload.output, a)
    found: list[Array] = []
    for l in reversed(range(len(layers))):
        a = activations[l]
        found[:0] = [a.T @ delta, delta.sum(axis=0)]  # dW = aᵀδ, db = Σδ
        if l > 0:
            delta = delta @ layers[l][0].T * f_prime(workload.activation, a)  # δWᵀ f'
    return found


class Optimiser:
    """The step of a rule on a list of arrays, in place."""

    def __init__(self, rule: Rule, arrays: list[Array]) -> None:
        self._rule = rule
        self._arrays = arrays
        self._m = [np.zeros_like(array) for array in arrays]
        self._v = [np.zeros_like(array) for array in arrays]
        self._t = 0

    def step(self, gradients: list[Array]) -> None:
        """Take one step against the gradients."""
        self._t += 1
        lr, rule = self._rule.lr, self._rule.kind
        scale = lr * np.sqrt(1 - 0.999**self._t) / (1 - 0.9**self._t)
        eps = 1e-8 * np.sqrt(1 - 0.999**self._t)
        for w, g, m, v in zip(self._arrays, gradients, self._m, self._v, strict=True):
            if rule == "sgd":
                w -= lr * g
            elif rule == "adam":
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                w -= scale * m / (np.sqrt(v) + eps)
            else:
                v += 0.1 * (g * g - v)
                w -= lr * g / (np.sqrt(v) + 1e-3)
