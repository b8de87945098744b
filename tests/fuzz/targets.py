"""Targets of fuzzing: readers of files and formulas, with seeds and mutations for each format.

A target takes bytes and gives back nothing. It may refuse them with the exceptions that the reader
documents, in one line; everything else is a finding: another exception, code that runs, a network
that cannot be saved again. Used by run.py (a million inputs each) and by
tests/datasets/test_fuzz.py (some thousand, with the plain mutation of this file). Over 400 lines:
for each format its seeds, its mutations and what it demands.
"""

from __future__ import annotations

import bz2
import copy
import gzip
import importlib
import io
import json
import lzma
import os
import random
import re
import sqlite3
import struct
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastnn
from fastnn import datasets
from fastnn.callbacks import EarlyStopping
from fastnn.columns import Columns
from fastnn.datasets import tables
from fastnn.explain import expression

Mutate = Callable[[bytes], bytes]
MOST = 1 << 16  # bytes of an input

# ---- the target's surroundings -----------------------------------------------------------------

_never: tuple[
    str, ...
] = ()  # audit events that mean that the input has reached further than it may
_warm = False  # whether all that is imported late has been
_CODE = ("exec", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pickle.find_class",
         "socket.connect", "subprocess.Popen", "ctypes.dlopen", "marshal.loads")  # fmt: skip


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _warm and _never and event.startswith(_never):
        raise AssertionError(f"the input reached Python: {event} {arguments!r:.200}")


sys.addaudithook(_watch)


@contextmanager
def watched(*events: str):
    """Fail if one of the audit events (PEP 578) happens."""
    global _never
    _never = events
    try:
        yield
    finally:
        _never = ()


_folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder.name, name)
    path.write_bytes(data)
    return path


