"""Ranking of the neurons of a layer by the change that they ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import ROWS
from ..names import Output
from ..words import number, times

Array = NDArray[Any]

_SATURATED = 1e-3  # a slope below which a neuron hardly learns


@dataclass(frozen=True)
class Urgency:
    """The change that one neuron of a layer asks for.

    Attributes
    ----------
    index : int
        The neuron.
    name : str
    says : float
        Its activation a.
    should_say : float or None
        Its target y; None for a hidden neuron.
    off_by : float or None
        y − a: how far off it is; None for a hidden neuron.
    slope : float or None
        f'(z) of its activation function; None of softmax, whose outputs depend on one another.
    asks : str
        "up", "down", or "stay" where δ is 0.
    by : float
        −δ = −∂C/∂z, in cost per unit of z: what it asks of z, and so of its bias.
    share : float
        |δ| / the largest of the layer.
    """

    index: int
    name: str
    says: float
    should_say: float | None
    off_by: float | None
    slope: float | None
    asks: str
    by: float
    share: float


def ranking(
    names: tuple[str, ...], says: Array, target: Array | None, slopes: Array | None, delta: Array
) -> tuple[Urgency, ...]:
    """Return the neurons of a layer, the most urgent first: by |y − a|, hidden ones by |δ|.

    By the derivation, outputs should change in proportion to their distance from the target. A
    missing target (NaN) counts as met.
    """
    sizes = np.abs(delta)
    largest = float(sizes.max())
    off = off_by(says, target)
    urgency = sizes if off is None else np.nan_to_num(np.abs(off), nan=0.0)
    return tuple(
        Urgency(
            index=int(j),
            name=names[j],
            says=float(says[j]),
            should_say=None if target is None else float(target[j]),
            off_by=None if off is None else float(off[j]),
            slope=None if slopes is None else float(slopes[j]),
            asks="stay" if delta[j] == 0 else "up" if delta[j] < 0 else "down",
            by=0.0 - float(delta[j]),  # 0, not −0, for δ = 0
            share=float(sizes[j]) / largest if largest else 0.0,
        )
        for j in np.argsort(-urgency, kind="stable")
    )


def off_by(says: Array, target: Array | None) -> Array | None:
    """Return y − a, (n,), in double; None without targets."""
    return None if target is None else np.asarray(target.astype(np.float64) - says)


def weighted_sums(
    weights: Sequence[Array], biases: Sequence[Array], activations: Sequence[Array]
) -> tuple[Array, ...]:
    """Return z = Wᵀ a + b of the layers 1 … L, in double, from the activations of 0 … L."""
    return tuple(
        before.astype(np.float64) @ W + b
        for before, W, b in zip(activations[:-1], weights, biases, strict=True)
    )


def all_slopes(
    functions: Sequence[Output], z: Sequence[Array], activations: Sequence[Array]
) -> tuple[Array | None, ...]:
    """Return f'(z) of the layers 1 … L; None of softmax."""
    return tuple(map(slopes, functions, z, activations[1:]))


def slopes(function: Output, z: Array, a: Array) -> Array | None:
    """Return f'(z) of every neuron of a layer, (n,), with a = f(z); None for softmax."""
    slope = ROWS[function].slope
    return None if slope is None else slope(z.astype(np.float64), a.astype(np.float64))


def sentence(ranked: tuple[Urgency, ...], epsilon: float) -> str:
    """Return a sentence that names the most and the least urgent neuron.

    `epsilon` is the precision of the network's numbers.
    """
    first, last = ranked[0], ranked[-1]
    if all(u.by == 0 for u in ranked):
        return "No neuron of this layer asks for a change: every slope ∂C/∂z is 0."
    asks = f"asks to go {first.asks}" if first.by else "asks for nothing: its slope ∂C/∂z is 0"
    if first.off_by is None or last.off_by is None:
        text, ratio = f"{saying(first)} {asks}", 1 / last.share if last.share else math.inf
        words = f"that matters {times(ratio)} more than {saying(last)}"
    else:
        if len(ranked) > 1:
            asks = f"is furthest off and {asks}"
        text = f"{saying(first)} {asks}"
        ratio = abs(first.off_by / last.off_by) if last.off_by else math.inf
        words = f"that is {times(ratio)} as far off as {saying(last)}"
    if len(ranked) == 1:
        return f"{capital(text)}."
    if last.by == 0 and not last.off_by:
        return f"{capital(text)}; {saying(last)} asks for nothing."
    if not ratio * epsilon < 1:
        nothing = "asks for nothing" if last.off_by is None else "is right"
        return f"{capital(text)}; beside that, {saying(last)} {nothing}, to rounding."
    return f"{capital(text)}; {words}."


def order_in_words(ranked: tuple[Urgency, ...], function: str) -> str:
    """Return sentences about the criterion of the ranking and its relation to δ."""
    name = slope_name(function)
    saturated = f"a saturated neuron, {name} near 0, "
    if any(u.off_by is None for u in ranked):
        return (
            "Sorted by |δ|: a hidden neuron has no target of its own. δ is what the next layer "
            f"asks of a, times {name}: {saturated}asks for little."
        )
    by = "Sorted by how far off they are, |y − a|"
    off = np.nan_to_num([u.off_by for u in ranked if u.off_by is not None])
    asked = np.array([u.by for u in ranked])
    if off[0] and np.allclose(asked, off * (asked[0] / off[0]), rtol=1e-3, atol=1e-12):
        return f"{by}; with this loss −δ is in the same proportion."
    if function in ("softmax", "identity"):
        return f"{by}; −δ = −∂C/∂z also holds the slopes of loss and outputs."
    return (
        f"{by}. −δ also holds {name}: {saturated}can be far off and yet ask for little, "
        "which makes it slow to learn."
    )


def slope_name(function: str) -> str:
    """Return the formula for the slope of an activation function."""
    return "σ′(z)" if function == "sigmoid" else "f′(z)"


def saturation(u: Urgency, function: Output) -> str:
    """Return a sentence why a neuron asks for little or nothing; "" if it asks for more."""
    name, dead = slope_name(function), ROWS[function].dead is not None
    if u.slope is not None and abs(u.slope) < _SATURATED:
        word = "off" if dead else "saturated"
        asks = "asks for nothing" if u.by == 0 else "asks for little"
        return f"It says {number(u.says)} and is {word}, {name} = {number(u.slope)}: it {asks}."
    if u.by == 0:
        return f"It says {number(u.says)} and asks for nothing: ∂C/∂z = 0."
    return ""


def saying(u: Urgency) -> str:
    """Return a neuron's name with its activation and target."""
    if u.should_say is None:
        return f"{u.name} (says {number(u.says)})"
    return f"{u.name} (says {number(u.says)}, should say {number(u.should_say)})"


def capital(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[0].upper() + text[1:]
