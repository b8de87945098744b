"""Requests to scikit-learn's tracker that its module lacks, each as a user words it.

Over 400 lines: a test for each wish.
"""

from __future__ import annotations

import logging
import pickle
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

from estimator_helpers import CANCER, DIABETES, IRIS, classifier, regressor
from sklearn.base import clone
from sklearn.metrics import f1_score, make_scorer, r2_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class TestValidation:
    def test_a_validation_set_of_the_users_own_is_scored_each_epoch(self):
        X, y = CANCER
        model = classifier(max_iter=10).fit(X[:400], y[:400], validation_data=(X[400:], y[400:]))
        assert len(model.validation_scores_) == 10
        assert model.validation_scores_[-1] == model.score(X[400:], y[400:])

    def test_early_stopping_looks_at_it_and_trains_on_all_the_rows(self):
        X, y = CANCER
        model = classifier(early_stopping=True, max_iter=100, n_iter_no_change=3)
        model.fit(X[:400], y[:400], validation_data=(X[400:], y[400:]))
        assert model.n_iter_ < 100
        assert model.t_ == model.n_iter_ * 400
        assert model.score(X[400:], y[400:]) == max(model.validation_scores_)

    def test_rows_set_aside_that_all_weigh_nothing_are_refused(self):
        X, y = IRIS
        model = classifier(early_stopping=True, max_iter=2)
        held = model.fit(X, y)._split(X, y, y, np.arange(len(X)))[3][2].astype(int)
        weight = np.ones(len(X))
        weight[held] = 0
        with pytest.raises(ValueError, match="sample_weight is 0 for all of the rows to validate"):
            classifier(early_stopping=True, max_iter=2).fit(X, y, weight)
        with pytest.raises(ValueError, match="sample_weight is 0 for all of the rows to train"):
            classifier(early_stopping=True, max_iter=2).fit(X, y, 1 - weight)

    @pytest.mark.parametrize(
        "scoring",
        ["loss", "f1", "neg_log_loss", "roc_auc", make_scorer(f1_score, pos_label=0)],
        ids=str,
    )
    def test_early_stopping_by_any_metric_or_the_loss(self, scoring):
        X, y = CANCER
        model = classifier(early_stopping=True, scoring=scoring, max_iter=60, n_iter_no_change=3)
        model.fit(X, y)
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.score(X, y) > 0.9

    def test_the_validation_loss_is_the_cost_of_the_held_out_rows(self):
        X, y = IRIS
        held = (X[::3], y[::3])
        model = classifier(early_stopping=True, scoring="loss", max_iter=5, n_iter_no_change=100)
        model.fit(X, y, validation_data=held)
        p = model.predict_proba(held[0])  # of the best epoch, whose weights are put back
        right = np.log(p[np.arange(50), held[1]]).mean()
        assert model.best_validation_score_ == pytest.approx(right, rel=1e-6)


