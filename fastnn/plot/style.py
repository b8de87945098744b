"""What all pictures share: how a figure is made, and colours that most eyes can tell apart.

Colours are those of Okabe and Ito (2008); increases are blue, decreases vermilion, paths yellow.
Text, grid and background come from matplotlib's settings, so a dark style stays dark.
"""

from __future__ import annotations

from typing import Any

UP, DOWN = "#0072B2", "#D55E00"  # on white; on a dark background see `signs`
PATH = "#F0C000"  # the path of a descent: yellow that shows on white, too
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DIVERGING = "PuOr"  # colour map of signed values: below 0 orange, white at 0, above 0 purple
SEQUENTIAL = "viridis"


def pyplot() -> Any:
    """Return matplotlib.pyplot, or say which extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            "plotting needs matplotlib: pip install 'fastnn-mlp[plot]'", name="matplotlib"
        ) from None
    return plt


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any) -> Any:
    """Return (figure, array of axes (rows, columns)) that keeps labels apart."""
    return pyplot().subplots(
        rows, columns, figsize=size, squeeze=False, layout="constrained", **options
    )


def is_dark() -> bool:
    """Whether the background in use is dark."""
    from matplotlib import colors, rcParams

    red, green, blue = colors.to_rgb(rcParams["axes.facecolor"])
    return bool(0.299 * red + 0.587 * green + 0.114 * blue < 0.5)


def ink() -> str:
    """Return the colour of text on the background in use."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def shortened(name: str, most: int = 24) -> str:
    """Return a name, perhaps a long one of a user's column or class, that leaves room beside it."""
    return name if len(name) <= most else name[: most - 1] + "…"


def circled(value: float) -> str:
    """Return an activation in about four signs, to be written into its neuron."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    if len(text) > 5:
        text = f"{value:.0e}".replace("e+0", "e")
    return text.replace("-", "−").replace("0.", ".") if len(text) > 4 else text.replace("-", "−")


def brief(value: float, digits: int = 2) -> str:
    """Return a number in a few signs: with so many digits that count below 10, else with four."""
    long = 10 <= abs(value) < 1e6
    text = f"{float(f'{value:.4g}'):,g}" if long else f"{value:.{digits}g}"
    return text.replace("-", "−")


def signs() -> tuple[str, str]:
    """Return the colours of an increase and a decrease on the background in use."""
    return ("#56B4E9", "#E69F00") if is_dark() else (UP, DOWN)
