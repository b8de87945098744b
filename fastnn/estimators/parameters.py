"""Parameters of the estimators: their checks at `fit`, and their conversion for `fastnn.MLP`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ..callbacks import CallbackLike
from ..checks import is_number, is_whole
from ..fit.state import StepRule
from ..names import HIDDEN, Activation, check_name
from ..optim import SGD, Adam, AdamW, FirstOrder, Optimizer, RMSprop, SecondOrder
from ..schedules import LearningRate, Rates, Schedule, Steps, learning_rates
from .losses import Cost, HiddenActivation, activation_name

# Types of the parameters, for type checkers; `check` tests the values.
HiddenSizes: TypeAlias = int | Sequence[int]
HiddenActivations: TypeAlias = HiddenActivation | Sequence[HiddenActivation]
Solver: TypeAlias = Literal["lbfgs", "sgd", "adam", "adamw", "rmsprop"]
BatchSize: TypeAlias = int | Literal["auto"]
Rate: TypeAlias = Literal["constant", "invscaling", "adaptive"] | Schedule | Callable[[int], float]
RandomState: TypeAlias = int | np.random.RandomState | None
Verbose: TypeAlias = bool | float | Literal["progress", "logging"]
Dropout: TypeAlias = float | Sequence[float]
L2: TypeAlias = Literal["batch", "per_example"]
Scoring: TypeAlias = str | Callable[[Any, Any, Any], float] | None
Callbacks: TypeAlias = Iterable[CallbackLike] | CallbackLike | None

SOLVERS: tuple[Solver, ...] = get_args(Solver)


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """lr / t^power, t the number of the step from 1, with `before` earlier steps."""

    lr: float
    power: float
    before: int = 0

    def rates(self, steps: Steps, *, steps_per_epoch: int, total_steps: int) -> Rates:
        """Return the rate of each step; see `Schedule.rates`."""
        t = steps + (self.before + 1.0)
        return np.asarray(self.lr / t**self.power)


@dataclass(frozen=True)
class Onward(Schedule):
    """A schedule over `epochs` calls of partial_fit, each one epoch."""

    lr: LearningRate
    before: int
    epochs: int

    def rates(self, steps: Steps, *, steps_per_epoch: int, total_steps: int) -> Rates:
        """Return the rate of each step; see `Schedule.rates`."""
        last = self.before + int(steps[-1]) + 1
        return learning_rates(
            self.lr,
            steps + self.before,
            steps_per_epoch=steps_per_epoch,
            total_steps=max(self.epochs * steps_per_epoch, last),
        )


def _is_count(value: object, least: int = 1) -> bool:
    return is_whole(value) and int(value) >= least


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


_CHECKS: dict[str, tuple[str, Any]] = {
    "alpha": ("a number of 0 or more", lambda v: is_number(v) and 0 <= v < np.inf),
    "batch_size": (
        '"auto" or an integer of 1 or more',
        lambda v: (isinstance(v, str) and v == "auto") or _is_count(v),
    ),
    "learning_rate_init": ("a number above 0", lambda v: is_number(v) and 0 < v < np.inf),
    "power_t": ("a number of 0 or more", lambda v: is_number(v) and 0 <= v < np.inf),
    "max_iter": ("an integer of 1 or more", _is_count),
    "shuffle": ("True or False", _is_flag),
    "tol": ("a number of 0 or more, or None", lambda v: v is None or (is_number(v) and v >= 0)),
    "verbose": (
        'True, False, a number, "progress" or "logging"',
        lambda v: _is_flag(v) or (is_number(v) and v >= 0) or v in ("progress", "logging"),
    ),
    "warm_start": ("True or False", _is_flag),
    "momentum": ("a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1),
    "nesterovs_momentum": ("True or False", _is_flag),
    "early_stopping": ("True or False", _is_flag),
    "validation_fraction": ("a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1),
    "beta_1": ("a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1),
    "beta_2": ("a number from 0 to below 1", lambda v: is_number(v) and 0 <= v < 1),
    "epsilon": ("a number above 0", lambda v: is_number(v) and 0 < v < np.inf),
    "n_iter_no_change": (
        "an integer of 1 or more, or infinity",
        lambda v: _is_count(v) or (is_number(v) and v == np.inf),
    ),
    "max_fun": ("an integer of 1 or more", _is_count),
    "l2": ('"batch" or "per_example"', lambda v: v in ("batch", "per_example")),
    "scale_bytes": ("True or False", _is_flag),
    "n_networks": ("an integer of 1 or more", _is_count),
    "scoring": (
        'None, "loss", the name of a scorer or a function of (estimator, X, y)',
        lambda v: v is None or isinstance(v, str) or callable(v),
    ),
}


def check(estimator: Any) -> None:
    """Raise ValueError if a parameter is not valid."""
    for name, (expected, accept) in _CHECKS.items():
        value = getattr(estimator, name)
        if not accept(value):
            raise ValueError(f"{name} must be {expected}, got {value!r}")
    hidden_sizes(estimator.hidden_layer_sizes)
    activations(estimator)
    check_random_state(estimator.random_state)
    if isinstance(estimator.solver, SecondOrder):
        raise ValueError(
            f"solver cannot be fastnn.{type(estimator.solver).__name__}, which trains by "
            "fastnn.MLP.fit alone; solver='lbfgs' is L-BFGS here"
        )
    if not isinstance(estimator.solver, Optimizer):
        check_name("solver", estimator.solver, SOLVERS)
    rate = estimator.learning_rate
    if isinstance(rate, str) or not (isinstance(rate, Schedule) or callable(rate)):
        check_name("learning_rate", rate, ("constant", "invscaling", "adaptive"))
    if is_lbfgs(estimator):
        if np.any(np.asarray(estimator.dropout) != 0):
            raise ValueError("dropout needs another solver than 'lbfgs', which has no batches")
        if estimator.callbacks:
            raise ValueError("callbacks need another solver than 'lbfgs', which has no epochs")


def is_lbfgs(estimator: Any) -> bool:
    """Return whether SciPy trains, without batches, epochs and an optimiser of fastnn."""
    return isinstance(estimator.solver, str) and estimator.solver == "lbfgs"


def hidden_sizes(given: Any) -> list[int]:
    """Return `hidden_layer_sizes` as a list of widths."""
    widths = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for width in widths:
        if not _is_count(width):
            raise ValueError(
                f"hidden_layer_sizes must be integers of 1 or more, one a hidden layer, got "
                f"{given!r}"
            )
    return [int(width) for width in widths]


def activations(estimator: Any) -> list[Activation]:
    """Return the network's name of each hidden layer's activation."""
    given, n = estimator.activation, len(hidden_sizes(estimator.hidden_layer_sizes))
    names = given if isinstance(given, list | tuple | np.ndarray) else [given] * max(n, 1)
    found = [activation_name("activation", name, HIDDEN) for name in names]
    if not isinstance(given, str) and len(found) != n:
        raise ValueError(f"activation has {len(found)} names for {n} hidden layers")
    return found[:n]


def optimizer(estimator: Any, before: int, incremental: bool) -> FirstOrder:
    """Return the optimiser for the parameters, after `before` steps."""
    solver = estimator.solver
    if isinstance(solver, FirstOrder):
        made = solver
        if incremental and not isinstance(made.lr, float):
            made = replace(made, lr=Onward(made.lr, before, estimator.max_iter))
    else:
        made = _named(solver, estimator, _rate(estimator, before, incremental))
    if estimator.l2 == "per_example":
        decay = getattr(made, "weight_decay", 0.0) + float(estimator.alpha)
        made = replace(made, weight_decay=decay)  # type: ignore[call-arg]
    return made


def _rate(estimator: Any, before: int, incremental: bool) -> LearningRate:
    rate, first = estimator.learning_rate, float(estimator.learning_rate_init)
    if not isinstance(rate, str):
        return Onward(rate, before, estimator.max_iter) if incremental else rate
    if rate == "invscaling" and estimator.solver == "sgd":
        return InverseScaling(first, float(estimator.power_t), before)
    return first


def _named(solver: str, estimator: Any, rate: LearningRate) -> FirstOrder:
    if solver == "sgd":
        momentum = float(estimator.momentum)
        return SGD(rate, momentum, nesterov=bool(estimator.nesterovs_momentum and momentum > 0))
    eps = float(estimator.epsilon)
    if solver == "rmsprop":
        return RMSprop(rate, eps=eps)
    betas = (float(estimator.beta_1), float(estimator.beta_2))
    return Adam(rate, betas, eps) if solver == "adam" else AdamW(rate, betas, eps, 0.0)


def rule(estimator: Any, cost: Cost) -> StepRule:
    """Return what the steps follow; see `fastnn.fit.state.StepRule`."""
    return StepRule(cost.factor, float(estimator.alpha) if estimator.l2 == "batch" else 0.0)


def decay(estimator: Any, count: float) -> float:
    """Return λ of a batch of `count` examples, whose loss has the term ½ λ Σ W²."""
    return float(estimator.alpha) / (count if estimator.l2 == "batch" else 1.0)


def draw(sizes: list[int], names: Sequence[str], rng: np.random.RandomState) -> list[NDArray[Any]]:
    """Return W and b of each layer as scikit-learn draws them: U(±√(g / (n_in + n_out))).

    Glorot & Bengio 2010, biases too; g is 6, for logistic layers 2 (the output layer has the g of
    the layer before). With the same generator the numbers are scikit-learn's.
    """
    drawn = []
    for l, (n_in, n_out) in enumerate(pairwise(sizes)):
        name = names[min(l, len(names) - 1)] if names else ""
        limit = np.sqrt((2 if name == "sigmoid" else 6) / (n_in + n_out))
        drawn += [rng.uniform(-limit, limit, (n_in, n_out)), rng.uniform(-limit, limit, n_out)]
    return drawn
