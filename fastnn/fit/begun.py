"""The beginning of a fit: its arguments and data are checked, then the epochs run.

Private: it may change without notice.
"""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from .. import arrays, names, targets
from .._config import get_num_threads, threads_of_one
from .._fastnn import Scaling
from ..checks import check_count
from ..history import History
from ..optim import Optimizer, SecondOrder
from ..streams import memory
from ..streams.stream import Stream, stream
from ..targets import Encoded, encode
from . import second_order, training
from .guards import Alone, Undone
from .own_cost import name_of
from .ranks import Ranks
from .state import FitState

BATCH_SIZE = 32  # default of `fit`


def fit(
    net: Any,
    data: tuple[Any, Any, Any, Any, Any],  # X, y, sample_weight, class_weight, validation_data
    epochs: int | None,
    batch_size: int | None,
    optimizer: Optimizer | None,
    callbacks: Any,
    shuffle: bool,
    progress: bool,
    resume: bool,
    loss: Any,
    comm: Any,
) -> History:
    """Check all arguments of `MLP.fit`, and train."""
    if comm is not None:
        _check_together(net, loss, data[3], optimizer)
    with nullcontext() if comm is None else Ranks(comm, net.n_params, net.dtype) as ranks:
        wanted = None if epochs is None else check_count("epochs", epochs, 0)
        listed = training.check_callbacks(callbacks)
        if _is_to_stream(net, data, batch_size, optimizer, shuffle, resume, loss, ranks):
            data = (stream(data[0], data[1], weight=data[2]), None, None, *data[3:])
        reading = net._passes.reading_to_train(data[0])
        reading = reading if ranks is None else _same_reading(reading, ranks)
        examples, encoded, validation = net._passes.training_data(
            data, reading, loss, batch_size, ranks
        )
        n_visited = size = examples.n_visited
        if ranks is not None:
            ranks.rows = ranks.each(n_visited)
            n_visited = size = sum(ranks.rows)
        if batch_size is not None:
            size = min(check_count("batch_size", batch_size, 1), n_visited)
        if resume:
            fit_state, optimizer = training.resumed(
                net._fit_state, net._state, net._optimizer, optimizer, name_of(loss)
            )
            # A batch size equal to the default may not have been passed: use the checkpoint's.
            if batch_size != BATCH_SIZE and size != fit_state.batch_size:
                raise ValueError(
                    f"the checkpoint was made with batches of {fit_state.batch_size}, not {size}"
                )
        else:
            optimizer = training.next_optimizer(optimizer, net._optimizer)
            fit_state = FitState(size, bool(shuffle), optimizer.to_config(), loss=name_of(loss))
            fit_state.streamed = isinstance(data[0], Stream)
        batches = batch_size not in (None, BATCH_SIZE)
        second_order.check(net, optimizer, batches, listed, loss is not None, data[0])
        if isinstance(optimizer, SecondOrder):
            size = fit_state.batch_size = n_visited
        if wanted is None:
            wanted = fit_state.epochs  # the checkpoint's
        if wanted is None:
            wanted = training.default_epochs(n_visited, size)
        if (
            examples.rows is not None and examples.rows.sparse and wanted > 1
        ):  # not worth its time for a single pass
            examples = replace(examples, rows=arrays.listed(examples.rows))
        if ranks is not None:
            streamed = [isinstance(data[0], Stream), validation is not None]
            _check_same(ranks, net, reading, fit_state, wanted, optimizer, streamed)
        of_function = () if loss is None else (Exception,)  # it may raise, at the first batch
        with Alone(net), Undone(net, *of_function):
            train_state = net._train_state(optimizer)
            train_state.ranks = ranks
            begun = second_order.new_fit(
                train_state,
                examples,
                optimizer,
                fit_state,
                epochs=wanted,
                validation=validation,
                callbacks=listed,
                n_threads=get_num_threads() if ranks is None else _threads_beside(ranks),
            )
            net._fit, net._optimizer, net._fit_state = begun, optimizer, fit_state
            fit_state.epochs = wanted
            if wanted > len(fit_state.history):
                net._learn(encoded, reading)
            net.history = fit_state.history
            try:
                return begun.run(show=progress and (ranks is None or ranks.rank == 0))
            finally:
                net._fit = None


