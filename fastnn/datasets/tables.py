"""Tables and rows from files of any format: NumPy's by NumPy, the others by pandas.

Sizes: n examples, d features. Arrays keep the type of the file; text becomes float64. Nothing is
unpickled, and a size in a header is compared with the file before memory of that size is allocated.
Every message names the file, what was expected and what was found.
"""

# Over 400 lines, 100 of them docstrings. The sections: formats of pandas, NumPy's files.

from __future__ import annotations

import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..columns import (
    has_decimal_commas,
    is_decimal_comma,
    level_numbers,
    levels_of,
    numbers_of,
)
from ..paths import check_ratio, existing_file, one_line
from .frames import SUFFIXES, Frame, read_frame

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
FilePath = str | os.PathLike[str]
Target = str | int | Sequence[str | int] | None

NUMPY_SUFFIXES = (".npz", ".npy")
TABLE_SUFFIXES = (*SUFFIXES, *NUMPY_SUFFIXES)

_MAP_FROM = 64 << 20  # a larger .npy file is mapped, not read
# Characters of text labels as an array, in which each takes the memory of the longest
_FREE_LABELS = 1 << 22
# Characters of the header of an array without fields, some 120 in files of NumPy: its fallback for
# files of Python 2 takes time that grows with the square.
_MOST_HEADER = 1000

# Exceptions of zipfile for a damaged, encrypted or unsupported file: OSError is an invalid seek,
# UnicodeDecodeError an invalid name.
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    UnicodeDecodeError,
)

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")


@dataclass(frozen=True, eq=False)
class Table:
    """Examples and targets of a file.

    Attributes
    ----------
    X : ndarray, shape (n, d)
        The features.
    y : ndarray, shape (n,) or (n, n_out)
        The targets: int64 (whole numbers), float64 (numbers) or str.
    feature_names : tuple of str, or None
        The d column names, where the file has a header.
    target_name : str or None
        The name of the target's column, where the file has a header.
    X_test, y_test : ndarray or None
        The test examples, where the file has its own (``x_test`` in an ``.npz``).
    image_shape : (height, width) or None
        The shape of each row of `X`, where the file holds images, which are flattened here.
    """

    X: Array
    y: Array
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None
    X_test: Array | None = None
    y_test: Array | None = None
    image_shape: tuple[int, int] | None = None


