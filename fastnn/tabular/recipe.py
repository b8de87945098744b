"""Length of a training on a table, and the number of its networks, by the rows and the width."""

from __future__ import annotations

import math
from dataclasses import dataclass

NETWORKS = 5
HIDDEN = (64, 32)
DROPOUT = 0.1
# Training rows up to which cross-validation chooses the number of epochs; of more rows a part is
# held out for early stopping.
FEWEST_FOR_FOLDS, MOST_FOR_FOLDS = 20, 2_000
_MOST_STEPS, _LEAST_EPOCHS = 60_000, 20
_OPERATIONS = 3e11  # of floating point: a minute of a slow processor
_PATIENCE_STEPS, _PATIENCE_EPOCHS = 3_000, 20


@dataclass(frozen=True)
class Length:
    """Epochs at most, and what may end them earlier.

    Attributes
    ----------
    epochs : int
        0 if cross-validation is to choose them.
    validation_fraction : float
        Of the training rows, held out for early stopping.
    patience : int or None
        Epochs without a better validation loss.
    """

    epochs: int
    validation_fraction: float = 0.0
    patience: int | None = None


def networks(n: int, batch_size: int, n_params: int) -> int:
    """Return the number of networks: `NETWORKS`, or 1 where they have too little time."""
    steps = math.ceil(0.9 * n / batch_size)
    return NETWORKS if most_steps(batch_size, NETWORKS * n_params) >= _LEAST_EPOCHS * steps else 1


def length(n: int, batch_size: int, n_params: int) -> Length:
    """Return the length of a training on n rows; the parameters are those of all networks."""
    if n < FEWEST_FOR_FOLDS:
        return Length(default_epochs(n))
    if n <= MOST_FOR_FOLDS:
        return Length(0)
    steps = math.ceil(0.9 * n / batch_size)
    most = min(_MOST_STEPS, most_steps(batch_size, n_params))
    return Length(
        min(max(_LEAST_EPOCHS, math.ceil(_MOST_STEPS / steps)), max(1, math.ceil(most / steps))),
        0.1,
        max(_PATIENCE_EPOCHS, math.ceil(_PATIENCE_STEPS / steps)),
    )


def most_steps(batch_size: int, n_params: int) -> int:
    """Return the steps of about a minute: of a count of operations, as a clock would be chance."""
    return max(1, int(_OPERATIONS / (6 * n_params * batch_size)))


def default_epochs(n: int) -> int:
    """Return the epochs where nothing chooses them: about 100,000 examples in all."""
    return min(300, max(10, math.ceil(100_000 / n)))
