"""Paths and files of any kind: atomic writing, checks before reading, and a path in a message.

Private: it may change without notice.
"""

from __future__ import annotations

import os
import stat
import threading
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

_LOCKS = True
try:
    import fcntl
except ImportError:  # Windows
    _LOCKS = False

if TYPE_CHECKING:
    from pathlib import Path  # 5 ms that a network which meets no file does without

_PARTS = 8  # names of temporary files of a path, one for each of up to 8 simultaneous writers
# What is packed may claim up to 8 MiB whatever its own size, and 200 times its size beyond that:
# sparse images pack about 10 times, a zip bomb 1000 times.
_FREE_SIZE, _MOST_RATIO = 8 << 20, 200
_MOST_SAID = 200  # characters that a message quotes from a file


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path` atomically and durably.

    The content is first written to ``.fastnn-NUMBER-0.part`` in the same folder. A killed process
    leaves that file behind, unlocked, and the next writer uses it again: there is at most one for
    each process that wrote at the same time. (On Windows, and on file systems without locks, each
    process and thread has its own name, and a file that is left behind stays there.)
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
                        part.unlink()  # still locked, so no other process uses it
                    raise
            if not _LOCKS:
                os.replace(part, path)  # Windows renames no open file, nor deletes one
        except BaseException:
            if not _LOCKS:
                with suppress(OSError):
                    part.unlink()
            raise
    except OSError as error:
        why = f"cannot write: {error.strerror}; an old file is unchanged"
        if not path.parent.is_dir():
            why = f"cannot write: there is no folder {path.parent}"
        elif path.is_dir():
            why = "cannot write: it is a folder; expected the name of a file"
        raise type(error)(error.errno, why, str(path)) from error
    if hasattr(os, "O_DIRECTORY"):  # make the new name itself durable
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _open_part(path: Path) -> tuple[Path, int]:
    """Return the temporary file for `path` and its descriptor, empty and locked by this process."""
    mode = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    number = zlib.crc32(os.fsencode(path.name))
    for attempt in range(_PARTS if _LOCKS else 0):
        part = path.parent / f".fastnn-{number:08x}-{attempt}.part"
        try:
            descriptor = os.open(part, mode, 0o666)
        except OSError:  # another user's, a link or a folder; if not, the last attempt raises it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours, named = os.fstat(descriptor), os.lstat(part)
            if (
                os.path.samestat(ours, named)  # not renamed meanwhile by its previous writer
                and (ours.st_nlink, ours.st_uid) == (1, os.geteuid())
                and stat.S_ISREG(ours.st_mode)
            ):
                os.ftruncate(descriptor, 0)
                return part, descriptor
        except OSError:  # another process is writing it, or this file system has no locks
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    # A name for this thread alone
    part = path.parent / f".fastnn-{os.getpid()}-{threading.get_ident()}.part"
    return part, os.open(part, mode | os.O_TRUNC, 0o666)


def one_line(words: object) -> str:
    """Return a text, perhaps from a file, for use in a message: escaped and shortened."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(words)[: _MOST_SAID + 1])
    return text if len(text) <= _MOST_SAID else text[: _MOST_SAID - 3] + "..."


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with ``~`` expanded."""
    from pathlib import Path

    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(f"{path}: this system knows no such home folder") from None


def check_regular(path: Path) -> None:
    """Refuse a pipe, a device or a socket, which could keep a reader waiting for ever.

    A missing file or a folder is reported by the reader.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    except ValueError as error:  # a NUL, or a lone surrogate
        raise ValueError(f"{str(path)!r} is not a path: {error}") from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path} is a pipe, a device or a socket; expected a file")


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Return the path with ``~`` expanded, or say that there is no file to read."""
    path = expanded(path)
    check_regular(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def check_ratio(path: Path, size: int, claimed: int) -> None:
    """Refuse what claims to be far larger than such files are when they are unpacked."""
    if claimed > max(_FREE_SIZE, _MOST_RATIO * size):
        raise ValueError(
            f"{path} claims to unpack to {claimed} bytes, more than {_MOST_RATIO} times "
            f"its own size of {size}; it is not read"
        )
