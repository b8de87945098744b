"""Conversion of PyTorch's modules or parameters to a network: ``from_torch``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..activations import TORCH
from ..mlp import MLP
from ..names import ACTIVATIONS, HIDDEN, Activation, Loss, Output, check_name
from .torch_modules import InputScaling, OutputScaling, module_of

_DTYPES = (torch.float32, torch.float64)

_FUNCTIONS: dict[type[nn.Module], Output] = {
    module_of(TORCH[name][0]): name for name in ACTIVATIONS if name in TORCH and name != "identity"
}


@dataclass
class _Layer:
    """Arrays and function of one layer, and its place for messages."""

    where: str
    weight: NDArray[Any]  # (n_out, n_in), theirs
    bias: NDArray[Any] | None
    function: Output | None = None
    dropout: float = 0.0


@dataclass
class _Found:
    layers: list[_Layer] = field(default_factory=list)
    scaling: tuple[NDArray[Any], NDArray[Any]] | None = None  # shift and scale of the inputs
    answers: tuple[NDArray[Any], NDArray[Any]] | None = None  # and of the outputs
    fractions: bool = False  # bytes count as x / 255


def from_torch(
    source: Any,
    *,
    activation: Activation | Sequence[Activation] | None = None,
    output: Output | None = None,
    loss: Loss | None = None,
    quantile: float = 0.5,
    huber_delta: float = 1.0,
    seed: int | None = None,
) -> MLP:
    """Return the network that modules or parameters of PyTorch describe, with a copy of them.

    Parameters
    ----------
    source : torch.nn.Sequential or state_dict
        ``Linear`` layers, the activations that `MLP` has, ``Dropout`` after them; ``Flatten`` in
        front and ``Identity`` are ignored. Or a ``state_dict``: the weights and biases of linear
        layers in order. Files are not read: pass the result of ``torch.load(path,
        weights_only=True)``.
    activation : str or sequence of str, optional
        Activation of the hidden layers, as of `MLP`; only for a ``state_dict``, which has none.
        Linear modules without an activation between them have ``identity``.
    output : str, optional
        Activation of the output layer; needed for a ``state_dict``. For modules that end with a
        linear layer, the function that their loss applies: ``"softmax"`` for ``CrossEntropyLoss``,
        ``"sigmoid"`` for ``BCEWithLogitsLoss``; default ``identity``.
    loss : str, optional
        As of `MLP`, with the same default: PyTorch's modules have no loss.
    quantile, huber_delta, seed
        As of `MLP`.

    Returns
    -------
    MLP
        In the dtype of the parameters, float32 or float64.

    Raises
    ------
    ImportError
        PyTorch is not installed.
    TypeError
        `source` is something else.
    ValueError
        It has no equivalent as an `MLP`: another module or setting, widths that do not match,
        another dtype or several, NaN or infinity, or no layer.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.export import from_torch, to_torch
    >>> net = fastnn.MLP([4, 8, 3], output="softmax", seed=0)
    >>> back = from_torch(to_torch(net))
    >>> back.activation, back.output, bool((back.params == net.params).all())
    (('relu',), 'softmax', True)
    """
    functions: tuple[Activation | Sequence[Activation], Output]
    if _is_plain(source):
        found = _of_modules(source)
        functions = _own_functions(found.layers, activation, output)
    elif isinstance(source, Mapping):
        found = _of_state(source)
        functions = _given_functions(found.layers, activation, output)
    else:
        hint = ""
        if isinstance(source, nn.Linear):
            hint = "; write torch.nn.Sequential(linear)"
        elif isinstance(source, str | bytes) or hasattr(source, "__fspath__"):
            hint = "; files are not read: pass the result of torch.load(path, weights_only=True)"
        elif isinstance(source, nn.Module):
            hint = "; its parameters are read from its state_dict()"
        raise TypeError(
            f"source must be a torch.nn.Sequential or a state_dict, got {type(source).__name__}"
            + hint
        )
    layers = found.layers
    _check_answers(found, functions[1])
    net = MLP(
        [layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers)],
        activation=functions[0],
        output=functions[1],
        loss=loss,
        dropout=[layer.dropout for layer in layers[:-1]],
        dtype=layers[0].weight.dtype,
        quantile=quantile,
        huber_delta=huber_delta,
        seed=seed,
    )
    for l, layer in enumerate(layers):
        net.weights[l] = layer.weight.T
        net.biases[l] = np.zeros(net.sizes[l + 1]) if layer.bias is None else layer.bias
    if found.scaling is not None:
        shift, scale = found.scaling
        net.input_shift, net.input_scale = shift, scale
    if found.fractions:
        net._read_bytes_as_fractions()
    if found.answers is not None:
        net.output_shift, net.output_scale = found.answers
    return net


# ---- modules -----------------------------------------------------------------------------------


def _is_plain(module: Any) -> bool:
    """Return whether a sequence runs its modules in order; a subclass may not."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _flat(sequence: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules with their names, including those of nested sequences."""
    for name, module in sequence.named_children():
        if _is_plain(module):
            _check_no_hooks(f"module {prefix}{name}", module)
            yield from _flat(module, f"{prefix}{name}.")
        else:
            yield f"module {prefix}{name} ({type(module).__name__})", module


