"""The core against pencil and paper: finite differences, a network worked by hand, what is counted.

Shapes and rounding are in test_products.py; steps in test_core_training.py.
"""

from __future__ import annotations

import gc
import math
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Core, random_case
from numpy.testing import assert_allclose, assert_array_equal

from fastnn.names import ARGMAX, THRESHOLD

# --- finite differences -------------------------------------------------------------------------

KINKED = {"relu", "leaky_relu", "elu", "mae", "quantile", "huber"}  # f' or f'' jumps at 0 (or d)


def case_off_the_kinks(core: Core, n: int) -> tuple[Any, Any]:
    """A random case that no step of finite differences takes across a kink."""
    hidden, output, loss = (core.names[key] for key in ("activation", "output", "loss"))
    for seed in range(100):
        X, Y = random_case(core, n, seed)
        net = {"activation": hidden, "output": output}
        a, z = ref.forward(core.sizes, core.exact, X, **net)
        near = [np.abs(z_l) for z_l, f in zip(z, [*hidden, output], strict=True) if f in KINKED]
        if loss in KINKED:
            r = np.abs(a[-1] - Y)
            near += [r, np.abs(r - 1)]  # huber's d is 1
        if all(distance.min() > 1e-3 for distance in near):
            return X, Y
    raise AssertionError("no seed below 100 keeps off the kinks")


def slopes_of_cost(core: Core, X: Any, Y: Any, h: float = 1e-5) -> Any:
    """dC_i/dparams by differences, (n, n_params)."""
    rows, targets, params = core.rows(X), core.targets(Y), core.net.params
    columns = []
    for k in range(params.size):
        kept, found = params[k], []
        for value in (kept + h, kept - h):
            params[k] = value
            found.append(core.cost(rows, targets)[0])
        params[k] = kept
        columns.append((found[0] - found[1]) / (2 * h))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
@pytest.mark.parametrize("activation", ref.HIDDEN)
def test_gradient_is_the_slope_of_the_cost(activation: str, output: str, loss: str) -> None:
    core = Core([3, 5, 3, 7, 3], activation=activation, output=output, loss=loss)
    X, Y = case_off_the_kinks(core, 4)
    slopes = slopes_of_cost(core, X, Y)
    assert np.count_nonzero(slopes) > slopes.size / 10  # there is something to compare
    assert_allclose(core.gradient_per_example(X, Y), slopes, rtol=1e-6, atol=1e-7)
    w = np.array([1.0, 0.5, 0.0, 2.0])
    assert_allclose(core.gradient(X, Y, w), w @ slopes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_gradient_is_the_slope_of_the_cost_on_every_instruction_set(
    isa: str, output: str, loss: str
) -> None:
    mixed = ["tanh", "relu", "gelu", "softplus"]
    core = Core([5, 9, 17, 3, 8, 9], activation=mixed, output=output, loss=loss)
    X, Y = case_off_the_kinks(core, 2)
    slopes = slopes_of_cost(core, X, Y)
    assert_allclose(core.gradient_per_example(X, Y), slopes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "parameter"), [("huber", 0.2), ("huber", 5.0), ("quantile", 0.1), ("quantile", 0.9)]
)
def test_gradient_is_the_slope_for_other_parameters_of_the_loss(
    isa: str, loss: str, parameter: float
) -> None:
    core = Core([3, 5, 3], activation="tanh", loss=loss, loss_parameter=parameter)
    X, Y = random_case(core, 4)
    assert_allclose(
        core.gradient_per_example(X, Y), slopes_of_cost(core, X, Y), rtol=1e-6, atol=1e-7
    )


# --- a network worked by hand -------------------------------------------------------------------

