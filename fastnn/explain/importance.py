"""Permutation importance: the fall of a score when one column of a table is shuffled.

A column's cells are shuffled among the rows, with all units that stand for it, and the score falls:
Breiman, "Random Forests", Machine Learning 45 (2001), section 10. Columns that say the same share
their importance, as each stands in for the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..ensemble import Ensemble
from ..export.facts import task_of
from ..mlp import MLP, check_mlp
from ..tabular.model import TableModel
from ..tabular.task_data import columns_of
from .shown import Shown, TextTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Array = npt.NDArray[np.float64]

_REPEATS = 5
_MOST_ROWS = 5_000  # that are scored; more would change no order


@dataclass(frozen=True, eq=False)
class Importance(Shown):
    """The fall of a score when one column is shuffled.

    Attributes
    ----------
    names : tuple of str
        The columns, from the most important.
    falls : ndarray, shape (columns,)
        Mean fall of the score.
    deviations : ndarray, shape (columns,)
        Standard deviation of the fall over the shuffles.
    score : float
        The score as it is.
    measure : {"accuracy", "R2"}
    examples : int
        The number of rows that were scored.
    """

    names: tuple[str, ...]
    falls: Array
    deviations: Array
    score: float
    measure: str
    examples: int

    def tables(self) -> list[TextTable]:
        """Return a row for each column."""
        rows = list(zip(self.names, self.falls.tolist(), self.deviations.tolist(), strict=True))
        note = (
            f"The {self.measure} of {self.score:.4f} on {self.examples:,} examples falls by so "
            "much when the cells of one column are shuffled."
        )
        return [TextTable("Importance of the columns", ("column", "fall", "deviation"), rows, note)]

    def plot(self, **options: Any) -> Any:
        """Draw a bar for each column (`fastnn.plot.importance`)."""
        from ..plot.importance import importance as draw

        return draw(self, **options)


def importance(
    net: MLP | Ensemble | TableModel,
    X: Any,
    y: ArrayLike | None = None,
    *,
    repeats: int = _REPEATS,
    most: int = _MOST_ROWS,
    seed: int = 0,
) -> Importance:
    """Measure how much each column matters: the fall of accuracy, or R², when it is shuffled.

    Parameters
    ----------
    net : MLP, Ensemble or TableModel
        Of an ensemble the mean is scored.
    X : array-like (n, n_in), or a table of raw rows with targets
        Inputs of a network, or what `TableModel.evaluate` takes.
    y : array-like, shape (n,) or (n, n_out)
        The targets; not for a `TableModel`.
    repeats : int, default 5
        Shuffles of each column.
    most : int, default 5000
        Of more rows, so many are drawn and scored.
    seed : int, default 0

    Returns
    -------
    Importance
        All units of a column (levels of a category, parts of a date, the flag of missing cells) are
        shuffled as one.

    Raises
    ------
    ValueError
        If `repeats` is below 1 or `most` below 2, or there are fewer than two rows.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> net = fastnn.MLP([2, 1], seed=0)
    >>> net.params[:] = [3, 0, 0]
    >>> fastnn.explain.importance(net, X, 3 * X[:, 0]).falls.round(1).tolist()
    [2.0, 0.0]
    """
    if repeats < 1 or most < 2:
        raise ValueError(
            f"expected repeats of 1 or more and most of 2 or more, got {repeats}, {most}"
        )
    known, outputs, inputs, targets = opened(net, X, y, "importance")
    rng = np.random.default_rng(seed)
    if len(inputs) > most:
        chosen = rng.choice(len(inputs), most, replace=False)
        inputs, targets = inputs[chosen], targets[chosen]
    classify = task_of(known) == "classify" and targets.ndim == 1

    def score(rows: Any) -> float:
        if classify:
            return float(np.mean(known.classify(rows) == targets))
        true = targets.reshape(len(targets), -1)
        squared = np.mean((outputs(rows) - true) ** 2, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.mean(1 - squared / np.var(true, axis=0)))

    whole = score(inputs)
    groups = _groups(known)
    falls = np.empty((len(groups), repeats))
    for i, (_, units) in enumerate(groups):
        for k in range(repeats):
            shuffled = inputs.copy()
            shuffled[:, units] = inputs[rng.permutation(len(inputs))][:, units]
            falls[i, k] = whole - score(shuffled)
    order = np.argsort(-falls.mean(axis=1), kind="stable")
    return Importance(
        tuple(groups[i][0] for i in order),
        falls.mean(axis=1)[order],
        falls.std(axis=1)[order],
        whole,
        "accuracy" if classify else "R2",
        len(inputs),
    )


def opened(
    net: MLP | Ensemble | TableModel, X: Any, y: ArrayLike | None, what: str
) -> tuple[MLP | Ensemble, Callable[[Any], Any], Any, Any]:
    """Return the networks of a model, the function of their outputs, and examples as arrays."""
    if isinstance(net, TableModel):
        X, y = net.examples(X)
        net = net.network
    known = net if isinstance(net, Ensemble) else check_mlp(net)
    answers = known.mean if isinstance(known, Ensemble) else known.predict
    first = known[0] if isinstance(known, Ensemble) else known
    if y is None:
        raise ValueError(f"{what} needs y, the targets of X")
    inputs, targets = np.asarray(X), np.asarray(y)
    if inputs.ndim != 2 or len(inputs) < 2 or len(inputs) != len(targets):
        raise ValueError(f"{what} needs two rows or more in X, (n, n_in), and a target for each")
    if task_of(known) != "classify" or targets.ndim > 1:
        n_targets = first._passes.central(answers(inputs[:1])).shape[1]
        width = 1 if targets.ndim == 1 else targets.shape[1]
        if targets.ndim > 2 or width != n_targets:
            raise ValueError(
                f"y has the shape {targets.shape}; the model has {n_targets} targets a row"
            )
    return known, lambda rows: first._passes.central(answers(rows)), inputs, targets


def _groups(net: MLP | Ensemble) -> list[tuple[str, slice]]:
    """Return the columns of the table, each with its inputs of the network."""
    columns, n_in = columns_of(net), (net[0] if isinstance(net, Ensemble) else net).sizes[0]
    if columns is None:
        names = net.feature_names or tuple(f"x{j}" for j in range(n_in))
        return [(name, slice(j, j + 1)) for j, name in enumerate(names)]
    found, start = [], 0
    for column in columns.columns:
        if column.used:
            found.append((column.name, slice(start, start + len(column.units))))
            start += len(column.units)
    return found
