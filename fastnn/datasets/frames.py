"""Frames of pandas from files that hold a table; the format is known by the content.

pandas, pyarrow and openpyxl read (the extra ``tables``); here stand only the choice of the format,
the form of a text (separator, quotes, encoding, header) and the limits of unpacking.

Private: it may change without notice.
"""

# Over 400 lines: one short reader for each of the formats.

from __future__ import annotations

import glob
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..paths import check_ratio, existing_file, one_line
from .mat import read_mat
from .text import (
    BLANKS,
    SAMPLE_ROWS,
    Form,
    RefusedError,
    Source,
    Survey,
    check_ends,
    check_names,
    check_short_rows,
    form_of,
    has_short_rows,
    is_headed,
    survey,
)

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("?",)  # beside the marks that pandas knows: NA, N/A, null, None, NaN, an empty cell
SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".json", ".jsonl", ".ndjson", ".arff"),
    *(".xlsx", ".xls", ".parquet", ".feather", ".arrow", ".sqlite", ".sqlite3", ".db", ".mat"),
    *(".h5", ".hdf5", ".svm", ".libsvm", ".gz", ".bz2", ".xz", ".zip"),
)

_SAMPLE = 1 << 18  # bytes at the start of a text that show its form
_WIDE = 256  # columns
_ENCODINGS = ("utf-8", "euc_kr", "cp1252", "latin-1")  # each refuses most texts of the next ones
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
    for name in frame.columns[[dtype == np.dtype(object) for dtype in frame.dtypes]]:
        if frame[name].map(_is_nested).any():
            raise ValueError(
                f"{path}: {one_line(repr(name))} holds lists or records; expected single values"
            )
    return Frame(frame, table.headed, tuple(notes))


def _is_nested(cell: object) -> bool:
    return isinstance(cell, list | dict | set | np.ndarray)


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
    except MemoryError as error:
        if type(error) is MemoryError:
            raise
        # Arrow's own: a damaged file claims petabytes.
        raise ValueError(f"{path} is not readable as {kind}: {_told(error)}") from None
    except ImportError as error:
        missing = getattr(error, "name", None) or str(error)
        raise ImportError(
            f"{path} is {kind}, which needs a library ({one_line(missing)}): "
            "pip install 'fastnn-mlp[tables]'"
        ) from None
    except _EncodingError:
        raise
    except RefusedError as error:
        raise ValueError(str(error)) from None
    except Exception as error:
        raise ValueError(f"{path} is not readable as {kind}: {_told(error)}") from None


# Text --------------------------------------------------------------------------------------------


def _read_text(path: Path, source: Source, start: bytes, names: Sequence[str] | None) -> Frame:
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
    form = form_of(path, sample)
    found = survey(path, source, form)
    if encodings == ("utf-16",):  # of which bytes tell nothing
        found = Survey(0, quoted=True, padded=True)
    headed = is_headed(form.rows, names)
    if headed:
        check_names(path, form.rows[0] if form.rows else [])
    notes = []
    for encoding in encodings:
        try:
            frame = _parse(path, source, form, found, headed, encoding)
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
    path: Path, source: Source, form: Form, found: Survey, headed: bool, encoding: str
) -> pd.DataFrame:
    with _reading(path, "a table of text") as pandas:
        options: dict[str, Any] = {
            "sep": form.separator,
            "quotechar": form.quote,
            "skiprows": form.skipped,
            "header": 0 if headed else None,
            "encoding": encoding,  # pandas itself skips the mark of UTF-8
            "compression": None,  # whatever the name says
            "na_values": list(MISSING),
            "skipinitialspace": found.padded,
        }
        if form.separator == BLANKS:
            del options["skipinitialspace"]
        wide = max(map(len, form.rows), default=0) > _WIDE
        if headed and _ends_in_separators(form.rows):
            options["index_col"] = False  # pandas would take the first cells for names of rows
        try:
            marked = "utf-8-sig" if encoding == "utf-8" else encoding
            frame = _read_csv(source, wide, **options)
            index = frame.index
            if not isinstance(index, pandas.RangeIndex) and frame.iloc[:, -1].isna().all():
                options["index_col"] = False  # a separator at the end of each row
                frame = _read_csv(source, wide, **options)
            if "index_col" in options:
                check_ends(path, source, form, frame.shape[1], marked)
            elif len(frame.columns) and frame.iloc[:, -1].isna().any():  # or rows are too short
                indices = 0 if isinstance(index, pandas.RangeIndex) else index.nlevels
                names, width = frame.shape[1], frame.shape[1] + indices
                cells = len(frame) * width + names * headed
                if has_short_rows(source, form, found, len(frame) + headed, cells):
                    names = names if headed else width
                    check_short_rows(path, source, form, names, width, marked)
            return frame
        except UnicodeDecodeError as error:
            raise _EncodingError(error) from None
        except pandas.errors.EmptyDataError:
            raise RefusedError(f"{path} is empty; expected a table") from None
        except pandas.errors.ParserError as error:
            said = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
            if said is None:
                raise
            expected, line, saw = said.groups()
            raise RefusedError(
                f"{path}, line {line}: expected {expected} columns, as in the rows above, "
                f"and found {saw}"
            ) from None


