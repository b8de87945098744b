"""The epoch loop: shuffles, passes runs of mini-batches to the core, logs, calls the callbacks.

One call of the core takes some 30 ms (call_size.py). Between two calls Python handles signals and
moves the bar, and the network is at a batch boundary. The bits of the result do not depend on where
the runs are cut. Over 400 lines: one fit, from its first batch to each of its possible ends.
"""

from __future__ import annotations

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from math import gcd, inf, nan
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn, progress
from ..callbacks import Callback, as_callback
from ..checks import check_number
from ..history import History
from ..optim import LBFGS, Adam, FirstOrder, Optimizer
from ..schedules import learning_rates
from .call_size import BLOCK, CallSizer, rows_per_call
from .state import FitState, Middle, OptimizerState, TrainingRows, TrainState

if TYPE_CHECKING:
    import logging

_T = TypeVar("_T")
# Of batches that several ranks share: the sum over them, and where each batch's rows end here
Shared: TypeAlias = tuple[Callable[[NDArray[Any]], None], NDArray[np.int64]]

# Measured on small tables, benchmarks/epochs.py: most were fitted by then, few overfitted.
_STEPS, _VISITS, _LEAST_EPOCHS = 2_000, 64_000, 10
_PAUSE_SECONDS = 0.03  # between two pauses for callbacks


def next_optimizer(given: Optimizer | None, last: Optimizer | None) -> Optimizer:
    """Return the optimiser given, else the last one, else Adam."""
    if given is None:
        return last or Adam()
    if not isinstance(given, Optimizer):
        raise TypeError(
            "optimizer must be fastnn.SGD(...), Adam(...), AdamW(...), RMSprop(...), LBFGS(...) "
            f"or LevenbergMarquardt(...), got {given!r}"
        )
    return given


def next_first_order(given: Optimizer | None, last: Optimizer | None) -> FirstOrder:
    """Return the optimiser of a single step; those of second order have none."""
    chosen = next_optimizer(given, last)
    if not isinstance(chosen, FirstOrder):
        raise TypeError(
            f"{type(chosen).__name__} trains by fit alone: for single steps give another "
            "optimizer, such as fastnn.Adam()"
        )
    return chosen


def resumed(
    fit_state: FitState | None,
    state: OptimizerState | None,
    last: Optimizer | None,
    given: Optimizer | None,
    loss: str | None,
) -> tuple[FitState, Optimizer]:
    """Return the checkpoint's state, for a fit with ``resume=True``, and its optimiser."""
    if fit_state is None or state is None:
        raise ValueError("nothing to resume: load a file that was saved with checkpoint=True")
    if given is None and (last is None or fit_state.optimizer is None):
        raise ValueError(
            "the checkpoint's learning rate was a Python function, which is not saved: pass the "
            "optimizer"
        )
    if loss != fit_state.loss:
        made = "the network's own loss" if fit_state.loss is None else f"loss={fit_state.loss}"
        raise ValueError(f"the checkpoint was made with {made}: give the same to resume")
    chosen = next_optimizer(given, last)
    if not state.fits(chosen):
        raise ValueError(f"the checkpoint was made with {state.kind.__name__}")
    if isinstance(chosen, LBFGS):
        raise ValueError(
            "a fit by LBFGS cannot be resumed, as SciPy keeps its last steps to itself: fit again "
            "without resume, from the weights that there are"
        )
    return fit_state, chosen


