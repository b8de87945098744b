"""Activations over their whole range, losses, and bytes: kernel by kernel, on every ISA.

An activation is looked at by itself through a network of one weight, W = 1 and b = -0, whose z is
x to the last bit. Its slope f' comes back as the gradient of the bias under the loss |a - y| with y
below any a, so that dC/da = 1.

Truth at float32 is the twin's, computed in float64; at float64 it is `decimal`'s with 50 digits.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from decimal import Decimal, Overflow, localcontext
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Array, Core, ragged
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from fastnn import _fastnn, names

# The largest errors of f(z), in ulp, rounded up from what millions of points showed: 2.43 sigmoid,
# 2.56 tanh, 0.84 leaky_relu, 1.15 elu, 2.71 silu, 2.69 softplus, 1.03 exp. gelu has 7.2 in float32
# and 11.1 in float64, from the rounding of t = 4/(4 + |z|) in its tail function.
LARGEST = {
    **{"identity": 0, "relu": 0, "leaky_relu": 1, "elu": 1.5, "exp": 1.5},
    **dict.fromkeys(("sigmoid", "tanh", "silu", "softplus"), 3),
}
LARGEST_GELU = {np.float32: 8, np.float64: 12}

# The largest errors of f'(z), in eps = ulp(1), told from z and told from a: 1.00 sigmoid, 1.71
# tanh, 0.43 elu, 0.75 softplus. gelu has 2.0 in float32 and 3.3 in float64.
LARGEST_SLOPE = {
    **{"identity": 0, "relu": 0, "leaky_relu": 0.01},  # 0.01 is no binary fraction
    **{"sigmoid": 1, "tanh": 2, "elu": 1, "softplus": 1, "silu": 2},
}
LARGEST_SLOPE_GELU = {np.float32: 2.5, np.float64: 4}

# Subnormal numbers count as zero in the core. Where a result is near the smallest normal number, a
# factor of it may have been flushed on the way: a loss of so many times the smallest normal number.
# z sigmoid(z) has the largest other factor: |z| = 717 at most where the product is normal.
FLUSHED = 1024

# Above these z, e^z stays at e^(this): csrc/kernels/vmath.inc.h.
EXP_MAX = {np.float32: 88.37, np.float64: 709.4}


# --- truth --------------------------------------------------------------------------------------


def log1p_exp(z: Decimal) -> Decimal:  # ln(1 + e^z)
    u = (-abs(z)).exp()
    return max(z, Decimal(0)) + (u - u * u / 2 if u < Decimal("1e-25") else (1 + u).ln())


def expm1(z: Decimal) -> Decimal:  # e^z - 1
    return z + z * z / 2 if abs(z) < Decimal("1e-25") else z.exp() - 1


def density(z: Decimal) -> Decimal:
    two_pi = Decimal("6.28318530717958647692528676655900576839433879875021164194989")
    return (-z * z / 2).exp() / two_pi.sqrt()


def Phi(z: Decimal) -> Decimal:
    """The normal distribution function: its series near 0, a continued fraction in the tails."""
    y = abs(z)
    if y < 5:  # 1/2 + phi(y) (y + y^3/3 + y^5/(3 5) + ...)
        term, total, k = y, y, 1
        while term > Decimal("1e-45"):
            k += 2
            term *= y * y / k
            total += term
        tail = Decimal("0.5") - density(y) * total
    else:  # phi(y) / (y + 1/(y + 2/(y + 3/ ...)))
        below = y
        for k in range(80, 0, -1):
            below = y + k / below
        tail = density(y) / below
    return tail if z < 0 else 1 - tail


def sigma(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


def tanh(z: Decimal) -> Decimal:
    e = expm1(2 * min(abs(z), Decimal(1000)))
    return (e / (e + 2)).copy_sign(z)


LEAK = Decimal("0.01")
TRUTH: dict[str, tuple[Callable[[Decimal], Decimal], Callable[[Decimal], Decimal]]] = {
    "identity": (lambda z: z, lambda z: Decimal(1)),
    "sigmoid": (sigma, lambda z: sigma(z) * sigma(-z)),
    "tanh": (tanh, lambda z: 4 * sigma(2 * z) * sigma(-2 * z)),
    "relu": (lambda z: max(z, Decimal(0)), lambda z: Decimal(int(z > 0))),
    "leaky_relu": (lambda z: z if z > 0 else LEAK * z, lambda z: Decimal(1) if z > 0 else LEAK),
    "elu": (lambda z: z if z > 0 else expm1(z), lambda z: min(z, Decimal(0)).exp()),
    "gelu": (lambda z: z * Phi(z), lambda z: Phi(z) + z * density(z)),
    "silu": (lambda z: z * sigma(z), lambda z: sigma(z) * (1 + z * sigma(-z))),
    "softplus": (log1p_exp, sigma),
    "exp": (Decimal.exp, Decimal.exp),
}


def points(name: str, dtype: Any) -> Array:
    """Numbers of every size and sign, densest where f bends; none that is subnormal."""
    rng, limit = np.random.default_rng(0), np.finfo(dtype)
    n = 20_000 if dtype == np.float32 else 300
    widest = 110 if dtype == np.float32 else 760  # e^-widest is subnormal
    exponents = rng.uniform(np.log2(limit.tiny), np.log2(limit.max), n)
    sizes = np.exp2(exponents) * rng.choice([-1, 1], n)
    near = [rng.uniform(-s, s, n) for s in (widest, 40, 15, 6, 2, 0.7)]
    edges = [0.0, limit.tiny, 1.0, 0.5, 20.0, EXP_MAX[dtype], float(limit.max)]
    z = np.concatenate([sizes, *near, edges, np.negative(edges)]).astype(dtype)
    if name == "exp":
        z = z[z <= dtype(EXP_MAX[dtype])]
    return np.unique(z[np.isfinite(z)])


@functools.cache
def truth(name: str, dtype: Any, slope: bool) -> tuple[Array, NDArray[np.float64], Array]:
    """z, and f(z) or f'(z) as the sum of two float64, the second what the first leaves over."""
    z = points(name, dtype)
    if dtype == np.float32:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            exact = ref.ACTIVATIONS[name][slope](z.astype(np.float64))
        return z, exact, np.zeros_like(exact)
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -(10**15), 10**15
        context.traps[Overflow] = False  # 1 / (1 + e^(1e308)) is 0
        values = [TRUTH[name][slope](Decimal(x)) for x in z.tolist()]
        high = np.array([float(value) for value in values])
        rest = [float(v - Decimal(h)) for v, h in zip(values, high.tolist(), strict=True)]
    return z, high, np.array(rest)


