"""Slopes as wishes: how a neuron asks its bias, its weights and the neurons before to change.

Of a neuron j with z_j = Σ_i a_i w_ij + b_j and δ_j = ∂C/∂z_j, the cost falls along

    −∂C/∂b_j = −δ_j        −∂C/∂w_ij = −δ_j a_i        −∂C/∂a_i = −δ_j w_ij

These are slopes, in cost per unit of the changed quantity; the step of gradient descent is η times
the first two. Activations cannot be set directly: the sum of the third over the neurons j is what
the layer before should do, which asks its own biases, weights and neurons, and so on back to the
first layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import is_whole
from ..layout import Gradient, layers
from ..mlp import MLP, check_mlp
from ..names import Output
from . import urgency
from .neuron_names import NeuronNames, image_shape, targets
from .shown import Shown, TextTable
from .urgency import Urgency
from .view_data import one_example

Array = NDArray[Any]

_STRONGEST = 10  # rows of a table of asked changes
_URGENT = 30  # rows of the table of neurons


_STANDARDIZED = (
    "These are the network's own outputs and targets, (y − output_shift) / output_scale; `predict` "
    "answers in the units of y."
)


@dataclass(frozen=True)
class _Example:
    """One example in a network: activations, weights, slopes and gradient of all layers."""

    activations: tuple[Array, ...]  # a[l], (n_l,), l = 0 … L
    weights: tuple[Array, ...]  # W[l], (n_l, n_l+1): copies
    z: tuple[Array, ...]  # weighted sums, (n_l,), l = 1 … L
    slopes: tuple[Array | None, ...]  # f'(z[l]), (n_l,), l = 1 … L; None of softmax
    functions: tuple[Output, ...]  # of the layers 1 … L
    gradient: Gradient  # of this example's cost; its biases[l] are δ[l+1]
    cost: float
    target: Array  # (n_out,)
    labels: NeuronNames
    image_shape: tuple[int, int] | None
    scaled_targets: bool  # by output_shift and output_scale


@dataclass(frozen=True, eq=False)
class Nudges(Shown):
    """Nudges by the neurons of one layer, which lower the cost of one example.

    The nudges are those of one neuron, or the sums over the layer. They are slopes, −∂C/∂(the
    changed quantity), in cost per unit of it: a change should be in proportion to its slope.

    Attributes
    ----------
    layer : int
        1 … L, L being the outputs.
    neuron : int or None
        The neuron that asks; None for all neurons of the layer together.
    neurons, sources : tuple of str
        Names of the layer's n neurons, and of the n_prev neurons of the layer before.
    says : ndarray, shape (n,)
        The layer's activations.
    should_say : ndarray, shape (n,), or None
        Their targets, if these are the outputs.
    delta : ndarray, shape (n,)
        δ_j = ∂C/∂z_j of every neuron of the layer.
    source_activations : ndarray, shape (n_prev,)
        a_i of the layer before.
    ranking : tuple of Urgency
        The neurons of the layer, the most urgent first: outputs by how far off they are, |y − a|,
        hidden neurons by |δ|.
    bias_nudge : ndarray, shape () or (n,)
        −∂C/∂b_j = −δ_j; a single number for one neuron.
    activation_nudges : ndarray, shape (n_prev,)
        −∂C/∂a_i = −Σ_j δ_j w_ij, over the neurons that ask: what they ask of the layer before.
    weight_nudges : ndarray, shape (n_prev,) or (n_prev, n)
        −∂C/∂w_ij = −δ_j a_i: in proportion to the activation of neuron i.
    parts : ndarray, shape (1, n_prev) or (n, n_prev)
        The contribution of each neuron that asks to `activation_nudges`.
    """

    layer: int
    neuron: int | None
    neurons: tuple[str, ...]
    sources: tuple[str, ...]
    says: Array
    should_say: Array | None
    delta: Array
    source_activations: Array
    ranking: tuple[Urgency, ...]
    bias_nudge: Array
    activation_nudges: Array
    _example: _Example

    @property
    def weight_nudges(self) -> Array:
        """−∂C/∂w_ij = −δ_j a_i, (n_prev,) of one neuron, (n_prev, n) of all."""
        slopes = self._example.gradient.weights[self.layer - 1]
        return 0.0 - (slopes if self.neuron is None else slopes[:, self.neuron])  # no −0

    @property
    def parts(self) -> Array:
        """−δ_j w_ij, (n, n_prev): a row for each neuron that asks; their sum is −∂C/∂a."""
        asking = slice(None) if self.neuron is None else slice(self.neuron, self.neuron + 1)
        return _parts(self._example, self.layer)[asking]

    @property
    def weights(self) -> Array:
        """The weights w_ij, (n_prev,) of one neuron, (n_prev, n) of all."""
        weights = self._example.weights[self.layer - 1]
        return weights if self.neuron is None else weights[:, self.neuron]

    @property
    def cost(self) -> float:
        """The network's own cost C of the example."""
        return self._example.cost

    @property
    def z(self) -> Array:
        """The weighted sums z_j = Σ_i a_i w_ij + b_j of the layer, (n,), in double."""
        return self._example.z[self.layer - 1]

    @property
    def slopes(self) -> Array | None:
        """f'(z_j) of the layer, (n,), in double; None of softmax."""
        return self._example.slopes[self.layer - 1]

    @property
    def off_by(self) -> Array | None:
        """Differences y − a of the outputs, (n,), in double; None of a hidden layer."""
        return urgency.off_by(self.says, self.should_say)

    @property
    def previous(self) -> Nudges | None:
        """Return the nudges by the layer before, with δ_i = Σ_j δ_j w_ij f'(z_i).

        They do not depend on the neuron chosen for this layer. None for the first layer.
        """
        return None if self.layer == 1 else _nudges_of(self._example, self.layer - 1, None)

    def layers(self) -> Iterator[Nudges]:
        """Yield the nudges of this layer, the layer before, and so on back to layer 1."""
        here: Nudges | None = self
        while here is not None:
            yield here
            here = here.previous

    def sentence(self) -> str:
        """Return a sentence that names the neurons whose change matters most and least."""
        return urgency.sentence(self.ranking, float(np.finfo(self.delta.dtype).eps))

    @property
    def function(self) -> Output:
        """The activation function of the layer."""
        return self._example.functions[self.layer - 1]

    @property
    def source_function(self) -> str | None:
        """The activation function of the layer before; None of the inputs."""
        return None if self.layer == 1 else self._example.functions[self.layer - 2]

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """(rows, columns) of the example; None if the inputs are no picture."""
        return self._example.image_shape

    def silence(self) -> str:
        """Return the reason why the neuron asks for little or nothing; "" if it asks for more."""
        if self.neuron is None:
            return "" if self.delta.any() else "It asks for nothing: every slope ∂C/∂z is 0."
        one = next(u for u in self.ranking if u.index == self.neuron)
        return urgency.saturation(one, self.function)

    def tables(self) -> list[TextTable]:
        """Return tables of the neurons by urgency, and of the nudges to weights and activations."""
        return [self._urgencies(), self._weights(), self._activations()]

    def plot(self) -> Any:
        """Draw the nudges to the biases, the weights and the neurons before.

        Returns
        -------
        matplotlib.figure.Figure
            Neurons as circles; an input layer of pixels as pictures.
        """
        from ..plot.nudges import wishes

        return wishes(self)

    def _urgencies(self) -> TextTable:
        shown = self.ranking[:_URGENT]
        columns: dict[str, list[Any]] = {"neuron": [u.name for u in shown]}
        columns["says a"] = [u.says for u in shown]
        if self.should_say is not None:
            columns["should say y"] = [u.should_say for u in shown]
            columns["off by y − a"] = [u.off_by for u in shown]
        if self.function != "softmax":
            columns[urgency.slope_name(self.function)] = [u.slope for u in shown]
        columns["asks z and bias"] = [u.asks for u in shown]
        columns["−δ = −∂C/∂z"] = [u.by for u in shown]
        title = f"Layer {self.layer}: whose change matters more"
        if len(self.ranking) > _URGENT:
            title += f", the first {_URGENT} of {len(self.ranking):,} neurons"
        words = [self.sentence(), urgency.order_in_words(self.ranking, self.function)]
        if self.should_say is not None and self._example.scaled_targets:
            words.append(_STANDARDIZED)
        return TextTable(
            title, tuple(columns), list(zip(*columns.values(), strict=True)), " ".join(words)
        )

    def _weights(self) -> TextTable:
        nudges = self.weight_nudges.reshape(len(self.sources), -1)
        weights = self.weights.reshape(nudges.shape)
        first = self.neuron or 0
        rows = []
        for flat in _largest(nudges.ravel()):
            i, j = divmod(int(flat), nudges.shape[1])
            words = f"{self.sources[i]} → {self.neurons[first + j]}"
            name = f"weights[{self.layer - 1}][{i}, {first + j}]"
            says = self.source_activations[i]
            rows.append((name, words, says, weights[i, j], nudges[i, j]))
        return TextTable(
            f"What {self._who()} of the weights: the {len(rows)} strongest of {nudges.size:,}",
            ("weight", "which is", "a of its source", "w", "−∂C/∂w = −δ a"),
            rows,
            _spaced(
                self.silence(),
                "In proportion to a: weights from neurons that fire most get the strongest wishes.",
                "Slopes, in cost per unit of w: a step at the learning rate η changes w by η times "
                "as much.",
            ),
        )

    def _activations(self) -> TextTable:
        parts, first = self.parts, self.neuron or 0
        rows: list[tuple[Any, ...]] = []
        for i in _largest(self.activation_nudges):
            j = int(np.abs(parts[:, i]).argmax())
            row = (self.sources[i], self.source_activations[i], self.activation_nudges[i])
            rows.append((*row, self.neurons[first + j], parts[j, i]))
        columns: tuple[str, ...] = ("neuron", "says a", "−∂C/∂a = −Σ δ w")
        if self.neuron is None:
            columns += ("most of it from", "by")
        else:
            columns = (*columns[:2], "−∂C/∂a = −δ w")
            rows = [row[:3] for row in rows]
        note = (
            "The inputs are given: this is what the network would rather see."
            if self.layer == 1
            else f"They cannot be set: layer {self.layer - 1} passes it on as `previous`."
        )
        before = "inputs" if self.layer == 1 else f"neurons of layer {self.layer - 1}"
        title = f"What {self._who()} of the {before}: the {len(rows)} strongest"
        note = f"Slopes, in cost per unit of a. {note}"
        return TextTable(f"{title} of {len(self.sources):,}", columns, rows, note)

    def _who(self) -> str:
        if self.neuron is not None:
            return f"{self.neurons[self.neuron]} asks"
        return f"layer {self.layer} asks" if self.should_say is None else "the outputs ask"


