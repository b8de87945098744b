"""The form of a table in text: separator, quotes, header, and whether each row has all its cells.

A sample of the start decides on the form; a pass over the bytes, by NumPy, finds the lines that are
too long and whether rows are too short. pandas reads the cells, in `frames`.

Private: it may change without notice.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..paths import one_line

Source = Path | io.BytesIO
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

BLANKS = r"\s+"  # the separator of cells that stand in columns
SAMPLE_ROWS = 200
# Of wide rows fewer are looked at, for the time that it takes.
_FEWEST_ROWS, _SAMPLE_CELLS, _SCORED_CELLS = 20, 20_000, 4_000
_FEWEST_IN_A_RUN = 5  # numbers of a header that count up by one
_MOST_ALIKE = 1_000  # columns of the same name
_MOST_LINES = 500  # of the first row
# Each column costs pandas a kilobyte, whatever it holds.
_MOST_COLUMNS, _MOST_LINE = 1 << 16, 4 << 20
_BLOCK = 1 << 17  # bytes that a pass looks at together: they stay in the processor's cache
_SEPARATORS = (",", ";", "\t", "|")
# No expression may try the same characters in two parts: a line may have a million of them.
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan", "#na"}
_QUOTED = [re.compile(rf"(?:^|[,;\t|]) *{q}[^{q}]*{q} *(?:[,;\t|]|$)") for q in ("'", '"')]
_BLANK, _TAB, _LINE_FEED, _RETURN = b" \t\n\r"


class RefusedError(ValueError):
    """A sentence of ours, to be raised as it is."""


@dataclass(frozen=True)
class Form:
    """The form of a text: rows of cells, and what precedes them."""

    separator: str
    quote: str
    skipped: int  # lines of comments before the table
    rows: list[list[str]]  # of the sample


@dataclass(frozen=True)
class Survey:
    """Bytes that matter, counted in the lines of a table.

    Attributes
    ----------
    separators : int
        Of cells, also of those within quotes; cells where blanks separate them.
    quoted : bool
        Whether there is a quote.
    padded : bool
        Whether a cell begins with a blank, which does not belong to it.
    """

    separators: int
    quoted: bool
    padded: bool


def form_of(path: Path, sample: str) -> Form:
    """Return the separator and the quote of a text by the rows at its start."""
    lines = sample.splitlines()[: 2 * _MOST_LINES]
    skipped = 0
    while skipped < len(lines) - 1 and lines[skipped].lstrip().startswith(("#", "%")):
        skipped += 1
    lines = [line for line in lines[skipped:] if line.strip()]
    best: tuple[float, float] = (-1.0, -1.0)
    chosen = Form(",", '"', skipped, [[line] for line in lines])
    quote = "'" if _is_quoted_singly(lines[:SAMPLE_ROWS]) else '"'
    for separator in (*_SEPARATORS, BLANKS):
        if separator == BLANKS:
            rows = [line.split() for line in lines[:SAMPLE_ROWS]]
        else:
            try:
                reader = csv.reader(
                    io.StringIO("\n".join(lines)),
                    delimiter=separator,
                    quotechar=quote,
                    skipinitialspace=True,
                )
                rows = list(islice(filter(None, reader), SAMPLE_ROWS))
            except csv.Error:
                continue
        widths = [len(row) for row in rows]
        width = max(sorted(set(widths), reverse=True), key=widths.count, default=0)
        if width < 2:
            continue
        if width > _MOST_COLUMNS:
            break
        alike = widths.count(width) / len(widths)
        rows = rows[: max(_FEWEST_ROWS, _SAMPLE_CELLS // width)]
        cells = islice(chain.from_iterable(rows[1:] or rows), _SCORED_CELLS)
        body = [cell.strip() for cell in cells]
        known = sum(
            _NUMBER.fullmatch(cell) is not None or cell.lower() in _MISSING for cell in body
        )
        # Rows of one width first; then cells that are numbers, which a wrong separator cuts up.
        score = (round(alike, 1), known / max(1, len(body)))
        if score > best:
            best, chosen = score, Form(separator, quote, skipped, rows)
    widest = max((line.count(",") for line in lines[:3]), default=0)
    if max(widest, *map(len, chosen.rows), 0) > _MOST_COLUMNS:
        raise ValueError(
            f"{path} has more than {_MOST_COLUMNS:,} columns; so wide a table is for an .npy file"
        )
    if len(chosen.rows) == 1 < _MOST_LINES < len(lines):
        raise ValueError(f"{path}: its first row has more than {_MOST_LINES} lines: a stray quote?")
    return chosen


def _is_quoted_singly(lines: list[str]) -> bool:
    """Return whether most rows have a cell in single quotes, and few one in double quotes."""
    found = [sum(bool(cell.search(line)) for line in lines) for cell in _QUOTED]
    return 2 * found[0] > len(lines) > 2 * found[1]


def is_headed(rows: list[list[str]], names: Sequence[str] | None) -> bool:
    """Return whether the first row is a header.

    It is if one of its cells is text above numbers, or if it counts years beside text that does not
    recur; it is not if there is none, but a number above numbers. In a table of text alone, a
    header is of different cells none of which recurs below.
    """
    if not rows:
        return True
    first = [cell.strip() for cell in rows[0]]
    if names is not None and (not names or not set(first).isdisjoint(names)):
        return bool(names)
    body = rows[1:]
    width = len(first)
    number_above = False
    text_above = False
    recurs = False
    for j in range(width):
        below = [row[j].strip() for row in body if j < len(row)]
        below = [cell for cell in below if cell.lower() not in _MISSING]
        numeric = bool(below) and all(map(_NUMBER.fullmatch, below))
        if _NUMBER.fullmatch(first[j]):
            number_above |= numeric
        elif first[j].lower() not in _MISSING:
            text_above |= numeric
            recurs |= first[j] in below
    if text_above or (_has_a_run(first) and not recurs):
        return True
    filled = [cell for cell in first if cell.lower() not in _MISSING]
    texts = [cell for cell in filled if not _NUMBER.fullmatch(cell)]
    if number_above or recurs or not texts:
        return False
    return len(set(filled)) == len(filled) and len(filled) >= width - 1


def _has_a_run(cells: list[str]) -> bool:
    """Return whether there is text, and at its side whole numbers that count up: years, or days."""
    whole = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 9]
    texts = [cell for cell in cells if not _NUMBER.fullmatch(cell)]
    steps = [later - earlier for earlier, later in pairwise(whole)]
    return any(texts) and len(whole) >= _FEWEST_IN_A_RUN and set(steps) == {1}


def check_names(path: Path, names: list[str]) -> None:
    """Refuse a name of very many columns: pandas' time to tell them apart grows with the square."""
    name, count = max(Counter(names).items(), key=lambda pair: pair[1], default=("", 0))
    if count > _MOST_ALIKE:
        raise ValueError(
            f"{path}: {count:,} columns of the header are called {one_line(repr(name))}; expected "
            "different names"
        )


