"""Arrays of numbers in a .mat file of MATLAB 5, each size compared with the file.

SciPy's reader ends the process at a damaged file. Text, cells, structures and sparse arrays are
left out: a table has none.

Private: it may change without notice.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..paths import check_ratio
from .text import RefusedError

_HEADER = 128
_MATRIX, _PACKED = 14, 15
_COMPLEX = 8  # among the flags of an array
# NumPy's types for the types of data in the file, and for the classes of arrays
_DATA = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = dict(enumerate(("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), 6))


def read_mat(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the real arrays of numbers by their names.

    Raises
    ------
    ValueError
        If the file is damaged, or unpacks to more than its size can hold.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise RefusedError(f"{path} is a damaged .mat file: it names no order of bytes")
    arrays, unpacked = {}, len(content)
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _PACKED:
            unpacker = zlib.decompressobj()
            pieces = []
            while data and not unpacker.eof:
                pieces.append(unpacker.decompress(data, 1 << 20))
                data = unpacker.unconsumed_tail
                unpacked += len(pieces[-1])
                check_ratio(path, len(content), unpacked)
            inner = list(_elements(b"".join(pieces), order))
            kind, data = inner[0] if inner else (0, b"")
        if kind == _MATRIX:
            found = _array(data, order)
            if found is not None:
                arrays[found[0]] = found[1]
    return arrays


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of each element; a short one stands in its own tag."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        begin, room = at + 8, len(data) - at - 8
        following = begin + (size if kind == _PACKED else size + -size % 8)
        if kind >> 16:
            kind, size, begin, room, following = kind & 0xFFFF, kind >> 16, at + 4, 4, at + 8
        if size > room:
            raise ValueError(f"an element of {size:,} bytes does not fit")
        yield kind, data[begin : begin + size]
        at = following


def _array(data: bytes, order: str) -> tuple[str, npt.NDArray[Any]] | None:
    """Return the name and the numbers of an array; None if it holds anything else."""
    parts = list(_elements(data, order))
    if len(parts) < 4 or len(parts[0][1]) < 8 or len(parts[1][1]) % 4:
        return None
    (facts,) = struct.unpack_from(order + "I", parts[0][1])
    kind, values = parts[3]
    if facts & 0xFF not in _CLASSES or facts >> 8 & _COMPLEX or kind not in _DATA:
        return None
    shape = struct.unpack(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    numbers = np.frombuffer(values, order + _DATA[kind])
    if min(shape, default=0) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"an array has {len(numbers):,} numbers and the shape {shape}")
    array = numbers.astype(_CLASSES[facts & 0xFF]).reshape(shape, order="F")
    return parts[2][1].decode("latin-1"), array
