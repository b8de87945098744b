"""Layout of the flat vector of parameters: W row-major, then b, layer by layer.

Private: it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]


def layers(flat: Array, sizes: Sequence[int]) -> Iterator[tuple[Array, Array]]:
    """Yield W and b of each layer, as views of the last axis of `flat`."""
    at, before = 0, flat.shape[:-1]
    for n_in, n_out in pairwise(sizes):
        bias = at + n_in * n_out
        weights = flat[..., at:bias].reshape(*before, n_in, n_out)
        yield weights, flat[..., bias : bias + n_out]
        at = bias + n_out


class Views(Sequence[Array]):
    """A network's weights or biases, a view a layer: writing to them changes the network."""

    def __init__(self, views: Sequence[Array], name: str) -> None:
        self._views, self._name = tuple(views), name

    def __len__(self) -> int:
        return len(self._views)

    @overload
    def __getitem__(self, layer: SupportsIndex) -> Array: ...
    @overload
    def __getitem__(self, layer: slice) -> tuple[Array, ...]: ...
    def __getitem__(self, layer: SupportsIndex | slice) -> Array | tuple[Array, ...]:
        return self._views[layer]

    def __setitem__(self, layer: SupportsIndex, values: ArrayLike) -> None:
        if not hasattr(layer, "__index__"):  # a slice
            raise TypeError(f"{self._name} are assigned a layer at a time: {self._name}[l] = ...")
        view, new = self._views[layer], np.asarray(values)
        if new.shape != view.shape:
            raise ValueError(
                f"{self._name}[{layer}] has shape {view.shape}; the new values have {new.shape}"
            )
        view[...] = new

    def __repr__(self) -> str:
        return f"<{self._name}: {', '.join(str(view.shape) for view in self._views)}>"


@dataclass(slots=True)
class Gradient:
    """∇C, laid out like the parameters.

    Attributes
    ----------
    flat : ndarray, shape (n_params,) or (n, n_params)
        Layer by layer, W row-major, then b; with a leading axis for gradients of each example.
    sizes : tuple of int
        Widths of the layers.
    cost : float or ndarray, shape (n,), or None
        C where the gradient was taken, or that of each example; None of a cost of the caller's own.
    """

    flat: Array
    sizes: tuple[int, ...]
    cost: float | Array | None = None

    @property
    def weights(self) -> list[Array]:
        """∂C/∂W of each layer: views of `flat`, (n_in, n_out) or (n, n_in, n_out)."""
        return [weights for weights, _ in layers(self.flat, self.sizes)]

    @property
    def biases(self) -> list[Array]:
        """∂C/∂b of each layer: views of `flat`, (n_out,) or (n, n_out)."""
        return [biases for _, biases in layers(self.flat, self.sizes)]
