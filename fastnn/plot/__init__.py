"""Pictures (extra "plot": matplotlib).

`learning_curves` draws a training's history. The views of `fastnn.explain` draw themselves, by
``.plot()``; the functions that do it are here. All return the matplotlib figure, follow
matplotlib's settings (a dark style stays dark), and never open a window by themselves.
"""

from .cost import cost_columns
from .curves import learning_curves
from .descent import landscape
from .diagnosis import diagnosis
from .film import film
from .gradient import slopes
from .input_plane import input_plane
from .inside import confusion, first_layer, mistakes, units
from .network import network
from .nudge_table import nudge_table
from .nudges import wishes
from .paths import walks

__all__ = [
    "confusion",
    "cost_columns",
    "diagnosis",
    "film",
    "first_layer",
    "input_plane",
    "landscape",
    "learning_curves",
    "mistakes",
    "network",
    "nudge_table",
    "slopes",
    "units",
    "walks",
    "wishes",
]
