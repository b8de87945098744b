"""What each example asks of each parameter, as a heat map with the average set apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import DIVERGING, pyplot, shortened

if TYPE_CHECKING:
    from fastnn.explain.nudge_table import NudgeTable

_HEADING = 10  # letters that have room above one column
_MOST = 24  # columns, and twice as many rows, up to which cells hold their numbers


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
    images, cell = table._images, 0.8 if n_columns <= _MOST else 0.2
    width = max(7.5, 3.4 + cell * (n_columns + 1))
    height = max(4.0, 2.0 + 0.32 * n_rows) + (0 if images is None else cell)
    made = pyplot().figure(figsize=(width, height), layout="constrained")
    made.get_layout_engine().set(wspace=0.0, hspace=0.02)
    widths = [*[1.0] * n_columns, 0.35, 1.3]
    top = 0.0 if images is None else 1.0
    grid = made.add_gridspec(
        2, n_columns + 2, width_ratios=widths, height_ratios=[max(top, 0.01), 0.42 * n_rows]
    )
    main = made.add_subplot(grid[1, :n_columns])
    apart = made.add_subplot(grid[1, -1])
    if images is not None:
        for column, image in enumerate(images):
            ax = made.add_subplot(grid[0, column])
            ax.imshow(image, cmap="gray")
            ax.set_axis_off()
    (nudges, unit), (averages, small) = table.in_units()
    shaded, average = _heat(main, nudges), _heat(apart, averages[:, None])
    names = [parameter.name for parameter in table.parameters]
    main.set_yticks(range(n_rows), names, family="monospace", fontsize="small")
    apart.set_yticks([])
    if n_columns <= _MOST:
        wide = any(len(label) > _HEADING for label in table.wanted)  # they would overlap
        headings = [shortened(heading, 30) for heading in table.headings(" " if wide else "\n")]
        main.set_xticks(range(n_columns), headings, fontsize="small", rotation=90 if wide else 0)
    apart.set_xticks([0], [f"average\nof {table.n:,}"], fontsize="small", weight="bold")
    main.set_xlabel("example")
    main.set_ylabel("parameter θ")
    bars = {"orientation": "horizontal", "pad": 0.02, "aspect": 40}
    made.colorbar(shaded, ax=main, label=f"−∂Cᵢ/∂θ {unit}", **bars)
    bar = made.colorbar(average, ax=apart, label=f"−∂C/∂θ {small}", **{**bars, "aspect": 8})
    bar.locator = pyplot().MaxNLocator(2, symmetric=True)
    bar.update_ticks()
    bar.ax.tick_params(labelsize="small")
    made.suptitle("What each example asks of each parameter; the average is −∇C")
    return made


def _heat(ax: Any, values: Any) -> Any:
    """Draw numbers as colours about 0, and write them in where they are few."""
    limit = float(np.abs(values).max()) or 1.0
    shaded = ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    if values.shape[1] <= _MOST and values.shape[0] <= 2 * _MOST:
        for (row, column), value in np.ndenumerate(values):
            text = f"{value:+.2f}".replace("-", "−")
            text = "0" if text in ("+0.00", "−0.00") else text
            colour = "white" if abs(value) > 0.65 * limit else "black"
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    ax.tick_params(length=0)
    return shaded
