"""State of a network as comparable values, for tests that nothing has changed."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastnn


def state_of(net: fastnn.MLP) -> dict[str, Any]:
    """Parameters, classes, scaling, optimiser with its state, random generator and history."""
    optimizer = net._state
    return {
        "params": net.params.tobytes(),
        "classes": None if net.classes is None else net.classes.tolist(),
        "scaling": [None if a is None else a.tolist() for a in (net.input_shift, net.input_scale)],
        "optimizer": net._optimizer,
        "moments": optimizer
        and (optimizer.kind, optimizer.steps, _bytes(optimizer.m), _bytes(optimizer.v)),
        "rng": net._rng.bit_generator.state,
        "dropout_seed": net._dropout_seed,
        "history": without_clock(net.history),
        "metadata": dict(net.metadata),
    }


def _bytes(moment: Any) -> bytes | None:
    return None if moment is None else moment.tobytes()


def without_clock(history: fastnn.History) -> dict[str, Any]:
    """The history without what the clock said."""
    record = history.to_dict()
    for name in ("seconds", "examples_per_second"):
        record["epochs"].pop(name, None)
    return record


def table(n: int = 40, n_in: int = 5, n_classes: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """X (n, n_in) of standard normal float64, and labels (n,) that depend on X; all occur."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in))
    y = (X @ rng.normal(size=(n_in, n_classes))).argmax(axis=1)
    y[:n_classes] = range(n_classes)
    return X, y
