"""Look inside a network: units and their weights, activations, confusions and mistakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import is_whole
from ..mlp import MLP, check_mlp
from .neuron_names import NeuronNames, image_shape
from .shown import PICTURE, Shown, TextTable
from .units import LayerUnits, unit_statistics
from .view_data import ViewData

_KINDS = ("network", "first_layer", "confusion", "mistakes", "units")
_EDGES = 40  # strongest edges that are kept between two layers
_NEURONS = 32  # of a layer, in the table of an example
_STRONGEST = 3  # inputs of each sign, in the table of the first layer


@dataclass(frozen=True)
class Mistake:
    """One of the costliest examples.

    Attributes
    ----------
    row : int
        The row of X.
    cost : float
    said, wanted : str
        Predicted and target class; values if y has no classes.
    right : bool or None
        Whether the two are equal; None if y has no classes.
    """

    row: int
    cost: float
    said: str
    wanted: str
    right: bool | None


@dataclass(frozen=True)
class Edges:
    """The strongest products weight · activation between two layers, by size.

    Attributes
    ----------
    source, target : ndarray of int64, shape (k,)
        Neurons of layer l and of layer l + 1.
    flow : ndarray of float64, shape (k,)
        a_i W_ij of the example: the contribution of neuron i to z of neuron j.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    flow: NDArray[np.float64]


