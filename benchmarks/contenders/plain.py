"""NumPy by hand: what one would write without any library."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference
from .base import Array, Contender


class Numpy(Contender):
    """`reference` in float32."""

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        self._rng = np.random.default_rng(0)

    def version(self) -> str:
        """Return NumPy's version."""
        return np.__version__

    def reset(self) -> None:
        """Copy the initial weights."""
        self._params = self.initial.copy()
        self._layers = reference.split(self._params, self.workload.sizes)
        flat = [array for pair in self._layers for array in pair]
        self._optimiser = reference.Optimiser(self.workload.rule, flat)

    def train(self, rows: int, epochs: int) -> None:
        """Descend, batch by batch."""
        X, targets, size = self.examples.X, self.examples.targets, self.workload.batch_size
        for _ in range(epochs):
            order = self._rng.permutation(rows) if self.shuffle else np.arange(rows)
            for begin in range(0, rows, size):
                batch = order[begin : begin + size] if size < rows else slice(rows)
                self._optimiser.step(
                    reference.gradient(self.workload, self._layers, X[batch], targets[batch])
                )

    def params(self) -> Array:
        """Return a copy."""
        return self._params.copy()

    def predictor(self) -> Callable[[], Any]:
        """Return the forward pass, written out."""
        layers, x = reference.split(self.initial, self.workload.sizes), self.examples.X[:1]

        def predict() -> Array:
            a = x
            for W, b in layers:
                a = 1 / (1 + np.exp(-(a @ W + b)))
            return a

        return predict

    def peak(self, n: int) -> float:
        """Return the operations a second of one float32 product of two n × n matrices."""
        rng = np.random.default_rng(0)
        A = rng.random((n, n), dtype=np.float32)
        began = time.perf_counter()
        A @ A
        return 2 * n**3 / (time.perf_counter() - began)
