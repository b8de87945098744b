"""The network class, `MLP`.

The class holds the parts together: arguments are checked in arrays.py, targets.py and names.py,
passes over data are passes.py, the epoch loop fit/training.py, the file format model_file/, the
mathematics csrc/. Over 400 lines, of which 240 are docstrings.

Private: it may change without notice.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from math import inf
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import _fastnn, arrays, names, summary, targets
from ._config import get_num_threads, get_sparse
from .activations import ROWS
from .callbacks import CallbackLike
from .checks import (
    check_count,
    check_dtype,
    check_number,
    check_quantile,
    check_widths,
    one_each,
)
from .fit import begun, training
from .fit.begun import BATCH_SIZE
from .fit.guards import Alone
from .fit.own_cost import Function
from .fit.ranks import Communicator
from .fit.state import OptimizerState, StepRule, TrainState
from .gradients import Differentiable
from .hints import OF_FIT, OF_MLP, explain_arguments
from .history import History
from .init import DEFAULT_INIT, INITS, Init, fill
from .layout import Array, Views, layers
from .optim import Optimizer
from .passes import Passes
from .scaling import Scaled
from .streams.stream import Stream

# Arguments that the core was built with: assigning one later would not change the core.
_FIXED = {
    *("sizes", "activation", "output", "loss", "init", "dropout", "dtype", "seed", "quantile"),
    *("huber_delta", "weights", "biases"),
}


class MLP(Differentiable, Scaled):
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
        f of the output layer: one of the above, softmax or exp. Default: the one that the loss
        needs, else identity.
    loss : str, optional
        The cost of one example, with sums over the n outputs; the network's cost is the mean over
        the examples. Default: the loss that matches the output (softmax: cross_entropy, sigmoid:
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
        ``gaussian_nll``           1/k Σ ½ [(y − μ)² e^−s + s]; k targets, identity output
        =========================  =====================================================
    init : str, optional
        fan_in_uniform, sigmoid_uniform, lecun_normal, glorot_uniform, he_normal, standard_normal
        or zeros; see the page of formulas. Default: fan_in_uniform, which is PyTorch's.
    dropout : float or sequence of float, default 0
        Share of a hidden layer's activations that are set to 0 while training, in [0, 1); one for
        all hidden layers or one each. The others are divided by 1 − dropout.
    dtype : {"float32", "float64"}, default "float32"
        Of the parameters and of all computation.
    seed : int, optional
        Fixes initial weights, shuffles and dropout. Default: different each time.
    quantile : float or sequence of float, default 0.5
        q of the quantile loss, in (0, 1). With several, in increasing order, the network has so
        many outputs for each target, one after the other.
    huber_delta : float, default 1.0
        d of the Huber loss, above 0.

    Attributes
    ----------
    weights, biases : sequence of ndarray
        Views, (n_in, n_out) and (n_out,): writing to them changes the network.
    params : ndarray, shape (n_params,)
        All of them as one view, layer by layer, W row-major then b; assignable.
    classes : ndarray or None
        Label of each output, once set or learnt from labels; None if the labels are 0, 1, 2, …
    input_shift, input_scale : ndarray of float64, shape (n_in,), or None
        Inputs are read as (x - shift) * scale, computed in double; see `standardize`. Assign
        (n_in,) numbers or one for all columns, or None to both for no scaling. The first fit on
        bytes (uint8) above 1 sets the scale to 1/255, unless either is set: from then on 200 is
        read as 200/255, whatever its dtype.
    output_shift, output_scale : ndarray of float64, shape (n_out,), or None
        Targets are learnt as (y - shift) / scale, and `predict` returns a * scale + shift; see
        `standardize`. Only for output "identity". With gaussian_nll those of the means
        count; those of the log-variances follow: 2 ln(scale of the mean), and 1.
    feature_names : tuple of str or None
        Names of the columns, learnt at the first `fit` or `standardize` on a frame; assignable. A
        frame with these columns in another order is read by name, one with others is refused.
    history : History
        History of the last fit, even if it was interrupted.
    metadata : dict
        Your own JSON values, kept in model files; nested at most 100 deep.

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

    sizes: tuple[int, ...]
    activation: tuple[names.Activation, ...]
    output: names.Output
    loss: names.Loss
    init: Init
    dropout: tuple[float, ...]
    dtype: np.dtype[Any]
    seed: int | None
    quantile: float | tuple[float, ...]
    huber_delta: float
    weights: Views
    biases: Views
    metadata: dict[str, Any]
    history: History
    _entropy: int  # of the streams of the seed
    _fit: training.Fit | None = None
    _rule: StepRule = StepRule()  # the estimators set another one

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
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
    ) -> None:
        widths = check_widths(sizes)
        n_hidden = len(widths) - 2
        activations = tuple(
            names.check_name("activation", name, names.HIDDEN)
            for name in one_each("activation", activation, n_hidden)
        )
        output, loss = names.pair(output, loss)
        if output == "softmax" and widths[-1] == 1:
            raise ValueError("softmax of one output is always 1: use sigmoid, or two outputs")
        vars(self).update(  # at once, past __setattr__
            sizes=widths,
            activation=activations,
            output=output,
            loss=loss,
            init=names.check_name("init", init if init is not None else DEFAULT_INIT, INITS),
            dropout=tuple(
                check_number("dropout", p, "a number from 0 to below 1", lambda p: 0 <= p < 1)
                for p in one_each("dropout", dropout, n_hidden)
            ),
            quantile=(each := check_quantile(quantile)),
            _outputs_each=targets.outputs_a_target(loss, each, widths[-1]),
            huber_delta=check_number(
                "huber_delta", huber_delta, "a number above 0", lambda d: d > 0
            ),
            dtype=check_dtype(dtype),
            seed=None if seed is None else check_count("seed", seed, 0),
            metadata={},
            history=History(),
        )
        self._entropy = int.from_bytes(os.urandom(16)) if self.seed is None else self.seed
        self._make_core()
        fill(self.init, self.weights, self.biases, self._generator(0))

    def _make_core(self) -> None:
        codes = [names.ACTIVATIONS.index(name) for name in (*self.activation, self.output)]
        of_loss = names.PARAMETERS
        parameter: Any = 0.0
        if self.loss in of_loss:
            parameter = np.resize(getattr(self, of_loss[self.loss]), self.sizes[-1])
        loss, dropout = names.LOSSES.index(self.loss), (*self.dropout, 0.0)
        core = _fastnn.Net(self.sizes, codes, dropout, loss, parameter, self.dtype)
        weights, biases = zip(*layers(core.params, self.sizes), strict=True)
        vars(self).update(
            _core=core,
            weights=Views(weights, "weights"),
            biases=Views(biases, "biases"),
            _any_number=ROWS[self.output].range == (-inf, inf),
            _alone=threading.Lock(),
            _trainer=None,
        )

    def _stream(self, number: int) -> np.random.SeedSequence:
        """Return a stream of the seed: 0 of the initial weights, 1 of shuffles and dropout."""
        return np.random.SeedSequence(self._entropy, spawn_key=(number,))

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(self._stream(number)))

    @cached_property
    def _rng(self) -> np.random.Generator:
        """Generator of the shuffles."""
        return self._generator(1)

    @cached_property
    def _dropout_seed(self) -> int:
        return int(self._stream(1).generate_state(1, np.uint64)[0])

    # ---- parameters ----------------------------------------------------------------------------

    @property
    def n_params(self) -> int:
        """Number of weights and biases."""
        return int(self._core.params.size)

    @property
    def params(self) -> Array:
        """All weights and biases: a view, (n_params,); assigning copies the values in.

        Reading or writing the view while another thread trains the network is an unguarded race;
        assigning to `params` then raises `BusyError`.
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
            raise AttributeError(f"cannot set {name} after the network is created{how}")
        super().__setattr__(name, value)

    @property
    def classes(self) -> Array | None:
        """Label of each output, or None where labels are 0, 1, 2, …."""
        return self._classes

    @classes.setter
    def classes(self, labels: ArrayLike | None) -> None:
        new = None if labels is None else targets.as_classes(labels, max(self.sizes[-1], 2))
        if new is not None:
            self._check_says_labels()
        self._classes = new

    # ---- training ------------------------------------------------------------------------------

    @explain_arguments(OF_FIT)
    def fit(
        self,
        X: arrays.Matrix | Stream,
        y: ArrayLike | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = BATCH_SIZE,
        optimizer: Optimizer | None = None,
        validation_data: targets.Validation | Stream | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: targets.ClassWeight | None = None,
        callbacks: Iterable[CallbackLike] | CallbackLike | None = (),
        shuffle: bool = True,
        progress: bool = False,
        resume: bool = False,
        loss: Function | None = None,
        comm: Communicator | None = None,
    ) -> History:
        """Train by mini-batch gradient descent, or by steps of second order.

        Parameters
        ----------
        X : array-like, shape (n, n_in), or Stream
            A `fastnn.stream` holds y and weights, too. float32, float64 and uint8 arrays of any
            strides, memory maps and CSR matrices of these types are read in place, others are
            converted once. Bytes are numbers; the first fit on bytes above 1 sets `input_scale` to
            1/255. A frame's columns are remembered by name.
        y : array-like, shape (n,) or (n, n_out)
            Class labels (integers or strings), one-hot rows, or values that the output can reach. A
            value that is NaN is missing: it has no cost and no gradient. Losses with several
            outputs for each target (gaussian_nll, several quantiles) take (n, n_targets).
        epochs : int, optional
            Passes over the data; with `resume`, the total number. Default: as many as take 2,000
            steps or visit 64,000 examples, whichever are fewer, and at least 10; with `resume`,
            the checkpoint's number.
        batch_size : int or None, default 32
            Examples a step; None for all of them at once. The last batch of an epoch may be
            smaller.
        optimizer : Optimizer, optional
            `SGD`, `Adam`, `AdamW` or `RMSprop`; or `LBFGS` or `LevenbergMarquardt`, which take all
            rows a step, without dropout: an epoch is one iteration then. Default: the one used
            last on this network, at first ``Adam()``. Its state (momentum, moments, step count,
            damping) belongs to the network and goes on from call to call while the kind of
            optimiser stays the same; see `reset_optimizer`.
        validation_data : (X, y), (X, y, sample_weight) or Stream, optional
            Scored after each epoch as ``val_loss`` and, for classes, ``val_accuracy``.
        sample_weight : array-like, shape (n,) or (n, n_out), optional
            Weight of each example: 2 is as if the row were in X twice, 0 as if it were absent.
            The cost of a batch is divided by the sum of its weights. (n, n_out), or (n, n_targets),
            weighs each target; the weight of an example is then the mean of those of its targets.
        class_weight : dict or "balanced", optional
            Weight of the examples of each label; multiplied with `sample_weight`.
        callbacks : sequence of Callback or callable, optional
            See `fastnn.callbacks`. A function is called as ``f(run, logs)`` after each epoch.
        shuffle : bool, default True
            Visit the examples in a new order each epoch; no effect on one batch of all of them.
        progress : bool, default False
            Show a bar on stderr, or in the notebook.
        resume : bool, default False
            Continue from a checkpoint (`save` with ``checkpoint=True``): its optimiser, batch
            size, shuffle, random generator, epoch, history and callback states. Pass the same data
            and callbacks; the result has the bits of a run that was never interrupted.
        loss : callable, optional
            A cost of your own in place of the network's: f(a, y) returns the cost of each row,
            (m,), and dC/da, (m, n_out), for what `predict` answers on a batch of m rows, (m,
            n_out), and the same rows of y, which may be any array. Their weighted mean is
            learnt. A checkpoint holds the function's name; to resume, give the function again.
        comm : communicator, optional
            Train together with other processes, each of which has some of the rows: mpi4py's
            ``MPI.COMM_WORLD``, or whatever has its `Get_rank`, `Get_size`, `Allreduce` and `Bcast`.
            All call `fit` with the same arguments but for the data. `batch_size` counts the rows of
            all of them; they are shuffled as if each rank's stood after those of the one before. So
            the result is that of one process but for rounding, and the masks of dropout. Streams
            are shuffled by each rank for itself. Callbacks run on rank 0, `on_pause` does not.

        Returns
        -------
        History
            ``loss`` and, for classes, ``accuracy``: means over the epoch, each batch before its
            step; ``val_loss``, ``val_accuracy``; ``lr``, ``seconds``, ``examples_per_second``.
            Where there is no learning rate, ``lr`` is the length of the step over that of the
            gradient: the rate at which gradient descent would have gone as far.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong; the network is unchanged.
        KeyboardInterrupt
            Ctrl-C: the network is at a batch boundary, `history` holds the epochs so far. The same
            is true of any exception that a signal handler raises.
        RuntimeError
            Another rank has failed, as the message says; the network is at a batch boundary.
        MemoryError
            Before the first step: the network is unchanged. Later: as after Ctrl-C.

        Warns
        -----
        DivergenceWarning
            The loss stopped being finite. Training has ended, and the parameters are the best ones
            so far at the end of an epoch: by ``val_loss`` if there is validation data, else by
            ``loss``; those before the fit if no epoch improved them.
        """
        how = (epochs, batch_size, optimizer, callbacks, shuffle, progress, resume, loss, comm)
        return begun.fit(self, (X, y, sample_weight, class_weight, validation_data), *how)

    def reset_optimizer(self) -> None:
        """Forget the optimiser and its state: momentum, moments and step count."""
        with Alone(self):
            self._optimizer = self._state = self._fit_state = None

    def _check_not_training_elsewhere(self) -> None:
        """Raise BusyError if another thread trains the network; callbacks run in the same one."""
        if self._trainer not in (None, threading.get_ident()):
            raise _fastnn.BusyError("this network is being trained by another thread")

    def _train_state(self, optimizer: Optimizer) -> TrainState:
        if self._state is None or not self._state.fits(optimizer):
            self._state = OptimizerState.fresh(optimizer, self.n_params, self.dtype)
        return TrainState(
            self,
            self._core,
            self._rng,
            self._dropout_seed if any(self.dropout) else 0,
            self._state,
            self._rule,
            self._trainable,
        )

    # ---- reading -------------------------------------------------------------------------------

    def predict(
        self,
        X: arrays.Matrix | Stream,
        *,
        out: Array | str | os.PathLike[str] | None = None,
        logits: bool = False,
        dropout: bool = False,
        seed: int | None = None,
    ) -> Array:
        """Return the output activations of each row.

        Parameters
        ----------
        X : array-like, shape (n, n_in), or Stream
            As of `fit`; may be empty.
        out : ndarray, shape (n, n_out), or path-like, optional
            C-contiguous, of the dtype of the answer; or the path of a .npy file to write.
        logits : bool, default False
            The weighted sums z of the output layer, before its activation.
        dropout : bool, default False
            Set activations to 0 at random, as in training: each call is a sample of Monte Carlo
            dropout (Gal & Ghahramani 2016). The network must have dropout.
        seed : int, optional
            Fixes what `dropout` sets to 0. Default: different each time.

        Returns
        -------
        ndarray, shape (n, n_out)
            Of the network's dtype; of float64, in the units of the targets, where these are scaled
            (`output_scale`). A row's values do not depend on the other rows; with `dropout`, on
            their number before it only.
        """
        if dropout and not any(self.dropout):
            raise ValueError("dropout=True needs a network with dropout; this one has none")
        if seed is not None and not dropout:
            raise ValueError("seed is that of dropout=True")
        if out is None and not logits and not dropout:
            few = self._predict_few(X)
            if few is not None:
                return few
        if isinstance(X, Stream) or isinstance(out, str | os.PathLike):
            return self._passes.predict_stream(X, out, logits, dropout)
        rows = self._passes.rows(X, may_be_empty=True, to_predict=out is None)
        shape = (rows.n_rows, self.sizes[-1])
        dtype = self.dtype if self._output_scaling is None else np.dtype(np.float64)
        if out is None:
            out = np.empty(shape, dtype)
        else:
            arrays.check_out(out, shape, dtype, X)
        a = out if self._output_scaling is None else np.empty(shape, self.dtype)
        masks = None
        if dropout:
            fixed = None if seed is None else check_count("seed", seed, 0)
            masks = int(np.random.SeedSequence(fixed).generate_state(1, np.uint64)[0])
        layers_out = [None] * (len(self.sizes) - 1) + [a]
        if not self._passes.forward(rows, layers_out, logits=logits, dropout_seed=masks):
            self._passes.rows(X, may_be_empty=True)  # raises if a number of X is the cause
        if a is not out:
            out[:] = self._passes.in_units(a)
        return out

    def classify(self, X: arrays.Matrix) -> Array:
        """Return the class label of each row, shape (n,): that of the largest output.

        With one output, the second class where the output is at least ½; such a network has sigmoid
        output or its `classes` are set, else ValueError is raised. Labels are those of `classes`,
        or 0, 1, 2, …. For several labels a row, use ``predict(X) >= 0.5`` instead.
        """
        self._check_has_classes()
        return self._labels_of(self.predict(X))

    def _check_has_classes(self) -> None:
        if self.sizes[-1] == 1 and self.output != "sigmoid" and self._classes is None:
            raise ValueError(
                f"output {self.output!r} gives numbers, not classes; set `classes` if an output of "
                "0.5 or more means the second class"
            )

    def _labels_of(self, a: Array) -> Array:
        """Return the label of each row of outputs (n, n_out)."""
        if self.sizes[-1] == 1:
            index = (a[:, 0] >= 0.5).astype(np.int64)
        else:
            index = a[:, : None if self._classes is None else len(self._classes)].argmax(axis=1)
        return index if self._classes is None else self._classes[index]

    def activations(self, X: arrays.Matrix) -> list[Array]:
        """Return the activations of every layer, (n, width) each; the (scaled) input first."""
        rows = self._passes.rows(X, may_be_empty=True)
        out = [np.empty((rows.n_rows, width), self.dtype) for width in self.sizes]
        self._passes.forward(rows, out)
        return out

    def evaluate(
        self, X: Any, y: ArrayLike | None = None, *, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Return ``loss``, the mean cost, and for classes ``accuracy``, the share that is correct.

        With several labels a row (binary_cross_entropy with values), ``accuracy`` is the share of
        outputs on the correct side of ½.
        """
        examples = self._passes.to_evaluate(X, y, sample_weight)
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

        It is the cost of the predictions, without weight decay and dropout. That of an example
        whose targets are partly missing is the mean over the others, or n_out times the mean for a
        loss that is a sum; 0 without any.
        """
        examples, _ = self._passes.examples(X, y, sample_weight, per_example=per_example)
        if not per_example:
            return training.evaluate(self._core, examples, get_num_threads())["loss"]
        return self._passes.costs(examples)

    @property
    def _passes(self) -> Passes:
        """The network as views, estimators and exports use it: reading and passes."""
        return Passes(self)

    def _learn(self, encoded: targets.Encoded | None, reading: arrays.Reading) -> None:
        """Keep what the first examples of a training have fixed."""
        if encoded is not None:
            self._classes = encoded.classes
        self._scaling, self._feature_names = reading.scaling, reading.columns
        self._trained = True

    def _predict_few(self, X: Any) -> Array | None:
        """Return the predictions for a few rows of a plain array; None for any other X."""
        if self._old_bytes is not None and getattr(X, "dtype", None) == np.uint8:
            return None
        few: Array | None = self._core.forward_few(X, self._scaling, get_sparse())
        return few if few is None or self._output_scaling is None else self._passes.in_units(few)

    # ---- files ---------------------------------------------------------------------------------

    def _network(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON values."""
        return {
            "sizes": list(self.sizes),
            "activation": list(self.activation),
            "output": self.output,
            "loss": self.loss,
            "init": self.init,
            "dropout": list(self.dropout),
            "dtype": self.dtype.name,
            "seed": self.seed,
            "quantile": np.asarray(self.quantile).tolist(),  # a number or a list
            "huber_delta": self.huber_delta,
        }

    def save(self, path: str | os.PathLike[str], *, checkpoint: bool = False) -> None:
        """Write the network to a safetensors file, all or nothing.

        Parameters
        ----------
        path : path-like
            Its folder must exist. An old file is replaced only when the new one is complete.
        checkpoint : bool, default False
            Also save what ``fit(..., resume=True)`` needs: optimiser and its state, random
            generator, epoch, history, states of the callbacks.

        Raises
        ------
        OSError
            The file cannot be written; an old file is unchanged.
        ValueError
            The parameters are not finite, or a checkpoint was asked for before any training.
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
        for made in ("_core", "_alone", "_trainer", "weights", "biases", "_any_number"):
            del state[made]
        state["_last_step"] = None  # which points into this network's moments
        return {**state, "params": self._core.get_params()}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # two networks must not share an optimiser's state

    def __setstate__(self, state: dict[str, Any]) -> None:
        params = state.pop("params")
        vars(self).update(state)
        self._make_core()
        self.params = params

    def __repr__(self) -> str:
        return summary.text(self)

    def _repr_html_(self) -> str:
        return summary.html(self)


def check_mlp(net: object) -> MLP:
    """Return `net` if it is a network; an estimator holds one in its ``network_``."""
    if not isinstance(net, MLP):
        hint = "; give its network_" if hasattr(net, "network_") else ""
        raise TypeError(f"net must be a fastnn.MLP, got {type(net).__name__}{hint}")
    return net
