"""Columns with a part in the training instead of the features, and the rows that are held out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..columns import is_day_first, moments_of, numbers_of, texts_of
from ..datasets.tables import RawTable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """Facts about the rows of a table that are no features.

    Attributes
    ----------
    weights : ndarray (n,) or None
        How much each row counts in the training.
    groups : ndarray (n,) or None
        The group of each row; a group is held out as a whole.
    times : ndarray (n,) or None
        The latest rows are held out.
    """

    weights: Array | None = None
    groups: Array | None = None
    times: Array | None = None

    def take(self, chosen: Array) -> Self:
        """Return the facts of some rows, given as a mask."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**{k: None if v is None else v[chosen] for k, v in parts.items()})


ALIKE = Rows()  # rows that count alike and are held out by chance


@dataclass(frozen=True)
class Roles:
    """Names of the columns of weights, groups and times."""

    weight: str | None = None
    group: str | None = None
    time: str | None = None

    def rows(self, raw: RawTable | None) -> Rows:
        """Return the facts of a table; raise ValueError if a cell of them is missing."""
        named = {k: v for k, v in (("weight", self.weight), ("group", self.group)) if v}
        if self.time:
            named["time"] = self.time
        if not named:
            return ALIKE
        if raw is None:
            raise ValueError(f"--{next(iter(named))} is for tables with columns")
        if self.group and self.time:
            raise ValueError("--group and --time cannot be combined: each says what is held out")
        for role, name in named.items():
            if name not in raw.frame.columns:
                raise ValueError(f"there is no column {name!r} for the {role} beside the target")
        weights = groups = times = None
        if self.weight:
            weights = _whole(numbers_of(raw.frame[self.weight])[0], self.weight, "weight")
            if (weights < 0).any() or not weights.any():
                row = int(np.argmin(weights))
                raise ValueError(
                    f"column {self.weight!r}, row {row + 1}: the weight is {weights[row]:g}; "
                    "expected 0 or more, and some above 0"
                )
        if self.group:
            texts = texts_of(raw.frame[self.group])
            missing = np.array([text is None for text in texts])
            _whole(np.where(missing, np.nan, 0.0), self.group, "group")
            groups = np.unique(texts.astype(str), return_inverse=True)[1]
        if self.time:
            cells = raw.frame[self.time]
            seconds = moments_of(cells, is_day_first(cells))
            if seconds is None:
                seconds = numbers_of(cells)[0]
            times = _whole(seconds, self.time, "date or number")
        return Rows(weights, groups, times)

    @property
    def left_out(self) -> dict[str, str]:
        """The reasons for which columns are no features; times are features, too."""
        reasons = {self.weight: "it weights the rows", self.group: "it groups the rows"}
        return {name: reason for name, reason in reasons.items() if name}


NO_ROLES = Roles()


def _whole(values: Array, name: str, expected: str) -> Array:
    if np.isnan(values).any():
        row = int(np.argmax(np.isnan(values)))
        raise ValueError(f"column {name!r}, row {row + 1}: expected a {expected}")
    return values


def held_out(y: Array, fraction: float, rng: np.random.Generator, task: str, rows: Rows) -> Array:
    """Return a mask of the rows to hold out: random, by class if there are classes, or by `rows`.

    Groups are held out as wholes, until they are the fraction; of times, all rows from one moment.
    """
    n = len(y)
    out = np.zeros(n, dtype=bool)
    if rows.times is not None:
        moments = np.sort(rows.times)
        out = rows.times >= moments[min(n - round(fraction * n), n - 1)]
    elif rows.groups is not None:
        names, sizes = np.unique(rows.groups, return_counts=True)
        order = rng.permutation(len(names))
        enough = int(np.searchsorted(np.cumsum(sizes[order]), fraction * n)) + 1
        out = np.isin(rows.groups, names[order[: min(enough, len(names) - 1)]])
    else:
        parts = [np.flatnonzero(y == label) for label in np.unique(y)] if task == "classify" else []
        for part in parts or [np.arange(n)]:
            wanted = min(round(fraction * len(part)), len(part) - 1)  # one at least to learn from
            out[rng.permutation(part)[:wanted]] = True
    if not out.any() or out.all():
        raise ValueError(f"{n} examples are too few to hold out {fraction:g} of them")
    return out


def folds(y: Array, k: int, rng: np.random.Generator, task: str, rows: Rows) -> Array:
    """Return the fold of each row, 0 to k - 1: by class, whole groups, or stretches of time."""
    n = len(y)
    fold = np.empty(n, dtype=int)
    order = rng.permutation(n)
    if rows.groups is not None:
        names, sizes = np.unique(rows.groups, return_counts=True)
        filled, of_group = np.zeros(k), np.empty(len(names), dtype=int)
        for j in np.argsort(-sizes, kind="stable"):  # each to the smallest fold
            of_group[j] = np.argmin(filled)
            filled[of_group[j]] += sizes[j]
        return of_group[np.searchsorted(names, rows.groups)]
    if rows.times is not None:
        fold[np.argsort(rows.times, kind="stable")] = np.arange(n) * k // n
        return fold
    if task == "classify":
        order = order[np.argsort(y[order], kind="stable")]
    fold[order] = np.arange(n) % k
    return fold
