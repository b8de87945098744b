"""Fits of second order: all rows a step, an epoch an iteration; L-BFGS and Levenberg-Marquardt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..callbacks import Callback, ReduceOnPlateau
from ..optim import LBFGS, FirstOrder, LevenbergMarquardt, Optimizer, SecondOrder
from .objective import Objective, Point, Vector
from .state import FitState, TrainingRows, TrainState
from .training import Fit, MiniBatchFit, means, set_params

MOST_PARAMS = 8_000  # of Levenberg-Marquardt: its matrix has the square of them, then 512 MB
_LEAST_DAMPING = float(np.finfo(np.float64).eps)  # of the largest diagonal element of H
_NO_END = 2**31 - 1  # where SciPy wants a limit


def new_fit(
    train_state: TrainState,
    examples: TrainingRows,
    optimizer: Optimizer,
    fit_state: FitState,
    **more: Any,
) -> Fit:
    """Return the fit by an optimiser; `more` are the arguments that all fits have."""
    if isinstance(optimizer, LBFGS):
        return LBFGSFit(train_state, examples, optimizer, fit_state, **more)
    if isinstance(optimizer, LevenbergMarquardt):
        return LevenbergMarquardtFit(train_state, examples, optimizer, fit_state, **more)
    assert isinstance(optimizer, FirstOrder)
    return MiniBatchFit(train_state, examples, optimizer, fit_state, **more)


def check(
    net: Any, optimizer: Optimizer, batches: bool, callbacks: Sequence[Callback], own_loss: bool
) -> None:
    """Raise one sentence if a second-order optimiser cannot train this network so."""
    if not isinstance(optimizer, SecondOrder):
        return
    name = type(optimizer).__name__
    if batches:
        raise ValueError(f"{name} takes all rows a step: leave batch_size out, or give None")
    if any(net.dropout):
        raise ValueError(
            f"{name} needs a cost that is the same from step to step; dropout changes it: make "
            "the network without dropout, or train by fastnn.Adam()"
        )
    if any(isinstance(callback, ReduceOnPlateau) for callback in callbacks):
        raise ValueError(f"{name} has no learning rate that ReduceOnPlateau could lower")
    if isinstance(optimizer, LBFGS):
        minimize()
    elif own_loss or net.loss not in ("mse", "quadratic"):
        raise ValueError(
            "LevenbergMarquardt needs the network's loss mse or quadratic, not "
            f"{'a function' if own_loss else net.loss}: use fastnn.LBFGS()"
        )
    else:
        sizes = [W.size + b.size for W, b in zip(net.weights, net.biases, strict=True)]
        n = sum(size for size, flag in zip(sizes, net.trainable, strict=True) if flag)
        if n > MOST_PARAMS:
            raise ValueError(
                f"LevenbergMarquardt trains {MOST_PARAMS:,} parameters at most, these are {n:,}: "
                "use fastnn.LBFGS()"
            )


def minimize() -> Callable[..., Any]:
    """Return ``scipy.optimize.minimize``."""
    try:
        from scipy.optimize import minimize as of_scipy
    except ImportError:
        raise ImportError("fastnn.LBFGS needs SciPy: pip install scipy", name="scipy") from None
    found: Callable[..., Any] = of_scipy
    return found


class SecondOrderFit(Fit):
    """A fit on all rows at once, whose steps lower F = C + ½ λ Σ W²."""

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        optimizer: LBFGS | LevenbergMarquardt,
        fit_state: FitState,
        *,
        n_threads: int,
        **more: Any,
    ) -> None:
        super().__init__(train_state, examples, fit_state, n_threads=n_threads, **more)
        self._name, self._tol = type(optimizer).__name__, optimizer.tol
        self._objective = Objective(
            train_state.core,
            train_state.net.sizes,
            examples,
            n_threads,
            trainable=train_state.trainable,
            decay=optimizer.weight_decay,
        )
        self._back_to: NDArray[Any] | None = None  # parameters, should a trial be broken off

    @property
    def lr_scale(self) -> float:
        """1: there is no learning rate."""
        return 1.0

    @lr_scale.setter
    def lr_scale(self, value: float) -> None:
        raise ValueError(f"{self._name} has no learning rate that lr_scale could scale")

    @property
    def _advice(self) -> str:
        return "Try scaled inputs, smaller initial weights, or another loss."

    def _all_epochs(self, bar: progress.Progress) -> bool:
        if self.epoch >= self.epochs:
            return True
        self._bar = bar
        self._begin_epoch()
        self._point = self._objective.here()
        if not self._point.is_finite:
            self._go_back(self.epoch + 1, stacklevel=7)
            return False
        self._back_to = self._point.params
        try:
            reason = self._iterate()
        finally:
            if self._back_to is not None:
                set_params(self._train_state.core, self._back_to)
        if self._stopped is None and self.epoch < self.epochs:
            self._stopped = reason
        return True

    @abstractmethod
    def _iterate(self) -> str:
        """Step until `_stepped` says no, or return why no step can be taken."""

    def _converged(self) -> str | None:
        if np.abs(self._point.gradient).max(initial=0.0) <= self._tol:
            return f"no element of the gradient is above {self._tol:g}"
        return None

    def _stepped(self, new: Point) -> bool:
        """Complete an epoch, whose step has led to `new`; return whether another follows.

        Callbacks may set parameters: then `_point` is where they are, and not `new`.
        """
        old, core = self._point, self._train_state.core
        self._rate = float(np.linalg.norm(new.x - old.x) / np.linalg.norm(old.gradient))
        self._train_state.optimizer_state.steps += 1
        self._back_to = None
        self._batch = 1
        logs = means(old.sums, self._examples.has_accuracy)
        self._bar.update(self.epoch + 1, self._examples.n_visited, logs)
        self._batch_end(logs)
        self._pause()
        self._end_epoch(logs, self._bar)
        if self._stopped is not None or self.epoch >= self.epochs:
            return False
        self._begin_epoch()
        is_there = np.array_equal(core.params, new.params)
        self._point = new if is_there else self._objective.here()
        self._back_to = self._point.params
        return self._point.is_finite


class LBFGSFit(SecondOrderFit):
    """A fit by SciPy's L-BFGS-B, which calls back after each iteration; see `LBFGS`."""

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        optimizer: LBFGS,
        *more: Any,
        **named: Any,
    ) -> None:
        super().__init__(train_state, examples, optimizer, *more, **named)
        self._options = {
            "maxcor": optimizer.history_size,
            "maxls": optimizer.max_line_search,
            "gtol": optimizer.tol,
            "ftol": 0.0,
            "maxiter": _NO_END,
            "maxfun": _NO_END,
        }

    def _iterate(self) -> str:
        while True:  # again where a callback has set parameters: the last steps say nothing there
            self._tried, self._again = (self._point.x, self._point), False
            minimize()(
                lambda x: self._evaluated(x).pair,
                self._point.x,
                jac=True,
                method="L-BFGS-B",
                callback=self._after_iteration,
                options=self._options,
            )
            if not self._again:
                return self._converged() or "L-BFGS finds no lower cost"

    def _evaluated(self, x: Vector) -> Point:
        if not np.array_equal(x, self._tried[0]):
            self._tried = (x.copy(), self._objective.at(x))
        return self._tried[1]

    def _after_iteration(self, x: Vector) -> None:
        new = self._evaluated(x)
        goes_on = self._stepped(new)
        self._again = goes_on and self._point is not new
        if not goes_on or self._again:
            raise StopIteration


