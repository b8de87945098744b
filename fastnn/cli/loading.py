"""Model files as the commands use them: the network, with its preparation in the metadata."""

from __future__ import annotations

import fastnn

from .. import MLP, Ensemble


def load_network(path: str) -> MLP | Ensemble:
    """Load the network or networks of a model file, also of one that reads tables of raw cells."""
    model = fastnn.load(path)
    return model if isinstance(model, MLP | Ensemble) else model.network
