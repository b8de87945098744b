"""Training by L-BFGS under scikit-learn's limits: its own tolerance of F, and of evaluations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from ..fit.objective import Objective, Point


def descend(objective: Objective, *, max_iter: int, max_fun: int, tol: float) -> tuple[Any, Point]:
    """Run SciPy's L-BFGS-B from the network's parameters; return its result and where it ended."""
    start = objective.here().x
    try:
        result = minimize(
            lambda x: objective.at(x).pair,
            start,
            method="L-BFGS-B",
            jac=True,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
    except BaseException:
        objective.at(start)
        raise
    return result, objective.at(result.x if np.isfinite(result.x).all() else start)
