"""Measure what networks reach on MNIST, and in how many seconds; write accuracy.md.

    python benchmarks/accuracy.py --data FOLDER [--seeds 5] [--only WORD ...] [--output FOLDER]

FOLDER holds MNIST's four IDX files. About ten minutes on one core, and ten for each training on
distorted images. With --only, the rows of the others stay as they are in accuracy.md. The recipes
were chosen on the last 10,000 training images, by trainings on the others; the test images choose
nothing. The book's own figures are the highest of its epochs on the test images, so its rows have
that, too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import distortions
import numpy as np

import fastnn
from fastnn import datasets, schedules
from fastnn.bench import report

BOOK_ROWS = 50_000  # of the 60,000 images that the book trains on


@dataclass(frozen=True)
class Recipe:
    """A network, how it is trained, and what is said of it elsewhere."""

    name: str
    net: dict[str, Any]
    fit: dict[str, Any]
    optimizer: Callable[[], fastnn.optim.FirstOrder]
    goal: str
    rows: int = 60_000
    each_epoch: bool = False  # the test images are scored after each epoch, outside the clock
    distorted: bool = False  # each epoch draws distortions of all images
    seeds: int = 5  # at most


def _book(width: int, loss: str, lr: float, decay: float, published: float, init: str) -> Recipe:
    penalty = f", lambda {decay * BOOK_ROWS:g}" if decay else ""
    return Recipe(
        f"784-{width}-10 sigmoid, {loss}{penalty}, batch 10, 30 epochs",
        {
            "sizes": [784, width, 10],
            "activation": "sigmoid",
            "output": "sigmoid",
            "loss": loss,
            "init": init,
        },
        {"epochs": 30, "batch_size": 10},
        lambda: fastnn.SGD(lr, weight_decay=decay),
        f"{published} (book)",
        BOOK_ROWS,
        each_epoch=True,
    )


def _decayed(
    net: dict[str, Any], batch: int, epochs: int, lr: float, decay: float, goal: str
) -> Recipe:
    shape = "-".join(map(str, net["sizes"]))
    words = f"{shape} {net.get('activation', 'relu')}, batch {batch}, {epochs} epochs"
    return Recipe(
        f"{words}, AdamW, one-cycle {lr:g}, decay {decay:g}".replace(" 1 epochs", " 1 epoch"),
        net,
        {"epochs": epochs, "batch_size": batch},
        lambda: fastnn.AdamW(schedules.OneCycle(lr), weight_decay=decay),
        goal,
    )


def _relu(width: int) -> dict[str, Any]:
    return {"sizes": [784, width, 10], "output": "softmax"}


# The book writes the quadratic cost with a half, and lambda / n, n = 50,000: eta 3 is lr 1.5 here.
RECIPES = (
    _book(30, "quadratic", 1.5, 0.0, 95.42, "standard_normal"),
    _book(100, "quadratic", 1.5, 0.0, 96.59, "standard_normal"),
    _book(30, "binary_cross_entropy", 0.5, 0.0, 95.49, "standard_normal"),
    _book(100, "binary_cross_entropy", 0.5, 0.0, 96.82, "standard_normal"),
    _book(30, "binary_cross_entropy", 0.5, 5 / BOOK_ROWS, 96.49, "standard_normal"),
    _book(100, "binary_cross_entropy", 0.5, 5 / BOOK_ROWS, 97.92, "standard_normal"),
    _decayed(
        {"sizes": [784, 16, 16, 10], "activation": "sigmoid", "output": "sigmoid"},
        *(32, 40, 0.01, 0.03, "95.0 with 13,002 parameters"),
    ),
    _decayed(_relu(32), 64, 1, 0.02, 0.01, "95.0 in 1 s"),
    _decayed(_relu(128), 64, 5, 0.01, 0.1, "98.0 in 4 s"),
    _decayed(_relu(400), 128, 10, 0.008, 0.1, "98.5 in 10 s"),
    Recipe(
        "784-800-10 relu, batch 128, 100 epochs of distorted images, Adam, cosine 0.001",
        _relu(800),
        {"epochs": 100, "batch_size": 128},
        lambda: fastnn.Adam(schedules.Cosine(0.001)),
        "99.3 (Simard 2003)",
        distorted=True,
        seeds=1,
    ),
)


NOTES = (
    "The recipes were chosen on the last 10,000 training images; the test images choose nothing.",
    "The book is Nielsen, Neural Networks and Deep Learning, chapters 1 and 3; it gives the "
    "highest of its epochs.",
    "784-100-10 with the quadratic cost is behind: with weights from N(0, 1) its sums z begin with "
    "a deviation of 5 to 9, and in most networks one output stays near -16 for all images: "
    "its slope is 1e-7, so its digit is never learnt. The book warns of such runs. "
    "Cross-entropy has no such slope.",
)


@dataclass(frozen=True)
class Outcome:
    """Of one seed: seconds of training, and the share of test images that are right."""

    seconds: float
    last: float
    highest: float


def run(recipe: Recipe, images: Any, seed: int) -> Outcome:
    """Train one network and score it."""
    (X, y), (X_test, y_test) = images
    net = fastnn.MLP(**recipe.net, seed=seed)
    scores: list[float] = []
    clock = [0.0]

    def score(run: Any, logs: Any) -> None:
        began = time.perf_counter()
        scores.append(net.evaluate(X_test, y_test)["accuracy"])
        clock[0] += time.perf_counter() - began

    X, y = X[: recipe.rows], y[: recipe.rows]
    data: tuple[Any, ...] = (X, y)
    if recipe.distorted:
        source = distortions.Distorted(X, y, seed)
        data = (fastnn.stream(source, rows=recipe.rows, buffer=4_000),)
        X_test = X_test / np.float32(255)
    began = time.perf_counter()
    net.fit(
        *data,
        optimizer=recipe.optimizer(),
        callbacks=[score] if recipe.each_epoch else [],
        **recipe.fit,
    )
    seconds = time.perf_counter() - began - clock[0]
    last = net.evaluate(X_test, y_test)["accuracy"]
    return Outcome(seconds, last, max([*scores, last]))


def _spread(values: list[float]) -> str:
    """Return median, least and greatest, in percent."""
    low, high = 100 * min(values), 100 * max(values)
    if len(values) == 1:
        return f"{high:.2f} (one seed)"
    return f"{100 * statistics.median(values):.2f} ({low:.2f} to {high:.2f})"


def row_of(recipe: Recipe, outcomes: list[Outcome]) -> str:
    """Return the row of the table; one seed has no spread."""
    seconds = statistics.median(outcome.seconds for outcome in outcomes)
    highest = _spread([outcome.highest for outcome in outcomes]) if recipe.each_epoch else ""
    last = _spread([outcome.last for outcome in outcomes])
    return f"| {recipe.name} | {last} | {highest} | {recipe.goal} | {seconds:.2f} |"


def main() -> None:
    """Measure all recipes and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[""], help="recipes that hold one of these")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    fastnn.set_num_threads(1)
    images = datasets.load_mnist(folder=given.data)
    chosen = [recipe for recipe in RECIPES if any(word in recipe.name for word in given.only)]
    lines = [
        "# Accuracy on MNIST",
        "",
        f"`python benchmarks/accuracy.py --data FOLDER`: percent of the 10,000 test images, median "
        f"(least to greatest) of {given.seeds} seeds; seconds of training on one thread "
        f"(median), {report.cpu_name()}.",
        *NOTES,
        "",
        "| recipe | after the last epoch | highest of the epochs | elsewhere, or goal | seconds |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    page = given.output / "accuracy.md"
    kept = page.read_text("utf-8").splitlines() if page.exists() else []
    print("\n".join(lines))
    for recipe in RECIPES:
        if recipe in chosen:
            seeds = range(min(given.seeds, recipe.seeds))
            lines.append(row_of(recipe, [run(recipe, images, seed) for seed in seeds]))
            print(lines[-1], flush=True)
        else:
            lines += [line for line in kept if line.startswith(f"| {recipe.name} |")]
    given.output.mkdir(exist_ok=True)
    page.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
