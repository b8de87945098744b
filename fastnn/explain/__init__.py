"""Views of backpropagation on your own network and data.

Every quantity of the textbook derivation as arrays, as tables that print, and as pictures
(``.plot()``, extra "plot"):

===================  ===========================================================================
`cost_table`         outputs beside their targets, and the cost of the difference
`sensitivity`        ∇C as a ranking of all weights and biases by their effect on the cost
`nudges`             what one neuron asks of its bias, its weights and the neurons before it
`nudge_table`        what each example asks of each parameter; their average is −∇C
`descend`            gradient descent on a function of two inputs
`descent_paths`      full-batch descent beside mini-batches, from the same start
`input_plane`        a map of the outputs of a network of two inputs
`look_inside`        activations, units, confusions and worst mistakes of a network
`importance`         the columns of a table by their effect on the score
`residuals`          true minus predicted numbers of a regression
`diagnose`           problems of a training, in plain words and measured numbers
`page`               all of it as one HTML file: to see, to step through, to train
===================  ===========================================================================

All gradients, activations and costs come from `MLP.gradient`, `MLP.activations` and `MLP.cost`.
"""

from .checks import Check, Finding
from .cost import CostTable, cost_table
from .descent import Descent, descend
from .diagnose import Diagnosis, diagnose
from .gradient import LayerNorm, Sensitivity, Slope, sensitivity
from .importance import Importance, importance
from .input_plane import InputPlane, PlanePoints, input_plane
from .inside import Edges, Inside, Mistake, look_inside
from .nudge_table import NudgeTable, nudge_table
from .nudges import Nudges, nudges
from .page import Page, page
from .paths import DescentPaths, WeightPath, descent_paths
from .residuals import Residuals, residuals
from .units import LayerUnits
from .urgency import Urgency

__all__ = [
    "Check",
    "CostTable",
    "Descent",
    "DescentPaths",
    "Diagnosis",
    "Edges",
    "Finding",
    "Importance",
    "InputPlane",
    "Inside",
    "LayerNorm",
    "LayerUnits",
    "Mistake",
    "NudgeTable",
    "Nudges",
    "Page",
    "PlanePoints",
    "Residuals",
    "Sensitivity",
    "Slope",
    "Urgency",
    "WeightPath",
    "cost_table",
    "descend",
    "descent_paths",
    "diagnose",
    "importance",
    "input_plane",
    "look_inside",
    "nudge_table",
    "nudges",
    "page",
    "residuals",
    "sensitivity",
]
