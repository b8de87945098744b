"""Figure class of all pictures: independent of pyplot, drawn with the settings of its creation.

A notebook shows it once, as the value of its cell, while it shows a figure of pyplot a second time
at the end of the cell; and a loop leaves no figure open.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Settings that matplotlib reads when it draws, above all for ticks: a picture made in a dark style
# may be saved outside of it.
_LATE = r"^(axes|font|grid|lines|mathtext|text|xtick|ytick)\."


class Picture(Figure):
    """A matplotlib figure: ``savefig`` writes it, `show` opens a window, a notebook shows it.

    An SVG file holds its text as text, which can be searched, read aloud and edited.
    """

    def __init__(self, size: tuple[float, float]) -> None:
        super().__init__(figsize=size, layout="constrained")
        FigureCanvasAgg(self)
        self._settings = {**rcParams.find_all(_LATE), "svg.fonttype": "none"}

    def draw(self, renderer: Any) -> None:
        """Draw the picture with the settings of its creation."""
        with rc_context(self._settings):
            super().draw(renderer)

    def show(self, warn: bool = True) -> None:
        """Open a window with the picture, and wait until all windows of pyplot are closed.

        For scripts; a notebook shows the picture by itself. `warn` is for matplotlib, and unused.
        """
        plt: Any = import_module("matplotlib.pyplot")
        manager = plt.figure(figsize=self.get_size_inches()).canvas.manager
        manager.canvas.figure = self
        self.set_canvas(manager.canvas)
        try:
            plt.show()
        finally:
            FigureCanvasAgg(self)  # replaces the canvas of the closed window

    def _repr_png_(self) -> bytes:
        drawn = io.BytesIO()
        self.savefig(drawn, format="png")
        return drawn.getvalue()
