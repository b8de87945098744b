"""The estimators from inside: arithmetic of loss and L2, L-BFGS, going on exactly, pickles, errors.

What scikit-learn's users see is in test_estimators_sklearn.py and test_estimators_agree.py.
Over 400 lines: one class for each thing that goes on inside, with its numbers by hand.
"""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

import fastnn
from fastnn import MLPClassifier, MLPRegressor
from fastnn.estimators import losses, parameters
from fastnn.estimators.labels import Labels
from fastnn.fit.state import StepRule

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
RNG = np.random.default_rng(0)


def classifier(**given) -> MLPClassifier:
    settings = {"hidden_layer_sizes": (6,), "max_iter": 3, "tol": None, "random_state": 0}
    return MLPClassifier(**{**settings, **given})


def regressor(**given) -> MLPRegressor:
    settings = {"hidden_layer_sizes": (6,), "max_iter": 3, "tol": None, "random_state": 0}
    return MLPRegressor(**{**settings, **given})


def line(n_outputs: int = 1, **given) -> MLPRegressor:
    """a = w x + b with w = 1 and b = 0, about to take steps of 0.1 down ½ r² with alpha = ½."""
    net = fastnn.MLP([1, n_outputs], loss="mse", dtype="float64")
    net.weights[0], net.biases[0] = np.ones((1, n_outputs)), np.zeros(n_outputs)
    settings = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "alpha": 0.5}
    settings |= {"loss": "squared_error", "shuffle": False, "max_iter": 1, "tol": None}
    return MLPRegressor.from_mlp(net, warm_start=True, **{**settings, **given})


