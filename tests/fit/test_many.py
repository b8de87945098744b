"""`fit_many`: every network ends with the bits, history and warning that its own `fit` gives."""

from __future__ import annotations

import copy
import gc
import itertools
import logging
import os
import signal
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import _fastnn
from fastnn.callbacks import EarlyStopping
from fastnn.fit.state import StepRule

TIMES = {"seconds", "examples_per_second"}
OPTIMISERS = [
    fastnn.SGD(0.05),
    fastnn.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    fastnn.SGD(0.05, weight_decay=0.1),
    fastnn.Adam(0.01, weight_decay=1e-3),
    fastnn.AdamW(0.01),
    fastnn.RMSprop(1e-3, momentum=0.5),
    fastnn.Adam(0.01, clipnorm=0.1),
    fastnn.SGD(0.05, clipvalue=0.01),
    fastnn.Adam(fastnn.schedules.Cosine(0.02)),
]
HIDDEN = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity"]
ENDS: list[dict[str, Any]] = [
    {"loss": "mse"},
    {"loss": "quadratic", "output": "tanh"},
    {"loss": "mae"},
    {"loss": "huber", "huber_delta": 0.3},
    {"loss": "quantile", "quantile": 0.3},
    {"output": "sigmoid"},
    {"output": "exp"},
    {"output": "softplus", "loss": "poisson"},
    {"output": "softmax"},
    {"output": "softmax", "loss": "mse"},
    {"loss": "gaussian_nll"},
]


@pytest.fixture(autouse=True)
def _settings() -> Any:
    isa, threads = _fastnn.isa(), fastnn.get_num_threads()
    yield
    _fastnn.choose_isa(isa)
    fastnn.set_num_threads(threads)


def data(n: int, n_in: int, n_out: int, dtype: str = "float32", seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in)).astype(dtype)
    y = np.sin(X.sum(axis=1)[:, None] + np.arange(n_out))
    return X, (np.abs(y) * 0.9).astype(dtype)


def nets(k: int, sizes: list[int], **given: Any) -> list[fastnn.MLP]:
    return [fastnn.MLP(sizes, seed=seed, **given) for seed in range(k)]


def assert_same(alone: list[fastnn.MLP], together: list[fastnn.MLP]) -> None:
    for i, (one, other) in enumerate(zip(alone, together, strict=True)):
        np.testing.assert_array_equal(one.params, other.params, err_msg=f"network {i}")
        assert one.history.stopped == other.history.stopped
        assert list(one.history) == list(other.history)
        for name in set(one.history) - TIMES:
            np.testing.assert_array_equal(one.history[name], other.history[name])
        state, kept = one._state, other._state
        assert state is not None and kept is not None
        assert state.steps == kept.steps
        for a, b in ((state.m, kept.m), (state.v, kept.v)):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a, b)


def compare(k: int, sizes: list[int], X: Any, y: Any, given: dict[str, Any], **fit: Any) -> None:
    """Train k networks by `fit` and by `fit_many`, twice: the second goes on from the first."""
    alone, together = nets(k, sizes, **given), nets(k, sizes, **given)
    for _ in range(2):
        for net in alone:
            net.fit(X, y, **fit)
        fastnn.fit_many(together, X, y, **fit)
    assert_same(alone, together)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("end", range(len(ENDS)))