def survey(path: Path, source: Source, form: Form) -> Survey:
    """Count separators, and refuse lines of some megabytes before pandas takes memory for cells."""
    separators, quoted, padded, unbroken = 0, False, False, 0
    with _rows_of(source, form) as file:
        start = file.tell()
        first = file.readline(_MOST_LINE)
        if max(first.count(sign) for sign in (b",", b";", b"\t", b"|")) > _MOST_COLUMNS:
            raise ValueError(
                f"{path} has more than {_MOST_COLUMNS:,} columns; so wide a table is for an .npy "
                "file"
            )
        file.seek(start)
        for before, content in _blocks(file):
            broken = b"\n" in content or b"\r" in content
            unbroken = 0 if broken else unbroken + len(content)
            if unbroken >= _MOST_LINE:
                raise ValueError(
                    f"{path} has a line of more than {_MOST_LINE:,} characters; "
                    "so wide a table is for an .npy file"
                )
            block = np.frombuffer(content, np.uint8)
            if form.separator == BLANKS:
                blank = (block == _BLANK) | (block == _TAB) | _ends(content, block)
                separators += _follows(before, b" \t\n\r", blank, ~blank)
            else:
                separates = block == ord(form.separator)
                separators += int(np.count_nonzero(separates))
                padded = padded or _is_padded(before, content, separates, form.separator.encode())
            quoted = quoted or form.quote.encode() in content
    return Survey(separators, quoted, padded)


def _rows_of(source: Source, form: Form) -> IO[bytes]:
    """Open the bytes at the header: behind the mark of UTF-8 and the lines of comments."""
    file = _opened(source)
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    for _ in range(form.skipped):
        file.readline()
    return file


