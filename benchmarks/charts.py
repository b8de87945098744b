"""Charts of the benchmarks, as SVG for white and dark pages.

Text and lines have a grey with a contrast of 4.5 on both; the colours are those of Okabe and Ito,
which colour-blind readers can distinguish; the background is transparent. Needs matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contenders import OURS
from contenders.runner import Result

GREY = "#767676"
COLOURS = {
    "fastnn": "#0072b2",
    "torch": "#d55e00",
    "torch-compile": "#e69f00",
    "jax": "#009e73",
    "sklearn": "#56b4e9",
    "kann": "#cc79a7",
    "onnxruntime": "#a6761d",
    "numpy": "#a8a8a8",
}
STYLE = {
    "svg.hashsalt": "fastnn",  # the same figure has the same bytes
    "font.size": 9,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
Series = Mapping[str, Sequence[tuple[float, float]]]


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
    return plt


def _plain(value: float, position: int) -> str:
    """Return a tick's number: 512, 20k, 1M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit and (value >= 1e4 or value % unit == 0):
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})


def ratios(results: Sequence[Result], path: Path) -> None:
    """Draw a bar for each peer and workload: fastnn's rate over the peer's, with its spread."""
    plt = _pyplot()
    bars = [
        (result.workload.name, row)
        for result in results
        for row in result.rows
        if row.ratio is not None and row.contender in COLOURS and row.contender != OURS
    ]
    if plt is None or not bars:
        return
    figure, axes = plt.subplots(figsize=(7.5, 1 + 0.2 * len(bars) + 0.2 * len(results)))
    y, labels = 0.0, []
    for number, (name, row) in enumerate(bars):
        new = number == 0 or bars[number - 1][0] != name
        y -= 1.8 if new else 1
        middle, least, most = row.ratio
        axes.barh(y, middle - 1, left=1, height=0.75, color=COLOURS[row.contender])
        axes.plot([least, most], [y, y], color=GREY, linewidth=1.2)
        right = max(most, 1.0)
        axes.annotate(
            f"{middle:.3g}", (right, y), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
        labels.append((y, row.contender))
        if new:
            axes.annotate(
                name,
                (0, y),
                (-86, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontweight="bold",
            )
    axes.set_xscale("log")
    axes.axvline(1, color=GREY, linewidth=1)
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]
    low = min(row.ratio[1] for _, row in bars if row.ratio is not None)
    high = max(row.ratio[2] for _, row in bars if row.ratio is not None)
    axes.set_xlim(min(0.8, low / 1.1), max(2.2, high * 1.5))
    left, right = axes.get_xlim()
    shown = [tick for tick in ticks if left <= tick <= right]
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.minorticks_off()
    axes.set_yticks([y for y, _ in labels], [name for _, name in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 1, 0)
    axes.set_xlabel("fastnn's rate over the other's; bar: median, line: least to greatest round")
    _save(figure, path)
    plt.close(figure)


def scaling(panels: Sequence[tuple[str, Series]], path: Path) -> None:
    """Draw examples a second against each thing that was varied, a line for each library."""
    plt = _pyplot()
    panels = [panel for panel in panels if any(panel[1].values())]
    if plt is None or not panels:
        return
    figure, every = plt.subplots(
        (len(panels) + 1) // 2, 2, figsize=(8, 2.9 * ((len(panels) + 1) // 2)), squeeze=False
    )
    for axes in every.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, series) in zip(every.flat, panels, strict=False):
        for name, points in series.items():
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, marker="o", markersize=3.5, color=COLOURS[name], label=name)
        axes.set_xscale("log", base=2 if title != "rows" else 10)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(_plain)
        axes.yaxis.set_major_formatter(_plain)
        axes.yaxis.set_major_locator(plt.LogLocator(subs=(1, 2, 5), numticks=9))
        axes.yaxis.set_minor_formatter("")
        if title == "threads":
            axes.set_xticks(sorted({x for line in series.values() for x, _ in line}))
        axes.set_xlabel(title)
        axes.set_ylabel("examples/s")
        axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
    every.flat[0].legend(frameon=False)
    figure.tight_layout()
    _save(figure, path)
    plt.close(figure)


def heat_map(found: Mapping[str, Mapping[tuple[str, str], float]], path: Path) -> None:
    """Draw a panel for each peer: the ratio of every cell, by network and by optimiser and batch.

    Colours are of the logarithm of the ratio: blue where fastnn is ahead, red where it is behind.
    """
    plt = _pyplot()
    panels = {peer: cells for peer, cells in found.items() if cells}
    if plt is None or not panels:
        return
    names = {row: None for cells in panels.values() for row, _ in cells}
    heads = {column: None for cells in panels.values() for _, column in cells}
    figure, every = plt.subplots(
        1,
        len(panels),
        figsize=(1.5 + 0.5 * len(heads) * len(panels), 1 + 0.28 * len(names)),
        squeeze=False,
        sharey=True,
    )
    for axes, (peer, cells) in zip(every.flat, panels.items(), strict=True):
        for (row, column), ratio in cells.items():
            y, x = list(names).index(row), list(heads).index(column)
            strength = min(abs(math.log10(ratio)) / 1.5, 1.0)
            colour = (*((0.0, 0.45, 0.7) if ratio >= 1 else (0.84, 0.37, 0.0)), strength)
            axes.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="none"))
            shade = "white" if strength > 0.5 else GREY
            axes.text(
                *(x + 0.5, y + 0.5, f"{ratio:.3g}"),
                ha="center",
                va="center",
                fontsize=7,
                color=shade,
            )
        axes.set_xlim(0, len(heads))
        axes.set_ylim(len(names), 0)
        axes.set_xticks([x + 0.5 for x in range(len(heads))], list(heads), rotation=90)
        axes.set_yticks([y + 0.5 for y in range(len(names))], list(names))
        axes.tick_params(length=0)
        axes.set_title(f"times {peer}'s rate", fontsize=9)
    figure.tight_layout()
    _save(figure, path)
    plt.close(figure)
