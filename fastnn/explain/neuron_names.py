"""Names of neurons and parameters, made from the names of columns, pixels and classes.

Indices are those of the arrays: ``weights[0][412, 3]`` leads from input 412 to neuron 3 of the
first hidden layer, whose bias is ``biases[0][3]``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import is_whole
from ..mlp import MLP
from ..passes import Passes
from ..targets import encode

_NAME = re.compile(r"\s*(weights|biases)\[(\d+)\]\[(\d+)(?:,\s*(\d+))?\]\s*")


@dataclass(frozen=True)
class Parameter:
    """One weight or bias.

    Attributes
    ----------
    index : int
        Its position in ``net.params``.
    layer : int
        l of ``weights[l]`` or ``biases[l]``.
    source : int or None
        The neuron it comes from; None for a bias.
    target : int
        The neuron it leads to.
    name : str
        ``weights[0][412, 3]``, to copy.
    words : str
        "pixel (14, 20) → hidden 1 neuron 3".
    """

    index: int
    layer: int
    source: int | None
    target: int
    name: str
    words: str


class NeuronNames:
    """Names of a network's neurons and parameters.

    Inputs are named after ``net.feature_names``, or as pixels of the ``image_shape`` (rows,
    columns) in ``net.metadata``; outputs after ``net.classes``, and for numeric targets after the
    metadata's ``target_name``.
    """

    def __init__(self, net: MLP) -> None:
        self._sizes = net.sizes
        n_in, n_out = net.sizes[0], net.sizes[-1]
        names, shape = net.feature_names, image_shape(net)
        if names is not None:
            self._inputs: Sequence[str] = names
        elif shape is not None:
            self._inputs = _pixels(n_in, shape[1])
        else:
            self._inputs = [f"input {i}" for i in range(n_in)]
        self.classes: list[str] = _classes(net, n_out)
        self._sizes_before = np.cumsum(
            [0, *(a * b + b for a, b in zip(net.sizes, net.sizes[1:], strict=False))]
        )

    def neuron(self, layer: int, index: int) -> str:
        """Return the name of a neuron of layer 0 (inputs) … L (outputs)."""
        if layer == 0:
            return self._inputs[index]
        if layer == len(self._sizes) - 1:
            return f"output {self.classes[index]}"
        return f"hidden {layer} neuron {index}"

    def parameter(self, index: int) -> Parameter:
        """Return the description of ``net.params[index]``."""
        layer = int(np.searchsorted(self._sizes_before, index, side="right")) - 1
        n_in, n_out = self._sizes[layer], self._sizes[layer + 1]
        row, target = divmod(int(index - self._sizes_before[layer]), n_out)
        to = self.neuron(layer + 1, target)
        if row == n_in:
            return Parameter(
                int(index), layer, None, target, f"biases[{layer}][{target}]", f"bias of {to}"
            )
        name = f"weights[{layer}][{row}, {target}]"
        return Parameter(int(index), layer, row, target, name, f"{self.neuron(layer, row)} → {to}")

    def index(self, which: int | str) -> int:
        """Return the position in ``net.params`` of a parameter given by position or by name.

        Raises
        ------
        ValueError
            There is no such parameter.
        TypeError
            Neither a whole number nor a string.
        """
        n = int(self._sizes_before[-1])
        if isinstance(which, str):
            return self._index_of_name(which)
        if not is_whole(which):
            raise TypeError(f'a parameter is 0 to {n - 1} or "weights[l][i, j]", got {which!r}')
        if not 0 <= which < n:
            raise ValueError(f"a parameter must be from 0 to {n - 1}, got {which}")
        return int(which)

    def _index_of_name(self, name: str) -> int:
        found = _NAME.fullmatch(name)
        if found is None or (found[1] == "weights") == (found[4] is None):
            raise ValueError(
                f'a parameter\'s name is like "weights[0][1, 2]" or "biases[0][2]", got {name!r}'
            )
        layer, first, second = int(found[2]), int(found[3]), int(found[4] or 0)
        if layer < len(self._sizes) - 1:
            n_in, n_out = self._sizes[layer], self._sizes[layer + 1]
            # biases follow the last row of the weights
            row, column = (n_in, first) if found[4] is None else (first, second)
            if column < n_out and (found[4] is None or row < n_in):
                return int(self._sizes_before[layer]) + row * n_out + column
        raise ValueError(f"this network has no parameter {name.strip()}")


@cache
def _pixels(n: int, columns: int) -> list[str]:
    return [f"pixel {divmod(i, columns)}" for i in range(n)]


def image_shape(net: MLP) -> tuple[int, int] | None:
    """Return (rows, columns) of the network's inputs if they are pictures, else None.

    They are pictures by ``metadata["image_shape"]``; without it, if they have no names and their
    number is a square of 64 or more.
    """
    shape, n = net.metadata.get("image_shape"), net.sizes[0]
    if isinstance(shape, list | tuple) and len(shape) == 2 and shape[0] * shape[1] == n:
        return int(shape[0]), int(shape[1])
    side = round(n**0.5)
    if side * side == n and n >= 64 and net.feature_names is None:
        return side, side
    return None


def _classes(net: MLP, n_out: int) -> list[str]:
    """Return the name of each output; the single output of two classes has that of the second."""
    classes, target = net.classes, net.metadata.get("target_name")
    if classes is None and net.output not in ("softmax", "sigmoid") and isinstance(target, str):
        return [target] if n_out == 1 else [f"{target} {j}" for j in range(n_out)]
    if classes is not None and n_out == 1 and len(classes) == 2:
        return [str(classes[1])]
    known = [] if classes is None else [str(label) for label in classes[:n_out]]
    return known + [str(j) for j in range(len(known), n_out)]


def targets(net: MLP, y: Any, n: int) -> NDArray[Any]:
    """Return the targets of n rows, (n, n_out): labels become one-hot rows.

    NaN where there is no target: where it is missing, and for log-variances.

    Raises
    ------
    ValueError, TypeError
        As `MLP.fit` does of y.
    """
    goal = net._passes.goal()
    if goal.scale is not None:  # they go back to the units of y without loss
        goal = replace(goal, dtype=np.dtype(np.float64))
    encoded = encode(y, n, goal)
    if encoded.values is not None:
        return Passes(net).goals(encoded)
    assert encoded.labels is not None
    if net.sizes[-1] == 1:
        return encoded.labels[:, None].astype(net.dtype)
    return np.eye(net.sizes[-1], dtype=net.dtype)[encoded.labels]
