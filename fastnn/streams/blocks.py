"""Blocks of a stream: rows that are read together, of arrays, files and iterators."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import as_array
from ..words import plural


class Piece(NamedTuple):
    """Rows in memory, and their place, for messages."""

    X: NDArray[Any] | None  # (n, n_in); None where only targets were asked for
    y: NDArray[Any] | None  # (n,) or (n, n_targets)
    weight: NDArray[Any] | None
    place: str

    @property
    def n(self) -> int:
        """Number of rows."""
        parts = (part for part in self[:3] if isinstance(part, np.ndarray))
        return len(next(parts, ()))


Empty = Callable[[tuple[int, ...], Any], NDArray[Any]]  # of a shape and a dtype, such as np.empty


@dataclass(frozen=True)
class Block:
    """Rows that are read together, in any order of the blocks."""

    n: int
    place: str
    read: Callable[[bool, Empty], tuple[Any, Any, Any]]  # X, y and weight; X, if asked for, in it

    def piece(self, with_X: bool = True, empty: Empty = np.empty) -> Piece:
        """Read the block."""
        return checked(self.read(with_X, empty), self.place, self.n if with_X else None)


class Room:
    """Memory for the X of two buffers in turns, as new memory takes the system time to give.

    Blocks that are read into `empty` stand side by side, and need not be copied together. `rows`
    gives the rows to have room for, from the bytes of a row.
    """

    def __init__(self, rows: Callable[[int], int]) -> None:
        self._rows = rows
        self._memory: NDArray[Any] = np.empty((0, 0))
        self._other = self._memory
        self._given: list[NDArray[Any]] = []
        self._used = 0

    def clear(self) -> None:
        """Give up what is there."""
        self._given, self._used = [], 0

    def turn(self) -> None:
        """Keep what is there until the next turn, and give up what the other memory has."""
        self._memory, self._other = self._other, self._memory
        self.clear()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return the next rows of the memory, or an array elsewhere if they do not fit."""
        begin, end, kind = self._used, self._used + shape[0], np.dtype(dtype)
        fits = (self._memory.shape[1:], self._memory.dtype) == (shape[1:], kind)
        if not begin and not (fits and end <= len(self._memory)):
            rows = max(end, self._rows(shape[1] * kind.itemsize))
            self._memory, fits = np.empty((rows, *shape[1:]), kind), True
        if not fits or end > len(self._memory):
            return np.empty(shape, kind)
        self._used = end
        self._given.append(self._memory[begin:end])
        return self._given[-1]

    def joined(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """Return the rows of some arrays as one; those that `empty` gave, if any, are the first."""
        n = len(self._given)
        stands = [a is b for a, b in zip(arrays, self._given, strict=False)]
        rest = arrays[n:]
        if not all(stands) or len(stands) < n or len({a.dtype for a in arrays}) > 1:
            return np.concatenate(arrays)
        if rest:
            into = self.empty((sum(map(len, rest)), *rest[0].shape[1:]), rest[0].dtype)
            if not self._given or into is not self._given[-1]:
                return np.concatenate(arrays)
            np.concatenate(rest, out=into)
        return self._memory[: self._used]


@dataclass(frozen=True)
class Named:
    """An array with names of its columns, which is read as a frame is."""

    array: NDArray[Any]
    columns: tuple[str, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the array."""
        return np.asarray(self.array, dtype) if not copy else np.array(self.array, dtype)


def checked(parts: tuple[Any, Any, Any], place: str, n: int | None = None) -> Piece:
    """Return X, y and weight as a piece; refuse parts of different lengths."""
    names = ("X", "y", "weight")
    made = [
        None if part is None else as_array(f"{name} of {place}", part)
        for name, part in zip(names, parts, strict=True)
    ]
    for name, part in zip(names, made, strict=True):
        if part is None:
            continue
        if part.ndim == 0 or (name == "X" and part.ndim != 2):
            wanted = "(n, n_in)" if name == "X" else "(n, ...)"
            raise ValueError(f"{name} of {place} must have shape {wanted}; it is {part.shape}")
        n = len(part) if n is None else n
        if len(part) != n:
            raise ValueError(f"{name} of {place} has {plural(len(part), 'row')}, not {n}")
    return Piece(made[0], made[1], made[2], place)


@dataclass(frozen=True)
class Unchanged:
    """State of a file when the stream was made; a change of size or time is an error."""

    path: str
    size: int
    time: int

    @classmethod
    def now(cls, path: str) -> Unchanged:
        """Return the state of the file."""
        state = os.stat(path)
        return cls(path, state.st_size, state.st_mtime_ns)

    def check(self) -> None:
        """Raise OSError if the file has vanished, ValueError if it has changed."""
        if self != Unchanged.now(self.path):
            raise ValueError(f"{self.path} has changed since the stream was made")


class StoredArray:
    """Rows of an .npy file, read by their place: if it shrinks, that is an error and no crash."""

    def __init__(self, path: str) -> None:
        mapped = np.load(path, mmap_mode="r")
        if not mapped.flags.c_contiguous:
            raise ValueError(
                f"{path} is in Fortran order, where a row lies all over the file: write it by "
                "numpy.save(file, numpy.ascontiguousarray(X))"
            )
        self._file = Unchanged.now(path)
        self._offset: int = mapped.offset
        self.shape: tuple[int, ...] = mapped.shape
        self.dtype: np.dtype[Any] = mapped.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, begin: int, end: int, empty: Empty = np.empty) -> NDArray[Any]:
        """Read rows begin:end."""
        self._file.check()
        values = empty((end - begin, *self.shape[1:]), self.dtype)
        with open(self._file.path, "rb", buffering=0) as file:
            file.seek(self._offset + begin * (values.nbytes // max(1, end - begin)))
            if file.readinto(values.reshape(-1).view(np.uint8).data) != values.nbytes:
                raise ValueError(f"{self._file.path} has become shorter while it was read")
        return values


def of_arrays(
    X: Any, y: Any, weight: Any, rows_each: int, name: str, file: Unchanged | None = None
) -> list[Block]:
    """Return blocks of arrays, memory maps and data sets of HDF5: what has rows and slices."""
    n = len(X)
    for what, part in (("the target", y), ("the weight", weight)):
        if part is not None and len(part) != n:
            raise ValueError(f"{name} has {plural(n, 'row')}, {what} has {len(part)}")

    def block(number: int, begin: int) -> Block:
        end = min(begin + rows_each, n)

        def part(whole: Any, empty: Empty = np.empty) -> Any:
            if isinstance(whole, StoredArray):
                return whole.read(begin, end, empty)
            return None if whole is None else np.asarray(whole[begin:end])

        def read(with_X: bool, empty: Empty) -> tuple[Any, Any, Any]:
            if file is not None:
                file.check()
            return part(X, empty) if with_X else None, part(y), part(weight)

        return Block(end - begin, f"{name}, block {number} (from row {begin})", read)

    return [block(number, begin) for number, begin in enumerate(range(0, n, rows_each))]


def of_iterator(source: Callable[[], Any]) -> Iterator[Piece]:
    """Yield what an iterator of (X,), (X, y) or (X, y, weight) gives."""
    for number, given in enumerate(source()):
        place = f"block {number} of the stream"
        parts = given if isinstance(given, tuple) else (given,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(f"{place} must be X, (X, y) or (X, y, weight), got {len(parts)} parts")
        x, y, weight = (*parts, None, None)[:3]
        if x is None:
            raise ValueError(f"X of {place} is None: it must be an array (n, n_in)")
        yield checked((x, y, weight), place)
