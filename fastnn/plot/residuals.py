"""Residuals of a regression: true against predicted numbers, and their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_count
from .style import PATH, SERIES, WIDTH, figure, shortened

if TYPE_CHECKING:
    from ..explain.residuals import Residuals

_MOST = 4  # targets
_DOTS = 3_000  # more would be one blot


def residuals(found: Residuals, *, most: int = _MOST) -> Any:
    """Draw true against predicted numbers, and the number of examples by residual.

    Parameters
    ----------
    found : Residuals
    most : int, default 4
        Targets drawn, from the first.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    n = min(check_count("most", most, 1), len(found.names))
    fig, grid = figure(n, 2, size=(WIDTH, 2.9 * n + 0.4))
    step = -(-len(found.true) // _DOTS)
    for j, (left, right) in enumerate(grid):
        true, predicted = found.true[:, j], found.predicted[:, j]
        low, high = (float(f(np.concatenate([true, predicted]))) for f in (np.min, np.max))
        left.plot([low, high], [low, high], color=PATH, linewidth=1.5, label="true = predicted")
        left.plot(predicted[::step], true[::step], ".", color=SERIES[0], markersize=4, alpha=0.6)
        left.set_xlabel(f"predicted {shortened(found.names[j])}")
        left.set_ylabel("true")
        left.legend(loc="upper left", fontsize="small")
        right.hist(
            found.residuals[:, j], bins="auto" if len(true) < 10_000 else 100, color=SERIES[0]
        )
        right.axvline(0, color=PATH, linewidth=1.5)
        right.set_xlabel("true minus predicted")
        right.set_ylabel("examples")
    some = "" if n == len(found.names) else f" (the first {n} of {len(found.names)} targets)"
    fig.suptitle(f"Residuals of {len(found.true):,} examples{some}")
    return fig
