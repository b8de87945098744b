"""Guards of a training: one at a time, and undone if it fails before its first step.

Classes, since a generator would take a microsecond more each time.
"""

from __future__ import annotations

import threading
from typing import Any

from .. import _fastnn

_TRAINED = (
    *("_state", "_optimizer", "_fit_state", "_classes", "history"),
    *("_scaling", "_feature_names", "_trained"),
)


class Alone:
    """The lock of a network for training, taken before its optimiser's state is touched."""

    def __init__(self, net: Any) -> None:
        self._lock, self._own = net._alone, vars(net)

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise _fastnn.BusyError(
                "this network is already being trained: by another thread, or this is a callback"
            )
        self._own["_trainer"] = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._own["_trainer"] = None
        self._lock.release()


class Undone:
    """Everything is undone if memory runs out before the first step, or one of `also` is raised."""

    def __init__(self, net: Any, *also: type[Exception]) -> None:
        self._net = net
        self._errors: tuple[type[BaseException], ...] = (MemoryError, *also)

    def __enter__(self) -> None:
        net = self._net
        self._kept = {name: getattr(net, name) for name in _TRAINED}
        self._rng = net._rng.bit_generator.state
        self._steps = 0 if net._state is None else net._state.steps

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None or not issubclass(kind, self._errors):
            return
        now = self._net._state
        if now is None or now.steps == (self._steps if now is self._kept["_state"] else 0):
            vars(self._net).update(self._kept)
            self._net._rng.bit_generator.state = self._rng
