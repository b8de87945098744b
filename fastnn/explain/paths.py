"""The careful walker and the drunk one: full-batch descent beside mini-batches, from one start.

The gradient of all examples points straight downhill and takes long to compute; that of a
mini-batch points roughly there and takes next to nothing. Here both walk, and both are drawn on a
plane through the space of the weights and biases, over the cost as it is on that plane.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.mlp import MLP, check_mlp
from fastnn.optim import SGD, Optimizer
from fastnn.schedules import check_count

from .examples import Examples
from .plane import axis, norm, orthonormal, principal
from .tables import Shown, Table, number
from .walkers import Recorder, walk

__all__ = ["DescentPaths", "WeightPath", "descent_paths"]

Array = NDArray[np.float64]

_BATCH_SIZES = (None, 100, 10)
_RATE = 0.5  # suits costs of about 1 on inputs of about 1
_TRIES = 10
_STEPS = 400  # of each path at least, where nobody says how many epochs
_RECORDED = 120  # points of a path at most
_BYTES = 1 << 28  # of all recorded points together
_COSTED = 60  # of them, for which the cost is computed


@dataclass(frozen=True, eq=False)
class WeightPath:
    """One training, as a path through the space of the parameters.

    Attributes
    ----------
    name : str
        "full batch" or "batches of 10".
    batch_size : int or None
        None is all examples at once.
    steps, examples : ndarray of int, shape (k,)
        Steps taken and examples seen at each recorded point; 0 at the start.
    seconds : ndarray, shape (k,)
        Time that the steps took, without the recording.
    points : ndarray, shape (k, 2)
        Coordinates on the plane.
    costed : ndarray of int, shape (c,)
        Which of the points have their cost computed.
    costs : ndarray, shape (c,)
        The cost C there: at the point itself, not at its shadow on the plane.
    length, displacement : float
        Of all steps together, and from the start to the end in a straight line, in the space of
        all parameters.
    stopped : str or None
        Why it ended early, if it did.
    """

    name: str
    batch_size: int | None
    steps: NDArray[np.int64]
    examples: NDArray[np.int64]
    seconds: Array
    points: Array
    costed: NDArray[np.int64]
    costs: Array
    length: float
    displacement: float
    stopped: str | None

    @property
    def straightness(self) -> float:
        """Length over displacement: 1 is a straight line, more is stumbling; NaN if it stayed."""
        return self.length / self.displacement if self.displacement else float("nan")


@dataclass(frozen=True, eq=False)
class DescentPaths(Shown):
    """Full-batch and mini-batch descent on one cost surface; made by `descent_paths`.

    Attributes
    ----------
    paths : tuple of WeightPath
        In the order of the batch sizes.
    loss : str
        The network's cost.
    optimizer : str
    n_examples, n_sampled : int
        Trained on, and used to compute costs.
    share : float
        Of the variance of all recorded points, that lies in the plane.
    across, up : ndarray, shape (grid,)
        Coordinates of the surface along the plane's two directions, 0 at its centre.
    surface : ndarray, shape (grid, grid)
        The cost C on the plane: ``surface[i, j]`` at ``(across[j], up[i])``.
    principal : bool
        Whether the plane is that of the first two principal directions, or a given one.
    """

    paths: tuple[WeightPath, ...]
    loss: str
    optimizer: str
    n_examples: int
    n_sampled: int
    share: float
    across: Array
    up: Array
    surface: Array
    principal: bool
    _directions: Array
    _centre: Array

    @property
    def directions(self) -> Array:
        """The plane's two orthonormal directions, (2, n_params)."""
        return self._directions

    @property
    def centre(self) -> Array:
        """The plane's origin: the mean of all recorded points, (n_params,)."""
        return self._centre

    def tables(self) -> list[Table]:
        """Return what each path took, where it ended, and how straight it went."""
        rows = [
            (
                path.name,
                int(path.steps[-1]),
                int(path.examples[-1]),
                float(path.seconds[-1]),
                float(path.costs[-1]),
                path.length,
                path.displacement,
                path.straightness,
            )
            for path in self.paths
        ]
        way = ("length", "displacement", "length / displacement")
        columns = ("path", "steps", "examples", "seconds", "final cost", *way)
        kind = "first two principal directions" if self.principal else "given plane"
        on = "all" if self.n_sampled == self.n_examples else f"{self.n_sampled:,} of"
        notes = [
            f"{self.loss} cost, on {on} {self.n_examples:,} examples; "
            f"{number(float(self.paths[0].costs[0]))} at the start.",
            f"The {kind} hold {100 * self.share:.0f} % of the variance of the points."
            if self.principal
            else f"The {kind} holds {100 * self.share:.0f} % of the variance of the points.",
        ]
        notes += [f"{path.name}: {path.stopped}." for path in self.paths if path.stopped]
        return [Table(f"Paths of {self.optimizer}", columns, rows, " ".join(notes))]

    def plot(self, **options: Any) -> Any:
        """Draw the paths on the cost surface, and the costs; see `fastnn.plot.walks`."""
        from fastnn import plot

        return plot.walks(self, **options)


