"""Settings of the computation, from the environment or set by the program.

``FASTNN_ISA``          avx512, avx2, neon or base instead of the best that runs here
``FASTNN_NUM_THREADS``  threads of a call; else ``OMP_NUM_THREADS`` (joblib sets it in its
                        workers); else the CPUs that this process may use
``FASTNN_SPARSE``       always or never instead of auto: see `set_sparse`
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any

import numpy as np

from . import _fastnn

_n_threads: int | None = None  # None: not asked for yet
_is_set = False  # whether `set_num_threads` chose it
_SPARSE_MODES = ("auto", "always", "never")
_sparse: str | None = None


def _cgroup_quota() -> float:
    """Return the CPUs that the cgroup (a container's limit) grants, or infinity."""
    from pathlib import Path  # only here: `import fastnn` runs this module and need not wait

    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:  # version 1 of the interface
        folder = Path("/sys/fs/cgroup/cpu")
        quota_us = int((folder / "cpu.cfs_quota_us").read_text())
        period_us = int((folder / "cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def available_cpus() -> int:
    """Return the number of CPUs that this process may use, by affinity and cgroup quota."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cpus, math.ceil(min(_cgroup_quota(), cpus))))


def _threads_of_environment() -> int | None:
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()  # OpenMP allows a list, by level
        if text.isdecimal() and int(text) > 0:
            return int(text)
        if text and name.startswith("FASTNN"):
            raise ValueError(f"{name} must be a whole number of 1 or more, got {text!r}")
    return None


def get_num_threads() -> int:
    """Return the number of threads that one call of the core may use."""
    global _n_threads
    if _n_threads is None:
        _n_threads = min(_threads_of_environment() or available_cpus(), _fastnn.MOST_THREADS)
    return _n_threads


def set_num_threads(n: int) -> None:
    """Set the number of threads that one call of the core may use, in this process.

    Small networks always run on one thread. The number changes no bit of any result.

    Parameters
    ----------
    n : int
        At least 1; more than 256 count as 256. The default is the number of CPUs that this process
        may use (affinity and container limits counted), or ``FASTNN_NUM_THREADS``, or
        ``OMP_NUM_THREADS``.
    """
    global _n_threads, _is_set
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n must be a whole number of 1 or more, got {n!r}")
    _n_threads, _is_set = min(int(n), _fastnn.MOST_THREADS), True


def threads_of_one(n_processes: int) -> int:
    """Return the threads of one of several processes here; a number that was set is kept."""
    if _is_set or _threads_of_environment() is not None:
        return get_num_threads()
    return max(1, get_num_threads() // n_processes)


def get_sparse() -> str:
    """Return the mode of `set_sparse`: auto, always or never."""
    global _sparse
    if _sparse is None:
        _sparse = _check_sparse("FASTNN_SPARSE", os.environ.get("FASTNN_SPARSE") or "auto")
    return _sparse


def set_sparse(mode: str) -> None:
    """Set when the first layer computes with the non-zeros of its inputs alone, in this process.

    Zeros in X add nothing to the first layer's sums and to its gradient, so leaving them out is
    faster if there are many, as in images. Predictions have the same bits in all modes; gradients
    are rounded in another order.

    Parameters
    ----------
    mode : {"auto", "always", "never"}
        The default "auto" counts the zeros in some 256 rows of each X and chooses the faster mode.
    """
    global _sparse
    _sparse = _check_sparse("mode", mode)


def _check_sparse(name: str, mode: str) -> str:
    if mode not in _SPARSE_MODES:
        raise ValueError(f"{name} must be one of {', '.join(_SPARSE_MODES)}; got {mode!r}")
    return mode


def choose_isa_of_environment() -> None:
    """Choose the instruction set that ``FASTNN_ISA`` names, if it is set."""
    name = os.environ.get("FASTNN_ISA")
    if not name:
        return
    if name not in _fastnn.available_isas():
        here = ", ".join(_fastnn.available_isas())
        raise ImportError(f"FASTNN_ISA is {name!r}, but this machine and build can run: {here}")
    _fastnn.choose_isa(name)


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show versions, processor, instruction set and number of threads.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print a table, or return it as a dict.

    Examples
    --------
    >>> import fastnn
    >>> sorted(fastnn.show_config(mode="dicts"))[:3]
    ['cpus', 'fastnn', 'instruction_set']
    """
    import platform  # only here, as Path above

    from . import __version__

    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    config = {
        "fastnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "cpus": available_cpus(),
        "threads": get_num_threads(),
        "sparse_inputs": get_sparse(),
        "instruction_set": _fastnn.isa(),
        "instruction_sets": list(_fastnn.available_isas()),
    }
    if mode == "dicts":
        return config
    for name, value in config.items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):17}{text}")
    return None
