"""Columns that alone predict the target, which is seldom so when the target is not known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..columns import Column, Columns, category_codes, moments_of, numbers_of, texts_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

_FEWEST, _MOST = 50, 4_000  # rows for such a judgement
_RIGHT = 0.99  # accuracy, or R², from which one column is suspicious
_SHARE = 0.2  # of the majority's errors that it may make at most


def leaks(frame: pd.DataFrame, y: Array, columns: Columns, task: str) -> tuple[str, ...]:
    """Return a sentence for each column that alone predicts the target on held-out rows.

    Half of the rows teach, the others test: by the nearest number, or by the level of a category.
    Columns that were left out as row numbers or names are judged too.
    """
    if len(y) < _FEWEST or y.ndim > 1:
        return ()
    order = np.random.default_rng(0).permutation(len(y))[:_MOST]
    half = len(order) // 2
    learn, test = order[:half], order[half:]
    always = _score(y[test], _typical(y[learn], task), task)
    found = []
    for column in columns.columns:
        if not (column.used or column.kind == "id"):
            continue
        cells = _cells(column, frame[column.name])
        if cells is None:
            continue
        nearest = column.kind in ("number", "date", "id")
        answers = (_by_number if nearest else _by_level)(cells[learn], y[learn], cells[test], task)
        score = _score(y[test], answers, task)
        if score < _RIGHT or (task == "classify" and 1 - score > _SHARE * (1 - always)):
            continue
        told = f"{100 * score:.1f} % right" if task == "classify" else f"R2 {score:.3f}"
        if column.kind == "id":
            said = "is left out: the rows are in the order of the target"
        else:
            said = "is in use: if it is not known before the target is, leave it out with --drop"
        found.append(f"{column.name!r} alone predicts the target ({told}) and {said}")
    return tuple(found)


def _cells(column: Column, series: pd.Series[Any]) -> Array | None:
    """Return numbers, or the positions of levels; missing cells are a value of their own."""
    if column.kind in ("category", "boolean"):
        return category_codes(texts_of(series), column.levels)
    values = (
        moments_of(series, column.day_first)
        if column.kind == "date"
        else numbers_of(series, column.comma)[0]
    )
    if values is None or np.isnan(values).all():  # an id in words
        return None
    return np.where(np.isnan(values), np.nanmin(values) - 1.0, values)


def _by_number(known: Array, y: Array, new: Array, task: str) -> Array:
    """Return the target of the nearest row; for numbers between two rows their mean by distance."""
    order = np.argsort(known, kind="stable")
    known, y = known[order], y[order]
    right = np.clip(np.searchsorted(known, new), 1, len(known) - 1)
    below, above = np.abs(new - known[right - 1]), np.abs(known[right] - new)
    if task == "classify":
        return np.where(below <= above, y[right - 1], y[right])
    share = below / np.maximum(below + above, 1e-300)
    means: Array = y[right - 1] * (1 - share) + y[right] * share
    return means


def _by_level(known: Array, y: Array, new: Array, task: str) -> Array:
    answers = _typical(y, task)
    answers = np.repeat(answers, len(new))
    for level in np.unique(known):
        answers[new == level] = _typical(y[known == level], task)
    return answers


def _typical(y: Array, task: str) -> Array:
    """Return the most frequent class, or the mean, (1,)."""
    if task == "classify":
        labels, counts = np.unique(y, return_counts=True)
        return labels[[counts.argmax()]]
    return np.array([y.mean()])


def _score(y: Array, answers: Array, task: str) -> float:
    if task == "classify":
        return float(np.mean(y == answers))
    spread = np.var(y)
    return float(1 - np.mean((y - answers) ** 2) / spread) if spread else 0.0
