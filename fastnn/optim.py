"""Optimisers: the rule of a step, as constants; the state is part of the network.

``lr`` is a float, a schedule of `fastnn.schedules`, or any function of the step. ``weight_decay``
is on weights, never biases, and does not depend on the batch size. Formulas: of first order
csrc/kernels/optim.inc.h, of second order fit/second_order.py. Over 400 lines, of which half are
docstrings.

Private: it may change without notice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np

from .checks import check_count, check_number
from .hints import OF_OPTIMIZERS, check_arguments
from .schedules import LearningRate, Schedule, from_config, to_config

_CLIPPING = ("clipnorm", "clipvalue")


def _check_at_least_0(name: str, value: object) -> None:
    check_number(name, value, "a finite number of 0 or more", lambda x: x >= 0)


def _check_below_1(name: str, value: object) -> None:
    check_number(name, value, "a number from 0 to below 1", lambda x: 0 <= x < 1)


_NUMBERS: dict[str, type] = {"bool": bool, "int": int}  # of fields so annotated; others: float


@dataclass(frozen=True, repr=False)
class Optimizer(ABC):
    """Base of all optimisers."""

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Refuse unknown arguments, with fastnn's name for those of other libraries."""
        check_arguments(cls.__name__, given, [field.name for field in fields(cls)], OF_OPTIMIZERS)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Check every value."""
        self._check()
        for one in fields(self):  # as Python's own numbers, which JSON knows
            value, of_python = getattr(self, one.name), _NUMBERS.get(str(one.type), float)
            if isinstance(value, Real | np.bool_):
                object.__setattr__(self, one.name, of_python(value))

    @classmethod
    @cache
    def _names(cls) -> tuple[str, ...]:
        """Names of the arguments, those of clipping last."""
        names = [field.name for field in fields(cls)]
        return tuple(sorted(names, key=lambda name: name in _CLIPPING))

    def _given(self) -> dict[str, Any]:
        """Return the arguments by name, without clipping where there is none."""
        own = vars(self)
        values = {name: own[name] for name in self._names()}
        for name in _CLIPPING:
            if values.get(name, 0) is None:
                del values[name]
        return values

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"{type(self).__name__}({given})"

    @abstractmethod
    def _check(self) -> None: ...

    @property
    def moments(self) -> tuple[bool, bool]:
        """Whether the formula has the moments m and v, of (n_params,) numbers each."""
        return False, False

    def to_config(self) -> dict[str, Any] | None:
        """Return the optimiser as JSON values, or None if ``lr`` is a function of the caller's."""
        return {"name": type(self).__name__, **self._given()}


@dataclass(frozen=True, repr=False)
class FirstOrder(Optimizer):
    """Base of the optimisers whose steps follow the gradient of a batch, at a learning rate.

    All take ``clipnorm``, the greatest length of the whole gradient of a step, over all layers
    that are trained (a longer one is shortened: g · clipnorm / |g|), or ``clipvalue``, the
    greatest size of each of its values. Both are above 0; weight decay is added afterwards.
    """

    kind: ClassVar[int]  # the code in csrc/fnn.h
    lr: LearningRate
    clipnorm: float | None = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check ``lr`` and clipping before the other values."""
        if isinstance(self.lr, type):
            raise TypeError(f"lr must be an object, got the class: write {self.lr.__name__}(...)")
        if not isinstance(self.lr, Schedule) and not callable(self.lr):
            _check_at_least_0("lr", self.lr)
        for name in _CLIPPING:
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), "a finite number above 0", lambda x: x > 0)
        if self.clipnorm is not None and self.clipvalue is not None:
            raise ValueError("give clipnorm or clipvalue, not both")
        super().__post_init__()

    @property
    @abstractmethod
    def moments(self) -> tuple[bool, bool]:
        """See `Optimizer.moments`."""

    @property
    @abstractmethod
    def constants(self) -> dict[str, Any]:
        """The constants of the formula by their names in csrc/fnn.h."""

    def to_config(self) -> dict[str, Any] | None:
        """Return the optimiser as JSON values, or None if ``lr`` is a function of the caller's."""
        config, lr = super().to_config(), self.lr
        described = lr if isinstance(lr, float) else to_config(lr)
        return None if config is None or described is None else {**config, "lr": described}


