"""Examples from ``--data``: loading, choice of the task, classes, and held-out rows.

All of it is deterministic: another command finds the same split from the recipe in the model file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arrays, cells, datasets
from ..columns import Columns
from ..datasets import tables
from ..ensemble import Ensemble
from ..mlp import MLP
from .leaks import leaks
from .rows import ALIKE, NO_ROLES, Roles, Rows, held_out

Array = NDArray[Any]
Part = tuple[Array, Array]  # X (n, n_in) and y (n,) or (n, n_out)
Held = Part | tuple[Array, Array, Array]  # and weights (n,), where the rows have some

_FEW = 20  # whole numbers with more distinct values than this are taken for quantities
_TEST, _VALIDATION = 0, 1  # the random streams of the two splits


@dataclass(frozen=True, eq=False)
class SplitData:
    """A data set, ready for a network.

    Attributes
    ----------
    data : Data
        The data as loaded.
    task : {"classify", "regress"}
    chosen : str
        Reason for the task if it was chosen automatically and the other is possible too; else "".
    labels : ndarray or None
        The different labels in order; None for regression.
    n_out : int
        Outputs of a network for it: one a class, or one a target.
    train, test : (X, y)
        `test` is None if there are no test examples.
    held_out : bool
        Whether the test examples were taken from the data's training examples.
    rows : Rows
        Weights, groups and times of the training examples.
    leaks : tuple of str
        A sentence for each column that alone predicts the target.
    """

    data: datasets.Data
    task: str
    chosen: str
    labels: Array | None
    n_out: int
    train: Part
    test: Part | None
    held_out: bool
    rows: Rows = ALIKE
    leaks: tuple[str, ...] = ()

    @property
    def classes(self) -> Array | None:
        """The labels for ``MLP.classes``: None if they are 0, 1, 2, …."""
        plain = self.labels is None or np.array_equal(self.labels, np.arange(len(self.labels)))
        return None if plain else self.labels


def load(spec: str, target: tables.Target, test: str | None = None) -> datasets.Data:
    """Load a data set, with test examples of another file if it is a table.

    Pictures stored as whole numbers 0 to 255 become bytes.
    """
    data = datasets.load_data(spec, target=target, raw=True)
    if test is not None:
        return _with_test(data, spec, test)
    if data.image_shape is None:
        return data
    (X, y), held = data.train, data.test
    if held is not None:
        held = (as_bytes(held[0]), held[1])
    names = (data.image_shape, data.feature_names, data.target_name)
    return datasets.Data(data.name, (as_bytes(X), y), held, *names)


def _with_test(data: datasets.Data, spec: str, path: str) -> datasets.Data:
    raw = data.raw
    if raw is None:
        raise ValueError(f"--test is for tables with columns; {spec} is none")
    other = tables.load_raw(path, target=raw.targets)
    missing = [name for name in raw.frame.columns if name not in other.frame.columns]
    if missing:
        raise ValueError(f"{path} has no column {missing[0]!r}, which {spec} has")
    notes = (*raw.notes, *(f"{path}: {note}" for note in other.notes))
    test: Any = other.frame[list(raw.frame.columns)], other.y
    return replace(data, test=test, raw=replace(raw, notes=notes))


def as_bytes(X: Array) -> Array:
    """Return pixels 0 to 255 of any type as uint8; other values unchanged."""
    if X.dtype == np.uint8 or X.size == 0 or not (X.min() >= 0 and 1 < X.max() <= 255):
        return X
    return X.astype(np.uint8) if np.array_equal(X, np.rint(X)) else X


def columns_of(net: MLP | Ensemble) -> Columns | None:
    """Return the preparation of raw cells in a model; None if it reads numbers as they are."""
    facts = net.metadata.get("columns")
    return None if facts is None else Columns.from_dict(facts)


def in_order(net: MLP, rows: Any, names: tuple[str, ...] | None, where: str) -> Array:
    """Return the inputs of the model for rows: an array, or a frame of raw cells.

    Raises ValueError if the columns differ. A model of file version 1 reads bytes as fractions of
    255: whole numbers become bytes if it was trained on bytes, and numbers if it was not.
    """
    columns = columns_of(net)
    if columns is not None:
        if isinstance(rows, np.ndarray):
            raise ValueError(f"{where} holds an array; this model reads a table with named columns")
        return columns.transform(rows, names is not None, where)
    is_array = isinstance(rows, np.ndarray)
    X: Array = rows if is_array else tables.rows_as_numbers(where, rows)
    order = arrays.column_order(where, names, net.feature_names)
    X = X if order is None else X[:, order]
    if net._old_bytes is None:
        return X
    if net.metadata.get("bytes") or net.metadata.get("image_shape"):
        whole = X.size > 0 and X.min() >= 0 and X.max() <= 255 and np.array_equal(X, np.rint(X))
        return X.astype(np.uint8) if whole else X
    return X.astype(np.float32) if net.input_scale is not None and X.dtype == np.uint8 else X


def prepare(
    data: datasets.Data, task: str, test_fraction: float, seed: int, roles: Roles = NO_ROLES
) -> SplitData:
    """Choose the task, and hold out test examples if the data has none.

    Parameters
    ----------
    task : {"auto", "classify", "regress"}
    test_fraction : float
        Of the examples, 0 for no test; not used where the data has its own test examples.
    roles : Roles
        Columns of weights, groups and times.

    Raises
    ------
    ValueError
        If the targets do not suit the task, or there are too few examples.
    """
    (X, y), test = data.train, data.test
    y_test = None if test is None else test[1]
    if task != "regress" and _is_one_hot(y):
        y = y.argmax(axis=1)
        y_test = None if y_test is None else y_test.argmax(axis=1)
    everything = y if y_test is None else np.concatenate([y, y_test])
    chosen = ""
    if task == "auto":
        task, chosen = _guess(everything, data)
    labels = None
    if task == "classify":
        labels = _labels(everything, data)
        n_out = len(labels)
    else:
        n_out = 1 if y.ndim == 1 else y.shape[1]
        y = _numbers(y, data)
        y_test = None if y_test is None else _numbers(y_test, data)
    rows = roles.rows(data.raw)
    if test is not None and y_test is not None:
        return SplitData(data, task, chosen, labels, n_out, (X, y), (test[0], y_test), False, rows)
    out = _mask(y, test_fraction, seed, _TEST, task, rows)
    train, held = _parted((X, y), out)
    return SplitData(
        data, task, chosen, labels, n_out, train, held, held is not None, rows.take(~out)
    )


def learn_columns(
    ready: SplitData,
    drop: Mapping[str, str],
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
) -> tuple[SplitData, Columns | None]:
    """Turn the frames of a split into numbers, as its training rows suggest.

    `drop` has the reason for each column that is left out whatever it holds.
    The columns are None if the data is an array, or a frame of numbers that need nothing.
    """
    raw = ready.data.raw
    if raw is None:
        if drop or categorical or numeric:
            raise ValueError("--drop, --categorical and --numeric are for tables with columns")
        return ready, None
    columns = Columns.learn(
        ready.train[0],
        target=raw.target,
        headed=raw.headed,
        drop=drop,
        categorical=categorical,
        numeric=numeric,
    )
    numbers = all(kind.kind in "iuf" for kind in raw.frame.dtypes)
    whole = numbers and bool(np.isfinite(raw.frame.to_numpy(np.float64)).all())
    plain = columns.plain and whole

    def turned(part: Part) -> Part:
        cells: Any = part[0]
        X = cells.to_numpy(np.float64) if plain else columns.transform(cells, raw.headed)
        return X, part[1]

    test = None if ready.test is None else turned(ready.test)
    frame: Any = ready.train[0]
    found = leaks(frame, ready.train[1], columns, ready.task)
    ready = replace(ready, train=turned(ready.train), test=test, leaks=found)
    return ready, None if plain else columns


def standardize(net: MLP, columns: Columns | None, X: Array, y: Array | None) -> None:
    """Standardize what are quantities; units of 0 and 1 stay."""
    net.standardize(X, y)
    if columns is not None and net.input_shift is not None and net.input_scale is not None:
        net.input_shift = np.where(columns.scaled, net.input_shift, 0.0)
        net.input_scale = np.where(columns.scaled, net.input_scale, 1.0)


def held_out_rows(ready: SplitData, fraction: float, seed: int) -> Array:
    """Return a mask of the training rows that are held out for validation."""
    return _mask(ready.train[1], fraction, seed, _VALIDATION, ready.task, ready.rows)


def part_of(part: Part, rows: Rows, chosen: Array) -> Held:
    """Return some examples, with their weights if the rows have some."""
    X, y = part
    if rows.weights is None:
        return X[chosen], y[chosen]
    return X[chosen], y[chosen], rows.weights[chosen]


def hold_out(ready: SplitData, fraction: float, seed: int) -> tuple[Part, Held | None, Rows]:
    """Return the rest for training, the held-out validation examples, and facts of the rest."""
    out = held_out_rows(ready, fraction, seed)
    if not out.any():
        return ready.train, None, ready.rows
    X, y = ready.train
    return (X[~out], y[~out]), part_of(ready.train, ready.rows, out), ready.rows.take(~out)


def split(
    part: Part, fraction: float, seed: int, stream: int, task: str
) -> tuple[Part, Part | None]:
    """Split off a random fraction of the examples, stratified by class if there are classes."""
    return _parted(part, _mask(part[1], fraction, seed, stream, task, ALIKE))


def _mask(y: Array, fraction: float, seed: int, stream: int, task: str, rows: Rows) -> Array:
    if fraction == 0:
        return np.zeros(len(y), dtype=bool)
    return held_out(y, fraction, np.random.default_rng([seed, stream]), task, rows)


def _parted(part: Part, out: Array) -> tuple[Part, Part | None]:
    X, y = part
    return (part, None) if not out.any() else ((X[~out], y[~out]), (X[out], y[out]))


def fingerprint(data: datasets.Data) -> str:
    """Return a fingerprint of the data in eight letters: a checksum of some 1,000 rows."""
    crc = 0
    for array in (*data.train, *(data.test or ())):
        some = array[:: max(1, len(array) // 1024)]
        if not isinstance(array, np.ndarray):  # a frame
            some = _cells_or_numbers(some)
        crc = zlib.crc32(f"{array.shape} {some.dtype.kind}".encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(some).tobytes(), crc)
    return f"{crc:08x}"


def _cells_or_numbers(frame: Any) -> Array:
    """Return a frame's cells as float64 if all are numbers, else as text."""
    if all(dtype.kind in "biuf" for dtype in frame.dtypes):
        return np.asarray(frame.to_numpy(np.float64))
    return np.array([[str(cell) for cell in row] for row in frame.to_numpy(object)])


