"""JAX: whole epochs in one jitted `lax.scan`, which is how small networks are fast there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference
from .base import Array, Contender, need


class Jax(Contender):
    """Parameters and moments are donated; each step gathers its rows by index.

    The order of the rows comes from NumPy: XLA's own permutation on a CPU is a sort, and slower.
    """

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        jax = need("jax")
        self.jax: Any = jax
        self.X = jax.numpy.asarray(examples.X)
        self.y: Any = jax.numpy.asarray(examples.targets)
        self._rng = np.random.default_rng(0)
        self._run = jax.jit(self._scan, donate_argnums=(0,), static_argnames=("full",))

    def version(self) -> str:
        """Return JAX's version."""
        return str(self.jax.__version__)

    def _forward(self, params: Any, X: Any) -> Any:
        """Return the output's z; its function is within the loss."""
        nn = self.jax.nn
        f = {"sigmoid": nn.sigmoid, "tanh": self.jax.numpy.tanh, "relu": nn.relu}
        for l, (W, b) in enumerate(params, 1):
            X = X @ W + b
            if l < len(params):
                X = f[self.workload.activation](X)
        return X

    def _loss(self, params: Any, X: Any, y: Any) -> Any:
        z, nn = self._forward(params, X), self.jax.nn
        if self.workload.loss == "cross_entropy":
            return -(y * nn.log_softmax(z)).sum(1).mean()
        a = nn.sigmoid(z) if self.workload.output == "sigmoid" else z
        each = ((a - y) ** 2).sum(1)
        return each.mean() / (y.shape[1] if self.workload.loss == "mse" else 1)

    def _update(self, params: Any, moments: Any, gradient: Any, t: Any) -> tuple[Any, Any]:
        """Return new parameters and moments; t counts from 1."""
        tree, numpy, lr = self.jax.tree_util.tree_map, self.jax.numpy, self.workload.rule.lr
        m, v = moments
        if self.workload.rule.kind == "sgd":
            return tree(lambda w, g: w - lr * g, params, gradient), moments
        if self.workload.rule.kind == "rmsprop":
            v = tree(lambda v, g: 0.9 * v + 0.1 * g * g, v, gradient)
            step = tree(lambda w, g, v: w - lr * g / (numpy.sqrt(v) + 1e-3), params, gradient, v)
            return step, (m, v)
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        unbiased = lr / (1 - 0.9**t)
        root = 1 / numpy.sqrt(1 - 0.999**t)
        step = tree(lambda w, m, v: w - unbiased * m / (numpy.sqrt(v) * root + 1e-8), params, m, v)
        return step, (m, v)

    def _scan(self, state: Any, X: Any, y: Any, order: Any, full: bool) -> Any:
        """Take a step for each row of `order`, (steps, batch_size)."""
        grad = self.jax.grad(self._loss)

        def step(state: Any, batch: Any) -> tuple[Any, None]:
            params, moments, t = state
            gradient = grad(params, X, y) if full else grad(params, X[batch], y[batch])
            params, moments = self._update(params, moments, gradient, t + 1)
            return (params, moments, t + 1), None

        return self.jax.lax.scan(step, state, order)[0]

    def reset(self) -> None:
        """Make parameters, moments and the step count."""
        array = self.jax.numpy.array
        layers = reference.split(self.initial, self.workload.sizes)
        params = [(array(W), array(b)) for W, b in layers]
        zeros = self.jax.numpy.zeros_like
        tree = self.jax.tree_util.tree_map
        self._state = (params, (tree(zeros, params), tree(zeros, params)), array(0.0))

    def train(self, rows: int, epochs: int) -> None:
        """Run all epochs in one call."""
        size = self.workload.batch_size
        full = size >= rows
        if full:
            X, y, order = self.X[:rows], self.y[:rows], np.zeros((epochs, 1), np.int32)
        else:
            X, y = self.X, self.y
            order = np.tile(np.arange(rows), (epochs, 1))
            if self.shuffle:
                order = self._rng.permuted(order, axis=1)
            order = order.astype(np.int32).reshape(-1, size)
        self._state = self._run(self._state, X, y, order, full=full)
        self.jax.block_until_ready(self._state)

    def params(self) -> Array:
        """Return a copy."""
        return np.concatenate([np.ravel(a) for pair in self._state[0] for a in pair])

    def predictor(self) -> Callable[[], Any]:
        """Return a jitted call, from an array and to one."""
        self.reset()
        call = self.jax.jit(lambda params, x: self.jax.nn.sigmoid(self._forward(params, x)))
        params, x = self._state[0], self.examples.X[:1]
        return lambda: np.asarray(call(params, x))
