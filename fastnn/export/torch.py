"""Networks to PyTorch and back: `to_torch`, `from_torch`, `torch_module` (extra "torch").

Only objects are accepted, never files: fastnn unpickles nothing.
"""

from __future__ import annotations

try:
    import torch
    from torch import nn
except ImportError:
    raise ImportError(
        "to_torch, from_torch and torch_module need PyTorch: pip install 'fastnn-mlp[torch]'",
        name="torch",
    ) from None

from ..activations import TORCH, spelling
from ..layout import Array
from ..mlp import MLP, check_mlp
from . import facts
from .torch_modules import InputScaling, OutputScaling, module_of
from .torch_reading import from_torch as from_torch
from .torch_shared import torch_module as torch_module


def to_torch(net: MLP, *, logits: bool = False) -> nn.Sequential:
    """Return the network as modules of PyTorch, its parameters copied.

    Parameters
    ----------
    net : MLP
        The network; later changes to it do not affect the modules.
    logits : bool, default False
        Leave the output layer's activation out. By default the outputs are those of
        `MLP.predict`: probabilities for softmax and sigmoid, rates for exp. PyTorch's losses for
        further training (``CrossEntropyLoss``, ``BCEWithLogitsLoss``, ``PoissonNLLLoss``) take
        logits.

    Returns
    -------
    torch.nn.Sequential
        On the CPU, in the network's dtype, in evaluation mode: ``train()`` enables its dropout.
        Linear layers and activations alternate; a network with scalings has an `InputScaling` first
        and an `OutputScaling` last, one with output exp an `Exp`. Only these modules are not
        PyTorch's, so reading a file of the whole model needs fastnn; a ``state_dict`` does not.

        In the ``state_dict`` each scaling has two entries, ``shift`` and ``scale``, float64 of
        shape (n_in,) or (n_out,): ``"0.shift"`` and ``"0.scale"`` in front. Inputs are read as
        (x − shift) · scale, computed in double and rounded to the type of the layers, so x may be
        float32, float64 or bytes, as for `MLP.predict`. Answers are a · scale + shift, in the units
        of the targets and in double.

    Raises
    ------
    ImportError
        PyTorch is not installed.
    TypeError
        `net` is not an `MLP`.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.export import to_torch
    >>> net = fastnn.MLP([4, 8, 3], output="softmax", seed=0)
    >>> to_torch(net, logits=True)
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    """
    check_mlp(net)
    modules: list[nn.Module] = []
    dtype = getattr(torch, net.dtype.name)
    inputs, outputs = facts.input_scaling(net), facts.output_scaling(net)
    if inputs is not None:
        scaling = InputScaling(*_tensors(inputs), dtype)
        scaling.fractions = net._old_bytes is not None
        modules.append(scaling)
    functions = (*net.activation, "identity" if logits else net.output)
    for l, function in enumerate(functions):
        W, b = net.weights[l], net.biases[l]
        # Without initialisation, which would advance PyTorch's random generator.
        linear = nn.utils.skip_init(nn.Linear, *W.shape, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))  # theirs is (n_out, n_in)
            linear.bias.copy_(torch.from_numpy(b))
        modules.append(linear)
        if function != "identity":
            name, settings = spelling(TORCH, function, "PyTorch")
            modules.append(module_of(name)(**settings))
        if l < len(net.dropout) and net.dropout[l]:
            modules.append(nn.Dropout(net.dropout[l]))
    if outputs is not None:
        modules.append(OutputScaling(*_tensors(outputs), dtype))
    return nn.Sequential(*modules).eval()


def _tensors(pair: tuple[Array, Array]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])
