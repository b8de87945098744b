"""Cost of all rows as a function of the trained parameters: value, gradient, Gauss-Newton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _fastnn
from ..layout import layers
from .call_size import rows_per_call
from .state import TrainingRows
from .training import set_params

Vector: TypeAlias = NDArray[np.float64]
Sums: TypeAlias = tuple[float, float, float]  # of loss, of right predictions, of weights

_BLOCK_NUMBERS = 1 << 21  # of a block of the Jacobian: 16 MB of doubles


def gradient_sums(core: _fastnn.Net, examples: TrainingRows, n_threads: int) -> tuple[Vector, Sums]:
    """Return Σ w ∇C (n_params,) over the examples, in double, and the sums that a pass makes.

    Sums of a call are in the network's dtype, sums of the calls in double.
    """
    n_params = core.params.size
    total, part = np.zeros(n_params), np.zeros(n_params, core.params.dtype)
    loss = correct = weight = 0.0
    step = rows_per_call(n_params, products=3)
    for begin in range(0, examples.n, step):
        part[:] = 0
        end = min(begin + step, examples.n)
        sums = core.backward(
            examples.rows, examples.targets, begin, end, part, None, None, None, n_threads
        )
        total += part
        loss, correct, weight = loss + sums[0], correct + sums[1], weight + sums[2]
    return total, (loss, correct, weight)


@dataclass(frozen=True)
class Point:
    """Parameters of a network, F and ∇F there, and what the pass summed up."""

    params: NDArray[Any]  # (n_params,) of the network's dtype
    x: Vector  # those that are trained
    value: float
    gradient: Vector  # with respect to x
    sums: Sums

    @property
    def is_finite(self) -> bool:
        """Whether F and every element of ∇F are finite."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())

    @property
    def pair(self) -> tuple[float, Vector]:
        """F and ∇F as a line search takes them: F is infinite where either is not finite."""
        if not self.is_finite:
            return np.inf, np.zeros_like(self.gradient)
        return self.value, self.gradient


class Objective:
    """F(x) = factor · C + ½ decay Σ W², in double; x (n,) are the parameters that are trained.

    Parameters
    ----------
    core, sizes
        The network, and the widths of its layers.
    examples : TrainingRows
        All rows: C is their weighted mean cost.
    n_threads : int
    trainable : sequence of int, optional
        A flag a layer of weights; None: all are trained.
    factor, decay : float
        See above; W are the weights, without the biases.
    """

    def __init__(
        self,
        core: _fastnn.Net,
        sizes: Sequence[int],
        examples: TrainingRows,
        n_threads: int,
        *,
        trainable: Any = None,
        factor: float = 1.0,
        decay: float = 0.0,
    ) -> None:
        self._core, self._n_out, self._examples = core, sizes[-1], examples
        self._n_threads, self._factor = n_threads, factor
        trained, decays = np.zeros(core.params.size, bool), np.zeros(core.params.size)
        flags = [True] * (len(sizes) - 1) if trainable is None else trainable
        pairs = zip(layers(trained, sizes), layers(decays, sizes), flags, strict=True)
        for (W, b), (decay_of_W, _), flag in pairs:
            W[...], b[...], decay_of_W[...] = flag, flag, decay
        self._trained: Any = slice(None) if trained.all() else np.flatnonzero(trained)
        self._decay = decays[self._trained]

    def here(self) -> Point:
        """Return the point at which the network stands."""
        params = self._core.get_params()
        x = params[self._trained].astype(np.float64)
        own = self._examples.own
        costs = own and own.prepare(self._core, self._examples.visit, self._n_threads)
        total, sums = gradient_sums(self._core, self._examples, self._n_threads)
        if own is not None:  # whose slopes are those of the mean
            loss, weight = costs or (np.nan, 1.0)
            total, sums = total * weight, (loss, 0.0, weight)
        with np.errstate(over="ignore", invalid="ignore"):  # F is then not finite, which shows
            value = self._factor * (sums[0] / sums[2]) + 0.5 * float(x @ (self._decay * x))
            gradient = (self._factor / sums[2]) * total[self._trained] + self._decay * x
        return Point(params, x, value, gradient, sums)

    def at(self, x: Vector) -> Point:
        """Move the network to x, rounded to its dtype, and return the point."""
        params = self._core.get_params()
        with np.errstate(over="ignore"):
            params[self._trained] = x
        set_params(self._core, params)
        return self.here()

    def gauss_newton(self, curvature: float) -> NDArray[np.float64]:
        """Return H = Σ_ij s_ij J_ijᵀ J_ij + decay, (n, n), where the network stands.

        J_ij = ∂a_ij/∂x is the Jacobian's row of example i and output j, and s_ij = ∂²C/∂a_ij² is
        `curvature` times its weight over the sum of the examples' weights. Blocks of rows are added
        up, so that the memory does not grow with their number.
        """
        examples, n_params = self._examples, self._core.params.size
        each = self._n_out * n_params
        rows = min(rows_per_call(n_params, 1 + self._n_out, each), _BLOCK_NUMBERS // each)
        rows = min(max(rows, 1), examples.n)
        J = np.empty((rows, self._n_out, n_params), self._core.params.dtype)
        H = np.zeros((self._decay.size, self._decay.size))
        product = np.empty_like(H)
        for begin in range(0, examples.n, rows):
            end = min(begin + rows, examples.n)
            part = J[: end - begin]
            self._core.jacobian(examples.rows, begin, end, None, part, self._n_threads)
            block = part[..., self._trained].reshape(-1, self._decay.size)
            block = block.astype(np.float64, copy=False)
            if examples.weight is not None or examples.output_weight is not None:
                block = block * np.sqrt(self._counts(begin, end)).reshape(-1, 1)
            H += np.matmul(block.T, block, out=product)
        total = examples.n if examples.weight is None else examples.weight.sum()
        H *= self._factor * curvature / total
        H[np.diag_indices_from(H)] += self._decay
        return H

    def _counts(self, begin: int, end: int) -> NDArray[np.float64]:
        """Return what each output of some rows counts, (end - begin, n_out)."""
        counts = np.ones((end - begin, self._n_out))
        if self._examples.weight is not None:
            counts *= self._examples.weight[begin:end, None]
        if self._examples.output_weight is not None:
            counts *= self._examples.output_weight[begin:end]
        return counts
