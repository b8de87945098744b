"""`MLPRegressor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from ..arrays import Matrix, check_unmasked
from ..checks import check_quantile
from ..hints import OF_ESTIMATORS, explain_arguments
from ..mlp import MLP
from ..names import ACTIVATIONS, check_name
from ..optim import Optimizer
from ..targets import Validation
from . import parameters
from .adoption import adopt, of_network
from .base import BaseMLP, with_epochs
from .losses import REGRESSION, Cost, OutputActivation, RegressionLoss, of_regressor


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron for regression, with scikit-learn's interface.

    Parameters
    ----------
    loss : str, default "squared_error"
        "squared_error" (½ Σ (a − y)², shown as ½ mean), "poisson" (half the deviance; the output
        is exp), "absolute_error" or "mae", "huber", "quantile", "quadratic", "mse",
        "binary_cross_entropy" (values from 0 to 1); see `fastnn.MLP`.
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
    quantile : float or sequence of float, default 0.5
        Of loss="quantile", in (0, 1). With several, in increasing order, one network predicts them
        all; `score` is then R² of the one closest to 0.5.
    output_activation : str, optional
        Default: the one that the loss needs, else identity.
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
    scoring : "loss", str or callable, optional
        Score of `early_stopping` and `validation_scores_`, higher is better: "loss" is minus
        the validation loss, a name is a scorer of scikit-learn, a function is called as
        ``f(estimator, X, y)``. Default: R².
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
    The median, and the value below which nine in ten lie:

    >>> import numpy as np
    >>> from fastnn import MLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 1))
    >>> y = X[:, 0] + rng.exponential(size=500)
    >>> low, high = (
    ...     MLPRegressor("quantile", (16,), quantile=q, learning_rate_init=0.02, max_iter=100,
    ...                  tol=None, random_state=0).fit(X, y)
    ...     for q in (0.5, 0.9)
    ... )
    >>> bool((high.predict(X) > low.predict(X)).all())
    True
    """

    loss: RegressionLoss
    quantile: float | Sequence[float]

    @explain_arguments(OF_ESTIMATORS)
    def __init__(
        self,
        loss: RegressionLoss = "squared_error",
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
        quantile: float | Sequence[float] = 0.5,
        output_activation: OutputActivation | None = None,
        dropout: parameters.Dropout = 0.0,
        huber_delta: float = 1.0,
        l2: parameters.L2 = "batch",
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
        y : array-like, shape (n,) or (n, n_outputs)
            Values.
        sample_weight : array-like, shape (n,), optional
            Weight of each row, 0 or more; 0 is as if it were absent.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Scored after each epoch, for `early_stopping`.

        Returns
        -------
        MLPRegressor
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
    def partial_fit(self, X: Matrix, y: Matrix, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on these rows, from the state of the last call.

        The weights, the optimiser's state, the count of steps and the stream of shuffles continue.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    @overload
    def predict(self, X: Matrix, return_std: Literal[False] = False) -> NDArray[Any]: ...
    @overload
    def predict(
        self, X: Matrix, return_std: Literal[True]
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def predict(
        self, X: Matrix, return_std: bool = False
    ) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]:
        """Return the values of each row.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
        return_std : bool, default False
            Return (values, std): also the standard deviation of the networks' values, of the same
            shape. It says how they disagree, not how y scatters. Needs `n_networks` above 1.

        Returns
        -------
        ndarray, shape (n,) or (n, n_outputs)
            Several quantiles of each target stand side by side, target after target.
        """
        outputs = self._outputs(X)
        values = outputs[:, 0] if outputs.shape[1] == 1 else outputs
        if not return_std:
            return values
        if "ensemble_" not in vars(self):
            raise ValueError(
                "return_std=True needs several networks, which can disagree: fit with n_networks=5"
            )
        return values, self.ensemble_.std(self._rows(X)).reshape(values.shape)

    @classmethod
    def from_mlp(cls, net: MLP, **params: Any) -> Self:
        """Return a fitted regressor that holds a copy of a network.

        Parameters
        ----------
        net : MLP
            With a loss on values: any but cross_entropy.
        **params
            Other parameters of the constructor, for further training.

        Returns
        -------
        MLPRegressor

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.MLP([4, 8, 1], loss="huber", huber_delta=0.5, seed=0)
        >>> fastnn.MLPRegressor.from_mlp(net).huber_delta
        0.5
        """
        given = of_network(net, ACTIVATIONS)
        check_name("loss of net", net.loss, REGRESSION)
        model = cls(**{**given, "loss": net.loss, "quantile": net.quantile, **params})
        adopt(model, net)
        return model

    def _valid(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        if not reset and self._is_plain(X, y, "iuf") and np.isfinite(y).all():
            return X, y
        check_unmasked("X", X)
        check_unmasked("y", y)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=self._dtypes(),
            reset=reset,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _targets(self, y: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        dense = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        return dense.astype(dtype if dense.dtype.kind != "f" else dense.dtype, copy=False)

    def _cost(self, targets: NDArray[Any]) -> Cost:
        quantile = check_quantile(self.quantile)
        each = len(quantile) if isinstance(quantile, tuple) else 1
        n_targets = 1 if targets.ndim == 1 else targets.shape[1]
        return of_regressor(self.loss, self.output_activation, each * n_targets)

    def score(self, X: Matrix, y: Matrix, sample_weight: ArrayLike | None = None) -> float:
        """Return R² of the predictions; of several quantiles, that of the one closest to 0.5.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.

        Returns
        -------
        float
        """
        outputs = self._outputs(X)
        central = self.networks_[0]._passes.central(outputs)
        return float(r2_score(y, central, sample_weight=sample_weight))

    def _own_score(self, X: Any, y: Any, weight: Any) -> float:
        found = self.network_._passes.central(self.network_.predict(X))
        if not np.isfinite(found).all():
            return float("nan")
        return float(r2_score(y, found if y.ndim == 2 else found[:, 0], sample_weight=weight))
