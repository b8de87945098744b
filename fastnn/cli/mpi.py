"""``fastnn train --mpi``: each process that mpiexec starts trains on its share of the rows."""

from __future__ import annotations

import argparse
from typing import Any

from .options import UsageError


def communicator(args: argparse.Namespace) -> Any:
    """Return MPI's processes if they are to train together, else None; the first one talks."""
    if not args.mpi:
        return None
    if args.ensemble is not None:
        raise UsageError("--mpi trains one network on all processes: leave --ensemble out")
    try:
        from mpi4py import MPI  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise UsageError(
            f"--mpi needs mpi4py and an MPI: pip install mpi4py mpich ({error})"
        ) from None
    comm = MPI.COMM_WORLD
    if comm.Get_rank():
        args.quiet, args.json = True, False
    return comm


def share(comm: Any, part: Any) -> Any:
    """Return a rank's rows of (X, y, ...): a stretch, so that their order is one process's."""
    if comm is None or part is None:
        return part
    n, rank, size = len(part[0]), comm.Get_rank(), comm.Get_size()
    if n < size:
        raise ValueError(f"{size} processes cannot share {n} rows: start fewer")
    mine = slice(n * rank // size, n * (rank + 1) // size)
    return tuple(None if array is None else array[mine] for array in part)
