"""Measure what a network has learnt by its initial weights; write initialisation.md.

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
from fastnn.init import Init, default_init

DEFAULT, TORCH, NORMAL = "default", "PyTorch", "normal"
_RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
_STEPS = 1_000  # at least; of batches of 32
_WIDTH = 32


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


def inits(activation: str) -> dict[str, Init]:
    """Return the initial weights that are compared, the first by default."""
    return {
        DEFAULT: default_init([activation]),
        TORCH: "fan_in_uniform",
        NORMAL: "he_normal" if activation in _RECTIFIERS else "lecun_normal",
    }


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


def measure(job: tuple[Net, Path | None, bool]) -> dict[str, list[list[float]]]:
    """Return the errors by initial weights, task and seed."""
    net, folder, quick = job
    fastnn.set_num_threads(1)
    seeds, steps = (2, 4) if quick else (5, _STEPS)
    named = inits(net.activation)
    by_init = {
        init: [errors(net, init, task, seeds, steps) for task in tasks(folder, quick)]
        for init in dict.fromkeys(named.values())
    }
    return {name: by_init[init] for name, init in named.items()}


# What is written ---------------------------------------------------------------------------------


def is_worse(default: list[float], torch: list[float]) -> bool:
    """Whether the median lies above all of PyTorch's."""
    return float(np.median(default)) > max(torch)


def table(
    found: dict[Net, dict[str, list[list[float]]]], names: list[str], scores: list[bool]
) -> list[str]:
    """Return the medians, three lines a network."""
    lines = [f"{'':29}" + "".join(f"{name:>14}" for name in names)]
    for net, by_name in found.items():
        for name, by_task in by_name.items():
            cells = ""
            for i, (each, shares) in enumerate(zip(by_task, scores, strict=True)):
                value = float(np.median(each))
                mark = "*" if name == DEFAULT and is_worse(each, by_name[TORCH][i]) else " "
                cells += f"{100 * value:>12.1f}%{mark}" if shares else f"{value:>13.3f}{mark}"
            lines.append(f"{net!s:20} {name:8}{cells}".rstrip())
    return lines


def ratio(found: list[dict[str, list[list[float]]]], other: str) -> str:
    """Return the geometric mean of default error / other error over all cells, and wins, losses."""
    logs, better, worse = [], 0, 0
    for by_name in found:
        for mine, theirs in zip(by_name[DEFAULT], by_name[other], strict=True):
            logs.append(np.log((np.median(mine) + 1e-3) / (np.median(theirs) + 1e-3)))
            better += float(np.median(mine)) < min(theirs)
            worse += is_worse(mine, theirs)
    return f"{np.exp(np.mean(logs)):.2f} ({better}, {worse})"


def summary(found: dict[Net, dict[str, list[list[float]]]]) -> Iterator[str]:
    """Yield a table over the hidden layers' activations."""
    yield "| hidden layers | default | cells | error / PyTorch's | error / normal, biases 0 |"
    yield "| --- | --- | --- | --- | --- |"
    for activation in dict.fromkeys(net.activation for net in found):
        rows = [by_name for net, by_name in found.items() if net.activation == activation]
        cells = sum(len(by_name[DEFAULT]) for by_name in rows)
        yield (
            f"| {activation} | `{default_init([activation])}` | {cells} | {ratio(rows, TORCH)} | "
            f"{ratio(rows, NORMAL)} |"
        )


def report(
    found: dict[Net, dict[str, list[list[float]]]], todo: list[Task], command: str
) -> Iterator[str]:
    """Yield the lines of initialisation.md."""
    seeds = len(next(iter(found.values()))[DEFAULT][0])
    yield "# Initial weights: what was learnt with them"
    yield ""
    yield (
        f"Written by `{command}`. Networks d-{_WIDTH}-…-{_WIDTH}-k, batches of 32, at least "
        f"{_STEPS:,} steps, `Adam()` or `SGD(0.1)`, standardized inputs. Medians of {seeds} seeds "
        "of the test error: rmse in deviations of the target, or the share of wrong classes."
    )
    yield ""
    yield "* `PyTorch`: `fan_in_uniform`, U(±1/√n_in), biases too"
    yield "* `normal`: `he_normal` for rectifiers, `lecun_normal` for others, biases 0"
    yield ""
    yield (
        "Geometric means over all cells; in brackets, of how many cells the median lies below, and "
        "above, all of the other's seeds:"
    )
    yield ""
    yield from summary(found)
    yield ""
    yield (
        "The cells: hidden layers, their number, optimizer. A star: the median lies above all of "
        "PyTorch's seeds."
    )
    yield ""
    yield "```text"
    yield from table(found, [task.name for task in todo], [task.n_classes > 0 for task in todo])
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
