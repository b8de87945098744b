"""The modules that a network needs and PyTorch lacks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class _Scaling(nn.Module):
    """A shift and a scale for each column, in double.

    Both are buffers: part of the ``state_dict``, moved with the module, not trained. They stay in
    double when the module changes its type, `like` follows: the type of the layers.
    """

    shift: torch.Tensor
    scale: torch.Tensor
    like: torch.Tensor

    def __init__(self, shift: torch.Tensor, scale: torch.Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("shift", shift.double())
        self.register_buffer("scale", scale.double())
        self.register_buffer("like", torch.empty(0, dtype=dtype), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        shift, scale = self.shift, self.scale
        super()._apply(fn, recurse)
        self.shift, self.scale = shift.to(self.like.device), scale.to(self.like.device)
        return self

    def extra_repr(self) -> str:
        """Return what stands between the brackets of the module's text."""
        return f"{self.shift.shape[0]}"


class InputScaling(_Scaling):
    """(x − shift) · scale for each column, as `MLP.standardize` sets it.

    x may be of any type, bytes too: they are numbers, but where `fractions` is set, as for networks
    of old model files, which count bytes as x / 255. Computed in double, then rounded to the
    layers' type.
    """

    fractions = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (n, n_in) to the like."""
        if self.fractions and x.dtype == torch.uint8:
            x = x.double() / 255
        return ((x.double() - self.shift) * self.scale).to(self.like.dtype)


class OutputScaling(_Scaling):
    """a · scale + shift for each output: the answers in the units of the targets, in double."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        """Map a (n, n_out) to the like."""
        return a.double() * self.scale + self.shift


class Exp(nn.Module):
    """The output exp of networks that predict rates: PyTorch has no module for it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map each x to eˣ."""
        return torch.exp(x)


def module_of(name: str) -> type[nn.Module]:
    """Return the module of an activation's row: one of torch.nn, or `Exp`."""
    module: type[nn.Module] = Exp if name == "Exp" else getattr(nn, name)
    return module
