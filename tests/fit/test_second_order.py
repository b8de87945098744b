"""Fits of second order: what they reach, what they keep, and what they refuse.

Over 400 lines: two optimisers through everything that a fit does.
"""

import dataclasses
import io
import signal
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
from states import state_of, table, without_clock

import fastnn
from fastnn import LBFGS, MLP, SGD, Adam, DivergenceWarning, LevenbergMarquardt, _fastnn, optim
from fastnn.callbacks import Callback, EarlyStopping, ModelCheckpoint, ReduceOnPlateau
from fastnn.fit import objective, second_order
from fastnn.fit.state import TrainingRows
from fastnn.names import NO_METRIC

pytest.importorskip("scipy")

BOTH = [LBFGS(), LevenbergMarquardt()]
both = pytest.mark.parametrize("optimizer", BOTH, ids=["LBFGS", "LevenbergMarquardt"])

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.stack([np.sin(X.sum(axis=1)), X[:, 0] * X[:, 1]], axis=1)


def linear(loss="mse", dtype="float64"):
    return MLP([3, 2], loss=loss, dtype=dtype, seed=0)


def network(dtype="float64", **options):
    options = {"sizes": [3, 6, 2], "activation": "tanh", "seed": 0, **options}
    return MLP(dtype=dtype, **options)


def design(X):
    """X with the column of ones that the biases belong to."""
    return np.column_stack([X, np.ones(len(X))])


def solved(net):
    """The parameters of a network of one layer as the solution of a linear system."""
    return np.vstack([net.weights[0], net.biases[0]])


# --- least squares whose solution is known --------------------------------------------------------


@both
@pytest.mark.parametrize("loss", ["mse", "quadratic"])
def test_a_linear_network_finds_the_solution_of_least_squares(optimizer, loss):
    net = linear(loss)
    optimizer = dataclasses.replace(optimizer, tol=1e-10)
    history = net.fit(X, Y, epochs=100, optimizer=optimizer)
    expected = np.linalg.lstsq(design(X), Y)[0]
    np.testing.assert_allclose(solved(net), expected, atol=1e-8)
    assert history.stopped == "no element of the gradient is above 1e-10"
    assert len(history) < 30


def test_without_damping_levenberg_marquardt_solves_a_linear_problem_in_one_step():
    net = linear()
    net.fit(X, Y, epochs=1, optimizer=LevenbergMarquardt(damping=1e-14))
    np.testing.assert_allclose(solved(net), np.linalg.lstsq(design(X), Y)[0], atol=1e-10)


@both
def test_weights_count_as_the_rows_of_weighted_least_squares(optimizer):
    weight = RNG.integers(0, 4, len(X)).astype(float)
    net = linear()
    net.fit(X, Y, epochs=100, sample_weight=weight, optimizer=optimizer)
    root = np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * design(X), root * Y)[0]
    np.testing.assert_allclose(solved(net), expected, atol=1e-6)


@both
def test_a_row_of_weight_2_is_a_row_that_stands_there_twice(optimizer):
    weight = RNG.integers(0, 3, len(X))
    fits = [network(), network()]
    fits[0].fit(X, Y, epochs=5, sample_weight=weight, optimizer=optimizer)
    twice = np.repeat(np.arange(len(X)), weight)
    fits[1].fit(X[twice], Y[twice], epochs=5, optimizer=optimizer)
    np.testing.assert_allclose(fits[0].params, fits[1].params, rtol=1e-6, atol=1e-8)


@both
@pytest.mark.parametrize("loss", ["mse", "quadratic"])
def test_weight_decay_is_ridge_regression_without_the_biases(optimizer, loss):
    """∇(C + ½ λ Σ W²) = 0:  (2 s AᵀA / n + λ D) w = 2 s Aᵀ y / n, s = ½ for the mean of two."""
    decay, A, n = 0.3, design(X), len(X)
    s = 0.5 if loss == "mse" else 1.0
    D = np.diag([1.0, 1.0, 1.0, 0.0])
    expected = np.linalg.solve(2 * s * A.T @ A / n + decay * D, 2 * s * A.T @ Y / n)
    net = linear(loss)
    net.fit(X, Y, epochs=100, optimizer=dataclasses.replace(optimizer, weight_decay=decay))
    np.testing.assert_allclose(solved(net), expected, atol=1e-6)


