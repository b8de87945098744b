"""Activations and gradients, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import figure, signs

if TYPE_CHECKING:
    from fastnn.explain.diagnose import Diagnosis

_MOST = 6  # layers with a histogram: the first and the last ones


def diagnosis(found: Diagnosis) -> Any:
    """Draw how the activations of each layer are spread, and how large its gradients are.

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
    made, axes = figure(1, len(shown) + 1, size=(2.4 * len(shown) + 3.4, 3.2))
    up, down = signs()
    for ax, l in zip(axes[0], shown, strict=False):
        shares, edges = found._histograms[l]
        ax.stairs(shares, edges, fill=True, color=up)
        ax.set_yscale("log")
        ax.set_ylim(1e-4, 1.5)
        ax.set_title("outputs" if l == n - 1 else f"hidden {l + 1}")
        ax.set_xlabel(f"activation ({found.units[l].activation})")
        ax.tick_params(axis="y", labelleft=l == 0)
    axes[0, 0].set_ylabel("share of units and examples")
    ax, layers = axes[0, -1], np.arange(1, n + 1)
    for name, values, marker, colour in (
        ("δ of an example (rms)", found.slopes, "o-", up),
        ("‖∂C/∂W‖ of the mean cost", found.gradient_norms, "s--", down),
    ):
        ax.plot(layers, np.where(values > 0, values, np.nan), marker, color=colour, label=name)
    sizes = np.concatenate([found.slopes, found.gradient_norms])
    if sizes.any():
        ax.set_yscale("log")
        ax.set_ylim(sizes[sizes > 0].min() / 3, sizes.max() * 30)  # room for the legend
    ax.set_xticks(layers if n <= 12 else layers[:: n // 6])
    ax.set_xlabel("layer")
    ax.set_title("gradients")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small", loc="upper center")
    return made
