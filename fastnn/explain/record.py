"""Record of a network and its examples, from which a page in a file answers without Python.

The page computes with the C core as WebAssembly, in float32; what the core does not compute, the
sentences and the walks on the cost surface, is here as the views give it. The record is one message
(answers/message.py):

    meta       as of `fastnn lab`, with kind "file"
    params     float32 (n_params,), laid out like ``net.params``
    loss       { name, quantile, huber_delta }
    inputs     { shift, scale } float64 (n_in,), read as (x − shift) · scale; or null
    outputs    { shift, scale } float64 (n_out,): an answer is a · scale + shift; or null
    names      the neurons' names, a list for each layer, the inputs first
    x          uint8, float32 or float64 (n, n_in): the examples in the units of X; the first
               meta.data.n_train of them are for training
    y          float32 (n, n_out): their targets as the network compares them, NaN where missing
    labels     int32 (n,): the number of each one's class; or null
    targets    names of the classes of the examples, or their values (n, n_targets) in float64
    words      { answer, examples }: the sentence of `forward` with {} for the answer; and for each
               example { words, layers: [words of layer 1, …], pairs }, as of the calls `backprop`
               and `pairs`, true of the parameters of the record
    walkers    { plane: the call's answer, … }; or null
    programs   { function: steps of a stack machine, see expression.py, … }
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import example, places
from .answers.subject import Subject
from .cost import cost_table
from .expression import parse
from .functions import EXAMPLES
from .gradient import sensitivity
from .neuron_names import targets
from .nudges import nudges

Array = NDArray[Any]

_WHY = {
    "save": "A page in a file holds a copy: save the network where it was made.",
    "open": "Only fastnn lab opens other files.",
    "type_function": "Only fastnn lab reads new formulas; these were read when the page was made.",
    "walkers": "The page was made without walkers.",
}


def record_of(
    subject: Subject, training: dict[str, Any], *, title: str, version: str, walkers: bool
) -> dict[str, Any]:
    """Return the record of a subject.

    Parameters
    ----------
    training : dict
        The optimiser with which the page trains: kind, lr, momentum, batch_size.
    walkers : bool
        Whether to record the two walkers, which trains the network some times.
    """
    net, examples = subject.net, subject.examples
    walks = _walks(subject, training["batch_size"]) if walkers else None
    meta = subject.meta()
    meta["network"]["dtype"] = "float32"
    can = {
        "train": True,
        "rewind": True,
        "save": False,
        "open": False,
        "type_function": False,
        "sentences": "recorded",
        "walkers": "recorded" if walkers else False,
    }
    why = {name: _WHY[name] for name, able in can.items() if able is False}
    notes = ["Sentences and walks were recorded by fastnn when this page was made."]
    if net.dtype != np.float32:
        notes.append(f"The network computes in {net.dtype.name}; this page computes in float32.")
    rows = range(examples.n)
    return {
        "meta": {
            "kind": "file",
            "version": version,
            "title": title,
            **meta,
            "optimizer": training,
            "can": {**can, "why": why},
            "notes": notes,
        },
        "params": net.params.astype(np.float32),
        "loss": {
            "name": net.loss,
            "quantile": np.ravel(net.quantile).tolist(),
            "huber_delta": net.huber_delta,
        },
        "inputs": _scaling(net.input_shift, net.input_scale, net.sizes[0]),
        "outputs": _scaling(net.output_shift, net.output_scale, net.sizes[-1]),
        "names": [
            [subject.names.neuron(layer, j) for j in range(size)]
            for layer, size in enumerate(net.sizes)
        ],
        "x": _inputs(subject),
        "y": targets(net, examples.y, examples.n).astype(np.float32),
        "labels": examples.labels,
        "targets": list(examples.classes)
        if examples.labels is not None
        else np.asarray(examples.y, np.float64).reshape(examples.n, -1),
        "words": {"answer": example.ANSWER, "examples": [_words(subject, row) for row in rows]},
        "walkers": walks,
        "programs": {name: parse(text).steps for name, text in EXAMPLES.items()},
    }


def _scaling(shift: Array | None, scale: Array | None, n: int) -> dict[str, Array] | None:
    if shift is None and scale is None:
        return None
    both = (np.zeros(n) if shift is None else shift), (np.ones(n) if scale is None else scale)
    return {"shift": both[0].astype(np.float64), "scale": both[1].astype(np.float64)}


def _inputs(subject: Subject) -> Array:
    """Return the examples as dense rows, bytes as bytes."""
    X = subject.examples.X
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    return X if X.dtype == np.uint8 else example.as_numbers(X)


def _words(subject: Subject, row: int) -> dict[str, Any]:
    """Return the sentences of one example; its numbers are computed by the page."""
    x, y = example.one(subject, None, None, row)
    view, costs = nudges(subject.net, x, y), cost_table(subject.net, x, y)
    return {
        "words": example.words_of(costs),
        "layers": [example.words_of_layer(here) for here in view.layers()][::-1],
        "pairs": example.pair_of(sensitivity(subject.net, x, y, top=1)),
    }


def _walks(subject: Subject, batch_size: int) -> dict[str, Any]:
    """Return both walkers on every plane."""
    paths = places.walks(subject, batch_size=batch_size)
    return {plane: places.paths_on(paths, plane) for plane in paths.planes}
