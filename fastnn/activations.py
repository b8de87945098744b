"""One row an activation: formula in NumPy, range, dead and saturated units, other libraries' names.

`names.py` has the names in the order of the core's codes; every name has a row here. The functions
of the exported C stand in `export/`, which refuses a network whose f it lacks.

Private: it may change without notice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .names import Output

SATURATED = 0.02  # of the way from one end of a bounded activation to the other

Ends = Callable[[NDArray[Any]], NDArray[np.bool_]]
Slope = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
Call = tuple[str, dict[str, Any]]  # a name and its settings
Spelling = TypeVar("Spelling")


@dataclass(frozen=True)
class Row:
    """The properties of an activation that Python needs.

    Attributes
    ----------
    numpy : str
        f(z) as NumPy writes it, without overflow where the result is finite; {exp_max}: where
        fastnn's exp stops growing. Softmax: over the last axis.
    slope : function or None
        f'(z) of z and a = f(z), in double; None where every output depends on all z.
    range : (float, float)
        The least and the greatest value. Those that f only tends to (0 and 1 of sigmoid) are
        targets too: labels are such.
    torch : Call or None
        The module of torch.nn, or of `export.torch_modules`. Of softplus the threshold is where
        theirs becomes z itself: at their 20, 2e-9 off; at 40, the nearest double.
    onnx : Call or None
        The operator that is f, at least for float32; others are written out in `export.onnx`.
    dead, saturated : function or None
        Of a = f(z): whether the unit is off, or at an end of its range, so that f' is about 0.
    """

    numpy: str
    slope: Slope | None
    range: tuple[float, float]
    torch: Call | None = None
    onnx: Call | None = None
    dead: Ends | None = None
    saturated: Ends | None = None


def _sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


def _gelu_slope(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:
    """Φ(z) + z φ(z)."""
    normal = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in z.flat]).reshape(z.shape)
    return np.asarray(normal + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))


def _silu_slope(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(_sigmoid(z) * (1 + z * (1 - _sigmoid(z))))


def _just_below_0(a: NDArray[Any]) -> NDArray[np.bool_]:
    return (a <= 0) & (a > -1e-3)


ROWS: dict[Output, Row] = {
    "identity": Row(
        "z",
        lambda z, a: np.ones_like(a),
        range=(-inf, inf),
        torch=("Identity", {}),
        onnx=("Identity", {}),
    ),
    "sigmoid": Row(
        "np.exp(-np.logaddexp(0, -z))",
        lambda z, a: a * (1 - a),
        range=(0, 1),
        torch=("Sigmoid", {}),
        onnx=("Sigmoid", {}),
        saturated=lambda a: (a < SATURATED) | (a > 1 - SATURATED),  # f' = a (1 − a) < 0.02
    ),
    "tanh": Row(
        "np.tanh(z)",
        lambda z, a: 1 - a**2,
        range=(-1, 1),
        torch=("Tanh", {}),
        onnx=("Tanh", {}),
        saturated=lambda a: np.abs(a) > 1 - SATURATED,  # f' = 1 − a² < 0.04
    ),
    "relu": Row(
        "np.maximum(z, 0)",
        lambda z, a: np.where(z > 0, 1.0, 0.0),
        range=(0, inf),
        torch=("ReLU", {}),
        onnx=("Relu", {}),
        dead=lambda a: a <= 0,
    ),
    "leaky_relu": Row(
        "np.where(z > 0, z, 0.01 * z)",
        lambda z, a: np.where(z > 0, 1.0, 0.01),
        range=(-inf, inf),
        torch=("LeakyReLU", {"negative_slope": 0.01}),
        onnx=("LeakyRelu", {"alpha": 0.01}),
    ),
    "elu": Row(
        "np.where(z > 0, z, np.expm1(np.minimum(z, 0)))",
        lambda z, a: np.exp(np.minimum(z, 0)),
        range=(-1, inf),
        torch=("ELU", {"alpha": 1.0}),
        onnx=("Elu", {"alpha": 1.0}),
        saturated=lambda a: a < SATURATED - 1,  # f' = a + 1
    ),
    "gelu": Row(
        "z * (np.vectorize(math.erfc, otypes=[float])(z / -math.sqrt(2)) / 2).astype(z.dtype)",
        _gelu_slope,
        range=(-0.16997121, inf),  # at z = -0.7518
        torch=("GELU", {"approximate": "none"}),
        dead=_just_below_0,
    ),
    "silu": Row(
        "z * np.exp(-np.logaddexp(0, -z))",
        _silu_slope,
        range=(-0.27846454, inf),  # at z = -1.2785
        torch=("SiLU", {}),
        dead=_just_below_0,
    ),
    "softplus": Row(
        "np.logaddexp(0, z)",
        lambda z, a: _sigmoid(z),
        range=(0, inf),
        torch=("Softplus", {"beta": 1.0, "threshold": 40.0}),
        onnx=("Softplus", {}),
        dead=lambda a: a < SATURATED,  # f' = 1 − exp(−a)
    ),
    "softmax": Row(
        "(e := np.exp(z - z.max(-1, keepdims=True))) / e.sum(-1, keepdims=True)",
        None,
        range=(0, 1),
        torch=("Softmax", {"dim": 1}),
        onnx=("Softmax", {"axis": 1}),
    ),
    "exp": Row(
        "np.exp(np.minimum(z, {exp_max}))",
        lambda z, a: a,
        range=(0, inf),
        torch=("Exp", {}),
        onnx=("Exp", {}),
    ),
}


TORCH: dict[str, Call] = {name: row.torch for name, row in ROWS.items() if row.torch is not None}
ONNX: dict[str, Call] = {name: row.onnx for name, row in ROWS.items() if row.onnx is not None}


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