def test_each_network_has_the_bits_of_its_own_fit(end: int, dtype: str) -> None:
    given = ENDS[end]
    widths = [2, 4] if given.get("loss") == "gaussian_nll" else [1, 3, 9, 17]
    if given.get("output") == "softmax":
        widths = [2, 3, 9, 17]
    lanes = _fastnn.lanes(np.dtype(dtype))
    for n_out, hidden, optimizer in zip(
        itertools.cycle(widths), HIDDEN, itertools.islice(itertools.cycle(OPTIMISERS), end, None)
    ):
        X, y = data(67, 5, n_out // 2 if given.get("loss") == "gaussian_nll" else n_out, dtype)
        if given.get("output") == "softmax":
            y = y / y.sum(axis=1, keepdims=True)
        shape = {**given, "activation": [hidden, "tanh"], "dtype": dtype, "dropout": [0.2, 0]}
        fit = {"epochs": 2, "batch_size": 16, "optimizer": optimizer}
        compare(lanes + 3, [5, 7, 3, n_out], X, y, shape, **fit)


@pytest.mark.parametrize("isa", _fastnn.available_isas())
def test_every_instruction_set_keeps_the_bits_whatever_the_sizes(isa: str) -> None:
    _fastnn.choose_isa(isa)
    for n_in, n_hidden, n, batch_size in [
        (1, 1, 1, 1),
        (3, 8, 33, 8),
        (17, 5, 64, None),
        (8, 13, 50, 7),
    ]:
        X, y = data(n, n_in, 1)
        fit = {"epochs": 2, "batch_size": batch_size, "optimizer": fastnn.Adam(0.02)}
        for k in (1, 2, 4, 17):
            compare(k, [n_in, n_hidden, 1], X, y, {}, **fit)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_the_bits_do_not_depend_on_the_threads(n_threads: int) -> None:
    X, y = data(700, 6, 1)
    fastnn.set_num_threads(n_threads)
    compare(40, [6, 20, 1], X, y, {"activation": "gelu"}, epochs=2)


def test_wide_networks_and_long_batches_have_the_bits_of_their_own_fit() -> None:
    X, y = data(1100, 30, 1)
    compare(3, [30, 90, 40, 1], X, y, {}, epochs=2)
    compare(9, [30, 8, 1], X, y, {}, epochs=2, batch_size=600, optimizer=fastnn.SGD(0.01))
    compare(9, [30, 8, 1], X * (X > 1.3), y, {}, epochs=2)  # by non-zeros


def test_classes_weights_bytes_and_shared_orders_keep_the_bits() -> None:
    X, y = data(120, 6, 1)
    labels = np.array(["no", "yes"])[(y[:, 0] > 0.5).astype(int)]
    weight = np.random.default_rng(1).integers(0, 3, 120).astype(float)
    compare(9, [6, 8, 1], X, labels, {"output": "sigmoid"}, epochs=2, sample_weight=weight)
    compare(9, [6, 8, 2], X, labels, {"output": "softmax"}, epochs=2, shuffle=False)
    compare(9, [6, 8, 1], X.astype(np.float64)[:, ::-1], y, {}, epochs=2, shuffle=False)
    pixels = np.random.default_rng(2).integers(1, 256, (120, 6)).astype(np.uint8)
    compare(9, [6, 8, 1], pixels, y, {}, epochs=2)
    missing = np.where(np.arange(240).reshape(120, 2) % 7 == 0, np.nan, data(120, 6, 2)[1])
    compare(9, [6, 8, 2], X, missing, {}, epochs=2)


def test_frozen_layers_keep_their_bits() -> None:
    X, y = data(90, 6, 1)
    for optimizer in (fastnn.SGD(0.05), fastnn.Adam(0.01, clipnorm=0.05)):
        alone, together = nets(9, [6, 8, 8, 1]), nets(9, [6, 8, 8, 1])
        for net in (*alone, *together):
            net.trainable = [True, False, True]
        for net in alone:
            net.fit(X, y, epochs=2, optimizer=optimizer)
        fastnn.fit_many(together, X, y, epochs=2, optimizer=optimizer)
        assert_same(alone, together)


def test_networks_of_several_shapes_optimisers_and_weights_go_in_one_call() -> None:
    X, y = data(150, 6, 1)
    rng = np.random.default_rng(3)
    shapes = [[6, 4 + i % 3, 1] for i in range(20)]
    optimisers = [fastnn.Adam(10 ** -(1 + i / 10)) for i in range(20)]
    weights = [None if i % 4 == 0 else rng.uniform(0.5, 2, 150) for i in range(20)]
    alone = [fastnn.MLP(sizes, seed=i) for i, sizes in enumerate(shapes)]
    together = [fastnn.MLP(sizes, seed=i) for i, sizes in enumerate(shapes)]
    for net, optimizer, weight in zip(alone, optimisers, weights, strict=True):
        net.fit(X, y, epochs=3, optimizer=optimizer, sample_weight=weight)
    histories = fastnn.fit_many(
        together, X, y, epochs=3, optimizer=optimisers, sample_weight=weights
    )
    assert_same(alone, together)
    assert histories == [net.history for net in together]


def test_folds_and_bootstraps_are_fits_on_their_rows() -> None:
    X, y = data(101, 6, 1)
    rng = np.random.default_rng(4)
    weight = rng.integers(0, 3, 101).astype(float)
    chosen: list[Any] = [np.arange(101) % 5 != i for i in range(5)]
    chosen += [rng.integers(0, 101, 60 + 9 * i) for i in range(11)] + [None]
    for given in (None, weight):
        alone, together = nets(17, [6, 8, 1]), nets(17, [6, 8, 1])
        for net, rows in zip(alone, chosen, strict=True):
            rows = slice(None) if rows is None else rows
            each = None if given is None else given[rows]
            net.fit(X[rows], y[rows], epochs=3, batch_size=16, sample_weight=each)
        fastnn.fit_many(together, X, y, epochs=3, batch_size=16, rows=chosen, sample_weight=given)
        assert_same(alone, together)


def test_a_network_that_stops_early_keeps_its_bits_while_others_go_on() -> None:
    X, y = data(120, 6, 1)
    held_out = data(40, 6, 1, seed=5)
    each = [data(40, 6, 1, seed=seed) for seed in range(13)]
    for scored in (held_out, each):
        alone, together = nets(13, [6, 8, 1]), nets(13, [6, 8, 1])
        for i, net in enumerate(alone):
            validation = scored[i] if isinstance(scored, list) else scored
            stopper = EarlyStopping(patience=2, min_delta=0.004)
            net.fit(X, y, epochs=25, validation_data=validation, callbacks=stopper)
        stopper = EarlyStopping(patience=2, min_delta=0.004)
        fastnn.fit_many(together, X, y, epochs=25, validation_data=scored, early_stopping=stopper)
        assert_same(alone, together)
        assert len({len(net.history) for net in together}) > 1


def test_a_network_that_diverges_stops_alone_with_its_own_warning() -> None:
    X, y = data(90, 6, 1)
    rates: list[fastnn.SGD] = [fastnn.SGD(1e30 if i in (2, 7) else 0.01) for i in range(11)]
    for rows in (None, [np.arange(80)[::-1]] * 11):
        alone, together = nets(11, [6, 8, 1]), nets(11, [6, 8, 1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for net, rate in zip(alone, rates, strict=True):
                subset = slice(None) if rows is None else rows[0]
                net.fit(X[subset], y[subset], epochs=4, optimizer=rate)
        with pytest.warns(fastnn.DivergenceWarning, match="network [27]: the loss stopped") as seen:
            fastnn.fit_many(together, X, y, epochs=4, optimizer=rates, rows=rows)
        assert len(seen) == 2
        assert {warning.filename for warning in seen} == {__file__}
        assert_same(alone, together)


def test_networks_that_share_rows_go_on_without_the_first() -> None:
    X, y = data(90, 6, 1)
    rates = [fastnn.SGD(1e30 if i == 0 else 0.01) for i in range(8)]
    alone, together = nets(8, [6, 8, 1]), nets(8, [6, 8, 1])
    for net, rate in zip(alone[1:], rates[1:], strict=True):
        net.fit(X, y, epochs=3, batch_size=20, optimizer=rate, shuffle=False)
    with pytest.warns(fastnn.DivergenceWarning, match="network 0"):
        fastnn.fit_many(together, X, y, epochs=3, batch_size=20, optimizer=rates, shuffle=False)
    assert_same(alone[1:], together[1:])


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 1000, 70_001])
def test_orders_are_those_of_numpy(n: int) -> None:
    ours, numpys = (np.random.Generator(np.random.PCG64(n)) for _ in range(2))
    rows = np.arange(n)[::-1].copy()
    for _ in range(3):
        assert (_fastnn.permutation(ours, n) == numpys.permutation(n)).all()
        assert (_fastnn.permutation(ours, rows) == numpys.permutation(rows)).all()
    assert ours.bit_generator.state == numpys.bit_generator.state
    assert (rows == np.arange(n)[::-1]).all()


def test_networks_with_fewer_rows_wait_for_the_others_in_every_epoch() -> None:
    X, y = data(200, 5, 1)
    rows = [np.random.default_rng(i).integers(0, 200, 30 + 20 * i) for i in range(8)]
    optimizers = [fastnn.Adam(fastnn.schedules.Cosine(0.02)) for _ in rows]
    alone, together = nets(8, [5, 7, 1]), nets(8, [5, 7, 1])
    for net, chosen, optimizer in zip(alone, rows, optimizers, strict=True):
        net.fit(X[chosen], y[chosen], epochs=7, batch_size=16, optimizer=optimizer)
    fastnn.fit_many(together, X, y, epochs=7, batch_size=16, optimizer=optimizers, rows=rows)
    assert_same(alone, together)


def test_the_bar_never_goes_back_though_a_network_begins_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    X, y = data(60, 5, 1)
    rates = [fastnn.SGD(1e30 if i == 3 else 0.01) for i in range(8)]
    with pytest.warns(fastnn.DivergenceWarning, match="network 3"):
        fastnn.fit_many(nets(8, [5, 6, 1]), X, y, epochs=4, optimizer=rates, progress=True)
    epochs = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert epochs == sorted(epochs)
    assert epochs[-1] == "4/4"
    assert len(epochs) == len(set(epochs))


def test_the_decay_of_an_estimator_divided_by_the_rows_of_a_batch_keeps_the_bits() -> None:
    X, y = data(70, 5, 1)
    weight = np.linspace(0.5, 2, 70)
    for weights in (None, weight):
        for optimizer in (fastnn.SGD(0.05, weight_decay=0.1), fastnn.AdamW(0.01)):
            alone, together = nets(9, [5, 6, 1]), nets(9, [5, 6, 1])
            for net in alone + together:  # as estimators do
                net._rule = StepRule(factor=0.5, alpha=0.3)
            given: dict[str, Any] = {"epochs": 3, "batch_size": 16, "optimizer": optimizer}
            given["sample_weight"] = weights
            for net in alone:
                net.fit(X, y, **given)
            fastnn.fit_many(together, X, y, **given)
            assert_same(alone, together)


def test_ctrl_c_leaves_every_network_usable() -> None:
    X, y = data(2000, 6, 1)
    many = nets(60, [6, 16, 1])
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    gc.disable()  # what is raised in a callback of the collector is lost; Hypothesis has one
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            fastnn.fit_many(many, X, y, epochs=10_000)
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, heard)
    for net in many:
        assert net.history.stopped is not None and net.history.stopped.startswith("interrupted")
        assert np.isfinite(net.params).all()
        assert net._state is not None and net._state.steps >= 63 * len(net.history)
    assert sum(len(net.history) for net in many) > 0
    fastnn.fit_many(many, X, y, epochs=1)
    assert all(len(net.history) == 1 for net in many)


