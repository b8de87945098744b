"""The epoch loop of many networks at once: each has its fit, and calls of the core serve them all.

Networks of one kind go side by side, one in each lane of a vector, where they are narrow; others
one after the other, divided among the threads. Neither changes a bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn, progress
from .call_size import BLOCK
from .state import TrainingRows
from .training import MiniBatchFit, _logger, _when_nobody_reads, means

# Measured on AVX2 by benchmarks/many.py: wider networks fill the vectors by themselves, and the
# parameters and moments of a group leave the cache.
_MOST_PARAMS = 2_000
_LEAST_SHARE = 0.5  # of the lanes; fewer networks are faster alone
_OPERATIONS_PER_GROUP = 1e8  # multiply-adds of a call: some 10 to 30 ms, as Ctrl-C waits for them
_OPERATIONS_PER_CALL = 3e9


@lru_cache(maxsize=1)
def _in_order(n: int) -> NDArray[np.int64]:
    """Return 0, 1, … as one array for all networks, by which the core sees that they share rows."""
    order = np.arange(n)
    order.flags.writeable = False
    return order


class OneOfMany(MiniBatchFit):
    """The fit of one network among others; the loop over epochs is `train`'s."""

    def __init__(
        self, *given: Any, whose: str, in_order: Callable[[], TrainingRows] | None, **more: Any
    ) -> None:
        super().__init__(*given, **more)
        self._whose = whose
        self._read_in_order = in_order
        self._epoch_order: NDArray[np.int64] | None = None
        self._sums = (0.0, 0.0, 0.0)
        self._finite = True

    @property
    def goes_on(self) -> bool:
        """Whether another epoch follows."""
        return self._finite and self._stopped is None and self.epoch < self.epochs

    @property
    def batches_left(self) -> int:
        """Batches of the epoch that are left."""
        return self.steps_per_epoch - self._batch if self._finite else 0

    @property
    def rows_left(self) -> int:
        """Rows of the epoch that are left, if it goes on."""
        return self._examples.n_visited - self._batch * self._fit_state.batch_size

    def begin_epoch(self) -> None:
        """Call back, and shuffle."""
        self._begin_epoch()
        order = self._order()
        if order is None and self.steps_per_epoch > 1:
            order = _in_order(self._examples.n)
        self._epoch_order, self._sums = order, (0.0, 0.0, 0.0)

    def next_run(self, count: int) -> tuple[Any, ...]:
        """Return the next batches, `count` at most, for `_fastnn.train_many`."""
        state = self._train_state
        end = min(self._batch + count, self.steps_per_epoch)
        last, optimizer = self._next_constant_decay(end, self._epoch_order)
        rates = self._rates(last)
        self._next_rate = float(rates[-1])
        rows, _ = self._rows_of(self._epoch_order, 0, last)
        return (
            state.core,
            self._examples.targets,
            optimizer,
            rows,
            rates if self._rate_factor == 1 else rates * self._rate_factor,
            state.dropout_seed,
            self._sums,
            state.optimizer_state,
            state.trainable,
        )

    def take(self, result: tuple[float, float, float, int, bool]) -> None:
        """Note the sums of a run."""
        *sums, batches, self._finite = result
        self._batch += batches
        if self._finite:
            self._sums = (sums[0], sums[1], sums[2])
            self._rate = self._next_rate

    def end_epoch(self) -> dict[str, float]:
        """Score, log and call back, or go back if the loss is not finite; return the logs."""
        if not self._finite or not self._params.all_finite():
            self._finite = False
            self._rate = float(self._rates(self._batch + 1)[0])
            self._go_back(self.epoch + 1, stacklevel=7)
            return {}
        logs = means(self._sums, self._examples.has_accuracy)
        self._end_epoch(logs, progress.Progress())
        return logs

    def start(self) -> None:
        """Begin the fit."""
        self._start()

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


class _Call(NamedTuple):
    """Networks that one call of the core trains."""

    fits: list[OneOfMany]
    by_lanes: bool

    def batches(self) -> int:
        """Return the number of batches that a call may take."""
        first = self.fits[0]
        size = max(fit.batch_size for fit in self.fits)
        work, n = 3.0 * first.net.n_params * size, len(self.fits)
        together = min(n, _fastnn.lanes(first.net.dtype)) if self.by_lanes else 1
        fitting = min(_OPERATIONS_PER_GROUP / (work * together), _OPERATIONS_PER_CALL / (work * n))
        return max(1, int(fitting))

    def train(self, n_threads: int) -> Iterator[int]:
        """Train all networks for an epoch; give the rows that are left after each call."""
        count, going = self.batches(), self.fits
        size = max(fit.batch_size for fit in going)
        while going:
            done, error = _when_nobody_reads(
                _fastnn.train_many,
                going[0].rows,
                [fit.next_run(count) for fit in going],
                size,
                self.by_lanes,
                n_threads,
            )
            if error is not None:
                raise error
            for fit, result in zip(going, done, strict=True):
                fit.take(result)
            going = [fit for fit in going if fit.batches_left]
            yield sum(fit.rows_left for fit in going)


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
        epochs = max((fit.epochs for fit in fits), default=0)
        with progress.bar(show, epochs=epochs, examples=sum(f.n_visited for f in fits)) as bar:
            for epoch in range(1, epochs + 1):
                if not going:
                    break
                logs = _one_epoch(epoch, going, calls, n_threads, bar)
                still = [fit for fit in going if fit.goes_on]
                if len(still) < len(going):
                    for fit in going:
                        if not fit.goes_on:
                            fit.finish()
                    going, calls = still, _calls(still)
                if show:
                    bar.epoch_end(epoch, _means(logs))
    except BaseException as raised:
        error = raised
        raise
    finally:
        for fit in fits:
            fit.leave(error)


def _one_epoch(
    epoch: int,
    going: Sequence[OneOfMany],
    calls: Sequence[_Call],
    n_threads: int,
    bar: progress.Progress,
) -> list[dict[str, float]]:
    """Train an epoch of all networks; return what each logs."""
    for fit in going:
        fit.begin_epoch()
    done = 0
    for call in calls:
        done += sum(fit.n_visited for fit in call.fits)
        for left in call.train(n_threads):
            bar.update(epoch, done - left, {})
    logs = []
    for fit in going:  # no comprehension: a warning counts the frames above it
        logs.append(fit.end_epoch())
    return logs


def _means(logs: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the means over the networks whose loss is finite, of what all of them log."""
    finite = [each for each in logs if each]
    names = finite[0] if finite else {}
    return {
        name: float(np.mean([each[name] for each in finite]))
        for name in names
        if all(name in each for each in finite)
    }