class TestNetwork:
    def test_dropout_holds_activations_back_while_training_only(self):
        X, y = CANCER
        model = classifier(dropout=0.5).fit(X, y)
        assert np.array_equal(model.predict_proba(X), model.predict_proba(X))
        assert model.score(X, y) > 0.9
        assert not np.array_equal(model.coefs_[0], classifier().fit(X, y).coefs_[0])

    def test_dropout_of_each_layer(self):
        model = classifier(hidden_layer_sizes=(8, 8), dropout=[0.0, 0.5], max_iter=2).fit(*IRIS)
        assert model.to_mlp().dropout == (0.0, 0.5)

    def test_an_activation_of_each_layer(self):
        model = classifier(hidden_layer_sizes=(8, 6), activation=["tanh", "relu"]).fit(*IRIS)
        _, tanh, relu, out = model.activations(IRIS[0])
        assert tanh.min() < 0 <= relu.min()
        assert np.abs(tanh).max() <= 1
        assert out == pytest.approx(model.predict_proba(IRIS[0]))

    @pytest.mark.parametrize(
        "activation", ["leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid"]
    )
    def test_activations_that_scikit_learn_has_not(self, activation):
        assert classifier(activation=activation).fit(*IRIS).score(*IRIS) > 0.9

    @pytest.mark.parametrize(
        ("output", "low", "high"),
        [("relu", 0, np.inf), ("softplus", 0, np.inf), ("tanh", -1, 1), ("logistic", 0, 1)],
    )
    def test_predictions_stay_in_the_range_of_the_output_activation(self, output, low, high):
        X, y = DIABETES
        model = regressor(output_activation=output).fit(X, (y - y.min()) / np.ptp(y))
        assert model.out_activation_ == output
        found = model.predict(X)
        assert low <= found.min() < found.max() <= high

    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    def test_targets_that_the_output_cannot_reach_are_refused(self, solver):
        X, y = DIABETES
        model = regressor(output_activation="tanh", solver=solver)
        with pytest.raises(ValueError, match=r"^y must be from -1 to 1 for output 'tanh'; it hol"):
            model.fit(X, y)
        assert not hasattr(model, "network_")

    def test_the_quadratic_cost_on_sigmoid_outputs(self):
        model = classifier(loss="quadratic", output_activation="logistic", max_iter=100)
        assert model.fit(*IRIS).score(*IRIS) > 0.9
        assert model.out_activation_ == "logistic"

    def test_binary_cross_entropy_of_several_classes(self):
        model = classifier(loss="binary_cross_entropy", max_iter=60).fit(*IRIS)
        assert model.out_activation_ == "logistic"
        assert model.score(*IRIS) > 0.9


class TestLosses:
    """On targets with outliers on one side, each loss finds its own middle."""

    X = np.ones((400, 1))
    y = np.where(np.arange(400) % 4 == 0, 100.0, np.random.default_rng(0).uniform(0, 1, 400))

    def level(self, **given) -> float:
        """Return what a network of one bias learns to say, all rows being alike."""
        settings = {"hidden_layer_sizes": (), "alpha": 0.0, "max_iter": 300, "tol": 0.0}
        settings |= {"learning_rate_init": 0.05, "batch_size": 400, "random_state": 0}
        model = fastnn.MLPRegressor(**{**settings, **given}).fit(self.X, self.y)
        return float(model.predict(self.X[:1])[0])

    def test_mae_finds_the_median(self):
        assert self.level(loss="mae") == pytest.approx(np.median(self.y), abs=0.1)

    @pytest.mark.parametrize("q", [0.25, 0.5])
    def test_quantile_finds_its_quantile(self, q):
        found = self.level(loss="quantile", quantile=q)
        assert found == pytest.approx(np.quantile(self.y, q), abs=0.1)

    def test_huber_hardly_minds_outliers(self):
        # Where Σ clip(r, ±1) = 0: the lower three quarters pull the level to
        # mean + (n_outliers · 1) / n_others = about 0.5 + 1/3.
        assert self.level(loss="huber") == pytest.approx(0.5 + 1 / 3, abs=0.1)

    def test_squared_error_finds_the_mean(self):
        found = self.level(loss="squared_error", solver="lbfgs")
        assert found == pytest.approx(self.y.mean(), rel=1e-3)

    def test_quadratic_is_descended_too(self):
        assert regressor(loss="quadratic").fit(*DIABETES).score(*DIABETES) > 0.3


class TestWeights:
    def test_class_weight_is_the_sample_weight_of_the_class(self):
        X, y = IRIS
        one = classifier(class_weight={0: 1, 1: 5, 2: 1}, max_iter=3).fit(X, y)
        other = classifier(max_iter=3).fit(X, y, sample_weight=np.where(y == 1, 5.0, 1.0))
        assert np.array_equal(one.predict_proba(X), other.predict_proba(X))

    def test_balanced_classes_are_heard_alike(self):
        X = np.random.default_rng(0).normal(size=(600, 2))
        y = np.where(np.arange(600) % 20 == 0, "rare", "usual")
        X[y == "rare"] += 1.0
        plain, fair = (
            classifier(class_weight=w, batch_size="auto").fit(X, y) for w in (None, "balanced")
        )
        rare = y == "rare"
        assert (fair.predict(X[rare]) == "rare").mean() > 0.6
        assert (plain.predict(X[rare]) == "rare").mean() < 0.4