def test_a_mistake_is_one_sentence_and_changes_no_network() -> None:
    X, y = data(30, 6, 1)
    many = nets(3, [6, 4, 1])
    before = [net.params.copy() for net in many]
    Call = dict[str, Any]
    wrong: list[tuple[list[Any], Call, type[Exception], str]] = [
        ([*many, many[1]], {}, ValueError, r"nets\[3\] is the same network as nets\[1\]"),
        ([], {}, ValueError, "nets is empty"),
        ([many[0], 3], {}, TypeError, "must be a fastnn.MLP, got int"),
        (many, {"rows": [[0], [1]]}, ValueError, "rows has 2 entries for 3 networks"),
        (many, {"rows": [[0], [30], [1]]}, ValueError, r"rows\[1\] has row 30; X has rows 0 to 29"),
        (many, {"rows": [[0], [], [1]]}, ValueError, r"rows\[1\] must be row numbers"),
        (many, {"rows": [[True], None, None]}, ValueError, r"rows\[0\] is a mask of shape \(1,\)"),
        (many, {"optimizer": [fastnn.SGD(0.1)]}, ValueError, "optimizer has 1 entries"),
        (many, {"optimizer": fastnn.LBFGS()}, TypeError, "LBFGS trains one network at a time"),
        (many, {"early_stopping": 3}, TypeError, "early_stopping must be"),
        ([*many, *nets(1, [5, 4, 1])], {}, ValueError, "X"),
    ]
    for given, how, error, words in wrong:
        with pytest.raises(error, match=words):
            fastnn.fit_many(given, X, y, **{"epochs": 1, **how})
    with pytest.raises(TypeError, match="call its fit"):
        fastnn.fit_many(many[0], X, y)  # type: ignore[arg-type]
    for net, params in zip(many, before, strict=True):
        np.testing.assert_array_equal(net.params, params)


