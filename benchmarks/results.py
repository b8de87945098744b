"""Measure what networks reach on MNIST, and in how many seconds; write docs/results.md.

    python benchmarks/results.py --data FOLDER [--seeds 5] [--only WORD ...] [--output FOLDER]

FOLDER holds MNIST's four IDX files. Some twenty minutes on one core, and ten for each training on
distorted images. PyTorch and scikit-learn, where installed, train the recipes that are against the
clock, too. With --only, the rows of the others stay as they are. The recipes were chosen on the
last 10,000 training images, by trainings on the others; the test images choose nothing. The book's
own figures are the highest of its epochs on the test images, so its rows have that, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import distortions
import numpy as np

import fastnn
from fastnn import datasets, schedules
from fastnn.bench import report

PEERS = ("torch", "sklearn")
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
    rates: tuple[float, float] | None = (
        None  # highest learning rate and decay, where peers train it
    )


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
        rates=(lr, decay),
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
    _decayed(_relu(400), 128, 20, 0.008, 0.1, "98.5 in 10 s"),
    Recipe(
        "784-800-10 relu, batch 128, 100 epochs of distorted images, Adam, cosine 0.001",
        _relu(800),
        {"epochs": 100, "batch_size": 128},
        lambda: fastnn.Adam(schedules.Cosine(0.001)),
        "99.3 (Simard 2003)",
        distorted=True,
        seeds=3,
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
    "Distorted images were trained on from 3 seeds.",
    "PyTorch trains by the usual loop with fused AdamW and its one-cycle schedule, on images in "
    "memory; scikit-learn has neither, and takes its own Adam for as many epochs of the same "
    "batches.",
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


def run_torch(recipe: Recipe, images: Any, seed: int) -> Outcome:
    """Train the recipe in PyTorch: the usual loop, its fused optimiser, its one-cycle schedule."""
    import torch
    from torch import nn

    (X, y), (X_test, y_test) = images
    X, X_test = (torch.from_numpy(part.astype(np.float32) / 255) for part in (X, X_test))
    classes = torch.from_numpy(y)
    sigmoid = recipe.net.get("activation") == "sigmoid"
    targets = nn.functional.one_hot(classes).float() if sigmoid else classes
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    sizes, layers = recipe.net["sizes"], []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Sigmoid() if sigmoid else nn.ReLU()]
    net = nn.Sequential(*layers[:-1])  # the cost has the last activation in it
    cost = _binary_cross_entropy if sigmoid else nn.functional.cross_entropy
    epochs, batch = recipe.fit["epochs"], recipe.fit["batch_size"]
    lr, decay = recipe.rates or (0.0, 0.0)
    optimiser = torch.optim.AdamW(net.parameters(), lr, weight_decay=decay, fused=True)
    steps = epochs * -(-len(X) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, steps, cycle_momentum=False)
    began = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch):
            optimiser.zero_grad()
            cost(net(X[rows]), targets[rows]).backward()
            optimiser.step()
            schedule.step()
    seconds = time.perf_counter() - began
    with torch.no_grad():
        last = (net(X_test).argmax(1).numpy() == y_test).mean()
    return Outcome(seconds, float(last), float(last))


def _binary_cross_entropy(z: Any, y: Any) -> Any:
    """Return the mean over examples of the sum over outputs, as fastnn counts it."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


def run_sklearn(recipe: Recipe, images: Any, seed: int) -> Outcome:
    """Train the network in scikit-learn, by its own Adam: it has neither AdamW nor one-cycle."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    (X, y), (X_test, y_test) = images
    X, X_test = (part.astype(np.float32) / 255 for part in (X, X_test))
    net = MLPClassifier(
        recipe.net["sizes"][1:-1],
        activation="logistic" if recipe.net.get("activation") == "sigmoid" else "relu",
        batch_size=recipe.fit["batch_size"],
        max_iter=recipe.fit["epochs"],
        random_state=seed,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it counts on more epochs
        began = time.perf_counter()
        net.fit(X, y)
        seconds = time.perf_counter() - began
        last = net.score(X_test, y_test)
    return Outcome(seconds, last, last)


def _spread(values: list[float]) -> str:
    """Return median, least and greatest, in percent."""
    low, high = 100 * min(values), 100 * max(values)
    if len(values) == 1:
        return f"{high:.2f} (one seed)"
    return f"{100 * statistics.median(values):.2f} ({low:.2f} to {high:.2f})"


def row_of(recipe: Recipe, outcomes: list[Outcome], peers: dict[str, list[Outcome]]) -> str:
    """Return the row of the table; one seed has no spread."""
    highest = _spread([outcome.highest for outcome in outcomes]) if recipe.each_epoch else ""
    cells = [recipe.name, _last(outcomes), highest, recipe.goal, _seconds(outcomes)]
    for name in PEERS:
        found = peers.get(name)
        cells.append(f"{_last(found)}; {_seconds(found)} s" if found else "")
    return f"| {' | '.join(cells)} |"


def _last(outcomes: list[Outcome]) -> str:
    return _spread([outcome.last for outcome in outcomes])


def _seconds(outcomes: list[Outcome]) -> str:
    return f"{statistics.median(outcome.seconds for outcome in outcomes):.2f}"


def main() -> None:
    """Measure all recipes and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[""], help="recipes that hold one of these")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs")
    given = parser.parse_args()
    fastnn.set_num_threads(1)
    images = datasets.load_mnist(folder=given.data)
    chosen = [recipe for recipe in RECIPES if any(word in recipe.name for word in given.only)]
    lines = [
        "# Results",
        "",
        "`python benchmarks/results.py --data FOLDER`: percent of MNIST's 10,000 test images, "
        f"median (least to greatest) of {given.seeds} seeds; seconds of training on one thread "
        f"(median), {report.cpu_name()}.",
        *NOTES,
        "",
        "| recipe | after the last epoch | highest of the epochs | elsewhere, or goal | seconds "
        "| PyTorch, the same recipe | scikit-learn, the same network |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    page = given.output / "results.md"
    kept = page.read_text("utf-8").splitlines() if page.exists() else []
    print("\n".join(lines))
    trainers = {"torch": run_torch, "sklearn": run_sklearn}
    for recipe in RECIPES:
        if recipe in chosen:
            seeds = range(min(given.seeds, recipe.seeds))
            peers = [name for name in PEERS if recipe.rates and importlib.util.find_spec(name)]
            outcomes: dict[str, list[Outcome]] = {name: [] for name in ("", *peers)}
            for seed in seeds:  # in turns, as the machine is not always as fast
                outcomes[""].append(run(recipe, images, seed))
                for name in peers:
                    outcomes[name].append(trainers[name](recipe, images, seed))
            lines.append(row_of(recipe, outcomes.pop(""), outcomes))
            print(lines[-1], flush=True)
        else:
            lines += [line for line in kept if line.startswith(f"| {recipe.name} |")]
    given.output.mkdir(exist_ok=True)
    page.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
