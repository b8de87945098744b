"""Planes through the space of the parameters, and the cost on them, for the view of paths."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mlp import MLP
from .directions import axis, noise, principal
from .recorder import Recorder, Training

Array = NDArray[np.float64]

PRINCIPAL, NOISE, GIVEN = "principal", "noise", "given"


class Scale:
    """The cost as a function of the parameters of a network."""

    def __init__(self, net: MLP, X: Any, y: Any) -> None:
        self._net, self._X, self._y = copy.deepcopy(net), X, y

    def cost(self, params: NDArray[np.floating]) -> float:
        """Return C at a point."""
        with np.errstate(over="ignore"):
            self._net.params = params
        return float(self._net.cost(self._X, self._y))


@dataclass(frozen=True, eq=False)
class Ground:
    """Planes with one origin, and the coordinates of all points of all paths on them.

    Attributes
    ----------
    centre : ndarray, shape (n_params,)
        The origin: the mean of all points, including those that were not kept.
    planes : dict of ndarray, shape (2, n_params)
        Two orthonormal directions each, by the plane's name.
    coordinates : dict of list of ndarray, shape (k, 2)
        Of each path, by the plane's name.
    spread : float
        Σ |p − centre|² over all points.
    scale : Scale
    """

    centre: Array
    planes: dict[str, Array]
    coordinates: dict[str, list[Array]]
    spread: float
    scale: Scale

    def share(self, plane: str) -> float:
        """Return the share of the variance of all points that lies in a plane."""
        if not self.spread:
            return 1.0
        return sum(float((points**2).sum()) for points in self.coordinates[plane]) / self.spread

    def surface(self, plane: str, grid: int) -> tuple[Array, Array, Array]:
        """Return coordinates along both directions (grid,), and the cost there (grid, grid)."""
        points = np.concatenate(self.coordinates[plane])
        across, up = axis(points[:, 0], grid), axis(points[:, 1], grid)
        u, v = self.planes[plane]
        costs = [[self.scale.cost(self.centre + a * u + b * v) for a in across] for b in up]
        return across, up, np.array(costs)


def survey(
    trainings: Sequence[Training], recorders: Sequence[Recorder], given: Array | None, scale: Scale
) -> Ground:
    """Return the planes, with the coordinates of all points of all paths."""
    start = recorders[0].start
    n = sum(recorder.steps + 1 for recorder in recorders)
    shift = sum((recorder.total for recorder in recorders), np.zeros_like(start)) / n
    centre = start + shift
    planes: dict[str, Array] = {} if given is None else {GIVEN: given}
    points = np.concatenate([recorder.points for recorder in recorders]) - centre
    planes[PRINCIPAL] = principal(points)
    batches = [training.steps_per_epoch for training in trainings]
    if max(batches) > 1:
        steadiest, noisiest = recorders[int(np.argmin(batches))], recorders[int(np.argmax(batches))]
        kept = np.array(steadiest.points, np.float64)
        planes[NOISE] = noise(kept, noisiest.single_steps())
    directions = np.concatenate(list(planes.values()))
    shadows, done = [], 0
    for training, recorder in zip(trainings, recorders, strict=True):
        own = points[done : done + len(recorder.kept)]
        done += len(recorder.kept)
        again = not recorder.all_kept
        shadows.append(
            training.placed(directions, centre, recorder.steps) if again else own @ directions.T
        )
    coordinates = {
        name: [shadow[:, 2 * i : 2 * i + 2] for shadow in shadows] for i, name in enumerate(planes)
    }
    spread = sum(recorder.squares for recorder in recorders) - n * float(shift @ shift)
    return Ground(centre, planes, coordinates, max(spread, 0.0), scale)
