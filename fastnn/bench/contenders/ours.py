"""fastnn, through its public calls."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import fastnn
from fastnn.bench.workloads import Examples, Rule, Workload, load_test_digits

from .base import Array, Contender, UnableError


def optimizer(rule: Rule) -> Any:
    """Return the rule as fastnn writes it."""
    if rule.kind == "sgd":
        return fastnn.SGD(lr=rule.lr)
    if rule.kind == "adam":
        return fastnn.Adam(lr=rule.lr)
    return fastnn.RMSprop(lr=rule.lr, alpha=0.9, eps=1e-3)


class Fastnn(Contender):
    """One call of `MLP.fit` with all its checks; float32 inputs."""

    def __init__(self, workload: Workload, examples: Examples, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        fastnn.set_num_threads(n_threads)
        self.X = examples.X

    def version(self) -> str:
        """Return fastnn's version."""
        return fastnn.__version__

    def _network(self, **more: Any) -> fastnn.MLP:
        of = self.workload
        return fastnn.MLP(
            of.sizes, activation=of.activation, output=of.output, loss=of.loss, **more
        )

    def reset(self) -> None:
        """Make the network anew."""
        self.net: fastnn.MLP = self._network()
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
        net = self._network(init="standard_normal", seed=0)
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
        """Train with so many threads; return seconds, and a digest that tells equal bits."""
        fastnn.set_num_threads(n_threads)
        self.net = self._network(seed=0)  # fixes the weights, and the order of the rows
        began = time.perf_counter()
        self.train(rows, 1)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "bits": hashlib.sha256(self.params().tobytes()).hexdigest()}


class FastnnBytes(Fastnn):
    """The same with the images as the bytes that they come as, which fastnn reads in place."""

    def __init__(self, workload: Workload, examples: Examples, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        if examples.X_bytes is None or workload.kind != "train":
            raise UnableError("the data are no bytes")
        self.X = examples.X_bytes
