"""A network as a part of a PyTorch model, computed and differentiated by fastnn: `torch_module`.

Private: it may change without notice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from ..layout import layers
from ..mlp import MLP, check_mlp


class _Function(torch.autograd.Function):
    """Outputs of `predict`, with ∂C/∂x and ∂C/∂θ by `input_gradient` and `gradient`."""

    @staticmethod
    def forward(ctx: Any, X: torch.Tensor, params: torch.Tensor, net: MLP) -> torch.Tensor:
        ctx.save_for_backward(X, params)  # so that changes in between are an error
        ctx.net = net
        return torch.from_numpy(net.predict(X.detach().numpy()))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, G: torch.Tensor) -> tuple[Any, Any, None]:
        (X, params), net = ctx.saved_tensors, ctx.net
        of_x = of_params = None
        rows, slopes = X.detach().numpy(), G.numpy()
        if ctx.needs_input_grad[0]:
            of_x = torch.zeros_like(X)
            if len(rows):
                of_x.copy_(torch.from_numpy(net.input_gradient(rows, output_gradient=slopes)))
        if ctx.needs_input_grad[1]:
            of_params = torch.zeros_like(params)
            if len(rows):
                flat = net.gradient(rows, output_gradient=slopes).flat
                pairs = layers(flat, net.sizes)
                for (dW, db), trained in zip(pairs, net.trainable, strict=True):
                    if not trained:
                        dW[:], db[:] = 0, 0
                of_params.copy_(torch.from_numpy(flat))
        return of_x, of_params, None


class SharedNetwork(nn.Module):
    """A fastnn network in a PyTorch model; `torch_module` makes it.

    Attributes
    ----------
    network : MLP
        The network itself.
    params : torch.nn.Parameter, shape (n_params,)
        Its parameters: the same memory as ``network.params``.
    """

    def __init__(self, network: MLP) -> None:
        super().__init__()
        self.network = network
        self.params: nn.Parameter = nn.Parameter(torch.from_numpy(network.params))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (..., n_in) to what `predict` answers, (..., n_out)."""
        if self.params.data_ptr() != self.network.params.ctypes.data:
            raise RuntimeError(
                "the module's parameters are no longer the network's: to(), double(), cuda() and "
                "the like replaced them; make the network in the dtype that it is to have"
            )
        net = self.network
        rows = x.reshape(-1, net.sizes[0]) if x.dim() != 2 else x
        answer: torch.Tensor = _Function.apply(rows, self.params, net)
        return answer.reshape(*x.shape[:-1], net.sizes[-1])

    def __reduce__(self) -> Any:
        return SharedNetwork, (self.network,)  # copies share memory with their own network

    def extra_repr(self) -> str:
        """Return what stands between the brackets of the module's text."""
        return "-".join(map(str, self.network.sizes))


def torch_module(net: MLP) -> nn.Module:
    """Return a module that computes with the network itself, for use inside a PyTorch model.

    Its forward pass is `MLP.predict`, its backward pass `MLP.gradient` and `MLP.input_gradient`
    with ``output_gradient``: the network can stand before or behind other modules, and PyTorch's
    losses and optimisers train it. `to_torch` gives PyTorch's own layers and a copy instead.

    Parameters
    ----------
    net : MLP
        It and the module are one: an optimiser that steps on ``module.parameters()`` changes
        `net`, and `MLP.fit` changes the module. Layers that are not `trainable` get the gradient 0.

    Returns
    -------
    torch.nn.Module
        With one parameter, ``params`` (n_params,), and ``network``. On the CPU, without dropout. It
        can be differentiated once: the gradient of a gradient is an error of PyTorch.

    Raises
    ------
    ImportError
        PyTorch is not installed.
    TypeError
        `net` is not an `MLP`.

    Examples
    --------
    >>> import fastnn, torch
    >>> net = fastnn.MLP([4, 8, 3], activation="tanh", seed=0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 4), fastnn.export.torch_module(net))
    >>> model(torch.ones(5, 2)).sum().backward()
    >>> model[1].params.grad.shape
    torch.Size([67])
    """
    return SharedNetwork(check_mlp(net))
