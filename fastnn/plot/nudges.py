"""What one example asks for, as a picture: neurons, coloured edges, arrows; or the input's image.

Blue asks to go up, vermilion to go down; the wider an edge and the longer an arrow, the more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import DIVERGING, brief, circled, figure, ink, shortened, signs

if TYPE_CHECKING:
    from fastnn.explain.nudges import Nudges

_MOST = 24  # neurons drawn in a column
_LEFT, _RIGHT = 0.0, 1.0  # where the columns stand
_ROW = 0.42  # inches
_APART = 3.0  # times larger outputs have a scale of greys of their own


def wishes(nudges: Nudges) -> Any:
    """Draw what is asked of the biases, the weights and the neurons before.

    Neurons are circles, as bright as they are active, with arrows for what is asked of them; edges
    show what is asked of weights. Of more than 24 neurons those that matter most are drawn. An
    input layer that is a picture is shown as pictures instead: a, Δw and Δa.

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
    shape = nudges._example.image_shape
    if nudges.layer == 1 and shape is not None:
        return _pictures(nudges, shape)
    return _diagram(nudges)


def _columns(nudges: Nudges) -> Any:
    """Return Δw (n_prev, askers), and the numbers of the askers, the most urgent first."""
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
    fig, grid = figure(1, 1, size=(9.5, _ROW * rows + 2.2))
    ax = grid[0, 0]
    left, right = (_heights(len(column), rows) for column in (sources, askers))

    before, says = nudges.source_activations[sources], nudges.says[askers]
    scales = [_scale(np.concatenate([before, says]))] * 2
    if np.abs(says).max() > _APART * max(1.0, np.abs(before).max()):  # all before would be black
        scales = [_scale(before), _scale(says)]
    _edges(ax, left, right, changes)
    lamps = _lamps(ax, _LEFT, left, before, scales[0])
    _lamps(ax, _RIGHT, right, says, scales[1])
    wanted = nudges.activation_nudges[sources]
    _arrows(ax, _LEFT - 0.09, left, wanted)
    _arrows(ax, _RIGHT + 0.09, right, -nudges.delta[askers])
    for y, i in zip(left, sources, strict=True):
        name = shortened(nudges.sources[i])
        ax.text(_LEFT - 0.14, y, name, ha="right", va="center", size=9)
    for y, j in zip(right, askers, strict=True):
        text = f"{shortened(nudges.neurons[j], 30)}\n{_says(nudges, j)}"
        if nudges.neuron is not None:
            text += f"\nasks its bias: {-nudges.delta[j]:+.2g}".replace("-", "−")
        ax.text(_RIGHT + 0.14, y, text, ha="left", va="center", size=8, linespacing=1.2)
    _headings(ax)
    fig.suptitle(_title(nudges, len(sources), len(askers)))
    ax.set_xlim(_LEFT - 0.62, _RIGHT + 0.62)
    ax.set_ylim(-rows + 0.3, 1.2)
    ax.axis("off")
    _legend(fig, wanted, nudges.delta[askers], changes)
    where = "" if scales[0] == scales[1] else " on the left"
    fig.colorbar(lamps, ax=ax, shrink=0.5, aspect=30, pad=0.01, label=f"activation a{where}")
    return fig


def _scale(values: Any) -> tuple[float, float]:
    return min(0.0, values.min()), max(1.0, values.max())


def _share(values: Any) -> Any:
    largest = np.abs(values).max()
    return np.abs(values) / largest if largest else np.zeros(len(values))


def _heights(n: int, rows: int) -> Any:
    """Return where n circles stand, the first on top, in the middle of a column of rows."""
    return -np.arange(n) - (rows - n) / 2


def _edges(ax: Any, left: Any, right: Any, changes: Any) -> None:
    from matplotlib.collections import LineCollection

    up, down = signs()
    share = _share(changes.ravel())
    order = np.argsort(share, kind="stable")  # the strongest on top
    ends = [((_LEFT, y), (_RIGHT, other)) for y in left for other in right]
    widest = 5.0 if len(right) == 1 else 3.0
    ax.add_collection(
        LineCollection(
            [ends[k] for k in order],
            colors=[up if changes.flat[k] > 0 else down for k in order],
            linewidths=widest * share[order],
            alpha=0.85,
            zorder=1,
        )
    )


