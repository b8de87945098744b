"""The networks of a table's model: their training, also on logarithms of the targets.

The mean of several networks is more often right than one of them: Lakshminarayanan, Pritzel and
Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles" (2017). They
differ by their seeds. Where rows are held out for early stopping, each network holds out others, so
that every row teaches most of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..callbacks import EarlyStopping
from ..ensemble import Ensemble
from ..many import fit_many
from ..mlp import MLP
from . import folds, task_data

if TYPE_CHECKING:
    from ..optim import Optimizer
    from ..targets import ClassWeight
    from .task_data import Array, SplitData

_HEAVY = 5.0  # quartile ranges from the median to the largest target, from which logs are tried
# Share of the squared error that logarithms must leave at most: beyond the known rows a small error
# of a logarithm is a large one of the target, which a small gain is not worth.
_CLEARLY_LESS = 0.95
_SMALLEST = 1e-30  # target that float32 still has with all its digits, and with room


@dataclass(frozen=True)
class Settings:
    """Settings of a training on a table.

    Attributes
    ----------
    optimizer : function
        Returns a new one for each training.
    batch_size : int
    epochs : int
        At most; 0 if cross-validation is to choose them.
    fraction : float
        Of the rows, held out for early stopping; 0 for none.
    patience : int or None
        Epochs without a better validation loss.
    class_weight : "balanced" or None
    seed : int
        Of the held-out rows and the folds.
    may_take_logs : bool
        Whether logarithms of the targets may be tried.
    """

    optimizer: Callable[[], Optimizer]
    batch_size: int
    epochs: int
    fraction: float
    patience: int | None
    class_weight: ClassWeight | None
    seed: int
    may_take_logs: bool = True

    def stoppers(self, k: int) -> list[EarlyStopping] | None:
        """Return what stops each of k networks."""
        if self.patience is None:
            return None
        return [EarlyStopping(patience=self.patience) for _ in range(k)]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Result of validation: the length and the targets of the training.

    Attributes
    ----------
    net : MLP
        The first network, untrained.
    y : ndarray
        Its targets.
    epochs : int
    folds : Choice or None
        The result of cross-validation.
    logs : str
        "" if the targets are as they are, else a sentence: they are logarithms.
    """

    net: MLP
    y: Array
    epochs: int
    folds: folds.Choice | None
    logs: str = ""


def choose(net: MLP, ready: SplitData, settings: Settings, k: int) -> Chosen:
    """Choose the epochs of k networks, and whether they learn logarithms of the targets."""
    y = ready.train[1]
    plain = _chosen(net, ready, y, settings, k)
    judged = settings.may_take_logs and (plain.folds is not None or settings.fraction > 0)
    if not judged or not may_take_logs(net, y, ready.rows.weights):
        return plain
    logs = _chosen(_of_logs(net, y), ready, np.log(y), settings, k)
    held, of_plain = _held_out_answers(plain, ready, settings)
    weights = None if ready.rows.weights is None else ready.rows.weights[held]
    mean = np.average(y[held], weights=weights)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        answers = mean, of_plain, np.exp(_held_out_answers(logs, ready, settings)[1])
        errors = [np.average((a - y[held]) ** 2, weights=weights) for a in answers]
        r2 = [float(1 - error / errors[0]) for error in errors[1:]]
    if not 1 - r2[1] < _CLEARLY_LESS * (1 - r2[0]):
        return plain
    said = f"the networks learn its logarithms: R2 {r2[1]:.3f} instead of {r2[0]:.3f} when held out"
    return replace(logs, logs=said)


def _chosen(net: MLP, ready: SplitData, y: Array, settings: Settings, k: int) -> Chosen:
    if settings.epochs:
        return Chosen(net, y, settings.epochs, None)
    found = folds.choose_epochs(
        net,
        (ready.train[0], y),
        ready.task,
        settings.optimizer,
        batch_size=settings.batch_size,
        class_weight=settings.class_weight,
        seed=settings.seed,
        rows=ready.rows,
        networks=k,
    )
    return Chosen(net, y, found.epochs, found)


