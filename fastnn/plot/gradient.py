"""∇C as a picture: the steepest slopes, and how slopes are spread in each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import SERIES, figure, signs

if TYPE_CHECKING:
    from fastnn.explain.gradient import Sensitivity

_MOST = 40  # bars drawn
_BINS = 48


def slopes(ranking: Sensitivity) -> Any:
    """Draw the ranking as bars, and beside it the distribution of |∂C/∂w| of each layer.

    Parameters
    ----------
    ranking : Sensitivity
        Of more than 40 entries the first 40 are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    n = min(len(ranking.entries), _MOST)
    fig, grid = figure(1, 2, size=(12, max(3.8, 0.235 * n + 1.5)), width_ratios=[1.15, 1])
    _ranking(grid[0, 0], ranking, n)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    _distributions(grid[0, 1], ranking)
    return fig


def _ranking(ax: Any, ranking: Sensitivity, n: int) -> None:
    up, down = signs()
    entries, rows = ranking.entries[:n], np.arange(n)
    for wish, color in (("increase", up), ("decrease", down)):
        mine = [row for row in rows if entries[row].to_lower_cost == wish]
        ax.barh(
            mine,
            [abs(entries[row].value) for row in mine],
            color=color,
            height=0.7,
            label=f"{wish} it to lower the cost",
        )
    ax.set_yticks(rows, [f"{slope.words}   {slope.name}" for slope in entries], size=8)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("|∂C/∂w|  (cost per unit of the weight or bias)")
    ax.set_title(f"What the cost depends on most: {n} of {ranking.n_params:,} slopes", size=11)
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", alpha=0.3)


def _distributions(ax: Any, ranking: Sensitivity) -> None:
    """Draw a curve a layer, the share of its slopes in each bin; zeros are told in the legend."""
    layers = [
        np.abs(np.concatenate([weights.ravel(), biases]).astype(np.float64))
        for weights, biases in zip(ranking.gradient.weights, ranking.gradient.biases, strict=True)
    ]
    positive = np.concatenate([sizes[sizes > 0] for sizes in layers])
    ax.set_title("How the slopes are spread", size=11)
    ax.set_xlabel("|∂C/∂w|")
    ax.set_ylabel("share of the layer's slopes (% a bin)")
    if positive.size == 0:
        ax.text(0.5, 0.5, "all slopes are 0", ha="center", va="center", transform=ax.transAxes)
        return
    # Slopes of saturated neurons reach down to denormals: the smallest percent is left outside.
    low, high = np.quantile(positive, 0.01), positive.max()
    bins = np.geomspace(min(low, 0.5 * high), 1.05 * high, _BINS)
    for l, sizes in enumerate(layers):
        share = np.full(sizes.size, 100 / sizes.size)
        zeros = np.count_nonzero(sizes == 0) / sizes.size
        note = f", {_percent(zeros)} are 0" if zeros else ""
        ax.hist(
            sizes,
            bins=bins,
            weights=share,
            histtype="step",
            linewidth=2,
            linestyle=("-", "--", "-.", ":")[l % 4],
            color=SERIES[l % len(SERIES)],
            label=f"weights[{l}], biases[{l}]{note}",
        )
    ax.set_xscale("log")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left")
    # Room for the legend: a line of it is 0.24 inches high, and titles and labels take 1.3.
    legend = (0.24 * len(layers) + 0.3) / (ax.figure.get_figheight() - 1.3)
    ax.set_ylim(top=ax.get_ylim()[1] / (1 - min(legend, 0.6)))


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "<1%"
