"""Measure fastnn beside PyTorch and JAX over shapes, batches and optimisers; write map.md, map.svg.

    python benchmarks/map.py --output FOLDER [--rounds 3] [--random 10] [--only WORD ...]

The map shows where fastnn is weakest. relu, softmax with cross-entropy, one thread; the method is
that of run.py, so all learn the same and take turns. Every run adds random shapes, of another seed
each day, so that no cell is tuned to alone. Half an hour with both peers.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import charts
import contenders
import numpy as np
from contenders.runner import Settings, measure
from contenders.workers import Workers

from fastnn.bench import report
from fastnn.bench.workloads import Rule, Workload

PEERS = ("jax", "torch")
_RULES = (Rule("sgd", 0.01), Rule("adam", 1e-3))
_BATCHES = (1, 8, 64, 512)
_DIGITS: tuple[tuple[int, ...], ...] = (
    (784, 16, 10),
    (784, 64, 10),
    (784, 100, 10),
    (784, 256, 10),
    (784, 1024, 1024, 10),
)
_DENSE: tuple[tuple[int, ...], ...] = (
    (784, 128, 10),
    (20, 64, 64, 2),
    (20, 256, 256, 2),
    (8, 8, 2),
    (100, 512, 512, 2),
)


def cell(sizes: tuple[int, ...], data: str, batch: int, rule: Rule) -> Workload:
    """Return the workload of one cell: rows enough for whole batches, not for minutes."""
    name = "-".join(map(str, sizes)) + (" digits" if data == "digits" else "")
    rows = 60_000 if data == "digits" else 8_192
    title = f"{name}, batch {batch}, {rule.name}"
    few = 512 if batch == 1 else 4_096
    return Workload(
        title, sizes, "relu", "softmax", "cross_entropy", batch, rule, data, rows, check_rows=few
    )


def cells(batches: Sequence[int], n_random: int, seed: int) -> Iterator[tuple[str, str, Workload]]:
    """Yield row, column and workload of every cell."""
    rng = np.random.default_rng(seed)
    shapes = [(sizes, "digits") for sizes in _DIGITS] + [(sizes, "noise") for sizes in _DENSE]
    for sizes, data in shapes:
        for rule in _RULES:
            for batch in batches:
                made = cell(sizes, data, batch, rule)
                yield made.name.split(",")[0], f"{rule.name} {batch}", made
    for _ in range(n_random):
        depth = int(rng.integers(1, 4))
        widths = (2 ** rng.uniform(2, 9.5, depth + 1)).astype(int).tolist()
        sizes = (*widths, int(rng.integers(2, 20)))
        rule, batch = _RULES[rng.integers(2)], int(2 ** rng.integers(0, 10))
        made = cell(sizes, "noise", batch, rule)
        yield f"{made.name.split(',')[0]}, batch {batch}", rule.name, made


def main() -> int:
    """Measure every cell, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a round (default: 0.2)")
    parser.add_argument("--batches", nargs="+", type=int, default=_BATCHES)
    parser.add_argument("--random", type=int, default=10, help="random shapes (default: 10)")
    parser.add_argument("--seed", type=int, default=datetime.date.today().toordinal())
    parser.add_argument("--only", nargs="+", default=[""], help="cells whose title holds a word")
    args = parser.parse_args()
    peers = [name for name in PEERS if contenders.installed(name)]
    settings = Settings(rounds=args.rounds, seconds=args.seconds, peak_size=256)
    args.output.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Map",
        "",
        f"{report.describe_machine(report.machine())}. How many times as many examples a second as "
        "each peer, medians of the rounds (least to greatest); relu, softmax, one thread.",
        "",
        "![Ratios to each peer, by network and by optimiser and batch](map.svg)",
        "",
        f"| network | optimiser, batch | examples/s | {' | '.join(f'x {p}' for p in peers)} |",
        f"| --- | --- | ---: |{' ---: |' * len(peers)}",
    ]
    found: dict[str, dict[tuple[str, str], float]] = {peer: {} for peer in peers}
    for row, column, workload in cells(args.batches, args.random, args.seed):
        if not any(word in workload.name for word in args.only):
            continue
        with Workers() as workers:
            result = measure(workload, peers, workers, settings)
        by_name = {each.contender: each for each in result.rows}
        if contenders.OURS not in by_name:
            sys.exit(f"map.py: error: {workload.name}: {result.left_out}")
        shown = []
        for peer in peers:
            ratio = by_name[peer].ratio if peer in by_name else None
            shown.append("–" if ratio is None else "{:.2f} ({:.2f} to {:.2f})".format(*ratio))
            if ratio is not None:
                found[peer][row, column] = ratio[0]
        rate = report.significant(by_name[contenders.OURS].rate)
        lines.append(f"| {row} | {column} | {rate} | {' | '.join(shown)} |")
        print(lines[-1], flush=True)
        (args.output / "map.md").write_text("\n".join(lines) + "\n", "utf-8")
    charts.heat_map(found, args.output / "map.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