class TestLossAndL2ByHand:
    """x = 1, 3 and y = 2, 2 at w = 1, b = 0: r = −1, 1; ½ mean r² = ½; mean r x = 1; mean r = 0."""

    rows, values = np.array([[1.0], [3.0]]), np.array([2.0, 2.0])

    def test_one_batch(self):
        model = line().fit(self.rows, self.values)
        assert model.loss_ == pytest.approx(0.5 + 0.5 * (0.5 / 2) * 1, abs=1e-15)
        assert model.coefs_[0][0, 0] == pytest.approx(1 - 0.1 * (1 + 0.25), abs=1e-15)
        assert model.intercepts_[0][0] == 0

    def test_a_smaller_last_batch_is_decayed_more(self):
        # w = 0.875 after the first batch; then x = 2, y = 2, r = −0.25, λ = 0.5 / 1.
        rows, values = np.append(self.rows, [[2.0]], axis=0), np.append(self.values, 2.0)
        model = line(batch_size=2).fit(rows, values)
        w = 0.875 - 0.1 * (-0.25 * 2 + 0.5 * 0.875)
        assert model.coefs_[0][0, 0] == pytest.approx(w, abs=1e-15)
        assert model.intercepts_[0][0] == pytest.approx(0.025, abs=1e-15)
        # (2 · (½ + ⅛) + 1 · (½ · 0.0625 + ½ · ½ · 0.875²)) / 3, but for the mean of W², which is
        # taken from both ends of the epoch: between 1 and 0.77
        assert model.loss_ == pytest.approx((1.25 + 0.03125 + 0.25 * 0.875**2) / 3, abs=0.02)

    def test_per_example_decays_every_batch_alike(self):
        # λ = ½: w = 1 − 0.1 (1 + 0.5) = 0.85; then r = −0.3, gradient −0.6 + 0.425.
        rows, values = np.append(self.rows, [[2.0]], axis=0), np.append(self.values, 2.0)
        model = line(batch_size=2, l2="per_example").fit(rows, values)
        assert model.coefs_[0][0, 0] == pytest.approx(0.85 + 0.0175, abs=1e-15)

    def test_weights_count_in_the_decay(self):
        # weights 1 and 3: Σ w r x / Σ w = 2, Σ w r / Σ w = ½, λ = ½ / 4.
        model = line().fit(self.rows, self.values, sample_weight=[1.0, 3.0])
        assert model.coefs_[0][0, 0] == pytest.approx(1 - 0.1 * 2.125, abs=1e-15)
        assert model.intercepts_[0][0] == pytest.approx(-0.05, abs=1e-15)

    def test_several_outputs_step_by_the_sum_and_show_the_mean(self):
        model = line(2).fit(self.rows, np.stack([self.values] * 2, axis=1))
        assert model.coefs_[0] == pytest.approx(np.full((1, 2), 0.875), abs=1e-15)
        assert model.loss_ == pytest.approx(0.5 + 0.5 * 0.25 * 2, abs=1e-15)

    def test_poisson_shows_half_the_deviance(self):
        # e^0 = 1 for y = 2 and 4: y ln(y / a) − y + a.
        net = fastnn.MLP([1, 1], loss="poisson", init="zeros", dtype="float64")
        model = MLPRegressor.from_mlp(net, warm_start=True, alpha=0, max_iter=1, tol=None)
        model.fit(self.rows, [2.0, 4.0])
        expected = (2 * np.log(2) - 1 + 4 * np.log(4) - 3) / 2
        assert model.loss_ == pytest.approx(expected, abs=1e-12)

    def test_gradient_is_what_a_step_subtracts(self):
        model = line()
        found = model.gradient(self.rows, self.values)
        assert found.flat == pytest.approx([1.25, 0], abs=1e-15)
        before = model.network_.params.copy()
        model.fit(self.rows, self.values)
        assert model.network_.params == pytest.approx(before - 0.1 * found.flat, abs=1e-15)

    @pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop"])
    def test_the_factor_of_a_loss_cancels_where_steps_are_scaled(self, solver):
        # ½ r² and r² have gradients of one direction; eps is scaled along.
        half, whole = (line(solver=solver, loss=l, alpha=0.0) for l in ("squared_error", "mse"))
        for model in (half, whole):
            model.set_params(max_iter=5, epsilon=1e-12).fit(self.rows, self.values)
        assert half.coefs_[0] == pytest.approx(whole.coefs_[0], abs=1e-9)

    def test_adamw_decays_outside_of_the_moments(self):
        # Adam's first step is lr · sign(g): w − 0.1 − 0.1 · λ w with λ = ½ / 2.
        model = line(solver="adamw").fit(self.rows, self.values)
        assert model.coefs_[0][0, 0] == pytest.approx(1 - 0.1 - 0.1 * 0.25, abs=1e-7)

    def test_invscaling_counts_steps(self):
        rates = parameters.InverseScaling(0.1, 0.5).rates(
            np.arange(4), steps_per_epoch=2, total_steps=4
        )
        assert rates == pytest.approx([0.1, 0.1 / 2**0.5, 0.1 / 3**0.5, 0.05])
        model = line(learning_rate="invscaling", batch_size=1, max_iter=2)
        model.fit(self.rows, self.values)
        assert model.network_.history.lr == pytest.approx([0.1 / 2**0.5, 0.1 / 2])
        model.set_params(max_iter=1).fit(self.rows, self.values)  # steps 5 and 6
        assert model.network_.history.lr == pytest.approx([0.1 / 6**0.5])

    def test_adaptive_keeps_the_velocity(self):
        # Epoch 1 gains against infinity; 2 and 3 do not, and the rate of epoch 4 is a fifth:
        # w4 = w3 + ½ (w3 − w2) − 0.1 / 5 · g(w3), as scikit-learn writes momentum.
        seen = []
        model = line(learning_rate="adaptive", momentum=0.5, nesterovs_momentum=False, alpha=0)
        model.set_params(tol=1e9, n_iter_no_change=1, max_iter=4)
        model.set_params(callbacks=[lambda run, logs: seen.append(run.net.params.copy())])
        with pytest.warns(ConvergenceWarning):
            model.fit(self.rows, self.values)
        model.network_.params = seen[2]
        g = model.gradient(self.rows, self.values).flat
        expected = seen[2] + 0.5 * (seen[2] - seen[1]) - 0.1 / 5 * g
        assert seen[3] == pytest.approx(expected, abs=1e-14)


