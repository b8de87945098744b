"""∇C as a ranking of weights and biases by their effect on the cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count
from ..layout import Gradient
from ..mlp import MLP, check_mlp
from ..words import number, times
from .neuron_names import NeuronNames
from .shown import Shown, TextTable

Array = NDArray[Any]


@dataclass(frozen=True)
class Slope:
    """The slope of the cost with respect to one weight or bias.

    Attributes
    ----------
    rank : int
        1 for the largest |∂C/∂w|; parameters of equal size share a rank.
    name, words : str
        ``weights[0][412, 3]``, and the neurons it joins: "pixel (14, 20) → hidden 1 neuron 3".
    index : int
        Its position in ``net.params``.
    layer : int
        l of ``weights[l]`` or ``biases[l]``.
    source : int or None
        The neuron that a weight comes from; None for a bias.
    target : int
        The neuron that it leads to.
    value : float
        ∂C/∂w.
    to_lower_cost : str
        "increase", "decrease", or "no matter" where the slope is 0.
    share : float
        |∂C/∂w| / the largest of all.
    """

    rank: int
    name: str
    words: str
    index: int
    layer: int
    source: int | None
    target: int
    value: float
    to_lower_cost: str
    share: float


@dataclass(frozen=True)
class LayerNorm:
    """The part of ∇C in one layer of weights: ‖∂C/∂W[l]‖, ‖∂C/∂b[l]‖, share of ‖∇C‖²."""

    layer: int
    weights: float
    biases: float
    share: float


@dataclass(frozen=True, eq=False)
class Sensitivity(Shown):
    """The gradient of a cost, ranked.

    Attributes
    ----------
    entries : tuple of Slope
        The largest |∂C/∂w|, the largest first; `entry` gives any other one.
    layers : tuple of LayerNorm
    norm : float
        ‖∇C‖: how steep the cost is in the direction of steepest descent.
    n_params, n_zero : int
        The number of slopes, and of those that are 0.
    gradient : Gradient
        ∇C itself; `descent` is −∇C as one vector.
    """

    entries: tuple[Slope, ...]
    layers: tuple[LayerNorm, ...]
    norm: float
    n_params: int
    n_zero: int
    _gradient: Gradient
    _labels: NeuronNames

    @property
    def gradient(self) -> Gradient:
        """∇C: ``.weights``, ``.biases``, ``.flat``."""
        return self._gradient

    @property
    def descent(self) -> Array:
        """−∇C, (n_params,): the direction of steepest descent, laid out like `net.params`."""
        return -self._gradient.flat

    def name(self, index: int | str) -> str:
        """Return the name of an element of `descent`: ``weights[0][412, 3]``."""
        return self._labels.parameter(self._labels.index(index)).name

    def entry(self, which: int | str) -> Slope:
        """Return the slope of a parameter, given by its position in ``net.params`` or its name.

        Raises
        ------
        ValueError, TypeError
            There is no such parameter.
        """
        flat, index = self._gradient.flat, self._labels.index(which)
        return _slope(flat, np.abs(flat), self._labels, index)

    def ratio(self, i: int | str, j: int | str) -> float:
        """Return |∂C/∂w_i| / |∂C/∂w_j|, the sensitivity of the cost to i relative to j.

        Infinite if only the second slope is 0, 1 if both are. Parameters are given by their
        position in ``net.params`` or by their name; errors as of `entry`.
        """
        first, second = (abs(self.entry(which).value) for which in (i, j))
        if second == 0:
            return 1.0 if first == 0 else float("inf")
        return first / second

    def pair(self, times: float = 32.0) -> tuple[Slope, Slope]:
        """Return the largest slope, and another that it is about `times` as large as."""
        sizes = np.abs(self._gradient.flat.astype(np.float64))
        first = int(sizes.argmax())
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.nan_to_num(np.abs(np.log(sizes[first] / sizes / times)), nan=np.inf)
        off = np.minimum(off, np.finfo(np.float64).max)  # slopes of 0 come after the others,
        off[first] = np.inf  # the first itself last
        return self.entry(first), self.entry(int(off.argmin()))

    def sentence(self, i: int | str, j: int | str) -> str:
        """Return `ratio` in words, the parameter that matters more first."""
        if self.ratio(i, j) < 1:
            i, j = j, i
        ratio, epsilon = self.ratio(i, j), float(np.finfo(self._gradient.flat.dtype).eps)
        more, less = (f"{slope.name} ({slope.words})" for slope in (self.entry(i), self.entry(j)))
        if self.entry(i).value == 0:
            return f"The cost depends neither on {more} nor on {less}: both slopes are 0."
        if ratio == float("inf"):
            return f"The cost is sensitive to {more}, but not to {less}, whose slope is 0."
        if ratio * epsilon >= 1:
            beside = f"beside that, the slope of {less} is 0 to rounding"
            return f"The cost is sensitive to {more}; {beside}."
        if ratio < 1.005:
            return f"The cost is as sensitive to {more} as to {less}."
        return f"The cost is {times(ratio)} more sensitive to {more} than to {less}."

    def tables(self) -> list[TextTable]:
        """Return the ranking, and the norms by layer."""
        held = sum(slope.value**2 for slope in self.entries) / self.norm**2 if self.norm else 0.0
        some = f"they hold {held:.0%} of ‖∇C‖²" if self.norm else "the gradient is 0"
        zeros = f"; {self.n_zero:,} slopes are 0" if self.n_zero else ""
        ranking = TextTable(
            f"What the cost depends on most: {len(self.entries)} of {self.n_params:,} slopes",
            ("rank", "parameter", "which is", "∂C/∂w", "to lower the cost", "share of largest"),
            [(s.rank, s.name, s.words, s.value, s.to_lower_cost, s.share) for s in self.entries],
            f"By size |∂C/∂w|; {some}{zeros}.",
        )
        layers = TextTable(
            "The gradient by layer",
            ("layer", "‖∂C/∂W‖", "‖∂C/∂b‖", "share of ‖∇C‖²"),
            [
                (f"weights[{n.layer}], biases[{n.layer}]", n.weights, n.biases, n.share)
                for n in self.layers
            ],
            f"‖∇C‖ = {number(self.norm)}. ",
        )
        return [ranking, layers]

    def plot(self) -> Any:
        """Draw the ranking as bars, and the distribution of |∂C/∂w| in each layer.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ..plot.gradient import slopes

        return slopes(self)


