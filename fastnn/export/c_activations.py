"""Activations in C: the templates, and the functions that a network needs of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from ..activations import spelling
from . import arithmetic
from .c_source import BLOCK, fill, literal

_LIMITED = """\
static inline @real@ @name@_limited(@real@ x) /* for exp_parts; NaN: low */
{
    x = x > f(@low@) ? x : f(@low@);
    return x < f(@high@) ? x : f(@high@);
}
"""
_PARTS = """\
/* x = n ln 2 + r with |r| <= ln 2 / 2: *power = 2^n, and q = e^r - 1 by its Taylor series */
static inline @real@ @name@_exp_parts(@real@ x, @real@ *power)
{
    const @real@ half = x < 0 ? f(-0.5) : f(0.5);
    const int n = (int)(x * f(@log2_e@) + half);
    const @bits@ bits = (@bits@)(n + @offset@) << @shift@;
    @real@ r = x - (@real@)n * f(@ln2_high@), p = f(@first@);
    r = r - (@real@)n * f(@ln2_low@);
@horner@
    memcpy(power, &bits, sizeof bits);
    return r + r * r * p;
}
"""
_EXP = """\
static inline @real@ @name@_exp_of(@real@ x) /* 0 at the lower end, finite at the upper */
{
    @real@ power, q = @name@_exp_parts(x, &power);
    return power + power * q;
}
"""
_EXPM1 = """\
static inline @real@ @name@_expm1_of(@real@ x) /* e^x - 1, also where that is small */
{
    @real@ power, q = @name@_exp_parts(x, &power);
    return power * q + (power - 1);
}
"""
_LOG1P = """\
static inline @real@ @name@_log1p_of(@real@ u) /* ln(1 + u) = 2 atanh s, s = u / (2 + u) <= 1/3 */
{
    const @real@ s = u / (u + 2), square = s * s, twice = s + s;
    @real@ p = f(@first@);
@horner@
    return twice + twice * square * p;
}
"""
_TAIL = """\
/* The normal distribution's integral from y >= 0 on, given e = e^(-y*y/2): e times a polynomial in
 * t = 4 / (4 + y) times t; y*y is square + rest, or e would lack digits. */
