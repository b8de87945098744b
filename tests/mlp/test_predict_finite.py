"""Predictions name numbers that are not finite, though no pass looks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastnn

ROWS = 3000


def network(width: int, dtype: str = "float32", activation: str = "relu") -> fastnn.MLP:
    return fastnn.MLP([6, width, 2], activation=activation, dtype=dtype, seed=0)


def rows(dtype: str = "float32", n: int = ROWS) -> Any:
    return np.random.default_rng(0).normal(size=(n, 6)).astype(dtype)


few_and_many = pytest.mark.parametrize("n", [1, 4, 60, ROWS])


@few_and_many
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("width", [5, 100])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])  # both hide what is infinite
@pytest.mark.parametrize("share", [1.0, 0.1])  # of numbers that are not 0
def test_a_number_that_is_not_finite_is_named_wherever_it_is(
    n: int, bad: float, width: int, activation: str, share: float
) -> None:
    X, row = rows(n=n), n * 3 // 4
    X[np.random.default_rng(1).random(X.shape) > share] = 0
    X[row, 4] = bad
    for X_given in (X, X.astype("float64"), np.asfortranarray(X), np.hstack([X, X])[:, :6]):
        with pytest.raises(ValueError, match=rf"X holds -?(nan|inf) at row {row}, column 4"):
            network(width, activation=activation).predict(X_given)


@few_and_many
def test_weights_of_zero_do_not_hide_it(n: int) -> None:
    net, X = network(5), rows(n=n)
    net.weights[0][:] = 0
    X[n - 1, 0] = np.inf
    with pytest.raises(ValueError, match=f"X holds inf at row {n - 1}, column 0"):
        net.predict(X)


@few_and_many
def test_a_number_too_large_for_the_network_is_named_so(n: int) -> None:
    X = rows("float64", n)
    X[n // 2, 2] = 1e300
    with pytest.raises(ValueError, match="too large for float32"):
        network(5).predict(X)


@few_and_many
def test_sums_that_overflow_are_predictions(n: int) -> None:
    net, X = network(5), rows(n=n)
    net.weights[0][:] = 3e38
    X[:] = 3e38
    with np.errstate(all="ignore"):
        assert net.predict(X).shape == (n, 2)


def test_the_array_of_the_caller_is_as_before() -> None:
    X, out = rows(), np.full((ROWS, 2), 7, "float32")
    X[2999, 5] = np.nan
    with pytest.raises(ValueError, match="X holds nan at row 2999"):
        network(5).predict(X, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [5, 64, 130])
def test_rows_that_are_read_in_place_have_the_bits_of_copies(dtype: str, width: int) -> None:
    net = network(width, dtype)
    wide = np.zeros((ROWS, 64), dtype)
    wide[:, :6] = rows(dtype)
    expected = net.predict(np.asfortranarray(wide[:, :6]))  # gathered
    for X in (wide[:, :6].copy(), wide[:, :6], wide[::-1, :6][::-1]):
        np.testing.assert_array_equal(net.predict(X), expected)
    np.testing.assert_array_equal(net.predict(wide[::-1, :6]), expected[::-1])
    one_row = np.broadcast_to(wide[:1, :6], (ROWS, 6))
    np.testing.assert_array_equal(net.predict(one_row), np.repeat(expected[:1], ROWS, axis=0))