@dataclass(frozen=True, repr=False)
class SGD(FirstOrder):
    """Stochastic gradient descent, optionally with momentum.

    Per step, with gradient g of the batch's mean cost:  v = μ v + g,  w = w − lr v  (Nesterov:
    w − lr (g + μ v)); Sutskever et al. 2013, as PyTorch writes it.

    Parameters
    ----------
    lr : float, Schedule or callable
        Learning rate, 0 or more. For a cost without the ½ of some books, half of their η.
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False
        Look ahead along the momentum.
    weight_decay : float, default 0
        λ of the L2 penalty ½ λ Σ w²: g = g + λ w.
    clipnorm, clipvalue : float, optional
        As of `FirstOrder`.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.SGD(lr=0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    kind: ClassVar[int] = 0
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def _check(self) -> None:
        _check_below_1("momentum", self.momentum)
        _check_at_least_0("weight_decay", self.weight_decay)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")

    @property
    def moments(self) -> tuple[bool, bool]:
        """Velocity m where there is momentum."""
        return self.momentum > 0, False

    @property
    def constants(self) -> dict[str, Any]:
        """See `Optimizer.constants`."""
        return {
            "momentum": self.momentum,
            "nesterov": bool(self.nesterov),
            "weight_decay": self.weight_decay,
        }


@dataclass(frozen=True, repr=False)
class Adam(FirstOrder):
    """Adam: steps scaled by running moments of the gradient; Kingma & Ba 2015, algorithm 1.

    m = β₁ m + (1 − β₁) g,  v = β₂ v + (1 − β₂) g²,  w = w − lr m̂ / (√v̂ + eps),
    with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).

    Parameters
    ----------
    lr : float, Schedule or callable, default 0.001
        Learning rate, 0 or more.
    betas : (float, float), default (0.9, 0.999)
        β₁ and β₂ in [0, 1).
    eps : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        λ of the L2 penalty: g = g + λ w before the moments.
    clipnorm, clipvalue : float, optional
        As of `FirstOrder`.
    """

    kind: ClassVar[int] = 1
    lr: LearningRate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def _check(self) -> None:
        if not isinstance(self.betas, tuple | list) or len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers from 0 to below 1, got {self.betas!r}")
        for beta in self.betas:
            _check_below_1("betas", beta)
        object.__setattr__(self, "betas", tuple(map(float, self.betas)))  # JSON gives lists
        check_number("eps", self.eps, "a finite number above 0", lambda x: x > 0)
        _check_at_least_0("weight_decay", self.weight_decay)

    @property
    def moments(self) -> tuple[bool, bool]:
        """Both moments."""
        return True, True

    @property
    def constants(self) -> dict[str, Any]:
        """See `Optimizer.constants`."""
        return {
            "beta1": self.betas[0],
            "beta2": self.betas[1],
            "eps": self.eps,
            "weight_decay": self.weight_decay,
        }


@dataclass(frozen=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay; Loshchilov & Hutter 2019, algorithm 2.

    As `Adam`, but the decay stays out of the moments: w = w − lr λ w beside Adam's step.

    Parameters
    ----------
    lr, betas, eps, clipnorm, clipvalue
        As of `Adam`.
    weight_decay : float, default 0.01
        λ.
    """

    weight_decay: float = 0.01

    @property
    def constants(self) -> dict[str, Any]:
        """See `Optimizer.constants`."""
        return {**super().constants, "decoupled": True}


@dataclass(frozen=True, repr=False)
class RMSprop(FirstOrder):
    """RMSprop: steps scaled by a running mean square of the gradient; Tieleman & Hinton 2012.

    v = α v + (1 − α) g²,  u = g / (√v + eps),  w = w − lr u; with momentum m = μ m + u, w − lr m.

    Parameters
    ----------
    lr : float, Schedule or callable, default 0.01
        Learning rate, 0 or more.
    alpha : float, default 0.99
        α in [0, 1).
    eps : float, default 1e-8
        Above 0.
    momentum : float, default 0
        μ in [0, 1).
    weight_decay : float, default 0
        λ of the L2 penalty: g = g + λ w.
    clipnorm, clipvalue : float, optional
        As of `FirstOrder`.
    """

    kind: ClassVar[int] = 2
    lr: LearningRate = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0

    def _check(self) -> None:
        _check_below_1("alpha", self.alpha)
        check_number("eps", self.eps, "a finite number above 0", lambda x: x > 0)
        _check_below_1("momentum", self.momentum)
        _check_at_least_0("weight_decay", self.weight_decay)

    @property
    def moments(self) -> tuple[bool, bool]:
        """Velocity m where there is momentum; v always."""
        return self.momentum > 0, True

    @property
    def constants(self) -> dict[str, Any]:
        """See `Optimizer.constants`."""
        return {
            "momentum": self.momentum,
            "beta2": self.alpha,
            "eps": self.eps,
            "weight_decay": self.weight_decay,
        }