@both
def test_float32_comes_as_near_as_its_cost_can_tell(optimizer):
    """A minimum is flat: C (1 + eps), the next number above it, is √eps away."""
    net = linear(dtype="float32")
    net.fit(X, Y, epochs=50, optimizer=optimizer)
    apart = np.sqrt(np.finfo(np.float32).eps)
    np.testing.assert_allclose(solved(net), np.linalg.lstsq(design(X), Y)[0], atol=apart)


# --- the steps ------------------------------------------------------------------------------------


def test_a_step_is_that_of_the_damped_normal_equations():
    """(H + μ I) d = −g with H = 2/(n n_out) Σ Jᵀ J + λ and g by hand, from the network's own J."""
    net, decay, damping = network(), 0.1, 0.5
    start = net.params.copy()
    J = net.jacobian(X, parameters=True).reshape(-1, net.n_params)
    is_weight = np.zeros(net.n_params, bool)
    is_weight[:18] = is_weight[24:36] = True
    L = decay * is_weight
    H = 2 / J.shape[0] * J.T @ J + np.diag(L)
    g = 2 / J.shape[0] * J.T @ (net.predict(X) - Y).ravel() + L * start
    mu = damping * H.diagonal().max()
    d = np.linalg.solve(H + mu * np.eye(len(H)), -g)
    optimizer = LevenbergMarquardt(damping=damping, weight_decay=decay)
    before = net.cost(X, Y)
    history = net.fit(X, Y, epochs=1, optimizer=optimizer)
    np.testing.assert_allclose(net.params, start + d, rtol=1e-9, atol=1e-12)
    assert history.loss == [pytest.approx(before, rel=1e-12)]
    assert history.lr == [pytest.approx(np.linalg.norm(d) / np.linalg.norm(g))]
    # Nielsen's rule, by the gain ratio
    F = [before + 0.5 * L @ start**2, net.cost(X, Y) + 0.5 * L @ net.params**2]
    gain = (F[0] - F[1]) / -(g @ d + 0.5 * d @ H @ d)
    assert net._state.damping == pytest.approx(mu * max(1 / 3, 1 - (2 * gain - 1) ** 3))


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_epoch_ends_at_a_higher_cost(optimizer, dtype):
    net, costs = network(dtype, init="standard_normal"), []
    costs.append(net.cost(X, Y))
    net.fit(
        X,
        Y,
        epochs=60,
        optimizer=optimizer,
        callbacks=lambda run, logs: costs.append(net.cost(X, Y)),
    )
    assert costs[-1] < costs[0] / 10
    assert all(b <= a for a, b in pairwise(costs))


