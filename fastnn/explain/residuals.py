"""Residuals of a regression: true minus predicted number, of each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..ensemble import Ensemble
from ..export.facts import task_of
from ..mlp import MLP
from ..tabular.model import TableModel
from .importance import opened
from .shown import Shown, TextTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Array = npt.NDArray[np.float64]

_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_LISTED = 10


@dataclass(frozen=True, eq=False)
class Residuals(Shown):
    """True minus predicted numbers.

    Attributes
    ----------
    true, predicted : ndarray, shape (n, targets)
        In the units of the targets.
    names : tuple of str
        One for each target.
    """

    true: Array
    predicted: Array
    names: tuple[str, ...]

    @property
    def residuals(self) -> Array:
        """True minus predicted, (n, targets)."""
        return self.true - self.predicted

    def tables(self) -> list[TextTable]:
        """Return the quantiles of the residuals, and the examples that are farthest off."""
        found = []
        for j, name in enumerate(self.names):
            r = self.residuals[:, j]
            said = ("least", "10 %", "25 %", "median", "75 %", "90 %", "greatest")
            quantiles = zip(said, np.quantile(r, _SHARES).tolist(), strict=True)
            spread = float(self.true[:, j].var())
            fit = f", R² {1 - float(np.mean(r**2)) / spread:.4f}" if spread else ""
            root = float(np.sqrt(np.mean(r**2)))
            note = f"{len(r):,} examples; root of the mean square {root:.6g}{fit}."
            title = f"Residuals of {name}: true minus predicted"
            found.append(TextTable(title, ("share below", "residual"), list(quantiles), note))
            worst = np.argsort(-np.abs(r), kind="stable")[:_LISTED]
            rows = [
                (int(i), float(self.true[i, j]), float(self.predicted[i, j]), float(r[i]))
                for i in worst
            ]
            columns = ("example", "true", "predicted", "residual")
            found.append(TextTable(f"Farthest off: {name}", columns, rows))
        return found

    def plot(self, **options: Any) -> Any:
        """Draw true against predicted numbers, and the residuals (`fastnn.plot.residuals`)."""
        from ..plot.residuals import residuals as draw

        return draw(self, **options)


def residuals(net: MLP | Ensemble | TableModel, X: Any, y: ArrayLike | None = None) -> Residuals:
    """Compare predicted numbers with the true ones, example by example.

    Parameters
    ----------
    net : MLP, Ensemble or TableModel
        Of an ensemble the mean.
    X : array-like (n, n_in), or a table of raw rows with targets
        Inputs of a network, or what `TableModel.evaluate` takes.
    y : array-like, shape (n,) or (n, n_out)
        The true numbers; not for a `TableModel`.

    Returns
    -------
    Residuals

    Raises
    ------
    ValueError
        If the network answers classes, y has another shape or is not finite, or there are fewer
        than two rows.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> net = fastnn.MLP([1, 1], seed=0)
    >>> net.params[:] = [2, 0]
    >>> fastnn.explain.residuals(net, [[1], [2], [3]], [2, 5, 6]).residuals[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """
    known, outputs, inputs, targets = opened(net, X, y, "residuals")
    if task_of(known) == "classify":
        raise ValueError("residuals are of numbers; this model answers classes")
    if targets.dtype.kind not in "biuf" or not np.isfinite(targets).all():
        raise ValueError("y must be finite numbers: residuals are differences to them")
    true = targets.astype(np.float64).reshape(len(targets), -1)
    predicted = outputs(inputs).astype(np.float64)
    if not np.isfinite(predicted).all():
        raise ValueError("the outputs of the network are not finite")
    said = known.metadata.get("target_names") or [known.metadata.get("target_name") or "the target"]
    names = tuple(map(str, said))
    if len(names) != true.shape[1]:
        names = tuple(f"target {j}" for j in range(true.shape[1]))
    return Residuals(true, predicted, names)