def shareable(spec: str) -> str:
    """Return the data's name for a model file, without the user's folders."""
    path = Path(spec)
    return path.name if path.is_absolute() or spec.startswith("~") else spec


def _is_one_hot(y: Array) -> bool:
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _target(data: datasets.Data) -> str:
    return "the target" if data.target_name is None else f"the target {data.target_name!r}"


def _guess(y: Array, data: datasets.Data) -> tuple[str, str]:
    """Return the task, and a hint if the other one is possible too."""
    if y.ndim == 2 or y.dtype.kind not in "biuUS":
        return "regress", ""
    if y.dtype.kind in "US" or data.image_shape is not None:
        return "classify", ""
    values = len(np.unique(y))
    if values <= _FEW and 2 * values <= len(y):
        return "classify", "whole numbers; --task regress predicts them as quantities"
    return "regress", f"{values:,} different whole numbers; --task classify takes them for classes"


def _labels(y: Array, data: datasets.Data) -> Array:
    if y.ndim == 2:
        raise ValueError(f"{_target(data)} has {y.shape[1]} columns; classes need one label a row")
    labels = np.unique(y)
    if len(labels) < 2:
        raise ValueError(f"{_target(data)} is always {labels[0].item()!r}: there is one class only")
    if 2 * len(labels) > max(len(y), 8):
        raise ValueError(
            f"{_target(data)} has {len(labels)} different values in {len(y)} rows: "
            "too many to be classes (is another column the target?)"
        )
    return labels


def _numbers(y: Array, data: datasets.Data) -> Array:
    if y.dtype.kind not in "biuf":
        word = next((item for item in y.flat if not cells.is_figure(item)), y.flat[0])
        raise ValueError(f"{_target(data)} is text ({str(word)!r}); regression needs numbers")
    return y.astype(np.float64)
