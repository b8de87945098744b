"""Checks of X, y and weights, their conversion where needed, and their description for the core.

All messages about them are raised here. Arrays that the core can read in place are not copied:
float32, float64 and uint8 of any strides, memory maps, and CSR matrices of the two float types.

Over 400 lines: all rules for X, y and weights are in one module.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from reprlib import repr as shorten
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import cells
from ._fastnn import WALK_BELOW, Rows, Scaling, Targets
from .activations import ROWS
from .names import ARGMAX, METRICS, OUTPUTS_OF, Loss, Output
from .words import plural

_READ_IN_PLACE = ("float32", "float64", "uint8")
_LISTS_AT_MOST = 1 << 28  # bytes: MNIST's 60,000 images take 27 MB, as float32 54 MB
_LEAST_WEIGHT = 1e-100  # smaller weights could make their sums or products with costs underflow
_BEYOND = 1e-6  # tolerance of a range, for rounding: scaling to 0 … 1 may give 1 + 2e-16
_SCAN = 1 << 16  # rows scanned at a time in the search for a bad value
_VALUES_AT_ONCE = 1 << 21  # for one call of NumPy: some milliseconds, during which Ctrl-C waits


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy, in any format."""

    @property
    def nnz(self) -> int:
        """Number of stored values."""

    def tocsr(self) -> Any:
        """Return it as CSR."""

    def toarray(self) -> NDArray[Any]:
        """Return it as an array."""


Matrix: TypeAlias = ArrayLike | SparseMatrix  # what may be X
Validation: TypeAlias = tuple[Matrix, ArrayLike] | tuple[Matrix, ArrayLike, ArrayLike | None]
ClassWeight: TypeAlias = Mapping[Any, float] | Literal["balanced"]


