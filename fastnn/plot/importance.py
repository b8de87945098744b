"""Importance of a table's columns, a bar each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import SERIES, WIDTH, figure, shortened

if TYPE_CHECKING:
    from ..explain.importance import Importance

_MOST = 20


def importance(found: Importance, *, most: int = _MOST) -> Any:
    """Draw the fall of the score for each column, with its deviation.

    Parameters
    ----------
    found : Importance
    most : int, default 20
        Columns drawn, from the most important.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    n = min(most, len(found.names))
    fig, grid = figure(1, 1, size=(WIDTH, max(2.2, 0.28 * n + 1.2)))
    axes = grid[0, 0]
    places = np.arange(n)
    axes.barh(places, found.falls[:n], xerr=found.deviations[:n], color=SERIES[0], ecolor=SERIES[2])
    axes.set_yticks(places, [shortened(name) for name in found.names[:n]])
    axes.invert_yaxis()
    axes.set_xlabel(f"fall of the {found.measure} of {found.score:.3f} when the column is shuffled")
    some = "" if n == len(found.names) else f" (the first {n} of {len(found.names)})"
    fig.suptitle(f"Importance of the columns{some}")
    return fig
