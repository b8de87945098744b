"""``fastnn bench``: how fast fastnn is on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from . import options
from .options import UsageError

if TYPE_CHECKING:
    from ..bench.measure import Row
    from ..bench.workloads import Workload
    from .options import Commands

_NAMES = ("W1", "W1d", "W2", "W3", "W4", "W5", "W6", "W7", "predict", "book", "T3", "T5")

_EPILOG = """\
examples:
  fastnn bench
  fastnn bench --workloads W1 W3 --rounds 7
  FASTNN_ISA=avx2 fastnn bench --workloads W3 --json avx2.json

One thread, or all for W6, T3 and T5, which compare them. Beside other
libraries: benchmarks/run.py of the sources.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn bench``."""
    parser = options.add_command(
        commands, "bench", "measure how fast fastnn is on this machine", _EPILOG
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        metavar="NAME",
        default=_NAMES,
        help=f"of {', '.join(_NAMES)} (default: all)",
    )
    parser.add_argument(
        "--rounds", type=options.count, default=3, metavar="N", help="of each (default: 3)"
    )
    parser.add_argument(
        "--data", metavar="FOLDER", help="with MNIST's files (default: the embedded digits)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the results there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table."""
    from .. import datasets
    from ..bench import report, workloads

    try:
        chosen = workloads.choose(args.workloads)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.json is not None:
        options.check_writable(args.json, "--json")
    if args.data is not None:
        datasets.load_mnist(folder=args.data, download=False)  # raises if it is not there
    found = _measure(chosen, args)
    _tell("")
    _print(found, args.data)
    if args.json is not None:
        results = [
            {
                "workload": workload.to_json(),
                "title": workload.title,
                "rows": list(map(asdict, rows)),
            }
            for workload, rows in found
        ]
        text = json.dumps({"machine": report.machine(), "results": results}, indent=1)
        paths.replace(args.json, f"{text}\n".encode())
    return 0


def _measure(chosen: list[Workload], args: argparse.Namespace) -> list[tuple[Workload, list[Row]]]:
    from ..bench.measure import Settings, measure

    settings = Settings(rounds=args.rounds, folder=args.data, tell=_tell)
    return [(workload, measure(workload, settings)) for workload in chosen]


def _print(found: list[tuple[Workload, list[Row]]], folder: str | None) -> None:
    from rich.console import Console

    from ..bench import report, workloads

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(report.describe_machine(report.machine()), markup=False)
    console.print(workloads.describe_data(folder), markup=False)
    console.print(report.table(found))
    for workload, rows in found:
        if not rows:
            console.print(f"{workload.name}: this process may use one CPU only", markup=False)
    for note in report.NOTES:
        console.print(note, markup=False)


def _tell(text: str) -> None:
    """Show which step is under way, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
