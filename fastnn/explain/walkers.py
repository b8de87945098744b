"""One training, recorded as a path through the space of all weights and biases."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fastnn.callbacks import Callback, Run
from fastnn.mlp import MLP
from fastnn.optim import Optimizer
from fastnn.training import DivergenceWarning

from .examples import Examples
from .plane import norm

Array = NDArray[np.float64]

_FAR = 100  # times (1 + |start|): a walker that is so far away has lost the way


class Recorder(Callback):
    """Keeps the parameters after some of the steps, and measures the way and the time of all.

    Attributes
    ----------
    points : list of ndarray, shape (n_params,)
        The parameters at the start, after every `every`-th step, and at the end; all finite.
    steps, seconds : list
        Steps taken until then, and the time that they took.
    length : float
        Of all steps together.
    stopped : str or None
        Why the training ended early, if it did.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self.points: list[Array] = []
        self.steps: list[int] = []
        self.seconds: list[float] = []
        self.length: float = 0.0
        self.stopped: str | None = None

    def on_fit_begin(self, run: Run) -> None:
        """Record the start."""
        self._spent = 0.0
        self._last = run.net.params.astype(np.float64)
        self._far = _FAR * (1 + norm(self._last))
        self._gone = False
        self._keep(0)
        self._since = time.perf_counter()

    def on_batch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Measure a step, with the clock stopped meanwhile."""
        self._spent += time.perf_counter() - self._since
        if not self._gone:
            self._look(run)
        self._since = time.perf_counter()

    def _look(self, run: Run) -> None:
        here = run.net.params.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            near = norm(here - self.points[0]) <= self._far  # False of NaN, too
        if not near:
            self._gone = True
            run.stop(f"the parameters ran away in step {run.step:,}")
            return
        self.length += norm(here - self._last)
        self._last, self._step = here, run.step
        if run.step % self._every == 0:
            self._keep(run.step)

    def on_fit_end(self, run: Run) -> None:
        """Record the end."""
        if self.steps[-1] != self._step:
            self._keep(self._step)

    def _keep(self, step: int) -> None:
        self._step = step
        self.points.append(self._last)
        self.steps.append(step)
        self.seconds.append(self._spent)


def walk(
    net: MLP,
    examples: Examples,
    batch_size: int | None,
    epochs: int,
    optimizer: Optimizer,
    seed: int,
    most: int,
    show: bool,
) -> Recorder:
    """Train a copy of the network and return its record."""
    walker = copy.deepcopy(net)
    walker.reset_optimizer()
    walker._rng, walker._dropout_seed = np.random.default_rng(seed), seed
    size = examples.n if batch_size is None else min(batch_size, examples.n)
    steps = epochs * -(-examples.n // size)
    recorder = Recorder(-(-steps // most))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # the record says it
        history = walker.fit(
            examples.X,
            examples.goals,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            callbacks=[recorder],
            progress=show,
        )
    recorder.stopped = history.stopped
    return recorder