static inline @real@ @name@_tail_of(@real@ y, @real@ e)
{
    const @real@ t = 4 / (4 + y), square = y * y, c = y * @half_digits@;
    const @real@ high = c - (c - y), low = y - high;
    const @real@ rest = (high * high - square) + 2 * high * low + low * low;
    @real@ p = f(@first@);
@horner@
    return p * t * (e - f(0.5) * rest * e);
}
"""
_EACH = """\
static void @name@_@function@(int n, @real@ *z)
{
@arrays@    int j;
    for (; n > 0; n -= 4, z += 4) {
@loops@
    }
}
"""
_SLOPE = """\
static void @name@_@function@_slope(int n, const @real@ *a, @real@ *s) /* s: z, then f'(z) */
{
@arrays@    int j;
    for (; n > 0; n -= 4, a += 4, s += 4) {
@loops@
    }
}
"""
_SOFTMAX = """\
static void @name@_softmax(int n, @real@ *z)
{
    @real@ most = z[0], sum = 0;
    int j;
    for (j = 1; j < n; j++) most = most < z[j] ? z[j] : most;
    for (j = 0; j < n; j++) z[j] = z[j] - most;
    @name@_exp(n, z);
    for (j = 0; j < n; j++) sum += z[j];
    for (j = 0; j < n; j++) z[j] = z[j] / sum;
}
"""
# Statements for each z[j] of four, each in a loop of its own, and the functions that they need.
_SIZE = "x[j] = z[j] < 0 ? -z[j] : z[j];"
_LOOPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sigmoid": (
        (
            "x[j] = @name@_limited(-z[j]);",
            "x[j] = 1 / (1 + @name@_exp_of(x[j]));",
            "z[j] = z[j] == z[j] ? x[j] : z[j];",
        ),
        ("exp",),
    ),
    "tanh": (
        (
            _SIZE,
            "x[j] = x[j] < 20 ? x[j] : 20;",
            "x[j] = @name@_expm1_of(x[j] + x[j]);",
            "x[j] = x[j] / (x[j] + 2);",
            "z[j] = z[j] < 0 ? -x[j] : z[j] == z[j] ? x[j] : z[j];",
        ),
        ("expm1",),
    ),
    "relu": (("z[j] = z[j] < 0 ? 0 : z[j];",), ()),
    "leaky_relu": (("z[j] = z[j] * (z[j] < 0 ? f(0.01) : 1);",), ()),
    "elu": (
        (
            "x[j] = @name@_limited(z[j]);",
            "x[j] = @name@_expm1_of(x[j]);",
            "z[j] = z[j] < 0 ? x[j] : z[j];",
        ),
        ("limited", "expm1"),
    ),
    "gelu": (
        (
            _SIZE,
            "x[j] = x[j] < 40 ? x[j] : 40;",
            "y[j] = @name@_limited(f(-0.5) * (x[j] * x[j]));",
            "y[j] = @name@_exp_of(y[j]);",
            "y[j] = @name@_tail_of(x[j], y[j]);",
            "x[j] = 1 - y[j];",
            "z[j] = z[j] * (z[j] > 0 ? x[j] : y[j]);",
        ),
        ("exp", "tail"),
    ),
    "silu": (
        (
            "x[j] = @name@_limited(-z[j]);",
            "z[j] = z[j] * (1 / (1 + @name@_exp_of(x[j])));",
        ),
        ("exp",),
    ),
    "softplus": (
        (
            "x[j] = @name@_limited(z[j] < 0 ? z[j] : -z[j]);",
            "x[j] = @name@_log1p_of(@name@_exp_of(x[j]));",
            "z[j] = (z[j] < 0 ? 0 : z[j]) + x[j];",
        ),
        ("exp", "log1p"),
    ),
    "exp": (
        (
            "x[j] = @name@_limited(z[j]);",
            "x[j] = @name@_exp_of(x[j]);",
            "z[j] = z[j] == z[j] ? x[j] : z[j];",
        ),
        ("exp",),
    ),
}
# f'(z) from a[j] = f(z) and s[j] = z, as above; the formulas of csrc/kernels/activation.inc.h.
_SIGMOID_OF_Z = ("x[j] = @name@_limited(-s[j]);", "x[j] = 1 / (1 + @name@_exp_of(x[j]));")
_SLOPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sigmoid": (("s[j] = a[j] * (1 - a[j]);",), ()),
    "tanh": (("s[j] = 1 - a[j] * a[j];",), ()),
    "relu": (("s[j] = a[j] > 0 ? 1 : 0;",), ()),
    "leaky_relu": (("s[j] = a[j] > 0 ? 1 : f(0.01);",), ()),
    "elu": (("x[j] = a[j] + 1;", "s[j] = s[j] > 0 ? 1 : x[j];"), ()),
    "gelu": (  # Phi(z) + z phi(z)
        (
            "x[j] = s[j] < 0 ? -s[j] : s[j];",
            "x[j] = x[j] < 40 ? x[j] : 40;",
            "y[j] = @name@_limited(f(-0.5) * (x[j] * x[j]));",
            "y[j] = @name@_exp_of(y[j]);",
            "x[j] = @name@_tail_of(x[j], y[j]);",
            "y[j] = s[j] * y[j] * f(@density@);",
            "x[j] = s[j] > 0 ? 1 - x[j] : x[j];",
            "s[j] = x[j] + y[j];",
        ),
        ("exp", "tail"),
    ),
    "silu": ((*_SIGMOID_OF_Z, "s[j] = x[j] + a[j] * (1 - x[j]);"), ("exp",)),
    "softplus": ((*_SIGMOID_OF_Z, "s[j] = x[j];"), ("exp",)),
    "exp": (("s[j] = a[j];",), ()),
}


def activations(names: Iterable[str], prefix: str, dtype: str, *, slopes: bool = False) -> str:
    """Return the C functions for these activations and those they call; slopes if wanted."""
    sloped = [name for name in dict.fromkeys(names) if name != "identity"]
    wanted = sloped
    if "softmax" in wanted:  # which calls that of exp
        wanted = ["exp", *(name for name in wanted if name not in ("exp", "softmax")), "softmax"]
    needed = {
        helper for name in wanted if name != "softmax" for helper in spelling(_LOOPS, name, "C")[1]
    }
    sloped = [name for name in sloped if slopes and name != "softmax"]
    needed |= {helper for name in sloped for helper in spelling(_SLOPES, name, "C")[1]}
    low, high = arithmetic.EXP_RANGE[dtype]

    def horner(coefficients: Iterable[float], variable: str) -> str:
        return "\n".join(f"    p = p * {variable} + {literal(c, dtype)};" for c in coefficients)

    def put(template: str, **more: str) -> str:
        limits = {"low": repr(low), "high": repr(high), "density": repr(arithmetic.DENSITY)}
        # Twice: the second turns the numbers from the first into literals.
        text = re.sub(r"f\(@(\w+)@\)", lambda m: f"f({(limits | more)[m[1]]})", template)
        return fill(text, dtype, name=prefix, **more)

    parts = []
    if needed & {"exp", "limited"}:
        parts.append(put(_LIMITED))
    if needed & {"exp", "expm1"}:
        terms, single = arithmetic.TERMS[dtype], dtype == "float32"
        parts.append(
            put(
                _PARTS,
                bits="uint32_t" if single else "uint64_t",
                log2_e=repr(arithmetic.LOG2_E),
                ln2_high=repr(arithmetic.LN2[dtype][0]),
                ln2_low=repr(arithmetic.LN2[dtype][1]),
                first=repr(1 / math.factorial(terms)),
                horner=horner((1 / math.factorial(k) for k in range(terms - 1, 1, -1)), "r"),
                offset="127" if single else "1023",
                shift="23" if single else "52",
            )
        )
    if "exp" in needed:
        parts.append(put(_EXP))
    if "expm1" in needed:
        parts.append(put(_EXPM1))
    if "log1p" in needed:
        terms = arithmetic.LOG_TERMS[dtype]
        parts.append(
            put(
                _LOG1P,
                first=repr(1 / (2 * terms + 1)),
                horner=horner((1 / (2 * k + 1) for k in range(terms - 1, 0, -1)), "square"),
            )
        )
    if "tail" in needed:
        tail = arithmetic.TAIL[dtype]
        half = literal(arithmetic.HALF_DIGITS[dtype], dtype)
        parts.append(
            put(_TAIL, first=repr(tail[0]), horner=horner(tail[1:], "t"), half_digits=half)
        )

    def each(template: str, name: str, statements: Iterable[str]) -> str:
        texts = [put(text) for text in statements]
        loops = [f"        for (j = 0; j < {BLOCK}; j++) {text}" for text in texts]
        arrays = [f"{array}[{BLOCK}]" for array in "xy" if f"{array}[j]" in "".join(texts)]
        declared = f"    @real@ {', '.join(arrays)};\n" if arrays else ""
        template = template.replace("@arrays@", declared)
        return put(template, function=name, loops="\n".join(loops))

    for name in wanted:
        if name == "softmax":
            parts.append(put(_SOFTMAX))
            continue
        parts.append(each(_EACH, name, _LOOPS[name][0]))
        if name in sloped:
            parts.append(each(_SLOPE, name, spelling(_SLOPES, name, "C")[0]))
    return "\n".join(parts)
