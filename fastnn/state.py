"""What training goes on from: the optimiser's memory, where a fit stands, the examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _fastnn
from .history import History
from .optim import Optimizer


@dataclass
class OptimizerState:
    """What an optimiser remembers between steps; belongs to a network."""

    kind: type[Optimizer]
    m: NDArray[Any] | None
    v: NDArray[Any] | None
    steps: int = 0

    @classmethod
    def fresh(cls, optimizer: Optimizer, n_params: int, dtype: np.dtype[Any]) -> OptimizerState:
        """Return the state before the first step."""
        needs_m, needs_v = optimizer.moments
        m, v = (np.zeros(n_params, dtype) if needed else None for needed in (needs_m, needs_v))
        return cls(type(optimizer), m, v)

    def fits(self, optimizer: Optimizer) -> bool:
        """Whether `optimizer` can go on from here."""
        has = (self.m is not None, self.v is not None)
        return self.kind is type(optimizer) and has == optimizer.moments

    def forget(self) -> None:
        """Go back to the state before the first step."""
        self.steps = 0
        for moment in (self.m, self.v):
            if moment is not None:
                moment[:] = 0

    def core(self, optimizer: Optimizer) -> _fastnn.Optimiser:
        """Return optimiser and state as the core reads them."""
        return _fastnn.Optimiser(optimizer.kind, self.m, self.v, **optimizer.constants)


@dataclass(frozen=True)
class Examples:
    """Rows and targets; `visit` are the rows that count, where some have weight 0."""

    rows: _fastnn.Rows
    targets: _fastnn.Targets
    n: int
    has_accuracy: bool
    visit: NDArray[np.int64] | None = None

    @property
    def n_visited(self) -> int:
        """How many rows an epoch has."""
        return self.n if self.visit is None else len(self.visit)


@dataclass
class FitState:
    """Where a fit stands at the end of an epoch.

    With the network and its optimiser's state all that a checkpoint must hold.
    """

    batch_size: int
    shuffle: bool
    optimizer: dict[str, Any] | None  # its description; None if lr is a function of the caller's
    epoch: int = 0
    lr_scale: float = 1.0
    history: History = field(default_factory=History)
    callbacks: list[dict[str, Any]] = field(default_factory=list)  # their states


@dataclass
class Trainee:
    """What of a network the loop needs: the core, its state, and the object callbacks get."""

    net: Any  # the MLP
    core: _fastnn.Net
    rng: np.random.Generator
    dropout_seed: int
    state: OptimizerState
