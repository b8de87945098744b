"""Columns of a table: kind of each, learned from training rows, and numbers for a network.

A `Columns` turns a frame of raw cells, (n, columns), into units, (n, d): numbers with their gaps
filled by the median, a unit for each level of a category, parts of dates. It is plain JSON in a
model file, and needs pandas only for frames.

Private: it may change without notice.
"""

# Over 400 lines: the kinds of columns, each with how it is recognised, kept and applied.

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .dates import plain_date
from .paths import one_line

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

VERSION = 1  # of the facts in a model file
# Units of a category: 40, or one for each 100 rows, up to 300; the rarer levels share one.
_MOST_LEVELS, _ROWS_A_LEVEL, _LIMIT = 40, 100, 300
_RARE, _RARE_ROWS = 0.005, 20  # a level is rare below this share of the rows and so many rows
_MOSTLY = 0.9  # share of numbers in a column of many values that is of numbers with a few words
_FAR = 10.0  # quartile ranges from the median beyond which a tail is heavy
_BEND = 5.0  # squashed values stay between -5 and 5
_WORDS = 40  # mean characters of free text
_DAY = 86_400.0
_NUMBERS_ROWS = "it numbers the rows"

_ID = re.compile(
    r"|Unnamed: ?\d+|id|(?:.*[ _.-])?(?:id|ID|Id)|.*[a-z]I[dD]|index|idx|row|rownum|uuid"
)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d\d.*)?")
_MARKS = {"-", "--", ".", "..", "?", "missing", "unknown", "n.a.", "na", "none", "nil", "null"}
_BLANKS = "".join(chr(i) for i in range(0x3001) if chr(i).isspace())
_BEFORE, _BEHIND = _BLANKS + "$\u20ac\u00a3\u00a5", _BLANKS + "%\u20ac\u00a3$"  # signs of money
_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?([eE][+-]?\d+)?|[+-]?,\d+")
_GROUPS = re.compile(r"(?<=\d)[ '\u00a0\u202f\u2019](?=\d{3})")  # between thousands
_YEAR_FIRST, _YEARS = re.compile(r"\d{4}[-/.]"), re.compile(r"\d{4}-\d\d")
_DAY_MONTH = re.compile(r"[-/.]")
_TRUE = {"true": 1.0, "false": 0.0}
_TRUTHS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
_PARTS = ("days", "year_sin", "year_cos", "week_sin", "week_cos", "day_sin", "day_cos")


@dataclass(frozen=True)
class Column:
    """A column of the table, and the units that it becomes.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "boolean", "date", "text", "id", "constant", "dropped"}
        The last four are left out.
    reason : str
        The reason for leaving it out, or a remark on how its cells are read.
    comma : bool
        Whether a comma is its decimal point.
    fill : float
        Median of the training rows, in place of a missing number; seconds since 1970 for a date.
    flagged : bool
        Whether a unit flags missing cells.
    bend : (center, scale) or None
        A heavy-tailed number x becomes z / sqrt(1 + (z/5)^2), z = (x - center) / scale.
    levels : tuple of str
        Levels of a category with a unit each, from the most frequent.
    others : bool
        Whether a unit stands for all other levels, those never seen among them.
    parts : tuple of str
        Parts of a date: days since the fill, and the phases of the year, week and day.
    day_first : bool
        Whether dates in text are day, month, year.
    tolerant : bool
        Whether cells of a number's column that are no numbers count as missing.
    """

    name: str
    kind: str
    reason: str = ""
    comma: bool = False
    fill: float = 0.0
    flagged: bool = False
    bend: tuple[float, float] | None = None
    levels: tuple[str, ...] = ()
    others: bool = False
    parts: tuple[str, ...] = ()
    day_first: bool = False
    tolerant: bool = False

    @property
    def used(self) -> bool:
        """Whether the network reads it."""
        return self.kind in ("number", "category", "boolean", "date")

    @property
    def units(self) -> tuple[str, ...]:
        """Names of its units."""
        if self.kind == "number":
            names: tuple[str, ...] = (self.name,)
        elif self.kind == "date":
            names = tuple(f"{self.name} {part}" for part in self.parts)
        elif self.kind in ("category", "boolean"):
            names = tuple(f"{self.name}={level}" for level in self.levels)
            names += (f"{self.name}=(other)",) * self.others
        else:
            return ()
        return names + (f"{self.name}=(missing)",) * self.flagged

    @property
    def scaled(self) -> tuple[bool, ...]:
        """Whether each unit is a quantity to be shifted and scaled; 0 or 1 is not."""
        quantities = 1 if self.kind == "number" else len(self.parts)
        return tuple(i < quantities for i in range(len(self.units)))

    def describe(self) -> str:
        """Return what becomes of the column, in a few words."""
        if not self.used:
            return f"left out: {self.reason}"
        if self.kind == "number":
            said = "number" + (", heavy tails bent" if self.bend else "")
        elif self.kind == "date":
            said = f"date, {len(self.parts)} parts"
        else:
            said = f"{self.kind}, {len(self.levels)} levels" + (
                ", the others together" if self.others else ""
            )
        said += ", missing cells flagged" if self.flagged else ""
        return said + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True)
