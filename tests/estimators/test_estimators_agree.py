"""The estimators learn what scikit-learn's learn: the same cost, gradient and steps; like scores.

Three questions, from exact to statistical. Is the gradient that of the cost that scikit-learn
documents (finite differences)? From the same weights, do the same rows give the same losses, epoch
after epoch? Over datasets, solvers and seeds, do final loss and score lie where scikit-learn's lie?
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the estimators need the extra 'sklearn'")

from scipy.special import expit, log_softmax, xlogy
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import StandardScaler

import fastnn

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # all train for a fixed number of epochs
)
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 3))
LABELS = {
    "two classes": np.arange(12) % 2,
    "three classes": np.arange(12) % 3,
    "several labels": RNG.integers(0, 2, (12, 3)),
}
VALUES = {
    "one value": RNG.normal(size=12),
    "two values": RNG.normal(size=(12, 2)),
}
F = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
}


def cost(layers, X, y, activation: str, loss: str, weight) -> float:
    """Return the cost of scikit-learn's user guide, the mean over the examples, without L2.

    The squared error is ½ Σ_j, as its gradient has it: the `loss_` that scikit-learn shows divides
    by the number of outputs, what it descends does not.
    """
    a = X
    for W, b in layers[:-1]:
        a = F[activation](a @ W + b)
    z = a @ layers[-1][0] + layers[-1][1]
    if loss == "softmax":
        each = -(y * log_softmax(z, axis=1)).sum(axis=1)
    elif loss == "logistic":
        each = (np.logaddexp(0, z) - y * z).sum(axis=1)
    elif loss == "poisson":
        each = (np.exp(z) - y * z + xlogy(y, y) - y).sum(axis=1)
    else:
        each = 0.5 * ((z - y) ** 2).sum(axis=1)
    return float(np.average(each, weights=weight))


def differences(model, X, y, loss: str, weight) -> np.ndarray:
    """Return the central differences of `cost` over all parameters, layer by layer, W then b."""
    found = []
    layers = [(W.copy(), b.copy()) for W, b in zip(model.coefs_, model.intercepts_, strict=True)]
    for layer in layers:
        for array in layer:
            for place in np.ndindex(array.shape):
                kept, sides = array[place], []
                for step in (1e-5, -1e-5):
                    array[place] = kept + step
                    sides.append(cost(layers, X, y, model.activation, loss, weight))
                array[place] = kept
                found.append((sides[0] - sides[1]) / 2e-5)
    return np.array(found)


class TestGradient:
    """`gradient` at alpha = 0 against differences of the documented cost, in float64."""

    @pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
    @pytest.mark.parametrize("activation", list(F))
    @pytest.mark.parametrize("kind", list(LABELS))
    def test_of_a_classifier(self, kind, activation, weighted):
        y = LABELS[kind]
        weight = np.arange(1.0, 13) if weighted else None
        model = fastnn.MLPClassifier((5, 4), activation, alpha=0.0, max_iter=3, random_state=1)
        model.fit(ROWS, y)
        loss = "softmax" if kind == "three classes" else "logistic"
        coded = np.eye(3)[y] if loss == "softmax" else y.reshape(12, -1)
        found = model.gradient(ROWS, y, sample_weight=weight).flat
        assert found == pytest.approx(differences(model, ROWS, coded, loss, weight), abs=1e-6)

    @pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
    @pytest.mark.parametrize("activation", list(F))
    @pytest.mark.parametrize("loss", ["squared_error", "poisson"])
    @pytest.mark.parametrize("kind", list(VALUES))
    def test_of_a_regressor(self, kind, loss, activation, weighted):
        y = np.abs(VALUES[kind]) if loss == "poisson" else VALUES[kind]
        weight = np.arange(1.0, 13) if weighted else None
        model = fastnn.MLPRegressor(loss, (5, 4), activation, alpha=0.0, max_iter=3, random_state=1)
        model.fit(ROWS, y)
        right = differences(model, ROWS, y.reshape(12, -1), loss, weight)
        assert model.gradient(ROWS, y, sample_weight=weight).flat == pytest.approx(right, abs=1e-6)


def from_the_same_weights(theirs, X, y, **more):
    """Fit scikit-learn's for an epoch, copy it, and let both go on with a fresh optimiser."""
    theirs.set_params(warm_start=True, max_iter=1, random_state=0).fit(X, y)
    ours = fastnn.from_sklearn(theirs).set_params(warm_start=True)
    for model in (ours, theirs):
        model.set_params(max_iter=8, **more).fit(X, y)
    return ours, theirs


