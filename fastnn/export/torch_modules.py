"""Modules for a network that PyTorch lacks: scalings and exp."""

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
        """Return the arguments in the module's text."""
        return f"{self.shift.shape[0]}"


class InputScaling(_Scaling):
    """(x − shift) · scale for each column, as `MLP.standardize` sets it.

    x may be of any type. Bytes are numbers, except with `fractions`, for networks of old model
    files, which read them as x / 255. Computed in double, then rounded to the layers' type.
    """

    fractions = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (n, n_in), scaled."""
        if self.fractions and x.dtype == torch.uint8:
            x = x.double() / 255
        return ((x.double() - self.shift) * self.scale).to(self.like.dtype)


class OutputScaling(_Scaling):
    """a · scale + shift for each output: predictions in the units of the targets, in double."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        """Return a (n, n_out), scaled."""
        return a.double() * self.scale + self.shift


class Exp(nn.Module):
    """The output function exp of networks that predict rates, for which PyTorch has no module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map each x to eˣ."""
        return torch.exp(x)


def module_of(name: str) -> type[nn.Module]:
    """Return the module of an activation's row: one of torch.nn, or `Exp`."""
    module: type[nn.Module] = Exp if name == "Exp" else getattr(nn, name)
    return module
