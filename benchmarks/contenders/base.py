"""Contender: a library that trains, or asks, the network of a workload."""

from __future__ import annotations

import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference

Array = NDArray[Any]

_JUDGED = 2_000  # rows whose loss tells whether a contender has learnt


class UnableError(Exception):
    """A contender cannot do a workload; the message says why, for the foot of the table."""


def need(module: str, package: str | None = None) -> Any:
    """Import an optional library, or say that it is not here."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"cannot be imported ({error})"
        raise UnableError(f"{package or module.split('.')[0]} {why}") from None


class Contender(ABC):
    """One library with one workload. All that it needs is prepared in its ``__init__``, untimed.

    Parameters
    ----------
    workload : Workload
    examples : WorkloadData
        `train` takes the first `rows` of them.
    n_threads : int
        That the library may use.

    Attributes
    ----------
    shuffle : bool
        Whether `train` takes them in a new random order each epoch.
    initial : ndarray
        The weights and biases to start from.
    keeps_order : bool
        Whether the library can leave `shuffle` out.

    Raises
    ------
    UnableError
        If the library is not installed or cannot express the workload.
    """

    keeps_order = True

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        self.workload = workload
        self.examples = examples
        self.n_threads = n_threads
        self.initial: Array = reference.initial_params(workload)
        self.shuffle: bool = workload.batch_size < workload.whole_rows
        self._call: Callable[[], Any] | None = None

    @abstractmethod
    def version(self) -> str:
        """Return the library's version."""

    def reset(self) -> None:
        """Go back to the initial weights and a fresh optimiser."""
        raise UnableError("it predicts only")

    def train(self, rows: int, epochs: int) -> None:
        """Train on the first `rows` rows for `epochs` passes."""
        raise NotImplementedError

    def params(self) -> Array:
        """Return weights and biases, (n_params,): layer by layer, W (n_in, n_out) then b."""
        raise NotImplementedError

    def predictor(self) -> Callable[[], Any]:
        """Return a function that predicts the first row from the initial weights."""
        raise UnableError("it is not measured on predictions")

    # What the runner asks for, by these names ---------------------------------------------------

    def check(self, rows: int, epochs: int) -> dict[str, float]:
        """Return the loss before and after some training, computed alike for all contenders.

        The rows keep their order, so that all do the same sums; ``ordered`` is 0 for a library
        that shuffles always.
        """
        X, targets = self.examples.X[:_JUDGED], self.examples.targets[:_JUDGED]
        shuffle, self.shuffle = self.shuffle, False
        self.reset()
        before = reference.loss(self.workload, self.params(), X, targets)
        self.train(rows, epochs)
        after = reference.loss(self.workload, self.params(), X, targets)
        self.shuffle = shuffle
        return {"before": before, "after": after, "ordered": float(self.keeps_order)}

    def seconds(self, rows: int, epochs: int) -> float:
        """Return how long a training takes, from the initial weights."""
        self.reset()
        began = time.perf_counter()
        self.train(rows, epochs)
        return time.perf_counter() - began

    def prediction_error(self) -> float:
        """Return the largest difference of the prediction from the reference's."""
        layers = reference.split(self.initial.astype(np.float64), self.workload.sizes)
        x = self.examples.X[:1].astype(np.float64)
        right = reference.forward(self.workload, layers, x)[-1]
        self._call = self.predictor()
        return float(np.abs(np.asarray(self._call()).reshape(right.shape) - right).max())

    def prediction_seconds(self, calls: int) -> float:
        """Return the seconds of a number of predictions of one row."""
        call = self._call if self._call is not None else self.predictor()
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - began
