"""Frames of pandas from files that hold a table; the format is known by the content.

pandas, pyarrow and openpyxl read (the extra ``tables``); here stand only the choice of the format,
the form of a text (separator, quotes, encoding, header) and the limits of unpacking.

Private: it may change without notice.
"""

# Over 400 lines: one short reader for each of the formats.

from __future__ import annotations

import csv
import glob
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..paths import check_ratio, existing_file, one_line

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("?",)  # beside the marks that pandas knows: NA, N/A, null, None, NaN, an empty cell
SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".json", ".jsonl", ".ndjson", ".arff"),
    *(".xlsx", ".xls", ".parquet", ".feather", ".arrow", ".sqlite", ".sqlite3", ".db", ".mat"),
    *(".h5", ".hdf5", ".svm", ".libsvm", ".gz", ".bz2", ".xz", ".zip"),
)

_SAMPLE = 1 << 18  # bytes at the start of a text that show its form
_SAMPLE_ROWS = 200
_MOST_ALIKE = 1_000  # columns of the same name
_MOST_LINES = 500  # of the first row
# Each column costs pandas a kilobyte, whatever it holds.
_MOST_COLUMNS, _MOST_LINE = 1 << 16, 4 << 20
_SEPARATORS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8", "euc_kr", "cp1252", "latin-1")  # each refuses most texts of the next ones
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan", "#na"}
_QUOTED = [re.compile(rf"(?:^|[,;\t|])\s*{q}[^{q}]*{q}\s*(?:[,;\t|]|$)") for q in ("'", '"')]
_LIBSVM = re.compile(r"[+-]?[\d.eE+-]+(\s+\d+:[+-]?[\d.eE+-]+)+\s*(#.*)?")


@dataclass(frozen=True, eq=False)
class Frame:
    """A table as its file has it.

    Attributes
    ----------
    frame : pandas.DataFrame
        Its columns are called by the header, or "0", "1", ... if there is none.
    headed : bool
    notes : tuple of str
        Decisions that a reader should know, one sentence each.
    """

    frame: pd.DataFrame
    headed: bool
    notes: tuple[str, ...] = ()


def read_frame(path: str | Path, *, names: Sequence[str] | None = None) -> Frame:
    """Read the table of a file.

    Parameters
    ----------
    path : path
        Or a pattern, such as ``parts/*.csv``: the rows of all files, which have the same columns.
    names : sequence of str, optional
        Column names: the first row of a text is its header if it has one of them; it is none if
        there are no names. Otherwise the table decides: a header is text above numbers, or above
        text in which it does not recur.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no file, or it holds no table; the message is one sentence.
    ImportError
        If the library that reads such a file is not installed.
    """
    if is_pattern(path):
        return _read_several(Path(path), names)
    path = existing_file(path)
    with open(path, "rb") as file:
        start = file.read(_SAMPLE)
    if not start:
        raise ValueError(f"{path} is empty; expected a table")
    for magic, read in _BINARY:
        if start.startswith(magic):
            return _checked(path, read(path, names))
    return _checked(path, _read_text(path, path, start, names))


def is_pattern(path: str | Path) -> bool:
    """Return whether it is a pattern of several files, and not the name of one."""
    return any(sign in str(path) for sign in "*?[") and not Path(path).exists()


