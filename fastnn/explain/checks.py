"""Thresholds for training problems, and the sentences that report them.

Each function takes measured numbers and returns `Check`s; if a number is beyond its threshold, the
check has a `Finding`, to which advice.py adds advice. The module needs no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..activations import ROWS
from ..words import number, percent
from .units import LayerUnits

Severity = Literal["serious", "warning", "note"]
Array = NDArray[np.float64]

MEASURABLE = 1e-5  # of the cost: a smaller change may be rounding in float32


@dataclass(frozen=True)
class Finding:
    """Something that is probably wrong.

    Attributes
    ----------
    topic : str
        Its name for programs, such as "dead_units".
    severity : {"serious", "warning", "note"}
    sentence : str
        The problem, with the measured numbers.
    advice : str
        The usual remedy; see `fastnn.explain.advice`.
    """

    topic: str
    severity: Severity
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """One quantity that was checked.

    Attributes
    ----------
    what, measured, fine : str
        The quantity, its value, and the values that are unproblematic.
    finding : Finding or None
        None if the value is unproblematic.
    """

    what: str
    measured: str
    fine: str
    finding: Finding | None = None


def check_curve(loss: Sequence[float], stopped: str | None, learnt: float) -> list[Check]:
    """Check the cost of each epoch; `learnt` is the share of the targets' variance explained."""
    n = len(loss)
    finding: Finding | None = None
    if (stopped is not None and "finite" in stopped) or not np.isfinite(loss).all():
        why = stopped or "the cost of an epoch is not finite"
        finding = Finding(
            "diverged",
            "serious",
            f"The training broke off: {why}.",
        )
        return [Check("cost over the epochs", "not finite", "finite", finding)]
    checks = []
    first, last, best = float(loss[0]), float(loss[-1]), float(min(loss))
    finding = None
    if n > 1 and last - best > 0.05 * abs(first) and last > best + 0.2 * abs(best):
        finding = Finding(
            "loss_rises",
            "serious",
            f"The training cost rose from {number(best)} in epoch {loss.index(best) + 1} to "
            f"{number(last)} in the last.",
        )
    what = f"cost over {n} epoch{'' if n == 1 else 's'}"
    checks.append(Check(what, f"{number(first)} → {number(last)}", "falls", finding))
    if n < 4:
        return checks
    rises = np.diff(loss) > 0.1 * abs(float(np.median(loss[n // 2 :])))
    finding = None
    if rises.sum() >= max(2, (n - 1) / 4):
        finding = Finding(
            "loss_oscillates",
            "warning",
            f"The training cost rose by more than a tenth of itself after {rises.sum()} of "
            f"{n - 1} epochs.",
        )
    checks.append(
        Check("epochs that rose by a tenth", f"{rises.sum()} of {n - 1}", "below ¼", finding)
    )
    fall = (first - best) / abs(first) if first else 0.0
    finding = None
    if fall < 0.02 and learnt < 0.5:
        finding = Finding(
            "loss_hardly_falls",
            "warning",
            f"In {n} epochs the training cost fell by {percent(max(fall, 0))}, from "
            f"{number(first)} to {number(best)}.",
        )
    checks.append(Check("fall of the cost since epoch 1", percent(fall), "2 % or more", finding))
    return checks


def check_overfitting(loss: Sequence[float], val_loss: Sequence[float]) -> Check:
    """Check whether the validation cost rises while the training cost falls."""
    at = int(np.argmin(val_loss))
    best, last, finding = float(val_loss[at]), float(val_loss[-1]), None
    if last - best > 0.1 * abs(best) and loss[-1] < loss[at]:
        finding = Finding(
            "overfitting",
            "warning",
            f"Since epoch {at + 1} the validation cost rose from {number(best)} to {number(last)}, "
            f"while the training cost fell from {number(loss[at])} to {number(loss[-1])}.",
        )
    measured = f"{number(best)} → {number(last)}"
    return Check("validation cost since its best epoch", measured, "up by less than 10 %", finding)


def check_step(
    rate: float, predicted: float, changes: Sequence[float], cost: float, *, learnt: float
) -> list[Check]:
    """Check one step on all examples: the change of the cost against its first-order prediction.

    `predicted` is the first-order change of one step, below 0; `changes` are the measured changes
    of steps 1, 10 and 100 times as long. First order: C(θ + Δθ) − C(θ) ≈ ∇C·Δθ, for gradient
    descent −η ‖∇C‖² (Nielsen, ch. 1).
    """
    change, finding, scale = changes[0], None, abs(cost) or 1.0
    if not change < 0.01 * scale:
        finding = Finding(
            "step_too_long",
            "serious",
            f"One step on all examples at the learning rate {number(rate)} raises the cost by "
            f"{number(change)}, from {number(cost)}, where its slope promises "
            f"{number(predicted)}.",
        )
    measured = f"{number(change)} ({number(predicted)} promised)"
    checks = [Check("change of the cost by one step", measured, "not up by 1 %", finding)]
    promised, kept = 100 * predicted, changes[2]
    unmeasurable = abs(promised) < MEASURABLE * scale
    finding = None
    if learnt < 0.9 and (unmeasurable or kept < 0.9 * promised):
        how = (
            "too little to be measured"
            if unmeasurable
            else f"still lowers it by {kept / promised:.0%} of what its slope promises"
        )
        finding = Finding(
            "step_too_short",
            "warning",
            f"One step on all examples at the learning rate {number(rate)} lowers the cost by "
            f"{number(-predicted / scale * 100)} % of itself, and one 100 times as long {how}.",
        )
    share = "unmeasurable" if unmeasurable else f"{percent(kept / promised)} of the promised"
    checks.append(Check("change by a step 100 times as long", share, "below 90 %", finding))
    return checks


def check_units(layers: Sequence[LayerUnits], *, learnt: float) -> list[Check]:
    """Check each hidden layer for dead and saturated units.

    A network that has learnt has confident outputs: saturated units are then a note only.
    """
    checks = []
    for layer in layers:
        name, width = f"hidden layer {layer.layer} ({layer.activation})", len(layer.mean)
        dead, finding = int((layer.dead == 1).sum()), None
        if dead:
            share = dead / width
            finding = Finding(
                "dead_units",
                "serious" if share > 0.5 else "warning" if share > 0.1 else "note",
                f"{dead} of {width} units of {name} are dead: they are off on every example, so "
                "they learn nothing.",
            )
        if ROWS[layer.activation].dead is not None:
            checks.append(Check(f"dead units of {name}", f"{dead} of {width}", "none", finding))
            continue
        if ROWS[layer.activation].saturated is None:
            continue
        share, finding = float(layer.saturated.mean()), None
        stuck = int(((layer.saturated > 0.99) & (layer.deviation < 0.05)).sum())
        if share > 0.75 or stuck > 0.25 * width:
            finding = Finding(
                "saturated_units",
                "note" if learnt > 0.8 else "serious" if share > 0.9 else "warning",
                f"Units of {name} are at an end of their range on {percent(share)} of the "
                f"examples, and {stuck} of {width} always at the same end: their slope is near 0, "
                "they learn slowly.",
            )
        measured = f"{percent(share)}, {stuck} of {width} always"
        fine = "75 % or less, a quarter or less"
        checks.append(Check(f"saturation of {name}", measured, fine, finding))
    return checks


def check_slopes(slopes: Array, *, learnt: float) -> Check:
    """Check the root mean square of δ in each layer, the first hidden layer first.

    0 is fine if the cost is 0. Layers should learn at similar speeds, δ = ∂C/∂z (Nielsen, ch. 5).
    """
    what, fine = "δ of the first layer / of the last", "0.001 to 1000"
    finding: Finding | None = None
    if not slopes.any() and learnt > 0.999:
        return Check(what, "all 0, as the cost", fine)
    if not slopes.any():
        finding = Finding(
            "zero_gradient",
            "serious",
            "The gradient is exactly 0 on every example that was checked: nothing can be learnt.",
        )
        return Check(what, "all 0", fine, finding)
    first, last = float(slopes[0]), float(slopes[-1])
    ratio = first / last if last else math.inf
    if not 1e-3 <= ratio <= 1e3:
        vanishes = ratio < 1
        times = "" if first == 0 else f", by a factor of {number(1 / ratio if vanishes else ratio)}"
        finding = Finding(
            "vanishing_gradient" if vanishes else "exploding_gradient",
            "serious" if not 1e-5 <= ratio <= 1e5 else "warning",
            f"On its way from the last layer to the first, δ {'shrinks' if vanishes else 'grows'} "
            f"from {number(last)} to {number(first)}{times}.",
        )
    return Check(what, number(ratio), fine, finding)


def check_inputs(
    low: Array, high: Array, rms: Array, names: Sequence[str], *, pixels: bool
) -> list[Check]:
    """Check the columns as the network reads them: least, largest, root mean square."""
    largest, finding = int(np.argmax(rms)), None
    if rms[largest] > 10:
        finding = Finding(
            "large_inputs",
            "serious" if rms[largest] > 100 else "warning",
            f"Inputs are large: {names[largest]} has a root mean square of {number(rms[largest])} "
            f"and goes from {number(low[largest])} to {number(high[largest])}.",
        )
    checks = [Check("largest root mean square of a column", number(rms[largest]), "≤ 10", finding)]
    varies, size = high > low, np.maximum(np.abs(low), np.abs(high))
    constant = np.flatnonzero(~varies)
    if pixels:  # all pixels have one unit, and those at the border may be constant
        words = f"{len(constant)} of {len(rms)} pixels"
        return [*checks, Check("columns that never vary", words, "any number of pixels")]
    finding = None
    if len(constant):
        some = ", ".join(names[i] for i in constant[:5]) + (", …" if len(constant) > 5 else "")
        finding = Finding(
            "constant_columns",
            "warning" if len(constant) > len(rms) / 2 else "note",
            f"{len(constant)} of {len(rms)} columns never vary: {some}.",
        )
    words = f"{len(constant)} of {len(rms)}"
    checks.append(Check("columns that never vary", words, "none", finding))
    if not varies.any():
        return checks
    shown = np.flatnonzero(varies)
    least, most = shown[np.argmin(size[shown])], shown[np.argmax(size[shown])]
    ratio, finding = float(size[most] / size[least]), None
    if ratio > 100 and rms[most] > 10 * rms[least]:  # a single outlier is not another scale
        finding = Finding(
            "unequal_scales",
            "warning",
            f"Columns have very different scales: {names[most]} reaches {number(size[most])}, "
            f"{names[least]} only {number(size[least])}, {number(ratio)} times less.",
        )
    words = "largest column / smallest, by their largest |x|"
    return [*checks, Check(words, number(ratio), "≤ 100", finding)]


def check_classes(
    counts: NDArray[np.int64], predicted: NDArray[np.int64], right: float, names: Sequence[str]
) -> list[Check]:
    """Check how often each class occurs and how often it is predicted; `right`: the accuracy."""
    n, checks, finding = int(counts.sum()), [], None
    most, least = int(np.argmax(counts)), int(np.argmin(counts))
    if counts[most] > 5 * counts[least]:
        few = "never" if counts[least] == 0 else f"in {percent(counts[least] / n)}"
        finding = Finding(
            "class_imbalance",
            "warning" if counts[most] > 10 * counts[least] else "note",
            f"Classes are not equally frequent: {names[most]!r} in {percent(counts[most] / n)} of "
            f"the examples, {names[least]!r} {few}.",
        )
    shares = f"{percent(counts[least] / n)} to {percent(counts[most] / n)}"
    checks.append(Check("share of a class", shares, "within a factor of 5", finding))
    majority, finding = float(counts[most] / n), None
    if right <= majority + 0.01 and right < 1:
        ours, theirs = percent(right), percent(majority)
        if ours == theirs and right != majority:
            ours, theirs = f"{right:.2%}", f"{majority:.2%}"
        finding = Finding(
            "no_better_than_majority",
            "warning",
            f"{ours} of the predictions are right; always {names[most]!r} would be right in "
            f"{theirs}.",
        )
    measured = f"{percent(right)} ({percent(majority)})"
    checks.append(Check("accuracy (always the most frequent)", measured, "above it", finding))
    silent, finding = np.flatnonzero((counts > 0) & (predicted == 0)), None
    if len(silent):
        some = ", ".join(repr(names[i]) for i in silent[:10])
        finding = Finding(
            "silent_outputs",
            "warning",
            f"{len(silent)} of {np.count_nonzero(counts)} classes are never predicted, though "
            f"they occur: {some}.",
        )
    measured = f"{len(silent)} of {np.count_nonzero(counts)}"
    return [*checks, Check("classes never predicted", measured, "none", finding)]


def check_predictions(predicted: float, target: float) -> Check:
    """Check whether all predictions are equal, by the largest standard deviation of an output."""
    finding = None
    if target > 0 and predicted < 0.01 * target:
        finding = Finding(
            "equal_predictions",
            "serious",
            f"The network predicts the same on every example: an output varies by "
            f"{number(predicted)} (standard deviation), its target by {number(target)}.",
        )
    measured = f"{number(predicted)} ({number(target)} wanted)"
    return Check("standard deviation of the outputs", measured, "1 % of the wanted", finding)


def check_crossing(predicted: Array, quantiles: Sequence[float]) -> Check:
    """Count the rows whose quantiles are out of order: each output is learnt by itself."""
    q = len(quantiles)
    each = predicted.reshape(len(predicted), -1, q)
    crossed, n = int((np.diff(each, axis=2) < 0).any(axis=(1, 2)).sum()), len(predicted)
    share, finding = crossed / n, None
    if share > 0:
        finding = Finding(
            "crossing_quantiles",
            "serious" if share > 0.1 else "warning",
            f"Quantiles cross in {percent(share)} of the rows ({crossed:,} of {n:,}): "
            f"a higher one is predicted below a lower one.",
        )
    return Check("rows whose quantiles cross", percent(share), "none", finding)


def check_targets(
    low: Array, high: Array, mean: Array, deviation: Array, names: Sequence[str], *, learnt: float
) -> list[Check]:
    """Check numeric targets as the network reads them: range, mean, standard deviation.

    A new network has outputs of about 1, and its steps are of that size.
    """
    size = np.hypot(mean, deviation)
    largest, smallest = int(np.argmax(size)), int(np.argmin(np.where(deviation > 0, size, np.inf)))
    checks = []
    finding: Finding | None = None
    if size[largest] > 10 and learnt < 0.9:
        finding = Finding(
            "large_targets",
            "serious" if size[largest] > 100 else "warning",
            f"Targets are large: {names[largest]} should go from {number(low[largest])} to "
            f"{number(high[largest])}, with a root mean square of {number(size[largest])}; the "
            "outputs of a new network are about 1.",
        )
    words = "largest root mean square of a target"
    checks.append(Check(words, number(size[largest]), "≤ 10", finding))
    if not (deviation > 0).any():
        return checks
    finding = None
    if size[smallest] < 0.01 and learnt < 0.9:
        finding = Finding(
            "small_targets",
            "warning",
            f"Targets are small: {names[smallest]} should go from {number(low[smallest])} to "
            f"{number(high[smallest])}, with a root mean square of {number(size[smallest])}; the "
            "outputs of a new network are about 1.",
        )
    words = "smallest root mean square of a target"
    checks.append(Check(words, number(size[smallest]), "≥ 0.01", finding))
    finding = None
    if learnt <= 0.01:
        finding = Finding(
            "no_better_than_mean",
            "warning",
            f"The predictions explain {percent(max(learnt, 0.0))} of the targets' variance; always "
            "predicting the mean would be as good" + (", or better." if learnt < 0 else "."),
        )
    share = percent(learnt) if learnt >= 0 else "none"
    return [*checks, Check("share of the targets' variance explained", share, "above 1 %", finding)]
