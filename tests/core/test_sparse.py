"""The first layer walked by its non-zeros, against the dense way: core, choice and switches."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Array, Core, ragged, random_case
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

import fastnn
from fastnn import MLP, _fastnn


def thinned(X: Array, density: float, seed: int = 1) -> Array:
    """X with most values 0; one row all 0, one without a zero."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random(X.shape) < density, X, 0).astype(X.dtype)
    X[0] = 0
    X[-1] = 1
    return X


def walked(X: Any) -> _fastnn.Rows:
    if isinstance(X, csr_array):
        rows = _fastnn.Rows(X.data, X.shape, X.indices, X.indptr)
    else:
        rows = _fastnn.Rows(X)
    rows.sparse = True
    return rows


@pytest.fixture(autouse=True)
def as_it_comes() -> Any:
    yield
    fastnn.set_sparse("auto")


@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_have_the_bits_of_the_dense_way(isa: str, dtype: Any) -> None:
    for n_out in [*ragged(isa, dtype), 130, 300]:
        core = Core([37, n_out], output="tanh", dtype=dtype)
        X = thinned(random_case(core, 23)[0], 0.2)
        dense = core.forward(X)[1]
        for given in (X, csr_array(X)):
            out = [None, np.empty_like(dense)]
            core.net.forward(walked(given), 0, 23, out, 1)
            assert_array_equal(out[1], dense, err_msg=f"{n_out} outputs")


def test_bytes_are_walked_as_the_floats_that_they_stand_for(isa: str) -> None:
    core = Core([40, 16, 3], activation="relu", dtype=np.float32)
    _, Y = random_case(core, 30)
    pixels = thinned(np.random.default_rng(0).integers(0, 256, (30, 40)).astype(np.uint8), 0.3)
    floats = (pixels / 255).astype(np.float32)
    rows = _fastnn.Rows(pixels, scaling=_fastnn.Scaling(np.zeros(40), np.full(40, 1 / 255)))
    rows.sparse = True
    assert_array_equal(core.gradient(rows, Y), core.gradient(walked(floats), Y))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 5, 12, 130, 1100])
def test_costs_and_gradients_are_those_of_the_twin(isa: str, dtype: Any, n: int) -> None:
    core = Core([37, 19, 5], activation="tanh", output="sigmoid", dtype=dtype)
    X, Y = random_case(core, n)
    X, w = thinned(X, 0.15), np.linspace(0.1, 2, n)
    args = (core.sizes, core.exact, X.astype(float), Y.astype(float))
    exact = w.sum() * ref.gradient(*args, sample_weight=w, **core.names)
    eps = np.finfo(dtype).eps
    got = core.gradient(walked(X), Y, w)
    assert_allclose(got, exact, rtol=0, atol=8 * np.sqrt(n) * eps * np.abs(exact).max() + 1e-300)
    assert_array_equal(core.cost(walked(X), Y)[0], core.cost(X, Y)[0])
    assert_array_equal(core.gradient_per_example(walked(X), Y), core.gradient_per_example(X, Y))


