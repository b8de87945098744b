"""Training by L-BFGS: all rows at once, SciPy's line search, the core's gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..fit.state import TrainingRows
from ..layout import Array, layers
from ..mlp import MLP


def squares(net: MLP) -> float:
    """Return Σ W² over all weights, in double."""
    return sum(float(np.vdot(W, W)) for W in net.weights)


@dataclass
class Objective:
    """f(w) = factor · C(w) + ½ decay Σ W² of a network on its examples, with its gradient."""

    net: MLP
    examples: TrainingRows
    factor: float
    decay: float

    def __call__(self, params: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return f and ∇f at `params`, (n_params,); the network is left there."""
        self.net.params = params
        cost, gradient = self.net._passes.cost_and_gradient(self.examples)
        gradient *= self.factor
        if self.decay:
            for (dW, _), W in zip(layers(gradient, self.net.sizes), self.net.weights, strict=True):
                dW += self.decay * W
        pairs = zip(layers(gradient, self.net.sizes), self.net.trainable, strict=True)
        for (dW, db), trained in pairs:
            if not trained:  # no direction of L-BFGS has what no gradient has
                dW[:], db[:] = 0, 0
        value = self.factor * cost + 0.5 * self.decay * squares(self.net)
        return (value, gradient) if math.isfinite(value) else (math.inf, np.zeros_like(gradient))


def descend(objective: Objective, *, max_iter: int, max_fun: int, tol: float) -> tuple[Any, Array]:
    """Run SciPy's L-BFGS-B from the network's parameters; return its result and them."""
    net = objective.net
    start = net.params.astype(np.float64)
    try:
        result = minimize(
            objective,
            start,
            method="L-BFGS-B",
            jac=True,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
    except BaseException:
        net.params = start
        raise
    net.params = result.x if np.isfinite(result.x).all() else start
    return result, net.params