L = math.log(3)  # sigmoid(0) = 1/2, sigmoid(L) = 3/4, sigmoid(-L) = 1/4


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_2_2_2_network_is_as_worked_by_hand(isa: str, dtype: Any) -> None:
    """Sigmoids and the quadratic cost on x = (1, 2), y = (1, 0); all numbers are fractions of L.

    W1 = ((L, -L), (-L, L))         z1 = (L - 2L + L, -L + 2L + 0)             = (0, L)
    b1 = (L, 0)                     a1 = (1/2, 3/4),   f' = a (1 - a)          = (1/4, 3/16)
    W2 = ((2L, 0), (-4L/3, 4L/3))   z2 = (L - L - L, 0 + L + 0)                = (-L, L)
    b2 = (-L, 0)                    a2 = (1/4, 3/4),   f'                      = (3/16, 3/16)
    C  = (1/4 - 1)^2 + (3/4)^2                                                 = 9/8
    delta2 = 2 (a2 - y) f' = (2 (-3/4) 3/16, 2 (3/4) 3/16)                     = (-9/32, 9/32)
    dW2 = a1^T delta2: 1/2 9/32 = 9/64, 3/4 9/32 = 27/128
    W2 delta2 = (2L (-9/32), (4L/3)(9/32) + (4L/3)(9/32))                      = (-9L/16, 3L/4)
    delta1 = (-9L/16 1/4, 3L/4 3/16)                                           = (-9L/64, 9L/64)
    dW1 = x^T delta1 = ((-9L/64, 9L/64), (-9L/32, 9L/32)),   db1 = delta1,   db2 = delta2
    """
    params = [L, -L, -L, L, L, 0, 2 * L, 0, -4 * L / 3, 4 * L / 3, -L, 0]
    of_hidden = [-9 * L / 64, 9 * L / 64, -9 * L / 32, 9 * L / 32, -9 * L / 64, 9 * L / 64]
    of_output = [-9 / 64, 9 / 64, -27 / 128, 27 / 128, -9 / 32, 9 / 32]
    gradient = np.array([*of_hidden, *of_output])
    core = Core([2, 2, 2], activation="sigmoid", output="sigmoid", dtype=dtype, params=params)
    X, Y = np.array([[1, 2]], dtype), np.array([[1, 0]], dtype)
    close = {"rtol": 16 * np.finfo(dtype).eps, "atol": 16 * np.finfo(dtype).eps}

    a = core.forward(X)
    assert_array_equal(a[0], X)
    assert_allclose(a[1], [[1 / 2, 3 / 4]], **close)
    assert_allclose(a[2], [[1 / 4, 3 / 4]], **close)
    each, (loss, _, weight) = core.cost(X, Y)
    assert_allclose([*each, loss, weight], [9 / 8, 9 / 8, 1], **close)
    assert_allclose(core.gradient(X, Y), gradient, **close)
    assert_allclose(core.gradient_per_example(X, Y), [gradient], **close)

    # one step of SGD, eta = 1/2: w - gradient / 2
    sums = core.train(X, Y, ref.SGD(lr=0.5), batch_size=1)
    assert_allclose(core.net.params, np.array(params) - gradient / 2, **close)
    assert_allclose(sums[0], 9 / 8, **close)
    assert sums[1:] == (0, 1, 1, 1, True)


# --- what is counted ----------------------------------------------------------------------------


def counted(outputs: list[list[float]], Y: Any, metric: int, weight: Any = None) -> Any:
    """The weighted number of right predictions, if the outputs are these."""
    X = np.array(outputs)
    n = X.shape[1]
    core = Core([n, n], params=[*np.eye(n).ravel(), *np.zeros(n)])
    return core.cost(X, Y, weight, metric=metric)[1][1]


def test_argmax_counts_the_rows_whose_largest_output_is_the_target(isa: str) -> None:
    outputs = [[0.1, 0.7, 0.2], [0.9, 0.0, 0.1], [-3.0, -2.0, -1.0]]
    assert counted(outputs, np.array([1, 0, 2]), ARGMAX) == 3
    assert counted(outputs, np.array([1, 2, 1]), ARGMAX) == 1
    assert counted(outputs, np.array([1, 0, 2]), ARGMAX, [0.5, 2, 0]) == 2.5


def test_argmax_takes_the_first_of_equal_outputs_and_of_equal_targets(isa: str) -> None:
    outputs = [[0.5, 0.5, 0.1], [0.1, 0.5, 0.5]]
    assert counted(outputs, np.array([0, 1]), ARGMAX) == 2
    assert counted(outputs, np.array([1, 2]), ARGMAX) == 0
    tied = np.array([[0.3, 0.3, 0.3], [0.0, 0.4, 0.4]])
    assert counted(outputs, tied, ARGMAX) == 2


def test_argmax_of_a_single_output_asks_on_which_side_of_a_half_it_is(isa: str) -> None:
    outputs = [[0.5], [0.49], [0.9], [0.1]]  # a half itself counts as above
    assert counted(outputs, np.array([1, 0, 1, 0]), ARGMAX) == 4
    assert counted(outputs, np.array([0, 1, 1, 0]), ARGMAX) == 2


def test_threshold_counts_the_share_of_outputs_on_the_targets_side_of_a_half(isa: str) -> None:
    outputs = [[0.9, 0.1, 0.5, 0.2], [0.9, 0.9, 0.9, 0.9]]
    Y = np.array([[1.0, 0, 1, 1], [0.0, 0, 0, 1]])
    assert counted(outputs, Y, THRESHOLD) == 3 / 4 + 1 / 4
    assert counted(outputs, Y, THRESHOLD, [4, 8]) == 3 + 2