def _of_modules(sequence: nn.Sequential) -> _Found:
    found = _Found()
    layers = found.layers
    _check_no_hooks("the Sequential", sequence)
    for where, module in _flat(sequence):
        kind, last = type(module), layers[-1] if layers else None
        _check_no_hooks(where, module)
        if kind is nn.Identity or (kind is nn.Dropout and module.p == 0):
            continue
        if found.answers is not None:
            raise ValueError(f"{where} follows the OutputScaling, which must be the last")
        if kind is nn.Linear:
            weight = _values(f"{where}: its weight", module.weight)
            bias = None if module.bias is None else _values(f"{where}: its bias", module.bias)
            _add(found, where, weight, bias)
        elif kind is nn.Flatten and not layers:
            if (module.start_dim, module.end_dim) != (1, -1):
                raise ValueError(f"{where} must flatten from dimension 1 to the last")
        elif kind is InputScaling and not layers and found.scaling is None:
            found.scaling = _shift_and_scale(f"{where}: its {{}}", module.shift, module.scale)
            found.fractions = module.fractions
        elif kind is OutputScaling and layers:
            found.answers = _shift_and_scale(f"{where}: its {{}}", module.shift, module.scale)
        elif kind is nn.Dropout:
            if last is None:
                raise ValueError(f"{where}: an MLP has no dropout of its inputs")
            if last.dropout:
                raise ValueError(f"{where} follows another dropout")
            if module.p >= 1:
                raise ValueError(f"{where}: p must be below 1, it is {module.p}")
            last.dropout = module.p
        elif kind in _FUNCTIONS:
            _set_function(where, module, last)
        else:
            raise ValueError(f"{where} has no equivalent in an MLP{_HINTS.get(kind, '')}")
    if not layers:
        raise ValueError("source has no Linear layer")
    if layers[-1].dropout:
        raise ValueError(f"source ends with a Dropout, after {layers[-1].where}: leave it out")
    for layer in layers[:-1]:
        if (layer.function or "identity") not in HIDDEN:
            raise ValueError(f"{layer.where}: {layer.function} is for the output layer only")
    return found


_HINTS: dict[type[nn.Module], str] = {
    nn.LogSoftmax: "; leave it out and give output='softmax'",
    nn.BatchNorm1d: "; fold it into the Linear beside it",
}


def _set_function(where: str, module: nn.Module, layer: _Layer | None) -> None:
    name = _FUNCTIONS[type(module)]
    if layer is None:
        raise ValueError(f"{where} stands before the first Linear")
    if layer.function is not None:
        raise ValueError(f"{where} follows another activation, {layer.function}")
    if layer.dropout:
        raise ValueError(f"{where} follows a Dropout: an MLP drops what comes out of activations")
    for attribute, ours in TORCH[name][1].items():
        _check_setting(where, attribute, getattr(module, attribute), ours)
    layer.function = name


def _check_setting(where: str, attribute: str, value: Any, ours: Any) -> None:
    """Refuse a module whose setting makes it another function than ours."""
    if attribute == "threshold":
        if value < 20:
            raise ValueError(f"{where}: threshold must be 20 or more, it is {value!r}")
    elif value != ours and (attribute, value) != ("dim", -1):
        wanted = f"{ours!r}, the exact one" if attribute == "approximate" else f"{ours:g}"
        raise ValueError(f"{where}: {attribute} must be {wanted}, it is {value!r}")


def _check_no_hooks(where: str, module: nn.Module) -> None:
    """Refuse a module with hooks, which may change its result: weight_norm, pruning and so on.

    (torch.nn.utils.parametrize changes the class, which is then unknown and refused.)
    """
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(
            f"{where} has forward hooks (weight_norm, pruning, ...): remove them first"
        )


def _own_functions(
    layers: Sequence[_Layer],
    activation: Activation | Sequence[Activation] | None,
    output: Output | None,
) -> tuple[Sequence[Activation], Output]:
    own: list[Output] = [layer.function or "identity" for layer in layers]
    if activation is not None:
        given = [activation] * len(own[:-1]) if isinstance(activation, str) else list(activation)
        if given != own[:-1]:
            raise ValueError(
                f"activation is given by the modules: {', '.join(own[:-1]) or 'none'}; "
                f"got {activation!r}"
            )
    if output is not None and layers[-1].function not in (None, output):
        raise ValueError(f"output is given by the modules: {own[-1]}; got {output!r}")
    hidden = [check_name("activation", name, HIDDEN) for name in own[:-1]]
    return hidden, own[-1] if output is None else output


# ---- a state_dict ------------------------------------------------------------------------------


