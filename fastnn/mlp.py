"""The network as users hold it: `MLP`.

This module only translates: arguments are checked in arrays.py and names.py, the epoch loop is
training.py, the file format model_file/, the mathematics csrc/. Over 400 lines, because half of
them are the reference that callers read.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from reprlib import repr as shorten
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import _fastnn, arrays, names, training
from ._config import get_num_threads, get_sparse
from .callbacks import CallbackLike
from .checks import check_count, check_number
from .hints import OF_FIT, OF_MLP, explain_arguments
from .history import History
from .init import DEFAULT_INIT, INITS, Init, fill
from .layout import Array, Gradient, Views, layers
from .optim import Adam, Optimizer
from .pace import rows_per_call
from .schedules import learning_rates
from .state import Examples, FitState, OptimizerState, Rule, Trainee

__all__ = ["MLP", "check_mlp"]

# What the core was built with: set later it would change nothing, or half of what it should.
_FIXED = (
    *("sizes", "activation", "output", "loss", "init", "dropout", "dtype", "seed", "quantile"),
    *("huber_delta", "weights", "biases"),
)
_BATCH_SIZE = 32  # of `fit`


def _one_each(argument: str, value: Any, n: int) -> tuple[Any, ...]:
    """Return the hidden layers' values: one for all, or a sequence of one each."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        return (value,) * n
    if len(value) != n:
        layers_text = "layer" if n == 1 else "layers"
        raise ValueError(f"{argument} has {len(value)} values for {n} hidden {layers_text}")
    return tuple(value)


def _check_sizes(sizes: Any) -> tuple[int, ...]:
    if isinstance(sizes, np.ndarray):
        sizes = sizes.tolist()
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise ValueError(f"sizes must be two or more layer widths, got {sizes!r}")
    widths = tuple(check_count("sizes", width, 1) for width in sizes)
    if max(widths) > 2**31 - 1:
        raise ValueError(f"sizes must be below 2**31, got {max(widths)}")
    return widths


def _check_dtype(dtype: Any) -> np.dtype[Any]:
    for known in (np.dtype(np.float32), np.dtype(np.float64)):
        with suppress(TypeError, ValueError):
            if dtype is not None and np.dtype(dtype) == known:
                return known
    raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")


def _column_numbers(name: str, values: ArrayLike | None, neutral: float, n: int) -> Array:
    """Return finite doubles, (n,), of n numbers or of one for all; `neutral` for None."""
    array = np.asarray(neutral if values is None else values)
    if array.shape not in ((), (n,)) or array.dtype.kind not in "biuf":
        wanted = "one number" if n == 1 else f"{n} numbers or one"
        raise ValueError(f"{name} must be {wanted}, got {shorten(values)}")
    new = np.array(np.broadcast_to(array, (n,)), np.float64, order="C")
    if not np.isfinite(new).all():
        raise ValueError(f"{name} holds NaN, infinity or what float64 cannot hold")
    return new


def _read_only(array: Array) -> Array:
    """Return a view that cannot be written to: assigning the whole is what is checked."""
    view = array.view()
    view.flags.writeable = False
    return view


def _kept(other: Array | None, neutral: float, assigned: ArrayLike | None) -> Array | None:
    """Return the other half of a scaling; None for both removes it, in either order."""
    nothing = other is None or (assigned is None and bool((other == neutral).all()))
    return None if nothing else other


def _standard(X: Any) -> tuple[Array, Array]:
    """Return shift and scale of each column; the scale is 1 where it does not vary."""
    mean, deviation = arrays.mean_and_deviation(X)
    tiny = np.finfo(np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64).tiny
    varies = deviation > np.maximum(4 * np.finfo(float).eps * np.abs(mean), tiny)
    return mean, np.where(varies, 1 / np.where(varies, deviation, 1), 1)


