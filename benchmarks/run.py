"""Measure fastnn beside other libraries; print tables, write speed.md, speed.json, ratios.svg.

    python benchmarks/run.py --output FOLDER

See README.md of this folder. Needs fastnn installed; peers that are not installed are named.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import charts
import contenders
from contenders import comparison
from contenders.runner import Result, Settings, measure
from contenders.workers import Workers

from fastnn import datasets
from fastnn.bench import report, workloads

_ALL = tuple(workload.name for workload in workloads.WORKLOADS)


def main() -> int:
    """Run what the command line asks for."""
    args = parse()
    try:
        chosen = workloads.choose(args.workloads)
        peers = contenders.choose(args.against or contenders.PEERS)
        if args.data is not None:
            datasets.load_mnist(folder=args.data, download=False)
        before = read(args.output / "speed.json", args.data)
    except (ValueError, OSError) as error:
        print(f"run.py: error: {error}", file=sys.stderr)
        return 2
    settings = Settings(rounds=args.rounds, seconds=args.seconds, folder=args.data, tell=tell)
    missing = [name for name in peers if not contenders.installed(name)]
    peers = [name for name in peers if name not in missing]
    if args.quick:
        if not args.against:
            peers = [name for name in peers if name != "torch-compile"]  # a minute of compiling
        chosen = [workload.quick() for workload in chosen]
        settings = replace(settings, rounds=2, seconds=0.02, peak_size=256, book_epochs=1)
    args.output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    failed = False
    for workload in chosen:
        with Workers() as workers:  # new processes for each: nothing is left in them
            result = measure(workload, peers, workers, settings)
        failed = failed or (not result.rows and workload.kind != "threads")
        before[workload.name] = result
        write([before[name] for name in _ALL if name in before], args, missing)
        show(result)
    tell(f"done in {time.monotonic() - began:.0f} s: {args.output / 'speed.md'}")
    print(file=sys.stderr)
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with MNIST's files (default: embedded digits)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a round (default: 0.5)")
    parser.add_argument("--against", nargs="+", help="peers, or none (default: all)")
    parser.add_argument(
        "--workloads",
        nargs="+",
        default=_ALL,
        help=f"of {', '.join(_ALL)}; what speed.json holds of others is kept",
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--quick", action="store_true", help="tiny networks: does it run?")
    args = parser.parse_args()
    if args.quick and args.output == Path(__file__).parent:
        parser.error("--quick needs --output FOLDER: its figures must not mix with real ones")
    return args


def read(path: Path, folder: str | None) -> dict[str, Result]:
    """Return earlier results by workload, if they are of this machine and data."""
    if not path.exists():
        return {}
    old = json.loads(path.read_text("utf-8"))
    if (old["machine"], old["digits"]) != (report.machine(), workloads.describe_data(folder)):
        raise ValueError(f"{path} holds results of another machine, version or data; remove it")
    return {values["workload"]["name"]: comparison.from_json(values) for values in old["results"]}


def write(results: list[Result], args: argparse.Namespace, missing: list[str]) -> None:
    """Write all three files; after each workload, so that a long run may be stopped."""
    facts, digits = report.machine(), workloads.describe_data(args.data)
    output = args.output
    values = {
        "machine": facts,
        "digits": digits,
        "results": [comparison.to_json(result) for result in results],
    }
    (output / "speed.json").write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    parts = [
        "# Beside other libraries\n",
        f"{report.describe_machine(facts)}. Contenders: {comparison.peers_of(results)}. {digits}\n",
        f"Last written by `{command(args)}`.\n",
        "![How many times as fast fastnn is](ratios.svg)\n",
        *(f"- {note}" for note in comparison.NOTES),
        "",
        comparison.markdown(results),
        "## Left out\n",
        *(f"- {text}." for text in comparison.left_out(results)),
        *(f"- {name}: not installed." for name in missing),
    ]
    (output / "speed.md").write_text("\n".join(parts) + "\n", "utf-8")
    charts.ratios(results, output / "ratios.svg")


def show(result: Result) -> None:
    """Print the table of a workload."""
    from rich.console import Console

    tell("")
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for heading, table in comparison.rich_tables([result]):
        console.print(f"\n{heading}", style="bold", markup=False)
        if table.row_count:
            console.print(table)
        for why in comparison.left_out([result]):
            console.print(why, markup=False)


def command(args: argparse.Namespace) -> str:
    """Return the command without anybody's folders."""
    words = ["python", "benchmarks/run.py", *(["--data", "FOLDER"] if args.data else [])]
    words += ["--rounds", str(args.rounds), "--seconds", f"{args.seconds:g}"]
    words += ["--against", *args.against] if args.against else []
    words += ["--workloads", *args.workloads] if args.workloads != _ALL else []
    return " ".join([*words, *(["--quick"] if args.quick else [])])


def tell(text: str) -> None:
    """Show what is under way, on one line where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text and not any(word in text for word in ("round", "?", "warm-up")):
        print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
