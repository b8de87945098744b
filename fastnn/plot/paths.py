"""Full-batch and mini-batch descent: the ways over the cost surface, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .style import PATH, SERIES, ink, is_dark, pyplot, signs

if TYPE_CHECKING:
    from fastnn.explain.paths import DescentPaths

_LEVELS = 14
_MANY = 100  # the largest cost over the smallest, from which on the axis is logarithmic
_STYLES = ("-", "--", "-.", ":")


def walks(paths: DescentPaths) -> Any:
    """Draw each path on the cost surface and, beside it, the cost against examples and seconds.

    Parameters
    ----------
    paths : DescentPaths

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    fig = pyplot().figure(figsize=(11.5, 5.6), layout="constrained")
    axes = fig.subplot_mosaic([["plane", "examples"], ["plane", "seconds"]], width_ratios=[1.25, 1])
    _plane(fig, axes["plane"], paths)
    _costs(axes["examples"], paths, "examples", "examples seen")
    _costs(axes["seconds"], paths, "seconds", "seconds of training")
    handles, names = axes["plane"].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=6)
    fig.suptitle(f"From one start, with {paths.optimizer}")
    return fig


def _colour(i: int) -> str:
    """Return the colour of a path: the first is the yellow of all descents."""
    colours = (PATH, signs()[0], SERIES[1], SERIES[2], SERIES[3])
    return colours[i % len(colours)]


def _plane(fig: Any, ax: Any, paths: DescentPaths) -> None:
    from matplotlib.colors import BoundaryNorm
    from matplotlib.patheffects import Normal, Stroke

    background = "#000000" if is_dark() else "#ffffff"
    Z = np.where(np.isfinite(paths.surface), paths.surface, np.nan)
    levels = _levels(Z)
    if levels is not None:
        # Light greys (dark ones on a dark background): the colours are those of the paths.
        shades = _greys(is_dark())
        even = BoundaryNorm(levels, shades.N)  # a shade a level, however unequal they are
        filled = ax.contourf(paths.across, paths.up, Z, levels=levels, cmap=shades, norm=even)
        ax.contour(
            paths.across, paths.up, Z, levels=levels, colors=ink(), linewidths=0.5, alpha=0.4
        )
        bar = fig.colorbar(filled, ax=ax, location="left", format="%.3g", fraction=0.05)
        bar.set_label(f"{paths.loss} cost on the plane")
    careful = float(np.nanmin([*(path.straightness for path in paths.paths), np.inf]))
    for i, path in enumerate(paths.paths):
        # The careful ones are broad and below, so that both show where they go the same way.
        width = 1.3 if path.straightness > careful else 3.2
        ax.plot(
            *path.points.T,
            color=_colour(i),
            linewidth=width,
            path_effects=[Stroke(linewidth=width + 1.4, foreground="#202020"), Normal()],
            zorder=5 if path.straightness > careful else 4,
            label=path.name,
        )
        ax.plot(
            *path.points[-1:].T,
            marker="s",
            linestyle="",
            color=_colour(i),
            markeredgecolor="#202020",
            markersize=9,
            zorder=7,
        )
    start: dict[str, Any] = {"marker": "o", "markersize": 9, "markeredgewidth": 1.5}
    start |= {"linestyle": "", "color": background, "markeredgecolor": ink()}
    ax.plot(*paths.paths[0].points[:1].T, **start, zorder=8, label="start")
    ax.plot([], [], **{**start, "marker": "s", "color": "none"}, label="end")
    which = ("principal direction 1", "principal direction 2")
    if not paths.principal:
        which = ("direction 1", "direction 2")
    ax.set(xlabel=f"along {which[0]}", ylabel=f"along {which[1]}")
    ax.set_title(f"The plane holds {100 * paths.share:.0f} % of the variance of the points")


def _levels(Z: NDArray[Any]) -> NDArray[Any] | None:
    if not np.isfinite(Z).any():
        return None
    low, high = float(np.nanmin(Z)), float(np.nanmax(Z))
    if high - low <= 1e-12 * max(1.0, abs(low)):
        return None
    if np.nanmedian(Z - low) < 0.1 * (high - low):
        steps = np.geomspace(max(1e-4 * (high - low), 1e-12), high - low, _LEVELS)
        return low + np.concatenate([[0], steps])
    return np.linspace(low, high, _LEVELS + 1)


def _greys(dark: bool) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    # Low is the end that is nearer to the background: valleys look deep.
    ends = (0.08, 0.42) if dark else (0.62, 1.0)
    return ListedColormap(colormaps["gray"](np.linspace(ends[0], ends[1], 64)))


def _costs(ax: Any, paths: DescentPaths, against: str, label: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for i, path in enumerate(paths.paths):
        x, y = getattr(path, against)[path.costed], path.costs
        shown = (x > 0) & np.isfinite(y)  # the start has no place on a logarithmic axis
        ax.plot(
            x[shown],
            y[shown],
            _STYLES[i % len(_STYLES)],
            color=_colour(i),
            linewidth=2,
            marker="o" if shown.sum() == 1 else None,
            label=path.name,
        )
    ax.set(xscale="log", xlabel=label, ylabel=f"{paths.loss} cost C")
    low, high = ax.get_xlim()
    if high < 30 * low:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())  # their labels would overlap
    costs = np.concatenate([path.costs[np.isfinite(path.costs)] for path in paths.paths])
    if len(costs) and costs.max() > _MANY * costs.min() > 0:
        ax.set_yscale("log")
    ax.grid(alpha=0.3)
