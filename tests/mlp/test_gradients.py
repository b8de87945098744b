"""Gradients out of a network and into it: against differences and sums; two ways, same bits.

Over 400 lines: every call that gives a gradient or takes one.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastnn
from fastnn import MLP, SGD, Adam, DivergenceWarning, load
from fastnn.names import ACTIVATIONS, HIDDEN, pair

STEP = 1e-6


def rows(n: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, width))


def differences(f: Any, X: Any) -> Any:
    """(f(x + h) - f(x - h)) / 2h for each column of X, stacked on a last axis."""
    parts = []
    for k in range(X.shape[1]):
        high, low = X.copy(), X.copy()
        high[:, k] += STEP
        low[:, k] -= STEP
        parts.append((f(high) - f(low)) / (2 * STEP))
    return np.stack(parts, axis=-1)


def network(output: str = "identity", **options: Any) -> MLP:
    options = {"activation": ["tanh", "gelu"], "dtype": "float64", "seed": 1, **options}
    loss = None if output != "exp" else "mse"
    return MLP([4, 6, 5, 3], output=output, loss=loss, **options)


@pytest.mark.parametrize("output", ACTIVATIONS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_jacobians_are_those_of_differences(hidden: str, output: str) -> None:
    net, X = network(output, activation=hidden), rows(7, 4)
    assert_allclose(net.jacobian(X), differences(net.predict, X), atol=2e-8)
    of_params = net.jacobian(X, parameters=True)
    w = net.params.copy()
    for p in range(0, net.n_params, 9):
        around = []
        for sign in (1, -1):
            net.params[p] = w[p] + sign * STEP
            around.append(net.predict(X))
        net.params[p] = w[p]
        assert_allclose(of_params[:, :, p], (around[0] - around[1]) / (2 * STEP), atol=2e-8)


@pytest.mark.parametrize(
    "loss",
    ["quadratic", "mse", "huber", "quantile", "mae", "cross_entropy", "binary_cross_entropy"],
)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_input_gradients_are_those_of_differences_and_the_pass_knows_the_cost(
    loss: str, depth: int
) -> None:
    output = pair(None, loss)[0]
    net = MLP([*[4, 6, 5, 4][:depth], 3], activation="tanh", loss=loss, dtype="float64", seed=2)
    X, rng = rows(9, 4), np.random.default_rng(3)
    y = {
        "identity": rng.normal(size=(9, 3)),
        "softmax": rng.integers(0, 3, 9),
        "sigmoid": rng.integers(0, 2, (9, 3)).astype(float),
    }[output]

    def costs(X: Any) -> Any:
        return net.cost(X, y, per_example=True)

    assert_allclose(net.input_gradient(X, y), differences(costs, X), atol=1e-6)
    assert net.gradient(X, y).cost == pytest.approx(net.cost(X, y), rel=1e-12)
    each = net.gradient(X, y, per_example=True)
    assert_allclose(each.cost, costs(X), rtol=1e-12)


@pytest.mark.parametrize("output", ["identity", "softmax", "sigmoid", "exp"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 513, 1200])
def test_output_gradients_give_sums_over_the_jacobian(n: int, dtype: str, output: str) -> None:
    net, X = network(output, dtype=dtype), rows(n, 4).astype(dtype)
    G = rows(n, 3, seed=5).astype(dtype)
    exact = 1e-10 if dtype == "float64" else 2e-3
    J = net.jacobian(X, parameters=True)
    assert_allclose(
        net.gradient(X, output_gradient=G).flat,
        np.einsum("ij,ijp->p", G, J),
        rtol=exact,
        atol=exact,
    )
    assert_allclose(
        net.gradient(X, output_gradient=G, per_example=True).flat,
        np.einsum("ij,ijp->ip", G, J),
        rtol=exact,
        atol=exact,
    )
    assert_allclose(
        net.input_gradient(X, output_gradient=G),
        np.einsum("ij,ijk->ik", G, net.jacobian(X)),
        rtol=exact,
        atol=exact,
    )
    assert net.gradient(X, output_gradient=G).cost is None


def test_derivatives_are_in_the_units_of_x_and_of_the_targets() -> None:
    X, y = 1000 + 50 * rows(40, 4), 7 + 20 * rows(40, 3, seed=8)
    net = network()
    net.standardize(X, y)
    numeric = np.stack(
        [(net.predict(X + h) - net.predict(X - h)) / 2e-3 for h in 1e-3 * np.eye(4)],
        axis=-1,
    )
    assert_allclose(net.jacobian(X), numeric, atol=1e-7)
    a = net.predict(X)
    G = 2 * (a - y) / net.output_scale**2 / a.size  # of the cost that the network reports
    assert_allclose(net.gradient(X, output_gradient=G).flat, net.gradient(X, y).flat, atol=1e-12)
    each = net.input_gradient(X, output_gradient=G)
    assert_allclose(each, net.input_gradient(X, y) / len(X), atol=1e-12)


def test_bytes_that_a_file_of_version_1_reads_as_fractions_have_slopes_a_byte() -> None:
    net, X = network(), np.random.default_rng(0).integers(1, 255, (6, 4)).astype(np.uint8)
    net._read_bytes_as_fractions()
    one = np.uint8(1)
    for k in range(4):
        high, low = X.copy(), X.copy()
        high[:, k] += one
        low[:, k] -= one
        numeric = (net.predict(high) - net.predict(low)) / 2
        assert_allclose(net.jacobian(X)[:, :, k], numeric, rtol=1e-3, atol=1e-7)
        G = np.ones((6, 3))
        assert_allclose(
            net.input_gradient(X, output_gradient=G)[:, k],
            numeric.sum(axis=1),
            rtol=1e-3,
            atol=1e-7,
        )
    assert_allclose(net.jacobian(X / 255.0), 255 * net.jacobian(X), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["identity", "softmax"])
@pytest.mark.parametrize(
    "optimizer", [SGD(0.05), Adam(), SGD(0.01, momentum=0.9, clipnorm=0.5)], ids=repr
)
@pytest.mark.parametrize("n", [1, 64, 700])
def test_plain_arrays_take_a_faster_way_to_the_same_bits(
    n: int, optimizer: Any, output: str, dtype: str
) -> None:
    X = rows(n, 4).astype(dtype)
    y = rows(n, 3, 4).astype(dtype) if output == "identity" else np.arange(n) % 3
    fast, other = (network(output, dtype=dtype, dropout=0.2) for _ in range(2))
    ones = np.ones(n)
    for _ in range(4):
        logs = fast.train_batch(X, y, optimizer=optimizer)
        assert logs == other.train_batch(X, y, optimizer=optimizer, sample_weight=ones)
    assert_array_equal(fast.params, other.params)
    one, two = fast.gradient(X, y), fast.gradient(X, y, sample_weight=ones)
    assert_array_equal(one.flat, two.flat)
    assert one.cost == two.cost
    listed = X.astype(object)  # converted, as no plain array
    G = rows(n, 3, 6).astype(dtype)
    assert_array_equal(
        fast.gradient(X, output_gradient=G).flat,
        fast.gradient(listed.astype(np.longdouble), output_gradient=G).flat,
    )
    fast.step(one)
    other.step(one.flat[::-1][::-1].tolist() if dtype == "float64" else one.flat.copy())
    assert_array_equal(fast.params, other.params)


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.01)], ids=repr)
@pytest.mark.parametrize("n", [5, 600])
def test_a_step_with_the_gradient_is_the_step_on_the_batch(n: int, optimizer: Any) -> None:
    X, y = rows(n, 4), rows(n, 3, 4)
    one, two = network(), network()
    for _ in range(3):
        one.train_batch(X, y, optimizer=optimizer)
        two.step(two.gradient(X, y), optimizer)
    assert_allclose(one.params, two.params, atol=1e-14)


@pytest.mark.parametrize("batch_size", [16, 1500])
@pytest.mark.parametrize(
    "optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), fastnn.AdamW(), Adam(clipnorm=0.1)], ids=repr
)
def test_a_frozen_layer_keeps_its_bits_and_the_others_step_as_the_twin(
    optimizer: Any, batch_size: int
) -> None:
    X, y = rows(3000, 4).astype("f"), rows(3000, 3, 4).astype("f")
    found = []
    for threads in (1, 2):
        fastnn.set_num_threads(threads)
        net = network(dtype="float32")
        net.trainable = [True, False, True]
        before = [a.copy() for a in (*net.weights, *net.biases)]
        net.fit(X, y, epochs=1, batch_size=batch_size, optimizer=optimizer)
        after = [*net.weights, *net.biases]
        changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        assert changed == [True, False, True] * 2
        found.append(net.params.copy())
    assert_array_equal(*found)


def test_the_clipped_length_is_that_of_the_layers_that_are_trained() -> None:
    X, y, net = rows(20, 4), 100 * rows(20, 3, 4), network()
    net.trainable = [False, True, True]
    g = net.gradient(X, y).flat.copy()
    g[: 4 * 6 + 6] = 0
    expected = net.params - 0.5 * g / np.linalg.norm(g) * 0.1
    net.train_batch(X, y, optimizer=SGD(0.5, clipnorm=0.1))
    assert_allclose(net.params, expected, atol=1e-15)
    given = network()
    given.trainable = net.trainable
    given.step(given.gradient(X, y), SGD(0.5, clipnorm=0.1))
    assert_allclose(given.params, expected, atol=1e-15)


def squared(a: Any, y: Any) -> Any:
    return ((a - y) ** 2).mean(axis=1), 2 * (a - y) / a.shape[1]


@pytest.mark.parametrize("dropout", [0, 0.3])
@pytest.mark.parametrize("batch_size", [32, 600, None])
def test_a_cost_of_ones_own_trains_as_the_built_in_one(batch_size: Any, dropout: float) -> None:
    X, y, w = rows(1100, 4), rows(1100, 3, 4), np.linspace(0, 2, 1100)
    nets, records = [], []
    for loss in (None, squared):
        net = network(dropout=dropout)
        records.append(
            net.fit(
                X,
                y,
                epochs=3,
                batch_size=batch_size,
                optimizer=Adam(0.01),
                sample_weight=w,
                validation_data=(X[:50], y[:50]),
                loss=loss,
            )
        )
        nets.append(net)
    assert_allclose(nets[0].params, nets[1].params, atol=1e-14)
    assert_allclose(records[0].loss, records[1].loss, rtol=1e-12)
    assert_allclose(records[0].val_loss, records[1].val_loss, rtol=1e-12)


def test_a_checkpoint_names_the_function_and_resumes_with_it_alone(tmp_path: Any) -> None:
    X, y = rows(100, 4), rows(100, 3, 4)
    whole, half = network(), network()
    whole.fit(X, y, epochs=4, loss=squared)
    half.fit(X, y, epochs=2, loss=squared)
    half.save(tmp_path / "net.safetensors", checkpoint=True)
    for other in (None, lambda a, y: squared(a, y)):
        net = load(tmp_path / "net.safetensors")
        with pytest.raises(ValueError, match=r"made with loss=test_gradients\.squared"):
            net.fit(X, y, epochs=4, resume=True, loss=other)
    net = load(tmp_path / "net.safetensors")
    net.fit(X, y, epochs=4, resume=True, loss=squared)
    assert_array_equal(net.params, whole.params)


@pytest.mark.parametrize(
    ("loss", "error", "sentence"),
    [
        (lambda a, y: 1, TypeError, "loss must return two arrays"),
        (lambda a, y: (a, a), ValueError, "loss must return costs of shape"),
        (lambda a, y: (a[:, 0], a[:, :2]), ValueError, "loss must return dC/da of shape"),
        (lambda a, y: (["x"] * len(a), a), TypeError, "loss must return numbers, got costs"),
        (lambda a, y: 1 / 0, ZeroDivisionError, "division by zero"),
        ("mse", TypeError, "a loss by its name is an argument of MLP"),
    ],
)
def test_a_function_that_gives_something_else_changes_nothing(
    loss: Any, error: Any, sentence: str
) -> None:
    X, y, net = rows(40, 4), rows(40, 3, 4), network()
    before = net.params.copy()
    with pytest.raises(error, match=sentence):
        net.fit(X, y, loss=loss)
    assert_array_equal(net.params, before)
    assert len(net.history) == 0 and net._state is None


def test_a_cost_that_is_not_finite_ends_the_fit_with_the_weights_before() -> None:
    X, y, net = rows(40, 4), rows(40, 3, 4), network()
    before = net.params.copy()
    with pytest.warns(DivergenceWarning, match="stopped being finite in epoch 1"):
        net.fit(X, y, loss=lambda a, y: (np.full(len(a), np.nan), a))
    assert_array_equal(net.params, before)


def test_logits_are_the_sums_before_the_activation() -> None:
    X = rows(600, 4)
    z = network("softmax").predict(X, logits=True)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    assert_allclose(e / e.sum(axis=1, keepdims=True), network("softmax").predict(X), rtol=1e-12)
    z = network("exp").predict(X, logits=True)
    assert_allclose(np.exp(z), network("exp").predict(X), rtol=1e-12)


def test_samples_of_dropout_are_fixed_by_the_seed_and_right_in_the_mean() -> None:
    X, net = rows(700, 4), network("identity", activation="identity", dropout=0.4)
    one = net.predict(X, dropout=True, seed=3)
    assert_array_equal(one, net.predict(X, dropout=True, seed=3))
    assert_array_equal(one[:9], net.predict(X[:9], dropout=True, seed=3))
    assert not np.array_equal(one, net.predict(X, dropout=True, seed=4))
    assert not np.array_equal(net.predict(X, dropout=True), net.predict(X, dropout=True))
    many = [net.predict(X[:3], dropout=True, seed=seed) for seed in range(4000)]
    error = np.std(many, axis=0) / np.sqrt(len(many))
    assert (abs(np.mean(many, axis=0) - net.predict(X[:3])) < 5 * error).all()
    with pytest.raises(ValueError, match="needs a network with dropout"):
        network().predict(X, dropout=True)


def test_trainable_is_a_flag_a_layer_and_stays_in_files(tmp_path: Any) -> None:
    net = network()
    assert net.trainable == [True, True, True]
    net.trainable = [False, True, True]
    net.save(tmp_path / "net.safetensors")
    assert load(tmp_path / "net.safetensors").trainable == [False, True, True]
    for wrong in ([True], [1, 0, 1], "yes"):
        with pytest.raises(ValueError, match="3 times True or False"):
            net.trainable = wrong
    assert net.trainable == [False, True, True]


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        ({"output_gradient": np.ones((4, 3))}, ValueError, r"must have shape \(5, 3\)"),
        ({"output_gradient": np.full((5, 3), np.nan)}, ValueError, "holds nan at row 0, output 0"),
        ({"output_gradient": np.full((5, 3), "x")}, TypeError, "must hold real numbers"),
        ({"output_gradient": np.ones((5, 3)), "y": np.ones((5, 3))}, TypeError, "not both"),
        ({}, ValueError, "y must have a value a row; it is None: give the targets, or"),
    ],
)
@pytest.mark.parametrize("method", ["gradient", "input_gradient", "train_batch"])
def test_wrong_output_gradients_get_one_sentence(
    method: str, call: Any, error: Any, sentence: str
) -> None:
    net, X = network(), rows(5, 4)
    net.train_batch(X, rows(5, 3), optimizer=SGD(0.1))
    before = net.params.copy()
    with pytest.raises(error, match=sentence):
        getattr(net, method)(X, **call)
    assert_array_equal(net.params, before)


def test_wrong_gradients_of_a_step_get_one_sentence() -> None:
    net, X = network(), rows(5, 4)
    net.train_batch(X, rows(5, 3), optimizer=SGD(0.1))
    before = net.params.copy()
    each = net.gradient(X, rows(5, 3), per_example=True)
    for g, sentence in (
        (np.zeros(3), r"must have shape \(83,\)"),
        (each, "sum it over the examples"),
        (np.full(net.n_params, np.inf), "gradient holds inf at 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            net.step(g)
    with pytest.warns(DivergenceWarning, match="overflowed and was undone"):
        net.step(np.full(net.n_params, 1e308), SGD(100.0))
    assert_array_equal(net.params, before)


def test_a_step_on_a_network_that_another_thread_trains_is_refused() -> None:
    net, X, y = network(), rows(50, 4), rows(50, 3)
    entered, leave = threading.Event(), threading.Event()

    def hold(run: Any, logs: Any) -> None:
        entered.set()
        leave.wait(20)

    thread = threading.Thread(target=lambda: net.fit(X, y, epochs=1, callbacks=[hold]))
    thread.start()
    try:
        assert entered.wait(20)
        with pytest.raises(fastnn.BusyError, match="already being trained"):
            net.step(np.zeros(net.n_params), SGD(0.1))
    finally:
        leave.set()
        thread.join()


def test_sparse_rows_and_threads_give_the_bits_of_one_thread() -> None:
    scipy_sparse = pytest.importorskip("scipy.sparse")
    X = rows(1300, 40) * (np.random.default_rng(2).random((1300, 40)) < 0.1)
    net = MLP([40, 30, 20, 3], dtype="float64", seed=0)
    G = rows(1300, 3)
    dense = net.input_gradient(X, output_gradient=G)
    csr = scipy_sparse.csr_matrix(X)
    assert_allclose(net.input_gradient(csr, output_gradient=G), dense, atol=1e-12)
    assert_allclose(net.jacobian(csr), net.jacobian(X), atol=1e-12)
    found = []
    for threads in (1, 2):
        fastnn.set_num_threads(threads)
        g = net.gradient(X, output_gradient=G).flat
        found.append([g, net.input_gradient(X, output_gradient=G), net.jacobian(X)])
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


@pytest.fixture(autouse=True)
def threads_as_before() -> Any:
    before = fastnn.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DivergenceWarning)
        yield
    fastnn.set_num_threads(before)


def test_no_combination_of_flags_breaks_a_step() -> None:
    X, y = rows(10, 4), rows(10, 3)
    for flags in itertools.product([True, False], repeat=3):
        net = network()
        net.trainable = list(flags)
        before = [a.copy() for a in net.weights]
        net.train_batch(X, y, optimizer=SGD(0.1))
        net.fit(X, y, epochs=1, optimizer=Adam())
        changed = [not np.array_equal(a, b) for a, b in zip(before, net.weights, strict=True)]
        assert changed == list(flags)
