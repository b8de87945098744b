"""Answers about places: the plane of two inputs, walks on a cost surface, descents on f(x, y)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_count, is_whole
from ...mlp import MLP
from ..descent import descend as descend_on
from ..functions import Surface
from ..input_plane import input_plane
from ..paths import DescentPaths, descent_paths
from ..view_data import untrained
from .subject import Subject

Array = NDArray[Any]

_MOST_PLACES = 401  # along each side
_MOST_STEPS = 100_000
_SIDE = (-4.0, 4.0)  # of the surface of a typed formula


def plane(subject: Subject, layer: Any, neuron: Any, n: Any = 101) -> dict[str, Any]:
    """Return the activation of a neuron over the plane of two inputs, and the examples on it.

    The values of outputs are those of `predict`, in the units of the targets.
    """
    l, n = subject.layer(layer), _side(n)
    if not is_whole(neuron) or not 0 <= neuron < subject.net.sizes[l]:
        raise ValueError(f"neuron must be from 0 to {subject.net.sizes[l] - 1}, got {neuron!r}")
    view = input_plane(subject.net, *subject.training, test=subject.test, grid=n)
    values = view.values
    if l < len(subject.net.sizes) - 1:
        values = subject.net.activations(view.places)[l].reshape(n, n, -1)
    points = view.points
    return {
        "x": view.across,
        "y": view.up,
        "values": values[:, :, neuron].astype(np.float64),
        "inputs": list(view.inputs),
        "points": {
            "x": np.concatenate([p.x[:, 0] for p in points]),
            "y": np.concatenate([p.x[:, 1] for p in points]),
            "label": np.concatenate(
                [p.labels if p.labels is not None else _first(p) for p in points]
            ),
        },
    }


def _first(points: Any) -> Array:
    wanted: Array = points.wanted[:, 0]
    return wanted


def walkers(subject: Subject, plane: Any = "noise", **how: Any) -> dict[str, Any]:
    """Return the careful walker (full batch) and the drunk one (mini-batches), every step kept.

    `how` is as of `walks`.
    """
    return paths_on(walks(subject, **how), plane)


def walks(
    subject: Subject,
    batch_size: Any = 10,
    lr: Any = None,
    seed: Any = 0,
    fresh: Any = True,
    grid: Any = 25,
    epochs: Any = None,
    weights: Any = None,
    net: MLP | None = None,
) -> DescentPaths:
    """Return both walks, by `descent_paths`.

    They start at new weights: from those of a trained network they would hardly move. `fresh` false
    starts them where the network is, or where the copy `net` of it is. `weights`, the names of two
    parameters, adds their plane as "given".
    """
    size, seed = check_count("batch_size", batch_size, 1), check_count("seed", seed, 0)
    start = subject.net if net is None else net
    return descent_paths(
        start if fresh is False else untrained(start, seed),
        *subject.training,
        batch_sizes=[None, min(size, subject.n_train)],
        lr=lr,
        seed=seed,
        epochs=epochs,
        grid=check_count("grid", grid, 3),
        plane="principal" if weights is None else _axes_of(subject, weights),
    )


def _axes_of(subject: Subject, weights: Any) -> tuple[Array, Array]:
    """Return the directions of two parameters, given by their names."""
    named = isinstance(weights, list | tuple) and all(isinstance(name, str) for name in weights)
    if not named or len(weights) != 2:
        raise ValueError(
            "weights must be the names of two parameters, such as weights[0][3, 5]; "
            f"got {weights!r}"
        )
    first, second = np.zeros((2, subject.net.n_params))
    first[subject.names.index(weights[0])] = second[subject.names.index(weights[1])] = 1
    return first, second


def paths_on(paths: DescentPaths, plane: Any) -> dict[str, Any]:
    """Return walks on one of their planes."""
    seen = paths.on(plane)
    return {
        "plane": seen.plane,
        "planes": list(seen.planes),
        "paths": [
            {
                "name": path.name,
                "points": path.points,
                "costed": path.costed,
                "cost": path.costs,
                "steps": path.steps,
                "examples": path.examples,
                "seconds": path.seconds,
                "straightness": path.straightness,
                "stopped": path.stopped,
            }
            for path in seen.paths
        ],
        "surface": {"x": seen.across, "y": seen.up, "cost": seen.surface},
        "share": seen.share,
        "optimizer": seen.optimizer,
        "words": [table.note for table in seen.tables()],
    }


def descend(
    function: Any, start: Any, lr: Any = 0.1, momentum: Any = 0.0, steps: Any = 1000
) -> dict[str, Any]:
    """Return one descent on f(x, y)."""
    steps = check_count("steps", steps, 1)
    if steps > _MOST_STEPS:
        raise ValueError(f"steps must be at most {_MOST_STEPS:,}, got {steps:,}")
    view = descend_on(_formula(function), start, lr, steps, momentum=momentum)
    reason = view.reasons[0]
    return {
        "path": view.paths[0],
        "values": view.values[0],
        "gradients": view.gradients[0],
        "end": view.words[0],
        "words": reason[0].upper() + reason[1:],
    }


def surface(function: Any, n: Any = 101, x: Any = _SIDE, y: Any = _SIDE) -> dict[str, Any]:
    """Return f on a grid, NaN where it is not defined: ``z[i, j]`` at ``(x[j], y[i])``."""
    f, n = Surface(_formula(function)), _side(n)
    across, up = (np.linspace(*_ends(name, ends), n) for name, ends in (("x", x), ("y", y)))
    return {"x": across, "y": up, "z": f.on_grid(across, up), "name": f.name}


def _formula(function: Any) -> str:
    if not isinstance(function, str):
        raise ValueError(f"function must be a formula of x and y, got {function!r}")
    return function


def _side(n: Any) -> int:
    side = check_count("n", n, 2)
    if side > _MOST_PLACES:
        raise ValueError(f"n must be at most {_MOST_PLACES}, got {side:,}")
    return side


def _ends(name: str, ends: Any) -> tuple[float, float]:
    both = np.asarray(ends)
    if both.shape != (2,) or both.dtype.kind not in "iuf" or not np.isfinite(both).all():
        raise ValueError(f"{name} must be two numbers, the least and the largest; got {ends!r}")
    low, high = map(float, both)
    if not low < high:
        raise ValueError(f"{name} must begin below its end, got {low:g} and {high:g}")
    return low, high
