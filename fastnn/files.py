"""Model files: safetensors with the network's description in the header's metadata.

A safetensors file cannot run code. What its own loader lets through is refused here: duplicate
keys, tensors that are not finite, a description that its tensors do not fit.

Layout, format version 1
    metadata   ``format`` "fastnn", ``format_version``, and JSON texts: ``network`` (what
               ``MLP`` was built with), ``classes``, ``metadata`` (the caller's own), ``training``
               (checkpoints only)
    tensors    ``weights.0`` (n_in, n_out), ``biases.0`` (n_out,), … ; ``input.shift`` and
               ``input.scale`` (n_in,) where inputs are scaled; of a checkpoint ``optimizer.m``,
               ``optimizer.v`` (n_params,) and ``callbacks.0.NAME``
"""

from __future__ import annotations

import json
import os
import stat
import struct
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

_LOCKS = True
try:
    import fcntl
except ImportError:  # Windows
    _LOCKS = False

if TYPE_CHECKING:
    from pathlib import Path  # 5 ms that a network which meets no file does without

FORMAT, VERSION = "fastnn", "1"
_MARGIN = 1 << 22  # bytes, for a header and the library itself
_PARTS = 8  # names of temporary files a path: so many may write it at once and leave none behind
_HEADER_LIMIT = 100_000_000  # bytes: that of the safetensors library

Tensors = dict[str, NDArray[Any]]


def write(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
) -> None:
    """Write tensors and facts (JSON values) to `path`, all or nothing.

    Written to a temporary file beside it, flushed to the disk, then renamed: whatever happens, the
    path holds the old file or the new one.

    Raises
    ------
    OSError
        The folder does not exist, is not writable, or the disk is full.
    TypeError, ValueError
        A fact is not a JSON value, or a tensor not finite: `read` would refuse the file.
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
    replace(Path(path), save(whole, metadata))


def _ask_for_memory(size: int) -> None:
    """Raise MemoryError here: the safetensors library ends the process where it finds no memory."""
    np.empty(size + _MARGIN, np.uint8)


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path` atomically and durably.

    The temporary file ``.fastnn-NUMBER-0.part`` beside it belongs to the path. A process that is
    killed leaves it behind, unlocked, and the next one to write there uses it again: so there is
    never more than one for each process that wrote at the same time. (Windows, and file systems
    without locks: a name a process and thread, which stays until somebody deletes it.)
    """
    try:
        part, descriptor = _open_part(path)
        try:
            with open(descriptor, "wb") as file:
                try:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    if _LOCKS:
                        os.replace(part, path)
                except BaseException:
                    with suppress(OSError):
                        part.unlink()  # while it is locked, and so nobody else's
                    raise
            if not _LOCKS:
                os.replace(part, path)  # Windows renames no open file, nor deletes one
        except BaseException:
            if not _LOCKS:
                with suppress(OSError):
                    part.unlink()
            raise
    except OSError as error:
        raise type(error)(
            error.errno, f"cannot write: {error.strerror}; what was there is untouched", str(path)
        ) from error
    if hasattr(os, "O_DIRECTORY"):  # make the new name itself durable
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _open_part(path: Path) -> tuple[Path, int]:
    """Return the temporary file for `path` and a descriptor of it, empty and ours alone."""
    mode = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    number = zlib.crc32(os.fsencode(path.name))
    for attempt in range(_PARTS if _LOCKS else 0):
        part = path.with_name(f".fastnn-{number:08x}-{attempt}.part")
        try:
            descriptor = os.open(part, mode, 0o666)
        except OSError:  # somebody else's, a link or a folder; or what the last attempt will tell
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours, named = os.fstat(descriptor), os.lstat(part)
            if (
                os.path.samestat(ours, named)  # not yet renamed by who had it before
                and (ours.st_nlink, ours.st_uid) == (1, os.geteuid())
                and stat.S_ISREG(ours.st_mode)
            ):
                os.ftruncate(descriptor, 0)
                return part, descriptor
        except OSError:  # another is writing it, or this file system has no locks
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    # A name of this thread's own
    part = path.with_name(f".fastnn-{os.getpid()}-{threading.get_ident()}.part")
    return part, os.open(part, mode | os.O_TRUNC, 0o666)


def read(path: str | os.PathLike[str]) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and the facts of a model file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not a fastnn model file, is damaged, or of a later version.
    """
    from pathlib import Path

    from safetensors import SafetensorError, safe_open

    path = Path(path)
    metadata = _header(path)
    _ask_for_memory(3 * path.stat().st_size)
    tensors: Tensors = {}
    try:
        with safe_open(str(path), framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a dict
                tensors[name] = file.get_tensor(name)
    except (SafetensorError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{path} is not a sound safetensors file: {error}") from None
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise ValueError(f"{path}: tensor {name!r} holds NaN or infinity")
    facts = {}
    for name, text in metadata.items():
        if name in ("format", "format_version"):
            continue
        try:
            facts[name] = _json(text)
        except ValueError as error:
            raise ValueError(f"{path}: its {name!r} is damaged: {error}") from None
    return tensors, facts


def _header(path: Path) -> dict[str, str]:
    """Return the metadata, after the checks that the library leaves out."""
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
    try:
        header = _json(text.decode("utf-8"))
    except ValueError as error:
        otherwise = f"is not a sound safetensors file: {error}"
        raise ValueError(_not_ours(path, otherwise)) from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a safetensors file, but not a fastnn model; "
            "fastnn.export.from_torch takes what safetensors.torch.load_file reads"
        )
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{path}: its metadata is damaged")
    if metadata.get("format_version") != VERSION:
        raise ValueError(
            f"{path} has format version {metadata.get('format_version')}; this fastnn reads "
            f"version {VERSION}: a newer fastnn may read it"
        )
    return metadata


def _not_ours(path: Path, otherwise: str) -> str:
    from .foreign import what_it_is

    what = what_it_is(path)
    return f"{path} {otherwise}" if what is None else f"{path} is no fastnn model: it is {what}"


def as_json(name: str, value: Any) -> str:
    """`value` as JSON that `_json` reads back."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        _json(text)  # 1 and "1" are one key to JSON
    except TypeError as error:
        raise TypeError(f"{name} must be made of JSON values: {error}") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply for a file") from None
    except ValueError as error:
        raise ValueError(f"{name} must be made of JSON values: {error}") from None
    return text


def _json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the key {twice!r} stands twice")
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
