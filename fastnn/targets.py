"""Checks of y and of weights, and their description for the core.

All messages about y and weights stand here. Over 400 lines: one place for y and weights.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from reprlib import repr as shorten
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import cells
from ._fastnn import Targets
from .activations import ROWS
from .arrays import Matrix, as_array, is_sparse, numbers, whole
from .names import ARGMAX, METRICS, OUTPUTS_OF, Loss, Output
from .words import plural

_LEAST_WEIGHT = 1e-100  # smaller weights could make their sums or products with costs underflow
_BEYOND = 1e-6  # tolerance of a range, for rounding: scaling to 0 … 1 may give 1 + 2e-16

Validation: TypeAlias = tuple[Matrix, ArrayLike] | tuple[Matrix, ArrayLike, ArrayLike | None]
ClassWeight: TypeAlias = Mapping[Any, float] | Literal["balanced"]


def outputs_a_target(loss: Loss, quantile: float | tuple[float, ...], n_out: int) -> int:
    """Return how many outputs a network has for each target, one after the other.

    Raises
    ------
    ValueError
        Its outputs are not so many times some number of targets.
    """
    if loss == "gaussian_nll":
        each, what = 2, "its mean and the logarithm of its variance"
    elif isinstance(quantile, tuple):
        if loss != "quantile":
            raise ValueError(f"several quantiles need loss 'quantile', not {loss!r}")
        each, what = len(quantile), f"its quantiles {', '.join(map(str, quantile))}"
    else:
        return 1
    if n_out % each:
        raise ValueError(
            f"loss {loss!r} needs {each} outputs a target, {what}; sizes has {n_out} outputs"
        )
    return each


@dataclass(frozen=True)
class Goal:
    """The properties of a network that decide what y may be: output layer, loss, known labels."""

    n_out: int
    output: Output
    loss: Loss
    dtype: np.dtype[Any]
    classes: NDArray[Any] | None = None  # label of output j; None: the number j
    may_be_one_hot: bool = True  # False: rows may have several labels, even if these have one each
    shift: NDArray[np.float64] | None = None  # with `scale`, (n_out,): y is (y - shift) / scale
    scale: NDArray[np.float64] | None = None
    outputs_each: int = 1  # outputs a target: mean and log-variance, or several quantiles

    @property
    def n_targets(self) -> int:
        """Number of columns of y."""
        return self.n_out // self.outputs_each


@dataclass(frozen=True)
class Encoded:
    """y in the core's terms: class numbers or values, the metric, and the class labels.

    ``missing``, (n, n_targets), marks what y lacks; labels and values hold 0 there.
    """

    n: int
    labels: NDArray[np.int64] | None
    values: NDArray[Any] | None  # (n, n_out): each target as often as it has outputs
    metric: int
    classes: NDArray[Any] | None
    missing: NDArray[np.bool_] | None = None
    outputs_each: int = 1

    def targets(self, n_out: int, weights: Weights) -> Targets:
        """Return them as the core reads them."""
        return Targets(
            self.labels, self.values, weights.rows, self.metric, self.n, n_out, weights.terms
        )


@dataclass(frozen=True)
class Weights:
    """Weights of rows in the cost, w_i (n,), and of outputs in their row, w_ij / w_i (n, n_out).

    With w_ij for the weight of a target, 0 where it is missing, w_i is their mean over j; so the
    cost is Σ w_ij c_ij / Σ w_ij, times n_out where a loss adds up its terms c_ij. None: all 1.
    """

    rows: NDArray[np.float64] | None = None
    terms: NDArray[Any] | None = None  # of the network's dtype

    @classmethod
    def of(
        cls, weight: NDArray[np.float64] | None, encoded: Encoded, dtype: np.dtype[Any]
    ) -> Weights:
        """Return these parts of weights (n,) or (n, n_targets)."""
        if weight is None or weight.ndim == 1:
            return cls(weight)
        rows = _row_means(weight)
        # The cost of a row that counts nothing is asked for by itself: that of what is there.
        there = 1.0 if encoded.missing is None else np.where(encoded.missing, 0.0, 1.0)
        counts = np.where(rows[:, None] > 0, weight, there)
        mean = _row_means(counts)[:, None]
        terms = counts / np.where(mean > 0, mean, 1)
        return cls(rows, whole(np.repeat(terms, encoded.outputs_each, axis=1), dtype))


def _row_means(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each row, (n,): to the bit the number, where a row is one number."""
    first = weight[:, 0]
    alike = (weight == first[:, None]).all(axis=1)
    return np.where(alike, first, weight.mean(axis=1))


