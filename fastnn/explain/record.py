"""Record of a network and its examples, from which a page in a file answers without Python.

The page computes with the C core as WebAssembly, in float32; what the core does not compute, the
sentences and the walks on the cost surface, is here as the views give it. The format stands in the
header of ``fastnn/page/source-file.mjs``, which reads it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import targets as of_targets
from ..mlp import MLP
from ..names import PARAMETERS
from ..optim import FirstOrder
from .answers import example, places
from .answers.subject import NO_SEED, Subject, file_of
from .cost import cost_table
from .expression import parse
from .functions import EXAMPLES
from .gradient import sensitivity
from .neuron_names import targets
from .nudges import nudges
from .view_data import copied

Array = NDArray[Any]

FORMAT = 1
_WHY = {
    "initial": NO_SEED,
    "open": "Only fastnn lab opens other models and data.",
    "type_function": "Only fastnn lab reads new formulas; these were read when the page was made.",
    "train": "Layers of this network are frozen, and a page in a file trains all: see fastnn lab.",
    "walkers": "The page was made without walkers.",
}


def record_of(
    subject: Subject,
    optimizer: FirstOrder,
    batch_size: int,
    *,
    title: str,
    version: str,
    walkers: bool,
) -> dict[str, Any]:
    """Return the record of a subject as JSON values; the core and the worker are added to it.

    Parameters
    ----------
    optimizer, batch_size
        With which the page begins to train.
    title, version : str
        Of the page, and of fastnn.
    walkers : bool
        Whether to record the two walkers, which trains the network some times.
    """
    training = {
        "kind": type(optimizer).__name__,
        "lr": optimizer.lr,
        "momentum": getattr(optimizer, "momentum", 0.0),
        "batch_size": batch_size,
    }
    n, n_train = subject.examples.n, subject.n_train
    why, file = dict(_WHY), None
    try:
        file = array(np.frombuffer(_template(subject.net), np.uint8))
    except (TypeError, ValueError) as error:  # its metadata is not JSON
        why["save"] = f"This network cannot be saved: {error}"
    return {
        "format": FORMAT,
        "meta": _meta(subject, training, title, version, walkers, why),
        "network": _network(subject),
        "file": file,
        "neurons": _packed(
            [
                [subject.names.neuron(l, i) for i in range(n)]
                for l, n in enumerate(subject.net.sizes)
            ]
        ),
        "optimizer": {
            "kind": optimizer.kind,
            **optimizer.constants,
            "clip_norm": optimizer.clipnorm or 0,
            "clip_value": optimizer.clipvalue or 0,
        },
        "examples": _examples(subject, slice(0, n_train)),
        "validation": _examples(subject, slice(n_train, n)) if n_train < n else None,
        "said": _packed([_said(subject, row) for row in range(n)]),
        "walkers": _walkers(subject, batch_size) if walkers else [],
        "programs": [parse(text).steps for text in EXAMPLES.values()],
        "descents": [],
    }


def array(values: Array) -> dict[str, Any]:
    """Return an array as JSON values."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(little.tobytes(), 9)).decode("ascii")
    return {"dtype": values.dtype.name, "shape": list(values.shape), "data": data}


def _template(net: MLP) -> bytes:
    """Return the network's model file with parameters of 0, into which the page writes its own."""
    empty = copied(net)
    empty.params = np.zeros_like(net.params)
    empty._trained = True  # it reads its inputs as the page does
    content = file_of(empty)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), ensure_ascii=False, sort_keys=True)
    text = header.encode()  # in an order of its own: that of the library is another one each time
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _packed(value: Any) -> dict[str, str]:
    """Return JSON values, compressed."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {"json": base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")}


def _meta(
    subject: Subject,
    training: dict[str, Any],
    title: str,
    version: str,
    walkers: bool,
    why: dict[str, str],
) -> dict[str, Any]:
    meta, net = subject.meta(), subject.net
    can = {
        "train": all(net.trainable),
        "rewind": True,
        "initial": net.seed is not None,
        "save": "save" not in why,
        "open": False,
        "type_function": False,
        "sentences": "recorded",
        "walkers": "recorded" if walkers else False,
    }
    notes = ["Sentences and walks were recorded by fastnn when this page was made."]
    if net.dtype != np.float32:
        notes.append(f"The network computes in {net.dtype.name}; this page computes in float32.")
    return {
        "kind": "file",
        "version": version,
        "title": title,
        **_flat(meta),
        "network": {**meta["network"], "dtype": "float32"},
        "optimizer": training,
        "can": {**can, "why": {name: why[name] for name, able in can.items() if able is False}},
        "notes": notes,
    }


def _network(subject: Subject) -> dict[str, Any]:
    net = subject.net
    scaling = net._scaling if net._old_bytes is None else net._old_bytes
    plain = scaling is None or scaling.keeps_zeros
    outputs = net._output_scaling
    encoded = of_targets.encode(subject.examples.y, subject.examples.n, net._passes.goal())
    parameter = PARAMETERS.get(net.loss)
    return {
        "params": array(net.params.astype(np.float32)),
        "loss_params": None
        if parameter is None
        else np.resize(getattr(net, parameter), net.sizes[-1]).astype(float).tolist(),
        "metric": encoded.metric,
        "factor": scaling.factor if scaling is not None and plain else 1,
        "shift": None if scaling is None or plain else array(scaling.shift),
        "scale": None if scaling is None or plain else array(scaling.scale),
        "out_shift": None if outputs is None else array(np.asarray(outputs[0], np.float64)),
        "out_scale": None if outputs is None else array(np.asarray(outputs[1], np.float64)),
        "initial": None if net.seed is None else array(subject.initial().params.astype(np.float32)),
    }


def _examples(subject: Subject, rows: slice) -> dict[str, Any]:
    """Return examples, bytes as bytes."""
    X, y = subject.examples.at(rows)
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    labels = subject.examples.labels
    of_page: dict[str, Any] = {
        "X": array(X if X.dtype == np.uint8 else example.as_numbers(X)),
        "labels": None,
        "values": None,
        "targets": None,
    }
    if labels is not None:
        return {**of_page, "labels": array(labels[rows].astype(np.int32))}
    values = targets(subject.net, y, len(y)).astype(np.float32)
    in_units = np.asarray(y, np.float64).reshape(len(y), -1)
    return {**of_page, "values": array(values), "targets": array(in_units)}


def _said(subject: Subject, row: int) -> dict[str, Any]:
    """Return the sentences of one example; its numbers are computed by the page."""
    x, y = example.one(subject, None, None, row)
    view, costs = nudges(subject.net, x, y), cost_table(subject.net, x, y)
    return {
        "forward": [example.forward(subject, x[0])["words"]],
        "backprop": example.words_of(costs),
        "layers": [example.words_of_layer(here) for here in view.layers()][::-1],
        "pair": _flat(example.pair_of(sensitivity(subject.net, x, y, top=1))),
    }


def _walkers(subject: Subject, batch_size: int) -> list[dict[str, Any]]:
    """Return both walkers on every plane."""
    paths = places.walks(subject, batch_size=batch_size)
    return [
        {
            "args": {"plane": plane, "batch_size": batch_size},
            "result": _packed(_flat(places.paths_on(paths, plane))),
        }
        for plane in paths.planes
    ]


def _flat(value: Any) -> Any:
    """Return JSON values, an array as the list of its numbers; NaN and infinity are null."""
    if isinstance(value, Mapping):
        return {key: _flat(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_flat(item) for item in value]
    if isinstance(value, np.ndarray):
        return _flat(value.ravel().tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
