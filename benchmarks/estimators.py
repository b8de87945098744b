"""Measure fastnn's estimators beside scikit-learn's, with scores beside times; write estimators.md.

    python benchmarks/estimators.py --data FOLDER

The method is that of README.md of this folder: each library in a separate process, on one thread
of one CPU; rounds in turns, one ratio each. Both get the same rows, parameters and number of
epochs, each round a new seed. Nothing is downloaded; MNIST takes part with --data only.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from contenders.comparison import ratio_text
from contenders.runner import ratios
from contenders.workers import cpus_of, environment

from fastnn.bench import report

LIBRARIES = ("fastnn", "scikit-learn")
CALLS = 200  # of predict with one row, whose mean is one round's figure
COLUMNS = ("", "fit, s", "predict all, ms", "predict one row, µs", "score")
_ROWS = {"covertype-like": 50_000, "California-like": 20_640}  # of the latter as many as it has


@dataclass(frozen=True)
class Task:
    """One table, and the estimators for it.

    Parameters
    ----------
    title : str
        Description for the heading.
    settings : dict
        Constructor arguments without the number of epochs, the same for both.
    epochs : int
    rows : int or None
        Number of rows at most; None for all.
    folder : str or None
        With MNIST's files.
    """

    name: str
    title: str
    settings: dict[str, Any]
    epochs: int
    rows: int | None = None
    folder: str | None = None
    regression: bool = False


TASKS = (
    Task("digits", "1,797 × 64, 10 classes", {}, 30),
    Task("MNIST", "60,000 × 784, 10 classes, float32", {}, 3),
    Task(
        "covertype-like",
        "50,000 × 54 (44 of them 0 or 1), 7 classes",
        {"hidden_layer_sizes": (64, 32)},
        10,
    ),
    Task(
        "California-like",
        "20,640 × 8, one value",
        {"hidden_layer_sizes": (32, 32), "batch_size": 32},
        10,
        regression=True,
    ),
)


# The tables --------------------------------------------------------------------------------------

Array = np.ndarray[Any, Any]
Parts = tuple[Array, Array, Array, Array]


def _digits(folder: str | None) -> Parts:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return _split(X / 16, y)


def _mnist(folder: str | None) -> Parts:
    from fastnn import datasets

    (X, y), (X_test, y_test) = datasets.load_mnist(folder=folder, download=False)
    return X.astype(np.float32) / 255, y, X_test.astype(np.float32) / 255, y_test


def _covertype_like(folder: str | None) -> Parts:
    """Return 10 measures, 4 areas and 40 soils; classes as rare as Covertype's, by a smooth rule.

    The class is where a nonlinear score of the measures and of the soil falls, with noise: like
    the kinds of forest, which change with elevation. Shares of the classes: Blackard, 1998.
    """
    n, rng = _ROWS["covertype-like"], np.random.default_rng(0)
    measures = rng.normal(size=(n, 10))
    area, soil = rng.integers(0, 4, n), rng.integers(0, 40, n)
    height = 1.5 * measures[:, 0] + np.sin(2 * measures[:, 1]) * measures[:, 2]
    height += rng.normal(size=4)[area] + rng.normal(size=40)[soil] / 2
    height += 0.3 * rng.normal(size=n)
    shares = np.array([0.005, 0.016, 0.03, 0.035, 0.062, 0.365, 0.487])
    y = np.searchsorted(np.quantile(height, shares.cumsum()[:-1]), height)
    X = np.hstack([measures, np.eye(4)[area], np.eye(40)[soil]])
    return _split(X, y)


def _california_like(folder: str | None) -> Parts:
    """Return 8 skewed columns, standardised, and a smooth function of them, capped, with noise."""
    n, rng = _ROWS["California-like"], np.random.default_rng(0)
    X = rng.normal(size=(n, 8))
    X[:, :6] = np.exp(0.5 * X[:, :6])
    y = np.log1p(X[:, 0]) + np.exp(-(X[:, 6] ** 2) - (X[:, 7] - 0.5) ** 2) - 0.2 * X[:, 1] * X[:, 2]
    y = np.minimum(y + 0.2 * rng.normal(size=n), np.quantile(y, 0.95))
    return _split((X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std())


def _split(X: Array, y: Array) -> Parts:
    """Return a fifth of the rows for the scores, the others for training."""
    order = np.random.default_rng(1).permutation(len(X))
    test, train = np.split(order, [len(X) // 5])
    return X[train], y[train], X[test], y[test]


_TABLES: dict[str, Callable[[str | None], Parts]] = {
    "digits": _digits,
    "MNIST": _mnist,
    "covertype-like": _covertype_like,
    "California-like": _california_like,
}


# In a library's process --------------------------------------------------------------------------


def bind() -> None:
    """Stay on one CPU, the same for both: only one of them works at a time."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus_of(all_threads=False))