class TestGradientOfScikitLearn:
    """Their private _backprop, from the same weights, L2 included."""

    @pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
    @pytest.mark.parametrize("kind", ["binary", "classes", "labels", "values", "poisson"])
    def test_is_ours_to_1e_6(self, activation, kind):
        y = {
            "binary": (Y > 0).astype(int),
            "classes": Y,
            "labels": np.stack([Y > 0, Y > 1, Y < 2], axis=1).astype(int),
            "values": X[:, :2] ** 2,
            "poisson": np.round(X[:, 0] ** 2),
        }[kind]
        settings = {"hidden_layer_sizes": (5, 4), "activation": activation, "alpha": 0.7}
        settings |= {"max_iter": 2, "random_state": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            if kind in ("values", "poisson"):
                loss = "poisson" if kind == "poisson" else "squared_error"
                theirs = TheirRegressor(loss, **settings).fit(X, y)
                coded = y.reshape(len(y), -1)
            else:
                theirs = TheirClassifier(**settings).fit(X, y)
                coded = theirs._label_binarizer.transform(y).astype(bool)
        weight = RNG.uniform(0.5, 2, len(X))
        n = len(theirs.coefs_)
        _, dW, db = theirs._backprop(
            X, coded, weight, [X] + [None] * n, [None] * n, [None] * n, [None] * n
        )
        found = fastnn.from_sklearn(theirs).gradient(X, y, sample_weight=weight)
        for mine, right in zip([*found.weights, *found.biases], [*dW, *db], strict=True):
            assert mine == pytest.approx(right, abs=1e-6)

    def test_initial_weights_are_those_of_scikit_learn_for_the_same_seed(self):
        for activation in ("relu", "logistic"):
            settings = {"hidden_layer_sizes": (5, 4), "activation": activation, "max_iter": 1}
            settings |= {"learning_rate_init": 1e-300, "random_state": 3, "alpha": 0.0}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                theirs = TheirClassifier(**settings).fit(X, Y)
            ours = MLPClassifier(**{**settings, "tol": None}).fit(X, Y)
            for mine, right in zip(ours.coefs_, theirs.coefs_, strict=True):
                assert np.array_equal(mine, right)
            for mine, right in zip(ours.intercepts_, theirs.intercepts_, strict=True):
                assert np.array_equal(mine, right)


class TestLbfgs:
    def test_reaches_the_ridge_solution(self):
        y = X @ [1.0, -2.0, 0.5, 3.0] + 4
        model = regressor(hidden_layer_sizes=(), solver="lbfgs", alpha=15.0, max_iter=500, tol=1e-9)
        model.fit(X, y)
        # ½ Σ r² + ½ alpha w²: (XᵀX + alpha I) w = Xᵀ(y − mean), X being centred
        right = np.linalg.solve(X.T @ X + 15 * np.eye(4), X.T @ (y - y.mean()))
        assert model.coefs_[0][:, 0] == pytest.approx(right, abs=1e-6)
        assert model.intercepts_[0][0] == pytest.approx(y.mean(), abs=1e-6)

    def test_a_weight_of_two_is_the_row_twice(self):
        weight = 1 + np.arange(150) % 2
        settings = {"solver": "lbfgs", "max_iter": 30, "tol": 0, "alpha": 1.0}
        once = classifier(**settings).fit(X, Y, sample_weight=weight)
        twice = classifier(**settings).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
        assert once.predict_proba(X) == pytest.approx(twice.predict_proba(X), abs=1e-3)

    def test_warns_when_the_iterations_run_out_but_not_when_so_many_were_asked_for(self):
        with pytest.warns(ConvergenceWarning, match="lbfgs"):
            classifier(solver="lbfgs", tol=1e-6).fit(X, Y)
        assert classifier(solver="lbfgs", tol=0).fit(X, Y).n_iter_ == 3

    def test_refuses_what_it_would_not_do(self):
        for given, word in (({"dropout": 0.5}, "dropout"), ({"callbacks": [print]}, "callbacks")):
            with pytest.raises(ValueError, match=word):
                classifier(solver="lbfgs", **given).fit(X, Y)
        with pytest.raises(ValueError, match="validation_data"):
            classifier(solver="lbfgs").fit(X, Y, validation_data=(X, Y))


SOLVERS = ["sgd", "adam", "adamw", "rmsprop", fastnn.RMSprop(0.01, momentum=0.5)]


class TestGoingOn:
    @pytest.mark.parametrize("solver", SOLVERS, ids=str)
    @pytest.mark.parametrize("way", ["warm_start", "partial_fit"])
    def test_three_and_two_epochs_have_the_bits_of_five(self, solver, way):
        settings = {"solver": solver, "batch_size": 16, "dropout": 0.2}
        five = classifier(max_iter=5, **settings).fit(X, Y)
        parts = classifier(warm_start=True, **settings)
        if way == "warm_start":
            parts.fit(X, Y)
            parts = pickle.loads(pickle.dumps(parts))
            parts.set_params(max_iter=2).fit(X, Y)
        else:
            for epoch in range(5):
                parts.partial_fit(X, Y, classes=[0, 1, 2])
                if epoch == 2:
                    parts = copy.deepcopy(parts)
        assert np.array_equal(parts.network_.params, five.network_.params)
        assert parts.loss_curve_ == five.loss_curve_
        assert parts.t_ == five.t_ == 750

    def test_partial_fit_visits_the_rows_in_another_order_each_time(self):
        seen = []
        for _ in range(2):
            model = classifier(solver="sgd", batch_size=1, momentum=0.0)
            model.partial_fit(X, Y, classes=[0, 1, 2])
            first = model.network_._rng.bit_generator.state
            model.partial_fit(X, Y)
            seen.append((first["state"]["state"], model.network_.params.copy()))
            assert model.network_._rng.bit_generator.state != first
        assert seen[0][0] == seen[1][0]
        assert np.array_equal(seen[0][1], seen[1][1])

    def test_early_stopping_sets_the_same_rows_aside_in_every_warm_start(self):
        held = []
        model = classifier(early_stopping=True, warm_start=True)
        model.set_params(scoring=lambda est, X, y: held.append(X.copy()) or 0.0)
        model.fit(X, Y).fit(X, Y)
        assert len(held) == 6
        assert all(np.array_equal(held[0], rows) for rows in held)

    def test_a_schedule_spans_so_many_calls_of_partial_fit_as_a_fit_has_epochs(self):
        settings = {"learning_rate": fastnn.schedules.Cosine(0.01), "batch_size": 50}
        whole = classifier(max_iter=4, **settings).fit(X, Y)
        parts, rates = classifier(max_iter=4, **settings), []
        for _ in range(4):
            parts.partial_fit(X, Y, classes=[0, 1, 2])
            rates += parts.network_.history.lr
        assert rates == pytest.approx(whole.network_.history.lr)

    def test_a_warm_start_with_another_network_is_refused_and_nothing_is_lost(self):
        model = classifier(warm_start=True).fit(X, Y)
        before = model.network_.params.copy()
        with pytest.raises(ValueError, match="warm_start"):
            model.set_params(hidden_layer_sizes=(7,)).fit(X, Y)
        with pytest.raises(ValueError, match="NaN"):
            model.set_params(hidden_layer_sizes=(6,)).fit(np.full_like(X, np.nan), Y)
        assert np.array_equal(model.network_.params, before)
        assert model.n_iter_ == 3

    def test_a_fit_that_fails_leaves_the_one_before(self):
        model = classifier().fit(X, Y)
        before = model.predict(X)
        with pytest.raises(ZeroDivisionError):
            model.set_params(callbacks=[lambda run, logs: 1 / 0]).fit(X[:, :2], Y)
        assert np.array_equal(model.predict(X), before)


class TestPickles:
    def test_hold_the_parameters_once(self):
        model = classifier(hidden_layer_sizes=(400, 200)).fit(X, Y)
        params = model.network_.params.nbytes
        assert params < len(pickle.dumps(model)) < 1.05 * params + 10_000

    def test_hold_the_optimiser_where_training_will_go_on(self):
        model = classifier(hidden_layer_sizes=(400, 200), warm_start=True).fit(X, Y)
        assert len(pickle.dumps(model)) > 3 * model.network_.params.nbytes
        model = classifier(hidden_layer_sizes=(400, 200)).partial_fit(X, Y, classes=[0, 1, 2])
        assert len(pickle.dumps(model)) > 3 * model.network_.params.nbytes

    def test_taking_one_takes_nothing_from_the_estimator(self):
        model = classifier().fit(X, Y)
        pickle.dumps(model)
        assert model.network_._state is not None
        assert model.partial_fit(X, Y).t_ == 600


class TestWhatWasRefused:
    def test_validation_data_of_ones_own_and_any_metric(self):
        for scoring in (None, "loss", "neg_log_loss", lambda est, X, y: est.score(X, y)):
            model = classifier(early_stopping=True, scoring=scoring, max_iter=20)
            model.fit(X[::2], Y[::2], validation_data=(X[1::2], Y[1::2]))
            assert len(model.validation_scores_) == model.n_iter_
            assert model.t_ == model.n_iter_ * 75  # no row was set aside

    def test_early_stopping_keeps_the_best_parameters(self):
        scores = iter([0.1, 0.5, 0.3, 0.2])
        best = []

        def score(est, X, y):
            best.append(est.network_.params.copy())
            return next(scores)

        model = classifier(early_stopping=True, scoring=score, max_iter=4).fit(X, Y)
        assert np.array_equal(model.network_.params, best[1])
        assert model.best_validation_score_ == 0.5

    def test_class_weight_is_a_sample_weight(self):
        weight = np.array([1.0, 2.0, 0.5])[Y]
        by_class = classifier(class_weight={1: 2.0, 2: 0.5}).fit(X, Y)
        by_row = classifier().fit(X, Y, sample_weight=weight)
        assert np.array_equal(by_class.network_.params, by_row.network_.params)
        with pytest.raises(ValueError, match="balanced"):
            classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])

    @pytest.mark.parametrize("loss", losses.REGRESSION)
    def test_every_loss_of_a_regressor_learns(self, loss):
        y = 1 / (1 + np.exp(-X[:, 0]))
        model = regressor(loss=loss, max_iter=150, learning_rate_init=0.02).fit(X, y)
        assert model.loss_curve_[-1] < model.loss_curve_[0]
        assert model.score(X, y) > 0.8

    @pytest.mark.parametrize("loss", losses.CLASSIFICATION)
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_every_loss_of_a_classifier_learns(self, loss, n_classes):
        y = np.minimum(Y, n_classes - 1)
        model = classifier(loss=loss, max_iter=100, learning_rate_init=0.02).fit(X, y)
        assert model.score(X, y) > 0.9
        p = model.predict_proba(X)
        assert p.shape == (150, n_classes)
        assert p.sum(axis=1) == pytest.approx(np.ones(150))

    def test_quantiles_are_quantiles(self):
        y = RNG.exponential(size=2000)
        rows = np.zeros((2000, 1))
        model = regressor(
            loss="quantile", quantile=0.9, max_iter=100, learning_rate_init=0.02, alpha=0
        ).fit(rows, y)
        assert (y < model.predict(rows)).mean() == pytest.approx(0.9, abs=0.02)

    def test_activations_of_each_layer_and_of_the_output(self):
        model = classifier(
            hidden_layer_sizes=(5, 4), activation=["logistic", "gelu"], output_activation="logistic"
        ).fit(X, Y)
        assert model.network_.activation == ("sigmoid", "gelu")
        assert model.out_activation_ == "logistic"
        assert [a.shape[1] for a in model.activations(X)] == [4, 5, 4, 3]
        two = classifier(output_activation="softmax", max_iter=60, learning_rate_init=0.02)
        assert two.fit(X, Y > 0).n_outputs_ == 2
        assert two.score(X, Y > 0) > 0.9

    def test_exactly_so_many_epochs_without_a_warning(self):
        for given in ({"tol": None}, {"tol": 0}, {"tol": 1e-4, "n_iter_no_change": np.inf}):
            assert classifier(**{"max_iter": 15, **given}).fit(X, Y).n_iter_ == 15
        flat = classifier(learning_rate_init=1e-12, max_iter=40)  # nothing is gained, none ends
        assert flat.fit(X, Y).n_iter_ == 40

    def test_callbacks_see_the_validation_loss(self):
        seen = []
        model = classifier(callbacks=lambda run, logs: seen.append(logs["val_loss"]))
        model.fit(X, Y, validation_data=(X, Y))
        assert len(seen) == 3
        stopper = fastnn.callbacks.EarlyStopping("loss", patience=1, min_delta=1e6)
        assert classifier(callbacks=[stopper], max_iter=50, tol=1e-4).fit(X, Y).n_iter_ == 2

    def test_verbose_goes_where_it_is_sent(self, capfd, caplog):
        with caplog.at_level(logging.INFO, "fastnn"):
            classifier(verbose="logging").fit(X, Y)
        assert len([r for r in caplog.records if "loss" in r.message and r.levelno == 20]) == 3
        assert capfd.readouterr().out == ""
        classifier(verbose=True).fit(X, Y)
        assert capfd.readouterr().out.startswith("Iteration 1, loss = ")
        classifier(verbose="progress").fit(X, Y)
        assert capfd.readouterr().out == ""

    def test_bytes_are_read_in_place_when_asked(self):
        images = RNG.integers(0, 256, (60, 20), dtype=np.uint8)
        y = images[:, 0] > 127
        in_place = classifier(scale_bytes=True).fit(images, y)
        floats = classifier().fit((images / 255).astype(np.float32), y)
        assert in_place.network_.dtype == np.float32
        assert in_place.predict_proba(images) == pytest.approx(
            floats.predict_proba((images / 255).astype(np.float32)), abs=1e-5
        )
        as_numbers = classifier().fit(images, y)
        assert np.array_equal(
            as_numbers.predict_proba(images), as_numbers.predict_proba(images.astype(float))
        )
        assert as_numbers.network_.dtype == np.float64

    def test_a_sparse_indicator_comes_back_sparse(self):
        labels = np.stack([Y > 0, Y > 1], axis=1).astype(int)
        model = classifier(max_iter=50).fit(X, sparse.csr_matrix(labels))
        dense = classifier(max_iter=50).fit(X, labels)
        assert sparse.issparse(model.predict(X))
        assert np.array_equal(model.predict(X).toarray(), dense.predict(X))


