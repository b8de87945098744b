"""Writing of a network, and of the state of its training, into a model file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from reprlib import repr as shorten
from typing import Any

import numpy as np

from ..ensemble import Ensemble
from ..fit.state import Middle
from ..layout import Array, layers
from ..mlp import MLP
from . import container


def write(net: MLP, path: str | os.PathLike[str], checkpoint: bool) -> None:
    """Write the network and, for a checkpoint, the state for ``fit(..., resume=True)``."""
    tensors, facts = _described(net)
    if checkpoint:
        facts["training"], moments = _training(net)
        tensors.update(moments)
    container.write(path, tensors, facts)


def write_ensemble(ensemble: Ensemble, path: str | os.PathLike[str]) -> None:
    """Write the networks of an ensemble: their tensors in stacks, the facts they share once."""
    described = []
    for i, net in enumerate(ensemble):
        try:
            described.append(_described(net))
        except (ValueError, TypeError) as error:
            raise type(error)(f"network {i}: {error}") from None
    _check_metadata(ensemble.metadata)
    every = [facts for _, facts in described]
    networks = [facts.pop("network") for facts in every]
    shared, own = _divided(every)
    shared["network"], own_networks = _divided(networks)
    for facts, network in zip(own, own_networks, strict=True):
        if network:
            facts["network"] = network
    stacks: dict[tuple[Any, ...], list[int]] = {}
    for i, (tensors, _) in enumerate(described):
        key = tuple((name, values.shape, values.dtype) for name, values in tensors.items())
        stacks.setdefault(key, []).append(i)
    whole = {
        f"stacks.{number}.{name}": np.stack([described[i][0][name] for i in members])
        for number, (key, members) in enumerate(stacks.items())
        for name, *_ in key
    }
    facts = {"shared": shared, "networks": own, "stacks": list(stacks.values())}
    container.write(path, whole, {"ensemble": facts, "metadata": ensemble.metadata})


def _divided(every: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the entries that all have in common, and the others of each."""
    first = every[0]
    shared = {
        name: value
        for name, value in first.items()
        if all(name in facts and facts[name] == value for facts in every)
    }
    return shared, [{n: v for n, v in facts.items() if n not in shared} for facts in every]


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got {shorten(metadata)}")


def _described(net: MLP) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the facts of a network, without those of its training."""
    params = net._core.get_params()
    if not np.isfinite(params).all():
        raise ValueError("the parameters hold NaN or infinity; such a network is not saved")
    tensors = _tensors(net, params)
    _check_metadata(net.metadata)
    facts: dict[str, Any] = {"network": net._network(), "metadata": net.metadata}
    if net._classes is not None:
        facts["classes"] = net._classes.tolist()
    facts["inputs"] = {
        "names": None if net._feature_names is None else list(net._feature_names),
        "trained": net._trained,
        "bytes": "numbers" if net._old_bytes is None else "fractions of 255",
    }
    if net._trainable is not None:
        facts["trainable"] = net.trainable
    return tensors, facts


def _tensors(net: MLP, params: Array) -> dict[str, Array]:
    """Return weights, biases and scalings by their names in the file."""
    tensors: dict[str, Array] = {}
    for l, (W, b) in enumerate(layers(params, net.sizes)):
        tensors[f"weights.{l}"], tensors[f"biases.{l}"] = W, b
    if net._scaling is not None:
        tensors["input.shift"] = net._scaling.shift
        tensors["input.scale"] = net._scaling.scale
    if net._output_scaling is not None:
        tensors["output.shift"], tensors["output.scale"] = net._output_scaling
    return tensors


def _training(net: MLP) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the state of the training as JSON values and as tensors."""
    fit_state, state = net._fit_state, net._state
    if fit_state is None or state is None:
        raise ValueError("a checkpoint needs a training: call fit first")
    tensors = {
        f"optimizer.{name}": moment
        for name, moment in (("m", state.m), ("v", state.v))
        if moment is not None
    }
    states = net._fit.callback_states() if net._fit is not None else fit_state.callbacks
    plain: list[dict[str, Any]] = []
    for i, values in enumerate(states):
        held = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        tensors |= {f"callbacks.{i}.{name}": value for name, value in held.items()}
        plain.append({name: value for name, value in values.items() if name not in held})
    under_way = None if net._fit is None else net._fit.middle()
    middle, rng = under_way or (fit_state.middle, dict(net._rng.bit_generator.state))
    damping = {} if state.damping is None else {"damping": state.damping}
    return {
        "batch_size": fit_state.batch_size,
        "shuffle": fit_state.shuffle,
        "optimizer": fit_state.optimizer,
        "optimizer_kind": state.kind.__name__,
        "steps": state.steps,
        **damping,
        "epoch": fit_state.epoch,
        "epochs": fit_state.epochs,
        "lr_scale": fit_state.lr_scale,
        "history": fit_state.history.to_dict(),
        "callbacks": plain,
        **({} if fit_state.loss is None else {"loss": fit_state.loss}),
        **({} if middle is None else {"middle": _place(middle)}),
        **({"streamed": True} if fit_state.streamed else {}),
        "rng": rng,
        "dropout_seed": net._dropout_seed,
    }, tensors


def _place(middle: Middle) -> dict[str, Any]:
    return {"batch": middle.batch, "sums": list(middle.sums), "lr": middle.lr}
