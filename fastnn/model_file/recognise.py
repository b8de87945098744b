"""Recognition of other programs' files by their content, and advice on how to use each."""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TORCH = (
    "a PyTorch file; load it with torch.load(..., weights_only=True) and give the state_dict to "
    "fastnn.export.from_torch"
)
_KERAS = "a Keras model, which fastnn cannot read; its arrays can be assigned to MLP.weights"
_PICKLE = (
    "a pickle, which may run code and is never loaded; load it where it came from, and save it "
    "with MLP.save, or a scikit-learn network with fastnn.from_sklearn first"
)
_ONNX = (
    "an ONNX model, which fastnn writes but cannot read; its arrays can be assigned to MLP.weights"
)
_TABLE = "NumPy arrays, not a model; load them with numpy and assign them to MLP.weights"
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of before 1.6: a pickled number
_BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", _KERAS.replace("Keras", "HDF5 file, such as a Keras", 1)),
    (b"\x93NUMPY", _TABLE),
    (_OLD_TORCH, _TORCH),
    (b"version https://git-lfs", "a pointer of Git LFS; git lfs pull brings the file itself"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"ccopy_reg\n", _PICKLE),
    (b"(dp0\n", _PICKLE),
    (b"(lp0\n", _PICKLE),
    (b"}q\0", _PICKLE),
    (b"]q\0", _PICKLE),
    (b"GGUF", "a GGUF language model, which fastnn cannot read"),
    (b"<!doctype html", "a web page; was the download refused?"),
    (b"<html", "a web page; was the download refused?"),
)


def describe_file(path: Path) -> str | None:
    """Return "a … file; advice", or None if the kind of file is unknown."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(1000)
        file.seek(max(size - 1, 0))
        last = file.read(1)
    if start.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    for beginning, what in _BEGINNINGS:
        if start.lower().startswith(beginning.lower()):
            return what
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and last == b".":
        return _PICKLE
    if start[4:8] == b"TFL3":
        return "a TensorFlow Lite model, which fastnn cannot read"
    if _is_onnx(start):
        return _ONNX
    if b"written by fastnn" in start:
        return "what fastnn export wrote, for programs without fastnn; it is not read back"
    try:
        text = getincrementaldecoder("utf-8")().decode(start)  # the last letter may be incomplete
    except UnicodeDecodeError:
        return None
    readable = all(letter.isprintable() or letter in "\r\n\t" for letter in text)
    return "a text file, not a model" if readable else None


def _of_zip(path: Path) -> str:
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged zip archive"
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return _TORCH
    if "model.weights.h5" in names:
        return _KERAS
    if names and all(name.endswith(".npy") for name in names):
        return _TABLE
    return "a zip archive; unpack it first"


def _is_onnx(start: bytes) -> bool:
    """Return whether a protobuf message begins as a ModelProto: field 1, then a later field.

    Field 1 is ir_version, fields 2 to 8 are producer_name, producer_version, domain, model_version,
    doc_string, graph and opset_import (onnx.proto).
    """
    later = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
    return len(start) > 3 and start[0] == 8 and 1 <= start[1] < 64 and start[2] in later