class TestNetworksInAndOut:
    def test_to_mlp_is_a_copy_that_knows_the_labels(self):
        names = np.array(["a", "b", "c"])[Y]
        model = classifier().fit(X, names)
        net = model.to_mlp()
        assert np.array_equal(net.classify(X), model.predict(X))
        assert np.array_equal(net.predict(X), model.predict_proba(X))
        assert net._rule == StepRule() and net._state is None
        net.params = np.zeros(net.n_params)
        assert model.network_.params.any()

    def test_from_mlp_and_back(self):
        net = fastnn.MLP([4, 5, 3], activation="tanh", loss="cross_entropy", seed=0)
        net.fit(X, Y, epochs=2)
        model = MLPClassifier.from_mlp(net, warm_start=True, max_iter=2, tol=None)
        assert np.array_equal(model.predict(X), net.classify(X))
        assert model.get_params()["activation"] == "tanh"
        assert model.n_features_in_ == 4
        before = net.params.copy()
        model.fit(X, Y)
        assert np.array_equal(net.params, before)
        assert not hasattr(clone(model), "network_")

    def test_from_mlp_refuses_what_an_estimator_is_not(self):
        with pytest.raises(TypeError, match=r"fastnn\.MLP"):
            MLPRegressor.from_mlp(3)
        with pytest.raises(ValueError, match="output"):
            MLPClassifier.from_mlp(fastnn.MLP([4, 3]))
        with pytest.raises(ValueError, match="classes"):
            MLPClassifier.from_mlp(fastnn.MLP([4, 3], loss="cross_entropy"), classes=[0, 1])
        with pytest.raises(ValueError, match="loss"):
            MLPRegressor.from_mlp(fastnn.MLP([4, 3], loss="cross_entropy"))

    @pytest.mark.parametrize("several", [False, True])
    def test_from_sklearn_predicts_the_same_and_goes_on(self, several):
        y = np.stack([Y > 0, Y > 1], axis=1).astype(int) if several else np.array(list("abc"))[Y]
        theirs = TheirClassifier((5,), max_iter=400, tol=1e-2, random_state=0).fit(X, y)
        ours = fastnn.from_sklearn(theirs)
        assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-12)
        assert np.array_equal(ours.predict(X), theirs.predict(X))
        assert ours.get_params().items() >= theirs.get_params().items()
        assert ours.loss_curve_ == theirs.loss_curve_ and ours.t_ == theirs.t_
        ours.partial_fit(X, y)
        assert len(ours.loss_curve_) == len(theirs.loss_curve_) + 1

    def test_from_sklearn_refuses_other_things(self):
        with pytest.raises(TypeError, match="MLPClassifier"):
            fastnn.from_sklearn(classifier())

    def test_assigning_weights_changes_the_network(self):
        model = classifier().fit(X, Y)
        model.coefs_[0] = np.zeros((4, 6))
        model.intercepts_ = [np.zeros(6), np.array([0.0, 1.0, 0.0])]
        assert set(model.predict(X)) == {1}
        with pytest.raises(ValueError, match="shape"):
            model.coefs_[0] = np.zeros(3)


