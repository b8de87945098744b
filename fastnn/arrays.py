"""Checks of X and of output gradients, their conversion where needed, and X for the core.

All messages about X are raised here, those about y and weights in targets.py. Arrays that the core
can read in place are not copied: float32, float64 and uint8 of any strides, memory maps, and CSR
matrices of the two float types.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import cells
from ._fastnn import WALK_BELOW, Rows, Scaling
from .words import plural

_READ_IN_PLACE = "fdB"  # NumPy's codes of float32, float64 and uint8
_LISTS_AT_MOST = 1 << 28  # bytes: MNIST's 60,000 images take 27 MB, as float32 54 MB
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


def is_sparse(X: object) -> bool:
    """Return whether X is a sparse matrix or array of SciPy's."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def numbers(name: str, values: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `values` as an array of a dtype that the core reads, converted only if needed."""
    array = as_array(name, values)
    if array.dtype.char in _READ_IN_PLACE and array.dtype.isnative:
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
    sparse = is_sparse(X)
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


def as_array(name: str, values: Any) -> NDArray[Any]:
    """Return any values as an array, of any dtype."""
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


def whole(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return the array with this dtype, C-contiguous and aligned, as the core needs it."""
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
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
        part = part.toarray() if is_sparse(part) else part
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
    check: bool = True,
) -> Rows:
    """Return X (n, n_in) as the core reads it.

    `columns` are the names of the network's inputs: a frame with another order is read in this one.
    `sparse` says whether the first layer computes with the non-zeros of the rows alone: "always",
    "never", or "auto": if there are few enough that it is faster. Without `check`, NaN and infinity
    are let through.

    Raises
    ------
    ValueError
        X is not two-dimensional, has not `n_in` columns or has others than `columns`, has no rows,
        or holds NaN or infinity.
    TypeError
        X does not hold real numbers.
    """
    if is_sparse(X):
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
    if check:
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

    def rows(self, X: Any, **how: Any) -> Rows:
        """Return X as the core reads it; see `as_rows`."""
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
        plain = (isinstance(X, np.ndarray) or is_sparse(X)) and X.dtype != np.uint8
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
    parts = [whole(part, part.dtype) for part in (values, indices, indptr)]
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
        slopes = whole(array if scale is None else array * scale, dtype)
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
