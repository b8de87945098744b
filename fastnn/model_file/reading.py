"""Reading of a model file into a network; every part is checked before it is used."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optim
from ..checks import check_number, is_whole
from ..ensemble import Ensemble
from ..fit.state import FitState, Middle, OptimizerState
from ..history import History
from ..init import INITS
from ..mlp import MLP
from ..names import check_name
from ..paths import one_line
from . import container

if TYPE_CHECKING:
    from ..tabular.model import TableModel

_DTYPES = ("float32", "float64")
_FRACTIONS = "fractions of 255"
_OLD_INPUTS = {"names": None, "trained": True, "bytes": _FRACTIONS}  # of format version 1
# Networks of a file, and what they share once all of them have it: a small file may say much.
_MOST_NETWORKS, _MOST_SHARED = 1 << 16, 1 << 26
_OF_ONE = {"format_version", "network", "metadata", "inputs", "trainable"}
_MOST_LABELS = 1 << 20  # characters of all labels, if all were as long as the longest


def load(
    path: str | os.PathLike[str],
) -> MLP | TableModel | Any:  # an Ensemble too: Any spares checks
    """Return the network, the `Ensemble` or the model of a table that was saved to a file.

    A checkpoint is restored with all that ``fit(..., resume=True)`` needs.

    Parameters
    ----------
    path : path-like
        A safetensors file. Reading it cannot run code.

    Returns
    -------
    MLP, Ensemble or TableModel
        What was saved. A `TableModel` is also a network that was trained by the command line on a
        table that needs preparation: with words, dates, gaps or columns left out.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not a fastnn model, is damaged, or was written by a later version.
    MemoryError
        It does not fit into memory.

    Examples
    --------
    >>> import fastnn, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.safetensors"
    >>> fastnn.MLP([2, 3, 1], seed=0).save(path)
    >>> fastnn.load(path).sizes
    (2, 3, 1)
    """
    path = Path(path)
    tensors, facts = container.read(path)
    try:
        model = (_ensemble if "ensemble" in facts else _network)(tensors, facts)
        if "columns" not in model.metadata:
            return model
        from ..tabular.model import TableModel

        return TableModel.from_network(model)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is not a sound fastnn model: {one_line(what)}") from None


def _network(tensors: container.Tensors, facts: Mapping[str, Any]) -> MLP:
    version = facts["format_version"]
    known = {"format_version", "network", "classes", "metadata", "training"}
    _check_known("it", facts, known | {"inputs", "trainable"} if version > 1 else known)
    network = dict(facts["network"])
    sizes, dtype = network["sizes"], np.dtype(check_name("dtype", network["dtype"], _DTYPES))
    left = dict(tensors)

    def take(name: str, shape: tuple[int, ...], dtype: np.dtype[Any] = dtype) -> Any:
        if name not in left:
            raise ValueError(f"the tensor {name!r} is missing")
        tensor = left.pop(name)
        if tensor.shape != shape or tensor.dtype != dtype:
            raise ValueError(
                f"the tensor {name!r} is {tensor.dtype} {tensor.shape}, not {dtype} {shape}"
            )
        return tensor

    double = np.dtype(np.float64) if version > 1 else dtype

    # The tensors first: a large network that is only described must not be allocated.
    parts = [
        (take(f"weights.{l}", (n_in, n_out)), take(f"biases.{l}", (n_out,)))
        for l, (n_in, n_out) in enumerate(pairwise(sizes))
    ]
    init = check_name("init", network.pop("init"), INITS)
    net = MLP(**network, init="zeros")
    vars(net)["init"] = init
    for l, (W, b) in enumerate(parts):
        net.weights[l], net.biases[l] = W, b
    if "input.shift" in left or "input.scale" in left:
        net.input_shift = take("input.shift", (sizes[0],), double)
        net.input_scale = take("input.scale", (sizes[0],), double)
    if "output.shift" in left or "output.scale" in left:
        net.output_shift = take("output.shift", (sizes[-1],), double)
        net.output_scale = take("output.scale", (sizes[-1],), double)
    _read_inputs(net, facts["inputs"] if version > 1 else _OLD_INPUTS)
    if facts.get("classes") is not None:
        net.classes = _labels(facts["classes"])
    if "trainable" in facts:
        net.trainable = facts["trainable"]
    if not isinstance(facts.get("metadata", {}), dict):
        raise ValueError("its metadata is not an object")
    net.metadata = facts.get("metadata", {})
    if version == 1:  # it had the names of a table's columns in its metadata
        names = net.metadata.get("feature_names")
        net.feature_names = names if isinstance(names, list) and len(names) == sizes[0] else None
    if "training" in facts:
        _restore(net, facts["training"], left)
    if left:
        raise ValueError(f"it has the unexpected tensor {sorted(left)[0]!r}")
    return net


def _ensemble(tensors: container.Tensors, facts: Mapping[str, Any]) -> Ensemble:
    """Return the networks of a file of several, each read by `_network`."""
    version = facts["format_version"]
    _check_known("it", facts, {"format_version", "ensemble", "metadata"})
    said = facts["ensemble"]
    _check_known("its ensemble", said, {"shared", "networks", "stacks"})
    shared, own, stacks = dict(said["shared"]), said["networks"], said["stacks"]
    classes = shared.pop("classes", None)
    labels = None if classes is None else _labels(classes)  # of all: read once
    k, length = len(own), len(json.dumps(shared))
    if k > _MOST_NETWORKS or k * length > _MOST_SHARED:
        raise ValueError(f"its {k:,} networks share facts of {length:,} characters: too much")
    if sorted(i for members in stacks for i in members) != list(range(k)):
        raise ValueError("its stacks are not of its networks, each once")
    of_stacks: list[container.Tensors] = [{} for _ in stacks]
    for name, stack in tensors.items():
        start, number, rest = (*name.split(".", 2), "", "")[:3]
        known = start == "stacks" and number.isascii() and number.isdigit() and rest
        if not known or int(number) >= len(stacks) or len(number) > 5:
            raise ValueError(f"it has the unexpected tensor {name!r}")
        if stack.ndim == 0 or len(stack) != len(stacks[int(number)]):
            raise ValueError(f"the tensor {name!r} is not of {len(stacks[int(number)])} networks")
        of_stacks[int(number)][rest] = stack
    nets: dict[int, MLP] = {}
    kept = None
    for members, held in zip(stacks, of_stacks, strict=True):
        for j, i in enumerate(members):
            one = {"metadata": {}, **shared, **own[i], "format_version": version}
            one["network"] = {**shared["network"], **own[i].get("network", {})}
            one["metadata"] = copy.deepcopy(one["metadata"])
            _check_known("one of its networks", one, _OF_ONE)
            nets[i] = _network({name: stack[j] for name, stack in held.items()}, one)
            if labels is not None and kept is None:
                nets[i].classes = labels
                kept = nets[i].classes
            elif kept is not None:
                nets[i]._check_says_labels()
                nets[i]._classes = kept
    ensemble = Ensemble(nets[i] for i in range(k))
    if not isinstance(facts.get("metadata", {}), dict):
        raise ValueError("its metadata is not an object")
    ensemble.metadata = facts.get("metadata", {})
    return ensemble


def _check_known(whose: str, facts: Mapping[str, Any], known: set[str]) -> None:
    unknown = set(facts) - known
    if unknown:
        raise ValueError(f"{whose} holds {sorted(unknown)[0]!r}, which this version does not know")


def _read_inputs(net: MLP, inputs: Mapping[str, Any]) -> None:
    """Set column names, the meaning of bytes, and whether the network was trained."""
    _check_known("its inputs", inputs, set(_OLD_INPUTS))
    net.feature_names = inputs["names"]
    net._trained = bool(inputs["trained"])
    if check_name("bytes", inputs["bytes"], ("numbers", _FRACTIONS)) == _FRACTIONS:
        net._read_bytes_as_fractions()


def _labels(classes: Any) -> Any:
    """Return the labels as an array, after a check of its size: the longest sets it for all."""
    if not isinstance(classes, list):
        raise ValueError("its classes are not a list")
    lengths = [len(label) for label in classes if isinstance(label, str)]
    if len(lengths) * max(lengths, default=0) > 4 * sum(lengths) + _MOST_LABELS:
        raise ValueError(f"a label of its classes has {max(lengths):,} characters")
    return np.asarray(classes)


def _restore(net: MLP, facts: Mapping[str, Any], left: container.Tensors) -> None:
    """Restore the training state of a checkpoint; its tensors are removed from `left`."""
    kind = optim.KINDS[facts["optimizer_kind"]]
    moments = [left.pop(f"optimizer.{name}", None) for name in ("m", "v")]
    for moment in moments:
        if moment is not None and (moment.shape, moment.dtype) != ((net.n_params,), net.dtype):
            raise ValueError("its optimiser's state does not fit the network")
    damping = facts.get("damping")  # of Levenberg-Marquardt alone
    if damping is not None:
        damping = check_number("damping", damping, "a number above 0", lambda x: x > 0)
    state = OptimizerState(kind, moments[0], moments[1], _count(facts, "steps"), damping)
    optimizer = None
    if facts["optimizer"] is not None:
        optimizer = optim.optimizer_from_config(facts["optimizer"])
        if not state.fits(optimizer):
            raise ValueError("its optimiser's state does not fit the optimiser")
    callbacks = [dict(values) for values in facts["callbacks"]]
    for i, values in enumerate(callbacks):
        prefix = f"callbacks.{i}."
        for name in [name for name in left if name.startswith(prefix)]:
            values[name.removeprefix(prefix)] = left.pop(name)
    history, epoch = History.from_dict(facts["history"]), _count(facts, "epoch")
    if len(history) != epoch:
        raise ValueError(f"its epoch is {epoch}, its history has {len(history)}")
    net._rng.bit_generator.state = facts["rng"]
    net._dropout_seed = _count(facts, "dropout_seed", 2**64)
    net._state, net._optimizer = state, optimizer
    net._fit_state = FitState(
        batch_size=max(_count(facts, "batch_size"), 1),
        shuffle=bool(facts["shuffle"]),
        optimizer=facts["optimizer"],
        lr_scale=check_number("lr_scale", facts["lr_scale"], "0 or more", lambda x: x >= 0),
        history=history,
        callbacks=callbacks,
        epochs=_count(facts, "epochs") if facts.get("epochs") is not None else None,
        loss=str(facts["loss"]) if "loss" in facts else None,
        middle=_middle(facts["middle"]) if facts.get("middle") is not None else None,
        streamed=facts.get("streamed") is True,
    )
    net.history = net._fit_state.history


def _middle(facts: Mapping[str, Any]) -> Middle:
    loss, correct, weight = facts["sums"]
    given = {"sums": loss, "right predictions": correct, "weights": weight, "lr": facts["lr"]}
    sums = [check_number(name, value, "a number", lambda _: True) for name, value in given.items()]
    return Middle(_count(facts, "batch"), (sums[0], sums[1], sums[2]), sums[3])


def _count(facts: Mapping[str, Any], name: str, below: int = 2**63) -> int:
    value = facts[name]
    if not is_whole(value) or not 0 <= value < below:
        raise ValueError(f"its {name} is {value!r}")
    return value