class LevenbergMarquardtFit(SecondOrderFit):
    """A fit by damped Gauss-Newton steps; see `LevenbergMarquardt`."""

    def __init__(
        self,
        train_state: TrainState,
        examples: TrainingRows,
        optimizer: LevenbergMarquardt,
        *more: Any,
        **named: Any,
    ) -> None:
        super().__init__(train_state, examples, optimizer, *more, **named)
        self._first_damping = optimizer.damping
        net = train_state.net
        self._curvature = 2.0 if net.loss == "quadratic" else 2.0 / net.sizes[-1]

    def _iterate(self) -> str:
        while (reason := self._converged()) is None:
            H = self._objective.gauss_newton(self._curvature)
            new = self._lower(H) if np.isfinite(H).all() else None
            if new is None:
                return "no step lowers the cost any more"
            if not self._stepped(new):
                return "the cost is not finite"
        return reason

    def _lower(self, H: NDArray[np.float64]) -> Point | None:
        """Return the end of a step that lowers F, damped until it does; None if none is left.

        Madsen, Nielsen & Tingleff 2004, algorithm 3.16: (H + μ I) d = −g, of which the model
        predicts a decrease of ½ dᵀ(μ d − g).
        """
        old, state = self._point, self._train_state.optimizer_state
        g, diagonal = old.gradient, H.diagonal().copy()
        largest, growth = float(diagonal.max()), 2.0
        mu = self._first_damping * largest if state.damping is None else state.damping
        while np.isfinite(mu):
            mu = max(mu, _LEAST_DAMPING * largest)
            np.fill_diagonal(H, diagonal + mu)
            d = np.linalg.solve(H, -g)
            new = self._objective.at(old.x + d)
            if new.value < old.value and new.is_finite:
                gain = (old.value - new.value) / (0.5 * float(d @ (mu * d - g)))
                state.damping = mu * max(1 / 3, 1 - (2 * gain - 1) ** 3)
                return new
            if np.array_equal(new.x, old.x):
                break
            mu, growth = mu * growth, growth * 2
        state.damping = None
        return None