def load_table(path: FilePath, *, target: Target = None) -> Table:
    r"""Read a table of examples and their targets.

    Parameters
    ----------
    path : path
        An ``.npz`` has the arrays ``X`` and ``y``, or ``x_train``, ``y_train`` and perhaps
        ``x_test``, ``y_test`` (in capitals or not); images of shape (n, height, width) are
        flattened. An ``.npy`` is one array of shape (n, d + 1); above 64 MiB it is mapped
        read-only. Any other file is read by pandas (extra ``tables``): text with any separator,
        encoding and compression, Excel, Parquet, Feather, JSON, SQLite, ARFF, LibSVM, .mat, HDF5;
        the content says which. Its features must be numbers: `fastnn.TableModel` takes the others.
    target : str, int or sequence of these, optional
        The target's column: a name of the header, or a position from 0 (negative: from the end),
        also as text. The last column by default. Several are numbers, one output each; not for
        ``.npz`` and ``.npy``.

    Returns
    -------
    Table
        Features in text become float64. Targets become int64 if all are whole numbers, float64 if
        all are numbers, and are str otherwise; rows without a target are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a table: a feature is missing, not a number or infinite (the message
        names row and column), arrays are missing or do not fit, the file is damaged, or it claims
        more than its size can hold.
    ImportError
        If pandas, or another library that reads such a file, is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flowers.csv")
    ...     _ = path.write_text("length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n")
    ...     table = load_table(path)
    >>> table.X.shape, table.y.tolist(), table.feature_names
    ((2, 2), ['setosa', 'virginica'], ('length', 'width'))
    """
    path = existing_file(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _npy_table(path, target)
    if suffix == ".npz":
        if target is not None:
            raise ValueError(f"{path} has its targets in a separate array; target is for tables")
        return _npz_table(path)
    raw = load_raw(path, target=target)
    X = rows_as_numbers(path, raw.frame)
    if not raw.headed:
        return Table(X, raw.y)
    return Table(X, raw.y, tuple(raw.frame.columns), raw.target)


def load_rows(path: FilePath) -> Array:
    """Read examples without targets, to predict from.

    Parameters
    ----------
    path : path
        A table of numbers in a format of `load_table`; an ``.npz`` has an array ``X`` or only one
        array.

    Returns
    -------
    ndarray, shape (n, d)
        Values of the file: float64 for text. Images (n, height, width) are flattened.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_table` does.
    """
    path = existing_file(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _as_rows(read_npy(path), str(path))[0]
    if suffix == ".npz":
        return _as_rows(*_read_npz(path, _choose_rows)["x"])[0]
    return rows_as_numbers(path, read_frame(path).frame)


# Formats that pandas reads ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table with words, dates and gaps as its file has them; every row has its target.

    Attributes
    ----------
    frame : pandas.DataFrame, shape (n, d)
        The features.
    y : ndarray, shape (n,), or (n, n_out) where there are several targets
        int64, float64 or str; several are float64.
    headed : bool
        Whether the file names its columns; if not, they are called "0", "1", ...
    targets : tuple of str
        The names of the targets' columns.
    notes : tuple of str
        Decisions that a reader should know, one sentence each.
    """

    frame: pd.DataFrame
    y: Array
    headed: bool
    targets: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The names of the targets, for messages and as one target's name."""
        return ", ".join(self.targets)


def load_raw(path: FilePath, *, target: Target = None) -> RawTable:
    """Read a table of any format but NumPy's; rows without a target are left out."""
    names = [name for name in _listed(target) if isinstance(name, str) and _is_name(name)]
    return raw_table(path, read_frame(Path(path), names=names or None), target)


def _listed(target: Target) -> list[str | int | None]:
    return [target] if target is None or isinstance(target, str | int) else list(target)


def _is_name(target: str | int | None) -> bool:
    return isinstance(target, str) and not _WHOLE.fullmatch(target)


def raw_table(path: FilePath, table: Frame, target: Target) -> RawTable:
    """Part a frame into features and targets; rows without a target are left out."""
    frame, notes = table.frame, list(table.notes)
    wanted = _listed(target)
    if frame.shape[1] <= len(wanted):
        found = "one column" if frame.shape[1] == 1 else f"{frame.shape[1]} columns"
        raise ValueError(f"{path} has {found}; expected one feature at least and the target")
    if any(map(_is_name, wanted)) and not table.headed:
        raise ValueError(
            f"target is {target!r}; expected a position, for the columns of {path} have no names"
        )
    names = [frame.columns[_target_column(Path(path), one, list(frame.columns))] for one in wanted]
    if len(set(names)) < len(names):
        raise ValueError(f"a target is named twice: {one_line(', '.join(names))}")
    parts = [_targets(path, frame[name], name) for name in names]
    given = np.logical_and.reduce([part[1] for part in parts])
    shown = ", ".join(map(repr, names))
    if not given.any():
        raise ValueError(f"{path}: no row has all of its targets {one_line(shown)}")
    if not given.all():
        notes.append(
            f"left out {int((~given).sum())} of {len(given)} rows: their target {shown} is missing"
        )
        frame = frame[given].reset_index(drop=True)
    y = parts[0][0][given]
    if len(names) > 1:
        for name, part in zip(names, parts, strict=True):
            if part[0].dtype.kind not in "if":
                raise ValueError(f"{path}: the target {_show(name)} is text; several are numbers")
        y = np.column_stack([part[0][given] for part in parts]).astype(np.float64)
    frame = frame.drop(columns=names)
    return RawTable(frame, y, table.headed, tuple(names), tuple(notes))


def rows_as_numbers(path: FilePath, frame: pd.DataFrame) -> Array:
    """Return a frame of numbers as float64, or name the first cell that is none."""
    if all(dtype.kind in "iuf" for dtype in frame.dtypes):
        X: Array = frame.to_numpy(np.float64, na_value=np.nan)
        if np.isfinite(X).all():
            return X
    X = np.empty(frame.shape)
    for j, name in enumerate(frame.columns):
        series = frame[name]
        values, words = numbers_of(series, is_decimal_comma(series))
        bad = np.isnan(values)
        if bad.any():
            i = int(np.argmax(words if words.any() else bad))
            gap = bool(series.isna().iloc[i])
            found = "a missing cell" if gap else _show(str(series.iloc[i]))
            raise ValueError(
                f"{path}, row {i + 1}, column {_show(name)}: expected a number, found {found}; "
                "fastnn train and fastnn.TableModel take words, dates and gaps"
            )
        X[:, j] = values
    return X


def _targets(path: FilePath, series: pd.Series[Any], name: str) -> tuple[Array, Array]:
    """Return targets, and whether each is there."""
    kind = series.dtype.kind
    if kind == "i" and not series.isna().any():
        return series.to_numpy(np.int64), np.ones(len(series), bool)
    if kind == "f" and np.isinf(series.to_numpy(np.float64, na_value=np.nan)).any():
        raise ValueError(f"{path}: the target {_show(name)} has an infinite value")
    if kind in "uf" and series.notna().any():
        return _numeric_targets(numbers_of(series)[0])
    levels = levels_of(series)
    values, words = level_numbers(levels, has_decimal_commas(levels))
    truths = not {"True", "False"}.isdisjoint(levels.texts)
    if not truths and not words.any() and np.isfinite(values).any():
        return _numeric_targets(values)
    texts = [text or "" for text in levels.texts]
    given = levels.cells(map(bool, texts), False, bool)
    if not given.any():
        raise ValueError(f"{path}: the target {_show(name)} is missing in every row")
    lengths = levels.cells(map(len, texts), 0, np.int64)
    if len(lengths) * int(lengths.max()) > _FREE_LABELS + 4 * int(lengths.sum()):
        row = int(lengths.argmax())
        raise ValueError(
            f"{path}, row {row + 1}, column {_show(name)}: a target of {lengths[row]:,} characters "
            f"is too long to be one of {len(lengths):,}"
        )
    return levels.cells(texts, "", np.str_), given


def _numeric_targets(values: Array) -> tuple[Array, Array]:
    given = ~np.isnan(values)
    known = values[given]
    if (known == np.rint(known)).all() and (np.abs(known) < 2**53).all():
        return np.where(given, values, 0).astype(np.int64), given
    return values, given


def _target_column(path: Path, target: str | int | None, names: Sequence[str]) -> int:
    if target is None:
        return len(names) - 1
    if isinstance(target, str) and (target in names or not _WHOLE.fullmatch(target)):
        if target not in names:
            found = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(
                f"{path} has no columns called {target!r}; "
                f"expected one in the header, which reads {one_line(found)}"
            )
        return names.index(target)
    return _position(path, target, len(names))


def _position(path: Path, target: str | int, width: int) -> int:
    try:
        column = int(target)
    except ValueError:
        raise ValueError(
            f"target is {target!r}; expected a position, for the columns of {path} have no names"
        ) from None
    if not -width <= column < width:
        raise ValueError(f"target is column {column}; {path} has columns 0 to {width - 1}")
    return column % width


def _show(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...") if cell.strip() else "an empty cell"


# NumPy's files -----------------------------------------------------------------------------------


def _npy_table(path: Path, target: Target) -> Table:
    if target is not None and not isinstance(target, str | int):
        raise ValueError(f"{path}: several targets are for tables with columns, or an .npz")
    table = read_npy(path)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(
            f"{path} has the shape {table.shape}; expected (n, d + 1), the target in a column"
        )
    _as_rows(table, str(path))
    width = table.shape[1]
    column = width - 1 if target is None else _position(path, target, width)
    y = np.array(table[:, column])
    # One array has one type, so class labels beside real features are floats: convert them back.
    if y.dtype.kind == "f" and np.isfinite(y).all() and (np.abs(y) < 2**53).all():
        y = y.astype(np.int64) if (y == np.rint(y)).all() else y
    if column == 0:
        X = table[:, 1:]
    elif column == width - 1:
        X = table[:, :-1]
    else:
        X = np.delete(table, column, axis=1)
    return Table(X, _as_targets(y, len(X), str(path)))


def _npz_table(path: Path) -> Table:
    return table_of_arrays(_read_npz(path, _choose_labelled))


def table_of_arrays(arrays: dict[str, tuple[Array, str]]) -> Table:
    """Return a table of the arrays x and y, or x_train, y_train and perhaps x_test, y_test."""
    train, test = ("x", "y") if "x" in arrays else ("x_train", "y_train"), ("x_test", "y_test")
    X, shape = _as_rows(*arrays[train[0]])
    y = _as_targets(arrays[train[1]][0], len(X), arrays[train[1]][1])
    if test[0] not in arrays:
        return Table(X, y, image_shape=shape)
    X_test, test_shape = _as_rows(*arrays[test[0]])
    y_test = _as_targets(arrays[test[1]][0], len(X_test), arrays[test[1]][1])
    if (X_test.shape[1], test_shape) != (X.shape[1], shape):
        where = arrays[test[0]][1]
        raise ValueError(f"{where}: x_test has rows of {X_test.shape[1]}, x_train of {X.shape[1]}")
    return Table(X, y, None, None, X_test, y_test, shape)


def read_npy(path: Path) -> Array:
    """Read an array, checked before memory is taken; above 64 MiB it is mapped."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        _check_npy(file, size, str(path))
    array: Array = np.load(path, mmap_mode="r" if size > _MAP_FROM else None, allow_pickle=False)
    return array


def _read_npz(
    path: Path, choose: Callable[[Path, Iterable[str]], dict[str, str]]
) -> dict[str, tuple[Array, str]]:
    """Return the chosen arrays, each with its name for messages."""
    open(path, "rb").close()  # a missing permission is not reported as damage
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            claimed = sum(info.file_size for info in members.values())
            check_ratio(path, path.stat().st_size, claimed)
            chosen = choose(path, members)
            labels = {key: f"{path}, array {one_line(repr(name))}" for key, name in chosen.items()}
            for key, name in chosen.items():
                with archive.open(members[name]) as member:
                    _check_npy(member, members[name].file_size, labels[key])
    except _BAD_ZIP as error:
        raise ValueError(f"{path} is not a readable .npz file: {one_line(error)}") from error
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: (file[name], labels[key]) for key, name in chosen.items()}
    except (*_BAD_ZIP, ValueError) as error:
        raise ValueError(f"{path} is a damaged .npz file: {one_line(error)}") from error


_NAMES = (  # of X and y, and of the test examples
    ("x", "y"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("x_train", "y_train"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("training_images", "training_labels", "test_images", "test_labels"),  # EMNIST
    ("data", "target"),
    ("arr_0", "arr_1"),
)


def _choose_labelled(path: Path, names: Iterable[str]) -> dict[str, str]:
    lower = {name.lower(): name for name in names}
    for keys in _NAMES:
        if lower.keys() >= set(keys):
            kept = ("x", "y") if len(keys) == 2 else _NAMES[1]
            return {key: lower[name] for key, name in zip(kept, keys, strict=True)}
    raise ValueError(
        f"{path} has the arrays {one_line(', '.join(lower.values())) or '(none)'}; "
        "expected X and y, or x_train and y_train"
    )


def _choose_rows(path: Path, names: Iterable[str]) -> dict[str, str]:
    lower = {name.lower(): name for name in names}
    if "x" in lower:
        return {"x": lower["x"]}
    if len(lower) == 1:
        return {"x": next(iter(lower.values()))}
    raise ValueError(
        f"{path} has the arrays {one_line(', '.join(lower.values())) or '(none)'}; expected X"
    )


def _check_npy(stream: IO[bytes], size: int, label: str) -> None:
    """Refuse a file without the data that its header claims, before NumPy allocates memory."""
    try:
        # Versions 1 and 2 differ in the width of a length; 3 is for records alone.
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"its format version is {version}")
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream, _MOST_HEADER)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream, _MOST_HEADER)
    except Exception as error:  # of NumPy, or of Python's own parser: TokenError, RecursionError
        raise ValueError(f"{label} is not a readable .npy array: {one_line(error)}") from None
    if dtype.kind not in "buifSU" or dtype.itemsize == 0:
        raise ValueError(f"{label} has the type {one_line(dtype)}; expected numbers or text")
    held, claimed = size - stream.tell(), math.prod(shape) * dtype.itemsize
    if {type(size) for size in shape} != {int}:  # True is one, too
        raise ValueError(f"{label} has the shape {one_line(shape)}; expected one of integers")
    if min(shape) <= 0 or held != claimed:
        raise ValueError(
            f"{label} holds {held} bytes; expected {claimed} for its shape {shape} of {dtype}"
        )


def _as_rows(X: Array, label: str) -> tuple[Array, tuple[int, int] | None]:
    """Return X as (n, d), and (height, width) if its rows were images."""
    if X.dtype.kind not in "buif":
        raise ValueError(f"{label} has the type {X.dtype}; expected numbers")
    if X.ndim == 3:
        return X.reshape(len(X), -1), (X.shape[1], X.shape[2])
    if X.ndim == 4 and X.shape[3] in (1, 3, 4):  # grey or colours, a value each
        return X.reshape(len(X), -1), (X.shape[1], X.shape[2]) if X.shape[3] == 1 else None
    if X.ndim != 2:
        raise ValueError(
            f"{label} has the shape {X.shape}; expected (n, d), or (n, height, width) for images"
        )
    return X, None


def _as_targets(y: Array, n: int, label: str) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or len(y) != n:
        raise ValueError(f"{label} has the shape {y.shape}; expected targets for {n} examples")
    if y.ndim == 1 and y.dtype.kind in "bui":
        return y.astype(np.int64)
    return y.astype(np.str_) if y.dtype.kind == "S" else y
