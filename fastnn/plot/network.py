"""Activations of one example: neurons as circles, with the strongest edges between layers."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..words import brief, circled
from .style import WIDTH, figure, ink, readable, shades, shortened, signs, span, told

if TYPE_CHECKING:
    from ..explain.inside import Inside

_COLUMN = 18  # circles of a layer; of wider ones the brightest
_RADIUS = 0.42  # circles stand 1 apart
_UNIT = 0.38  # inches of 1, in a figure of the usual width
_IMAGE = 5.5  # the longer side of the input, at most
_LETTER = 0.24  # width of one
_APART = 1.0  # between two layers at least: a deeper network gets a wider figure
_WORDS = 2.0  # between two layers, where their headings are words


def network(inside: Inside, *, edges: int = 30) -> Any:
    """Draw one example's activations, layer by layer, an input of pixels as an image.

    The brightness and the number of a circle are its activation, on the scale below the layer
    (black … white). Lines are the products a_i W_ij of the largest size: blue ones raise, vermilion
    ones lower the neuron that they lead to.

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
    image = inside.image_shape
    chosen = [_brightest(a) for a in layers]
    tallest = max(len(rows) for rows in chosen[(image is not None) :])
    names = [] if image is not None else [shortened(inside.names[0][i]) for i in chosen[0]]
    last = [shortened(_output(inside, i)) for i in chosen[-1]]
    left = 0.6 + _LETTER * max(map(len, names), default=0)
    side = min(0.6 * tallest, _IMAGE) if image is not None else 0.0
    right = 1.0 + max(_LETTER * max(map(len, last)), 0.8)
    # In units of the distance of circles: from the inputs' names to the end of the outputs' names.
    whole = max((WIDTH - 0.2) / _UNIT, left + side + right + _APART * (len(layers) - 1))
    gap = (whole - left - side - right) / (len(layers) - 1)
    height = _UNIT * (tallest + 2.6) + 0.9
    made, ((ax,),) = figure(size=(0.2 + _UNIT * whole, max(3.4, height)))
    ax.set_axis_off()
    scene = _Scene(ax, inside, tallest, wordy=gap > _WORDS)
    places = []
    for l, (a, rows) in enumerate(zip(layers, chosen, strict=True)):
        if l == 0 and image is not None:
            places.append(scene.image(image, side, left))
        else:
            places.append(scene.column(l, left + side + gap * l, a, rows))
    for l, flows in enumerate(inside.edges):
        over = l == 0 and image is not None  # lines begin at their pixel, drawn above the image
        _draw_edges(ax, flows, places[l], places[l + 1], edges, 3.5 if over else 2.0)
    _legend(made)
    made.suptitle(fill(_title(inside), 60))
    ax.set_xlim(0, whole)
    ax.set_ylim(-2.4, tallest - 0.4)
    ax.set_aspect("equal")
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


class _Scene:
    """Positions of the layers in the picture."""

    def __init__(self, ax: Any, inside: Inside, tallest: int, wordy: bool) -> None:
        self._ax, self._inside = ax, inside
        self._middle, self._wordy = (tallest - 1) / 2, wordy

    def image(
        self, shape: tuple[int, int], side: float, left: float
    ) -> dict[int, tuple[float, float]]:
        """Draw the input as a picture; return the position of each pixel."""
        rows, columns = shape
        pixel = side / max(rows, columns)
        right, top = left + columns * pixel, self._middle + rows * pixel / 2
        extent = (left, right, top - rows * pixel, top)
        picture = self._inside.input.reshape(shape)
        self._ax.imshow(picture, cmap="gray", extent=extent, zorder=3)
        self._ax.plot(
            [left, right, right, left, left],
            [top, top, extent[2], extent[2], top],
            color=ink(),
            lw=0.8,
            zorder=3.1,
        )
        self._below((left + right) / 2, extent[2] + 0.2, f"input {rows} × {columns}")
        return {
            i: (left + (i % columns + 0.5) * pixel, top - (i // columns + 0.5) * pixel)
            for i in range(rows * columns)
        }

    def column(
        self, l: int, x: float, a: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> dict[int, tuple[float, float]]:
        """Draw the circles of a layer; return their positions."""
        from matplotlib.patches import Circle

        inside, ax = self._inside, self._ax
        last = l == len(inside.activations) - 1
        ends = span(a, (None, *(layer.activation for layer in inside.units))[l])
        at = {}
        for place, i in enumerate(rows):
            y = self._middle + (len(rows) - 1) / 2 - place
            grey = str(shades(a[i], ends))
            ax.add_patch(Circle((x, y), _RADIUS, facecolor=grey, edgecolor=ink(), lw=0.8, zorder=4))
            ax.text(
                x,
                y,
                circled(float(a[i])),
                ha="center",
                va="center",
                fontsize=8,
                color=readable(grey),
                zorder=5,
            )
            if last:
                self._name_output(x, y, a, int(i))
            elif l == 0:
                name = shortened(inside.names[0][i])
                ax.text(x - 0.6, y, name, ha="right", va="center", fontsize="small")
            at[int(i)] = (x, y)
        self._below(x, self._middle - (len(rows) - 1) / 2, self._heading(l, last, len(rows), ends))
        return at

    def _heading(self, l: int, last: bool, shown: int, ends: tuple[float, float]) -> str:
        n = len(self._inside.activations[l])
        if not self._wordy:  # a deep network: numbers alone have room
            return f"{l}\n{brief(ends[0])} …\n{brief(ends[1])}"
        heading = "input" if l == 0 else "output" if last else f"hidden {l}"
        if shown < n:
            heading += f"\n{shown} largest\nof {n}"
        return heading + "\n" + told(ends).replace(", ", "\n")

    def _name_output(self, x: float, y: float, a: NDArray[np.float64], i: int) -> None:
        inside = self._inside
        said = inside.classes and inside.classes[int(np.argmax(a))] == inside.said
        bold = bool(said) and len(a) > 1 and i == int(np.argmax(a))
        self._ax.text(
            x + 0.7,
            y,
            shortened(_output(inside, i)),
            va="center",
            weight="bold" if bold else "normal",
            fontsize="medium",
        )

    def _below(self, x: float, y: float, text: str) -> None:
        self._ax.text(x, y - 0.6, text, ha="center", va="top", fontsize="small")


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