class TestTraining:
    @pytest.mark.parametrize(
        "solver",
        [
            *("adamw", "rmsprop"),
            fastnn.AdamW(lr=0.01, weight_decay=0.1),
            fastnn.SGD(lr=0.1, momentum=0.9),
        ],
        ids=["adamw", "rmsprop", "AdamW(...)", "SGD(...)"],
    )
    def test_other_optimisers(self, solver):
        assert classifier(solver=solver).fit(*IRIS).score(*IRIS) > 0.9

    @pytest.mark.parametrize(
        "schedule",
        [fastnn.schedules.Cosine(0.05), lambda step: 0.05 / (1 + step / 100)],
        ids=["Cosine", "function"],
    )
    def test_schedules(self, schedule):
        assert classifier(learning_rate=schedule).fit(*IRIS).score(*IRIS) > 0.9

    def test_a_function_is_called_after_each_epoch(self):
        seen = []
        classifier(max_iter=4, callbacks=[lambda run, logs: seen.append(logs["loss"])]).fit(*IRIS)
        assert len(seen) == 4
        assert all(np.isfinite(seen))

    def test_callbacks_that_come_with_fastnn(self):
        X, y = IRIS
        stop = fastnn.callbacks.EarlyStopping("val_loss", patience=2)
        model = classifier(max_iter=300, learning_rate_init=0.1, callbacks=[stop])
        model.fit(X[::2], y[::2], validation_data=(X[1::2], y[1::2]))
        assert model.n_iter_ == stop.stopped_epoch_ < 300

    @pytest.mark.parametrize(
        "wish", [{"tol": None}, {"n_iter_no_change": np.inf}], ids=["tol=None", "no_change=inf"]
    )
    def test_exactly_so_many_epochs_without_a_warning(self, wish):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = classifier(max_iter=150, learning_rate_init=0.1, **wish).fit(*IRIS)
        assert model.n_iter_ == 150

    def test_verbose_through_logging(self, caplog, capsys):
        with caplog.at_level(logging.INFO, logger="fastnn"):
            classifier(verbose="logging", max_iter=3).fit(*IRIS)
        assert sum("loss" in record.message for record in caplog.records) == 3
        assert capsys.readouterr().out == ""

    def test_verbose_through_a_progress_bar(self, capfd):
        classifier(verbose="progress", max_iter=3).fit(*IRIS)
        told = capfd.readouterr()
        assert told.out == ""
        assert "3/3" in told.err or "epoch" in told.err.lower()

    @pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
    def test_a_warm_start_goes_on_exactly(self, solver):
        settings = {"solver": solver, "warm_start": True, "tol": None}
        whole = classifier(**settings, max_iter=6).fit(*IRIS)
        parts = classifier(**settings, max_iter=2)
        for _ in range(3):
            parts.fit(*IRIS)
        assert np.array_equal(parts.coefs_[0], whole.coefs_[0])
        assert parts.loss_curve_ == whole.loss_curve_

    @pytest.mark.parametrize("solver", ["sgd", "adam"])
    def test_calls_of_partial_fit_are_the_epochs_of_a_fit(self, solver):
        whole = classifier(solver=solver, max_iter=4, tol=None).fit(*IRIS)
        parts = classifier(solver=solver)
        for _ in range(4):
            parts.partial_fit(*IRIS, classes=[0, 1, 2])
        assert np.array_equal(parts.coefs_[0], whole.coefs_[0])

    def test_partial_fit_with_a_seed_does_not_repeat_its_order(self):
        # Plain SGD on one weight: the weight after an epoch tells the order of the rows.
        X, y = np.arange(1.0, 9)[:, None], np.arange(8.0) % 3
        settings = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
        model = fastnn.MLPRegressor(**settings, batch_size=1, random_state=0)
        seen = []
        for _ in range(4):
            model.partial_fit(X, y)
            seen.append(float(model.coefs_[0][0, 0]))
            model.coefs_[0][...], model.intercepts_[0][...] = 0.5, 0.0
        model.partial_fit(X, y)
        assert len({*seen[1:], float(model.coefs_[0][0, 0])}) == 4

    @pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "adamw", "rmsprop"])
    def test_a_warm_start_leaves_the_layers_that_are_not_trainable(self, solver):
        X, y = IRIS
        model = classifier(solver=solver, alpha=0.01, warm_start=True, max_iter=5).fit(X, y)
        before = [W.copy() for W in (*model.coefs_, *model.intercepts_)]
        model.network_.trainable = [False, True]
        model.fit(X, y)
        if solver != "lbfgs":
            model.partial_fit(X, y)
        assert model.network_.trainable == [False, True]
        same = [
            (old == W).all()
            for W, old in zip((*model.coefs_, *model.intercepts_), before, strict=True)
        ]
        assert same == [True, False, True, False]

    def test_a_pretrained_network_comes_with_its_frozen_layers(self):
        X, y = IRIS
        net = fastnn.MLP([4, 8, 3], activation="tanh", output="softmax", seed=0)
        net.trainable = [False, True]
        model = fastnn.MLPClassifier.from_mlp(net, warm_start=True, max_iter=3)
        model.fit(X.astype(np.float32), y)
        np.testing.assert_array_equal(model.coefs_[0], net.weights[0])
        assert (model.coefs_[1] != net.weights[1]).any()
        fresh = model.set_params(warm_start=False).fit(X, y)  # a network of its own, all of it
        assert fresh.network_.trainable == [True, True]

    def test_invscaling_counts_steps_as_documented(self):
        # lr_t = lr / t^power for t = 1, 2, …: one weight, full batch, by hand.
        X, y = np.array([[1.0], [2.0]]), np.array([1.0, 3.0])
        model = fastnn.MLPRegressor(
            hidden_layer_sizes=(), solver="sgd", momentum=0.0, alpha=0.0, random_state=0,
            learning_rate="invscaling", learning_rate_init=0.1, power_t=0.7, max_iter=1,
        )  # fmt: skip
        model.partial_fit(X, y)
        w, b = 0.3, -0.2
        model.coefs_[0][...], model.intercepts_[0][...] = w, b
        for t in range(2, 6):
            model.partial_fit(X, y)
            r = X[:, 0] * w + b - y
            w, b = w - 0.1 / t**0.7 * (r * X[:, 0]).mean(), b - 0.1 / t**0.7 * r.mean()
            assert model.coefs_[0][0, 0] == pytest.approx(w)

    @pytest.mark.parametrize("l2", ["batch", "per_example"])
    def test_l2_per_example_does_not_depend_on_the_batch_size(self, l2):
        # X = 0: the cost has no slope, W only shrinks. By (1 − lr α / m) a step as in scikit-learn,
        # or by (1 − lr α), whatever the batch.
        X, y = np.zeros((8, 2)), np.zeros(8)
        for m in (2, 8):
            settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.5, "l2": l2, "batch_size": m}
            model = fastnn.MLPRegressor(
                hidden_layer_sizes=(), learning_rate_init=0.1, random_state=0, **settings
            )
            model.partial_fit(X, y)
            before = model.coefs_[0].copy()
            model.partial_fit(X, y)
            shrunk = (1 - 0.1 * 0.5 / (m if l2 == "batch" else 1)) ** (8 // m)
            assert model.coefs_[0] == pytest.approx(before * shrunk)

    @pytest.mark.parametrize(
        "solver",
        [fastnn.SGD(lr=0.1, weight_decay=0.2), fastnn.AdamW(lr=0.1, weight_decay=0.2)],
        ids=["SGD", "AdamW"],
    )
    def test_the_penalty_is_added_to_the_decay_of_an_optimiser(self, solver):
        # X = 0 again: a step of ½ r² + … makes W smaller by lr (λ + α / m), decoupled or not.
        X, y = np.zeros((8, 2)), np.zeros(8)
        model = fastnn.MLPRegressor(
            hidden_layer_sizes=(), solver=solver, alpha=0.5, l2="batch", batch_size=4
        )
        model.partial_fit(X, y)
        before = model.coefs_[0].copy()
        model.partial_fit(X, y)
        assert model.coefs_[0] == pytest.approx(before * (1 - 0.1 * (0.2 + 0.5 / 4)) ** 2)

    def test_eps_is_that_of_a_step_down_half_the_square(self):
        # g = dC/dw of ½ r², v = g² as α = 0: w − lr g / (|g| + eps)
        X, y = np.array([[1.0], [2.0]]), np.array([1.0, 0.5])
        solver = fastnn.RMSprop(lr=0.1, alpha=0.0, eps=1.0)
        model = fastnn.MLPRegressor(hidden_layer_sizes=(), solver=solver, alpha=0.0, batch_size=2)
        model.partial_fit(X, y)
        model.coefs_[0][...], model.intercepts_[0][...] = 0.3, -0.2
        model.partial_fit(X, y)
        r = X[:, 0] * 0.3 - 0.2 - y  # (−0.9, −0.1): g = (−0.9 − 0.2) / 2 = −0.55
        g = (r * X[:, 0]).mean()
        assert model.coefs_[0][0, 0] == pytest.approx(0.3 - 0.1 * g / (abs(g) + 1))


class TestAccess:
    def test_the_gradient_is_what_a_step_takes(self):
        X, y = IRIS
        model = classifier(solver="sgd", momentum=0.0, alpha=0.3, batch_size=150)
        model.partial_fit(X, y, classes=[0, 1, 2])
        before, gradient = model.coefs_[0].copy(), model.gradient(X, y)
        model.partial_fit(X, y)
        assert model.coefs_[0] == pytest.approx(before - 0.01 * gradient.weights[0], abs=1e-9)

    @pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
    def test_the_input_gradient_of_a_regressor_is_the_slope_of_its_loss(self, loss):
        X, y = DIABETES
        y = abs(y)
        model = regressor(loss=loss, activation="tanh", max_iter=5).fit(X, y)
        cost = {
            "squared_error": lambda a, y: (a - y) ** 2 / 2,
            "huber": lambda a, y: np.where(abs(a - y) < 1, (a - y) ** 2 / 2, abs(a - y) - 0.5),
            "poisson": lambda a, y: a - y * np.log(a),
        }[loss]
        rows, goals = X[:20], y[:20]
        found, step = model.input_gradient(rows, goals), 1e-5
        slopes = model.jacobian(rows)
        assert found.shape == rows.shape and slopes.shape == (20, 1, X.shape[1])
        for k in range(X.shape[1]):
            e = step * np.eye(X.shape[1])[k]
            above, below = model.predict(rows + e), model.predict(rows - e)
            by_loss = (cost(above, goals) - cost(below, goals)) / (2 * step)
            np.testing.assert_allclose(found[:, k], by_loss, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(
                slopes[:, 0, k], (above - below) / (2 * step), rtol=1e-5, atol=1e-7
            )

    @pytest.mark.parametrize("data", [CANCER, IRIS])
    def test_the_derivatives_of_a_classifier_are_those_of_its_probabilities(self, data):
        X, y = data
        names = np.array(["a", "b", "c"])[y]
        model = classifier(activation="tanh", max_iter=20).fit(X, names)
        rows, goals, step = X[:20], names[:20], 1e-5
        found, slopes = model.input_gradient(rows, goals), model.jacobian(rows)
        right = np.searchsorted(model.classes_, goals)
        for k in range(X.shape[1]):
            e = step * np.eye(X.shape[1])[k]
            above, below = model.predict_proba(rows + e), model.predict_proba(rows - e)
            by_class = (above - below)[:, -model.n_outputs_ :] / (2 * step)
            np.testing.assert_allclose(slopes[:, :, k], by_class, rtol=1e-5, atol=1e-7)
            i = np.arange(len(rows))
            by_loss = (np.log(below[i, right]) - np.log(above[i, right])) / (2 * step)
            np.testing.assert_allclose(found[:, k], by_loss, rtol=1e-5, atol=1e-7)

    def test_activations_of_all_layers(self):
        model = classifier(hidden_layer_sizes=(7, 5), max_iter=2).fit(*IRIS)
        assert [a.shape for a in model.activations(IRIS[0])] == [(150, n) for n in (4, 7, 5, 3)]

    def test_images_as_bytes_are_read_in_place(self):
        (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
        X, y = X[:500], y[:500]
        model = classifier(scale_bytes=True, max_iter=20).fit(X, y)
        assert model.coefs_[0].dtype == np.float32
        same = classifier(max_iter=20).fit(X.astype(np.float32) / np.float32(255), y)
        assert model.score(X_test, y_test) == pytest.approx(
            same.score(X_test / np.float32(255), y_test), abs=0.02
        )

    def test_every_solver_reads_bytes_in_the_same_way(self):
        (X, y), _ = fastnn.datasets.load_digits()
        X, y = X[:300], y[:300]
        for solver in ("adam", "sgd", "lbfgs"):
            model = classifier(scale_bytes=True, solver=solver, max_iter=5).fit(X, y)
            assert np.array_equal(model.network_.input_scale, np.full(X.shape[1], 1 / 255))
            same = model.to_mlp()
            same.fit(X.astype(float), y, epochs=1)  # trained before: the scale stays
            assert np.array_equal(same.input_scale, model.network_.input_scale)

    def test_pickles_hold_the_parameters_once(self):
        model = classifier(hidden_layer_sizes=(200, 200), max_iter=2).fit(*CANCER)
        parameters = model.to_mlp().params.nbytes
        assert len(pickle.dumps(model)) < 1.2 * parameters
        going_on = classifier(hidden_layer_sizes=(200, 200)).partial_fit(*CANCER, classes=[0, 1])
        assert len(pickle.dumps(going_on)) > 2.5 * parameters  # Adam's moments, to continue

    def test_a_pickle_in_the_middle_changes_nothing(self):
        one = classifier().partial_fit(*IRIS, classes=[0, 1, 2])
        other = pickle.loads(pickle.dumps(one))
        for model in (one, other):
            model.partial_fit(*IRIS)
        assert np.array_equal(one.coefs_[0], other.coefs_[0])

    def test_one_row_predictions_have_the_bits_of_many(self):
        model = classifier(max_iter=2).fit(*IRIS)
        p = model.predict_proba(IRIS[0])
        for i in range(0, 150, 29):
            assert np.array_equal(model.predict_proba(IRIS[0][i : i + 1]), p[i : i + 1])


class TestConversions:
    @pytest.mark.parametrize("labels", [IRIS[1], CANCER[1][:150], np.array(list("abc"))[IRIS[1]]])
    def test_a_fitted_classifier_of_scikit_learn_predicts_the_same_here(self, labels):
        theirs = TheirClassifier((9, 6), "tanh", max_iter=20, random_state=0).fit(IRIS[0], labels)
        ours = fastnn.from_sklearn(theirs)
        assert isinstance(ours, fastnn.MLPClassifier)
        assert ours.predict_proba(IRIS[0]) == pytest.approx(theirs.predict_proba(IRIS[0]))
        assert np.array_equal(ours.predict(IRIS[0]), theirs.predict(IRIS[0]))
        assert ours.get_params().items() >= theirs.get_params().items()

    @pytest.mark.parametrize("loss", ["squared_error", "poisson"])
    def test_a_fitted_regressor_too(self, loss):
        y = np.abs(np.column_stack([DIABETES[1], DIABETES[1] ** 2]))
        theirs = TheirRegressor(loss, (9,), max_iter=20, random_state=0).fit(DIABETES[0], y)
        ours = fastnn.from_sklearn(theirs)
        assert ours.predict(DIABETES[0]) == pytest.approx(theirs.predict(DIABETES[0]))

    def test_what_is_no_fitted_one_is_refused(self):
        with pytest.raises(TypeError, match="from_sklearn"):
            fastnn.from_sklearn(object())
        with pytest.raises(ValueError, match="not fitted"):
            fastnn.from_sklearn(TheirClassifier())

    def test_to_a_network_and_back(self, tmp_path):
        y = np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]
        model = classifier(max_iter=5).fit(IRIS[0], y)
        model.to_mlp().save(tmp_path / "iris.safetensors")
        net = fastnn.load(tmp_path / "iris.safetensors")
        assert np.array_equal(net.predict(IRIS[0]), model.predict_proba(IRIS[0]))
        assert np.array_equal(net.classify(IRIS[0]), model.predict(IRIS[0]))
        again = fastnn.MLPClassifier.from_mlp(net)
        assert np.array_equal(again.predict(IRIS[0]), model.predict(IRIS[0]))
        assert again.classes_.tolist() == model.classes_.tolist()


class TestAbsence:
    def test_without_scikit_learn_the_extra_is_named(self, monkeypatch):
        for name in [name for name in sys.modules if name.startswith("fastnn.estimators")]:
            monkeypatch.delitem(sys.modules, name)
        for name in ("MLPClassifier", "MLPRegressor", "from_sklearn", "estimators"):
            monkeypatch.delitem(vars(fastnn), name, raising=False)
        monkeypatch.setitem(sys.modules, "sklearn", None)
        with pytest.raises(ImportError, match=r"pip install 'fastnn-mlp\[sklearn\]'"):
            fastnn.MLPClassifier  # noqa: B018


@pytest.mark.parametrize(
    "view",
    [
        "cost_table",
        "sensitivity",
        "nudges",
        "nudge_table",
        "descent_paths",
        "look_inside",
        "diagnose",
    ],
)
def test_a_view_given_an_estimator_asks_for_its_network(view):
    fitted = classifier(batch_size=2).partial_fit(np.eye(2), [0, 1], classes=[0, 1])
    with pytest.raises(TypeError, match=r"^net must be a fastnn.MLP, got MLPClassifier; give its"):
        getattr(fastnn.explain, view)(fitted, np.zeros((1, 2)), [0])


@pytest.mark.parametrize("k", [1, 2])
def test_a_regressor_predicts_several_quantiles_at_once(k: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 2))
    y = X[:, :1] + rng.normal(size=(400, k)) / 4
    options = {"max_iter": 60, "tol": None, "learning_rate_init": 0.01, "random_state": 0}
    model = fastnn.MLPRegressor("quantile", (8,), quantile=[0.1, 0.5, 0.9], **options)
    found = clone(model).fit(X, y if k > 1 else y[:, 0]).predict(X)
    assert found.shape == (400, 3 * k)
    below = (y[:, :, None] < found.reshape(400, k, 3)).mean(axis=(0, 1))
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.06)
    fitted = model.fit(X, y if k > 1 else y[:, 0])
    assert fitted.score(X, y) == pytest.approx(r2_score(y, found[:, 1::3]))
    again = fastnn.MLPRegressor.from_mlp(fitted.network_)
    assert again.quantile == (0.1, 0.5, 0.9)
    with pytest.raises(ValueError, match=r"^quantile must be numbers in increasing order"):
        clone(model).set_params(quantile=[0.9, 0.1]).fit(X, y[:, 0])
    with pytest.raises(ValueError, match=r"^loss must be one of"):
        fastnn.MLPRegressor("gaussian_nll").fit(X, y[:, 0])
