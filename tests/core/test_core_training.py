"""Steps: every optimiser, weights of examples, dropout and large batches, against the twin.

Float64 is the sharp comparison. A float32 step differs from the twin's by rounding, about
1e-6 after the steps taken here; with learning rates of 0.01 and more, a term that is missing from a
formula, or applied to biases too, is off by more than 1e-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Array, Core, random_case
from numpy.testing import assert_allclose, assert_array_equal

OPTIMISERS = [
    ref.SGD(lr=0.1),
    ref.SGD(lr=0.1, weight_decay=0.3),
    ref.SGD(lr=0.1, momentum=0.9),
    ref.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.3),
    ref.Adam(lr=0.02, eps=1e-3),
    ref.Adam(lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
    ref.AdamW(lr=0.02, eps=1e-3, weight_decay=0.3),
    ref.RMSprop(lr=0.02, eps=1e-3, weight_decay=0.3),
    ref.RMSprop(lr=0.02, alpha=0.9, eps=1e-3, momentum=0.5),
]
ids = [f"{type(o).__name__}-{i}" for i, o in enumerate(OPTIMISERS)]
each_optimiser = pytest.mark.parametrize("optimiser", OPTIMISERS, ids=ids)

TOLERANCE = {
    np.float32: {"rtol": 2e-5, "atol": 2e-5},
    np.float64: {"rtol": 1e-11, "atol": 1e-12},
}


def batches(order: Array, batch_size: int) -> list[Array]:
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


def assert_trains_like_the_twin(
    core: Core, n: int, optimiser: Any, *, batch_size: int, weight: Any = None, **run: Any
) -> None:
    X, Y = random_case(core, n)
    order = np.random.default_rng(5).permutation(n)
    parts = batches(order, batch_size)
    expected, costs = ref.train(
        core.sizes,
        core.exact,
        X.astype(np.float64),
        Y.astype(np.float64),
        batches=parts,
        optimiser=optimiser,
        sample_weight=weight,
        dropout=core.dropout,
        dropout_seed=run.get("dropout_seed", 0),
        first_step=run.get("step", 0),
        state={"t": run.get("step", 0)},
        **core.names,
    )
    sums = core.train(X, Y, optimiser, batch_size=batch_size, order=order, weight=weight, **run)
    close = TOLERANCE[core.dtype.type]
    assert_allclose(core.net.params, expected, **close)
    w = np.ones(n) if weight is None else weight
    shares = [w[part].sum() for part in parts]
    assert_allclose(sums[0], np.dot(costs, shares), rtol=close["rtol"])
    assert_allclose(sums[2], w.sum(), rtol=1e-14)
    assert sums[3:] == (n, len(parts), True)


@pytest.mark.parametrize("dtype", DTYPES)
@each_optimiser
def test_optimisers_step_like_the_twin(isa: str, dtype: Any, optimiser: Any) -> None:
    core = Core([5, 9, 17, 3], activation=["tanh", "sigmoid"], output="sigmoid", dtype=dtype)
    assert_trains_like_the_twin(core, 45, optimiser, batch_size=7)  # the last batch has 3


@pytest.mark.parametrize("dtype", DTYPES)
@each_optimiser
def test_examples_weigh_what_they_are_given(isa: str, dtype: Any, optimiser: Any) -> None:
    core = Core([5, 9, 3], activation="tanh", output="softmax", loss="cross_entropy", dtype=dtype)
    weight = np.random.default_rng(3).uniform(0, 3, 40)
    weight[::3] = 0
    assert_trains_like_the_twin(core, 40, optimiser, batch_size=16, weight=weight)


@pytest.mark.parametrize("dtype", DTYPES)
@each_optimiser
def test_batches_larger_than_a_block_step_once(isa: str, dtype: Any, optimiser: Any) -> None:
    core = Core([4, 7, 2], activation="tanh", dtype=dtype)
    weight = np.random.default_rng(3).uniform(0, 3, 1500)
    assert_trains_like_the_twin(core, 1500, optimiser, batch_size=1100, weight=weight)


@pytest.mark.parametrize("dtype", DTYPES)
@each_optimiser
def test_dropout_has_the_twins_masks(isa: str, dtype: Any, optimiser: Any) -> None:
    core = Core([5, 9, 17, 3], activation=["relu", "gelu"], dropout=[0.3, 0.5], dtype=dtype)
    assert_trains_like_the_twin(
        core, 45, optimiser, batch_size=7, step=3, dropout_seed=0x1234_5678_9ABC_DEF0
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rates", [[0.0, 0.5, 0.0], [0.9, 0.0, 0.1]])
def test_each_layer_has_its_own_dropout(isa: str, dtype: Any, rates: list[float]) -> None:
    core = Core(
        [3, 33, 7, 13, 2], activation=["tanh", "softplus", "elu"], dropout=rates, dtype=dtype
    )
    assert_trains_like_the_twin(core, 30, ref.SGD(lr=0.1), batch_size=8, dropout_seed=1)


@pytest.mark.parametrize("activation", ref.HIDDEN)
def test_dropout_goes_with_every_activation(isa: str, activation: str) -> None:
    core = Core([3, 9, 2], activation=activation, dropout=0.4)
    assert_trains_like_the_twin(core, 10, ref.SGD(lr=0.1), batch_size=5, dropout_seed=2)


@pytest.mark.parametrize("threads", [1, 3])
def test_dropout_counts_rows_on_through_the_blocks_of_a_batch(isa: str, threads: int) -> None:
    core = Core([4, 37, 2], activation="tanh", dropout=0.5)
    assert_trains_like_the_twin(
        core, 1300, ref.Adam(lr=0.02), batch_size=1300, dropout_seed=3, threads=threads
    )


def test_dropout_counts_steps_beyond_32_bits(isa: str) -> None:
    core = Core([3, 9, 2], activation="tanh", dropout=0.5)
    assert_trains_like_the_twin(
        core, 10, ref.SGD(lr=0.1), batch_size=5, step=2**32 - 1, dropout_seed=4
    )


def test_dropout_is_only_in_training(isa: str) -> None:
    with_dropout = Core([3, 9, 2], activation="tanh", dropout=0.5)
    without = Core([3, 9, 2], activation="tanh")
    X, Y = random_case(with_dropout, 10)
    random_case(without, 10)
    assert_array_equal(with_dropout.forward(X)[-1], without.forward(X)[-1])
    assert_array_equal(with_dropout.cost(X, Y)[0], without.cost(X, Y)[0])
    assert_allclose(with_dropout.gradient(X, Y), without.gradient(X, Y), rtol=1e-12, atol=1e-15)


def test_adam_corrects_its_bias_by_the_steps_taken_before(isa: str) -> None:
    core = Core([3, 5, 2], activation="tanh")
    assert_trains_like_the_twin(core, 20, ref.Adam(lr=0.02), batch_size=4, step=7)


def test_every_batch_has_its_own_rate(isa: str) -> None:
    core = Core([3, 5, 2], activation="tanh")
    X, Y = random_case(core, 6)
    expected = core.exact
    rates = np.array([0.1, 0.0, 0.5])
    for rate, rows in zip(rates, batches(np.arange(6), 2), strict=True):
        expected, _ = ref.train(
            core.sizes, expected, X, Y, batches=[rows], optimiser=ref.SGD(rate), **core.names
        )
    optimiser = core.moments(ref.SGD(lr=0.1))
    core.net.train(core.rows(X), core.targets(Y), optimiser, None, 2, rates, 0, 0, 1)
    assert_allclose(core.net.params, expected, rtol=1e-12, atol=1e-14)


def test_weight_decay_does_not_depend_on_the_batch_size(isa: str) -> None:
    # No gradient (inputs and targets zero): w goes to w (1 - 0.5 0.25) = 0.875 w, b stays.
    for n, batch_size in [(1, 1), (8, 8), (600, 600)]:
        core = Core([2, 2], params=[8, 16, 24, 32, 0, 0])
        zeros = np.zeros((n, 2))
        core.train(zeros, zeros, ref.SGD(lr=0.5, weight_decay=0.25), batch_size=batch_size)
        assert_array_equal(core.net.params, [7, 14, 21, 28, 0, 0])


@each_optimiser
def test_biases_do_not_decay(isa: str, optimiser: Any) -> None:
    # Inputs zero and outputs right: dC/db = 0, so that only decay could move a bias.
    core = Core([2, 2], params=[8, 16, 24, 32, 3, 5])
    X, Y = np.zeros((4, 2)), np.tile([3.0, 5.0], (4, 1))
    core.train(X, Y, optimiser, batch_size=1)
    assert_array_equal(core.net.params[4:], [3, 5])
    decays = optimiser.weight_decay > 0
    assert (core.net.params[:4] < [8, 16, 24, 32]).all() == decays


# --- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "batch_size"), [(5, 1), (45, 7), (1300, 600)])
@each_optimiser
def test_runs_cut_into_calls_have_the_bits_of_one_call(
    isa: str, dtype: Any, n: int, batch_size: int, optimiser: Any
) -> None:
    order = np.random.default_rng(1).permutation(n)
    cuts = [0, 2] if n == 1300 else [0, 1, 3]
    trained, summed = [], []
    for pieces in (False, True):
        core = Core([4, 7, 3], activation="tanh", dropout=0.2, dtype=dtype)
        X, Y = random_case(core, n)
        moments = core.moments(optimiser)
        rows, targets = core.rows(X), core.targets(Y)
        total = (0.0, 0.0, 0.0)
        starts = cuts if pieces else [0]
        for start, stop in zip(starts, [*starts[1:], -(-n // batch_size)], strict=True):
            part = order[start * batch_size : stop * batch_size]
            rates = np.full(stop - start, optimiser.lr)
            run = (moments, part, batch_size, rates, start, 9, 1, total)
            total = core.net.train(rows, targets, *run)[:3]
        trained.append(core.net.params.copy())
        summed.append(total)
    assert_array_equal(*trained)
    assert summed[0] == summed[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [[5, 70, 33, 2], [3, 20, 1], [40, 2]])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("sparse", [False, True])
def test_batches_of_one_row_have_the_bits_of_calls_of_one_row(
    isa: str, dtype: Any, sizes: list[int], decay: float, sparse: bool
) -> None:
    # In one call, the step on W is made by the next row's forward pass.
    n, optimiser = 9, ref.SGD(lr=0.1, weight_decay=decay)
    weight = np.array([1, 2, 0, 0, 1, 1, 0, 3, 1.0])
    flags = [np.array(some[: len(sizes) - 1], np.intc) for some in ([1, 1, 1], [1, 0, 1])]
    for trainable in (None, *flags):
        together, alone = (Core(sizes, activation="tanh", dropout=0.2, dtype=dtype) for _ in "ab")
        X, Y = random_case(together, n)
        random_case(alone, n)
        rows, targets = together.rows(np.where(X > 0, X, 0)), together.targets(Y, weight)
        rows.sparse = sparse
        order = np.array([8, 3, 2, 5, 6, 0, 1, 7, 4])
        for core, calls in ((together, [order]), (alone, order[:, None])):
            moments = core.moments(optimiser)
            for step, part in enumerate(calls):
                rates = np.full(len(part), 0.1)
                core.net.train(
                    *(rows, targets, moments, part, 1, rates, step, 7, 1), trainable=trainable
                )
        assert_array_equal(together.net.params, alone.net.params)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("batch_size", [1, 4, 600])
@each_optimiser
def test_a_batch_whose_loss_is_not_finite_changes_nothing(
    isa: str, dtype: Any, bad: float, batch_size: int, optimiser: Any
) -> None:
    n = 3 * batch_size
    core, same = (Core([3, 5, 2], activation="tanh", dtype=dtype) for _ in range(2))
    X, Y = random_case(core, n)
    random_case(same, n)
    whole = same.train(X[:batch_size], Y[:batch_size], optimiser, batch_size=batch_size)
    Y[2 * batch_size - 1] = bad  # the last row of the second batch
    found = core.train(X, Y, optimiser, batch_size=batch_size)
    assert_array_equal(core.net.params, same.net.params)
    assert found == (*whole[:-1], False)


def test_a_nan_in_a_row_stops_training_before_its_batch(isa: str) -> None:
    core = Core([3, 5, 2], activation="relu", output="softmax", loss="cross_entropy")
    X, Y = random_case(core, 6)
    before = core.net.params.copy()
    X[1, 2] = np.nan
    *_, rows, done, finite = core.train(X, Y, ref.Adam(lr=0.1), batch_size=2)
    assert (rows, done, finite) == (0, 0, False)
    assert_array_equal(core.net.params, before)


@each_optimiser
def test_a_batch_that_weighs_nothing_is_no_step_but_counts(isa: str, optimiser: Any) -> None:
    core = Core([3, 5, 2], activation="tanh")
    X, Y = random_case(core, 4)
    before = core.net.params.copy()
    weight = np.array([0.0, 0, 1, 1])
    sums = core.train(X[:2], Y[:2], optimiser, batch_size=2, weight=weight[:2])
    assert_array_equal(core.net.params, before)
    assert sums == (0, 0, 0, 2, 1, True)


def test_no_rows_are_no_steps(isa: str) -> None:
    core = Core([3, 5, 2], activation="tanh")
    X, Y = random_case(core, 4)
    before = core.net.params.copy()
    order = np.empty(0, np.int64)
    sums = core.train(X, Y, ref.SGD(lr=0.1), batch_size=2, order=order)
    assert sums == (0, 0, 0, 0, 0, True)
    assert_array_equal(core.net.params, before)
    assert core.forward(X, 2, 2)[-1].shape == (0, 2)


def test_rows_may_come_more_than_once_in_an_order(isa: str) -> None:
    core = Core([3, 5, 2], activation="tanh")
    X, Y = random_case(core, 4)
    expected, _ = ref.train(
        core.sizes,
        core.exact,
        X,
        Y,
        batches=[np.array([2, 2, 0]), np.array([2, 1, 1])],
        optimiser=ref.SGD(lr=0.1),
        **core.names,
    )
    core.train(X, Y, ref.SGD(lr=0.1), batch_size=3, order=np.array([2, 2, 0, 2, 1, 1]))
    assert_allclose(core.net.params, expected, rtol=1e-12, atol=1e-14)


def test_moments_that_decay_below_normal_numbers_do_no_harm(isa: str) -> None:
    # After one batch with input, 3000 without: m and v decay into subnormals, and stay finite.
    core = Core([1, 1], dtype=np.float32, params=[1, 0])
    X = np.zeros((3001, 1), np.float32)
    X[0] = 1
    sums = core.train(X, X * 0, ref.Adam(lr=1e-3, betas=(0.9, 0.9)), batch_size=1)
    assert sums[-1]
    assert np.isfinite(core.net.params).all()
