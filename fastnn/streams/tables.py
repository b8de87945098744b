"""Blocks of tables: row groups of Parquet files, pieces of CSV files, Arrow tables and datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import Block, Empty, Piece, Unchanged, checked

_ROWS_AT_ONCE = 1 << 12  # that columns are turned into rows, in the processor's cache


def arrow(module: str) -> Any:
    """Return a module of pyarrow, or say how to install it."""
    try:
        return import_module(f"pyarrow.{module}")
    except ImportError:
        raise ImportError(
            "streams of Parquet and CSV files need pyarrow: pip install 'fastnn-mlp[tables]'",
            name="pyarrow",
        ) from None


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are X, the target and the weight."""

    X: tuple[str, ...]
    target: tuple[str, ...]
    weight: str | None

    @classmethod
    def chosen(
        cls, names: Sequence[str], columns: Any, target: Any, weight: str | None, place: str
    ) -> Columns:
        """Return the columns asked for; X has all the others where none are named."""
        targets = () if target is None else (target,) if isinstance(target, str) else tuple(target)
        used = {*targets, weight}
        X = tuple(columns) if columns is not None else tuple(c for c in names if c not in used)
        chosen = cls(X, targets, weight)
        chosen.check(names, place)
        return chosen

    def check(self, names: Sequence[str], place: str) -> None:
        """Refuse a table that lacks a column."""
        missing = [name for name in self.needed(True) if name not in names]
        if missing:
            raise ValueError(f"{place} lacks the column {missing[0]!r}; it has {', '.join(names)}")

    def needed(self, with_X: bool) -> list[str]:
        """Return the names of the columns to read."""
        return [
            *(self.X if with_X else ()),
            *self.target,
            *([] if self.weight is None else [self.weight]),
        ]

    def parts(
        self, table: Any, with_X: bool, place: str, empty: Empty = np.empty
    ) -> tuple[Any, Any, Any]:
        """Return X, y and weight of a table or record batch."""
        x = _matrix(table, self.X, place, empty) if with_X else None
        y = None
        if len(self.target) == 1:
            y = _column(table, self.target[0])
        elif self.target:
            y = _matrix(table, self.target, place)
        return x, y, None if self.weight is None else _column(table, self.weight)


def _column(table: Any, name: str) -> NDArray[Any]:
    column, types = table.column(name), arrow("types")
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    number = types.is_integer(column.type) or types.is_floating(column.type)
    if number and len(chunks) == 1 and not column.null_count:
        return np.from_dlpack(chunks[0])  # to_numpy() would import pandas, for a second
    values: NDArray[Any] = (
        column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    )
    return values


def _matrix(table: Any, names: Sequence[str], place: str, empty: Empty = np.empty) -> NDArray[Any]:
    """Return columns of numbers as (n, d): float32 if all are, or are small, else float64."""
    columns = [_column(table, name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if column.dtype.kind not in "biuf":
            raise TypeError(
                f"the column {name!r} of {place} holds {table.column(name).type}, not numbers"
            )
    small = all(
        column.dtype.itemsize <= (4 if column.dtype.kind == "f" else 2) for column in columns
    )
    if all(column.dtype == np.uint8 for column in columns):
        kind: Any = np.uint8
    else:
        kind = np.float32 if small else np.float64
    made = empty((table.num_rows, len(columns)), kind)
    for begin in range(0, len(made), _ROWS_AT_ONCE):
        rows = slice(begin, begin + _ROWS_AT_ONCE)
        made[rows] = np.array([column[rows] for column in columns], kind).T
    return made


def of_parquet(
    path: str, columns: Any, target: Any, weight: str | None
) -> tuple[list[Block], Columns]:
    """Return a block for each row group of a file."""
    parquet = arrow("parquet")
    file = Unchanged.now(path)
    with parquet.ParquetFile(path) as opened:
        facts, names = opened.metadata, opened.schema_arrow.names
        sizes = [facts.row_group(i).num_rows for i in range(facts.num_row_groups)]
    chosen = Columns.chosen(names, columns, target, weight, path)

    def block(i: int, n: int) -> Block:
        place = f"{path}, row group {i}"

        def read(with_X: bool, empty: Empty) -> tuple[Any, Any, Any]:
            file.check()
            with parquet.ParquetFile(path, metadata=facts) as opened:
                table = opened.read_row_group(i, chosen.needed(with_X), use_threads=False)
            return chosen.parts(table, with_X, place, empty)

        return Block(n, place, read)

    return [block(i, n) for i, n in enumerate(sizes) if n], chosen


def of_table(
    table: Any, columns: Any, target: Any, weight: str | None, rows_each: int
) -> tuple[list[Block], Columns]:
    """Return blocks of a table in memory."""
    chosen = Columns.chosen(table.column_names, columns, target, weight, "the table")

    def block(begin: int) -> Block:
        place = f"the table, block {begin // rows_each} (from row {begin})"
        part = table.slice(begin, rows_each)

        def read(with_X: bool, empty: Empty) -> tuple[Any, Any, Any]:
            return chosen.parts(part, with_X, place, empty)

        return Block(part.num_rows, place, read)

    return [block(begin) for begin in range(0, table.num_rows, rows_each)], chosen


def of_dataset(
    dataset: Any, columns: Any, target: Any, weight: str | None
) -> tuple[list[Block], Columns]:
    """Return a block for each fragment of a dataset, of Parquet for each row group."""
    chosen = Columns.chosen(dataset.schema.names, columns, target, weight, "the dataset")
    fragments: list[Any] = []
    for whole in dataset.get_fragments():
        split = getattr(whole, "split_by_row_group", None)
        fragments += [whole] if split is None else split()

    def block(i: int, fragment: Any) -> Block:
        place = f"{fragment.path}, fragment {i}"

        def read(with_X: bool, empty: Empty) -> tuple[Any, Any, Any]:
            table = fragment.to_table(schema=dataset.schema, columns=chosen.needed(with_X))
            return chosen.parts(table, with_X, place, empty)

        groups = getattr(fragment, "row_groups", None)  # count_rows() counts those of the file
        n = fragment.count_rows() if groups is None else sum(group.num_rows for group in groups)
        return Block(n, place, read)

    made = [block(i, fragment) for i, fragment in enumerate(fragments)]
    return [one for one in made if one.n], chosen


def of_csv(
    paths: Sequence[str], columns: Any, target: Any, weight: str | None
) -> tuple[Any, Columns]:
    """Return a function that reads CSV files piece by piece, and their columns."""
    csv, types = arrow("csv"), arrow("types")
    with csv.open_csv(paths[0]) as reader:
        schema = reader.schema
    chosen = Columns.chosen(schema.names, columns, target, weight, paths[0])
    numbers = {
        name: "float64"
        for name in chosen.needed(True)
        if name in chosen.X or types.is_integer(schema.field(name).type)
    }
    options = csv.ConvertOptions(column_types=numbers, include_columns=chosen.needed(True))
    files = [Unchanged.now(path) for path in paths]

    def pieces() -> Iterator[Piece]:
        for file in files:
            file.check()
            number, place = 0, f"{file.path}, block 0"
            try:
                with csv.open_csv(file.path, convert_options=options) as reader:
                    for number, batch in enumerate(reader):
                        place = f"{file.path}, block {number}"
                        yield checked(chosen.parts(batch, True, place), place)
                        place = f"{file.path}, block {number + 1}"
            except arrow("lib").ArrowInvalid as error:
                raise ValueError(f"{place}: {error}") from None

    return pieces, chosen
