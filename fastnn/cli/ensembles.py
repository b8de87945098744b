"""Ensembles on the command line: their training, and their mean in place of a network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import MLP, Ensemble, History
from ..words import significant
from .options import UsageError

if TYPE_CHECKING:
    import argparse

    from ..layout import Array


class Mean:
    """The mean of an ensemble, with the attributes of a network that the commands read.

    What networks of an ensemble have in common is the first one's.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble: Ensemble = ensemble
        self.metadata: dict[str, Any] = ensemble.metadata
        self.n_params: int = ensemble.n_params

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ensemble[0], name)

    def predict(self, X: Any) -> Array:
        """Return the mean outputs."""
        return self.ensemble.mean(X)

    def classify(self, X: Any) -> Array:
        """Return the labels of the mean."""
        return self.ensemble.classify(X)

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Return the scores of the mean."""
        return self.ensemble.evaluate(X, y)


def as_model(net: Any) -> MLP | Ensemble:
    """Return the network, or the ensemble of a `Mean`, as the library takes it."""
    return cast("MLP | Ensemble", net.ensemble if isinstance(net, Mean) else net)


def one_network(model: MLP | Ensemble, path: str, command: str) -> MLP:
    """Return the network, or the first of an ensemble, with what the file says of all."""
    if isinstance(model, MLP):
        return model
    print(
        f"fastnn: {path} is an ensemble of {len(model)} networks; {command} takes the first",
        file=sys.stderr,
    )
    net: MLP = model[0]
    net.metadata = {**net.metadata, **model.metadata}
    return net


def check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that do not go with the training of several networks at once."""
    if args.ensemble in (None, 1):
        return
    for flag, given in (
        ("--checkpoint", args.checkpoint is not None),
        ("--schedule plateau", args.schedule == "plateau"),
        ("--mpi", args.mpi),
    ):
        if given:
            raise UsageError(f"{flag} is for one network; --ensemble trains several at once")


def longest(nets: Sequence[MLP]) -> History:
    """Return the history with the most epochs; its times are those of all networks."""
    return max((net.history for net in nets), key=len)


def alone(nets: Sequence[MLP], X: Array, y: Array) -> tuple[list[dict[str, float]], str]:
    """Return the scores of each network by itself, and a line about them."""
    scores = [net.evaluate(X, y) for net in nets]
    name = "accuracy" if "accuracy" in scores[0] else "loss"
    if nets[0].output_scale is not None or nets[0].output == "exp":  # a loss in units of no one
        name = "rmse"
        true = np.reshape(y, (len(y), -1))
        for net, score in zip(nets, scores, strict=True):
            error = net._passes.central(net.predict(X)) - true
            score[name] = float(np.sqrt(np.mean(error**2)))
    values = sorted(score[name] for score in scores)
    low, high = (
        f"{100 * v:.1f} %" if name == "accuracy" else significant(v)
        for v in (values[0], values[-1])
    )
    return (
        scores,
        f"{len(nets)} networks, each alone: {name.replace('rmse', 'RMSE')} {low} to {high}",
    )
