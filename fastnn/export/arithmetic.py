"""Twin of the exported C's arithmetic in NumPy, bit by bit, and its effect on accuracy.

The C file has its own exp, so that the accuracy written into it is that of the device: the exp of
the C library rounds differently on each platform. The twin performs the same operations in the same
order on float32, and int8 predictions agree exactly if the compiler does not fuse a product and a
sum into one rounding (``-ffp-contract=off``).

Formulas as in csrc/kernels/vmath.inc.h; a name that NumPy has too ends in an underscore.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arrays
from ..activations import spelling
from ..layout import Array
from ..mlp import MLP
from . import facts

LEAK = 0.01
TERMS = {"float32": 7, "float64": 13}  # of the Taylor series of exp
LOG_TERMS = {"float32": 8, "float64": 17}
EXP_RANGE = {"float32": (-88.0, 88.37), "float64": (-709.0, 709.4)}  # 2^n is 0 at the lower end
LN2 = {
    "float32": (0.693359375, -2.12194440e-4),
    "float64": (6.93145751953125e-1, 1.42860682030941723212e-6),
}
LOG2_E = 1.44269504088896340736
HALF_DIGITS = {"float32": 4097, "float64": 134217729}  # 2^12 + 1, 2^27 + 1
DENSITY = 0.39894228040143267794  # 1 / √(2π)
# (1 − Φ(y)) e^{y²/2} / t as a polynomial in t = 4 / (4 + y), constant term last.
TAIL = {
    "float32": (
        *(0.016071473357, -0.060225852864, 0.046119937233, 0.035075154299, 0.0078662033366),
        *(0.088859359637, 0.071388571186, 0.095611575446, 0.099485568378, 0.099748012714),
    ),
    "float64": (
        *(0.001515753291456278575, -0.02006452823182561752, 0.1238329902501922722),
        *(-0.4719349719120262204, 1.239926545477384742, -2.375830900230561869),
        *(3.431210289085204401, -3.821083631765754111, 3.349664496202368171),
        *(-2.361613244950360341, 1.357994462878651313, -0.6343508220459635615),
        *(0.2458083675401971033, -0.0836019014014783392, 0.01399967540547755619),
        *(-0.007487696628577334537, 0.007955566130903537738, 0.02329202375899597865),
        *(0.04325657096002563667, 0.06350250883223342546, 0.08103521278689466233),
        *(0.09350209429571072886, 0.09973557017136736393, 0.09973557009948422464),
    ),
}
_F = np.float32
_D = "float32"  # the int8 export computes in float


# ---- activations, float32, one rounding an operation ---------------------------------------------


def _limited(x: Array) -> Array:
    """Return x within the limits of `_parts`; the lower one for NaN."""
    low, high = EXP_RANGE[_D]
    x = np.where(x > _F(low), x, _F(low))
    return np.where(x < _F(high), x, _F(high))


def _parts(x: Array) -> tuple[Array, Array]:
    """Return q = e^r − 1 and 2^n, where x = n ln 2 + r."""
    n = np.trunc(x * _F(LOG2_E) + np.where(x < 0, _F(-0.5), _F(0.5)))
    r: Array = x - n * _F(LN2[_D][0])
    r = r - n * _F(LN2[_D][1])
    p = np.full_like(r, 1 / math.factorial(TERMS[_D]))
    for k in range(TERMS[_D] - 1, 1, -1):
        p = p * r + _F(1 / math.factorial(k))
    return r + r * r * p, np.where(n > -127, np.ldexp(_F(1), n.astype(np.int32)), _F(0))


def _exp_of(x: Array) -> Array:
    q, power = _parts(x)
    result: Array = power + power * q
    return result


def _expm1_of(x: Array) -> Array:
    q, power = _parts(x)
    result: Array = power * q + (power - 1)
    return result


def exp_(x: Array) -> Array:
    """Return e^x; 0 for x below -87.7, e^88.37 for x above 88.37."""
    return np.where(np.isnan(x), x, _exp_of(_limited(x)))


def _sigmoid(z: Array) -> Array:
    result: Array = _F(1) / (_F(1) + _exp_of(_limited(-z)))
    return np.where(np.isnan(z), z, result)


def _tanh(z: Array) -> Array:
    y = np.where(z < 0, -z, z)
    y = np.where(y < 20, y, _F(20))
    e = _expm1_of(y + y)
    a: Array = e / (e + 2)
    return np.where(z < 0, -a, np.where(np.isnan(z), z, a))


def _softplus(z: Array) -> Array:
    u = _exp_of(_limited(np.where(z < 0, z, -z)))
    s = u / (u + 2)
    square = s * s
    p = np.full_like(s, 1 / (2 * LOG_TERMS[_D] + 1))
    for k in range(LOG_TERMS[_D] - 1, 0, -1):
        p = p * square + _F(1 / (2 * k + 1))
    twice = s + s
    result: Array = np.where(z < 0, _F(0), z) + (twice + twice * square * p)
    return result


def _gelu(z: Array) -> Array:
    y = np.where(z < 0, -z, z)
    y = np.where(y < 40, y, _F(40))
    t = _F(4) / (_F(4) + y)
    p = np.full_like(t, TAIL[_D][0])
    for coefficient in TAIL[_D][1:]:
        p = p * t + _F(coefficient)
    square = y * y
    c = y * _F(HALF_DIGITS[_D])  # y = high + low, half of the digits each: their products are exact
    high = c - (c - y)
    low = y - high
    rest = (high * high - square) + _F(2) * high * low + low * low
    e = _exp_of(_limited(_F(-0.5) * square))
    tail = p * t * (e - _F(0.5) * rest * e)
    result: Array = z * np.where(z > 0, _F(1) - tail, tail)
    return result


def _softmax(z: Array) -> Array:
    e = exp_(z - z.max(axis=1, keepdims=True))
    total = np.zeros(len(z), _F)
    for column in e.T:  # in the order in which C adds
        total += column
    return e / total[:, None]


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": lambda z: np.where(z < 0, _F(0), z),
    "leaky_relu": lambda z: z * np.where(z < 0, _F(LEAK), _F(1)),
    "elu": lambda z: np.where(z < 0, _expm1_of(_limited(z)), z),
    "gelu": _gelu,
    "silu": lambda z: z * _sigmoid(z),
    "softplus": _softplus,
    "softmax": _softmax,
    "exp": exp_,
}


# ---- int8 ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Int8Layer:
    """A layer whose weights are whole numbers: W_ij ≈ scale_j q_ji.

    Attributes
    ----------
    q : ndarray of int8, shape (n_out, n_in)
    scale, bias : ndarray of float32, shape (n_out,)
    limit : int
        The largest size of its quantised inputs with which no sum overflows an int32.
    """

    q: NDArray[np.int8]
    scale: Array
    bias: Array
    limit: int


def quantize(net: MLP) -> list[Int8Layer]:
    """Round the weights to int8, symmetrically, with a scale for each output."""
    layers = []
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        W = W.T.astype(np.float64)
        scale = np.abs(W).max(axis=1) / 127
        q = np.rint(W / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8)
        with np.errstate(over="ignore"):
            scale, bias = scale.astype(_F), b.astype(_F)
        if not (np.isfinite(scale).all() and np.isfinite(bias).all()):
            raise ValueError(f"layer {l + 1} of net holds numbers beyond float32: no int8 export")
        longest = int(np.abs(q).sum(axis=1, dtype=np.int64).max())
        limit = min(32767, (2**31 - 1) // max(longest, 1))
        if limit < 255:  # bytes are not scaled
            raise ValueError(
                f"layer {l + 1} of net reads {len(W[0]):,} inputs, too many for int8 weights: "
                "the sums would overflow 32 bits"
            )
        layers.append(Int8Layer(q, scale, bias, limit))
    return layers


def int8_preactivations(net: MLP, layers: list[Int8Layer], X: Array) -> Array:
    """Return z of the output layer, (n, n_out) float32, as the C file computes it.

    X is finite, of uint8 or of the type that the file reads, `facts.input_dtype`.
    """
    scaling = facts.byte_scaling(net) if X.dtype == np.uint8 else facts.input_scaling(net)
    factor = facts.plain_factor(scaling, _D)
    if X.dtype == np.uint8 and factor is not None:
        q, step = X.astype(np.float64), np.full(len(X), _F(factor))
    else:
        if scaling is None:
            a = X.astype(_F)
        elif factor is not None:
            a = X.astype(_F) * _F(factor)
        else:
            a = ((X.astype(np.float64) - scaling[0]) * scaling[1]).astype(_F)
        q, step = _quantize_rows(a, layers[0].limit)
    z = _int8_layer(layers[0], q, step)
    for layer, name in zip(layers[1:], net.activation, strict=True):
        z = _int8_layer(layer, *_quantize_rows(spelling(ACTIVATIONS, name, "C")(z), layer.limit))
    return z


def _int8_layer(layer: Int8Layer, q: Array, step: Array) -> Array:
    # Sums of whole numbers below 2^31: exact in double, in any order.
    sums = (q @ layer.q.T.astype(np.float64)).astype(_F)
    z: Array = sums * (layer.scale * step[:, None]) + layer.bias
    return z


def _quantize_rows(a: Array, limit: int) -> tuple[Array, Array]:
    """Return whole numbers q (as float64) and the step of each row: a ≈ step q, |q| ≤ limit."""
    most = np.abs(a).max(axis=1)
    some = most > _F(1e-30)  # below that, 1 / step would overflow: the row counts as 0
    most = np.where(some, most, _F(limit))
    v = a * (_F(limit) / most)[:, None]
    v = np.where(v > limit, _F(limit), v)
    v = np.where(v > -limit, v, _F(-limit))
    q = np.trunc(v + np.where(v < 0, _F(-0.5), _F(0.5)))
    q[~some] = 0
    return q.astype(np.float64), np.where(some, most / _F(limit), _F(0))


def int8_predict(net: MLP, layers: list[Int8Layer], X: Array) -> Array:
    """Return the outputs of the int8 C file, (n, n_out) float32."""
    with np.errstate(all="ignore"):  # C does not warn either
        return _answer(
            net, spelling(ACTIVATIONS, net.output, "C")(int8_preactivations(net, layers, X))
        )


def _answer(net: MLP, a: Array) -> Array:
    """Return the outputs in the targets' units."""
    scaling = facts.output_scaling(net)
    if scaling is None:
        return a
    return (a.astype(np.float64) * scaling[1] + scaling[0]).astype(facts.output_dtype(net, _D))


