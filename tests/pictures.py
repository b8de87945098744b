"""Pictures compared with pictures that a person has looked at.

The accepted ones stand in tests/pictures/; ``FASTNN_NEW_PICTURES=1 pytest …`` writes them anew,
after which they must be opened and looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn

ACCEPTED = Path(__file__).parent / "pictures"
_TOLERANCE = 12  # root mean square of 0 … 255: text differs a little between versions of matplotlib


def assert_looks_as_accepted(figure: Any, name: str, tmp_path: Path) -> None:
    """Fail if `figure` differs from the accepted picture `name`."""
    compare = pytest.importorskip("matplotlib.testing.compare")
    accepted, made = ACCEPTED / f"{name}.png", tmp_path / f"{name}.png"
    to = accepted if os.environ.get("FASTNN_NEW_PICTURES") else made
    to.parent.mkdir(exist_ok=True)
    figure.savefig(to, dpi=60, metadata={"Software": None})
    if to is accepted:
        return
    assert accepted.exists(), f"nobody has accepted a picture {name!r} yet"
    difference = compare.compare_images(str(accepted), str(made), tol=_TOLERANCE)
    assert difference is None, difference


def digit_network(**options: Any) -> fastnn.MLP:
    """The classical network of digits, untrained.

    It is in double, so that every processor ends at the same picture.
    """
    classical = {"activation": "sigmoid", "output": "sigmoid", "loss": "quadratic"}
    classical |= {"init": "lecun_normal", "dtype": "float64"}
    return fastnn.MLP([784, 16, 16, 10], seed=0, **classical | options)


def assert_nothing_is_cut_off(figure: Any) -> None:
    """Fail if something that is drawn leaves the figure."""
    figure.canvas.draw()
    box, size = figure.get_tightbbox(), figure.get_size_inches()
    assert (box.min > -0.02).all() and (box.max < np.add(size, 0.02)).all(), figure.get_suptitle()


def smallest_text(figure: Any, column: float = 6.3) -> float:
    """Return the points of a figure's smallest text in a column of this width in inches.

    The exponents of mathematical text are 0.7 times as large as the rest.
    """
    from matplotlib.text import Text

    figure.draw_without_rendering()
    sizes = [
        text.get_fontsize() * (0.7 if "^" in text.get_text() or "_{" in text.get_text() else 1)
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible()
    ]
    return float(min(sizes)) * min(1.0, column / figure.get_figwidth())