class Columns:
    """The columns of a table, without the target.

    Attributes
    ----------
    columns : tuple of Column
    headed : bool
        Whether the names are of the table; if not, they are positions: "0", "1", ...
    target : str
        The name of the target's column.
    """

    columns: tuple[Column, ...]
    headed: bool
    target: str

    @classmethod
    def learn(
        cls,
        frame: pd.DataFrame,
        *,
        target: str,
        headed: bool = True,
        drop: Iterable[str] | Mapping[str, str] = (),
        categorical: Iterable[str] = (),
        numeric: Iterable[str] = (),
    ) -> Columns:
        """Return the columns of the training rows; the three lists override the kinds found.

        `drop` may give the reason for each column that is left out.
        """
        drop = dict(drop) if isinstance(drop, Mapping) else dict.fromkeys(drop, "as asked")
        categorical, numeric = set(categorical), set(numeric)
        names = [str(name) for name in frame.columns]
        for name in sorted(drop.keys() | categorical | numeric):
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ValueError(
                    f"there is no column {name!r} among the features{hint}; they are "
                    f"{_listed(names)}"
                )
        found = []
        for j, name in enumerate(names):
            if name in drop:
                found.append(Column(name, "dropped", drop[name]))
            elif name in categorical:
                found.append(_category(name, levels_of(frame.iloc[:, j])))
            else:
                found.append(_learn(name, frame.iloc[:, j], j, name in numeric))
        if not any(column.used for column in found):  # then a count of rows is a quantity
            found = [
                _number_column(c.name, frame.iloc[:, j], None)
                if c.reason == _NUMBERS_ROWS and not _ID.fullmatch(c.name)
                else c
                for j, c in enumerate(found)
            ]
        if not any(column.used for column in found):
            left = "; ".join(f"{c.name!r}: {c.reason}" for c in found)
            raise ValueError(f"no column is left to learn from ({one_line(left)})")
        return cls(tuple(found), headed, target)

    @property
    def units(self) -> tuple[str, ...]:
        """Names of all units, the inputs of the network."""
        return tuple(unit for column in self.columns for unit in column.units)

    @property
    def scaled(self) -> npt.NDArray[np.bool_]:
        """Whether each unit is a quantity to be shifted and scaled."""
        return np.array([flag for column in self.columns for flag in column.scaled])

    @property
    def plain(self) -> bool:
        """Whether every column is a number as it stands, so that a network needs none of this."""
        return all(c == Column(c.name, "number", fill=c.fill) for c in self.columns)

    def transform(self, frame: pd.DataFrame, headed: bool = True, where: str = "X") -> Array:
        """Return the units of raw rows, (n, d).

        Columns may come in any order, with others between them, and with the target.
        """
        named = self._named(frame, headed, where)
        units = np.empty((len(frame), len(self.units)))
        end = 0
        for column in self.columns:
            if column.used:
                begin, end = end, end + len(column.units)
                _fill(units[:, begin:end], column, named[column.name], where)
        return units

    def _named(self, frame: pd.DataFrame, headed: bool, where: str) -> Mapping[str, pd.Series[Any]]:
        names = [str(name) for name in frame.columns]
        if not headed or not self.headed:
            names = self._by_position(len(names), where)
        missing = [c.name for c in self.columns if c.used and c.name not in names]
        if missing:
            raise ValueError(
                f"{where} has no column {', '.join(map(repr, missing[:8]))}, which the model was "
                f"trained on; it has {_listed(names)}"
            )
        return {name: frame.iloc[:, j] for j, name in enumerate(names)}

    def _by_position(self, width: int, where: str) -> list[str]:
        names = [c.name for c in self.columns]
        if width == len(names):
            return names
        if width == len(names) + 1 and not self.headed and self.target.isdigit():
            return [*names[: int(self.target)], self.target, *names[int(self.target) :]]
        raise ValueError(
            f"{where} has {width} columns without names; this model reads {len(names)}: "
            f"{_listed(names)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the columns as JSON values."""
        plain = []
        for column in self.columns:
            facts = asdict(column)
            default = asdict(Column(column.name, column.kind))
            kept = {k: v for k, v in facts.items() if k in ("name", "kind") or v != default[k]}
            plain.append({k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()})
        return {
            "version": VERSION,
            "headed": self.headed,
            "target": self.target,
            "columns": plain,
        }

    @classmethod
    def from_dict(cls, facts: object) -> Columns:
        """Return the columns of a model file, each fact checked: the file may be a stranger's."""
        if not isinstance(facts, dict) or facts.get("version") != VERSION:
            raise ValueError("this version of fastnn does not know the model file's columns")
        try:
            columns = tuple(_from_facts(item) for item in facts["columns"])
            headed, target = facts["headed"], facts["target"]
        except (KeyError, TypeError):
            raise ValueError("the model file's columns are damaged") from None
        if type(headed) is not bool or not isinstance(target, str):
            raise ValueError("the model file's columns are damaged")
        return cls(columns, headed, target)


def _from_facts(facts: Mapping[str, Any]) -> Column:
    known = {field.name for field in fields(Column)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    column = Column(**values)
    sound = (
        facts.keys() <= known
        and all(isinstance(text, str) for text in (column.name, column.kind, column.reason))
        and all(type(flag) is bool for flag in _flags(column))
        and _is_finite(column.fill)
        and all(isinstance(level, str) for level in (*column.levels, *column.parts))
        and set(column.parts) <= set(_PARTS)
        and (
            column.bend is None
            or (len(column.bend) == 2 and all(map(_is_finite, column.bend)) and column.bend[1] > 0)
        )
    )
    if not sound:
        raise ValueError(f"the model file's column {one_line(repr(facts.get('name')))} is damaged")
    return column


def _flags(column: Column) -> tuple[object, ...]:
    return column.comma, column.flagged, column.others, column.day_first, column.tolerant


def _is_finite(value: object) -> TypeGuard[float]:
    return type(value) in (int, float) and bool(np.isfinite(value))  # type: ignore[call-overload]


def _listed(names: Sequence[str]) -> str:
    return one_line(", ".join(names[:12]) + (", ..." if len(names) > 12 else ""))


# Cells -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Levels:
    """The different texts of a column: each is looked at once, however often it occurs.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        The position of each cell among the texts; -1 where it is missing.
    texts : list of str or None
        Stripped, so that two may be equal; None if nothing is left. 1.0 and 1 are both "1".
    """

    codes: npt.NDArray[np.intp]
    texts: list[str | None]

    def cells(self, values: Iterable[Any], missing: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return the value of each cell, from that of each text."""
        return np.array([*values, missing], dtype=dtype)[self.codes]

    def known(self) -> Iterator[tuple[str, int]]:
        """Yield each text, and the number of its cells."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts)).tolist()
        for text, count in zip(self.texts, found, strict=True):
            if text is not None:
                yield text, count


def levels_of(series: pd.Series[Any]) -> Levels:
    """Return the different texts of a column."""
    import pandas

    cells: Any = series
    if series.dtype == object and pandas.api.types.infer_dtype(series) != "string":
        kept = series[series.notna()].map(_text)  # True and 1 are different
        cells = kept.reindex(series.index)
    codes, levels = pandas.factorize(cells)
    return Levels(codes, [text or None for text in map(_text, levels.tolist())])


def texts_of(series: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return the cells as stripped texts, None where missing; 1.0 and 1 are both "1"."""
    levels = levels_of(series)
    return levels.cells(levels.texts, None, object)


def _text(cell: object) -> str:
    if isinstance(cell, str):
        return cell.strip()
    whole = isinstance(cell, float | np.floating) and float(cell).is_integer()
    return str(int(cell)) if whole else str(cell).strip()  # type: ignore[call-overload]


def numbers_of(series: pd.Series[Any], comma: bool = False) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the cells as numbers, NaN where missing, and a mask of words and infinite values."""
    if series.dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(values)
        return np.where(infinite, np.nan, values), infinite
    return level_numbers(levels_of(series), comma)


def level_numbers(levels: Levels, comma: bool) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the cells of texts as numbers, NaN where missing, and a mask of words."""
    found = [None if text is None else _number(text, comma) for text in levels.texts]
    words = [
        value is None and _is_word(text) for value, text in zip(found, levels.texts, strict=True)
    ]
    return levels.cells(found, None, np.float64), levels.cells(words, False, bool)


def _is_word(text: str | None) -> bool:
    return text is not None and text.lower() not in _MARKS


def _number(text: str, comma: bool) -> float | None:
    if text[0].isalpha():
        return _TRUE.get(text.lower())
    form = _COMMA if comma else _POINT
    if not form.fullmatch(text):
        text = _GROUPS.sub("", text.lstrip(_BEFORE).rstrip(_BEHIND))
        if not form.fullmatch(text):
            return None
    text = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")
    value = float(text)
    return value if np.isfinite(value) else None


def is_decimal_comma(series: pd.Series[Any]) -> bool:
    """Return whether all cells are numbers with commas for points, and not all without."""
    if series.dtype.kind in "biuf":
        return False
    return has_decimal_commas(levels_of(series))


def has_decimal_commas(levels: Levels) -> bool:
    """Return whether all texts are numbers with commas for points, and not all without."""
    lacking = False
    for text in levels.texts:
        if text is not None and _is_word(text):
            if _number(text, comma=True) is None:
                return False
            lacking = lacking or _number(text, comma=False) is None
    return lacking


def moments_of(series: pd.Series[Any], day_first: bool = False) -> Array | None:
    """Return seconds since 1970, NaN where missing; None if the cells are no dates."""
    if _holds_moments(series):
        return _seconds(series.array)
    return _moments_of(levels_of(series), day_first)


def _holds_moments(series: pd.Series[Any]) -> bool:
    return series.dtype.kind == "M" or str(series.dtype).startswith("datetime64")


def _are_dates(levels: Levels) -> bool:
    texts = [text for text in levels.texts if text is not None]
    if all(map(_is_season, texts)):
        return False
    return bool(texts) and all(_DATE.fullmatch(plain_date(text)) for text in texts)


def _is_season(text: str) -> bool:
    """Return whether a text is a year and the next, as 2011-12."""
    return bool(_YEARS.fullmatch(text)) and (int(text[:4]) + 1) % 100 == int(text[5:])


def _moments_of(levels: Levels, day_first: bool) -> Array | None:
    import pandas

    if not _are_dates(levels):
        return None
    texts = [text and plain_date(text) for text in levels.texts]
    of_texts = np.full(len(texts), np.nan)
    # What begins with a year is year, month, day wherever the others begin with the day.
    years = np.array([text is not None and _YEAR_FIRST.match(text) is not None for text in texts])
    for some, first in ((years, False), (~years, day_first)):
        if some.any():
            moments = pandas.to_datetime(
                pandas.Series(texts, dtype=object)[some],
                errors="coerce",
                format="mixed",
                dayfirst=first,
                utc=True,
            )
            of_texts[some] = _seconds(moments.array)
    seconds = np.asarray(levels.cells(of_texts, np.nan, np.float64))
    missing = levels.cells([text is None for text in levels.texts], True, bool)
    return None if np.isnan(seconds).sum() > missing.sum() + 0.05 * len(seconds) else seconds


def _seconds(moments: Any) -> Array:
    import pandas

    index = pandas.DatetimeIndex(pandas.to_datetime(moments, utc=True))
    seconds = (index - pandas.Timestamp("1970-01-01", tz="UTC")).total_seconds()
    return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan))


def is_day_first(series: pd.Series[Any]) -> bool:
    """Return whether dates in text, if not with the year, begin with a number that is no month."""
    return series.dtype.kind not in "biufM" and _is_day_first(levels_of(series))


def _is_day_first(levels: Levels) -> bool:
    texts = [text for text in levels.texts if text is not None and _DATE.fullmatch(text)]
    first = [_DAY_MONTH.split(text, maxsplit=1)[0] for text in texts]
    first = [number for number in first if len(number) <= 2]
    return bool(first) and max(map(int, first)) > 12


# Learning ----------------------------------------------------------------------------------------


def _learn(name: str, series: pd.Series[Any], position: int, numeric: bool) -> Column:
    if series.dtype.kind in "biuf":
        return _learn_numbers(name, series, position, numeric)
    levels = None if _holds_moments(series) else levels_of(series)
    distinct = series.nunique() if levels is None else sum(map(bool, levels.texts))
    if distinct == 0:
        return Column(name, "constant", "it is empty")
    if numeric:
        return _number_column(name, series, levels)
    if distinct == 1 and not series.isna().any():
        return _constant(name, series)
    if levels is None:
        seconds = moments_of(series)
        if seconds is None:
            raise AssertionError("a column of dates has moments")
        return _date(name, seconds, day_first=False)
    return _learn_texts(name, series, levels)


def _learn_numbers(name: str, series: pd.Series[Any], position: int, numeric: bool) -> Column:
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    gaps = np.isnan(values)
    if gaps.all():
        return Column(name, "constant", "it is empty")
    if numeric:
        return _number_column(name, series, None)
    if not gaps.any() and values.min() == values.max():
        return _constant(name, series)
    if series.dtype.kind == "b":
        return _category(name, levels_of(series), "boolean")
    whole = bool((values == np.rint(values)).all()) and series.nunique() == len(values)
    if whole and len(values) >= 5:
        steps = np.diff(values)
        ascending = bool((steps > 0).all()) and position == 0 and values[0] in (0, 1)
        if _ID.fullmatch(name) or (ascending and steps.max() <= max(steps.min(), 20)):
            dense = values.max() - values.min() < 2 * len(values)
            return Column(name, "id", _NUMBERS_ROWS if dense else "it names the rows")
    return _number_column(name, series, None)


def _constant(name: str, series: pd.Series[Any]) -> Column:
    return Column(name, "constant", f"it is always {one_line(str(series.iloc[0]))}")


def _learn_texts(name: str, series: pd.Series[Any], levels: Levels) -> Column:
    if _are_dates(levels):
        day_first = _is_day_first(levels)
        seconds = _moments_of(levels, day_first)
        if seconds is not None:
            return _date(name, seconds, day_first)
    known = list(levels.known())
    distinct, filled = len(known), sum(count for _, count in known)
    words = _words_up_to((1 - _MOSTLY) * filled, known, has_decimal_commas(levels))
    if words <= (1 - _MOSTLY) * filled and (not words or distinct > 20):
        return _number_column(name, series, levels)
    if distinct <= 20 and {text.lower() for text, _ in known} in _TRUTHS:
        return _category(name, levels, "boolean")
    letters = sum(len(text) * count for text, count in known)
    if distinct > 20 and letters > _WORDS * filled:
        return Column(name, "text", f"it is text, {distinct:,} different ones")
    if distinct > 20 and distinct > 0.5 * filled:
        return Column(name, "id", f"it names the rows, {distinct:,} different texts")
    return _category(name, levels)


def _words_up_to(most: float, known: Iterable[tuple[str, int]], comma: bool) -> int:
    """Count the cells that are no numbers, and no marks of missing ones; stop above `most`."""
    words = 0
    for text, count in known:
        if _number(text, comma) is None and _is_word(text):
            words += count
            if words > most:
                break
    return words


def _number_column(name: str, series: pd.Series[Any], levels: Levels | None) -> Column:
    comma, reason = False, ""
    if levels is None:
        values, words = numbers_of(series)
    else:
        comma = has_decimal_commas(levels)
        values, words = level_numbers(levels, comma)
        if comma:
            reason = "commas are decimal points"
        elif any("," in text for text in levels.texts if text is not None):
            reason = "commas part thousands"
    gaps = np.isnan(values)
    if words.any():
        example = one_line(repr(str(series.iloc[int(np.argmax(words))]).strip()))
        reason = f"{int(words.sum())} of its cells count as missing: {example} is no number"
    if gaps.all():
        raise ValueError(f"column {name!r} holds no number")
    low, middle, high = np.nanpercentile(values, [25, 50, 75])
    spread = float(high - low)
    far = np.nanmax(np.abs(values - middle)) if spread > 0 else 0.0
    bend = (float(middle), spread / 1.349) if far > _FAR * spread > 0 else None
    return Column(
        name,
        "number",
        reason,
        comma,
        fill=float(middle),
        flagged=bool(gaps.any()),
        bend=bend,
        tolerant=bool(words.any()),
    )


def _category(name: str, levels: Levels, kind: str = "category") -> Column:
    counts: Counter[str] = Counter()
    for text, count in levels.known():
        counts[text] += count
    n = len(levels.codes)
    order = sorted(sorted(counts), key=lambda level: -counts[level])
    least = min(_RARE * n, _RARE_ROWS) if len(order) > 10 else 0
    most = max(_MOST_LEVELS, min(n // _ROWS_A_LEVEL, _LIMIT))
    kept = [level for level in order[:most] if counts[level] >= least] or [order[0]]
    return Column(
        name,
        kind,
        levels=tuple(kept),
        others=len(kept) < len(order),
        flagged=counts.total() < n,
    )


def _date(name: str, seconds: Array, day_first: bool) -> Column:
    fill, flagged = float(np.nanmedian(seconds)), bool(np.isnan(seconds).any())
    column = Column(name, "date", fill=fill, flagged=flagged, parts=_PARTS, day_first=day_first)
    parts = _date_parts(column, seconds)
    varying = tuple(
        part for part, values in zip(_PARTS, parts.T, strict=True) if np.ptp(values) > 1e-9
    )
    if not varying:
        return Column(name, "constant", "it is always one date")
    return replace(column, parts=varying)


# Applying ----------------------------------------------------------------------------------------


def _fill(units: Array, column: Column, series: pd.Series[Any], where: str) -> None:
    """Write the units of a column, (n, units)."""
    if column.kind == "number":
        values, words = numbers_of(series, column.comma)
        if words.any() and not column.tolerant:
            i = int(np.argmax(words))
            raise ValueError(
                f"{where}, row {i + 1}, column {column.name!r}: expected a number, found "
                f"{one_line(repr(str(series.iloc[i]).strip()))}"
            )
        gaps = np.isnan(values)
        units[:, 0] = bent(np.where(gaps, column.fill, values), column.bend)
    elif column.kind == "date":
        seconds = np.full(len(series), np.nan)
        if not series.isna().all():
            found = moments_of(series, column.day_first)
            if found is None:
                raise ValueError(f"{where}, column {column.name!r}: expected dates")
            seconds = found
        gaps = np.isnan(seconds)
        units[:, : len(column.parts)] = _date_parts(column, seconds)
    else:
        levels = levels_of(series)
        width = len(column.levels) + column.others
        codes = category_codes(levels.texts, column.levels)
        codes = levels.cells(np.where(codes < width, codes, -1), -1, np.intp)
        gaps = levels.cells([text is None for text in levels.texts], True, bool)
        units[:] = 0.0
        rows = np.flatnonzero(~gaps & (codes >= 0))
        units[rows, codes[rows]] = 1.0
    if column.flagged:
        units[:, -1] = gaps


def category_codes(texts: Collection[str | None], levels: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the position of each text among the levels; their number for any other."""
    place: dict[str | None, int] = {level: j for j, level in enumerate(levels)}
    return np.fromiter((place.get(text, len(levels)) for text in texts), np.intp, len(texts))


def bent(values: Array, bend: tuple[float, float] | None) -> Array:
    """Return heavy-tailed values within bounds; others as they are."""
    if bend is None:
        return values
    z = (values - bend[0]) / bend[1]
    return np.asarray(z / np.sqrt(1 + (z / _BEND) ** 2))


def _date_parts(column: Column, seconds: Array) -> Array:
    """Return the parts of moments: days from the fill, sine and cosine of three phases."""
    seconds = np.where(np.isnan(seconds), column.fill, seconds)
    parts = {"days": (seconds - column.fill) / _DAY}
    for name, period in (("year", 365.2425 * _DAY), ("week", 7 * _DAY), ("day", _DAY)):
        phase = 2 * np.pi * (seconds % period) / period
        parts[f"{name}_sin"], parts[f"{name}_cos"] = np.sin(phase), np.cos(phase)
    return np.column_stack([parts[name] for name in column.parts])
