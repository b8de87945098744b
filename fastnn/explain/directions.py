"""Directions through the space of all weights and biases, in pairs that span a plane for paths.

A direction is a vector of n_params numbers; a plane is a pair of orthonormal directions.
"""

from __future__ import annotations

from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MARGIN = 0.2  # of the paths' extent: margin of the surface around them


def orthonormal(plane: Any, n_params: int) -> Array:
    """Return two directions as orthonormal rows, (2, n_params); the first keeps its direction."""
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

    They are the right singular vectors of P: the eigenvectors of Pᵀ P, or Pᵀu / |Pᵀu| of those u
    of P Pᵀ, whichever of the two is smaller.
    """
    if not points.any():  # no path has moved
        return np.eye(2, points.shape[1])
    if points.shape[1] <= len(points):
        _, right = np.linalg.eigh(points.T @ points)
        size = norm(points @ right[:, -1])
        first, second = right[:, -1], right[:, -2] * norm(points @ right[:, -2]) / size
    else:
        _, left = np.linalg.eigh(points @ points.T)
        first, second = points.T @ left[:, -1], points.T @ left[:, -2]
        size = norm(first)
        first, second = first / size, second / size
    return _rightwards(_pair(first, second), points[-1] - points[0])


def noise(careful: Array, steps: Array) -> Array:
    """Return the direction of the careful path and that of the main noise across it, (2, n_params).

    Parameters
    ----------
    careful : ndarray, shape (k, n_params)
        Points of the most careful path; its direction is from the first to the last.
    steps : ndarray, shape (m, n_params)
        Single steps of the least careful path. Differences from their mean are noise. Its main
        direction is the first principal one of the part that is perpendicular to the direction and
        to the principal direction of the careful path: in that plane the careful path is about
        straight.
    """
    way = careful[-1] - careful[0]
    size = norm(way)
    first = way / size if size else np.eye(1, len(way))[0]
    trend = _pair(first, principal(careful - careful.mean(axis=0))[0])
    across = steps - steps.mean(axis=0)
    for direction in trend if len(first) > 2 else trend[:1]:
        across = across - np.outer(across @ direction, direction)
    spread = norm(across.ravel())
    if spread == 0:
        return _pair(first, across[0])
    return _rightwards(_pair(first, principal(across / spread)[0]), way)


def _pair(first: Array, second: Array) -> Array:
    """Return a unit vector and the part of `second` perpendicular to it, (2, n_params)."""
    second = second - (second @ first) * first
    if norm(second) < 1e-7:  # all points are on one line: any direction across it will do
        second = np.zeros_like(first)
        second[np.argmin(np.abs(first))] = 1
        second -= (second @ first) * first
    return np.stack([first, second / norm(second)])


def _rightwards(directions: Array, way: Array) -> Array:
    """Return the directions with their (arbitrary) signs such that `way` points up and right."""
    return np.where((directions @ way < 0)[:, None], -directions, directions)


def axis(coordinates: Array, grid: int) -> Array:
    """Return `grid` evenly spaced values that reach a little beyond all coordinates."""
    low, high = coordinates.min(), coordinates.max()
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, grid)
