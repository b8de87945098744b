"""Settings of paths, given or chosen: batch sizes, epochs, plane and learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_count
from ..optim import SGD, Optimizer
from .directions import orthonormal
from .ground import GIVEN, NOISE, PRINCIPAL, Scale
from .recorder import Recorder, Training

Array = NDArray[np.float64]

_RATE = 0.5  # suits costs of about 1 on inputs of about 1
_TRIES = 10
_STEPS = 400  # of each path at least, by default


def sizes_of(batch_sizes: Any, n: int) -> list[int | None]:
    """Return the batch size of each path, None for all examples at once."""
    if batch_sizes is None:
        few = min(10, max(1, n // 4))
        return [None, *([100] if n >= 400 else []), *([few] if n > 1 else [])]
    if isinstance(batch_sizes, str) or not isinstance(batch_sizes, Sequence) or not batch_sizes:
        raise ValueError(
            f"batch_sizes must be a list such as [None, 100, 10], got {shorten(batch_sizes)}"
        )
    return [None if size is None else check_count("batch_sizes", size, 1) for size in batch_sizes]


def plane_of(plane: Any, n_params: int) -> tuple[Array | None, str]:
    """Return the directions that were given, or None, and the plane's name."""
    if not isinstance(plane, str):
        return orthonormal(plane, n_params), GIVEN
    if plane not in (PRINCIPAL, NOISE):
        raise ValueError(f'plane must be "principal", "noise" or two directions, got {plane!r}')
    return None, plane


def epochs_of(epochs: Any, sizes: Sequence[int | None], n: int) -> list[int]:
    """Return the epochs of each path."""
    if epochs is None:
        steps = [1 if size is None else -(-n // min(size, n)) for size in sizes]
        return [-(-_STEPS // each) for each in steps]
    if not isinstance(epochs, Sequence):
        return [check_count("epochs", epochs, 1)] * len(sizes)
    if len(epochs) != len(sizes):
        raise ValueError(f"epochs has {len(epochs)} values for {len(sizes)} batch sizes")
    return [check_count("epochs", count, 1) for count in epochs]


def at_a_rate_that_suits(
    train: Callable[[int, Optimizer], tuple[Training, Recorder]], order: Sequence[int], scale: Scale
) -> tuple[SGD, list[tuple[Training, Recorder]]]:
    """Return the first of the rates 0.5, 0.1, 0.02, … at which no path diverges, and the paths.

    Paths with small batches are tried first: they take the least time and diverge first.
    """
    for attempt in range(_TRIES):
        rule, made = SGD(_RATE / 5**attempt), dict[int, tuple[Training, Recorder]]()
        for i in order:
            made[i] = train(i, rule)
            if _lost(made[i][1], scale):
                break
        else:
            return rule, [made[i] for i in sorted(made)]
    rule = SGD(_RATE / 5**_TRIES)  # the last try is kept even if a path diverges
    return rule, [train(i, rule) for i in sorted(order)]


def _lost(path: Recorder, scale: Scale) -> bool:
    """Return whether the learning rate was too large for a path."""
    return path.stopped is not None or not scale.cost(path.end) <= scale.cost(path.start)
