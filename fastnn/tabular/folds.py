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
from ..many import fit_many
from ..mlp import MLP
from . import recipe
from .rows import ALIKE, Rows, folds
from .task_data import part_of

if TYPE_CHECKING:
    from ..optim import Optimizer
    from ..targets import ClassWeight
    from .task_data import Array, Part

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
    outputs: Array  # (n, n_out): of each row, by the network that was trained without it


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
    networks: int = 1,
) -> Choice:
    """Return the number of epochs with the best score of `FOLDS` copies on the held-out rows.

    It is for so many `networks`, which are to share the time.
    """
    began = time.perf_counter()
    X, y = part
    fold = _folds(y, task, seed, rows)
    by = "accuracy" if task == "classify" and class_weight is None else "loss"
    longer = by == "accuracy" and len(y) >= _ENOUGH
    patience = _PATIENCE_STEPS * (_LONGER if longer else 1)
    counts = rows.weights if rows.weights is not None else np.ones(len(y))
    # Fewer groups than folds, or weights of 0, leave folds empty.
    outs = [out for k in range(FOLDS) if counts[out := fold == k].any() and counts[~out].any()]
    if len(outs) < 2:
        what = "one group" if rows.groups is not None else "one row"
        raise ValueError(
            f"cross-validation needs two parts that count, and the rows that do are of {what}: "
            "give the number of epochs"
        )
    nets, stoppers = [], []
    for out in outs:
        steps = -(-int((~out).sum()) // batch_size)
        stoppers.append(EarlyStopping(patience=max(_PATIENCE_EPOCHS, -(-patience // steps))))
        nets.append(copy.deepcopy(net))
    histories = fit_many(
        nets,
        X,
        y,
        epochs=most_epochs(len(y), batch_size, net.n_params, networks),
        batch_size=batch_size,
        optimizer=optimizer(),
        rows=[~out for out in outs],
        sample_weight=[weights_of(net, part, rows, ~out, class_weight) for out in outs],
        validation_data=[part_of(part, rows, out) for out in outs],
        early_stopping=stoppers,
    )
    curves = [history[f"val_{by}"] for history in histories]
    outputs = np.full((len(y), net.sizes[-1]), np.nan)
    for one, out in zip(nets, outs, strict=True):
        outputs[out] = one.predict(X[out])
    # Only up to the epoch that all five have reached: later, the mean would be over fewer.
    common = min(map(len, curves))
    mean = np.mean([curve[:common] for curve in curves], axis=0)
    if by == "accuracy":
        mean = _smooth(mean, max(1, common // 10))
    best = int(np.argmin(mean) if by == "loss" else np.argmax(mean))
    steps = (best + 1) * -(-round(len(y) * (1 - 1 / len(outs))) // batch_size)
    epochs = max(1, round(steps / -(-len(y) // batch_size)))
    return Choice(epochs, by, float(mean[best]), time.perf_counter() - began, outputs)


def most_epochs(n: int, batch_size: int, n_params: int, networks: int = 1) -> int:
    """Return the epochs of each fold's network if nothing stops it."""
    most = min(_MOST_STEPS, recipe.most_steps(batch_size, n_params) // (FOLDS + networks))
    steps = -(-round(n * (1 - 1 / FOLDS)) // batch_size)
    return max(_LEAST_EPOCHS, min(_MOST_EPOCHS, -(-most // steps)))


def weights_of(
    net: MLP, part: Part, rows: Rows, inside: Array, class_weight: ClassWeight | None
) -> Array | None:
    """Return the weights of all rows, with those that balance the classes of the rows `inside`."""
    if class_weight is None:
        return rows.weights
    X, y = part
    given = rows.take(inside).weights
    weights = np.zeros(len(y))
    weights[inside] = net._passes.examples(X[inside], y[inside], given, class_weight)[0].weight
    return weights


def _smooth(curve: Array, width: int) -> Array:
    """Return the mean of `width` values around each; of fewer at the ends."""
    window = np.ones(width)
    counts = np.convolve(np.ones_like(curve), window, "same")
    means: Array = np.convolve(curve, window, "same") / counts
    return means


def _folds(y: Array, task: str, seed: int, rows: Rows = ALIKE) -> Array:
    """Return the fold of each row."""
    return folds(y, FOLDS, np.random.default_rng([seed, _STREAM]), task, rows)
