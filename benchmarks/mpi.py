"""Measure data-parallel training: rows a second of 1, 2, … ranks, 128 rows a rank in each batch.

    python benchmarks/mpi.py [--ranks 1 2] [--rounds 5] [--quick]

784-512-512-10, float32, ReLU, Adam, one thread a rank, two epochs, of which the second counts; runs
of different numbers of ranks in turns, medians of the rounds, and of the ratios within each round.
Needs mpi4py and mpiexec, and a free processor for each rank. The exchange alone: an Allreduce of as
many numbers in place, in microseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

import numpy as np

SIZES = [784, 512, 512, 10]


def work(rows: int) -> None:
    """Train on a rank, and print the speed on the first."""
    from mpi4py import MPI

    import fastnn

    comm = MPI.COMM_WORLD
    rank, size = comm.Get_rank(), comm.Get_size()
    rng = np.random.default_rng(rank)
    X = rng.standard_normal((rows // size, SIZES[0]), np.float32)
    y = rng.integers(0, 10, len(X))
    net = fastnn.MLP(SIZES, output="softmax", seed=0)
    how: dict[str, Any] = {} if size == 1 else {"comm": comm}
    history = net.fit(X, y, epochs=2, batch_size=128 * size, **how)
    summed = np.zeros(net.n_params + 3, np.float32)
    comm.Barrier()
    began = time.perf_counter()
    for _ in range(50):
        comm.Allreduce(MPI.IN_PLACE, summed)
    exchange = (time.perf_counter() - began) / 50
    if rank == 0:
        speed = history.examples_per_second[-1]
        print(json.dumps({"rows_s": speed, "exchange_us": exchange * 1e6}))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rows: no figures")
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work)
        return
    beside = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    mpiexec = shutil.which("mpiexec", path=beside)
    if mpiexec is None:
        sys.exit("mpiexec is not there: pip install mpi4py mpich")
    rows, rounds = (2_560, 1) if args.quick else (25_600, args.rounds)
    found: dict[int, list[dict[str, float]]] = {ranks: [] for ranks in args.ranks}
    env = {**os.environ, "FASTNN_NUM_THREADS": "1"}
    for _ in range(rounds):
        for ranks, runs in found.items():
            command = [mpiexec, "-n", str(ranks), sys.executable, __file__, "--work", str(rows)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env, check=True)
            runs.append(json.loads(done.stdout))
    first = np.array([run["rows_s"] for run in found[args.ranks[0]]])
    for ranks, runs in found.items():
        speeds = np.array([run["rows_s"] for run in runs])
        us = np.median([run["exchange_us"] for run in runs])
        speed, ratio = np.median(speeds), np.median(speeds / first)
        print(f"{ranks} ranks{speed:12,.0f} rows/s{ratio:7.2f} x, exchange {us:,.0f} us")


if __name__ == "__main__":
    main()