def sensitivity(
    net: MLP, X: Any, y: Any, *, top: int = 20, sample_weight: ArrayLike | None = None
) -> Sensitivity:
    """Rank weights and biases by |∂C/∂w|, their effect on the cost.

    The sign of a component of ∇C says whether its parameter should be increased (∂C/∂w < 0) or
    decreased for a smaller cost, its size how sensitive the cost is to it. To first order,
    C(w + Δw) − C(w) = ∇C · Δw, which falls fastest along −∇C (Nielsen, Neural Networks and Deep
    Learning, ch. 1, eq. 9-10; Rumelhart, Hinton & Williams 1986).

    Parameters
    ----------
    net : MLP
    X, y, sample_weight
        As of `MLP.fit`. C is the (weighted) mean cost of these examples, without weight decay and
        dropout.
    top : int, default 20
        Number of entries.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError, TypeError
        As of `MLP.fit` for X, y and sample_weight; `top` is not a whole number of 1 or more; the
        gradient is not finite.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.explain import sensitivity
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> ranking = sensitivity(net, X[:100], y[:100], top=3)
    >>> [slope.rank for slope in ranking.entries]
    [1, 2, 3]
    >>> ranking.descent.shape
    (13002,)
    >>> ranking.name(412 * 16 + 3)
    'weights[0][412, 3]'
    """
    check_mlp(net)
    top = check_count("top", top, 1)
    gradient = net.gradient(X, y, sample_weight=sample_weight)
    flat, labels = gradient.flat, NeuronNames(net)
    if not np.isfinite(flat).all():
        raise ValueError("the gradient holds NaN or infinity: this network has diverged")
    sizes = np.abs(flat)
    return Sensitivity(
        entries=tuple(_slope(flat, sizes, labels, int(index)) for index in _largest(sizes, top)),
        layers=_norms(gradient),
        norm=_norm(flat),
        n_params=flat.size,
        n_zero=int(np.count_nonzero(flat == 0)),
        _gradient=gradient,
        _labels=labels,
    )


def _slope(flat: Array, sizes: Array, labels: NeuronNames, index: int) -> Slope:
    parameter, value = labels.parameter(index), float(flat[index])
    largest = float(sizes.max())
    return Slope(
        rank=1 + int(np.count_nonzero(sizes > sizes[index])),
        name=parameter.name,
        words=parameter.words,
        index=parameter.index,
        layer=parameter.layer,
        source=parameter.source,
        target=parameter.target,
        value=value,
        to_lower_cost="no matter" if value == 0 else "increase" if value < 0 else "decrease",
        share=abs(value) / largest if largest else 0.0,
    )


def _largest(sizes: Array, top: int) -> Array:
    """Return the positions of the `top` largest, in descending order; equal ones in order."""
    start = max(sizes.size - top, 0)
    found = np.flatnonzero(sizes >= np.partition(sizes, start)[start])  # sorting all takes seconds
    return found[np.argsort(-sizes[found], kind="stable")][:top]


def _norm(part: Array) -> float:
    return float(np.linalg.norm(part.astype(np.float64).ravel()))  # float32 squares underflow


def _norms(gradient: Gradient) -> tuple[LayerNorm, ...]:
    pairs = [
        (_norm(weights), _norm(biases))
        for weights, biases in zip(gradient.weights, gradient.biases, strict=True)
    ]
    total = sum(w * w + b * b for w, b in pairs)
    return tuple(
        LayerNorm(l, w, b, (w * w + b * b) / total if total else 0.0)
        for l, (w, b) in enumerate(pairs)
    )
