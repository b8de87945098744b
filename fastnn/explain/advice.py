"""Advice for the findings of `diagnose`, decided when all of them are known.

Single findings may ask for opposite changes of the learning rate; here one direction is chosen for
all. An initialisation, activation or scaling that the network already has is not advised. The
module needs no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..init import DEFAULT_INIT
from .checks import Check, Finding

_LOWER = ("diverged", "step_too_long", "loss_rises", "loss_oscillates")  # the strongest first
_HIGHER = ("step_too_short", "loss_hardly_falls")
_HOLD_UP = (
    *("overfitting", "diverged", "zero_gradient", "vanishing_gradient", "step_too_long"),
    *("large_targets", "small_targets", "large_inputs"),
)
_UNSOUND = ("standard_normal", "zeros")  # the initialisations that ignore the widths of the layers


@dataclass(frozen=True)
class Setting:
    """Facts about the training that limit the advice.

    Attributes
    ----------
    init : str
    activation : tuple of str
        Of the hidden layers.
    output : str
    dropout, weight_decay : bool
        Whether they are used.
    scaled_inputs, scaled_targets : bool
        Whether the network scales them.
    stopped : bool
        Whether something ended the training before its last epoch.
    full_batch : bool
        Whether a batch holds all rows.
    dead_layer : bool
        Whether all units of a layer are dead, which no learning rate and no more epochs can mend.
    """

    init: str
    activation: tuple[str, ...]
    output: str
    dropout: bool = False
    weight_decay: bool = False
    scaled_inputs: bool = False
    scaled_targets: bool = False
    stopped: bool = False
    full_batch: bool = False
    dead_layer: bool = False


@dataclass(frozen=True)
class _Case:
    """The setting and the findings."""

    setting: Setting
    topics: frozenset[str]

    def __contains__(self, topic: str) -> bool:
        return topic in self.topics

    @property
    def rate(self) -> str:
        """Return advice on the learning rate: one answer for all findings, or ""."""
        if "diverged" in self or "step_too_long" in self:
            return "use a tenth of the learning rate"
        if "loss_rises" in self or "loss_oscillates" in self:
            return "use a third of the learning rate, or a schedule that lowers it"
        if "large_targets" in self or "small_targets" in self:
            return ""  # the finding is caused by the scale of the targets
        if self.setting.dead_layer:
            return ""  # no rate mends a dead layer
        if "step_too_short" in self:
            return "use a learning rate 10 to 100 times larger"
        return "use a learning rate 10 times larger" if "loss_hardly_falls" in self else ""

    @property
    def lower_rate(self) -> list[str]:
        """A smaller learning rate, unless `rate` says larger or targets must be scaled first."""
        if "large_targets" in self or "small_targets" in self:
            return []
        if any(topic in self for topic in _HIGHER):
            return [self.rate] if any(topic in self for topic in _LOWER) else []
        return [self.rate or "use a smaller learning rate"]

    @property
    def init(self) -> list[str]:
        """Another initialisation, if the network's ignores the widths of the layers."""
        init, better = self.setting.init, DEFAULT_INIT
        return [f"start again with init={better!r}"] if init in _UNSOUND and init != better else []

    @property
    def inputs(self) -> list[str]:
        """Scaling of the inputs, if they need it."""
        if "large_inputs" not in self and "unequal_scales" not in self:
            return []
        if self.setting.scaled_inputs:
            return ["take the scaling of the inputs from these rows: net.standardize(X)"]
        return ["scale the inputs: net.standardize(X) before fit"]

    @property
    def targets(self) -> list[str]:
        """Scaling of the targets, if they need it."""
        if "large_targets" not in self and "small_targets" not in self:
            return []
        if self.setting.scaled_targets:
            return ["take the scaling of the targets from these rows: net.standardize(X, y)"]
        if self.setting.output == "identity":
            return ["scale the targets: net.standardize(X, y) before fit"]
        return ["divide the targets by their standard deviation"]

    @property
    def longer(self) -> list[str]:
        """More epochs, unless they would do harm or another problem prevents learning."""
        held_up = self.setting.dead_layer or any(topic in self for topic in _HOLD_UP)
        return [] if held_up else ["train longer"]

    @property
    def anew(self) -> list[str]:
        """Another seed, if a layer is dead."""
        again = self.setting.dead_layer and not self.init
        return ["start again with another seed"] if again else []

    def instead(self, name: str, of: Sequence[str]) -> list[str]:
        """Another activation for the layers that have one of these."""
        there = [each for each in of if each in self.setting.activation]
        return [f"use {name} instead of {' and '.join(there)}"] if there else []

    @property
    def shallower(self) -> list[str]:
        """Fewer layers, if there are more than two hidden ones."""
        return ["use fewer layers"] if len(self.setting.activation) > 2 else []


def _diverged(case: _Case) -> list[str]:
    return [case.rate, *case.inputs, *case.targets]


def _hardly_falls(case: _Case) -> list[str]:
    return [*case.targets, *([case.rate] if case.rate else []), *case.inputs]


