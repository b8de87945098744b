"""The NumPy twin itself is right: finite differences, and numbers worked by hand.

Nothing here runs fastnn. The other tests may then hold the library to `reference.py`. Over 400
lines, because the derivations of its numbers stand in it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference as ref
from numpy.testing import assert_allclose, assert_array_equal

L = math.log(3)  # sigmoid(0) = 1/2, sigmoid(L) = 3/4, sigmoid(-L) = 1/4


def some_network(sizes: list[int], seed: int, n: int = 5) -> tuple[ref.Array, ref.Array, ref.Array]:
    """params, X (n, n_in), Y (n, n_out) in (0.1, 1.9), away from every kink of these tests."""
    rng = np.random.default_rng(seed)
    params = rng.normal(size=ref.weight_mask(sizes).size)
    return params, rng.normal(size=(n, sizes[0])), rng.uniform(0.1, 1.9, size=(n, sizes[-1]))


def finite_differences(f, params: ref.Array, h: float = 1e-6) -> ref.Array:
    """(f(params + h e_k) - f(params - h e_k)) / 2h for every k, stacked on the last axis."""
    steps = h * np.eye(params.size)
    return np.stack([(f(params + e) - f(params - e)) / (2 * h) for e in steps], axis=-1)


# --- finite differences -------------------------------------------------------------------------


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
@pytest.mark.parametrize("activation", ref.HIDDEN)
def test_gradient_is_the_slope_of_the_cost(activation: str, output: str, loss: str) -> None:
    sizes = [3, 4, 2, 3]
    net = {"activation": activation, "output": output, "loss": loss}
    params, X, Y = some_network(sizes, seed=0)
    w = np.array([1.0, 0.5, 0.0, 2.0, 3.0])
    slope = finite_differences(lambda p: ref.cost(sizes, p, X, Y, w, **net), params)
    assert_allclose(ref.gradient(sizes, params, X, Y, w, **net), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_gradient_per_example_is_the_slope_of_each_examples_own_cost(
    output: str, loss: str
) -> None:
    sizes = [3, 4, 2]
    net = {"activation": "tanh", "output": output, "loss": loss}
    params, X, Y = some_network(sizes, seed=1)
    slopes = finite_differences(lambda p: ref.cost_per_example(sizes, p, X, Y, **net), params)
    assert_allclose(
        ref.gradient_per_example(sizes, params, X, Y, **net), slopes, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize(("loss", "parameter"), [("huber", 0.3), ("quantile", 0.9)])
def test_gradient_is_the_slope_for_other_parameters_of_the_loss(
    loss: str, parameter: float
) -> None:
    sizes = [3, 4, 2]
    net = {"activation": "silu", "output": "identity", "loss": loss, "loss_parameter": parameter}
    params, X, Y = some_network(sizes, seed=2)
    slope = finite_differences(lambda p: ref.cost(sizes, p, X, Y, **net), params)
    assert_allclose(ref.gradient(sizes, params, X, Y, **net), slope, rtol=1e-6, atol=1e-8)


def test_gradient_is_the_slope_under_dropout_with_an_activation_for_each_layer() -> None:
    sizes = [3, 6, 5, 2]
    masks = ref.dropout_masks(sizes, 5, [0.5, 0.25], seed=7, step=3)
    net = {"activation": ["gelu", "softplus"], "output": "softmax", "loss": "cross_entropy"}
    params, X, Y = some_network(sizes, seed=3)
    slope = finite_differences(lambda p: ref.cost(sizes, p, X, Y, masks=masks, **net), params)
    gradient = ref.gradient(sizes, params, X, Y, masks=masks, **net)
    assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


def test_gradient_of_a_network_without_hidden_layers_is_the_slope() -> None:
    sizes = [3, 2]
    net = {"activation": "relu", "output": "sigmoid", "loss": "binary_cross_entropy"}
    params, X, Y = some_network(sizes, seed=4)
    slope = finite_differences(lambda p: ref.cost(sizes, p, X, Y, **net), params)
    assert_allclose(ref.gradient(sizes, params, X, Y, **net), slope, rtol=1e-6, atol=1e-8)


def test_cost_and_gradient_are_the_weighted_means_of_the_examples_own() -> None:
    sizes = [3, 4, 2]
    net = {"activation": "elu", "output": "identity", "loss": "mse"}
    params, X, Y = some_network(sizes, seed=5, n=3)
    C = ref.cost_per_example(sizes, params, X, Y, **net)
    G = ref.gradient_per_example(sizes, params, X, Y, **net)
    w = np.array([1.0, 0.0, 3.0])
    assert_allclose(ref.cost(sizes, params, X, Y, **net), (C[0] + C[1] + C[2]) / 3)
    assert_allclose(ref.cost(sizes, params, X, Y, w, **net), (C[0] + 3 * C[2]) / 4)
    assert_allclose(ref.gradient(sizes, params, X, Y, **net), (G[0] + G[1] + G[2]) / 3)
    assert_allclose(ref.gradient(sizes, params, X, Y, w, **net), (G[0] + 3 * G[2]) / 4)


# --- one example, by hand -----------------------------------------------------------------------


def test_one_step_of_a_sigmoid_network_is_the_one_worked_by_hand() -> None:
    # A 2-2-2 network, quadratic cost, chosen so that every sigmoid is a fraction.
    # x = (1, 2), y = (1, 0)
    # Layer 1:  W = L [[1, -1], [0, 1]],  b = L (-1, 0)
    #   z = L (1 + 0 - 1, -1 + 2 + 0) = (0, L)             a = (1/2, 3/4)
    # Layer 2:  W = L [[2, -2], [4, 0]],  b = L (-3, 0)
    #   z = L (1 + 3 - 3, -1 + 0 + 0) = (L, -L)            a = (3/4, 1/4)
    # C = (3/4 - 1)^2 + (1/4 - 0)^2 = 1/8
    #
    # Backwards:
    #   delta_2 = 2 (a - y) a (1 - a) = (2 * -1/4 * 3/16, 2 * 1/4 * 3/16) = (-3/32, 3/32)
    #   dW_2 = a_1^T delta_2 = [[-3/64, 3/64], [-9/128, 9/128]],  db_2 = delta_2
    #   delta_2 W_2^T = L (-6/32 - 6/32, -12/32 + 0) = L (-3/8, -3/8)
    #   delta_1 = delta_2 W_2^T a_1 (1 - a_1) = L (-3/8 * 1/4, -3/8 * 3/16) = L (-3/32, -9/128)
    #   dW_1 = x^T delta_1 = L [[-3/32, -9/128], [-6/32, -18/128]],  db_1 = delta_1
    sizes = [2, 2, 2]
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
    params = L * np.array([1, -1, 0, 1, -1, 0, 2, -2, 4, 0, -3, 0])
    net = {"activation": "sigmoid", "output": "sigmoid", "loss": "quadratic"}
    layer_1 = L * np.array([-3 / 32, -9 / 128, -6 / 32, -18 / 128, -3 / 32, -9 / 128])
    layer_2 = [-3 / 64, 3 / 64, -9 / 128, 9 / 128, -3 / 32, 3 / 32]
    by_hand = np.concatenate([layer_1, layer_2])

    a, z = ref.forward(sizes, params, x, activation="sigmoid", output="sigmoid")
    assert_allclose(z[0], [[0, L]], atol=1e-15)
    assert_allclose(z[1], [[L, -L]])
    assert_array_equal(a[0], x)
    assert_allclose(a[1], [[1 / 2, 3 / 4]])
    assert_allclose(a[2], [[3 / 4, 1 / 4]])
    assert_allclose(ref.cost(sizes, params, x, y, **net), 1 / 8)
    assert_allclose(ref.gradient(sizes, params, x, y, **net), by_hand)

    # One step of gradient descent with eta = 2 is params - 2 dC/dparams.
    after, costs = ref.train(
        sizes, params, x, y, batches=[np.array([0])], optimiser=ref.SGD(lr=2), **net
    )
    assert_allclose(after, params - 2 * by_hand)
    assert_allclose(costs, [1 / 8])


def test_parameters_lie_layer_by_layer_each_w_by_rows_and_then_b() -> None:
    (W1, b1), (W2, b2) = ref.unpack([2, 3, 1], np.arange(13.0))
    assert_array_equal(W1, [[0, 1, 2], [3, 4, 5]])
    assert_array_equal(b1, [6, 7, 8])
    assert_array_equal(W2, [[9], [10], [11]])
    assert_array_equal(b2, [12])
    assert_array_equal(np.flatnonzero(~ref.weight_mask([2, 3, 1])), [6, 7, 8, 12])


@pytest.mark.parametrize("length", [0, 6, 12, 14])
def test_parameters_of_a_wrong_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="params has shape"):
        ref.unpack([2, 3, 1], np.zeros(length))


# --- activations and losses, by hand ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "z", "a", "slope"),
    [
        ("identity", -2, -2, 1),
        ("sigmoid", L, 3 / 4, 3 / 16),
        ("sigmoid", -800, 0, 0),  # e^800 overflows, e^-800 does not count
        ("tanh", math.log(2), 3 / 5, 16 / 25),  # (2 - 1/2) / (2 + 1/2)
        ("relu", 2, 2, 1),
        ("relu", 0, 0, 0),
        ("relu", -2, 0, 0),
        ("leaky_relu", 2, 2, 1),
        ("leaky_relu", -2, -0.02, 0.01),
        ("elu", 2, 2, 1),
        ("elu", -math.log(2), -1 / 2, 1 / 2),
        ("elu", 800, 800, 1),
        ("gelu", 0, 0, 1 / 2),
        ("gelu", 1, 0.841344746068543, 0.841344746068543 + 0.241970724519143),  # Phi(1), phi(1)
        ("silu", L, 3 * L / 4, 3 / 4 + 3 * L / 16),
        ("softplus", 0, math.log(2), 1 / 2),
        ("softplus", L, math.log(4), 3 / 4),
        ("softplus", 800, 800, 1),
        ("exp", L, 3, 3),
    ],
)
def test_activation_and_its_slope_have_their_known_values(
    name: str, z: float, a: float, slope: float
) -> None:
    f, f_prime = ref.ACTIVATIONS[name]
    assert_allclose(f(np.array([z], dtype=float)), [a], rtol=1e-14, atol=1e-15)
    assert_allclose(f_prime(np.array([z], dtype=float)), [slope], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("output", "loss", "parameter", "z", "y", "by_hand"),
    [
        # identity, so a = (1, 3); y = (2, 1); a - y = (-1, 2)
        ("identity", "quadratic", None, [1, 3], [2, 1], 1 + 4),
        ("identity", "mse", None, [1, 3], [2, 1], (1 + 4) / 2),
        ("identity", "mae", None, [1, 3], [2, 1], (1 + 2) / 2),
        ("identity", "huber", None, [1, 3], [2, 1], (1 / 2 + 1 * (2 - 1 / 2)) / 2),
        ("identity", "huber", 4, [1, 3], [2, 1], (1 / 2 + 4 / 2) / 2),
        ("identity", "quantile", None, [1, 3], [2, 1], (0.5 * 1 + 0.5 * 2) / 2),
        ("identity", "quantile", 0.9, [1, 3], [2, 1], (0.9 * 1 + 0.1 * 2) / 2),  # too low costs 0.9
        # a = e^z = (1, 2)
        ("exp", "poisson", None, [0, math.log(2)], [3, 1], (1 - 3 * 0 + 2 - math.log(2)) / 2),
        # a = ln(1 + e^z) = (ln 2, ln 4)
        (
            "softplus",
            "poisson",
            None,
            [0, L],
            [0, 1],
            (math.log(2) + math.log(4) - math.log(math.log(4))) / 2,
        ),
        # a = (1/4, 3/4)
        ("softmax", "cross_entropy", None, [0, L], [1, 0], math.log(4)),
        ("softmax", "cross_entropy", None, [0, L], [2, 1], 2 * math.log(4) + math.log(4 / 3)),
        ("softmax", "cross_entropy", None, [-1000, 1000], [1, 0], 2000),  # no overflow
        ("softmax", "quadratic", None, [0, L], [1, 0], 9 / 16 + 9 / 16),
        # a = (3/4, 1/4): -ln 3/4 - ln (1 - 1/4)
        ("sigmoid", "binary_cross_entropy", None, [L, -L], [1, 0], 2 * math.log(4 / 3)),
        ("sigmoid", "binary_cross_entropy", None, [-1000, 0], [1, 1], 1000 + math.log(2)),
    ],
)
def test_loss_of_one_example_is_the_one_worked_by_hand(
    output: str, loss: str, parameter: float | None, z: list, y: list, by_hand: float
) -> None:
    identity = np.array([1.0, 0, 0, 1, 0, 0])  # W = 1, b = 0: the output's z is the input
    net = {"activation": "sigmoid", "output": output, "loss": loss, "loss_parameter": parameter}
    assert_allclose(ref.cost_per_example([2, 2], identity, [z], [y], **net), [by_hand], rtol=1e-14)


@pytest.mark.parametrize("loss", ["mae", "quantile"])
def test_slope_at_the_kink_of_a_loss_is_zero(loss: str) -> None:
    net = {"activation": "sigmoid", "output": "identity", "loss": loss}
    assert_array_equal(ref.gradient([1, 1], np.array([1.0, 0.0]), [[2.0]], [[2.0]], **net), [0, 0])


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("sigmoid", "cross_entropy"),
        ("softmax", "binary_cross_entropy"),
        ("identity", "poisson"),
        ("softmax", "quantile"),
    ],
)
def test_an_illegal_pair_of_output_and_loss_is_refused(output: str, loss: str) -> None:
    params, X, Y = some_network([2, 2], seed=0)
    with pytest.raises(ValueError, match="does not go with"):
        ref.cost([2, 2], params, X, Y, activation="tanh", output=output, loss=loss)


# --- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # the lines "philox4x32 10" of Random123's kat_vectors
        (
            [0, 0, 0, 0],
            [0, 0],
            [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8],
        ),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_its_published_words(
    counter: list[int], key: list[int], words: list[int]
) -> None:
    assert_array_equal(ref.philox4x32(counter, key), words)
    other = [1, 2, 3, 4]
    assert_array_equal(ref.philox4x32([other, counter], key)[1], words)  # each row by itself


def test_dropout_keeps_an_element_iff_its_word_reaches_p_times_two_to_the_32() -> None:
    sizes, n, seed, step = [9, 5, 3, 2], 7, 0x0123456789ABCDEF, 0x300000002
    masks = ref.dropout_masks(sizes, n, [0.5, 0.2], seed=seed, step=step)
    assert [mask.shape for mask in masks] == [(7, 5), (7, 3)]
    for layer, p, threshold in [(1, 0.5, 0x80000000), (2, 0.2, 0x33333333)]:
        width = sizes[layer]
        for row in range(n):
            for column in range(width):
                e = row * width + column
                block = ref.philox4x32([e // 4, layer, 2, 3], [0x89ABCDEF, 0x01234567])
                expected = 1 / (1 - p) if block[e % 4] >= threshold else 0
                assert masks[layer - 1][row, column] == expected


@pytest.mark.parametrize(("above", "kept"), [(0.0, True), (0.5, True), (1.0, False)])
def test_dropout_keeps_a_word_that_equals_the_rounded_down_threshold(
    above: float, kept: bool
) -> None:
    word = int(ref.philox4x32([0, 1, 0, 0], [5, 0])[0])  # the first element's
    (mask,) = ref.dropout_masks([1, 1, 1], 1, (word + above) / 2**32, seed=5, step=0)
    assert (mask[0, 0] > 0) == kept


def test_dropout_drops_a_share_p_and_keeps_the_mean() -> None:
    (mask,) = ref.dropout_masks([1, 100, 1], 1000, 0.3, seed=1, step=0)
    # 100,000 elements: the standard deviation of the share is sqrt(0.3 * 0.7 / 1e5) = 0.00145
    assert abs((mask == 0).mean() - 0.3) < 5 * 0.00145
    assert_allclose(np.unique(mask), [0, 1 / 0.7])


def test_dropout_of_probability_zero_changes_nothing() -> None:
    (mask,) = ref.dropout_masks([1, 5, 1], 3, 0.0, seed=1, step=0)
    assert_array_equal(mask, np.ones((3, 5)))


# --- optimisers: one weight and one bias, stepped by hand ---------------------------------------


def path(optimiser, gradients: list[float], start: float = 0.0) -> tuple[list, list]:
    """Return the path of a weight and a bias from `start` under these gradients."""
    w, state, is_weight = np.full(2, start), {}, np.array([True, False])
    points = []
    for g in gradients:
        w = optimiser.step(w, np.full(2, float(g)), state, is_weight)
        points.append(w)
    weights, biases = np.array(points).T
    return weights.tolist(), biases.tolist()


def approx(*numbers: float):
    return pytest.approx(list(numbers), rel=1e-12, abs=1e-15)


def test_sgd_steps_against_the_gradient() -> None:
    weights, biases = path(ref.SGD(lr=0.1), [1, 2, -4])
    assert weights == biases == approx(-0.1, -0.3, 0.1)


def test_sgd_with_momentum_follows_its_velocity() -> None:
    # v = 1, then 1/2 + 2 = 5/2, then 5/4 - 2 = -3/4; steps of -v/10
    weights, biases = path(ref.SGD(lr=0.1, momentum=0.5), [1, 2, -2])
    assert weights == biases == approx(-0.1, -0.35, -0.275)


def test_sgd_with_nesterov_momentum_looks_ahead() -> None:
    # the same v; g + v/2 = 3/2, then 2 + 5/4 = 13/4, then -2 - 3/8 = -19/8
    weights, biases = path(ref.SGD(lr=0.1, momentum=0.5, nesterov=True), [1, 2, -2])
    assert weights == biases == approx(-0.15, -0.475, -0.2375)


def test_sgd_decays_weights_and_leaves_biases() -> None:
    # no gradient but the L2 term: w <- w (1 - 0.5 * 0.1)
    weights, biases = path(ref.SGD(lr=0.5, weight_decay=0.1), [0, 0], start=2.0)
    assert weights == approx(1.9, 1.805)
    assert biases == [2, 2]


# With b1 = 1/2, b2 = 3/4, eps = 1 and g = 2, -2:
#   t = 1: m = 1,    m/(1 - 1/2) = 2      v = 1,   v/(1 - 3/4) = 4     step  2 / (2 + 1) =  2/3
#   t = 2: m = -1/2, m/(1 - 1/4) = -2/3   v = 7/4, v/(1 - 9/16) = 4    step -2/3 / 3     = -2/9
ADAM = {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1.0}


def test_adam_corrects_the_bias_of_its_moments() -> None:
    weights, biases = path(ref.Adam(**ADAM), [2, -2])
    assert weights == biases == approx(-0.1 * 2 / 3, -0.1 * (2 / 3 - 2 / 9))


def test_adam_with_its_defaults_first_moves_by_the_learning_rate() -> None:
    # A constant g has m/(1 - b1^t) = g and v/(1 - b2^t) = g^2: every step is lr g / (|g| + 1e-8).
    weights, _ = path(ref.Adam(lr=0.1), [-5, -5, -5])
    step = 0.1 * 5 / (5 + 1e-8)
    assert weights == approx(step, 2 * step, 3 * step)


def test_adam_adds_the_l2_term_to_the_gradient_of_weights() -> None:
    # start at 2 with no gradient: the weight's g is 1 * 2, the first step above; the bias's is 0
    weights, biases = path(ref.Adam(**ADAM, weight_decay=1.0), [0], start=2.0)
    assert weights == approx(2 - 0.1 * 2 / 3)
    assert biases == [2]


def test_adamw_shrinks_weights_before_and_beside_adams_step() -> None:
    # 2 (1 - 0.1 * 0.5) = 1.9, then Adam's own steps, which see no L2 term
    weights, biases = path(ref.AdamW(**ADAM, weight_decay=0.5), [2, -2], start=2.0)
    first = 1.9 - 0.1 * 2 / 3
    assert weights == approx(first, first * 0.95 + 0.1 * 2 / 9)
    assert biases == approx(2 - 0.1 * 2 / 3, 2 - 0.1 * 4 / 9)
    assert ref.AdamW(lr=0.1).weight_decay == 0.01


def test_rmsprop_divides_by_the_root_mean_square() -> None:
    # alpha = 3/4, eps = 1: g = 2 gives v = 1, u = 2/2 = 1; g = 1 gives v = 3/4 + 1/4, u = 1/2
    weights, biases = path(ref.RMSprop(lr=0.1, alpha=0.75, eps=1.0), [2, 1])
    assert weights == biases == approx(-0.1, -0.15)


def test_rmsprop_with_momentum_sums_its_steps() -> None:
    # u as above: buf = 1, then 1/2 + 1/2 = 1
    weights, _ = path(ref.RMSprop(lr=0.1, alpha=0.75, eps=1.0, momentum=0.5), [2, 1])
    assert weights == approx(-0.1, -0.2)


def test_rmsprop_adds_the_l2_term_to_the_gradient_of_weights() -> None:
    # the weight's g is 1 * 2: v = 1, u = 1
    optimiser = ref.RMSprop(lr=0.1, alpha=0.75, eps=1.0, weight_decay=1.0)
    weights, biases = path(optimiser, [0], start=2.0)
    assert weights == approx(1.9)
    assert biases == [2]


# --- training -----------------------------------------------------------------------------------


def test_training_takes_one_step_a_batch_with_the_batchs_own_rows_weights_and_masks() -> None:
    sizes = [3, 8, 2]
    net = {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}
    params, X, Y = some_network(sizes, seed=6, n=5)
    w = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    batches = [np.array([4, 0, 2]), np.array([1, 3])]
    trained, costs = ref.train(
        sizes,
        params,
        X,
        Y,
        batches=batches,
        optimiser=ref.SGD(lr=0.5),
        sample_weight=w,
        dropout=0.5,
        dropout_seed=11,
        first_step=20,
        **net,
    )
    expected, expected_costs = params, []
    for step, rows in [(20, [4, 0, 2]), (21, [1, 3])]:
        masks = ref.dropout_masks(sizes, len(rows), 0.5, seed=11, step=step)
        args = (sizes, expected, X[rows], Y[rows], w[rows])
        expected_costs.append(ref.cost(*args, masks=masks, **net))
        expected = expected - 0.5 * ref.gradient(*args, masks=masks, **net)
    assert_array_equal(trained, expected)
    assert costs == expected_costs


def test_training_in_two_calls_with_one_state_is_training_in_one() -> None:
    sizes = [3, 4, 2]
    net = {"activation": "relu", "output": "identity", "loss": "mse", "dropout": 0.25}
    params, X, Y = some_network(sizes, seed=7, n=6)
    batches = list(np.arange(6).reshape(3, 2))
    whole, costs = ref.train(sizes, params, X, Y, batches=batches, optimiser=ref.Adam(0.1), **net)
    state: ref.State = {}
    again = {"optimiser": ref.Adam(0.1), "state": state, **net}
    half, first = ref.train(sizes, params, X, Y, batches=batches[:2], **again)
    half, last = ref.train(sizes, half, X, Y, batches=batches[2:], first_step=2, **again)
    assert_array_equal(half, whole)
    assert first + last == costs


def test_training_leaves_the_callers_parameters_alone() -> None:
    params, X, Y = some_network([3, 2], seed=8)
    before = params.copy()
    net = {"activation": "tanh", "output": "identity", "loss": "mse"}
    ref.train([3, 2], params, X, Y, batches=[np.arange(5)], optimiser=ref.AdamW(0.1), **net)
    assert_array_equal(params, before)
