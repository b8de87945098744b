"""Stub of `_fastnn.pyx`; shapes and meaning are documented there and in csrc/fnn.h."""

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

BLOCK: int  # rows
WALK_BELOW: float  # the share of non-zeros
MOST_THREADS: int

class BusyError(RuntimeError): ...

@final
class Watch: ...

@final
class Scaling:
    @property
    def shift(self) -> NDArray[np.float64]: ...
    @property
    def scale(self) -> NDArray[np.float64]: ...
    @property
    def factor(self) -> float: ...
    @property
    def keeps_zeros(self) -> bool: ...
    def __init__(self, shift: NDArray[np.float64], scale: NDArray[np.float64]) -> None: ...
    def applied(self, X: NDArray[Any]) -> NDArray[np.float64]: ...

@final
class Rows:
    sparse: bool
    @property
    def bytes(self) -> bool: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_cols(self) -> int: ...
    def __init__(
        self,
        data: NDArray[Any],
        shape: tuple[int, int] | None = None,
        indices: NDArray[Any] | None = None,
        indptr: NDArray[Any] | None = None,
        scaling: Scaling | None = None,
    ) -> None: ...
    def above_one(self) -> bool: ...
    def all_finite(self, dtype: np.dtype[Any] | None = None) -> bool: ...
    def density(self) -> float: ...
    def listed(self, most_bytes: int) -> Rows | None: ...

@final
class Targets:
    def __init__(
        self,
        labels: NDArray[np.int64] | None,
        values: NDArray[Any] | None,
        weight: NDArray[np.float64] | None,
        metric: int,
        n_rows: int,
        n_out: int,
        output_weight: NDArray[Any] | None = None,
        linear: bool = False,
    ) -> None: ...

@final
class Optimiser:
    def __init__(
        self,
        kind: int,
        m: NDArray[Any] | None,
        v: NDArray[Any] | None,
        *,
        momentum: float = 0,
        beta1: float = 0,
        beta2: float = 0,
        eps: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        decoupled: bool = False,
        clip_norm: float = 0,
        clip_value: float = 0,
    ) -> None: ...

@final
class Net:
    @property
    def before(self) -> NDArray[Any] | None: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def params(self) -> NDArray[Any]: ...
    def __new__(
        cls,
        sizes: Sequence[int],
        activation: Sequence[int],
        dropout: Sequence[float],
        loss: int,
        loss_param: float | NDArray[np.float64],
        dtype: np.dtype[Any],
    ) -> Self: ...
    def get_params(self) -> NDArray[Any]: ...
    def set_params(self, values: NDArray[Any]) -> None: ...
    def train(
        self,
        X: Rows,
        y: Targets,
        optimiser: Optimiser,
        order: NDArray[np.int64] | None,
        batch_size: int,
        rates: NDArray[np.float64],
        step: int,
        dropout_seed: int,
        n_threads: int,
        before: tuple[float, float, float] = (0, 0, 0),
        counter: Any = None,
        trainable: NDArray[np.intc] | None = None,
        shared: tuple[Any, NDArray[np.int64]] | None = None,
        decays: NDArray[np.float64] | None = None,
    ) -> tuple[float, float, float, int, int, bool]: ...
    def step(
        self,
        gradient: NDArray[Any],
        optimiser: Optimiser,
        rate: float,
        steps_taken: int,
        n_threads: int,
        counter: Any = None,
        trainable: NDArray[np.intc] | None = None,
    ) -> None: ...
    def forward(
        self,
        X: Rows,
        begin: int,
        end: int,
        out: list[NDArray[Any] | None],
        n_threads: int,
        *,
        logits: bool = False,
        order: NDArray[np.int64] | None = None,
        dropout: tuple[int, int, int] | None = None,
    ) -> bool: ...
    def forward_few(self, X: Any, scaling: Scaling | None, sparse: str) -> NDArray[Any] | None: ...
    def train_few(
        self,
        X: Any,
        y: Any,
        slopes: Any,
        any_number: bool,
        scaling: Scaling | None,
        sparse: str,
        optimiser: Optimiser,
        rate: float,
        counter: Any,
        dropout_seed: int,
        trainable: NDArray[np.intc] | None,
        n_threads: int,
    ) -> tuple[float, float | None, bool] | None: ...
    def step_few(
        self,
        gradient: Any,
        optimiser: Optimiser,
        rate: float,
        counter: Any,
        trainable: NDArray[np.intc] | None,
        n_threads: int,
    ) -> bool: ...
    def gradient_few(
        self,
        X: Any,
        y: Any,
        slopes: Any,
        any_number: bool,
        of_inputs: bool,
        scaling: Scaling | None,
        sparse: str,
        n_threads: int,
    ) -> tuple[NDArray[Any], float | None] | None: ...
    def jacobian_few(
        self, X: Any, of_params: bool, scaling: Scaling | None, sparse: str, n_threads: int
    ) -> NDArray[Any] | None: ...
    def cost(
        self,
        X: Rows,
        y: Targets,
        begin: int,
        end: int,
        per_example: NDArray[np.float64] | None,
        n_threads: int,
        before: tuple[float, float, float] = (0, 0, 0),
    ) -> tuple[float, float, float]: ...
    def backward(
        self,
        X: Rows,
        y: Targets,
        begin: int,
        end: int,
        total: NDArray[Any] | None,
        per_example: NDArray[Any] | None,
        layers: Sequence[NDArray[Any] | None] | None,
        costs: NDArray[np.float64] | None,
        n_threads: int,
    ) -> tuple[float, float, float]: ...
    def jacobian(
        self,
        X: Rows,
        begin: int,
        end: int,
        inputs: NDArray[Any] | None,
        params: NDArray[Any] | None,
        n_threads: int,
    ) -> None: ...

@final
class Memory: ...

@final
class Together:
    @property
    def n(self) -> int: ...
    def __new__(cls, cores: Sequence[Net]) -> Self: ...
    def forward(self, X: Rows, begin: int, end: int, out: NDArray[Any], n_threads: int) -> None: ...
    def forward_few(self, X: Any, scaling: Scaling | None) -> NDArray[Any] | None: ...

def are_still(states: list[dict[str, Any]], names: tuple[str, ...], values: list[Any]) -> bool: ...
def lanes(dtype: np.dtype[Any]) -> int: ...
def permutation(
    generator: np.random.Generator, rows: int | NDArray[np.int64]
) -> NDArray[np.int64]: ...
def train_many(
    X: Rows, runs: list[tuple[Any, ...]], batch_size: int, by_lanes: bool, n_threads: int
) -> tuple[list[tuple[list[tuple[float, float, float]], int, bool]], BaseException | None]: ...
def choose_isa(name: str | None) -> str: ...
def isa() -> str: ...
def available_isas() -> tuple[str, ...]: ...
