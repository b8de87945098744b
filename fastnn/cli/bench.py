"""``fastnn bench``: how fast fastnn is on this machine, also beside other libraries."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from . import options
from .options import UsageError

if TYPE_CHECKING:
    from ..bench.runner import Result, Settings
    from ..bench.workloads import Workload
    from .options import Commands

_PEERS = ("torch", "jax", "sklearn", "kann", "onnxruntime")  # those of them that are installed
# What time may run out for comes last: W5's rounds are long, W6 needs processes of its own.
_ORDER = ("W1", "W4", "predict", "W2", "W3", "W6", "W7", "W5", "book", "W1d", "T3", "T5")
_SECONDS = 50.0  # for all
_SHARE = 0.7  # of the time, after which the rest runs without peers

_EPILOG = """\
examples:
  fastnn bench
  fastnn bench --against none
  fastnn bench --against torch jax --workloads W1 W3 --rounds 7

Each contender runs in a process of its own, on one thread bound to one CPU (on
all CPUs for W6, T3 and T5), in turns. It must learn the same first. A table of
a quiet machine, and how to read it: benchmarks/ of the sources.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn bench``."""
    parser = options.add_command(
        commands, "bench", "measure how fast fastnn is here, beside other libraries", _EPILOG
    )
    parser.add_argument(
        "--against",
        nargs="+",
        metavar="NAME",
        help="torch, torch-compile, jax, sklearn, kann, onnxruntime, numpy, fastnn-bytes; or none "
        "(default: the installed ones of the first six, without torch-compile)",
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        metavar="NAME",
        help=f"of {', '.join(_ORDER)} (default: all)",
    )
    parser.add_argument(
        "--rounds", type=options.count, default=3, metavar="N", help="turns of each (default: 3)"
    )
    parser.add_argument(
        "--seconds",
        type=options.positive,
        metavar="S",
        help="after which the rest runs without peers (default: 50 for all the workloads, no limit "
        "for those that --workloads names)",
    )
    parser.add_argument(
        "--data", metavar="FOLDER", help="with MNIST's files (default: the embedded digits)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the results there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table."""
    from .. import datasets
    from ..bench import contenders, report, runner, workloads

    try:
        chosen = workloads.choose(args.workloads or _ORDER)
        peers = contenders.choose(args.against or _PEERS)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.json is not None:
        options.check_writable(args.json, "--json")
    if args.data is not None:
        datasets.load_mnist(folder=args.data, download=False)  # tells what is wrong with it
    missing = [name for name in peers if not contenders.installed(name)]
    if args.against and missing:
        raise ImportError(f"--against {missing[0]}: it is not installed")
    peers = [name for name in peers if name not in missing]
    limit = args.seconds or (float("inf") if args.workloads else _SECONDS)
    settings = runner.Settings(
        rounds=args.rounds,
        seconds=0.2,
        folder=args.data,
        peak_size=1024,
        book_epochs=3,
        tell=_tell,
    )
    results = _measure(chosen, peers, settings, limit)
    _clear()
    _print(results, args.data, missing)
    if args.json is not None:
        found = [report.to_json(result) for result in results]
        text = json.dumps({"machine": report.machine(), "results": found}, indent=1)
        paths.replace(args.json, f"{text}\n".encode())
    return 1 if any(not result.rows and result.n_threads == 1 for result in results) else 0


def _measure(
    chosen: list[Workload], peers: list[str], settings: Settings, limit: float
) -> list[Result]:
    from ..bench import crew, runner

    began, results = time.monotonic(), []
    with crew.Crew() as children:
        for workload in chosen:
            late = time.monotonic() - began > _SHARE * limit
            result = runner.measure(workload, [] if late else peers, children, settings)
            if late and peers and workload.kind in ("train", "predict"):
                result.left_out["the others"] = "no time left (--workloads sets no limit)"
            results.append(result)
    return results


def _print(results: list[Result], folder: str | None, missing: list[str]) -> None:
    from rich.console import Console

    from ..bench import report, workloads

    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    console.print(report.describe_machine(report.machine()), markup=False)
    console.print(workloads.describe_data(folder), markup=False)
    for heading, table in report.rich_tables(results):
        console.print(f"\n{heading}", style="bold", markup=False)
        if table.row_count:
            console.print(table)
    console.print()
    for note in (*report.NOTES, *report.left_out(results)):
        console.print(note, markup=False)
    if missing:
        console.print(f"Not installed: {', '.join(missing)}.", markup=False)


def _tell(text: str) -> None:
    """Show what is under way, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    _tell("")
