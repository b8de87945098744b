"""Model files: safetensors with the network's description in the header's metadata.

A safetensors file cannot run code. Some files that its own loader accepts are refused here: those
with duplicate keys, tensors that are not finite, or headers that unpack to many times their size.
The library checks the offsets; the tensors are read here, since it panics if memory runs out.

Layout, format version 2
    metadata   ``format`` "fastnn", ``format_version``, and JSON texts: ``network`` (the
               arguments of ``MLP``), ``inputs`` (the columns' names, whether the network was
               trained, the meaning of bytes), ``classes``, ``metadata`` (the user's),
               ``training`` (checkpoints only)
    tensors    ``weights.0`` (n_in, n_out), ``biases.0`` (n_out,), … ; if there is a scaling,
               ``input.shift``, ``input.scale`` (n_in,) and ``output.shift``, ``output.scale``
               (n_out,) in float64; of a checkpoint ``optimizer.m``, ``optimizer.v`` (n_params,)
               and ``callbacks.0.NAME``

A file of several networks has the metadata ``ensemble`` in place of ``network``: the facts that all
``networks`` share, those of each, and which of them are in which of the ``stacks``, networks of one
shape, whose tensors ``stacks.0.weights.0`` (k, n_in, n_out), … have one axis more.

Version 1 had no ``inputs``: its networks read bytes as fractions of 255 and other numbers unscaled,
and still do. Its ``input.shift`` and ``input.scale`` have the network's dtype.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..paths import check_regular, one_line, replace

if TYPE_CHECKING:
    import io
    from pathlib import Path  # 5 ms that a network which meets no file does without

FORMAT, VERSION = "fastnn", "2"
_READ_VERSIONS = ("1", "2")
_MARGIN = 1 << 22  # bytes, for a header and the library itself
_HEADER_LIMIT = 100_000_000  # bytes: that of the safetensors library
# Bytes that the parts of a JSON text take as Python objects, and the limit for a header: twice the
# size of its file, plus 32 MB. Ten million "[]," would take a gigabyte.
_COSTS = {b",": 64, b"[": 150, b"{": 400, b":": 250}
_FREE_COST = 32 << 20
_TYPES = {
    **{"F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?", "U8": "u1", "I8": "i1"},
    **{"U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8"},
}
_DEEPEST = 100  # nested lists and objects

Tensors = dict[str, NDArray[Any]]


def write(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
) -> None:
    """Write tensors and facts (JSON values) to `path`, all or nothing.

    The content goes to a temporary file in the same folder, is flushed to the disk, then renamed:
    `path` holds either the old file or the new one, even after a crash.

    Raises
    ------
    OSError
        The folder does not exist, is not writable, or the disk is full.
    TypeError, ValueError
        A fact is not a JSON value, a tensor not finite, or the facts are too many: `read` would
        refuse the file.
    """
    from pathlib import Path

    from safetensors.numpy import save

    metadata = {"format": FORMAT, "format_version": VERSION}
    for name, value in facts.items():
        metadata[name] = as_json(name, value)
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds NaN or infinity; such a network is not saved")
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    _ask_for_memory(3 * sum(tensor.nbytes for tensor in whole.values()))
    content = save(whole, metadata)
    (length,) = struct.unpack("<Q", content[:8])
    if length > _HEADER_LIMIT or _cost(content[8 : 8 + length]) > _affordable(len(content)):
        raise ValueError(
            f"metadata, classes and history make a header of {length:,} bytes: too much"
        )
    replace(Path(path), content)


def _ask_for_memory(size: int) -> None:
    """Raise MemoryError if memory is short: the safetensors library would end the process."""
    np.empty(size + _MARGIN, np.uint8)


def read(path: str | os.PathLike[str]) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the facts of a model file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not a fastnn model file, is damaged, or of a later version.
    MemoryError
        It does not fit into memory.
    """
    from pathlib import Path

    path = Path(path)
    header, metadata, data_begins = _header(path)
    tensors: Tensors = {}
    with open(path, "rb", buffering=0) as file:
        for name, entry in header.items():
            tensors[name] = _tensor(path, file, name, entry, data_begins)
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise ValueError(f"{path}: tensor {one_line(repr(name))} holds NaN or infinity")
    facts = {}
    for name, text in metadata.items():
        if name == "format":
            continue
        if name == "format_version":
            facts[name] = int(text)
            continue
        try:
            facts[name] = _json(text)
        except ValueError as error:
            raise ValueError(
                f"{path}: its {one_line(repr(name))} is damaged: {one_line(error)}"
            ) from None
    return tensors, facts