def _lamps(ax: Any, x: float, heights: Any, values: Any, scale: tuple[float, float]) -> Any:
    low, high = scale
    for y, value in zip(heights, values, strict=True):
        color = "white" if (value - low) / (high - low) < 0.5 else "black"
        text = circled(value)
        ax.text(
            x,
            y,
            text,
            color=color,
            ha="center",
            va="center",
            size=7 if len(text) < 5 else 6,
            zorder=4,
        )
    return ax.scatter(
        np.full(len(heights), x),
        heights,
        s=460,
        c=values,
        cmap="gray",
        vmin=low,
        vmax=high,
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
        half = np.copysign(0.12 + 0.3 * share, change)
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
    return "\n".join([title, *cut])


def _headings(ax: Any) -> None:
    for x, text in ((_LEFT, "asked Δa"), (_RIGHT, "asked Δz = Δb")):
        ax.text(x, 1.0, text, ha="center", va="center", weight="bold", size=9)
    ax.text(0.5, 1.0, "asked Δw", ha="center", va="center", weight="bold", size=9)


def _legend(fig: Any, wanted: Any, delta: Any, changes: Any) -> None:
    from matplotlib.lines import Line2D

    up, down = signs()
    largest = [brief(np.abs(values).max()) for values in (wanted, changes, delta)]
    fig.legend(
        handles=[
            Line2D([], [], color=up, linewidth=3, label="asked to go up"),
            Line2D([], [], color=down, linewidth=3, label="asked to go down"),
        ],
        title="The longest arrows and the widest edge: "
        f"|Δa| = {largest[0]}, |Δw| = {largest[1]}, |Δb| = {largest[2]}",
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )


# ---- the layer before as a picture -------------------------------------------------------------


def _pictures(nudges: Nudges, shape: tuple[int, int]) -> Any:
    changes, askers = _columns(nudges)
    name = nudges.neurons[askers[0]]
    most = "" if nudges.neuron is not None else ", the most urgent"
    fig, grid = figure(1, 4, size=(14, 4.2))
    shown = [
        ("The inputs say a", nudges.source_activations, "activation a", False),
        (f"Asked of weights: Δw = −δ a\nof {name}{most}", changes[:, 0], "Δw", True),
        (
            f"{_who(nudges).capitalize()} would rather see\na changed by Δa",
            nudges.activation_nudges,
            "Δa",
            True,
        ),
    ]
    for ax, (title, values, label, signed) in zip(grid[0], shown, strict=False):
        options: dict[str, Any] = {"cmap": "gray"}
        if signed:
            most_of = np.abs(values).max() or 1.0
            options = {"cmap": DIVERGING, "vmin": -most_of, "vmax": most_of}
        image = ax.imshow(values.reshape(shape), **options)
        ax.set_title(title, size=10)
        ax.set_xticks([])
        ax.set_yticks([])
        bar = fig.colorbar(
            image, ax=ax, orientation="horizontal", label=label, shrink=0.9, pad=0.03
        )
        bar.ax.locator_params(axis="x", nbins=4)
    _asks(grid[0, 3], nudges)
    fig.suptitle(f"What {_who(nudges)} asks of the inputs")
    return fig


def _asks(ax: Any, nudges: Nudges) -> None:
    """Bars of −δ: what each neuron of the layer asks of its bias."""
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
    ax.set_yticks(rows, [nudges.neurons[j] for j in shown], size=7)
    ax.invert_yaxis()
    ax.set_xlabel("−δ = −∂C/∂z")
    some = f" ({len(shown)} of {len(nudges.neurons):,})" if len(shown) < len(nudges.neurons) else ""
    ax.set_title(f"The neurons of layer {nudges.layer}{some}\nask of z and their biases", size=10)
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", alpha=0.3)
