"""Data from a name or a path of any kind, for the command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import pictures
from ..paths import check_regular, expanded
from . import folders, tables
from .frames import is_pattern
from .idx import Array, FilePath, Splits, damages, load_folder, read_idx, unpacked
from .published import load_digits, load_fashion_mnist, load_mnist
from .tables import load_table


@dataclass(frozen=True, eq=False)
class Data:
    """A data set from any source.

    Attributes
    ----------
    name : str
        ``"digits"``, ``"mnist"``, ``"fashion-mnist"``, or the name of the folder or file.
    train : (X_train, y_train)
        Shapes (n, d) and (n,) or (n, n_out).
    test : (X_test, y_test) or None
        None if the file has no test examples.
    image_shape : (height, width) or None
        The shape of each row, if rows are images.
    feature_names : tuple of str, or None
    target_name : str or None
    raw : RawTable or None
        The table as read, if it was asked for: `train` then holds its frame.
    """

    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array] | None = None
    image_shape: tuple[int, int] | None = None
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None
    raw: tables.RawTable | None = None


_NAMED: dict[str, Callable[[], Splits]] = {
    "digits": load_digits,
    "mnist": load_mnist,
    "fashion-mnist": load_fashion_mnist,
}


def load_data(spec: FilePath, *, target: tables.Target = None, raw: bool = False) -> Data:
    """Load the data of a name or a path.

    Parameters
    ----------
    spec : str or path
        ``"digits"``, ``"mnist"`` or ``"fashion-mnist"``; or a file that holds a table
        (`load_table`), or a pattern of such files (``"parts/*.csv"``); or a folder: of IDX files
        (`load_idx`), of a folder of pictures for each class, of ``X.npy`` and ``y.npy`` (or
        ``X_train.npy``, ``y_train.npy`` and perhaps ``X_test.npy``, ``y_test.npy``). A folder with
        the name of a data set is written ``"./mnist"``.
    target : str, int or sequence of these, optional
        The target's column in a table, as for `load_table`.
    raw : bool, default False
        Give a table that pandas reads as its frame, with words, dates and gaps, not as numbers.

    Returns
    -------
    Data

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If `spec` is none of these, or the data cannot be read.

    Examples
    --------
    >>> data = load_data("digits")
    >>> data.name, data.train[0].shape, data.image_shape
    ('digits', (4000, 784), (28, 28))
    """
    path = expanded(spec)
    check_regular(path)
    named, folder = str(spec) in _NAMED, path.is_dir()
    if target is not None and (named or folder):
        raise ValueError(f"{spec} has its labels in a separate file; target is for tables")
    if named:
        train, test = _NAMED[str(spec)]()
        return Data(str(spec), train, test, image_shape=(28, 28))
    if folder:
        classes, files = folders.classes_of(path), folders.array_files(path)
        if classes:
            X, y, shape = folders.read_classes(classes)
            return Data(path.resolve().name, (X, y), None, shape)
        if files:
            return _of_table(path.resolve().name, folders.read_array_files(files))
        (train, test), shape = load_folder(path)
        return Data(path.resolve().name, train, test, shape)
    if path.suffix.lower() in tables.NUMPY_SUFFIXES or (path.is_file() and not raw):
        return _of_table(path.stem, load_table(path, target=target))
    if path.is_file() or path.suffix.lower() in tables.TABLE_SUFFIXES or is_pattern(path):
        rows = tables.load_raw(path, target=target)
        name = re.sub(r"[*?[\]]+", "", path.stem).strip("-_. ") if is_pattern(path) else path.stem
        return Data(
            name or "table",
            (rows.frame, rows.y),
            None,
            None,
            tuple(rows.frame.columns) if rows.headed else None,
            rows.target if rows.headed else None,
            rows,
        )
    close = difflib.get_close_matches(str(spec).lower(), _NAMED, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(
        f"unknown data {str(spec)!r}{hint}: expected {', '.join(map(repr, _NAMED))}, a folder of "
        "IDX files or of pictures by class, or a file that holds a table (.csv, .xlsx, .parquet, "
        ".json, .npz, .npy, ...)"
    )


def _of_table(name: str, table: tables.Table) -> Data:
    held_out = None
    if table.X_test is not None and table.y_test is not None:
        held_out = (table.X_test, table.y_test)
    return Data(
        name,
        (table.X, table.y),
        held_out,
        table.image_shape,
        table.feature_names,
        table.target_name,
    )


def load_rows(path: FilePath) -> Array:
    """Read examples without targets, to predict from.

    Parameters
    ----------
    path : path
        An IDX file of images, gzipped or not; a table of numbers in a format of `load_table`; or a
        picture, which becomes one row of grey levels (`fastnn.pictures.read_picture`).

    Returns
    -------
    ndarray, shape (n, d)
        Values of the file: uint8 stays uint8, text becomes float64; images are flattened.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is none of these, is damaged, or holds labels.
    ImportError
        If it is a picture and Pillow is not installed.

    Examples
    --------
    >>> X = load_rows("t10k-images-idx3-ubyte.gz")  # doctest: +SKIP
    """
    path = expanded(path)
    if path.suffix.lower() in pictures.SUFFIXES:
        return pictures.read_picture(path).pixels.reshape(1, -1)
    if path.suffix.lower() in tables.NUMPY_SUFFIXES or not is_idx(path):
        return tables.load_rows(path)
    rows = read_idx(path)
    if rows.ndim < 2:
        raise ValueError(f"{path} holds {len(rows)} single values (labels?); expected images")
    return rows.reshape(len(rows), -1)


def is_idx(path: Path) -> bool:
    """Return whether a file begins as an IDX file does, compressed or not; or there is none."""
    if not path.is_file():
        return path.suffix.lower() not in tables.TABLE_SUFFIXES
    with open(path, "rb") as file:
        start = file.read(2)
        file.seek(0)
        packed = unpacked(file, start)
        if packed is not None:
            try:
                with packed:
                    start = packed.read(2)
            except damages():
                return not path.name.lower().endswith((".csv.gz", ".tsv.gz", ".csv.xz", ".tsv.xz"))
    return start == b"\0\0"
