"""The workloads: which network learns what, with which optimiser, in batches of what size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import datasets
from ..datasets.idx import Splits
from ..names import Activation, Loss, Output

Array = NDArray[Any]

_ROWS = 60_000  # of the digits, MNIST's number


@dataclass(frozen=True)
class Rule:
    """An optimiser and its constants, the same for every contender.

    Parameters
    ----------
    kind : {"sgd", "adam", "rmsprop"}
        Adam has β₁ = 0.9, β₂ = 0.999 and ε = 1e-8. RMSprop has α = 0.9 and ε = 1e-3, outside the
        root: closest to KANN, which has √(v + 1e-6) built in.
    lr : float
        Learning rate.
    """

    kind: str
    lr: float

    @property
    def name(self) -> str:
        """As a table names it."""
        return {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop"}[self.kind]


@dataclass(frozen=True)
class Workload:
    """One thing to measure.

    Parameters
    ----------
    name : str
        As ``--workloads`` takes it.
    kind : {"train", "predict", "book", "threads"}
        Train against peers; predict one row against peers; time the book's recogniser; compare one
        thread with all.
    sizes, activation, output, loss
        Of the network, in fastnn's words; one activation for all hidden layers.
    batch_size : int
        Equal to `rows` for full-batch descent, which shuffles nothing.
    rule : Rule
        The optimiser.
    data : {"digits", "digits without zeros", "surface", "regions", "noise"}
        See `make_data`.
    rows : int
        Rows of the data; rounded down to whole batches, so that no contender has an odd batch.
    check_rows, check_epochs : int
        How long all train before their losses are compared.
    all_threads : bool
        Whether contenders may use all CPUs; else each is bound to one thread on one CPU.
    """

    name: str
    sizes: tuple[int, ...]
    activation: Activation
    output: Output
    loss: Loss
    batch_size: int
    rule: Rule
    data: str = "digits"
    rows: int = _ROWS
    check_rows: int = 6_400
    check_epochs: int = 1
    all_threads: bool = False
    kind: str = "train"

    @property
    def title(self) -> str:
        """The workload in a line."""
        shape = "-".join(map(str, self.sizes))
        full = self.batch_size >= self.rows
        batch = f"full batch of {self.rows:,}" if full else f"batch {self.batch_size}"
        data = "" if self.data in ("digits", "surface", "regions") else f", {self.data}"
        if self.kind == "predict":
            return f"predict one row, {shape}"
        if self.kind == "book":
            return f"the book's recogniser, {shape} {self.activation}, {self.loss}, {batch}"
        return f"{shape} {self.activation}, {self.loss}, {batch}, {self.rule.name}{data}"

    @property
    def whole_rows(self) -> int:
        """`rows` in whole batches."""
        return self.rows // self.batch_size * self.batch_size

    @property
    def flops(self) -> int:
        """Floating-point operations of the products for one training example.

        A weight takes part in three products: forward z = aW, dW = aᵀδ, and δWᵀ, which the first
        layer does not need. A product costs 2 operations, × and +. Zeros are counted like any
        other number; biases, activations and the optimiser are not counted.
        """
        first, *others = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return 4 * first + 6 * sum(others)

    def quick(self) -> Workload:
        """Return a tiny workload of the same kind, for a smoke test."""
        full = self.batch_size >= self.rows
        rows = 512 if full else 2_048
        return replace(
            self,
            sizes=(self.sizes[0], *(min(n, 32) for n in self.sizes[1:-1]), self.sizes[-1]),
            rows=rows,
            batch_size=rows if full else min(self.batch_size, 128),
            check_rows=rows if full else 2_048,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the workload as JSON values, for a contender's process."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Workload:
        """Return what `to_json` described."""
        rule = Rule(**values["rule"])
        return cls(**{**values, "rule": rule, "sizes": tuple(values["sizes"])})


_SGD, _ADAM = Rule("sgd", 1.5), Rule("adam", 1e-3)
_W1 = Workload(
    "W1", (784, 16, 16, 10), "sigmoid", "sigmoid", "quadratic", 10, _SGD, check_rows=4_000
)
_W3 = Workload("W3", (784, 512, 512, 10), "relu", "softmax", "cross_entropy", 128, _ADAM)
_W5 = Workload(
    "W5",
    (784, 2048, 2048, 10),
    *("relu", "softmax", "cross_entropy", 512, Rule("sgd", 0.1)),
    check_rows=2_048,
)

WORKLOADS = (
    _W1,
    replace(_W1, name="W1d", data="digits without zeros"),
    Workload("W2", (784, 128, 10), "relu", "softmax", "cross_entropy", 32, _ADAM),
    _W3,
    Workload(
        "W4",
        (4, 32, 32, 1),
        *("tanh", "identity", "mse", 32, _ADAM, "surface", 20_000),
        check_rows=19_200,
    ),
    _W5,
    Workload(
        "W6",
        (4, 32, 16, 4),
        *("tanh", "softmax", "cross_entropy", 10_000, _ADAM, "regions", 10_000),
        check_rows=10_000,
        check_epochs=200,
        all_threads=True,
    ),
    Workload(  # KANN's own example for MNIST, without its dropout; the optimiser it has
        "W7", (784, 64, 10), "relu", "softmax", "cross_entropy", 64, Rule("rmsprop", 1e-3)
    ),
    replace(_W1, name="predict", kind="predict"),
    replace(_W1, name="book", kind="book", sizes=(784, 30, 10), rows=50_000),
    replace(_W3, name="T3", kind="threads", all_threads=True),
    replace(_W5, name="T5", kind="threads", all_threads=True),
)


def choose(names: Iterable[str]) -> list[Workload]:
    """Return the workloads of these names.

    Raises
    ------
    ValueError
        If there is none of such a name.
    """
    known = {workload.name.lower(): workload for workload in WORKLOADS}
    chosen = []
    for name in names:
        if name.lower() not in known:
            listed = ", ".join(workload.name for workload in WORKLOADS)
            raise ValueError(f"there is no workload {name!r}; there are {listed}")
        chosen.append(known[name.lower()])
    return chosen


@dataclass(frozen=True)
class WorkloadData:
    """The data that a contender trains on.

    Attributes
    ----------
    X : ndarray of float32, shape (n, n_in)
        For every contender the same numbers, C-contiguous.
    y : ndarray, shape (n,) or (n, n_out)
        Labels int64, or float32 values for regression.
    targets : ndarray of float32, shape (n, n_out)
        Labels as one-hot rows; values as they are.
    X_bytes : ndarray of uint8 or None
        X · 255, where these are images with their zeros.
    """

    X: Array
    y: Array
    targets: Array
    X_bytes: Array | None = None

    @property
    def classify(self) -> bool:
        """Whether y holds labels."""
        return self.y.ndim == 1


def make_data(workload: Workload, folder: str | None) -> WorkloadData:
    """Make the examples of a workload, the same in every process.

    digits
        MNIST's training images of `folder`; without one the 4,000 embedded images, repeated.
    digits without zeros
        The same with 0 replaced by 0.5/255: work that no zero can be spared of.
    surface
        A smooth function of 4 inputs.
    regions
        4 classes: between which levels that function lies.
    noise
        Any number of rows and columns at random, for `benchmarks/scaling.py`.
    """
    n, n_in, n_out = workload.whole_rows, workload.sizes[0], workload.sizes[-1]
    if workload.data.startswith("digits"):
        images, labels = _digits(folder)
        X_bytes, y = images[:n], labels[:n]
        X = X_bytes.astype(np.float32) / np.float32(255)
        if workload.data == "digits without zeros":
            X[X == 0] = 0.5 / 255
            return WorkloadData(X, y, one_hot(y, n_out))
        return WorkloadData(X, y, one_hot(y, n_out), X_bytes)
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, n_in)).astype(np.float32)
    if workload.data == "noise":
        y = rng.integers(0, n_out, n)
        return WorkloadData(X, y, one_hot(y, n_out))
    height = _surface(X)
    if workload.data == "surface":
        return WorkloadData(X, height, height)
    y = np.searchsorted(np.quantile(height, [0.25, 0.5, 0.75]), height[:, 0])
    return WorkloadData(X, y, one_hot(y, n_out))


def one_hot(y: Array, n_classes: int) -> Array:
    """Return rows of 0 with a 1 at the label, float32 (n, n_classes)."""
    return np.eye(n_classes, dtype=np.float32)[y]


def load_test_digits(folder: str | None) -> tuple[Array, Array]:
    """Return the test images, uint8, and their labels."""
    return _splits(folder)[1]


def describe_data(folder: str | None) -> str:
    """Return which digits these are, in a sentence."""
    if folder is not None:
        return "Digits: MNIST."
    return (
        "Digits: fastnn's 4,000 embedded training images, repeated to 60,000 rows "
        "(--data FOLDER takes MNIST)."
    )


def _splits(folder: str | None) -> Splits:
    if folder is None:
        return datasets.load_digits()
    return datasets.load_mnist(folder=Path(folder), download=False)


@lru_cache(maxsize=1)
def _digits(folder: str | None) -> tuple[Array, Array]:
    """Return 60,000 images, uint8 (n, 784), and labels, in an order that mixes the classes."""
    X, y = _splits(folder)[0]
    if len(X) < _ROWS:
        order = np.random.default_rng(0).permutation(len(X))
        order = np.resize(order, _ROWS)
        X, y = X[order], y[order]
    return X, y


def _surface(X: Array) -> Array:
    """Return f(x) = sin(πx₁) x₂ + exp(−x₃²) − x₄²/2 of each row, float32 (n, 1)."""
    x1, x2, x3, x4 = X.T
    f = np.sin(np.pi * x1) * x2 + np.exp(-(x3**2)) - x4**2 / 2
    return np.ascontiguousarray(f[:, None], dtype=np.float32)