class TestBadInput:
    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            ({"activation": ["relu", "tanh"]}, "activation"),
            ({"activation": "rellu"}, "did you mean 'relu'"),
            ({"solver": "adams"}, "did you mean 'adam'"),
            ({"learning_rate": 3}, "learning_rate"),
            ({"l2": "both"}, "l2"),
            ({"tol": "small"}, "tol"),
            ({"verbose": "loud"}, "verbose"),
            ({"dropout": 1.0}, "dropout"),
            ({"loss": "hinge"}, "loss"),
            ({"output_activation": "relu"}, "output_activation"),
            ({"scoring": 3}, "scoring"),
            ({"scale_bytes": "yes"}, "scale_bytes"),
            ({"hidden_layer_sizes": "10"}, "hidden_layer_sizes"),
            ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes"),
            ({"callbacks": [3]}, "callback"),
        ],
    )
    def test_is_told_in_a_sentence_that_names_it(self, wrong, word):
        with pytest.raises((ValueError, TypeError), match=word):
            classifier(**wrong).fit(X, Y)

    def test_validation_data_that_do_not_fit(self):
        for given in (X, (X,), (X[:, :2], Y), (X, Y + 5), (X[:10], Y)):
            with pytest.raises(ValueError):
                classifier().fit(X, Y, validation_data=given)

    def test_targets_that_a_loss_does_not_know(self):
        with pytest.raises(ValueError, match="poisson"):
            regressor(loss="poisson").fit(X, -np.ones(150))
        with pytest.raises(ValueError, match="columns"):
            classifier(warm_start=True).fit(X, np.eye(3, dtype=int)[Y]).fit(X, Y)

    def test_a_loss_that_stops_being_finite_is_a_warning_and_a_usable_model(self):
        with pytest.warns(fastnn.DivergenceWarning):
            model = regressor(solver="sgd", learning_rate_init=1e300).fit(X, Y)
        assert np.isfinite(model.predict(X)).all()

    def test_ctrl_c_keeps_what_was_learnt(self):
        def interrupt(run, logs):
            if run.epoch == 2:
                raise KeyboardInterrupt

        with pytest.warns(UserWarning, match="interrupted"):
            model = classifier(callbacks=[interrupt], max_iter=9).fit(X, Y)
        assert model.n_iter_ == 2

    def test_labels_of_one_class(self):
        model = classifier().fit(X, ["only"] * 150)
        assert set(model.predict(X)) == {"only"}
        assert np.array_equal(model.predict_proba(X), np.ones((150, 1)))

    def test_unknown_labels_are_named(self):
        with pytest.raises(ValueError, match=r"\[7\]"):
            Labels(np.array([0, 1, 1])).encode(np.array([0, 7]))


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_without_scikit_learn_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["sklearn"] = None
import fastnn
for name in ("MLPClassifier", "MLPRegressor", "from_sklearn"):
    try:
        getattr(fastnn, name)
    except ImportError as error:
        print("fastnn-mlp[sklearn]" in str(error))
"""
    assert run(code).split() == ["True"] * 3
