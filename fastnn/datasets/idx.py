"""IDX files, the format that MNIST is published in: one file, or the four of a data set.

Sizes in headers are compared with the file before memory is taken; compressed data is unpacked in
bounded steps up to what its header claims.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from ..paths import check_ratio, existing_file, expanded

Array = npt.NDArray[Any]
FilePath = str | os.PathLike[str]
Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
Splits = tuple[Split, Split]

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7"
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# Training images and labels, test images and labels: the names that every copy uses.
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load_idx(folder: FilePath) -> Splits:
    """Load a data set laid out like MNIST: four IDX files in a folder.

    Parameters
    ----------
    folder : path
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``, each with or without ``.gz`` or ``.xz``; the spelling
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
    return load_folder(expanded(folder))[0]


def read_idx(path: FilePath) -> Array:
    """Read one IDX file, plain or compressed by gzip or xz.

    An IDX file is two zero bytes, a type code, the number of dimensions, each size as a big-endian
    32-bit integer, and the values, big-endian, in C order.

    Parameters
    ----------
    path : path
        A compressed file is recognised by its first bytes, not by its name.

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
    path = existing_file(path)
    with open(path, "rb") as file:
        start = file.read(2)
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        packed = unpacked(file, start)
        if packed is None:
            return _parse_idx(file, path, size, packed=False)
        try:
            with packed as stream:
                return _parse_idx(stream, path, size, packed=True)
        except damages() as error:
            if getattr(error, "errno", None) is not None:  # of the file itself
                raise
            how = "gzip" if start == GZIP_MAGIC else "xz"
            raise ValueError(f"{path} is a damaged {how} file: {error}") from error


def unpacked(file: IO[bytes], start: bytes) -> IO[bytes] | None:
    """Return a stream of what a compressed file holds, known by its first two bytes, else None."""
    if start == GZIP_MAGIC:
        return cast("IO[bytes]", gzip.open(file))
    if start == XZ_MAGIC:
        import lzma  # some builds of Python lack it

        return cast("IO[bytes]", lzma.open(file))
    return None


def damages() -> tuple[type[Exception], ...]:
    """Return the exceptions of a damaged compressed file."""
    try:
        from lzma import LZMAError
    except ImportError:
        return EOFError, OSError, zlib.error
    return EOFError, OSError, zlib.error, LZMAError


def _parse_idx(stream: IO[bytes], path: Path, size: int, *, packed: bool) -> Array:
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
    what = f"{times(shape)} values of type {dtype.name}"
    if claimed == 0:
        raise ValueError(f"{path} is empty: its header claims {what}")
    # Before any memory is taken: can the file hold that?
    held = size - 4 - 4 * rank
    if not packed and held != claimed:
        raise ValueError(f"{path} has {held} bytes after its header; expected {claimed}, {what}")
    if packed:
        check_ratio(path, size, claimed)
    # The buffer grows with what really comes. One byte more than claimed shows that there is more,
    # and at the end of a gzip file its checksum is compared.
    values = bytearray()
    while len(values) <= claimed:
        chunk = stream.read(min(CHUNK, claimed + 1 - len(values)))
        if not chunk:
            break
        values += chunk
    if len(values) != claimed:
        came = "more" if len(values) > claimed else str(len(values))
        raise ValueError(f"{path} has {came} bytes after its header; expected {claimed}, {what}")
    array = np.frombuffer(values, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def load_folder(folder: Path) -> tuple[Splits, tuple[int, int]]:
    """Return the four files as arrays, and (height, width) of the images."""
    paths = [find(folder, name) for name in FILES]
    missing = [name for name, path in zip(FILES, paths, strict=True) if path is None]
    if missing:
        reason = "has no" if folder.is_dir() else "is not a folder; expected one with"
        raise FileNotFoundError(f"{folder} {reason} {', '.join(missing)} (or with .gz or .xz)")
    train, test = (_load_split(*pair) for pair in (paths[:2], paths[2:]))
    if train[2] != test[2]:
        raise ValueError(
            f"{folder} has training images of {times(train[2])} and test images of "
            f"{times(test[2])}; expected one size"
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
                f"{path} holds {times(array.shape)} values of type {array.dtype.name}; "
                f"expected {what} of type uint8"
            )
    if len(X) != len(y):
        raise ValueError(
            f"{images} holds {len(X)} images and {labels.name} {len(y)} labels; expected as many"
        )
    return X.reshape(len(X), -1), y.astype(np.int64), (X.shape[1], X.shape[2])


def find(folder: Path, name: str) -> Path | None:
    """Return the path of one of the four files, compressed or not; None if there is none."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz", folder / f"{stem}.xz"):
            if path.is_file():
                return path
    return None


def times(shape: tuple[int, ...]) -> str:
    """Return a shape as text, as ``28 x 28``."""
    return " x ".join(map(str, shape))