def nudges(net: MLP, x: Any, y: Any, *, layer: int = -1, neuron: int | None = None) -> Nudges:
    """Return what one example asks of a network, by one neuron or all neurons of a layer.

    These are the three equations of backpropagation, read as wishes: the cost falls along
    −∂C/∂b = −δ, −∂C/∂w_i = −δ a_i and, for the layer before, −∂C/∂a_i = −δ w_i, where δ = ∂C/∂z
    comes from `MLP.gradient` (Nielsen, Neural Networks and Deep Learning, ch. 2, BP1-BP4;
    Rumelhart, Hinton & Williams 1986).

    Parameters
    ----------
    net : MLP
    x : array-like, shape (n_in,) or (1, n_in)
        One example.
    y : label, or array-like of shape (1,), (n_out,) or (1, n_out)
        Its target.
    layer : int, default -1
        1 … L counts from the first hidden layer to the outputs, −1 … −L backwards from the outputs.
    neuron : int, optional
        The neuron that asks. Default: all neurons of the layer, added together.

    Returns
    -------
    Nudges

    Raises
    ------
    ValueError, TypeError
        x is not one example, y is not valid for `MLP.fit`, there is no such layer or neuron, or the
        gradient is not finite.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.explain import nudges
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> wish = nudges(net, X[0], y[0], neuron=int(y[0]))  # of the output that should be 1
    >>> wish.ranking[0].asks in ("up", "down"), bool(wish.bias_nudge > 0)
    (True, True)
    >>> [here.layer for here in wish.layers()]
    [3, 2, 1]
    """
    check_mlp(net)
    x, y = one_example(x, y, net.sizes[-1])
    L = len(net.sizes) - 1
    layer = _place("layer", layer, L)
    if neuron is not None:
        neuron = _place("neuron", neuron, net.sizes[layer], first=0)
    gradient = net.gradient(x, y, per_example=True)
    flat = gradient.flat[0]
    if not np.isfinite(flat).all():
        raise ValueError("the gradient holds NaN or infinity: this network has diverged")
    assert isinstance(gradient.cost, np.ndarray)  # of each example
    activations = tuple(a[0] for a in net.activations(x))
    functions = (*net.activation, net.output)
    z = urgency.weighted_sums(net.weights, net.biases, activations)
    example = _Example(
        activations=activations,
        z=z,
        slopes=urgency.all_slopes(functions, z, activations),
        functions=functions,
        weights=tuple(weights for weights, _ in layers(net.params.copy(), net.sizes)),
        gradient=Gradient(flat, net.sizes),
        cost=float(gradient.cost[0]),
        target=targets(net, y, 1)[0],
        labels=NeuronNames(net),
        scaled_targets=net.output_scale is not None,
        image_shape=image_shape(net),
    )
    return _nudges_of(example, layer, neuron)


