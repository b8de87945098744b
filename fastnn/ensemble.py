"""Several networks that answer the same question, `Ensemble`.

Over 400 lines, of which 150 are docstrings.

Private: it may change without notice.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fastnn, arrays, names, summary
from ._config import get_num_threads
from .checks import check_count
from .fit.call_size import rows_per_call
from .history import History
from .layout import Array
from .many import check_nets, fit_many
from .mlp import MLP
from .names import check_name

# Measured with networks of one hidden layer, one row and many: of larger networks the copy of the
# parameters into lanes leaves the cache, and their own rows fill the vectors.
_MOST_PARAMS = 2_000
_LEAST_SHARE = 0.25  # of the lanes; fewer networks are faster alone
_SCALINGS = ("_scaling", "_old_bytes", "_output_scaling")  # what decides how a network reads
_VALUES_AT_ONCE = 1 << 20  # outputs of a piece of the rows, over all networks


class Ensemble:
    """Networks with the same inputs and outputs, as one model: its answer is their mean.

    Narrow networks of one shape predict side by side, one in each lane of the processor's vectors;
    each gives the bits of its own `MLP.predict`. ``len(ensemble)``, ``ensemble[i]`` and iteration
    give the networks; ``ensemble[a:b]`` is an ensemble of some.

    Parameters
    ----------
    nets : iterable of MLP
        Each once, of any hidden layers. They agree in inputs and their names, outputs and their
        function, loss, dtype and classes. The ensemble holds them: training one changes it.

    Attributes
    ----------
    metadata : dict
        Your own JSON values, kept in model files.

    Raises
    ------
    TypeError, ValueError
        A network is given twice, or does not agree with the first.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> nets = [fastnn.MLP([1, 8, 1], activation="tanh", seed=seed) for seed in range(5)]
    >>> ensemble = fastnn.Ensemble(nets)
    >>> histories = ensemble.fit(X, X[:, 0] ** 2, epochs=20, bootstrap=True, seed=0)
    >>> ensemble.predict(X).shape, ensemble.mean(X).shape, ensemble.std(X).shape
    ((5, 200, 1), (200, 1), (200, 1))
    """

    metadata: dict[str, Any]

    def __init__(self, nets: Iterable[MLP]) -> None:
        self._nets: tuple[MLP, ...] = tuple(check_nets(nets))
        self.metadata = {}
        self._known: _Known | None = None
        self._check_agreement()

    def _check_agreement(self) -> None:
        first = _facts(self._nets[0])
        for i, net in enumerate(self._nets):
            for name, value in _facts(net).items():
                if value != first[name]:
                    raise ValueError(
                        f"the networks of an ensemble must agree in {name}: that of nets[{i}] is "
                        f"{_short(value)}, that of nets[0] {_short(first[name])}"
                    )

    # ---- the networks --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._nets)

    def __iter__(self) -> Iterator[MLP]:
        return iter(self._nets)

    def __getitem__(self, i: Any) -> Any:
        return Ensemble(self._nets[i]) if isinstance(i, slice) else self._nets[i]

    @property
    def n_params(self) -> int:
        """Number of weights and biases of all networks."""
        return sum(net.n_params for net in self._nets)

    @property
    def classes(self) -> Array | None:
        """Label of each output, or None where labels are 0, 1, 2, …."""
        self._check_agreement()
        return self._nets[0].classes

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, or None."""
        return self._nets[0].feature_names

    def __repr__(self) -> str:
        kinds = Counter(summary.heading(net) for net in self._nets)
        lines = [f"  {count:,} x {kind}" for kind, count in kinds.items()]
        return "\n".join([f"Ensemble of {len(self._nets):,}: {self.n_params:,} parameters", *lines])

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_known": None}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # two ensembles must not train the same networks

    # ---- training ------------------------------------------------------------------------------

    def fit(
        self,
        X: arrays.Matrix,
        y: ArrayLike,
        *,
        bootstrap: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> list[History]:
        """Train all networks, each with the bits that its own `MLP.fit` would give; see `fit_many`.

        Parameters
        ----------
        X, y : array-like
            As of `MLP.fit`.
        bootstrap : bool, default False
            Train each network on n rows drawn at random from the n of X, with replacement (Breiman
            1996, bagging). Else all see all rows, and differ by their seeds.
        seed : int, optional
            Of these draws. Default: different each time.
        **options
            Arguments of `fit_many`: ``epochs``, ``batch_size``, ``optimizer``, ``rows``,
            ``sample_weight``, ``validation_data``, ``early_stopping``, ``shuffle``, ``progress``.

        Returns
        -------
        list of History

        Raises
        ------
        ValueError, TypeError
            An argument is wrong; all networks are unchanged.
        """
        if bootstrap:
            if options.get("rows") is not None:
                raise TypeError("rows and bootstrap=True both choose the rows: give one of them")
            rng = np.random.default_rng(None if seed is None else check_count("seed", seed, 0))
            n = self._nets[0]._passes.rows(X).n_rows
            options["rows"] = [rng.integers(0, n, n) for _ in self._nets]
        elif seed is not None:
            raise TypeError("seed is that of bootstrap=True; each network has its own")
        return fit_many(self._nets, X, y, **options)

    # ---- reading -------------------------------------------------------------------------------

    def predict(self, X: arrays.Matrix) -> Array:
        """Return the outputs of every network for each row, (k, n, n_out).

        Parameters
        ----------
        X : array-like, shape (n, n_in)
            As of `MLP.fit`; may be empty.

        Returns
        -------
        ndarray, shape (k, n, n_out)
            Those of network i are ``ensemble[i].predict(X)``, bit by bit.
        """
        known = self._current()
        few = known.predict_few(X)
        if few is not None:
            return few
        readers, n = self._readers(X)
        out = np.empty((len(self._nets), n, self._nets[0].sizes[-1]), known.dtype)
        for begin, end, a in self._pieces(readers, n):
            out[:, begin:end] = a
        return out

    def mean(self, X: arrays.Matrix) -> Array:
        """Return the mean of the networks' outputs, (n, n_out), summed in double.

        Of networks with loss gaussian_nll it is the mean and the log-variance of the mixture of
        their normal distributions: μ = mean(μ_i), s = ln[mean(e^s_i) + var(μ_i)] (Lakshminarayanan
        et al. 2017).
        """
        return self._reduced(X, self._mean_of)

    def std(self, X: arrays.Matrix, *, ddof: int = 0) -> Array:
        """Return the standard deviation of the networks' outputs, (n, n_out): how they disagree.

        Of networks with loss gaussian_nll it is that of the mixture of their normal distributions,
        (n, n_targets): noise of the data, and disagreement about the mean.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
        ddof : int, default 0
            The sum of squares is divided by k − ddof, as in `numpy.std`.
        """
        if self._is_mixture:
            return np.asarray(np.exp(self.mean(X)[:, 1::2] / 2))
        check_count("ddof", ddof, 0)
        if ddof >= len(self._nets):
            raise ValueError(f"ddof={ddof} needs more than {ddof} networks")
        return self._reduced(X, lambda a: a.std(axis=0, dtype=np.float64, ddof=ddof))

    def quantiles(self, X: arrays.Matrix, q: float | Sequence[float]) -> Array:
        """Return quantiles of the networks' outputs, as `numpy.quantile` interpolates.

        Parameters
        ----------
        X : array-like, shape (n, n_in)
        q : float or sequence of float
            From 0 to 1. The 0.05 and 0.95 of networks that were fitted with ``bootstrap=True`` are
            a 90 % interval for what is learnt, without the noise of y.

        Returns
        -------
        ndarray, shape (n, n_out) or (len(q), n, n_out)
        """
        wanted = np.asarray(q, np.float64)
        if wanted.ndim > 1 or not ((wanted >= 0) & (wanted <= 1)).all():
            raise ValueError(f"q must be a number from 0 to 1 or several, got {q!r}")
        return np.asarray(np.quantile(self.predict(X), wanted, axis=0))

    def classify(self, X: arrays.Matrix, *, by: Literal["mean", "vote"] = "mean") -> Array:
        """Return the class label of each row, shape (n,).

        Parameters
        ----------
        X : array-like, shape (n, n_in)
        by : {"mean", "vote"}, default "mean"
            "mean": the label of the largest mean output. "vote": the label that most networks
            give; of equals the one with the largest mean output.
        """
        check_name("by", by, ("mean", "vote"))
        self._check_agreement()
        first = self._nets[0]
        first._check_has_classes()
        if by == "mean":
            return first._labels_of(self.mean(X))
        n_out = first.sizes[-1]
        outputs = self.predict(X)
        if n_out == 1:
            share = (outputs[:, :, 0] >= 0.5).mean(axis=0)[:, None]
            tied = share == 0.5
            return first._labels_of(np.where(tied, outputs.mean(axis=0, dtype=np.float64), share))
        n = n_out if first.classes is None else len(first.classes)
        chosen = outputs[:, :, :n].argmax(axis=2)
        votes = np.stack([(chosen == j).sum(axis=0) for j in range(n)], axis=1)
        mean = outputs[:, :, :n].mean(axis=0, dtype=np.float64)
        return first._labels_of(np.where(votes == votes.max(axis=1, keepdims=True), mean, -np.inf))

    def evaluate(
        self, X: arrays.Matrix, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Return ``loss`` and, for classes, ``accuracy`` of the mean, as `MLP.evaluate` does.

        Where targets are scaled, the loss is in the units that the first network learns.
        """
        self._check_agreement()
        return _as_network(self._nets[0]).evaluate(
            _before_output(self._nets[0], self.mean(X)), y, sample_weight=sample_weight
        )

    @property
    def _is_mixture(self) -> bool:
        return self._nets[0].loss == "gaussian_nll"

    def _mean_of(self, a: Array) -> Array:
        mean: Array = np.add.reduce(a, axis=0, dtype=np.float64) / len(a)
        if self._is_mixture:
            of_means = a[:, :, ::2].var(axis=0, dtype=np.float64)
            variance = np.exp(a[:, :, 1::2].astype(np.float64)).mean(axis=0) + of_means
            mean[:, 1::2] = np.log(variance)
        return np.asarray(mean, a.dtype)

    def _reduced(self, X: arrays.Matrix, reduce: Any) -> Array:
        """Return what `reduce` makes of the outputs (k, m, n_out) of each piece of the rows."""
        few = self._current().predict_few(X)
        if few is not None:
            return np.asarray(reduce(few))
        readers, n = self._readers(X)
        found = [reduce(a) for _, _, a in self._pieces(readers, n)]
        return np.concatenate(found)

    def _current(self) -> _Known:
        """Return the groups of networks that read alike; it follows what assignments change."""
        if self._known is None or not self._known.holds():
            self._check_agreement()
            self._known = _Known.of(self._nets)
        return self._known

    def _readers(self, X: arrays.Matrix) -> tuple[list[tuple[_Group, _fastnn.Rows]], int]:
        """Return the groups, each with X as it reads it, and the number of rows."""
        read: dict[Any, _fastnn.Rows] = {}
        readers = []
        for group in self._current().groups:
            if group.reads not in read:
                read[group.reads] = group.nets[0]._passes.rows(X, may_be_empty=True)
            readers.append((group, read[group.reads]))
        return readers, readers[0][1].n_rows

    def _pieces(
        self, readers: list[tuple[_Group, _fastnn.Rows]], n: int
    ) -> Iterator[tuple[int, int, Array]]:
        """Yield begin, end and outputs (k, end - begin, n_out) of pieces of the rows."""
        known, k, n_out = self._current(), len(self._nets), self._nets[0].sizes[-1]
        step = min(rows_per_call(self.n_params), max(1, _VALUES_AT_ONCE // (k * n_out)))
        for begin in range(0, max(n, 1), step):
            end = min(begin + step, n)
            a = np.empty((k, end - begin, n_out), self._nets[0].dtype)
            for group, rows in readers:
                group.forward(rows, begin, end, a)
            yield begin, end, known.in_units(a)

    # ---- files ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all networks to one safetensors file, all or nothing; `fastnn.load` reads it.

        Parameters
        ----------
        path : path-like
            Its folder must exist. An old file is replaced only when the new one is complete.

        Raises
        ------
        OSError
            The file cannot be written; an old file is unchanged.
        ValueError
            The parameters of a network are not finite.
        BusyError
            Another thread is training one of the networks.
        """
        from .model_file import writing

        self._check_agreement()
        writing.write_ensemble(self, path)


def _facts(net: MLP) -> dict[str, Any]:
    """Return what the networks of an ensemble have in common."""
    classes = None if net.classes is None else (net.classes.dtype.kind, *net.classes.tolist())
    parameter = names.PARAMETERS.get(net.loss)
    return {
        "the number of inputs": net.sizes[0],
        "the names of the inputs": net.feature_names,
        "the meaning of bytes": "numbers" if net._old_bytes is None else "fractions of 255",
        "the number of outputs": net.sizes[-1],
        "the output function": net.output,
        "the loss": net.loss,
        "the loss's parameter": None if parameter is None else getattr(net, parameter),
        "the dtype": net.dtype.name,
        "the classes": classes,
    }


def _short(value: Any) -> str:
    text = repr(value[1:] if isinstance(value, tuple) and len(value) > 5 else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# ---- groups of networks that read alike ----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Group:
    """Networks with one reading of X, which the core takes together where `together` is set."""

    at: NDArray[np.int64]  # their numbers in the ensemble
    nets: tuple[MLP, ...]
    reads: Any  # a key of the reading
    together: _fastnn.Together | None

    def forward(self, rows: _fastnn.Rows, begin: int, end: int, out: Array) -> None:
        """Write the networks' outputs, unscaled, into their places of `out`."""
        if self.together is not None:
            part = np.empty((len(self.nets), *out.shape[1:]), out.dtype)
            self.together.forward(rows, begin, end, part, get_num_threads())
            out[self.at] = part
            return
        for i, net in zip(self.at, self.nets, strict=True):
            layers = [None] * (len(net.sizes) - 1) + [out[i]]
            net._core.forward(rows, begin, end, layers, get_num_threads())


@dataclass(frozen=True, eq=False)
class _Known:
    """The scalings of the networks at some time, and the groups that follow from them."""

    states: list[dict[str, Any]]  # the attributes of each network
    values: list[Any]  # those of _SCALINGS, of each network
    output_scalings: list[Any]
    groups: list[_Group]
    dtype: np.dtype[Any]  # of the outputs

    @classmethod
    def of(cls, nets: Sequence[MLP]) -> _Known:
        alike: dict[Any, list[int]] = {}
        for i, net in enumerate(nets):
            alike.setdefault((_reads(net), *_shape(net)), []).append(i)
        groups = []
        for (reads, *_), at in alike.items():
            chosen = tuple(nets[i] for i in at)
            lanes = _fastnn.lanes(chosen[0].dtype)
            few = len(chosen) < max(2, _LEAST_SHARE * lanes)
            beside = not few and chosen[0].n_params <= _MOST_PARAMS
            together = _fastnn.Together([net._core for net in chosen]) if beside else None
            groups.append(_Group(np.array(at), chosen, reads, together))
        units = [net._output_scaling for net in nets]
        dtype = nets[0].dtype if not any(units) else np.dtype(np.float64)
        states = [vars(net) for net in nets]
        values = [state.get(name) for state in states for name in _SCALINGS]
        return cls(states, values, units, groups, dtype)

    def holds(self) -> bool:
        """Return whether the networks have the same scalings still: these are never changed."""
        return _fastnn.are_still(self.states, _SCALINGS, self.values)

    def predict_few(self, X: Any) -> Array | None:
        """Return the outputs for a few rows of a plain array; None for any other X or networks."""
        if len(self.groups) > 1 or self.groups[0].together is None:
            return None
        net = self.groups[0].nets[0]
        if net._old_bytes is not None:
            return None
        few: Array | None = self.groups[0].together.forward_few(X, net._scaling)
        return few if few is None else self.in_units(few)

    def in_units(self, a: Array) -> Array:
        """Return outputs (k, n, n_out) in the units of the targets, as `Passes.in_units`."""
        if not any(self.output_scalings):
            return a
        new = a.astype(np.float64)
        for i, scaling in enumerate(self.output_scalings):
            if scaling is not None:
                shift, scale = scaling
                new[i] = a[i] * scale + shift
        return new


def _reads(net: MLP) -> Any:
    """Return a key of the reading of X."""
    return tuple(
        None if each is None else (each.shift.tobytes(), each.scale.tobytes())
        for each in (net._scaling, net._old_bytes)
    )


def _shape(net: MLP) -> tuple[Any, ...]:
    """Return what networks that the core takes together have in common."""
    return (net.sizes, net.activation, net.dropout, net.quantile, net.huber_delta)


# ---- the cost of given outputs -------------------------------------------------------------------


def _as_network(net: MLP) -> MLP:
    """Return a network whose outputs are f(x), with the output function, loss and labels of net."""
    n_out = net.sizes[-1]
    head = MLP(
        [n_out, n_out],
        output="identity" if net.output in ("gelu", "silu") else net.output,
        loss=net.loss,
        init="zeros",
        dtype="float64",
        quantile=net.quantile,
        huber_delta=net.huber_delta,
    )
    head.weights[0] = np.eye(n_out)
    head._classes, head._output_scaling = net._classes, net._output_scaling
    return head


def _before_output(net: MLP, a: Array) -> Array:
    """Return z with f(z) = a, for the network of `_as_network`, in double."""
    a = a.astype(np.float64)
    if net._output_scaling is not None:
        shift, scale = net._output_scaling
        return np.asarray((a - shift) / scale)
    tiny = np.finfo(np.float64).tiny
    if net.output in ("softmax", "exp"):
        return np.asarray(np.log(np.maximum(a, tiny)))
    if net.output == "sigmoid":
        return np.asarray(np.log(np.maximum(a, tiny)) - np.log(np.maximum(1 - a, tiny)))
    if net.output == "tanh":
        return np.asarray(np.arctanh(np.clip(a, -1 + 1e-16, 1 - 1e-16)))
    if net.output == "softplus":  # ln(e^a − 1)
        return np.asarray(a + np.log(np.maximum(-np.expm1(-a), tiny)))
    if net.output == "leaky_relu":
        return np.where(a < 0, a / 0.01, a)
    if net.output == "elu":
        return np.where(a < 0, np.log1p(np.maximum(a, -1 + 1e-16)), a)
    return a
