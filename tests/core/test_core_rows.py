"""Rows as they are gathered: every type, every layout, dense or sparse, shifted or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Array, Core, lanes, random_case
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_array_equal

from fastnn import _fastnn

WIDTHS = [1, 3, 4, 7, 8, 15, 16, 17, 33, 37]


def gathered(X: Any, n_cols: int, dtype: Any) -> Array:
    return Core([n_cols, 1], dtype=dtype).forward(X)[0]


def numbers(shape: tuple[int, ...], dtype: Any) -> Array:
    rng = np.random.default_rng(0)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype)
    return rng.normal(size=shape).astype(dtype)


def as_read(X: Array, dtype: Any) -> Array:
    """Return the inputs for X: numbers of any type."""
    return X.astype(dtype)


def scaling(shift: Any, scale: Any) -> _fastnn.Scaling:
    return _fastnn.Scaling(np.asarray(shift, np.float64), np.asarray(scale, np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8])
def test_rows_of_every_type_and_layout_are_read_in_place(isa: str, dtype: Any, given: Any) -> None:
    for n in WIDTHS:
        wide = numbers((14, 3 * n), given)
        layouts = {
            "plain": np.ascontiguousarray(wide[:, :n]),
            "a slice of columns": wide[:, n : 2 * n],
            "every third column": wide[:, ::3],
            "every second row": wide[::2, :n],
            "rows backwards": wide[::-1, :n],
            "columns backwards": wide[:, n - 1 :: -1] if n > 1 else wide[:, :1],
            "Fortran order": np.asfortranarray(wide[:, :n]),
            "one row many times": np.broadcast_to(wide[0, :n], (9, n)),
            "one number many times": np.broadcast_to(wide[0, :1], (9, n)),
            "overlapping rows": as_strided(wide, (5, n), (wide.itemsize, wide.itemsize)),
        }
        for name, X in layouts.items():
            got = gathered(X, n, dtype)
            assert_array_equal(got, as_read(X, dtype), err_msg=f"{name}, {n} columns")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_rows_may_stand_at_any_address(isa: str, dtype: Any, given: Any) -> None:
    X = numbers((5, 7), given)
    raw = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:]
    unaligned = raw.view(given).reshape(5, 7)
    assert not unaligned.flags.aligned
    assert_array_equal(gathered(unaligned, 7, dtype), as_read(X, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_csr_rows_are_the_dense_ones(isa: str, dtype: Any, given: Any, index: Any) -> None:
    X = numbers((9, 37), given)
    X[np.random.default_rng(1).random(X.shape) < 0.8] = 0
    X[3] = 0  # a row without entries
    row, column = np.nonzero(X)
    starts = np.searchsorted(row, np.arange(10)).astype(index)
    sparse = _fastnn.Rows(X[row, column], X.shape, column.astype(index), starts)
    assert (sparse.n_rows, sparse.n_cols) == X.shape
    assert_array_equal(gathered(sparse, 37, dtype), X.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_csr_entries_may_be_unsorted_and_those_of_one_place_add_up(isa: str, dtype: Any) -> None:
    data = np.array([1, 2, 4, 8, 16, 32], np.float64)
    columns = np.array([4, 0, 4, 1, 3, 1], np.int32)  # rows: 4 0 4 | 1 | 3 1
    rows = _fastnn.Rows(data, (3, 5), columns, np.array([0, 3, 4, 6], np.int32))
    expected = [[2, 0, 0, 0, 5], [0, 8, 0, 0, 0], [0, 32, 0, 16, 0]]
    assert_array_equal(gathered(rows, 5, dtype), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8])
def test_shift_and_scale_are_applied_as_rows_are_read(isa: str, dtype: Any, given: Any) -> None:
    v = lanes(isa, dtype)
    for n in (1, v - 1 or 1, v, v + 1, 37):
        X = numbers((5, n), given)
        shift, scale = numbers((2, n), np.float64)
        rows = _fastnn.Rows(X, scaling=scaling(shift, scale))
        # a difference and a product in double, rounded to the network's dtype: the very bits
        expected = ((X.astype(np.float64) - shift) * scale).astype(dtype)
        assert_array_equal(gathered(rows, n, dtype), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("factor", [1 / 255, 0.3, -2.0])
def test_one_factor_for_all_columns_is_a_product_in_double(
    isa: str, dtype: Any, given: Any, factor: float
) -> None:
    v = lanes(isa, dtype)
    for n in (1, v - 1 or 1, v, v + 1, 37):
        for X in (numbers((5, n), given), numbers((5, 2 * n), given)[:, ::2]):
            how = scaling(np.zeros(n), np.full(n, factor))
            assert how.keeps_zeros and how.factor == factor
            expected = (X.astype(np.float64) * factor).astype(dtype)
            assert_array_equal(gathered(_fastnn.Rows(X, scaling=how), n, dtype), expected)
            row, column = map(np.ascontiguousarray, np.nonzero(X))
            starts = np.searchsorted(row, np.arange(6))
            sparse = _fastnn.Rows(X[row, column], X.shape, column, starts, how)
            assert_array_equal(gathered(sparse, n, dtype), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [np.float64, np.int64])
def test_large_numbers_that_are_close_keep_their_differences(dtype: Any, given: Any) -> None:
    X = (10**9 + np.arange(4)[:, None]).astype(given)
    rows = _fastnn.Rows(X.astype(np.float64), scaling=scaling([1e9 + 1.5], [2]))
    assert_array_equal(gathered(rows, 1, dtype), [[-3], [-1], [1], [3]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_csr_rows_are_shifted_where_they_have_no_entry_too(isa: str, dtype: Any) -> None:
    how = scaling([1, 2, 3], [2, 4, 8])
    rows = _fastnn.Rows(np.array([10.0]), (1, 3), np.array([1]), np.array([0, 1]), how)
    assert_array_equal(gathered(rows, 3, dtype), [[-2, 32, -24]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
def test_training_visits_rows_in_the_order_given(isa: str, dtype: Any, sparse: bool) -> None:
    order = np.random.default_rng(1).permutation(23)[:17]
    trained = []
    for by_order in (True, False):
        core = Core([5, 7, 3], activation="tanh", dtype=dtype)
        X, Y = random_case(core, 23)
        weight = np.linspace(0.5, 1.5, 23)
        if not by_order:
            X, Y, weight = X[order], Y[order], weight[order]
        rows: Any = X
        if sparse:
            columns = np.tile(np.arange(5), len(X))
            rows = _fastnn.Rows(X.ravel(), X.shape, columns, np.arange(0, 5 * len(X) + 1, 5))
        core.train(
            rows,
            Y,
            ref.SGD(lr=0.1),
            batch_size=4,
            order=order if by_order else None,
            weight=weight,
        )
        trained.append(core.net.params.copy())
    assert_array_equal(*trained)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("given", DTYPES)
def test_all_finite_finds_a_bad_value_in_any_place_and_layout(bad: float, given: Any) -> None:
    X = numbers((6, 7), given)
    X[0, 0], X[0, 1] = np.finfo(given).max, np.finfo(given).smallest_subnormal
    for layout in (X, X[::-1], X[:, ::-1], np.asfortranarray(X), X[::2, ::3]):
        assert _fastnn.Rows(layout).all_finite()
    for i, j in [(0, 0), (5, 6), (3, 4)]:
        Z = X.copy()
        Z[i, j] = bad
        for layout in (Z, Z[::-1], Z[:, ::-1], np.asfortranarray(Z)):
            assert not _fastnn.Rows(layout).all_finite()
    Z = X.copy()
    Z[1] = bad  # a row that is skipped
    assert _fastnn.Rows(Z[::2]).all_finite()


def test_all_finite_looks_at_the_entries_of_a_csr_matrix() -> None:
    indices, indptr = np.array([0, 2]), np.array([0, 1, 2])
    assert _fastnn.Rows(np.array([1.0, 2.0]), (2, 3), indices, indptr).all_finite()
    assert not _fastnn.Rows(np.array([1.0, np.nan]), (2, 3), indices, indptr).all_finite()


def test_bytes_are_always_finite() -> None:
    assert _fastnn.Rows(np.arange(256, dtype=np.uint8).reshape(16, 16)).all_finite()
