"""The network and the examples that a page shows, with the facts that the page begins with."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_count, is_whole
from ...mlp import MLP, check_mlp
from ...pictures import ImageForm
from ..functions import EXAMPLES
from ..neuron_names import NeuronNames, image_shape
from ..view_data import ViewData, as_first_fit, untrained

Array = NDArray[Any]

# The cost of one example, with sums over the n outputs (k targets); see `MLP`.
LOSSES = {
    "quadratic": "Σ (a − y)²",
    "mse": "1/n Σ (a − y)²",
    "cross_entropy": "−Σ y ln a",
    "binary_cross_entropy": "−Σ [y ln a + (1 − y) ln(1 − a)]",
    "mae": "1/n Σ |a − y|",
    "huber": "1/n Σ h(a − y), h(r) = r²/2 within ±d, d (|r| − d/2) outside",
    "quantile": "1/n Σ max(q r, (q − 1) r), r = y − a",
    "poisson": "1/n Σ (a − y ln a)",
    "gaussian_nll": "1/k Σ ½ [(y − μ)² e^−s + s]",
}
# Parts of the plane on which the examples of `descend` are worth seeing.
_PLACES = {
    "bowl": ((-3.0, 3.0), (-3.0, 3.0)),
    "ravine": ((-10.0, 10.0), (-3.0, 3.0)),
    "saddle": ((-2.5, 2.5), (-2.5, 2.5)),
    "himmelblau": ((-6.0, 6.0), (-6.0, 6.0)),
    "rosenbrock": ((-2.0, 2.0), (-1.0, 3.0)),
}
_MOST_READ = 10_000  # examples from which the ranges of the inputs are read


class Subject:
    """A network and examples, as the calls of the page read them.

    Parameters
    ----------
    net : MLP
    X, y : as of `MLP.fit`, optional
        All examples that the page may show.
    n_train : int, optional
        How many of them are for training; the others, at the end, are for the test.
    name : str
        Of the data.

    Attributes
    ----------
    net : MLP
        The network given, or a copy that reads bytes as its first fit will.
    data : ViewData or None
    names : NeuronNames
    """

    def __init__(
        self, net: MLP, X: Any = None, y: Any = None, *, n_train: int | None = None, name: str = ""
    ) -> None:
        check_mlp(net)
        if X is not None and not net._trained:
            net = as_first_fit(net, X[:n_train])
        self.data: ViewData | None = None if X is None else ViewData(net, X, y)
        self.name = name
        all_rows = 0 if self.data is None else self.data.n
        self.n_train: int = all_rows if n_train is None or self.data is None else n_train
        self.names: NeuronNames = NeuronNames(net)
        self.net: MLP = net
        self._start = copy.deepcopy(net)
        if self.data is not None and self.data.y is None:
            raise ValueError("y must have a value a row; it is None")

    # ---- examples ------------------------------------------------------------------------------

    @property
    def examples(self) -> ViewData:
        """The examples; raise ValueError if there are none."""
        if self.data is None:
            raise ValueError("there are no examples: open a file of data first")
        return self.data

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if the targets are values."""
        if self.data is not None:
            return self.data.classes
        if self.net.classes is not None:
            return tuple(map(str, self.net.classes))
        decides = self.net.output in ("softmax", "sigmoid")
        return tuple(map(str, range(max(self.net.sizes[-1], 2)))) if decides else ()

    @property
    def training(self) -> tuple[Any, Array]:
        """X and y of the training examples."""
        return self.examples.at(slice(0, self.n_train))

    @property
    def test(self) -> tuple[Any, Array] | None:
        """X and y of the test examples, if there are any."""
        rows = slice(self.n_train, self.examples.n)
        return self.examples.at(rows) if self.n_train < self.examples.n else None

    def index(self, index: Any) -> int:
        """Return the number of an example, checked."""
        n = self.examples.n
        if not is_whole(index) or not 0 <= index < n:
            raise ValueError(f"index must be a row from 0 to {n - 1}, got {index!r}")
        return int(index)

    def rows(self, rows: Any, most: int) -> NDArray[np.int64]:
        """Return row numbers of training examples, checked."""
        wanted = np.asarray(rows)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu" or not 1 <= len(wanted) <= most:
            raise ValueError(f"rows must be 1 to {most:,} row numbers")
        outside = wanted[(wanted < 0) | (wanted >= self.n_train)]
        if len(outside):
            raise ValueError(f"rows must be from 0 to {self.n_train - 1}, got {outside[0]}")
        return wanted.astype(np.int64)

    def x_of(self, index: int) -> Array:
        """Return the inputs of an example, (1, n_in), as they were given."""
        row = self.examples.X[index : index + 1]
        return np.asarray(row.toarray() if hasattr(row, "toarray") else row)

    def x(self, values: Any) -> Array:
        """Return inputs from the page, (1, n_in) in the units of X, as the network is to read them.

        Where the examples are bytes, they are rounded to bytes.
        """
        x = np.asarray(values)
        n_in = self.net.sizes[0]
        if x.dtype.kind not in "iuf" or x.shape != (n_in,):
            raise ValueError(f"x must be {n_in:,} numbers, got shape {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError("x must be finite numbers; it holds NaN or infinity")
        if self.data is not None and self.data.X.dtype == np.uint8:
            x = np.clip(np.rint(x), 0, 255).astype(np.uint8)
        return x[None]

    # ---- targets -------------------------------------------------------------------------------

    def y(self, target: Any) -> Array:
        """Return a target from the page, as `MLP.fit` takes it for one row.

        A class is given by its name, or by its number as a number; values by one number or more.
        """
        if self.classes:
            return self._label(self._class(target))
        values = np.atleast_1d(np.asarray(target))
        if values.ndim != 1 or values.dtype.kind not in "iuf":
            raise ValueError("target must be numbers, one of each target")
        return values[None].astype(np.float64)

    def y_of(self, index: int) -> Array:
        """Return the target of an example, as `MLP.fit` takes it for one row."""
        y: Array = self.examples.targets[index : index + 1]
        return y

    def _class(self, target: Any) -> int:
        names = self.classes
        if isinstance(target, str) and target in names:
            return names.index(target)
        if is_whole(target) and 0 <= target < len(names):
            return int(target)
        raise ValueError(f"target must be one of {', '.join(names[:20])}, got {target!r}")

    def _label(self, k: int) -> Array:
        known = self.net.classes
        if known is None:
            return np.array([k])
        if k >= len(known):
            raise ValueError(f"the network has {len(known)} classes, not class {k}")
        return known[k : k + 1]

    # ---- parameters ----------------------------------------------------------------------------

    def layer(self, layer: Any) -> int:
        """Return the number of a layer, 1 … L, checked."""
        last = len(self.net.sizes) - 1
        if not is_whole(layer) or not 1 <= layer <= last:
            raise ValueError(f"layer must be from 1 to {last}, got {layer!r}")
        return int(layer)

    def parameter(self, layer: Any, i: Any, j: Any) -> int:
        """Return the place in ``net.params`` of a weight of neuron j, or of its bias (i None)."""
        l = self.layer(layer) - 1
        for name, value in (("j", j),) if i is None else (("i", i), ("j", j)):
            check_count(name, value, 0)
        name = f"biases[{l}][{j}]" if i is None else f"weights[{l}][{i}, {j}]"
        return self.names.index(name)

    def rewind(self, seed: int | None) -> None:
        """Go back to the parameters of the start, or to the initial ones of a seed."""
        self.net = copy.deepcopy(self._start) if seed is None else untrained(self._start, seed)

    # ---- facts ---------------------------------------------------------------------------------

    def meta(self) -> dict[str, Any]:
        """Return the facts that the page begins with."""
        net = self.net
        return {
            "network": {
                "sizes": list(net.sizes),
                "functions": [*net.activation, net.output],
                "loss": net.loss,
                "loss_formula": LOSSES[net.loss],
                "dtype": net.dtype.name,
                "n_params": net.n_params,
                "dropout": list(net.dropout),
            },
            "inputs": self._inputs,
            "outputs": {"names": self.names.classes},
            "classes": list(self.classes) or None,
            "task": "classes" if self.classes else "values",
            "targets": {"scaled": net.output_scale is not None},
            "data": None
            if self.data is None
            else {"name": self.name, "n": self.data.n, "n_train": self.n_train},
            "functions": [
                {"name": name, "expression": text, "x": _PLACES[name][0], "y": _PLACES[name][1]}
                for name, text in EXAMPLES.items()
            ],
        }

    @cached_property
    def _inputs(self) -> dict[str, Any]:
        """Names, shape and ranges of the inputs, in the units of X."""
        net, shape = self.net, image_shape(self.net)
        names = (
            None if shape is not None else [self.names.neuron(0, i) for i in range(net.sizes[0])]
        )
        image = None if shape is None else [*shape, 1]
        least, middle, largest = self._ranges()
        facts: dict[str, Any] = {"names": names, "image": image, "typical": None}
        if shape is not None:
            facts["form"] = self._form(shape)
        if shape is None:
            return {**facts, "low": least, "high": largest, "typical": middle}
        if self.data is not None and self.data.X.dtype == np.uint8:
            return {**facts, "low": 0.0, "high": 255.0}
        return {**facts, "low": float(least.min()), "high": float(largest.max())}

    def _form(self, shape: tuple[int, int]) -> dict[str, Any] | None:
        """Return the layout that the images share, by which the page centres a drawing."""
        form: dict[str, Any] | None = self.net.metadata.get("image_form")
        if form is not None or self.data is None:
            return form
        X = self._some()
        levels = X if X.dtype == np.uint8 else 255 * (X - X.min()) / max(np.ptp(X), 1e-300)
        return ImageForm.of(levels, shape).to_dict()

    def _some(self) -> Array:
        assert self.data is not None
        X = self.data.X[self.data.sample(_MOST_READ)]
        return np.asarray(X.toarray() if hasattr(X, "toarray") else X)

    def _ranges(self) -> tuple[Array, ...]:
        """Return the least, the median and the largest of each input."""
        if self.data is None:
            scaling = self.net._scaling
            shift = np.zeros(self.net.sizes[0]) if scaling is None else scaling.shift
            width = np.ones(self.net.sizes[0]) if scaling is None else 1 / scaling.scale
            return shift - 2 * width, shift, shift + 2 * width
        X = self._some()
        ends = X.min(axis=0), np.median(X, axis=0), X.max(axis=0)
        return tuple(end.astype(np.float64) for end in ends)
