"""Costs of the caller's own in `fit`: a function of outputs and targets, called batch by batch.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]


def name_of(function: Function | None) -> str | None:
    """Return the name by which a checkpoint knows the function."""
    if function is None:
        return None
    named = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None)}.{named}"


class OwnCost:
    """A function f(a, y) -> (C of each row, dC/da), with the rows and targets it is called on.

    Parameters
    ----------
    function : callable
        a: (m, n_out), as `predict` answers; y: the rows of the targets, as they were given.
    rows : Rows
        The inputs.
    y : ndarray
        A target a row, of any shape and type.
    weight : ndarray of float64, shape (n,), or None
        What each row counts.
    units : (shift, scale) or None
        Outputs are a * scale + shift, (n_out,) each.
    n_out : int
        Outputs of the network.
    dtype : dtype
        The network's.
    """

    def __init__(
        self,
        function: Function,
        rows: _fastnn.Rows,
        y: Array,
        weight: NDArray[np.float64] | None,
        units: tuple[Array, Array] | None,
        n_out: int,
        dtype: np.dtype[Any],
    ) -> None:
        self._function, self._rows, self._y = function, rows, y
        self._weight, self._units = weight, units
        self.slopes: Array = np.zeros((rows.n_rows, n_out), dtype)
        """dC/da of the last batch, in the rows that it had: what the core reads."""

    def prepare(
        self,
        core: _fastnn.Net,
        order: NDArray[np.int64] | None,
        n_threads: int,
        dropout: tuple[int, int] | None = None,
    ) -> tuple[float, float] | None:
        """Set the slopes of the mean cost of one batch; return Σ w C and Σ w.

        `dropout` is (seed, step), so that the masks are those of the step that follows. None if
        an output, a cost or a slope is not finite.
        """
        found = self._costs(core, order, n_threads, dropout)
        if found is None:
            return None
        cost, slopes = found
        here = slice(None) if order is None else order
        w = np.ones(len(cost)) if self._weight is None else self._weight[here]
        total = float(w.sum())
        scale = (
            (w / total)[:, None] if self._units is None else (w / total)[:, None] * self._units[1]
        )
        with np.errstate(over="ignore", invalid="ignore"):
            self.slopes[here] = slopes * scale
        if not np.isfinite(self.slopes[here]).all():
            return None
        return float(w @ cost), total

    def mean(self, core: _fastnn.Net, n_threads: int, most: int | None = None) -> float:
        """Return the weighted mean cost of the rows, or of the first `most`; NaN if not finite."""
        n = self._rows.n_rows if most is None else min(most, self._rows.n_rows)
        found = self._costs(core, np.arange(n), n_threads, None)
        if found is None:
            return float("nan")
        return float(
            np.average(found[0], weights=None if self._weight is None else self._weight[:n])
        )

    def _costs(
        self,
        core: _fastnn.Net,
        order: NDArray[np.int64] | None,
        n_threads: int,
        dropout: tuple[int, int] | None,
    ) -> tuple[Array, Array] | None:
        m = self._rows.n_rows if order is None else len(order)
        a = np.empty((m, self.slopes.shape[1]), self.slopes.dtype)
        masks = None if dropout is None else (*dropout, 0)
        layers: list[Array | None] = [None] * (core.n_layers) + [a]
        core.forward(self._rows, 0, m, layers, n_threads, order=order, dropout=masks)
        if not np.isfinite(a).all():
            return None
        answer = a if self._units is None else a * self._units[1] + self._units[0]
        cost, slopes = self._checked(
            self._function(answer, self._y if order is None else self._y[order]), m
        )
        if not (np.isfinite(cost).all() and np.isfinite(slopes).all()):
            return None
        return cost, slopes

    def _checked(self, given: Any, m: int) -> tuple[Array, Array]:
        """Return what the function gave as two arrays of double."""
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise TypeError(
                "loss must return two arrays, the cost of each row and dC/da, "
                f"got {type(given).__name__}"
            )
        wanted = ((m,), (m, self.slopes.shape[1]))
        found = []
        for what, shape, values in zip(("costs", "dC/da"), wanted, given, strict=True):
            array = np.asarray(values)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"loss must return numbers, got {what} of type {array.dtype}")
            if array.shape != shape and not (shape == (m, 1) and array.shape == (m,)):
                raise ValueError(
                    f"loss must return {what} of shape {shape} for these {m} rows; "
                    f"it has {array.shape}"
                )
            found.append(array.reshape(shape).astype(np.float64))
        return found[0], found[1]