def _nudges_of(example: _Example, layer: int, neuron: int | None) -> Nudges:
    says, delta = example.activations[layer], example.gradient.biases[layer - 1]
    before, labels = example.activations[layer - 1], example.labels
    names = tuple(labels.neuron(layer, j) for j in range(len(says)))
    target = example.target if layer == len(example.activations) - 1 else None
    parts = _parts(example, layer)
    return Nudges(
        layer=layer,
        neuron=neuron,
        neurons=names,
        sources=tuple(labels.neuron(layer - 1, i) for i in range(len(before))),
        says=says,
        should_say=target,
        delta=delta,
        source_activations=before,
        ranking=urgency.ranking(names, says, target, example.slopes[layer - 1], delta),
        bias_nudge=0.0 - (delta if neuron is None else delta[neuron]),
        activation_nudges=parts.sum(axis=0) if neuron is None else parts[neuron],
        _example=example,
    )


def _parts(example: _Example, layer: int) -> Array:
    """Return −δ_j w_ij, (n, n_prev)."""
    parts: Array = 0.0 - example.gradient.biases[layer - 1][:, None] * example.weights[layer - 1].T
    return parts


def _largest(values: Array) -> Array:
    return np.argsort(-np.abs(values), kind="stable")[:_STRONGEST]


def _spaced(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _place(name: str, value: Any, n: int, first: int = 1) -> int:
    """Return the number of a layer, 1 … n or −n … −1, or of a neuron, 0 … n − 1 or −n … −1."""
    expected = f"{name} must be {first} to {n - 1 + first}, or -1 to -{n} from the end"
    expected = expected if n > 1 else f"{name} must be {first}: there is only one {name}"
    if not is_whole(value):
        raise TypeError(f"{expected}; got {value!r}")
    place = int(value) + n if value < 0 else int(value) - first
    if not 0 <= place < n:
        raise ValueError(f"{expected}; got {value}")
    return place + first
