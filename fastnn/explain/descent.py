"""Gradient descent on a function of two inputs: the ball that rolls down the hill.

Training does the same in 13,002 dimensions; in two it can be seen: p ← p − η ∇f(p), step by step,
until the slope vanishes or the last step is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count, check_number
from ..words import number
from .functions import Surface
from .shown import PICTURE, Shown, TextTable

Array = NDArray[np.float64]

CONVERGED, SADDLE, DIVERGED, MOVING = "converged", "saddle", "diverged", "still moving"

_FAR = 1e6  # times (1 + |start|): a path that is this far away has diverged
_ROWS = 12  # of the table of a single path


@dataclass(frozen=True, eq=False)
class Descent(Shown):
    """Paths of gradient descent; made by `descend`.

    Attributes
    ----------
    function : str
        The expression, or the name of the function.
    gradient : str
        Source of ∇f: "exact", "given" or "central differences".
    lr, momentum, tol : float
        The arguments of `descend`.
    paths : list of ndarray, shape (k + 1, 2)
        The start and the point after each of k steps; all finite.
    values : list of ndarray, shape (k + 1,)
        f there.
    gradients : list of ndarray, shape (k + 1, 2)
        ∇f there.
    gradient_norms : list of ndarray, shape (k + 1,)
        ‖∇f‖ there.
    words : list of str
        The end of each path: "converged", "saddle", "diverged" or "still moving".
    reasons : list of str
        The same as a sentence with numbers.
    surface : Surface
        The function, with its `value`, `gradient`, `hessian`, and its values `on_grid`.
    """

    function: str
    gradient: str
    lr: float
    momentum: float
    tol: float
    paths: list[Array]
    values: list[Array]
    gradients: list[Array]
    gradient_norms: list[Array]
    words: list[str]
    reasons: list[str]
    surface: Surface = field(metadata=PICTURE)

    def tables(self) -> list[TextTable]:
        """Return a table of the paths and, of a single one, a table of its steps."""
        momentum = f", momentum {self.momentum:g}" if self.momentum else ""
        several = len(self.paths) > 1
        notes = [
            f"Path {i}: {reason}" if several else reason[0].upper() + reason[1:]
            for i, reason in enumerate(self.reasons, 1)
        ]
        rows = [
            (i, point(path[0]), point(path[-1]), len(path) - 1, f[0], f[-1], g[-1], word)
            for i, (path, f, g, word) in enumerate(
                zip(self.paths, self.values, self.gradient_norms, self.words, strict=True), 1
            )
        ]
        columns = ("path", "start", "end", "steps", "f at start", "f at end", "‖∇f‖", "word")
        title = (
            f"Gradient descent on {self.function}: learning rate {self.lr:g}{momentum}, "
            f"gradient {self.gradient}"
        )
        tables = [TextTable(title, columns, rows, "\n".join(notes))]
        if not several:
            tables.append(self._steps(0))
        return tables

    def _steps(self, i: int) -> TextTable:
        """Return a table of some steps of a path: most at the beginning, and the last."""
        path, last = self.paths[i], len(self.paths[i]) - 1
        shown = [0, *np.geomspace(1, last, _ROWS).round().astype(int)] if last else [0]
        rows = [
            (k, *path[k], self.values[i][k], *-self.gradients[i][k], self.gradient_norms[i][k])
            for k in sorted({int(k) for k in shown})
        ]
        columns = ("step", "x", "y", "f", "−∂f/∂x", "−∂f/∂y", "‖∇f‖")
        left_out = last + 1 - len(rows)
        return TextTable(
            "Steps", columns, rows, f"{left_out:,} steps not shown." if left_out else ""
        )

    def plot(self, **options: Any) -> Any:
        """Draw the surface and its contours with the paths; see `fastnn.plot.landscape`."""
        from .. import plot

        return plot.landscape(self, **options)

    def animate(
        self, path: str | os.PathLike[str], *, fps: float = 10, progress: bool = True
    ) -> None:
        """Write the descent as a film, GIF or MP4 by the file's ending; see `fastnn.plot.film`.

        Parameters
        ----------
        path : path-like
            Ends with .gif, or with .mp4 (which needs the program ffmpeg).
        fps : float, default 10
            Pictures a second, above 0.
        progress : bool, default True
            Show a bar on stderr, or in the notebook.
        """
        from .. import plot

        plot.film(self, path, fps=fps, progress=progress)


def descend(
    f: Callable[[float, float], Any] | str,
    start: ArrayLike,
    lr: float = 0.1,
    steps: int = 1000,
    *,
    grad: Callable[[float, float], Any] | None = None,
    momentum: float = 0.0,
    tol: float = 1e-6,
) -> Descent:
    """Walk down a function of two inputs by gradient descent.

    Per step, from p = (x, y):  v ← μ v + ∇f(p),  p ← p − η v,  with the learning rate η and the
    momentum μ (Rumelhart, Hinton & Williams 1986; Nielsen, *Neural Networks and Deep Learning*,
    ch. 1 and 3). Without momentum that is p ← p − η ∇f(p).

    A path ends where ‖∇f‖ < `tol` (and ‖μ v‖ too): "converged" in a minimum, or on a "saddle" if
    the Hessian (differences of the gradient) has a negative eigenvalue. It has "diverged" if it is
    not finite, far away, or climbs ever more steeply. After `steps` steps it is "still moving".

    Parameters
    ----------
    f : callable or str
        A function f(x, y) of floats (drawn faster if it takes arrays too), an expression of x and y
        such as ``"sin(x)*cos(y) + 0.1*(x**2 + y**2)"`` (see `fastnn.explain.expression`), or the
        name of an example:

        ==============  ==================================================================
        ``bowl``        x² + y²
        ``ravine``      x²/20 + y²: 20 times steeper across than along
        ``saddle``      x² − y² + y⁴/4: a saddle at (0, 0), minima at (0, ±√2)
        ``himmelblau``  (x² + y − 11)² + (x + y² − 7)²: four minima; try lr=0.01
        ``rosenbrock``  (1 − x)² + 100 (y − x²)²: a bent valley to (1, 1); try lr=0.001
        ==============  ==================================================================
    start : (x, y) or sequence of them
        Start of the path; a list of points gives a path for each.
    lr : float, default 0.1
        Learning rate η, above 0.
    steps : int, default 1000
        The most steps of a path, 1 or more.
    grad : callable, optional
        grad(x, y) -> (∂f/∂x, ∂f/∂y). Without it the gradient of expressions and examples is exact,
        that of functions is computed by central differences.
    momentum : float, default 0
        μ in [0, 1).
    tol : float, default 1e-6
        ‖∇f‖ below which the slope counts as 0, above 0.

    Returns
    -------
    Descent
        Prints as a table; ``.plot()`` and ``.animate(path)`` draw it.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or f or grad raised, or returned something other than one number or
        two. The message says at which point.

    Examples
    --------
    >>> from fastnn.explain import descend
    >>> descent = descend("(x - 3)**2 + (y + 1)**2", start=(0, 0), lr=0.25)
    >>> descent.words
    ['converged']
    >>> descent.paths[0][:3].tolist()
    [[0.0, 0.0], [1.5, -0.5], [2.25, -0.75]]
    """
    surface = Surface(f, grad)
    starts = _starts(start)
    lr = check_number("lr", lr, "a number above 0", lambda rate: rate > 0)
    steps = check_count("steps", steps, 1)
    momentum = check_number(
        "momentum", momentum, "a number from 0 to below 1", lambda m: 0 <= m < 1
    )
    tol = check_number("tol", tol, "a number above 0", lambda t: t > 0)
    paths = [_Path(surface, p, lr, momentum, tol) for p in starts]
    for path in paths:
        path.go(steps)
    gradients = [np.array(path.gradients) for path in paths]
    return Descent(
        function=surface.name,
        gradient=surface.gradient_kind,
        lr=lr,
        momentum=momentum,
        tol=tol,
        paths=[np.array(path.points) for path in paths],
        values=[np.array(path.values) for path in paths],
        gradients=gradients,
        gradient_norms=[np.hypot(*g.T) for g in gradients],
        words=[path.word for path in paths],
        reasons=[path.reason for path in paths],
        surface=surface,
    )


def _starts(start: Any) -> Array:
    """Return the starts as rows, (n, 2)."""
    expected = "start must be (x, y) or a list of such points"
    try:
        points = np.asarray(start)
    except (ValueError, TypeError):
        raise ValueError(f"{expected}, got {shorten(start)}") from None
    if points.dtype.kind not in "iuf":
        raise TypeError(f"{expected}, got {shorten(start)}")
    if points.ndim == 1:
        points = points[None]
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"{expected}, got {shorten(start)}")
    if not np.isfinite(points).all():
        raise ValueError(f"start must be finite numbers, got {shorten(start)}")
    return points.astype(np.float64)


class _Path:
    """A path under construction: all points so far, and at the end its word and reason."""

    def __init__(
        self, surface: Surface, start: Array, lr: float, momentum: float, tol: float
    ) -> None:
        self._surface, self._lr, self._momentum, self._tol = surface, lr, momentum, tol
        f, g = surface.value(start), surface.gradient(start)
        for name, found in (("f", f), ("the gradient of f", g)):
            if not np.isfinite(found).all():
                raise ValueError(
                    "start must be where f and its gradient are finite; at "
                    f"({number(float(start[0]))}, {number(float(start[1]))}) "
                    f"{name} is {number(f) if name == 'f' else point(g)}"
                )
        self.points, self.values, self.gradients = [start], [f], [g]
        self._far = _FAR * (1 + float(np.hypot(*start)))
        self.word = self.reason = ""
        self._beyond: Array | None = None  # a nearby point where f has no value

    def go(self, steps: int) -> None:
        """Take up to `steps` steps."""
        v = np.zeros(2)
        for _ in range(steps):
            if self._arrived(v):
                return self._judge_the_place()
            with np.errstate(all="ignore"):
                v = self._momentum * v + self.gradients[-1]
                p = self.points[-1] - self._lr * v
            if not self._step_to(p):
                return self._diverge()
        if self._arrived(v):
            return self._judge_the_place()
        norms = np.hypot(*np.array(self.gradients).T)
        if self.values[-1] > self.values[0] and norms[-1] == norms.max():
            return self._diverge()
        return self._move_on()

    def _arrived(self, v: Array) -> bool:
        """Return whether the path is at rest: slope and velocity are below `tol`."""
        still = np.hypot(*(self._momentum * v)) < self._tol
        return bool(still and np.hypot(*self.gradients[-1]) < self._tol)

    def _step_to(self, p: Array) -> bool:
        """Append a point if it and f there are finite; return False if it is not, or is far."""
        if not np.isfinite(p).all():
            return False
        f = self._surface.value(p)
        g = self._surface.gradient(p) if np.isfinite(f) else np.full(2, np.nan)
        if not np.isfinite(g).all():
            if np.hypot(*(p - self.points[0])) < self._far:
                self._beyond = p
            return False
        self.points.append(p)
        self.values.append(f)
        self.gradients.append(g)
        return bool(np.hypot(*(p - self.points[0])) < self._far)

    # ---- the words -----------------------------------------------------------------------------

    @property
    def _after(self) -> str:
        n = len(self.points) - 1
        return f"after {n:,} step{'' if n == 1 else 's'}"

    @property
    def _here(self) -> str:
        f, g = self.values[-1], float(np.hypot(*self.gradients[-1]))
        return f"near {point(self.points[-1])}: f = {number(f)}, ‖∇f‖ = {number(g)}"

    def _judge_the_place(self) -> None:
        """Distinguish a minimum from a saddle by the curvatures: the Hessian's eigenvalues."""
        H = self._surface.hessian(self.points[-1])
        self.word = CONVERGED
        if not np.isfinite(H).all():
            self.reason = f"the slope vanished {self._after} {self._here}."
            return
        curvatures, directions = np.linalg.eigh(H)
        size = float(np.abs(curvatures).max())
        noise = 1e-7 * (1 + abs(self.values[-1]))  # of differences of differences
        if curvatures[0] < -(1e-3 * size + noise):
            self.word = SADDLE
            what = "the top of a hill" if curvatures[1] < 0 else "a saddle"
            self.reason = (
                f"stopped on {what} {self._after} {self._here}. The slope vanishes, but f "
                f"falls along {point(directions[:, 0])}, where its curvature is "
                f"{number(float(curvatures[0]))}: a start beside it would go on."
            )
        elif size <= noise:
            self.reason = (
                f"came to rest {self._after} {self._here}. The curvature vanishes, too: a flat "
                "place, which need not be a minimum."
            )
        else:
            self.reason = f"reached a minimum {self._after} {self._here}."

    def _diverge(self) -> None:
        self.word = DIVERGED
        if self._beyond is not None:
            self.reason = (
                f"left where f is defined {self._after}, when last seen {self._here}: at "
                f"{point(self._beyond)} f or its slope is no finite number. A smaller learning "
                f"rate than {self._lr:g} would stay longer."
            )
            return
        if self.values[-1] > self.values[0]:
            why = f"The learning rate {self._lr:g} is too large here: try a smaller one."
        else:
            why = (
                f"Either the learning rate {self._lr:g} is too large here, or f has no minimum "
                "this way."
            )
        self.reason = f"ran away {self._after}, when last seen {self._here}. {why}"

    def _move_on(self) -> None:
        self.word = MOVING
        before, g = self.gradients[-2], self.gradients[-1]
        if self._momentum == 0 and before @ g < 0:
            advice = "It leaps from side to side: a smaller learning rate would calm it."
        else:
            advice = "More steps, or a larger learning rate, would bring it further."
        self.reason = f"was still moving {self._after} {self._here}. {advice}"


def point(p: Sequence[float] | Array) -> str:
    """Return (x, y) with four digits; a coordinate that is only rounding is shown as 0."""
    size = float(np.abs(np.asarray(p)).max())
    x, y = (number(0.0 if abs(c) < 1e-12 * size else float(c)) for c in p)
    return f"({x}, {y})"
