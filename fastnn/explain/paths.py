"""The careful walker and the drunk one: full-batch descent beside mini-batches, from one start.

The gradient of all examples points straight downhill and takes long to compute; that of a
mini-batch points roughly downhill and is quickly computed. Paths of both are drawn on a plane
through the space of the weights and biases, over the cost on that plane. There are two planes: the
principal one, which holds most of the variance of the paths, and that of the noise, where the drunk
walker is seen to stagger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count
from ..mlp import MLP, check_mlp
from ..optim import SGD, Optimizer
from ..words import number
from .directions import norm
from .ground import NOISE, PRINCIPAL, Ground, Scale, survey
from .plans import at_a_rate_that_suits, epochs_of, plane_of, sizes_of
from .recorder import Recorder, Training
from .shown import Shown, TextTable
from .view_data import ViewData, as_first_fit

Array = NDArray[np.float64]

_KEPT = 402  # points of a path at most, from which planes and costs are computed
_BYTES = 1 << 27  # limit for the points of all paths, as float64; each has at least 24
_COSTED = 60  # points of a path, for which the cost is computed


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
        Steps taken and examples seen at each point: the start, and after every step.
    seconds : ndarray, shape (k,)
        Time of training until then, measured by repeating the training without recording, so that
        it is the time of `MLP.fit`. Measured at the end of each epoch and interpolated in between.
    points : ndarray, shape (k, 2)
        Coordinates of all points on the plane.
    costed : ndarray of int, shape (c,)
        Positions of the points whose cost was computed.
    costs : ndarray, shape (c,)
        The cost C at these points themselves, not at their projections on the plane.
    length, displacement : float
        The sum of the lengths of all steps, and the distance from start to end, in the space of all
        parameters.
    stopped : str or None
        Reason for an early end, if there was one.
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
        """Length over displacement: 1 for a straight line; NaN if the displacement is 0."""
        return self.length / self.displacement if self.displacement else float("nan")

    @property
    def straightness_on_plane(self) -> float:
        """Length over displacement on the plane; NaN if the displacement is 0."""
        return _straightness(self.points)


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
        Number of examples for training, and for computing costs.
    share : float
        Share of the variance of all points that lies in the plane.
    across, up : ndarray, shape (grid,)
        Coordinates of the surface along the plane's two directions, 0 at its centre.
    surface : ndarray, shape (grid, grid)
        The cost C on the plane: ``surface[i, j]`` at ``(across[j], up[i])``.
    plane : {"principal", "noise", "given"}
        Name of the plane; see `descent_paths`.
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
    plane: str
    _ground: Ground

    @property
    def directions(self) -> Array:
        """The plane's two orthonormal directions, (2, n_params)."""
        return self._ground.planes[self.plane]

    @property
    def centre(self) -> Array:
        """The planes' origin: the mean of all points of all paths, (n_params,)."""
        return self._ground.centre

    @property
    def planes(self) -> tuple[str, ...]:
        """Names of the planes for `on`; "noise" needs a path with mini-batches."""
        return tuple(self._ground.planes)

    def on(self, plane: str) -> DescentPaths:
        """Return the same trainings on another plane.

        Parameters
        ----------
        plane : {"principal", "noise", "given"}
            One of `planes`.

        Raises
        ------
        ValueError
            There is no such plane.
        """
        if plane not in self.planes:
            raise ValueError(f"plane must be one of {', '.join(self.planes)}; got {plane!r}")
        if plane == self.plane:
            return self
        return _seen(self, plane)

    def tables(self) -> list[TextTable]:
        """Return tables of the steps, times and costs of each path, and of its straightness."""
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
        on = "all" if self.n_sampled == self.n_examples else f"{self.n_sampled:,} of"
        notes = [
            f"{self.loss} cost, on {on} {self.n_examples:,} examples; "
            f"{number(float(self.paths[0].costs[0]))} at the start. "
            "Seconds: of the same training without recording."
        ]
        notes += [f"{path.name}: {path.stopped}." for path in self.paths if path.stopped]
        table = TextTable(f"Paths of {self.optimizer}", columns, rows, " ".join(notes))
        return [table, self._straight()]

    def _straight(self) -> TextTable:
        """Return a table of the straightness of each path, in the whole space and on the planes."""
        ground = self._ground
        ways = [ground.coordinates[plane] for plane in self.planes]
        rows = [
            (path.name, path.straightness, *(_straightness(way[i]) for way in ways))
            for i, path in enumerate(self.paths)
        ]
        columns = ("path", "all parameters", *(f"{plane} plane" for plane in self.planes))
        notes = [
            f"The {plane} plane holds {100 * ground.share(plane):.0f} % of the variance of the "
            "points."
            for plane in self.planes
        ]
        if NOISE in self.planes:
            batches = [path.batch_size or self.n_examples for path in self.paths]
            careful, drunk = (self.paths[int(f(batches))].name for f in (np.argmax, np.argmin))
            notes.append(
                f"Noise plane: from start to end of {careful}, and across that the main direction "
                f"of the noise in the steps of {drunk}."
            )
        return TextTable("Length over displacement, of every step", columns, rows, " ".join(notes))

    def plot(self, **options: Any) -> Any:
        """Draw the paths on both planes, and the costs; see `fastnn.plot.walks`."""
        from .. import plot

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
    plane: str | tuple[ArrayLike, ArrayLike] = PRINCIPAL,
    grid: int = 25,
    sample: int | None = 1000,
    progress: bool = False,
) -> DescentPaths:
    """Train copies of a network with different batch sizes, and map their paths.

    All start at the parameters of `net`, which is not changed. Every step is recorded: a point p of
    a path is drawn at ((p − c)·u, (p − c)·v), with c the mean of all points and u, v the plane's
    directions; the surface is the true cost at c + a u + b v (Li et al. 2018, *Visualizing the
    Loss Landscape of Neural Nets*, section 7; the picture of the two walkers: Nielsen, *Neural
    Networks and Deep Learning*, ch. 1).

    Memory is bounded: up to 402 points of a path are kept (fewer if those of all paths would take
    128 MiB, but at least 24 of each); for the other points of longer paths the training is
    repeated, bit for bit, and each point is projected when it is reached. The training is repeated
    once more without recording, to measure its time.

    Parameters
    ----------
    net : MLP
    X, y
        As of `MLP.fit`.
    batch_sizes : sequence of int or None, optional
        One for each path; None is all examples in one step. Default: ``(None, 100, 10)``; without
        the 100 below 400 examples, and with a quarter of the examples, at least 1, below 40.
    epochs : int or sequence of int, optional
        One for all paths or one each, 1 or more. Default: the number that makes 400 steps of each
        path, so that all have about the same number of steps, not of examples.
    lr : float, optional
        Learning rate of plain `SGD`, not together with `optimizer`. Default: 0.5, or a fifth,
        a 25th, … of it (ten tries at most), until no path diverges or ends at a higher cost than
        its start.
    optimizer : Optimizer, optional
        Instead of plain SGD. Each path begins with a fresh state.
    seed : int, default 0
        Fixes shuffles and dropout, the same for every path.
    plane : {"principal", "noise"} or two array-likes, shape (n_params,), default "principal"
        "principal": the first two principal directions of the points that are kept, which hold most
        of their variance. "noise": from the start to the end of the path with the largest batches,
        and across that path the main direction of the noise: the first principal direction of the
        single steps of the path with the smallest, perpendicular to both the first direction and
        the first principal direction of the path with the largest batches. Given directions are
        made orthonormal. `DescentPaths.on` changes between planes.
    grid : int, default 25
        Points of the surface along each side, 3 or more.
    sample : int or None, default 1000
        Examples for computing costs, spread evenly over X; None for all of them.
    progress : bool, default False
        Show a bar for each training on stderr, or in the notebook.

    Returns
    -------
    DescentPaths
        Prints as a table; ``.plot()`` draws it.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.

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
    given, shown = plane_of(plane, net.n_params)
    examples = ViewData(net, X, y)
    net = as_first_fit(net, examples.X)
    n = examples.n
    sizes = sizes_of(batch_sizes, n)
    counts = epochs_of(epochs, sizes, n)
    rows = examples.sample(n if sampled is None else sampled)
    scale = Scale(net, *examples.at(rows))
    most = int(np.clip(_BYTES // (8 * net.n_params * len(sizes)), 24, _KEPT))

    def train(i: int, rule: Optimizer) -> tuple[Training, Recorder]:
        training = Training(net, examples, sizes[i], counts[i], rule, seed)
        return training, training.train_recorded(most, progress)

    if chosen is None:
        smallest_first = sorted(range(len(sizes)), key=lambda i: sizes[i] or n)
        chosen, made = at_a_rate_that_suits(train, smallest_first, scale)
    else:
        made = [train(i, chosen) for i in range(len(sizes))]
    trainings, recorders = zip(*made, strict=True)
    ground = survey(trainings, recorders, given, scale)
    if shown not in ground.planes:
        raise ValueError('plane "noise" needs a path with mini-batches; batch_sizes has none')
    across, up, surface = ground.surface(shown, grid)
    return DescentPaths(
        paths=tuple(
            _path(training, recorder, where, scale)
            for training, recorder, where in zip(
                trainings, recorders, ground.coordinates[shown], strict=True
            )
        ),
        loss=net.loss,
        optimizer=_called(chosen),
        n_examples=n,
        n_sampled=len(rows),
        share=ground.share(shown),
        across=across,
        up=up,
        surface=surface,
        plane=shown,
        _ground=ground,
    )


def _seen(paths: DescentPaths, plane: str) -> DescentPaths:
    """Return the paths on another plane."""
    ground = paths._ground
    across, up, surface = ground.surface(plane, len(paths.across))
    moved = zip(paths.paths, ground.coordinates[plane], strict=True)
    return replace(
        paths,
        paths=tuple(replace(path, points=points) for path, points in moved),
        share=ground.share(plane),
        across=across,
        up=up,
        surface=surface,
        plane=plane,
    )


def _straightness(points: Array) -> float:
    """Return length over displacement of a path on a plane, (k, 2)."""
    displacement = norm(points[-1] - points[0])
    if not displacement:
        return float("nan")
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) / displacement


def _called(optimizer: Optimizer) -> str:
    """Return the optimizer as text, without settings that have their default."""
    return repr(optimizer).replace(", momentum=0.0, nesterov=False, weight_decay=0.0", "")


def _path(training: Training, recorder: Recorder, points: Array, scale: Scale) -> WeightPath:
    steps = np.arange(recorder.steps + 1)
    per_epoch = training.steps_per_epoch
    # Denser at the beginning, for a logarithmic axis; always with the first and the last point.
    last = len(recorder.kept) - 1
    some = np.unique(np.append(0, np.geomspace(1, max(last, 1), _COSTED).round().astype(int)))
    some = some[some <= last]
    return WeightPath(
        name="full batch" if training.batch_size is None else f"batches of {training.batch_size:,}",
        batch_size=training.batch_size,
        steps=steps,
        # The last batch of an epoch may be smaller.
        examples=steps // per_epoch * training.examples.n + steps % per_epoch * training.size,
        seconds=training.seconds(recorder.steps),
        points=points,
        costed=np.array(recorder.kept)[some],
        costs=np.array([scale.cost(recorder.points[i]) for i in some]),
        length=recorder.length,
        displacement=norm(recorder.end - recorder.start),
        stopped=recorder.stopped,
    )