@dataclass(frozen=True)
class Measured:
    """Scores with and without int8 weights, on given examples.

    Attributes
    ----------
    n : int
    largest_change : float
        The largest change of an output of an example.
    before, after : dict
        Results of `MLP.evaluate` without and with int8 weights; empty without targets.
    """

    n: int
    largest_change: float
    before: dict[str, float]
    after: dict[str, float]


def measure(net: MLP, layers: list[Int8Layer], X: Any, y: Any) -> Measured:
    """Compare the int8 network with `net` on examples, in pieces that fit into a cache."""
    net._passes.rows(X)  # raises for a wrong X
    order = arrays.column_order("X", arrays.column_names(X), net.feature_names)
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    X = X if order is None else X[:, order]
    if X.dtype != np.uint8:
        X = X.astype(facts.input_dtype(net, _D))
    z = np.empty((len(X), net.sizes[-1]), _F)
    change, step = 0.0, 1024
    with np.errstate(all="ignore"):
        for begin in range(0, len(X), step):
            part = X[begin : begin + step]
            z[begin : begin + step] = int8_preactivations(net, layers, part)
            a = _answer(net, spelling(ACTIVATIONS, net.output, "C")(z[begin : begin + step]))
            change = max(change, float(np.abs(a - net.predict(part)).max()))
    if y is None:
        return Measured(len(X), change, {}, {})
    # The output layer alone, applied to z, has the cost and the accuracy of the int8 network.
    n_out = net.sizes[-1]
    head = MLP(
        [n_out, n_out],
        output=net.output,
        loss=net.loss,
        init="zeros",
        quantile=net.quantile,
        huber_delta=net.huber_delta,
    )
    head.weights[0] = np.eye(n_out)
    head.classes = net.classes
    if net.output_scale is not None:
        head.output_shift, head.output_scale = net.output_shift, net.output_scale
    return Measured(len(X), change, net.evaluate(X, y), head.evaluate(z, y))


