"""Answers about one example: activations, backpropagation, one parameter moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_count
from ...words import number
from .. import urgency
from ..cost import CostTable, cost_table
from ..gradient import Sensitivity, Slope, sensitivity
from ..neuron_names import Parameter, targets
from ..nudges import Nudges, nudges
from ..view_data import ViewData, copied
from .subject import Subject

Array = NDArray[Any]

ANSWER = "The network says {}."
_MOST_VALUES = 1000  # of a parameter that is moved


def example(subject: Subject, index: Any) -> dict[str, Any]:
    """Return one example: its inputs in the units of X, and its target."""
    index = subject.index(index)
    label = None if subject.examples.labels is None else int(subject.examples.labels[index])
    y = subject.y_of(index)
    values = np.ravel(y)
    return {
        "index": index,
        "x": as_numbers(subject.x_of(index)[0]),
        "target": subject.classes[label]
        if label is not None
        else float(values[0])
        if values.size == 1
        else values.astype(np.float64),
        "y": targets(subject.net, y, 1)[0],
        "label_index": label,
        "test": index >= subject.n_train,
    }


def next_mistake(subject: Subject, after: Any) -> dict[str, Any]:
    """Return the next example that is answered wrongly, or for values the next costliest one.

    Of the test examples, if there are any.
    """
    after = subject.index(after)
    first = subject.n_train if subject.n_train < subject.examples.n else 0
    X, y = subject.examples.at(slice(first, subject.examples.n))
    if subject.examples.labels is None:
        order = first + np.argsort(-subject.net.cost(X, y, per_example=True), kind="stable")
        place = np.flatnonzero(order == after)
        at = 0 if not len(place) else (int(place[0]) + 1) % len(order)
        return {"index": int(order[at]), "count": len(order)}
    wrong = subject.examples.numbered(subject.net, X) != subject.examples.labels[first:]
    found = first + np.flatnonzero(wrong)
    if not len(found):
        return {"index": None, "count": 0}
    later = found[found > after]
    return {"index": int(later[0] if len(later) else found[0]), "count": len(found)}


def forward(subject: Subject, x: Any) -> dict[str, Any]:
    """Return the activations of every layer, with the weighted sums z and the slopes f'(z)."""
    net, row = subject.net, subject.x(x)
    activations = [a[0] for a in net.activations(row)]
    z = urgency.weighted_sums(net.weights, net.biases, activations)
    slopes = urgency.all_slopes((*net.activation, net.output), z, activations)
    layers: list[dict[str, Any]] = [{"a": activations[0]}]
    layers += [
        {"a": a, "z": sums, "slope": slope}
        for a, sums, slope in zip(activations[1:], z, slopes, strict=True)
    ]
    values = net.predict(row)[0]
    if subject.classes:
        answer: Any = int(ViewData.numbered(net, row)[0])
        said = subject.classes[answer]
    else:
        answer, said = values, _in_words(subject.names.classes, values)
    return {"layers": layers, "predict": values, "answer": answer, "words": ANSWER.format(said)}


def backprop(
    subject: Subject, x: Any = None, target: Any = None, index: Any = None
) -> dict[str, Any]:
    """Return backpropagation on one example, layer by layer, from `nudges` and `sensitivity`."""
    row, y = one(subject, x, target, index)
    view = nudges(subject.net, row, y)
    ranking = sensitivity(subject.net, row, y)
    costs = cost_table(subject.net, row, y)
    return {
        "cost": view.cost,
        "says": view.says,
        "should": view.should_say,
        "difference": view.off_by,
        "layers": [_layer(here) for here in view.layers()][::-1],
        "strongest": [_slope(slope) for slope in ranking.entries],
        "words": words_of(costs),
        "n_params": ranking.n_params,
    }


def layer(subject: Subject, layer: Any) -> dict[str, Any]:
    """Return copies of the weights that lead into a layer, (n_prev, n), and of its biases."""
    l = subject.layer(layer) - 1
    return {"w": subject.net.weights[l].copy(), "b": subject.net.biases[l].copy()}


