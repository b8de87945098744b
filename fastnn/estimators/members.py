"""Training of an estimator of several networks: one estimator of one network for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..ensemble import Ensemble
from .adoption import as_sample_weight

# Fitted attributes that there are of one network, and of several.
OF_ONE = ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")
OF_SEVERAL = ("estimators_", "ensemble_")
_NOT_OF_SEVERAL = ("network_", "coefs_", "intercepts_", "n_layers_", *OF_ONE)


def missing(model: Any, name: str) -> str:
    """Return the message for an attribute that an estimator lacks."""
    if "ensemble_" in vars(model) and name in _NOT_OF_SEVERAL:
        return (
            f"{name} is of one network, and this {type(model).__name__} has "
            f"{len(model.ensemble_)}: take it from one of estimators_"
        )
    return f"{type(model).__name__!r} object has no attribute {name!r}"


def fit(
    model: Any, X: Any, y: Any, sample_weight: Any, given: Any, incremental: bool, classes: Any
) -> None:
    """Fit or continue `n_networks` estimators, which draw their seeds from `random_state`."""
    first = "ensemble_" not in vars(model) or not (model.warm_start or incremental)
    X, y = model._valid(X, y, reset=first)
    weight = as_sample_weight(sample_weight, X.shape[0])
    if first:
        model._learn_targets(y, classes)
        rng = check_random_state(model.random_state)
        seeds = [int(rng.randint(2**31 - 1)) for _ in range(model.n_networks)]
    else:
        seeds = [each.random_state for each in model.estimators_]
    params = model.get_params(deep=False)
    members = [] if first else list(model.estimators_)
    validation = model._validation(given)
    fitted = []
    for i, seed in enumerate(seeds):
        own = {**params, "n_networks": 1, "random_state": seed}
        member = type(model)(**own) if first else members[i].set_params(**own)
        member._fit(X, y, weight, validation, incremental=incremental, classes=classes)
        member.network_.feature_names = getattr(model, "feature_names_in_", None)
        fitted.append(member)
        if member._interrupted:
            break
    for name in ("network_", *OF_ONE):
        vars(model).pop(name, None)
    members[: len(fitted)] = fitted
    model.estimators_ = members
    model.ensemble_ = Ensemble(member.network_ for member in members)
    model.n_iter_ = max(member.n_iter_ for member in fitted)
    model.t_ = sum(member.t_ for member in members)
    model.loss_ = float(np.mean([member.loss_ for member in members]))


def check_same_number(model: Any) -> None:
    """Refuse to continue with another number of networks than the fitted one."""
    state = vars(model)
    fitted = len(state["estimators_"]) if "ensemble_" in state else int("network_" in state)
    if fitted not in (0, model.n_networks):
        raise ValueError(
            f"the fitted estimator has n_networks={fitted}; warm_start and partial_fit cannot "
            f"continue with {model.n_networks}: fit with warm_start=False"
        )