@dataclass(frozen=True)
class Inside(Shown):
    """Result of `look_inside`.

    Attributes
    ----------
    example : int
        The row of X whose activations are kept.
    activations : tuple of ndarray, (width,) each
        Activations of that example, layer by layer, from the scaled input on.
    edges : tuple of Edges
        One for each layer of weights.
    said, wanted : str or None
        Prediction and target of that example; None if unknown.
    units : tuple of LayerUnits
        Means, dead and saturated units of each layer, over all examples.
    strongest : tuple of tuples
        Of each unit of the first layer: (names of the inputs that lower it most, that raise it
        most).
    classes : tuple of str
        Empty if y has none.
    confusion : ndarray of int64, shape (k, k), or None
        Number of examples of class i that were predicted to be class j.
    mistakes : tuple of Mistake or None
        The costliest examples; None without y.
    names : tuple of tuple of str
        Names of the neurons of each layer, the inputs first.
    first_weights : ndarray, shape (n_in, n_1)
    image_shape : tuple of int, or None
        (rows, columns) of an example; None if the inputs are no picture.
    input : ndarray, shape (n_in,)
        The example, not scaled by the network.
    mistake_inputs : ndarray, shape (len(mistakes), n_in)
        The inputs of `mistakes`: pictures not scaled, others as the network reads them.
    """

    example: int
    activations: tuple[NDArray[np.float64], ...]
    edges: tuple[Edges, ...]
    said: str | None
    wanted: str | None
    units: tuple[LayerUnits, ...]
    strongest: tuple[tuple[str, str], ...]
    classes: tuple[str, ...]
    confusion: NDArray[np.int64] | None
    mistakes: tuple[Mistake, ...] | None
    names: tuple[tuple[str, ...], ...]
    first_weights: NDArray[np.float64] = field(metadata=PICTURE)
    image_shape: tuple[int, int] | None = field(metadata=PICTURE)
    input: NDArray[np.float64] = field(metadata=PICTURE)
    mistake_inputs: NDArray[np.float64] = field(metadata=PICTURE)

    def tables(self) -> list[TextTable]:
        """Return units, strongest inputs by name, and with y the confusions and the costliest."""
        kinds = ["units"]
        if self.image_shape is None:  # names of pixels are uninformative: see first_layer
            kinds.append("first_layer")
        kinds += [kind for kind in ("confusion", "mistakes") if not self._lacks(kind)]
        return [self.table(kind) for kind in kinds]

    def table(self, kind: str) -> TextTable:
        """Return the table that belongs to a picture; kinds and errors as of `plot`."""
        self._check(kind)
        makers = {
            "network": self._way_table,
            "first_layer": self._input_table,
            "confusion": self._confusion_table,
            "mistakes": self._mistake_table,
            "units": self._unit_table,
        }
        return makers[kind]()

    def _way_table(self) -> TextTable:
        rows = []
        for layer in range(1, len(self.activations)):
            a = self.activations[layer]
            most = np.sort(np.argsort(-np.abs(a), kind="stable")[:_NEURONS])
            rows += [(self.names[layer][j], float(a[j])) for j in most]
        title = f"Example {self.example} on its way through the network"
        words = None if self.said is None else f"The network says {self.said}"
        note = "" if words is None else f"{words}; it should be {self.wanted}."
        if words is not None and self.wanted is None:
            note = f"{words}."
        wide = max(len(a) for a in self.activations[1:]) > _NEURONS
        return TextTable(
            title,
            ("neuron", "activation"),
            rows,
            note + f" The {_NEURONS} largest of each layer." * wide,
        )

    def _unit_table(self) -> TextTable:
        rows = []
        for layer in self.units:
            outputs = layer is self.units[-1]
            rows.append(
                (
                    "outputs" if outputs else f"hidden {layer.layer}",
                    layer.activation,
                    len(layer.mean),
                    float(layer.mean.mean()),
                    float(layer.deviation.mean()),
                    float(layer.dead.mean()),
                    float(layer.saturated.mean()),
                    int((layer.dead == 1).sum()),
                )
            )
        columns = ("layer", "activation", "units", "mean", "deviation")
        return TextTable(
            "What the units do",
            (*columns, "share dead", "share saturated", "always dead"),
            rows,
            "Mean activation and its standard deviation over the examples; shares of all pairs of "
            "unit and example. Confident outputs are saturated; that is expected.",
        )

    def _input_table(self) -> TextTable:
        weights = np.sqrt((self.first_weights**2).sum(axis=0))
        rows = [
            (self.names[1][j], float(weights[j]), up, down)
            for j, (down, up) in enumerate(self.strongest)
        ]
        columns = ("neuron", "length of w", "raised most by", "lowered most by")
        return TextTable("What the first layer looks for", columns, rows)

    def _confusion_table(self) -> TextTable:
        counts = self.confusion
        assert counts is not None
        rows = [
            (name, *map(int, row), float(row[i] / row.sum()) if row.sum() else float("nan"))
            for i, (name, row) in enumerate(zip(self.classes, counts, strict=True))
        ]
        right = f"{np.trace(counts):,} of {counts.sum():,}"
        return TextTable(
            "Which class was taken for which",
            ("is ↓ said →", *self.classes, "share right"),
            rows,
            f"{right} are right.",
        )

    def _mistake_table(self) -> TextTable:
        mistakes = self.mistakes or ()
        rows = [(m.row, m.cost, m.said, m.wanted, "" if m.right else "×") for m in mistakes]
        columns = ("row of X", "cost", "said", "should be", "wrong")
        if self.confusion is None:
            rows, columns = [row[:-1] for row in rows], columns[:-1]  # type: ignore[misc, assignment]
        return TextTable("The costliest examples", columns, rows)

    def plot(self, kind: str = "network", **options: Any) -> Any:
        """Draw one of its pictures.

        Parameters
        ----------
        kind : {"network", "first_layer", "confusion", "mistakes", "units"}
            The example's way through the network; weights of the first layer; confusions;
            costliest examples; dead and saturated units. See the functions of `fastnn.plot` with
            these names.
        **options
            Passed on to that function.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            There is no such picture, or it needs y, which was not given.
        """
        from .. import plot

        self._check(kind)
        return getattr(plot, kind)(self, **options)

    def _lacks(self, kind: str) -> bool:
        return (kind == "confusion" and self.confusion is None) or (
            kind == "mistakes" and not self.mistakes
        )

    def _check(self, kind: str) -> None:
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}; got {kind!r}")
        if self._lacks(kind):
            if kind == "mistakes":
                raise ValueError("'mistakes' needs y: pass it to look_inside")
            raise ValueError(
                "'confusion' needs a network that classifies, and labels as y of look_inside"
            )


