"""The contenders' processes, as the runner speaks to them.

One process a contender, so that no library's threads, allocator or flags (denormals!) touch
another's, and so that a crash is one contender's. Threads are bounded by the environment before
anything is imported; one-thread contenders are bound to one CPU too, the same for all, which works
because only one of them works at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from fastnn import _config

from . import UnableError

_TIMEOUT = 240  # seconds for one answer; compilers are slow


class WorkerError(Exception):
    """A contender's process failed; the message says how."""


def cpus_of(all_threads: bool) -> list[int]:
    """Return the CPUs to be bound to: all that are allowed, or the last of them."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    return allowed if all_threads else allowed[-1:]


def threads_of(all_threads: bool) -> int:
    """Return how many threads a contender may use."""
    return _config.available_cpus() if all_threads else 1


def environment(n_threads: int) -> dict[str, str]:
    """Return the environment of a process whose libraries use `n_threads` threads."""
    names = ("OMP", "MKL", "OPENBLAS", "FASTNN", "NUMEXPR")
    settings = {f"{name}_NUM_THREADS": str(n_threads) for name in names}
    settings["VECLIB_MAXIMUM_THREADS"] = str(n_threads)
    settings["JAX_PLATFORMS"] = "cpu"
    settings["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    if n_threads == 1:
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {**os.environ, **settings}


class Worker:
    """One contender's process.

    Parameters
    ----------
    name : str
        Of the contender.
    n_threads : int
        That its library may use.
    cpus : list of int
        That it is bound to; none for no bounds.
    """

    def __init__(self, name: str, n_threads: int, cpus: list[int]) -> None:
        self.name = name
        listed = ",".join(map(str, cpus))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "contenders.worker_main", name, str(n_threads), listed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment(n_threads),
        )

    def send(self, call: str, **arguments: Any) -> None:
        """Ask for something; `receive` waits for the answer."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `receive` tells it
            self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
            self._process.stdin.flush()

    def receive(self) -> Any:
        """Wait for the answer.

        Raises
        ------
        UnableError
            If the contender cannot do it.
        WorkerError
            If something failed, or took longer than four minutes.
        """
        assert self._process.stdout is not None
        timer = threading.Timer(_TIMEOUT, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            raise WorkerError(f"its process ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "unable" in answer:
            raise UnableError(answer["unable"])
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["value"]

    def ask(self, call: str, **arguments: Any) -> Any:
        """Ask, and wait for the answer."""
        self.send(call, **arguments)
        return self.receive()

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # it has ended by itself
                    pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """The processes that are alive, by contender and threads; a context that ends them."""

    def __init__(self) -> None:
        self._workers: dict[tuple[str, bool], Worker] = {}

    def get(self, name: str, all_threads: bool = False) -> Worker:
        """Return the process of a contender, started if need be."""
        key = (name, all_threads)
        if key not in self._workers:
            self._workers[key] = Worker(name, threads_of(all_threads), cpus_of(all_threads))
        return self._workers[key]

    def drop(self, worker: Worker) -> None:
        """End a process that has failed, so that the next workload gets a new one."""
        self._workers = {key: kept for key, kept in self._workers.items() if kept is not worker}
        worker.close()

    def close(self) -> None:
        """End them all."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