def _ends_in_separators(rows: list[list[str]]) -> bool:
    """Return whether the first row has two cells or more behind those of the header."""
    return len(rows) > 1 and len(rows[1]) > len(rows[0]) + 1


def _read_csv(source: Source, wide: bool, **options: Any) -> pd.DataFrame:
    """Read by pandas, part by part in parallel; all at once if the parts differ in their types.

    Wide tables, too: threads give the memory of so many small pieces not back.
    """
    pandas = import_pandas()
    for whole in (False, True)[wide:]:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.DtypeWarning)
            warnings.simplefilter("ignore", pandas.errors.ParserWarning)  # see check_ends
            try:
                return pandas.read_csv(source, low_memory=not whole, **options)
            except pandas.errors.DtypeWarning:
                continue
    raise AssertionError("a table that is read at once has one type a column")


class _EncodingError(Exception):
    """Not of this encoding."""


# Other formats -----------------------------------------------------------------------------------


def _bytes_of(source: Source) -> bytes:
    return source.getvalue() if isinstance(source, io.BytesIO) else source.read_bytes()


def _read_json(path: Path, source: Source) -> Frame:
    with _reading(path, "JSON") as pandas:
        text = _bytes_of(source).decode("utf-8-sig")
        try:
            records = json.loads(text)
        except json.JSONDecodeError:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
        if "\\ud" in text.lower():  # half a character, which no text can hold
            json.dumps(records, ensure_ascii=False).encode()
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
            raise RefusedError(f"{path} is JSON, but no list of records with a value a column")
        return Frame(frame.replace(list(MISSING), None), True)


def _read_arff(path: Path, source: Source) -> Frame:
    with _reading(path, "ARFF") as pandas:
        from scipy.io import arff

        records, _ = arff.loadarff(io.StringIO(_bytes_of(source).decode("utf-8-sig")))
        frame = pandas.DataFrame(records)
        for name in frame:
            if frame[name].dtype == object:  # bytes
                texts = frame[name].map(lambda cell: cell.decode())
                frame[name] = texts.where(~texts.isin(MISSING), None)
        return Frame(frame, True)


def _read_libsvm(path: Path, source: Source) -> Frame:
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


def _told(error: Exception) -> str:
    return one_line(error) or type(error).__name__


def _read_zip(path: Path, names: Sequence[str] | None) -> Frame:
    with _reading(path, "a zip archive"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        size = path.stat().st_size
        check_ratio(path, size, sum(info.file_size for info in members))
        if any(info.compress_size > size for info in members):  # as many bytes would be allocated
            raise RefusedError(f"{path} is a damaged zip archive: a part of it is larger than it")
        if any(info.filename == "xl/workbook.xml" for info in members):
            return _read_excel(path)
        inside = [info for info in members if not info.filename.startswith("__MACOSX")]
        if len(inside) != 1:
            raise RefusedError(f"{path} holds {len(inside)} files; expected one table")
        content = archive.read(inside[0])
    return _unpacked(path, content, names)


def _read_excel(path: Path) -> Frame:
    with _reading(path, "an Excel file") as pandas:
        with pandas.ExcelFile(path) as book:
            sheets = list(book.sheet_names)
            cells = pandas.read_excel(book, header=None, dtype=object, na_values=list(MISSING))
        cells = cells.dropna(how="all").dropna(how="all", axis=1).reset_index(drop=True)
        texts = cells.head(SAMPLE_ROWS).fillna("").astype(str)
        headed = is_headed(texts.to_numpy().tolist(), None)
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
    with _reading(path, "a Parquet file"):
        from pyarrow import parquet

        facts = parquet.ParquetFile(path).metadata
        unpacked = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
        cells = facts.num_rows * max(facts.num_columns, 1)
        check_ratio(path, path.stat().st_size, max(unpacked, cells))
        return Frame(_plain(parquet.read_table(path)), True)


def _read_feather(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "a Feather file"):
        from pyarrow import feather

        return Frame(_plain(feather.read_table(path)), True)


def _plain(table: Any) -> pd.DataFrame:
    """Return decimals as floats, and the index that a frame was written with as a column or not."""
    from decimal import Decimal

    table.validate(full=True)  # Arrow follows the offsets of a damaged file anywhere in memory
    frame: pd.DataFrame = table.to_pandas()
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
                raise RefusedError(f"{path} has the tables {listed}; expected one")
            name = found[0].replace('"', '""')
            return Frame(pandas.read_sql_query(f'select * from "{name}"', database), True)


def _read_mat(path: Path, names: Sequence[str] | None) -> Frame:
    del names
    with _reading(path, "a .mat file"):
        return _of_arrays(path, read_mat(path))


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
    raise RefusedError(
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
