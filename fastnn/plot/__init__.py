"""Pictures (extra "plot": matplotlib).

`learning_curves` draws a training's history. The views of `fastnn.explain` are drawn by their
``.plot()``, which calls the functions here. All return a matplotlib figure that pyplot does not
manage: a notebook shows it once, a loop leaves none open, ``.savefig(path)`` writes it, and
``.show()`` opens a window in a script. They follow matplotlib's settings (a dark style makes them
dark); `theme` sets these.
"""

from .cost import cost_columns
from .curves import learning_curves
from .descent import landscape
from .diagnosis import diagnosis
from .film import film
from .gradient import slopes
from .importance import importance
from .input_plane import input_plane
from .inside import confusion, first_layer, mistakes, units
from .network import network
from .nudge_table import nudge_table
from .nudges import wishes
from .paths import walks
from .residuals import residuals
from .style import theme

__all__ = [
    "confusion",
    "cost_columns",
    "diagnosis",
    "film",
    "first_layer",
    "importance",
    "input_plane",
    "landscape",
    "learning_curves",
    "mistakes",
    "network",
    "nudge_table",
    "residuals",
    "slopes",
    "theme",
    "units",
    "walks",
    "wishes",
]
