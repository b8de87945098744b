"""Examples of a view: checked once by the network's rules, then read in pieces."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arrays, targets
from ..init import fill
from ..mlp import MLP

PIECE = 1 << 22  # bytes of results at a time; 16 MiB took 1.5 times, 64 MiB 3 times as long


class ViewData:
    """X and y for a network, checked and encoded, so that all slices of rows mean the same.

    Parameters
    ----------
    net : MLP
    X : array-like, shape (n, n_in)
        As of `MLP.fit`, CSR matrices included.
    y : array-like, optional
        As of `MLP.fit`.

    Attributes
    ----------
    n : int
        Rows.
    X : ndarray or CSR matrix
        As given; a list became an array.
    y : ndarray or None
        Labels or values, NaN where a value is missing. Strings that the network does not know
        become 0, 1, 2, …, since a slice of them might lack a class.
    labels : ndarray of int64, shape (n,), or None
        The number of each row's class, if y has classes.
    classes : tuple of str
        Names of the classes; empty if y has none.

    Raises
    ------
    ValueError, TypeError
        As `MLP.fit` does of X and y.
    """

    def __init__(self, net: MLP, X: Any, y: Any = None) -> None:
        self.n: int = int(net._passes.rows(X).n_rows)
        order = arrays.column_order("X", arrays.column_names(X), net.feature_names)
        self.X: Any = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
        self.X = self.X if order is None else self.X[:, order]
        reading = net._passes.reading()
        scaling = reading.scaling
        if reading.old_bytes is not None and self.X.dtype == np.uint8:
            scaling = reading.old_bytes
        self._factor = scaling.factor if scaling is not None and scaling.keeps_zeros else 1.0
        self.y: NDArray[Any] | None = None
        self.labels: NDArray[np.int64] | None = None
        self.classes: tuple[str, ...] = ()
        if y is None:
            return
        encoded = targets.encode(y, self.n, net._passes.goal())
        if encoded.labels is None:
            self.y = None if encoded.values is None else net._passes.given(encoded)
            return
        if encoded.missing is not None and encoded.missing.any():
            row = int(encoded.missing[:, 0].argmax())
            raise ValueError(f"y is missing at row {row}: leave out such rows, in X too")
        self.labels = encoded.labels
        self.y = encoded.labels if net.classes is None else net.classes[encoded.labels]
        known = [] if encoded.classes is None else [str(name) for name in encoded.classes]
        # a network without `classes` may have more outputs than y has classes
        most = len(known) if net.classes is not None else max(net.sizes[-1], 2)
        self.classes = (*known, *(str(j) for j in range(len(known), most)))

    def pieces(self, bytes_per_row: int, at_most: int = PIECE) -> Iterator[tuple[slice, Any]]:
        """Yield (rows, X) of consecutive pieces of `at_most` bytes, or of one row."""
        step = max(1, at_most // max(bytes_per_row, 1))
        for begin in range(0, self.n, step):
            rows = slice(begin, min(begin + step, self.n))
            yield rows, self.X[rows]

    @property
    def targets(self) -> NDArray[Any]:
        """Return y; raise ValueError if it was not given."""
        if self.y is None:
            raise ValueError("y must have a value a row; it is None")
        return self.y

    def at(self, rows: Any) -> tuple[Any, NDArray[Any]]:
        """Return X and y of some rows, by their numbers."""
        return self.X[rows], self.targets[rows]

    def sample(self, at_most: int) -> NDArray[np.int64]:
        """Return up to `at_most` rows, spread evenly: data may be sorted by class."""
        count = min(self.n, at_most)
        return (np.arange(count) * self.n // count).astype(np.int64)

    def predicted(self, net: MLP) -> NDArray[np.int64]:
        """Return the number of the class that `MLP.classify` predicts for each row, (n,)."""
        return self.numbered(net, self.X)

    @staticmethod
    def numbered(net: MLP, X: Any) -> NDArray[np.int64]:
        """Return the number of the predicted class of each row of X, (n,)."""
        predicted = net.classify(X)
        if net.classes is None:
            return predicted.astype(np.int64)
        order = np.argsort(net.classes, kind="stable")
        return order[np.searchsorted(net.classes, predicted, sorter=order)].astype(np.int64)

    def dense(self, rows: Any) -> NDArray[np.float64]:
        """Return some rows of X as numbers to show, times the network's factor if it has one.

        A network with one input scale for all columns has such a factor: pixels are fractions of
        255.
        """
        part = self.X[rows]
        part = part.toarray() if hasattr(part, "toarray") else part
        return np.asarray(part, np.float64) * self._factor


_KEPT = (
    *("_scaling", "_output_scaling", "_feature_names", "_old_bytes", "_classes", "_trained"),
    *("_trainable", "_rule", "_entropy", "metadata"),
)


def copied(net: MLP) -> MLP:
    """Return a copy without the state of a training; possible while a fit pauses, too."""
    made = MLP(**net._network())
    made.params = net._core.get_params()
    vars(made).update({name: copy.deepcopy(getattr(net, name)) for name in _KEPT})
    return made


def untrained(net: MLP, seed: int | None = None) -> MLP:
    """Return a copy with new weights: those that `MLP` draws from its own seed or another one."""
    fresh = copied(net)
    if seed is not None:
        vars(fresh).update(seed=seed, _entropy=seed)
    fill(fresh.init, fresh.weights, fresh.biases, fresh._generator(0))
    return fresh


def as_first_fit(net: MLP, X: Any) -> MLP:
    """Return a copy that reads X as after a first fit on it: see `MLP.input_scale`."""
    made = copied(net)
    made._scaling = net._passes.reading_to_train(X).scaling
    return made


def row_numbers(name: str, rows: Any, n: int) -> NDArray[np.int64]:
    """Return the row numbers to show, after a check that they are from 0 to n − 1."""
    wanted = np.asarray(rows)
    if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
        raise TypeError(f"{name} must be a sequence of row numbers, got {rows!r}")
    outside = wanted[(wanted < 0) | (wanted >= n)]
    if len(outside):
        raise ValueError(f"{name} must be row numbers from 0 to {n - 1}, got {outside[0]}")
    return wanted.astype(np.int64)


def one_example(x: Any, y: Any, n_out: int) -> tuple[Any, Any]:
    """Return x and y as one row each."""
    if not hasattr(x, "tocsr"):
        x = arrays.as_array("x", x)
        x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[0] != 1:
        raise ValueError(f"x must be one example, (n_in,) or (1, n_in); its shape is {x.shape}")
    y = arrays.as_array("y", y)
    if y.ndim == 0 or (y.ndim == 1 and y.size == n_out > 1):
        y = y[None]
    return x, y
