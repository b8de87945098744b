"""A plane through the space of all weights and biases, to draw paths on.

A direction there is a vector of n_params numbers; a plane is two of them, orthonormal.
"""

from __future__ import annotations

from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MARGIN = 0.2  # of the paths' extent, that the surface reaches beyond them


def orthonormal(plane: Any, n_params: int) -> Array:
    """Return two directions as orthonormal rows, (2, n_params), the first one's direction kept."""
    expected = f"plane must be two different directions of {n_params:,} finite numbers each"
    try:
        given = np.asarray(plane, np.float64)
    except (ValueError, TypeError):
        raise ValueError(f"{expected}, got {shorten(plane)}") from None
    if given.shape != (2, n_params):
        raise ValueError(f"{expected}, got shape {given.shape}")
    sizes = np.linalg.norm(given, axis=1)
    if not np.isfinite(given).all() or not (sizes > 0).all():
        raise ValueError(f"{expected}; one of them is 0 or not finite")
    u, v = given / sizes[:, None]
    v = v - (v @ u) * u
    if np.linalg.norm(v) < 1e-6:
        raise ValueError(f"{expected}; these two are parallel")
    return np.stack([u, v / np.linalg.norm(v)])


def norm(v: Array) -> float:
    """Return |v|, without waking the threads of a BLAS for each step."""
    return float(np.sqrt(np.einsum("i,i", v, v)))


def principal(points: Array) -> Array:
    """Return the first two principal directions of centred points P (k, n_params), (2, n_params).

    They are the right singular vectors of P, Pᵀu / |Pᵀu| for the left ones u, which are the
    eigenvectors of the small P Pᵀ: many times faster than a decomposition of P itself.
    """
    _, left = np.linalg.eigh(points @ points.T)
    first, second = points.T @ left[:, -1], points.T @ left[:, -2]
    size = norm(first)
    if size == 0:  # nobody moved
        return np.eye(2, points.shape[1])
    first /= size
    second -= (second @ first) * first
    if norm(second) < 1e-7 * size:  # all went along one line: any direction across it will do
        second = np.zeros_like(first)
        second[np.argmin(np.abs(first))] = 1
        second -= (second @ first) * first
    directions = np.stack([first, second / norm(second)])
    # A direction's sign means nothing: let the last path go to the right and upwards.
    directions[directions @ (points[-1] - points[0]) < 0] *= -1
    return directions


def axis(coordinates: Array, grid: int) -> Array:
    """Return `grid` places that reach a little beyond all the coordinates."""
    low, high = coordinates.min(), coordinates.max()
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, grid)
