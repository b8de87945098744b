"""scikit-learn: ``MLPClassifier`` and ``MLPRegressor``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.bench.workloads import Workload, WorkloadData

from . import reference
from .base import Array, Contender, UnableError, need

_FIRST = 1_000  # rows of the fit that makes the arrays; all classes are among them


class Sklearn(Contender):
    """One `fit` with ``warm_start``: it goes on from the weights, with a fresh optimiser."""

    def __init__(self, workload: Workload, examples: WorkloadData, n_threads: int) -> None:
        super().__init__(workload, examples, n_threads)
        if workload.kind != "predict" and workload.loss == "quadratic":
            raise UnableError("it has no quadratic cost on sigmoid outputs")
        if workload.rule.kind not in ("sgd", "adam"):
            raise UnableError("it has SGD and Adam only")
        self._sklearn = need("sklearn", "scikit-learn")
        neural_network = need("sklearn.neural_network", "scikit-learn")
        kind = "MLPClassifier" if examples.classify else "MLPRegressor"
        name = {"sigmoid": "logistic"}.get(workload.activation, workload.activation)
        self.model: Any = getattr(neural_network, kind)(
            hidden_layer_sizes=workload.sizes[1:-1],
            activation=name,
            solver=workload.rule.kind,
            alpha=0,
            batch_size=workload.batch_size,
            learning_rate_init=workload.rule.lr,
            momentum=0,
            nesterovs_momentum=False,
            max_iter=1,
            tol=0,
            n_iter_no_change=10**9,
            random_state=0,
            warm_start=True,
        )
        self.y: Array = examples.y if examples.classify else examples.y[:, 0]
        warnings.simplefilter("ignore")  # that an epoch is not the minimum
        # Labels as one-hot rows are "multilabel", whose output function is the sigmoid: so the
        # network that predicts is exactly the one of the others.
        predicts = workload.kind == "predict"
        first = examples.targets.astype(np.int64) if predicts else self.y
        self.model.fit(examples.X[:_FIRST], first[:_FIRST])

    def version(self) -> str:
        """Return scikit-learn's version."""
        return str(self._sklearn.__version__)

    def reset(self) -> None:
        """Copy the initial weights; the next fit creates a new optimiser."""
        layers = reference.split(self.initial, self.workload.sizes)
        for (W, b), coef, intercept in zip(
            layers, self.model.coefs_, self.model.intercepts_, strict=True
        ):
            coef[...], intercept[...] = W, b

    def train(self, rows: int, epochs: int) -> None:
        """Fit."""
        self.model.set_params(max_iter=epochs, shuffle=self.shuffle)
        self.model.fit(self.examples.X[:rows], self.y[:rows])

    def params(self) -> Array:
        """Return a copy."""
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return np.concatenate([array.ravel() for pair in pairs for array in pair])

    def predictor(self) -> Callable[[], Any]:
        """Return a call of `predict_proba`."""
        self.reset()
        x = self.examples.X[:1]
        return lambda: self.model.predict_proba(x)