def _is_sparse(X: object) -> bool:
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def numbers(name: str, values: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `values` as an array of a dtype that the core reads, converted only if needed."""
    array = _array(name, values)
    if array.dtype.name in _READ_IN_PLACE and array.dtype.isnative:
        return array
    with np.errstate(over="ignore"):  # overflow gives infinity, which is reported with its place
        if array.dtype.kind == "O":
            try:
                if any(isinstance(item, str | bytes) for item in array.flat):
                    raise TypeError  # "1" is not a number, even in an array of objects
                return _converted(array, np.dtype(np.float64))
            except (TypeError, ValueError, OverflowError):
                sentence = cells.not_a_number(name, array, cells.column_names(values))
                kind = ValueError if sentence.startswith(f"{name} is missing") else TypeError
                raise kind(sentence) from None
        if array.dtype.kind not in "biuf":
            raise TypeError(cells.not_real(name, array, cells.column_names(values)))
        exact = array.dtype.itemsize < (4 if array.dtype.kind in "iu" else 8)  # as float32
        return _converted(array, dtype if exact else np.dtype(np.float64))


def _converted(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `array.astype(dtype)`, made some rows at a time so that Ctrl-C is answered."""
    step = _rows_at_once(array)
    if len(array.shape) == 0 or len(array) <= step:
        return array.astype(dtype)
    new = np.empty(array.shape, dtype)
    for start in range(0, len(array), step):
        new[start : start + step] = array[start : start + step]
    return new


def _rows_at_once(array: NDArray[Any]) -> int:
    """Return the number of rows for one call of NumPy."""
    return max(1, _VALUES_AT_ONCE // max(1, int(np.prod(array.shape[1:]))))


def mean_and_deviation(X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column, in double; 0 for a constant column.

    X is a matrix that `as_rows` accepts. It is read some rows at a time: it may exceed memory.
    """
    sparse = _is_sparse(X)
    data: Any = X.tocsr() if sparse else numbers("X", X, np.dtype(float))

    def pieces() -> Iterator[NDArray[np.float64]]:
        for start in range(0, data.shape[0], _rows_at_once(data)):
            part = data[start : start + _rows_at_once(data)]
            yield np.asarray(part.toarray() if sparse else part, np.float64)

    # Sums of differences from the first row are accurate if numbers are large and close together;
    # halving, and dividing by the largest difference, avoids overflow.
    first = next(pieces())[0]
    total, low, high = np.zeros_like(first), first.copy(), first.copy()
    for piece in pieces():
        total += (piece / 2 - first / 2).sum(axis=0) / data.shape[0]
        np.minimum(low, piece.min(axis=0), out=low)
        np.maximum(high, piece.max(axis=0), out=high)
    mean = np.clip(first + 2 * total, low, high)
    widest = np.maximum(high - mean, mean - low)
    unit = np.where((widest > 0) & np.isfinite(widest), widest, 1)
    squares = np.zeros_like(first)
    for piece in pieces():
        squares += np.square((piece - mean) / unit).sum(axis=0)
    return mean, np.where(high > low, unit * np.sqrt(squares / data.shape[0]), 0)


def column_names(X: Any) -> tuple[str, ...] | None:
    """Return the names of a frame's or table's columns; None if X has none that are strings."""
    names = tuple(cells.column_names(X) or ())
    return names if names and all(isinstance(name, str) for name in names) else None


def column_order(
    name: str, given: tuple[str, ...] | None, wanted: tuple[str, ...] | None
) -> list[int] | None:
    """Return the position of each of the columns `wanted` among those `given`.

    None if the order is the same already, or one of the two has no names.

    Raises
    ------
    ValueError
        The names differ.
    """
    if wanted is None or given is None or given == wanted:
        return None
    missing = [column for column in wanted if column not in given]
    others = [column for column in given if column not in wanted]
    if missing or others or len(given) != len(wanted) or len(set(given)) != len(given):
        parts = [f"lacks {_quoted(missing)}"] * bool(missing)
        parts += [f"has {_quoted(others)} in addition"] * bool(others)
        raise ValueError(
            f"{name} must have the columns that the network was fitted on; it "
            + (" and ".join(parts) or "has duplicate columns")
        )
    return [given.index(column) for column in wanted]


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def check_unmasked(name: str, values: Any) -> None:
    """Refuse masked values: `numpy.asarray` would return the values behind the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} has masked values: fill them, as with {name}.filled(0), or leave "
            "out their rows"
        )


def _array(name: str, values: Any) -> NDArray[Any]:
    check_unmasked(name, values)
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return np.from_dlpack(values)
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        ragged = "inhomogeneous" in str(error)
        what = "its rows differ in length" if ragged else error
        raise ValueError(f"{name} is not a table of numbers: {what}") from None
    except (TypeError, RuntimeError, BufferError) as error:  # raised by an array library
        raise TypeError(f"{name} cannot be read as an array: {error}") from None


def _whole(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return the array with this dtype, C-contiguous and aligned, as the core needs it."""
    return np.require(array, dtype, ["C", "A"])


def _check_finite(
    name: str,
    rows: Rows,
    data: Any,
    dtype: np.dtype[Any],
    scaling: Scaling | None,
    columns: Sequence[Any] | None = None,
) -> None:
    """Refuse NaN, infinity, and numbers that overflow in the network's dtype."""
    if rows.all_finite(dtype):
        return
    for start in range(0, rows.n_rows, _SCAN):
        part = data[start : start + _SCAN]
        part = part.toarray() if _is_sparse(part) else part
        with np.errstate(over="ignore", invalid="ignore"):
            read = part if scaling is None else scaling.applied(part.astype(np.float64))
            bad = np.argwhere(~np.isfinite(read.astype(dtype)))
        if len(bad):
            row, column = bad[0]
            value = part[row, column]
            scaled = "" if scaling is None else " after scaling"
            large = f", too large for {dtype}{scaled}" if np.isfinite(value) else ""
            where = cells.place(start + row, column, columns)
            raise ValueError(f"{name} holds {value} {where}{large}")


def as_rows(
    X: Any,
    n_in: int,
    dtype: np.dtype[Any],
    scaling: Scaling | None = None,
    *,
    columns: tuple[str, ...] | None = None,
    name: str = "X",
    may_be_empty: bool = False,
    sparse: str = "auto",
) -> Rows:
    """Return X (n, n_in) as the core reads it.

    `columns` are the names of the network's inputs: a frame with another order is read in this one.
    `sparse` says whether the first layer computes with the non-zeros of the rows alone: "always",
    "never", or "auto": if there are few enough that it is faster.

    Raises
    ------
    ValueError
        X is not two-dimensional, has not `n_in` columns or has others than `columns`, has no rows,
        or holds NaN or infinity.
    TypeError
        X does not hold real numbers.
    """
    if _is_sparse(X):
        if X.ndim != 2:
            raise ValueError(f"{name} must have shape (n, {n_in}); its shape is {X.shape}")
        data, called = X.tocsr(), None
        rows = _csr_rows(name, data, n_in, dtype, scaling)
    else:
        order = column_order(name, column_names(X), columns)
        data = numbers(name, X, dtype)
        if data.ndim != 2:
            hint = _shape_hint(name, X, data.shape, n_in)
            raise ValueError(f"{name} must have shape (n, {n_in}); its shape is {data.shape}{hint}")
        _check_width(name, data.shape[1], n_in)
        called = cells.column_names(X) if order is None else columns
        data = data if order is None else data[:, order]
        rows = Rows(data, scaling=scaling)
    if rows.n_rows == 0 and not may_be_empty:
        raise ValueError(f"{name} has no rows")
    _check_finite(name, rows, data, dtype, scaling, called)
    if (scaling is None or scaling.keeps_zeros) and sparse != "never":
        rows.sparse = sparse == "always" or rows.density() < WALK_BELOW
    return rows


@dataclass(frozen=True)
class Reading:
    """The reading of X by a network: width, dtype, scaling, and names of the columns."""

    n_in: int
    dtype: np.dtype[Any]
    scaling: Scaling | None = None
    columns: tuple[str, ...] | None = None
    old_bytes: Scaling | None = None  # of bytes, in networks that read them as fractions of 255

    def rows(
        self, X: Any, *, name: str = "X", may_be_empty: bool = False, sparse: str = "auto"
    ) -> Rows:
        """Return X as the core reads it; see `as_rows`."""
        how: dict[str, Any] = {"name": name, "may_be_empty": may_be_empty, "sparse": sparse}
        rows = as_rows(X, self.n_in, self.dtype, self.scaling, columns=self.columns, **how)
        if self.old_bytes is not None and rows.bytes:
            rows = as_rows(X, self.n_in, self.dtype, self.old_bytes, columns=self.columns, **how)
        return rows

    def learnt(self, X: Any) -> Reading:
        """Return the reading that the first training on X fixes for a network.

        Bytes above 1 are taken for pixels, which are read as fractions of 255 from then on,
        whatever their dtype; the names of columns are learnt.
        """
        names = self.columns or column_names(X)
        scaling = self.scaling
        plain = (isinstance(X, np.ndarray) or _is_sparse(X)) and X.dtype != np.uint8
        if scaling is None and self.old_bytes is None and not plain:
            rows = as_rows(X, self.n_in, self.dtype, columns=self.columns, sparse="never")
            if rows.bytes and rows.above_one():
                scaling = Scaling(np.zeros(self.n_in), np.full(self.n_in, 1 / 255))
        return replace(self, scaling=scaling, columns=names)


def listed(rows: Rows) -> Rows:
    """Return sparse rows as a CSR copy if it is small enough, other rows unchanged.

    Rows visited in random order are fetched from main memory; the copy is a fraction of its size.
    """
    return rows.listed(_LISTS_AT_MOST) or rows


def _shape_hint(name: str, X: Any, shape: tuple[int, ...], n_in: int) -> str:
    """Return a hint how to make a table of `n_in` columns of X; "" if there is none."""
    if len(shape) == 0:
        return ""
    if len(shape) > 2:
        rows = f"{name}.reshape(len({name}), -1) makes rows of images"
        return f"; {rows}" if np.prod(shape[1:]) == n_in else ""
    m = plural(shape[0], "feature")
    as_column, as_row = f"{name}[:, None]", f"{name}[None, :]"
    if hasattr(X, "to_frame"):  # a column or row of a frame
        as_column, as_row = f"{name}.to_frame()", f"{name}.to_frame().T"
    elif not isinstance(X, np.ndarray):
        as_column, as_row = (f"numpy.array({name}){it[len(name) :]}" for it in (as_column, as_row))
    if n_in == 1:
        return f"; for {plural(shape[0], 'example')} of 1 feature write {as_column}"
    if n_in == shape[0]:
        return f"; for one example of {m} write {as_row}"
    return (
        f"; {as_row} is one example of {m}, {as_column} {plural(shape[0], 'example')} of 1 feature"
    )


def _check_width(name: str, columns: int, n_in: int) -> None:
    if columns != n_in:
        raise ValueError(f"{name} has {plural(columns, 'column')}; this network reads {n_in}")


def _csr_rows(
    name: str,
    X: Any,
    n_in: int,
    dtype: np.dtype[Any],
    scaling: Scaling | None,
) -> Rows:
    _check_width(name, X.shape[1], n_in)
    values, indptr, indices = numbers(name, X.data, dtype), X.indptr, X.indices
    if indptr.dtype not in (np.int32, np.int64) or indices.dtype != indptr.dtype:
        indptr, indices = indptr.astype(np.int64), indices.astype(np.int64)
    parts = [_whole(part, part.dtype) for part in (values, indices, indptr)]
    try:  # SciPy does not check the indices of a matrix
        rows = Rows(parts[0], X.shape, parts[1], parts[2], scaling)
    except (ValueError, IndexError):
        raise ValueError(
            f"{name} is not a valid CSR matrix: its indices are out of range"
        ) from None
    if not _columns_ascend(indptr, indices):
        merged = X.copy()
        merged.sum_duplicates()
        return _csr_rows(name, merged, n_in, dtype, scaling)
    return rows


def _columns_ascend(indptr: NDArray[Any], indices: NDArray[Any]) -> bool:
    """Return whether the columns of each row are in ascending order, without duplicates."""
    used = indices[indptr[0] : indptr[-1]]
    first_of_row = np.zeros(len(used) + 1, bool)
    first_of_row[indptr[:-1] - indptr[0]] = True
    return bool(np.all((np.diff(used) > 0) | first_of_row[1:-1])) if len(used) else True


# ---- targets -----------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Encoded:
    """y in the core's terms: class numbers or values, the metric, and the class labels."""

    n: int
    labels: NDArray[np.int64] | None
    values: NDArray[Any] | None
    metric: int
    classes: NDArray[Any] | None

    def targets(self, n_out: int, weight: NDArray[np.float64] | None) -> Targets:
        """Return the targets as the core reads them."""
        return Targets(self.labels, self.values, weight, self.metric, self.n, n_out)


def encode(y: Any, n: int, goal: Goal, suffix: str = "") -> Encoded:
    """Return y in the core's terms, for n rows.

    Labels, one a row, are strings, booleans, or whole numbers if the network has several outputs
    or one that is a probability. Everything else is values: (n,) or (n, n_out) numbers.
    """
    if isinstance(y, Encoded):
        return y
    name = f"y{suffix}"
    array = _array(name, y.toarray() if _is_sparse(y) else y)
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
    if given.ndim == 1 and goal.n_out > 1:
        return _class_numbers(name, given, n, goal)
    if given.ndim == 1 and _is_yes_or_no(given, goal):
        if goal.classes is not None:
            return _class_numbers(name, given, n, goal)
        # An output that may be any number separates two classes only if `classes` are set.
        named = given.dtype.kind == "b" and goal.output != "sigmoid"
        classes = np.array([False, True]) if named else None
        return Encoded(n, _whole(given, np.int64), None, ARGMAX, classes)
    return _values(name, given, n, goal)


def output_gradients(
    given: Any, n: int, n_out: int, dtype: np.dtype[Any], scale: NDArray[np.float64] | None
) -> NDArray[Any]:
    """Return dC/da of a cost of the caller's own, (n, n_out), times `scale`, in this dtype."""
    name = "output_gradient"
    array = numbers(name, given, dtype)
    if array.shape == (n,) and n_out == 1:
        array = array[:, None]
    if array.shape != (n, n_out):
        raise ValueError(f"{name} must have shape ({n}, {n_out}); its shape is {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        slopes = _whole(array if scale is None else array * scale, dtype)
    if not np.isfinite(slopes).all():
        row, column = np.argwhere(~np.isfinite(slopes))[0]
        large = f", too large for {dtype}" if np.isfinite(array[row, column]) else ""
        raise ValueError(f"{name} holds {array[row, column]} at row {row}, output {column}{large}")
    return slopes


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], X: Any) -> None:
    """Refuse an `out` that the predictions for X cannot be written into."""
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must be an array of shape {shape} and dtype {dtype}")
    if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
        raise ValueError("out must be C-contiguous, aligned and writable")
    if isinstance(X, np.ndarray) and np.may_share_memory(X, out):
        raise ValueError("out must not share memory with X")


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
    outside = y[(y < 0) | (y >= goal.n_out)]
    if len(outside):
        raise ValueError(
            f"{name} holds the label {outside[0]:.0f}; this network has {goal.n_out} outputs, "
            f"labels 0 to {goal.n_out - 1}; set its `classes` to use others"
        )
    return Encoded(n, _whole(y, np.int64), None, ARGMAX, None)


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
    if y.ndim == 1 and goal.n_out == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != goal.n_out:
        wanted = f"({n}, {goal.n_out})" if goal.n_out > 1 else f"({n},)"
        raise ValueError(f"{name} must have shape {wanted}; its shape is {y.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        read = y if goal.scale is None else (y - goal.shift) / goal.scale
        values = _whole(read, goal.dtype)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        large = f", too large for {goal.dtype}" if np.isfinite(y[row, column]) else ""
        raise ValueError(f"{name} holds {y[row, column]} at row {row}, output {column}{large}")
    _check_range(name, values, goal, whole=y.dtype.kind in "iu")
    classes = goal.n_out > 1 and goal.output in ("sigmoid", "softmax")
    if classes and goal.may_be_one_hot and _is_one_hot(values):
        labels = values.argmax(axis=1).astype(np.int64)
        return Encoded(n, labels, None, ARGMAX, goal.classes)
    if goal.output == "softmax" and _is_binary(values):
        raise ValueError(
            f"{name} holds rows with no label or several; output 'softmax' needs exactly one: for "
            "several labels a row choose output 'sigmoid'"
        )
    return Encoded(n, None, values, METRICS[goal.loss], goal.classes)


def _check_range(name: str, values: NDArray[Any], goal: Goal, *, whole: bool) -> None:
    """Refuse targets that the output cannot reach, whatever its weights."""
    low, high = ROWS[goal.output].range
    least, greatest = values.min(), values.max()
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
    sample_weight: Any, class_weight: Any, encoded: Encoded, n_out: int, suffix: str = ""
) -> NDArray[np.float64] | None:
    """Return the weight of each row, (n,), or None if all are equal.

    `sample_weight` is (n,); `class_weight` is a dict from label to weight, 1 for labels that it
    lacks, or "balanced": n / (classes · rows of the class), as scikit-learn defines it.
    """
    weight, name = None, f"sample_weight{suffix}"
    if sample_weight is not None:
        given = numbers(name, sample_weight, np.dtype(float))
        if given.shape != (encoded.n,):
            raise ValueError(f"{name} must have shape ({encoded.n},); its shape is {given.shape}")
        weight = _whole(given, np.float64)
        if not np.isfinite(weight).all() or weight.min() < 0:
            raise ValueError(f"{name} must be finite and 0 or more")
        some = weight[weight > 0]
        if some.size and (some.min() < _LEAST_WEIGHT or some.max() > 1 / _LEAST_WEIGHT):
            odd = some.min() if some.min() < _LEAST_WEIGHT else some.max()
            raise ValueError(f"{name} must be 0, or from 1e-100 to 1e+100; it holds {odd:g}")
    if class_weight is not None:
        by_class = _class_weights(class_weight, encoded, n_out)[encoded.labels]
        weight = by_class if weight is None else weight * by_class
    if weight is not None and not weight.sum() > 0:
        raise ValueError(f"all rows{suffix} have weight 0")
    return weight


def _class_weights(class_weight: Any, encoded: Encoded, n_out: int) -> NDArray[np.float64]:
    if encoded.labels is None:
        raise ValueError("class_weight needs y to be class labels")
    n_classes = max(n_out, 2)
    if isinstance(class_weight, str) and class_weight == "balanced":
        rows = np.bincount(encoded.labels, minlength=n_classes)
        return np.where(rows > 0, encoded.n / (np.count_nonzero(rows) * np.maximum(rows, 1)), 0.0)
    if not isinstance(class_weight, Mapping):
        raise TypeError(f'class_weight must be a dict or "balanced", got {shorten(class_weight)}')
    names = range(n_classes) if encoded.classes is None else encoded.classes.tolist()
    unknown = [label for label in class_weight if label not in names]
    if unknown:
        raise ValueError(
            f"class_weight has the label {unknown[0]!r}, which is not among the classes"
        )
    for label, value in class_weight.items():
        if isinstance(value, str) or not hasattr(value, "__float__") or not 0 <= value < np.inf:
            raise ValueError(
                f"class_weight of {label!r} must be a number of 0 or more, not {value!r}"
            )
    return np.array([float(class_weight.get(label, 1)) for label in names])
