"""Outputs of one example beside their targets, as lamps or bars, and the squared differences."""

from __future__ import annotations

from operator import index
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from ..words import brief, circled
from .style import SERIES, WIDTH, figure, ink, readable, shades, shortened, span, told

if TYPE_CHECKING:
    from ..explain.cost import CostTable

_MOST = 24  # outputs drawn
_LINE = 50  # letters of a title


def cost_columns(table: CostTable, example: int = 0) -> Any:
    """Draw outputs, targets, and the squared differences.

    Activations from 0 to 1, and those of tanh, are lamps whose brightness is the activation; others
    are bars. Of more than 24 outputs the 24 with the largest differences are drawn.

    Parameters
    ----------
    table : CostTable
    example : int, default 0

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, TypeError
        There is no such example.
    ImportError
        matplotlib is not installed.
    """
    example = _example(example, len(table.sums))
    squared = table.squared[example]
    shown = np.sort(np.argsort(-squared, kind="stable")[:_MOST])
    says, should_say = table.says[example, shown], table.should_say[example, shown]
    names = [shortened(table.outputs[j]) for j in shown]
    pictured = table.image_shape is not None
    height = max(3.4 if pictured else 2.4, 0.38 * len(shown) + 1.5)
    ratios = [1.0, 1.7] if pictured else [1.0]
    size = (WIDTH if pictured else 5.6, height)
    fig, grid = figure(1, len(ratios), size=size, width_ratios=ratios)
    if pictured:
        image = grid[0, 0]
        image.imshow(table.input(example).reshape(table.image_shape), cmap="gray")
        image.set_title("the input")
        image.set_xticks([])
        image.set_yticks([])
    low, high = span(table.says[example], table.output)
    within = low <= should_say.min() and should_say.max() <= high
    if (low, high) in ((0, 1), (-1, 1)) and within:
        _lamps(grid[0, -1], names, says, should_say, squared[shown], (low, high))
    else:
        _bars(grid[0, -1], names, says, should_say, squared[shown])
    some = "" if len(shown) == squared.size else f"\nthe {_MOST} furthest off of {squared.size:,}"
    fig.suptitle(_title(table, example) + some)
    return fig


def _example(example: Any, n: int) -> int:
    expected = f"example must be 0 to {n - 1}"
    try:
        place = index(example)
    except TypeError:
        raise TypeError(f"{expected}, got {example!r}") from None
    if not 0 <= place < n:
        raise ValueError(f"{expected}, got {place}")
    return place


def _title(table: CostTable, example: int) -> str:
    verdict = table.verdict(example)
    total, cost = (brief(values[example], 3) for values in (table.sums, table.costs))
    words = f"cost Σ (a − y)² = {total}"
    if not table.sums_are_costs:
        words = f"Σ (a − y)² = {total}, cost {cost} ({table.loss})"
    return fill(f"{verdict[0].upper()}{verdict[1:]}", _LINE) + f"\n{words}"


def _lamps(
    ax: Any, names: list[str], says: Any, should_say: Any, squared: Any, ends: tuple[float, float]
) -> None:
    """Draw two columns of circles and, beside them, the squared differences as bars."""
    rows = np.arange(len(names))
    for x, values in ((0.0, says), (1.0, should_say)):
        greys = [str(shade) for shade in shades(values, ends)]
        ax.scatter(
            np.full(len(rows), x),
            rows,
            s=540,
            c=greys,
            edgecolors=ink(),
            linewidths=1,
            zorder=2,
        )
        for row, value, grey in zip(rows, values, greys, strict=True):
            text = f"{value:g}" if value in (0, 1, -1) else circled(value)
            ax.text(x, row, text, color=readable(grey), ha="center", va="center", size=8, zorder=3)
    largest = squared.max() or 1.0
    start, width = 1.75, 1.5
    ax.barh(rows, width * squared / largest, left=start, height=0.5, color=SERIES[1])
    for row, value in zip(rows, squared, strict=True):
        at = start + width * value / largest + 0.06
        ax.text(at, row, f"{value:.2g}" if value >= 1e-4 else "<0.0001" if value else "0",
                va="center", size="small")  # fmt: skip
    for x, text in ((0.0, "says\na"), (1.0, "should\nsay y"), (start + 0.3, "(a − y)²")):
        ax.text(x, -0.7, text, ha="center", va="bottom", weight="bold", size="small")
    ax.text(0.5, len(rows) - 0.35, told(ends), ha="center", va="top", size="small")
    ax.set_yticks(rows, names)
    ax.set_ylabel("output")
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, start + width + 0.9)
    ax.set_ylim(len(rows) + 0.2, -1.8)
    ax.grid(False)
    for side in ax.spines.values():
        side.set_visible(False)


def _bars(ax: Any, names: list[str], says: Any, should_say: Any, squared: Any) -> None:
    """Draw outputs as bars, targets as marks, and the squared difference beside each."""
    rows = np.arange(len(names))
    ax.barh(rows, says, height=0.5, color=SERIES[2], label="says a")
    ax.scatter(should_say, rows, marker="D", s=40, color=ink(), zorder=3, label="should say y")
    ax.hlines(rows, says, should_say, color=SERIES[1], linewidth=3, zorder=2, label="difference")
    low, high = min(0.0, says.min(), should_say.min()), max(0.0, says.max(), should_say.max())
    size = (high - low) or 1.0
    for row, value in zip(rows, squared, strict=True):
        words = f"(a − y)² = {brief(value)}"
        ax.text(high + 0.05 * size, row, words, va="center", size="small")
    ax.axvline(0, color=ink(), linewidth=0.8)
    ax.set_xlim(low - 0.05 * size, high + 0.5 * size)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(rows, names)
    ax.set_ylabel("output")
    ax.set_xlabel("activation")
    ax.figure.legend(loc="outside lower center", ncols=3)
