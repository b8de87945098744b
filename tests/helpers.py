"""Helpers for the tests of the core: a network in the core, used by names and arrays.

`Core` holds the arguments that both sides need, so that a test compares `core.gradient(X, Y)` with
`ref.gradient(core.sizes, core.exact, X, Y, **core.names)` and nothing can be told to one side only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import reference as ref
from numpy.typing import NDArray

from fastnn import _fastnn
from fastnn.names import ACTIVATIONS, LOSSES, NO_METRIC

Array = NDArray[Any]

DTYPES = [np.float32, np.float64]

SGD, ADAM, RMSPROP = range(3)  # fnn_optimiser_kind of csrc/fnn.h

# Reals in a vector of each instruction set, at float32; half of that at float64. See csrc/simd*.h.
LANES = {"avx512": 16, "avx2": 8, "neon": 4, "base": 4}


def lanes(isa: str, dtype: Any) -> int:
    return LANES[isa] * 4 // np.dtype(dtype).itemsize


def widths(isa: str, dtype: Any, loss: str) -> list[int]:
    """Ragged widths of an output layer: whole pairs where a loss takes two outputs a target."""
    return sorted({n + n % 2 if loss == "gaussian_nll" else n for n in ragged(isa, dtype)})


def ragged(isa: str, dtype: Any) -> list[int]:
    """Sizes about a vector's, about the two vectors of a tile's, primes, and a round number."""
    v = lanes(isa, dtype)
    return sorted({1, max(v - 1, 1), v, v + 1, 2 * v, 2 * v + 1, 3, 7, 23, 37, 100})


class Core:
    """A network in the core, beside what the twin has to know of it."""

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Sequence[str] = "identity",
        output: str = "identity",
        loss: str = "quadratic",
        loss_parameter: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        dtype: Any = np.float64,
        params: Array | None = None,
    ) -> None:
        hidden = len(sizes) - 2
        names = [*np.broadcast_to(activation, hidden).tolist(), output]
        rates = [*np.broadcast_to(dropout, hidden).tolist(), 0.0]
        given = ref.LOSS_PARAMETERS.get(loss, 0.0) if loss_parameter is None else loss_parameter
        self.sizes, self.dtype, self.dropout = list(sizes), np.dtype(dtype), rates[:-1]
        self.names = {
            "activation": names[:-1],
            "output": output,
            "loss": loss,
            "loss_parameter": loss_parameter,
        }
        codes = [ACTIVATIONS.index(name) for name in names]
        self.net = _fastnn.Net(self.sizes, codes, rates, LOSSES.index(loss), given, dtype)
        if params is not None:
            self.net.params[:] = params

    @property
    def exact(self) -> Array:
        """The parameters as they stand in the core, for the twin: a copy in float64."""
        return self.net.params.astype(np.float64)

    def rows(self, X: Any) -> _fastnn.Rows:
        return X if isinstance(X, _fastnn.Rows) else _fastnn.Rows(X)

    def targets(self, Y: Any, weight: Array | None = None, metric: int = NO_METRIC) -> Any:
        """Y: a 1-D array of class numbers, or a 2-D array of values."""
        if isinstance(Y, _fastnn.Targets):
            return Y
        weight = None if weight is None else np.asarray(weight, np.float64)
        shape = (metric, len(Y), self.sizes[-1])
        if Y.ndim == 1:
            return _fastnn.Targets(np.asarray(Y, np.int64), None, weight, *shape)
        return _fastnn.Targets(None, np.ascontiguousarray(Y, self.dtype), weight, *shape)

    def forward(
        self, X: Any, begin: int = 0, end: int | None = None, *, threads: int = 1
    ) -> list[Array]:
        """Activations of layers 0..L, each (end - begin, width)."""
        rows = self.rows(X)
        end = rows.n_rows if end is None else end
        out = [np.full((end - begin, n), np.nan, self.dtype) for n in self.sizes]
        self.net.forward(rows, begin, end, out, threads)
        return out

    def cost(
        self, X: Any, Y: Any, weight: Array | None = None, *, metric: int = NO_METRIC, threads=1
    ) -> tuple[Array, tuple[float, float, float]]:
        """C_i (n,), and the sums of w C, w right and w."""
        rows = self.rows(X)
        each = np.full(rows.n_rows, np.nan)
        targets = self.targets(Y, weight, metric)
        return each, self.net.cost(rows, targets, 0, rows.n_rows, each, threads)

    def gradient(self, X: Any, Y: Any, weight: Array | None = None, *, threads: int = 1) -> Array:
        """Sum of w dC_i/dparams over the rows, (n_params,)."""
        rows = self.rows(X)
        total = np.zeros_like(self.net.params)
        targets, n = self.targets(Y, weight), rows.n_rows
        self.net.backward(rows, targets, 0, n, total, None, None, None, threads)
        return total

    def gradient_per_example(self, X: Any, Y: Any, weight: Array | None = None) -> Array:
        """dC_i/dparams, unweighted, (n, n_params)."""
        rows = self.rows(X)
        each = np.full((rows.n_rows, self.net.params.size), np.nan, self.dtype)
        targets, n = self.targets(Y, weight), rows.n_rows
        self.net.backward(rows, targets, 0, n, None, each, None, None, 1)
        return each

    def train(
        self,
        X: Any,
        Y: Any,
        optimiser: ref.SGD | ref.Adam | ref.RMSprop,
        *,
        batch_size: int,
        order: Array | None = None,
        moments: _fastnn.Optimiser | None = None,
        weight: Array | None = None,
        metric: int = NO_METRIC,
        step: int = 0,
        dropout_seed: int = 0,
        threads: int = 1,
    ) -> tuple[float, float, float, int, int, bool]:
        """One call of the core: a step a batch. `moments` carries them from call to call."""
        rows = self.rows(X)
        n = rows.n_rows if order is None else len(order)
        return self.net.train(
            rows,
            self.targets(Y, weight, metric),
            moments or self.moments(optimiser),
            order,
            batch_size,
            np.full(-(-n // batch_size), optimiser.lr),
            step,
            dropout_seed,
            threads,
        )

    def moments(self, optimiser: ref.SGD | ref.Adam | ref.RMSprop) -> _fastnn.Optimiser:
        """The twin's optimiser for the core, with moments of zero where its formula has them."""
        zeros = [np.zeros_like(self.net.params) for _ in range(2)]
        settings: dict[str, Any] = {"weight_decay": optimiser.weight_decay}
        if isinstance(optimiser, ref.SGD):
            settings |= {"momentum": optimiser.momentum, "nesterov": optimiser.nesterov}
            return _fastnn.Optimiser(
                SGD, zeros[0] if optimiser.momentum else None, None, **settings
            )
        settings |= {"eps": optimiser.eps}
        if isinstance(optimiser, ref.RMSprop):
            settings |= {"momentum": optimiser.momentum, "beta2": optimiser.alpha}
            m = zeros[0] if optimiser.momentum else None
            return _fastnn.Optimiser(RMSPROP, m, zeros[1], **settings)
        settings |= {"beta1": optimiser.betas[0], "beta2": optimiser.betas[1]}
        return _fastnn.Optimiser(
            ADAM, *zeros, decoupled=isinstance(optimiser, ref.AdamW), **settings
        )


def random_case(core: Core, n: int, seed: int = 0) -> tuple[Array, Array]:
    """Fill the parameters, and return X (n, n_in) and Y (n, n_out); all of the core's dtype.

    Weights are N(0, 1/n_in), so that no activation saturates; Y lies in (0.1, 0.9), where every
    loss is defined.
    """
    rng = np.random.default_rng(seed)
    layers = []
    for n_in, n_out in zip(core.sizes[:-1], core.sizes[1:], strict=True):
        layers += [rng.normal(size=n_in * n_out) / np.sqrt(n_in), 0.3 * rng.normal(size=n_out)]
    core.net.params[:] = np.concatenate(layers)
    X = rng.normal(size=(n, core.sizes[0])).astype(core.dtype)
    return X, rng.uniform(0.1, 0.9, size=(n, core.sizes[-1])).astype(core.dtype)
