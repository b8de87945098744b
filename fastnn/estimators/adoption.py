"""Networks of estimators: adoption of one, views of its layers, and copies."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import check_unmasked
from ..fit.state import StepRule
from ..layout import Array
from ..mlp import MLP
from ..names import check_name
from .epoch_record import StoppingState
from .losses import THEIRS


class Layers(list[Array]):
    """Weights or biases, views of the network: assigning a layer changes the network."""

    def __setitem__(self, layer: Any, values: Any) -> None:
        view = self[layer]
        if isinstance(view, list) or np.shape(values) != view.shape:
            raise ValueError(f"layer {layer} must be assigned alone and keep its shape")
        view[...] = values


def of_network(net: Any, outputs: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of an estimator for a network like `net`."""
    if not isinstance(net, MLP):
        raise TypeError(f"net must be a fastnn.MLP, got {type(net).__name__}")
    check_name("output of net", net.output, outputs)
    names = [THEIRS[name] for name in net.activation]
    same, drops = len(set(names)) == 1, net.dropout
    return {
        "hidden_layer_sizes": net.sizes[1:-1],
        "activation": names[0] if same else (names or "relu"),
        "output_activation": THEIRS[net.output],
        "dropout": (drops[0] if drops else 0.0) if len(set(drops)) <= 1 else list(drops),
        "huber_delta": net.huber_delta,
        "scale_bytes": net._old_bytes is not None,  # such a network reads bytes differently
    }


def adopt(model: Any, net: MLP) -> None:
    """Set a copy of a network as the fitted one of a new estimator."""
    model.network_ = copy.deepcopy(without_fit_state(net))
    model.n_features_in_ = net.sizes[0]
    if net.feature_names is not None:
        model.feature_names_in_ = np.asarray(net.feature_names, object)
    model._split_seed = 0 if net.seed is None else net.seed % 2**31
    model.n_iter_ = len(net.history)
    model.loss_ = net.history.loss[-1] if len(net.history) else float("nan")
    model.t_ = 0
    model._stopping = StoppingState()
    model._continues = False


def without_fit_state(net: MLP) -> MLP:
    """Return a shallow view without optimiser state and history, for copying."""
    view = object.__new__(MLP)
    vars(view).update(vars(net))
    view._optimizer = view._state = view._fit_state = None
    view._rule = StepRule()
    return view


def as_sample_weight(given: Any, n: int) -> NDArray[np.float64] | None:
    """Return `sample_weight` as (n,) floats; a scalar is repeated n times."""
    if given is None:
        return None
    check_unmasked("sample_weight", given)
    weight = np.asarray(given, float)
    if weight.ndim == 0:
        weight = np.full(n, weight)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},); its shape is {weight.shape}")
    if not weight.any():
        raise ValueError("Sample weights must not all be zero")
    return weight
