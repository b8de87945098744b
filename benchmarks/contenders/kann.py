"""KANN, the small C library, through ``cynn``'s binding.

What the binding offers is RMSprop and four costs, and no way to set weights but a model file; so
initial weights are written into one. Its trainer in C is called, for all epochs at once.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference
from .base import Array, Contender, UnableError, need


class Kann(Contender):
    """``KannNeuralNetwork.train`` without a validation set; it shuffles always."""

    keeps_order = False

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        if workload.kind != "predict" and workload.rule.kind != "rmsprop":
            raise UnableError("cynn's binding trains by RMSprop only")
        kann = need("cynn.kann", "cynn")
        if workload.loss != "cross_entropy" or workload.activation != "relu":
            raise UnableError("it is not measured on this network")
        kann.set_verbose(0)
        kann.seed(1)
        self._kann: Any = kann
        builder = kann.GraphBuilder()
        node = builder.input(workload.sizes[0])
        for width in workload.sizes[1:-1]:
            node = builder.relu(builder.dense(node, width))
        network = builder.build(builder.softmax_cross_entropy(node, workload.sizes[-1]))
        self._folder = tempfile.TemporaryDirectory()
        self._path = str(Path(self._folder.name) / "network.kan")
        network.save(self._path)
        self._head = Path(self._path).read_bytes()[: -4 * self.initial.size]
        self.net: Any = network

    def version(self) -> str:
        """Return the binding's version."""
        return version("cynn")

    def reset(self) -> None:
        """Load a model file that ends in the initial weights."""
        layers = reference.split(self.initial, self.workload.sizes)
        weights = b"".join(W.T.tobytes() + b.tobytes() for W, b in layers)  # W (n_out, n_in)
        Path(self._path).write_bytes(self._head + weights)
        self.net = self._kann.KannNeuralNetwork.load(self._path)

    def train(self, rows: int, epochs: int) -> None:
        """Train for exactly `epochs` epochs."""
        self.net.train(
            self.examples.X[:rows],
            self.examples.targets[:rows],
            learning_rate=self.workload.rule.lr,
            mini_batch_size=self.workload.batch_size,
            max_epochs=epochs,
            min_epochs=epochs,
            validation_fraction=0.0,
        )

    def params(self) -> Array:
        """Read them out of a saved file."""
        self.net.save(self._path)
        flat = np.frombuffer(Path(self._path).read_bytes()[-4 * self.initial.size :], np.float32)
        parts, at = [], 0
        for W, b in reference.split(flat, self.workload.sizes):
            parts += [flat[at : at + W.size].reshape(W.T.shape).T.ravel(), b]
            at += W.size + b.size
        return np.concatenate(parts)
