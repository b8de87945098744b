"""Measure the accuracy of networks by their initial weights; write initialisation.md.

    nice python benchmarks/initialisation.py --tables FOLDER

FOLDER holds the tables that `small_tasks.TABLES` names; without, those of scikit-learn alone. About
ten minutes. `--jobs 2` measures two cells at a time: no figure here is a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import small_tasks
from small_tasks import Task

import fastnn
from fastnn.init import DEFAULT_INIT, Init

_RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
_STEPS = 1_000  # at least; of batches of 32
_WIDTH = 32
_SEEDS = 5


@dataclass(frozen=True)
class Net:
    """One row of the table: what is trained, and how."""

    activation: str
    depth: int
    optimizer: str
    dtype: str = "float32"

    def __str__(self) -> str:
        wide = " float64" if self.dtype == "float64" else ""
        return f"{self.activation} {self.depth} {self.optimizer}{wide}"


def nets(quick: bool) -> Iterator[Net]:
    """Yield all networks."""
    if quick:
        yield from (Net("relu", 1, "Adam"), Net("sigmoid", 1, "SGD"))
        return
    for activation in ("relu", "silu", "tanh", "sigmoid"):
        for optimizer in ("Adam", "SGD"):
            yield from (Net(activation, depth, optimizer) for depth in (1, 2, 4, 8))
        yield Net(activation, 2, "Adam", "float64")
    for activation in ("leaky_relu", "elu", "gelu", "softplus"):
        yield Net(activation, 2, "Adam")


@lru_cache(1)
def tasks(folder: Path | None, quick: bool) -> list[Task]:
    """Return all tasks."""
    if quick:
        return list(small_tasks.functions(64))[:1]
    functions, tables = small_tasks.functions(1_000), small_tasks.tables(folder)
    return [*functions, small_tasks.images(1_000), *tables]


def inits(activation: str) -> list[Init]:
    """Return the initial weights that are compared, the default first."""
    wide: list[Init] = ["sigmoid_uniform"] if activation == "sigmoid" else []
    return [DEFAULT_INIT, "he_normal" if activation in _RECTIFIERS else "lecun_normal", *wide]


def errors(net: Net, init: Init, task: Task, seeds: int, steps: int) -> list[float]:
    """Return the test error with each seed."""
    found = []
    epochs = -(-steps // -(-len(task.X) // 32))
    optimizer = fastnn.Adam() if net.optimizer == "Adam" else fastnn.SGD(0.1)
    for seed in range(seeds):
        made = task.network(
            [_WIDTH] * net.depth,
            activation=net.activation,
            init=init,
            dtype=net.dtype,
            seed=seed,
        )
        made.fit(task.X, task.y, epochs=epochs, optimizer=optimizer)
        found.append(task.error(made))
    return found


def measure(job: tuple[Net, Path | None, bool]) -> dict[Init, list[float]]:
    """Return the median errors of the tasks by initial weights."""
    net, folder, quick = job
    fastnn.set_num_threads(1)
    seeds, steps = (2, 4) if quick else (_SEEDS, _STEPS)
    return {
        init: [
            float(np.median(errors(net, init, task, seeds, steps))) for task in tasks(folder, quick)
        ]
        for init in inits(net.activation)
    }


# What is written ---------------------------------------------------------------------------------


def table(found: dict[Net, dict[Init, list[float]]], todo: list[Task]) -> Iterator[str]:
    """Yield the medians, a line for each initial weights of each network."""
    yield f"{'':37}" + "".join(f"{task.name:>14}" for task in todo)
    for net, by_init in found.items():
        for init, values in by_init.items():
            cells = (
                f"{100 * value:>13.1f}%" if task.n_classes else f"{value:>14.3f}"
                for value, task in zip(values, todo, strict=True)
            )
            yield f"{net!s:20} {init:16}" + "".join(cells)


def summary(found: dict[Net, dict[Init, list[float]]]) -> Iterator[str]:
    """Yield the geometric means of the errors over the default's, by activation."""
    yield "| hidden layers | cells | initial weights | error / that of the default |"
    yield "| --- | --- | --- | --- |"
    for activation in dict.fromkeys(net.activation for net in found):
        rows = [by_init for net, by_init in found.items() if net.activation == activation]
        for init in inits(activation)[1:]:
            pairs = [
                pair for row in rows for pair in zip(row[init], row[DEFAULT_INIT], strict=True)
            ]
            ratio = np.exp(np.mean([np.log((a + 1e-3) / (b + 1e-3)) for a, b in pairs]))
            yield f"| {activation} | {len(pairs)} | `{init}` | {ratio:.2f} |"


def report(
    found: dict[Net, dict[Init, list[float]]], todo: list[Task], command: str
) -> Iterator[str]:
    """Yield the lines of initialisation.md."""
    yield "# Initial weights: what was learnt with them"
    yield ""
    yield (
        f"Written by `{command}`. Networks d-{_WIDTH}-…-{_WIDTH}-k, batches of 32, at least "
        f"{_STEPS:,} steps, `Adam()` or `SGD(0.1)`, standardized inputs. Medians of {_SEEDS} seeds "
        "of the test error: rmse in deviations of the target, or the share of wrong classes. "
        f"`{DEFAULT_INIT}`, the default, is PyTorch's. Geometric means over all cells:"
    )
    yield ""
    yield from summary(found)
    yield ""
    yield "The cells: hidden layers, their number, optimizer, initial weights."
    yield ""
    yield "```text"
    yield from table(found, todo)
    yield "```"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="FOLDER")
    args = parser.parse_args()
    todo, found = list(nets(args.quick)), {}
    command = "python benchmarks/initialisation.py" + (" --tables FOLDER" if args.tables else "")
    args.output.mkdir(exist_ok=True)
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        jobs = [(net, args.tables, args.quick) for net in todo]
        for net, errors_of in zip(todo, pool.map(measure, jobs), strict=True):
            found[net] = errors_of
            lines = report(found, tasks(args.tables, args.quick), command)
            (args.output / "initialisation.md").write_text(
                "\n".join(lines) + "\n", encoding="utf-8"
            )
            print(net, flush=True)


if __name__ == "__main__":
    main()
