"""The estimators are drop-in: scikit-learn's own checks, and its behaviour as its users know it.

That both learn the same is in test_estimators_agree.py; its tools, in test_estimators_tools.py.
"""

from __future__ import annotations

import inspect
import re
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

import scipy.sparse as sp
from estimator_helpers import BOTH, CANCER, DIABETES, IRIS, classifier, regressor
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastnn

EACH = pytest.mark.parametrize(("ours", "theirs"), BOTH.values(), ids=BOTH)
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # few epochs are enough for most tests here
)


@parametrize_with_checks([fastnn.MLPClassifier(), fastnn.MLPRegressor()])
@pytest.mark.filterwarnings("ignore")  # pytest's filters do not mean what the checks provoke
def test_passes_the_checks_of_scikit_learn_with_no_exemption(estimator, check):
    check(estimator)


class TestConstructor:
    @EACH
    def test_every_parameter_of_scikit_learn_is_there_with_its_default(self, ours, theirs):
        mine = inspect.signature(ours).parameters
        for name, parameter in inspect.signature(theirs).parameters.items():
            assert name in mine
            assert mine[name].default == parameter.default, name

    @EACH
    def test_what_may_be_positional_there_may_be_positional_here(self, ours, theirs):
        def positional(kind):
            parameters = inspect.signature(kind).parameters.items()
            return [name for name, p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

        assert positional(ours)[: len(positional(theirs))] == positional(theirs)

    @EACH
    def test_methods_take_the_same_arguments(self, ours, theirs):
        for method in ("fit", "partial_fit", "predict", "score"):
            wanted = list(inspect.signature(getattr(theirs(), method)).parameters)
            have = list(inspect.signature(getattr(ours(), method)).parameters)
            assert have[: len(wanted)] == wanted, method

    @EACH
    @pytest.mark.parametrize(
        "wrong",
        [
            {"hidden_layer_sizes": -1},
            {"hidden_layer_sizes": (5, 0)},
            {"activation": "ghost"},
            {"solver": "hadoken"},
            {"alpha": -1},
            {"batch_size": 0},
            {"learning_rate": "converge"},
            {"learning_rate_init": 0.0},
            {"max_iter": -1},
            {"momentum": 2},
            {"validation_fraction": 1.0},
            {"beta_1": 1.0},
            {"beta_2": -0.5},
            {"epsilon": -0.1},
            {"n_iter_no_change": -1},
            {"tol": -1},
            {"power_t": -1},
            {"max_fun": 0},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_fit_refuses_what_scikit_learn_refuses_and_names_it(self, ours, theirs, wrong):
        X, y = np.eye(4), [0, 1, 0, 1]
        with pytest.raises(ValueError):
            theirs(**wrong).fit(X, y)
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ours(**wrong).fit(X, y)


# Attributes that scikit-learn's estimators have after a fit, as its documentation lists them.
ATTRIBUTES = [
    *("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_", "t_"),
    *("coefs_", "intercepts_", "n_features_in_", "n_iter_", "n_layers_", "n_outputs_"),
    "out_activation_",
]


def shape_of(value: object) -> object:
    """Return what of an attribute must be alike: kinds, dtypes and shapes, no numbers."""
    if isinstance(value, list):
        return [shape_of(one) for one in value]
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype
    if isinstance(value, float | np.floating):
        return float
    return value


class TestAttributes:
    @EACH
    @pytest.mark.parametrize("early_stopping", [False, True])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_they_have_the_names_kinds_and_shapes_of_scikit_learn(
        self, ours, theirs, solver, dtype, early_stopping
    ):
        X, y = IRIS[0].astype(dtype), IRIS[1]
        settings = {"hidden_layer_sizes": (5, 4), "max_iter": 3, "random_state": 0}
        settings |= {"solver": solver, "early_stopping": early_stopping}
        mine, other = (kind(**settings).fit(X, y) for kind in (ours, theirs))
        if solver == "lbfgs":  # float64 there whatever X is; float32 stays float32 here
            other.coefs_ = [W.astype(dtype) for W in other.coefs_]
            other.intercepts_ = [b.astype(dtype) for b in other.intercepts_]
            other.t_ = mine.t_  # 0 there; the rows of all iterations here
        for name in ATTRIBUTES:
            if hasattr(other, name):  # some are of the stochastic solvers only
                assert shape_of(getattr(mine, name)) == shape_of(getattr(other, name)), name
        assert hasattr(mine, "classes_") == hasattr(other, "classes_")

    @pytest.mark.parametrize(
        ("y", "activation", "n_outputs"),
        [
            ([0, 1, 0, 1, 1, 0], "logistic", 1),
            ([0, 1, 2, 1, 2, 0], "softmax", 3),
            ([[0, 1], [1, 1], [0, 0], [1, 0], [1, 1], [0, 1]], "logistic", 2),
        ],
    )
    def test_the_output_is_what_the_labels_ask_for(self, y, activation, n_outputs):
        model = fastnn.MLPClassifier(max_iter=1).fit(np.eye(6), y)
        assert (model.out_activation_, model.n_outputs_) == (activation, n_outputs)

    def test_a_poisson_regressor_ends_in_exp(self):
        model = fastnn.MLPRegressor("poisson", max_iter=1).fit(np.eye(6), np.arange(6.0))
        assert model.out_activation_ == "exp"
        assert model.predict(np.eye(6)).min() > 0

    def test_t_counts_the_examples_seen(self):
        model = classifier(max_iter=7).fit(*IRIS)
        assert model.t_ == 7 * 150
        assert model.n_iter_ == len(model.loss_curve_) == 7
        assert model.loss_ == model.loss_curve_[-1]
        assert model.best_loss_ == min(model.loss_curve_)

    def test_predictions_are_the_forward_pass_of_the_weights_it_shows(self):
        model = classifier(activation="tanh", hidden_layer_sizes=(7, 5)).fit(*IRIS)
        a = IRIS[0]
        for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
            a = np.tanh(a @ W + b)
        z = a @ model.coefs_[-1] + model.intercepts_[-1]
        softmax = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        assert model.predict_proba(IRIS[0]) == pytest.approx(softmax, abs=1e-12)

    def test_a_fit_that_ran_out_of_epochs_warns_as_scikit_learn_does(self):
        with pytest.warns(ConvergenceWarning):
            classifier(max_iter=2).fit(*IRIS)

    def test_early_stopping_keeps_scores_and_the_best_of_them(self):
        model = classifier(early_stopping=True, max_iter=60, n_iter_no_change=3).fit(*CANCER)
        assert model.best_loss_ is None
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.n_iter_ == len(model.validation_scores_) < 60


class TestEarlyStoppingWithFewRowsAClass:
    @staticmethod
    def fit(y, **given):
        X = np.random.default_rng(0).normal(size=(len(y), 2))
        model = classifier(early_stopping=True, batch_size="auto", max_iter=3, **given)
        return model.fit(X, np.asarray(y))

    @pytest.mark.parametrize(
        "y",
        [
            np.repeat([0, 1, 2], 4),
            np.repeat(np.arange(26), 8),
            np.repeat(list("abcdefghijklmnopqrstuvwxyz"), 8),
            [0] * 10 + [1] * 10 + [2],
            ["cat"] + ["dog"] * 10 + ["hen"] * 10,
        ],
        ids=["12 rows, 3 classes", "26 x 8", "26 letters x 8", "one row", "one row, names"],
    )
    def test_more_than_two_classes_train_as_in_scikit_learn(self, y):
        theirs = BOTH["classifier"][1](early_stopping=True, max_iter=3, random_state=0)
        theirs.fit(np.random.default_rng(0).normal(size=(len(y), 2)), y)
        model = self.fit(y)
        assert model.n_iter_ == theirs.n_iter_ == 3
        assert np.array_equal(model.classes_, theirs.classes_)

    def test_the_validation_set_holds_the_classes_as_y_does_where_it_can(self):
        seen = []

        def score(model, X, y):
            seen.append(np.unique(y, return_counts=True)[1].tolist())
            return 0.0

        self.fit(np.repeat([5, 7, 9], [20, 40, 60]), scoring=score)
        assert seen[0] == [2, 4, 6]
        self.fit(np.repeat(["no", "yes"], [20, 60]), scoring=score)
        assert seen[-1] == [2, 6]

    @pytest.mark.parametrize("label", [True, "cat", 1, 2.0])
    def test_a_class_of_one_row_among_two_is_refused_by_its_label(self, label):
        other = {True: False, "cat": "dog", 2.0: 7.0}.get(label, 0)
        few = rf"^The least populated classes in y have only 1 member.* are: \[{label!r}\]\. "
        for rows in (3, 30):
            with pytest.raises(ValueError, match=few):
                self.fit([label, *[other] * rows])

    @pytest.mark.parametrize(
        ("n", "fraction", "words"),
        [
            (6, 0.1, "The validation set is too small. Increase 'validation_fraction'"),
            (12, 0.0, "The validation set is too small. Increase 'validation_fraction'"),
            (6, 0.9, "validation_fraction=0.9 of 6 rows leaves none to train on"),
        ],
    )
    def test_a_share_that_leaves_too_little_is_refused_by_its_own_name(self, n, fraction, words):
        with pytest.raises(ValueError, match=re.escape(words)):
            self.fit([0, 1] * (n // 2), validation_fraction=fraction)


class TestTargets:
    def test_string_labels(self):
        names = np.array(["setosa", "versicolor", "virginica"])
        model = classifier().fit(IRIS[0], names[IRIS[1]])
        assert model.classes_.tolist() == names.tolist()
        assert model.score(IRIS[0], names[IRIS[1]]) > 0.9
        assert set(model.predict(IRIS[0])) <= set(names)

    def test_labels_keep_their_type(self):
        model = classifier(max_iter=1).fit(IRIS[0], IRIS[1].astype(np.int32) * 10 - 10)
        assert model.classes_.tolist() == [-10, 0, 10]
        assert model.predict(IRIS[0]).dtype == np.int32

    def test_two_classes_have_two_columns_of_probabilities(self):
        model = classifier(max_iter=5).fit(*CANCER)
        p = model.predict_proba(CANCER[0])
        assert p.shape == (569, 2)
        assert p.sum(axis=1) == pytest.approx(np.ones(569))
        assert np.array_equal(model.predict(CANCER[0]), p[:, 1] > 0.5)

    def test_log_probabilities_are_the_logarithms(self):
        model = classifier(max_iter=5).fit(*IRIS)
        logs = model.predict_log_proba(IRIS[0])
        assert np.exp(logs) == pytest.approx(model.predict_proba(IRIS[0]))

    def test_multilabel(self):
        X, Y = make_multilabel_classification(200, 8, n_classes=4, random_state=0)
        X = StandardScaler().fit_transform(X)
        model = classifier(max_iter=100).fit(X, Y)
        assert model.predict(X).shape == model.predict_proba(X).shape == Y.shape
        assert np.array_equal(model.predict(X), model.predict_proba(X) > 0.5)
        assert (model.predict(X) == Y).mean() > 0.9
        assert 0 < model.score(X, Y) <= 1

    def test_several_outputs(self):
        X, Y = make_regression(200, 5, n_targets=3, random_state=0)
        Y = StandardScaler().fit_transform(Y)
        model = regressor().fit(X, Y)
        assert model.predict(X).shape == Y.shape
        assert model.score(X, Y) > 0.8

    def test_one_output_is_a_vector(self):
        X, y = DIABETES
        assert regressor(max_iter=1).fit(X, y).predict(X).shape == y.shape

    def test_float32_stays_float32(self):
        X = IRIS[0].astype(np.float32)
        model = classifier(max_iter=2).fit(X, IRIS[1])
        assert model.coefs_[0].dtype == model.predict_proba(X).dtype == np.float32
        X = DIABETES[0].astype(np.float32)
        assert regressor(max_iter=2).fit(X, DIABETES[1]).predict(X).dtype == np.float32

    def test_partial_fit_learns_piece_by_piece(self):
        X, y = CANCER
        model = classifier()
        for _ in range(8):
            for part in np.array_split(np.arange(len(X)), 5):
                model.partial_fit(X[part], y[part], classes=[0, 1])
        assert model.score(X, y) > 0.95
        assert model.t_ == 8 * len(X)

    def test_partial_fit_needs_the_classes_first_and_refuses_others_later(self):
        with pytest.raises(ValueError, match="classes"):
            fastnn.MLPClassifier().partial_fit(np.eye(3), [0, 1, 2])
        model = fastnn.MLPClassifier().partial_fit(np.eye(3), [0, 1, 1], classes=[0, 1, 2])
        with pytest.raises(ValueError, match="class"):
            model.partial_fit(np.eye(3), [0, 1, 5])
        with pytest.raises(ValueError, match="class"):
            model.partial_fit(np.eye(3), [0, 1, 2], classes=[0, 1, 5])

    @EACH
    def test_lbfgs_has_no_partial_fit(self, ours, theirs):
        assert not hasattr(ours(solver="lbfgs"), "partial_fit")
        assert hasattr(ours(solver="sgd"), "partial_fit")

    def test_partial_fit_with_early_stopping_is_refused(self):
        with pytest.raises(ValueError, match="early_stopping"):
            classifier(early_stopping=True).partial_fit(np.eye(2), [0, 1], classes=[0, 1])

    def test_a_warm_start_with_other_classes_is_refused(self):
        model = classifier(warm_start=True, max_iter=2).fit(*IRIS)
        with pytest.raises(ValueError, match="classes"):
            model.fit(IRIS[0], IRIS[1] + 1)

    def test_a_call_that_fails_leaves_the_estimator_as_it_was(self):
        model = classifier(max_iter=2).fit(*IRIS)
        before = model.predict_proba(IRIS[0])
        for X, y, wrong in (
            (IRIS[0][:, :2], IRIS[1], {}),
            (np.full((3, 4), np.nan), [0, 1, 2], {}),
            (IRIS[0], IRIS[1], {"solver": "none"}),
            (IRIS[0], IRIS[1], {"hidden_layer_sizes": (3,), "warm_start": True}),
        ):
            kept = {name: getattr(model, name) for name in wrong}
            with pytest.raises(ValueError):
                model.set_params(**wrong).partial_fit(X, y)
            assert np.array_equal(model.set_params(**kept).predict_proba(IRIS[0]), before)
            assert model.n_features_in_ == 4

    @EACH
    def test_before_a_fit_there_is_nothing_to_predict(self, ours, theirs):
        with pytest.raises(NotFittedError):
            ours().predict(np.eye(2))


class TestSampleWeight:
    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    def test_ones_are_as_none(self, solver):
        X, y = IRIS
        one, other = (
            classifier(solver=solver, max_iter=5).fit(X, y, sample_weight=weight)
            for weight in (None, np.ones(len(X)))
        )
        assert one.predict_proba(X) == pytest.approx(other.predict_proba(X), abs=1e-9)

    @pytest.mark.parametrize("make", [classifier, regressor])
    def test_two_is_as_if_the_row_stood_there_twice(self, make):
        X, y = IRIS
        weight = np.tile([1, 2, 1], 50)
        twice = np.repeat(np.arange(150), weight)
        # One batch of all (150, 200), so that the same rows meet in a batch.
        settings = {"max_iter": 20, "batch_size": "auto"}
        one = make(**settings).fit(X, y, sample_weight=weight)
        other = make(**settings).fit(X[twice], y[twice])
        predict = "predict_proba" if make is classifier else "predict"
        assert getattr(one, predict)(X) == pytest.approx(getattr(other, predict)(X), abs=1e-7)

    def test_zero_is_as_if_the_row_were_absent(self):
        X, y = IRIS
        kept = np.arange(150) % 3 != 0
        settings = {"solver": "lbfgs", "max_iter": 20}
        one = classifier(**settings).fit(X, y, sample_weight=kept.astype(float))
        other = classifier(**settings).fit(X[kept], y[kept])
        assert one.predict_proba(X) == pytest.approx(other.predict_proba(X), abs=1e-6)

    def test_early_stopping_and_partial_fit_take_it(self):
        X, y = CANCER
        weight = np.where(y == 1, 3.0, 1.0)
        assert classifier(early_stopping=True).fit(X, y, weight).score(X, y, weight) > 0.9
        model = classifier().partial_fit(X, y, weight, classes=[0, 1])
        assert model.t_ == len(X)


class TestSparse:
    @pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, sp.csr_array])
    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    def test_it_learns_what_the_dense_array_teaches(self, solver, kind):
        X = np.where(CANCER[0] > 0.5, CANCER[0], 0)
        dense, sparse = (
            classifier(solver=solver, max_iter=5).fit(x, CANCER[1]) for x in (X, kind(X))
        )
        p = dense.predict_proba(X)
        assert sparse.predict_proba(kind(X)) == pytest.approx(p, abs=1e-7)
        assert sparse.score(kind(X), CANCER[1]) == dense.score(X, CANCER[1])

    @pytest.mark.parametrize("make", [classifier, regressor])
    def test_nothing_is_made_dense(self, make):
        X = sp.random(400, 30_000, 1e-3, format="csr", random_state=0, dtype=np.float32)
        dense = 400 * 30_000 * 4  # bytes
        tracemalloc.start()
        model = make(hidden_layer_sizes=(4,), max_iter=2).fit(X, np.arange(400) % 2)
        assert model.predict(X).shape == (400,)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < dense / 4
