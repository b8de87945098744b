"""Full-batch and mini-batch descent: paths on the cost surface, and curves of the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..words import ten_to_the
from .style import PATH, SERIES, blank, ink, is_dark

if TYPE_CHECKING:
    from ..explain.paths import DescentPaths

_LEVELS = 14
_MANY = 100  # largest cost / smallest, from which the axis is logarithmic
_STYLES = ("-", "--", "-.", ":")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_DIRECTIONS = {
    "principal": ("along principal direction 1", "along principal direction 2"),
    "noise": ("along the most careful path's way", "along the main direction of the noise"),
    "given": ("along direction 1", "along direction 2"),
}


def walks(paths: DescentPaths) -> Any:
    """Draw each path on the cost surface and, below it, the cost against examples and seconds.

    Every step is drawn, on the plane of `paths` and beside it on that of the noise (or on the
    principal one, if `paths` is on that of the noise).

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
    others = [name for name in ("noise", "principal") if name in paths.planes]
    seen = [paths, *(paths.on(name) for name in others if name != paths.plane)][:2]
    # Not wider: in a column of 6.3 inches text of 10 points is shown with 7.
    fig = blank((9, 8.4))
    above = [f"plane {i}" for i in range(len(seen))] * (3 - len(seen))
    axes = fig.subplot_mosaic([above, ["examples", "seconds"]], height_ratios=[1.5, 1])
    for i, each in enumerate(seen):
        _plane(fig, axes[f"plane {i}"], each)
    _costs(axes["examples"], paths, "examples", "examples seen")
    _costs(axes["seconds"], paths, "seconds", "seconds of training")
    handles, names = axes["plane 0"].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=5)
    fig.suptitle(f"From one start, with {paths.optimizer}")
    return fig


def _colour(i: int) -> str:
    """Return the colour of a path: the first is the yellow of all descents."""
    colours = (PATH, *SERIES)
    return colours[i % len(colours)]


def _plane(fig: Any, ax: Any, paths: DescentPaths) -> None:
    from matplotlib.colors import BoundaryNorm
    from matplotlib.patheffects import Normal, Stroke

    background = "#000000" if is_dark() else "#ffffff"
    Z = np.where(np.isfinite(paths.surface), paths.surface, np.nan)
    levels = _levels(Z)
    if levels is not None:
        # Light greys (dark ones on a dark background), since the paths have the colours.
        shades = _greys(is_dark())
        even = BoundaryNorm(levels, shades.N)  # a shade a level, however unequal they are
        filled = ax.contourf(paths.across, paths.up, Z, levels=levels, cmap=shades, norm=even)
        ax.contour(
            paths.across, paths.up, Z, levels=levels, colors=ink(), linewidths=0.5, alpha=0.4
        )
        bar = fig.colorbar(filled, ax=ax, location="bottom", format="%.3g", ticks=levels[::3])
        bar.set_label(f"{paths.loss} cost on the plane")
    # Of paths that are about straight, the careful ones are broad and below, so that both can be
    # seen where they coincide; a winding path is thin, and below all that are straighter.
    straightness = [path.straightness_on_plane for path in paths.paths]
    careful = float(np.nanmin([*straightness, np.inf]))
    for i, path in enumerate(paths.paths):
        staggers = straightness[i] > 1.5 * careful
        width = 0.7 if staggers else 1.3 if straightness[i] > careful else 3.2
        ax.plot(
            *path.points.T,
            color=_colour(i),
            linewidth=width,
            path_effects=[Stroke(linewidth=width + 0.9, foreground="#202020"), Normal()],
            zorder=3 + 1 / straightness[i] if staggers else 5 if straightness[i] > careful else 4,
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
    along, across = _DIRECTIONS[paths.plane]
    ax.set(xlabel=along, ylabel=across)
    told = ", ".join(f"{each:.3g}" for each in straightness)
    ax.set_title(
        f"{paths.plane.capitalize()} plane: {100 * paths.share:.0f} % of the variance\n"
        f"length / displacement here: {told}",
        fontsize="medium",
    )


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

    # Low values are nearer to the background, so that valleys look deep.
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
    else:
        ax.xaxis.set_major_locator(LogLocator(numticks=7))
        ax.xaxis.set_major_formatter(lambda x, _: ten_to_the(round(np.log10(x))) if x > 0 else "")
    ax.xaxis.set_minor_formatter(NullFormatter())  # their labels would overlap
    costs = np.concatenate([path.costs[np.isfinite(path.costs)] for path in paths.paths])
    if len(costs) and costs.max() > _MANY * costs.min() > 0:
        ax.set_yscale("log")
    ax.grid(alpha=0.3)
