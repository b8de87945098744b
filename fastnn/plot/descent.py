"""Gradient descent on a function of two inputs: its surface, its contours, and the paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import PATH, SEQUENTIAL, blank, ink, is_dark

if TYPE_CHECKING:
    from ..explain.descent import Descent

Array = NDArray[np.float64]

_OUTLINE = "#202020"  # around the path, so that yellow shows on any surface
_GRID = 121  # points a side
_ARROWS = 8  # along one path
_DECADES = 4  # of f's range, that colours tell apart
# Markers of the ends of paths, which differ in shape, not only in colour.
_ENDS = {"converged": "*", "saddle": "X", "diverged": "^", "still moving": "s"}

Limits = Sequence[Sequence[float]]


def landscape(descent: Descent, *, limits: Limits | None = None) -> Any:
    """Draw the surface in three dimensions and its contours, with the paths in yellow.

    Arrows on the contours show the direction of −∇f. Where f covers a large range, the steps of
    colour grow like its logarithm.

    Parameters
    ----------
    descent : Descent
    limits : ((x_min, x_max), (y_min, y_max)), optional
        Range of the picture. Default: the paths and a margin; a diverging path leaves the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The limits are not two increasing pairs.
    ImportError
        matplotlib is not installed.
    """
    return Scene(descent, limits).figure


@dataclass
class _Line:
    """One path in the picture: its points within the limits, and its matplotlib artists."""

    path: Array  # (k, 3): x, y, f
    flat: Any = None
    raised: Any = None
    ends: tuple[Any, ...] = ()
    arrows: Any = None  # of −∇f; None without any
    along: Array | None = None  # (a, 2): their directions
    steps: NDArray[np.int64] | None = None  # (a,): the steps that they belong to


class Scene:
    """The picture, with the paths up to a number of steps."""

    def __init__(self, descent: Descent, limits: Limits | None) -> None:
        self._descent = descent
        (x0, x1), (y0, y1) = self._box = _checked(limits) if limits else _box(descent)
        x, y = np.linspace(x0, x1, _GRID), np.linspace(y0, y1, _GRID)
        Z = descent.surface.on_grid(x, y)
        self.lines: list[_Line] = [
            _Line(_clipped(descent, i, self._box)) for i in range(len(descent.paths))
        ]
        # Not wider: in a column of 6.3 inches text of 10 points is shown with 7.
        self.figure: Any = blank((9, 4.6))
        grid = self.figure.add_gridspec(1, 2, width_ratios=[1, 1.15])
        solid = self.figure.add_subplot(grid[0], projection="3d", computed_zorder=False)
        flat = self.figure.add_subplot(grid[1])
        shades = _shades(Z)
        _surface(solid, x, y, Z, shades)
        solid.view_init(elev=38, azim=self._azimuth())
        _contours(self.figure, flat, x, y, Z, shades)
        flat.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")
        if 1 / 3 < (x1 - x0) / (y1 - y0) < 3:
            flat.set_aspect("equal")  # else −∇f would not look perpendicular to the contours
        flat.set_title("From above, with −∇f")
        for i, line in enumerate(self.lines):
            self._draw(solid, flat, i, line)
        self._title = self.figure.suptitle(self._heading())
        self._legend(flat)

    def _azimuth(self) -> float:
        """Return the angle of view: across a single path, from the lower side."""
        x, y = self.lines[0].path[-1, :2] - self.lines[0].path[0, :2]
        if len(self.lines) > 1 or x == y == 0:
            return -60.0
        middle, half = self._box.mean(axis=1), (self._box[:, 1] - self._box[:, 0]) / 2
        sides = []
        for turn in (-70, 70):
            angle = np.degrees(np.arctan2(y / half[1], x / half[0])) + turn
            beside = middle + half * [np.cos(np.radians(angle)), np.sin(np.radians(angle))]
            f = self._descent.surface.on_grid(beside[:1], beside[1:])[0, 0]
            sides.append((np.inf if np.isnan(f) else f, angle))
        return float(min(sides)[1])

    def _heading(self) -> str:
        d = self._descent
        name = d.function if len(d.function) <= 70 else d.function[:69] + "…"
        momentum = f", momentum {d.momentum:g}" if d.momentum else ""
        return f"Gradient descent on {name}: learning rate {d.lr:g}{momentum}".replace("$", r"\$")

    def _draw(self, solid: Any, flat: Any, i: int, line: _Line) -> None:
        from matplotlib.patheffects import Normal, Stroke

        outline = [Stroke(linewidth=4, foreground=_OUTLINE), Normal()]
        look: dict[str, Any] = {"color": PATH, "linewidth": 2, "path_effects": outline, "zorder": 6}
        few = len(line.path) <= 40
        dots = {"marker": "o", "markersize": 3.5, "markeredgecolor": _OUTLINE} if few else {}
        (line.flat,) = flat.plot(*line.path[:, :2].T, **look, **dots)
        (line.raised,) = solid.plot(*line.path.T, **look)
        word = self._descent.words[i]
        last = self._inside(self._descent.paths[i][-1:])[0]
        ends = []
        for ax, columns in ((flat, 2), (solid, 3)):
            at = line.path[:, :columns]
            edge: dict[str, Any] = {"markeredgecolor": _OUTLINE, "linestyle": "", "zorder": 8}
            ax.plot(*at[:1].T, marker="o", color="white", markersize=8, **edge)
            marker, size = _ENDS[word], 15 if word == "converged" else 10
            end = ax.plot(*at[-1:].T, marker=marker, color=PATH, markersize=size, **edge)[0]
            end.set_visible(bool(last) or word == "diverged")
            ends.append(end)
        line.ends = tuple(ends)
        self._arrows(flat, i, line)
        if len(self.lines) > 1:
            flat.annotate(
                str(i + 1),
                line.path[0, :2],
                xytext=(6, 6),
                textcoords="offset points",
                color="white",
                path_effects=[Stroke(linewidth=2.5, foreground=_OUTLINE), Normal()],
                zorder=9,
            )

    def _inside(self, points: Array) -> NDArray[np.bool_]:
        (x0, x1), (y0, y1) = self._box
        x, y = points.T
        return np.asarray((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1))

    def _arrows(self, flat: Any, i: int, line: _Line) -> None:
        """Draw −∇f as arrows of one length, evenly spread along the path."""
        path, g = self._descent.paths[i], self._descent.gradients[i]
        norms = np.hypot(*g.T)
        kept = np.flatnonzero(self._inside(path) & (norms > 0))
        if not len(kept):
            return
        way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path[kept], axis=0).T))])
        places = np.searchsorted(way, np.linspace(0, way[-1], _ARROWS, endpoint=False))
        chosen = kept[np.unique(places)]
        line.steps, line.along = chosen, -g[chosen] / norms[chosen, None]
        line.arrows = flat.quiver(
            *path[chosen].T,
            *line.along.T,
            angles="xy",
            scale=13,
            scale_units="width",
            width=0.01,
            headwidth=5.5,
            headlength=4.5,
            headaxislength=4,
            color="white",
            edgecolor=_OUTLINE,
            linewidth=0.7,
            zorder=5,  # below the path, which goes the same way: the heads look out
        )

    def _legend(self, flat: Any) -> None:
        from matplotlib.lines import Line2D

        shapes = [("start", "o", "white")]
        shapes += [(w, m, PATH) for w, m in _ENDS.items() if w in self._descent.words]
        handles = [
            Line2D([], [], linestyle="", marker=m, color=c, markeredgecolor=_OUTLINE, markersize=9)
            for _, m, c in shapes
        ]
        self.figure.legend(
            handles, [name for name, *_ in shapes], loc="outside lower center", ncols=5
        )

    def freeze(self) -> None:
        """Fix the layout, which would otherwise take most of the time of each picture of a film."""
        self.show(1)  # whose title has all of its lines
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def show(self, points: int) -> None:
        """Show the first `points` points of each path."""
        for i, line in enumerate(self.lines):
            part = line.path[:points]
            line.flat.set_data(*part[:, :2].T)
            line.raised.set_data_3d(*part.T)
            if line.along is not None and line.steps is not None:
                to_come = np.repeat(np.greater_equal(line.steps, points)[:, None], 2, axis=1)
                line.arrows.set_UVC(*np.ma.array(line.along, mask=to_come).T)
            there = len(part) == len(line.path)
            inside = self._inside(self._descent.paths[i][-1:])[0]
            for end in line.ends:
                end.set_visible(there and bool(inside or self._descent.words[i] == "diverged"))
        step = points - 1
        about = f"step {step}"
        if len(self.lines) == 1:
            step = min(step, len(self._descent.values[0]) - 1)
            about += f", f = {self._descent.values[0][step]:.4g}"
        self._title.set_text(f"{self._heading()}\n{about}")


def _checked(limits: Limits) -> Array:
    try:
        box = np.asarray(limits, np.float64)
    except (ValueError, TypeError):
        box = np.empty(0)
    if box.shape != (2, 2) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
        raise ValueError(f"limits must be ((x_min, x_max), (y_min, y_max)), got {limits!r}")
    return box


def _box(descent: Descent) -> Array:
    """Return limits around the paths, ((x0, x1), (y0, y1)), or the begin of those that diverge."""
    shown = []
    for path, word in zip(descent.paths, descent.words, strict=True):
        near = np.hypot(*(path - path[0]).T) <= 3 * (1 + np.hypot(*path[0]))
        away = word == "diverged" and not near.all()
        shown.append(path[: int(np.argmin(near))] if away else path)
    points = np.concatenate(shown)
    low, high = points.min(axis=0), points.max(axis=0)
    span = high - low
    if span.max() == 0:  # a start that stays
        span = np.full(2, 1 + float(np.abs(points[0]).max()))
    half = np.full(2, 0.7 * span.max())
    middle = (low + high) / 2
    return np.stack([middle - half, middle + half], axis=1)


def _clipped(descent: Descent, i: int, box: Array) -> Array:
    """Return the path up to the point where it leaves the limits, with f: (k, 3)."""
    path, values = descent.paths[i], descent.values[i]
    inside = np.asarray(((box[:, 0] <= path) & (path <= box[:, 1])).all(axis=1))
    if inside.all() or not inside[0]:
        return np.column_stack([path, values])
    n = int(np.argmin(inside))
    a, b = path[n - 1], path[n]
    edge = np.where(b > a, box[:, 1], box[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (edge - a) / (b - a)
    leaves = a + float(np.nanmin(shares)) * (b - a)
    kept = np.column_stack([path[:n], values[:n]])
    return np.vstack([kept, [*leaves, descent.surface.value(leaves)]])


def _shades(Z: Array) -> dict[str, Any] | None:
    """Return colours and levels, evenly spaced, or by powers if most of f is small."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    if np.isnan(Z).all():
        return None
    low, high = float(np.nanmin(Z)), float(np.nanmax(Z))
    height = high - low
    if height <= 1e-12 * max(1.0, abs(low)):
        return None
    levels = _round_levels(low, high, bool(np.nanmedian(Z - low) < 0.1 * height))
    # Without the map's yellow end: that is the colour of the paths.
    colours = ListedColormap(colormaps[SEQUENTIAL](np.linspace(0, 0.82, 256)))
    return {"levels": levels, "cmap": colours, "norm": BoundaryNorm(levels, 256)}


