"""Names of activations, losses and metrics, their codes in the core, and the valid pairs.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, TypeVar, get_args

from .hints import name_hint

# The position of a name is its code in csrc/fnn.h.
Activation: TypeAlias = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus"
]
Output: TypeAlias = Literal[Activation, "softmax", "exp"]
Loss: TypeAlias = Literal[
    "quadratic",
    "mse",
    "cross_entropy",
    "binary_cross_entropy",
    "mae",
    "huber",
    "quantile",
    "poisson",
    "gaussian_nll",
]
HIDDEN: tuple[Activation, ...] = get_args(Activation)
ACTIVATIONS: tuple[Output, ...] = get_args(Output)
LOSSES: tuple[Loss, ...] = get_args(Loss)
Name = TypeVar("Name", bound=str)
NO_METRIC, ARGMAX, THRESHOLD = 0, 1, 2

# How predictions are counted as correct with a loss, and the attribute of MLP that is its parameter
METRICS: dict[Loss, int] = {
    "quadratic": NO_METRIC,
    "mse": NO_METRIC,
    "cross_entropy": ARGMAX,
    "binary_cross_entropy": THRESHOLD,
    "mae": NO_METRIC,
    "huber": NO_METRIC,
    "quantile": NO_METRIC,
    "poisson": NO_METRIC,
    "gaussian_nll": NO_METRIC,
}
PARAMETERS: dict[Loss, str] = {"huber": "huber_delta", "quantile": "quantile"}

# The default loss of an output
_LOSS_OF: dict[Output, Loss] = {
    **dict.fromkeys(HIDDEN, "mse"),
    "sigmoid": "binary_cross_entropy",
    "softmax": "cross_entropy",
    "exp": "poisson",
}

# Outputs that a loss can be computed from; a loss that is not here takes any but exp and softmax …
OUTPUTS_OF: dict[str, tuple[Output, ...]] = {
    "cross_entropy": ("softmax",),
    "binary_cross_entropy": ("sigmoid",),
    "poisson": ("exp", "softplus"),
    "gaussian_nll": ("identity",),
}
# … and these losses take them too.
_LOSSES_OF: dict[str, tuple[Loss, ...]] = {
    "softmax": ("cross_entropy", "quadratic", "mse", "mae", "huber"),
    "exp": ("poisson", "quadratic", "mse", "mae", "huber", "quantile"),
}


def check_name(argument: str, name: object, names: Iterable[Name]) -> Name:
    """Return `name` if it is among `names`; else raise ValueError, which lists them."""
    names = tuple(names)
    for known in names if isinstance(name, str) else ():
        if known == name:
            return known
    hint = name_hint(argument, name, names)
    raise ValueError(f"{argument} must be one of {', '.join(names)}; got {name!r}{hint}")


def pair(output: object, loss: object) -> tuple[Output, Loss]:
    """Return output and loss, after a check that they match; None is derived from the other."""
    output = None if output is None else check_name("output", output, ACTIVATIONS)
    loss = None if loss is None else check_name("loss", loss, LOSSES)
    if output is None:
        output = OUTPUTS_OF[loss][0] if loss in OUTPUTS_OF else "identity"
    if loss is None:
        loss = _LOSS_OF[output]
    if loss in OUTPUTS_OF and output not in OUTPUTS_OF[loss]:
        needed = " or ".join(OUTPUTS_OF[loss])
        raise ValueError(f"loss {loss!r} needs output {needed}, not {output!r}")
    if output in _LOSSES_OF and loss not in _LOSSES_OF[output]:
        allowed = ", ".join(_LOSSES_OF[output])
        raise ValueError(f"output {output!r} goes with loss {allowed}, not {loss!r}")
    return output, loss