class TestStart:
    @pytest.mark.parametrize("activation", list(F))
    @pytest.mark.parametrize("kind", list(LABELS))
    def test_the_initial_weights_are_those_of_scikit_learn(self, kind, activation):
        settings = {"hidden_layer_sizes": (5, 4), "activation": activation, "random_state": 3}
        settings |= {"solver": "sgd", "learning_rate_init": 1e-14, "max_iter": 1}
        ours, theirs = (
            kind_of(**settings).fit(ROWS, LABELS[kind])
            for kind_of in (fastnn.MLPClassifier, TheirClassifier)
        )
        for mine, right in zip(
            ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
        ):
            assert mine == pytest.approx(right, abs=1e-12)


class TestSteps:
    """From equal weights, on rows in equal order: the losses are equal to rounding."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"solver": "sgd", "momentum": 0.0},
            {"solver": "sgd", "nesterovs_momentum": False},
            {"solver": "sgd"},
            {"solver": "sgd", "alpha": 1.0},
            {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive", "tol": 10.0}
            | {"n_iter_no_change": 1},
            {"solver": "adam"},
            {"solver": "adam", "beta_1": 0.5, "beta_2": 0.9},
            {"solver": "lbfgs"},
            {"solver": "lbfgs", "alpha": 1.0},
        ],
        ids=lambda settings: ", ".join(map(str, settings.values())),
    )
    @pytest.mark.parametrize("kind", ["two classes", "three classes", "several labels", "values"])
    def test_of_every_solver(self, kind, settings):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(90, 4))  # the last batch has 10 rows
        targets = {
            "two classes": (X[:, 0] > X[:, 1]).astype(int),
            "three classes": (X[:, 0] > 0) + (X[:, 1] > 0).astype(int),
            "several labels": (X[:, :3] > 0).astype(int),
            "values": X[:, 0] * X[:, 1] - X[:, 2],
        }
        theirs = TheirRegressor if kind == "values" else TheirClassifier
        given = {"hidden_layer_sizes": (6, 5), "activation": "tanh", "shuffle": False}
        given |= {"batch_size": 20, "learning_rate_init": 0.02, **settings}
        y = targets[kind]
        ours, other = from_the_same_weights(theirs(**given), X, y)
        # Adam's ε stands beside the corrected √v here, beside the raw one there: it shows where a
        # weight's gradient is as small as that.
        close, near = (1e-4, 1e-2) if settings["solver"] == "adam" else (1e-6, 1e-6)
        for mine, right in zip(ours.coefs_, other.coefs_, strict=True):
            assert mine == pytest.approx(right, abs=near)
        assert ours.n_iter_ == other.n_iter_
        # The L2 in the loss of an epoch is a mean over its steps there, over its two ends here.
        close = close if "alpha" not in settings or settings["solver"] == "lbfgs" else 5e-3
        assert ours.loss_ == pytest.approx(other.loss_, rel=close)
        if settings["solver"] != "lbfgs":
            assert ours.loss_curve_[-8:] == pytest.approx(other.loss_curve_[-8:], rel=close)

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_of_a_weighted_fit(self, solver):
        rng = np.random.default_rng(2)
        X, weight = rng.normal(size=(60, 4)), rng.uniform(0.1, 3, 60)
        y = (X[:, 0] > X[:, 1]) + (X[:, 2] > 0)
        theirs = TheirClassifier((6,), "tanh", solver=solver, batch_size=20, shuffle=False)
        theirs.set_params(warm_start=True, max_iter=1, random_state=0).fit(X, y)
        ours = fastnn.from_sklearn(theirs).set_params(warm_start=True)
        for model in (ours, theirs):
            model.set_params(max_iter=8).fit(X, y, sample_weight=weight)
        for mine, right in zip(ours.coefs_, theirs.coefs_, strict=True):
            assert mine == pytest.approx(right, abs=1e-4 if solver == "adam" else 1e-6)

    def test_of_a_poisson_regressor(self):
        rng = np.random.default_rng(3)
        X = rng.normal(size=(80, 3))
        y = rng.poisson(np.exp(X[:, 0] / 2))
        ours, theirs = from_the_same_weights(
            TheirRegressor("poisson", (5,), "tanh", batch_size=20, shuffle=False), X, y
        )
        assert ours.loss_curve_[-8:] == pytest.approx(theirs.loss_curve_[-8:], rel=1e-6)


N_SEEDS = 7
# Standard error of the difference of two medians of n values that scatter by σ: √2 · 1.2533 σ/√n.
FOUR_ERRORS = 4 * 2**0.5 * 1.2533 / N_SEEDS**0.5


@cache
def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    make = {
        "iris": lambda: datasets.load_iris(return_X_y=True),
        "wine": lambda: datasets.load_wine(return_X_y=True),
        "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "digits": lambda: tuple(part[:600] for part in datasets.load_digits(return_X_y=True)),
        "moons": lambda: datasets.make_moons(400, noise=0.3, random_state=0),
        "multilabel": lambda: datasets.make_multilabel_classification(300, 10, random_state=0),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "friedman": lambda: datasets.make_friedman1(300, noise=1.0, random_state=0),
        "linnerud-like": lambda: datasets.make_regression(200, 6, n_targets=3, random_state=0),
    }
    X, y = make[name]()
    X = StandardScaler().fit_transform(X)
    if name in ("diabetes", "friedman", "linnerud-like"):
        y = (y - y.mean(axis=0)) / y.std(axis=0)
    return X, y


def fitted(kind, X, y, seed: int, **settings) -> tuple[float, float]:
    """Return the final loss on the training rows and the score on the others."""
    train, test = train_test_split(np.arange(len(X)), test_size=0.4, random_state=0)
    model = kind(hidden_layer_sizes=(20,), random_state=seed, **settings).fit(X[train], y[train])
    return model.loss_, model.score(X[test], y[test])


class TestRunToRun:
    """Medians over seeds differ by less than scikit-learn's own scatter lets medians differ."""

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    @pytest.mark.parametrize(
        "name",
        [
            *("iris", "wine", "breast_cancer", "digits", "moons", "multilabel"),
            *("diabetes", "friedman", "linnerud-like"),
        ],
    )
    def test_loss_and_score_are_those_of_scikit_learn_within_its_noise(self, name, solver):
        X, y = table(name)
        regression = name in ("diabetes", "friedman", "linnerud-like")
        settings = {"solver": solver, "max_iter": 25, "batch_size": 32, "learning_rate_init": 0.01}
        kinds = (
            (fastnn.MLPRegressor, TheirRegressor)
            if regression
            else (fastnn.MLPClassifier, TheirClassifier)
        )
        ours, theirs = (
            np.array([fitted(kind, X, y, seed, **settings) for seed in range(N_SEEDS)])
            for kind in kinds
        )
        noise = FOUR_ERRORS * theirs.std(axis=0, ddof=1)
        # Where all seeds come to the same score, one test row more or less is no difference.
        least = 1e-3, 0.01 if regression else 1.5 / (0.4 * len(X))
        apart = np.abs(np.median(ours, axis=0) - np.median(theirs, axis=0))
        assert (apart <= noise + least).all(), f"{apart} apart, {noise} of noise"

    @pytest.mark.parametrize("solver", ["sgd", "adam"])
    def test_early_stopping_stops_where_scikit_learn_stops(self, solver):
        X, y = table("breast_cancer")
        settings = {"solver": solver, "early_stopping": True, "n_iter_no_change": 5}
        settings |= {"max_iter": 200, "learning_rate_init": 0.01}
        found = []
        for kind in (fastnn.MLPClassifier, TheirClassifier):
            models = [
                kind((20,), random_state=seed, **settings).fit(X, y) for seed in range(N_SEEDS)
            ]
            found.append(np.array([(m.n_iter_, m.best_validation_score_) for m in models]))
        ours, theirs = found
        noise = FOUR_ERRORS * theirs.std(axis=0, ddof=1) + [1, 0.02]
        assert (np.abs(np.median(ours, axis=0) - np.median(theirs, axis=0)) <= noise).all()

    @pytest.mark.parametrize("learning_rate", ["constant", "adaptive"])
    def test_the_default_stopping_rule_ends_after_as_many_epochs(self, learning_rate):
        X, y = table("iris")
        settings = {"solver": "sgd", "learning_rate": learning_rate, "tol": 1e-3}
        settings |= {"learning_rate_init": 0.1, "max_iter": 400}
        ours, theirs = (
            np.array(
                [
                    kind((20,), random_state=seed, **settings).fit(X, y).n_iter_
                    for seed in range(N_SEEDS)
                ]
            )
            for kind in (fastnn.MLPClassifier, TheirClassifier)
        )
        noise = FOUR_ERRORS * theirs.std(ddof=1) + 2
        assert abs(np.median(ours) - np.median(theirs)) <= noise
