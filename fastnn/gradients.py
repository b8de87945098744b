"""Gradients out of a network and into it: ∇C, input gradients, Jacobians, and single steps.

Over 400 lines, because half of them are the reference that callers read.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _fastnn, arrays, targets
from ._config import get_num_threads, get_sparse
from .fit import training
from .fit.guards import Alone, Undone
from .fit.state import FitState, OptimizerState, TrainState
from .layout import Array, Gradient
from .optim import FirstOrder, Optimizer
from .passes import Passes
from .schedules import learning_rates


class Differentiable:
    """The part of `MLP` that gives gradients, and takes single steps with them."""

    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    _core: _fastnn.Net
    _alone: Any  # a lock, held while something trains
    _trainer: int | None  # the thread that holds it
    _outputs_each: int  # outputs a target
    _output_scaling: tuple[Array, Array] | None = None
    _scaling: _fastnn.Scaling | None = None
    _trainable: Array | None = None  # a C int a layer; None: all are trained
    _state: OptimizerState | None = None
    _optimizer: Optimizer | None = None
    _fit_state: FitState | None = None
    _trained: bool = False  # then bytes mean what they meant
    _classes: Array | None = None
    _old_bytes: _fastnn.Scaling | None = None
    _any_number: bool  # whether targets may be any numbers, and nothing else
    _last_step: tuple[Optimizer, OptimizerState, _fastnn.Optimiser, float] | None = None

    @property
    def n_params(self) -> int:
        """Number of weights and biases."""
        raise NotImplementedError

    @property
    def _dropout_seed(self) -> int:
        raise NotImplementedError

    @property
    def _passes(self) -> Passes:
        raise NotImplementedError

    def _learn(self, encoded: targets.Encoded | None, reading: arrays.Reading) -> None:
        raise NotImplementedError

    def _train_state(self, optimizer: Optimizer) -> TrainState:
        raise NotImplementedError

    # ---- out -----------------------------------------------------------------------------------

    def gradient(
        self,
        X: arrays.Matrix,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: bool = False,
        output_gradient: ArrayLike | None = None,
    ) -> Gradient:
        """Return ∇C with respect to every weight and bias, by backpropagation.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        per_example : bool, default False
            The gradient of each example's own cost, with a leading axis n, instead of that of the
            (weighted) mean. Takes n · n_params numbers of memory.
        output_gradient : array-like, shape (n, n_out), optional
            Instead of y, for a cost of your own: G = ∂C/∂a, its slopes with respect to what
            `predict` answers. The gradient is then Σ_i G_i · ∂a_i/∂θ: the sum over the rows, so
            that a mean has its 1/n in G.

        Returns
        -------
        Gradient
            ``.weights``, ``.biases``, ``.flat``, and ``.cost``: C, or that of each example; None
            with `output_gradient`. Without L2 and dropout.

        Examples
        --------
        The mean squared error, written by hand:

        >>> import numpy as np, fastnn
        >>> net = fastnn.MLP([2, 3, 1], loss="mse", dtype="float64", seed=0)
        >>> X, y = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0], [0.0]])
        >>> G = 2 * (net.predict(X) - y) / len(X)
        >>> mine, its = net.gradient(X, output_gradient=G), net.gradient(X, y)
        >>> bool(np.allclose(mine.flat, its.flat))
        True
        """
        if not per_example and sample_weight is None and self._is_plain():
            few = self._core.gradient_few(
                X, y, output_gradient, self._any_number, False, self._scaling, *_how()
            )
            if few is not None:
                return Gradient(few[0], self.sizes, few[1])
        passes = self._passes
        if output_gradient is not None:
            _check_no_targets(y, sample_weight)
            examples = passes.own_cost(X, output_gradient)
            if per_example:
                return Gradient(passes.gradients(examples)[0], self.sizes)
            return Gradient(passes.summed_gradient(examples).astype(self.dtype), self.sizes)
        examples, _ = passes.examples(X, _given(y), sample_weight, per_example=per_example)
        if per_example:
            each, costs = passes.gradients(examples)
            return Gradient(each, self.sizes, costs)
        cost, mean = passes.cost_and_gradient(examples)
        return Gradient(mean.astype(self.dtype), self.sizes, cost)

    def input_gradient(
        self,
        X: arrays.Matrix,
        y: ArrayLike | None = None,
        *,
        output_gradient: ArrayLike | None = None,
    ) -> Array:
        """Return the gradient of each example's cost with respect to its inputs, (n, n_in).

        ∂C_i/∂x_i = δ[1] W[0]ᵀ, in the units of X as it is given: `input_scale` is in it. Columns
        are in the network's order (`feature_names`).

        Parameters
        ----------
        X, y
            As of `fit`. C_i is what ``cost(X, y, per_example=True)`` gives.
        output_gradient : array-like, shape (n, n_out), optional
            Instead of y: G = ∂C/∂a, as of `gradient`. Then ∂C/∂x_i = Σ_j G_ij ∂a_ij/∂x_i.
        """
        passes, few = self._passes, None
        if self._is_plain():
            few = self._core.gradient_few(
                X, y, output_gradient, self._any_number, True, self._scaling, *_how()
            )
        if few is not None:
            slopes = few[0]
        elif output_gradient is not None:
            _check_no_targets(y, None)
            slopes = passes.input_gradients(passes.own_cost(X, output_gradient))
        else:
            examples, _ = passes.examples(X, _given(y), None, per_example=True)
            slopes = passes.input_gradients(examples)
        return self._per_input(slopes, X)

    def jacobian(self, X: arrays.Matrix, *, parameters: bool = False) -> Array:
        """Return the derivatives of every output, in the units of X and of the targets.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
            As of `fit`.
        parameters : bool, default False
            With respect to all weights and biases instead of the inputs.

        Returns
        -------
        ndarray, shape (n, n_out, n_in) or (n, n_out, n_params)
            ∂a_j/∂x_k, or ∂a_j/∂θ_k laid out like `params`, for each row. Without dropout.
        """
        slopes = None
        if self._old_bytes is None:
            slopes = self._core.jacobian_few(X, parameters, self._scaling, *_how())
        if slopes is None:
            rows = self._passes.rows(X, may_be_empty=True)
            slopes = self._passes.jacobians(rows, parameters)
        if self._output_scaling is not None:
            slopes *= self._output_scaling[1][:, None]
        return slopes if parameters else self._per_input(slopes, X)

    def _per_input(self, slopes: Array, X: Any) -> Array:
        """Return slopes (..., n_in) by scaled inputs as slopes by X, in its units."""
        scaling = self._scaling
        if self._old_bytes is not None and getattr(X, "dtype", None) == np.uint8:
            scaling = self._old_bytes
        if scaling is not None:
            slopes *= scaling.scale
        return slopes

    # ---- in ------------------------------------------------------------------------------------

    @property
    def trainable(self) -> list[bool]:
        """Whether each layer of weights is trained; assign one flag a layer.

        A layer with False keeps its weights and biases to the bit, and its gradient is not
        computed in training. `gradient` gives that of all layers.
        """
        if self._trainable is None:
            return [True] * (len(self.sizes) - 1)
        return [bool(flag) for flag in self._trainable]

    @trainable.setter
    def trainable(self, flags: Iterable[bool] | None) -> None:
        n = len(self.sizes) - 1
        new = [True] * n if flags is None else list(flags)
        if len(new) != n or not all(isinstance(flag, bool | np.bool_) for flag in new):
            raise ValueError(f"trainable must be {n} times True or False, got {shorten(flags)}")
        self._trainable = None if all(new) else np.array(new, np.intc)

    def train_batch(
        self,
        X: arrays.Matrix,
        y: ArrayLike | None = None,
        *,
        optimizer: Optimizer | None = None,
        sample_weight: ArrayLike | None = None,
        output_gradient: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Take one step on these examples as one batch, for a loop of your own.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        optimizer : Optimizer, optional
            As of `fit`: by default the one used last, its state going on from step to step. A
            schedule or function counts the steps since the state began; a schedule over a whole
            fit needs `fit`, as no number of epochs is known here.
            `LBFGS` and `LevenbergMarquardt` train by `fit` alone.
        output_gradient : array-like, shape (n, n_out), optional
            Instead of y, for a cost of your own: as of `gradient`.

        Returns
        -------
        dict
            ``loss`` of the batch before the step and, for classes, ``accuracy``; empty with
            `output_gradient`.
        """
        if sample_weight is None:
            few = self._train_few(X, y, output_gradient, optimizer)
            if few is not None:
                return few
        encoded = None
        if output_gradient is not None:
            _check_no_targets(y, sample_weight)
            reading = self._passes.reading_to_train(X)
            examples = self._passes.own_cost(X, output_gradient, reading)
        else:
            reading = self._passes.reading_to_train(X)
            examples, encoded = self._passes.examples(X, _given(y), sample_weight, reading=reading)
            targets.check_classes(encoded)
        chosen = training.next_first_order(optimizer, self._optimizer)
        with Alone(self), Undone(self):
            rate = self._rate_of_step(chosen)
            train_state = self._train_state(chosen)
            self._optimizer = chosen
            self._learn(encoded, reading)
            return training.one_step(train_state, examples, chosen, rate, get_num_threads())

    def step(self, gradient: Gradient | ArrayLike, optimizer: Optimizer | None = None) -> None:
        """Take one step of an optimiser with any gradient.

        Parameters
        ----------
        gradient : Gradient or array-like, shape (n_params,)
            Of `gradient`, a sum of several, or one that came from elsewhere; laid out like
            `params`. Layers that are not `trainable` are left out.
        optimizer : Optimizer, optional
            As of `train_batch`.

        Raises
        ------
        ValueError, TypeError
            The gradient has another shape, or holds NaN or infinity; the network is unchanged.
        """
        flat = gradient.flat if isinstance(gradient, Gradient) else gradient
        if self._step_few(flat, optimizer):
            return
        given = arrays.numbers("gradient", flat, self.dtype)
        if given.shape != (self.n_params,):
            hint = "; sum it over the examples" if given.ndim == 2 else ""
            raise ValueError(
                f"gradient must have shape ({self.n_params},); its shape is {given.shape}{hint}"
            )
        with np.errstate(over="ignore"):
            values = np.require(given, self.dtype, ["C", "A"])
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(f"gradient holds {given[at]} at {at}; no step was taken")
        chosen = training.next_first_order(optimizer, self._optimizer)
        with Alone(self), Undone(self):
            rate = self._rate_of_step(chosen)
            train_state = self._train_state(chosen)
            self._optimizer = chosen
            training.given_step(train_state, values, chosen, rate, get_num_threads())

    def _is_plain(self) -> bool:
        """Return whether plain arrays can be read without a look at scalings and classes."""
        read_as_given = self._old_bytes is None and self._output_scaling is None
        return read_as_given and self._classes is None and self._outputs_each == 1

    def _few_step(
        self, optimizer: Optimizer | None
    ) -> tuple[Optimizer, OptimizerState, _fastnn.Optimiser, float] | None:
        """Return what a step needs that goes on where the last one ended, at a constant rate."""
        if optimizer is None:
            optimizer = self._optimizer
        state, last = self._state, self._last_step
        if last is not None and last[0] is optimizer and last[1] is state:
            return last
        if state is None or not isinstance(optimizer, FirstOrder):
            return None
        rate = optimizer.lr
        if not isinstance(rate, float) or not state.fits(optimizer):
            return None
        last = (optimizer, state, state.core(optimizer), rate)
        vars(self)["_last_step"] = last
        return last

    def _train_few(
        self, X: Any, y: Any, output_gradient: Any, optimizer: Optimizer | None
    ) -> dict[str, float] | None:
        """Take a step on a few plain rows, in microseconds; None if it is for the other way.

        The other way takes the first step with an optimiser, schedules, and all that is to be
        refused with a sentence.
        """
        step = self._few_step(optimizer)
        if step is None or not (self._trained and self._is_plain()):
            return None
        optimizer, state, core_optimizer, rate = step
        if not self._alone.acquire(False):
            return None
        try:
            done = self._core.train_few(
                X,
                y,
                output_gradient,
                self._any_number,
                self._scaling,
                get_sparse(),
                core_optimizer,
                rate,
                state,
                self._dropout_seed,
                self._trainable,
                get_num_threads(),
            )
        except OverflowError:
            training.undo_overflow(self._core, self._core.before, state, rate)
            done = (float("nan"), None, True)
        finally:
            self._alone.release()
        if done is None:
            return None
        vars(self)["_optimizer"] = optimizer
        loss, accuracy, finite = done
        if not finite:
            training.warn_no_step(rate)
        if output_gradient is not None:
            return {}
        return {"loss": loss} if accuracy is None else {"loss": loss, "accuracy": accuracy}

    def _step_few(self, gradient: Any, optimizer: Optimizer | None) -> bool:
        """Take a step with a plain gradient, in microseconds; False if it is for the other way."""
        step = self._few_step(optimizer)
        if step is None or not self._alone.acquire(False):
            return False
        optimizer, state, core_optimizer, rate = step
        how = (core_optimizer, rate, state, self._trainable, get_num_threads())
        try:
            done = self._core.step_few(gradient, *how)
        except OverflowError:
            training.undo_overflow(self._core, self._core.before, state, rate)
            done = True
        finally:
            self._alone.release()
        if done:
            vars(self)["_optimizer"] = optimizer
        return done

    def _rate_of_step(self, optimizer: FirstOrder) -> float:
        """Return the learning rate of a single step; forget a fit whose optimiser is another."""
        goes_on = self._state is not None and self._state.fits(optimizer)
        steps = self._state.steps if self._state is not None and goes_on else 0
        if not goes_on:
            self._fit_state = None
        if isinstance(optimizer.lr, float):
            return optimizer.lr
        rates = learning_rates(
            optimizer.lr, np.array([steps]), steps_per_epoch=1, total_steps=steps + 1
        )
        return float(rates[0])


def _how() -> tuple[str, int]:
    """Return the settings of a call of the core."""
    return get_sparse(), get_num_threads()


def _given(y: ArrayLike | None) -> ArrayLike:
    if y is None:
        raise ValueError(
            "y must have a value a row; it is None: give the targets, or output_gradient for a "
            "cost of your own"
        )
    return y


def _check_no_targets(y: object, sample_weight: object) -> None:
    if y is not None:
        raise TypeError("give y or output_gradient, not both")
    if sample_weight is not None:
        raise TypeError("sample_weight does not go with output_gradient: multiply it in")
