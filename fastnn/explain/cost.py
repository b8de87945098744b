"""Outputs beside targets, and the cost of their difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..mlp import MLP, check_mlp
from ..words import number
from .neuron_names import NeuronNames, image_shape, targets
from .shown import PICTURE, Shown, TextTable
from .view_data import ViewData, row_numbers

Array = NDArray[Any]

_IN_FULL = 3  # examples up to which each has a table
_ENDS = 5  # of more examples, the number of the most and of the least costly that are shown
_OUTPUTS = 30  # rows of an example's table


@dataclass(frozen=True, eq=False)
class CostTable(Shown):
    """Outputs of a network on n examples, the targets, and the cost of the difference.

    Attributes
    ----------
    says, should_say : ndarray, shape (n, n_out)
        The output activations a and their targets y, in the units of y.
    squared : ndarray, shape (n, n_out)
        (a_j − y_j)².
    sums : ndarray, shape (n,)
        Σ_j (a_j − y_j)² of each example: the quadratic cost.
    mean : float
        Their (weighted) mean.
    loss : str
        The network's own loss.
    costs : ndarray, shape (n,)
        The network's own cost of each example; the same as `sums` if the loss is quadratic and the
        targets are not scaled (see `MLP.standardize`).
    mean_cost : float
        Their (weighted) mean, which training minimises.
    order : ndarray, shape (n,)
        The examples by the network's own cost, the most costly first.
    outputs : tuple of str
        Names of the outputs.
    classes, predicted : tuple of str, or None
        The target label of each example and the network's; None if the targets are not classes.
    shown : tuple of int
        The examples that are printed output by output; `plot` draws the first of them.
    output : str
        The output function.
    image_shape : tuple of int, or None
        (rows, columns) of an example; None if the inputs are no picture.
    """

    says: Array
    should_say: Array
    squared: Array
    sums: Array
    mean: float
    loss: str
    costs: Array
    mean_cost: float
    order: Array
    outputs: tuple[str, ...]
    classes: tuple[str, ...] | None
    predicted: tuple[str, ...] | None
    shown: tuple[int, ...]
    output: str = field(metadata=PICTURE)
    image_shape: tuple[int, int] | None = field(metadata=PICTURE)
    _examples: ViewData

    def tables(self) -> list[TextTable]:
        """Return a table for each example in `shown`, or one of the most and the least costly."""
        if not self.shown:
            return [self._summary()]
        return [self._one(example) for example in self.shown]

    def plot(self, example: int | None = None) -> Any:
        """Draw one example: outputs, targets, and the squared differences.

        Parameters
        ----------
        example : int, optional
            Default: the first in `shown`, else the most costly, ``table.order[0]``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ..plot.cost import cost_columns

        if example is None:
            example = self.shown[0] if self.shown else int(self.order[0])
        return cost_columns(self, example)

    @property
    def sums_are_costs(self) -> bool:
        """Whether Σ (a − y)² is the network's own cost: quadratic, of unscaled targets."""
        return self.loss == "quadratic" and bool(np.allclose(self.sums, self.costs, 1e-3, 1e-6))

    def input(self, example: int) -> Array:
        """Return the unscaled inputs of an example, (n_in,); pixels as fractions of 255."""
        row: Array = self._examples.dense(slice(example, example + 1))[0]
        return row

    def verdict(self, example: int) -> str:
        """Return a sentence with the network's class for the example and the target class."""
        answer = self.answer(example)
        return f"example {example}{answer and f': {answer[:1].lower()}{answer[1:-1]}'}"

    def answer(self, example: int) -> str:
        """Return the answer beside the target class; "" if the targets are not classes."""
        if self.classes is None or self.predicted is None:
            return ""
        right, said = self.classes[example], self.predicted[example]
        return (
            f"The network says {said}, {'which is right' if right == said else f'it is {right}'}."
        )

    def note(self, example: int) -> str:
        """Return a sentence with the cost of one example."""
        note = f"Σ (a − y)² = {number(self.sums[example])}"
        if self.sums_are_costs:
            return f"{note}, the cost of this example."
        return f"{note}; the network's own cost of it ({self.loss}): {number(self.costs[example])}."

    def _one(self, example: int) -> TextTable:
        shown = np.arange(len(self.outputs))
        note = self.note(example)[:-1]
        if len(self.sums) > 1 and example == self.shown[-1]:
            note += f". {self._means()[:-1]}"
        if len(shown) > _OUTPUTS:
            shown = np.sort(np.argsort(-self.squared[example], kind="stable")[:_OUTPUTS])
            note += f". The {_OUTPUTS} outputs that are furthest off, of {len(self.outputs):,}"
        rows = [
            (
                self.outputs[j],
                self.says[example, j],
                self.should_say[example, j],
                self.squared[example, j],
            )
            for j in shown
        ]
        title = self.verdict(example)
        columns = ("output", "says a", "should say y", "(a − y)²")
        return TextTable(title[0].upper() + title[1:], columns, rows, f"{note}.")

    def _summary(self) -> TextTable:
        n = len(self.sums)
        ends = min(_ENDS, n // 2)
        rows = []
        for which, examples in (("most", self.order[:ends]), ("least", self.order[-ends:])):
            for i in examples[:: 1 if which == "most" else -1]:
                rows.append((which, int(i), *self._target_and_prediction(i), *self._costs(i)))
        if self.classes is not None:
            heads = ("should say", "says")
        elif len(self.outputs) == 1:
            heads = ("should say y", "says a")
        else:
            heads = ("furthest off", "(a − y)² of it")
        own = () if self.sums_are_costs else (self.loss,)
        return TextTable(
            f"The most and the least costly of {n:,} examples",
            ("", "example", *heads, *own, "Σ (a − y)²"),
            rows,
            self._means(),
        )

    def _target_and_prediction(self, i: int) -> tuple[Any, Any]:
        if self.classes is not None and self.predicted is not None:
            return self.classes[i], self.predicted[i]
        if len(self.outputs) == 1:
            return self.should_say[i, 0], self.says[i, 0]
        worst = int(self.squared[i].argmax())
        return self.outputs[worst], self.squared[i, worst]

    def _costs(self, i: int) -> tuple[Any, ...]:
        own = () if self.sums_are_costs else (self.costs[i],)
        return (*own, self.sums[i])

    def _means(self) -> str:
        mean = f"Mean of Σ (a − y)² over {len(self.sums):,} examples: {number(self.mean)}"
        if self.sums_are_costs:
            return f"{mean}, the cost of the network."
        return f"{mean}; of the network's own cost ({self.loss}): {number(self.mean_cost)}."


def cost_table(
    net: MLP, X: Any, y: Any, *, examples: Any = None, sample_weight: ArrayLike | None = None
) -> CostTable:
    """Return outputs beside their targets, and the cost of the differences.

    The quadratic cost of one example is C = Σ_j (a_j − y_j)², with outputs a and targets y; the
    cost of the network is the mean over all examples (Nielsen, Neural Networks and Deep Learning,
    ch. 1, eq. 6, there with a factor ½). If the network has another loss, its own costs are listed
    too.

    Parameters
    ----------
    net : MLP
    X, y, sample_weight
        As of `MLP.fit`. For pictures of the inputs the result refers to X, not to a copy.
    examples : sequence of int, optional
        Rows of X to print output by output. By default all of up to 3; of more, the most and the
        least costly are printed in a line each.

    Returns
    -------
    CostTable

    Raises
    ------
    ValueError, TypeError
        As `MLP.fit` does of X, y and sample_weight.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.explain import cost_table
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> table = cost_table(net, X[:1], y[:1])
    >>> table.squared.shape
    (1, 10)
    >>> bool(table.sums[0] == table.squared[0].sum())
    True
    """
    check_mlp(net)
    costs = net.cost(X, y, sample_weight=sample_weight, per_example=True)
    n = len(costs)
    says, should_say = net.predict(X), net._passes.in_units(targets(net, y, n))
    squared = np.nan_to_num((says.astype(np.float64) - should_say) ** 2)  # missing: no cost
    sums = squared.sum(axis=1)
    data, weights = ViewData(net, X, y), net._passes.examples(X, y, sample_weight)[0].weight
    if examples is None:
        examples = range(n) if n <= _IN_FULL else ()
    classes, predicted = _labels(net, data)
    return CostTable(
        says=says,
        should_say=should_say,
        squared=squared,
        sums=sums,
        mean=float(np.average(sums, weights=weights)),
        loss=net.loss,
        costs=costs,
        mean_cost=float(np.average(costs, weights=weights)),
        order=np.argsort(-costs, kind="stable"),
        outputs=tuple(NeuronNames(net).classes),
        classes=classes,
        predicted=predicted,
        shown=tuple(int(row) for row in row_numbers("examples", examples, n)),
        output=net.output,
        image_shape=image_shape(net),
        _examples=data,
    )


def _labels(net: MLP, examples: ViewData) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the target label and the predicted label of each example; None if y has no labels."""
    if examples.labels is None:
        return None, None
    more = range(len(examples.classes), net.sizes[-1])  # outputs without a known class
    names = (*examples.classes, *map(str, more))
    found = examples.predicted(net)
    return tuple(names[k] for k in examples.labels), tuple(names[k] for k in found)
