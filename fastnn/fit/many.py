"""The epoch loop of many networks at once: each has its fit, and calls of the core serve them all.

Networks of one kind go side by side, one in each lane of a vector, where they are narrow; others
one after the other, divided among the threads. Neither changes a bit of the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn, progress
from ..history import History
from .call_size import BLOCK
from .state import TrainingRows
from .training import MiniBatchFit, _logger, _when_nobody_reads, means, set_params

# Measured on AVX2 by benchmarks/many.py: wider networks fill the vectors by themselves, and the
# parameters and moments of a group leave the cache.
_MOST_PARAMS = 2_000
_LEAST_SHARE = 0.5  # of the lanes; fewer networks are faster alone
_OPERATIONS_PER_CALL = 3e9  # multiply-adds between two moves of a bar
_MOST_BATCHES = 4096  # of a network in a call, each of which has a rate


class _Begin(NamedTuple):
    """A network before its fit."""

    params: NDArray[Any]
    moments: tuple[NDArray[Any] | None, ...]
    steps: int
    rng: dict[str, Any]


class OneOfMany(MiniBatchFit):
    """The fit of one network among others; the loop over epochs is `train`'s.

    If nothing is to be done between two epochs, a call takes many of them, and no best parameters
    are kept. A fit that then diverges begins again, epoch by epoch, which has the same bits, and
    ends as the network's own `fit` would.
    """

    def __init__(
        self, *given: Any, whose: str, in_order: Callable[[], TrainingRows] | None, **more: Any
    ) -> None:
        super().__init__(*given, **more)
        self._whose = whose
        self._read_in_order = in_order
        self._finite = True
        self._done = self._fit_state.epoch
        decays_by_order = bool(self._train_state.rule.alpha) and self._examples.weight is not None
        self._orders_here = decays_by_order  # its shuffles are not the core's
        self._epoch_by_epoch = bool(
            self._callbacks or self._validation is not None or decays_by_order
        )

    @property
    def epoch(self) -> int:
        """Epochs completed; counted here, as networks by the thousand are asked for it."""
        return self._done

    @property
    def goes_on(self) -> bool:
        """Whether another epoch follows."""
        return self._finite and self._stopped is None and self.epoch < self.epochs

    def start(self) -> None:
        """Begin the fit."""
        self._start()
        now, state = self._train_state, self._train_state.optimizer_state
        if not self._epoch_by_epoch:
            moments = (state.m, state.v) if state.steps else (None, None)
            copies = tuple(None if each is None else each.copy() for each in moments)
            rng: Any = now.rng.bit_generator.state
            self._first = _Begin(now.core.get_params(), copies, state.steps, rng)

    def begin_epochs(self, most: int) -> tuple[Any, ...]:
        """Return the next epochs, up to `most`, for `_fastnn.train_many`."""
        state, spe = self._train_state, self.steps_per_epoch
        count, order = 1, self._examples.visit
        generator = state.rng if self._fit_state.shuffle and spe > 1 else None
        if self._epoch_by_epoch:
            self._begin_epoch()
        else:
            self._began = time.perf_counter()
            count = max(1, min(self.epochs - self.epoch, most, _MOST_BATCHES // spe))
        if self._orders_here:
            order, generator = self._order(), None
        rates = self._rates(count * spe)
        self._lr = rates[spe - 1 :: spe]
        return (
            state.core,
            self._examples.targets,
            self._core_optimizer,
            order,
            generator,
            count,
            rates if self._rate_factor == 1 else rates * self._rate_factor,
            self._decays(order, 0, len(rates)),
            state.dropout_seed,
            state.optimizer_state,
            state.trainable,
            not self._epoch_by_epoch and self.epoch + count == self.epochs,
        )

    def end_epochs(
        self, sums: list[tuple[float, float, float]], batches: int, finite: bool
    ) -> None:
        """Log epochs, of which `sums` are; call back; go back if the loss is not finite."""
        finite = finite and self._params.all_finite()
        if self._epoch_by_epoch:
            if not finite:
                self._finite, self._batch = False, batches
                self._rate = float(self._rates(batches + 1)[0])
                self._go_back(self.epoch + 1, stacklevel=7)
            elif sums:
                self._rate = float(self._lr[-1])
                self._done += 1
                self._end_epoch(means(sums[0], self._examples.has_accuracy), progress.Progress())
            return
        if finite and sums:
            self._rate = float(self._lr[len(sums) - 1])
            self._log_epochs([means(each, self._examples.has_accuracy) for each in sums])
        if not finite:
            self._begin_again()

    def _log_epochs(self, logs: list[dict[str, float]]) -> None:
        count = len(logs)
        seconds = (time.perf_counter() - self._began) / count
        columns = {name: [each[name] for each in logs] for name in logs[0]}
        columns |= {"lr": self._lr[:count].tolist(), "seconds": [seconds] * count}
        columns["examples_per_second"] = [self._n_visited / max(seconds, 1e-9)] * count
        self.history.extend(columns)
        self._done += count

    def _begin_again(self) -> None:
        """Put the network back to where the fit began, to go epoch by epoch from there."""
        first, state = self._first, self._train_state.optimizer_state
        self._epoch_by_epoch, self._done = True, 0
        set_params(self._train_state.core, first.params)
        state.forget()
        state.steps = first.steps
        for moment, before in zip((state.m, state.v), first.moments, strict=True):
            if moment is not None and before is not None:
                moment[:] = before
        self._train_state.rng.bit_generator.state = first.rng
        self._fit_state.history = self.net.history = History()

    def finish(self) -> None:
        """End the fit, by itself."""
        self._finish(self._finite)

    def leave(self, error: BaseException | None) -> None:
        """End the fit, whatever has happened."""
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            self._note_end_by(error)
        self._fit_state.callbacks = self.callback_states()

    def _go_back(self, epoch: int, stacklevel: int) -> None:
        super()._go_back(epoch, 7)  # all callers are as deep

    def _log_start(self) -> None:
        """Leave it to `train`, which logs once for all."""

    def _examples_in_order(self) -> TrainingRows:
        if self._read_in_order is not None:
            self._examples_alone = getattr(self, "_examples_alone", None) or self._read_in_order()
            return self._examples_alone
        return self._examples

    # ---- groups --------------------------------------------------------------------------------

    def kind(self) -> tuple[Any, ...]:
        """Return a key that networks trained by one call of the core have in common."""
        net, state, examples = self.net, self._train_state, self._examples
        constants = self._optimizer.constants
        return (
            id(examples.rows),
            net.sizes,
            net.activation,
            net.output,
            net.loss,
            net.quantile,
            net.huber_delta,
            net.dropout,
            net.dtype,
            type(self._optimizer),
            self._optimizer.moments,
            constants.get("nesterov"),
            self._optimizer.clipnorm is None and self._optimizer.clipvalue is None,
            None if state.trainable is None else state.trainable.tobytes(),
            examples.output_weight is None,
            self._fit_state.batch_size if self.steps_per_epoch > 1 else None,
            self._epoch_by_epoch,
        )

    @property
    def rows(self) -> _fastnn.Rows:
        """The rows of X that all networks of the kind read."""
        return self._examples.rows

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self._fit_state.batch_size

    @property
    def n_visited(self) -> int:
        """Rows of an epoch."""
        return self._examples.n_visited

    @property
    def last_logs(self) -> dict[str, float]:
        """The logs of the last epoch; empty if its loss was not finite."""
        return {name: self.history[name][-1] for name in self.history} if self._finite else {}


class _Call(NamedTuple):
    """Networks that one call of the core trains."""

    fits: list[OneOfMany]
    by_lanes: bool

    def parts(self, n_threads: int) -> Iterator[Sequence[OneOfMany]]:
        """Yield networks for a call each, so that a bar moves between them."""
        each = 3.0 * self.fits[0].net.n_params * max(fit.n_visited for fit in self.fits)
        together = n_threads * (_fastnn.lanes(self.fits[0].net.dtype) if self.by_lanes else 1)
        count = max(1, int(_OPERATIONS_PER_CALL / (each * together))) * together
        for first in range(0, len(self.fits), count):
            yield self.fits[first : first + count]

    def train(
        self, fits: Sequence[OneOfMany], most_epochs: int, n_threads: int
    ) -> tuple[list[tuple[Any, ...]], BaseException | None]:
        """Train some of the networks for up to `most_epochs`; return what the core does."""
        runs = [fit.begin_epochs(most_epochs) for fit in fits]
        size = max(fit.batch_size for fit in fits)
        given = (fits[0].rows, runs, size, self.by_lanes, n_threads)
        return _when_nobody_reads(_fastnn.train_many, *given)


def _may_go_by_lanes(fits: Sequence[OneOfMany]) -> bool:
    first = fits[0]
    return (
        not first.rows.sparse
        and max(fit.batch_size for fit in fits) <= BLOCK
        and first.net.n_params <= _MOST_PARAMS
    )


def _calls(fits: Iterable[OneOfMany]) -> list[_Call]:
    """Divide the networks into those that calls of the core train together."""
    kinds: dict[tuple[Any, ...], list[OneOfMany]] = {}
    for fit in fits:
        kinds.setdefault(fit.kind(), []).append(fit)
    calls = []
    for alike in kinds.values():
        lanes = _fastnn.lanes(alike[0].net.dtype)
        rest = len(alike) % lanes if _rest_is_small(len(alike), lanes) else 0
        together = len(alike) - rest if _may_go_by_lanes(alike) else 0
        if together:
            calls.append(_Call(alike[:together], by_lanes=True))
        if together < len(alike):
            calls.append(_Call(alike[together:], by_lanes=False))
    return calls


def _rest_is_small(n: int, lanes: int) -> bool:
    """Return whether the networks beyond the last full group are too few for one of their own."""
    return 0 < n % lanes < _LEAST_SHARE * lanes


def _log(calls: Sequence[_Call], n_threads: int) -> None:
    log = _logger()
    if not log.isEnabledFor(10):  # logging.DEBUG
        return
    for call in calls:
        net = call.fits[0].net
        how = "one after the other"
        if call.by_lanes:
            how = f"side by side in groups of {_fastnn.lanes(net.dtype)}"
        log.debug(
            "fit_many: %d networks %s of %d parameters, %s, up to %d threads, %s",
            len(call.fits),
            "-".join(map(str, net.sizes)),
            net.n_params,
            how,
            n_threads,
            _fastnn.isa(),
        )


def train(fits: Sequence[OneOfMany], n_threads: int, show: bool) -> None:
    """Train all networks, epoch by epoch, until each has ended."""
    error: BaseException | None = None
    try:
        for fit in fits:
            fit.start()
        going = [fit for fit in fits if fit.goes_on]
        for fit in fits:
            if not fit.goes_on:
                fit.finish()
        calls = _calls(going)
        _log(calls, n_threads)
        epochs, shown = max((fit.epochs for fit in fits), default=0), 0
        with progress.bar(show, epochs=epochs, examples=sum(f.n_visited for f in fits)) as bar:
            while going:
                _some_epochs(going, calls, n_threads, bar, show)
                for fit in going:  # no comprehension: a warning counts the frames above it
                    if not fit.goes_on:
                        fit.finish()
                reached = max((fit.epoch for fit in going if fit.last_logs), default=0)
                if show and reached > shown:  # a network that begins again is behind
                    bar.epoch_end(reached, _means(fit.last_logs for fit in going))
                    shown = reached
                going = [fit for fit in going if fit.goes_on]
                calls = _calls(going)
    except BaseException as raised:
        error = raised
        raise
    finally:
        for fit in fits:
            fit.leave(error)


def _some_epochs(
    going: Sequence[OneOfMany],
    calls: Sequence[_Call],
    n_threads: int,
    bar: progress.Progress,
    show: bool,
) -> None:
    """Train all networks for an epoch, or many if none of them is shown."""
    most = 1 if show else _MOST_BATCHES
    epoch, done = min(fit.epoch for fit in going) + 1, 0
    for call in calls:
        for fits in call.parts(n_threads) if show else (call.fits,):
            results, error = call.train(fits, most, n_threads)
            for fit, result in zip(fits, results, strict=True):
                fit.end_epochs(*result)
            if error is not None:
                raise error
            done += sum(fit.n_visited for fit in fits)
            bar.update(epoch, done, {})


def _means(logs: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the means over the networks whose loss is finite, of what all of them log."""
    finite = [each for each in logs if each]
    names = finite[0] if finite else {}
    return {
        name: float(np.mean([each[name] for each in finite]))
        for name in names
        if all(name in each for each in finite)
    }
