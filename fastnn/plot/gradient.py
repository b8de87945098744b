"""∇C as a picture: the steepest slopes, and their distribution in each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..words import ten_to_the, whole_percent
from .style import DASHES, SEQUENTIAL, WIDTH, figure, is_dark, powers_of_ten, signs

if TYPE_CHECKING:
    from ..explain.gradient import Sensitivity

_MOST = 40  # bars drawn
_BINS = 48
_LINE = 0.19  # inches of a line of a legend
_DECADES = 8  # below the largest slope; smaller ones are negligible


def slopes(ranking: Sensitivity) -> Any:
    """Draw the ranking as bars, and below it the distribution of |∂C/∂w| of each layer.

    The distribution ends 8 powers of ten below the largest slope; the legend has the shares of
    smaller slopes and of slopes that are 0.

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
    legend = _LINE * (len(ranking.layers) + 1)
    heights = [0.36 * n + 0.7, 1.9 + legend]
    fig, grid = figure(2, 1, size=(WIDTH, sum(heights) + 0.8), height_ratios=heights)
    _ranking(grid[0, 0], ranking, n)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    _distributions(grid[1, 0], ranking)
    low, high = grid[1, 0].get_ylim()
    grid[1, 0].set_ylim(low, high * (1.5 + legend) / 1.5)  # the curves keep what the legend leaves
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
    ax.set_yticks(rows, [f"{slope.words}\n{slope.name}" for slope in entries], fontsize="small")
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("|∂C/∂w|  (cost per unit of the weight or bias)")
    ax.figure.suptitle(f"What the cost depends on most: {n} of {ranking.n_params:,} slopes")
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", alpha=0.3)


def _distributions(ax: Any, ranking: Sensitivity) -> None:
    """Draw a curve a layer, the share of its slopes in each bin; the legend has the others."""
    layers = [
        np.abs(np.concatenate([weights.ravel(), biases]).astype(np.float64))
        for weights, biases in zip(ranking.gradient.weights, ranking.gradient.biases, strict=True)
    ]
    ax.set_title("How the slopes are spread")
    ax.set_xlabel("|∂C/∂w|")
    ax.set_ylabel("share of the layer's\nslopes (% a bin)")
    positive = np.concatenate([sizes[sizes > 0] for sizes in layers])
    if positive.size == 0:
        ax.text(0.5, 0.5, "all slopes are 0", ha="center", va="center", transform=ax.transAxes)
        return
    high = positive.max()
    cut = 10.0 ** (np.floor(np.log10(high)) - _DECADES)
    low = max(cut, float(np.quantile(positive, 0.01)))
    bins = np.geomspace(min(low, 0.5 * high), 1.05 * high, _BINS)
    for l, sizes in enumerate(layers):
        ax.hist(
            sizes,
            bins=bins,
            weights=np.full(sizes.size, 100 / sizes.size),
            histtype="step",
            linewidth=1.8,
            linestyle=DASHES[l % len(DASHES)],
            color=_colour(l, len(layers)),
            label=f"weights[{l}], biases[{l}]{_left_out(sizes, bins[0], low == cut)}",
        )
    powers_of_ten(ax, "x")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", fontsize="small")


def _colour(layer: int, n: int) -> Any:
    """Return the colour of a layer, from the first, bluish, to the last, yellowish."""
    from matplotlib import colormaps

    start = 0.4 if is_dark() else 0.15
    return colormaps[SEQUENTIAL](start + 0.55 * layer / max(n - 1, 1))


def _left_out(sizes: Any, low: float, cut: bool) -> str:
    """Return a text about the slopes that the curve does not show."""
    zeros = np.count_nonzero(sizes == 0) / sizes.size
    small = np.count_nonzero((sizes > 0) & (sizes < low)) / sizes.size
    words = f"; {whole_percent(zeros)} are 0" if zeros else ""
    if small and cut:
        words += f"; {whole_percent(small)} below {ten_to_the(round(np.log10(low)))}, not shown"
    return words
