"""Initial weights: their means, variances and bounds, by the formulas of the papers."""

import numpy as np
import pytest

from fastnn import MLP
from fastnn.init import DEFAULT_INIT, INITS

SIZES = [400, 300, 100]


def drawn(init, dtype="float64", seed=0):
    return MLP(SIZES, init=init, activation="tanh", dtype=dtype, seed=seed)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    ("init", "variance"),
    [
        ("lecun_normal", lambda n_in, n_out: 1 / n_in),
        ("he_normal", lambda n_in, n_out: 2 / n_in),
        ("glorot_uniform", lambda n_in, n_out: 2 / (n_in + n_out)),  # of U(±a): a²/3
        ("standard_normal", lambda n_in, n_out: 1.0),
        ("fan_in_uniform", lambda n_in, n_out: 1 / n_in / 3),
    ],
)
def test_weights_have_mean_0_and_the_variance_of_the_formula(init, variance, layer):
    W = drawn(init).weights[layer]
    n_in, n_out = W.shape
    expected = variance(n_in, n_out)
    # Six standard errors: of a mean √(var/n), of a normal's variance var · √(2/n).
    assert abs(W.mean()) < 6 * np.sqrt(expected / W.size)
    assert abs(W.var() / expected - 1) < 6 * np.sqrt(2 / W.size)


@pytest.mark.parametrize("init", ["lecun_normal", "he_normal", "standard_normal"])
def test_normal_weights_have_the_tails_of_a_normal(init):
    W = drawn(init).weights[0]
    shares = [(np.abs(W) > k * W.std()).mean() for k in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.3173, 0.0455, 0.0027], rtol=0.15)


def test_glorot_weights_fill_their_interval_and_stay_in_it():
    W = drawn("glorot_uniform").weights[0]
    limit = np.sqrt(6 / 700)
    assert 0.999 * limit < np.abs(W).max() <= limit


@pytest.mark.parametrize("layer", [0, 1])
def test_fan_in_weights_and_biases_fill_their_interval_and_stay_in_it(layer):
    net = drawn("fan_in_uniform")
    limit = 1 / np.sqrt(SIZES[layer])
    for values, share in ((net.weights[layer], 0.999), (net.biases[layer], 0.9)):
        assert -limit <= values.min() < -share * limit < share * limit < values.max() <= limit


def test_sigmoids_begin_four_times_as_wide_as_glorots_and_the_output_by_its_inputs():
    net = drawn("sigmoid_uniform")
    hidden, output = 4 * np.sqrt(6 / 700), 1 / np.sqrt(300)
    for layer, limit in ((0, hidden), (1, output)):
        for values, share in ((net.weights[layer], 0.999), (net.biases[layer], 0.9)):
            assert share * limit < np.abs(values).max() <= limit


@pytest.mark.parametrize("init", INITS)
def test_biases_are_0_except_in_the_uniform_ones_and_the_books_standard_normal(init):
    for b in drawn(init).biases:
        if init == "standard_normal":
            assert abs(b.var() - 1) < 6 * np.sqrt(2 / b.size)
        else:
            assert b.any() == (init in ("fan_in_uniform", "sigmoid_uniform"))


def test_zeros_are_zeros():
    assert not drawn("zeros").params.any()


@pytest.mark.parametrize("init", INITS)
def test_float32_weights_are_those_of_float64_rounded(init):
    np.testing.assert_array_equal(drawn(init, "float32").params, np.float32(drawn(init).params))


def test_the_seed_decides():
    assert np.array_equal(drawn("he_normal").params, drawn("he_normal").params)
    assert not np.array_equal(drawn("he_normal").params, drawn("he_normal", seed=1).params)


def test_without_a_seed_every_network_differs():
    assert not np.array_equal(MLP([9, 9]).params, MLP([9, 9]).params)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
def test_the_default_is_pytorchs_whatever_the_activation(activation):
    assert DEFAULT_INIT == "fan_in_uniform"
    net = MLP([3, 4, 1], activation=activation, seed=0)
    assert net.init == "fan_in_uniform"
    expected = MLP([3, 4, 1], init="fan_in_uniform", seed=0)
    np.testing.assert_array_equal(net.params, expected.params)


def friedman(n):
    """Friedman 1991, without noise: 10 inputs, of which 5 count; standardized both."""
    X = np.random.default_rng(1).uniform(size=(n, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4]
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


def test_friedmans_function_is_learnt_to_a_ninth_of_its_deviation_with_all_defaults():
    X, y = friedman(4_000)
    errors = []
    for seed in range(3):
        net = MLP([10, 64, 64, 1], seed=seed)
        net.fit(X[:2000], y[:2000], epochs=50)
        errors.append(np.sqrt(np.mean((net.predict(X[2000:])[:, 0] - y[2000:]) ** 2)))
    assert np.median(errors) <= 0.11
