"""`fastnn.stream`: examples that are read block by block, shuffled in a buffer."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_count
from . import tables
from .blocks import Block, Empty, Piece, Room, StoredArray, Unchanged, of_arrays, of_iterator

_BLOCK_BYTES = 1 << 18  # of a block of an array: a disk reads as much at once in little more time
_BLOCKS_A_BUFFER = 64  # at least, from all over the source, or its order would show
_BUFFER_BYTES = 1 << 25  # of X in a buffer, where its rows are not given
_HDF5 = (".h5", ".hdf5")


@dataclass(frozen=True)
class Stream:
    """Examples that are read block by block; see `stream`.

    Attributes
    ----------
    rows : int or None
        Number of rows, if it is known without reading them.
    buffer : int or None
        Rows that are shuffled together; None: as many as take 32 MB.
    feature_names : tuple of str or None
        Names of the columns of X.
    has_target : bool
        Whether it holds y; an iterator's blocks tell it themselves.
    """

    rows: int | None
    buffer: int | None
    feature_names: tuple[str, ...] | None
    has_target: bool
    _blocks: tuple[Block, ...] | None
    _iterate: Callable[[], Iterator[Piece]] | None

    @property
    def blocks_are_made(self) -> bool:
        """Whether blocks come from a function, or from the pieces of CSV files."""
        return self._blocks is None

    def pieces(
        self,
        rng: np.random.Generator | None = None,
        *,
        with_X: bool = True,
        empty: Empty = np.empty,
    ) -> Iterator[Piece]:
        """Yield the blocks; with `rng` in random order, where the source can be read so."""
        if self._blocks is None:
            assert self._iterate is not None
            yield from self._iterate()
            return
        n = len(self._blocks)
        for i in range(n) if rng is None else rng.permutation(n):
            yield self._blocks[i].piece(with_X, empty)

    def gathered(
        self, rng: np.random.Generator | None = None, empty: Empty = np.empty
    ) -> Generator[list[Piece], None, None]:
        """Yield blocks that fill a buffer, in lists."""
        held: list[Piece] = []
        n, wanted, width = 0, None, None
        for piece in self.pieces(rng, empty=empty):
            assert piece.X is not None
            if wanted is None:
                width = piece.X.shape[1]
                wanted = self._rows_of_a_buffer(width * piece.X.itemsize)
            if piece.X.shape[1] != width:
                raise ValueError(
                    f"X of {piece.place} has {piece.X.shape[1]} columns; the blocks before it "
                    f"have {width}"
                )
            if piece.n:
                held.append(piece)
                n += piece.n
            if n >= wanted:
                yield held
                held, n = [], 0
        if held:
            yield held

    def room(self, more: int = 0) -> Room:
        """Return memory for the X of a buffer and `more` rows."""
        more += max((block.n for block in self._blocks or ()), default=0)
        return Room(lambda row_bytes: self._rows_of_a_buffer(row_bytes) + more)

    def _rows_of_a_buffer(self, row_bytes: int) -> int:
        return max(1, _BUFFER_BYTES // max(1, row_bytes)) if self.buffer is None else self.buffer


def stream(
    source: Any,
    target: Any = None,
    *,
    columns: Sequence[str] | str | None = None,
    weight: Any = None,
    buffer: int | None = None,
    rows: int | None = None,
) -> Stream:
    """Return examples that are read block by block, to train on more than fits into memory.

    Give it to `fit`, `evaluate`, `predict` or `standardize` in place of X, and as
    ``validation_data``. To shuffle, `fit` reads blocks in random order into a buffer, and shuffles
    the buffer as a whole. The next buffer is read in a thread while the network trains on this one:
    so two are in memory. The seed fixes the order; it depends on neither threads nor speed.

    Parameters
    ----------
    source : array-like, path, list of these, Arrow table or dataset, or callable
        An array, memory map or data set of HDF5, (n, n_in), or a list of them; the path of a .npy,
        Parquet, CSV or HDF5 file, which may have wildcards (``"parts/*.parquet"``), or a list of
        paths; or a function that returns an iterator of blocks: X, (X, y) or (X, y, weight).
        Blocks of CSV files and of functions come in their order: there the buffer alone shuffles.
        A block of a Parquet file is a row group: many small ones shuffle better than a large one.
    target : array-like, list of these, str, sequence of str, optional
        The targets of arrays, or the names of a table's columns, or of HDF5's data set. `predict`
        needs none.
    columns : sequence of str, optional
        The columns of X; default: all but target and weight. Of an HDF5 file: the name of X.
    weight : array-like, list of these, or str, optional
        Weight of each example, or the column with it.
    buffer : int, optional
        Rows that are shuffled together. Default: as many as take 32 MB. A larger one is closer to
        shuffling all rows; a small one makes the blocks of arrays smaller, too.
    rows : int, optional
        Number of rows that a function's blocks have; without it, they are counted by one pass
        before the first epoch.

    Raises
    ------
    ValueError, TypeError
        The arguments do not fit together, or a file lacks a column.
    ImportError
        pyarrow or h5py is needed, and not there.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> X = np.random.default_rng(0).normal(size=(10_000, 4)).astype("float32")
    >>> net = fastnn.MLP([4, 16, 1], seed=0)
    >>> history = net.fit(fastnn.stream(X, X[:, 0] * X[:, 1], buffer=2_000), epochs=2)
    >>> len(history)
    2
    """
    kept = None if buffer is None else check_count("buffer", buffer, 1)
    n = None if rows is None else check_count("rows", rows, 1)
    if callable(source) and not hasattr(source, "__array__"):
        if target is not None or columns is not None or weight is not None:
            raise TypeError("a function gives (X, y, weight) blocks: target, columns and weight")
        return Stream(n, kept, None, True, None, lambda: of_iterator(source))
    if rows is not None:
        raise TypeError("rows is the number of rows of a function's blocks; others are known")
    if isinstance(source, Iterator):
        raise TypeError(
            "an iterator can be read once only: give the function that makes it, without ()"
        )
    found, chosen, iterate = _blocks(source, target, columns, weight, kept)
    names = None if chosen is None else chosen.X
    if iterate is not None:
        return Stream(None, kept, names, target is not None, None, iterate)
    total = sum(block.n for block in found)
    if not total:
        raise ValueError("the source of the stream has no rows")
    return Stream(total, kept, names, target is not None, tuple(found), None)


_Found = tuple[list[Block], tables.Columns | None, Callable[[], Iterator[Piece]] | None]


def _blocks(source: Any, target: Any, columns: Any, weight: Any, buffer: int | None) -> _Found:
    """Return the blocks of a source, the columns of a table, and how to iterate over CSV files."""
    if isinstance(source, str | os.PathLike):
        return _of_files(_expanded(source), target, columns, weight, buffer)
    if isinstance(source, list | tuple) and all(isinstance(s, str | os.PathLike) for s in source):
        paths = [path for one in source for path in _expanded(one)]
        return _of_files(paths, target, columns, weight, buffer)
    if hasattr(source, "get_fragments"):
        return *tables.of_dataset(source, columns, target, weight), None
    if hasattr(source, "column_names") and hasattr(source, "slice"):
        return *tables.of_table(source, columns, target, weight, 1 << 13), None
    if columns is not None:
        raise TypeError("columns are those of tables and files; of an array take X[:, columns]")
    several = isinstance(source, list | tuple) and all(hasattr(s, "shape") for s in source)
    if not several and not hasattr(source, "shape"):
        raise TypeError(
            "source must be arrays, paths, an Arrow table or dataset, or a function that returns "
            f"an iterator, got {type(source).__name__}"
        )
    parts = list(source) if several else [source]
    ys, ws = _listed("target", target, parts, several), _listed("weight", weight, parts, several)
    found: list[Block] = []
    for i, (X, y, w) in enumerate(zip(parts, ys, ws, strict=True)):
        found += of_arrays(X, y, w, _rows_each(X, buffer), f"array {i}" if several else "the array")
    return found, None, None


def _listed(name: str, given: Any, parts: list[Any], several: bool) -> list[Any]:
    """Return a target or weight for each array."""
    if given is None:
        return [None] * len(parts)
    if isinstance(given, str):
        raise TypeError(f"{name} of an array is an array, got the name {given!r}")
    if not several:
        return [given if hasattr(given, "shape") else np.asarray(given)]
    if not isinstance(given, list | tuple) or len(given) != len(parts):
        raise ValueError(f"{name} must be a list of {len(parts)} arrays, as the source is")
    return [one if hasattr(one, "shape") else np.asarray(one) for one in given]


def _rows_each(X: Any, buffer: int | None) -> int:
    """Return the rows of a block of an array."""
    if len(X.shape) != 2:
        raise ValueError(f"X must have shape (n, n_in); its shape is {tuple(X.shape)}")
    row_bytes: int = X.shape[1] * X.dtype.itemsize
    rows = _BLOCK_BYTES // max(1, row_bytes)
    return max(1, rows if buffer is None else min(rows, buffer // _BLOCKS_A_BUFFER))


def _expanded(path: Any) -> list[str]:
    """Return the files that a path with wildcards names, in the order of their names."""
    text = os.fspath(path)
    if os.path.exists(text) or not glob.has_magic(text):
        return [text]
    found = sorted(glob.glob(text, recursive=True))
    if not found:
        raise FileNotFoundError(f"no file is like {text}")
    return found


def _of_files(
    paths: list[str], target: Any, columns: Any, weight: Any, buffer: int | None
) -> _Found:
    kinds = {os.path.splitext(path)[1].lower() for path in paths}
    if len(kinds) != 1:
        raise ValueError(f"the files must be of one kind, got {', '.join(sorted(kinds)) or 'none'}")
    (kind,) = kinds
    if kind == ".npy":
        return _of_npy(paths, target, columns, weight, buffer), None, None
    if kind in _HDF5:
        found = [
            block for path in paths for block in _of_hdf5(path, target, columns, weight, buffer)
        ]
        return found, None, None
    if kind in (".parquet", ".pq"):
        found, chosen = tables.of_parquet(paths[0], columns, target, weight)
        for path in paths[1:]:
            found += tables.of_parquet(path, chosen.X, target, weight)[0]
        return found, chosen, None
    if kind == ".csv":
        iterate, chosen = tables.of_csv(paths, columns, target, weight)
        return [], chosen, iterate
    raise ValueError(f"streams read .npy, .parquet, .csv, .h5 and .hdf5, not {kind or paths[0]!r}")


def _of_npy(
    paths: list[str], target: Any, columns: Any, weight: Any, buffer: int | None
) -> list[Block]:
    if columns is not None:
        raise TypeError("columns are those of tables; an .npy file has none")

    def opened(given: Any) -> list[Any]:
        if isinstance(given, str | os.PathLike):
            given = _expanded(given)
        elif given is not None and hasattr(given, "shape"):
            given = [given]
        if given is None:
            return [None] * len(paths)
        if len(given) != len(paths):
            raise ValueError(f"there are {len(paths)} files of X and {len(given)} of y or weight")
        return [one if hasattr(one, "shape") else StoredArray(os.fspath(one)) for one in given]

    found: list[Block] = []
    for path, y, w in zip(paths, opened(target), opened(weight), strict=True):
        X = StoredArray(path)
        found += of_arrays(X, y, w, _rows_each(X, buffer), path)
    return found


def _of_hdf5(path: str, target: Any, columns: Any, weight: Any, buffer: int | None) -> list[Block]:
    try:
        import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise ImportError(
            "streams of HDF5 files need h5py: pip install h5py", name="h5py"
        ) from None
    if not isinstance(columns, str):
        raise TypeError("columns must be the name of the data set that is X, in an HDF5 file")
    file, opened = Unchanged.now(path), h5py.File(path, "r")

    def dataset(name: Any) -> Any:
        if name is None:
            return None
        if name not in opened:
            raise ValueError(f"{path} lacks the data set {name!r}; it has {', '.join(opened)}")
        return opened[name]

    X = dataset(columns)
    return of_arrays(X, dataset(target), dataset(weight), _rows_each(X, buffer), path, file)