@dataclass(frozen=True, repr=False)
class SecondOrder(Optimizer):
    """Base of the optimisers that take all rows a step, and find its length by themselves."""


@dataclass(frozen=True, repr=False)
class LBFGS(SecondOrder):
    """L-BFGS: steps along an inverse Hessian estimated from the last steps; Liu & Nocedal 1989.

    SciPy's (``scipy.optimize``, method L-BFGS-B) on F(w) = C(w) + ½ λ Σ W², all rows at once, in
    double. For `fit` alone, where an epoch is one iteration: its line search takes one pass over
    the rows, now and then two or more. Needs SciPy.

    Parameters
    ----------
    history_size : int, default 10
        Number of steps that are remembered: 2 · history_size · n_params doubles of memory.
    max_line_search : int, default 20
        Passes of one line search at most.
    tol : float, default 1e-7
        Training ends once no element of ∇F is larger. 0: only where no lower F is found.
    weight_decay : float, default 0
        λ of the L2 penalty.

    See Also
    --------
    LevenbergMarquardt : Of fewer and costlier steps, for least squares.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = fastnn.MLP([1, 8, 1], activation="tanh", dtype="float64", seed=0)
    >>> history = net.fit(X, np.sin(3 * X), epochs=200, optimizer=fastnn.LBFGS())
    >>> net.cost(X, np.sin(3 * X)) < 1e-4
    True
    """

    history_size: int = 10
    max_line_search: int = 20
    tol: float = 1e-7
    weight_decay: float = 0.0

    def _check(self) -> None:
        check_count("history_size", self.history_size, 1)
        check_count("max_line_search", self.max_line_search, 1)
        _check_at_least_0("tol", self.tol)
        _check_at_least_0("weight_decay", self.weight_decay)


@dataclass(frozen=True, repr=False)
class LevenbergMarquardt(SecondOrder):
    """Levenberg-Marquardt: damped Gauss-Newton steps for least squares; Hagan & Menhaj 1994.

    For the losses mse and quadratic, of any number of outputs, and `fit` alone, where an epoch is
    one step d that lowers F(w) = C(w) + ½ λ Σ W²:

        (H + μ I) d = −∇F,  H = Σ_ij s_ij J_ijᵀ J_ij + λ,  J_ij = ∂a_ij/∂w,  s_ij = ∂²C/∂a_ij².

    The damping μ follows the gain ratio, the true decrease of F over the predicted one (Nielsen's
    rule; Madsen, Nielsen & Tingleff 2004, algorithm 3.16). A step that does not lower F is undone
    and tried again with more damping.

    Parameters
    ----------
    damping : float, default 1e-3
        The first μ, as a part of the largest diagonal element of H; 1e-6 close to the solution, up
        to 1 far from it. μ belongs to the network, and goes on from `fit` to `fit`.
    tol : float, default 1e-7
        Training ends once no element of ∇F is larger. 0: only where no lower F is found.
    weight_decay : float, default 0
        λ of the L2 penalty.

    Notes
    -----
    H has n_params² doubles, a step takes some n · n_out · n_params² + n_params³ operations: for up
    to a few thousand parameters. More than 8,000 are refused; use `LBFGS` there.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = fastnn.MLP([1, 8, 1], activation="tanh", dtype="float64", seed=0)
    >>> history = net.fit(X, np.sin(3 * X), epochs=50, optimizer=fastnn.LevenbergMarquardt())
    >>> net.cost(X, np.sin(3 * X)) < 1e-6
    True
    """

    damping: float = 1e-3
    tol: float = 1e-7
    weight_decay: float = 0.0

    def _check(self) -> None:
        check_number("damping", self.damping, "a finite number above 0", lambda x: x > 0)
        _check_at_least_0("tol", self.tol)
        _check_at_least_0("weight_decay", self.weight_decay)


KINDS: dict[str, type[Optimizer]] = {
    kind.__name__: kind for kind in (LBFGS, LevenbergMarquardt, SGD, Adam, AdamW, RMSprop)
}


def optimizer_from_config(config: Mapping[str, Any]) -> Optimizer:
    """Return the optimiser that `Optimizer.to_config` described."""
    values = dict(config)
    kind = KINDS.get(values.pop("name", None))
    names = set() if kind is None else set(kind._names())
    if kind is None or not names - set(_CLIPPING) <= set(values) <= names:
        raise ValueError(f"not the description of an optimiser: {dict(config)!r}")
    if "lr" in values:
        values["lr"] = from_config(values["lr"])
    return kind(**values)
