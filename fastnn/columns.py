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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .paths import one_line

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

VERSION = 1  # of the facts in a model file
_MOST_LEVELS = 40  # units of a category; the rarer levels share one
_RARE = 0.005  # share of the rows below which a level is rare
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
_TRUE = {"true": 1.0, "false": 0.0}
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
                found.append(_category(name, texts_of(frame.iloc[:, j])))
            else:
                found.append(_learn(name, frame.iloc[:, j], j, name in numeric))
        if not any(column.used for column in found):  # then a count of rows is a quantity
            found = [
                _number_column(c.name, frame.iloc[:, j])
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
        blocks = [_units(c, named[c.name], where) for c in self.columns if c.used]
        return np.column_stack(blocks)

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


def texts_of(series: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return the cells as stripped texts, None where missing; 1.0 and 1 are both "1"."""
    codes, texts = _levels_of(series)
    return np.array([*texts, None], dtype=object)[codes]


def _levels_of(series: pd.Series[Any]) -> tuple[npt.NDArray[np.intp], list[str | None]]:
    """Return the position of each cell among the different texts, -1 where it is missing."""
    import pandas

    if series.dtype == object and pandas.api.types.infer_dtype(series) != "string":
        kept = series[series.notna()].map(_text)  # True and 1 are different
        codes, levels = pandas.factorize(kept.reindex(series.index))
    else:
        codes, levels = pandas.factorize(series)
    return codes, [_text(level) or None for level in levels]


def _text(cell: object) -> str:
    whole = isinstance(cell, float | np.floating) and float(cell).is_integer()
    return str(int(cell)) if whole else str(cell).strip()  # type: ignore[call-overload]


def numbers_of(series: pd.Series[Any], comma: bool = False) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the cells as numbers, NaN where missing, and a mask of words and infinite values."""
    if series.dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(values)
        return np.where(infinite, np.nan, values), infinite
    codes, texts = _levels_of(series)
    found = [None if text is None else _number(text, comma) for text in (*texts, None)]
    word = [
        value is None and text is not None and text.lower() not in _MARKS
        for value, text in zip(found, (*texts, None), strict=True)
    ]
    return np.array(found, dtype=np.float64)[codes], np.array(word)[codes]


def _number(text: str, comma: bool) -> float | None:
    if text.lower() in _TRUE:
        return _TRUE[text.lower()]
    text = re.sub(r"(?<=\d)[ '\u00a0\u202f\u2019](?=\d{3})", "", text.lstrip(_BEFORE).rstrip(_BEHIND))
    if not (_COMMA if comma else _POINT).fullmatch(text):
        return None
    text = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")
    value = float(text)
    return value if np.isfinite(value) else None


def is_decimal_comma(series: pd.Series[Any]) -> bool:
    """Return whether all cells are numbers with commas for points, and not all without."""
    words = numbers_of(series)[1]
    return bool(words.any()) and not numbers_of(series, comma=True)[1].any()


def moments_of(series: pd.Series[Any], day_first: bool = False) -> Array | None:
    """Return seconds since 1970, NaN where missing; None if the cells are no dates."""
    import pandas

    moments: Any = series
    if series.dtype.kind != "M" and not str(series.dtype).startswith("datetime64"):
        texts = [text for text in texts_of(series) if text is not None]
        if not texts or not all(_DATE.fullmatch(text) for text in texts):
            return None
        moments = pandas.to_datetime(
            series, errors="coerce", format="mixed", dayfirst=day_first, utc=True
        )
        if moments.isna().sum() > series.isna().sum() + 0.05 * len(series):
            return None
    moments = pandas.to_datetime(moments, utc=True)
    seconds = (moments - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
    return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan))


def is_day_first(series: pd.Series[Any]) -> bool:
    """Return whether dates in text begin with a number that is no month, and no year."""
    if series.dtype.kind in "biufM":
        return False
    texts = [text for text in texts_of(series) if text is not None]
    first = [re.split(r"[-/.]", text)[0] for text in texts if _DATE.fullmatch(text)]
    return bool(first) and max(map(int, first)) > 12 and max(map(len, first)) <= 2


# Learning ----------------------------------------------------------------------------------------


def _learn(name: str, series: pd.Series[Any], position: int, numeric: bool) -> Column:
    distinct = series.nunique(dropna=True)
    if distinct == 0:
        return Column(name, "constant", "it is empty")
    if numeric:
        return _number_column(name, series)
    if distinct == 1 and not series.isna().any():
        return Column(name, "constant", f"it is always {one_line(str(series.iloc[0]))}")
    if series.dtype.kind == "b":
        return _category(name, texts_of(series), "boolean")
    if series.dtype.kind in "iuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        whole = bool((values == np.rint(values)).all()) and distinct == len(values)
        if whole and len(values) >= 5:
            steps = np.diff(values)
            ascending = bool((steps > 0).all()) and position == 0 and values[0] in (0, 1)
            if _ID.fullmatch(name) or (ascending and steps.max() <= max(steps.min(), 20)):
                dense = values.max() - values.min() < 2 * len(values)
                reason = _NUMBERS_ROWS if dense else "it names the rows"
                return Column(name, "id", reason)
        return _number_column(name, series)
    day_first = is_day_first(series)
    seconds = moments_of(series, day_first)
    if seconds is not None:
        return _date(name, seconds, day_first)
    comma = is_decimal_comma(series)
    words = numbers_of(series, comma)[1]
    filled = int(series.notna().sum())
    if words.sum() <= (1 - _MOSTLY) * filled and (not words.any() or distinct > 20):
        return _number_column(name, series)
    texts = texts_of(series)
    known = [text for text in texts if text is not None]
    lower = {text.lower() for text in known}
    if lower in ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}):
        return _category(name, texts, "boolean")
    if distinct > 20 and sum(map(len, known)) > _WORDS * len(known):
        return Column(name, "text", f"it is text, {distinct:,} different ones")
    if distinct > 20 and distinct > 0.5 * len(known):
        return Column(name, "id", f"it names the rows, {distinct:,} different texts")
    return _category(name, texts)