def _is_to_stream(
    net: Any,
    data: tuple[Any, Any, Any, Any, Any],
    batch_size: int | None,
    optimizer: Optimizer | None,
    shuffle: bool,
    resume: bool,
    loss: Any,
    ranks: Ranks | None,
) -> bool:
    """Return whether X is a memory map that is better read as a stream, and say so.

    A fit that is resumed goes on as it began, whatever memory is free by then.
    """
    X, _, weight, _, _ = data
    second = isinstance(optimizer or net._optimizer, SecondOrder)
    free = memory.available() if memory.is_mapped(X) else None
    if resume and net._fit_state is not None:
        is_large = memory.is_mapped(X) and net._fit_state.streamed
    else:
        is_large = free is not None and X.nbytes > free
    if ranks is not None:
        is_large = any(ranks.each(is_large))
    of_rows = second or loss is not None or net._rule.alpha
    of_rows = of_rows or batch_size is None or (weight is not None and np.ndim(weight) != 1)
    if not is_large or of_rows or not shuffle or isinstance(X, Stream):
        return False
    room = "" if free is None else f", for which {free / 1e6:,.0f} MB of memory are free"
    warnings.warn(
        f"X is a memory map of {X.nbytes / 1e6:,.0f} MB{room}: it is read as a stream, whose "
        "buffer is shuffled as a whole; fastnn.stream(X, y, buffer=...) sets the buffer's size",
        stacklevel=5,
    )
    return True


# ---- several ranks -----------------------------------------------------------------------------


def _check_together(net: Any, loss: Any, class_weight: Any, optimizer: Optimizer | None) -> None:
    """Refuse what a data-parallel fit cannot do; all ranks are asked for the same."""
    if loss is not None:
        raise TypeError("a loss of your own does not go with comm: train on one process")
    targets.is_balanced(class_weight)  # refuses other strings
    if isinstance(optimizer or net._optimizer, SecondOrder):
        name = type(optimizer or net._optimizer).__name__
        raise TypeError(f"{name} does not go with comm: use fastnn.Adam() or another of its kind")
    if net._rule.alpha:
        raise TypeError("alpha of an estimator does not go with comm")


def _threads_beside(ranks: Ranks) -> int:
    """Return this rank's part of its machine's processors."""
    machine = platform.node()
    return threads_of_one(ranks.each(machine).count(machine))


def _same_reading(reading: arrays.Reading, ranks: Ranks) -> arrays.Reading:
    """Return the reading of X of all ranks: bytes are pixels if they are on one of them."""
    scaled = ranks.each(reading.scaling is not None)
    if reading.scaling is None and any(scaled):
        n = reading.n_in
        scaling = Scaling(np.zeros(n), np.full(n, 1 / 255))
        reading = replace(reading, scaling=scaling)
    return reading


def agreed(ranks: Ranks, encoded: Encoded, goal: Any) -> Encoded:
    """Return what was found in the targets of all ranks: their labels, and how they are scored."""
    labels = None if encoded.classes is None else encoded.classes.tolist()
    metrics, each = zip(*ranks.each([encoded.metric, labels]), strict=True)
    if set(metrics) - {names.ARGMAX, names.THRESHOLD} and len(set(metrics)) > 1:
        raise ValueError("the targets of the ranks are of different kinds: labels, and numbers")
    metric = names.THRESHOLD if names.THRESHOLD in metrics else metrics[0]
    classes = encoded.classes
    if any(one != each[0] for one in each):
        if any(one is None or not all(isinstance(label, str) for label in one) for one in each):
            raise ValueError("the targets of the ranks are labels of different kinds")
        found = np.array(sorted({label for one in each for label in one}))
        classes = encode(found, len(found), goal).classes
    return replace(encoded, classes=classes, metric=metric)


def balanced(ranks: Ranks | None, counts: Counter[Any]) -> dict[Any, float]:
    """Return the weights of balanced classes, from the rows of each, of all ranks together."""
    if ranks is not None:
        everywhere: Counter[Any] = Counter()
        for each in ranks.each([*counts.items()]):
            everywhere.update(dict(each))
        counts = everywhere
    return targets.balanced(counts)


def _check_same(
    ranks: Ranks,
    net: Any,
    reading: arrays.Reading,
    fit_state: FitState,
    epochs: int,
    optimizer: Optimizer,
    streamed: list[bool],
) -> None:
    """Refuse ranks that were asked for different trainings."""
    middle = fit_state.middle
    scaling = reading.scaling
    facts = {
        **net._network(),
        "seed": None,  # that of rank 0 counts
        "trainable": net.trainable,
        "epochs": epochs,
        "batch_size": fit_state.batch_size,
        "shuffle": fit_state.shuffle,
        "optimizer": [type(optimizer).__name__, fit_state.optimizer],
        "resume (epochs done)": fit_state.epoch,
        "resume (batches done)": 0 if middle is None else middle.batch,
        "a stream": streamed[0],
        "validation_data": streamed[1],
        "feature_names": reading.columns,
        "input_shift": None if scaling is None else scaling.shift.tolist(),
        "input_scale": None if scaling is None else scaling.scale.tolist(),
        "output_scale": [one.tolist() for one in net._output_scaling or ()],
    }
    all_facts = ranks.each(facts)
    for rank, theirs in enumerate(all_facts):
        for name, value in theirs.items():
            if value != all_facts[0][name]:
                raise ValueError(
                    f"the ranks must be given the same, but for the data: {name} is "
                    f"{all_facts[0][name]} on rank 0, {value} on rank {rank}"
                )
