"""Tables and rows from CSV, TSV, .npz and .npy files.

Sizes: n examples, d features. Arrays keep the type of the file; text becomes float64. Nothing is
unpickled, and a size in a header is compared with the file before memory of that size is allocated.
Every message names the file, what was expected and what was found.
"""

# Over 400 lines, 80 of them docstrings. The sections: text, NumPy's files.

from __future__ import annotations

import csv
import math
import os
import re
import struct
import zipfile
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..paths import check_ratio, existing_file, one_line

Array = npt.NDArray[Any]
FilePath = str | os.PathLike[str]

_DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}  # the first of them that the first line holds
TEXT_SUFFIXES = tuple(_DELIMITERS)
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".npz", ".npy")

_MAP_FROM = 64 << 20  # a larger .npy file is mapped, not read
# A row of text is kept as Python strings, 70 bytes each, before it becomes numbers; each text label
# takes the memory of the longest.
_MOST_COLUMNS, _MOST_LINE = 1 << 18, 4 << 20
_FREE_LABELS = 1 << 22  # characters
_KNOWN_TEXTS = 1 << 16  # distinct targets that are looked for among the earlier ones
# Characters of the header of an array without fields, some 120 in files of NumPy: its fallback for
# files of Python 2 takes time that grows with the square.
_MOST_HEADER = 1000
_BLOCK = 1 << 17  # numbers
_SCAN = 1 << 12  # rows that are looked at together for a value that is not finite

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

_COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")
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


def load_table(path: FilePath, *, target: str | int | None = None) -> Table:
    r"""Read a table of examples and their targets.

    Parameters
    ----------
    path : path of a ``.csv``, ``.tsv``, ``.npz`` or ``.npy`` file
        Text is UTF-8, separated by commas (``.csv``; if the first line has none, by semicolons or
        tabs) or tabs (``.tsv``); its first row is a header if any feature in it is not a number.
        Numbers have a decimal point. An ``.npz`` has the arrays ``X`` and ``y``, or
        ``x_train``, ``y_train`` and perhaps ``x_test``, ``y_test`` (in capitals or not); images of
        shape (n, height, width) are flattened. An ``.npy`` is one array of shape (n, d + 1); above
        64 MiB it is mapped read-only.
    target : str or int, optional
        The target's column: a name of the header, or a position from 0 (negative: from the end),
        also as text. The last column by default. Not for ``.npz``.

    Returns
    -------
    Table
        Features in text become float64. Targets become int64 if all are whole numbers, float64 if
        all are numbers, and are str otherwise.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a table: a cell is empty, not a number, NaN or infinite (the message
        names line and column), rows differ in length, arrays are missing or do not fit, the file
        is damaged, or it claims more than its size can hold.

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
    if suffix in TEXT_SUFFIXES:
        return _csv_table(path, target)
    if suffix == ".npy":
        return _npy_table(path, target)
    if suffix == ".npz":
        if target is not None:
            raise ValueError(f"{path} has its targets in a separate array; target is for tables")
        return _npz_table(path)
    raise ValueError(f"{path} is not a table: expected a name in {', '.join(TABLE_SUFFIXES)}")


def load_rows(path: FilePath) -> Array:
    """Read examples without targets, to predict from.

    Parameters
    ----------
    path : path of a ``.csv``, ``.tsv``, ``.npy`` or ``.npz`` file
        Text holds numbers only, with or without a header; an ``.npz`` has an array ``X`` or only
        one array.

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
    if suffix in TEXT_SUFFIXES:
        return _read_csv(path, None, labelled=False)[1]
    if suffix == ".npy":
        return _as_rows(_read_npy(path), str(path))[0]
    if suffix == ".npz":
        return _as_rows(*_read_npz(path, _choose_rows)["x"])[0]
    raise ValueError(f"{path} holds no rows: expected a name in {', '.join(TABLE_SUFFIXES)}")


# Text: CSV and TSV -------------------------------------------------------------------------------


@dataclass
class _Cells:
    """A column of text: row i holds ``texts[codes[i]]``; the texts are in order of appearance."""

    texts: list[str]
    codes: Array

    def first_with(self, code: int) -> int:
        """Return the first row that holds a text."""
        return int(np.argmax(self.codes == code))


