"""Diagnosis of a training, in plain words and measured numbers."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_number
from ..history import History
from ..mlp import MLP, check_mlp
from ..optim import SGD, FirstOrder
from . import checks
from .advice import Setting, advised
from .checks import Check, Finding
from .neuron_names import NeuronNames, image_shape, targets
from .shown import PICTURE, Shown, TextTable
from .units import LayerUnits, unit_statistics
from .view_data import ViewData, as_first_fit

_SAMPLE = 512  # examples for gradients of single examples, and for histograms
_SAMPLE_BYTES = 1 << 24
_BINS = 40
_ORDER = ("serious", "warning", "note")


@dataclass(frozen=True)
class Diagnosis(Shown):
    """Findings and checks of `diagnose`.

    Attributes
    ----------
    findings : tuple of Finding
        The most serious first; empty if nothing is wrong.
    checks : tuple of Check
        All checks, with the measured numbers.
    units : tuple of LayerUnits
        Mean activation, dead and saturated units of each layer.
    slopes : ndarray of float64, shape (L,)
        Root mean square of δ = ∂C_i/∂z over the units of a layer and up to 512 examples.
    gradient_norms : ndarray of float64, shape (L,)
        ‖∂C/∂W‖ of each layer, over all examples.
    lr : float or None
        The learning rate that was tried; None where none is known.
    histograms : tuple of (shares, edges)
        Of each layer, the shares of its activations between `edges`.
    """

    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    units: tuple[LayerUnits, ...]
    slopes: NDArray[np.float64]
    gradient_norms: NDArray[np.float64]
    lr: float | None
    histograms: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...] = field(
        metadata=PICTURE
    )

    @property
    def healthy(self) -> bool:
        """Whether all findings are notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def __contains__(self, topic: object) -> bool:
        """Return whether there is a finding of this topic: ``"dead_units" in diagnosis``."""
        return any(finding.topic == topic for finding in self.findings)

    def tables(self) -> list[TextTable]:
        """Return tables of the findings, the checks and the layers."""
        found = [(f.severity, f.sentence, f.advice) for f in self.findings]
        n, kind = len(self.findings), "note" if self.healthy else "finding"
        count = f"{n} {kind}{'' if n == 1 else 's'}"
        title = (
            f"No problem found by {len(self.checks)} checks"
            if self.healthy
            else f"{count} in {len(self.checks)} checks"
        )
        title += f"; {count}" if self.healthy and n else ""
        looked = [
            (check.what, check.measured, check.fine, "" if check.finding is None else "←")
            for check in self.checks
        ]
        columns = ("What was checked", "measured", "fine", "")
        layers = [
            (
                "outputs" if layer is self.units[-1] else f"hidden {layer.layer}",
                layer.activation,
                float(layer.mean.mean()),
                float(layer.dead.mean()),
                float(layer.saturated.mean()),
                float(slope),
                float(norm),
            )
            for layer, slope, norm in zip(self.units, self.slopes, self.gradient_norms, strict=True)
        ]
        of_layers = ("layer", "activation", "mean", "share dead", "share saturated")
        tables = [TextTable(title, ("severity", "finding", "advice"), found)] if n else []
        return [
            *tables,
            TextTable("The numbers" if n else title, columns, looked),
            TextTable("Layers", (*of_layers, "δ (rms)", "‖∂C/∂W‖"), layers),
        ]

    def plot(self, **options: Any) -> Any:
        """Draw activations and gradients of each layer; see `fastnn.plot.diagnosis`."""
        from .. import plot

        return plot.diagnosis(self, **options)