def errors(got: Array, exact: NDArray[np.float64], rest: Array, ulp: Array) -> Array:
    """|got - (exact + rest)| in ulp, less what flushing subnormal numbers may take."""
    flushed = FLUSHED * float(np.finfo(got.dtype).tiny)
    distance = np.abs((got.astype(np.float64) - exact) - rest)
    return np.maximum(distance - flushed, 0) / ulp


def ulp_of(exact: NDArray[np.float64], dtype: Any) -> Array:
    exponents = np.frexp(np.maximum(np.abs(exact), np.finfo(dtype).tiny))[1]
    return np.ldexp(1.0, exponents - 1 - np.finfo(dtype).nmant)


# --- the core, element by element ---------------------------------------------------------------


def values(name: str, z: Array) -> Array:
    core = Core([1, 1], output=name, dtype=z.dtype, params=[1, -0.0])
    return core.forward(z[:, None])[-1][:, 0]


def slope_at_output(name: str, z: Array) -> Array:
    """f'(z) as a loss computes it for its own layer, from z."""
    core = Core([1, 1], output=name, loss="mae", dtype=z.dtype, params=[1, -0.0])
    lowest = np.full((len(z), 1), np.finfo(z.dtype).min, z.dtype)
    return core.gradient_per_example(z[:, None], lowest)[:, 1]