def _oscillates(case: _Case) -> list[str]:
    return [case.rate, *([] if case.setting.full_batch else ["use batches four times as large"])]


def _overfitting(case: _Case) -> list[str]:
    setting = case.setting
    decay = "more weight decay" if setting.weight_decay else "weight decay"
    dropout = "more dropout" if setting.dropout else "dropout"
    less = f"use {decay}, {dropout}, a smaller network, or more examples"
    return [*([] if setting.stopped else ["stop early"]), less]


def _dead(case: _Case) -> list[str]:
    others = case.instead("leaky_relu", ("relu", "softplus", "silu", "gelu"))
    return [*case.init, *case.anew, *case.inputs, *case.lower_rate, *others]


def _saturated(case: _Case) -> list[str]:
    better = "leaky_relu" if "dead_units" in case else "relu"
    others = case.instead(better, ("sigmoid", "tanh", "elu"))
    return [*case.init, *case.inputs, *case.lower_rate, *others]


def _zero_gradient(case: _Case) -> list[str]:
    return [*(case.init or ["start again with another seed"]), *case.inputs, *case.lower_rate]


def _vanishing(case: _Case) -> list[str]:
    better = "leaky_relu" if "dead_units" in case else "relu"
    return [*case.init, *case.instead(better, ("sigmoid", "tanh")), *case.shallower, *case.inputs]


def _exploding(case: _Case) -> list[str]:
    decay = "use more weight decay" if case.setting.weight_decay else "use weight decay"
    return [*(case.init or [decay]), *case.lower_rate, *case.shallower, *case.inputs]


def _equal(case: _Case) -> list[str]:
    rate = [case.rate] if case.rate else []
    return [*case.init, *case.anew, *case.targets, *case.inputs, *rate] or case.longer


def _majority(case: _Case) -> list[str]:
    """Return advice without class weights: these find more rare classes but lower the accuracy."""
    return [*case.inputs, *case.longer]


def _silent(case: _Case) -> list[str]:
    weighted = ['use class_weight="balanced"'] if "class_imbalance" in case else []
    return [*case.inputs, *case.longer, *weighted]


_ADVICE: dict[str, Callable[[_Case], list[str]]] = {
    "not_finite": lambda case: [
        "return to a network that was saved earlier",
        *case.lower_rate,
    ],
    "diverged": _diverged,
    "loss_rises": lambda case: [case.rate],
    "loss_oscillates": _oscillates,
    "loss_hardly_falls": _hardly_falls,
    "overfitting": _overfitting,
    "step_too_long": lambda case: [case.rate],
    "step_too_short": lambda case: [*case.targets, *([case.rate] if case.rate else [])],
    "dead_units": _dead,
    "saturated_units": _saturated,
    "zero_gradient": _zero_gradient,
    "vanishing_gradient": _vanishing,
    "exploding_gradient": _exploding,
    "large_inputs": lambda case: case.inputs,
    "unequal_scales": lambda case: case.inputs,
    "constant_columns": lambda case: ["leave them out: they carry no information"],
    "large_targets": lambda case: case.targets,
    "small_targets": lambda case: case.targets,
    "no_better_than_mean": lambda case: [*case.targets, *case.inputs] or case.longer,
    "crossing_quantiles": lambda case: [
        *case.longer,
        "sort the quantiles of each row: numpy.sort(net.predict(X))",
    ],
    "class_imbalance": lambda case: [
        'use class_weight="balanced"',
        "collect more of the rare ones",
        "do not trust accuracy alone",
    ],
    "no_better_than_majority": _majority,
    "silent_outputs": _silent,
    "equal_predictions": _equal,
}
_OTHERS = "see the other findings"
_NOTHING = "compare with another seed, and with a network of another size"
_HARMLESS = "the network has learnt nevertheless: this matters only if it is to learn more"


def advised(checks: Sequence[Check], setting: Setting, *, learnt: float) -> list[Check]:
    """Return the checks with advice in their findings, without findings that others contradict.

    If the cost rises, the step is not reported as too short: it was measured on all examples, and
    may be too long for a single batch.
    """
    topics = {check.finding.topic for check in checks if check.finding is not None}
    if topics & set(_LOWER):
        topics -= set(_HIGHER)
    case, made = _Case(setting, frozenset(topics)), []
    for check in checks:
        finding = check.finding
        if finding is not None:
            kept = finding.topic in topics
            check = replace(check, finding=_with_advice(finding, case, learnt) if kept else None)
        made.append(check)
    return made


def _with_advice(finding: Finding, case: _Case, learnt: float) -> Finding:
    what = _ADVICE[finding.topic](case)
    if finding.topic == "saturated_units" and learnt > 0.8:
        what = [_HARMLESS]
    what = what or [_OTHERS if len(case.topics) > 1 else _NOTHING]
    words = "; ".join(what)
    return replace(finding, advice=f"{words[0].upper()}{words[1:]}.")