class _LineNumbers:
    """Numbers of the lines at which rows end; only those of rows after a gap are stored."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._rows, self._lines = array("q", [0]), array("q", [1])
        self._next = 1

    def append(self, line: int) -> None:
        if line != self._next:
            self._rows.append(self.n_rows)
            self._lines.append(line)
        self.n_rows += 1
        self._next = line + 1

    def __getitem__(self, row: int) -> int:
        i = bisect_right(self._rows, row) - 1
        return self._lines[i] + row - self._rows[i]


def _csv_table(path: Path, target: str | int | None) -> Table:
    names, X, cells, lines, column = _read_csv(path, target, labelled=True)
    # A header over columns that are called 0, 1, 2, ... shows only in the target's column.
    skipped = 0
    head, *rest = cells.texts
    if (
        names is None and rest and not _is_number(head)
        and all(map(_is_number, rest)) and not (cells.codes[1:] == 0).any()
    ):  # fmt: skip
        names = tuple(_plain(value) for value in X[0])
        names = (*names[:column], head.strip(), *names[column:])
        X, cells, skipped = X[1:], _Cells(rest, cells.codes[1:] - 1), 1
    y = _csv_target(path, cells, lambda i: lines[i + skipped], _column_label(column, names))
    if names is None:
        return Table(X, y)
    return Table(X, y, names[:column] + names[column + 1 :], names[column])


def delimiter_of(path: Path, file: IO[str]) -> str:
    """Return the delimiter of a ``.csv`` or ``.tsv`` file, which is at its start."""
    known = _DELIMITERS[path.suffix.lower()]
    line = file.readline(_MOST_LINE)
    file.seek(0)
    return next((delimiter for delimiter in known if delimiter in line), known[0])


class Lines:
    """Iterator over the lines of a text, which limits their length and the cells of a row."""

    def __init__(self, path: Path, file: IO[str], delimiter: str) -> None:
        self._path, self._file, self._delimiter = path, file, delimiter
        self._number = self._cells = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_MOST_LINE + 1):
            self._number += 1
            self._cells += line.count(self._delimiter)
            if len(line) > _MOST_LINE or self._cells >= _MOST_COLUMNS:
                raise ValueError(
                    f"{self._path}, line {self._number}: more than {_MOST_COLUMNS:,} columns or "
                    f"{_MOST_LINE:,} characters; so wide a table is for an .npy file"
                )
            yield line

    def row_ends(self) -> None:
        """Reset the counts at the end of a row; a row with quoted cells may have several lines."""
        self._cells = 0


def _read_csv(
    path: Path, target: str | int | None, *, labelled: bool
) -> tuple[tuple[str, ...] | None, Array, _Cells, _LineNumbers, int]:
    """Return header names, features (n, d), target cells, line numbers, the target's position."""
    features, latest = np.empty(0), array("d")
    lines, texts, codes = _LineNumbers(), list[str](), array("i")
    known: dict[str, int] = {}  # the code of a text; not of all where they are many
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            delimiter = delimiter_of(path, file)
            text = Lines(path, file, delimiter)
            reader = csv.reader(text, delimiter=delimiter, strict=True)

            def next_row() -> list[str]:
                for row in reader:
                    text.row_ends()
                    if row:  # a blank line is an empty row
                        return row
                return []

            first = next_row()
            width = len(first)
            if not width:
                raise ValueError(f"{path} is empty; expected a table")
            if labelled and width == 1:
                raise ValueError(
                    f"{path} has one column; expected one feature at least and the target"
                )
            column = _target_column(path, target, first) if labelled else width
            others = first[:column] + first[column + 1 :]
            by_name = isinstance(target, str) and not _WHOLE.fullmatch(target)
            headed = by_name or any(cell.strip() and not _is_number(cell) for cell in others)
            names = tuple(cell.strip() for cell in first) if headed else None
            row = next_row() if headed else first
            del first, others
            while row:
                if len(row) != width:
                    raise ValueError(
                        f"{path}, line {reader.line_num}: expected {width} columns, "
                        f"as in the first row, and found {len(row)}"
                    )
                if labelled:
                    cell = row.pop(column)
                    code = known.get(cell, len(texts))
                    if code == len(texts):
                        texts.append(cell)
                        if code < _KNOWN_TEXTS:
                            known[cell] = code
                    codes.append(code)
                try:
                    if "_" in "".join(row):  # Python would take 1_000 for a number
                        raise ValueError
                    latest.extend(map(float, row))
                except ValueError:
                    bad = next(i for i, cell in enumerate(row) if not _is_number(cell))
                    place = bad + (bad >= column)
                    raise _bad_cell(path, reader.line_num, place, names, row[bad]) from None
                lines.append(reader.line_num)
                if len(latest) >= max(_BLOCK, len(features) // 8):
                    _append(features, latest)
                    latest = array("d")
                row = next_row()
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a table of UTF-8 text: {error}") from None
    if not lines.n_rows:
        raise ValueError(f"{path} has a header and no rows")
    _append(features, latest)
    X = features.reshape(lines.n_rows, -1)
    for start in range(0, len(X), _SCAN):
        bad_ones = np.argwhere(~np.isfinite(X[start : start + _SCAN]))
        if len(bad_ones):
            i, j = start + int(bad_ones[0, 0]), int(bad_ones[0, 1])
            raise _bad_cell(path, lines[i], j + (j >= column), names, _plain(X[i, j]))
    return names, X, _Cells(texts, np.frombuffer(codes, np.intc)), lines, column


def _append(values: Array, more: array[float]) -> None:
    """Append in place; NumPy extends the memory, if possible without a copy."""
    if more:
        values.resize(len(values) + len(more), refcheck=False)
        values[-len(more) :] = more


def _target_column(path: Path, target: str | int | None, first: Sequence[str]) -> int:
    if target is None:
        return len(first) - 1
    if isinstance(target, str) and not _WHOLE.fullmatch(target):
        names = [cell.strip() for cell in first]
        if names.count(target) != 1:
            found = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(
                f"{path} has {names.count(target) or 'no'} columns called {target!r}; "
                f"expected one in the header, which reads {one_line(found)}"
            )
        return names.index(target)
    return _position(path, target, len(first))


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


def _csv_target(path: Path, cells: _Cells, line_of: Callable[[int], int], label: str) -> Array:
    texts, codes = cells.texts, cells.codes

    def refuse(code: int) -> ValueError:
        line = line_of(cells.first_with(code))
        return ValueError(
            f"{path}, line {line}, {label}: expected a target, found {_show(texts[code])}"
        )

    for code, text in enumerate(texts):
        if not text.strip():
            raise refuse(code)
    if not all(map(_is_number, texts)):
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        longest = int(np.argmax(lengths))
        length = int(lengths[longest])
        if len(codes) * length > _FREE_LABELS + 4 * int(lengths @ np.bincount(codes)):
            raise ValueError(
                f"{path}, line {line_of(cells.first_with(longest))}, {label}: a target of "
                f"{length:,} characters is too long to be one of {len(codes):,}"
            )
        stripped = [text.strip() for text in texts]
        kind = f"U{max(map(len, stripped))}"
        return np.fromiter((stripped[code] for code in codes), kind, len(codes))
    numbers = np.fromiter(map(float, texts), float, len(texts))
    if not np.isfinite(numbers).all():
        raise refuse(int(np.argmin(np.isfinite(numbers))))
    if all(map(_WHOLE.fullmatch, texts)):
        # beyond 64 bits, or of thousands of digits, nearly all zeros: numbers, then
        with suppress(OverflowError, ValueError):
            return np.fromiter(map(int, texts), np.int64, len(texts))[codes]
    return numbers[codes]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _bad_cell(
    path: Path, line: int, column: int, names: Sequence[str] | None, cell: str
) -> ValueError:
    label = _column_label(column, names)
    hint = ", which needs a decimal point" if _COMMA.fullmatch(cell) else ""
    return ValueError(f"{path}, line {line}, {label}: expected a number, found {_show(cell)}{hint}")


def _column_label(column: int, names: Sequence[str] | None) -> str:
    return f"column {column}" + (f" ({_show(names[column])})" if names else "")


def _show(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...") if cell.strip() else "an empty cell"


def _plain(value: float) -> str:
    return f"{value:.15g}"


# NumPy's files -----------------------------------------------------------------------------------


def _npy_table(path: Path, target: str | int | None) -> Table:
    table = _read_npy(path)
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
    arrays = _read_npz(path, _choose_labelled)
    train, test = ("x", "y") if "x" in arrays else ("x_train", "y_train"), ("x_test", "y_test")
    X, shape = _as_rows(*arrays[train[0]])
    y = _as_targets(arrays[train[1]][0], len(X), arrays[train[1]][1])
    if test[0] not in arrays:
        return Table(X, y, image_shape=shape)
    X_test, test_shape = _as_rows(*arrays[test[0]])
    y_test = _as_targets(arrays[test[1]][0], len(X_test), arrays[test[1]][1])
    if (X_test.shape[1], test_shape) != (X.shape[1], shape):
        raise ValueError(f"{path}: x_test has rows of {X_test.shape[1]}, x_train of {X.shape[1]}")
    return Table(X, y, None, None, X_test, y_test, shape)


def _read_npy(path: Path) -> Array:
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


def _choose_labelled(path: Path, names: Iterable[str]) -> dict[str, str]:
    lower = {name.lower(): name for name in names}
    train, test = ("x_train", "y_train"), ("x_test", "y_test")
    for keys in (("x", "y"), train + test, train):
        if lower.keys() >= set(keys):
            return {key: lower[key] for key in keys}
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
    if X.ndim != 2:
        raise ValueError(
            f"{label} has the shape {X.shape}; expected (n, d), or (n, height, width) for images"
        )
    return X, None


def _as_targets(y: Array, n: int, label: str) -> Array:
    if y.ndim not in (1, 2) or len(y) != n:
        raise ValueError(f"{label} has the shape {y.shape}; expected targets for {n} examples")
    if y.ndim == 1 and y.dtype.kind in "bui":
        return y.astype(np.int64)
    return y.astype(np.str_) if y.dtype.kind == "S" else y