def _read_several(pattern: Path, names: Sequence[str] | None) -> Frame:
    paths = sorted(Path(name) for name in glob.glob(str(pattern.expanduser())))
    if not paths:
        raise FileNotFoundError(f"there is no file {pattern}")
    parts = [read_frame(path, names=names) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        if set(part.frame.columns) != set(first.frame.columns) or part.headed != first.headed:
            wrong = set(part.frame.columns) ^ set(first.frame.columns)
            shown = one_line(repr(min(wrong))) if wrong else "a header in one of them only"
            raise ValueError(f"{path} and {paths[0]} differ in their columns: {shown}")
    frame = import_pandas().concat([part.frame for part in parts], ignore_index=True)
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Frame(frame, first.headed, (f"read {len(paths)} files", *notes))


def _checked(path: Path, table: Frame) -> Frame:
    frame, notes = table.frame, list(table.notes)
    if table.headed:
        frame.columns = [str(name).strip() for name in frame.columns]
        names = set(frame.columns)
        repeated = [
            name
            for name in frame.columns
            if re.fullmatch(r".+\.\d+", name) and name.rpartition(".")[0] in names
        ]
        if repeated:
            shown = one_line(", ".join(map(repr, repeated[:3])) + ", ..." * (len(repeated) > 3))
            notes.append(f"names of earlier columns are repeated: they are called {shown} here")
    else:
        frame.columns = [str(i) for i in range(frame.shape[1])]
    if len(set(frame.columns)) < frame.shape[1]:
        raise ValueError(f"{path} has columns of the same name")
    if not frame.shape[1]:
        raise ValueError(f"{path} has no columns")
    if not len(frame):
        raise ValueError(f"{path} has a header and no rows" if table.headed else f"{path} is empty")
    return Frame(frame, table.headed, tuple(notes))


def import_pandas() -> Any:
    """Return the module pandas, or raise ImportError with the command that installs it."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "tables need pandas: pip install 'fastnn-mlp[tables]' (an .npz or .npy needs nothing)"
        ) from None
    return pandas


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[Any]:
    """Turn the errors of the libraries, which are of all kinds, into one sentence."""
    pandas = import_pandas()
    try:
        yield pandas
    except MemoryError:
        raise
    except ImportError as error:
        missing = getattr(error, "name", None) or str(error)
        raise ImportError(
            f"{path} is {kind}, which needs a library ({one_line(missing)}): "
            "pip install 'fastnn-mlp[tables]'"
        ) from None
    except _EncodingError:
        raise
    except _RefusedError as error:
        raise ValueError(str(error)) from None
    except Exception as error:
        raise ValueError(f"{path} is not readable as {kind}: {one_line(error)}") from None


class _RefusedError(ValueError):
    """A sentence of ours, to be raised as it is."""


# Text --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Form:
    """The form of a text: rows of cells, and what precedes them."""

    separator: str
    quote: str
    skipped: int  # lines of comments before the table
    rows: list[list[str]]  # of the sample


def _read_text(
    path: Path, source: Path | io.BytesIO, start: bytes, names: Sequence[str] | None
) -> Frame:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        if b"\0" in start:
            raise ValueError(f"{path} is not text, nor a file of a known format")
        encodings = _ENCODINGS
    sample = start.decode("utf-16" if len(encodings) == 1 else "utf-8-sig", "replace")
    if len(start) == _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    stripped = sample.lstrip()
    if stripped.startswith(("{", "[")):
        return _read_json(path, source)
    lines = stripped.splitlines()
    words = next((line for line in lines if line.strip() and not line.startswith("%")), "")
    if words.lower().startswith("@relation"):
        return _read_arff(path, source)
    if all(_LIBSVM.fullmatch(line) for line in lines[:20] if line.strip()) and lines:
        return _read_libsvm(path, source)
    if stripped.lower().startswith(("<!doctype", "<html", "<?xml")):
        raise ValueError(f"{path} is a web page; was the download refused?")
    _check_lines(path, source)
    form = _form(path, sample)
    headed = _is_headed(form.rows, names)
    if headed:
        _check_names(path, form.rows[0] if form.rows else [])
    notes = []
    for encoding in encodings:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        try:
            frame = _parse(path, source, form, headed, encoding)
        except _EncodingError:
            continue
        if encoding not in ("utf-8", "utf-16"):
            notes.append(f"read as {encoding}: it is not UTF-8")
        break
    else:
        raise ValueError(f"{path} is not text in a known encoding")
    if not isinstance(frame.index, import_pandas().RangeIndex):
        frame = frame.reset_index(drop=True)
        notes.append("left out the column before the first name of the header: it names the rows")
    return Frame(frame, headed, tuple(notes))


def _parse(
    path: Path, source: Path | io.BytesIO, form: _Form, headed: bool, encoding: str
) -> pd.DataFrame:
    with _reading(path, "a table of text") as pandas:
        options: dict[str, Any] = {
            "sep": form.separator,
            "quotechar": form.quote,
            "skiprows": form.skipped,
            "header": 0 if headed else None,
            "encoding": "utf-8-sig" if encoding == "utf-8" else encoding,
            "na_values": list(MISSING),
            "low_memory": False,  # one type a column, decided by all of it
            "skipinitialspace": True,
        }
        if form.separator == r"\s+":
            del options["skipinitialspace"]
        try:
            frame = pandas.read_csv(source, **options)
            index = frame.index
            if not isinstance(index, pandas.RangeIndex) and (
                index.nlevels > 1 or frame.iloc[:, -1].isna().all()
            ):  # rows end in a separator: pandas took their first cells for names
                if isinstance(source, io.BytesIO):
                    source.seek(0)
                frame = pandas.read_csv(source, index_col=False, **options)
            elif len(frame.columns) and frame.iloc[:, -1].isna().any():  # or rows are too short
                indices = 0 if isinstance(index, pandas.RangeIndex) else index.nlevels
                width = frame.shape[1] + indices
                _check_short_rows(path, source, form, width, options["encoding"])
            return frame
        except UnicodeDecodeError as error:
            raise _EncodingError(error) from None
        except pandas.errors.EmptyDataError:
            raise _RefusedError(f"{path} is empty; expected a table") from None
        except pandas.errors.ParserError as error:
            found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
            if found is None:
                raise
            expected, line, saw = found.groups()
            raise _RefusedError(
                f"{path}, line {line}: expected {expected} columns, as in the rows above, "
                f"and found {saw}"
            ) from None


class _EncodingError(Exception):
    """Not of this encoding."""


def _form(path: Path, sample: str) -> _Form:
    """Return the separator and the quote of a text by the rows at its start."""
    lines = sample.splitlines()[: 2 * _MOST_LINES]
    skipped = 0
    while skipped < len(lines) - 1 and lines[skipped].lstrip().startswith(("#", "%")):
        skipped += 1
    lines = [line for line in lines[skipped:] if line.strip()]
    best: tuple[float, float] = (-1.0, -1.0)
    chosen = _Form(",", '"', skipped, [[line] for line in lines])
    quote = "'" if _is_quoted_singly(lines[:_SAMPLE_ROWS]) else '"'
    for separator in (*_SEPARATORS, r"\s+"):
        if separator == r"\s+":
            rows = [line.split() for line in lines[:_SAMPLE_ROWS]]
        else:
            try:
                reader = csv.reader(
                    io.StringIO("\n".join(lines)),
                    delimiter=separator,
                    quotechar=quote,
                    skipinitialspace=True,
                )
                rows = list(islice(filter(None, reader), _SAMPLE_ROWS))
            except csv.Error:
                continue
        widths = [len(row) for row in rows]
        width = max(sorted(set(widths), reverse=True), key=widths.count, default=0)
        if width < 2:
            continue
        if width > _MOST_COLUMNS:
            break
        alike = widths.count(width) / len(widths)
        body = [cell.strip() for row in rows[1:] or rows for cell in row]
        known = sum(
            _NUMBER.fullmatch(cell) is not None or cell.lower() in _MISSING for cell in body
        )
        # Rows of one width first; then cells that are numbers, which a wrong separator cuts up.
        score = (round(alike, 1), known / max(1, len(body)))
        if score > best:
            best, chosen = score, _Form(separator, quote, skipped, rows)
    widest = max((line.count(",") for line in lines[:3]), default=0)
    if max(widest, *map(len, chosen.rows), 0) > _MOST_COLUMNS:
        raise ValueError(
            f"{path} has more than {_MOST_COLUMNS:,} columns; so wide a table is for an .npy file"
        )
    if len(chosen.rows) == 1 < _MOST_LINES < len(lines):
        raise ValueError(f"{path}: its first row has more than {_MOST_LINES} lines: a stray quote?")
    return chosen


def _check_lines(path: Path, source: Path | io.BytesIO) -> None:
    """Refuse lines of some megabytes, before pandas takes memory for their cells."""
    with _opened(source) as file:
        first = file.readline(_MOST_LINE)
        if max(first.count(sign) for sign in (b",", b";", b"\t", b"|")) > _MOST_COLUMNS:
            raise ValueError(
                f"{path} has more than {_MOST_COLUMNS:,} columns; so wide a table is for an .npy "
                "file"
            )
        file.seek(0)
        while len(block := file.read(_MOST_LINE)) == _MOST_LINE:
            if b"\n" not in block and b"\r" not in block:
                raise ValueError(
                    f"{path} has a line of more than {_MOST_LINE:,} characters; "
                    "so wide a table is for an .npy file"
                )


def _check_names(path: Path, names: list[str]) -> None:
    """Refuse a name of very many columns: pandas' time to tell them apart grows with the square."""
    name, count = max(Counter(names).items(), key=lambda pair: pair[1], default=("", 0))
    if count > _MOST_ALIKE:
        raise ValueError(
            f"{path}: {count:,} columns of the header are called {one_line(repr(name))}; expected "
            "different names"
        )


def _check_short_rows(
    path: Path, source: Path | io.BytesIO, form: _Form, width: int, encoding: str
) -> None:
    """Refuse a row with fewer cells than the others, which pandas fills."""
    with _opened(source) as raw, io.TextIOWrapper(raw, encoding, newline="") as text:
        for _ in range(form.skipped):
            text.readline()
        if form.separator == r"\s+":
            rows: Any = map(str.split, text)
        else:
            rows = csv.reader(
                text, delimiter=form.separator, quotechar=form.quote, skipinitialspace=True
            )
        for count, row in enumerate(rows, 1):
            if len(row) < width and any(cell.strip() for cell in row):
                line = form.skipped + getattr(rows, "line_num", count)
                raise _RefusedError(
                    f"{path}, line {line}: expected {width} columns, as in the rows above, "
                    f"and found {len(row)}"
                )


def _opened(source: Path | io.BytesIO) -> IO[bytes]:
    """Return another reader of the bytes, from their start."""
    return open(source, "rb") if isinstance(source, Path) else io.BytesIO(source.getvalue())


def _is_quoted_singly(lines: list[str]) -> bool:
    """Return whether most rows have a cell in single quotes, and few one in double quotes."""
    found = [sum(bool(cell.search(line)) for line in lines) for cell in _QUOTED]
    return 2 * found[0] > len(lines) > 2 * found[1]


def _is_headed(rows: list[list[str]], names: Sequence[str] | None) -> bool:
    """Return whether the first row is a header.

    It is if one of its cells is text above numbers; it is not if there is none, but a number above
    numbers. In a table of text alone, a header is of different cells none of which recurs below.
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
    if text_above:
        return True
    filled = [cell for cell in first if cell.lower() not in _MISSING]
    texts = [cell for cell in filled if not _NUMBER.fullmatch(cell)]
    if number_above or recurs or not texts:
        return False
    return len(set(filled)) == len(filled) and len(filled) >= width - 1


# Other formats -----------------------------------------------------------------------------------


def _bytes_of(source: Path | io.BytesIO) -> bytes:
    return source.getvalue() if isinstance(source, io.BytesIO) else source.read_bytes()


def _read_json(path: Path, source: Path | io.BytesIO) -> Frame:
    with _reading(path, "JSON") as pandas:
        text = _bytes_of(source).decode("utf-8-sig")
        try:
            records = json.loads(text)
        except json.JSONDecodeError:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
        if isinstance(records, dict):
            lists = [key for key, value in records.items() if isinstance(value, list)]
            if len(lists) == 1 and lists[0] in ("data", "records", "rows", "results"):
                records = records[lists[0]]
        if isinstance(records, dict):
            frame = pandas.DataFrame(records)
        elif isinstance(records, list) and all(isinstance(item, dict) for item in records):
            frame = pandas.json_normalize(records)
        elif isinstance(records, list) and all(isinstance(item, list) for item in records):
            return Frame(pandas.DataFrame(records), False)
        else:
            raise _RefusedError(f"{path} is JSON, but no list of records with a value a column")
        lists = [
            name for name in frame if frame[name].map(lambda cell: isinstance(cell, list)).any()
        ]
        if lists:
            raise _RefusedError(
                f"{path}: {one_line(repr(lists[0]))} holds lists; expected single values"
            )
        return Frame(frame.replace(list(MISSING), None), True)


def _read_arff(path: Path, source: Path | io.BytesIO) -> Frame:
    with _reading(path, "ARFF") as pandas:
        from scipy.io import arff

        records, _ = arff.loadarff(io.StringIO(_bytes_of(source).decode("utf-8-sig")))
        frame = pandas.DataFrame(records)
        for name in frame:
            if frame[name].dtype == object:  # bytes
                texts = frame[name].map(lambda cell: cell.decode())
                frame[name] = texts.where(~texts.isin(MISSING), None)
        return Frame(frame, True)


def _read_libsvm(path: Path, source: Path | io.BytesIO) -> Frame:
    with _reading(path, "LibSVM text") as pandas:
        content = _bytes_of(source)
        lines = [line.partition("#")[0].split() for line in content.decode().splitlines()]
        lines = [line for line in lines if line]
        cells = [[cell.split(":") for cell in line[1:]] for line in lines]
        width = max(int(place) for row in cells for place, _ in row) + 1
        check_ratio(path, len(content), len(lines) * width * 8)
        X = np.zeros((len(lines), width))
        for i, row in enumerate(cells):
            for place, value in row:
                X[i, int(place)] = float(value)
        if not X[:, 0].any():  # places are counted from 1
            X = X[:, 1:]
        frame = pandas.DataFrame(X)
        frame["label"] = [float(line[0]) for line in lines]
        note = "LibSVM text: the label, which is first there, is the last column"
        return Frame(frame, True, (note,))


def _read_zip(path: Path, names: Sequence[str] | None) -> Frame:
    with _reading(path, "a zip archive"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        check_ratio(path, path.stat().st_size, sum(info.file_size for info in members))
        if any(info.filename == "xl/workbook.xml" for info in members):
            return _read_excel(path)
        inside = [info for info in members if not info.filename.startswith("__MACOSX")]
        if len(inside) != 1:
            raise _RefusedError(f"{path} holds {len(inside)} files; expected one table")
        content = archive.read(inside[0])
    return _unpacked(path, content, names)


def _read_excel(path: Path) -> Frame:
    with _reading(path, "an Excel file") as pandas:
        with pandas.ExcelFile(path) as book:
            sheets = list(book.sheet_names)
            cells = pandas.read_excel(book, header=None, dtype=object, na_values=list(MISSING))
        cells = cells.dropna(how="all").dropna(how="all", axis=1).reset_index(drop=True)
        texts = cells.head(_SAMPLE_ROWS).fillna("").astype(str)
        headed = _is_headed(texts.to_numpy().tolist(), None)
        if headed and len(cells):
            header, cells = cells.iloc[0], cells.iloc[1:].reset_index(drop=True)
            cells.columns = [
                f"column {j}" if pandas.isna(name) else str(name) for j, name in enumerate(header)
            ]
        notes = (f"read the sheet {sheets[0]!r}, the first of {len(sheets)}",) if sheets[1:] else ()
        return Frame(cells.infer_objects(), headed, notes)


def _read_old_excel(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    return _read_excel(path)


def _read_parquet(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "a Parquet file") as pandas:
        from pyarrow import parquet

        facts = parquet.ParquetFile(path).metadata
        check_ratio(path, path.stat().st_size, facts.num_rows * max(facts.num_columns, 1))
        return Frame(_plain(pandas.read_parquet(path)), True)


def _read_feather(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "a Feather file") as pandas:
        return Frame(_plain(pandas.read_feather(path)), True)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return decimals as floats, and the index that a frame was written with as a column or not."""
    from decimal import Decimal

    for name in frame:
        column = frame[name]
        if column.dtype == object and column.map(lambda cell: isinstance(cell, Decimal)).any():
            frame[name] = column.astype(float)
    return frame.reset_index(drop=frame.index.name is None)


def _read_sqlite(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "an SQLite database") as pandas:
        import sqlite3

        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            query = (
                "select name from sqlite_master where type = 'table' and name not glob 'sqlite_*'"
            )
            found = [row[0] for row in database.execute(query)]
            if len(found) != 1:
                listed = one_line(", ".join(found)) or "none"
                raise _RefusedError(f"{path} has the tables {listed}; expected one")
            name = found[0].replace('"', '""')
            return Frame(pandas.read_sql_query(f'select * from "{name}"', database), True)


def _read_mat(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "a .mat file"):
        from scipy.io import loadmat

        found = loadmat(path)
        return _of_arrays(path, {k: v for k, v in found.items() if not k.startswith("__")})


def _read_hdf5(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "an HDF5 file"):
        import h5py

        with h5py.File(path) as file:
            sets = {key: value for key, value in file.items() if isinstance(value, h5py.Dataset)}
            check_ratio(path, path.stat().st_size, sum(value.nbytes for value in sets.values()))
            arrays = {key: value[()] for key, value in sets.items()}
            if file.userblock_size:  # MATLAB's, which has the other order of axes
                arrays = {key: value.T for key, value in arrays.items()}
        return _of_arrays(path, arrays)


def _of_arrays(path: Path, arrays: dict[str, Any]) -> Frame:
    """Return X and y side by side, or the one array that there is."""
    pandas = import_pandas()
    lower = {name.lower(): np.asarray(array) for name, array in arrays.items()}
    if {"x", "y"} <= lower.keys():
        X, y = lower["x"], lower["y"]
        y = y.reshape(-1, 1) if y.size == len(X) else y
        if X.ndim == 2 and y.ndim == 2 and len(X) == len(y) and y.shape[1] == 1:
            return Frame(pandas.DataFrame(np.column_stack([X, y])), False)
    elif len(lower) == 1:
        (table,) = lower.values()
        if table.ndim == 2:
            return Frame(pandas.DataFrame(table), False)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in lower.items()) or "(none)"
    raise _RefusedError(
        f"{path} has the arrays {one_line(shapes)}; expected X (n, d) and y (n), or one (n, d + 1)"
    )


