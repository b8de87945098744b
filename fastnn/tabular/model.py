"""A network for tables of raw cells, with the preparation of its columns."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import datasets
from ..checks import check_count
from ..columns import Column, Columns
from ..datasets import tables
from ..datasets.frames import Frame, import_pandas, read_frame
from ..ensemble import Ensemble
from ..mlp import MLP
from ..optim import Adam
from ..paths import one_line
from . import networks, recipe, task_data
from .leaks import leaks
from .rows import Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ..explain.importance import Importance

_BATCH = 32


class TableModel:
    """A multilayer perceptron that takes rows of a table as people have them.

    It reads words, dates, missing cells and ids, decides what each column is, and keeps that in its
    model file: new rows may be as raw as those of the training, with the columns in any order.

    Parameters
    ----------
    target : str, int or sequence of these, optional
        The column to predict: a name, or a position. The last column by default. Several are
        numbers, and `predict` gives a column for each.
    task : {"auto", "classify", "regress"}, default "auto"
    drop, categorical, numeric : sequences of str, optional
        Columns to leave out, to take for categories, and to take for numbers, whatever they seem
        to be.
    weight, group, time : str, optional
        Columns that say how much each row counts, which rows belong together, and when they were:
        validation holds out whole groups, or the latest rows.
    hidden : sequence of int, default (64, 32)
        Widths of the hidden layers.
    n_networks : int, optional
        Networks, with the seeds ``seed``, ``seed + 1``, ..., whose mean answers. Default: 5, or 1
        for so many rows and columns that 5 would take more than about a minute.
    seed : int, default 0

    Attributes
    ----------
    network : Ensemble or MLP
        The trained networks, or the one, on prepared columns.
    columns : tuple of Column
        The columns, each with its kind and what becomes of it (``column.describe()``).
    notes : tuple of str
        Decisions of the reading, columns that alone predict the target, and whether the networks
        learn logarithms; a sentence each.

    Notes
    -----
    The recipe is that of ``fastnn train``: of 20 to 2,000 rows, 5-fold cross-validation chooses the
    number of epochs, and the networks are trained on all rows; of more, each network holds out
    another tenth for early stopping. Numbers and the targets of a regression are standardized,
    dropout is 0.1.
    A single positive target with a heavy tail is learnt as logarithms if the squared error on
    held-out rows is then at least 5 % less: the output function is "exp". With `time`, all networks
    hold out the same latest rows.

    Examples
    --------
    >>> import fastnn, pandas
    >>> frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 5, "ink": ["red", "blue"] * 10})
    >>> frame["kind"] = ["small", "small", "large", "large"] * 5
    >>> model = fastnn.TableModel(target="kind").fit(frame)
    >>> model.predict(pandas.DataFrame({"ink": ["green"], "size": [8.5]})).tolist()
    ['large']
    """

    network: MLP | Ensemble

    def __init__(
        self,
        target: tables.Target = None,
        *,
        task: str = "auto",
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        weight: str | None = None,
        group: str | None = None,
        time: str | None = None,
        hidden: Sequence[int] = recipe.HIDDEN,
        n_networks: int | None = None,
        seed: int = 0,
    ) -> None:
        if task not in ("auto", "classify", "regress"):
            raise ValueError(f"task must be 'auto', 'classify' or 'regress', got {task!r}")
        if n_networks is not None:
            check_count("n_networks", n_networks, 1)
        self.target: tables.Target = target
        self.task: str = task
        self.drop: tuple[str, ...] = tuple(drop)
        self.categorical: tuple[str, ...] = tuple(categorical)
        self.numeric: tuple[str, ...] = tuple(numeric)
        self.weight: str | None = weight
        self.group: str | None = group
        self.time: str | None = time
        self.hidden: tuple[int, ...] = tuple(hidden)
        self.n_networks: int | None = n_networks
        self.seed: int = seed
        self.notes: tuple[str, ...] = ()
        self._columns: Columns | None = None

    @classmethod
    def from_network(cls, network: MLP | Ensemble) -> Self:
        """Return the model of networks with columns in their metadata, as model files have them."""
        columns = task_data.columns_of(network)
        if columns is None:
            raise ValueError("network has no columns in its metadata: it takes numbers alone")
        first = network if isinstance(network, MLP) else network[0]
        if len(columns.units) != first.sizes[0]:
            raise ValueError(
                f"its columns are {len(columns.units)} units; the network reads {first.sizes[0]}"
            )
        _check_facts(network, first, columns)
        model = cls(
            _target_of(network, columns),
            task=network.metadata["task"],
            hidden=first.sizes[1:-1],
            n_networks=1 if isinstance(network, MLP) else len(network),
        )
        model.network, model._columns = network, columns
        model.notes = tuple(network.metadata.get("notes", ()))
        return model

    def fit(self, data: Any) -> Self:
        """Learn the columns and train the networks; return the model.

        Parameters
        ----------
        data : DataFrame (of pandas, polars, Arrow, or whatever narwhals knows), or path
            A table with the target. Rows without a target are left out.

        Raises
        ------
        ValueError
            If there is no such column, or too little to learn from; the model is as before.
        """
        raw = tables.raw_table(_name_of(data), _frame(data, self.target), self.target)
        name = Path(data).stem if isinstance(data, str | os.PathLike) else "table"
        loaded = datasets.Data(name, (raw.frame, raw.y), raw=raw)
        roles = Roles(self.weight, self.group, self.time)
        ready = task_data.prepare(loaded, self.task, 0.0, self.seed, roles)
        columns = Columns.learn(
            raw.frame,
            target=raw.target,
            headed=raw.headed,
            drop=dict.fromkeys(self.drop, "as asked") | roles.left_out,
            categorical=self.categorical,
            numeric=self.numeric,
        )
        X = columns.transform(raw.frame, raw.headed)
        ready = replace(ready, train=(X, ready.train[1]))
        numbers = ready.task == "regress"
        network = MLP(
            [X.shape[1], *self.hidden, ready.n_out],
            output="identity" if numbers else "softmax",
            dropout=recipe.DROPOUT if self.hidden else 0.0,
            seed=self.seed,
        )
        network.classes = ready.classes
        network.feature_names = columns.units
        network.metadata = {"data": name, "task": ready.task, "columns": columns.to_dict()}
        if raw.headed:
            network.metadata["target_name"] = raw.target
        if len(raw.targets) > 1:
            network.metadata["target_names"] = list(raw.targets)
        k = self.n_networks or recipe.networks(len(X), _BATCH, network.n_params)
        length = recipe.length(len(X), _BATCH, k * network.n_params)
        settings = networks.Settings(
            Adam,
            _BATCH,
            length.epochs,
            length.validation_fraction,
            length.patience,
            None,
            self.seed,
        )
        first = task_data.hold_out(ready, settings.fraction, self.seed)[0]
        task_data.standardize(network, columns, first[0], first[1] if numbers else None)
        chosen = networks.choose(network, ready, settings, k)
        nets = networks.members(chosen.net, k)
        networks.train(nets, replace(ready, train=(X, chosen.y)), settings, chosen.epochs)
        if chosen.logs:
            nets = [networks.exponential(net) for net in nets]
        found = leaks(raw.frame, ready.train[1], columns, ready.task)
        self.network, self._columns = networks.together(nets), columns
        self.notes = (*raw.notes, *found, *filter(None, [chosen.logs]))
        self.network.metadata["notes"] = list(self.notes)
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the table, without the target."""
        return self._fitted().columns

    def _fitted(self) -> Columns:
        if self._columns is None:
            raise ValueError("this TableModel is not fitted yet: call fit first")
        return self._columns

    def prepare(self, data: Any) -> npt.NDArray[np.float64]:
        """Return raw rows as the inputs of the network, shape (n, number of units)."""
        columns = self._fitted()
        known = [column.name for column in columns.columns] if columns.headed else []
        table = _frame(data, None, known)
        return columns.transform(table.frame, table.headed, _name_of(data))

    def predict(self, data: Any) -> npt.NDArray[Any]:
        """Return the class, or the number, of each row, (n,); of several targets (n, targets).

        The target may be missing.
        """
        X = self.prepare(data)
        if self._task() == "classify":
            return self.network.classify(X)
        answers = self._mean(X)
        return answers[:, 0] if answers.shape[1] == 1 else answers

    def predict_proba(self, data: Any) -> npt.NDArray[Any]:
        """Return the probability of each class, shape (n, classes)."""
        if self._task() != "classify":
            raise ValueError("predict_proba is for classes; this model predicts numbers")
        outputs = self._mean(self.prepare(data))
        return np.column_stack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def examples(self, data: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return rows as inputs and targets, (X, y), as the functions of `fastnn.explain` need.

        Rows without a target are left out.
        """
        columns = self._fitted()
        target = _target_of(self.network, columns)
        raw = tables.raw_table(_name_of(data), _frame(data, target), target)
        y = raw.y
        if self._task() == "regress":
            if y.dtype.kind not in "biuf":
                raise ValueError(
                    f"{_name_of(data)}: the target is text ({str(y.flat[0])!r}); this model "
                    "predicts numbers"
                )
            y = y.astype(np.float64)
        return columns.transform(raw.frame, raw.headed, _name_of(data)), y

    def evaluate(self, data: Any) -> dict[str, float]:
        """Return the scores on rows with targets.

        Returns
        -------
        dict
            "loss"; for classes "accuracy" and "majority", the share of the most frequent class; for
            numbers "rmse" and "r2", the mean over several targets.
        """
        X, y = self.examples(data)
        scores = dict(self.network.evaluate(X, y))
        if self._task() == "classify":
            scores["majority"] = float(np.unique(y, return_counts=True)[1].max() / len(y))
            return scores
        y = y.reshape(len(y), -1)
        squared = (self._mean(X) - y) ** 2
        scores["rmse"] = float(np.sqrt(squared.mean()))
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = float(np.mean(1 - squared.mean(axis=0) / y.var(axis=0)))
        scores["r2"] = r2 if np.isfinite(r2) else float("nan")
        return scores

    def explain(self, data: Any, *, repeats: int = 5, most: int = 5_000) -> Importance:
        """Measure how much each column matters, by `fastnn.explain.importance`.

        Parameters
        ----------
        data : DataFrame or path
            Rows with targets, best those that the model was not trained on.
        repeats : int, default 5
            Shuffles of each column.
        most : int, default 5000
            Of more rows, so many are drawn and scored.

        Returns
        -------
        Importance
            The fall of accuracy, or R², when a column is shuffled; it prints and has ``.plot()``.
        """
        from ..explain.importance import importance

        return importance(self, data, repeats=repeats, most=most, seed=self.seed)

    def _mean(self, X: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        outputs = self.network.predict if isinstance(self.network, MLP) else self.network.mean
        return outputs(X)

    def _task(self) -> str:
        self._fitted()
        return str(self.network.metadata["task"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write network and columns to a safetensors file; `fastnn.load` gives the model back."""
        self._fitted()
        self.network.save(path)

    def __repr__(self) -> str:
        """Return target and state in one line."""
        if self._columns is None:
            return f"TableModel(target={self.target!r}), not fitted"
        used = sum(column.used for column in self.columns)
        network = repr(self.network).partition("\n")[0]
        return f"TableModel(target={self.target!r}): {used} columns, {network}"


def _check_facts(network: MLP | Ensemble, first: MLP, columns: Columns) -> None:
    """Refuse metadata that do not fit the network: a file may be a stranger's."""
    task, names = network.metadata.get("task"), network.metadata.get("target_names")
    if task not in ("classify", "regress") or (task == "regress" and first.classes is not None):
        raise ValueError(f"its task is {one_line(repr(task))}, which does not fit its network")
    if names is not None and not (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and len({*names}) == len(names) == first.sizes[-1]
        and not {*names} & {column.name for column in columns.columns}
    ):
        raise ValueError(f"its targets are {one_line(repr(names))}, which do not fit its network")
    notes = network.metadata.get("notes", [])
    if not (isinstance(notes, list) and all(isinstance(note, str) for note in notes)):
        raise ValueError("its notes are no sentences")


def _target_of(network: MLP | Ensemble, columns: Columns) -> tables.Target:
    """Return the target's name or position, or those of several targets."""
    names = network.metadata.get("target_names")
    if not isinstance(names, list):
        return columns.target if columns.headed else int(columns.target)
    return [str(name) if columns.headed else int(name) for name in names]


def _frame(data: Any, target: tables.Target, names: Sequence[str] | None = None) -> Frame:
    """Return a table as a frame of pandas, from its file if it is a path."""
    if isinstance(data, str | os.PathLike):
        if names is None and target is not None and not isinstance(target, int):
            listed = [target] if isinstance(target, str) else target
            names = [name for name in listed if isinstance(name, str)]
        return read_frame(Path(data), names=names)
    pandas = import_pandas()
    if not isinstance(data, pandas.DataFrame):
        data = _of_another_library(data)
    frame = data.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    if len(set(frame.columns)) < frame.shape[1]:
        raise ValueError("data has columns of the same name")
    return Frame(frame.reset_index(drop=True), True)


def _of_another_library(data: Any) -> Any:
    try:
        import narwhals
    except ImportError:
        raise ImportError(
            f"a {type(data).__name__} needs narwhals: pip install 'fastnn-mlp[tables]'"
        ) from None
    try:
        return narwhals.from_native(data, eager_only=True).to_pandas()
    except TypeError:
        raise TypeError(
            "data must be a DataFrame of pandas, polars or Arrow, or the path of a table, got "
            f"{type(data).__name__}"
        ) from None


def _name_of(data: Any) -> str:
    return str(data) if isinstance(data, str | os.PathLike) else "data"