def encode(y: Any, n: int, goal: Goal, suffix: str = "") -> Encoded:
    """Return y in the core's terms, for n rows.

    Labels, one a row: strings, booleans, or whole numbers where the network has several outputs or
    one that is a probability. Everything else is values: (n,) or (n, n_targets) numbers, NaN where
    they are missing.
    """
    if isinstance(y, Encoded):
        return y
    name = f"y{suffix}"
    array = as_array(name, y.toarray() if is_sparse(y) else y)
    if array.ndim == 0:
        raise ValueError(f"{name} must have a value a row; it is {y!r}")
    if len(array) != n:
        raise ValueError(f"X{suffix} has {plural(n, 'row')}, y{suffix} has {len(array)}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if goal.scale is not None:
        return _values(name, numbers(name, array, goal.dtype), n, goal)
    if array.dtype.kind in "UST" or (array.dtype.kind == "O" and _all_strings(array)):
        return _named_labels(name, _text(name, array), n, goal)
    if array.dtype.kind == "O":
        _check_labels_are_there(name, array)
    given = numbers(name, array, goal.dtype) if array.dtype.kind not in "biu" else array
    if given.ndim == 1 and goal.n_targets > 1:
        return _class_numbers(name, given, n, goal)
    if given.ndim == 1 and _is_yes_or_no(given, goal):
        if goal.classes is not None:
            return _class_numbers(name, given, n, goal)
        # An output that may be any number separates two classes only if `classes` are set.
        named = given.dtype.kind == "b" and goal.output != "sigmoid"
        classes = np.array([False, True]) if named else None
        return Encoded(n, whole(given, np.int64), None, ARGMAX, classes)
    return _values(name, given, n, goal)


def as_classes(labels: Any, most: int) -> NDArray[Any]:
    """Return a copy of the labels of a network's outputs, 2 to `most`, all different."""
    new = np.asarray(labels)
    if new.dtype.kind in "OT" and all(isinstance(label, str) for label in new.flat):
        new = np.array(new.tolist(), str)
    if new.ndim != 1 or not 2 <= len(new) <= most or new.dtype.kind not in "biufU":
        count = "2" if most == 2 else f"2 to {most}"
        raise ValueError(f"classes must be {count} strings or numbers, got {shorten(new.tolist())}")
    if len(np.unique(new)) != len(new):
        raise ValueError("classes must all be different")
    if new.dtype.kind == "f" and not np.isfinite(new).all():
        raise ValueError(f"classes must be finite numbers, got {shorten(new.tolist())}")
    return new.copy()


def check_classes(encoded: Encoded) -> None:
    """Refuse a y with a single class."""
    classes = encoded.classes
    if classes is not None and len(classes) == 1:
        raise ValueError(
            f"y has one label only, {classes[0].item()!r}; set the network's `classes` "
            "to all labels"
        )


def _all_strings(array: NDArray[Any]) -> bool:
    return array.size > 0 and all(isinstance(item, str) for item in array.flat)


def _check_labels_are_there(name: str, array: NDArray[Any]) -> None:
    """Refuse missing labels among strings, naming the row; `_values` refuses NaN among numbers."""
    if any(isinstance(item, str) for item in array.flat):
        row = cells.first_missing(array)
        if row is not None:
            raise ValueError(f"{name} is missing at row {row}: leave out such rows, in X too")


def _text(name: str, array: NDArray[Any]) -> NDArray[np.str_]:
    if array.dtype.kind == "T":
        items = array.astype(object)
        _check_labels_are_there(name, items)
        return np.array(items.tolist(), str)
    try:
        return array.astype(str)
    except UnicodeDecodeError:
        raise ValueError(f"{name} holds bytes that are not ASCII; decode them to strings") from None


def _is_yes_or_no(y: NDArray[Any], goal: Goal) -> bool:
    """Return whether y (n,), for a network with one output, holds two classes."""
    if goal.classes is not None or y.dtype.kind == "b":
        return True
    if goal.loss == "binary_cross_entropy" or (goal.output == "sigmoid" and y.dtype.kind in "iu"):
        return bool(np.all((y == 0) | (y == 1)))
    return False


def _most_classes(goal: Goal) -> int:
    return max(goal.n_out, 2)


def _named_labels(name: str, y: NDArray[np.str_], n: int, goal: Goal) -> Encoded:
    if y.ndim != 1:
        raise ValueError(f"{name} must be one label a row; its shape is {y.shape}")
    classes = goal.classes
    if classes is None:
        classes = np.unique(y)
        if len(classes) > _most_classes(goal):
            raise ValueError(
                f"{name} has {len(classes)} different labels; this network has outputs for "
                f"{_most_classes(goal)} classes"
            )
    elif classes.dtype.kind != "U":
        raise ValueError(f"{name} holds strings; this network's classes are {_some(classes)}")
    return Encoded(n, _positions(name, y, classes), None, ARGMAX, classes)


def _class_numbers(name: str, y: NDArray[Any], n: int, goal: Goal) -> Encoded:
    if goal.classes is not None:
        if goal.classes.dtype.kind == "U":
            raise ValueError(
                f"{name} holds numbers; this network's classes are {_some(goal.classes)}"
            )
        return Encoded(n, _positions(name, y, goal.classes), None, ARGMAX, goal.classes)
    if y.dtype.kind == "f":
        odd = np.flatnonzero(~(np.isfinite(y) & (y == np.floor(y))))
        if len(odd):
            raise ValueError(
                f"{name} must be class labels 0 to {goal.n_out - 1}, or have shape "
                f"({n}, {goal.n_out}); it holds {y[odd[0]]} at row {odd[0]}"
            )
    if y.min() < 0 or y.max() >= goal.n_out:
        outside = y[(y < 0) | (y >= goal.n_out)]
        raise ValueError(
            f"{name} holds the label {outside[0]:.0f}; this network has {goal.n_out} outputs, "
            f"labels 0 to {goal.n_out - 1}; set its `classes` to use others"
        )
    return Encoded(n, whole(y, np.int64), None, ARGMAX, None)


def _positions(name: str, y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the position of each label among `classes`."""
    if np.result_type(classes, y).kind == "f" and {classes.dtype.kind, y.dtype.kind} == {"i", "u"}:
        classes, y = classes.astype(object), y.astype(object)  # float64 would round large ones
    order = np.argsort(classes, kind="stable")
    found = np.minimum(np.searchsorted(classes, y, sorter=order), len(classes) - 1)
    labels = order[found].astype(np.int64)
    strange = y[classes[labels] != y]
    if len(strange):
        label = strange[:1].tolist()[0]
        raise ValueError(f"{name} holds the label {label!r}; this network knows {_some(classes)}")
    return labels


def _some(classes: NDArray[Any]) -> str:
    shown = ", ".join(repr(label) for label in classes[:10].tolist())
    return shown + (", ..." if len(classes) > 10 else "")


def _values(name: str, y: NDArray[Any], n: int, goal: Goal) -> Encoded:
    k, each = goal.n_targets, goal.outputs_each
    if y.ndim == 1 and k == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != k:
        wanted = f"({n}, {k})" if k > 1 else f"({n},)"
        raise ValueError(f"{name} must have shape {wanted}; its shape is {y.shape}")
    wide = y if each == 1 else np.repeat(y, each, axis=1)
    if goal.scale is None and wide.dtype == goal.dtype:
        values = whole(wide, goal.dtype)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            read = wide if goal.scale is None else (wide - goal.shift) / goal.scale
            values = whole(read, goal.dtype)
    missing = None
    ends = values.min(), values.max()  # NaN if one of the values is
    if not isfinite(ends[0]) or not isfinite(ends[1]):
        missing = _missing(name, y, values, goal)
        values = np.where(np.repeat(missing, each, axis=1), goal.dtype.type(0), values)
        ends = values.min(), values.max()
    _check_range(name, ends, goal, whole=y.dtype.kind in "iu")
    there = values if missing is None else values[~missing.any(axis=1)]
    classes = goal.n_out > 1 and goal.output in ("sigmoid", "softmax")
    all_or_none = missing is None or bool((missing.any(axis=1) == missing.all(axis=1)).all())
    if classes and goal.may_be_one_hot and all_or_none and _is_one_hot(there):
        labels = values.argmax(axis=1).astype(np.int64)
        return Encoded(n, labels, None, ARGMAX, goal.classes, missing)
    if goal.output == "softmax" and _is_binary(there):
        raise ValueError(
            f"{name} holds rows with no label or several; output 'softmax' needs exactly one: for "
            "several labels a row choose output 'sigmoid'"
        )
    return Encoded(n, None, values, METRICS[goal.loss], goal.classes, missing, each)


def _missing(name: str, y: NDArray[Any], values: NDArray[Any], goal: Goal) -> NDArray[np.bool_]:
    """Return where y (n, n_targets) is NaN; refuse what is infinite as the network reads it."""
    missing: NDArray[np.bool_] = np.isnan(y)
    finite = np.isfinite(values).reshape(len(y), goal.n_targets, goal.outputs_each).all(axis=2)
    partly = missing & ~missing.all(axis=1, keepdims=True)
    bad = np.argwhere(~(finite | missing))
    if len(bad):
        row, column = bad[0]
        large = f", too large for {goal.dtype}" if np.isfinite(y[row, column]) else ""
        what = "output" if goal.outputs_each == 1 else "target"
        raise ValueError(f"{name} holds {y[row, column]} at row {row}, {what} {column}{large}")
    if goal.output == "softmax" and partly.any():
        row, column = np.argwhere(partly)[0]
        raise ValueError(
            f"{name} holds nan at row {row}, output {column}; for output 'softmax' a row of "
            "targets is there as a whole, or missing as a whole"
        )
    return missing


def _check_range(name: str, ends: tuple[Any, Any], goal: Goal, *, whole: bool) -> None:
    """Refuse targets that the output cannot reach, whatever its weights."""
    low, high = ROWS[goal.output].range
    least, greatest = ends
    if low - _BEYOND <= least and greatest <= high + _BEYOND:
        return
    span = f"from {low:g} to {high:g}" if np.isfinite(high) else f"{low:g} or more"
    of = f"loss {goal.loss!r}" if goal.loss in OUTPUTS_OF else f"output {goal.output!r}"
    worst = least if least < low - _BEYOND else greatest
    raise ValueError(
        f"{name} must be {span} for {of}; it holds {worst:.7g}; {_way_out(goal, whole)}"
    )


def _way_out(goal: Goal, whole: bool) -> str:
    """Return advice on targets outside the output's range."""
    if goal.output == "sigmoid" and whole and goal.n_out == 1:
        return "set the network's `classes` to use other labels"
    if goal.output == "softmax":
        return "give class labels, or the share of each class"
    loss = "loss 'mse' with " if goal.loss in OUTPUTS_OF else ""
    return f"scale the targets, or choose {loss}output 'identity'"


def _is_one_hot(values: NDArray[Any]) -> bool:
    return _is_binary(values) and bool(np.all(values.sum(axis=1) == 1))


def _is_binary(values: NDArray[Any]) -> bool:
    return bool(np.all((values == 0) | (values == 1)))


# ---- weights -----------------------------------------------------------------------------------


def as_weights(
    sample_weight: Any,
    class_weight: Any,
    encoded: Encoded,
    n_out: int,
    suffix: str = "",
    *,
    per_example: bool = False,
) -> NDArray[np.float64] | None:
    """Return what each row counts, (n,), or each target, (n, n_targets); None where all count 1.

    `sample_weight` has one of these shapes; `class_weight` is a dict from label to weight, labels
    that it lacks count 1, or "balanced": n / (classes · rows of the class), as scikit-learn defines
    it. Missing targets count 0. Some row must count more, unless costs are asked for one by one.
    """
    weight, name, n = None, f"sample_weight{suffix}", encoded.n
    if sample_weight is not None:
        given, k = numbers(name, sample_weight, np.dtype(float)), n_out // encoded.outputs_each
        if given.shape not in ((n,), (n, k)):
            shapes = f"({n},) or ({n}, {k})"
            raise ValueError(f"{name} must have shape {shapes}; its shape is {given.shape}")
        weight = whole(given, np.float64)
        if not np.isfinite(weight).all() or weight.min() < 0:
            raise ValueError(f"{name} must be finite and 0 or more")
        some = weight[weight > 0]
        if some.size and (some.min() < _LEAST_WEIGHT or some.max() > 1 / _LEAST_WEIGHT):
            odd = some.min() if some.min() < _LEAST_WEIGHT else some.max()
            raise ValueError(f"{name} must be 0, or from 1e-100 to 1e+100; it holds {odd:g}")
    if class_weight is not None:
        by_class = _class_weights(class_weight, encoded, n_out)[encoded.labels]
        by_class = by_class if weight is None or weight.ndim == 1 else by_class[:, None]
        weight = by_class if weight is None else weight * by_class
    if encoded.missing is not None:
        there = np.where(encoded.missing, 0.0, 1.0)
        by_row = weight is not None and weight.ndim == 1
        weight = there if weight is None else there * (weight[:, None] if by_row else weight)
    if encoded.missing is not None and encoded.missing.all() and not per_example:
        raise ValueError(f"y{suffix} is NaN, which means missing, in every row")
    if weight is not None and not weight.sum() > 0 and not per_example:
        raise ValueError(f"all rows{suffix} have weight 0")
    return weight


def is_balanced(class_weight: Any) -> bool:
    """Return whether it is "balanced"; refuse another string."""
    if isinstance(class_weight, str) and class_weight != "balanced":
        raise TypeError(f'class_weight must be a dict or "balanced", got {shorten(class_weight)}')
    return isinstance(class_weight, str)


def class_counts(encoded: Encoded, n_out: int) -> dict[Any, int]:
    """Return the number of rows of each class, by its label; missing ones do not count."""
    if encoded.labels is None:
        raise ValueError("class_weight needs y to be class labels")
    there = slice(None) if encoded.missing is None else ~encoded.missing[:, 0]
    rows = np.bincount(encoded.labels[there], minlength=max(n_out, 2)).tolist()
    labels = range(len(rows)) if encoded.classes is None else encoded.classes.tolist()
    return dict(zip(labels, rows, strict=False))


def balanced(counts: Mapping[Any, int]) -> dict[Any, float]:
    """Return the weight of each class that has rows: n / (classes · rows of the class)."""
    there = {label: rows for label, rows in counts.items() if rows}
    n = sum(there.values())
    return {label: n / (len(there) * rows) for label, rows in there.items()}


def _class_weights(class_weight: Any, encoded: Encoded, n_out: int) -> NDArray[np.float64]:
    counts = class_counts(encoded, n_out)
    if is_balanced(class_weight):
        class_weight = balanced(counts)
    if not isinstance(class_weight, Mapping):
        raise TypeError(f'class_weight must be a dict or "balanced", got {shorten(class_weight)}')
    unknown = [label for label in class_weight if label not in counts]
    if unknown:
        raise ValueError(
            f"class_weight has the label {unknown[0]!r}, which is not among the classes"
        )
    for label, value in class_weight.items():
        if isinstance(value, str) or not hasattr(value, "__float__") or not 0 <= value < np.inf:
            raise ValueError(
                f"class_weight of {label!r} must be a number of 0 or more, not {value!r}"
            )
    return np.array([float(class_weight.get(label, 1)) for label in counts])
