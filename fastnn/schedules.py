"""Schedules of the learning rate.

The `lr` of an optimiser is a number, a `Schedule`, or any function ``f(step) -> float`` of the
number of mini-batches since the fit began. A schedule is a formula without state: it maps step
numbers to rates, those of a whole run of mini-batches at once. A checkpoint needs to save nothing
of it, and the training loop gets the next thousand rates in one call.

In the formulas below t is the step, E = ``steps_per_epoch``, T = ``total_steps`` of the whole fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .checks import check_count, check_number, is_number

__all__ = ["Constant", "Cosine", "Exponential", "LearningRate", "OneCycle", "Schedule", "Step"]
__all__ += ["from_config", "learning_rates", "to_config"]

Steps: TypeAlias = NDArray[np.int64]
Rates: TypeAlias = NDArray[np.float64]


_RATE = "a finite number of 0 or more"
_FACTOR = "a finite number above 0"
_PART = "a number from 0 to 1"

# A parameter has the same meaning and the same bounds in every schedule.
_BOUNDS = {"lr": _RATE, "final_lr": _RATE, "warmup": _RATE, "start": _RATE, "final": _RATE}
_BOUNDS |= {"factor": _FACTOR, "decay": _FACTOR, "peak_at": _PART}
_WITHIN: dict[str, Callable[[float], bool]] = {
    _RATE: lambda value: value >= 0,
    _FACTOR: lambda value: value > 0,
    _PART: lambda value: 0 <= value <= 1,
}


def _check(name: str, value: object) -> float:
    if name == "every":
        return check_count(name, value, 1)
    return check_number(name, value, _BOUNDS[name], _WITHIN[_BOUNDS[name]])


class Schedule(ABC):
    """A rule for the learning rate at each step of a fit; subclass it to write your own.

    Examples
    --------
    >>> class Half(Schedule):
    ...     "1 in the first half of the fit, 0.5 in the second."
    ...     def rates(self, steps, *, steps_per_epoch, total_steps):
    ...         return np.where(steps < total_steps / 2, 1.0, 0.5)
    >>> learning_rates(Half(), np.arange(4), steps_per_epoch=2, total_steps=4)
    array([1. , 1. , 0.5, 0.5])
    """

    @abstractmethod
    def rates(self, steps: Steps, *, steps_per_epoch: int, total_steps: int) -> Rates:
        """Return the learning rate of each step: shape (n,), finite, 0 or more.

        Parameters
        ----------
        steps : ndarray of int64, shape (n,)
            Mini-batches since the fit began, from 0.
        steps_per_epoch : int
            Mini-batches in one epoch, 1 or more.
        total_steps : int
            Mini-batches in the whole fit, 1 or more.
        """


class _Formula(Schedule):
    """Base of the built-in schedules, which are frozen dataclasses with a formula, `_at`."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                object.__setattr__(self, field.name, _check(field.name, value))

    def rates(self, steps: Steps, *, steps_per_epoch: int, total_steps: int) -> Rates:
        """Return the learning rate of each step; see `Schedule.rates`."""
        return self._at(steps, steps_per_epoch, total_steps)

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        """Return the rate at steps t; `epoch` and `total` are E and T."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(_Formula):
    """The same rate at every step: lr.

    Parameters
    ----------
    lr : float
        The rate, 0 or more; a plain number as `lr` does the same.
    """

    lr: float

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        return np.full(np.shape(t), self.lr)


@dataclass(frozen=True)
class Step(_Formula):
    """Multiply the rate by a factor every few epochs: lr · factor^⌊t / (every · E)⌋.

    Parameters
    ----------
    lr : float
        The rate at the start, 0 or more.
    every : int
        Epochs between two changes, 1 or more.
    factor : float, default 0.1
        Factor of the rate, above 0.

    Examples
    --------
    >>> Step(1.0, every=2).rates(np.arange(5), steps_per_epoch=1, total_steps=5)
    array([1.  , 1.  , 0.1 , 0.1 , 0.01])
    """

    lr: float
    every: int
    factor: float = 0.1

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        return np.asarray(self.lr * np.power(self.factor, t // (self.every * epoch)))


@dataclass(frozen=True)
class Exponential(_Formula):
    """Multiply the rate by `decay` in every epoch, smoothly: lr · decay^(t / E).

    The exponent t / E is not rounded: the rate changes a little at every mini-batch, not once at
    the end of an epoch. With a `decay` above 1 the rate grows, as in a search for a good rate.

    Parameters
    ----------
    lr : float
        The rate at the first step, 0 or more.
    decay : float
        Factor of the rate over one epoch, above 0.

    Examples
    --------
    >>> Exponential(1.0, decay=0.25).rates(np.arange(4), steps_per_epoch=2, total_steps=4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    lr: float
    decay: float

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        return np.asarray(self.lr * np.power(self.decay, t / epoch))


@dataclass(frozen=True)
class Cosine(_Formula):
    """Fall from `lr` to `final_lr` along half a cosine over the whole fit, after a linear warm-up.

    With W = warmup · E the number of steps of the warm-up::

        t < W :   lr · (t + 1) / W
        t ≥ W :   final_lr + ½ (lr − final_lr) (1 + cos(π (t − W) / (T − W)))

    As in the paper, the curve reaches `final_lr` at t = T, one step after the last: with
    ``final_lr=0`` the last mini-batch still changes the weights.

    Parameters
    ----------
    lr : float
        The highest rate, 0 or more.
    final_lr : float, default 0
        The rate at the end, 0 or more.
    warmup : float, default 0
        Length of the warm-up in epochs, 0 or more; 0.5 is half an epoch.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
    equation 5, with a single period and no restart.

    Examples
    --------
    >>> Cosine(1.0).rates(np.arange(4), steps_per_epoch=2, total_steps=4).round(4)
    array([1.    , 0.8536, 0.5   , 0.1464])
    """

    lr: float
    final_lr: float = 0.0
    warmup: float = 0.0

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        warm = self.warmup * epoch
        fall = _cosine(self.lr, self.final_lr, t, warm, total)
        if warm == 0:
            return fall
        # W may be fractional: without the limit, a warm-up of 2.5 steps would overshoot.
        return np.where(t < warm, self.lr * np.minimum((t + 1) / warm, 1.0), fall)


@dataclass(frozen=True)
class OneCycle(_Formula):
    """Rise to a high rate, then fall far below the first one, once over the whole fit.

    Both parts are half a cosine. With P = peak_at · T − 1, the step of the highest rate::

        t ≤ P :   from start at t = 0  to lr at t = P
        t > P :   from lr at t = P     to final at t = T − 1

    The defaults and the position of the peak are those of PyTorch's ``OneCycleLR`` (its
    ``div_factor=25``, ``final_div_factor=1e4``, ``pct_start=0.3``). Only the rate is cycled, not
    the momentum.

    Parameters
    ----------
    lr : float
        The highest rate, 0 or more.
    start : float, optional
        The first rate, 0 or more; lr / 25 if not given.
    final : float, optional
        The last rate, 0 or more; start / 10,000 if not given.
    peak_at : float, default 0.3
        The part of the fit that is spent rising, between 0 and 1.

    References
    ----------
    L. N. Smith, "A disciplined approach to neural network hyper-parameters: Part 1", 2018,
    arXiv:1803.09820; L. N. Smith and N. Topin, "Super-Convergence", 2018, arXiv:1708.07120.

    Examples
    --------
    >>> cycle = OneCycle(1.0, start=0.2, final=0.0, peak_at=0.6)
    >>> cycle.rates(np.arange(5), steps_per_epoch=5, total_steps=5)
    array([0.2, 0.6, 1. , 0.5, 0. ])
    """

    lr: float
    start: float | None = None
    final: float | None = None
    peak_at: float = 0.3

    def _at(self, t: Steps, epoch: int, total: int) -> Rates:
        start = self.lr / 25 if self.start is None else self.start
        final = start / 1e4 if self.final is None else self.final
        # A fit of very few steps has no room to rise: it begins at the peak.
        peak = max(self.peak_at * total - 1, 0.0)
        rise = _cosine(start, self.lr, t, 0.0, peak)
        fall = _cosine(self.lr, final, t, peak, total - 1)
        return np.where(t < peak, rise, fall)


def _cosine(first: float, last: float, t: Steps, begin: float, end: float) -> Rates:
    """Return half a cosine from `first` at `begin` to `last` at `end`, constant outside."""
    if end <= begin:
        return np.full(np.shape(t), first)
    left = (1 + np.cos(np.pi * np.clip((t - begin) / (end - begin), 0.0, 1.0))) / 2
    return np.asarray(first * left + last * (1 - left))  # never below both, despite rounding


LearningRate: TypeAlias = float | Schedule | Callable[[int], float]


def learning_rates(
    lr: LearningRate, steps: Steps, *, steps_per_epoch: int, total_steps: int
) -> Rates:
    """Return the rate of each step, shape (n,), from a number, a schedule or a function.

    Parameters
    ----------
    lr : float, Schedule or callable
        A callable is called with each step number, an int.
    steps : ndarray of int64, shape (n,)
        Mini-batches since the fit began, from 0.
    steps_per_epoch, total_steps : int
        Mini-batches in one epoch and in the whole fit.

    Raises
    ------
    ValueError
        If a rate is negative, infinite or not a number, or if a schedule returns another shape.
    TypeError
        If `lr`, or what the callable returns, is of another type.

    Examples
    --------
    >>> learning_rates(lambda step: 1 / (1 + step), np.arange(2), steps_per_epoch=1, total_steps=2)
    array([1. , 0.5])
    """
    steps = np.asarray(steps, dtype=np.int64)
    if isinstance(lr, Schedule):
        with np.errstate(over="ignore", invalid="ignore"):  # the check below names the step
            rates = lr.rates(steps, steps_per_epoch=steps_per_epoch, total_steps=total_steps)
        rates = np.asarray(rates, dtype=np.float64)
        if rates.shape != steps.shape:
            raise ValueError(
                f"{type(lr).__name__}.rates must return one rate for each of {steps.size} steps, "
                f"got shape {rates.shape}"
            )
    elif callable(lr) and not isinstance(lr, type):
        rates = np.array([_call(lr, int(step)) for step in steps], dtype=np.float64)
    elif is_number(lr):
        return np.full(steps.shape, _check("lr", lr))
    else:
        raise TypeError(f"lr must be a number, a Schedule or a function of the step, got {lr!r}")
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if wrong.size:
        first = wrong[0]
        raise ValueError(
            f"lr must be {_RATE} at every step, got {float(rates[first])!r} at step {steps[first]}"
        )
    return rates


def _call(lr: Callable[[int], float], step: int) -> float:
    rate: Any = lr(step)
    # 0-d arrays and other scalars that convert to a float are accepted, text and None are not.
    if isinstance(rate, str | bytes) or not hasattr(rate, "__float__"):
        raise TypeError(f"lr must return a number at every step, got {rate!r} at step {step}")
    return float(rate)


_BUILT_IN = {kind.__name__: kind for kind in (Constant, Step, Exponential, Cosine, OneCycle)}


def to_config(lr: LearningRate) -> float | dict[str, object] | None:
    """Return `lr` as a JSON value for a model file, or None if it is not built in.

    Examples
    --------
    >>> to_config(Step(0.5, every=10))
    {'name': 'Step', 'lr': 0.5, 'every': 10, 'factor': 0.1}
    """
    if is_number(lr):
        return _check("lr", lr)
    # By exact type: a subclass of Cosine would be restored as a plain Cosine.
    if _BUILT_IN.get(type(lr).__name__) is type(lr):
        return {"name": type(lr).__name__, **asdict(lr)}
    if isinstance(lr, Schedule) or callable(lr):
        return None
    return _check("lr", lr)


def from_config(config: object) -> float | Schedule:
    """Return the number or schedule that `to_config` described; ValueError if it is neither.

    Examples
    --------
    >>> from_config({"name": "Step", "lr": 0.5, "every": 10})
    Step(lr=0.5, every=10, factor=0.1)
    """
    if is_number(config):
        return _check("lr", config)
    if not isinstance(config, dict) or config.get("name") not in [*_BUILT_IN]:
        raise ValueError(
            f"a stored learning rate must be a number or name one of {', '.join(_BUILT_IN)}, "
            f"got {config!r}"
        )
    settings = {name: value for name, value in config.items() if name != "name"}
    try:
        return _BUILT_IN[config["name"]](**settings)
    except TypeError as error:
        raise ValueError(f"a stored {config['name']} has wrong settings: {error}") from error
