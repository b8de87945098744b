"""Callback of the estimators after each epoch: record, test of convergence, output.

The rules are scikit-learn's: an epoch whose loss is not below the best by `tol` (whose validation
score is not above it by `tol`) counts as none; more than `n_iter_no_change` of them in a row end
the fit, or divide the learning rate by 5 where it is "adaptive", until it is 1e-6.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..callbacks import Callback, Run
from ..layout import Array
from ..mlp import MLP

_LEAST_RATE = 1e-6


def _squares(net: MLP) -> float:
    """Return Σ W² over all weights."""
    return sum(float(np.vdot(W, W)) for W in net.weights)


@dataclass
class StoppingState:
    """State of the stopping rules between calls, beside the public attributes."""

    unimproved: int = 0  # epochs in a row
    lr_scale: float = 1.0


class EpochRecord(Callback):
    """The record and the rules of one call of `fit` or `partial_fit`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        The estimator whose attributes are the record.
    shown, constant, decay : float
        ``loss_`` is shown · C + constant + ½ decay Σ W².
    n : int
        Examples of an epoch.
    score : function, optional
        Returns the validation score from the epoch's logs, higher is better.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        shown: float,
        constant: float,
        decay: float,
        n: int,
        score: Callable[[Mapping[str, float]], float] | None,
    ) -> None:
        self._estimator = estimator
        self._shown, self._constant, self._decay = shown, constant, decay
        self._n, self._score = n, score
        self._best: Array | None = None
        self._squares = 0.0
        self.converged: bool = False

    def on_fit_begin(self, run: Run) -> None:
        """Continue with the learning rate of the last call."""
        model = self._estimator
        run.lr_scale = model._stopping.lr_scale
        self._squares = _squares(model.network_)
        if model.early_stopping and math.isfinite(model.best_validation_score_):
            self._best = model.network_.params.copy()  # the best so far of a warm start

    def on_epoch_end(self, run: Run, logs: Mapping[str, float]) -> None:
        """Add the epoch to the record; stop if the rules say so."""
        model = self._estimator
        model.n_iter_ += 1
        model.t_ += self._n
        model.loss_ = self._shown * logs["loss"] + self._constant + self._penalty(run)
        model.loss_curve_.append(model.loss_)
        score = None if self._score is None else self._score(logs)
        self._tell(score)
        improved = self._improves(run, score)
        model._stopping.unimproved = 0 if improved else model._stopping.unimproved + 1
        if model.tol is not None and model._stopping.unimproved > model.n_iter_no_change:
            self._nothing_gained(run)

    def _penalty(self, run: Run) -> float:
        """Return ½ λ Σ W², a mean over the epoch's batches, interpolated between its ends."""
        if not self._decay:
            return 0.0
        before, after = self._squares, _squares(self._estimator.network_)
        self._squares = after
        k = run.step // run.epoch  # batches an epoch; W is looked at before each
        return 0.5 * self._decay * ((k + 1) * before + (k - 1) * after) / (2 * k)

    def _improves(self, run: Run, score: float | None) -> bool:
        model, tol = self._estimator, self._estimator.tol or 0.0
        if score is not None:
            model.validation_scores_.append(score)
            best = model.best_validation_score_
            if score > best:
                model.best_validation_score_ = score
                if model.early_stopping:
                    self._best = run.net.params.copy()
        if model.early_stopping:
            return score is not None and score >= best + tol
        best = model.best_loss_
        model.best_loss_ = min(best, model.loss_)
        return bool(model.loss_ <= best - tol)

    def _nothing_gained(self, run: Run) -> None:
        model = self._estimator
        what = "validation score" if model.early_stopping else "training loss"
        adaptive = model.learning_rate == "adaptive" and model.solver == "sgd"
        if adaptive and model.learning_rate_init * run.lr_scale > _LEAST_RATE:
            run.lr_scale /= 5
            state = model.network_._state
            if state is not None and state.m is not None:
                state.m *= 5  # keeps the velocity lr · m
            model._stopping.lr_scale, model._stopping.unimproved = run.lr_scale, 0
            return
        self.converged = True
        run.stop(
            f"the {what} did not improve by more than tol={model.tol:g} for "
            f"{model.n_iter_no_change} consecutive epochs"
        )

    def _tell(self, score: float | None) -> None:
        model = self._estimator
        if not model.verbose or model.verbose == "progress":
            return
        text = f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}"
        text += "" if score is None else f"\nValidation score: {score:f}"
        if model.verbose == "logging":
            logging.getLogger("fastnn").info("%s", text.replace("\n", ", "))
        else:
            print(text)

    def put_back_the_best(self) -> None:
        """Restore the parameters of the best validation score."""
        if self._best is not None and self._estimator.early_stopping:
            self._estimator.network_.params = self._best
