"""fastnn, through its public calls."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import fastnn
from fastnn.bench.measure import network, optimizer
from fastnn.bench.workloads import Workload, WorkloadData, load_test_digits

from .base import Array, Contender, UnableError


class Fastnn(Contender):
    """One call of `MLP.fit` with all its checks; float32 inputs."""

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        fastnn.set_num_threads(n_threads)
        self.X = examples.X

    def version(self) -> str:
        """Return fastnn's version."""
        return fastnn.__version__

    def reset(self) -> None:
        """Create a new network."""
        self.net: fastnn.MLP = network(self.workload)
        self.net.params = self.initial

    def train(self, rows: int, epochs: int) -> None:
        """Fit."""
        self.net.fit(
            self.X[:rows],
            self.examples.y[:rows],
            epochs=epochs,
            batch_size=self.workload.batch_size,
            optimizer=optimizer(self.workload.rule),
            shuffle=self.shuffle,
        )

    def params(self) -> Array:
        """Return a copy."""
        return self.net.params.copy()

    def predictor(self) -> Callable[[], Any]:
        """Return a call of `MLP.predict`."""
        self.reset()
        net, x = self.net, self.examples.X[:1]
        return lambda: net.predict(x)

    def book(self, epochs: int, folder: str | None) -> dict[str, float]:
        """Train as the book does; return seconds and the share of test digits that is right.

        Nielsen, Neural Networks and Deep Learning, chapter 1: N(0, 1) weights; η = 3 with a ½ in
        the cost is our 1.5.
        """
        net = network(self.workload, init="standard_normal", seed=0)
        began = time.perf_counter()
        net.fit(
            self.examples.X if self.examples.X_bytes is None else self.examples.X_bytes,
            self.examples.y,
            epochs=epochs,
            batch_size=self.workload.batch_size,
            optimizer=optimizer(self.workload.rule),
        )
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": net.evaluate(*load_test_digits(folder))["accuracy"]}

    def threaded(self, rows: int, n_threads: int) -> dict[str, Any]:
        """Train with a number of threads; return the seconds and a digest of the bits."""
        fastnn.set_num_threads(n_threads)
        self.net = network(self.workload, seed=0)  # fixes the weights, and the order of the rows
        began = time.perf_counter()
        self.train(rows, 1)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "bits": hashlib.sha256(self.params().tobytes()).hexdigest()}


class FastnnBytes(Fastnn):
    """The same with the images as the bytes that they come as, which fastnn reads in place."""

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        if examples.X_bytes is None or workload.kind != "train":
            raise UnableError("the data are no bytes")
        self.X = examples.X_bytes
