"""Map of the plane of a network's two inputs: its prediction at each place, and the examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_count
from ..mlp import MLP, check_mlp
from ..words import number
from .neuron_names import NeuronNames, targets
from .shown import Shown, TextTable
from .view_data import ViewData

Array = NDArray[np.float64]

_MARGIN = 0.1  # of the examples' extent: margin of the map around them


@dataclass(frozen=True, eq=False)
class PlanePoints:
    """Examples on the plane.

    Attributes
    ----------
    name : str
        "given" or "test".
    x : ndarray, shape (n, 2)
        Their inputs, in X's units.
    said : ndarray, shape (n, n_out)
        The network's predictions.
    labels : ndarray of int64, shape (n,), or None
        Positions of their classes in `InputPlane.classes`; None for numeric targets or without y.
    wanted : ndarray, shape (n, n_out), or None
        Numeric targets; None for classes or without y.
    wrong : ndarray of bool, shape (n,), or None
        Whether the predicted class is wrong; None if `labels` is.
    """

    name: str
    x: Array
    said: Array
    labels: NDArray[np.int64] | None
    wanted: Array | None
    wrong: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class InputPlane(Shown):
    """Outputs of a network of two inputs over their plane; made by `input_plane`.

    Attributes
    ----------
    inputs : tuple of str
        Names of the two inputs.
    outputs : tuple of str
        Names of the outputs.
    across, up : ndarray, shape (grid,)
        Values of the first and of the second input, in X's units.
    values : ndarray, shape (grid, grid, n_out)
        `MLP.predict`: ``values[i, j]`` at ``(across[j], up[i])``.
    decided : ndarray of int64, shape (grid, grid), or None
        Positions in `classes` of the predictions of `MLP.classify`; None for numeric targets.
    classes : tuple of str
        Empty for numeric targets.
    points : tuple of PlanePoints
        The examples.
    """

    inputs: tuple[str, str]
    outputs: tuple[str, ...]
    across: Array
    up: Array
    values: Array
    decided: NDArray[np.int64] | None
    classes: tuple[str, ...]
    points: tuple[PlanePoints, ...]

    def tables(self) -> list[TextTable]:
        """Return a table of the share of the plane of each class, or the range of each output."""
        axes = zip(self.inputs, (self.across, self.up), strict=True)
        ends = [f"{name} {number(float(at[0]))} to {number(float(at[-1]))}" for name, at in axes]
        note = f"{len(self.across)} × {len(self.up)} places: {', '.join(ends)}."
        rows = self._numbers() if self.decided is None else self._shares(self.decided)
        if self.decided is None:
            columns = ["output", "least", "largest"]
            columns += [f"rms error, {points.name}" for points in self._known]
        else:
            columns = ["class", "share of the plane"]
            for points in self._known:
                columns += [f"examples, {points.name}", "predicted right"]
        return [TextTable("The plane of the two inputs", tuple(columns), rows, note)]

    @property
    def places(self) -> Array:
        """The places of the grid, (grid², 2), row by row: the order of `values`."""
        return np.stack(np.meshgrid(self.across, self.up), axis=-1).reshape(-1, 2)

    @property
    def _known(self) -> list[PlanePoints]:
        """The points with a y."""
        return [p for p in self.points if p.labels is not None or p.wanted is not None]

    def _shares(self, decided: NDArray[np.int64]) -> list[tuple[Any, ...]]:
        rows = []
        for k, name in enumerate(self.classes):
            row: list[Any] = [name, float((decided == k).mean())]
            for points in self._known:
                assert points.labels is not None and points.wrong is not None
                own = points.labels == k
                row += [int(own.sum()), int((own & ~points.wrong).sum())]
            rows.append(tuple(row))
        return rows

    def _numbers(self) -> list[tuple[Any, ...]]:
        rows = []
        for j, name in enumerate(self.outputs):
            of_this = self.values[:, :, j]
            row: list[Any] = [name, float(of_this.min()), float(of_this.max())]
            for points in self._known:
                assert points.wanted is not None
                off = (points.said - points.wanted)[:, j]
                there = off[~np.isnan(off)]  # not where a target is missing
                row.append(float(np.sqrt((there**2).mean())) if len(there) else float("nan"))
            rows.append(tuple(row))
        return rows

    def plot(self, **options: Any) -> Any:
        """Draw the map with the examples on it; see `fastnn.plot.input_plane`."""
        from .. import plot

        return plot.input_plane(self, **options)


def input_plane(
    net: MLP,
    X: Any,
    y: Any = None,
    *,
    test: tuple[Any, Any] | None = None,
    grid: int = 101,
    limits: Sequence[Sequence[float]] | None = None,
) -> InputPlane:
    """Map the predictions of a network over the plane of its two inputs.

    `MLP.predict`, and for classes `MLP.classify`, are evaluated at grid × grid places in the units
    of X: the network's scaling of inputs and targets is included.

    Parameters
    ----------
    net : MLP
        With two inputs.
    X : array-like, shape (n, 2)
        Examples to draw on the map, as of `MLP.fit`.
    y : array-like, optional
        As of `MLP.fit`. Without it the examples have no colour.
    test : (X, y), optional
        Further examples, which the network was not trained on; their markers differ.
    grid : int, default 101
        Places along each side, 2 or more.
    limits : ((low, high), (low, high)), optional
        Range of each input. Default: that of all examples, and a tenth more on each side.

    Returns
    -------
    InputPlane
        Prints as a table; ``.plot()`` draws it.

    Raises
    ------
    ValueError, TypeError
        The network does not have two inputs, or another argument is wrong.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.MLP([2, 1], seed=0, dtype="float64")
    >>> net.params = [2, -1, 0.5]
    >>> plane = fastnn.explain.input_plane(net, [[0, 0], [10, 4]], grid=3, limits=((0, 10), (0, 4)))
    >>> plane.values[:, :, 0]  # 2 x − y + ½: x from left to right, y from one row to the next
    array([[ 0.5, 10.5, 20.5],
           [-1.5,  8.5, 18.5],
           [-3.5,  6.5, 16.5]])
    """
    check_mlp(net)
    if net.sizes[0] != 2:
        raise ValueError(
            f"input_plane maps networks with 2 inputs; this one reads {net.sizes[0]:,}"
        )
    grid = check_count("grid", grid, 2)
    given = [("given", ViewData(net, X, y))]
    if test is not None:
        given.append(("test", ViewData(net, *_pair(test))))
    first = given[0][1]
    tells_classes = first.labels is not None or (first.y is None and _decides(net))
    classes = first.classes or (_class_names(net) if tells_classes else ())
    points = tuple(_points(net, name, examples, classes) for name, examples in given)
    across, up = _axes(np.concatenate([each.x for each in points]), limits, grid)
    places = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    values = net.predict(places).astype(np.float64).reshape(grid, grid, -1)
    labels = NeuronNames(net)
    return InputPlane(
        inputs=(labels.neuron(0, 0), labels.neuron(0, 1)),
        outputs=tuple(labels.neuron(len(net.sizes) - 1, j) for j in range(net.sizes[-1])),
        across=across,
        up=up,
        values=values,
        decided=first.numbered(net, places).reshape(grid, grid) if tells_classes else None,
        classes=classes,
        points=points,
    )


def _pair(test: Any) -> tuple[Any, Any]:
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise ValueError("test must be a pair (X, y)")
    return test[0], test[1]


def _decides(net: MLP) -> bool:
    """Return whether a network predicts classes, as far as is known without a y."""
    return net.classes is not None or net.loss in ("cross_entropy", "binary_cross_entropy")


def _class_names(net: MLP) -> tuple[str, ...]:
    if net.classes is not None:
        return tuple(str(name) for name in net.classes)
    return tuple(str(j) for j in range(max(net.sizes[-1], 2)))


def _points(net: MLP, name: str, examples: ViewData, classes: tuple[str, ...]) -> PlanePoints:
    X = examples.X.toarray() if hasattr(examples.X, "toarray") else examples.X
    labels = examples.labels
    if examples.y is not None and (labels is None) != (not classes):
        raise ValueError("y and y of test must both be classes or both be numbers")
    if labels is not None and examples.classes != classes:  # strings unknown to the network
        known = {label: k for k, label in enumerate(classes)}
        names = [examples.classes[k] for k in labels]
        new = sorted(set(names) - known.keys())
        if new:
            raise ValueError(f"y of test has the class {new[0]!r}, which y does not have")
        labels = np.array([known[label] for label in names])
    return PlanePoints(
        name=name,
        x=np.asarray(X, np.float64),
        said=net.predict(examples.X).astype(np.float64),
        labels=labels,
        wanted=None
        if labels is not None or examples.y is None
        else net._passes.in_units(targets(net, examples.y, examples.n)).astype(np.float64),
        wrong=None if labels is None else examples.predicted(net) != labels,
    )


def _axes(x: Array, limits: Any, grid: int) -> tuple[Array, Array]:
    if limits is None:
        low, high = x.min(axis=0), x.max(axis=0)
        margin = _MARGIN * (high - low)
        margin[margin == 0] = 1
        box = np.stack([low - margin, high + margin], axis=1)
    else:
        expected = "limits must be ((low, high), (low, high)) with low < high"
        try:
            box = np.asarray(limits, np.float64)
        except (ValueError, TypeError):
            raise ValueError(f"{expected}, got {limits!r}") from None
        if box.shape != (2, 2) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
            raise ValueError(f"{expected}, got {limits!r}")
    (left, right), (bottom, top) = box.tolist()
    return np.linspace(left, right, grid), np.linspace(bottom, top, grid)