def _read_packed(path: Path, names: Sequence[str] | None) -> Frame:
    with _reading(path, "a compressed file"):
        import bz2
        import gzip
        import lzma

        size = path.stat().st_size
        with open(path, "rb") as raw:
            magic = raw.read(2)
        kinds: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
        opened = kinds[magic]
        content = bytearray()
        with opened(path, "rb") as file:
            while block := file.read(1 << 20):
                content += block
                check_ratio(path, size, len(content))
    return _unpacked(path, bytes(content), names)


def _unpacked(path: Path, content: bytes, names: Sequence[str] | None) -> Frame:
    if any(content.startswith(magic) for magic, _ in _BINARY):
        raise ValueError(f"{path} packs a file that is not text: unpack it first")
    if not content:
        raise ValueError(f"{path} is empty; expected a table")
    return _read_text(path, io.BytesIO(content), content[:_SAMPLE], names)


_BINARY: tuple[tuple[bytes, Callable[[Path, Sequence[str] | None], Frame]], ...] = (
    (b"PK\x03\x04", _read_zip),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _read_old_excel),
    (b"PAR1", _read_parquet),
    (b"ARROW1", _read_feather),
    (b"SQLite format 3\0", _read_sqlite),
    (b"MATLAB 5.0", _read_mat),
    (b"MATLAB 7.3", _read_hdf5),
    (b"\x89HDF\r\n\x1a\n", _read_hdf5),
    (b"\x1f\x8b", _read_packed),
    (b"BZh", _read_packed),
    (b"\xfd7zXZ\0", _read_packed),
)
