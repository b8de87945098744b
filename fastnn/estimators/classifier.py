"""`MLPClassifier`. Over 400 lines, of which half are docstrings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from ..arrays import Matrix, check_unmasked
from ..hints import OF_ESTIMATORS, explain_arguments
from ..mlp import MLP
from ..names import ARGMAX
from ..optim import Optimizer
from ..targets import ClassWeight, Encoded, Validation
from . import parameters
from .adoption import adopt, of_network
from .base import BaseMLP, with_epochs
from .labels import Labels
from .losses import ClassificationLoss, Cost, OutputActivation, of_classifier


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron for classification, with scikit-learn's interface.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Widths of the hidden layers.
    activation : str or sequence of str, default "relu"
        Of the hidden layers, one for all or one each: identity, logistic (or sigmoid), tanh, relu,
        leaky_relu, elu, gelu, silu, softplus.
    solver : {"adam", "sgd", "lbfgs", "adamw", "rmsprop"} or Optimizer, default "adam"
        "lbfgs" is SciPy's L-BFGS-B on all rows at once. An object, as `fastnn.SGD(...)`, has its
        own rate and constants; `learning_rate`, `learning_rate_init`, `momentum`, `beta_1`,
        `beta_2` and `epsilon` are then ignored. "rmsprop" uses only the rate and `epsilon`.
    alpha : float, default 0.0001
        Strength of the L2 penalty on weights (not biases); see `l2`.
    batch_size : int or "auto", default "auto"
        Rows a step; "auto" is min(200, n).
    learning_rate : {"constant", "invscaling", "adaptive"}, Schedule or callable, default "constant"
        For solver="sgd": "invscaling" is learning_rate_init / t**power_t at step t (from 1),
        "adaptive" divides by 5 whenever the fit would otherwise end, until 1e-6. A schedule of
        `fastnn.schedules` or a function of the step works with every solver but "lbfgs"; it spans
        the `max_iter` epochs of a fit, or as many calls of `partial_fit`.
    learning_rate_init : float, default 0.001
        The rate of the first step.
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Most epochs of a fit, or iterations of L-BFGS.
    shuffle : bool, default True
        Visit the rows in a new order each epoch.
    random_state : int, RandomState or None, default None
        Fixes initial weights (those of scikit-learn for the same number), the rows that
        `early_stopping` holds out, shuffles and dropout. The stream of shuffles continues from call
        to call of `partial_fit` and of a warm-started `fit`.
    tol : float or None, default 1e-4
        The gain of an epoch that counts as progress; see `n_iter_no_change`. With None a fit has
        exactly `max_iter` epochs; with None or 0 there is no ConvergenceWarning at their end.
    verbose : bool, int, "progress" or "logging", default False
        True prints a line an epoch, "progress" shows a bar, "logging" logs to "fastnn".
    warm_start : bool, default False
        `fit` continues from the network, the optimiser's state and the shuffle of the last call.
        Layers whose flag in ``network_.trainable`` is False keep their weights, as in
        `partial_fit`.
    momentum : float, default 0.9
        Of solver="sgd", in [0, 1).
    nesterovs_momentum : bool, default True
        Of solver="sgd" with momentum.
    early_stopping : bool, default False
        End when the validation score, instead of the loss, has stopped improving, and keep the
        parameters of its best epoch. Without ``fit(validation_data=...)`` a share of the rows is
        held out.
    validation_fraction : float, default 0.1
        That share.
    beta_1, beta_2 : float, default 0.9, 0.999
        Of solver="adam" and "adamw", in [0, 1).
    epsilon : float, default 1e-8
        Of Adam, AdamW and RMSprop: added to √v̂, as in algorithm 1 of Kingma & Ba 2015
        (scikit-learn adds it to √v, which differs in the first steps).
    n_iter_no_change : int or infinity, default 10
        More epochs in a row than this without a gain of `tol` end the fit.
    max_fun : int, default 15000
        Most evaluations of L-BFGS.
    loss : str, default "log_loss"
        "log_loss": cross-entropy of a softmax, or of a sigmoid for two classes and for several
        labels a row. "binary_cross_entropy": of a sigmoid a class, one against the rest.
        "quadratic", "mse", "mae", "huber" of the probabilities; see `fastnn.MLP`.
    output_activation : str, optional
        Softmax or logistic. Default: the one that the loss needs.
    dropout : float or sequence of float, default 0
        Share of hidden activations set to 0 while training, in [0, 1); one for all layers or one
        each.
    huber_delta : float, default 1.0
        Of loss="huber", where the square becomes a line.
    l2 : {"batch", "per_example"}, default "batch"
        What `alpha` means, λ in the penalty ½ λ Σ W². "batch": λ = alpha / rows of the batch (or
        their weights), as scikit-learn has it; smaller batches are decayed more.
        "per_example": λ = alpha beside the mean loss of an example, whatever the batch size.
        "adamw" decays by the same λ, decoupled.
    class_weight : dict, list of dict or "balanced", optional
        Weight of the rows of each class, multiplied with `sample_weight`; as in scikit-learn's
        other classifiers.
    scoring : "loss", str or callable, optional
        Score of `early_stopping` and `validation_scores_`, higher is better: "loss" is minus
        the validation loss, a name is a scorer of scikit-learn, a function is called as
        ``f(estimator, X, y)``. Default: accuracy.
    callbacks : sequence of Callback or callable, optional
        See `fastnn.callbacks`; ``val_loss`` is logged where there are validation data.
    scale_bytes : bool, default False
        Read uint8 rows in place, in float32, without a copy, as fractions of 255: the first fit
        on bytes above 1 sets the network's `input_scale`. Otherwise they are numbers from 0 to
        255, converted to float64, as in scikit-learn.
    n_networks : int, default 1
        With several, an ensemble: each network has its own seed, drawn from `random_state`, and
        with it initial weights, shuffles and held-out rows, and ends by itself. Predictions are
        the mean of theirs.

    Attributes
    ----------
    network_ : MLP
        The fitted network, where there is one.
    networks_ : list of MLP
        The fitted networks.
    estimators_, ensemble_ : list and Ensemble
        Of several networks, an estimator of one network each, with its record, and the networks as
        a `fastnn.Ensemble`. `loss_` is then the mean, `n_iter_` the most, and what there is of one
        network only (`coefs_`, `loss_curve_`, …) is found there.
    coefs_, intercepts_ : list of ndarray
        W (n_in, n_out) and b (n_out,) of each layer: views, writing to them changes the network.
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted.
    loss_, best_loss_ : float
        Mean over the last (best) epoch, L2 included; `best_loss_` is None with `early_stopping`.
    loss_curve_ : list of float
        `loss_` after each epoch. The L2 part is a mean over the batches between its values at both
        ends of the epoch.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Where there are validation data.
    n_iter_, t_ : int
        Epochs of the last call; rows seen in all.
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As of scikit-learn.

    Notes
    -----
    Parameters, defaults and meaning up to `max_fun` are those of scikit-learn 1.7 and later. A loss
    that stops being finite is a `DivergenceWarning`, and the network is that of the best
    epoch. Pickles hold the optimiser's state only after `partial_fit` or with `warm_start`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastnn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((16,), learning_rate_init=0.02, max_iter=100, tol=None,
    ...                       random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    loss: ClassificationLoss
    class_weight: ClassWeight | Sequence[Mapping[Any, float]] | None

    @explain_arguments(OF_ESTIMATORS)
    def __init__(
        self,
        hidden_layer_sizes: parameters.HiddenSizes = (100,),
        activation: parameters.HiddenActivations = "relu",
        *,
        solver: parameters.Solver | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: parameters.BatchSize = "auto",
        learning_rate: parameters.Rate = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: parameters.RandomState = None,
        tol: float | None = 1e-4,
        verbose: parameters.Verbose = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: ClassificationLoss = "log_loss",
        output_activation: OutputActivation | None = None,
        dropout: parameters.Dropout = 0.0,
        huber_delta: float = 1.0,
        l2: parameters.L2 = "batch",
        class_weight: ClassWeight | Sequence[Mapping[Any, float]] | None = None,
        scoring: parameters.Scoring = None,
        callbacks: parameters.Callbacks = None,
        scale_bytes: bool = False,
        n_networks: int = 1,
    ) -> None:
        self._take(locals())

    def fit(
        self,
        X: Matrix,
        y: Matrix,
        sample_weight: ArrayLike | None = None,
        validation_data: Validation | None = None,
    ) -> Self:
        """Train on X and y, from new weights unless `warm_start`.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            float32 gives a float32 network, all others float64. CSR is never converted to dense.
        y : array-like, shape (n,) or (n, n_labels)
            Labels, or an indicator matrix of zeros and ones.
        sample_weight : array-like, shape (n,), optional
            Weight of each row, 0 or more; 0 is as if it were absent.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Scored after each epoch, for `early_stopping`.

        Returns
        -------
        MLPClassifier
            Itself.

        Raises
        ------
        ValueError, TypeError
            A parameter or the data is not valid; the estimator is unchanged.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached; not if exactly `max_iter` epochs were asked for (see `tol`).
        DivergenceWarning
            The loss stopped being finite; see `fastnn.MLP.fit`.
        """
        return self._fit(X, y, sample_weight, validation_data)

    @with_epochs
    def partial_fit(
        self,
        X: Matrix,
        y: Matrix,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these rows, from the state of the last call.

        The weights, the optimiser's state, the count of steps and the stream of shuffles continue.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        classes : array-like, shape (n_classes,)
            All labels that may occur; needed in the first call, unless rows have several.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        if not hasattr(self, "classes_"):
            if classes is None and not type_of_target(y).startswith("multilabel"):
                raise ValueError("classes must be passed on the first call to partial_fit")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to partial_fit, "
                f"{self.classes_!r}"
            )
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    @classmethod
    def from_mlp(
        cls, net: MLP, *, classes: ArrayLike | None = None, multilabel: bool = False, **params: Any
    ) -> Self:
        """Return a fitted classifier that holds a copy of a network.

        Parameters
        ----------
        net : MLP
            With an output of softmax or sigmoid.
        classes : array-like, optional
            Label of each output (both labels of a single one). Default: the network's own.
        multilabel : bool, default False
            Whether a row may have several labels.
        **params
            Other parameters of the constructor, for further training.

        Returns
        -------
        MLPClassifier

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.MLP([4, 8, 3], loss="cross_entropy", seed=0)
        >>> fastnn.MLPClassifier.from_mlp(net, classes=["a", "b", "c"]).classes_
        array(['a', 'b', 'c'], dtype='<U1')
        """
        given = of_network(net, ("softmax", "sigmoid"))
        given["loss"] = "log_loss" if net.loss == "cross_entropy" else net.loss
        model = cls(**{**given, **params})
        n = max(net.sizes[-1], 2)
        if classes is None:
            classes = np.arange(n) if net.classes is None else net.classes
        if multilabel:
            model._labels = Labels(np.eye(2, net.sizes[-1], dtype=int))
        else:
            model._labels = Labels(outputs=np.asarray(classes))
        if len(model._labels.classes) != (net.sizes[-1] if multilabel else n):
            raise ValueError(f"classes must be {n} different labels, got {classes!r}")
        adopt(model, net)
        model._name_outputs()
        return model

    @property
    def classes_(self) -> NDArray[Any]:
        """The class labels, (n_classes,), sorted; the numbers of the labels if several a row."""
        return self._labels.classes

    def _valid(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        if not reset and self._is_plain(X, y, "biu"):
            return X, y
        check_unmasked("X", X)
        check_unmasked("y", y)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=self._dtypes(),
            reset=reset,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _learn_targets(self, y: Any, classes: Any) -> None:
        self._labels = Labels(y, classes)

    def _targets(self, y: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        return self._labels.encode(y)

    def _known(self, targets: NDArray[Any]) -> Any:
        if self._labels.multilabel:
            return targets
        return Encoded(len(targets), targets, None, ARGMAX, self.network_.classes)

    def _name_outputs(self) -> None:
        """Set the network's `classes` to the labels, if it supports their type."""
        if not self._labels.multilabel and len(self.classes_) > 1:
            with suppress(ValueError):
                self.network_.classes = self._labels.outputs

    def _start(self, n_in: int, cost: Cost, dtype: np.dtype[Any]) -> None:
        super()._start(n_in, cost, dtype)
        self._name_outputs()

    def _cost(self, targets: NDArray[Any]) -> Cost:
        labels = self._labels
        return of_classifier(
            self.loss, self.output_activation, len(labels.classes), labels.multilabel
        )

    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        if self.class_weight is None:
            return sample_weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                'class_weight="balanced" needs all of y, which partial_fit does not have: pass a '
                "dict of weights"
            )
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if sample_weight is None else by_class * sample_weight

    def _check_same_targets(self, y: Any) -> None:
        if self._labels.multilabel:
            return
        found = unique_labels(y)
        if set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )

    def _stratum(self, y: Any, n_held: int) -> Any:
        """Return y for a stratified split if both parts can have each class, else None."""
        if self._labels.multilabel:
            return None
        classes, counts = np.unique(y, return_counts=True)
        if len(classes) == 2 and counts.min() == 1:
            raise ValueError(
                "The least populated classes in y have only 1 member; early_stopping=True needs "
                "one row of each to train on and one to validate by. Classes with too few members "
                f"are: {classes[counts == 1].tolist()}. Add rows, or pass validation_data to fit"
            )
        holds_each = counts.min() > 1 and len(classes) <= min(n_held, len(y) - n_held)
        return y if holds_each else None

    def _own_score(self, X: Any, y: Any, weight: Any) -> float:
        found = self._labels.decode(self.network_.predict(X))
        if found.ndim == 1:
            return float(np.average(found == y, weights=weight))
        return float(accuracy_score(y, found, sample_weight=weight))

    def predict(self, X: Matrix) -> Any:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,) or (n, n_labels)
            Zeros and ones where rows have several labels; sparse if y was.
        """
        outputs = self._outputs(X)
        return self._labels.decode(outputs)

    def predict_proba(self, X: Matrix) -> NDArray[Any]:
        """Return the probability of each class, (n, n_classes), or of each label.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n, n_classes)
            In the order of `classes_`. Sigmoids of more than two classes are divided by their sum.
        """
        outputs = self._outputs(X)
        return self._labels.probabilities(outputs, self.networks_[0].output)

    def predict_log_proba(self, X: Matrix) -> NDArray[Any]:
        """Return the logarithms of `predict_proba`, (n, n_classes)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def to_mlp(self) -> MLP:
        """Return a copy of the fitted network with the labels, without the optimiser's state.

        Returns
        -------
        MLP
            A copy: training it does not change the estimator. `MLP.save` writes it to a file.
            `MLP.classes` are those of the estimator if there are two or more strings or numbers.
        """
        return super().to_mlp()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
