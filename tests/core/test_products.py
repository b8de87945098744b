"""The three products, and all around them, in every shape: forward, cost, gradient, on every ISA.

Two kinds of proof. On small integers all arithmetic is exact, so the core and the twin must agree
to the last bit, and one wrong element anywhere shows. On real numbers they must agree within the
bound of `error_bounds.py`, which is derived from eps and the lengths of the sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
from error_bounds import gradient_and_bound
from helpers import DTYPES, Core, lanes, ragged, random_case
from numpy.testing import assert_array_equal

BATCHES = [1, 2, 11, 12, 13, 33, 130]
BLOCKED = [511, 512, 513, 700, 1025]  # inner sums are cut into equal blocks of at most 512 (KC)


def integer_case(core: Core, n: int, seed: int) -> tuple[Any, Any]:
    """Parameters, X (n, n_in) and Y (n, n_out) for which float32 arithmetic is exact.

    |x|, |W| <= 2, |b| <= 3, and Y is the output less -1, 0 or 1. With n_0, n_1, n_2, m the sizes
    and the batch: |a_1| <= 4 n_0 + 3, |z_2| <= 2 n_1 |a_1| + 3, |delta_2| <= 2, |delta_1| <= 4 n_2,
    |dW_1| <= 8 n_2 m, |dW_2| <= 2 m |a_1|: below 2^24 for all sizes here.
    """
    n_0, n_1, n_2 = core.sizes
    a_1 = 4 * n_0 + 3
    assert max(2 * n_1 * a_1 + 3, 8 * n_2 * n, 2 * n * a_1) < 2**24
    rng = np.random.default_rng(seed)
    is_weight = ref.weight_mask(core.sizes)
    core.net.params[:] = np.where(
        is_weight, rng.integers(-2, 3, is_weight.size), rng.integers(-3, 4, is_weight.size)
    )
    X = rng.integers(-2, 3, (n, n_0)).astype(core.dtype)
    net = {key: core.names[key] for key in ("activation", "output")}
    output = ref.forward(core.sizes, core.exact, X, **net)[0][-1]
    return X, (output - rng.integers(-1, 2, output.shape)).astype(core.dtype)


def assert_exact(sizes: list[int], n: int, activation: str, dtype: Any) -> None:
    core = Core(sizes, activation=activation, dtype=dtype)
    X, Y = integer_case(core, n, seed=n)
    twin = (core.sizes, core.exact, X, Y)
    net = {key: core.names[key] for key in ("activation", "output")}
    shape = f"sizes {sizes}, batch {n}"
    for got, expected in zip(core.forward(X), ref.forward(*twin[:3], **net)[0], strict=True):
        assert_array_equal(got, expected, err_msg=shape)
    each, sums = core.cost(X, Y)
    expected = ref.cost_per_example(*twin, **core.names)
    assert_array_equal(each, expected, err_msg=shape)
    assert sums == (expected.sum(), 0, n)
    gradients = ref.gradient_per_example(*twin, **core.names)
    assert_array_equal(core.gradient(X, Y), gradients.sum(axis=0), err_msg=shape)
    assert_array_equal(core.gradient_per_example(X, Y), gradients, err_msg=shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_ragged_width_of_every_layer_is_exact_on_integers(isa: str, dtype: Any) -> None:
    widths = ragged(isa, dtype)
    for i, width in enumerate(widths):
        others = widths[(3 * i + 1) % len(widths)], widths[(5 * i + 2) % len(widths)]
        batch = BATCHES[i % len(BATCHES)]
        assert_exact([width, *others], batch, "relu", dtype)
        assert_exact([others[0], width, others[1]], batch, "identity", dtype)
        assert_exact([*others, width], batch, "relu", dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_every_height_of_a_strip_is_exact_on_integers(isa: str, dtype: Any, batch: int) -> None:
    v = lanes(isa, dtype)
    for width in (1, v, v + 1, 2 * v, 2 * v + 3):  # a lone ragged vector, one, two, with a rest
        assert_exact([5, width, 3], batch, "relu", dtype)
        assert_exact([batch, 4, width], 6, "identity", dtype)  # dW's rows are the layer's inputs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inner", BLOCKED)
def test_sums_cut_into_blocks_are_exact_on_integers(isa: str, dtype: Any, inner: int) -> None:
    v = lanes(isa, dtype)
    assert_exact([inner, v + 1, 3], 13, "relu", dtype)  # z = a W sums over n_0
    assert_exact([3, v + 2, inner], 13, "relu", dtype)  # delta W^T sums over n_2
    assert_exact([3, 2 * v + 1, 5], inner, "relu", dtype)  # a^T delta sums over the batch
    assert_exact([inner, inner, inner], 3, "identity", dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_wide_layers_whose_panels_are_packed_are_exact_on_integers(isa: str, dtype: Any) -> None:
    assert_exact([9, 1601, 5], 24, "relu", dtype)  # 24 rows are worth a copy, 23 are not
    assert_exact([9, 1601, 5], 23, "relu", dtype)
    assert_exact([5, 3, 1700], 40, "identity", dtype)
    assert_exact([300, 1600, 2], 25, "relu", dtype)  # packed and cut


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sizes", "activation", "output"),
    [
        ([7, 17, 5, 3], "tanh", "sigmoid"),
        ([33, 65, 31], "gelu", "identity"),
        ([257, 37, 10], "sigmoid", "softplus"),
        ([20, 300, 11], "silu", "tanh"),
        ([13, 23, 513], "elu", "silu"),
        ([1, 1, 1], "softplus", "gelu"),
        ([31, 1605, 2], "tanh", "identity"),
    ],
)
@pytest.mark.parametrize("batch", [1, 12, 33, 300])
def test_a_pass_errs_by_no_more_than_its_rounding_can(
    isa: str, dtype: Any, sizes: list[int], activation: str, output: str, batch: int
) -> None:
    core = Core(sizes, activation=activation, output=output, dtype=dtype)
    X, Y = random_case(core, batch)
    bounds = gradient_and_bound(core, X, Y)
    got = {
        "output": core.forward(X)[-1],
        "cost": core.cost(X, Y)[0],
        "gradient": core.gradient(X, Y),
    }
    for name, (expected, bound) in bounds.items():
        share = np.abs(got[name] - expected) / bound
        assert share.max() <= 1, f"{name}: {share.max():.3g} of its bound"
    if batch <= 33:
        expected, bound = bounds["gradient"]
        share = np.abs(core.gradient_per_example(X, Y).astype(float).sum(axis=0) - expected) / bound
        assert share.max() <= 1, f"gradient of each example, summed: {share.max():.3g} of its bound"


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_of_more_than_512_rows_add_up(isa: str, dtype: Any) -> None:
    assert_exact([7, 19, 3], 1025, "relu", dtype)


def test_a_network_without_a_hidden_layer_is_exact_on_integers(isa: str) -> None:
    core = Core([3, 2], dtype=np.float32)
    core.net.params[:] = [1, 2, 3, 4, 5, 6, 7, 8]  # W = ((1, 2), (3, 4), (5, 6)), b = (7, 8)
    X, Y = np.float32([[1, 0, -1]]), np.float32([[4, 3]])
    assert_array_equal(core.forward(X)[-1], [[3, 4]])  # 1 - 5 + 7, 2 - 6 + 8
    each, _ = core.cost(X, Y)
    assert_array_equal(each, [2])  # (3 - 4)^2 + (4 - 3)^2
    # delta = 2 (-1, 1); dW = x^T delta
    assert_array_equal(core.gradient(X, Y), [-2, 2, 0, 0, 2, -2, -2, 2])


def test_a_gradient_is_added_to_what_is_there(isa: str) -> None:
    core = Core([3, 4, 2], dtype=np.float64)
    X, Y = integer_case(core, 5, seed=0)
    total = np.full_like(core.net.params, 100)
    core.net.backward(core.rows(X), core.targets(Y), 0, 5, total, None, None, None, 1)
    assert_array_equal(total, 100 + core.gradient(X, Y))


def test_rows_from_begin_to_end_are_read_and_no_others(isa: str) -> None:
    core = Core([3, 4, 2], activation="relu", dtype=np.float64)
    X, Y = integer_case(core, 9, seed=0)
    rows, targets, part = core.rows(X), core.targets(Y), slice(2, 7)
    for got, expected in zip(core.forward(X, 2, 7), core.forward(X[part]), strict=True):
        assert_array_equal(got, expected)
    each, total = np.empty(5), np.zeros_like(core.net.params)
    sums = core.net.cost(rows, targets, 2, 7, each, 1)
    core.net.backward(rows, targets, 2, 7, total, None, None, None, 1)
    assert_array_equal(each, core.cost(X[part], Y[part])[0])
    assert sums == core.cost(X[part], Y[part])[1]
    assert_array_equal(total, core.gradient(X[part], Y[part]))
