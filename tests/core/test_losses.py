"""Costs and their slopes at the outputs, for every legal pair of output and loss, on every ISA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import ACTIVATIONS, DTYPES, LOSSES, Core, widths
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import _fastnn, names
from fastnn.names import NO_METRIC


def logits(n: int, output: str, loss: str, dtype: Any, **more: Any) -> Core:
    """A network whose z is x: the loss by itself."""
    core = Core([n, n], output=output, loss=loss, dtype=dtype, **more)
    core.net.params[: n * n] = np.eye(n).ravel()
    return core


def test_legal_pairs_are_the_same_in_the_twin_and_the_library() -> None:
    pairs = {(output, loss) for output in ACTIVATIONS for loss in LOSSES if legal(output, loss)}
    assert pairs == set(ref.LEGAL + ref.PAIRED)


def legal(output: str, loss: str) -> bool:
    try:
        return names.pair(output, loss) == (output, loss)
    except ValueError:
        return False


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("output", "loss"), ref.LEGAL + ref.PAIRED)
def test_cost_and_delta_are_the_twins_for_every_width(
    isa: str, dtype: Any, output: str, loss: str
) -> None:
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    for n in widths(isa, dtype, loss):
        core = logits(n, output, loss, dtype)
        z = (2 * rng.normal(size=(7, n))).astype(dtype)
        y = rng.uniform(0.1, 0.9, size=(7, n)).astype(dtype)
        z64, y64 = z.astype(np.float64), y.astype(np.float64)
        a = ref.softmax(z64) if output == "softmax" else ref.ACTIVATIONS[output][0](z64)
        C, delta = ref.loss_and_delta(z64, a, y64, output, loss)
        each, _ = core.cost(z, y)
        # 20 roundings in a term, f of up to 12 ulp among them, and n to add them up; terms are no
        # larger than those of sum (|z| + |a| + |y| + 1)^2
        size = (np.abs(z64) + np.abs(a) + y64 + 1) ** 2
        if loss == "gaussian_nll":  # ... of the factor e^-s, too
            size *= np.exp(np.abs(z64)).max(axis=1, keepdims=True)
        assert (np.abs(each - C) <= (n + 20) * eps * size.sum(axis=1)).all(), f"cost, n = {n}"
        got = core.gradient_per_example(z, y)[:, n * n :]
        scale = size * (size.sum(axis=1, keepdims=True) if output == "softmax" else 1)
        assert (np.abs(got - delta) <= (n + 20) * eps * scale).all(), f"delta, n = {n}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("output", "loss"), ref.LEGAL + ref.PAIRED)
def test_each_example_counts_what_it_weighs(isa: str, dtype: Any, output: str, loss: str) -> None:
    rng, eps, m = np.random.default_rng(1), np.finfo(dtype).eps, 41
    weight = rng.uniform(0.1, 3, m)
    for n in widths(isa, dtype, loss):
        core = logits(n, output, loss, dtype)
        z = (2 * rng.normal(size=(m, n))).astype(dtype)
        y = rng.uniform(0.1, 0.9, size=(m, n)).astype(dtype)
        each = core.gradient_per_example(z, y)[:, n * n :] * weight[:, None]
        got = core.gradient(z, y, weight)[n * n :]
        size = np.abs(each).sum(axis=0)
        # loosely, as softmax's terms nearly cancel: the slopes themselves are compared above
        assert (np.abs(got - each.sum(axis=0)) <= np.sqrt(eps) * size).all(), f"n = {n}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("output", "loss"), ref.LEGAL + ref.PAIRED)
def test_each_output_counts_what_it_weighs_in_its_row(
    isa: str, dtype: Any, output: str, loss: str
) -> None:
    rng, eps = np.random.default_rng(2), np.finfo(dtype).eps
    for n in widths(isa, dtype, loss):
        core = logits(n, output, loss, dtype)
        z = (2 * rng.normal(size=(7, n))).astype(dtype)
        y = rng.uniform(0.1, 0.9, size=(7, n)).astype(dtype)
        r = rng.choice([0, 0.5, 1, 2], size=(7, n)).astype(dtype)
        weighed = _fastnn.Targets(None, y, None, NO_METRIC, 7, n, r)
        z64, y64 = z.astype(np.float64), y.astype(np.float64)
        a = ref.softmax(z64) if output == "softmax" else ref.ACTIVATIONS[output][0](z64)
        C, delta = ref.loss_and_delta(z64, a, y64, output, loss, r=r.astype(np.float64))
        each, _ = core.cost(z, weighed)
        size = 2 * (np.abs(z64) + np.abs(a) + y64 + 1) ** 2
        if loss == "gaussian_nll":
            size *= np.exp(np.abs(z64)).max(axis=1, keepdims=True)
        assert (np.abs(each - C) <= (n + 20) * eps * size.sum(axis=1)).all(), f"cost, n = {n}"
        got = core.gradient_per_example(z, weighed)[:, n * n :]
        scale = size * (size.sum(axis=1, keepdims=True) if output == "softmax" else 1)
        assert (np.abs(got - delta) <= (n + 20) * eps * scale).all(), f"delta, n = {n}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_nll_gives_the_numbers_worked_by_hand(isa: str, dtype: Any) -> None:
    # y = 3, mean 1, s = ln 4: 1/2 (4/4 + ln 4); y = 0, mean -1, s = 0: 1/2 (1 + 0); C is their mean
    core = logits(4, "identity", "gaussian_nll", dtype)
    a, y = np.array([[1, np.log(4), -1, 0]], dtype), np.array([[3, 7, 0, 7]], dtype)
    close = {"rtol": 8 * np.finfo(dtype).eps, "atol": 4 * np.finfo(dtype).eps}
    assert_allclose(core.cost(a, y)[0], [(1 + np.log(4) + 1) / 4], **close)
    # dC/dmean = -(y - mean) e^-s / 2, dC/ds = 1/4 (1 - (y - mean)^2 e^-s)
    assert_allclose(core.gradient_per_example(a, y)[0, 16:], [-1 / 4, 0, -1 / 2, 0], **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("loss", "parameter", "cost", "delta"),
    [  # a = (1, -3, 0.5), y = 0.5, so that r = a - y = (0.5, -3.5, 0); C is a mean over three
        ("quadratic", None, [0.25, 12.25, 0], [1, -7, 0]),
        ("mse", None, [0.25, 12.25, 0], [1, -7, 0]),
        ("mae", None, [0.5, 3.5, 0], [1, -1, 0]),
        ("huber", 1.0, [0.125, 3, 0], [0.5, -1, 0]),
        ("huber", 0.25, [0.09375, 0.84375, 0], [0.25, -0.25, 0]),  # d (|r| - d/2)
        ("huber", 4.0, [0.125, 6.125, 0], [0.5, -3.5, 0]),
        ("quantile", 0.75, [0.125, 2.625, 0], [0.25, -0.75, 0]),  # y - a = 3.5: q 3.5
        ("quantile", 0.25, [0.375, 0.875, 0], [0.75, -0.25, 0]),
    ],
)
def test_residual_losses_give_the_numbers_worked_by_hand(
    isa: str, dtype: Any, loss: str, parameter: float, cost: list[float], delta: list[float]
) -> None:
    core = logits(3, "identity", loss, dtype, loss_parameter=parameter)
    a, y = np.array([[1, -3, 0.5]], dtype), np.full((1, 3), 0.5, dtype)
    n = 1 if loss == "quadratic" else 3
    each, _ = core.cost(a, y)
    assert_allclose(each, [sum(cost) / n], rtol=2 * np.finfo(dtype).eps)
    got = core.gradient_per_example(a, y)[0, 9:]
    assert_allclose(got, np.array(delta) / n, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_is_exact_however_far_softmax_is_saturated(isa: str, dtype: Any) -> None:
    core = logits(2, "softmax", "cross_entropy", dtype)
    z = np.array([[1000, 0], [0, 1000], [1000, 0]], dtype)
    each, _ = core.cost(z, np.array([0, 0, 1]))
    assert_array_equal(each, [0, 1000, 1000])  # ln(e^1000 + 1) - z_y
    delta = core.gradient_per_example(z, np.array([0, 0, 1]))[:, 4:]
    assert_array_equal(delta, [[0, 0], [-1, 1], [1, -1]])  # a - y


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("top", [0, 20, 36])  # 37: whole vectors and a rest on every ISA
def test_cross_entropy_of_many_classes_is_exact_however_far_softmax_is_saturated(
    isa: str, dtype: Any, top: int
) -> None:
    core, other = logits(37, "softmax", "cross_entropy", dtype), 10
    z = np.zeros((2, 37), dtype)
    z[:, top] = 1000
    each, _ = core.cost(z, np.array([top, other]))
    assert_array_equal(each, [0, 1000])  # ln(e^1000 + 36) - z_y
    delta = np.zeros((2, 37))
    delta[1, top], delta[1, other] = 1, -1  # a - y
    got = core.gradient_per_example(z, np.array([top, other]))[:, 37 * 37 :]
    assert_array_equal(got, delta)


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_is_exact_however_far_sigmoid_is_saturated(
    isa: str, dtype: Any
) -> None:
    core = logits(3, "sigmoid", "binary_cross_entropy", dtype)
    z, y = np.array([[1000, -1000, 1000]], dtype), np.array([[0, 1, 1]], dtype)
    each, _ = core.cost(z, y)
    assert_array_equal(each, [2000])  # ln(1 + e^1000) + [ln(1 + e^-1000) + 1000] + 0
    assert_array_equal(core.gradient_per_example(z, y)[:, 9:], [[1, -1, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson_on_softplus_survives_an_output_of_zero(isa: str, dtype: Any) -> None:
    core = logits(1, "softplus", "poisson", dtype)
    z = np.array([[-5000.0]], dtype)  # a = 0 and ln a = -inf, were a not kept off 0
    for y in (0.0, 3.0):
        Y = np.array([[y]], dtype)
        assert np.isfinite(core.cost(z, Y)[0]).all()
        assert np.isfinite(core.gradient(z, Y)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_a_nan_among_the_outputs_makes_that_examples_cost_nan(
    isa: str, dtype: Any, output: str, loss: str
) -> None:
    for n in (1, 5, 37):
        core = logits(n, output, loss, dtype)
        z = np.full((3, n), 0.25, dtype)
        y = np.full((3, n), 0.5, dtype)
        z[1, n // 2] = np.nan
        each, (total, _, _) = core.cost(z, y)
        assert_array_equal(np.isnan(each), [False, True, False])
        assert np.isnan(total)


@pytest.mark.parametrize("dtype", DTYPES)
def test_targets_of_cross_entropy_may_be_any_weights_of_the_classes(isa: str, dtype: Any) -> None:
    # z = 0: a = 1/2 each. y = (2, 1): C = 3 ln 2, delta = 3 a - y = (-1/2, 1/2)
    core = logits(2, "softmax", "cross_entropy", dtype)
    z, y = np.zeros((1, 2), dtype), np.array([[2, 1]], dtype)
    assert_allclose(core.cost(z, y)[0], 3 * np.log(2), rtol=2 * np.finfo(dtype).eps)
    assert_allclose(core.gradient_per_example(z, y)[:, 4:], [[-0.5, 0.5]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_targets_of_cross_entropy_may_be_any_weights_of_many_classes(isa: str, dtype: Any) -> None:
    # z = 0: a = 1/37 each. y_j = j: C = 666 ln 37, delta_j = 666/37 - j = 18 - j
    core = logits(37, "softmax", "cross_entropy", dtype)
    z, y = np.zeros((1, 37), dtype), np.arange(37, dtype=dtype)[None]
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": 40 * np.finfo(dtype).eps}
    assert_allclose(core.cost(z, y)[0], 666 * np.log(37), **close)
    got = core.gradient_per_example(z, y)[:, 37 * 37 :]
    assert_allclose(got, 18 - y, **close)
