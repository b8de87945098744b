"""Bits do not depend on the number of threads, nor on the rows that come along in a call.

The networks here are large enough for a team: 3 multiply-adds a parameter and row, more than
FNN_WORTH_A_BARRIER times (L + 2) a batch and FNN_WORTH_A_TEAM a run, 400,000 and 2,000,000
(csrc/net/net.h).
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES, Core, random_case
from numpy.testing import assert_array_equal
from test_core_training import each_optimiser

from fastnn import _fastnn
from fastnn.names import ARGMAX

THREADS = [2, 3, 4]


def enough_for_a_team(core: Core, rows: int) -> bool:
    return 3 * core.net.params.size * rows > max(400_000 * (len(core.sizes) + 1), 2_000_000)


def trained(sizes: list[int], n: int, batch_size: int, threads: int, run: Any, **net: Any) -> Any:
    core = Core(sizes, **net)
    assert enough_for_a_team(core, batch_size)
    X, Y = random_case(core, n)
    sums = core.train(X, Y, batch_size=batch_size, threads=threads, dropout_seed=1, **run)
    return core.net.params.copy(), sums


@pytest.mark.parametrize("dtype", DTYPES)
@each_optimiser
def test_training_has_the_same_bits_on_any_number_of_threads(dtype: Any, optimiser: Any) -> None:
    net = {"activation": "relu", "output": "softmax", "loss": "cross_entropy", "dtype": dtype}
    run = {"optimiser": optimiser, "metric": ARGMAX}
    alone, sums = trained([300, 400, 10], 300, 128, 1, run, **net)
    for threads in THREADS:
        together, same = trained([300, 400, 10], 300, 128, threads, run, **net)
        assert_array_equal(together, alone)
        assert same == sums


@pytest.mark.parametrize(
    ("sizes", "batch_size", "dropout"),
    [
        ([700, 500], 33, []),  # no hidden layer: no barrier between the deltas
        ([101, 203, 307, 11], 37, [0.5, 0.2]),
        ([257, 1601, 3], 24, [0.0]),  # packed panels, three columns of output
        ([60, 90, 80, 70], 1100, [0.1, 0.0]),  # blocks
        ([2, 300, 300, 1], 130, [0.0, 0.3]),
    ],
)
@pytest.mark.parametrize("optimiser", [ref.SGD(lr=0.1), ref.Adam(lr=0.01)], ids=["SGD", "Adam"])
def test_training_has_the_same_bits_whatever_the_shape(
    isa: str, sizes: list[int], batch_size: int, dropout: list[float], optimiser: Any
) -> None:
    net = {"activation": "tanh", "dropout": dropout, "dtype": np.float32}
    run = {"optimiser": optimiser, "weight": np.linspace(0, 2, 2 * batch_size + 5)}
    alone, sums = trained(sizes, 2 * batch_size + 5, batch_size, 1, run, **net)
    for threads in THREADS:
        together, same = trained(sizes, 2 * batch_size + 5, batch_size, threads, run, **net)
        assert_array_equal(together, alone)
        assert same == sums


@pytest.mark.parametrize("dtype", DTYPES)
def test_reading_has_the_same_bits_on_any_number_of_threads(isa: str, dtype: Any) -> None:
    core = Core([100, 90, 7], activation="gelu", output="softmax", dtype=dtype)
    X, Y = random_case(core, 2300)  # five blocks
    assert enough_for_a_team(core, 512)
    weight = np.linspace(0, 2, 2300)
    activations = core.forward(X)
    each, sums = core.cost(X, Y, weight, metric=ARGMAX)
    gradient = core.gradient(X, Y, weight)
    for threads in THREADS:
        for alone, together in zip(activations, core.forward(X, threads=threads), strict=True):
            assert_array_equal(together, alone)
        same, same_sums = core.cost(X, Y, weight, metric=ARGMAX, threads=threads)
        assert_array_equal(same, each)
        assert same_sums == sums
        assert_array_equal(core.gradient(X, Y, weight, threads=threads), gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", ["identity", "softmax"])
def test_a_rows_prediction_is_the_same_in_every_batch(isa: str, dtype: Any, output: str) -> None:
    core = Core([300, 37, 11], activation="gelu", output=output, dtype=dtype)
    X, _ = random_case(core, 600)
    whole = core.forward(X)
    cuts = [0, 1, 3, 14, 26, 39, 72, 202, 203, 600]
    for begin, end in itertools.pairwise(cuts):
        for all_rows, some in zip(whole, core.forward(X, begin, end), strict=True):
            assert_array_equal(some, all_rows[begin:end])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rows_prediction_is_the_same_with_and_without_packing(isa: str, dtype: Any) -> None:
    core = Core([300, 1700, 5], activation="tanh", dtype=dtype)
    X, _ = random_case(core, 30)  # 24 rows or more share a packed panel
    alone = np.concatenate([core.forward(X, i, i + 1)[-1] for i in range(30)])
    assert_array_equal(core.forward(X)[-1], alone)


@pytest.mark.parametrize("threads", [1, *THREADS])
def test_a_team_stops_together_at_a_loss_that_is_not_finite(threads: int) -> None:
    core = Core([200, 300, 10], activation="tanh", dtype=np.float32)
    X, Y = random_case(core, 500)
    assert enough_for_a_team(core, 100)
    X[250, 3] = np.nan
    *_, rows, batches, finite = core.train(X, Y, ref.SGD(lr=0.01), batch_size=100, threads=threads)
    assert (rows, batches, finite) == (200, 2, False)
    assert np.isfinite(core.net.params).all()


@pytest.mark.parametrize("threads", THREADS)
def test_a_team_passes_over_a_batch_that_weighs_nothing(threads: int) -> None:
    core = Core([200, 300, 10], activation="tanh", dtype=np.float32)
    X, Y = random_case(core, 1200)
    before = core.net.params.copy()
    weight = np.zeros(1200)
    run = {"batch_size": 600, "threads": threads, "weight": weight}
    sums = core.train(X, Y, ref.Adam(lr=0.01), **run)
    assert sums[3:] == (1200, 2, True)
    assert_array_equal(core.net.params, before)


def test_more_threads_than_the_core_starts_are_as_good() -> None:
    core, same = (Core([100, 90, 7], activation="tanh") for _ in range(2))
    X, Y = random_case(core, 600)
    random_case(same, 600)
    core.train(X, Y, ref.SGD(lr=0.1), batch_size=300, threads=1)
    same.train(X, Y, ref.SGD(lr=0.1), batch_size=300, threads=1000)
    assert_array_equal(same.net.params, core.net.params)


class Training:
    """A network in training on another thread, until `stop` makes its input NaN."""

    def __init__(self) -> None:
        self.core = Core([64, 64, 1], activation="tanh")
        self.X, self.Y = random_case(self.core, 1)
        self.finished: list[Any] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        order = np.zeros(3_000_000, np.int64)  # seconds of work, of which little will be done
        while not self.finished:
            try:
                run = self.core.train(self.X, self.Y, ref.SGD(lr=0.0), batch_size=8, order=order)
            except _fastnn.BusyError:  # a reader was there first
                continue
            self.finished.append(run)

    def stop(self) -> bool:
        self.X[:] = np.nan
        self.thread.join()
        return not self.finished[0][-1]


@pytest.mark.parametrize("call", ["forward", "cost", "gradient", "train"])
def test_a_network_in_training_is_busy_for_everybody_else(call: str) -> None:
    for _ in range(10):  # once, unless this thread slept through a whole training
        training = Training()
        core, X, Y = training.core, np.ones((1, 64)), np.ones((1, 1))
        calls = {
            "forward": lambda core, X, Y: core.forward(X),
            "cost": lambda core, X, Y: core.cost(X, Y),
            "gradient": lambda core, X, Y: core.gradient(X, Y),
            "train": lambda core, X, Y: core.train(X, Y, ref.SGD(lr=0.0), batch_size=1),
        }
        refused = ""
        while not refused and not training.finished:
            try:
                calls[call](core, X, Y)
            except _fastnn.BusyError as error:
                refused = str(error)
        was_running = training.stop()
        if refused and was_running:
            break
    assert "another thread" in refused
    calls[call](core, X, Y)  # and free again


def test_readers_share_a_network() -> None:
    core = Core([50, 40, 3], activation="tanh", output="softmax")
    X, _ = random_case(core, 2000)
    expected = core.forward(X)[-1]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(core.forward(X)[-1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for outputs in found:
        assert_array_equal(outputs, expected)