def _tensor(
    path: Path, file: io.FileIO, name: str, entry: dict[str, Any], data_begins: int
) -> NDArray[Any]:
    """Read one tensor; the library has compared its offsets with its shape and the file."""
    kind = _TYPES.get(entry["dtype"])
    if kind is None:
        raise ValueError(f"{path}: tensor {one_line(repr(name))} has the type {entry['dtype']}")
    try:
        tensor: NDArray[Any] = np.empty(entry["shape"], kind)
    except MemoryError:
        size = entry["data_offsets"][1] - entry["data_offsets"][0]
        raise MemoryError(
            f"{path}: tensor {one_line(repr(name))} has {size:,} bytes, more than the free memory"
        ) from None
    left = memoryview(tensor.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    file.seek(data_begins + entry["data_offsets"][0])
    while left:
        count = file.readinto(left)  # at most 2 GB at once
        if not count:
            raise ValueError(f"{path} was cut off while it was read")
        left = left[count:]
    return tensor.astype(tensor.dtype.newbyteorder("="), copy=False)


def _header(path: Path) -> tuple[dict[str, Any], dict[str, str], int]:
    """Return the tensors' entries, the metadata, and the offset of the data, all checked."""
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    size = path.stat().st_size
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected a model file")
    if size == 0:
        raise ValueError(f"{path} is empty; expected a model file")
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
            raise ValueError(_not_ours(path, "is not a safetensors file, or is cut off"))
        text = file.read(length)
    if _cost(text) > _affordable(size):
        raise ValueError(f"{path} is not a sound fastnn model: its header has too many parts")
    try:
        header = _json(text.decode("utf-8"))
    except ValueError as error:
        otherwise = f"is not a sound safetensors file: {one_line(error)}"
        raise ValueError(_not_ours(path, otherwise)) from None
    del text
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a safetensors file, but not a fastnn model; "
            "fastnn.export.from_torch takes what safetensors.torch.load_file reads"
        )
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{path}: its metadata is damaged")
    if metadata.get("format_version") not in _READ_VERSIONS:
        raise ValueError(
            f"{path} has format version {one_line(metadata.get('format_version'))}; this fastnn "
            f"reads versions {' and '.join(_READ_VERSIONS)}: a newer fastnn may read it"
        )
    try:
        with safe_open(str(path), framework="numpy"):
            pass  # the library checks all of it on opening
    except SafetensorError as error:
        raise ValueError(f"{path} is not a sound safetensors file: {one_line(error)}") from None
    return header, metadata, 8 + length


def is_model(path: str | os.PathLike[str]) -> bool:
    """Return whether the file at `path` has the header of a model file."""
    from pathlib import Path

    try:
        _header(Path(path))
    except (OSError, ValueError):
        return False
    return True


def _cost(header: bytes) -> int:
    return sum(cost * header.count(mark) for mark, cost in _COSTS.items())


def _affordable(size: int) -> int:
    return 2 * size + _FREE_COST


def _not_ours(path: Path, otherwise: str) -> str:
    from .recognise import describe_file

    what = describe_file(path)
    return f"{path} {otherwise}" if what is None else f"{path} is no fastnn model: it is {what}"


def as_json(name: str, value: Any) -> str:
    """Return `value` as JSON that `_json` can read."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        _json(text)  # finds duplicate keys: 1 and "1" are the same in JSON
    except TypeError as error:
        raise TypeError(f"{name} must be made of JSON values: {error}") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply for a file") from None
    except ValueError as error:
        raise ValueError(f"{name} must be made of JSON values: {error}") from None
    return text


def _json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise ValueError(f"the key {twice!r} occurs twice")
        return values

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    def number(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueError(f"{digits} is too large for a number")
        return value

    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=refuse, parse_float=number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # The limit of json differs between versions of Python; that of files must not.
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _in(outer)]
    if any(isinstance(inner, dict | list) for inner in level):
        raise ValueError("it is nested too deeply")
    return value


def _in(outer: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer
