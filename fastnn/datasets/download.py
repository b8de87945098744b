"""Downloads of published data sets.

Files are compared with published checksums, and become visible only when they are complete.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import secrets
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .idx import CHUNK, FILES, find

Report = Callable[[str, int, int | None], None]  # (file, bytes so far, bytes in all if known)

# Tests set the wait to 0.
TRIES = 3
WAIT_SECONDS = 0.5  # before the second try, and twice as long before each further one
TIMEOUT_SECONDS = 20.0  # without a byte
_MOST_BYTES = 48 << 20  # of one file, packed or not; the largest has 47,040,016


@dataclass(frozen=True)
class Source:
    """Addresses and checksums of a published data set."""

    name: str  # of its folder
    title: str
    mirrors: tuple[str, ...]  # tried in order
    sha256: tuple[str, ...]  # of each of FILES
    checksum_of: str  # "idx": of the file unpacked; "gz": of the gzip as published
    folders: tuple[str, ...] = ()  # where systems install it
    sizes: tuple[int, int] = (60_000, 10_000)
    image_shape: tuple[int, int] = (28, 28)


def advice(folder: Path) -> str:
    """Return the part of a message that says where to put the files by hand."""
    names = [f"{name}.gz" for name in FILES]
    return (
        f"put {', '.join(names[:-1])} and {names[-1]} into {folder}, "
        "or set $FASTNN_DATA_DIR to the folder that holds them"
    )


class _RefusedError(OSError):
    """A failure of a mirror that another attempt would not mend."""


def fetch_missing(source: Source, folder: Path, progress: bool | None) -> None:
    """Bring the files that `folder` lacks from the mirrors."""
    mirrors = list(source.mirrors)
    with _progress_bar(progress) as report:
        for name, sha256 in zip(FILES, source.sha256, strict=True):
            if find(folder, name) is None:
                fetched_from = _fetch(source, mirrors, name, sha256, folder, report)
                # The next file starts where this one was found, not at a mirror that is down.
                mirrors.sort(key=lambda mirror: mirror != fetched_from)


def _fetch(
    source: Source, mirrors: list[str], name: str, sha256: str, folder: Path, report: Report
) -> str:
    """Bring one file and return the mirror that had it; each mirror is tried a few times."""
    from http.client import HTTPException  # with urllib, 20 ms that only a download needs

    reasons = []
    for mirror in mirrors:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(WAIT_SECONDS * 2 ** (attempt - 1))
            try:
                _fetch_once(f"{mirror}/{name}.gz", sha256, source.checksum_of, folder, report)
                return mirror
            except (OSError, HTTPException, EOFError, zlib.error) as error:
                reason = f"{mirror}: {error or type(error).__name__}"
                if isinstance(error, _RefusedError):
                    break
        reasons.append(reason)
    raise OSError(
        f"{source.title} could not be downloaded ({'; '.join(reasons)}): {advice(folder)}"
    )


def _fetch_once(url: str, sha256: str, checksum_of: str, folder: Path, report: Report) -> None:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    name = url.rsplit("/", 1)[1]
    folder.mkdir(parents=True, exist_ok=True)
    # A name that no other process uses: many may download at once, and the last one to be complete
    # replaces the same bytes by the same bytes.
    temporary = folder / f".{name}.{secrets.token_hex(8)}.part"
    try:
        with urlopen(
            Request(url, headers={"User-Agent": "fastnn"}), timeout=TIMEOUT_SECONDS
        ) as reply:
            expected: int | None = reply.length
            with open(temporary, "xb") as out:
                done = 0
                while chunk := reply.read(CHUNK):
                    done += len(chunk)
                    if done > _MOST_BYTES:
                        raise _RefusedError(f"{name} is larger than {_MOST_BYTES} bytes")
                    out.write(chunk)
                    report(name, done, expected)
                out.flush()
                os.fsync(out.fileno())
        if expected is not None and done != expected:
            raise OSError(f"{name} ended after {done} of {expected} bytes")
        found = _sha256(temporary, unpacked=checksum_of == "idx")
        if found != sha256:
            raise _RefusedError(f"{name} has the SHA-256 {found}; expected {sha256}")
        os.replace(temporary, folder / name)
    except HTTPError as error:
        error.close()
        # 4xx: the mirror has answered, except for "too slow" and "too many".
        final = 400 <= error.code < 500 and error.code not in (408, 429)
        raise (_RefusedError if final else OSError)(f"HTTP status {error.code}") from error
    except URLError as error:
        raise OSError(str(error.reason)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sha256(path: Path, *, unpacked: bool) -> str:
    digest = hashlib.sha256()
    with gzip.open(path) if unpacked else open(path, "rb") as file:
        left = _MOST_BYTES
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _progress_bar(progress: bool | None) -> Iterator[Report]:
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("connecting", total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total
        )