class MLP:
    """A multilayer perceptron.

    Layer l maps activations a (n, n_l) to f(a W + b), with W (n_l, n_l+1) and b (n_l+1,).

    Parameters
    ----------
    sizes : sequence of int
        Widths of the layers, the input first: ``[784, 16, 16, 10]``.
    activation : str or sequence of str, default "relu"
        f of the hidden layers, one for all or one each: identity, sigmoid, tanh, relu, leaky_relu
        (slope 0.01), elu (α = 1), gelu (exact), silu, softplus.
    output : str, optional
        f of the output layer: one of the above, softmax or exp. Default: what the loss needs, else
        identity.
    loss : str, optional
        The cost of one example, with sums over the n outputs; the network's cost is the mean over
        the examples. Default: what goes with the output (softmax: cross_entropy, sigmoid:
        binary_cross_entropy, exp: poisson, else mse).

        =========================  =====================================================
        ``quadratic``              Σ (a − y)²
        ``mse``                    1/n Σ (a − y)²
        ``cross_entropy``          −Σ y ln a; softmax output
        ``binary_cross_entropy``   −Σ [y ln a + (1 − y) ln(1 − a)]; sigmoid output
        ``mae``                    1/n Σ |a − y|
        ``huber``                  1/n Σ h(a − y), h(r) = r²/2 within ±d, d (|r| − d/2) outside
        ``quantile``               1/n Σ max(q r, (q − 1) r), r = y − a
        ``poisson``                1/n Σ (a − y ln a); exp or softplus output
        =========================  =====================================================
    init : str, optional
        fan_in_uniform, sigmoid_uniform, lecun_normal, glorot_uniform, he_normal, standard_normal
        or zeros; see `fastnn.init`. Default: fan_in_uniform, which is PyTorch's.
    dropout : float or sequence of float, default 0
        Share of a hidden layer's activations that are set to 0 while training, in [0, 1); one for
        all hidden layers or one each. The others are divided by 1 − dropout.
    dtype : {"float32", "float64"}, default "float32"
        Of the parameters and of all computation.
    seed : int, optional
        Fixes initial weights, shuffles and dropout. Default: different each time.
    quantile : float, default 0.5
        q of the quantile loss, in (0, 1).
    huber_delta : float, default 1.0
        d of the Huber loss, above 0.

    Attributes
    ----------
    weights, biases : sequence of ndarray
        Views, (n_in, n_out) and (n_out,): writing to them changes the network.
    params : ndarray, shape (n_params,)
        All of them as one view, layer by layer, W row-major then b; assignable.
    classes : ndarray or None
        Label of each output, once set or learnt from labels; None where they are 0, 1, 2, …
    input_shift, input_scale : ndarray of float64, shape (n_in,), or None
        Inputs are read as (x - shift) * scale, computed in double; see `standardize`. Assign
        (n_in,) numbers or one for all columns, or None to both for no scaling. The first fit on
        bytes (uint8) above 1 sets the scale to 1/255, unless either is set: from then on 200 is
        read as 200/255, whatever type holds it.
    output_shift, output_scale : ndarray of float64, shape (n_out,), or None
        Targets are learnt as (y - shift) / scale, and `predict` answers a * scale + shift; see
        `standardize`. Only of output "identity".
    feature_names : tuple of str or None
        Names of the columns, learnt at the first `fit` or `standardize` on a frame; assignable. A
        frame with these columns in another order is read by name, one with others is refused.
    history : History
        Of the last fit, also of one that was interrupted.
    metadata : dict
        JSON values of your own, kept in model files; up to 100 lists and dicts one in another.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> net.n_params
    13002
    >>> (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    >>> history = net.fit(X, y, epochs=1, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    >>> net.predict(X_test).shape
    (1000, 10)
    """

    @explain_arguments(OF_MLP)
    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: names.Activation | Sequence[names.Activation] = "relu",
        output: names.Output | None = None,
        loss: names.Loss | None = None,
        init: Init | None = None,
        dropout: float | Sequence[float] = 0.0,
        dtype: DTypeLike = "float32",
        seed: int | None = None,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
    ) -> None:
        self.sizes: tuple[int, ...] = _check_sizes(sizes)
        n_hidden = len(self.sizes) - 2
        self.activation: tuple[names.Activation, ...] = tuple(
            names.check_name("activation", name, names.HIDDEN)
            for name in _one_each("activation", activation, n_hidden)
        )
        self.output: names.Output
        self.loss: names.Loss
        self.output, self.loss = names.pair(output, loss)
        if self.output == "softmax" and self.sizes[-1] == 1:
            raise ValueError("softmax of one output is always 1: use sigmoid, or two outputs")
        self.init: Init = names.check_name(
            "init", init if init is not None else DEFAULT_INIT, INITS
        )
        self.dropout: tuple[float, ...] = tuple(
            check_number("dropout", p, "a number from 0 to below 1", lambda p: 0 <= p < 1)
            for p in _one_each("dropout", dropout, n_hidden)
        )
        self.quantile: float = check_number(
            "quantile", quantile, "a number between 0 and 1", lambda q: 0 < q < 1
        )
        self.huber_delta: float = check_number(
            "huber_delta", huber_delta, "a number above 0", lambda d: d > 0
        )
        self.dtype: np.dtype[Any] = _check_dtype(dtype)
        self.seed: int | None = None if seed is None else check_count("seed", seed, 0)
        self._make_core()
        streams = np.random.SeedSequence(self.seed).spawn(2)
        self._rng = np.random.Generator(np.random.PCG64(streams[1]))
        self._dropout_seed = int(streams[1].generate_state(1, np.uint64)[0])
        fill(self.init, self.weights, self.biases, np.random.Generator(np.random.PCG64(streams[0])))
        self._classes: Array | None = None
        self._scaling: _fastnn.Scaling | None = None
        self._old_bytes: _fastnn.Scaling | None = None  # how bytes are read; of old files
        self._output_scaling: tuple[Array, Array] | None = None  # shift and scale
        self._feature_names: tuple[str, ...] | None = None
        self._trained = False  # then bytes mean what they meant
        self.metadata: dict[str, Any] = {}
        self.history: History = History()
        self._optimizer: Optimizer | None = None
        self._state: OptimizerState | None = None
        self._standing: FitState | None = None
        self._fit: training.Fit | None = None
        self._rule = Rule()  # another is set by those who define the steps otherwise

    def _make_core(self) -> None:
        codes = [names.ACTIVATIONS.index(name) for name in (*self.activation, self.output)]
        parameter = {"huber": self.huber_delta, "quantile": self.quantile}.get(self.loss, 0.0)
        self._alone = threading.Lock()  # held while something trains
        self._trainer: int | None = None  # the thread that holds it
        self._core = _fastnn.Net(
            self.sizes,
            codes,
            (*self.dropout, 0.0),
            names.LOSSES.index(self.loss),
            parameter,
            self.dtype,
        )
        pairs = list(layers(self._core.params, self.sizes))
        self.weights: Views = Views([weights for weights, _ in pairs], "weights")
        self.biases: Views = Views([biases for _, biases in pairs], "biases")

    # ---- parameters ----------------------------------------------------------------------------

    @property
    def n_params(self) -> int:
        """How many weights and biases there are."""
        return int(self._core.params.size)

    @property
    def params(self) -> Array:
        """All weights and biases: a view, (n_params,); assigning copies the values in.

        Reading the view, or writing to it, while another thread trains the network is a race that
        nothing guards; assigning to `params` then raises `BusyError`.
        """
        return self._core.params

    @params.setter
    def params(self, values: ArrayLike) -> None:
        new = np.asarray(values)
        if new.shape != (self.n_params,):
            raise ValueError(
                f"params has shape ({self.n_params},); the new values have {new.shape}"
            )
        self._check_not_training_elsewhere()
        training.set_params(self._core, new)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in vars(self):
            how = f"; assign {name}[l]" if name in ("weights", "biases") else ""
            raise AttributeError(f"{name} of a network that is made cannot be set{how}")
        super().__setattr__(name, value)

    @property
    def classes(self) -> Array | None:
        """Label of each output, or None where labels are 0, 1, 2, …."""
        return self._classes

    @classes.setter
    def classes(self, labels: ArrayLike | None) -> None:
        if labels is None:
            self._classes = None
            return
        new, most = np.asarray(labels), max(self.sizes[-1], 2)
        if new.dtype.kind in "OT" and all(isinstance(label, str) for label in new.flat):
            new = np.array(new.tolist(), str)
        if new.ndim != 1 or not 2 <= len(new) <= most or new.dtype.kind not in "biufU":
            count = "2" if most == 2 else f"2 to {most}"
            raise ValueError(
                f"classes must be {count} strings or numbers, got {shorten(new.tolist())}"
            )
        if self._output_scaling is not None:
            raise ValueError(
                "classes are for labels; this network's targets are scaled numbers: set "
                "output_shift and output_scale to None first"
            )
        if len(np.unique(new)) != len(new):
            raise ValueError("classes must all be different")
        if new.dtype.kind == "f" and not np.isfinite(new).all():
            raise ValueError(f"classes must be finite numbers, got {shorten(new.tolist())}")
        self._classes = new.copy()

    @property
    def input_shift(self) -> Array | None:
        """What is subtracted from inputs, (n_in,), or None; see `standardize`."""
        return None if self._scaling is None else self._scaling.shift

    @input_shift.setter
    def input_shift(self, values: ArrayLike | None) -> None:
        self._set_input_scaling(values, _kept(self.input_scale, 1, values))

    @property
    def input_scale(self) -> Array | None:
        """What inputs are multiplied by after the shift, (n_in,), or None."""
        return None if self._scaling is None else self._scaling.scale

    @input_scale.setter
    def input_scale(self, values: ArrayLike | None) -> None:
        self._set_input_scaling(_kept(self.input_shift, 0, values), values)

    def _set_input_scaling(self, shift: ArrayLike | None, scale: ArrayLike | None) -> None:
        """Set both at once: the core needs both or none."""
        if shift is None and scale is None:
            self._scaling = self._old_bytes = None
            return
        n_in = self.sizes[0]
        self._scaling = _fastnn.Scaling(
            _column_numbers("input_shift", shift, 0, n_in),
            _column_numbers("input_scale", scale, 1, n_in),
        )
        self._old_bytes = None

    def _read_bytes_as_fractions(self) -> None:
        """Read bytes as x / 255 and other numbers as they are, as files of version 1 mean it."""
        n_in = self.sizes[0]
        shift = np.zeros(n_in) if self._scaling is None else self._scaling.shift
        scale = np.ones(n_in) if self._scaling is None else self._scaling.scale
        self._old_bytes = _fastnn.Scaling(shift * 255, scale / 255)

    @property
    def output_shift(self) -> Array | None:
        """What is added to outputs after the scale, (n_out,), or None; see `standardize`."""
        return None if self._output_scaling is None else _read_only(self._output_scaling[0])

    @output_shift.setter
    def output_shift(self, values: ArrayLike | None) -> None:
        self._set_output_scaling(values, _kept(self.output_scale, 1, values))

    @property
    def output_scale(self) -> Array | None:
        """What outputs are multiplied by, (n_out,), or None."""
        return None if self._output_scaling is None else _read_only(self._output_scaling[1])

    @output_scale.setter
    def output_scale(self, values: ArrayLike | None) -> None:
        self._set_output_scaling(_kept(self.output_shift, 0, values), values)

    def _set_output_scaling(self, shift: ArrayLike | None, scale: ArrayLike | None) -> None:
        if shift is None and scale is None:
            self._output_scaling = None
            return
        self._check_says_numbers()
        new = (
            _column_numbers("output_shift", shift, 0, self.sizes[-1]),
            _column_numbers("output_scale", scale, 1, self.sizes[-1]),
        )
        if not (new[1] > 0).all():
            raise ValueError(f"output_scale must be above 0, got {new[1].min():g}")
        self._output_scaling = new

    def _check_says_numbers(self) -> None:
        """Refuse to scale targets that are classes or have a limited range."""
        if self.output != "identity":
            raise ValueError(
                "output_shift and output_scale need output 'identity', which says any number; "
                f"this network's is {self.output!r}"
            )
        if self._classes is not None:
            raise ValueError(
                "output_shift and output_scale are for numbers; this network has classes"
            )

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the input columns, or None."""
        return self._feature_names

    @feature_names.setter
    def feature_names(self, names: Iterable[str] | None) -> None:
        if names is None:
            self._feature_names = None
            return
        new = (names,) if isinstance(names, str) else tuple(names)
        if len(new) != self.sizes[0] or not all(isinstance(name, str) for name in new):
            raise ValueError(f"feature_names must be {self.sizes[0]} strings, got {shorten(new)}")
        self._feature_names = tuple(map(str, new))

    def standardize(self, X: arrays.Matrix, y: ArrayLike | None = None) -> None:
        """Read inputs, and learn targets, as (x - mean) / standard deviation from now on.

        Mean and deviation are those of each column, in double. They are kept in model files and
        exports, so that a loaded network takes the same raw inputs. Columns that do not vary are
        only shifted. The names of a frame's columns are learnt, as by `fit`.

        With y, `predict` answers in the units of y, as float64; cost, gradient, activations and
        history are those of the standardized targets: a mean squared error of 1 is that of always
        predicting the mean.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
            The training data.
        y : array-like, shape (n,) or (n, n_out), optional
            The targets, of a network with output "identity". Without it, targets are left as they
            are.

        Raises
        ------
        ValueError, TypeError
            X or y is not as in `fit`, or targets of this network cannot be scaled; nothing is
            changed.
        """
        rows = arrays.as_rows(X, self.sizes[0], np.dtype(np.float64), columns=self._feature_names)
        inputs, outputs = _standard(X), self._output_scaling
        order = arrays.column_order("X", arrays.column_names(X), self._feature_names)
        if order is not None:
            inputs = (inputs[0][order], inputs[1][order])
        if y is not None:
            self._check_says_numbers()
            goal = replace(self._goal(), dtype=np.dtype(np.float64), shift=None, scale=None)
            encoded = arrays.encode(y, rows.n_rows, goal)
            if encoded.values is None:
                raise ValueError("y must be numbers to be standardized; it holds class labels")
            mean, factor = _standard(encoded.values)
            self._set_output_scaling(mean, 1 / factor)
        try:
            self._set_input_scaling(*inputs)
        except ValueError:
            self._output_scaling = outputs
            raise
        self._feature_names = self._feature_names or arrays.column_names(X)

    # ---- training ------------------------------------------------------------------------------

    @explain_arguments(OF_FIT)
    def fit(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        epochs: int | None = None,
        batch_size: int | None = _BATCH_SIZE,
        optimizer: Optimizer | None = None,
        validation_data: arrays.Validation | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: arrays.ClassWeight | None = None,
        callbacks: Iterable[CallbackLike] | CallbackLike | None = (),
        shuffle: bool = True,
        progress: bool = False,
        resume: bool = False,
    ) -> History:
        """Train by mini-batch gradient descent.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
            float32, float64 and uint8 arrays of any strides, memory maps and CSR matrices of these
            types are read in place, others are converted once. Bytes are numbers; the first fit on
            bytes above 1 sets `input_scale` to 1/255. A frame's columns are remembered by name.
        y : array-like, shape (n,) or (n, n_out)
            Class labels (integers or strings), one-hot rows, or values that the output can reach.
        epochs : int, optional
            Passes over the data; with `resume`, the total number. Default: as many as take 2,000
            steps or visit 64,000 examples, whichever are fewer, and at least 10; with `resume`,
            what the checkpoint was made with.
        batch_size : int or None, default 32
            Examples a step; None for all of them at once. The last batch of an epoch may be
            smaller.
        optimizer : Optimizer, optional
            `SGD`, `Adam`, `AdamW` or `RMSprop`. Default: the one used last on this network, at
            first ``Adam()``. Its state (momentum, moments, step count) belongs to the network and
            goes on from call to call while the kind of optimiser stays the same; see
            `reset_optimizer`.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Scored after each epoch as ``val_loss`` and, for classes, ``val_accuracy``.
        sample_weight : array-like, shape (n,), optional
            What each example counts: 2 is as if the row stood there twice, 0 as if it were absent.
            The cost of a batch is divided by the sum of its weights.
        class_weight : dict or "balanced", optional
            What the examples of a label count; multiplied with `sample_weight`.
        callbacks : sequence of Callback or callable, optional
            See `fastnn.callbacks`. A function is called as ``f(run, logs)`` after each epoch.
        shuffle : bool, default True
            Visit the examples in a new order each epoch. One batch of all of them has no order.
        progress : bool, default False
            Show a bar on stderr, or in the notebook.
        resume : bool, default False
            Go on where a checkpoint (`save` with ``checkpoint=True``) stands: its optimiser, batch
            size, shuffle, random generator, epoch, history and callback states. Give the same data
            and callbacks; the result has the bits of a run that was never interrupted.

        Returns
        -------
        History
            ``loss`` and, for classes, ``accuracy``: means over the epoch, each batch before its
            step; ``val_loss``, ``val_accuracy``; ``lr``, ``seconds``, ``examples_per_second``.

        Raises
        ------
        ValueError, TypeError
            Something is wrong with the arguments; the network is as it was.
        KeyboardInterrupt
            Ctrl-C: the network stands at a batch boundary, `history` holds the epochs so far. So it
            does for whatever a signal's handler raises.
        MemoryError
            Before the first step: the network is as it was. Later: as after Ctrl-C.

        Warns
        -----
        DivergenceWarning
            The loss stopped being finite. Training has ended, and the parameters are the best so
            far at the end of an epoch: by ``val_loss`` if there is validation data, else by
            ``loss``; those before the fit if no epoch has made them better.
        """
        wanted = None if epochs is None else check_count("epochs", epochs, 0)
        listed = training.check_callbacks(callbacks)
        reading = self._reading_to_train(X)
        examples, encoded = self._examples(X, y, sample_weight, class_weight, reading=reading)
        arrays.check_classes(encoded)
        validation = self._validation(validation_data, encoded, reading)
        size = examples.n_visited
        if batch_size is not None:
            size = min(check_count("batch_size", batch_size, 1), size)
        if resume:
            standing, optimizer = self._resumed(optimizer)
            # The default may be what nobody has asked for: the checkpoint's is taken then.
            if batch_size != _BATCH_SIZE and size != standing.batch_size:
                raise ValueError(
                    f"the checkpoint was made with batches of {standing.batch_size}, not {size}"
                )
        else:
            optimizer = self._next_optimizer(optimizer)
            standing = FitState(size, bool(shuffle), optimizer.to_config())
        if wanted is None:
            wanted = standing.epochs  # of the checkpoint
        if wanted is None:
            wanted = training.default_epochs(examples.n_visited, size)
        if examples.rows.sparse and wanted > 1:  # one pass would not earn its cost
            examples = replace(examples, rows=arrays.listed(examples.rows))
        with self._training(), self._undone_unless_stepped():
            fit = training.Fit(
                self._trainee(optimizer),
                examples,
                optimizer,
                standing,
                epochs=wanted,
                validation=validation,
                callbacks=listed,
                n_threads=get_num_threads(),
            )
            self._fit, self._optimizer, self._standing = fit, optimizer, standing
            standing.epochs = wanted
            if wanted > len(standing.history):
                self._learn(encoded, reading)
            self.history = standing.history
            try:
                return fit.run(show=progress)
            finally:
                self._fit = None

    def train_batch(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        optimizer: Optimizer | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Take one step on these examples as one batch, for a loop of one's own.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        optimizer : Optimizer, optional
            As of `fit`: by default the one used last, its state going on from step to step. A
            schedule or function counts the steps since the state began; a schedule over a whole
            fit needs `fit`, as no number of epochs is known here.

        Returns
        -------
        dict
            ``loss`` of the batch before the step and, for classes, ``accuracy``.
        """
        reading = self._reading_to_train(X)
        examples, encoded = self._examples(X, y, sample_weight, reading=reading)
        arrays.check_classes(encoded)
        optimizer = self._next_optimizer(optimizer)
        with self._training(), self._undone_unless_stepped():
            goes_on = self._state is not None and self._state.fits(optimizer)
            steps = self._state.steps if self._state is not None and goes_on else 0
            rate = learning_rates(
                optimizer.lr, np.array([steps]), steps_per_epoch=1, total_steps=steps + 1
            )
            if not goes_on:
                self._standing = None  # its optimiser is not this one
            trainee = self._trainee(optimizer)
            self._optimizer = optimizer
            self._learn(encoded, reading)
            threads = get_num_threads()
            return training.one_step(trainee, examples, optimizer, float(rate[0]), threads)

    def reset_optimizer(self) -> None:
        """Forget the optimiser and its state: momentum, moments and step count."""
        with self._training():
            self._optimizer = self._state = self._standing = None

    @contextmanager
    def _training(self) -> Iterator[None]:
        """Have the network alone, from before its optimiser's state is touched."""
        if not self._alone.acquire(blocking=False):
            raise _fastnn.BusyError(
                "this network is being trained already, by another thread or around this callback"
            )
        self._trainer = threading.get_ident()
        try:
            yield
        finally:
            self._trainer = None
            self._alone.release()

    @contextmanager
    def _undone_unless_stepped(self) -> Iterator[None]:
        """Leave all as it was where memory ends before the first step."""
        trained = (
            *("_state", "_optimizer", "_standing", "_classes", "history"),
            *("_scaling", "_feature_names", "_trained"),
        )
        kept = {name: vars(self)[name] for name in trained}
        state, rng = self._state, self._rng.bit_generator.state
        steps = 0 if state is None else state.steps
        try:
            yield
        except MemoryError:
            now = self._state
            if now is None or now.steps == (steps if now is state else 0):
                vars(self).update(kept)
                self._rng.bit_generator.state = rng
            raise

    def _check_not_training_elsewhere(self) -> None:
        """Callbacks of a fit may do what other threads may not while it runs."""
        if self._trainer not in (None, threading.get_ident()):
            raise _fastnn.BusyError("this network is being trained by another thread")

    def _examples(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any = None,
        goal: arrays.Goal | None = None,
        reading: arrays.Reading | None = None,
        suffix: str = "",
    ) -> tuple[Examples, arrays.Encoded]:
        reading = reading or self._reading()
        rows = reading.rows(X, name=f"X{suffix}", sparse=get_sparse())
        encoded = arrays.encode(y, rows.n_rows, goal or self._goal(), suffix)
        weight = arrays.as_weights(sample_weight, class_weight, encoded, self.sizes[-1], suffix)
        visit = None
        if weight is not None and not weight.all():
            visit = np.flatnonzero(weight)
        examples = Examples(
            rows,
            encoded.targets(self.sizes[-1], weight),
            rows.n_rows,
            encoded.metric != names.NO_METRIC,
            visit,
            weight,
        )
        return examples, encoded

    def _validation(
        self, data: Any, encoded: arrays.Encoded, reading: arrays.Reading
    ) -> Examples | None:
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)")
        X, y, weight = (*data, None)[:3]
        goal = replace(
            self._goal(),
            classes=encoded.classes,
            may_be_one_hot=encoded.metric != names.THRESHOLD,
        )
        suffix = " of validation_data"
        return self._examples(X, y, weight, goal=goal, reading=reading, suffix=suffix)[0]

    def _next_optimizer(self, optimizer: Optimizer | None) -> Optimizer:
        if optimizer is None:
            return self._optimizer or Adam()
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                "optimizer must be fastnn.SGD(...), Adam(...), AdamW(...) or RMSprop(...), "
                f"got {optimizer!r}"
            )
        return optimizer

    def _trainee(self, optimizer: Optimizer) -> Trainee:
        if self._state is None or not self._state.fits(optimizer):
            self._state = OptimizerState.fresh(optimizer, self.n_params, self.dtype)
        return Trainee(self, self._core, self._rng, self._dropout_seed, self._state, self._rule)

    def _resumed(self, optimizer: Optimizer | None) -> tuple[FitState, Optimizer]:
        if self._standing is None or self._state is None:
            raise ValueError(
                "there is nothing to resume: load a file that was saved with checkpoint=True"
            )
        if self._optimizer is None or self._standing.optimizer is None:
            if optimizer is None:
                raise ValueError(
                    "the checkpoint's learning rate was a function of yours: give the optimizer"
                )
        elif optimizer is None:
            optimizer = self._optimizer
        chosen = self._next_optimizer(optimizer)
        if not self._state.fits(chosen):
            raise ValueError(f"the checkpoint was made with {self._state.kind.__name__}")
        return self._standing, chosen

    # ---- reading -------------------------------------------------------------------------------

    def predict(self, X: arrays.Matrix, *, out: Array | None = None) -> Array:
        """Return the output activations of each row.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
            As of `fit`; may be empty.
        out : ndarray, shape (n, n_out), optional
            C-contiguous, of the dtype of the answer; where to write them.

        Returns
        -------
        ndarray, shape (n, n_out)
            Of the network's dtype; of float64, in the units of the targets, where these are scaled
            (`output_scale`). A row's values do not depend on the other rows.
        """
        if out is None:
            few = self._predict_few(X)
            if few is not None:
                return few
        rows = self._rows(X, may_be_empty=True)
        shape = (rows.n_rows, self.sizes[-1])
        dtype = self.dtype if self._output_scaling is None else np.dtype(np.float64)
        if out is None:
            out = np.empty(shape, dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
            raise ValueError(f"out must be an array of shape {shape} and dtype {dtype}")
        elif not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
            raise ValueError("out must be C-contiguous, aligned and writable")
        elif isinstance(X, np.ndarray) and np.may_share_memory(X, out):
            raise ValueError("out must not share memory with X")
        a = out if self._output_scaling is None else np.empty(shape, self.dtype)
        self._forward(rows, [None] * (len(self.sizes) - 1) + [a])
        if a is not out:
            out[:] = self._in_units(a)
        return out

    def classify(self, X: arrays.Matrix) -> Array:
        """Return the class label of each row, shape (n,): that of the largest output.

        With one output, the second class where it is at least ½; such a network has sigmoid output
        or its `classes` are set, else it is a ValueError. Labels are those of `classes`, or 0, 1,
        2, …. For several labels a row, look at ``predict(X) >= 0.5`` instead.
        """
        if self.sizes[-1] == 1 and self.output != "sigmoid" and self._classes is None:
            raise ValueError(
                f"this network predicts numbers, with output {self.output!r}; set its `classes` if "
                "0.5 parts two of them"
            )
        a = self.predict(X)
        if self.sizes[-1] == 1:
            index = (a[:, 0] >= 0.5).astype(np.int64)
        else:
            index = a[:, : None if self._classes is None else len(self._classes)].argmax(axis=1)
        return index if self._classes is None else self._classes[index]

    def activations(self, X: arrays.Matrix) -> list[Array]:
        """Return the activations of every layer, (n, width) each; the (scaled) input first."""
        rows = self._rows(X, may_be_empty=True)
        out = [np.empty((rows.n_rows, width), self.dtype) for width in self.sizes]
        self._forward(rows, out)
        return out

    def evaluate(
        self, X: arrays.Matrix, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Return ``loss``, the mean cost, and for classes ``accuracy``, the share that is right.

        Several labels a row (binary_cross_entropy with values): the share of outputs on the right
        side of ½.
        """
        examples, _ = self._examples(X, y, sample_weight)
        return training.evaluate(self._core, examples, get_num_threads())

    @overload
    def cost(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: Literal[False] = False,
    ) -> float: ...
    @overload
    def cost(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: Literal[True],
    ) -> Array: ...
    @overload
    def cost(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: bool,
    ) -> float | Array: ...
    def cost(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: bool = False,
    ) -> float | Array:
        """Return the cost C: the (weighted) mean over the examples, or that of each, (n,).

        Without L2 and dropout: the cost of the predictions.
        """
        examples, _ = self._examples(X, y, sample_weight)
        if not per_example:
            return training.evaluate(self._core, examples, get_num_threads())["loss"]
        costs = np.empty(examples.n)
        for begin, end in self._pieces(examples.n):
            self._core.cost(
                examples.rows, examples.targets, begin, end, costs[begin:end], get_num_threads()
            )
        return costs

    def gradient(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_example: bool = False,
    ) -> Gradient:
        """Return ∇C with respect to every weight and bias, by backpropagation.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        per_example : bool, default False
            The gradient of each example's own cost, with a leading axis n, instead of that of the
            (weighted) mean. Takes n · n_params numbers of memory.

        Returns
        -------
        Gradient
            ``.weights``, ``.biases``, ``.flat``. Without L2 and dropout.
        """
        examples, _ = self._examples(X, y, sample_weight)
        threads = get_num_threads()
        if per_example:
            flat = np.empty((examples.n, self.n_params), self.dtype)
            for begin, end in self._pieces(examples.n, products=3, written=self.n_params):
                self._core.gradient(
                    examples.rows, examples.targets, begin, end, None, flat[begin:end], threads
                )
            return Gradient(flat, self.sizes)
        # Sums of a call in the network's dtype, sums of the calls in double.
        total, part, weight = np.zeros(self.n_params), np.zeros(self.n_params, self.dtype), 0.0
        for begin, end in self._pieces(examples.n, products=3):
            part[:] = 0
            sums = self._core.gradient(
                examples.rows, examples.targets, begin, end, part, None, threads
            )
            total += part
            weight += sums[2]
        return Gradient((total / weight).astype(self.dtype), self.sizes)

    def _pieces(self, n: int, products: int = 1, written: int = 0) -> Iterator[tuple[int, int]]:
        step = rows_per_call(self.n_params, products, written)
        for begin in range(0, n, step):
            yield begin, min(begin + step, n)

    def _forward(self, rows: _fastnn.Rows, out: Sequence[Array | None]) -> None:
        if rows.n_rows <= rows_per_call(self.n_params):  # a few rows pay for nothing else
            self._core.forward(rows, 0, rows.n_rows, list(out), get_num_threads())
            return
        for begin, end in self._pieces(rows.n_rows):
            part = [None if layer is None else layer[begin:end] for layer in out]
            self._core.forward(rows, begin, end, part, get_num_threads())

    def _rows(self, X: Any, *, name: str = "X", may_be_empty: bool = False) -> _fastnn.Rows:
        return self._reading().rows(X, name=name, may_be_empty=may_be_empty, sparse=get_sparse())

    def _reading(self) -> arrays.Reading:
        return arrays.Reading(
            self.sizes[0], self.dtype, self._scaling, self._feature_names, self._old_bytes
        )

    def _reading_to_train(self, X: Any) -> arrays.Reading:
        reading = self._reading()
        if not self._trained:
            return reading.learnt(X)
        return replace(reading, columns=self._feature_names or arrays.column_names(X))

    def _learn(self, encoded: arrays.Encoded, reading: arrays.Reading) -> None:
        """Keep what the first examples of a training have fixed."""
        self._classes = encoded.classes
        self._scaling, self._feature_names = reading.scaling, reading.columns
        self._trained = True

    def _predict_few(self, X: Any) -> Array | None:
        """Return the predictions for a few rows of a plain array, None for anything else."""
        if self._old_bytes is not None and getattr(X, "dtype", None) == np.uint8:
            return None
        few: Array | None = self._core.forward_few(X, self._scaling, get_sparse())
        return few if few is None or self._output_scaling is None else self._in_units(few)

    def _in_units(self, a: Array) -> Array:
        """Return outputs (n, n_out) in the units of the targets: a * scale + shift, in double."""
        if self._output_scaling is None:
            return a
        shift, scale = self._output_scaling
        return np.asarray(a * scale + shift)

    def _goal(self) -> arrays.Goal:
        shift, scale = self._output_scaling or (None, None)
        return arrays.Goal(
            self.sizes[-1],
            self.output,
            self.loss,
            self.dtype,
            self._classes,
            shift=shift,
            scale=scale,
        )

    # ---- files ---------------------------------------------------------------------------------

    def _network(self) -> dict[str, Any]:
        """Return the arguments that make a network like this one, as JSON values."""
        return {
            "sizes": list(self.sizes),
            "activation": list(self.activation),
            "output": self.output,
            "loss": self.loss,
            "init": self.init,
            "dropout": list(self.dropout),
            "dtype": self.dtype.name,
            "seed": self.seed,
            "quantile": self.quantile,
            "huber_delta": self.huber_delta,
        }

    def save(self, path: str | os.PathLike[str], *, checkpoint: bool = False) -> None:
        """Write the network to a safetensors file, all or nothing.

        Parameters
        ----------
        path : path-like
            Its folder must exist. An old file is replaced only once the new one is complete.
        checkpoint : bool, default False
            Also what ``fit(..., resume=True)`` needs: optimiser and its state, random generator,
            epoch, history, states of the callbacks.

        Raises
        ------
        OSError
            It cannot be written; an old file is as it was.
        ValueError
            The parameters are not finite, or there is no training to make a checkpoint of.
        BusyError
            Another thread is training the network.
        """
        from .model_file import writing

        if checkpoint:
            self._check_not_training_elsewhere()
        writing.write(self, path, checkpoint)

    def __getstate__(self) -> dict[str, Any]:
        if self._fit is not None:
            raise RuntimeError("a network cannot be copied or pickled in the middle of a fit")
        state = {name: value for name, value in vars(self).items()}
        del state["_core"], state["_alone"], state["_trainer"], state["weights"], state["biases"]
        return {**state, "params": self._core.get_params()}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # a shared optimiser's state would be trained by both

    def __setstate__(self, state: dict[str, Any]) -> None:
        params = state.pop("params")
        vars(self).update(state)
        self._make_core()
        self.params = params

    # ---- what it looks like --------------------------------------------------------------------

    def _layer_rows(self) -> list[tuple[str, str, str, int]]:
        functions = (*self.activation, self.output)
        return [
            (
                str(l + 1),
                f"{n_in} → {n_out}",
                functions[l]
                + (
                    f", dropout {self.dropout[l]:g}"
                    if l < len(self.dropout) and self.dropout[l]
                    else ""
                ),
                (n_in + 1) * n_out,
            )
            for l, (n_in, n_out) in enumerate(pairwise(self.sizes))
        ]

    def _heading(self) -> str:
        widths = "-".join(map(str, self.sizes))
        return f"MLP {widths}, {self.loss} loss, {self.dtype}: {self.n_params:,} parameters"

    def _scaling_rows(self) -> list[str]:
        """Return a sentence for the scaling of inputs, and one for that of targets."""
        rows = []
        if self._scaling is not None:
            factor = self._scaling.factor
            how = f"x * {factor:.6g}" if self._scaling.keeps_zeros else "(x - shift) * scale"
            rows.append(f"inputs are read as {how}")
        if self._old_bytes is not None:
            rows.append("bytes (uint8) are divided by 255 first, as in files of version 1")
        if self._output_scaling is not None:
            rows.append("targets are learnt as (y - shift) / scale")
        return rows

    def __repr__(self) -> str:
        lines = [
            f"  layer {number:>2}  {shape:>15}  {function:<24} {count:>12,}"
            for number, shape, function, count in self._layer_rows()
        ]
        return "\n".join([self._heading(), *lines, *(f"  {row}" for row in self._scaling_rows())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{number}</td><td>{shape}</td><td>{function}</td>"
            f"<td style='text-align:right'>{count:,}</td></tr>"
            for number, shape, function, count in self._layer_rows()
        )
        rows += "".join(f"<tr><td colspan=4>{row}</td></tr>" for row in self._scaling_rows())
        return (
            f"<table><caption>{self._heading()}</caption><thead><tr><th>layer</th><th>shape</th>"
            f"<th>activation</th><th>parameters</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def check_mlp(net: object) -> MLP:
    """Return `net` if it is a network; an estimator holds one in its ``network_``."""
    if not isinstance(net, MLP):
        hint = "; give its network_" if hasattr(net, "network_") else ""
        raise TypeError(f"net must be a fastnn.MLP, got {type(net).__name__}{hint}")
    return net