def diagnose(
    net: MLP, X: Any, y: Any, *, history: History | None = None, lr: float | None = None
) -> Diagnosis:
    """Report problems of a training, in plain words and measured numbers.

    The checks cover the course of the cost; one step on all examples, taken on a copy, against its
    first-order prediction ∇C·Δθ (for gradient descent −η ‖∇C‖²); dead and saturated units; δ of the
    layers; scales of inputs and numeric targets; the predicted classes, against always the most
    frequent one. Thresholds and sentences are in `fastnn.explain.checks`. The advice, from
    `fastnn.explain.advice`, is decided when all findings are known: it has one direction for the
    learning rate, and nothing that is already done. See Nielsen, *Neural Networks and Deep
    Learning*, ch. 3 (how to choose hyper-parameters) and 5 (unstable gradients).

    Parameters
    ----------
    net : MLP
        Not changed.
    X : array-like, shape (n, n_in)
        As of `MLP.fit`, preferably the training data.
    y : array-like, shape (n,) or (n, n_out)
        As of `MLP.fit`.
    history : History, optional
        Of the training. Default: ``net.history``.
    lr : float, optional
        The learning rate to try. Default: that of the last epoch of the history; without one no
        step is tried.

    Returns
    -------
    Diagnosis
        `print` it; ``.findings``, ``.healthy``, ``"dead_units" in diagnosis``.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.

    Examples
    --------
    >>> import fastnn
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", init="zeros", seed=0)
    >>> for finding in fastnn.explain.diagnose(net, X[:500], y[:500], lr=1.5).findings:
    ...     print(finding.severity, finding.topic)
    serious vanishing_gradient
    serious equal_predictions
    warning no_better_than_majority
    warning silent_outputs
    """
    check_mlp(net)
    if history is not None and not isinstance(history, History):
        raise TypeError(f"history must be a fastnn.History, got {history!r}")
    history = net.history if history is None else history
    rate = _rate(history, lr)
    net = net if net._trained else as_first_fit(net, X)
    data = ViewData(net, X, y)
    gradient = net.gradient(data.X, data.targets)
    if not (np.isfinite(gradient.flat).all() and np.isfinite(net.params).all()):
        return _not_finite(net, history)
    slopes = _slopes(net, data)
    units = unit_statistics(net, data)
    predicted = net.predict(data.X).astype(np.float64)
    scaled_targets = targets(net, y, data.n)
    target = net._passes.in_units(scaled_targets)
    told = np.flatnonzero(~np.isnan(target).all(axis=0))  # outputs that have targets
    learnt = _learnt(predicted[:, told], target[:, told])
    labels, made = NeuronNames(net), list[Check]()
    if "loss" in history:
        made += checks.check_curve(history["loss"], history.stopped, learnt)
        if "val_loss" in history and np.isfinite([*history["loss"], *history["val_loss"]]).all():
            made.append(checks.check_overfitting(history["loss"], history["val_loss"]))
    decayed = lr is None and "lr" in history and max(history["lr"]) > 10 * history["lr"][-1]
    if rate is not None and rate > 0:
        step = _step(net, data, gradient.flat.astype(np.float64), rate)
        if step is not None:
            # a rate that a schedule has lowered is small on purpose
            made += checks.check_step(rate, *step, learnt=1.0 if decayed else learnt)
    bounded = net.output in ("sigmoid", "softmax", "exp") or net.loss == "poisson"
    if data.labels is None and not bounded:  # before the units, which their scale affects
        made += checks.check_targets(
            *_spread(scaled_targets[:, told]),
            names=[labels.neuron(len(net.sizes) - 1, int(j)) for j in told],
            learnt=learnt,
        )
    made += checks.check_units(units[:-1], learnt=learnt)
    made.append(checks.check_slopes(slopes, learnt=learnt))
    made += checks.check_inputs(
        *_columns(net, data),
        names=[labels.neuron(0, i) for i in range(net.sizes[0])],
        pixels=image_shape(net) is not None,
    )
    if data.labels is not None:
        classified, k = data.predicted(net), len(data.classes)
        made += checks.check_classes(
            np.bincount(data.labels, minlength=k),
            np.bincount(classified, minlength=k),
            float((classified == data.labels).mean()),
            data.classes,
        )
    made.append(
        checks.check_predictions(
            float(predicted[:, told].std(axis=0).max()),
            float(np.nanstd(target[:, told], axis=0, dtype=np.float64).max()),
        )
    )
    if isinstance(net.quantile, tuple) and len(net.quantile) > 1:
        made.append(checks.check_crossing(predicted, net.quantile))
    made = advised(made, _setting(net, history, data.n, units), learnt=learnt)
    return Diagnosis(
        findings=_sorted(made),
        checks=tuple(made),
        units=units,
        slopes=slopes,
        gradient_norms=np.array([np.linalg.norm(dW.astype(np.float64)) for dW in gradient.weights]),
        lr=rate,
        histograms=_histograms(net, data),
    )


def _sorted(made: list[Check]) -> tuple[Finding, ...]:
    found = [check.finding for check in made if check.finding is not None]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))


def _setting(net: MLP, history: History, n: int = 0, units: tuple[LayerUnits, ...] = ()) -> Setting:
    fit_state = net._fit_state
    return Setting(
        init=net.init,
        activation=net.activation,
        output=net.output,
        dropout=any(net.dropout),
        weight_decay=getattr(net._optimizer, "weight_decay", 0.0) > 0,
        scaled_inputs=net.input_scale is not None,
        scaled_targets=net.output_scale is not None,
        stopped=history.stopped is not None,
        full_batch=fit_state is not None and fit_state.batch_size >= n,
        dead_layer=any((layer.dead == 1).all() for layer in units[:-1]),
    )


