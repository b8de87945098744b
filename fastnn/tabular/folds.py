"""Cross-validation, which chooses the number of epochs for a small table.

Holding out a tenth of 200 rows costs accuracy, and 20 rows are too few to judge a network. So each
fifth of the training rows is held out once, five networks are trained without it, and the mean of
the five validation losses is least after some number of steps. The network itself is then trained
on all rows for as many steps. For classes the accuracy is best some time after the loss has begun
to rise: there the criterion is the accuracy, smoothed over a tenth of the epochs, as it changes in
steps of one row; with class weights, which change the goal, it is the loss.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..callbacks import EarlyStopping
from ..mlp import MLP
from . import recipe
from .rows import ALIKE, Rows, folds

if TYPE_CHECKING:
    from ..optim import Optimizer
    from ..targets import ClassWeight
    from .task_data import Array, Held, Part

FOLDS = 5
_MOST_STEPS, _LEAST_EPOCHS = 10_000, 20
_MOST_EPOCHS = 2_500
_PATIENCE_STEPS, _PATIENCE_EPOCHS = 1_500, 10
# Times the patience, which watches the loss, where the accuracy decides; of fewer rows, the best of
# many accuracies is more often luck.
_LONGER, _ENOUGH = 3, 1_000
_STREAM = 2  # of random numbers; those of the test and validation examples are 0 and 1


@dataclass(frozen=True)
class Choice:
    """The chosen number of epochs for all rows, and its criterion."""

    epochs: int
    by: str  # "accuracy" or "loss"
    score: float  # mean over the folds, at that point
    seconds: float


def choose_epochs(
    net: MLP,
    part: Part,
    task: str,
    optimizer: Callable[[], Optimizer],
    *,
    batch_size: int,
    class_weight: ClassWeight | None,
    seed: int,
    rows: Rows = ALIKE,
) -> Choice:
    """Return the number of epochs with the best score of `FOLDS` copies on the held-out rows."""
    began = time.perf_counter()
    X, y = part
    fold = _folds(y, task, seed, rows)
    by = "accuracy" if task == "classify" and class_weight is None else "loss"
    curves = []
    epochs = most_epochs(len(y), batch_size, net.n_params)
    for k in range(FOLDS):
        out = fold == k
        steps = -(-int((~out).sum()) // batch_size)
        longer = by == "accuracy" and len(y) >= _ENOUGH
        patience = _PATIENCE_STEPS * (_LONGER if longer else 1)
        stopper = EarlyStopping(
            patience=max(_PATIENCE_EPOCHS, -(-patience // steps)), restore_best=False
        )
        held: Held = X[out], y[out]
        if rows.weights is not None:
            held = (*held, rows.weights[out])
        history = copy.deepcopy(net).fit(
            X[~out],
            y[~out],
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer(),
            validation_data=held,
            class_weight=class_weight,
            sample_weight=None if rows.weights is None else rows.weights[~out],
            callbacks=[stopper],
        )
        curves.append(history[f"val_{by}"])
    # Only up to the epoch that all five have reached: later, the mean would be over fewer.
    common = min(map(len, curves))
    mean = np.mean([curve[:common] for curve in curves], axis=0)
    if by == "accuracy":
        mean = _smooth(mean, max(1, common // 10))
    best = int(np.argmin(mean) if by == "loss" else np.argmax(mean))
    steps = (best + 1) * -(-round(len(y) * (1 - 1 / FOLDS)) // batch_size)
    epochs = max(1, round(steps / -(-len(y) // batch_size)))
    return Choice(epochs, by, float(mean[best]), time.perf_counter() - began)


def most_epochs(n: int, batch_size: int, n_params: int) -> int:
    """Return the epochs of each fold's network if nothing stops it."""
    most = min(_MOST_STEPS, recipe.most_steps(batch_size, n_params) // (FOLDS + 1))
    steps = -(-round(n * (1 - 1 / FOLDS)) // batch_size)
    return max(_LEAST_EPOCHS, min(_MOST_EPOCHS, -(-most // steps)))


def _smooth(curve: Array, width: int) -> Array:
    """Return the mean of `width` values around each; of fewer at the ends."""
    window = np.ones(width)
    counts = np.convolve(np.ones_like(curve), window, "same")
    means: Array = np.convolve(curve, window, "same") / counts
    return means


def _folds(y: Array, task: str, seed: int, rows: Rows = ALIKE) -> Array:
    """Return the fold of each row."""
    return folds(y, FOLDS, np.random.default_rng([seed, _STREAM]), task, rows)
