"""A message to or from the page, or its record in a file: a JSON header, then the arrays.

    4 bytes    length H of the header, little-endian
    H bytes    {"value": ..., "arrays": [["<f4", [rows, columns]], ...]} in UTF-8
    spaces     up to the next multiple of 8
    arrays     one after the other, each padded to a multiple of 8 with zeros

Within "value" an array stands as {"$": k}, its place in the list. Numbers that are not finite are
null, but in arrays they are themselves. A message from the page may be anything: it is checked
before it is used, and nothing in it is run.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

TYPES: dict[str, np.dtype[Any]] = {
    "<f4": np.dtype("<f4"),
    "<f8": np.dtype("<f8"),
    "<i4": np.dtype("<i4"),
    "|u1": np.dtype("u1"),
}
_MOST_HEADER = 1 << 20
_DEEPEST = 20  # values within values
_MARK = "$"


class MessageError(ValueError):
    """Bytes that are no message; one sentence."""


def pack(value: Any) -> bytes:
    """Return a message of dicts, lists, strings, numbers and arrays.

    Whole numbers in arrays become int32; of those that do not fit, ValueError is raised.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    plain = _plain(value, arrays)
    listed = [[array.dtype.str, list(array.shape)] for array in arrays]
    header = json.dumps(
        {"value": plain, "arrays": listed},
        allow_nan=False,
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
    header += b" " * (-(4 + len(header)) % 8)
    parts = [len(header).to_bytes(4, "little"), header]
    for array in arrays:
        parts += [array.tobytes(), b"\0" * (-array.nbytes % 8)]
    return b"".join(parts)


def unpack(message: bytes) -> Any:
    """Return the value of a message; raise MessageError if it is none."""
    length = int.from_bytes(message[:4], "little")
    if len(message) < 4 or not 2 <= length <= min(len(message) - 4, _MOST_HEADER):
        raise MessageError("the message is cut off, or its header is too long")
    try:
        header = json.loads(message[4 : 4 + length].decode("utf-8"), parse_constant=_refuse)
        value, listed = header["value"], header["arrays"]
        kinds = [(TYPES[kind], tuple(shape)) for kind, shape in listed]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MessageError("the header of the message is not the JSON that was expected") from None
    arrays, at = [], 4 + length
    at += -at % 8
    for dtype, shape in kinds:
        if not all(type(size) is int and 0 <= size <= len(message) for size in shape):
            raise MessageError("an array of the message has a shape that is not one")
        size = math.prod(shape) * dtype.itemsize
        if at + size > len(message):
            raise MessageError("the message ends within an array")
        arrays.append(np.frombuffer(message, dtype, math.prod(shape), at).reshape(shape))
        at += size + -size % 8
    return _filled(value, arrays, _DEEPEST)


def _plain(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, arrays) for item in value]
    if isinstance(value, bytes):
        value = np.frombuffer(value, np.uint8)
    if isinstance(value, np.ndarray):
        arrays.append(_sendable(value))
        return {_MARK: len(arrays) - 1}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sendable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array in one of `TYPES`."""
    if array.dtype.kind == "b" or array.dtype == np.uint8:
        return np.ascontiguousarray(array, "u1")
    if array.dtype.kind in "iu":
        small = np.ascontiguousarray(array, "<i4")
        if not np.array_equal(small, array):
            raise ValueError("an array holds whole numbers beyond 32 bits")
        return small
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _filled(value: Any, arrays: list[Any], depth: int) -> Any:
    if depth == 0:
        raise MessageError("the message is nested too deeply")
    if isinstance(value, list):
        return [_filled(item, arrays, depth - 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_MARK}:
        k = value[_MARK]
        if type(k) is not int or not 0 <= k < len(arrays):
            raise MessageError("the message refers to an array that it does not hold")
        return arrays[k]
    return {key: _filled(item, arrays, depth - 1) for key, item in value.items()}


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
