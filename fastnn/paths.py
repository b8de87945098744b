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

_PARTS = 8  # names of temporary files a path: so many may write it at once and leave none behind
# What is packed may claim up to 8 MiB whatever its own size, and 200 times its size beyond that:
# sparse images pack about 10 times, a zip bomb 1000 times.
_FREE_SIZE, _MOST_RATIO = 8 << 20, 200
_MOST_SAID = 200  # characters of a file's own words in a message


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
        why = f"cannot write: {error.strerror}; what was there is untouched"
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
    """Return the temporary file for `path` and a descriptor of it, empty and ours alone."""
    mode = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    number = zlib.crc32(os.fsencode(path.name))
    for attempt in range(_PARTS if _LOCKS else 0):
        part = path.parent / f".fastnn-{number:08x}-{attempt}.part"
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
    part = path.parent / f".fastnn-{os.getpid()}-{threading.get_ident()}.part"
    return part, os.open(part, mode | os.O_TRUNC, 0o666)


def one_line(words: object) -> str:
    """Return the words, perhaps a file's own, as a part of a message: escaped, and not too long."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(words)[: _MOST_SAID + 1])
    return text if len(text) <= _MOST_SAID else text[: _MOST_SAID - 1] + "…"


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with ``~`` expanded."""
    from pathlib import Path

    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise FileNotFoundError(f"{path}: this system knows no such home folder") from None


def check_regular(path: Path) -> None:
    """Refuse a pipe, a device or a socket, which could keep a reader waiting for ever.

    What is not there, or a folder, is for the reader to tell.
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
