"""Small estimators and standardised tables of scikit-learn's for the tests of the estimators.

Imported after the test has made sure that scikit-learn is there.
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.preprocessing import StandardScaler

import fastnn

BOTH = {
    "classifier": (fastnn.MLPClassifier, TheirClassifier),
    "regressor": (fastnn.MLPRegressor, TheirRegressor),
}


def _standardised(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


IRIS = _standardised(load_iris)
CANCER = _standardised(load_breast_cancer)
_X, _y = _standardised(load_diabetes)
DIABETES = _X, (_y - _y.mean()) / _y.std()


def classifier(**given) -> fastnn.MLPClassifier:
    """Return a small one that learns iris and breast_cancer in a few epochs."""
    settings = {"hidden_layer_sizes": (16,), "batch_size": 16, "learning_rate_init": 0.01}
    return fastnn.MLPClassifier(**{**settings, "max_iter": 30, "random_state": 0, **given})


def regressor(**given) -> fastnn.MLPRegressor:
    """Return a small one that learns the diabetes table in a few epochs."""
    settings = {"hidden_layer_sizes": (16,), "batch_size": 32, "learning_rate_init": 0.01}
    return fastnn.MLPRegressor(**{**settings, "max_iter": 30, "random_state": 0, **given})
