"""Process of a contender: executes commands from lines of JSON, one at a time.

``python -m contenders.worker_main NAME N_THREADS CPUS`` reads ``{"call": …, arguments}`` and
answers ``{"value": …}``, or ``{"unable": …}`` or ``{"error": …}`` with a sentence. It ends with its
input.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any, TextIO

from fastnn.bench.workloads import Workload, make_data

from . import Contender, UnableError, load


def main(name: str, n_threads: int, cpus: list[int]) -> None:
    """Serve until the input ends."""
    if cpus and hasattr(os, "sched_setaffinity"):  # not on macOS and Windows
        os.sched_setaffinity(0, cpus)
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    _serve(_Player(name, n_threads), sys.stdin, wire)


class _Player:
    """Holds one contender at a time, for one workload after another."""

    def __init__(self, name: str, n_threads: int) -> None:
        self._name = name
        self._n_threads = n_threads
        self._contender: Contender | None = None

    def prepare(self, workload: dict[str, Any], folder: str | None) -> str:
        """Make the contender for a workload; return the library's version."""
        self._contender = None
        gc.collect()  # of the workload before
        made = Workload.from_json(workload)
        data = make_data(made, folder)
        self._contender = load(self._name)(made, data, self._n_threads)
        return self._contender.version()

    def answer(self, call: str, arguments: dict[str, Any]) -> Any:
        """Call `prepare`, or a method of the contender."""
        if call == "prepare":
            return self.prepare(**arguments)
        return getattr(self._contender, call)(**arguments)


def _serve(player: _Player, requests: TextIO, wire: TextIO) -> None:
    for line in requests:
        arguments = json.loads(line)
        try:
            answer = {"value": player.answer(arguments.pop("call"), arguments)}
        except UnableError as error:
            answer = {"unable": str(error)}
        except Exception as error:  # told to the one who asked
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=wire, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(cpu) for cpu in sys.argv[3].split(",") if cpu])