@both
def test_the_history_holds_the_cost_before_each_step(optimizer):
    net, costs = network(), []
    costs.append(net.cost(X, Y))
    history = net.fit(
        X,
        Y,
        epochs=5,
        optimizer=optimizer,
        callbacks=lambda run, logs: costs.append(net.cost(X, Y)),
    )
    np.testing.assert_allclose(history.loss, costs[:-1], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_of_rows_give_the_steps_of_one_block(monkeypatch, dtype):
    whole, weight = network(dtype), RNG.random(len(X))
    whole.fit(X, Y, epochs=4, sample_weight=weight, optimizer=LevenbergMarquardt())
    for rows in (1, 7, 59):
        monkeypatch.setattr(objective, "_BLOCK_NUMBERS", rows * 2 * whole.n_params)
        parts = network(dtype)
        parts.fit(X, Y, epochs=4, sample_weight=weight, optimizer=LevenbergMarquardt())
        tight = (
            {"rtol": 1e-7, "atol": 1e-10} if dtype == "float64" else {"rtol": 1e-2, "atol": 1e-3}
        )
        np.testing.assert_allclose(parts.params, whole.params, **tight)


def test_each_output_counts_by_its_own_weight_in_the_gauss_newton_matrix():
    net, weight = network(), RNG.random(len(X))
    terms = RNG.random(Y.shape)
    terms[::3, 0] = 0  # as where a target is missing
    targets = _fastnn.Targets(None, Y, weight, NO_METRIC, len(X), 2, terms)
    rows = TrainingRows(_fastnn.Rows(X), targets, len(X), False, None, weight, terms)
    J = net.jacobian(X, parameters=True)
    counts = weight[:, None] * terms / weight.sum()
    found = objective.Objective(net._core, net.sizes, rows, 1)
    expected = np.einsum("nj,nja,njb->ab", counts, J, J)
    np.testing.assert_allclose(found.gauss_newton(1.0), expected, rtol=1e-9, atol=1e-12)
    residuals = net.predict(X) - Y
    gradient = np.einsum("nj,nja,nj->a", counts, J, residuals)  # of the mse of two outputs
    np.testing.assert_allclose(found.here().gradient, gradient, rtol=1e-9, atol=1e-12)


def test_lbfgs_takes_the_iterations_of_scipy():
    from scipy.optimize import minimize

    net, other = network(), network()
    start = net.params.copy()

    def cost_and_gradient(p):
        other.params = p
        g = other.gradient(X, Y)
        return g.cost, g.flat

    options = {"maxiter": 25, "maxcor": 5, "gtol": 0, "ftol": 0}
    result = minimize(cost_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    net.fit(X, Y, epochs=25, optimizer=LBFGS(history_size=5, tol=0))
    np.testing.assert_allclose(net.params, result.x, rtol=1e-6, atol=1e-9)


def test_lbfgs_trains_classes_and_logs_their_accuracy():
    inputs, labels = table(90)
    net = MLP([5, 8, 3], output="softmax", activation="tanh", seed=0)
    history = net.fit(inputs, labels, epochs=60, optimizer=LBFGS(), class_weight="balanced")
    assert history.accuracy[-1] > 0.95 and history.loss[-1] < 0.2 * history.loss[0]


def test_lbfgs_takes_a_cost_of_ones_own():
    def squared(a, y):
        return ((a - y) ** 2).mean(axis=1), 2 * (a - y) / 2

    weight = RNG.random(len(X))
    mine, its = network(), network()
    for net, loss in ((mine, squared), (its, None)):
        net.standardize(X)
        net.fit(X, Y, epochs=10, optimizer=LBFGS(), loss=loss, sample_weight=weight)
    np.testing.assert_allclose(mine.params, its.params, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mine.history.loss, its.history.loss, rtol=1e-7)


@both
def test_scaled_targets_are_learnt_in_their_own_units(optimizer):
    far, net = 1000 + 50 * Y, linear()
    net.standardize(X, far)
    net.fit(X, far, epochs=100, optimizer=optimizer)
    expected = design(X) @ np.linalg.lstsq(design(X), far)[0]
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-7)


# --- what stays as it was -------------------------------------------------------------------------


@both
@pytest.mark.parametrize("flags", [[True, False], [False, True]])
def test_frozen_layers_keep_their_bits_and_the_others_are_trained(optimizer, flags):
    net = network("float32")
    net.trainable = flags
    before = [(W.copy(), b.copy()) for W, b in zip(net.weights, net.biases, strict=True)]
    cost = net.cost(X, Y)
    net.fit(X, Y, epochs=10, optimizer=optimizer)
    assert net.cost(X, Y) < cost
    for l, flag in enumerate(flags):
        assert np.array_equal(net.weights[l], before[l][0]) == (not flag)
        assert np.array_equal(net.biases[l], before[l][1]) == (not flag)


def test_with_the_first_layer_frozen_the_last_is_least_squares_on_its_activations():
    for optimizer in BOTH:
        net = network()
        net.trainable = [False, True]
        net.fit(X, Y, epochs=200, optimizer=dataclasses.replace(optimizer, tol=1e-10))
        expected = np.linalg.lstsq(design(net.activations(X)[1]), Y)[0]
        np.testing.assert_allclose(
            np.vstack([net.weights[1], net.biases[1]]), expected, rtol=1e-5, atol=1e-6
        )


@both
def test_a_network_with_nothing_to_train_ends_at_once(optimizer):
    net = linear()
    net.trainable = [False]
    before = net.params.copy()
    history = net.fit(X, Y, epochs=5, optimizer=optimizer)
    np.testing.assert_array_equal(net.params, before)
    assert len(history) == 0 and "gradient" in history.stopped


# --- the frame of a fit ---------------------------------------------------------------------------


@both
def test_early_stopping_goes_back_to_the_best_of_the_validation(optimizer):
    net, stopper = network(sizes=[3, 30, 2]), EarlyStopping(patience=3)
    noisy = Y + RNG.normal(size=Y.shape)
    history = net.fit(
        X, noisy, epochs=300, optimizer=optimizer, validation_data=(X + 0.5, Y), callbacks=stopper
    )
    assert len(history) < 300 and "val_loss has not improved" in history.stopped
    np.testing.assert_array_equal(net.params, stopper.best_params_)
    assert net.cost(X + 0.5, Y) == pytest.approx(min(history.val_loss))


class Log(Callback):
    def __init__(self):
        self.calls = []

    def on_fit_begin(self, run):
        self.calls.append("fit begins")

    def on_epoch_begin(self, run):
        self.calls.append(f"epoch {run.epoch + 1} begins")

    def on_batch_end(self, run, logs):
        self.calls.append(f"batch {run.step} ends")
        assert logs["loss"] > 0

    def on_epoch_end(self, run, logs):
        self.calls.append(f"epoch {run.epoch} ends")
        assert run.lr == logs["lr"] == run.history.lr[-1] > 0
        assert (run.steps_per_epoch, run.epochs, run.lr_scale) == (1, 2, 1.0)

    def on_fit_end(self, run):
        self.calls.append("fit ends")


@both
def test_callbacks_are_called_as_in_every_fit_with_one_batch_an_epoch(optimizer):
    log = Log()
    network().fit(X, Y, epochs=2, optimizer=optimizer, callbacks=log)
    assert log.calls == [
        "fit begins",
        *("epoch 1 begins", "batch 1 ends", "epoch 1 ends"),
        *("epoch 2 begins", "batch 2 ends", "epoch 2 ends"),
        "fit ends",
    ]


@both
def test_a_callback_stops_the_fit_after_its_epoch(optimizer):
    history = network().fit(
        X,
        Y,
        epochs=9,
        optimizer=optimizer,
        callbacks=lambda run, logs: run.stop("enough") if run.epoch == 3 else None,
    )
    assert len(history) == 3 and history.stopped == "enough"


@both
def test_parameters_that_a_callback_sets_are_gone_on_from(optimizer):
    seen = []

    def halve(run, logs):
        if run.epoch == 3:
            run.net.params = run.net.params / 2
        seen.append(net.cost(X, Y))

    net = network()
    history = net.fit(X, Y, epochs=6, optimizer=optimizer, callbacks=halve)
    np.testing.assert_allclose(history.loss[1:], seen[:-1], rtol=1e-9)
    assert len(history) == 6 and seen[-1] < seen[2]
    net.fit(X, Y, epochs=3, optimizer=optimizer, callbacks=halve)
    assert net.cost(X, Y) == seen[-1]  # the last epoch's change stays, too


@both
def test_the_bar_and_the_table_of_the_history_are_those_of_every_fit(optimizer, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    history = network().fit(X, Y, epochs=3, optimizer=optimizer, progress=True)
    assert "epoch 3/3  loss" in sys.stderr.getvalue()
    assert history.keys() == ["loss", "lr", "seconds", "examples_per_second"]


@both
def test_ctrl_c_leaves_the_parameters_of_the_last_whole_step(optimizer, monkeypatch):
    net, kept, passes = network(), [], []
    real = objective.gradient_sums

    def interrupted(*arguments):
        passes.append(net.params.copy())
        if len(kept) == 4 and not np.array_equal(passes[-1], kept[-1]):
            signal.raise_signal(signal.SIGINT)  # in a trial
        return real(*arguments)

    monkeypatch.setattr(objective, "gradient_sums", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            net.fit(
                X,
                Y,
                epochs=50,
                optimizer=optimizer,
                callbacks=lambda run, logs: kept.append(net.params.copy()),
            )
    finally:
        signal.signal(signal.SIGINT, before)
    np.testing.assert_array_equal(net.params, kept[-1])
    assert len(net.history) == 4 and net.history.stopped == "interrupted in epoch 5"
    assert not np.array_equal(passes[-1], kept[-1])
    monkeypatch.undo()
    net.fit(X, Y, epochs=1, optimizer=optimizer)


@both
def test_a_cost_that_is_not_finite_warns_and_leaves_the_network(optimizer):
    net = MLP([3, 6, 2], activation="relu", seed=0)
    net.params *= np.float32(1e15)
    before = net.params.copy()
    with pytest.warns(DivergenceWarning, match="those before the fit. Try scaled") as caught:
        history = net.fit(X * 1e15, Y, epochs=3, optimizer=optimizer)
    np.testing.assert_array_equal(net.params, before)
    assert len(history) == 0 and caught[0].filename == __file__


@both
def test_trial_steps_that_overflow_are_only_shortened(optimizer):
    """a = e^(w x + b) from b = −10: an undamped step is about y / a, 10⁵, and e^(10⁵) overflows."""
    net, x = MLP([1, 1], output="exp", loss="mse", seed=0), np.linspace(0, 1, 20)[:, None]
    net.weights[0], net.biases[0] = [[0.0]], [-10.0]
    net.fit(x, np.exp(3 * x), epochs=200, optimizer=optimizer)
    np.testing.assert_allclose([net.weights[0].item(), net.biases[0].item()], [3, 0], atol=1e-2)


@both
def test_the_network_is_locked_while_it_is_fitted(optimizer):
    net, raised = network(), []

    def meddle(run, logs):
        def other():
            try:
                net.fit(X, Y, epochs=1)
            except fastnn.BusyError as error:
                raised.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    net.fit(X, Y, epochs=1, optimizer=optimizer, callbacks=meddle)
    assert len(raised) == 1


# --- files ----------------------------------------------------------------------------------------


def test_a_fit_by_levenberg_marquardt_goes_on_from_its_checkpoint(tmp_path):
    path, optimizer = tmp_path / "{epoch}.safetensors", LevenbergMarquardt(weight_decay=1e-4)
    net = network()
    whole = net.fit(X, Y, epochs=8, optimizer=optimizer, callbacks=ModelCheckpoint(path))
    for epoch in (1, 5):
        other = fastnn.load(tmp_path / f"{epoch}.safetensors")
        assert other._optimizer == optimizer and other._state.damping > 0
        other.fit(X, Y, resume=True, callbacks=ModelCheckpoint(path))
        np.testing.assert_allclose(other.params, net.params, rtol=1e-6, atol=1e-9)
        assert other._state.damping == pytest.approx(net._state.damping)
        assert len(other.history) == 8
        np.testing.assert_allclose(other.history.loss, whole.loss, rtol=1e-6)


def test_a_checkpoint_of_lbfgs_holds_the_weights_and_is_not_resumed(tmp_path):
    net = network()
    net.fit(X, Y, epochs=3, optimizer=LBFGS())
    net.save(tmp_path / "net.safetensors", checkpoint=True)
    other = fastnn.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(other.params, net.params)
    assert other._optimizer == LBFGS()
    before = state_of(other)
    with pytest.raises(ValueError, match=r"^a fit by LBFGS cannot be resumed, .*: fit again"):
        other.fit(X, Y, epochs=9, resume=True)
    assert state_of(other) == before
    other.fit(X, Y, epochs=2)  # by the optimiser used last


def test_the_damping_goes_on_from_fit_to_fit_and_is_forgotten_with_the_optimizer():
    once, twice = network(), network()
    once.fit(X, Y, epochs=6, optimizer=LevenbergMarquardt())
    for _ in range(2):
        twice.fit(X, Y, epochs=3) if _ else twice.fit(
            X, Y, epochs=3, optimizer=LevenbergMarquardt()
        )
    np.testing.assert_allclose(twice.params, once.params, rtol=1e-7, atol=1e-10)
    twice.reset_optimizer()
    assert twice._state is None


@pytest.mark.parametrize("damping", [0, -1.0, "much", True])
def test_a_damping_in_a_file_that_cannot_be_is_refused(tmp_path, damping):
    from fastnn.model_file import container

    net = linear()
    net.fit(X, Y, epochs=1, optimizer=LevenbergMarquardt())
    net.save(tmp_path / "net.safetensors", checkpoint=True)
    tensors, facts = container.read(tmp_path / "net.safetensors")
    facts["training"]["damping"] = damping
    facts.pop("format_version")
    container.write(tmp_path / "other.safetensors", tensors, facts)
    with pytest.raises(ValueError, match="damping must be a number above 0"):
        fastnn.load(tmp_path / "other.safetensors")


# --- refusals -------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 10}, "takes all rows a step: leave batch_size out, or give None"),
        ({"callbacks": ReduceOnPlateau("loss")}, "has no learning rate that ReduceOnPlateau could"),
    ],
)
def test_what_has_no_meaning_is_refused_and_changes_nothing(optimizer, options, sentence):
    net = network()
    before = state_of(net)
    with pytest.raises(ValueError, match=f"^{type(optimizer).__name__} {sentence}"):
        net.fit(X, Y, optimizer=optimizer, **options)
    assert state_of(net) == before


@both
def test_dropout_is_refused(optimizer):
    with pytest.raises(ValueError, match="the same from step to step; dropout changes it: make"):
        network(dropout=0.1).fit(X, Y, optimizer=optimizer)


@both
def test_a_callback_that_scales_the_rate_is_told_that_there_is_none(optimizer):
    def scale(run, logs):
        run.lr_scale = 0.5

    with pytest.raises(ValueError, match="has no learning rate that lr_scale could scale"):
        network().fit(X, Y, epochs=2, optimizer=optimizer, callbacks=scale)


@both
def test_single_steps_are_refused_also_by_the_optimizer_used_last(optimizer):
    net = network()
    sentence = f"^{type(optimizer).__name__} trains by fit alone: for single steps"
    with pytest.raises(TypeError, match=sentence):
        net.train_batch(X, Y, optimizer=optimizer)
    with pytest.raises(TypeError, match=sentence):
        net.step(np.zeros(net.n_params), optimizer)
    net.fit(X, Y, epochs=1, optimizer=optimizer)
    with pytest.raises(TypeError, match=sentence):
        net.train_batch(X, Y)
    net.train_batch(X, Y, optimizer=Adam())
    net.fit(X, Y, epochs=1, optimizer=SGD(0.1))


@pytest.mark.parametrize("loss", ["mae", "huber", "quantile"])
def test_levenberg_marquardt_refuses_a_loss_that_is_no_sum_of_squares(loss):
    with pytest.raises(ValueError, match=f"loss mse or quadratic, not {loss}: use fastnn.LBFGS"):
        network(loss=loss).fit(X, Y, optimizer=LevenbergMarquardt())


def test_levenberg_marquardt_refuses_a_cost_of_ones_own():
    with pytest.raises(ValueError, match=r"not a function: use fastnn.LBFGS"):
        network().fit(X, Y, optimizer=LevenbergMarquardt(), loss=lambda a, y: (a[:, 0], a))


def test_levenberg_marquardt_refuses_more_parameters_than_its_matrix_may_have(monkeypatch):
    monkeypatch.setattr(second_order, "MOST_PARAMS", 14)
    net = network()
    with pytest.raises(ValueError, match=r"trains 14 parameters at most, these are 38: use fastnn"):
        net.fit(X, Y, optimizer=LevenbergMarquardt())
    net.trainable = [False, True]  # 14 of them
    net.fit(X, Y, epochs=1, optimizer=LevenbergMarquardt())


def test_without_scipy_lbfgs_names_the_command_and_levenberg_marquardt_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"^fastnn.LBFGS needs SciPy: pip install scipy$"):
        network().fit(X, Y, optimizer=LBFGS())
    network().fit(X, Y, epochs=1, optimizer=LevenbergMarquardt())


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [*BOTH, LBFGS(5, 10, 0, 0.1), LevenbergMarquardt(damping=1, tol=0, weight_decay=1)],
    ids=repr,
)
def test_a_description_gives_the_same_optimizer_again(optimizer):
    again = optim.optimizer_from_config(optimizer.to_config())
    assert again == optimizer and repr(again) == repr(optimizer)
    assert eval(repr(optimizer)) == optimizer


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (LBFGS, "history_size", 0),
        (LBFGS, "max_line_search", 0),
        (LBFGS, "tol", -1e-9),
        (LBFGS, "weight_decay", float("inf")),
        (LevenbergMarquardt, "damping", 0),
        (LevenbergMarquardt, "damping", float("nan")),
        (LevenbergMarquardt, "tol", -1),
        (LevenbergMarquardt, "weight_decay", -1),
    ],
)
def test_a_value_out_of_range_is_named(kind, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*, got "):
        kind(**{name: value})
    with pytest.raises(TypeError, match=f"^{name} must be .*, got "):
        kind(**{name: "1"})


def test_names_of_other_libraries_are_answered_with_the_names_here():
    for kind, name, ours in (
        (LBFGS, "maxcor", "history_size"),
        (LBFGS, "max_iter", "epochs, which is an argument of `fit`"),
        (LevenbergMarquardt, "mu", "damping"),
    ):
        with pytest.raises(TypeError, match=f"argument '{name}'; write {ours}"):
            kind(**{name: 1})


def test_the_estimators_name_their_own_way_to_lbfgs():
    pytest.importorskip("sklearn")
    for optimizer in BOTH:
        with pytest.raises(
            ValueError, match=r"which trains by fastnn.MLP.fit alone; solver='lbfgs'"
        ):
            fastnn.MLPRegressor(solver=optimizer).fit(X, Y)


@both
def test_two_fits_of_one_seed_agree_and_do_not_shuffle(optimizer):
    fits = [network(), network()]
    records = [
        without_clock(net.fit(X, Y, epochs=4, optimizer=optimizer, shuffle=flag))
        for net, flag in zip(fits, (True, False), strict=True)
    ]
    np.testing.assert_allclose(fits[0].params, fits[1].params, rtol=1e-9)
    assert records[0]["epochs"].keys() == records[1]["epochs"].keys()
    assert fits[0]._rng.bit_generator.state == network()._rng.bit_generator.state