# ---- tolerance for rounding ----------------------------------------------------------------------


def tolerance(net: MLP, X: Array, dtype: str, *, int8: list[Int8Layer] | None = None) -> Array:
    """Return a tolerance for each output of each row, (n, n_out) float64, of arithmetic in `dtype`.

    It is the root mean square of the rounding errors, layer by layer, times 8. The error of a sum
    of k products is assumed to be √k u Σ|a w| (N. Higham and T. Mary, "A new approach to
    probabilistic rounding error analysis", 2019), errors of different units are assumed to be
    independent, and slopes to be at most 1.13, the largest of gelu. With int8 weights one step of
    the quantised activations is added.
    """
    u = float(np.finfo(dtype).eps)
    a, errors = rounding(net, X, dtype, int8=int8)
    z = errors[-1]
    with np.errstate(all="ignore"):
        error = 1.13 * z + 4 * u * np.abs(a[-1])
        if net.output == "exp":
            error = a[-1] * (np.expm1(z) + 4 * u)
        if net.output == "softmax":
            error = a[-1] * (2 * z.max(axis=1, keepdims=True) + (z.shape[1] + 4) * u)
        scaling = facts.output_scaling(net)
        if scaling is not None:
            shift, scale = scaling
            error = error * np.abs(scale) + u * (np.abs(a[-1] * scale) + np.abs(shift))
        return 8 * error + float(np.finfo(np.float32).tiny)


def rounding(
    net: MLP, X: Array, dtype: str, *, int8: list[Int8Layer] | None = None
) -> tuple[list[Array], list[Array]]:
    """Return the activations, in double, and how far rounding may take z of each layer off."""
    u = float(np.finfo(dtype).eps)
    a, errors = [layer.astype(np.float64) for layer in net.activations(X)], []
    error = 2 * u * np.abs(a[0])
    with np.errstate(all="ignore"):
        for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            W = np.abs(W.astype(np.float64))
            size = np.abs(a[l]) @ W + np.abs(b)
            if int8 is not None:
                W = W + int8[l].scale / 2
                error = error + np.abs(a[l]).max(axis=1, keepdims=True) / int8[l].limit
            errors.append(np.sqrt(error**2 @ W**2 + (len(W) + 2) * (u * size) ** 2))
            error = 1.13 * errors[-1] + 4 * u * np.abs(a[l + 1])
    return a, errors
