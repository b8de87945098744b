"""Conversion of scikit-learn's fitted estimators to fastnn's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .classifier import MLPClassifier
from .epoch_record import StoppingState
from .labels import Labels
from .regressor import MLPRegressor

_RECORD = (
    *("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    *("n_iter_", "t_", "n_features_in_", "feature_names_in_"),
)


def from_sklearn(fitted: Any) -> MLPClassifier | MLPRegressor:
    """Return an estimator with the parameters, weights and record of scikit-learn's fitted one.

    Its predictions are the same up to rounding. ``fit`` with ``warm_start=True`` and
    ``partial_fit`` continue from the weights, with a new optimiser.

    Parameters
    ----------
    fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
        Not changed.

    Returns
    -------
    MLPClassifier or MLPRegressor

    Raises
    ------
    TypeError
        `fitted` is something else.
    sklearn.exceptions.NotFittedError
        `fitted` has not been fitted.

    Examples
    --------
    >>> import fastnn
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier((8,), solver="lbfgs", alpha=1.0, max_iter=2000, tol=1e-3,
    ...                        random_state=0).fit(X, y)
    >>> ours = fastnn.from_sklearn(theirs)
    >>> bool((ours.predict(X) == theirs.predict(X)).all())
    True
    """
    kinds: tuple[tuple[Any, type[MLPClassifier] | type[MLPRegressor]], ...] = (
        (neural_network.MLPClassifier, MLPClassifier),
        (neural_network.MLPRegressor, MLPRegressor),
    )
    ours = next((ours for theirs, ours in kinds if isinstance(fitted, theirs)), None)
    if ours is None:
        raise TypeError(
            "from_sklearn takes a fitted sklearn.neural_network.MLPClassifier or MLPRegressor, "
            f"got {type(fitted).__name__}"
        )
    check_is_fitted(fitted)
    model = ours(**fitted.get_params(deep=False))
    shapes = [W.shape for W in fitted.coefs_]
    if isinstance(model, MLPClassifier):
        several = fitted._label_binarizer.y_type_.startswith("multilabel")
        indicator = np.eye(2, len(fitted.classes_), dtype=int) if several else fitted.classes_
        model._labels = Labels(indicator, None if several else fitted.classes_)
        targets = np.zeros((1, 1))
    else:
        targets = np.zeros((1, fitted.n_outputs_))
    cost = model._cost(targets)
    rng = check_random_state(fitted.random_state)
    model.network_ = model._network(
        [shapes[0][0], *(shape[1] for shape in shapes)],
        cost,
        np.dtype(np.float32 if fitted.coefs_[0].dtype == np.float32 else np.float64),
        int(rng.randint(2**31 - 1)),
    )
    model._split_seed = int(rng.randint(2**31 - 1))
    model.coefs_, model.intercepts_ = fitted.coefs_, fitted.intercepts_
    if isinstance(model, MLPClassifier):
        model._name_outputs()
    model.network_.feature_names = getattr(fitted, "feature_names_in_", None)
    model.network_._trained = True
    for name in _RECORD:
        if hasattr(fitted, name):
            setattr(model, name, copy.copy(getattr(fitted, name)))
    model._stopping = StoppingState(getattr(fitted, "_no_improvement_count", 0))
    model._continues = False
    return model
