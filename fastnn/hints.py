"""Names of other libraries and their equivalents in fastnn, for messages about a wrong name.

There is one table for each kind of name. A name maps to its equivalents in fastnn, of which the
caller may allow only some; a name of other libraries without an equivalent maps to nothing, so that
no similar spelling is suggested for it.

Private: it may change without notice.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def _all(theirs: str, *ours: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(theirs.split(), ours)


# Keys are as `_plain` returns a name: small letters and digits, without a final "loss".
_ACTIVATIONS = {
    **_all("linear purelin", "identity"),
    **_all("logistic expit logsig sigm", "sigmoid"),
    **_all("tansig hyperbolictangent", "tanh"),
    **_all("rectifier rectify rectifiedlinear poslin", "relu"),
    **_all("lrelu leakyrectify leakyrectifier", "leaky_relu"),
    **_all("swish swish1", "silu"),
    **_all("softrelu smoothrelu", "softplus"),
    **_all("exponential", "exp"),
    **_all(
        "celu crelu gelutanh glu hardshrink hardsigmoid hardsilu hardswish hardtanh logsigmoid "
        "logsoftmax mish prelu quickgelu relu2 relu6 reglu rrelu selu softmin softshrink "
        "softsign sparsemax sparseplus squareplus swiglu tanhshrink threshold",
    ),
}
_LOSSES = {
    **_all("meansquarederror meansquare squarederror l2 leastsquares", "mse"),
    **_all("sse sumofsquares sumsquarederror", "quadratic"),
    **_all("meanabsoluteerror absoluteerror l1", "mae"),
    **_all(
        "categoricalcrossentropy sparsecategoricalcrossentropy crossentropy softmaxcrossentropy "
        "softmaxcrossentropywithlogits softmaxcrossentropywithintegerlabels nll "
        "negativeloglikelihood",
        "cross_entropy",
        "log_loss",
    ),
    **_all("log", "cross_entropy", "log_loss", "binary_cross_entropy"),
    **_all(
        "bce bcewithlogits binarycrossentropy binarycrossentropywithlogits sigmoidcrossentropy "
        "sigmoidbinarycrossentropy sigmoidcrossentropywithlogits",
        "binary_cross_entropy",
    ),
    **_all("smoothl1", "huber"),
    **_all("pinball tilted check", "quantile"),
    **_all("poissonnll poissondeviance", "poisson"),
    **_all("gaussianlikelihood gaussiannegativeloglikelihood normalnll", "gaussian_nll"),
    **_all(
        "binaryfocalcrossentropy categoricalfocalcrossentropy categoricalhinge cosineembedding "
        "cosinesimilarity dice focal hinge kld kldiv kldivergence logcosh mape "
        "meanabsolutepercentageerror meansquaredlogarithmicerror msle multimargin rmse rmsle "
        "rootmeansquarederror smape squaredepsiloninsensitive squaredhinge",
    ),
}
_INITS = {
    **_all("kaimingnormal he kaiming msra msraprelu", "he_normal"),
    **_all("glorot xavier xavieruniform", "glorot_uniform"),
    **_all("lecun", "lecun_normal"),
    **_all("zero allzeros", "zeros"),
    **_all("randn gaussian", "standard_normal"),
    **_all(
        "constant dirac eye identity normal one ones orthogonal randomnormal randomuniform "
        "truncatednormal truncnormal uniform variancescaling",
    ),
}
# Distributions of another shape with the same mean and variance.
_SAME_VARIANCE = {
    **_all("heuniform kaiminguniform", "he_normal"),
    **_all("lecununiform", "lecun_normal"),
    **_all("glorotnormal xaviernormal", "glorot_uniform"),
}
_SOLVERS = {
    **_all("lbfgsb", "lbfgs"),
    **_all("gradientdescent stochasticgradientdescent", "sgd"),
    **_all("adadelta adafactor adagrad adamax asgd ftrl lamb lion nadam radam rprop sparseadam"),
}
_TABLES = {
    "activation": _ACTIVATIONS,
    "output": _ACTIVATIONS,
    "output_activation": _ACTIVATIONS,
    "loss": _LOSSES,
    "init": _INITS,
    "solver": _SOLVERS,
    "optimizer": _SOLVERS,
}


def _instead(theirs: Mapping[str, str]) -> dict[str, str]:
    return {name: ours for ours, names in theirs.items() for name in names.split()}


# Arguments: the text to write, and the names that it replaces.
OF_OPTIMIZERS = _instead(
    {
        "lr": "learning_rate learning_rate_init eta step_size rate",
        "betas=(0.9, 0.999)": "beta_1 beta_2 beta1 beta2 b1 b2",
        "eps": "epsilon",
        "alpha (of RMSprop)": "rho",
        "nesterov": "nesterovs_momentum",
        "weight_decay": "l2 wd",
        "history_size": "maxcor memory",
        "max_line_search": "maxls max_ls",
        "tol": "gtol tolerance tolerance_grad min_grad",
        "damping": "mu lambda_ lam damping_factor",
        "epochs, which is an argument of `fit`": "max_iter maxiter",
        "clipnorm": "clip_norm global_clipnorm max_norm max_grad_norm grad_clip clip",
        "clipvalue": "clip_value clipval",
        "a schedule as lr, such as lr=fastnn.schedules.Exponential(...)": "decay",
    }
)
OF_FIT = _instead(
    {
        "progress=True": "verbose",
        "epochs": "epoch n_epochs nb_epoch num_epochs max_epochs max_iter n_iter",
        "epochs, of len(X) / batch_size steps each": "steps n_steps max_steps iterations "
        "steps_per_epoch",
        "batch_size": "batch bs batchsize",
        "optimizer=fastnn.Adam(lr=...)": "lr learning_rate learning_rate_init eta",
        "optimizer": "optim solver opt",
        "optimizer=fastnn.SGD(lr=..., momentum=...)": "momentum nesterov",
        "optimizer=fastnn.AdamW(weight_decay=...)": "weight_decay l2 alpha",
        "validation_data=(X_val, y_val)": "validation_split validation_fraction eval_set "
        "val_data validation",
        "sample_weight": "sample_weights weights",
        "class_weight": "class_weights",
        "callbacks=[fastnn.callbacks.EarlyStopping()]": "early_stopping patience n_iter_no_change",
        "callbacks": "callback",
        "resume=True, after loading a checkpoint": "initial_epoch",
        "seed, which is an argument of `MLP`": "seed random_state",
        "loss, which is an argument of `MLP`": "criterion",
        "dropout, which is an argument of `MLP`": "dropout",
    }
)
OF_MLP = _instead(
    {
        "sizes, such as [784, 16, 10]": "hidden_layer_sizes hidden_layers "
        "hidden layers layer_sizes units",
        "activation": "activations",
        "output": "output_activation out_activation final_activation",
        "loss": "criterion objective cost loss_function loss_fn",
        "init": "initializer kernel_initializer weight_init",
        "dropout": "dropout_rate drop_rate p",
        "seed": "random_state rng random_seed",
        "huber_delta": "delta",
        "optimizer=fastnn.Adam(lr=...) in `fit`": "lr learning_rate learning_rate_init eta",
        "optimizer=fastnn.AdamW(weight_decay=...) in `fit`": "alpha l2 weight_decay",
        "optimizer=fastnn.SGD(lr=..., momentum=...) in `fit`": "momentum",
        "optimizer, which is an argument of `fit`": "solver",
        "epochs, which is an argument of `fit`": "max_iter",
        "progress=True in `fit`": "verbose",
        "optimizer in `fit`": "optimizer",
        "epochs in `fit`": "epochs",
        "batch_size in `fit`": "batch_size",
        "callbacks in `fit`": "callbacks",
    }
)
OF_ESTIMATORS = _instead(
    {
        "hidden_layer_sizes": "hidden_layers hidden layers sizes",
        "activation": "activations",
        "output_activation": "output out_activation",
        "learning_rate_init": "lr learning_rate_value eta",
        "solver": "optimizer optim",
        "max_iter": "epochs n_epochs num_epochs max_epochs n_iter",
        "random_state": "seed random_seed",
        "alpha": "weight_decay",
        "epsilon": "eps",
        "beta_1 and beta_2": "betas",
        "nesterovs_momentum": "nesterov",
        "n_iter_no_change": "patience",
        "validation_fraction": "validation_split val_fraction",
        'verbose="progress"': "progress",
        "validation_data, which is an argument of `fit`": "validation_data",
    }
)


def _plain(name: str) -> str:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return plain.removesuffix("loss") or plain


def name_hint(argument: str, given: object, known: Iterable[str]) -> str:
    """Return a hint for the message about a name that is not among `known`, or "".

    The hint is another spelling of a known name, the known name for what Keras, PyTorch or
    scikit-learn call `given`, or the closest spelling; a function or class counts by its name.
    """
    known = tuple(known)
    if isinstance(given, str):
        name = given
    elif callable(given):
        name = getattr(given, "__name__", type(given).__name__)
    else:
        return ""
    plain, table = _plain(name), _TABLES.get(argument, {})
    same = [ours for ours in known if _plain(ours) == plain]
    same = same or [ours for ours in table.get(plain, ()) if ours in known]
    if same:
        return f" (fastnn's name for {name!r} is {' or '.join(map(repr, same))})"
    for near in _SAME_VARIANCE.get(plain, ()) if table is _INITS else ():
        return f" (there is no {name!r} here; {near!r} has the same variance)"
    if plain in table:
        return ""
    return _misspelt(name, known)


def _misspelt(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only needed after an error

    close = get_close_matches(name, tuple(known), 1, 0.75)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_arguments(
    function: str, given: Mapping[str, Any], known: Iterable[str], theirs: Mapping[str, str]
) -> None:
    """Raise TypeError, as Python does, for an unknown argument, with the one to write instead."""
    known = frozenset(known)
    for name in given:
        if name not in known:
            instead = theirs.get(name)
            hint = f"; write {instead}" if instead else _misspelt(name, sorted(known))
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def explain_arguments(theirs: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function whose unknown arguments may be those of another library."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known = frozenset(inspect.signature(function).parameters)

        @functools.wraps(function)
        def checked(*args: P.args, **given: P.kwargs) -> R:
            if not given.keys() <= known:
                check_arguments(function.__qualname__, given, known, theirs)
            return function(*args, **given)

        return checked

    return decorate
