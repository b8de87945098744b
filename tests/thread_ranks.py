"""Ranks that are threads of one process, with a communicator in plain Python."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class Threads:
    """A communicator of threads, with the four functions that `fit` asks for."""

    def __init__(self, size: int) -> None:
        self.barrier, self.given = threading.Barrier(size, timeout=60), [None] * size
        self.local = threading.local()

    def Get_rank(self) -> int:
        return self.local.rank

    def Get_size(self) -> int:
        return len(self.given)

    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> None:
        self.given[self.local.rank] = sendbuf
        self.barrier.wait()
        shapes = {(part.shape, part.dtype) for part in self.given}
        assert len(shapes) == 1, f"the ranks have met at different places: {shapes}"
        with np.errstate(all="ignore"):  # as MPI, which adds infinities in silence
            total = sum(part.astype(part.dtype) for part in self.given)
        self.barrier.wait()
        recvbuf[...] = total

    def Bcast(self, buf: Any, root: int = 0) -> None:
        self.given[self.local.rank] = buf
        self.barrier.wait()
        value = self.given[root].copy()
        self.barrier.wait()
        buf[...] = value


def on_ranks(size: int, work: Callable[[Any, int], Any]) -> list[Any]:
    """Return what work(comm, rank) returns on each rank, or the exception that it raises."""
    comm, results = Threads(size), [None] * size

    def run(rank: int) -> None:
        comm.local.rank = rank
        try:
            results[rank] = work(comm, rank)
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a rank hangs"
    return results
