"""Networks with their examples, as `fastnn lab` shows them, and calls as a page makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from states import table

import fastnn
from fastnn import MLP, SGD, datasets
from fastnn.explain.answers import message
from fastnn.explain.answers.subject import Subject
from fastnn.lab.session import Session

Call = Callable[..., dict[str, Any]]


def digits(dtype: str = "float32") -> Subject:
    """The network of the derivation, trained a little, on 300 digits and 60 for the test."""
    (X, y), (X_test, y_test) = datasets.load_digits()
    net = MLP(
        [784, 16, 16, 10],
        activation="sigmoid",
        output="sigmoid",
        loss="quadratic",
        seed=0,
        dtype=dtype,
    )
    net.fit(X[:300], y[:300], epochs=3, batch_size=10, optimizer=SGD(1.5))
    return Subject(
        net,
        np.concatenate([X[:300], X_test[:60]]),
        np.concatenate([y[:300], y_test[:60]]),
        n_train=300,
        name="digits",
    )


def flowers() -> Subject:
    """Classes with names, from columns with names, standardized."""
    X, y = table(90, 4)
    X = X * [1, 10, 100, 0.1] + [5, 0, -20, 3]
    labels = np.array(["iris", "rose", "tulip"])[y]
    net = MLP([4, 6, 3], activation="tanh", output="softmax", seed=1)
    net.classes = ["iris", "rose", "tulip"]
    net.feature_names = ("width", "height", "weight", "age")
    net.standardize(X)
    net.fit(X, labels, epochs=5)
    return Subject(net, X, labels, name="flowers")


def prices() -> Subject:
    """Values, scaled as the network learns them, in float64."""
    X, _ = table(80, 3)
    y = 1000 + 300 * X[:, 0] - 50 * X[:, 1] ** 2
    net = MLP([3, 5, 1], activation="relu", seed=2, dtype="float64")
    net.metadata["target_name"] = "price"
    net.standardize(X, y)
    net.fit(X, y, epochs=20)
    return Subject(net, X, y, n_train=60, name="prices")


def moons() -> Subject:
    """Two inputs and one output for two classes."""
    X, y = table(70, 2, 2)
    net = MLP([2, 5, 1], activation="tanh", output="sigmoid", seed=3)
    net.fit(X, y, epochs=30, optimizer=fastnn.Adam(0.05))
    return Subject(net, X, y, n_train=50, name="moons")


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "digits": digits,
    "digits in float64": lambda: digits("float64"),
    "flowers": flowers,
    "prices": prices,
    "moons": moons,
}


def caller(session: Session) -> Call:
    """Return a function that calls as a page does: there and back as bytes."""

    def call(name: str, /, **arguments: Any) -> dict[str, Any]:
        sent = message.unpack(message.pack(arguments))
        answer: dict[str, Any] = message.unpack(message.pack(session.call(name, sent)))
        return answer

    return call
