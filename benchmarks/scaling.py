"""Measure the speed of fastnn and PyTorch by width, batch size, rows and threads.

    python benchmarks/scaling.py

Writes scaling.md, scaling.json and scaling.svg; see README.md of this folder. PyTorch is left out
where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import charts
import contenders
from contenders import UnableError
from contenders.workers import Worker, WorkerError, cpus_of, threads_of

from fastnn.bench import report
from fastnn.bench.measure import amount, spread
from fastnn.bench.workloads import Rule, Workload

_ADAM = Rule("adam", 1e-3)
_IMAGES = Workload(
    "images", (784, 128, 128, 10), "relu", "softmax", "cross_entropy", 128, _ADAM, "noise", 16_384
)
_TABLE = Workload("table", (4, 32, 32, 1), "tanh", "identity", "mse", 256, _ADAM, "surface")
_LONGEST = 100_000  # rows of an epoch that PyTorch is asked for: more would take minutes
_CAPTIONS = {
    "width": "784-w-w-10 relu softmax, batch 128, Adam, one thread",
    "batch": "784-128-128-10 relu softmax, Adam, one thread",
    "rows": "4-32-32-1 tanh, batch 256, Adam, whole epochs over so many rows, one thread "
    f"(PyTorch up to {_LONGEST:,})",
    "threads": "784-1024-1024-10 relu softmax, batch 512, Adam",
}


@dataclass(frozen=True)
class Point:
    """One workload, and what of it is varied."""

    axis: str
    value: int
    workload: Workload
    n_threads: int = 1


def points(quick: bool) -> Iterator[Point]:
    """Yield everything to measure."""
    widths = [8, 32] if quick else [2**k for k in range(3, 13)]
    for width in widths:
        yield Point("width", width, replace(_IMAGES, sizes=(784, width, width, 10)))
    for batch in [1, 64] if quick else [4**k for k in range(7)]:
        yield Point("batch", batch, replace(_IMAGES, batch_size=batch))
    for rows in [1_000, 10_000] if quick else [10**k for k in range(3, 8)]:
        yield Point("rows", rows, replace(_TABLE, rows=rows))
    wide = 64 if quick else 1024
    for n in range(1, threads_of(all_threads=True) + 1):
        workload = replace(_IMAGES, sizes=(784, wide, wide, 10), batch_size=512)
        yield Point("threads", n, workload, n)


def main() -> int:
    """Measure every point with every library, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--axes", nargs="+", choices=_CAPTIONS, default=list(_CAPTIONS))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--quick", action="store_true", help="a few small points: does it run?")
    args = parser.parse_args()
    if args.quick and args.output == Path(__file__).parent:
        parser.error("--quick needs --output FOLDER: its figures must not mix with real ones")
    names = [name for name in ("fastnn", "torch") if contenders.installed(name)]
    path = args.output / "scaling.json"
    found: dict[str, Any] = {}
    if path.exists():
        old = json.loads(path.read_text("utf-8"))
        if old["machine"] != report.machine():
            sys.exit(f"scaling.py: error: {path} is of another machine or version; remove it")
        found = old["axes"]
    args.output.mkdir(parents=True, exist_ok=True)
    seconds = 0.02 if args.quick else 0.4
    for axis in args.axes:
        found[axis] = {name: [] for name in names}
        for point in (point for point in points(args.quick) if point.axis == axis):
            for name in names:
                if name != "fastnn" and axis == "rows" and point.value > _LONGEST:
                    continue
                rate = measure(point, name, args.rounds, seconds)
                print(f"{axis} {point.value:,}: {name} {report.significant(rate)}", file=sys.stderr)
                found[axis][name].append([point.value, rate])
        write(args.output, found)
    return 0


def measure(point: Point, name: str, rounds: int, seconds: float) -> float:
    """Return the examples a second of a library: the median of the rounds."""
    workload = point.workload
    worker = Worker(name, point.n_threads, cpus_of(all_threads=True)[-point.n_threads :])
    try:
        worker.ask("prepare", workload=workload.to_json(), folder=None)
        rows = min(workload.whole_rows, max(1, 1_024 // workload.batch_size) * workload.batch_size)
        worker.ask("seconds", rows=rows, epochs=1)
        rate = rows / worker.ask("seconds", rows=rows, epochs=1)
        if point.axis == "rows":
            rows, epochs = workload.whole_rows, max(1, int(rate * seconds / workload.whole_rows))
        else:
            rows, epochs = amount(rate, seconds, workload)
        worker.ask("seconds", rows=min(rows, 100_000), epochs=1)
        took = [worker.ask("seconds", rows=rows, epochs=epochs) for _ in range(rounds)]
    except (WorkerError, UnableError) as error:
        sys.exit(f"scaling.py: error: {name}: {error}")
    finally:
        worker.close()
    return rows * epochs / spread(took)[0]


def write(output: Path, found: dict[str, Any]) -> None:
    """Write all three files."""
    facts = report.machine()
    text = json.dumps({"machine": facts, "axes": found}, indent=1)
    (output / "scaling.json").write_text(text + "\n", "utf-8")
    lines = ["# Scaling", "", f"{report.describe_machine(facts)}. Examples a second, medians.", ""]
    lines += ["![Examples a second by width, batch, rows and threads](scaling.svg)", ""]
    for axis, series in found.items():
        names = [name for name in series if series[name]]
        lines += [f"## By {axis}", "", f"{_CAPTIONS[axis]}.", ""]
        lines += [f"| {axis} | {' | '.join(names)} |", f"| ---: |{' ---: |' * len(names)}"]
        for value, _ in series[names[0]]:
            rates = [dict(map(tuple, series[name])).get(value) for name in names]
            shown = ["–" if rate is None else report.significant(rate) for rate in rates]
            lines.append(f"| {value:,} | {' | '.join(shown)} |")
        lines.append("")
    (output / "scaling.md").write_text("\n".join(lines), "utf-8")
    panels = [
        (axis, {name: [(x, y) for x, y in rows] for name, rows in series.items()})
        for axis, series in found.items()
    ]
    charts.scaling(panels, output / "scaling.svg")


if __name__ == "__main__":
    sys.exit(main())