def _spread(
    target: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return least, largest, mean and standard deviation of each target."""
    y = target.astype(np.float64)
    mean, deviation = np.nanmean(y, axis=0), np.nanstd(y, axis=0)
    return np.nanmin(y, axis=0), np.nanmax(y, axis=0), mean, deviation


def _rate(history: History, lr: float | None) -> float | None:
    if lr is not None:
        return check_number("lr", lr, "a finite number of 0 or more", lambda rate: rate >= 0)
    return float(history["lr"][-1]) if "lr" in history else None


def _not_finite(net: MLP, history: History) -> Diagnosis:
    bad = [
        f"{name}[{l}]"
        for name, arrays in (("weights", net.weights), ("biases", net.biases))
        for l, values in enumerate(arrays)
        if not np.isfinite(values).all()
    ]
    where = f"{', '.join(bad)} hold NaN or infinity" if bad else "its activations overflow"
    finding = Finding(
        "not_finite",
        "serious",
        f"The network is not finite: {where}.",
    )
    made = [Check("gradient and parameters", "not finite", "finite", finding)]
    (check,) = advised(made, _setting(net, history), learnt=0.0)
    assert check.finding is not None
    nothing = np.zeros(0)
    return Diagnosis((check.finding,), (check,), (), nothing, nothing, _rate(history, None), ())


def _learnt(predicted: NDArray[np.float64], target: NDArray[Any]) -> float:
    """Return the share of the targets' variance that the predictions explain, R²."""
    residual = float(np.nansum((predicted - target) ** 2))
    variance = float(np.nansum((target - np.nanmean(target, axis=0, dtype=np.float64)) ** 2))
    return 1 - residual / variance if variance > 0 else float(residual == 0)


def _step(
    net: MLP, data: ViewData, gradient: NDArray[np.float64], rate: float
) -> tuple[float, list[float], float] | None:
    """Return ∇C·Δθ, the measured changes of C by Δθ, 10 Δθ and 100 Δθ, and C; all on a copy.

    Δθ is −η ∇C; for optimisers with moments, their next step. None if that step is uphill, since
    moments may point elsewhere.
    """
    trial, cost = copy.deepcopy(net), float(net.cost(data.X, data.targets))
    before = net.params.astype(np.float64)
    optimizer = net._optimizer
    if not isinstance(optimizer, FirstOrder) or isinstance(optimizer, SGD):
        step = -rate * gradient
    else:
        with warnings.catch_warnings():  # divergence is reported by the checks
            warnings.simplefilter("ignore")
            trial.train_batch(data.X, data.targets, optimizer=replace(optimizer, lr=rate))
        step = trial.params.astype(np.float64) - before
    predicted = float(gradient @ step)
    if not predicted < 0:
        return None
    changes = []
    for length in (1, 10, 100):
        with np.errstate(over="ignore"):
            trial.params = before + length * step
        changes.append(float(trial.cost(data.X, data.targets)) - cost)
    return predicted, changes, cost


def _slopes(net: MLP, data: ViewData) -> NDArray[np.float64]:
    """Return the root mean square of δ of each layer; the bias gradient of an example is its δ."""
    fit = max(1, _SAMPLE_BYTES // (net.n_params * net.dtype.itemsize))
    single = net.gradient(*data.at(data.sample(min(_SAMPLE, fit))), per_example=True)
    return np.array([np.sqrt((b.astype(np.float64) ** 2).mean()) for b in single.biases])


def _columns(
    net: MLP, data: ViewData
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return least, largest and root mean square of each column, as the network reads it."""
    low, high = np.full(net.sizes[0], np.inf), np.full(net.sizes[0], -np.inf)
    squares = np.zeros(net.sizes[0])
    for _, X in data.pieces(sum(net.sizes) * 8):
        a = net.activations(X)[0]
        low, high = np.minimum(low, a.min(axis=0)), np.maximum(high, a.max(axis=0))
        squares += (a.astype(np.float64) ** 2).sum(axis=0)
    return low, high, np.sqrt(squares / data.n)


def _histograms(
    net: MLP, data: ViewData
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Return the histogram of the activations of each layer: shares, and edges of the bins."""
    made = []
    for a in net.activations(data.X[data.sample(_SAMPLE)])[1:]:
        counts, edges = np.histogram(a.astype(np.float64), _BINS)
        made.append((counts / a.size, edges))
    return tuple(made)
