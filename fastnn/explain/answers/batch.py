"""Answers about mini-batches: the shuffled deck, the wishes of a batch, and a step along them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_count, check_number
from ...words import number, plural
from ..nudge_table import nudge_table, power
from .example import as_numbers, place
from .subject import Subject

Array = NDArray[Any]

_MOST_ROWS = 10_000  # of a batch
_COLUMNS = 12  # examples that are shown


def deck(subject: Subject, seed: Any = 0, batch_size: Any = 10) -> dict[str, Any]:
    """Return the rows of one epoch: all training examples, shuffled, to be cut into batches."""
    seed, size = check_count("seed", seed, 0), check_count("batch_size", batch_size, 1)
    order = np.random.default_rng(seed).permutation(subject.n_train)
    return {"order": order, "batches": -(-subject.n_train // size), "n": subject.n_train}


def batch(subject: Subject, rows: Any, lr: Any, columns: Any = _COLUMNS) -> dict[str, Any]:
    """Return the wishes of the examples of a batch, their average, and −∇C of all examples.

    The numbers are those of `nudge_table`; a step at the learning rate `lr` along the average
    changes the cost of the batch by −lr ‖∇C_batch‖², and that of all examples by
    −lr ∇C · ∇C_batch, both to first order.
    """
    rows = subject.rows(rows, _MOST_ROWS)
    shown = min(check_count("columns", columns, 1), len(rows))
    X, y = subject.examples.at(rows)
    table = nudge_table(subject.net, X, y, examples=range(shown))
    both = step_of(subject, X, y, lr)
    of_full = -both.full[[parameter.index for parameter in table.parameters]]
    unit = power(np.concatenate([table.nudges.ravel(), table.average, of_full]))
    labels = subject.examples.labels
    images = None
    if subject.meta()["inputs"]["image"] is not None:
        dense = X[:shown].toarray() if hasattr(X, "toarray") else X[:shown]
        images = as_numbers(np.asarray(dense))
    return {
        "rows": rows,
        "labels": table.wanted if labels is not None else [f"row {row}" for row in rows[:shown]],
        "images": images,
        "parameters": [place(parameter) for parameter in table.parameters],
        "wishes": table.nudges.T.copy(),
        "average": table.average,
        "spread": table.spread,
        "full": of_full,
        "unit": unit,
        "cosine": both.cosine,
        "degrees": both.degrees,
        "words": [both.words(len(rows), subject.n_train), table.note()],
        "cost": subject.net.cost(X, y),
        "full_cost": subject.net.cost(*subject.training),
        "promised": both.promised,
        "full_promised": both.full_promised,
    }


@dataclass(frozen=True)
class Step:
    """A step of gradient descent along the gradient of a batch, beside the full gradient.

    Attributes
    ----------
    gradient, full : ndarray of float64, shape (n_params,)
        ∇C of the batch, and of all training examples.
    lr : float
    """

    gradient: Array
    full: Array
    lr: float

    @property
    def promised(self) -> float:
        """The change of the batch's cost, to first order: −lr ‖∇C_batch‖²."""
        return -self.lr * float(self.gradient @ self.gradient)

    @property
    def full_promised(self) -> float:
        """The change of the cost of all examples, to first order: −lr ∇C · ∇C_batch."""
        return -self.lr * float(self.full @ self.gradient)

    @property
    def cosine(self) -> float:
        """The cosine of the angle between both gradients; NaN where one is 0."""
        lengths = float(np.linalg.norm(self.gradient) * np.linalg.norm(self.full))
        return float(np.clip(self.gradient @ self.full / lengths, -1, 1)) if lengths else math.nan

    @property
    def degrees(self) -> float:
        """The angle between both gradients."""
        return math.degrees(math.acos(self.cosine))

    def words(self, rows: int, n: int) -> str:
        """Return the angle as a sentence."""
        if math.isnan(self.cosine):
            return "One of the two gradients is 0: there is no angle between them."
        where = "downhill" if self.cosine > 0 else "uphill" if self.cosine < 0 else "level"
        return (
            f"−∇C of {plural(rows, 'example')} is {number(round(self.degrees, 1))}° away from −∇C "
            f"of all {n:,} (cosine {number(self.cosine)}): on all examples a small step along it "
            f"leads {where}."
        )


def step_of(subject: Subject, X: Any, y: Any, lr: Any) -> Step:
    """Return the step that a batch asks for."""
    rate = check_number("lr", lr, "a number above 0", lambda value: value > 0)
    gradient, full = (subject.net.gradient(*data).flat for data in ((X, y), subject.training))
    if not (np.isfinite(gradient).all() and np.isfinite(full).all()):
        raise ValueError("the gradient holds NaN or infinity: this network has diverged")
    return Step(gradient.astype(np.float64), full.astype(np.float64), rate)


def take_step(subject: Subject, rows: Any, lr: Any) -> dict[str, Any]:
    """Take one step of plain gradient descent along a batch, and return the costs around it.

    The state of the network's optimiser is left as it is.
    """
    rows = subject.rows(rows, _MOST_ROWS)
    X, y = subject.examples.at(rows)
    net, both = subject.net, step_of(subject, X, y, lr)
    before = net.params.copy()
    costs = net.cost(X, y), net.cost(*subject.training)
    with np.errstate(over="ignore"):
        new = (before - both.lr * both.gradient).astype(net.dtype)
    if not np.isfinite(new).all():
        raise ValueError(f"a step at the rate {both.lr:g} overflows; the network is unchanged")
    net.params = new
    after = net.cost(X, y), net.cost(*subject.training)
    if not np.isfinite(after).all():
        net.params = before
        raise ValueError(
            f"after a step at the rate {both.lr:g} the cost is not finite; the network is unchanged"
        )
    return {
        "cost_before": costs[0],
        "cost_after": after[0],
        "promised": both.promised,
        "full_before": costs[1],
        "full_after": after[1],
        "full_promised": both.full_promised,
    }
