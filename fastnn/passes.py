"""Passes of a network over examples: reading of X and y, forward, cost and gradient in pieces.

The interface of `MLP` within the package, for views, estimators and exports. It refers to the
network and has no state of its own, so it is created where it is used. Over 400 lines: reading and
passes, of rows in memory and of streams.

Private: it may change without notice.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _fastnn, arrays, names, targets
from ._config import get_num_threads, get_sparse
from .fit.begun import agreed, balanced
from .fit.call_size import rows_per_call
from .fit.objective import gradient_sums
from .fit.own_cost import Function, OwnCost
from .fit.ranks import Ranks
from .fit.state import TrainingRows
from .fit.streamed import StreamedRows, ahead, counted, named, surveyed
from .layout import Array
from .streams.stream import Stream
from .streams.stream import stream as stream_of

if TYPE_CHECKING:
    from .mlp import MLP

# Neurons of a first layer up to which products with all numbers of a row are faster than finding
# its non-zeros first: measured on AVX2, 784 inputs of which 5 to 30 % are not 0.
_NARROW = 48


@dataclass(frozen=True)
class Passes:
    """Reading of data for a network, and its passes over them."""

    net: MLP

    # ---- reading -------------------------------------------------------------------------------

    def rows(
        self, X: Any, *, name: str = "X", may_be_empty: bool = False, to_predict: bool = False
    ) -> _fastnn.Rows:
        """Return X, checked, as the core reads it.

        `to_predict`: NaN and infinity are let through, as `forward` tells, and a narrow first layer
        computes with zeros, too, which changes no bit of a prediction.
        """
        sparse = get_sparse()
        narrow = to_predict and self.net.sizes[1] <= _NARROW and not arrays.is_sparse(X)
        if sparse == "auto" and narrow:
            sparse = "never"
        how: dict[str, Any] = {"name": name, "may_be_empty": may_be_empty, "check": not to_predict}
        return self.reading().rows(X, sparse=sparse, **how)

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
        if isinstance(X, Stream):
            return reading if self.net._trained else self._learnt(reading, X)
        if not self.net._trained:
            return reading.learnt(X)
        columns = reading.columns or arrays.column_names(X)
        return reading if columns is reading.columns else replace(reading, columns=columns)

    def _learnt(self, reading: arrays.Reading, stream: Stream) -> arrays.Reading:
        """Return the reading that a stream fixes: its names, and whether its bytes are pixels."""
        reading = replace(reading, columns=reading.columns or stream.feature_names)
        if reading.scaling is None and reading.old_bytes is None:
            for piece in stream.pieces():
                if piece.X is None or piece.X.dtype != np.uint8:
                    break
                learnt = reading.learnt(named(stream, piece.X).__array__())
                if learnt.scaling is not None:
                    return replace(learnt, columns=reading.columns)
        return reading

    def in_units(self, a: Array) -> Array:
        """Return outputs (n, n_out) in the units of the targets: a * scale + shift, in double."""
        if self.net._output_scaling is None:
            return a
        shift, scale = self.net._output_scaling
        return np.asarray(a * scale + shift)

    def goals(self, encoded: targets.Encoded) -> Array:
        """Return values (n, n_out) as the network reads them, NaN where there is no target."""
        assert encoded.values is not None
        values = encoded.values
        if self.net.loss == "gaussian_nll":
            values = values.copy()
            values[:, 1::2] = np.nan  # y holds no log-variances
        if encoded.missing is not None:
            missing = np.repeat(encoded.missing, encoded.outputs_each, axis=1)
            values = np.where(missing, self.net.dtype.type(np.nan), values)
        return values

    def given(self, encoded: targets.Encoded) -> Array:
        """Return values (n, n_targets) as y gives them, NaN where they are missing."""
        return self.in_units(self.goals(encoded))[:, :: encoded.outputs_each]

    def central(self, outputs: Array) -> Array:
        """Return one output a target, (n, n_targets): the mean, or the quantile closest to 1/2."""
        quantiles = np.ravel(self.net.quantile)
        which = 0 if self.net.loss != "quantile" else int(np.abs(quantiles - 0.5).argmin())
        return outputs[:, which :: self.net._outputs_each]

    def goal(self) -> targets.Goal:
        """Return the properties of the network that decide what y may be."""
        shift, scale = self.net._output_scaling or (None, None)
        if self.net.loss == "gaussian_nll" and shift is not None and scale is not None:
            shift, scale = shift[::2].repeat(2), scale[::2].repeat(2)  # all y are values of means
        return targets.Goal(
            self.net.sizes[-1],
            self.net.output,
            self.net.loss,
            self.net.dtype,
            self.net._classes,
            shift=shift,
            scale=scale,
            outputs_each=self.net._outputs_each,
        )

    def examples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any = None,
        goal: targets.Goal | None = None,
        reading: arrays.Reading | None = None,
        suffix: str = "",
        per_example: bool = False,
        ranks: Ranks | None = None,
    ) -> tuple[TrainingRows, targets.Encoded]:
        """Return X and y, checked, as the core reads them, and the encoded y."""
        reading, goal = reading or self.reading(), goal or self.goal()
        rows = reading.rows(X, name=f"X{suffix}", sparse=get_sparse())
        encoded = targets.encode(y, rows.n_rows, goal, suffix)
        if ranks is not None:
            encoded = targets.encode(y, rows.n_rows, _found(goal, agreed(ranks, encoded, goal)))
        n_out = self.net.sizes[-1]
        if ranks is not None and targets.is_balanced(class_weight):
            class_weight = balanced(ranks, Counter(targets.class_counts(encoded, n_out)))
        weight = targets.as_weights(
            sample_weight, class_weight, encoded, n_out, suffix, per_example=per_example
        )
        weights = targets.Weights.of(weight, encoded, self.net.dtype)
        visit = None
        if weights.rows is not None and not weights.rows.all():
            visit = np.flatnonzero(weights.rows)
        examples = TrainingRows(
            rows,
            encoded.targets(n_out, weights),
            rows.n_rows,
            encoded.metric != names.NO_METRIC,
            visit,
            weights.rows,
            output_weight=weights.terms,
        )
        return examples, encoded

    def validation(
        self, data: Any, encoded: targets.Encoded, reading: arrays.Reading
    ) -> TrainingRows | None:
        """Return the examples to score after each epoch; classes are those of the training data."""
        if data is None:
            return None
        suffix = " of validation_data"
        if isinstance(data, Stream):
            rows: TrainingRows = self.streamed(data, None, reading, encoded, suffix)[0]
            return rows
        X, y, weight = _parts_of_validation(data)
        goal = _found(self.goal(), encoded)
        return self.examples(X, y, weight, goal=goal, reading=reading, suffix=suffix)[0]

    def training_data(
        self,
        data: tuple[Any, Any, Any, Any, Any],  # X, y, sample_weight, class_weight, validation_data
        reading: arrays.Reading,
        loss: Function | None,
        batch_size: int | None,
        ranks: Ranks | None,
    ) -> tuple[Any, targets.Encoded | None, TrainingRows | None]:
        """Return what `fit` trains on, what was found in y, and what it is scored on."""
        X, y, sample_weight, class_weight, validation_data = data
        if isinstance(X, Stream):
            if y is not None or sample_weight is not None:
                raise TypeError("the stream holds y and weights: leave y and sample_weight out")
            if batch_size is None:
                raise TypeError("batch_size=None takes all rows at once; of a stream give a number")
            if loss is not None:
                raise TypeError("a loss of your own takes rows in memory, not a stream")
            if self.net._rule.alpha:
                raise TypeError("alpha of an estimator goes with rows in memory, not with a stream")
            streamed, found = self.streamed(X, class_weight, reading, ranks=ranks)
            return streamed, found, self.validation(validation_data, found, reading)
        if loss is None:
            how: dict[str, Any] = {"reading": reading, "ranks": ranks}
            examples, encoded = self.examples(X, y, sample_weight, class_weight, **how)
            targets.check_classes(encoded)
            return examples, encoded, self.validation(validation_data, encoded, reading)
        if not callable(loss):
            raise TypeError(
                f"loss of fit is a function f(a, y), got {loss!r}; a loss by its name is an "
                "argument of MLP"
            )
        if class_weight is not None:
            raise TypeError("class_weight does not go with a loss of your own: use sample_weight")
        examples = self.own_cost_examples(loss, X, y, sample_weight, reading)
        if validation_data is None:
            return examples, None, None
        X, y, weight = _parts_of_validation(validation_data)
        suffix = " of validation_data"
        return examples, None, self.own_cost_examples(loss, X, y, weight, reading, suffix)

    def to_evaluate(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """Return rows in memory or of a stream, checked."""
        if not isinstance(X, Stream):
            return self.examples(X, y, sample_weight)[0]
        if y is not None or sample_weight is not None:
            raise TypeError("the stream holds y and weights: leave y and sample_weight out")
        return self.streamed(X)[0]

    def streamed(
        self,
        stream: Stream,
        class_weight: Any = None,
        reading: arrays.Reading | None = None,
        known: targets.Encoded | None = None,
        suffix: str = "",
        ranks: Ranks | None = None,
    ) -> tuple[Any, targets.Encoded]:
        """Return the rows of a stream as passes and fits take them, and what was found in y."""
        reading, goal = reading or self.reading(), self.goal()
        goal = goal if known is None else _found(goal, known)
        encoded, n_visited, counts = surveyed(stream, goal, class_weight, suffix)
        encoded = encoded if ranks is None else agreed(ranks, encoded, goal)
        if targets.is_balanced(class_weight):
            class_weight = balanced(ranks, counts)
        targets.check_classes(encoded)
        goal = _found(goal, encoded)

        def read(X: Any, y: Any, weight: Any, place: str) -> TrainingRows:
            if y is None:
                raise ValueError(f"y{suffix}{place} is missing: the stream has no target there")
            how: dict[str, Any] = {"goal": goal, "reading": reading, "per_example": True}
            X, place = named(stream, X), f"{suffix}{place}"
            return self.examples(X, y, weight, class_weight, suffix=place, **how)[0]

        has_accuracy = encoded.metric != names.NO_METRIC
        return StreamedRows(stream, read, n_visited, has_accuracy), encoded

    def predict_stream(self, X: Any, out: Any, logits: bool, dropout: bool) -> Array:
        """Write the outputs of each row of a stream into `out`: an array or the path of a .npy."""
        if dropout:
            raise TypeError("dropout=True needs rows and predictions in memory")
        stream = X if isinstance(X, Stream) else stream_of(X)
        n, scaled = counted(stream), self.net._output_scaling is not None
        shape, dtype = (n, self.net.sizes[-1]), np.dtype(np.float64) if scaled else self.net.dtype
        if out is None:
            out = np.empty(shape, dtype)
        elif isinstance(out, str | os.PathLike):
            out = np.lib.format.open_memmap(os.fspath(out), "w+", dtype, shape)
        else:
            arrays.check_out(out, shape, dtype, out[:0])
        done, reading = 0, self.reading()
        for pieces in ahead(stream.gathered()):
            for piece in pieces:
                rows = reading.rows(
                    named(stream, piece.X), name=f"X of {piece.place}", sparse=get_sparse()
                )
                if done + piece.n > n:
                    raise ValueError(f"the stream gave more than the {n} rows that it has")
                a = np.empty((piece.n, shape[1]), self.net.dtype)
                self.forward(rows, [None] * (len(self.net.sizes) - 1) + [a], logits=logits)
                out[done : done + piece.n] = self.in_units(a)
                done += piece.n
        if done != n:
            raise ValueError(f"the stream gave {done} of the {n} rows that it has")
        if isinstance(out, np.memmap):
            out.flush()
        given: Array = out
        return given

    def own_cost_examples(
        self,
        function: Function,
        X: Any,
        y: Any,
        sample_weight: Any,
        reading: arrays.Reading,
        suffix: str = "",
    ) -> TrainingRows:
        """Return X, and y as it is, for a cost of the caller's own."""
        rows = reading.rows(X, name=f"X{suffix}", sparse=get_sparse())
        given = np.asarray(y)
        if given.ndim == 0 or len(given) != rows.n_rows:
            raise ValueError(f"X{suffix} has {rows.n_rows} rows, y{suffix} has shape {given.shape}")
        encoded = targets.Encoded(rows.n_rows, None, None, names.NO_METRIC, None)
        weight = targets.as_weights(sample_weight, None, encoded, self.net.sizes[-1], suffix)
        if weight is not None and weight.ndim > 1:
            raise ValueError(
                f"sample_weight{suffix} must have shape ({rows.n_rows},) for a loss of your own, "
                "which weighs its targets itself"
            )
        units, n_out = self.net._output_scaling, self.net.sizes[-1]
        own = OwnCost(function, rows, given, weight, units, n_out, self.net.dtype)
        visit = None if weight is None or weight.all() else np.flatnonzero(weight)
        return replace(own_cost_of(rows, own.slopes), own=own, visit=visit, weight=weight)

    # ---- passes --------------------------------------------------------------------------------

    def pieces(self, n: int, products: int = 1, written: int = 0) -> Iterator[tuple[int, int]]:
        """Yield begin and end of the rows of each call of the core; Ctrl-C is answered between."""
        step = rows_per_call(self.net.n_params, products, written)
        for begin in range(0, n, step):
            yield begin, min(begin + step, n)

    def forward(
        self,
        rows: _fastnn.Rows,
        out: Sequence[Array | None],
        *,
        logits: bool = False,
        dropout_seed: int | None = None,
    ) -> bool:
        """Compute the activations of each layer into `out`; None where they are not wanted.

        Returns False if the first weighted sum of a row is not finite: where none of its numbers is
        NaN or infinite, it has overflowed.
        """
        finite = True
        for begin, end in self.pieces(rows.n_rows):
            part = [None if layer is None else layer[begin:end] for layer in out]
            masks = None if dropout_seed is None else (dropout_seed, 0, begin)
            how: dict[str, Any] = {"logits": logits, "dropout": masks}
            finite &= self.net._core.forward(rows, begin, end, part, get_num_threads(), **how)
        return finite

    def costs(self, examples: TrainingRows) -> Array:
        """Return the cost of each example, (n,)."""
        costs = np.empty(examples.n)
        for begin, end in self.pieces(examples.n):
            self.net._core.cost(
                examples.rows, examples.targets, begin, end, costs[begin:end], get_num_threads()
            )
        return costs

    def own_cost(
        self, X: Any, output_gradient: Any, reading: arrays.Reading | None = None
    ) -> TrainingRows:
        """Return X and dC/da of a cost of the caller's own, checked, as the core reads them.

        What `predict` answers is a · scale + shift: dC/da of the core's a is scale times as large.
        """
        rows = (reading or self.reading()).rows(X, sparse=get_sparse())
        scale = None if self.net._output_scaling is None else self.net._output_scaling[1]
        slopes = arrays.output_gradients(
            output_gradient, rows.n_rows, self.net.sizes[-1], self.net.dtype, scale
        )
        return own_cost_of(rows, slopes)

    def gradients(self, examples: TrainingRows) -> tuple[Array, Array]:
        """Return the gradient of each example's cost, (n, n_params), and the costs, (n,)."""
        flat = np.empty((examples.n, self.net.n_params), self.net.dtype)
        costs = np.empty(examples.n)
        for begin, end in self.pieces(examples.n, products=3, written=self.net.n_params):
            self.net._core.backward(
                examples.rows,
                examples.targets,
                begin,
                end,
                None,
                flat[begin:end],
                None,
                costs[begin:end],
                get_num_threads(),
            )
        return flat, costs

    def input_gradients(self, examples: TrainingRows) -> Array:
        """Return ∂C_i/∂x of each example with respect to its scaled inputs, (n, n_in)."""
        n_in, deeper = self.net.sizes[0], [None] * (len(self.net.sizes) - 2)
        slopes = np.empty((examples.n, n_in), self.net.dtype)
        for begin, end in self.pieces(examples.n, products=2, written=n_in):
            layers = [slopes[begin:end], *deeper]
            self.net._core.backward(
                examples.rows,
                examples.targets,
                begin,
                end,
                None,
                None,
                layers,
                None,
                get_num_threads(),
            )
        return slopes

    def jacobians(self, rows: _fastnn.Rows, parameters: bool) -> Array:
        """Return ∂a/∂x of the scaled inputs, (n, n_out, n_in), or ∂a/∂θ, (n, n_out, n_params)."""
        n_out = self.net.sizes[-1]
        n_each = self.net.n_params if parameters else self.net.sizes[0]
        slopes = np.empty((rows.n_rows, n_out, n_each), self.net.dtype)
        for begin, end in self.pieces(rows.n_rows, 1 + n_out, written=n_out * n_each):
            part = slopes[begin:end]
            inputs, of_params = (None, part) if parameters else (part, None)
            self.net._core.jacobian(rows, begin, end, inputs, of_params, get_num_threads())
        return slopes

    def cost_and_gradient(self, examples: TrainingRows) -> tuple[float, Array]:
        """Return C and ∇C (n_params,), weighted means over the examples, in double.

        Sums of a call are in the network's dtype, sums of the calls in double.
        """
        total, (cost, _, weight) = gradient_sums(self.net._core, examples, get_num_threads())
        return cost / weight, total / weight

    def summed_gradient(self, examples: TrainingRows) -> Array:
        """Return Σ ∇C (n_params,) over the examples, in double."""
        return gradient_sums(self.net._core, examples, get_num_threads())[0]


def _found(goal: targets.Goal, encoded: targets.Encoded) -> targets.Goal:
    """Return the goal of further targets beside those that were encoded."""
    may_be = encoded.metric != names.THRESHOLD
    return replace(goal, classes=encoded.classes, may_be_one_hot=may_be)


def _parts_of_validation(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
    X, y, weight = (*data, None)[:3]
    return X, y, weight


def own_cost_of(rows: _fastnn.Rows, slopes: Array) -> TrainingRows:
    """Return rows with dC/da, (n, n_out) of the network's dtype, in place of targets."""
    given = _fastnn.Targets(
        None, slopes, None, names.NO_METRIC, rows.n_rows, slopes.shape[1], linear=True
    )
    return TrainingRows(rows, given, rows.n_rows, has_accuracy=False, linear=True)