def descent_paths(
    net: MLP,
    X: Any,
    y: Any,
    *,
    batch_sizes: Sequence[int | None] | None = None,
    epochs: int | Sequence[int] | None = None,
    lr: float | None = None,
    optimizer: Optimizer | None = None,
    seed: int = 0,
    plane: tuple[ArrayLike, ArrayLike] | None = None,
    grid: int = 25,
    sample: int | None = 1000,
    progress: bool = False,
) -> DescentPaths:
    """Train copies of a network with different batch sizes, and map where they went.

    All start at the parameters of `net`, which is left as it is. A point p of a path is drawn at
    ((p − c)·u, (p − c)·v), with c the mean of all recorded points and u, v the first two principal
    directions (of the singular value decomposition) or those given; the surface is the true cost at
    c + a u + b v (Li et al. 2018, *Visualizing the Loss Landscape of Neural Nets*, section 7; the
    picture of the two walkers: Nielsen, *Neural Networks and Deep Learning*, ch. 1).

    Parameters
    ----------
    net : MLP
    X, y
        As of `MLP.fit`.
    batch_sizes : sequence of int or None, optional
        A path each; None is all examples in one step. Default: ``(None, 100, 10)``, as far as
        there are more examples than that.
    epochs : int or sequence of int, optional
        One for all paths or one each, 1 or more. Default: for each path as many as make 400 steps,
        so that all have about the same number of steps and not of examples.
    lr : float, optional
        Learning rate of plain `SGD`, not together with `optimizer`. Default: 0.5, or a fifth,
        a 25th, … of it (ten steps at most), until no path runs away or ends at a higher cost than
        it began.
    optimizer : Optimizer, optional
        Instead of plain SGD. Each path begins with a fresh state.
    seed : int, default 0
        Fixes shuffles and dropout, the same for every path.
    plane : two array-likes, shape (n_params,), optional
        Directions to draw instead of the principal ones; they are made orthonormal.
    grid : int, default 25
        Points of the surface along each side, 3 or more.
    sample : int or None, default 1000
        Examples that costs are computed on, spread evenly over X; None for all of them.
    progress : bool, default False
        Show a bar for each training on stderr, or in the notebook.

    Returns
    -------
    DescentPaths
        Prints as a table; ``.plot()`` draws it.

    Raises
    ------
    ValueError, TypeError
        Something is wrong with the arguments.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.explain import descent_paths
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 8, 10], activation="sigmoid", output="sigmoid", loss="quadratic",
    ...                  seed=0)
    >>> paths = descent_paths(net, X[:500], y[:500], batch_sizes=[None, 10], epochs=1, grid=5)
    >>> [int(path.steps[-1]) for path in paths.paths]
    [1, 50]
    """
    check_mlp(net)
    grid, seed = check_count("grid", grid, 3), check_count("seed", seed, 0)
    sampled = None if sample is None else check_count("sample", sample, 1)
    if lr is not None and optimizer is not None:
        raise ValueError("lr and optimizer were both given: the optimizer has a learning rate")
    chosen = optimizer if lr is None else SGD(lr)
    given = None if plane is None else orthonormal(plane, net.n_params)
    examples = Examples(net, X, y)
    n = examples.n
    sizes = _sizes(batch_sizes, n)
    counts = _epochs(epochs, sizes, n)
    rows = examples.sample(n if sampled is None else sampled)
    scale = _Scale(net, *examples.at(rows))
    most = int(np.clip(_BYTES // (8 * net.n_params * len(sizes)), 20, _RECORDED))

    def walked(i: int, rule: Optimizer) -> Recorder:
        return walk(net, examples, sizes[i], counts[i], rule, seed, most, progress)

    if chosen is None:
        smallest_first = sorted(range(len(sizes)), key=lambda i: sizes[i] or n)
        chosen, walkers = _at_a_rate_that_suits(walked, smallest_first, scale)
    else:
        walkers = [walked(i, chosen) for i in range(len(sizes))]
    points = np.concatenate([np.stack(walker.points) for walker in walkers])
    centre = points.mean(axis=0)
    points -= centre
    directions = principal(points) if given is None else given
    shadows = points @ directions.T  # (points, 2)
    total = float((points**2).sum())
    ends = np.cumsum([len(walker.points) for walker in walkers])
    placed = np.split(shadows, ends[:-1])
    across, up = (axis(shadows[:, i], grid) for i in (0, 1))
    return DescentPaths(
        paths=tuple(
            _path(walker, size, where, scale, n)
            for walker, size, where in zip(walkers, sizes, placed, strict=True)
        ),
        loss=net.loss,
        optimizer=_called(chosen),
        n_examples=n,
        n_sampled=len(rows),
        share=float((shadows**2).sum()) / total if total else 1.0,
        across=across,
        up=up,
        surface=np.array(
            [
                [scale.cost(centre + a * directions[0] + b * directions[1]) for a in across]
                for b in up
            ]
        ),
        principal=given is None,
        _directions=directions,
        _centre=centre,
    )


# What was asked for ------------------------------------------------------------------------------


def _sizes(batch_sizes: Any, n: int) -> list[int | None]:
    if batch_sizes is None:
        return [size for size in _BATCH_SIZES if size is None or size < n]
    if isinstance(batch_sizes, str) or not isinstance(batch_sizes, Sequence) or not batch_sizes:
        raise ValueError(
            f"batch_sizes must be a list such as [None, 100, 10], got {shorten(batch_sizes)}"
        )
    return [None if size is None else check_count("batch_sizes", size, 1) for size in batch_sizes]


def _epochs(epochs: Any, sizes: Sequence[int | None], n: int) -> list[int]:
    """Return the epochs of each path."""
    if epochs is None:
        steps = [1 if size is None else -(-n // min(size, n)) for size in sizes]
        return [-(-_STEPS // each) for each in steps]
    if not isinstance(epochs, Sequence):
        return [check_count("epochs", epochs, 1)] * len(sizes)
    if len(epochs) != len(sizes):
        raise ValueError(f"epochs has {len(epochs)} values for {len(sizes)} batch sizes")
    return [check_count("epochs", count, 1) for count in epochs]


def _at_a_rate_that_suits(
    walked: Callable[[int, Optimizer], Recorder], order: Sequence[int], scale: _Scale
) -> tuple[SGD, list[Recorder]]:
    """Return the first of the rates 0.5, 0.1, 0.02, … that loses no path, and the paths.

    The batches that are smallest come first: they take the least time, and are lost first.
    """
    for attempt in range(_TRIES):
        rule, made = SGD(_RATE / 5**attempt), dict[int, Recorder]()
        for i in order:
            made[i] = walked(i, rule)
            if _lost(made[i], scale):
                break
        else:
            return rule, [made[i] for i in sorted(made)]
    rule = SGD(_RATE / 5**_TRIES)  # whatever becomes of them
    return rule, [walked(i, rule) for i in sorted(order)]


def _lost(walker: Recorder, scale: _Scale) -> bool:
    """Return whether the learning rate was too large for a path."""
    return walker.stopped is not None or not (
        scale.cost(walker.points[-1]) <= scale.cost(walker.points[0])
    )


def _called(optimizer: Optimizer) -> str:
    """Return the optimizer without the settings that are as they always are."""
    return repr(optimizer).replace(", momentum=0.0, nesterov=False, weight_decay=0.0", "")


def _path(
    walker: Recorder, batch_size: int | None, where: Array, scale: _Scale, n: int
) -> WeightPath:
    steps = np.array(walker.steps)
    size = n if batch_size is None else min(batch_size, n)
    per_epoch = -(-n // size)
    # The last batch of an epoch may be smaller.
    examples = steps // per_epoch * n + steps % per_epoch * size
    # Many at the beginning, where a logarithmic axis has much room; always the first and the last.
    last = len(steps) - 1
    costed = np.unique(np.append(0, np.geomspace(1, max(last, 1), _COSTED).round().astype(int)))
    costed = costed[costed <= last]
    return WeightPath(
        name="full batch" if batch_size is None else f"batches of {batch_size:,}",
        batch_size=batch_size,
        steps=steps,
        examples=examples,
        seconds=np.array(walker.seconds),
        points=where,
        costed=costed,
        costs=np.array([scale.cost(walker.points[i]) for i in costed]),
        length=walker.length,
        displacement=norm(walker.points[-1] - walker.points[0]),
        stopped=walker.stopped,
    )


class _Scale:
    """Weighs points of the parameter space: the cost of a network with these parameters."""

    def __init__(self, net: MLP, X: Any, y: Any) -> None:
        self._net, self._X, self._y = copy.deepcopy(net), X, y

    def cost(self, params: Array) -> float:
        with np.errstate(over="ignore"):
            self._net.params = params
        return float(self._net.cost(self._X, self._y))
