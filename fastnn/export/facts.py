"""What every export says of a network, and the checks that all of them begin with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mlp import MLP, check_mlp


def check(net: object) -> MLP:
    """Return `net` if it is a network that can be written down.

    Raises
    ------
    TypeError
        It is no `MLP`; a fitted estimator holds one in its ``network_``.
    ValueError
        It holds NaN or infinity.
    """
    known = check_mlp(net)
    if not np.isfinite(known.params).all():
        raise ValueError("net holds NaN or infinity among its parameters; it is not exported")
    return known


def task_of(net: MLP) -> str:
    """Return "classify" or "regress": as its maker said, else as it looks."""
    said = net.metadata.get("task")
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
    """Return the inputs' names, where the model was trained on a table that has them."""
    return None if net.feature_names is None else list(net.feature_names)
