"""The map of the plane of two inputs: decisions or values in colour, and the examples on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import SEQUENTIAL, figure, ink, paper, shortened

if TYPE_CHECKING:
    from ..explain.input_plane import InputPlane, PlanePoints

# Classes differ in shape, not only in colour.
_COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"),
    *("#D55E00", "#7F7F7F", "#8C6D31", "#5254A3", "#A55194"),
)
_SHAPES = "os^Dv<>phP"
_EDGE = "#202020"
_PANELS = 6  # outputs that are drawn; more would be too small


def input_plane(plane: InputPlane) -> Any:
    """Draw the predictions of a network over the plane of its two inputs, with the examples.

    Each class has a colour, paler where the network is less confident; lines are the borders,
    crosses the examples that are predicted wrong. For numeric targets the map and the examples have
    one scale of colours: an example that stands out from the map is not fitted.

    Parameters
    ----------
    plane : InputPlane

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    if plane.decided is not None:
        return _classes(plane)
    drawn = min(len(plane.outputs), _PANELS)
    columns = min(drawn, 2)
    rows = -(-drawn // columns)
    fig, axes = figure(rows, columns, size=(7 if columns > 1 else 6.3, 4.2 * rows / columns + 0.8))
    for j, ax in enumerate(axes.flat):
        if j < drawn:
            _values(fig, ax, plane, j)
        else:
            ax.set_axis_off()
    if drawn < len(plane.outputs):
        fig.suptitle(f"The first {drawn} of {len(plane.outputs)} outputs")
    _legend(fig, plane, [])
    return fig


def _frame(ax: Any, plane: InputPlane) -> dict[str, Any]:
    """Set the axes up; return the arguments for an image that fills them."""
    across, up = plane.across, plane.up
    names = (shortened(name, 40).replace("$", r"\$") for name in plane.inputs)
    ax.set(**dict(zip(("xlabel", "ylabel"), names, strict=True)))
    # A pixel is about its place.
    half = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2
    ends = (across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1])
    ax.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    return {"extent": ends, "origin": "lower", "aspect": "auto"}


def _classes(plane: InputPlane) -> Any:
    fig, axes = figure(size=(6.3, 5.4))
    ax = axes[0, 0]
    scores = _scores(plane)
    ax.imshow(_mixed(scores, plane), interpolation="bilinear", **_frame(ax, plane))
    for k in range(len(plane.classes)):
        others = np.delete(scores, k, axis=2).max(axis=2)
        lead = scores[:, :, k] - others
        if lead.min() < 0 < lead.max():
            ax.contour(plane.across, plane.up, lead, levels=[0], colors=ink(), linewidths=1)
    present = set()
    for points in plane.points:
        present |= _scatter_classes(ax, points)
    ax.set_title("What the network says, and the examples")
    shown = sorted(present | set(np.unique(np.asarray(plane.decided)).tolist()))
    _legend(fig, plane, shown)
    return fig


def _scores(plane: InputPlane) -> NDArray[np.float64]:
    """Return the score of each class; for a single output, 1 − a and a."""
    if plane.values.shape[2] == 1:
        return np.concatenate([1 - plane.values, plane.values], axis=2)
    return plane.values[:, :, : len(plane.classes)]


def _mixed(scores: NDArray[np.float64], plane: InputPlane) -> NDArray[np.float64]:
    """Return the colour of each place, (grid, grid, 3): paler where the largest score is small."""
    from matplotlib.colors import to_rgb

    back = np.array(to_rgb(paper()))
    colours = np.array([to_rgb(_colour(k)) for k in range(len(plane.classes))])
    sure = np.clip(scores.max(axis=2), 0, 1)[:, :, None]
    least = 1 / len(plane.classes)
    strength = 0.1 + 0.5 * np.clip((sure - least) / (1 - least), 0, 1)
    return np.asarray(strength * colours[plane.decided] + (1 - strength) * back)


def _colour(k: int) -> str:
    return _COLOURS[k % len(_COLOURS)]