@lru_cache(maxsize=1)
def table(name: str, folder: str | None) -> Parts:
    """Return rows for training and rows for the scores; cached."""
    return _TABLES[name](folder)


def play(library: str, task: Task, seed: int) -> dict[str, float]:
    """Fit, predict and score once."""
    X, y, X_test, y_test = table(task.name, task.folder)
    X, y, X_test, y_test = X[: task.rows], y[: task.rows], X_test[: task.rows], y_test[: task.rows]
    if library == "fastnn":
        import fastnn as module
    else:
        import sklearn.neural_network as module
    kind = module.MLPRegressor if task.regression else module.MLPClassifier
    model = kind(
        **task.settings, max_iter=task.epochs, n_iter_no_change=task.epochs, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fixed number of epochs does not converge
        began = time.perf_counter()
        model.fit(X, y)
        fit = time.perf_counter() - began
    if model.n_iter_ != task.epochs:
        raise RuntimeError(f"{library} ended after {model.n_iter_} of {task.epochs} epochs")
    began = time.perf_counter()
    model.predict(X_test)
    everything = time.perf_counter() - began
    one = X_test[:1]
    began = time.perf_counter()
    for _ in range(CALLS):
        model.predict(one)
    single = (time.perf_counter() - began) / CALLS
    return {
        "fit": fit,
        "all": everything,
        "one": single,
        "score": float(model.score(X_test, y_test)),
    }


# The run -----------------------------------------------------------------------------------------


@dataclass
class Found:
    """The figures of one task, by library and name, one a round."""

    task: Task
    figures: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def column(self, library: str, name: str) -> list[float]:
        """Return one figure of each round."""
        return [figures[name] for figures in self.figures[library]]

    def line(self, library: str) -> str:
        """Return a row of the table: medians; for the peer also its time over fastnn's."""
        shown = []
        for name, unit in (("fit", 1), ("all", 1e3), ("one", 1e6)):
            text = report.significant(unit * median(self.column(library, name)))
            if library != LIBRARIES[0]:
                # a rate is one over a time: fastnn's rate over the other's
                rates = [[1 / t for t in self.column(who, name)] for who in LIBRARIES]
                text += f"; ÷ fastnn's {ratio_text(ratios(*rates))}"
            shown.append(text)
        scores = self.column(library, "score")
        shown.append(f"{median(scores):.4f} ({min(scores):.4f} to {max(scores):.4f})")
        return f"| {library} | {' | '.join(shown)} |"


def measure(task: Task, rounds: int) -> Found:
    """Play the rounds in turns, after one that does not count."""
    found = Found(task, {library: [] for library in LIBRARIES})
    spawn = get_context("spawn")
    pools = {
        library: ProcessPoolExecutor(1, mp_context=spawn, initializer=bind) for library in LIBRARIES
    }
    try:
        for number in range(rounds + 1):
            for library, pool in pools.items():
                figures = pool.submit(play, library, task, number).result()
                if number:
                    found.figures[library].append(figures)
    finally:
        for pool in pools.values():
            pool.shutdown()
    return found


def section(found: Found) -> str:
    """Return a task's heading and table."""
    task = found.task
    told = ", ".join(f"`{name}={value!r}`" for name, value in task.settings.items())
    epochs = f"{task.epochs} epochs, Adam" + (f", {told}" if told else ", default parameters")
    score = "R²" if task.regression else "accuracy"
    lines = [
        f"## {task.name}: {task.title}; {epochs}",
        "",
        f"| {' | '.join(COLUMNS)}, {score} |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(found.line(library) for library in LIBRARIES),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with MNIST's files (default: no MNIST)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--quick", action="store_true", help="few rows: does it run?")
    args = parser.parse_args()
    if args.quick and args.output == Path(__file__).parent:
        parser.error("--quick needs --output FOLDER: its figures must not mix with real ones")
    try:
        import sklearn
    except ImportError:
        print("estimators.py: error: scikit-learn is not installed", file=sys.stderr)
        return 2
    tasks = [replace(task, folder=args.data) for task in TASKS if args.data or task.name != "MNIST"]
    rounds = args.rounds
    if args.quick:
        tasks, rounds = [replace(task, rows=400, epochs=2) for task in tasks], 2
    os.environ.update(environment(1))  # of the processes to come
    parts = [
        "# The estimators beside scikit-learn's\n",
        f"{report.describe_machine(report.machine())}, scikit-learn {sklearn.__version__}; one "
        f"thread. {rounds} rounds, {datetime.date.today().isoformat()}.\n",
        "Medians. ÷ fastnn's: scikit-learn's time over fastnn's in the same round, median (least "
        "to greatest); below 1, fastnn is slower. The same rows, parameters and epochs for both, "
        "a new seed a round; scores are on a fifth of the rows that was not learnt from (MNIST: "
        "its test images).\n",
    ]
    for task in tasks:
        print(task.name, file=sys.stderr)
        parts.append(section(measure(task, rounds)))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "estimators.md").write_text("\n".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
