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

if TYPE_CHECKING:
    from ..optim import Optimizer
    from ..targets import ClassWeight
    from .task_data import Array, Part

FOLDS = 5
_MOST_STEPS, _LEAST_EPOCHS = 10_000, 20
_PATIENCE_STEPS, _PATIENCE_EPOCHS = 1_500, 10
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
) -> Choice:
    """Return the number of epochs with the best score of `FOLDS` copies on the held-out rows."""
    began = time.perf_counter()
    X, y = part
    fold = _folds(y, task, seed)
    by = "accuracy" if task == "classify" and class_weight is None else "loss"
    curves = []
    for k in range(FOLDS):
        out = fold == k
        steps = -(-int((~out).sum()) // batch_size)
        stopper = EarlyStopping(
            patience=max(_PATIENCE_EPOCHS, -(-_PATIENCE_STEPS // steps)), restore_best=False
        )
        history = copy.deepcopy(net).fit(
            X[~out],
            y[~out],
            epochs=max(_LEAST_EPOCHS, -(-_MOST_STEPS // steps)),
            batch_size=batch_size,
            optimizer=optimizer(),
            validation_data=(X[out], y[out]),
            class_weight=class_weight,
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


def _smooth(curve: Array, width: int) -> Array:
    """Return the mean of `width` values around each; of fewer at the ends."""
    window = np.ones(width)
    counts = np.convolve(np.ones_like(curve), window, "same")
    means: Array = np.convolve(curve, window, "same") / counts
    return means


def _folds(y: Array, task: str, seed: int) -> Array:
    """Return the fold of each row, stratified by class if there are classes."""
    order = np.random.default_rng([seed, _STREAM]).permutation(len(y))
    if task == "classify":
        order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=int)
    fold[order] = np.arange(len(y)) % FOLDS
    return fold