def _round_levels(low: float, high: float, by_powers: bool) -> Array:
    """Return 8 to 20 round levels that cover f: evenly spaced, or in ratios of 1, 2, 5, 10."""
    from matplotlib.ticker import MaxNLocator

    height = high - low
    if by_powers:
        top, almost_0 = floor(log10(height)), 0 <= low < 0.01 * height
        first = top - _DECADES
        if almost_0 and low > 0:
            first = max(first, floor(log10(low)))
        rises = np.outer(10.0 ** np.arange(first, top + 2), [1, 2, 5]).ravel()
        # As round as the rises, and not above f.
        bottom = 0.0 if almost_0 else floor(low / rises[0]) * rises[0]
        rises = rises[: np.searchsorted(rises, high - bottom) + 1]
        levels = bottom + np.concatenate([[0], rises])
    else:
        levels = np.asarray(MaxNLocator(16, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    levels[0], levels[-1] = min(levels[0], low), max(levels[-1], high)  # but for rounding they do
    return levels


def _surface(ax: Any, x: Array, y: Array, Z: Array, shades: dict[str, Any] | None) -> None:
    look = {"color": "#3b6f8f"} if shades is None else {k: shades[k] for k in ("cmap", "norm")}
    X, Y = np.meshgrid(x, y)
    ax.plot_surface(X, Y, Z, rcount=60, ccount=60, linewidth=0, antialiased=False, zorder=1, **look)
    ax.set(xlabel="x", ylabel="y", title="The surface")
    ax.zaxis.set_rotate_label(False)  # which would put it upside down, seen from some sides
    ax.set_zlabel("f(x, y)", labelpad=8, rotation=90)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.get_major_locator().set_params(nbins=5)
        if is_dark():  # whose style leaves the walls light
            axis.set_pane_color((1, 1, 1, 0.06))
    ax.set_box_aspect(None, zoom=0.8)  # or the label of f leaves the picture on some sides


def _contours(
    fig: Any, ax: Any, x: Array, y: Array, Z: Array, shades: dict[str, Any] | None
) -> None:
    if shades is None:  # f is the same everywhere
        return
    filled = ax.contourf(x, y, Z, **shades)
    ax.contour(x, y, Z, levels=shades["levels"], colors="white", linewidths=0.5, alpha=0.5)
    bar = fig.colorbar(filled, ax=ax, ticks=shades["levels"][::2], format="%.4g")
    bar.set_label("f(x, y)", color=ink())
