"""Nudges of each example to each parameter, as a heat map with the average set apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import WIDTH, blank, diverging, readable, shortened

if TYPE_CHECKING:
    from ..explain.nudge_table import NudgeTable

_HEADING = 10  # letters that fit above one column
_NUMBERS = 8  # columns up to which cells hold their numbers,
_ROWS = 48  # and rows
_MOST = 24  # columns up to which each has its heading


def nudge_table(table: NudgeTable) -> Any:
    """Draw a row a parameter, a column an example, and the average of all examples beside them.

    Parameters
    ----------
    table : NudgeTable
        As `fastnn.explain.nudge_table` returns it. Images stand above their columns.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        The table has no row or no column.
    """
    n_rows, n_columns = table.nudges.shape
    if n_rows == 0 or n_columns == 0:
        raise ValueError("the table has no row or no column: there is nothing to plot")
    images = table.images
    cell = min(0.8, 4.4 / (n_columns + 1))
    width = WIDTH if n_columns > 3 else 5.6
    height = max(4.0, 2.2 + 0.32 * n_rows) + (0 if images is None else cell)
    made = blank((width, height))
    made.get_layout_engine().set(wspace=0.0, hspace=0.02)
    apart_by = n_columns / 6  # the average is as wide as a column of six
    widths = [*[1.0] * n_columns, 0.3 * apart_by, 1.2 * apart_by]
    top = 0.0 if images is None else 1.0
    grid = made.add_gridspec(
        2, n_columns + 2, width_ratios=widths, height_ratios=[max(top, 0.01), 0.32 / cell * n_rows]
    )
    main = made.add_subplot(grid[1, :n_columns])
    apart = made.add_subplot(grid[1, -1])
    if images is not None:
        for column, image in enumerate(images):
            ax = made.add_subplot(grid[0, column])
            ax.imshow(image, cmap="gray")
            ax.set_axis_off()
    nudges, average, _ = table.in_unit()
    cells, averages, _ = table.texts()
    numbers = n_columns <= _NUMBERS and n_rows <= _ROWS
    shaded = _heat(main, nudges, cells if numbers else [])
    beside = _heat(apart, average[:, None], [[text] for text in averages[:_ROWS]])
    names = [parameter.name for parameter in table.parameters]
    main.set_yticks(range(n_rows), names, family="monospace", fontsize="small")
    apart.set_yticks([])
    if n_columns <= _MOST:
        # a name that is wider than its column is turned
        wide = not numbers or any(len(label) > _HEADING for label in table.wanted)
        headings = [shortened(heading, 30) for heading in table.headings(" " if wide else "\n")]
        main.set_xticks(range(n_columns), headings, fontsize="small", rotation=90 if wide else 0)
    else:
        main.set_xticks([])
    apart.set_xticks([0], [f"average\nof {table.n:,}"], fontsize="small", weight="bold")
    main.set_xlabel("example")
    main.set_ylabel("parameter θ")
    bars = {"orientation": "horizontal", "pad": 0.02}
    label = f"−∂Cᵢ/∂θ, {table.unit}" if table.unit else "−∂Cᵢ/∂θ"
    made.colorbar(shaded, ax=main, label=label, aspect=40, **bars)
    bar = made.colorbar(beside, ax=apart, label="−∂C/∂θ", aspect=8, **bars)
    bar.set_ticks([0, beside.norm.vmax], labels=["0", f"{beside.norm.vmax:.2g}"])
    made.suptitle("What each example asks of each parameter;\nthe average is −∇C")
    return made


def _heat(ax: Any, values: Any, texts: list[list[str]]) -> Any:
    """Draw numbers as colours centred at 0, with the given texts."""
    limit = float(np.abs(values).max()) or 1.0
    shaded = ax.imshow(values, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto")
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = readable(shaded.cmap(shaded.norm(values[row, column])))
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    ax.tick_params(length=0)
    return shaded
