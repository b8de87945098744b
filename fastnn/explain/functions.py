"""Functions of two inputs as `descend` walks on them: value, gradient, curvature, a grid of values.

All that callers' functions may do wrong is told here, in one sentence that names the place.
"""

from __future__ import annotations

from collections.abc import Callable
from reprlib import repr as shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expression import CONSTANTS, Expression, parse

Array = NDArray[np.float64]

EXAMPLES = {
    "bowl": "x**2 + y**2",
    "ravine": "x**2/20 + y**2",
    "saddle": "x**2 - y**2 + y**4/4",
    "himmelblau": "(x**2 + y - 11)**2 + (x + y**2 - 7)**2",
    "rosenbrock": "(1 - x)**2 + 100*(y - x**2)**2",
}

# The best step of a central difference balances rounding, ε/h, and truncation, h².
_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
# That of a difference of gradients, which may be differences themselves.
_CURVATURE_STEP = 1e-3


class Surface:
    """A function of two inputs and its gradient.

    Parameters
    ----------
    f : callable or str
        f(x, y), the name of one of `EXAMPLES`, or an expression of x and y.
    grad : callable, optional
        grad(x, y) -> (∂f/∂x, ∂f/∂y).

    Attributes
    ----------
    name : str
        How it is called in tables: an expression as it is written, a function by its name.
    gradient_kind : str
        "exact", "given" or "central differences".
    """

    def __init__(self, f: Any, grad: Any = None) -> None:
        self._formula: Expression | None = None
        if isinstance(f, str):
            self._formula = _formula(f)
            self._f: Callable[[Any, Any], Any] = self._formula
            self.name: str = self._formula.text
        elif callable(f):
            self._f = f
            name = getattr(f, "__name__", type(f).__name__)
            self.name = "f" if name == "<lambda>" else name
        else:
            raise TypeError(
                f"f must be a function f(x, y), an expression of x and y, or one of "
                f"{', '.join(EXAMPLES)}; got {shorten(f)}"
            )
        if grad is not None and not callable(grad):
            raise TypeError(f"grad must be a function grad(x, y), got {shorten(grad)}")
        self._grad = grad
        self.gradient_kind = (
            "given" if grad else "exact" if self._formula else "central differences"
        )

    def value(self, p: Array) -> float:
        """Return f at a point (2,); infinity where it is too large to compute."""
        x, y = float(p[0]), float(p[1])
        raw = _call("f", self._f, x, y)
        found = _array(raw)
        if found is None or found.size != 1:
            raise ValueError(f"f({x:g}, {y:g}) must return one number, got {shorten(raw)}")
        return float(found.reshape(()))

    def gradient(self, p: Array) -> Array:
        """Return ∇f at a point, (2,)."""
        x, y = float(p[0]), float(p[1])
        if self._grad is not None:
            raw = _call("grad", self._grad, x, y)
            if raw is np.inf:  # an overflow
                return np.full(2, np.inf)
            given = _array(raw)
            if given is None or given.size != 2:
                raise ValueError(
                    f"grad({x:g}, {y:g}) must return two numbers, df/dx and df/dy, "
                    f"got {shorten(raw)}"
                )
            return given.astype(np.float64).reshape(2)
        if self._formula is not None:
            return np.array(self._formula.gradient(x, y))
        return _difference(self.value, p, _STEP)

    def hessian(self, p: Array) -> Array:
        """Return the second derivatives at a point, (2, 2), by differences of the gradient."""
        H = _difference(self.gradient, p, _CURVATURE_STEP)
        return np.asarray(0.5 * (H + H.T))

    def on_grid(self, x: Array, y: Array) -> Array:
        """Return f at all pairs, (len(y), len(x)); NaN where it is not defined.

        In one call if f takes arrays, and one by one if it does not.
        """
        Z = self._on_arrays(*np.meshgrid(x, y))
        return np.array([[self._or_nan(a, b) for a in x] for b in y]) if Z is None else Z

    def _on_arrays(self, X: Array, Y: Array) -> Array | None:
        """Return f of arrays, or None if it does not take them."""
        try:
            with np.errstate(all="ignore"):
                Z = _array(self._f(X, Y))
        except Exception:  # whatever it says of arrays: numbers are what it was written for
            return None
        if Z is None or Z.shape != X.shape:
            return None
        Z = np.where(np.isfinite(Z), Z, np.nan)
        # A function may take arrays and mean something else by them: so look at some places.
        rows, columns = X.shape
        places = ((0, 0), (0, -1), (-1, 0), (-1, -1), (rows // 2, columns // 2))
        alone = [self._or_nan(X[place], Y[place]) for place in places]
        return Z if np.allclose([Z[place] for place in places], alone, equal_nan=True) else None

    def _or_nan(self, x: float, y: float) -> float:
        try:
            value = self.value(np.array([x, y]))
        except ValueError:
            return np.nan
        return value if np.isfinite(value) else np.nan


def _formula(text: str) -> Expression:
    if text in EXAMPLES:
        return parse(EXAMPLES[text])
    word = text.strip()
    if word.isidentifier() and word not in ("x", "y", *CONSTANTS):
        raise ValueError(
            f"f must be an expression of x and y, or one of {', '.join(EXAMPLES)}; got {word!r}"
        )
    return parse(text)


def _call(name: str, function: Callable[[Any, Any], Any], x: float, y: float) -> Any:
    try:
        with np.errstate(all="ignore"):
            return function(x, y)
    except OverflowError:  # which Python raises where NumPy says infinity
        return np.inf
    except Exception as error:
        raise ValueError(f"{name}({x:g}, {y:g}) raised {type(error).__name__}: {error}") from error


def _array(value: Any) -> NDArray[Any] | None:
    """Return real numbers as an array, and None for all else."""
    try:
        found = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return found if found.dtype.kind in "biuf" else None


def _difference(function: Callable[[Array], Any], p: Array, step: float) -> Array:
    """Return central differences along both axes: (2,) of values, (2, 2) of gradients."""
    rows = []
    with np.errstate(all="ignore"):
        for axis in range(2):
            shift = np.zeros(2)
            shift[axis] = step * max(1.0, abs(p[axis]))
            ahead, behind = p + shift, p - shift
            width = ahead[axis] - behind[axis]  # what the rounded points are apart
            rows.append((np.asarray(function(ahead)) - function(behind)) / width)
    return np.array(rows)
