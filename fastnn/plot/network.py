"""One example on its way through the network: neurons as circles, the strongest edges between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import circled, figure, ink, shortened, signs

if TYPE_CHECKING:
    from fastnn.explain.inside import Inside

_COLUMN = 18  # circles of a layer; of wider ones the brightest
_RADIUS = 0.4  # circles stand 1 apart
_GAP = 7.0  # between two columns
_LETTER = 0.28  # width of one
_WORDS = 12  # outputs whose names are written large


def network(inside: Inside, *, edges: int = 30) -> Any:
    """Draw one example's activations, layer by layer, the input as an image where it is one.

    Circles are as bright as their neuron is active, from 0 (black) to the largest of the layer
    (white); the number is the activation. Lines are the products a_i W_ij of the largest size:
    blue ones raise, vermilion ones lower the neuron that they lead to.

    Parameters
    ----------
    inside : Inside
        As `fastnn.explain.look_inside` returns it.
    edges : int, default 30
        How many lines at most between two layers, 0 to 40.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        `edges` is below 0.
    """
    if edges < 0:
        raise ValueError(f"edges must be 0 or more, got {edges}")
    layers = inside.activations
    image = inside._image_shape
    chosen = [_brightest(a) for a in layers]
    tallest = max(len(rows) for rows in chosen[(image is not None) :])
    ends = [] if image is not None else [shortened(inside.names[0][i]) for i in chosen[0]]
    last = [shortened(_output(inside, i)) for i in chosen[-1]]
    letters = max(map(len, ends), default=0) + max(map(len, last)) - 12  # more than there is room
    width = 2.6 + 2.2 * len(layers) + 0.08 * max(letters, 0)
    made, ((ax,),) = figure(size=(width, max(3.4, 0.36 * tallest + 1.3)))
    ax.set_aspect("equal")
    ax.set_axis_off()
    places = []
    for l, (a, rows) in enumerate(zip(layers, chosen, strict=True)):
        at: dict[int, tuple[float, float]]
        if l == 0 and image is not None:
            at = _draw_image(ax, inside, image, tallest)
        else:
            at = _draw_column(ax, inside, l, a, rows, tallest)
        places.append(at)
    for l, flows in enumerate(inside.edges):
        over = l == 0 and image is not None  # lines begin at their pixel, which can be seen
        _draw_edges(ax, flows, places[l], places[l + 1], edges, 3.5 if over else 2.0)
    _legend(made)
    ax.set_title(_title(inside))
    ax.margins(0.02)
    ax.autoscale_view()
    low, high = ax.get_xlim()
    ax.set_xlim(
        low - _LETTER * max(map(len, ends), default=0), high + _LETTER * max(map(len, last))
    )
    return made


def _output(inside: Inside, j: int) -> str:
    return inside.names[-1][j].removeprefix("output ")


def _brightest(a: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(-np.abs(a), kind="stable")[:_COLUMN]
    return np.sort(order).astype(np.int64)


def _title(inside: Inside) -> str:
    title = f"Example {inside.example}"
    if inside.said is not None:
        title += f": the network says {inside.said}"
    if inside.wanted is not None:
        title += f", it should be {inside.wanted}"
    return title


def _draw_image(
    ax: Any, inside: Inside, shape: tuple[int, int], tallest: int
) -> dict[int, tuple[float, float]]:
    """Draw the input as a picture; return where each pixel is."""
    rows, columns = shape
    side = min(0.6 * tallest, 9.0)
    pixel = side / max(rows, columns)
    right, middle = 0.2 * _GAP, (tallest - 1) / 2
    left, top = right - columns * pixel, middle + rows * pixel / 2
    extent = (left, right, top - rows * pixel, top)
    picture = inside._input.reshape(shape)
    ax.imshow(picture, cmap="gray", extent=extent, zorder=3)
    ax.plot(
        [left, right, right, left, left],
        [top, top, extent[2], extent[2], top],
        color=ink(),
        lw=0.8,
        zorder=3.1,
    )
    ax.text((left + right) / 2, extent[2] - 0.5, f"input {rows} × {columns}", ha="center", va="top")
    return {
        i: (left + (i % columns + 0.5) * pixel, top - (i // columns + 0.5) * pixel)
        for i in range(rows * columns)
    }


def _draw_column(
    ax: Any,
    inside: Inside,
    l: int,
    a: NDArray[np.float64],
    rows: NDArray[np.int64],
    tallest: int,
) -> dict[int, tuple[float, float]]:
    """Draw a layer's circles; return where they are."""
    from matplotlib.patches import Circle

    x, middle, last = _GAP * l, (tallest - 1) / 2, l == len(inside.activations) - 1
    largest = float(np.abs(a).max()) or 1.0
    at = {}
    for place, i in enumerate(rows):
        y = middle + (len(rows) - 1) / 2 - place
        shade = abs(float(a[i])) / largest
        shade = shade if largest > 1 or a.min() < 0 else abs(float(a[i]))
        ax.add_patch(
            Circle((x, y), _RADIUS, facecolor=str(shade), edgecolor=ink(), lw=0.8, zorder=4)
        )
        ax.text(
            x,
            y,
            circled(float(a[i])),
            ha="center",
            va="center",
            fontsize=5.5,
            color="black" if shade > 0.5 else "white",
            zorder=5,
        )
        if last:
            said = inside.classes and inside.classes[int(np.argmax(a))] == inside.said
            bold = bool(said) and len(a) > 1 and i == int(np.argmax(a))
            ax.text(
                x + 0.8,
                y,
                shortened(_output(inside, i)),
                va="center",
                weight="bold" if bold else "normal",
                fontsize="large" if len(rows) <= _WORDS else "small",
            )
        elif l == 0:
            ax.text(
                x - 0.7, y, shortened(inside.names[0][i]), ha="right", va="center", fontsize="small"
            )
        at[int(i)] = (x, y)
    heading = "input" if l == 0 else "output" if last else f"hidden {l}"
    if len(rows) < len(a):
        heading += f"\n{len(rows)} largest of {len(a)}"
    ax.text(x, middle - (len(rows) - 1) / 2 - 0.9, heading, ha="center", va="top")
    return at


def _draw_edges(
    ax: Any,
    flows: Any,
    before: dict[int, tuple[float, float]],
    after: dict[int, tuple[float, float]],
    most: int,
    zorder: float,
) -> None:
    from matplotlib.collections import LineCollection

    seen = [
        (before[int(i)], after[int(j)], float(flow))
        for i, j, flow in zip(flows.source, flows.target, flows.flow, strict=True)
        if int(i) in before and int(j) in after
    ][:most]
    if not seen:
        return
    up, down = signs()
    largest = max(abs(flow) for _, _, flow in seen)
    ax.add_collection(
        LineCollection(
            [(start, end) for start, end, _ in seen],
            colors=[up if flow > 0 else down for _, _, flow in seen],
            linewidths=[0.5 + 2.0 * abs(flow) / largest for _, _, flow in seen],
            alpha=0.7,
            zorder=zorder,
        )
    )


def _legend(made: Any) -> None:
    from matplotlib.lines import Line2D

    up, down = signs()
    made.legend(
        handles=[
            Line2D([], [], color=up, lw=2, label="aᵢWᵢⱼ > 0: raises zⱼ"),
            Line2D([], [], color=down, lw=2, label="aᵢWᵢⱼ < 0: lowers zⱼ"),
        ],
        loc="outside lower center",
        ncols=2,
        fontsize="small",
        frameon=False,
    )
