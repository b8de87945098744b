"""Training of many networks in one call, `fit_many`.

Private: it may change without notice.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import arrays, targets
from ._config import get_num_threads
from .callbacks import EarlyStopping
from .checks import check_count
from .fit import many, training
from .fit.begun import BATCH_SIZE
from .fit.guards import Alone, Undone
from .fit.state import FitState, TrainingRows
from .history import History
from .mlp import MLP, check_mlp
from .optim import FirstOrder, Optimizer
from .streams.stream import Stream

_Prepared = tuple[TrainingRows, targets.Encoded, TrainingRows | None, arrays.Reading]


def fit_many(
    nets: Iterable[MLP],
    X: arrays.Matrix,
    y: ArrayLike,
    *,
    epochs: int | None = None,
    batch_size: int | None = BATCH_SIZE,
    optimizer: Optimizer | Sequence[Optimizer | None] | None = None,
    rows: Sequence[ArrayLike | None] | None = None,
    sample_weight: ArrayLike | Sequence[ArrayLike | None] | None = None,
    validation_data: targets.Validation | Sequence[targets.Validation | None] | None = None,
    early_stopping: EarlyStopping | Sequence[EarlyStopping | None] | None = None,
    shuffle: bool = True,
    progress: bool = False,
) -> list[History]:
    """Train many networks on the same data, each with the bits that its own `fit` would give.

    Narrow networks of one shape are trained side by side, one in each lane of the processor's
    vectors, wider ones one after the other; threads divide them. Seeds, initial weights, orders of
    rows and dropout are each network's own.

    Parameters
    ----------
    nets : iterable of MLP
        Networks of any shapes that read X and y, each once.
    X, y : array-like
        As of `MLP.fit`. Labels are those of the whole y, also where a network gets some rows.
    epochs, batch_size, shuffle : optional
        As of `MLP.fit`, for all networks.
    optimizer : Optimizer, or a list of one each, optional
        `SGD`, `Adam`, `AdamW` or `RMSprop`. Default: as of `MLP.fit`.
    rows : list of array-like of int or bool, one a network, optional
        The rows of X that a network is trained on: row numbers, which may repeat (a bootstrap), or
        a mask of n booleans (a fold); None for all. The network gets the bits of
        ``fit(X[rows], y[rows])``.
    sample_weight : array-like, or a list of one each, optional
        As of `MLP.fit`, for the rows of X.
    validation_data : (X, y) or (X, y, sample_weight), or a list of one each, optional
        As of `MLP.fit`.
    early_stopping : EarlyStopping, or a list of one each, optional
        A single one is copied for each network. A network that has stopped keeps its bits while
        the others go on.
    progress : bool, default False
        Show one bar for all.

    Returns
    -------
    list of History
        Of each network, also its ``history``. Times are those of all networks together.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong; all networks are unchanged.
    KeyboardInterrupt
        Ctrl-C: every network is at a batch boundary, its `history` holds the epochs so far.

    Warns
    -----
    DivergenceWarning
        The loss of a network, which the warning names, stopped being finite. It alone has ended,
        with its best parameters so far.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> nets = [fastnn.MLP([1, 8, 1], activation="tanh", seed=seed) for seed in range(10)]
    >>> histories = fastnn.fit_many(nets, X, X[:, 0] ** 2, epochs=20)
    >>> len(histories), len(histories[0])
    (10, 20)
    """
    listed = check_nets(nets)
    k = len(listed)
    optimizers = _one_each("optimizer", optimizer, k, isinstance(optimizer, list | tuple))
    weights = _one_each("sample_weight", sample_weight, k, _is_list_of_arrays(sample_weight))
    held_out = _one_each("validation_data", validation_data, k, isinstance(validation_data, list))
    stoppers = _one_each(
        "early_stopping", early_stopping, k, isinstance(early_stopping, list | tuple)
    )
    chosen = _one_each("rows", rows, k, rows is not None)
    if isinstance(X, Stream):
        raise TypeError("fit_many takes rows in memory, got a stream: call the fit of each network")
    wanted = None if epochs is None else check_count("epochs", epochs, 0)
    if batch_size is not None:
        check_count("batch_size", batch_size, 1)
    first_order = [_first_order(optimizers[i], net, i) for i, net in enumerate(listed)]
    callbacks = [_stopper(given, early_stopping) for given in stoppers]
    prepared = _prepared(listed, X, y, weights, held_out, many_epochs=wanted is None or wanted > 1)
    data = [_choose_rows(one, chosen[i], i) for i, one in enumerate(prepared)]
    n_threads, fits = get_num_threads(), []
    with ExitStack() as stack:
        for net in listed:
            stack.enter_context(Alone(net))
            stack.enter_context(Undone(net))
        for i, net in enumerate(listed):
            examples, encoded, validation, reading = data[i]
            size = examples.n_visited if batch_size is None else min(batch_size, examples.n_visited)
            fit_state = FitState(size, bool(shuffle), first_order[i].to_config())
            fit_state.epochs = wanted
            if fit_state.epochs is None:
                fit_state.epochs = training.default_epochs(examples.n_visited, size)
            in_order = None
            if chosen[i] is not None:
                in_order = _Alone(net, X, y, weights[i], chosen[i], encoded, reading)
            fit = many.OneOfMany(
                net._train_state(first_order[i]),
                examples,
                first_order[i],
                fit_state,
                epochs=fit_state.epochs,
                validation=validation,
                callbacks=callbacks[i],
                n_threads=n_threads,
                whose=f"network {i}: ",
                in_order=in_order,
            )
            net._fit, net._optimizer, net._fit_state = fit, first_order[i], fit_state
            if fit_state.epochs:
                net._learn(encoded, reading)
            net.history = fit_state.history
            fits.append(fit)
        try:
            many.train(fits, n_threads, progress)
        finally:
            for net in listed:
                net._fit = None
    return [net.history for net in listed]


def check_nets(nets: Iterable[MLP]) -> list[MLP]:
    """Return several networks as a list; raise if there is none, or one of them twice."""
    if isinstance(nets, MLP):
        raise TypeError("nets must be several networks, got one: call its fit")
    listed = [check_mlp(net) for net in nets]
    if not listed:
        raise ValueError("nets is empty: give at least one network")
    first: dict[int, int] = {}
    for i, net in enumerate(listed):
        if id(net) in first:
            raise ValueError(
                f"nets[{i}] is the same network as nets[{first[id(net)]}]: give each once, or a "
                "copy (copy.copy)"
            )
        first[id(net)] = i
    return listed


def _is_list_of_arrays(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(
        each is None or np.ndim(each) > 0 for each in value
    )


def _one_each(name: str, value: Any, k: int, several: bool) -> list[Any]:
    if not several:
        return [value] * k
    each = list(value)
    if len(each) != k:
        raise ValueError(f"{name} has {len(each)} entries for {k} networks")
    return each


def _first_order(given: Optimizer | None, net: MLP, i: int) -> FirstOrder:
    chosen = training.next_optimizer(given, net._optimizer)
    if not isinstance(chosen, FirstOrder):
        raise TypeError(
            f"{type(chosen).__name__} trains one network at a time, by its fit; for nets[{i}] give "
            "another optimizer, such as fastnn.Adam()"
        )
    return chosen


def _stopper(given: EarlyStopping | None, shared: Any) -> list[EarlyStopping]:
    if given is None:
        return []
    if not isinstance(given, EarlyStopping):
        raise TypeError(f"early_stopping must be fastnn.callbacks.EarlyStopping, got {given!r}")
    return [copy.copy(given) if given is shared else given]


def _bytes(values: Any) -> Any:
    return None if values is None else tuple(np.asarray(each).tobytes() for each in values)


def _prepared(
    nets: Sequence[MLP],
    X: Any,
    y: Any,
    weights: Sequence[Any],
    held_out: Sequence[Any],
    many_epochs: bool,
) -> list[_Prepared]:
    """Return what each network is trained on; networks that read alike share it."""
    made: dict[tuple[Any, ...], _Prepared] = {}
    results = []
    for net, weight, validation in zip(nets, weights, held_out, strict=True):
        scaling, classes = net._scaling, net._classes
        key = (
            *(net.sizes[0], net.sizes[-1], net.output, net.loss, net.dtype, net._outputs_each),
            None if classes is None else (classes.dtype, tuple(classes.tolist())),
            None if scaling is None else _bytes((scaling.shift, scaling.scale)),
            _bytes(net._output_scaling),
            *(net._feature_names, net._trained, id(net._old_bytes), id(weight), id(validation)),
        )
        if key not in made:
            passes = net._passes
            reading = passes.reading_to_train(X)
            examples, encoded, scored = passes.training_data(
                (X, y, weight, None, validation), reading, None, None, None
            )
            assert encoded is not None
            if examples.rows.sparse and many_epochs:
                examples = replace(examples, rows=arrays.listed(examples.rows))
            for other in made.values():  # the core trains networks together that share X
                if other[3] == reading and _same_rows(other[0], examples):
                    examples = replace(examples, rows=other[0].rows)
                    break
            made[key] = examples, encoded, scored, reading
        results.append(made[key])
    return results


def _same_rows(a: TrainingRows, b: TrainingRows) -> bool:
    return a.rows.n_rows == b.rows.n_rows and a.rows.sparse == b.rows.sparse


def _choose_rows(prepared: _Prepared, rows: ArrayLike | None, i: int) -> _Prepared:
    """Return the examples with the rows of network `i` to visit."""
    examples, *others = prepared
    if rows is None:
        return prepared
    visit = as_row_numbers(rows, examples.n, f"rows[{i}]")
    if examples.weight is not None:
        visit = visit[examples.weight[visit] != 0]
        if not len(visit):
            raise ValueError(f"rows[{i}] has no row of weight above 0")
    return (replace(examples, visit=visit), *others)  # type: ignore[return-value]


def as_row_numbers(rows: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Return row numbers, or the rows of a mask, as int64 (m,)."""
    given = np.asarray(rows)
    if given.dtype == bool:
        if given.shape != (n,):
            raise ValueError(f"{name} is a mask of shape {given.shape}; X has {n} rows")
        given = np.flatnonzero(given)
    if given.ndim != 1 or not given.size or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name} must be row numbers, (m,) integers, or a mask of {n} booleans")
    numbers = given.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= n:
        wrong = numbers[(numbers < 0) | (numbers >= n)][0]
        raise ValueError(f"{name} has row {wrong}; X has rows 0 to {n - 1}")
    return numbers


class _Alone:
    """The examples of a network that gets some rows, as its own `fit` would read them."""

    def __init__(
        self,
        net: MLP,
        X: Any,
        y: Any,
        weight: Any,
        rows: ArrayLike,
        encoded: targets.Encoded,
        reading: arrays.Reading,
    ) -> None:
        self._given = net, X, y, weight, rows, encoded, reading

    def __call__(self) -> TrainingRows:
        net, X, y, weight, rows, encoded, reading = self._given
        chosen = as_row_numbers(rows, encoded.n, "rows")
        goal = replace(
            net._passes.goal(),
            classes=encoded.classes,
        )
        return net._passes.examples(
            _taken(X, chosen),
            _taken(y, chosen),
            None if weight is None else np.asarray(weight)[chosen],
            goal=goal,
            reading=reading,
        )[0]


def _taken(values: Any, rows: NDArray[np.int64]) -> Any:
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return values[rows] if hasattr(values, "shape") else np.asarray(values)[rows]
