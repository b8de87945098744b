"""Nudges of one example, as a picture: neurons, coloured edges, arrows; or the input's image.

Blue asks to go up, vermilion to go down; the wider an edge and the longer an arrow, the more.
"""

from __future__ import annotations

from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ..words import brief, circled
from .style import WIDTH, diverging, figure, ink, readable, shades, shortened, signs, span, told

if TYPE_CHECKING:
    from ..explain.nudges import Nudges

_MOST = 24  # neurons drawn in a column
_LEFT, _RIGHT = 2.3, 4.6  # inches, where the columns stand
_ROW = 0.42  # inches


def wishes(nudges: Nudges) -> Any:
    """Draw the nudges to the biases, the weights and the neurons before.

    Neurons are circles whose brightness is the activation; arrows are the nudges to them, edges the
    nudges to weights. Of more than 24 neurons those that matter most are drawn. An input layer of
    pixels is drawn as pictures instead: a, −∂C/∂w and −∂C/∂a. If a neuron asks for little or
    nothing, the title gives the reason.

    Parameters
    ----------
    nudges : Nudges

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    shape = nudges.image_shape
    if nudges.layer == 1 and shape is not None:
        return _pictures(nudges, shape)
    return _diagram(nudges)


def _columns(nudges: Nudges) -> Any:
    """Return −∂C/∂w (n_prev, askers), and the neurons that ask, the most urgent first."""
    if nudges.neuron is not None:
        return nudges.weight_nudges[:, None], np.array([nudges.neuron])
    askers = np.array([neuron.index for neuron in nudges.ranking[:_MOST]])
    return nudges.weight_nudges[:, askers], askers


def _who(nudges: Nudges) -> str:
    if nudges.neuron is not None:
        return nudges.neurons[nudges.neuron]
    return "the output layer" if nudges.should_say is not None else f"layer {nudges.layer}"


def _says(nudges: Nudges, j: int) -> str:
    says = f"says {brief(nudges.says[j])}"
    if nudges.should_say is not None:
        says += f", should say {brief(nudges.should_say[j])}"
    return says


# ---- the layer before as circles ---------------------------------------------------------------


def _diagram(nudges: Nudges) -> Any:
    changes, askers = _columns(nudges)
    sizes = np.abs(changes).max(axis=1)
    matter = _share(nudges.activation_nudges) + _share(sizes)
    sources = np.sort(np.argsort(-matter, kind="stable")[:_MOST])
    order = np.argsort(askers)
    changes, askers = changes[sources][:, order], askers[order]
    rows = max(len(sources), len(askers), 5)
    title = _title(nudges, len(sources), len(askers))
    height = 1 + _ROW * rows  # of the axes, whose unit is the inch in both directions
    fig, grid = figure(1, 1, size=(WIDTH, height + 1.0 + 0.2 * title.count("\n")))
    ax = grid[0, 0]
    left, right = (_heights(len(column), rows) for column in (sources, askers))
    before, says = nudges.source_activations, nudges.says
    functions = (nudges.source_function, nudges.function)
    ends = [span(a, function) for a, function in zip((before, says), functions, strict=True)]
    _edges(ax, left, right, changes)
    _lamps(ax, _LEFT, left, before[sources], ends[0])
    _lamps(ax, _RIGHT, right, says[askers], ends[1])
    wanted = nudges.activation_nudges[sources]
    _arrows(ax, _LEFT - 0.28, left, wanted)
    _arrows(ax, _RIGHT + 0.28, right, -nudges.delta[askers])
    for y, i in zip(left, sources, strict=True):
        name = shortened(nudges.sources[i])
        ax.text(_LEFT - 0.42, y, name, ha="right", va="center", size="small")
    for y, j in zip(right, askers, strict=True):
        text = f"{shortened(nudges.neurons[j], 30)}\n{_says(nudges, j)}"
        if nudges.neuron is not None:
            text += f"\nasks its bias: {-nudges.delta[j]:+.2g}".replace("-", "−")
        ax.text(_RIGHT + 0.42, y, text, ha="left", va="center", size="small", linespacing=1.2)
    for x, end in ((_LEFT, ends[0]), (_RIGHT, ends[1])):
        ax.text(x, -_ROW * (rows - 0.3), told(end), ha="center", va="top", size="small")
    _headings(ax)
    fig.suptitle(title)
    ax.set_xlim(0, WIDTH - 0.1)
    ax.set_ylim(-_ROW * (rows + 0.2), 0.5)
    ax.axis("off")
    _legend(fig, wanted, nudges.delta[askers], changes)
    return fig


def _share(values: Any) -> Any:
    largest = np.abs(values).max()
    return np.abs(values) / largest if largest else np.zeros(len(values))


def _heights(n: int, rows: int) -> Any:
    """Return the heights of n circles, the first on top, centred in a column of rows."""
    return -_ROW * (np.arange(n) + (rows - n) / 2)


def _edges(ax: Any, left: Any, right: Any, changes: Any) -> None:
    from matplotlib.collections import LineCollection

    up, down = signs()
    share = _share(changes.ravel())
    order = np.argsort(share, kind="stable")  # the strongest on top
    joints = [((_LEFT, y), (_RIGHT, other)) for y in left for other in right]
    widest = 5.0 if len(right) == 1 else 3.0
    ax.add_collection(
        LineCollection(
            [joints[k] for k in order],
            colors=[up if changes.flat[k] > 0 else down for k in order],
            linewidths=widest * share[order],
            alpha=0.85,
            zorder=1,
        )
    )


def _lamps(ax: Any, x: float, heights: Any, values: Any, ends: tuple[float, float]) -> None:
    greys = [str(shade) for shade in shades(values, ends)]
    for y, value, grey in zip(heights, values, greys, strict=True):
        colour, text = readable(grey), circled(value)
        ax.text(x, y, text, color=colour, ha="center", va="center", size=8, zorder=4)
    ax.scatter(
        np.full(len(heights), x),
        heights,
        s=540,
        c=greys,
        edgecolors=ink(),
        linewidths=1,
        zorder=3,
    )


def _arrows(ax: Any, x: float, heights: Any, wanted: Any) -> None:
    """Draw arrows up and down, the longest nearly as long as a row is high; a dot for nearly 0."""
    up, down = signs()
    for y, share, change in zip(heights, _share(wanted), wanted, strict=True):
        color = up if change > 0 else down
        if share < 0.03:
            ax.plot([x], [y], ".", color=ink(), markersize=3)
            continue
        half = np.copysign(0.05 + 0.13 * share, change)
        ax.annotate(
            "",
            xy=(x, y + half),
            xytext=(x, y - half),
            arrowprops={
                "arrowstyle": "-|>",
                "color": color,
                "linewidth": 0.8 + 1.6 * share,
                "mutation_scale": 7 + 5 * share,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def _title(nudges: Nudges, n_left: int, n_right: int) -> str:
    before = "the inputs" if nudges.layer == 1 else f"layer {nudges.layer - 1}"
    title = f"What {_who(nudges)} asks of {before}"
    cut = [
        f"the {n} of {all_of:,} neurons {side} that matter most"
        for n, all_of, side in (
            (n_left, len(nudges.sources), "before"),
            (n_right, 1 if nudges.neuron is not None else len(nudges.neurons), "of the layer"),
        )
        if n < all_of
    ]
    return "\n".join([title, *cut, *wrap(nudges.silence(), 60)])


def _headings(ax: Any) -> None:
    for x, letter in ((_LEFT, "a"), ((_LEFT + _RIGHT) / 2, "w"), (_RIGHT, "b")):
        text = f"−∂C/∂{letter}"
        ax.text(x, 0.36, text, ha="center", va="center", weight="bold", size="small")


def _legend(fig: Any, wanted: Any, delta: Any, changes: Any) -> None:
    from matplotlib.lines import Line2D

    up, down = signs()
    largest = [brief(np.abs(values).max()) for values in (wanted, changes, delta)]
    fig.legend(
        handles=[
            Line2D([], [], color=up, linewidth=3, label="asked to go up"),
            Line2D([], [], color=down, linewidth=3, label="asked to go down"),
        ],
        title="Slopes, in cost per unit. The longest arrows and the widest edge:\n"
        f"|∂C/∂a| = {largest[0]}, |∂C/∂w| = {largest[1]}, |∂C/∂b| = {largest[2]}",
        title_fontsize="small",
        fontsize="small",
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )


# ---- the layer before as a picture -------------------------------------------------------------


def _pictures(nudges: Nudges, shape: tuple[int, int]) -> Any:
    changes, askers = _columns(nudges)
    name = nudges.neurons[askers[0]]
    most = "" if nudges.neuron is not None else ", the most urgent"
    reason = nudges.silence()
    fig, grid = figure(2, 2, size=(WIDTH, 7.4))
    panels = grid.flat
    shown = [
        ("The inputs say a", nudges.source_activations, "activation a", False),
        (
            fill(f"Asked of the weights of {name}{most}: −δ a", 30),
            changes[:, 0],
            "−∂C/∂w (cost per unit of w)",
            True,
        ),
        (
            fill(f"{_who(nudges).capitalize()} would rather see a changed: −δ w", 30),
            nudges.activation_nudges,
            "−∂C/∂a (cost per unit of a)",
            True,
        ),
    ]
    for ax, (title, values, label, signed) in zip(panels, shown, strict=False):
        options: dict[str, Any] = {"cmap": "gray"}
        if signed:
            most_of = np.abs(values).max() or 1.0
            options = {"cmap": diverging(), "vmin": -most_of, "vmax": most_of}
        image = ax.imshow(values.reshape(shape), **options)
        ax.set_title(title, size="medium")
        ax.set_xticks([])
        ax.set_yticks([])
        if signed and not values.any():
            ax.text(0.5, 0.5, "all 0", ha="center", va="center", transform=ax.transAxes)
            continue
        bar = fig.colorbar(
            image, ax=ax, orientation="horizontal", label=label, shrink=0.9, pad=0.03
        )
        bar.ax.locator_params(axis="x", nbins=4)
    _asks(grid[1, 1], nudges)
    fig.suptitle("\n".join([f"What {_who(nudges)} asks of the inputs", *wrap(reason, 60)]))
    return fig


def _asks(ax: Any, nudges: Nudges) -> None:
    """Draw bars of −δ, the nudge of each neuron of the layer to its bias."""
    up, down = signs()
    shown = sorted(neuron.index for neuron in nudges.ranking[:_MOST])
    if nudges.neuron is not None and nudges.neuron not in shown:
        shown = sorted([*shown[:-1], nudges.neuron])
    rows, asks = np.arange(len(shown)), -nudges.delta[shown]
    bars = ax.barh(rows, asks, color=[up if ask > 0 else down for ask in asks], height=0.7)
    for bar, j in zip(bars, shown, strict=True):
        if nudges.neuron is not None and j != nudges.neuron:
            bar.set_alpha(0.35)
    ax.axvline(0, color=ink(), linewidth=0.8)
    names = [shortened(nudges.neurons[j], 20) for j in shown]
    ax.set_yticks(rows, names, size="small")
    ax.invert_yaxis()
    ax.set_xlabel("−δ = −∂C/∂z (cost per unit of z)")
    some = f" ({len(shown)} of {len(nudges.neurons):,})" if len(shown) < len(nudges.neurons) else ""
    ax.set_title(
        f"The neurons of layer {nudges.layer}{some}\nask of z and their biases", size="medium"
    )
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", alpha=0.3)