@pytest.mark.parametrize(
    "optimiser",
    [
        ref.SGD(0.3),
        ref.SGD(0.3, weight_decay=0.1),
        ref.SGD(0.1, momentum=0.9),
        ref.SGD(0.1, momentum=0.9, weight_decay=0.1),
        ref.Adam(0.01),
        ref.Adam(0.01, weight_decay=0.1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("width", [5, 17, 70])  # added row by row; so on wide vectors; by columns
def test_training_is_that_of_the_twin(isa: str, width: int, optimiser: Any) -> None:
    core = Core([33, width, 4], activation="sigmoid", output="sigmoid", dtype=np.float64)
    X, Y = random_case(core, 60)
    X = thinned(X, 0.2)
    batches = [np.arange(at, min(at + 7, 60)) for at in range(0, 60, 7)]
    expected, _ = ref.train(
        core.sizes, core.exact, X, Y, batches=batches, optimiser=optimiser, **core.names
    )
    core.train(walked(X), Y, optimiser, batch_size=7)
    assert_allclose(core.net.params, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "optimiser",
    [
        ref.SGD(0.3, weight_decay=0.1),
        ref.SGD(0.1, momentum=0.9),
        ref.SGD(0.1, momentum=0.9, weight_decay=0.1),
        ref.Adam(0.01),
        ref.Adam(0.01, weight_decay=0.1),
        ref.RMSprop(0.01),
    ],
    ids=repr,
)
@pytest.mark.parametrize("width", [65, 67, 130, 301])
def test_a_wide_first_layer_is_trained_to_the_bits_of_the_dense_way(
    isa: str, optimiser: Any, width: int, dtype: Any
) -> None:
    results = []
    for threads in (0, 1, 2, 3):
        core = Core([40, width, 5], activation="tanh", output="softmax", dtype=dtype)
        X, Y = random_case(core, 90)
        X = thinned(X, 0.2)
        rows = _fastnn.Rows(X) if threads == 0 else walked(X)  # 0: dense, on one
        core.train(rows, Y, optimiser, batch_size=20, threads=max(threads, 1))
        results.append(core.net.params.copy())
    for walked_params in results[1:]:
        assert_array_equal(walked_params, results[0])


def test_the_bits_of_training_do_not_depend_on_the_number_of_threads() -> None:
    results = []
    for threads in (1, 2, 3):
        core = Core([300, 400, 10], activation="relu", dtype=np.float32)
        X, Y = random_case(core, 256)
        core.train(walked(thinned(X, 0.1)), Y, ref.Adam(0.01), batch_size=128, threads=threads)
        results.append(core.net.params.copy())
    assert_array_equal(results[1], results[0])
    assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimiser", [ref.SGD(0.1), ref.Adam(0.01)], ids=repr)
def test_long_batches_by_non_zeros_have_the_same_bits_on_any_number_of_threads(
    isa: str, optimiser: Any, dtype: Any
) -> None:
    results = []
    for threads in (1, 2, 3):
        core = Core([60, 9, 3], activation="tanh", output="softmax", dtype=dtype)
        X, Y = random_case(core, 2900)
        core.train(walked(thinned(X, 0.2)), Y, optimiser, batch_size=1300, threads=threads)
        results.append(core.net.params.copy())
    assert_array_equal(results[1], results[0])
    assert_array_equal(results[2], results[0])


def test_the_bits_do_not_depend_on_how_many_batches_a_call_gets() -> None:
    results = []
    for cuts in ([0, 3000], [0, 1200, 2400, 3000]):  # batches of 1200, 1200, 600; whole or singly
        core = Core([60, 9, 3], activation="tanh", output="softmax", dtype=np.float32)
        X, Y = random_case(core, 3000)
        X = thinned(X, 0.2)
        for begin, end in pairwise(cuts):
            core.train(walked(X[begin:end]), Y[begin:end], ref.SGD(0.1), batch_size=1200)
        results.append(core.net.params.copy())
    assert_array_equal(*results)


def test_density_is_the_share_of_values_that_are_not_zero() -> None:
    X = np.zeros((10, 8), np.float32)
    X[:, :2] = 1
    for given in (X, X.astype(np.uint8), X.astype(float), X[:, ::-1], X.T.copy().T):
        assert _fastnn.Rows(given).density() == 0.25
    matrix = csr_array(X)
    rows = _fastnn.Rows(matrix.data, matrix.shape, matrix.indices, matrix.indptr)
    assert rows.density() == 0.25
    shifted = _fastnn.Rows(X, scaling=_fastnn.Scaling(np.eye(8)[0], np.ones(8)))
    assert shifted.density() == 1


def test_what_cannot_be_walked_is_refused() -> None:
    X = np.zeros((2, 3), np.float32)
    rows = _fastnn.Rows(X, scaling=_fastnn.Scaling(np.ones(3), np.ones(3)))
    with pytest.raises(ValueError, match="shifted"):
        rows.sparse = True
    ints = np.zeros(4, np.int32), np.array([0, 4, 4], np.int32)
    twice = _fastnn.Rows(np.ones(4, np.float32), (2, 3), *ints)
    with pytest.raises(ValueError, match="duplicate columns"):
        twice.sparse = True


def test_a_csr_matrix_with_columns_twice_or_out_of_order_counts_as_its_sum() -> None:
    data, indices = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([2, 0, 2, 1, 0])
    matrix = csr_array((data, indices, np.array([0, 3, 5])), shape=(2, 3))
    net = MLP([3, 2], seed=0)
    before = matrix.indices.copy()
    for mode in ("always", "never"):
        fastnn.set_sparse(mode)
        assert_array_equal(net.predict(matrix), net.predict(np.array([[2.0, 0, 5], [16, 8, 0]])))
    assert_array_equal(matrix.indices, before)  # the caller's matrix is as it was


def first_layer(caplog: pytest.LogCaptureFixture, X: Any) -> str:
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="fastnn"):
        MLP([50, 4, 2], output="softmax", seed=0).fit(X, np.arange(20) % 2, epochs=1)
    return caplog.messages[0].partition("first layer ")[2]


def test_inputs_with_many_zeros_are_walked_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dense = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
    few = np.where(np.arange(50) % 10 == 0, dense, 0)
    assert first_layer(caplog, dense) == "dense"
    assert first_layer(caplog, few) == "by its non-zeros (10% of X)"
    assert first_layer(caplog, csr_array(few)) == "by its non-zeros (10% of X)"
    assert first_layer(caplog, csr_array(dense)) == "dense"
    fastnn.set_sparse("never")
    assert first_layer(caplog, few) == "dense"
    fastnn.set_sparse("always")
    assert first_layer(caplog, dense) == "by its non-zeros (100% of X)"


@pytest.mark.parametrize("given", [np.uint8, np.float32, np.float64])
def test_lists_made_once_hold_every_non_zero_in_its_type(given: Any) -> None:
    rng = np.random.default_rng(0)
    X = thinned(rng.integers(1, 256, (300, 70)), 0.2).astype(given)
    X[250:] = 7  # far denser than the rows that the size is told from
    if given is np.float64:
        X[3, 5] = 1e-300  # which float32 would round to 0
    for data in (X, X[:, ::-1], np.asfortranarray(X), X[::2]):
        rows = walked(data)
        lists = rows.listed(1 << 30)
        assert lists is not None
        assert lists.sparse
        assert (lists.n_rows, lists.n_cols) == data.shape
        core = Core([70, 9], dtype=np.float64)
        here, there = (np.empty((len(data), 9)) for _ in range(2))
        core.net.forward(lists, 0, len(data), [None, here], 1)
        core.net.forward(walked(data), 0, len(data), [None, there], 1)
        assert_array_equal(here, there)
        assert lists.density() == np.count_nonzero(data) / data.size


def test_there_are_no_lists_where_they_would_not_fit_or_not_be_shorter() -> None:
    X = thinned(np.ones((50, 40), np.float32), 0.2)
    assert walked(X).listed(1000) is None
    late = np.zeros((50_000, 40), np.float32)
    late[1::2] = 1  # looks empty to a look at every second row
    assert _fastnn.Rows(late).listed(1 << 20) is None
    assert walked(csr_array(X)).listed(1 << 30) is None
    wide = np.zeros((2, 65_537), np.uint8)
    assert walked(wide).listed(1 << 30) is None


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_fit_on_lists_has_the_bits_of_one_that_walks_the_rows(
    monkeypatch: pytest.MonkeyPatch, shuffle: bool
) -> None:
    X = thinned(np.random.default_rng(0).random((203, 60), np.float32), 0.2)
    y = np.arange(203) % 3
    params = []
    for most in (1 << 28, 0):
        monkeypatch.setattr("fastnn.arrays._LISTS_AT_MOST", most)
        net = MLP([60, 8, 3], output="softmax", seed=0)
        net.fit(X, y, epochs=3, batch_size=10, shuffle=shuffle)
        params.append(net.params.copy())
    assert_array_equal(*params)


def test_the_switch_is_shown_and_refuses_what_it_does_not_know() -> None:
    fastnn.set_sparse("never")
    assert fastnn.get_sparse() == "never"
    config = fastnn.show_config(mode="dicts")
    assert config is not None
    assert config["sparse_inputs"] == "never"
    with pytest.raises(ValueError, match="auto, always, never; got 'yes'"):
        fastnn.set_sparse("yes")
