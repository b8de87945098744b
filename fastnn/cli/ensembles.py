"""Ensembles on the command line: their training, and their mean in place of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import MLP, Ensemble, History, callbacks, fit_many
from ..words import significant
from .options import UsageError

if TYPE_CHECKING:
    import argparse

    from ..layout import Array
    from .train import Job


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


def one_network(model: MLP | Ensemble, path: str, command: str) -> MLP:
    """Return a network; refuse an ensemble, of which the command has nothing to show."""
    if isinstance(model, Ensemble):
        raise UsageError(
            f"{path} is an ensemble of {len(model)} networks, and fastnn {command} takes one: in "
            f"Python, fastnn.load({path!r})[0].save(...) writes the first to a file"
        )
    return model


def check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that do not go with the training of several networks at once."""
    if args.ensemble is None:
        return
    for flag, given in (
        ("--checkpoint", args.checkpoint is not None),
        ("--schedule plateau", args.schedule == "plateau"),
    ):
        if given:
            raise UsageError(f"{flag} is for one network; --ensemble trains several at once")


def members(net: MLP, k: int) -> list[MLP]:
    """Return k untrained networks like `net`, the first, with the seeds that follow its own."""
    nets = [net]
    for i in range(1, k):
        other = MLP(**{**net._network(), "seed": (net.seed or 0) + i})
        other.classes, other.feature_names = net.classes, net.feature_names
        other._scaling, other._output_scaling = net._scaling, net._output_scaling
        nets.append(other)
    return nets


def train(
    nets: Sequence[MLP],
    job: Job,
    stoppers: Sequence[callbacks.EarlyStopping] | None,
    progress: bool,
) -> None:
    """Train all networks on the same rows; they differ by their seeds."""
    X, y = job.train
    weight = job.rows.weights
    if job.recipe.class_weight is not None:
        weight = nets[0]._passes.examples(X, y, weight, job.recipe.class_weight)[0].weight
    fit_many(
        nets,
        X,
        y,
        epochs=job.recipe.epochs,
        batch_size=job.batch_size,
        optimizer=job.optimizer,
        sample_weight=weight,
        validation_data=job.held,
        early_stopping=stoppers,
        progress=progress,
    )


def together(nets: Sequence[MLP]) -> Ensemble:
    """Return the ensemble, with what the first network's metadata say of all."""
    ensemble = Ensemble(nets)
    ensemble.metadata, nets[0].metadata = nets[0].metadata, {}
    return ensemble


def longest(nets: Sequence[MLP]) -> History:
    """Return the history with the most epochs; its times are those of all networks."""
    return max((net.history for net in nets), key=len)


def alone(nets: Sequence[MLP], X: Array, y: Array) -> tuple[list[dict[str, float]], str]:
    """Return the scores of each network by itself, and a line about them."""
    scores = [net.evaluate(X, y) for net in nets]
    name = "accuracy" if "accuracy" in scores[0] else "loss"
    values = sorted(score[name] for score in scores)
    low, high = (
        f"{100 * v:.1f} %" if name == "accuracy" else significant(v)
        for v in (values[0], values[-1])
    )
    return scores, f"{len(nets)} networks, each alone: {name} {low} to {high}"
