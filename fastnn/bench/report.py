"""Results as a table for the terminal, and the machine that they hold for."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _config
from .measure import Row
from .workloads import Workload

if TYPE_CHECKING:
    from rich.table import Table

NOTES = (
    "examples/s: the median (least to greatest) of the rounds.",
    "GF/s: 10⁹ operations of the matrix products a second, zeros counted, so that where zeros are "
    "skipped it says nothing of the arithmetic done.",
)


def machine() -> dict[str, Any]:
    """Return what the figures depend on and a reader can compare."""
    config = _config.show_config(mode="dicts") or {}
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "instruction_set": config["instruction_set"],
        "platform": config["platform"],
        "python": config["python"],
        "numpy": config["numpy"],
        "fastnn": config["fastnn"],
    }


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe_machine(facts: dict[str, Any]) -> str:
    """Return the machine in a line."""
    cpus = "1 CPU" if facts["cpus"] == 1 else f"{facts['cpus']} CPUs"
    return (
        f"{facts['cpu']}, {cpus}, {facts['instruction_set']}; {facts['platform']}; "
        f"fastnn {facts['fastnn']}, Python {facts['python']}, NumPy {facts['numpy']}"
    )


# Cells -------------------------------------------------------------------------------------------


def significant(value: float) -> str:
    """Return three digits at least: "788,000", "2.41", "0.987".

    Examples
    --------
    >>> [significant(x) for x in (788431.9, 53.37, 2.4176, 0.98738)]
    ['788,000', '53.4', '2.42', '0.987']
    """
    if value >= 1000:
        digits = 10 ** max(0, len(str(int(value))) - 3)
        return f"{round(value / digits) * digits:,}"
    return f"{value:#.3g}".rstrip(".")


def table(measured: Sequence[tuple[Workload, list[Row]]]) -> Table:
    """Return the rows as a table for a terminal."""
    from rich.table import Table

    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "threads", "examples/s", "GF/s"):
        found.add_column(name, justify="right" if name else "left", no_wrap=True)
    found.add_column("workload; a round; notes")
    for workload, rows in measured:
        for row in rows:
            found.add_row(
                workload.name,
                str(row.n_threads),
                f"{significant(row.rate)} ({significant(row.least)} to {significant(row.most)})",
                "" if row.gflops is None else significant(row.gflops),
                "; ".join(filter(None, (workload.title, row.amount, row.note))),
            )
    return found
