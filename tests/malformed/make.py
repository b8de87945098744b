"""Write the malformed files of this folder and the manifest of what is said about them.

    python tests/malformed/make.py

The files are checked in, so that they stay the same whatever later versions write; run this after
adding one. Each name begins with the reader: model, idx, csv, tsv, npy, npz, picture. Sizes that
cannot be checked in (terabytes, lines of 100 MB) and what is no file are in
tests/datasets/test_malformed.py.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import fastnn

HERE = Path(__file__).parent
CASES: dict[str, tuple[bytes, str]] = {}


def case(name: str, content: bytes, sentence: str) -> None:
    """Add a file and a part of the sentence that refuses it; \"\" if it is sound after all."""
    assert name not in CASES
    CASES[name] = content, sentence


# ---- models ------------------------------------------------------------------------------------


def model(**changes: Any) -> bytes:
    """A network 2-2-1 as a file, with other values in its description, facts or header."""
    net = fastnn.MLP([2, 2, 1], init="zeros", seed=0)
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder, "net"))
        whole = Path(folder, "net").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    metadata = header["__metadata__"]
    network = json.loads(metadata["network"])
    network.update(changes.pop("network", {}))
    metadata["network"] = json.dumps(network)
    metadata.update(changes.pop("facts", {}))
    for name, entry in changes.pop("entries", {}).items():
        header[name] = {**header.get(name, {}), **entry}
    for name in changes.pop("without", ()):
        del header[name]
    data = changes.pop("data", lambda data: data)(data)
    assert not changes
    return joined(json.dumps(header).encode(), data)