def _of_state(state: Mapping[Any, Any]) -> _Found:
    found, grouped = _Found(), dict[str, dict[str, Any]]()
    for name, values in state.items():
        if not isinstance(name, str) or not isinstance(values, torch.Tensor):
            raise TypeError(
                "source must be a torch.nn.Sequential or a state_dict, names to tensors; it maps "
                f"{name!r} to {type(values).__name__}"
            )
        prefix, _, kind = name.rpartition(".")
        grouped.setdefault(prefix, {})[kind] = values
    for prefix, tensors in grouped.items():
        dot = prefix + "." if prefix else ""
        if found.answers is not None:
            raise ValueError(f"entry {dot + next(iter(tensors))!r} follows the scaling of outputs")
        if set(tensors) == {"shift", "scale"} and (found.layers or found.scaling is None):
            pair = _shift_and_scale(f"entry '{dot}{{}}'", tensors["shift"], tensors["scale"])
            if found.layers:
                found.answers = pair
            else:
                found.scaling = pair
            continue
        strange = [kind for kind in tensors if kind not in ("weight", "bias")]
        if strange or "weight" not in tensors:
            raise ValueError(
                f"entry {dot + (strange or ['bias'])[0]!r} belongs to no linear layer: "
                "those have a weight and perhaps a bias"
            )
        weight, bias = tensors["weight"], tensors.get("bias")
        if weight.ndim != 2:
            raise ValueError(
                f"entry {dot + 'weight'!r} has shape {tuple(weight.shape)}; that of a linear layer "
                "is (n_out, n_in)"
            )
        _add(
            found,
            f"entry {dot + 'weight'!r}",
            _values(f"entry {dot + 'weight'!r}", weight),
            None if bias is None else _values(f"entry {dot + 'bias'!r}", bias),
        )
    if not found.layers:
        raise ValueError("source has no weight of a linear layer")
    return found


def _given_functions(
    layers: Sequence[_Layer],
    activation: Activation | Sequence[Activation] | None,
    output: Output | None,
) -> tuple[Activation | Sequence[Activation], Output]:
    missing = ["activation"] if activation is None and len(layers) > 1 else []
    if output is None or missing:
        missing += ["output"] if output is None else []
        raise ValueError(f"a state_dict has no functions: pass {' and '.join(missing)}")
    return activation or (), output


# ---- both --------------------------------------------------------------------------------------


def _shift_and_scale(
    what: str, shift: torch.Tensor, scale: torch.Tensor
) -> tuple[NDArray[Any], NDArray[Any]]:
    return _values(what.format("shift"), shift), _values(what.format("scale"), scale)


def _check_answers(found: _Found, output: Output) -> None:
    n_out = found.layers[-1].weight.shape[0]
    for name, array in zip(("shift", "scale"), found.answers or (), strict=False):
        if array.shape != (n_out,):
            raise ValueError(
                f"{found.layers[-1].where} gives {n_out} values; the {name} of outputs has "
                f"{array.shape}"
            )
    if found.answers is not None and output != "identity":
        raise ValueError(f"an MLP scales outputs of 'identity' only; here output is {output!r}")


def _values(what: str, tensor: torch.Tensor) -> NDArray[Any]:
    """Return the values of a float32 or float64 tensor on any device; refuse NaN and infinity."""
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"{what} must be float32 or float64, it is {_short(tensor.dtype)}")
    if tensor.layout is not torch.strided or tensor.device.type == "meta":
        kind = "on the meta device" if tensor.device.type == "meta" else _short(tensor.layout)
        raise ValueError(f"{what} must be a dense tensor with values, it is {kind}")
    values: NDArray[Any] = tensor.detach().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError(f"{what} holds NaN or infinity")
    return values


def _short(name: object) -> str:
    return str(name).removeprefix("torch.")


def _add(found: _Found, where: str, weight: NDArray[Any], bias: NDArray[Any] | None) -> None:
    """Add a layer, after a check that it matches the layers before it."""
    n_out, n_in = weight.shape
    before = found.layers[-1] if found.layers else None
    if before is not None and before.weight.shape[0] != n_in:
        raise ValueError(
            f"{where} reads {n_in} values; {before.where} before it gives {before.weight.shape[0]}"
        )
    if bias is not None and bias.shape != (n_out,):
        raise ValueError(f"{where} gives {n_out} values; its bias has shape {bias.shape}")
    first = before.weight if before is not None else weight
    for array in (weight, *(() if bias is None else (bias,))):
        if array.dtype != first.dtype:
            raise ValueError(
                f"{where}: all parameters must have one dtype, here are {first.dtype} and "
                f"{array.dtype}"
            )
    for name, array in zip(("shift", "scale"), found.scaling or (), strict=False):
        if before is None and array.shape != (n_in,):
            raise ValueError(f"{where} reads {n_in} values; the {name} of inputs has {array.shape}")
    found.layers.append(_Layer(where, weight, bias))
