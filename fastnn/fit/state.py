"""State that training continues from: of the optimiser and of the fit, and its examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn
from ..history import History
from ..optim import FirstOrder, Optimizer
from .own_cost import OwnCost
from .ranks import Ranks

_PIECE = 1 << 20  # numbers


def _zeros(n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros in memory that is already mapped, so that the first step hears Ctrl-C soon."""
    made = np.empty(n, dtype)
    for start in range(0, n, _PIECE):
        made[start : start + _PIECE] = 0
    return made


@dataclass
class OptimizerState:
    """State of an optimiser between steps; each network has one."""

    kind: type[Optimizer]
    m: NDArray[Any] | None
    v: NDArray[Any] | None
    steps: int = 0
    damping: float | None = None  # μ of Levenberg-Marquardt, once a step has been taken

    @classmethod
    def fresh(cls, optimizer: Optimizer, n_params: int, dtype: np.dtype[Any]) -> OptimizerState:
        """Return the state before the first step."""
        needs_m, needs_v = optimizer.moments
        m, v = (_zeros(n_params, dtype) if needed else None for needed in (needs_m, needs_v))
        return cls(type(optimizer), m, v)

    def fits(self, optimizer: Optimizer) -> bool:
        """Return whether `optimizer` can continue from this state."""
        has = (self.m is not None, self.v is not None)
        return self.kind is type(optimizer) and has == optimizer.moments

    def forget(self) -> None:
        """Go back to the state before the first step."""
        self.steps, self.damping = 0, None
        for moment in (self.m, self.v):
            if moment is not None:
                moment[:] = 0

    def core(self, optimizer: FirstOrder, factor: float = 1.0) -> _fastnn.Optimiser:
        """Return optimiser and state as the core reads them, for steps along a `StepRule`.

        The core's g is the gradient of the cost; the step follows factor · g + decay · W. Where the
        formula divides by √v, the factor cancels but for eps; otherwise (SGD) it multiplies the
        rate: `StepRule.rate_factor`. `StepRule.decays` are the weight decays of batches.
        """
        constants = optimizer.constants
        if "eps" in constants:
            constants["eps"] /= factor
        if not constants.get("decoupled"):
            constants["weight_decay"] /= factor
        return _fastnn.Optimiser(
            optimizer.kind,
            self.m,
            self.v,
            clip_norm=optimizer.clipnorm or 0,
            clip_value=optimizer.clipvalue or 0,
            **constants,
        )


@dataclass(frozen=True)
class StepRule:
    """Direction of the steps of a network where it is not the gradient of its cost alone.

    Per batch of m examples: g = factor · ∇C + (alpha / m) · W, with the sum of the examples'
    weights for m where they have any. `MLP` itself trains by the default, g = ∇C.
    """

    factor: float = 1.0
    alpha: float = 0.0

    def rate_factor(self, optimizer: FirstOrder) -> float:
        """Return the factor of the learning rate, since the core has none for the gradient."""
        return self.factor if not any(optimizer.moments[1:]) else 1.0

    def decays(self, optimizer: FirstOrder, m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weight decays of batches with m examples, as the core reads them."""
        constants = optimizer.constants
        decays: NDArray[np.float64] = constants["weight_decay"] + self.alpha / m
        return decays if constants.get("decoupled") else decays / self.factor


@dataclass(frozen=True)
class TrainingRows:
    """Rows and targets; `visit` are the rows of non-zero weight, if some have weight 0."""

    rows: _fastnn.Rows
    targets: _fastnn.Targets
    n: int
    has_accuracy: bool
    visit: NDArray[np.int64] | None = None
    weight: NDArray[np.float64] | None = None  # as in the targets
    output_weight: NDArray[Any] | None = None  # (n, n_out), as in the targets
    linear: bool = False  # the targets are slopes of a cost of the caller's own …
    own: OwnCost | None = None  # … which this computes, batch by batch

    @property
    def n_visited(self) -> int:
        """Number of rows of an epoch."""
        return self.n if self.visit is None else len(self.visit)

    def parts(self, most: int | None = None) -> tuple[TrainingRows]:
        """Return the parts of a pass: of rows in memory there is one."""
        return (self,)


@dataclass(frozen=True)
class Middle:
    """The place of a checkpoint within an epoch; the generator is as before the epoch."""

    batch: int  # batches completed
    sums: tuple[float, float, float]  # of their loss, of right predictions, of weights
    lr: float  # of the last step


@dataclass
class FitState:
    """State of a fit at the end of an epoch, or in its middle.

    A checkpoint holds it, the network and the optimiser's state.
    """

    batch_size: int
    shuffle: bool
    optimizer: dict[str, Any] | None  # its description; None if lr is a function of the caller's
    lr_scale: float = 1.0
    history: History = field(default_factory=History)
    callbacks: list[dict[str, Any]] = field(default_factory=list)  # their states
    epochs: int | None = None  # in all, as the fit was asked for; None in older files
    loss: str | None = None  # the name of the caller's own cost
    middle: Middle | None = None  # None: between two epochs
    streamed: bool = False  # its rows came from a stream

    @property
    def epoch(self) -> int:
        """Epochs completed: derived from the history, so that the two cannot disagree."""
        return len(self.history)


@dataclass
class TrainState:
    """The part of a network that the loop needs: core, state, and the MLP for callbacks."""

    net: Any  # the MLP
    core: _fastnn.Net
    rng: np.random.Generator
    dropout_seed: int
    optimizer_state: OptimizerState
    rule: StepRule = field(default_factory=StepRule)
    trainable: NDArray[np.intc] | None = None  # a flag a layer; None: all
    ranks: Ranks | None = None  # of a data-parallel fit
