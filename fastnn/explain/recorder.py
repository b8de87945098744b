"""Trainings, recorded as paths through the space of all weights and biases.

A training is run up to three times, each time with the same bits: first to measure its path and to
keep some of the points (`Recorder`), then, if not all points were kept, to project all of them on
the planes found from those (`Follower`), and last without recording, for its time (`Clock`).
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..callbacks import Callback, Run
from ..fit.training import DivergenceWarning
from ..mlp import MLP
from ..optim import Optimizer
from .directions import norm
from .view_data import ViewData

Array = NDArray[np.float64]

_FAR = 100  # times (1 + |start|): a path that is this far away has diverged


@dataclass(frozen=True, eq=False)
class Training:
    """A training that can be repeated bit for bit."""

    net: MLP
    examples: ViewData
    batch_size: int | None
    epochs: int
    optimizer: Optimizer
    seed: int

    @property
    def size(self) -> int:
        """Examples of a batch."""
        n = self.examples.n
        return n if self.batch_size is None else min(self.batch_size, n)

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches of an epoch."""
        return -(-self.examples.n // self.size)

    def train_recorded(self, most: int, show: bool) -> Recorder:
        """Train, and keep `most` points at most."""
        recorder = self.recorder(most)
        recorder.stopped = self._train(recorder, show)
        return recorder

    def recorder(self, most: int) -> Recorder:
        """Return a recorder of at most `most` points: all, or evenly spread pairs."""
        steps = self.epochs * self.steps_per_epoch
        return Recorder(1 if steps < most else max(3, -(-2 * steps // (most - 4))))

    def placed(self, directions: Array, centre: Array, last: int) -> Array:
        """Train again, and return the coordinates (p − centre)·d of every point p.

        Returns
        -------
        ndarray, shape (last + 1, n_directions)
        """
        follower = Follower(directions, centre, last)
        self._train(follower)
        return np.array(follower.coordinates)

    def seconds(self, last: int) -> Array:
        """Train again, and return the time at which each of `last` steps was done, (last + 1,).

        The time of each epoch is measured, since its steps are one call of the core, as in any
        `fit`. Within an epoch, times are interpolated.
        """
        clock = Clock(last)
        self._train(clock)
        return np.interp(np.arange(last + 1), clock.steps, clock.seconds)

    def _train(self, callback: Callback, show: bool = False) -> str | None:
        """Train a copy of the network; return the reason for an early end, if there was one."""
        net = copy.deepcopy(self.net)
        net.reset_optimizer()
        net._rng, net._dropout_seed = np.random.default_rng(self.seed), self.seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DivergenceWarning)  # `stopped` reports it
            history = net.fit(
                self.examples.X,
                self.examples.targets,
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=self.optimizer,
                callbacks=[callback],
                progress=show,
            )
        return history.stopped


class Recorder(Callback):
    """A callback that measures a path at every step and keeps some of its points.

    Attributes
    ----------
    points : list of ndarray, shape (n_params,)
        Parameters, in the network's dtype: those at the start, after each `every`-th step and the
        step that follows it, and at the end; all finite.
    kept : list of int
        The steps taken until then.
    steps : int
        Steps taken in all.
    start, end : ndarray, shape (n_params,)
    total : ndarray, shape (n_params,)
        Σ (p − start) over all points p, kept or not.
    squares : float
        Σ |p − start|² over all points.
    length : float
        Of all steps together.
    stopped : str or None
        Reason for an early end, if there was one.
    """

    def __init__(self, every: int) -> None:
        self.every: int = every
        self.points: list[NDArray[np.floating]] = []
        self.kept: list[int] = []
        self.steps: int = 0
        self.squares: float = 0.0
        self.length: float = 0.0
        self.stopped: str | None = None

    def on_fit_begin(self, run: Run) -> None:
        """Record the start."""
        self._dtype = run.net.params.dtype
        self.start: Array = run.net.params.astype(np.float64)
        self.end: Array = self.start
        self.total: Array = np.zeros_like(self.start)
        self._far = _FAR * (1 + norm(self.start))
        self._gone = False
        self._keep()

    def on_batch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Measure a step; keep the point if it is due."""
        if self._gone:
            return
        here = run.net.params.astype(np.float64)
        way = here - self.start
        with np.errstate(over="ignore", invalid="ignore"):
            far = norm(way)
        if not far <= self._far:  # NaN, too
            self._gone = True
            run.stop(f"the parameters ran away in step {run.step:,}")
            return
        self.length += norm(here - self.end)
        self.total += way
        self.squares += far**2
        self.end, self.steps = here, run.step
        if run.step % self.every in (0, 1 % self.every):
            self._keep()

    def on_fit_end(self, run: Run) -> None:
        """Record the end."""
        if self.kept[-1] != self.steps:
            self._keep()

    def _keep(self) -> None:
        self.points.append(self.end.astype(self._dtype))
        self.kept.append(self.steps)

    @property
    def all_kept(self) -> bool:
        """Whether `points` are the points after every step."""
        return len(self.kept) == self.steps + 1

    def single_steps(self) -> Array:
        """Return the differences of kept points that are one step apart."""
        kept = np.array(self.kept)
        first = np.flatnonzero(np.diff(kept) == 1)
        if not len(first):
            return np.zeros((1, len(self.start)))
        return np.array([self.points[i + 1].astype(np.float64) - self.points[i] for i in first])


class Follower(Callback):
    """A callback that projects the point after each step on directions, up to a last step."""

    def __init__(self, directions: Array, centre: Array, last: int) -> None:
        self._directions, self._centre, self._last = directions, centre, last
        self.coordinates: list[Array] = []

    def on_fit_begin(self, run: Run) -> None:
        """Project the start."""
        self._place(run)

    def on_batch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Project a point."""
        if run.step <= self._last:
            self._place(run)
        if run.step == self._last:
            run.stop("followed to the end")

    def _place(self, run: Run) -> None:
        here = run.net.params - self._centre
        # Without BLAS, which would wake its threads at each step.
        self.coordinates.append(np.einsum("di,i->d", self._directions, here))


class Clock(Callback):
    """A callback that records the time at the end of each epoch, up to that of a last step."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.steps: list[int] = [0]
        self.seconds: list[float] = [0.0]

    def on_fit_begin(self, run: Run) -> None:
        """Start."""
        self._began = time.perf_counter()

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Record the time."""
        self._note(run.step)
        if run.step >= self._last:
            run.stop("timed to the end")

    def on_fit_end(self, run: Run) -> None:
        """Record the time if the training ended within an epoch."""
        if self.steps[-1] < self._last:
            self._note(self._last)

    def _note(self, step: int) -> None:
        self.steps.append(step)
        self.seconds.append(time.perf_counter() - self._began)