def _blocks(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the byte before each block, and the block."""
    before = _LINE_FEED
    while content := file.read(_BLOCK):
        yield before, content
        before = content[-1]


def _ends(content: bytes, block: Bytes) -> Mask:
    ends: Mask = block == _LINE_FEED
    return ends | (block == _RETURN) if b"\r" in content else ends


def _is_padded(before: int, content: bytes, separates: Mask, separator: bytes) -> bool:
    """Return whether a blank follows a separator or the end of a line."""
    block = np.frombuffer(content, np.uint8)
    for sign in {b" ", b"\t"} - {separator}:
        if sign in content:
            opens = separates | _ends(content, block)
            if _follows(before, separator + b"\n\r", opens, block == sign[0]):
                return True
    return False


def _follows(before: int, signs: bytes, first: Mask, second: Mask) -> int:
    """Count places of `second` directly after those of `first`, or of a sign before the block."""
    return int(np.count_nonzero(first[:-1] & second[1:])) + bool(second[0] and before in signs)


def has_short_rows(source: Source, form: Form, found: Survey, rows: int, cells: int) -> bool:
    """Return whether the rows, none of which has too many, may have less than `cells` together.

    Quotes that do not enclose whole cells make it True.
    """
    if form.separator == BLANKS:
        return found.quoted or found.separators < cells
    separators: int | None = found.separators
    if found.quoted:
        separators = _separators_between(source, form)
    return separators is None or separators < cells - rows


def _separators_between(source: Source, form: Form) -> int | None:
    """Count separators outside of quotes; None if a quote neither begins nor ends a cell."""
    separator, quote = ord(form.separator), ord(form.quote)
    around = np.array([separator, _LINE_FEED, _RETURN, quote], np.uint8)
    count, inside, closing = 0, False, False
    with _rows_of(source, form) as file:
        for before, content in _blocks(file):
            block = np.frombuffer(content, np.uint8)
            if closing and block[0] not in around:
                return None
            quotes = block == quote
            places = np.flatnonzero(quotes)
            opening, ending = places[inside::2], places[1 - inside :: 2]
            closing = bool(len(ending)) and ending[-1] == len(block) - 1
            previous = np.where(opening > 0, block[opening - 1], before)
            following = block[ending[: len(ending) - closing] + 1]
            if not (np.isin(previous, around).all() and np.isin(following, around).all()):
                return None
            within = np.bitwise_xor.accumulate(quotes.view(np.uint8))
            outside = within.view(bool) == inside
            count += int(np.count_nonzero((block == separator) & outside))
            inside ^= bool(len(places) % 2)
    return None if inside else count


def check_short_rows(
    path: Path, source: Source, form: Form, names: int, width: int, encoding: str
) -> None:
    """Refuse a row with fewer cells than the others, which pandas fills.

    The first row needs `names`: the header may have none for a column that names the rows.
    """
    expected = names
    for line, row in _cells(source, form, encoding):
        if len(row) < expected:
            raise RefusedError(
                f"{path}, line {line}: expected {expected} columns, as in the rows above, "
                f"and found {len(row)}"
            )
        expected = width


def check_ends(path: Path, source: Source, form: Form, names: int, encoding: str) -> None:
    """Refuse a cell behind the columns of the header: only separators may stand there."""
    for line, row in _cells(source, form, encoding):
        if any(cell.strip() for cell in row[names:]):
            raise RefusedError(
                f"{path}, line {line}: expected {names} columns, as in the header, "
                f"and found {len(row)}"
            )


def _cells(source: Source, form: Form, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line at which each row ends, and its cells; not rows without any."""
    with _opened(source) as raw, io.TextIOWrapper(raw, encoding, newline="") as text:
        for _ in range(form.skipped):
            text.readline()
        if form.separator == BLANKS:
            rows: Any = map(str.split, text)
        else:
            rows = csv.reader(
                text, delimiter=form.separator, quotechar=form.quote, skipinitialspace=True
            )
        for count, row in enumerate(rows, 1):
            if any(cell.strip() for cell in row):
                yield form.skipped + getattr(rows, "line_num", count), row


def _opened(source: Source) -> IO[bytes]:
    """Return another reader of the bytes, from their start."""
    return open(source, "rb") if isinstance(source, Path) else io.BytesIO(source.getvalue())
