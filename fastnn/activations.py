"""Table of the activations: formula in NumPy, and where a unit is dead or saturated.

`names.py` has the names in the order of the core's codes; every name has a row here. The exports
have the spellings of other languages, and refuse a network with an activation that they lack.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .names import Output

SATURATED = 0.02  # of the way from one end of a bounded activation to the other

Ends = Callable[[NDArray[Any]], NDArray[np.bool_]]
Spelling = TypeVar("Spelling")


@dataclass(frozen=True)
class Row:
    """The properties of an activation that Python needs.

    Attributes
    ----------
    numpy : str
        f(z) as a NumPy expression, without overflow if the result is finite; {exp_max} is the
        argument at which fastnn's exp stops growing. Softmax is over the last axis.
    dead, saturated : function or None
        Of a = f(z): whether the unit is off, or at an end of its range, so that f' is about 0.
    """

    numpy: str
    dead: Ends | None = None
    saturated: Ends | None = None


def _just_below_0(a: NDArray[Any]) -> NDArray[np.bool_]:
    return (a <= 0) & (a > -1e-3)


ROWS: dict[Output, Row] = {
    "identity": Row("z"),
    "sigmoid": Row(
        "np.exp(-np.logaddexp(0, -z))",
        saturated=lambda a: (a < SATURATED) | (a > 1 - SATURATED),  # f' = a (1 − a) < 0.02
    ),
    "tanh": Row("np.tanh(z)", saturated=lambda a: np.abs(a) > 1 - SATURATED),  # f' = 1 − a² < 0.04
    "relu": Row("np.maximum(z, 0)", dead=lambda a: a <= 0),
    "leaky_relu": Row("np.where(z > 0, z, 0.01 * z)"),
    "elu": Row(
        "np.where(z > 0, z, np.expm1(np.minimum(z, 0)))",
        saturated=lambda a: a < SATURATED - 1,  # f' = a + 1
    ),
    "gelu": Row(
        "z * (np.vectorize(math.erfc, otypes=[float])(z / -math.sqrt(2)) / 2).astype(z.dtype)",
        dead=_just_below_0,
    ),
    "silu": Row("z * np.exp(-np.logaddexp(0, -z))", dead=_just_below_0),
    "softplus": Row(
        "np.logaddexp(0, z)",
        dead=lambda a: a < SATURATED,  # f' = 1 − exp(−a)
    ),
    "softmax": Row("(e := np.exp(z - z.max(-1, keepdims=True))) / e.sum(-1, keepdims=True)"),
    "exp": Row("np.exp(np.minimum(z, {exp_max}))"),
}


def spelling(table: Mapping[str, Spelling], name: str, language: str) -> Spelling:
    """Return the entry for an activation in an export's table.

    Raises
    ------
    ValueError
        The table has no entry: the activation is new.
    """
    if name not in table:
        raise ValueError(f"activation {name!r} cannot be written in {language} yet")
    return table[name]
