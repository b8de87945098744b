"""Training of a network in its own thread, whose pauses let other threads read the network.

Epochs are trained by `MLP.fit`, whose callback lets waiting readers in between two calls of the
core; single steps, and slow motion, by `MLP.train_batch` on a shuffled deck of all rows. To pause
ends the fit at a batch boundary, so that between two runs the network is an ordinary one.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..callbacks import Callback, Run
from ..checks import check_count, check_number
from ..explain.answers.subject import Subject
from ..fit.training import DivergenceWarning
from ..optim import FirstOrder, Optimizer

FULL = "full"
_NO_END = 1 << 30  # epochs
SCORES = ("loss", "accuracy", "val_loss", "val_accuracy")


class Turns:
    """A lock that is given in the order of asking: a training gets its turn among many readers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = self._serving = 0

    def __enter__(self) -> None:
        with self._changed:
            mine, self._next = self._next, self._next + 1
            self._changed.wait_for(lambda: self._serving == mine)

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._serving += 1
            self._changed.notify_all()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Let all who wait have their turn."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class _EndedError(Exception):
    """Raised to end a training at a batch boundary."""


class _AgainError(Exception):
    """Raised to end a fit that is to go on with other settings."""


@dataclass(frozen=True)
class Settings:
    """The settings of a training that may change while it runs.

    Attributes
    ----------
    optimizer : Optimizer
        With its learning rate.
    batch_size : int
    speed : float or None
        Steps a second; None is as fast as possible.
    """

    optimizer: Optimizer
    batch_size: int
    speed: float | None = None

    @property
    def lr(self) -> float | None:
        """The learning rate; None where there is none, or where it follows a schedule."""
        lr = getattr(self.optimizer, "lr", None)
        return lr if isinstance(lr, float) else None

    def rows(self, n: int) -> int:
        """Return the examples of a step, of n: all of them with an optimiser of second order."""
        return min(self.batch_size, n) if isinstance(self.optimizer, FirstOrder) else n

    def changed(self, lr: Any = None, batch_size: Any = None, speed: Any = None) -> Settings:
        """Return the settings with what is not None, checked."""
        new = self
        if lr is not None:
            if not isinstance(self.optimizer, FirstOrder):
                raise ValueError(f"{type(self.optimizer).__name__} has no learning rate")
            rate = check_number("lr", lr, "a number above 0", lambda value: value > 0)
            new = replace(new, optimizer=replace(self.optimizer, lr=rate))
        if batch_size is not None:
            new = replace(new, batch_size=check_count("batch_size", batch_size, 1))
        if speed is not None:
            steps = None
            if speed != FULL:
                expected = f'"{FULL}" or steps a second, a number above 0'
                steps = check_number("speed", speed, expected, lambda value: value > 0)
            new = replace(new, speed=steps)
        return new