def _held_out_answers(one: Chosen, ready: SplitData, settings: Settings) -> tuple[Array, Array]:
    """Return a mask of rows, and the answers to them of networks that were trained without them."""
    if one.folds is not None:
        known = np.isfinite(one.folds.outputs[:, 0])  # the folds whose rows count
        return known, one.folds.outputs[known, 0]
    (net,) = nets = [copy.deepcopy(one.net)]
    train(nets, replace(ready, train=(ready.train[0], one.y)), settings, one.epochs)
    held = task_data.held_out_rows(ready, settings.fraction, settings.seed)
    return held, net.predict(ready.train[0][held])[:, 0].astype(np.float64)


def train(
    nets: Sequence[MLP],
    ready: SplitData,
    settings: Settings,
    epochs: int,
    stoppers: Sequence[EarlyStopping] | None = None,
    *,
    progress: bool = False,
) -> None:
    """Train all networks at once; network i holds out the rows of the seed + i."""
    X, y = ready.train
    seeds = range(settings.seed, settings.seed + len(nets))
    held = [task_data.held_out_rows(ready, settings.fraction, seed) for seed in seeds]
    fit_many(
        nets,
        X,
        y,
        epochs=epochs,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer(),
        rows=[~out for out in held] if settings.fraction else None,
        sample_weight=[
            folds.weights_of(net, ready.train, ready.rows, ~out, settings.class_weight)
            for net, out in zip(nets, held, strict=True)
        ],
        validation_data=[task_data.part_of(ready.train, ready.rows, out) for out in held]
        if settings.fraction
        else None,
        early_stopping=stoppers or settings.stoppers(len(nets)),
        progress=progress,
    )


def members(net: MLP, k: int) -> list[MLP]:
    """Return k untrained networks like `net`, the first, with the seeds that follow its own."""
    return [net, *(_like(net, seed=(net.seed or 0) + i) for i in range(1, k))]


def together(nets: Sequence[MLP]) -> MLP | Ensemble:
    """Return one network as it is, several as an ensemble with the metadata of the first."""
    if len(nets) == 1:
        return nets[0]
    ensemble = Ensemble(nets)
    ensemble.metadata, nets[0].metadata = nets[0].metadata, {}
    return ensemble


def _like(net: MLP, **changes: object) -> MLP:
    """Return an untrained network that differs from `net` by some arguments of `MLP`."""
    other = MLP(**{**net._network(), **changes})
    other.classes, other.feature_names = net.classes, net.feature_names
    other._scaling = net._scaling
    if other.output == net.output:
        other._output_scaling = net._output_scaling
    return other


# Logarithms of targets ----------------------------------------------------------------------------


def may_take_logs(net: MLP, y: Array, weights: Array | None = None) -> bool:
    """Return whether these are positive numbers with a heavy tail, and the network is plain."""
    if net.output != "identity" or net.loss != "mse" or y.ndim > 1:
        return False
    if y.min() < _SMALLEST or y.max() > 1 / _SMALLEST:
        return False
    low, middle, high = np.percentile(y if weights is None else y[weights > 0], [25, 50, 75])
    return bool(y.max() - middle > _HEAVY * (high - low) > 0)


def _of_logs(net: MLP, y: Array) -> MLP:
    """Return an untrained network like `net` for the targets log(y)."""
    other = _like(net)
    other.metadata = net.metadata
    if net.output_scale is not None:
        logs = np.log(y)
        other._set_output_scaling([logs.mean()], [logs.std()])
    return other


def exponential(net: MLP) -> MLP:
    """Return the network of exp(outputs): its output function is "exp", the scaling is folded."""
    other = _like(net, output="exp")
    other.metadata, other.history = net.metadata, net.history
    other.params[:] = net.params
    if net.output_shift is not None and net.output_scale is not None:
        other.weights[-1] = net.weights[-1] * net.output_scale
        other.biases[-1] = net.biases[-1] * net.output_scale + net.output_shift
    return other