def _read(read: Callable[[], object], path: Path | None) -> object:
    """Return what is read; None if it is refused as documented."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watched(*_CODE):
                return read()
        except (ValueError, OSError) as error:
            text = str(error)
            assert text and len(text.splitlines()) == 1, f"not one line: {text!r}"
            assert len(text) < 2000, f"{len(text)} characters: {text[:200]!r}"
            assert path is None or str(path) in text, f"{text!r} does not name {path}"
    return None


# ---- plain mutation, where libFuzzer's is not at hand ------------------------------------------


def plain(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes: flip, overwrite, insert, leave out, repeat, or a number at its limits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(changed):
            changed[at] = rng.choice((0, 1, 0x22, 0x2C, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            changed[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
        elif kind == 3:
            del changed[at : at + rng.choice((1, 2, 4, 16, len(changed)))]
        elif kind == 4:
            changed[at:at] = changed[at : at + rng.randrange(1, 64)] * rng.choice((1, 2, 100))
        else:
            value = rng.choice((0, 1, 0xFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
            width = rng.choice("BIQ")
            value &= (1 << 8 * struct.calcsize(width)) - 1
            packed = struct.pack(rng.choice("<>") + width, value)
            changed[at : at + len(packed)] = packed
    return bytes(changed[:MOST])


_STRANGE = (
    None, True, False, 0, 1, -1, 2, 2.5, 2**31, 2**63, 2**64, 10**12, 10**40, 1e-320, 1e308, "",
    "a", "NaN", "\0", "\ud800", "é\n", "float32", "relu", "softmax", "Adam", [], [[]], {}, [1, 2],
    ["a"], [2, 10**6, 10**6, 2], {"a": 1}, [None], "x" * 5000, [0] * 300,
)  # fmt: skip


def _strange(rng: random.Random, other: object) -> object:
    return rng.choice((*_STRANGE, other))


def _change_json(value: object, rng: random.Random) -> object:
    """Replace, drop or add one part, at any depth."""
    places: list[tuple[object, object]] = []

    def collect(part: object) -> None:
        keys = (
            part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        )
        for key in keys:
            places.append((part, key))
            collect(part[key])  # type: ignore[index]

    collect(value)
    if not places:
        return _strange(rng, value)
    part, key = rng.choice(places)
    action = rng.randrange(5)
    if action == 0:
        del part[key]  # type: ignore[attr-defined]
    elif action == 1 and isinstance(part, dict):
        part[str(_strange(rng, rng.choice(places)[1]))] = copy.deepcopy(part[key])
    elif action == 1 and isinstance(part, list):
        part.insert(rng.randrange(len(part) + 1), copy.deepcopy(part[key]))
    else:
        other = rng.choice(places)
        part[key] = copy.deepcopy(_strange(rng, other[0][other[1]]))  # type: ignore[index]
    return value


# ---- model files -------------------------------------------------------------------------------


def _models() -> list[bytes]:
    X, y = [[0.0, 1], [1, 0], [1, 1], [0, 0]], ["a", "b", "b", "a"]
    plain_net = fastnn.MLP([2, 2, 1], seed=0)
    labelled = fastnn.MLP([2, 2, 2], output="softmax", dtype="float64", dropout=0.5, seed=0)
    labelled.fit(X, y, epochs=2, callbacks=[EarlyStopping("loss")], optimizer=fastnn.AdamW(0.1))
    labelled.standardize(X)
    labelled.metadata = {"rows": 4}
    momentum = fastnn.MLP([2, 1], activation=[], loss="huber", seed=1)
    momentum.fit(X, [0.0, 1, 1, 0], optimizer=fastnn.SGD(0.1, momentum=0.9), epochs=1)
    files = []
    for net, checkpoint in ((plain_net, 0), (labelled, 0), (labelled, 1), (momentum, 1)):
        net.save(Path(_folder.name, "seed"), checkpoint=bool(checkpoint))
        files.append(Path(_folder.name, "seed").read_bytes())
    return files


def _run_model(data: bytes) -> None:
    path = _file("net.safetensors", data)
    net = _read(lambda: fastnn.load(path), path)
    if net is None:
        return
    assert isinstance(net, fastnn.MLP)
    outputs = net.predict(np.zeros((3, net.sizes[0])))
    assert outputs.shape == (3, net.sizes[-1])
    if net.sizes[-1] > 1 or net.output == "sigmoid" or net.classes is not None:
        assert net.classify(np.zeros((3, net.sizes[0]))).shape == (3,)
    again = Path(_folder.name, "again")
    net.save(again, checkpoint=net._fit_state is not None)  # what was read can be written …
    np.testing.assert_array_equal(fastnn.load(again).params, net.params)  # … and read


def _mutate_model(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    try:
        (length,) = struct.unpack("<Q", data[:8])
        text, values = data[8 : 8 + length], data[8 + length :]
        header = json.loads(text)
        assert isinstance(header, dict)
    except (ValueError, struct.error, AssertionError, RecursionError):
        return basic(data)
    kind = rng.randrange(10)
    if kind < 4:  # in the JSON texts that the metadata holds
        facts = header.get("__metadata__")
        try:
            name = rng.choice(sorted(facts))
            facts[name] = json.dumps(_change_json(json.loads(facts[name]), rng))
        except (TypeError, ValueError, IndexError, RecursionError):
            _change_json(header, rng)
        text = json.dumps(header).encode()
    elif kind == 4:
        text = json.dumps(_change_json(header, rng)).encode()
    elif kind == 5 and header:  # a key twice
        name = rng.choice(sorted(header))
        text = text.rstrip()[:-1] + f",{json.dumps(name)}:{json.dumps(header[name])}}}".encode()
    elif kind < 8:
        text = basic(text)
    elif kind == 8:
        values = basic(values)
    else:
        return basic(data)
    return struct.pack("<Q", len(text)) + text + values


# ---- IDX files ---------------------------------------------------------------------------------


def _idx(code: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def _idx_files() -> list[bytes]:
    some = [
        _idx(8, (3, 2, 2), bytes(range(12))),
        _idx(8, (5,), b"\0\1\2\3\4"),
        _idx(0x0D, (2, 2), np.arange(4, dtype=">f4").tobytes()),
        _idx(0x0E, (1, 1, 1, 1), np.ones(1, ">f8").tobytes()),
    ]
    return some + [gzip.compress(data, mtime=0) for data in some]


def _run_idx(data: bytes) -> None:
    path = _file("images", data)
    array = _read(lambda: datasets.read_idx(path), path)
    if array is not None:
        assert isinstance(array, np.ndarray) and array.size > 0 and array.dtype.isnative
    _read(lambda: datasets.load_rows(path), path)


def _mutate_idx(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    if data[:2] != b"\x1f\x8b":
        changed = basic(data)
        return gzip.compress(changed, 1, mtime=0) if rng.randrange(4) == 0 else changed
    try:
        inner = gzip.decompress(data)[:MOST]
    except Exception:
        return basic(data)
    kind = rng.randrange(4)
    if kind == 0:
        return basic(data)
    if kind == 1:
        return inner
    return gzip.compress(basic(inner), 1, mtime=0)  # with the right checksum


# ---- text --------------------------------------------------------------------------------------

_TABLES = (
    b"length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n",
    b"1,2,0\n3,4,1\n",
    b'\xef\xbb\xbfa,"b",y\r\n1,-2e3,0.5\r\n\r\n" 3",.5,7\r',
    b"0,1,2\n1,2,yes\n3,4,no\n",
    b"a\tb\ty\n1\t2\t3\n",
    b"x,y\n1,0000000000000000000000000001\n2,99999999999999999999999\n",
)


def _run_csv(data: bytes) -> None:
    _run_table(_file("table.csv", data), (None, "y")[len(data) % 2])


def _run_table(path: Path, target: str | None) -> None:
    """Read a table once, and do with it what load_table, load_rows and TableModel do."""
    raw = _read(lambda: tables.load_raw(path, target=target), path)
    if raw is None:
        return
    assert isinstance(raw, tables.RawTable) and len(raw.frame) == len(raw.y) > 0
    rows = _read(lambda: tables.rows_as_numbers(path, raw.frame), path)
    if rows is not None:
        assert isinstance(rows, np.ndarray) and np.isfinite(rows).all()
        assert rows.shape == raw.frame.shape
    # Words, dates and gaps become numbers, or the columns say why not; each takes a millisecond.
    if raw.frame.shape[1] <= 100:
        columns = _read(lambda: Columns.learn(raw.frame, target=raw.target), None)
        if columns is not None:
            assert isinstance(columns, Columns)
            units = columns.transform(raw.frame)
            assert units.shape == (len(raw.y), len(columns.units)) and np.isfinite(units).all()
            assert Columns.from_dict(json.loads(json.dumps(columns.to_dict()))) == columns


_CELLS = (b"", b"1", b"-0", b"1e999", b"nan", b"1_0", b"0x1", b"\0", b'"', b'""', b"'", b" 1 ",
          b"=1+1", b"\xff", b"\xc2\xa0", "١".encode(), b"0" * 5000 + b"1", b"9" * 400, b"a" * 3000,
          b'"a\nb"', b"1e-400", b"\xe2\x80\xa8", b"y")  # fmt: skip


def _mutate_csv(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return basic(data)
    lines = data.splitlines(keepends=True) or [b"1,2\n"]
    at = rng.randrange(len(lines))
    cells = lines[at].rstrip(b"\r\n").split(b",")
    if kind == 1:
        cells[rng.randrange(len(cells))] = rng.choice(_CELLS)
    elif kind == 2:
        cells = cells * rng.choice((2, 3)) if rng.randrange(2) else cells[:-1]
    else:
        lines[at:at] = [lines[at]] * rng.choice((1, 2, 50))
    lines[at] = b",".join(cells) + rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r", b""))
    return b"".join(lines)[:MOST]


# ---- other formats of tables -------------------------------------------------------------------

_RECORDS = [{"a": 1.5, "b": "x", "y": 0}, {"a": None, "b": "y", "y": 1}, {"a": 7, "b": "", "y": 1}]
_ARFF = (
    b"% of May\n@RELATION r\n@ATTRIBUTE a NUMERIC\n@ATTRIBUTE b {x,y}\n@ATTRIBUTE y {0,1}\n"
    b"@DATA\n1.5,x,0\n?,y,1\n7,x,1\n"
)
_PACKERS: dict[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (gzip.decompress, lambda data: gzip.compress(data, 1, mtime=0)),
    b"BZ": (bz2.decompress, bz2.compress),
    b"\xfd7": (lzma.decompress, lzma.compress),
}


def _format_files() -> list[bytes]:
    """Return a file of each format whose library is installed."""
    files = [
        json.dumps(_RECORDS).encode(),
        "\n".join(map(json.dumps, _RECORDS)).encode(),
        json.dumps({"data": _RECORDS}).encode(),
        json.dumps({"a": [1, 2], "y": [0, 1]}).encode(),
        json.dumps([[1, 2.5, "a"], [3, None, "b"]]).encode(),
        b"1 1:0.5 3:2\n-1 2:1e3 # of May\n1 1:.5\n",
        _ARFF,
        _zip({"table.csv": _TABLES[0]}),
        *(pack(_TABLES[0]) for _, pack in _PACKERS.values()),
    ]
    database = sqlite3.connect(":memory:")
    with database:
        database.execute("create table t (a real, b text, y integer)")
        database.executemany("insert into t values (:a, :b, :y)", _RECORDS)
        files.append(database.serialize())
    database.close()
    pandas = datasets.frames.import_pandas()
    frame = pandas.DataFrame(_RECORDS)
    arrays = {"X": np.eye(3), "y": np.arange(3)}
    for write in (
        frame.to_parquet,
        frame.to_feather,
        lambda out: frame.to_excel(out, index=False, engine="openpyxl"),
        lambda out: importlib.import_module("scipy.io").savemat(out, arrays),
        lambda out: importlib.import_module("scipy.io").savemat(out, arrays, do_compression=True),
        _write_hdf5,
    ):
        with suppress(ImportError):
            out = io.BytesIO()
            write(out)
            files.append(out.getvalue())
    return files


def _write_hdf5(out: io.BytesIO) -> None:
    with importlib.import_module("h5py").File(out, "w") as file:
        file.create_dataset("X", data=np.eye(3), chunks=True, compression="gzip")
        file["y"] = np.arange(3)


def _run_formats(data: bytes) -> None:
    _run_table(_file("table", data), None)


def _mutate_formats(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    if rng.randrange(4) == 0:
        return basic(data)
    if data[:1] in (b"{", b"["):
        try:
            return json.dumps(_change_json(json.loads(data), rng)).encode()[:MOST]
        except (ValueError, RecursionError):
            return basic(data)
    if data[:4] == b"PK\x03\x04":
        content = _members(data)
        if not content:
            return basic(data)
        name = rng.choice(sorted(content))
        content[name] = basic(content[name])
        return _zip(content)[:MOST]
    if data[:2] in _PACKERS:
        unpack, pack = _PACKERS[data[:2]]
        try:
            inner = unpack(data)[:MOST]
        except Exception:
            return basic(data)
        return pack(_mutate_csv(inner, rng, basic))[:MOST]
    return basic(data)


# ---- NumPy's files -----------------------------------------------------------------------------


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _zip(members: dict[str, bytes], packed: bool = True) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _npz_files() -> list[bytes]:
    X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1], np.uint8)
    images = np.zeros((3, 2, 2), np.uint8)
    return [
        _npy(np.arange(6.0).reshape(2, 3)),
        _npy(np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3))),
        _zip({"X.npy": _npy(X), "y.npy": _npy(y)}),
        _zip({"X.npy": _npy(X), "y.npy": _npy(np.array(["a", "b", "b"]))}, packed=False),
        _zip({"x_train.npy": _npy(images), "y_train.npy": _npy(y),
              "x_test.npy": _npy(images), "y_test.npy": _npy(y)}),
    ]  # fmt: skip


def _run_npz(data: bytes) -> None:
    path = _file("array.npy" if data[:1] == b"\x93" else "array.npz", data)
    table = _read(lambda: tables.load_table(path), path)
    if table is not None:
        assert isinstance(table, tables.Table)
        assert table.X.ndim == 2 and len(table.X) == len(table.y)
    rows = _read(lambda: tables.load_rows(path), path)
    assert rows is None or (isinstance(rows, np.ndarray) and rows.ndim == 2)


_DESCRIPTIONS = ("|O", "<U0", "|S0", "<U1", "<f2", "<f16", ">f8", "|b1", "<c8", "<M8[s]", "|V4",
                 "<U100000000", "[('a','<f8')]", "<i8", "|u1")  # fmt: skip
_SHAPES = ("(3,)", "(3, 2)", "()", "(0,)", "(2**40,)", "(-3, 2)", "(3, 2, 2)", "(10**18, 10**18)",
           "(4294967296, 4294967296)", "(True, 6)", "(1.5,)", "[3, 2]", "(1,)*40")  # fmt: skip


def _new_npy(rng: random.Random, data: bytes) -> bytes:
    text = (
        f"{{'descr': {rng.choice(_DESCRIPTIONS)!r}, 'fortran_order': {rng.choice((True, False))}, "
        f"'shape': {rng.choice(_SHAPES)}, }}"
    ).replace('"', "")
    header = text.encode() + b"\n"
    version = rng.choice((1, 2, 3))
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data[128:]


def _mutate_npy(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    kind = rng.randrange(4)
    if kind == 0 or len(data) < 10:
        return basic(data)
    if kind == 1:
        return _new_npy(rng, data)
    length = struct.unpack("<H", data[8:10])[0]
    header, values = data[10 : 10 + length], data[10 + length :]
    if kind == 2:
        header = basic(header)[:60000]
    else:
        values = basic(values)
    return data[:8] + struct.pack("<H", len(header)) + header + values


def _members(data: bytes) -> dict[str, bytes] | None:
    """Return the files of an archive; None if it is damaged, large or empty."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if sum(info.file_size for info in file.infolist()) >= MOST:
                return None
            return {info.filename: file.read(info) for info in file.infolist()} or None
    except Exception:
        return None


