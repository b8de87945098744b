"""Ranks of a data-parallel fit: processes that take each step together, and end together.

The communicator is mpi4py's, or whatever has its `Get_rank`, `Get_size`, `Allreduce` and `Bcast`.

(a) A rank that fails tells the others, or they would wait for it forever. It can, as all that the
    ranks do together begins with one kind of sum, of n_params + 3 numbers: the gradients of a
    batch, or the zeros of `_meet`. The last number counts the ranks that have failed.
(b) Signals are heard between two sums, not within: their handlers run where a failure can be told.
    A second one of the same kind is heard at once, for ranks that wait for a dead one.
(c) Sums over ranks are rounded by the communicator's order of them: the same for the same ranks.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_MESSAGE_BYTES = 2_000
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Communicator(Protocol):
    """The part of mpi4py's communicators that is used; arrays are NumPy's."""

    def Get_rank(self) -> int:
        """Return the number of this process."""

    def Get_size(self) -> int:
        """Return the number of processes."""

    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> object:
        """Write the sum of all processes' arrays into the second array."""

    def Bcast(self, buf: Any, root: int = 0) -> object:
        """Overwrite the array by that of process `root`."""


class RankError(RuntimeError):
    """The failure of another rank of a data-parallel fit, which ended it here."""


class Ranks:
    """The ranks of a fit, for the time of a ``with`` statement, which all of them leave together.

    Parameters
    ----------
    comm : Communicator
        All processes that fit together.
    n_params, dtype
        Of the network.

    Raises
    ------
    TypeError
        The communicator lacks a function.
    ValueError
        The ranks have networks of different sizes.
    """

    def __init__(self, comm: Any, n_params: int, dtype: np.dtype[Any]) -> None:
        for name in ("Get_rank", "Get_size", "Allreduce", "Bcast"):
            if not callable(getattr(comm, name, None)):
                raise TypeError(
                    "comm must be a communicator such as mpi4py.MPI.COMM_WORLD; "
                    f"{type(comm).__name__} has no {name}"
                )
        self._comm = comm
        self.rank: int = int(comm.Get_rank())
        self.size: int = int(comm.Get_size())
        of_mpi4py = type(comm).__module__ == "mpi4py.MPI"
        self._in_place = sys.modules["mpi4py.MPI"].IN_PLACE if of_mpi4py else None  # a copy less
        self._sent = np.zeros(n_params + 3, dtype)
        self.rows: list[int] = []  # of each rank, that an epoch visits; set once they are known
        self._over = False  # the ranks have parted
        self._signals = _Signals()

    def __enter__(self) -> Ranks:
        self._signals.hold()
        sizes = np.zeros(self.size)
        sizes[self.rank] = self._sent.size + self._sent.itemsize / 16
        sizes = self._added(sizes)
        if (sizes != sizes[0]).any():
            self._signals.release()
            raise ValueError(
                "the ranks must have the same network, of the same dtype: they have "
                + ", ".join(f"{int(n) - 3:,}" for n in sizes)
                + " parameters"
            )
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if not self._over:
                self._meet(error)
        finally:
            self._signals.release()

    # ---- what all ranks do together ----------------------------------------------------------

    def add(self, sums: NDArray[Any]) -> None:
        """Replace n_params + 3 numbers by their sums over the ranks; the last is set here."""
        error = self._signals.heard()
        sums[-1] = error is not None
        self._add(sums)
        if sums[-1] > 0:
            self._part(error)

    def sums(self, *values: float) -> list[float]:
        """Return the sums of some numbers over the ranks, in double."""
        self._meet()
        return [float(value) for value in self._added(np.array(values, np.float64))]

    def each(self, value: Any) -> list[Any]:
        """Return the JSON value of each rank."""
        self._meet()
        text = np.frombuffer(json.dumps(value).encode(), np.uint8)
        ends = np.zeros(self.size, np.int64)
        ends[self.rank] = len(text)
        ends = np.cumsum(self._added(ends))
        joined = np.zeros(int(ends[-1]), np.uint8)
        joined[ends[self.rank] - len(text) : ends[self.rank]] = text
        parts = np.split(self._added(joined), ends[:-1])
        return [json.loads(part.tobytes()) for part in parts]

    def spread(self, values: NDArray[Any]) -> None:
        """Overwrite an array, C-contiguous, by that of rank 0."""
        self._meet()
        self._comm.Bcast(values, root=0)

    # ---- how ---------------------------------------------------------------------------------

    def _meet(self, error: BaseException | None = None) -> None:
        """Wait for the other ranks; all of them end here if one has failed."""
        error = error or self._signals.heard()
        zeros = np.zeros_like(self._sent)
        zeros[-1] = error is not None
        self._add(zeros)
        if zeros[-1] > 0:
            self._part(error)

    def _add(self, sums: NDArray[Any]) -> None:
        self._over = True  # should the communicator itself fail
        if self._in_place is None:
            self._sent[:] = sums
            self._comm.Allreduce(self._sent, sums)
        else:
            self._comm.Allreduce(self._in_place, sums)
        self._over = False

    def _added(self, values: NDArray[Any]) -> NDArray[Any]:
        summed = np.empty_like(values)
        self._comm.Allreduce(values, summed)
        return summed

    def _part(self, error: BaseException | None) -> None:
        """Raise what this rank failed by, or the message of the first rank that did."""
        self._over = True
        failed = np.zeros(self.size)
        failed[self.rank] = error is not None
        first = int(np.flatnonzero(self._added(failed))[0])
        message = np.zeros(_MESSAGE_BYTES, np.uint8)
        if self.rank == first:
            text = f"{type(error).__name__}: {error}".removesuffix(": ").encode()[:_MESSAGE_BYTES]
            message[: len(text)] = np.frombuffer(text, np.uint8)
        self._comm.Bcast(message, root=first)
        if error is not None:
            raise error
        told = message.tobytes().rstrip(b"\0").decode(errors="replace")
        raise RankError(f"rank {first} of {self.size} ended the fit by {told}")


class _Signals:
    """Signals that are held back until they are asked for, in the main thread."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: list[tuple[int, Any]] = []

    def hold(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            handler = None if number is None else signal.getsignal(number)
            if number is not None and callable(handler):
                self._handlers[int(number)] = handler
                signal.signal(number, self._note)

    def release(self) -> None:
        """Give the signals back to their handlers, and run those that nobody asked for."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        error = self.heard()
        if error is not None:
            raise error

    def heard(self) -> BaseException | None:
        """Run the handlers of the signals that came; return what one of them raises."""
        while self._came:
            number, frame = self._came.pop(0)
            try:
                self._handlers[number](number, frame)
            except BaseException as error:  # KeyboardInterrupt, or what the caller's handler raises
                return error
        return None

    def _note(self, number: int, frame: Any) -> None:
        if any(number == earlier for earlier, _ in self._came):
            self._handlers[number](number, frame)
        else:
            self._came.append((number, frame))
