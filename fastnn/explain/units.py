"""Statistics of the units of each layer on many examples: mean, dead, saturated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import ROWS
from ..mlp import MLP
from ..names import Output
from .view_data import ViewData


@dataclass(frozen=True)
class LayerUnits:
    """Statistics of the units of one layer on n examples.

    Attributes
    ----------
    layer : int
        From 1, the first hidden layer; the last are the outputs.
    activation : str
    mean, deviation : ndarray of float64, shape (width,)
        Mean activation of each unit and its standard deviation.
    dead : ndarray of float64, shape (width,)
        Share of the examples where the unit is off and learns nothing: relu at 0; silu and
        gelu within 0.001 below 0, softplus below 0.02. 0 for others.
    saturated : ndarray of float64, shape (width,)
        Share of the examples where it is at an end of its range, with a small slope:
        sigmoid below 0.02 or above 0.98, tanh beyond ±0.98, elu below −0.98. 0 for others.
    """

    layer: int
    activation: Output
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    dead: NDArray[np.float64]
    saturated: NDArray[np.float64]


def unit_statistics(net: MLP, data: ViewData) -> tuple[LayerUnits, ...]:
    """Return the statistics of every layer but the input, over all examples."""
    widths, functions = net.sizes[1:], (*net.activation, net.output)
    sums = [np.zeros((4, width)) for width in widths]
    about: list[NDArray[Any]] = []  # mean of the first piece, about which squares are summed
    for _, X in data.pieces(sum(net.sizes) * 8):
        layers = [a.astype(np.float64) for a in net.activations(X)[1:]]
        about = about or [a.mean(axis=0) for a in layers]
        for a, centre, function, total in zip(layers, about, functions, sums, strict=True):
            total[0] += (a - centre).sum(axis=0)
            total[1] += ((a - centre) ** 2).sum(axis=0)
            known = ROWS[function]
            for row, ends in ((2, known.dead), (3, known.saturated)):
                if ends is not None:
                    total[row] += ends(a).sum(axis=0)
    result = []
    for l, (function, centre, total) in enumerate(zip(functions, about, sums, strict=True), 1):
        shift, square, dead, saturated = total / data.n
        deviation = np.sqrt(np.maximum(square - shift**2, 0))
        result.append(LayerUnits(l, function, centre + shift, deviation, dead, saturated))
    return tuple(result)