def _mutate_npz(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    if data[:1] == b"\x93":
        return _mutate_npy(data, rng, basic)
    content = _members(data)
    if content is None:
        return basic(data)
    name = rng.choice(sorted(content))
    kind = rng.randrange(6)
    if kind < 2:  # of the archive itself
        return basic(data)
    if kind == 2:
        content[rng.choice(("X.npy", "y.npy", "x_train.npy", "../y", "a\n"))] = content.pop(name)
    else:
        content[name] = _mutate_npy(content[name], rng, basic)
    return _zip(content, packed=rng.randrange(2) == 0)[:MOST]


# ---- formulas ----------------------------------------------------------------------------------

_FORMULAS = (
    b"x**2 + 3*y", b"sin(x)*cos(y)", b"-x**-2", b"max(x, y, 1.5e3)", b"abs(tanh(x))/(y - .5)",
    b"sqrt(log(exp(pi)))", b"((x))", b"x.__class__", b"__import__('os')", b"min(x,e)",
    b"lambda: x", b"x if y else 1", b"[x for x in y]", b"exec", b"9**9**9**9",
)  # fmt: skip
_POINTS = np.array([[-1.0, 0, 0.5], [1e300, 2, np.inf]])
_WORDS = (b"x", b"y", b"pi", b"e", b"sin(", b"max(", b"(", b")", b"**", b"*", b"/", b"-", b"+",
          b",", b"1e308", b".5", b"2", b" ", b"__", b".", b"[", b"'", b"lambda", b"\xc3\xa9",
          "ｘ".encode(), b"\\", b"#", b"\n", b"(((((((((((")  # fmt: skip


def _run_expression(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    # "compile" is what ast.parse reports, too; without "exec" nothing that is compiled can run.
    everything = (*_CODE, "import", "open", "os.", "object.", "builtins.", "code.")
    with watched(*everything):
        try:
            f = expression.parse(text)
        except ValueError as error:
            message = str(error)
            assert len(message.splitlines()) == 1 and len(message) < 500, message
            return
        value, slopes = f(_POINTS, _POINTS[::-1, :1]), f.gradient(_POINTS, 1.0)
    assert value.shape == _POINTS.shape and value.dtype == np.float64
    assert all(slope.shape == _POINTS.shape for slope in slopes)
    assert isinstance(f(0.5, 2), float)


def _mutate_expression(data: bytes, rng: random.Random, basic: Mutate) -> bytes:
    if rng.randrange(3) == 0:
        return basic(data)[:1100]
    at = rng.randrange(len(data) + 1)
    until = at + rng.choice((0, 0, 1, 3))
    return (data[:at] + rng.choice(_WORDS) * rng.choice((1, 1, 60)) + data[until:])[:1100]


@dataclass(frozen=True)
class Target:
    """Seeds, a mutation (bytes, random, libFuzzer's or the plain one) and what reads an input.

    pandas takes up to a millisecond for each column, whatever it holds: `per_cell` seconds are
    allowed for each cell of the widest row, and inputs have up to `most` bytes.
    """

    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random, Mutate], bytes]
    run: Callable[[bytes], None]
    per_cell: float = 0.0
    most: int = MOST

    def seconds(self, data: bytes) -> float:
        """Return the processor time that an input may take."""
        if not self.per_cell:
            return 1.0
        if data[:2] in _PACKERS:
            with suppress(Exception):
                data = _PACKERS[data[:2]][0](data)
        cells = (len(re.findall(rb"[,;|\s]", line)) for line in data.splitlines())
        return 1.0 + self.per_cell * max(cells, default=0)

    def ready(self) -> list[bytes]:
        """Read the seeds, so that later nothing but the input can run code; return them."""
        global _warm
        _warm = False
        seeds = self.seeds()
        for data in seeds:
            self.run(data)
        for late in (
            "fastnn.model_file.recognise",
            "difflib",
            "encodings.ascii",
            "encodings.cp437",
            "bz2",
            "lzma",
        ):
            importlib.import_module(late)  # by what is refused
        with suppress(ImportError):  # pandas, and the codecs that are tried one after another
            for text in ("a,b\n\xe9,1\n", "a,b\n\xe9\x81,1\n", "a,b\nx,1,2\n"):
                _run_table(_file("late", text.encode("latin-1")), None)
        _warm = True
        return seeds


TARGETS = {
    "model": Target(_models, _mutate_model, _run_model),
    "idx": Target(_idx_files, _mutate_idx, _run_idx),
    "csv": Target(lambda: list(_TABLES), _mutate_csv, _run_csv, per_cell=1e-3, most=1 << 13),
    "formats": Target(_format_files, _mutate_formats, _run_formats, per_cell=1e-3, most=1 << 13),
    "npz": Target(_npz_files, _mutate_npz, _run_npz),
    "expression": Target(lambda: list(_FORMULAS), _mutate_expression, _run_expression),
}