def slope_when_hidden(name: str, z: Array) -> Array:
    """f'(z) of a hidden layer: for most activations computed from a = f(z)."""
    core = Core([1, 1, 1], activation=name, loss="mae", dtype=z.dtype, params=[1, -0.0, 1, -0.0])
    lowest = np.full((len(z), 1), np.finfo(z.dtype).min, z.dtype)
    return core.gradient_per_example(z[:, None], lowest)[:, 1]


# --- activations --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ref.ACTIVATIONS)
def test_activations_are_right_to_a_few_ulp_over_the_whole_range(
    isa: str, dtype: Any, name: str
) -> None:
    z, exact, rest = truth(name, dtype, False)
    limit = LARGEST_GELU[dtype] if name == "gelu" else LARGEST[name]
    found = errors(values(name, z), exact, rest, ulp_of(exact, dtype))
    assert found.max() <= limit, f"{found.max():.2f} ulp at {z[found.argmax()]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("where", [slope_at_output, slope_when_hidden])
@pytest.mark.parametrize("name", ref.HIDDEN)
def test_slopes_are_right_to_a_few_eps_over_the_whole_range(
    isa: str, dtype: Any, name: str, where: Callable[[str, Array], Array]
) -> None:
    z, exact, rest = truth(name, dtype, True)
    z, exact, rest = (x[z > np.finfo(dtype).min] for x in (z, exact, rest))  # there |a - y| is 0
    limit = LARGEST_SLOPE_GELU[dtype] if name == "gelu" else LARGEST_SLOPE[name]
    found = errors(where(name, z), exact, rest, np.float64(np.finfo(dtype).eps))
    assert found.max() <= limit, f"{found.max():.2f} eps at {z[found.argmax()]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_slope_of_exp_is_its_value(isa: str, dtype: Any) -> None:
    z = points("exp", dtype)
    assert_array_equal(slope_at_output("exp", z), values("exp", z))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_stays_at_its_largest_value_rather_than_overflow(isa: str, dtype: Any) -> None:
    z = np.array([EXP_MAX[dtype], 89, 710, np.finfo(dtype).max, np.inf], dtype)
    z = z[z >= dtype(EXP_MAX[dtype])]
    found = values("exp", z)
    assert np.isfinite(found).all()
    assert_array_equal(found, found[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*names.HIDDEN, "exp"])