def default_epochs(n: int, batch_size: int) -> int:
    """Return the epochs of 2,000 steps or 64,000 rows, whichever are fewer; 10 at least.

    n is the number of rows of an epoch. From 6,400 rows on it is 10 for every batch size.
    """
    steps_per_epoch = -(-n // batch_size)
    return max(_LEAST_EPOCHS, min(-(-_STEPS // steps_per_epoch), -(-_VISITS // n)))


@cache
def _logger() -> logging.Logger:
    import logging  # here, to keep `import fastnn` fast

    return logging.getLogger("fastnn")


class DivergenceWarning(UserWarning):
    """The loss stopped being finite: training ended, the best weights so far were restored."""


def evaluate(core: _fastnn.Net, whole: TrainingRows, n_threads: int) -> dict[str, float]:
    """Return the weighted mean loss of the examples and, for classes, the share that is right."""
    if whole.own is not None:
        return {"loss": whole.own.mean(core, n_threads)}
    return means(summed(core, whole, n_threads), whole.has_accuracy)


def summed(core: _fastnn.Net, whole: TrainingRows, n_threads: int) -> tuple[float, float, float]:
    """Return the sums of loss, of right predictions and of weights over the examples."""
    sums, step = (0.0, 0.0, 0.0), rows_per_call(core.params.size)
    for examples in whole.parts():
        for begin in range(0, examples.n, step):
            end = min(begin + step, examples.n)
            sums = core.cost(examples.rows, examples.targets, begin, end, None, n_threads, sums)
    return sums


def means(sums: tuple[float, float, float], has_accuracy: bool) -> dict[str, float]:
    """Return the values to log from sums of loss, of right predictions, and of weights."""
    loss, correct, weight = sums
    weight = weight or nan  # of no rows: a rank may have none yet
    logs = {"loss": loss / weight}
    if has_accuracy:
        logs["accuracy"] = correct / weight
    return logs


class _Kept(NamedTuple):
    """Parameters to restore, with the epoch they are from and their score."""

    params: NDArray[Any]
    epoch: int
    score: float


class Fit(ABC):
    """The fit under way, whatever its steps; callbacks get it as `run`."""

    _whose = ""  # before a warning: of which network, if there are many

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        fit_state: FitState,
        *,
        epochs: int,
        validation: TrainingRows | None,
        callbacks: Sequence[Callback],
        n_threads: int,
    ) -> None:
        self._train_state = train_state
        self._examples = examples
        self._fit_state = fit_state
        self._validation = validation
        self._callbacks = callbacks
        self._pausing = [c for c in callbacks if type(c).on_pause is not Callback.on_pause]
        self._next_pause = 0.0
        self._n_threads = n_threads
        self._rate = float("nan")
        self._stopped: str | None = None
        self._batch = 0  # of the epoch under way
        self._sums = (0.0, 0.0, 0.0)  # of its loss, right predictions and weights
        self._epoch_rng: dict[str, Any] | None = None  # state before the epoch
        self._kept: tuple[_Kept, ...] = ()  # the best so far, and the best before it
        self._params = _fastnn.Rows(train_state.core.params[None])  # checked for overflow
        self._n_visited = examples.n_visited  # rows of an epoch
        self._check_fit_state()
        self.epochs = epochs
        self.net: Any = train_state.net
        self.steps_per_epoch = 1

    # ---- the interface of callbacks ------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self._fit_state.epoch

    @property
    def step(self) -> int:
        """Mini-batches completed since the fit began."""
        return self.epoch * self.steps_per_epoch + self._batch

    @property
    def history(self) -> History:
        """The record so far."""
        return self._fit_state.history

    @property
    def lr(self) -> float:
        """The learning rate of the last step."""
        return self._rate

    @property
    def lr_scale(self) -> float:
        """A factor on the learning rate of every step to come."""
        return self._fit_state.lr_scale

    @lr_scale.setter
    def lr_scale(self, value: float) -> None:
        self._fit_state.lr_scale = check_number(
            "lr_scale", value, "a finite number of 0 or more", lambda scale: scale >= 0
        )

    def stop(self, reason: str) -> None:
        """End the fit after this epoch."""
        self._stopped = reason

    def callback_states(self) -> list[dict[str, Any]]:
        """Return the callbacks' states, for a checkpoint."""
        return [dict(callback.state()) for callback in self._callbacks]

    def middle(self) -> tuple[Middle, dict[str, Any]] | None:
        """Return the place in the epoch, for a checkpoint, and the generator's state before it."""
        if self._batch == 0 or self._epoch_rng is None:
            return None
        return Middle(self._batch, self._sums, self._rate), self._epoch_rng

    # ---- the loop ------------------------------------------------------------------------------

    def _check_fit_state(self) -> None:
        """Refuse to resume with other callbacks or validation data than the checkpoint's."""
        states, record = self._fit_state.callbacks, self._fit_state.history
        if states and len(states) != len(self._callbacks):
            raise ValueError(
                f"the checkpoint was made with {len(states)} callbacks; "
                f"to resume, give the same ones, not {len(self._callbacks)}"
            )
        if len(record) and ("val_loss" in record) != (self._validation is not None):
            which = "with" if "val_loss" in record else "without"
            raise ValueError(f"the checkpoint was made {which} validation_data: resume {which} it")

    def run(self, show: bool) -> History:
        """Train until all epochs are done or a callback or divergence stops it."""
        self._start()
        try:
            return self._run(show)
        except (KeyboardInterrupt, SystemExit, MemoryError) as error:
            self._note_end_by(error)
            raise
        finally:
            self._fit_state.callbacks = self.callback_states()

    def _start(self) -> None:
        self._call("on_fit_begin")
        if self._fit_state.callbacks:
            for callback, state in zip(self._callbacks, self._fit_state.callbacks, strict=True):
                callback.restore(state)
        self._log_start()
        self.history.stopped = None

    def _note_end_by(self, error: BaseException) -> None:
        if self.epoch < self.epochs:
            how = "out of memory" if isinstance(error, MemoryError) else "interrupted"
            self.history.stopped = f"{how} in epoch {self.epoch + 1}"

    def _log_start(self) -> None:
        log, rows = _logger(), self._examples.rows
        if not log.isEnabledFor(10):  # logging.DEBUG
            return
        log.debug(
            "fit: %d parameters, %d steps an epoch, up to %d threads, %s, first layer %s",
            self._train_state.core.params.size,
            self.steps_per_epoch,
            self._n_threads,
            _fastnn.isa(),
            f"by its non-zeros ({rows.density():.0%} of X)" if rows and rows.sparse else "dense",
        )

    def _run(self, show: bool) -> History:
        with progress.bar(
            show, epochs=self.epochs, examples=self._n_visited, first_epoch=self.epoch
        ) as bar:
            self._finish(self._all_epochs(bar))
            if self.epoch < self.epochs:
                bar.note(f"stopped: {self._stopped}")
        return self.history

    def _finish(self, finite: bool) -> None:
        """End the fit; `finite` is False after `_go_back`."""
        if finite and self._kept and not self._cost_is_finite():
            self._go_back(self.epoch, stacklevel=8)
        self._call("on_fit_end")
        if self.epoch < self.epochs:
            self.history.stopped = self._stopped

    @abstractmethod
    def _all_epochs(self, bar: progress.Progress) -> bool:
        """Train for the epochs that are left, or until stopped; False after `_go_back`."""

    @property
    @abstractmethod
    def _advice(self) -> str:
        """Advice for a loss that stops being finite."""

    def _begin_epoch(self) -> None:
        self._began = time.perf_counter()
        self._keep()
        self._call("on_epoch_begin")

    def _end_epoch(self, logs: dict[str, float], bar: progress.Progress) -> None:
        """Score, log and call back after an epoch, whose own logs are given."""
        seconds = time.perf_counter() - self._began
        if self._validation is not None:
            scores = self._evaluate(self._validation)
            logs |= {f"val_{name}": score for name, score in scores.items()}
        logs["lr"] = self._rate
        logs["seconds"] = time.perf_counter() - self._began
        logs["examples_per_second"] = self._n_visited / max(seconds, 1e-9)
        self._batch, self._sums, self._epoch_rng = 0, (0.0, 0.0, 0.0), None
        self.history.append(logs)
        bar.epoch_end(self.epoch, logs)
        self._call("on_epoch_end", logs)

    def _evaluate(self, examples: TrainingRows) -> dict[str, float]:
        return evaluate(self._train_state.core, examples, self._n_threads)

    def _call(self, hook: str, *arguments: Any) -> None:
        for callback in self._callbacks:
            getattr(callback, hook)(self, *arguments)

    def _batch_end(self, logs: dict[str, float]) -> None:
        self._call("on_batch_end", logs)

    def _pause(self) -> None:
        """Call back between two calls of the core, where somebody waits for it."""
        if not self._pausing or time.perf_counter() < self._next_pause:
            return
        for callback in self._pausing:
            callback.on_pause(self)
        self._next_pause = time.perf_counter() + _PAUSE_SECONDS

    # ---- divergence ----------------------------------------------------------------------------

    def _keep(self) -> None:
        """Copy the parameters if the last epoch was the best so far."""
        name = "val_loss" if self._validation is not None else "loss"
        history = self.history
        score = history[name][-1] if name in history else inf
        if not self._kept or score < self._kept[-1].score:
            now = _Kept(self._train_state.core.get_params(), self.epoch, score)
            self._kept = (*self._kept[-1:], now)

    def _cost_is_finite(self) -> bool:
        """Check one block after the last step, whose effect no later batch would show."""
        core, (examples, *_) = self._train_state.core, self._examples_in_order().parts(BLOCK)
        end = min(examples.n, BLOCK)
        try:
            if examples.own is not None:
                return bool(np.isfinite(examples.own.mean(core, self._n_threads, end)))
            loss = core.cost(examples.rows, examples.targets, 0, end, None, self._n_threads)[0]
        except MemoryError:
            return True  # all steps are taken; the first batch of the next fit checks again
        return bool(np.isfinite(loss))

    def _examples_in_order(self) -> TrainingRows:
        """Return the examples as evaluations read them, from the first row to the last."""
        return self._examples

    def _go_back(self, epoch: int, stacklevel: int) -> None:
        """Restore the best weights so far, and warn."""
        core = self._train_state.core
        examples = self._validation or self._examples_in_order()
        # The logged loss of an epoch is the mean over batches, each before its step. The last step
        # may have been the one that diverged, so the loss is computed again.
        losses = []
        for kept in self._kept if len(self._kept) > 1 else ():
            set_params(core, kept.params)
            loss = self._evaluate(examples)["loss"]
            losses.append(loss if np.isfinite(loss) else float("inf"))
        best = self._kept[int(np.argmin(losses)) if losses else 0]
        set_params(core, best.params)
        self._train_state.optimizer_state.forget()
        self._stopped = f"the loss stopped being finite in epoch {epoch}"
        where = f"those after epoch {best.epoch}" if best.epoch else "those before the fit"
        self.history.stopped = self._stopped
        _warn(
            f"{self._whose}{self._stopped}; weights and biases were set back to {where}",
            self._advice,
            stacklevel,
        )


class MiniBatchFit(Fit):
    """A fit by mini-batches, with an optimiser that the core knows."""

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        optimizer: FirstOrder,
        fit_state: FitState,
        *,
        callbacks: Sequence[Callback],
        n_threads: int,
        **more: Any,
    ) -> None:
        super().__init__(
            train_state, examples, fit_state, callbacks=callbacks, n_threads=n_threads, **more
        )
        self._optimizer = optimizer
        rule = train_state.rule
        self._core_optimizer = train_state.optimizer_state.core(optimizer, rule.factor)
        apart = [callback.batches_apart for callback in callbacks if callback.hears_batches]
        self._apart = gcd(*apart)  # batches between two calls of the hooks; 0: none
        self._call_sizer = CallSizer(n_threads)
        self._rate_factor = rule.rate_factor(optimizer)
        self.steps_per_epoch: int = -(-self._n_visited // fit_state.batch_size)

    def _all_epochs(self, bar: progress.Progress) -> bool:
        self._resume_in_epoch()
        while self.epoch < self.epochs and self._stopped is None:
            self._begin_epoch()
            if self._callbacks:  # one of them may save a checkpoint in the epoch
                self._epoch_rng = dict(self._train_state.rng.bit_generator.state)
            logs = self._batches(self._order(), bar)
            if logs is None or not self._is_finite():  # its last step overflowed
                self._rate = float(self._rates(self._batch + 1)[0])
                self._go_back(self.epoch + 1, stacklevel=8)
                return False
            self._end_epoch(logs, bar)
        return True

    def _is_finite(self) -> bool:
        return self._params.all_finite()

    def _resume_in_epoch(self) -> None:
        """Go to where the checkpoint was made."""
        middle, self._fit_state.middle = self._fit_state.middle, None
        if middle is None:
            return
        if middle.batch > self.steps_per_epoch:
            raise ValueError(
                f"the checkpoint was made after {middle.batch} batches of an epoch; these data "
                f"have {self.steps_per_epoch}: resume with the same data"
            )
        self._batch, self._sums, self._rate = middle.batch, middle.sums, middle.lr

    @property
    def _advice(self) -> str:
        return _smaller_rate(self._rate)

    def _order(self) -> NDArray[np.int64] | None:
        visit, whole = self._examples.visit, self.steps_per_epoch == 1
        if whole or not self._fit_state.shuffle:  # one batch of all has no order
            return visit
        rows = self._examples.n if visit is None else visit
        return _fastnn.permutation(self._train_state.rng, rows)

    def _batches(
        self, order: NDArray[np.int64] | None, bar: progress.Progress
    ) -> dict[str, float] | None:
        """Train on the rows in `order`, batch by batch; None if the loss stopped being finite."""
        examples = self._examples
        if order is None and self.steps_per_epoch > 1:
            order = np.arange(examples.n)
        return self._run_of_batches(examples, order, 0, self.steps_per_epoch, bar)

    def _run_of_batches(
        self,
        examples: TrainingRows,
        order: NDArray[np.int64] | None,
        first: int,
        end: int,
        bar: progress.Progress,
    ) -> dict[str, float] | None:
        """Train on the batches from `first` to `end` of the epoch, whose rows are in `order`."""
        train_state, size = self._train_state, self._fit_state.batch_size
        epoch = self.epoch + 1
        logs = {} if self._batch < end else means(self._sums, examples.has_accuracy)
        while self._batch < end:
            count, n_threads = self._call_sizer.next_call()
            count = 1 if examples.own is not None else count
            if self._apart:
                count = min(count, self._apart - self.step % self._apart)
            last = min(self._batch + count, end)
            rates = self._rates(last)
            began = time.perf_counter()
            rows, shared = self._rows_of(order, first, last)
            own = (0.0, 0.0)
            if examples.own is not None:  # whose slopes the core takes for targets
                dropout = (train_state.dropout_seed, train_state.optimizer_state.steps)
                costs = examples.own.prepare(train_state.core, rows, n_threads, dropout)
                if costs is None:
                    return None
                own = costs
            *added, _, batches, finite = _train(
                train_state,
                examples,
                self._core_optimizer,
                rows,
                size,
                rates if self._rate_factor == 1 else rates * self._rate_factor,
                n_threads,
                self._sums,
                shared,
                self._decays(order, first, last),
            )
            self._call_sizer.learn(last - self._batch, n_threads, time.perf_counter() - began)
            self._batch += batches
            if not finite:
                return None
            if examples.own is None:
                self._sums = (added[0], added[1], added[2])
            else:
                self._sums = (self._sums[0] + own[0], 0.0, self._sums[2] + own[1])
            self._rate = float(rates[-1])
            logs = means(self._sums, examples.has_accuracy)
            bar.update(epoch, min(self._batch * size, self._n_visited), logs)
            if self._apart and self.step % self._apart == 0:
                self._batch_end(logs)
            self._pause()
        return logs

    def _rows_of(
        self, order: NDArray[np.int64] | None, first: int, last: int
    ) -> tuple[NDArray[np.int64] | None, Shared | None]:
        """Return the rows of the next batches, those before `last`; `order` begins at `first`."""
        size = self._fit_state.batch_size
        rows = (
            None if order is None else order[(self._batch - first) * size : (last - first) * size]
        )
        return rows, None

    def _decays(
        self, order: NDArray[np.int64] | None, first: int, last: int
    ) -> NDArray[np.float64] | None:
        """Return the weight decays of the next batches, those before `last`, or None."""
        if not self._train_state.rule.alpha:
            return None
        size, weight = self._fit_state.batch_size, self._examples.weight
        count = last - self._batch
        if weight is None:
            m = np.full(count, float(size))
            rest = self._n_visited - (self.steps_per_epoch - 1) * size
            m[self.steps_per_epoch - 1 - self._batch :: self.steps_per_epoch] = rest
        else:
            begins = range((self._batch - first) * size, (last - first) * size, size)
            used = weight if order is None else weight[order]
            m = np.array([used[begin : begin + size].sum() for begin in begins])
        return self._train_state.rule.decays(self._optimizer, m)

    def _rates(self, last: int) -> NDArray[np.float64]:
        lr = self._optimizer.lr
        if isinstance(lr, float):
            return _constant_rates(last - self._batch, lr * self.lr_scale)
        first = self.step
        steps = np.arange(first, first + last - self._batch)
        total = self.epochs * self.steps_per_epoch
        rates = learning_rates(
            lr,
            steps,
            steps_per_epoch=self.steps_per_epoch,
            total_steps=max(total, first + len(steps)),
        )
        return rates * self.lr_scale


@lru_cache(maxsize=8)
def _constant_rates(count: int, rate: float) -> NDArray[np.float64]:
    return np.full(count, rate)


def _warn(what: str, advice: str, stacklevel: int) -> None:
    warnings.warn(f"{what}. {advice}", DivergenceWarning, stacklevel=stacklevel + 1)


def _smaller_rate(rate: float) -> str:
    return f"Try a smaller learning rate (it was {rate:g}), scaled inputs, or another loss."


def _train(
    train_state: TrainState,
    examples: TrainingRows,
    optimizer: _fastnn.Optimiser,
    order: NDArray[np.int64] | None,
    batch_size: int,
    rates: NDArray[np.float64],
    n_threads: int,
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shared: Shared | None = None,
    decays: NDArray[np.float64] | None = None,
) -> tuple[float, float, float, int, int, bool]:
    return _when_nobody_reads(
        train_state.core.train,
        examples.rows,
        examples.targets,
        optimizer,
        order,
        batch_size,
        rates,
        train_state.optimizer_state.steps,
        train_state.dropout_seed,
        n_threads,
        sums,
        train_state.optimizer_state,  # whose steps are counted
        train_state.trainable,
        shared,
        decays,
    )


def set_params(core: _fastnn.Net, values: NDArray[Any]) -> None:
    """Set all parameters of a network; no other thread may be training it."""
    _when_nobody_reads(core.set_params, values)


def _when_nobody_reads(write: Callable[..., _T], *arguments: Any) -> _T:
    """Call the core, repeatedly while another thread reads; MLP admits a single writer."""
    while True:
        try:
            return write(*arguments)
        except _fastnn.BusyError:
            time.sleep(0)


def one_step(
    train_state: TrainState,
    examples: TrainingRows,
    optimizer: FirstOrder,
    rate: float,
    n_threads: int,
) -> dict[str, float]:
    """Take one step on all the examples as one batch; none, and loss NaN, if it is not finite."""
    before = train_state.core.get_params()
    *sums, _, _, finite = _train(
        train_state,
        examples,
        train_state.optimizer_state.core(optimizer),
        examples.visit,
        examples.n_visited,
        np.array([rate]),
        n_threads,
    )
    if not finite:
        warn_no_step(rate)
        return {"loss": float("nan")}
    if not _params_are_finite(train_state.core):
        undo_overflow(train_state.core, before, train_state.optimizer_state, rate)
    if examples.linear:
        return {}
    return means((sums[0], sums[1], sums[2]), examples.has_accuracy)


def given_step(
    train_state: TrainState,
    gradient: NDArray[Any],
    optimizer: FirstOrder,
    rate: float,
    n_threads: int,
) -> None:
    """Take one step with this gradient, (n_params,) of the network's dtype."""
    state, core = train_state.optimizer_state, train_state.core
    before, chosen = core.get_params(), state.core(optimizer)
    taken = (rate, state.steps, n_threads, state, train_state.trainable)
    _when_nobody_reads(core.step, gradient, chosen, *taken)
    if not _params_are_finite(core):
        undo_overflow(core, before, state, rate)


def _params_are_finite(core: _fastnn.Net) -> bool:
    return _fastnn.Rows(core.params[None]).all_finite()


def undo_overflow(
    core: _fastnn.Net, before: NDArray[Any] | None, state: OptimizerState, rate: float
) -> None:
    """Go back to the parameters before a step that left numbers which are not finite."""
    assert before is not None
    set_params(core, before)
    state.forget()
    _warn("the step overflowed and was undone", _smaller_rate(rate), stacklevel=4)


def warn_no_step(rate: float) -> None:
    """Say that a batch was not learnt."""
    _warn("the loss of this batch is not finite; no step was taken", _smaller_rate(rate), 4)


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list, functions wrapped."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, Iterable):
        callbacks = [callbacks]
    return [as_callback(callback) for callback in callbacks]
