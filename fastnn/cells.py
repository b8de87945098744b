"""Messages about a cell of X or y that is not a number, for arrays.py.

Called only after an error was found. Rows count from 0; columns of a frame have their names.

Private: it may change without notice.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_ENCODE = (
    "encode words as numbers, such as a column of 0 and 1 for each of them "
    "(pandas.get_dummies), or leave the column out"
)


def column_names(values: Any) -> list[Any] | None:
    """Return the names of a frame's or table's columns (pandas, polars, Arrow), or None."""
    if isinstance(values, np.ndarray):
        return None
    named = getattr(values, "column_names", None)  # of Arrow's tables, whose `columns` are values
    if named is None:
        named = getattr(values, "columns", None)
    try:
        return None if named is None or isinstance(named, str | bytes) else list(named)
    except TypeError:  # a method, or another attribute of this name
        return None


def place(row: int, column: int | None, names: Sequence[Any] | None = None) -> str:
    """Return the place of a cell: "at row 3, column 'age'"."""
    if column is None:
        return f"at row {row}"
    if names is not None and column < len(names):
        return f"at row {row}, column {names[column]!r}"
    return f"at row {row}, column {column}"


def is_missing(item: object) -> bool:
    """Return whether an item is None, NaN, NaT or pandas' NA."""
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float | np.floating | np.datetime64) and bool(item != item)


def _is_number(item: Any) -> bool:
    if isinstance(item, str | bytes):  # "1" is not a number, even in an array of objects
        return False
    try:
        float(item)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def is_figure(text: str | bytes) -> bool:
    """Return whether a text is a number in digits, as "1.5" is."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _advice(item: object) -> str:
    if isinstance(item, _DATES) or type(item).__name__ in ("Timestamp", "Timedelta", "Period"):
        return "turn dates and times into numbers, such as days or seconds since the first"
    if isinstance(item, str | bytes):
        return "turn text into numbers, as with .astype(float)" if is_figure(item) else _ENCODE
    return "leave it out"


def first_missing(array: NDArray[Any]) -> int | None:
    """Return the row of the first missing item of an array of objects, or None."""
    for row, items in enumerate(array):
        if any(map(is_missing, np.ravel(np.asarray(items, object)))):
            return row
    return None


def not_a_number(name: str, array: NDArray[Any], names: Sequence[Any] | None = None) -> str:
    """Return the message about an array of objects that are not all numbers.

    It names the first word, date or object; if there is none, the first missing item.
    """
    kinds = ", ".join(sorted({type(item).__name__ for item in array.flat})[:4])
    said = f"{name} must hold numbers; it holds Python objects: {kinds}"
    if array.ndim not in (1, 2):
        return said
    for wanted in (lambda item: not is_missing(item), is_missing):
        for index, item in np.ndenumerate(array):
            if not _is_number(item) and wanted(item):
                where = place(index[0], index[1] if array.ndim == 2 else None, names)
                if is_missing(item):
                    return f"{name} is missing {where}: fill the gap, or leave out the row"
                return f"{said}; it holds {_shown(item)} {where}: {_advice(item)}"
    return said


def _shown(item: object) -> str:
    text = str(item) if isinstance(item, _DATES) else repr(item)
    return text if len(text) <= 60 else f"{text[:57]}..."


def not_real(name: str, array: NDArray[Any], names: Sequence[Any] | None = None) -> str:
    """Return the message about an array whose dtype is not numeric."""
    said = f"{name} must hold real numbers; its dtype is {array.dtype}"
    if array.dtype.kind in "UST" and array.size and array.ndim in (1, 2):
        items = array.astype(object)
        cells = ((index, item) for index, item in np.ndenumerate(items) if not is_figure(item))
        index, item = next(cells, ((0,) * array.ndim, items.flat[0]))
        where = place(index[0], index[1] if array.ndim == 2 else None, names)
        return f"{said}; it holds {_shown(item)} {where}: {_advice(item)}"
    if array.dtype.kind in "mM":
        which = f" (column {names[0]!r})" if names else ""
        return f"{said}{which}: {_advice(np.datetime64(0, 'D'))}"
    if array.dtype.names:
        return f"{said}: numpy.lib.recfunctions.structured_to_unstructured makes columns of fields"
    return said
