"""Small learning tasks: functions, tables that come with scikit-learn, and tables in a folder.

For `initialisation.py` and `epochs.py`, which choose fastnn's defaults by them. Nothing is
downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastnn

# Files of a folder: no header, the class in the last column.
TABLES = {
    "glass": "glass.csv",
    "sonar": "sonar.csv",
    "pima": "pima-indians-diabetes.csv",
    "german": "german.csv",
    "red wine": "winequality-red.csv",
}
_SPLIT_SEED = 7


@dataclass(frozen=True)
class Task:
    """Rows to learn, rows to test, and how many classes there are: 0 for a number."""

    name: str
    X: NDArray[np.float32]
    y: NDArray[Any]
    X_test: NDArray[np.float32]
    y_test: NDArray[Any]
    n_classes: int = 0

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.X.shape[1]

    def network(self, hidden: list[int], **options: Any) -> fastnn.MLP:
        """Return a new network for the task."""
        if self.n_classes:
            return fastnn.MLP([self.n_in, *hidden, self.n_classes], output="softmax", **options)
        return fastnn.MLP([self.n_in, *hidden, 1], **options)

    def error(self, net: fastnn.MLP) -> float:
        """Return the share of wrong classes, or the rmse in deviations of the target."""
        if self.n_classes:
            return 1 - net.evaluate(self.X_test, self.y_test)["accuracy"]
        return float(np.sqrt(((net.predict(self.X_test)[:, 0] - self.y_test) ** 2).mean()))


def _function(
    name: str, f: Callable[[Any], Any], draw: Callable[[np.random.Generator], Any], n: int
) -> Task:
    """Return n rows to learn and 2,000 to test, standardized, without noise."""
    X = draw(np.random.default_rng(_SPLIT_SEED))
    y = f(X)
    X = ((X - X[:n].mean(axis=0)) / X[:n].std(axis=0)).astype(np.float32)
    y = (y - y[:n].mean()) / y[:n].std()
    return Task(name, X[:n], y[:n], X[n : n + 2000], y[n : n + 2000])


def functions(n: int) -> Iterator[Task]:
    """Yield functions of 1, 4 and 10 inputs (Friedman 1991), n rows each."""
    rows = n + 2000
    yield _function(
        "sin 2x", lambda X: np.sin(2 * X[:, 0]), lambda rng: rng.normal(size=(rows, 1)), n
    )
    yield _function(
        "4 inputs",
        lambda X: np.sin(X[:, 0] * X[:, 1]) + X[:, 2] ** 2 - np.abs(X[:, 3]),
        lambda rng: rng.normal(size=(rows, 4)),
        n,
    )
    yield _function(
        "Friedman",
        lambda X: (
            10 * np.sin(np.pi * X[:, 0] * X[:, 1])
            + 20 * (X[:, 2] - 0.5) ** 2
            + 10 * X[:, 3]
            + 5 * X[:, 4]
        ),
        lambda rng: rng.uniform(size=(rows, 10)),
        n,
    )


def classes(name: str, X: Any, y: Any, *, standardize: bool = True) -> Task:
    """Return a table split at random, 7 rows to learn for 3 to test."""
    labels, y = np.unique(y, return_inverse=True)
    X, y, X_test, y_test = _split(np.asarray(X, float), y, standardize)
    return Task(name, X, y, X_test, y_test, len(labels))


def numbers(name: str, X: Any, y: Any) -> Task:
    """Return a table with a number to learn, in deviations from its mean."""
    X, y, X_test, y_test = _split(np.asarray(X, float), np.asarray(y, float), True)
    return Task(name, X, (y - y.mean()) / y.std(), X_test, (y_test - y.mean()) / y.std())


def _split(X: NDArray[Any], y: NDArray[Any], standardize: bool) -> tuple[Any, Any, Any, Any]:
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(X))
    kept, left = np.split(order, [len(X) * 7 // 10])
    if standardize:
        deviation = X[kept].std(axis=0)
        X = (X - X[kept].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    X = X.astype(np.float32)
    return X[kept], y[kept], X[left], y[left]


def tables(folder: Path | None) -> Iterator[Task]:
    """Yield tables with classes: those of scikit-learn, and those that the folder has."""
    from sklearn import datasets

    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield classes(f"{name} 8 × 8" if name == "digits" else name.replace("_", " "), X, y)
    if folder is None:
        return
    import pandas as pd

    for name, file in TABLES.items():
        frame = pd.read_csv(folder / file, header=None)
        yield classes(name, pd.get_dummies(frame.iloc[:, :-1]).to_numpy(float), frame.iloc[:, -1])


def images(n: int) -> Task:
    """Return n of the embedded images of digits, from 0 to 1, and 1,000 to test."""
    (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    X, X_test = (part.astype(np.float32) / 255 for part in (X[:n], X_test))
    return Task("images", X, y[:n], X_test, y_test, 10)
