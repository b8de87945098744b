"""Methods of a fitted estimator, and the protocol of scikit-learn."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ..arrays import Matrix, check_unmasked
from ..ensemble import Ensemble
from ..layout import Array, Gradient, layers
from ..mlp import MLP
from ..optim import Optimizer
from . import members, parameters
from .adoption import Layers, as_sample_weight, without_fit_state
from .losses import THEIRS, Cost, OutputActivation


class Fitted(BaseEstimator):  # type: ignore[misc]
    """Base of `MLPClassifier` and `MLPRegressor`: methods after fitting; base.py has the rest."""

    # Parameters of the constructor, unchanged.
    hidden_layer_sizes: parameters.HiddenSizes
    activation: parameters.HiddenActivations
    solver: parameters.Solver | Optimizer
    alpha: float
    batch_size: parameters.BatchSize
    learning_rate: parameters.Rate
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: parameters.RandomState
    tol: float | None
    verbose: parameters.Verbose
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    output_activation: OutputActivation | None
    dropout: parameters.Dropout
    huber_delta: float
    l2: parameters.L2
    scoring: parameters.Scoring
    callbacks: parameters.Callbacks
    scale_bytes: bool
    n_networks: int

    # Fitted attributes.
    network_: MLP
    estimators_: list[Any]
    ensemble_: Ensemble
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_features_in_: int

    def _take(self, given: dict[str, Any]) -> None:
        """Keep the constructor's parameters unchanged; `fit` checks them."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # ---- differences between classifier and regressor ------------------------------------------

    def _learn_targets(self, y: Any, classes: Any) -> None:
        """Learn the labels or the number of outputs from y, before the network is created."""

    def _targets(self, y: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        raise NotImplementedError

    def _known(self, targets: NDArray[Any]) -> Any:
        """Return the targets as the passes of the network take them."""
        return targets

    def _cost(self, targets: NDArray[Any]) -> Cost:
        raise NotImplementedError

    def _own_score(self, X: Any, y: Any, weight: Any) -> float:
        raise NotImplementedError

    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _check_same_targets(self, y: Any) -> None:
        """Refuse a warm start with targets of another kind than the fitted ones."""

    def _stratum(self, y: Any, n_held: int) -> Any:
        """Return the labels for a stratified validation set of `n_held` rows, or None."""

    def _valid(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        raise NotImplementedError

    # ---- reading -------------------------------------------------------------------------------

    def _dtypes(self) -> list[Any]:
        return [np.float64, np.float32, *([np.uint8] if self.scale_bytes else [])]

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        check_unmasked("X", X)
        return validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=self._dtypes(), reset=False
        )

    def _outputs(self, X: Any) -> NDArray[Any]:
        """Return the network's outputs, (n, n_outputs)."""
        state = vars(self)
        net, ensemble = state.get("network_"), state.get("ensemble_")
        if (  # a single row in some microseconds: only the core checks X
            net is not None
            and type(X) is np.ndarray
            and "feature_names_in_" not in state
            and (X.dtype.char in "fd" or (self.scale_bytes and X.dtype.char == "B"))
        ):
            few: NDArray[Any] | None = net._predict_few(X)
            if few is not None:
                return few
        rows = self._rows(X)
        return self.network_.predict(rows) if ensemble is None else ensemble.mean(rows)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(members.missing(self, name))

    @property
    def networks_(self) -> list[MLP]:
        """The fitted networks: one, or `n_networks`."""
        check_is_fitted(self)
        ensemble = vars(self).get("ensemble_")
        return [self.network_] if ensemble is None else list(ensemble)

    def activations(self, X: Matrix) -> list[Array]:
        """Return the activations of every layer for each row.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            As of `fit`.

        Returns
        -------
        list of ndarray
            (n, width) each; the input first, the output last.
        """
        return self.network_.activations(self._rows(X))

    def gradient(self, X: Matrix, y: Matrix, sample_weight: ArrayLike | None = None) -> Gradient:
        """Return the gradient of the loss on these rows as one batch, L2 included.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.

        Returns
        -------
        Gradient
            ``.weights`` and ``.biases``, an array a layer in the shapes of `coefs_` and
            `intercepts_`; ``.flat``, (n_params,). A step of solver="sgd" without momentum
            subtracts it times the learning rate.
        """
        check_is_fitted(self)
        rows, checked_y = self._valid(X, y, reset=False)
        net = self.network_
        targets = self._targets(checked_y, net.dtype)
        weight = self._weights(checked_y, as_sample_weight(sample_weight, rows.shape[0]), False)
        flat = net.gradient(rows, self._known(targets), sample_weight=weight).flat
        flat = flat * self._cost(targets).factor
        decay = parameters.decay(self, float(rows.shape[0] if weight is None else np.sum(weight)))
        flat = flat.astype(net.dtype)
        for (dW, _), W in zip(layers(flat, net.sizes), net.weights, strict=True):
            dW += decay * W
        return Gradient(flat, net.sizes)

    def input_gradient(self, X: Matrix, y: Matrix) -> Array:
        """Return the gradient of each row's loss with respect to its features.

        Parameters
        ----------
        X, y
            As of `fit`.

        Returns
        -------
        ndarray, shape (n, n_features)
            Of the loss that `gradient` is about, row by row, without L2; in the units of X.
        """
        check_is_fitted(self)
        rows, goals = self._valid(X, y, reset=False)
        targets = self._targets(goals, self.network_.dtype)
        slopes = self.network_.input_gradient(rows, self._known(targets))
        slopes *= self._cost(targets).factor
        return slopes

    def jacobian(self, X: Matrix) -> Array:
        """Return the derivatives of the network's outputs with respect to the features.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            As of `fit`.

        Returns
        -------
        ndarray, shape (n, n_outputs, n_features)
            For each row, of the predictions of a regressor; of a classifier's probabilities, of
            which there is one where it has two classes and a sigmoid: that of the second.
        """
        return self.network_.jacobian(self._rows(X))

    def to_mlp(self) -> MLP:
        """Return a copy of the fitted network, without the optimiser's state.

        Returns
        -------
        MLP
            A copy: training it does not change the estimator. `MLP.save` writes it to a file.
        """
        check_is_fitted(self)
        return copy.deepcopy(without_fit_state(self.network_))

    # ---- fitted attributes that are part of the network ----------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer, (n_in, n_out): views, writing to them changes the network."""
        return Layers(self.network_.weights)

    @coefs_.setter
    def coefs_(self, values: Iterable[ArrayLike]) -> None:
        check_is_fitted(self)
        for l, W in enumerate(values):
            self.network_.weights[l] = W

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer, (n_out,): views, writing to them changes the network."""
        return Layers(self.network_.biases)

    @intercepts_.setter
    def intercepts_(self, values: Iterable[ArrayLike]) -> None:
        check_is_fitted(self)
        for l, b in enumerate(values):
            self.network_.biases[l] = b

    @property
    def n_layers_(self) -> int:
        """Number of layers, the input counted."""
        return len(self.network_.sizes)

    @property
    def n_outputs_(self) -> int:
        """Number of outputs."""
        return self.networks_[0].sizes[-1]

    @property
    def out_activation_(self) -> str:
        """Name of the output layer's activation."""
        return THEIRS[self.networks_[0].output]

    # ---- scikit-learn --------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state; the optimiser's is left out unless training may continue."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "network_" in state and not (self.warm_start or state.get("_continues")):
            state["network_"] = without_fit_state(state["network_"])
        state.pop("ensemble_", None)  # its networks are those of estimators_
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "estimators_" in state:
            self.ensemble_ = Ensemble(each.network_ for each in self.estimators_)