def test_the_choice_is_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    X, y = data(40, 6, 1)
    lanes = _fastnn.lanes(np.dtype("float32"))
    with caplog.at_level(logging.DEBUG, "fastnn"):
        fastnn.fit_many(nets(lanes, [6, 4, 1]) + nets(1, [6, 500, 40, 1]), X, y, epochs=1)
    narrow, wide = (record.getMessage() for record in caplog.records)
    assert f"{lanes} networks 6-4-1 of 33 parameters, side by side in groups of {lanes}" in narrow
    assert "1 networks 6-500-40-1" in wide and "one after the other" in wide


def test_copies_of_a_network_are_trained_like_it() -> None:
    X, y = data(60, 6, 1)
    first = fastnn.MLP([6, 8, 1], seed=0)
    many = [copy.copy(first) for _ in range(9)]
    fastnn.fit_many(many, X, y, epochs=2)
    first.fit(X, y, epochs=2)
    for net in many:
        np.testing.assert_array_equal(net.params, first.params)


def test_no_epochs_leave_everything_as_it_is() -> None:
    X, y = data(30, 6, 1)
    many = nets(9, [6, 4, 1])
    before = [net.params.copy() for net in many]
    histories = fastnn.fit_many(many, X, y, epochs=0)
    assert [len(history) for history in histories] == [0] * 9
    for net, params in zip(many, before, strict=True):
        np.testing.assert_array_equal(net.params, params)


def test_a_stream_is_refused() -> None:
    X, y = data(40, 6, 1)
    with pytest.raises(TypeError, match="fit_many takes rows in memory, got a stream"):
        fastnn.fit_many(nets(2, [6, 8, 1]), fastnn.stream((X, y)), None)
