"""Distortions of images of digits: turned, scaled, sheared, moved and bent, other ones each epoch.

Bent after Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks":
each pixel is read at a place that is displaced by smooth random fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

SIDE = 28  # pixels of a row or a column
_BLOCK = 500  # images that are distorted together, in the processor's cache
_FIELDS = 2_000  # that an epoch draws, for all of its images


@dataclass
class Distorted:
    """A source for `fastnn.stream`: all images once, in random order, distorted.

    Parameters
    ----------
    X, y : ndarray
        Images (n, 784), uint8, and labels (n,).
    seed : int
        Of order and distortions.
    bend, smooth : float
        Deviation of the displacements, and of the Gaussian that smooths them, in pixels.
    turn, scale, shear, move : float
        Greatest angle in degrees, greatest change of the scale and of the shear, and greatest
        shift in pixels; each image has its own, uniform between these and their negatives.
    """

    X: Any
    y: Any
    seed: int
    bend: float = 1.0
    smooth: float = 4.5
    turn: float = 9.0
    scale: float = 0.1
    shear: float = 0.1
    move: float = 1.0

    def __post_init__(self) -> None:
        self._draws = np.random.default_rng(self.seed)
        rows, columns = np.divmod(np.arange(SIDE * SIDE, dtype=np.float32), SIDE)
        self._places = np.stack([rows, columns]) - np.float32((SIDE - 1) / 2)

    def __call__(self) -> Iterator[tuple[Any, Any]]:
        """Yield blocks of an epoch: images (n, 784), float32 in [0, 1], and labels."""
        order, fields = self._draws.permutation(len(self.X)), self._fields()
        for begin in range(0, len(order), _BLOCK):
            rows = order[begin : begin + _BLOCK]
            yield self._distorted(self.X[rows], fields), self.y[rows]

    def _fields(self) -> Any:
        """Return displacements in rows and columns, (_FIELDS, 2, 784)."""
        apart = np.subtract.outer(np.arange(SIDE), np.arange(SIDE))
        gauss = np.exp(-np.square(apart) / (2 * self.smooth**2)).astype(np.float32)
        fields = gauss @ self._draws.standard_normal((_FIELDS, 2, SIDE, SIDE), np.float32) @ gauss
        return (fields * (self.bend / fields.std())).reshape(_FIELDS, 2, -1)

    def _uniform(self, most: float, *shape: int) -> Any:
        return self._draws.uniform(-most, most, shape).astype(np.float32)

    def _distorted(self, images: Any, fields: Any) -> Any:
        n = len(images)
        angle, scale = self._uniform(np.deg2rad(self.turn), n), 1 + self._uniform(self.scale, n, 2)
        turned = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix = np.array(turned).transpose(2, 0, 1) * scale[:, :, None]
        matrix[:, 0, 1] += self._uniform(self.shear, n)
        at = matrix @ self._places + fields[self._draws.integers(_FIELDS, size=n)]
        at += self._uniform(self.move, n, 2, 1) + np.float32((SIDE - 1) / 2)
        np.clip(at, 0, SIDE - 1.001, out=at)  # the pixels at the edge are 0
        whole = at.astype(np.int32)
        down, right = (at - whole.astype(np.float32)).transpose(1, 0, 2)
        first = whole[:, 0] * SIDE + whole[:, 1] + np.arange(n)[:, None] * (SIDE * SIDE)
        pixels = images.reshape(-1)
        above = pixels[first] * (1 - right) + pixels[first + 1] * right
        below = pixels[first + SIDE] * (1 - right) + pixels[first + SIDE + 1] * right
        return (above + (below - above) * down) / np.float32(255)
