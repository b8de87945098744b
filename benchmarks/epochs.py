"""Measure the gain of small tables from more steps than ten epochs have; write epochs.md.

    python benchmarks/epochs.py --tables FOLDER

FOLDER as of initialisation.py. Two minutes. No figure here is a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import small_tasks
from small_tasks import Task

import fastnn
from fastnn.fit.training import default_epochs

_STEPS = (250, 500, 1_000, 2_000, 4_000, 8_000)
_HIDDEN = [16]
_BATCH = 32


def tasks(folder: Path | None, quick: bool) -> Iterator[Task]:
    """Yield small tables: with classes, iris also unscaled, and with a number."""
    from sklearn import datasets

    X, y = datasets.load_iris(return_X_y=True)
    yield small_tasks.classes("iris, raw", X, y, standardize=False)
    if quick:
        return
    yield from small_tasks.tables(folder)
    yield small_tasks.numbers("diabetes", *datasets.load_diabetes(return_X_y=True))
    yield from small_tasks.functions(200)


def error(task: Task, epochs: int | None, seeds: int) -> float:
    """Return the median test error."""
    found = []
    for seed in range(seeds):
        net = task.network(_HIDDEN, seed=seed)
        net.fit(task.X, task.y, epochs=epochs)
        found.append(task.error(net))
    return float(np.median(found))


def report(todo: list[Task], seeds: int, steps: tuple[int, ...], command: str) -> Iterator[str]:
    """Measure and yield the lines of epochs.md."""
    yield "# Default epochs: what was learnt in how many steps"
    yield ""
    yield (
        f"Written by `{command}`. Networks d-16-k with all defaults, batches of {_BATCH}; "
        f"standardized inputs unless raw; medians of {seeds} seeds of the test error: the share of "
        "wrong classes, or the rmse in deviations of the target."
    )
    yield ""
    heads = [*(f"{n:,} steps" for n in steps), "10 epochs", "default", "epochs of it"]
    yield "| table | rows | " + " | ".join(heads) + " |"
    yield "| --- " * (len(heads) + 2) + "|"
    for task in todo:
        n, a_step = len(task.X), "{:.1%}" if task.n_classes else "{:.3f}"
        per_epoch = -(-n // _BATCH)
        chosen = default_epochs(n, _BATCH)
        tried = [max(1, round(count / per_epoch)) for count in steps]
        cells = [a_step.format(error(task, epochs, seeds)) for epochs in (*tried, 10, None)]
        yield f"| {task.name} | {n:,} | " + " | ".join(cells) + f" | {chosen} |"
        print(task.name, flush=True)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="FOLDER")
    args = parser.parse_args()
    fastnn.set_num_threads(1)
    command = "python benchmarks/epochs.py" + (" --tables FOLDER" if args.tables else "")
    seeds, steps = (1, (5,)) if args.quick else (5, _STEPS)
    lines = list(report(list(tasks(args.tables, args.quick)), seeds, steps, command))
    args.output.mkdir(exist_ok=True)
    (args.output / "epochs.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
