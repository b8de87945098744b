"""Scaling of a network's inputs and targets, and the names of its input columns.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _fastnn, arrays, targets
from .fit.streamed import ahead, named
from .layout import Array
from .passes import Passes
from .streams.moments import Moments
from .streams.stream import Stream


def _column_numbers(name: str, values: ArrayLike | None, neutral: float, n: int) -> Array:
    """Return n finite doubles from n numbers, or from one for all; None stands for `neutral`."""
    array = np.asarray(neutral if values is None else values)
    if array.shape not in ((), (n,)) or array.dtype.kind not in "biuf":
        wanted = "one number" if n == 1 else f"{n} numbers or one"
        raise ValueError(f"{name} must be {wanted}, got {shorten(values)}")
    new = np.array(np.broadcast_to(array, (n,)), np.float64, order="C")
    if not np.isfinite(new).all():
        raise ValueError(
            f"{name} must be finite; it holds NaN, infinity or a number above float64's"
        )
    return new


def _read_only(array: Array) -> Array:
    """Return a read-only view: only assigning the whole array is checked."""
    view = array.view()
    view.flags.writeable = False
    return view


def _kept(other: Array | None, neutral: float, assigned: ArrayLike | None) -> Array | None:
    """Return the other half of a scaling; None for both removes it, in either order."""
    nothing = other is None or (assigned is None and bool((other == neutral).all()))
    return None if nothing else other


def _standard(X: Any) -> tuple[Array, Array]:
    """Return shift and scale of each column; the scale is 1 where it does not vary."""
    return _shift_and_scale(*arrays.mean_and_deviation(X), getattr(X, "dtype", None))


def _shift_and_scale(mean: Array, deviation: Array, dtype: Any) -> tuple[Array, Array]:
    tiny = np.finfo(np.float32 if dtype == np.float32 else np.float64).tiny
    varies = deviation > np.maximum(4 * np.finfo(float).eps * np.abs(mean), tiny)
    return mean, np.where(varies, 1 / np.where(varies, deviation, 1), 1)


def _standard_of_targets(encoded: targets.Encoded) -> tuple[Array, Array]:
    """Return shift and scale of each output, from those of its target that are there."""
    assert encoded.values is not None
    if encoded.missing is None:
        return _standard(encoded.values)
    shift, scale = np.zeros(encoded.values.shape[1]), np.ones(encoded.values.shape[1])
    for j, column in enumerate(encoded.values.T):
        there = column[~encoded.missing[:, j // encoded.outputs_each]]
        if len(there):
            (shift[j],), (scale[j],) = _standard(there[:, None])
    return shift, scale


class Scaled:
    """The part of `MLP` for scaling of inputs and targets, and for column names."""

    sizes: tuple[int, ...]
    output: str
    loss: str
    _classes: Array | None
    _scaling: _fastnn.Scaling | None
    _old_bytes: _fastnn.Scaling | None  # how bytes are read; of old files
    _output_scaling: tuple[Array, Array] | None  # shift and scale
    _feature_names: tuple[str, ...] | None = None

    @property
    def _passes(self) -> Passes:
        raise NotImplementedError

    @property
    def input_shift(self) -> Array | None:
        """The shift subtracted from inputs, (n_in,), or None; see `standardize`."""
        return None if self._scaling is None else self._scaling.shift

    @input_shift.setter
    def input_shift(self, values: ArrayLike | None) -> None:
        self._set_input_scaling(values, _kept(self.input_scale, 1, values))

    @property
    def input_scale(self) -> Array | None:
        """The factors of inputs after the shift, (n_in,), or None."""
        return None if self._scaling is None else self._scaling.scale

    @input_scale.setter
    def input_scale(self, values: ArrayLike | None) -> None:
        self._set_input_scaling(_kept(self.input_shift, 0, values), values)

    def _set_input_scaling(self, shift: ArrayLike | None, scale: ArrayLike | None) -> None:
        """Set shift and scale at once: the core needs both or none."""
        if shift is None and scale is None:
            self._scaling = self._old_bytes = None
            return
        n_in = self.sizes[0]
        self._scaling = _fastnn.Scaling(
            _column_numbers("input_shift", shift, 0, n_in),
            _column_numbers("input_scale", scale, 1, n_in),
        )
        self._old_bytes = None

    def _read_bytes_as_fractions(self) -> None:
        """Read bytes as x / 255 and other numbers unscaled, as for files of version 1."""
        n_in = self.sizes[0]
        shift = np.zeros(n_in) if self._scaling is None else self._scaling.shift
        scale = np.ones(n_in) if self._scaling is None else self._scaling.scale
        self._old_bytes = _fastnn.Scaling(shift * 255, scale / 255)

    @property
    def output_shift(self) -> Array | None:
        """The shift added to outputs after the scale, (n_out,), or None; see `standardize`."""
        return None if self._output_scaling is None else _read_only(self._output_scaling[0])

    @output_shift.setter
    def output_shift(self, values: ArrayLike | None) -> None:
        self._set_output_scaling(values, _kept(self.output_scale, 1, values))

    @property
    def output_scale(self) -> Array | None:
        """The factors of outputs, (n_out,), or None."""
        return None if self._output_scaling is None else _read_only(self._output_scaling[1])

    @output_scale.setter
    def output_scale(self, values: ArrayLike | None) -> None:
        self._set_output_scaling(_kept(self.output_shift, 0, values), values)

    def _set_output_scaling(self, shift: ArrayLike | None, scale: ArrayLike | None) -> None:
        if shift is None and scale is None:
            self._output_scaling = None
            return
        self._check_says_numbers()
        new = (
            _column_numbers("output_shift", shift, 0, self.sizes[-1]),
            _column_numbers("output_scale", scale, 1, self.sizes[-1]),
        )
        if not (new[1] > 0).all():
            raise ValueError(f"output_scale must be above 0, got {new[1].min():g}")
        if self.loss == "gaussian_nll":  # the variance of y is scale² times that of what is learnt
            new[0][1::2], new[1][1::2] = 2 * np.log(new[1][::2]), 1
        self._output_scaling = new

    def _check_says_numbers(self) -> None:
        """Refuse to scale targets that are classes or have a limited range."""
        if self.output != "identity":
            raise ValueError(
                "output_shift and output_scale need output 'identity', which says any number; "
                f"this network's is {self.output!r}"
            )
        if self._classes is not None:
            raise ValueError(
                "output_shift and output_scale are for numeric targets; this network has classes"
            )

    def _check_says_labels(self) -> None:
        """Refuse classes where targets are scaled."""
        if self._output_scaling is not None:
            raise ValueError(
                "classes are for labels; this network's targets are scaled numbers: set "
                "output_shift and output_scale to None first"
            )

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the input columns, or None."""
        return self._feature_names

    @feature_names.setter
    def feature_names(self, names: Iterable[str] | None) -> None:
        if names is None:
            self._feature_names = None
            return
        new = (names,) if isinstance(names, str) else tuple(names)
        if len(new) != self.sizes[0] or not all(isinstance(name, str) for name in new):
            raise ValueError(f"feature_names must be {self.sizes[0]} strings, got {shorten(new)}")
        self._feature_names = tuple(map(str, new))

    def standardize(self, X: arrays.Matrix | Stream, y: ArrayLike | None = None) -> None:
        """Scale inputs, and targets, to (x - mean) / standard deviation from now on.

        Mean and deviation are those of each column, in double. They are kept in model files and
        exports, so that a loaded network takes the same raw inputs. Columns that do not vary are
        only shifted. The names of a frame's columns are learnt, as by `fit`.

        With y, `predict` answers in the units of y, as float64; cost, gradient, activations and
        history are those of the standardized targets: predicting the mean of y for every row has a
        mean squared error of 1.

        Parameters
        ----------
        X : array-like, shape (n, n_in), or Stream
            The training data. A stream is read once; its targets are standardized, too, if they are
            numbers that this network can scale: with output "identity" and without classes.
        y : array-like, shape (n,) or (n, n_out), optional
            The targets, of a network with output "identity"; NaN where they are missing. Without
            it, targets are left as they are.

        Raises
        ------
        ValueError, TypeError
            X or y is not as in `fit`, or targets of this network cannot be scaled; nothing is
            changed.
        """
        if isinstance(X, Stream):
            if y is not None:
                raise TypeError("the stream holds y: leave y out")
            self._standardize_by_stream(X)
            return
        rows = arrays.as_rows(X, self.sizes[0], np.dtype(np.float64), columns=self._feature_names)
        inputs, outputs = _standard(X), self._output_scaling
        order = arrays.column_order("X", arrays.column_names(X), self._feature_names)
        if order is not None:
            inputs = (inputs[0][order], inputs[1][order])
        if y is not None:
            self._check_says_numbers()
            goal = replace(self._passes.goal(), dtype=np.dtype(np.float64), shift=None, scale=None)
            encoded = targets.encode(y, rows.n_rows, goal)
            if encoded.values is None:
                raise ValueError("y must be numbers to be standardized; it holds class labels")
            mean, factor = _standard_of_targets(encoded)
            self._set_output_scaling(mean, 1 / factor)
        try:
            self._set_input_scaling(*inputs)
        except ValueError:
            self._output_scaling = outputs
            raise
        self._feature_names = self._feature_names or arrays.column_names(X)

    def _standardize_by_stream(self, stream: Stream) -> None:
        n_in, double = self.sizes[0], np.dtype(np.float64)
        inputs, outputs = Moments(n_in), Moments(self.sizes[-1])
        goal = replace(self._passes.goal(), dtype=double, shift=None, scale=None)
        with_targets = stream.has_target and self.output == "identity" and self._classes is None
        some_y, dtype, order = False, None, None
        for pieces in ahead(stream.gathered()):
            for piece in pieces:
                name = f"X of {piece.place}"
                X: Any = named(stream, piece.X)
                arrays.as_rows(X, n_in, double, columns=self._feature_names, name=name)
                order = arrays.column_order(name, arrays.column_names(X), self._feature_names)
                assert piece.X is not None
                dtype = piece.X.dtype
                inputs.add(piece.X if order is None else piece.X[:, order])
                if with_targets and piece.y is not None:
                    encoded = targets.encode(piece.y, piece.n, goal, f" of {piece.place}")
                    if encoded.values is None:
                        raise ValueError(
                            f"y of {piece.place} must be numbers to be standardized; it holds "
                            "class labels"
                        )
                    missing = encoded.missing
                    gone = None if missing is None else missing.repeat(encoded.outputs_each, axis=1)
                    y = encoded.values
                    outputs.add(y if gone is None else np.where(gone, np.nan, y))
                    some_y = True
        if dtype is None:
            raise ValueError("the stream has no rows")
        shift, scale = _shift_and_scale(*inputs.mean_and_deviation, dtype)
        if some_y:
            mean, factor = _shift_and_scale(*outputs.mean_and_deviation, double)
            self._set_output_scaling(mean, 1 / factor)
        self._set_input_scaling(shift, scale)
        self._feature_names = self._feature_names or stream.feature_names
