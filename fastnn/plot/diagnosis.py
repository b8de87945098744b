"""Histograms of activations and sizes of gradients, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import SERIES, WIDTH, figure, powers_of_ten

if TYPE_CHECKING:
    from ..explain.diagnose import Diagnosis

_MOST = 6  # layers with a histogram: the first and the last ones
_COLUMNS = 3


def diagnosis(found: Diagnosis) -> Any:
    """Draw the histogram of the activations of each layer, and the size of its gradients.

    Parameters
    ----------
    found : Diagnosis
        As `fastnn.explain.diagnose` returns it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        The network's gradient was not finite: there are no numbers.
    """
    n = len(found.units)
    if n == 0:
        raise ValueError("the gradient was not finite: there is nothing to plot")
    shown = list(range(n))
    shown = shown if n <= _MOST else [*shown[: _MOST // 2], *shown[-(_MOST // 2) :]]
    columns = 2 if len(shown) in (1, 3) else _COLUMNS
    rows = -(-(len(shown) + 1) // columns)
    made, axes = figure(rows, columns, size=(WIDTH, 2.7 * rows))
    panels = list(axes.flat)
    for ax, l in zip(panels, shown, strict=False):
        shares, edges = found.histograms[l]
        ax.stairs(shares, edges, fill=True, color=SERIES[2])
        powers_of_ten(ax, "y")
        ax.set_ylim(1e-4, 1.5)
        ax.set_title("outputs" if l == n - 1 else f"hidden {l + 1}")
        ax.set_xlabel(f"activation ({found.units[l].activation})")
        first = ax in axes[:, 0]
        ax.tick_params(axis="y", labelleft=first)
        if first:
            ax.set_ylabel("share of units\nand examples")
    _gradients(panels[len(shown)], found)
    for ax in panels[len(shown) + 1 :]:
        ax.set_axis_off()
    return made


def _gradients(ax: Any, found: Diagnosis) -> None:
    n = len(found.units)
    layers = np.arange(1, n + 1)
    for name, values, marker, colour in (
        ("δ of an example (rms)", found.slopes, "o-", SERIES[0]),
        ("‖∂C/∂W‖, mean cost", found.gradient_norms, "s--", SERIES[1]),
    ):
        ax.plot(layers, np.where(values > 0, values, np.nan), marker, color=colour, label=name)
    sizes = np.concatenate([found.slopes, found.gradient_norms])
    if sizes.any():
        powers_of_ten(ax, "y")
        low, high = sizes[sizes > 0].min() / 3, sizes.max() * 3
        ax.set_ylim(low, high * (high / low) ** 0.5)  # room for the legend
    ax.set_xticks(layers if n <= 12 else layers[:: n // 6])
    ax.set_xlabel("layer")
    ax.set_title("gradients")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small", loc="upper center")
