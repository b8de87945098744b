"""Style of all pictures: figures, the meaning of colours, sizes of text.

A colour has one meaning. Blue is up and vermilion down, in arrows, edges, bars and maps (Okabe and
Ito 2008; most eyes can tell them apart); paths are yellow; `SERIES` are colours without a sign. The
brightness of a neuron is its activation, on the scale that `span` gives, in every picture.

Text, grid and background come from matplotlib's settings; `theme` sets them. Pictures are at most
7.2 inches wide and no text is smaller than "small", so that it has 7 points in a column of 6.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..words import brief, ten_to_the

UP, DOWN = "#0072B2", "#D55E00"  # on white; on a dark background see `signs`
PATH = "#F0C000"  # the path of a descent: yellow that shows on white, too
SERIES = ("#009E73", "#CC79A7", "#8A8A8A", "#A6761D", "#7570B3")  # neither up nor down
DASHES = ("-", "--", "-.", ":")
SEQUENTIAL = "viridis"
WIDTH = 7.0  # inches
_THEMES = {"light": ("#ffffff", "#000000", "#b0b0b0"), "dark": ("#111417", "#e6e6e6", "#5a6067")}


def pyplot() -> Any:
    """Return matplotlib.pyplot; raise ImportError with the extra to install."""
    _need_matplotlib()
    import matplotlib.pyplot as plt

    return plt


def _need_matplotlib() -> None:
    try:
        import_module("matplotlib")
    except ImportError:
        raise ImportError(
            "plotting needs matplotlib: pip install 'fastnn-mlp[plot]'", name="matplotlib"
        ) from None


def blank(size: tuple[float, float]) -> Any:
    """Return an empty figure, (width, height) in inches, whose labels do not overlap."""
    _need_matplotlib()
    from .picture import Picture

    return Picture(size)


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any) -> Any:
    """Return (figure, array of axes (rows, columns)) whose labels do not overlap."""
    made = blank(size)
    return made, made.subplots(rows, columns, squeeze=False, **options)


@contextmanager
def theme(name: Literal["light", "dark"]) -> Iterator[None]:
    """Make all pictures in a ``with`` block light or dark.

    Without it they follow matplotlib's settings: ``matplotlib.style.use("dark_background")``
    makes them dark, too. A picture keeps its colours when it is saved or shown outside the block.

    Parameters
    ----------
    name : {"light", "dark"}

    Raises
    ------
    ValueError
        There is no such theme.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import fastnn
    >>> history = fastnn.MLP([2, 1]).fit([[0, 0], [1, 1]], [0, 1], epochs=2)
    >>> with fastnn.plot.theme("dark"):
    ...     figure = history.plot()
    """
    if name not in _THEMES:
        raise ValueError(f"name must be one of {', '.join(_THEMES)}; got {name!r}")
    _need_matplotlib()
    from matplotlib import rc_context

    back, text, lines = _THEMES[name]
    settings: dict[str, str] = {"legend.facecolor": "inherit", "savefig.facecolor": "auto"}
    for key in ("figure.facecolor", "figure.edgecolor", "axes.facecolor"):
        settings[key] = back
    for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"):
        settings[key] = text
    for key in ("grid.color", "legend.edgecolor"):
        settings[key] = lines
    with rc_context(settings):  # type: ignore[arg-type]
        yield


# ---- colours -----------------------------------------------------------------------------------


def paper() -> str:
    """Return the colour of the background in use."""
    from matplotlib import rcParams

    return str(rcParams["axes.facecolor"])


def ink() -> str:
    """Return the colour of text on the background in use."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def is_dark() -> bool:
    """Return whether the background in use is dark."""
    return _luminance(paper()) < 0.5


def _luminance(colour: Any) -> float:
    from matplotlib import colors

    red, green, blue = colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def readable(colour: Any) -> str:
    """Return the colour of text that is written on `colour`."""
    return "black" if _luminance(colour) > 0.5 else "white"


def signs() -> tuple[str, str]:
    """Return the colours of an increase and a decrease on the background in use."""
    return ("#56B4E9", "#E69F00") if is_dark() else (UP, DOWN)


def diverging() -> Any:
    """Return the colour map of signed values: down, at 0 the background, up."""
    from matplotlib.colors import LinearSegmentedColormap

    up, down = signs()
    return LinearSegmentedColormap.from_list("down to up", [down, paper(), up])


def span(activations: NDArray[Any], function: str | None) -> tuple[float, float]:
    """Return the activations that are drawn black and white, for one layer of an example.

    They are the limits of a bounded function: 0 and 1 of sigmoid and softmax, −1 and 1 of tanh. For
    others and for inputs (None) they are 0 and 1, extended to the layer's smallest and largest.
    """
    if function == "tanh":
        return -1.0, 1.0
    if function in ("sigmoid", "softmax"):
        return 0.0, 1.0
    return min(0.0, float(activations.min())), max(1.0, float(activations.max()))


def shades(values: Any, ends: tuple[float, float]) -> NDArray[np.float64]:
    """Return the brightness of activations, 0 black … 1 white, on a scale of `span`."""
    low, high = ends
    return np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)


def told(ends: tuple[float, float]) -> str:
    """Return a scale of `span` as text."""
    return f"black {brief(ends[0])}, white {brief(ends[1])}"


# ---- text --------------------------------------------------------------------------------------


def shortened(name: str, most: int = 24) -> str:
    """Return the name of a column or class, shortened to `most` letters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def powers_of_ten(ax: Any, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with labels at whole powers only."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set(**{f"{which}scale": "log"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_major_formatter(lambda x, _: ten_to_the(round(np.log10(x))) if x > 0 else "")
    axis.set_minor_formatter(NullFormatter())