def test_a_nan_comes_out_of_every_activation_as_nan_in_its_own_place(
    isa: str, dtype: Any, name: str
) -> None:
    z = np.arange(37, dtype=dtype) / 10
    clean = values(name, z)
    z[[0, 5, 36]] = np.nan
    found = values(name, z)
    assert_array_equal(np.flatnonzero(np.isnan(found)), [0, 5, 36])
    assert_array_equal(found[~np.isnan(z)], clean[~np.isnan(z)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("identity", -np.inf, np.inf),
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("relu", 0, np.inf),
        ("leaky_relu", -np.inf, np.inf),
        ("elu", -1, np.inf),
        ("gelu", None, np.inf),  # -inf times 0 has no value
        ("silu", None, np.inf),
        ("softplus", 0, np.inf),
    ],
)
def test_infinity_goes_to_the_limit(
    isa: str, dtype: Any, name: str, below: float | None, above: float
) -> None:
    found = values(name, np.array([-np.inf, np.inf], dtype))
    assert found[1] == above
    if below is not None:  # sigmoid(-inf) is e^-EXP_MAX, if that is not subnormal
        assert_allclose(found[0], below, atol=np.finfo(dtype).tiny, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["identity", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu"])
def test_zero_and_minus_zero_stay_zero(isa: str, dtype: Any, name: str) -> None:
    assert_array_equal(values(name, np.array([0.0, -0.0], dtype)), [0, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_odd_to_the_last_bit(isa: str, dtype: Any) -> None:
    z = points("tanh", dtype)
    assert_array_equal(values("tanh", -z), -values("tanh", z))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ref.ACTIVATIONS)
def test_a_value_does_not_depend_on_its_place_in_a_vector(isa: str, dtype: Any, name: str) -> None:
    z = np.linspace(-9, 9, 67).astype(dtype)
    alone = [values(name, z[i : i + 1])[0] for i in range(len(z))]
    assert_array_equal(values(name, z), alone)


# --- softmax ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_is_right_for_every_width(isa: str, dtype: Any) -> None:
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    for n in ragged(isa, dtype):
        z = (5 * rng.normal(size=(9, n))).astype(dtype)
        core = Core([n, n], output="softmax", dtype=dtype)
        core.net.params[: n * n] = np.eye(n).ravel()
        found = core.forward(z)[-1]
        # z - max z is rounded, by up to 40 u; then 2 ulp of e^z, n of the sum, 1 of the quotient
        assert_allclose(found, ref.softmax(z.astype(float)), rtol=(24 + n) * eps)
        assert_allclose(found.astype(float).sum(axis=1), 1, rtol=(1 + n) * eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_neither_overflows_nor_divides_by_zero(isa: str, dtype: Any) -> None:
    core = Core([3, 3], output="softmax", dtype=dtype)
    core.net.params[:9] = np.eye(3).ravel()
    z = np.array([[1e30, -1e30, 0], [-1e30, -1e30, -1e30], [700, 700, -700]], dtype)
    found = core.forward(z)[-1]
    assert_allclose(found, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_finds_the_largest_wherever_it_is(isa: str, dtype: Any) -> None:
    for n in ragged(isa, dtype):
        core = Core([n, n], output="softmax", dtype=dtype)
        core.net.params[: n * n] = np.eye(n).ravel()
        z = 2000 * np.eye(n, dtype=dtype)  # e^2000 is beyond double
        assert_array_equal(core.forward(z)[-1], np.eye(n))
        for j in range(n - 1):  # a clamped e^x would take both for equal
            z[j, j + 1] = 1999
        assert_allclose(core.forward(z)[-1], ref.softmax(z.astype(float)), rtol=1e-6)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_of_the_256_bytes_becomes_a_255th_of_it_to_the_last_bit(isa: str, dtype: Any) -> None:
    bytes_ = np.arange(256, dtype=np.uint8).reshape(4, 64)
    core = Core([64, 1], dtype=dtype)
    how = _fastnn.Scaling(np.zeros(64), np.full(64, 1 / 255))
    gathered = core.forward(_fastnn.Rows(bytes_, scaling=how))[0]
    assert_array_equal(gathered, (bytes_ * (1 / 255)).astype(dtype))
    if dtype == np.float32:  # the float nearest to the quotient
        assert_array_equal(gathered, bytes_.astype(dtype) / dtype(255))


# --- subnormal numbers --------------------------------------------------------------------------


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64", "aarch64", "arm64"},
    reason="elsewhere subnormal numbers are slow but right",
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_count_as_zero_inside(isa: str, dtype: Any) -> None:
    tiny = np.finfo(dtype).tiny
    z = np.array([1.0, 0.5, 2**-10, -(2**-10)], dtype) * tiny
    assert_array_equal(values("identity", z), [z[0], 0, 0, 0])
    core = Core([1, 1], dtype=dtype)
    # a · 0.01: what comes out is subnormal, what goes in is not, and nothing follows
    assert_array_equal(values("leaky_relu", np.array([-25 * tiny], dtype)), [0])
    core.net.params[:] = [4, 0]  # the other way round
    assert_array_equal(core.forward(np.array([[tiny / 2], [tiny]]))[-1], [[0], [4 * tiny]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_are_the_callers_own_again_after_a_call(isa: str, dtype: Any) -> None:
    core = Core([1, 1], dtype=dtype)
    X = np.ones((3, 1), dtype)
    core.train(X, X, ref.SGD(lr=0.1), batch_size=1)
    core.forward(X)
    core.cost(X, X)
    core.gradient(X, X)
    half = np.array([np.finfo(dtype).tiny]) * dtype(0.5)
    assert half[0] > 0
    assert half[0] * 2 == np.finfo(dtype).tiny
