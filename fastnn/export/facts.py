"""Description and checks of a network, shared by all exports."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ensemble import Ensemble
from ..layout import Array
from ..mlp import MLP, check_mlp
from ..tabular.model import TableModel

# Distance of inputs from zero, in standard deviations, up to which float32 is precise enough: its
# rounding changes a standardized input by 64 / 2^24 = 4e-6.
_FAR = 64


def opened(net: MLP | Ensemble | TableModel) -> MLP | Ensemble:
    """Return the network or ensemble of a `TableModel`, which has the columns in its metadata.

    For formats with the preparation of raw cells. Any other `net` is returned as it is.
    """
    if not isinstance(net, TableModel):
        return net
    net._fitted()
    return net.network


def check(net: object) -> MLP:
    """Return `net` if it is a network that can be exported.

    Raises
    ------
    TypeError
        It is not an `MLP`; a fitted estimator has one as its ``network_``.
    ValueError
        It holds NaN or infinity.
    """
    if isinstance(net, TableModel):
        raise TypeError(
            "this export does not have the preparation of a TableModel: export model.network, "
            "which takes the rows of model.prepare(data), or use to_numpy, to_c or to_onnx"
        )
    known = check_mlp(net)
    if not np.isfinite(known.params).all():
        raise ValueError("net holds NaN or infinity among its parameters; it is not exported")
    return known


def networks_of(net: object) -> list[MLP]:
    """Return the networks of an ensemble whose mean can be exported; of a network, itself.

    Raises
    ------
    TypeError, ValueError
        As of `check`, for each; or the mean is not one of outputs.
    """
    if not isinstance(net, Ensemble):
        return [check(net)]
    if net[0].loss == "gaussian_nll":
        raise ValueError(
            "the mean of networks with loss gaussian_nll is that of a mixture, which has no "
            "export: export each network, ensemble[i]"
        )
    net._check_agreement()
    return [check(one) for one in net]


def task_of(model: MLP | Ensemble) -> str:
    """Return "classify" or "regress", from the metadata, else from output and classes."""
    said = model.metadata.get("task")
    net = model[0] if isinstance(model, Ensemble) else model
    if said in ("classify", "regress"):
        return str(said)
    classes = net.classes is not None or net.loss in ("cross_entropy", "binary_cross_entropy")
    many = net.sizes[-1] > 1 and net.output in ("softmax", "sigmoid")
    return "classify" if classes or many else "regress"


def labels_of(net: MLP) -> list[Any]:
    """Return the label of each class."""
    found = list(range(max(net.sizes[-1], 2))) if net.classes is None else net.classes.tolist()
    return list(found)


def layers_in_words(net: MLP) -> str:
    """Return a network in one line of ASCII: "784-16-16-10, sigmoid, quadratic cost"."""
    functions = list(dict.fromkeys((*net.activation, net.output)))
    return f"{'-'.join(map(str, net.sizes))}, {', '.join(functions)}; {net.loss} cost"


def feature_names(net: MLP) -> list[str] | None:
    """Return the names of the inputs, if the model was trained on a table that has them."""
    return None if net.feature_names is None else list(net.feature_names)


def input_scaling(net: MLP) -> tuple[Array, Array] | None:
    """Return shift and scale of the inputs, (n_in,) float64 each, or None where there is none."""
    if net.input_shift is None or net.input_scale is None:
        return None
    return net.input_shift.copy(), net.input_scale.copy()


def output_scaling(net: MLP) -> tuple[Array, Array] | None:
    """Return shift and scale of the outputs, (n_out,) float64 each, or None where there is none."""
    if net.output_shift is None or net.output_scale is None:
        return None
    return net.output_shift.copy(), net.output_scale.copy()


def byte_scaling(net: MLP) -> tuple[Array, Array] | None:
    """Return shift and scale of bytes; only in networks of old files they are special."""
    old = net._old_bytes
    return input_scaling(net) if old is None else (old.shift, old.scale)


def farthest_input(net: MLP) -> float:
    """Return the largest distance of inputs from zero, in deviations: max |shift · scale|."""
    scaling = input_scaling(net)
    with np.errstate(over="ignore"):
        return 0.0 if scaling is None else float(np.abs(scaling[0] * scaling[1]).max())


def farthest_output(net: MLP) -> float:
    """Return the largest distance of outputs from zero, in standard deviations of the targets."""
    scaling = output_scaling(net)
    with np.errstate(over="ignore"):
        return 0.0 if scaling is None else float(np.abs(scaling[0] / scaling[1]).max())


def input_dtype(net: MLP, dtype: str) -> str:
    """Return the type of the raw inputs: `dtype`, or float64 if float32 is too coarse.

    Seconds since 1970 are 1.7e9, where float32 has steps of 128: ten minutes would be six values.
    """
    return "float64" if farthest_input(net) > _FAR else dtype


def output_dtype(net: MLP, dtype: str) -> str:
    """Return the type of the outputs: `dtype`, or float64 if float32 is too coarse."""
    return "float64" if farthest_output(net) > _FAR else dtype


def plain_factor(scaling: tuple[Array, Array] | None, dtype: str) -> float | None:
    """Return c if every input is read as c x, as bytes are; None if inputs are shifted.

    Without a shift there is no cancellation, and a product in `dtype` is accurate enough.
    """
    if scaling is None:
        return 1.0
    shift, scale = scaling
    c, limits = float(scale[0]), np.finfo(dtype)
    plain = not shift.any() and (scale == c).all() and limits.tiny <= abs(c) <= limits.max
    return c if plain else None
