"""Mapping of an estimator's loss to a cost of `fastnn.MLP`, with scikit-learn's factors.

The costs of both are means over the examples. scikit-learn has further factors: its squared error
shows ½ · mean over the outputs and descends ½ · sum; its Poisson loss is a sum, with terms that
depend on y only. With the network's cost C, the estimator shows ``shown · C + constant`` and steps
along ``factor · ∇C``, so that a learning rate gives the same steps in both libraries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from ..names import ACTIVATIONS, Activation, Loss, Name, Output, check_name, pair

HiddenActivation: TypeAlias = Literal[Activation, "logistic"]
OutputActivation: TypeAlias = Literal[Output, "logistic"]
OURS: dict[str, str] = {"logistic": "sigmoid"}  # the name that differs
THEIRS: dict[str, str] = dict(zip(ACTIVATIONS, ACTIVATIONS, strict=True)) | {"sigmoid": "logistic"}

RegressionLoss: TypeAlias = Literal[
    "squared_error",
    "poisson",
    "absolute_error",
    "mae",
    "huber",
    "quantile",
    "quadratic",
    "mse",
    "binary_cross_entropy",
]
ClassificationLoss: TypeAlias = Literal[
    "log_loss", "binary_cross_entropy", "quadratic", "mse", "mae", "huber"
]
REGRESSION: tuple[RegressionLoss, ...] = get_args(RegressionLoss)
_OF_REGRESSORS: dict[RegressionLoss, str] = {
    **dict(zip(REGRESSION, REGRESSION, strict=True)),
    "squared_error": "mse",
    "absolute_error": "mae",
}
CLASSIFICATION: tuple[ClassificationLoss, ...] = get_args(ClassificationLoss)


@dataclass(frozen=True)
class Cost:
    """Cost of a network, with the factors for an estimator."""

    loss: Loss
    output: Output
    n_outputs: int
    factor: float = 1.0  # steps follow factor · ∇C
    shown: float = 1.0  # loss_ is shown · C + a constant that depends on y only

    def constant(self, y: NDArray[Any], weight: NDArray[np.float64] | None) -> float:
        """Return scikit-learn's loss minus `shown` · C: for Poisson Σ_j (y ln y − y), else 0."""
        if self.loss != "poisson":
            return 0.0
        from scipy.special import xlogy

        each = (xlogy(y, y) - y).reshape(len(y), -1).sum(axis=1)
        return float(np.average(each, weights=weight))


def activation_name(argument: str, name: object, known: Iterable[Name]) -> Name:
    """Return the network's name of an activation, given by its name or scikit-learn's."""
    known = tuple(known)
    ours = OURS.get(name, name) if isinstance(name, str) else name
    if ours not in known:
        check_name(argument, name, [*map(str, known), *OURS])  # and raises
    return check_name(argument, ours, known)


def of_regressor(loss: Any, output_activation: Any, n_outputs: int) -> Cost:
    """Return the cost of a regressor's parameters for `n_outputs` values a row."""
    name = check_name("loss", loss, REGRESSION)
    output = _output(output_activation)
    output, ours = pair(output, _OF_REGRESSORS[name])
    if loss == "squared_error":  # ½ mean is shown, ½ sum is descended
        return Cost(ours, output, n_outputs, factor=n_outputs / 2, shown=0.5)
    if loss == "poisson":
        return Cost(ours, output, n_outputs, factor=n_outputs, shown=n_outputs)
    return Cost(ours, output, n_outputs)


def of_classifier(loss: Any, output_activation: Any, n_classes: int, multilabel: bool) -> Cost:
    """Return the cost of a classifier's parameters for `n_classes` classes or labels."""
    check_name("loss", loss, CLASSIFICATION)
    output = _output(output_activation, ("softmax", "sigmoid"))
    if multilabel and output == "softmax":
        raise ValueError("output_activation must be 'logistic' where rows have several labels")
    several = n_classes > 2 and not multilabel
    if output is None:
        output = "softmax" if several and loss != "binary_cross_entropy" else "sigmoid"
    if loss == "log_loss":
        loss = "cross_entropy" if output == "softmax" else "binary_cross_entropy"
    output, loss = pair(output, loss)
    if multilabel or several:
        return Cost(loss, output, n_classes)
    return Cost(loss, output, 2 if output == "softmax" else 1)


def _output(name: object, known: Iterable[Output] = ACTIVATIONS) -> Output | None:
    return None if name is None else activation_name("output_activation", name, known)
