"""Networks of each kind with their examples, for the tests of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import fastnn
from fastnn.pictures import ImageForm

Made = tuple[fastnn.MLP, Any, Any]


@cache
def digits() -> Made:
    """The classic recogniser, after two passes over 4,000 digits, and the test digits."""
    (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    return net, X_test, y_test


@cache
def reader() -> Made:
    """A network that reads well what is drawn: it knows the form of its images."""
    (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    net = fastnn.MLP([784, 64, 10], loss="cross_entropy", seed=0)
    net.metadata["image_shape"] = [28, 28]
    net.metadata["image_form"] = ImageForm.of(X, (28, 28)).to_dict()
    net.fit(X, y, epochs=8, batch_size=20, optimizer=fastnn.Adam())
    return net, X_test, y_test


@cache
def flowers() -> Made:
    """Four named columns, three classes by name, a hidden layer of tanh."""
    rng = np.random.default_rng(1)
    kinds = np.repeat(["setosa", "versicolor", "virginica"], 30)
    centres = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    X = np.repeat(centres, 30, axis=0) + 0.3 * rng.normal(size=(90, 4))
    net = fastnn.MLP([4, 8, 3], activation="tanh", loss="cross_entropy", dtype="float64", seed=0)
    net.fit(X, kinds, epochs=5, batch_size=10)
    net.feature_names = ["sepal length", "sepal width", "petal length", "petal width"]
    return net, X, kinds


@cache
def values() -> Made:
    """Three inputs, one of them 0 or 1; two values, whose cost is the mean square."""
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.normal(size=(50, 2)), rng.integers(0, 2, size=50)])
    Y = np.column_stack([X.sum(axis=1), X[:, 0] * X[:, 1]])
    net = fastnn.MLP([3, 6, 5, 2], activation="relu", loss="mse", seed=3)
    net.fit(X, Y, epochs=3)
    return net, X, Y


@cache
def plane() -> Made:
    """Two inputs and a single output of two classes."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = fastnn.MLP([2, 6, 1], activation="tanh", output="sigmoid", seed=5)
    net.fit(X, y, epochs=30, batch_size=10)
    return net, X, y


@cache
def wide() -> Made:
    """Layers of more neurons than a picture has room for."""
    _, X, y = digits()
    net = fastnn.MLP([784, 100, 40, 10], loss="cross_entropy", seed=6)
    net.fit(X[:200], y[:200], epochs=1)
    return net, X, y


NETWORKS: dict[str, Callable[[], Made]] = {
    make.__name__: make for make in (digits, reader, flowers, values, plane, wide)
}
