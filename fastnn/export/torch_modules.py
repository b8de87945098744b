"""The modules that a network needs and PyTorch lacks."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Exp", "InputScaling"]


class InputScaling(nn.Module):
    """(x − shift) · scale for each column, as `MLP.standardize` sets it; bytes count as x / 255.

    Both are buffers: part of the ``state_dict``, moved with the module, not trained.
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, shift: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (n, n_in) to the like."""
        if x.dtype == torch.uint8:
            x = x.to(self.shift.dtype) / 255
        return (x - self.shift) * self.scale

    def extra_repr(self) -> str:
        """Return what stands between the brackets of the module's text."""
        return f"{self.shift.shape[0]}"


class Exp(nn.Module):
    """The output exp of networks that predict rates: PyTorch has no module for it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map each x to eˣ."""
        return torch.exp(x)