def test_training_counts_the_predictions_before_each_step(isa: str) -> None:
    core = Core([3, 4, 3], activation="tanh", output="softmax", loss="cross_entropy")
    X, _ = random_case(core, 20)
    labels = np.random.default_rng(1).integers(0, 3, 20)
    weight = np.random.default_rng(2).uniform(0, 2, 20)
    _, before = core.cost(X, labels, weight, metric=ARGMAX)
    sums = core.train(X, labels, ref.SGD(lr=0.1), batch_size=20, weight=weight, metric=ARGMAX)
    assert_allclose(sums[:3], before, rtol=1e-14)
    assert sums[3:] == (20, 1, True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("output", "loss"), [("softmax", "cross_entropy"), ("sigmoid", "quadratic")]
)
def test_labels_and_one_hot_values_give_the_same_bits(
    isa: str, dtype: Any, output: str, loss: str
) -> None:
    core = Core([5, 7, 10], activation="relu", output=output, loss=loss, dtype=dtype)
    X, _ = random_case(core, 33)
    labels = np.random.default_rng(1).integers(0, 10, 33)
    one_hot = np.eye(10, dtype=dtype)[labels]
    for of_labels, of_values in zip(
        core.cost(X, labels, metric=ARGMAX), core.cost(X, one_hot, metric=ARGMAX), strict=True
    ):
        assert_array_equal(of_labels, of_values)
    assert_array_equal(core.gradient(X, labels), core.gradient(X, one_hot))


def test_labels_of_a_single_output_are_its_values(isa: str) -> None:
    core = Core([4, 3, 1], activation="tanh", output="sigmoid", loss="binary_cross_entropy")
    X, _ = random_case(core, 9)
    labels = np.arange(9) % 2
    assert_array_equal(core.cost(X, labels)[0], core.cost(X, labels[:, None].astype(np.float64))[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_weighted_and_what_is_of_one_example_is_not(isa: str, dtype: Any) -> None:
    core = Core([3, 5, 2], activation="tanh", dtype=dtype)
    X, Y = random_case(core, 1300)  # three blocks
    weight = np.random.default_rng(1).uniform(0, 3, 1300)
    weight[::7] = 0
    each, (loss, correct, total) = core.cost(X, Y, weight)
    assert_array_equal(each, core.cost(X, Y)[0])
    assert_allclose([loss, total], [weight @ each, weight.sum()], rtol=1e-13)
    assert correct == 0
    gradients = core.gradient_per_example(X, Y)
    assert_array_equal(core.gradient_per_example(X, Y, weight), gradients)
    expected = weight @ ref.gradient_per_example(core.sizes, core.exact, X, Y, **core.names)
    scale = weight @ np.abs(ref.gradient_per_example(core.sizes, core.exact, X, Y, **core.names))
    share = np.abs(core.gradient(X, Y, weight) - expected) / scale
    assert share.max() <= 1300 * np.finfo(dtype).eps


def test_sums_go_on_from_those_before(isa: str) -> None:
    core = Core([3, 5, 2], activation="tanh", output="softmax", loss="cross_entropy")
    X, Y = random_case(core, 24)
    rows, targets = core.rows(X), core.targets(Y, np.linspace(0, 1, 24), ARGMAX)
    whole = core.net.cost(rows, targets, 0, 24, None, 1)
    before = core.net.cost(rows, targets, 0, 24, None, 1, (10.0, 20.0, 30.0))
    assert_allclose(before, np.add(whole, [10, 20, 30]), rtol=1e-15)


# --- the parameters' memory ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_parameters_are_a_view_that_begins_at_zero_on_a_cache_line(dtype: Any) -> None:
    core = Core([5, 3, 2], dtype=dtype)
    params = core.net.params
    assert params.shape == (5 * 3 + 3 + 3 * 2 + 2,)
    assert params.dtype == dtype
    assert params.ctypes.data % 64 == 0
    assert not params.flags.owndata
    assert_array_equal(params, 0)
    params[-2:] = [7, 8]
    assert_array_equal(core.forward(np.zeros((1, 5), dtype))[-1], [[7, 8]])


def test_parameters_outlive_their_network() -> None:
    views = []
    for k in range(20):
        core = Core([50, 40, 30])
        core.net.params[:] = k
        views.append(core.net.params[10:-10])
        del core
    gc.collect()
    for k, view in enumerate(views):
        assert_array_equal(view, k)
        view[:] = -1