def joined(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


GOOD = model()
LENGTH = struct.unpack("<Q", GOOD[:8])[0]
HEADER, DATA = GOOD[8 : 8 + LENGTH], GOOD[8 + LENGTH :]
CUT, SOUND = "is not a safetensors file, or is cut off", "is not a sound safetensors file"
NAN = struct.pack("<f", float("nan"))

case("model-empty", b"", "is empty; expected a model file")
case("model-of-7-bytes", GOOD[:7], CUT)
case("model-of-length-only", GOOD[:8], CUT)
case("model-cut-in-header", GOOD[:100], CUT)
case("model-cut-in-data", GOOD[:-1], SOUND)
case("model-with-bytes-behind", GOOD + b"\0", SOUND)
case("model-header-2-40", joined(HEADER, DATA, 2**40), CUT)
case("model-header-2-63", joined(HEADER, DATA, 2**63), CUT)
case("model-header-2-64-less-1", joined(HEADER, DATA, 2**64 - 1), CUT)
case("model-header-0", joined(HEADER, DATA, 0), CUT)
case("model-header-one-short", joined(HEADER, DATA, LENGTH - 1), SOUND)
case("model-big-endian-length", struct.pack(">Q", LENGTH) + GOOD[8:], CUT)
case("model-bom", joined(b"\xef\xbb\xbf" + HEADER, DATA), "safetensors file")
case("model-not-utf8", joined(HEADER.replace(b"relu", b"r\xfflu"), DATA), SOUND)
case("model-nul-in-header", joined(HEADER.replace(b"relu", b"re\0u"), DATA), SOUND)
case("model-key-twice", joined(HEADER[:-1] + b', "biases.0": 1}', DATA), "'biases.0' occurs twice")
case("model-metadata-twice", joined(HEADER[:-1] + b', "__metadata__": {}}', DATA), "occurs twice")
case("model-offsets-overlap", model(entries={"biases.1": {"data_offsets": [0, 4]}}), SOUND)
case("model-offsets-backwards", model(entries={"biases.1": {"data_offsets": [8, 4]}}), SOUND)
case(
    "model-offsets-beyond-the-end",
    model(entries={"biases.1": {"data_offsets": [32, 2**40]}}),
    SOUND,
)
case(
    "model-offsets-overflow",
    model(entries={"biases.1": {"data_offsets": [2**64 - 4, 2**64]}}),
    SOUND,
)
case("model-offsets-negative", model(entries={"biases.1": {"data_offsets": [-4, 0]}}), SOUND)
case("model-shape-overflows", model(entries={"weights.0": {"shape": [2**33, 2**33]}}), SOUND)
case("model-shape-negative", model(entries={"weights.0": {"shape": [-2, -2]}}), SOUND)
case("model-dtype-unknown", model(entries={"weights.0": {"dtype": "F7"}}), SOUND)
case("model-dtype-of-another-size", model(entries={"weights.0": {"dtype": "F64"}}), SOUND)
case("model-dtype-integers", model(entries={"weights.0": {"dtype": "I32"}}), "is int32 (2, 2)")
case(
    "model-dtype-without-an-array",
    model(entries={"weights.0": {"dtype": "BF16", "shape": [2, 4]}}),
    "has the type BF16",
)
case("model-weights-nan", model(data=lambda d: NAN + d[4:]), "holds NaN or infinity")
case("model-weights-infinite", model(data=lambda d: d[:-4] + b"\0\0\x80\x7f"), "holds NaN or inf")
case("model-10-12-parameters", model(network={"sizes": [10**6, 10**6, 1]}), "not float32 (1000000")
case("model-10-100-inputs", model(network={"sizes": [10**100, 2, 1]}), "not float32 (1000000000")
case(
    "model-a-million-layers",
    model(network={"sizes": [2, 2] + [1] * 5000}),
    "'weights.2' is missing",
)
case(
    "model-layers-do-not-chain",
    model(entries={"weights.1": {"shape": [1, 2]}}),
    "is float32 (1, 2), not float32 (2, 1)",
)
case("model-weights-flat", model(entries={"weights.0": {"shape": [4]}}), "is float32 (4,)")
case("model-without-network", joined(HEADER.replace(b'"network"', b'"netwerk"'), DATA), "'netwerk'")
case(
    "model-activation-of-code",
    model(network={"activation": ["__import__('os')"]}),
    "activation must be one of",
)
case("model-version-of-2050", model(facts={"format_version": "9"}), "has format version 9; this")
case("model-of-somebody-else", model(facts={"format": "pt"}), "but not a fastnn model")
case("model-metadata-of-numbers", model(facts={"metadata": 3}), "metadata is damaged")  # type: ignore[dict-item]
case("model-metadata-nan", model(facts={"metadata": '{"a": NaN}'}), "NaN is not JSON")
case("model-metadata-1e999", model(facts={"metadata": '{"a": 1e999}'}), "1e999 is too large")
case(
    "model-metadata-deep",
    model(facts={"metadata": '{"a":' * 2000 + "1" + "}" * 2000}),
    "nested too deeply",
)
case("model-metadata-long-integer", model(facts={"metadata": "1" * 5000}), "its 'metadata' is")
case("model-fact-of-many-words", model(facts={"a\nb" * 100: "1"}), "it holds 'a\\nba\\nb")
case(
    "model-classes-one-long",
    model(facts={"classes": json.dumps(["a" * 9000] + ["b"] * 900)}),
    "has 9,000 characters",
)
case("model-classes-an-object", model(facts={"classes": '{"a": 1}'}), "classes are not a list")
case("model-training-empty", model(facts={"training": "{}"}), "is missing")
case("model-pickle", pickle.dumps(print) + bytes(99), CUT)
case("model-zip", b"PK\3\4" + bytes(100), "is no fastnn model: it is a damaged zip archive")
case("model-good", GOOD, "")

# ---- IDX ---------------------------------------------------------------------------------------


def idx(code: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


IMAGES = idx(8, (3, 2, 2), bytes(12))
case("idx-empty", b"", "starts with the bytes (none)")
case("idx-wrong-magic", b"\1" + IMAGES[1:], "is not an IDX file")
case("idx-unknown-type", idx(7, (3,), bytes(3)), "is not an IDX file")
case("idx-no-dimension", idx(8, (), b"\0"), "claims 0 dimensions")
case("idx-255-dimensions", idx(8, (1,) * 255, b"\0"), "claims 255 dimensions")
case("idx-cut-in-header", IMAGES[:9], "ends within its header")
case("idx-cut-in-data", IMAGES[:-1], "has 11 bytes after its header; expected 12")
case("idx-more", IMAGES + b"\0", "has 13 bytes after its header; expected 12")
case("idx-size-0", idx(8, (3, 0, 2), b""), "is empty")
case("idx-16-exabytes", idx(8, (2**32 - 1, 2**32 - 1), bytes(9)), "has 9 bytes after its header")
case("idx-overflows-64-bits", idx(0x0E, (2**31,) * 4, bytes(9)), "has 9 bytes after its header")
case("idx-gz-cut", packed(IMAGES)[:-5], "damaged gzip file")
case("idx-gz-checksum", packed(IMAGES)[:-8] + bytes(8), "damaged gzip file")
case("idx-gz-of-nothing", b"\x1f\x8b", "damaged gzip file")
case(
    "idx-gz-flipped",
    packed(idx(8, (600,), bytes(range(200)) * 3))[:40] + bytes(60),
    "damaged gzip file",
)
case("idx-gz-more", packed(IMAGES + b"\0"), "has more bytes after its header; expected 12")
case("idx-gz-less", packed(IMAGES[:-1]), "has 11 bytes after its header; expected 12")
case(
    "idx-gz-claims-much",
    packed(idx(8, (30000, 1000), bytes(1000))),
    "claims to unpack to 30000000 bytes",
)
case(
    "idx-gz-bomb", packed(idx(8, (1 << 24,), bytes(1 << 24))), "claims to unpack to 16777216 bytes"
)
case("idx-gz-rubbish-behind", packed(IMAGES) + b"rubbish", "damaged gzip file")
case("idx-gz-twice", packed(packed(IMAGES)), "is not an IDX file")
case("idx-good.gz", packed(IMAGES), "")

# ---- text --------------------------------------------------------------------------------------

case("csv-empty.csv", b"", "is empty; expected a table")
case("csv-blank-lines.csv", b"\n\r\n\n", "is empty; expected a table")
case("csv-header-only.csv", b"a,b\n", "has a header and no rows")
case("csv-one-column.csv", b"1\n2\n", "has one column")
case("csv-ragged.csv", b"1,2\n3\n", "line 2: expected 2 columns")
case("csv-empty-cell.csv", b"1,2\n,3\n", "expected a number, found a missing cell")
case("csv-nan.csv", b"1,2\nnan,3\n", "row 2, column '0': expected a number, found a missing cell")
case("csv-1e999.csv", b"1,2\n1e999,3\n", "row 2, column '0': expected a number, found '")
case("csv-formula.csv", b"1,2\n=SUM(A1:A2),3\n", "found '=SUM(A1:A2)'")
case("csv-dde.csv", b"a,y\n\"=cmd|' /C calc'!A0\",3\n", "found \"=cmd|' /C calc'!A0\"")
case("csv-underscore.csv", b"1,2\n1_000,3\n", "found '1_000'")
case("csv-nul.csv", b"1,2\n\0,3\n", "is not text, nor a file of a known format")
case("csv-open-quote.csv", b'1,2\n"3,4\n', "is not readable as a table of text")
case(
    "csv-long-label.csv",
    b"1,%s\n" % (b"a" * 20000) + b"1,b\n" * 500,
    "a target of 20,000 characters",
)
case("csv-many-quoted-lines.csv", b'1,"\n",' * 2000 + b"1\n2\n", "more than 500 lines")
case("csv-target-of-5000-zeros.csv", b"1,%s1\n2,3\n" % (b"0" * 5000), "")
case("csv-mixed-line-ends.csv", b"\xef\xbb\xbf1,2\r\n3,4\n\r5,6\r", "")
case("tsv-of-commas.tsv", b"1,2\n3,4\n", "")

# ---- NumPy's files -----------------------------------------------------------------------------


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.save(out, array, allow_pickle=True)
    return out.getvalue()


def described(descr: str, shape: str, data: bytes = b"", order: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


def npz(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = method
            file.writestr(info, data)
    return out.getvalue()


TABLE = npy(np.arange(6.0).reshape(2, 3))
X, Y = npy(np.ones((3, 2))), npy(np.arange(3))
case("npy-empty.npy", b"", "is not a readable .npy array")
case("npy-wrong-magic.npy", b"\x92" + TABLE[1:], "is not a readable .npy array")
case("npy-version-9.npy", TABLE[:6] + b"\x09\0" + TABLE[8:], "its format version is (9, 0)")
case("npy-version-0-3.npy", TABLE[:6] + b"\0\3" + TABLE[8:], "its format version is (0, 3)")
case("npy-cut-in-header.npy", TABLE[:60], "is not a readable .npy array")
case("npy-cut-in-data.npy", TABLE[:-1], "holds 47 bytes; expected 48")
case("npy-more.npy", TABLE + b"\0", "holds 49 bytes; expected 48")
case("npy-header-of-code.npy", described("__import__('os').system('false')", "(2, 3)"), "readable")
case("npy-header-of-brackets.npy", described("(" * 9000, "(2, 3)"), "readable")
case("npy-header-of-spaces.npy", described("'<f8'" + " " * 9000, "(2, 3)", bytes(48)), "readable")
case("npy-shape-2-60.npy", described("'<f8'", "(2**60, 3)"), "readable")
case("npy-shape-huge.npy", described("'<f8'", f"({10**30}, {10**30})", bytes(8)), "holds 8 bytes")
case("npy-shape-negative.npy", described("'<f8'", "(-2, -3)", bytes(48)), "holds 48 bytes")
case("npy-shape-0.npy", described("'<f8'", "(0, 3)"), "holds 0 bytes")
case("npy-shape-of-true.npy", described("'<f8'", "(True, 6)", bytes(48)), "expected one of int")
case("npy-of-width-0.npy", described("'|S0'", "(1000000000, 3)"), "expected numbers or text")
case("npy-pickle.npy", npy(np.array([print, None], object)), "has the type object")
case("npy-complex.npy", npy(np.ones((2, 3), complex)), "has the type complex128")
case("npy-dates.npy", npy(np.zeros((2, 3), "M8[s]")), "has the type datetime64[s]")
case("npy-records.npy", npy(np.zeros(2, "f8,f8")), "expected numbers or text")
case("npy-text.npy", npy(np.array([["1", "2"]])), "expected numbers")
case("npy-1d.npy", npy(np.arange(3.0)), "has the shape (3,)")
case("npy-0d.npy", npy(np.float64(3)), "has the shape ()")
case("npy-fortran.npy", npy(np.asfortranarray(np.arange(6.0).reshape(2, 3))), "")
case("npy-big-endian.npy", npy(np.arange(6, dtype=">i2").reshape(2, 3)), "")

case("npz-empty.npz", b"", "is not a readable .npz file")
case("npz-no-member.npz", npz(), "has the arrays (none)")
case("npz-cut.npz", npz(X=X, y=Y)[:-30], "is not a readable .npz file")
case("npz-of-text.npz", npz(X=b"hello", y=Y), "is not a readable .npy array")
case("npz-pickle.npz", npz(X=npy(np.array([[print]])), y=Y), "has the type object")
case("npz-without-y.npz", npz(X=X), "has the arrays X; expected X and y")
case("npz-y-too-short.npz", npz(X=X, y=npy(np.arange(2))), "expected targets for 3 examples")
case(
    "npz-bomb.npz",
    npz(X=npy(np.zeros((1 << 21, 1))), y=npy(np.zeros(1 << 21))),
    "claims to unpack to",
)
case(
    "npz-claims-less.npz",
    npz(X=X, y=Y).replace(struct.pack("<I", len(X)), struct.pack("<I", 20)),
    "Bad CRC-32",
)
case(
    "npz-header-claims-much.npz",
    npz(X=described("'<f8'", "(1000000000, 2)", bytes(48)), y=Y),
    "holds 48 bytes",
)
case(
    "npz-bad-checksum.npz",
    npz(X=X, y=Y).replace(struct.pack("<I", zlib.crc32(X)), b"\1\2\3\4"),
    "CRC",
)
case("npz-bad-deflate.npz", npz(X=X, y=Y)[:37] + bytes(20) + npz(X=X, y=Y)[57:], "Bad CRC-32")
case("npz-name-of-lines.npz", npz(**{"a\nb": X}), "has the arrays a")

# ---- pictures ----------------------------------------------------------------------------------


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, rows: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


case("picture-empty.png", b"", "is not a readable picture")
case("picture-bomb.png", png(4000, 4000, bytes(4001 * 4000)), "more than 8,388,608 pixels")
case("picture-cut.png", png(9, 9, bytes(90))[:45], "is not a readable picture")
case("picture-postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "readable")


def main() -> None:
    for old in HERE.iterdir():
        if old.suffix != ".py" and old.is_file():
            old.unlink()
    with open(HERE / "manifest.tsv", "w", encoding="utf-8", newline="\n") as manifest:
        for name, (content, sentence) in sorted(CASES.items()):
            (HERE / name).write_bytes(content)
            print(name, sentence, sep="\t", file=manifest)
    size = sum(len(content) for content, _ in CASES.values())
    print(f"{len(CASES)} files, {size:,} bytes")


if __name__ == "__main__":
    main()