def look_inside(
    net: MLP, X: Any, y: Any = None, *, example: int = 0, n_mistakes: int = 8
) -> Inside:
    """Return activations, units, confusions and mistakes of a network on examples.

    Neuron j of a layer has the activation a_j = f(z_j), z_j = Σ_i a_i W_ij + b_j (Nielsen, *Neural
    Networks and Deep Learning*, ch. 1): W[:, j] of the first layer, drawn as an image, is the
    pattern that the neuron looks for; a_i W_ij is the contribution of neuron i.

    Parameters
    ----------
    net : MLP
        Not changed.
    X : array-like, shape (n, n_in)
        As of `MLP.fit`.
    y : array-like, shape (n,) or (n, n_out), optional
        As of `MLP.fit`. Without it there are no confusions and no costs.
    example : int, default 0
        The row whose activations are kept.
    n_mistakes : int, default 8
        Number of the costliest examples that are kept.

    Returns
    -------
    Inside
        `print` it, or draw it: ``.plot("network")``, ``.plot("first_layer")``,
        ``.plot("confusion")``, ``.plot("mistakes")``, ``.plot("units")``.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.

    Examples
    --------
    >>> import fastnn
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> inside = fastnn.explain.look_inside(net, X[:200], y[:200], example=7)
    >>> [len(a) for a in inside.activations], inside.confusion.sum()
    ([784, 16, 16, 10], np.int64(200))
    """
    check_mlp(net)
    data, names = ViewData(net, X, y), NeuronNames(net)
    example = _whole("example", example, data.n - 1)
    n_mistakes = _whole("n_mistakes", n_mistakes)
    predicted = None if data.labels is None else data.predicted(net)
    confusion = mistakes = None
    if data.labels is not None and predicted is not None:
        confusion = np.zeros((len(data.classes),) * 2, np.int64)
        np.add.at(confusion, (data.labels, predicted), 1)
    if data.y is not None:
        costs = net.cost(data.X, data.y, per_example=True)
        worst = np.argsort(-costs, kind="stable")[:n_mistakes]
        mistakes = tuple(_mistake(net, data, predicted, costs, int(row)) for row in worst)
    one = data.X[[example]]
    a = tuple(layer[0].astype(np.float64) for layer in net.activations(one))
    words = _words(net, data, predicted, example)
    rows = [] if mistakes is None else [mistake.row for mistake in mistakes]
    inputs = np.zeros((0, net.sizes[0]))
    if rows:
        inputs = data.dense(rows) if image_shape(net) else net.activations(data.X[rows])[0]
    return Inside(
        example=example,
        activations=a,
        edges=tuple(_edges(layer, W) for layer, W in zip(a[:-1], net.weights, strict=True)),
        said=words[0],
        wanted=words[1],
        units=unit_statistics(net, data),
        strongest=_strongest(net, names),
        classes=data.classes,
        confusion=confusion,
        mistakes=mistakes,
        names=tuple(
            tuple(names.neuron(l, i) for i in range(width)) for l, width in enumerate(net.sizes)
        ),
        first_weights=net.weights[0].astype(np.float64),
        image_shape=image_shape(net),
        input=data.dense([example])[0],
        mistake_inputs=inputs.astype(np.float64),
    )


def _whole(name: str, value: Any, most: int | None = None) -> int:
    if not is_whole(value):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < 0 or (most is not None and value > most):
        span = "0 or more" if most is None else f"from 0 to {most}"
        raise ValueError(f"{name} must be {span}, got {value}")
    return int(value)


def _words(
    net: MLP, data: ViewData, predicted: NDArray[np.int64] | None, row: int
) -> tuple[str, str | None]:
    """Return prediction and target of a row, as text."""
    if data.labels is not None and predicted is not None:
        return data.classes[predicted[row]], data.classes[data.labels[row]]
    output = net.predict(data.X[[row]])[0]
    if data.y is None and net.output in ("softmax", "sigmoid"):
        return str(net.classify(data.X[[row]])[0]), None
    return _values(output), None if data.y is None else _values(np.atleast_1d(data.y[row]))


def _values(values: NDArray[Any]) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:5])
    return shown + (", …" if len(values) > 5 else "")


def _mistake(
    net: MLP,
    data: ViewData,
    predicted: NDArray[np.int64] | None,
    costs: NDArray[np.float64],
    row: int,
) -> Mistake:
    says, should = _words(net, data, predicted, row)
    right = (
        None
        if predicted is None or data.labels is None
        else bool(predicted[row] == data.labels[row])
    )
    return Mistake(row, float(costs[row]), says, str(should), right)


def _edges(a: NDArray[np.float64], W: NDArray[Any]) -> Edges:
    """Return the edges of the largest |a_i W_ij| of one layer, without those that are 0."""
    flow = a[:, None] * W
    order = np.argsort(-np.abs(flow), axis=None, kind="stable")[:_EDGES]
    order = order[flow.flat[order] != 0]
    source, target = np.unravel_index(order, flow.shape)
    return Edges(source.astype(np.int64), target.astype(np.int64), flow.flat[order])


def _strongest(net: MLP, names: NeuronNames) -> tuple[tuple[str, str], ...]:
    result = []
    for w in net.weights[0].T:
        order = np.argsort(w, kind="stable")
        down = [names.neuron(0, int(i)) for i in order[:_STRONGEST] if w[i] < 0]
        up = [names.neuron(0, int(i)) for i in order[::-1][:_STRONGEST] if w[i] > 0]
        result.append((", ".join(down), ", ".join(up)))
    return tuple(result)
