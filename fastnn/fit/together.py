"""Data-parallel fits: each rank has some of the rows, and all take each step together.

Each batch is one of all ranks' rows: a rank computes the gradient of those that it has, the core
adds the gradients up (`Ranks.add`), and each rank takes the same step. Callbacks run on rank 0;
what they decide, the others follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn, progress
from ..callbacks import Callback
from ..optim import FirstOrder
from .ranks import Ranks
from .state import FitState, TrainingRows, TrainState
from .streamed import Cut, StreamFit
from .training import MiniBatchFit, Shared, means, set_params, summed

_Sums = tuple[float, float, float]


class Together(MiniBatchFit):
    """A fit by mini-batches of the rows of all ranks, as if they stood one rank after the other."""

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        optimizer: FirstOrder,
        fit_state: FitState,
        *,
        callbacks: Sequence[Callback],
        **more: Any,
    ) -> None:
        assert train_state.ranks is not None
        self._ranks: Ranks = train_state.ranks
        if self._ranks.rank:
            callbacks, fit_state.callbacks = (), []
        super().__init__(train_state, examples, optimizer, fit_state, callbacks=callbacks, **more)
        self._pausing = []  # it is by the clock, which is not the same for all
        self._n_visited = sum(self._ranks.rows)
        self.steps_per_epoch: int = -(-self._n_visited // fit_state.batch_size)
        self._apart = self._ranks.each(self._apart)[0]
        self._follow_state()

    # ---- what rank 0 has, all have -----------------------------------------------------------

    def _follow_state(self) -> None:
        """Start from the state of rank 0; masks of dropout are each rank's own."""
        now, ranks = self._train_state, self._ranks
        for moment in (now.optimizer_state.m, now.optimizer_state.v):
            if moment is not None:
                ranks.spread(moment)
        rng, steps, seed = ranks.each(
            [now.rng.bit_generator.state, now.optimizer_state.steps, now.dropout_seed]
        )[0]
        now.rng.bit_generator.state, now.optimizer_state.steps = rng, steps
        now.dropout_seed = (seed + ranks.rank) % (1 << 64)

    def _call(self, hook: str, *arguments: Any) -> None:
        super()._call(hook, *arguments)
        self.lr_scale, self._stopped = self._ranks.each([self.lr_scale, self._stopped])[0]
        params = self._train_state.core.get_params()
        self._ranks.spread(params)
        if self._ranks.rank:
            set_params(self._train_state.core, params)

    # ---- what is summed over the ranks -------------------------------------------------------

    def _of_all(self, sums: _Sums) -> _Sums:
        loss, correct, weight = self._ranks.sums(*sums)
        return loss, correct, weight

    def _batch_end(self, logs: dict[str, float]) -> None:
        self._sums = self._of_all(self._sums)
        super()._batch_end(means(self._sums, self._examples.has_accuracy))
        if self._ranks.rank:  # rank 0 has the sums so far, for a checkpoint
            self._sums = (0.0, 0.0, 0.0)

    def _resume_in_epoch(self) -> None:
        super()._resume_in_epoch()
        if self._ranks.rank:
            self._sums = (0.0, 0.0, 0.0)

    def _batches(
        self, order: NDArray[np.int64] | None, bar: progress.Progress
    ) -> dict[str, float] | None:
        if super()._batches(order, bar) is None:
            return None
        return means(self._of_all(self._sums), self._examples.has_accuracy)

    def _evaluate(self, examples: TrainingRows) -> dict[str, float]:
        sums = summed(self._train_state.core, examples, self._n_threads)
        return means(self._of_all(sums), examples.has_accuracy)

    def _is_finite(self) -> bool:
        return self._ranks.sums(not super()._is_finite()) == [0]

    def _cost_is_finite(self) -> bool:
        return self._ranks.sums(not super()._cost_is_finite()) == [0]

    # ---- batches -----------------------------------------------------------------------------

    def _order(self) -> NDArray[np.int64] | None:
        """Draw the order of all ranks' rows; keep those that are here, and where batches end."""
        ranks, n, size = self._ranks, self._n_visited, self._fit_state.batch_size
        first = sum(ranks.rows[: ranks.rank])
        here = ranks.rows[ranks.rank]
        ends = np.minimum(np.arange(self.steps_per_epoch + 1) * size, n)
        if self._fit_state.shuffle and self.steps_per_epoch > 1:
            order = _fastnn.permutation(self._train_state.rng, n)
            mine = (order >= first) & (order < first + here)
            order = order[mine] - first
            self._ends = np.concatenate([[0], np.cumsum(mine)])[ends]
        else:
            order = np.arange(here)
            self._ends = np.clip(ends - first, 0, here)
        return order if self._examples.visit is None else self._examples.visit[order]

    def _ends_of(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the rows before the end of each batch, from that before `first` on."""
        return self._ends[first : last + 1]

    def _rows_of(
        self, order: NDArray[np.int64] | None, first: int, last: int
    ) -> tuple[NDArray[np.int64] | None, Shared | None]:
        assert order is not None
        ends = self._ends_of(self._batch, last)
        at = int(self._ends_of(first, first)[0])
        return order[ends[0] - at : ends[-1] - at], (self._ranks.add, ends[1:] - ends[0])


class TogetherOnStreams(Together, StreamFit):
    """Data-parallel fit on streams, one a rank; each is shuffled by itself."""

    def _order(self) -> NDArray[np.int64] | None:
        StreamFit._order(self)
        self._seed = None if self._seed is None else self._seed + self._ranks.rank
        return None

    def _cut(self) -> Cut:
        return Cut(self._streamed.n_visited, self._fit_state.batch_size, self.steps_per_epoch)

    def _ends_of(self, first: int, last: int) -> NDArray[np.int64]:
        ends: NDArray[np.int64] = self._cut().end(np.arange(first, last + 1))
        return ends