def _number_column(name: str, series: pd.Series[Any]) -> Column:
    comma = series.dtype.kind not in "biuf" and is_decimal_comma(series)
    values, words = numbers_of(series, comma)
    gaps = np.isnan(values)
    reason = "commas are decimal points" if comma else ""
    if not comma and series.dtype.kind not in "biuf":
        texts = [text for text in texts_of(series) if text is not None]
        if any("," in text for text in texts):
            reason = "commas part thousands"
    if words.any():
        example = one_line(repr(str(texts_of(series)[np.flatnonzero(words)[0]])))
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


def _category(name: str, texts: npt.NDArray[np.object_], kind: str = "category") -> Column:
    known = [text for text in texts if text is not None]
    levels, counts = np.unique(np.array(known, dtype=object), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    least = _RARE * len(texts) if len(levels) > 10 else 0
    kept = [j for j in order[:_MOST_LEVELS] if counts[j] >= least] or [order[0]]
    return Column(
        name,
        kind,
        levels=tuple(str(levels[j]) for j in kept),
        others=len(kept) < len(levels),
        flagged=len(known) < len(texts),
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


def _units(column: Column, series: pd.Series[Any], where: str) -> Array:
    if column.kind == "number":
        values, words = numbers_of(series, column.comma)
        if words.any() and not column.tolerant:
            i = int(np.flatnonzero(words)[0])
            raise ValueError(
                f"{where}, row {i + 1}, column {column.name!r}: expected a number, found "
                f"{one_line(repr(str(texts_of(series)[i])))}"
            )
        gaps = np.isnan(values)
        units = [bent(np.where(gaps, column.fill, values), column.bend)]
    elif column.kind == "date":
        seconds = np.full(len(series), np.nan)
        if not series.isna().all():
            found = moments_of(series, column.day_first)
            if found is None:
                raise ValueError(f"{where}, column {column.name!r}: expected dates")
            seconds = found
        gaps = np.isnan(seconds)
        units = list(_date_parts(column, seconds).T)
    else:
        texts = texts_of(series)
        gaps = np.array([text is None for text in texts], dtype=bool)
        codes = category_codes(texts, column.levels)
        width = len(column.levels) + column.others
        one_hot = np.zeros((len(texts), width))
        rows = np.flatnonzero(~gaps & (codes < width))
        one_hot[rows, codes[rows]] = 1.0
        units = list(one_hot.T)
    if column.flagged:
        units.append(gaps.astype(np.float64))
    return np.column_stack(units)


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
