"""Raw cells of a table as the inputs of a network, in plain Python: copied into exported files.

The same as `fastnn.columns`, which works on whole columns by pandas; the tests compare the two. A
column is a dict as in model files. Private: it may change without notice.
"""

# ruff: noqa: UP017, B905 - the exported file runs on old Pythons, too

import math
import re
from datetime import date, datetime, timezone
from typing import Any

from ..dates import plain_date

_GAPS = {
    *("", "?", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "<NA>", "NaT"),
    *("#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
}
_MARKS = {"-", "--", ".", "..", "?", "missing", "unknown", "n.a.", "na", "none", "nil", "null"}
_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?([eE][+-]?\d+)?|[+-]?,\d+")
_DATE = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
)
_DAY = 86400.0
_PERIODS = {"year": 365.2425 * _DAY, "week": 7 * _DAY, "day": _DAY}
COLUMNS: list[dict[str, Any]] = []  # of the exported file


def text_of(cell: Any) -> str | None:
    """Return a cell as text, None if it is missing; 1.0 and 1 are both "1"."""
    if cell is None or type(cell).__name__ == "NAType" or cell != cell:
        return None
    whole = isinstance(cell, float) and cell.is_integer()
    text = str(int(cell)) if whole else str(cell).strip()
    return None if text in _GAPS else text


def number_of(column: dict[str, Any], cell: Any) -> float | None:
    """Return a cell as a number, None if it is missing; raise ValueError at a word."""
    text = text_of(cell)
    if text is None or text.lower() in _MARKS:
        return None
    comma = column.get("comma", False) and isinstance(cell, str)
    found = {"true": 1.0, "false": 0.0}.get(text.lower())
    if found is None:
        plain = re.sub(r"^[\s$\u20ac\u00a3\u00a5]+|[\s%\u20ac\u00a3$]+$", "", text)
        plain = re.sub(r"(?<=\d)[ '\u00a0\u202f\u2019](?=\d{3})", "", plain)
        if (_COMMA if comma else _POINT).fullmatch(plain):
            plain = plain.replace(".", "").replace(",", ".") if comma else plain.replace(",", "")
            found = float(plain)
    if found is None or not math.isfinite(found):
        if column.get("tolerant", False):
            return None
        raise ValueError(f"column {column['name']!r}: expected a number, found {cell!r}")
    return found


def seconds_of(column: dict[str, Any], cell: Any) -> float | None:
    """Return a date, or its text, as seconds since 1970; None if it is missing."""
    text = text_of(cell)
    if text is None:  # pandas' NaT too, which is a datetime
        return None
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    found = _DATE.fullmatch(plain_date(text))
    if found is None:
        try:
            return seconds_of(column, datetime.fromisoformat(text.replace("Z", "+00:00")))
        except ValueError:
            raise ValueError(
                f"column {column['name']!r}: expected a date, found {cell!r}"
            ) from None
    first, middle, last = map(int, found.groups()[:3])
    if len(found[1]) > 2:
        year, month, day = first, middle, last
    else:
        year, month, day = last, *((middle, first) if column.get("day_first") else (first, middle))
    if year < 100:
        year += 1900 if year >= 69 else 2000
    hour, minute = int(found[4] or 0), int(found[5] or 0)
    moment = datetime(year, month, day, hour, minute, tzinfo=timezone.utc)
    return moment.timestamp() + float(found[6] or 0)


def units_of(column: dict[str, Any], cell: Any) -> list[float]:
    """Return the inputs that stand for one cell of a column."""
    kind, fill = column["kind"], column.get("fill", 0.0)
    if kind == "number":
        value = number_of(column, cell)
        z = fill if value is None else value
        missing = value is None
        if column.get("bend"):
            center, scale = column["bend"]
            z = (z - center) / scale
            z /= math.sqrt(1 + (z / 5.0) ** 2)
        units = [z]
    elif kind == "date":
        value = seconds_of(column, cell)
        missing = value is None
        seconds = fill if value is None else value
        parts = {"days": (seconds - fill) / _DAY}
        for name, period in _PERIODS.items():
            phase = 2 * math.pi * (seconds % period) / period
            parts[name + "_sin"], parts[name + "_cos"] = math.sin(phase), math.cos(phase)
        units = [parts[name] for name in column["parts"]]
    else:
        text, levels = text_of(cell), column["levels"]
        missing = text is None
        units = [float(text == level) for level in levels]
        if column.get("others"):
            units.append(float(not missing and text not in levels))
    return units + [float(missing)] * bool(column.get("flagged"))


def prepare(rows: Any) -> list[list[float]]:
    """Return the inputs of the network for rows of raw cells, a list of lists.

    A row is a dict by the names of the columns, or a list of the cells in the order of COLUMNS;
    what is missing is None, NaN, "" or "NA". One row, a list of rows, or a pandas frame.
    """
    if hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    if isinstance(rows, dict) or (rows and not isinstance(rows[0], (dict, list, tuple))):
        rows = [rows]
    inputs = []
    for row in rows:
        if not isinstance(row, dict):
            if len(row) != len(COLUMNS):
                raise ValueError(f"a row has {len(row)} cells; expected {len(COLUMNS)}")
            row = {column["name"]: cell for column, cell in zip(COLUMNS, row)}
        units = []
        for column in COLUMNS:
            if column["kind"] in ("number", "category", "boolean", "date"):
                if column["name"] not in row:
                    raise ValueError(f"a row has no {column['name']!r}")
                units += units_of(column, row[column["name"]])
        inputs.append(units)
    return inputs