class Trainer:
    """The training of a subject's network, and the numbers that a page follows it by.

    Parameters
    ----------
    subject : Subject
    settings : Settings

    Attributes
    ----------
    turns : Turns
        Whoever reads or changes the network has its turn.
    """

    def __init__(self, subject: Subject, settings: Settings) -> None:
        self.subject: Subject = subject
        self.settings: Settings = settings
        self.turns: Turns = Turns()
        self._moved = threading.Condition()  # where a newer frame is told of
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._version = self._record = 0
        self.running: bool = False
        self.forget()

    def forget(self) -> None:
        """Begin a new record: the network is another one. The caller has the turn."""
        self._record += 1
        self._epoch = self._step = self._examples = 0
        self._seconds = self._rate = 0.0
        self._history: dict[str, list[float]] = {}
        self._message: str | None = None
        self._deck = np.empty(0, np.int64)  # the rows of the epoch under way that are left
        self._sums = np.zeros(3)  # loss, accuracy and rows of the steps of that epoch
        self._rng = np.random.default_rng(self.subject.net._entropy)
        self.measure()

    def measure(self) -> None:
        """Compute the scores of the network as it is, and offer a new frame."""
        self._scores: dict[str, float] = {}
        subject = self.subject
        if subject.data is not None:
            self._scores |= subject.net.evaluate(*subject.training)
            self._scores |= self._of_test()
        self._offer()

    def _of_test(self) -> dict[str, float]:
        test = self.subject.test
        scores = {} if test is None else self.subject.net.evaluate(*test)
        return {f"val_{name}": value for name, value in scores.items()}

    def _offer(self) -> None:
        with self._moved:
            self._version += 1
            self._moved.notify_all()

    # ---- control -------------------------------------------------------------------------------

    def play(self, epochs: int = _NO_END, steps: int | None = None) -> threading.Thread:
        """Begin to train in a thread, for some epochs or steps; the caller has no turn."""
        self.pause()
        if self.subject.examples.y is None or not self.subject.n_train:
            raise ValueError("there are no examples to train on")
        if steps is not None and not isinstance(self.settings.optimizer, FirstOrder):
            name = type(self.settings.optimizer).__name__
            raise ValueError(f"{name} takes all examples a step: advance by epochs")
        self._end.clear()
        self._message, self.running = None, True
        goal = (self._epochs, epochs) if steps is None else (self._steps, steps)
        self._thread = threading.Thread(target=self._run, args=goal, daemon=True)
        self._thread.start()
        return self._thread

    def pause(self) -> None:
        """End the training at a batch boundary, and wait for it; the caller has no turn."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, train: Callable[[int], None], goal: int) -> None:
        with self.turns:
            try:
                train(goal)
            except _EndedError:
                pass
            except DivergenceWarning as warning:  # where warnings are errors
                self._message = str(warning)
            except Exception as error:  # of a thread: the page is told
                self._message = str(error) or type(error).__name__
            self.running = False
            self.measure()

    def look_up(self) -> None:
        """Let others have their turn; end the training if it was paused meanwhile."""
        self._offer()
        with self.turns.given_up():
            pass
        if self._end.is_set():
            raise _EndedError

    # ---- epochs and steps ----------------------------------------------------------------------

    def _epochs(self, epochs: int) -> None:
        goal = self._epoch + epochs
        while self._epoch < goal and self._message is None:
            if self.settings.speed is None:
                self._fit(goal - self._epoch)
            else:
                self._slow_step(self.settings.speed)

    def _fit(self, epochs: int) -> None:
        """Train by `fit`, until done or until the settings are others than `fit` has begun with."""
        net, settings = self.subject.net, self.settings
        self._deck, self._sums = self._deck[:0], np.zeros(3)
        first_order = isinstance(settings.optimizer, FirstOrder)
        try:
            net.fit(
                *self.subject.training,
                epochs=epochs,
                batch_size=settings.rows(self.subject.n_train) if first_order else None,
                optimizer=settings.optimizer,
                validation_data=self.subject.test,
                callbacks=[_Watch(self)],
            )
        except _AgainError:
            return
        self._message = net.history.stopped

    def _steps(self, steps: int) -> None:
        for _ in range(steps):
            self._one_step()
            self.look_up()

    def _slow_step(self, speed: float) -> None:
        """Take a step and let others have their turn until the next one is due."""
        due = time.perf_counter() + 1 / speed
        self._one_step()
        self._offer()
        with self.turns.given_up():
            self._end.wait(max(0.0, due - time.perf_counter()))
        if self._end.is_set():
            raise _EndedError

    def _one_step(self) -> None:
        """Take one step on the next batch of the shuffled deck; the last one ends the epoch."""
        began, settings = time.perf_counter(), self.settings
        if not len(self._deck):
            self._deck = self._rng.permutation(self.subject.n_train)
        rows, self._deck = np.split(self._deck, [settings.batch_size])
        logs = self.subject.net.train_batch(
            *self.subject.examples.at(rows), optimizer=settings.optimizer
        )
        if not math.isfinite(logs["loss"]):
            self._message = "the loss of this batch is not finite; no step was taken"
            raise _EndedError
        self._sums += len(rows) * np.array([logs["loss"], logs.get("accuracy", 0.0), 1.0])
        self._step += 1
        self._examples += len(rows)
        self._seconds += time.perf_counter() - began
        means = dict(zip(("loss", "accuracy"), self._sums[:2] / self._sums[2], strict=True))
        self._scores |= {name: float(value) for name, value in means.items() if name in logs}
        if not len(self._deck):
            self._sums = np.zeros(3)
            self.log({**{name: self._scores[name] for name in logs}, **self._of_test()})

    def log(self, logs: Mapping[str, float]) -> None:
        """Record an epoch."""
        self._epoch += 1
        for name in SCORES:
            if name in logs:
                self._history.setdefault(name, []).append(logs[name])
                self._scores[name] = logs[name]

    def count(self, step: int, examples: int, seconds: float, rate: float) -> None:
        """Set the counts of all training since the record began."""
        self._step, self._examples = step, examples
        self._seconds, self._rate = seconds, rate

    @property
    def counts(self) -> tuple[int, int, float]:
        """Steps, examples and seconds since the record began."""
        return self._step, self._examples, self._seconds

    # ---- frames --------------------------------------------------------------------------------

    def frame(
        self, after: int = -1, record: int = -1, known: int = 0, seconds: float = 0.0
    ) -> dict[str, Any]:
        """Return the state of the training; the caller has no turn.

        Parameters
        ----------
        after : int
            The version of the last frame: wait up to `seconds` for a newer one.
        record, known : int
            The record of the last frame and the epochs of it that the page has: they are left out.
        """
        with self._moved:
            self._moved.wait_for(lambda: self._version != after, seconds)
        with self.turns:
            first = known if record == self._record else 0
            history = {name: values[first:] for name, values in self._history.items()}
            return {
                "running": self.running,
                "epoch": self._epoch,
                "step": self._step,
                "examples": self._examples,
                "seconds": self._seconds,
                "rate": self._rate,
                **{name: self._scores.get(name) for name in SCORES},
                "history": {"from": first, **{k: np.array(v) for k, v in history.items()}},
                "epochs": len(self._history.get("loss", ())),
                "message": self._message,
                "settings": {
                    "lr": self.settings.lr,
                    "batch_size": self.settings.batch_size,
                    "speed": FULL if self.settings.speed is None else self.settings.speed,
                },
                "params_version": self._version,
                "record": self._record,
            }


class _Watch(Callback):
    """Counts and logs a fit for a trainer, and lets others have their turn between its calls."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._settings = trainer, trainer.settings
        self._before = trainer.counts
        self._began = time.perf_counter()

    def on_pause(self, run: Run) -> None:
        """Let others have their turn, then go on with the settings that there are."""
        self._count(run)
        self._trainer.look_up()
        was, now = self._settings, self._trainer.settings
        if replace(now, optimizer=was.optimizer) != was or (was.lr is None) != (now.lr is None):
            raise _AgainError
        if was.lr is not None and now.lr is not None:
            run.lr_scale = now.lr / was.lr

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Record the epoch."""
        self._count(run)
        self._trainer.log(logs)

    def _count(self, run: Run) -> None:
        step, examples, seconds = self._before
        n = self._trainer.subject.n_train
        size = self._settings.rows(n)
        epochs, batches = divmod(run.step, -(-n // size))
        visited = epochs * n + min(batches * size, n)
        took = time.perf_counter() - self._began
        self._trainer.count(
            step + run.step, examples + visited, seconds + took, visited / max(took, 1e-9)
        )