def _size(points: PlanePoints) -> float:
    return float(np.clip(2000 / len(points.x), 8, 45))


def _scatter_classes(ax: Any, points: PlanePoints) -> set[int]:
    """Draw examples; return their classes."""
    if points.labels is None or points.wrong is None:
        _scatter_plain(ax, points)
        return set()
    for k in np.unique(points.labels):
        own = points.labels == k
        look: dict[str, Any] = {"facecolors": _colour(k), "edgecolors": _EDGE, "linewidths": 0.6}
        if points.name == "test":
            look |= {"facecolors": "white", "edgecolors": _colour(k), "linewidths": 1.4}
        shape = _SHAPES[k % len(_SHAPES)]
        ax.scatter(*points.x[own].T, s=_size(points), marker=shape, zorder=3, **look)
    wrong = points.x[points.wrong]
    ax.scatter(*wrong.T, s=2 * _size(points), marker="x", color=ink(), linewidths=1.2, zorder=4)
    return set(np.unique(points.labels).tolist())


def _scatter_plain(ax: Any, points: PlanePoints) -> None:
    face = "white" if points.name == "test" else ink()
    ax.scatter(*points.x.T, s=_size(points), marker=".", color=face, edgecolors=ink(), zorder=3)


def _values(fig: Any, ax: Any, plane: InputPlane, j: int) -> None:
    from matplotlib.colors import Normalize

    Z = plane.values[:, :, j]
    known = [p.wanted[:, j] for p in plane.points if p.wanted is not None]
    everything = np.concatenate([Z.ravel(), *known])
    everything = everything[np.isfinite(everything)]
    norm = Normalize(float(everything.min()), float(everything.max()))
    image = ax.imshow(Z, norm=norm, cmap=SEQUENTIAL, interpolation="bilinear", **_frame(ax, plane))
    if np.ptp(Z) > 0:
        ax.contour(plane.across, plane.up, Z, levels=8, colors="white", linewidths=0.5, alpha=0.6)
    for points in plane.points:
        if points.wanted is None:
            _scatter_plain(ax, points)
            continue
        test = points.name == "test"
        ax.scatter(
            *points.x.T,
            c=points.wanted[:, j],
            norm=norm,
            cmap=SEQUENTIAL,
            s=_size(points),
            marker="s" if test else "o",
            edgecolors="white" if test else _EDGE,
            linewidths=0.8,
            zorder=3,
        )
    name = shortened(plane.outputs[j], 30).replace("$", r"\$")
    bar = fig.colorbar(image, ax=ax)
    bar.set_label(name)
    ax.set_title("What the network says, and the examples" if len(plane.outputs) == 1 else name)


def _legend(fig: Any, plane: InputPlane, classes: list[int]) -> None:
    from matplotlib.lines import Line2D

    def sign(marker: str, name: str, **look: Any) -> Any:
        shown: dict[str, Any] = {"markeredgecolor": _EDGE, "markersize": 7} | look
        label = shortened(name).replace("$", r"\$")
        return Line2D([], [], linestyle="", marker=marker, label=label, **shown)

    signs = [sign(_SHAPES[k % len(_SHAPES)], plane.classes[k], color=_colour(k)) for k in classes]
    grey = "#9a9a9a"
    if plane.decided is None:
        told = [p for p in plane.points if p.wanted is not None]
        looks = [("s", "white") if p.name == "test" else ("o", _EDGE) for p in told]
        signs += [
            sign(marker, f"wanted ({p.name})" if len(told) > 1 else "wanted", color=grey,
                 markeredgecolor=edge)
            for p, (marker, edge) in zip(told, looks, strict=True)
        ]  # fmt: skip
    else:
        if len(plane.points) > 1:
            signs.append(sign("o", "test: hollow", color="white", markeredgecolor=grey))
        if any(p.wrong is not None and p.wrong.any() for p in plane.points):
            signs.append(sign("x", "told wrong", color=ink(), markeredgecolor=ink()))
    if signs:
        fig.legend(handles=signs, loc="outside lower center", ncols=min(len(signs), 5))
