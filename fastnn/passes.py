"""Passes of a network over examples: reading of X and y, forward, cost and gradient in pieces.

The interface of `MLP` within the package, for views, estimators and exports. It refers to the
network and has no state of its own, so it is created where it is used.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _fastnn, arrays, names
from ._config import get_num_threads, get_sparse
from .fit.call_size import rows_per_call
from .fit.state import TrainingRows
from .layout import Array

if TYPE_CHECKING:
    from .mlp import MLP


@dataclass(frozen=True)
class Passes:
    """Reading of data for a network, and its passes over them."""

    net: MLP

    # ---- reading -------------------------------------------------------------------------------

    def rows(self, X: Any, *, name: str = "X", may_be_empty: bool = False) -> _fastnn.Rows:
        """Return X, checked, as the core reads it."""
        return self.reading().rows(X, name=name, may_be_empty=may_be_empty, sparse=get_sparse())

    def reading(self) -> arrays.Reading:
        """Return the reading of X: width, dtype, scaling and column names."""
        return arrays.Reading(
            self.net.sizes[0],
            self.net.dtype,
            self.net._scaling,
            self.net._feature_names,
            self.net._old_bytes,
        )

    def reading_to_train(self, X: Any) -> arrays.Reading:
        """Return the reading of X for a training; the first one fixes the meaning of bytes."""
        reading = self.reading()
        if not self.net._trained:
            return reading.learnt(X)
        return replace(reading, columns=self.net._feature_names or arrays.column_names(X))

    def in_units(self, a: Array) -> Array:
        """Return outputs (n, n_out) in the units of the targets: a * scale + shift, in double."""
        if self.net._output_scaling is None:
            return a
        shift, scale = self.net._output_scaling
        return np.asarray(a * scale + shift)

    def goal(self) -> arrays.Goal:
        """Return the properties of the network that decide what y may be."""
        shift, scale = self.net._output_scaling or (None, None)
        return arrays.Goal(
            self.net.sizes[-1],
            self.net.output,
            self.net.loss,
            self.net.dtype,
            self.net._classes,
            shift=shift,
            scale=scale,
        )

    def examples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any = None,
        goal: arrays.Goal | None = None,
        reading: arrays.Reading | None = None,
        suffix: str = "",
    ) -> tuple[TrainingRows, arrays.Encoded]:
        """Return X and y, checked, as the core reads them, and the encoded y."""
        reading = reading or self.reading()
        rows = reading.rows(X, name=f"X{suffix}", sparse=get_sparse())
        encoded = arrays.encode(y, rows.n_rows, goal or self.goal(), suffix)
        weight = arrays.as_weights(sample_weight, class_weight, encoded, self.net.sizes[-1], suffix)
        visit = None
        if weight is not None and not weight.all():
            visit = np.flatnonzero(weight)
        examples = TrainingRows(
            rows,
            encoded.targets(self.net.sizes[-1], weight),
            rows.n_rows,
            encoded.metric != names.NO_METRIC,
            visit,
            weight,
        )
        return examples, encoded

    def validation(
        self, data: Any, encoded: arrays.Encoded, reading: arrays.Reading
    ) -> TrainingRows | None:
        """Return the examples to score after each epoch; classes are those of the training data."""
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
        X, y, weight = (*data, None)[:3]
        goal = replace(
            self.goal(),
            classes=encoded.classes,
            may_be_one_hot=encoded.metric != names.THRESHOLD,
        )
        suffix = " of validation_data"
        return self.examples(X, y, weight, goal=goal, reading=reading, suffix=suffix)[0]

    # ---- passes --------------------------------------------------------------------------------

    def pieces(self, n: int, products: int = 1, written: int = 0) -> Iterator[tuple[int, int]]:
        """Yield begin and end of the rows of each call of the core; Ctrl-C is answered between."""
        step = rows_per_call(self.net.n_params, products, written)
        for begin in range(0, n, step):
            yield begin, min(begin + step, n)

    def forward(self, rows: _fastnn.Rows, out: Sequence[Array | None]) -> None:
        """Compute the activations of each layer into `out`; None for layers to be left out."""
        if rows.n_rows <= rows_per_call(self.net.n_params):  # the fast path of a few rows
            self.net._core.forward(rows, 0, rows.n_rows, list(out), get_num_threads())
            return
        for begin, end in self.pieces(rows.n_rows):
            part = [None if layer is None else layer[begin:end] for layer in out]
            self.net._core.forward(rows, begin, end, part, get_num_threads())

    def costs(self, examples: TrainingRows) -> Array:
        """Return the cost of each example, (n,)."""
        costs = np.empty(examples.n)
        for begin, end in self.pieces(examples.n):
            self.net._core.cost(
                examples.rows, examples.targets, begin, end, costs[begin:end], get_num_threads()
            )
        return costs

    def gradients(self, examples: TrainingRows) -> Array:
        """Return the gradient of each example's cost, (n, n_params)."""
        flat = np.empty((examples.n, self.net.n_params), self.net.dtype)
        for begin, end in self.pieces(examples.n, products=3, written=self.net.n_params):
            self.net._core.gradient(
                examples.rows,
                examples.targets,
                begin,
                end,
                None,
                flat[begin:end],
                get_num_threads(),
            )
        return flat

    def cost_and_gradient(self, examples: TrainingRows) -> tuple[float, Array]:
        """Return C and ∇C (n_params,), weighted means over the examples, in double.

        Sums of a call are in the network's dtype, sums of the calls in double.
        """
        net = self.net
        total, part = np.zeros(net.n_params), np.zeros(net.n_params, net.dtype)
        cost = weight = 0.0
        for begin, end in self.pieces(examples.n, products=3):
            part[:] = 0
            sums = net._core.gradient(
                examples.rows, examples.targets, begin, end, part, None, get_num_threads()
            )
            total += part
            cost += sums[0]
            weight += sums[2]
        return cost / weight, total / weight