def wiggle(
    subject: Subject,
    layer: Any,
    i: Any,
    j: Any,
    low: Any,
    high: Any,
    n: Any = 81,
    x: Any = None,
    target: Any = None,
    index: Any = None,
) -> dict[str, Any]:
    """Return the cost of one example with one parameter moved, and its slope there."""
    place = subject.parameter(layer, i, j)
    n = check_count("n", n, 2)
    if n > _MOST_VALUES:
        raise ValueError(f"n must be at most {_MOST_VALUES:,}, got {n:,}")
    ends = np.asarray([low, high])
    if ends.dtype.kind not in "iuf" or not np.isfinite(ends).all() or not low < high:
        raise ValueError(f"low must be below high, both numbers; got {low!r} and {high!r}")
    row, y = one(subject, x, target, index)
    moved = copied(subject.net)
    values = np.linspace(float(low), float(high), n)
    costs = np.empty(n)
    now = float(moved.params[place])
    slope = sensitivity(moved, row, y).entry(place)
    cost = moved.cost(row, y)
    for k, value in enumerate(values):
        moved.params[place] = value
        costs[k] = moved.cost(row, y)
    return {
        "values": values,
        "costs": costs,
        "slope": slope.value,
        "now": now,
        "cost": cost,
        "name": slope.name,
        "words": slope.words,
    }


def pairs(subject: Subject, x: Any = None, target: Any = None, index: Any = None) -> dict[str, Any]:
    """Return two parameters, the first about 32 times as important, and `sensitivity` on them."""
    return pair_of(sensitivity(subject.net, *one(subject, x, target, index)))


def pair_of(ranking: Sensitivity) -> dict[str, Any]:
    """Return the pair of a ranking."""
    first, second = ranking.pair()
    return {
        "first": _slope(first),
        "second": _slope(second),
        "ratio": ranking.ratio(first.index, second.index),
        "words": ranking.sentence(first.index, second.index),
    }


def words_of(costs: CostTable) -> list[str]:
    """Return the sentences on the answer to one example and on its cost."""
    return [costs.answer(0), costs.note(0)]


def words_of_layer(view: Nudges) -> list[str]:
    """Return the sentences on the neurons of a layer, on its weights, and on the layer before."""
    return [table.note for table in view.tables()]


def one(subject: Subject, x: Any, target: Any, index: Any) -> tuple[Array, Array]:
    """Return the row and the target that a call is about: an example's, or those that are given."""
    if index is None:
        if x is None or target is None:
            raise ValueError("give x and target, or the index of an example")
        return subject.x(x), subject.y(target)
    index = subject.index(index)
    y = subject.y_of(index) if target is None else subject.y(target)
    return subject.x_of(index), y


def as_numbers(X: Array) -> Array:
    """Return inputs as floats that hold them to the bit: of bytes and float32 these are float32."""
    exact = X.dtype == np.float32 or (X.dtype.kind in "biu" and X.dtype.itemsize <= 2)
    return X.astype(np.float32 if exact else np.float64)


def place(parameter: Parameter | Slope) -> dict[str, Any]:
    """Return the name and the place of a parameter; the page counts layers from 1."""
    return {
        "name": parameter.name,
        "words": parameter.words,
        "layer": parameter.layer + 1,
        "i": parameter.source,
        "j": parameter.target,
    }


def _slope(slope: Slope) -> dict[str, Any]:
    return {**place(slope), "value": slope.value}


def _layer(view: Nudges) -> dict[str, Any]:
    return {
        "a": view.says,
        "z": view.z,
        "slope": view.slopes,
        "delta": view.delta,
        "bias": view.bias_nudge,
        "weights": view.weight_nudges,
        "activations": view.activation_nudges,
        "parts": view.parts,
        "ranking": np.array([u.index for u in view.ranking]),
        "words": words_of_layer(view),
    }


def _in_words(names: list[str], values: Array) -> str:
    if len(values) == 1:
        return number(float(values[0]))
    return ", ".join(f"{name} = {number(float(v))}" for name, v in zip(names, values, strict=True))
