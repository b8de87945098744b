"""Base of classifier and regressor: fitting of an `MLP` by scikit-learn's parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from .._config import get_num_threads
from ..fit.guards import Alone
from ..fit.objective import Objective
from ..mlp import MLP
from . import lbfgs, members, parameters
from .adoption import as_sample_weight
from .epoch_record import EpochRecord, StoppingState
from .fitted import Fitted
from .losses import Cost

Method = TypeVar("Method", bound=Callable[..., Any])


def with_epochs(method: Method) -> Method:
    """Decorate a method that is not available with solver="lbfgs"."""
    return cast(Method, available_if(_has_epochs)(method))


def _has_epochs(estimator: Any) -> bool:
    if parameters.is_lbfgs(estimator):
        raise AttributeError("partial_fit needs another solver than 'lbfgs', which has no epochs")
    return True


class BaseMLP(Fitted):
    """Base of `MLPClassifier` and `MLPRegressor`: fitting."""

    _interrupted: bool = False  # by Ctrl-C, in the last call
    _asked: str | None = None  # the network that the parameters asked for when last compared

    # ---- fitting -------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        *,
        incremental: bool = False,
        classes: Any = None,
    ) -> Self:
        parameters.check(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        before = dict(self.__dict__)
        try:
            self._fit_checked(X, y, sample_weight, validation_data, incremental, classes)
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit_checked(
        self, X: Any, y: Any, sample_weight: Any, given: Any, incremental: bool, classes: Any
    ) -> None:
        if self.warm_start or incremental:
            members.check_same_number(self)
        if self.n_networks > 1:
            members.fit(self, X, y, sample_weight, given, incremental, classes)
            return
        first = not hasattr(self, "network_") or not (self.warm_start or incremental)
        X, y = self._valid(X, y, reset=first)
        if first:
            self._learn_targets(y, classes)
        elif not incremental:
            self._check_same_targets(y)
        dtype = np.dtype(np.float64 if X.dtype == np.float64 else np.float32)
        targets = self._targets(y, dtype)
        weight = self._weights(y, as_sample_weight(sample_weight, X.shape[0]), incremental)
        cost = self._cost(targets)
        if first:
            self._start(X.shape[1], cost, dtype)
            self.network_.feature_names = getattr(self, "feature_names_in_", None)
        else:
            self._check_same(cost)
        self._continues = (
            incremental
            or bool(self.warm_start)
            or (not first and getattr(self, "_continues", False))
        )
        self.n_iter_: int = 0
        self.network_._rule = parameters.rule(self, cost)
        validation = self._validation(given)
        if parameters.is_lbfgs(self):
            self._fit_lbfgs(X, targets, weight, cost)
            return
        if self.early_stopping and validation is None:
            X, targets, weight, validation = self._split(X, y, targets, weight)
        self._fit_epochs(X, targets, weight, cost, validation, incremental)

    def _start(self, n_in: int, cost: Cost, dtype: np.dtype[Any]) -> None:
        """Create the network, with new weights, and an empty record."""
        rng, names = check_random_state(self.random_state), parameters.activations(self)
        sizes = [n_in, *parameters.hidden_sizes(self.hidden_layer_sizes), cost.n_outputs]
        drawn = parameters.draw(sizes, names, rng)
        self.network_: MLP = self._network(sizes, cost, dtype, int(rng.randint(2**31 - 1)))
        self._split_seed = int(rng.randint(2**31 - 1))
        for l, (W, b) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
            self.network_.weights[l], self.network_.biases[l] = W, b
        self._asked = None
        self.t_ = 0
        self.loss_: float = np.inf
        self._stopping = StoppingState()
        for name in (*members.OF_ONE, *members.OF_SEVERAL):
            self.__dict__.pop(name, None)

    def _network(self, sizes: list[int], cost: Cost, dtype: np.dtype[Any], seed: int) -> MLP:
        return MLP(
            sizes,
            activation=parameters.activations(self),
            output=cost.output,
            loss=cost.loss,
            init="glorot_uniform",
            dropout=self.dropout,
            dtype=dtype,
            seed=seed,
            quantile=getattr(self, "quantile", 0.5),
            huber_delta=self.huber_delta,
        )

    def _check_same(self, cost: Cost) -> None:
        """Refuse to continue if the parameters ask for another network than the fitted one."""
        net = self.network_
        n_in, n_out = net.sizes[0], cost.n_outputs
        sizes = [n_in, *parameters.hidden_sizes(self.hidden_layer_sizes), n_out]
        asked = repr((sizes, parameters.activations(self), cost.output, cost.loss, self.dropout))
        asked += repr((getattr(self, "quantile", None), self.huber_delta))
        if asked == self._asked:  # as at the last call
            return
        wanted = self._network(sizes, cost, net.dtype, 0)._network()
        made = net._network()
        for name in ("init", "seed"):
            wanted.pop(name), made.pop(name)
        changed = [name for name in wanted if wanted[name] != made[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"the fitted network has {name} {made[name]}; warm_start and partial_fit cannot "
                f"continue with {wanted[name]}: fit with warm_start=False"
            )
        self._asked = asked

    def _is_plain(self, X: Any, y: Any, kinds: str) -> bool:
        """Return whether these are what scikit-learn's checks would return unchanged.

        Its checks take most of the time of a `partial_fit` on a few rows.
        """
        return (
            type(X) is np.ndarray
            and type(y) is np.ndarray
            and X.ndim == 2
            and y.shape == X.shape[:1] != (0,)
            and y.dtype.kind in kinds
            and X.dtype in self._dtypes()
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    def _prepare_record(self, scored: bool) -> None:
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self.best_loss_ = np.inf
            self.validation_scores_ = self.best_validation_score_ = None
        if scored and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if self.early_stopping:
            self.best_loss_ = None
        elif self.best_loss_ is None:
            self.best_loss_ = min(self.loss_curve_, default=np.inf)

    def _fit_epochs(
        self,
        X: Any,
        targets: NDArray[Any],
        weight: Any,
        cost: Cost,
        validation: Any,
        incremental: bool,
    ) -> None:
        net, n = self.network_, X.shape[0]
        self._interrupted = False
        self._prepare_record(validation is not None)
        size = n if self.batch_size == "auto" and n < 200 else self.batch_size
        size = 200 if isinstance(size, str) else int(size)
        if size > n:
            warnings.warn(
                f"batch_size={size} is more than the {n} rows; one batch of all rows is used",
                stacklevel=5,
            )
            size = n
        counted = n if weight is None else np.count_nonzero(weight)
        total = float(n if weight is None else np.sum(weight))
        steps = -(-int(counted) // size)
        record = EpochRecord(
            self,
            shown=cost.shown,
            constant=cost.constant(targets, weight),
            decay=parameters.decay(self, total / steps),
            n=n,
            score=None if validation is None else self._scorer(validation),
        )
        taken = 0 if net._state is None else net._state.steps
        optimizer = parameters.optimizer(self, taken, incremental)
        if net._state is None or not net._state.fits(optimizer):
            optimizer = parameters.optimizer(self, 0, incremental)
        callbacks = self.callbacks if self.callbacks is not None else ()
        callbacks = [callbacks] if not np.iterable(callbacks) else list(callbacks)
        logged = None
        if validation is not None and (callbacks or self.scoring == "loss"):
            known = self._known(self._targets(validation[1], net.dtype))
            logged = (validation[0], known, validation[2])
        try:
            net.fit(
                X,
                self._known(targets),
                epochs=1 if incremental else self.max_iter,
                batch_size=size,
                optimizer=optimizer,
                sample_weight=weight,
                validation_data=logged,
                callbacks=[record, *callbacks],
                shuffle=self.shuffle,
                progress=self.verbose == "progress",
            )
        except KeyboardInterrupt:
            self._interrupted = True
            warnings.warn("Training interrupted by user.", stacklevel=5)
        finally:
            record.put_back_the_best()
        endless = not self.tol or self.n_iter_no_change == np.inf  # max_iter epochs, no warning
        ran_out = self.n_iter_ == self.max_iter and net.history.stopped is None
        if ran_out and not (incremental or record.converged or endless):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _fit_lbfgs(self, X: Any, targets: NDArray[Any], weight: Any, cost: Cost) -> None:
        net = self.network_
        reading = net._passes.reading_to_train(X)
        examples, encoded = net._passes.examples(X, self._known(targets), weight, reading=reading)
        net._learn(encoded, reading)
        decay = parameters.decay(self, float(X.shape[0] if weight is None else np.sum(weight)))
        objective = Objective(
            net._core,
            net.sizes,
            examples,
            get_num_threads(),
            trainable=net._trainable,
            factor=cost.factor,
            decay=decay,
        )
        with Alone(net):
            result, end = lbfgs.descend(
                objective,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=0.0 if self.tol is None else float(self.tol),
            )
        value = end.sums[0] / end.sums[2]
        penalty = end.value - cost.factor * value
        self.loss_ = cost.shown * value + cost.constant(targets, weight) + penalty
        self.n_iter_ = int(result.nit)
        if self.verbose:
            print(f"L-BFGS: {result.nit} iterations, {result.nfev} evaluations, loss {self.loss_}")
        if result.status != 0 and not (self.tol in (0, None) and result.nit >= self.max_iter):
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) "
                f"(status={result.status}): {result.message}. Increase max_iter or max_fun, or "
                "scale the data.",
                ConvergenceWarning,
                stacklevel=5,
            )

    # ---- validation data -----------------------------------------------------------------------

    def _validation(self, given: Any) -> Any:
        """Return the given validation data as (X, y, weight), checked."""
        if given is None:
            return None
        if parameters.is_lbfgs(self):
            raise ValueError("validation_data needs another solver than 'lbfgs'")
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
        X, y, weight = (*given, None)[:3]
        X, y = self._valid(X, y, reset=False)
        self._targets(y, np.dtype(np.float64))
        return X, y, as_sample_weight(weight, X.shape[0])

    def _split(self, X: Any, y: Any, targets: NDArray[Any], weight: Any) -> Any:
        """Hold out a share of the rows: the same rows in every call on the same data."""
        n = X.shape[0]
        n_held = math.ceil(self.validation_fraction * n)
        stratum = self._stratum(y, n_held)
        if n_held < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        if n_held == n:
            raise ValueError(
                f"validation_fraction={self.validation_fraction:g} of {n} rows leaves none to "
                "train on: decrease it"
            )
        rows, held = train_test_split(
            np.arange(n),
            test_size=n_held,
            random_state=self._split_seed,
            stratify=stratum,
        )
        X = X.tocsr() if hasattr(X, "tocsr") else X
        kept, left = (None, None) if weight is None else (weight[rows], weight[held])
        for part, use in ((kept, "to train on"), (left, "to validate by")):
            if part is not None and not part.any():
                raise ValueError(
                    f"sample_weight is 0 for all of the rows {use} that early_stopping=True drew: "
                    "leave out rows of weight 0, or give fit validation_data"
                )
        return X[rows], targets[rows], kept, (X[held], y[held], left)

    def _scorer(self, validation: Any) -> Any:
        X, y, weight = validation
        scoring = self.scoring
        if scoring is None:
            return lambda logs: self._own_score(X, y, weight)
        if isinstance(scoring, str) and scoring == "loss":
            return lambda logs: -logs["val_loss"]
        score = get_scorer(scoring) if isinstance(scoring, str) else scoring
        more = {} if weight is None else {"sample_weight": weight}

        def scored(logs: Mapping[str, float]) -> float:
            with warnings.catch_warnings():  # the checked rows have no column names
                warnings.filterwarnings("ignore", "X does not have valid feature names")
                return float(score(self, X, y, **more))

        return scored
