"""A network for tables of raw cells, with the preparation of its columns."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import datasets
from ..callbacks import Callback, EarlyStopping
from ..columns import Column, Columns
from ..datasets import tables
from ..datasets.frames import Frame, import_pandas, read_frame
from ..mlp import MLP
from ..optim import Adam
from . import folds, recipe, task_data
from .leaks import leaks
from .rows import Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

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
    hidden : sequence of int, default (64, 32)
        Widths of the hidden layers.
    seed : int, default 0

    Attributes
    ----------
    network : MLP
        The trained network, on prepared columns.
    columns : tuple of Column
        The columns, each with its kind and what becomes of it (``column.describe()``).
    notes : tuple of str
        Decisions of the reading, and columns that alone predict the target; a sentence each.

    Notes
    -----
    The recipe is that of ``fastnn train``: of 20 to 2,000 rows, 5-fold cross-validation chooses the
    number of epochs, and the network is trained on all rows; of more, a tenth is held out for early
    stopping. Numbers and the targets of a regression are standardized, dropout is 0.1.

    Examples
    --------
    >>> import fastnn, pandas
    >>> frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 5, "ink": ["red", "blue"] * 10})
    >>> frame["kind"] = ["small", "small", "large", "large"] * 5
    >>> model = fastnn.TableModel(target="kind").fit(frame)
    >>> model.predict(pandas.DataFrame({"ink": ["green"], "size": [8.5]})).tolist()
    ['large']
    """

    network: MLP

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
        seed: int = 0,
    ) -> None:
        if task not in ("auto", "classify", "regress"):
            raise ValueError(f"task must be 'auto', 'classify' or 'regress', got {task!r}")
        self.target: tables.Target = target
        self.task: str = task
        self.drop: tuple[str, ...] = tuple(drop)
        self.categorical: tuple[str, ...] = tuple(categorical)
        self.numeric: tuple[str, ...] = tuple(numeric)
        self.weight: str | None = weight
        self.group: str | None = group
        self.time: str | None = time
        self.hidden: tuple[int, ...] = tuple(hidden)
        self.seed: int = seed
        self.notes: tuple[str, ...] = ()
        self._columns: Columns | None = None

    @classmethod
    def from_network(cls, network: MLP) -> Self:
        """Return the model of a network with columns in its metadata, as model files have them."""
        columns = task_data.columns_of(network)
        if columns is None:
            raise ValueError("network has no columns in its metadata: it takes numbers alone")
        if len(columns.units) != network.sizes[0]:
            raise ValueError(
                f"its columns are {len(columns.units)} units; the network reads {network.sizes[0]}"
            )
        model = cls(
            _target_of(network, columns),
            task=network.metadata.get("task", "auto"),
            hidden=network.sizes[1:-1],
        )
        model.network, model._columns = network, columns
        return model

    def fit(self, data: Any) -> Self:
        """Learn the columns and train the network.

        Parameters
        ----------
        data : DataFrame (of pandas, polars, Arrow, or whatever narwhals knows), or path
            A table with the target. Rows without a target are left out.
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
        network = MLP(
            [X.shape[1], *self.hidden, ready.n_out],
            output="softmax" if ready.task == "classify" else "identity",
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
        self._train(network, columns, ready)
        found = leaks(raw.frame, ready.train[1], columns, ready.task)
        self.network, self._columns, self.notes = network, columns, raw.notes + found
        return self

    def _train(self, network: MLP, columns: Columns, ready: task_data.SplitData) -> None:
        length = recipe.length(len(ready.train[1]), _BATCH, network.n_params)
        train, held, rows = task_data.hold_out(ready, length.validation_fraction, self.seed)
        numbers = train[1] if ready.task == "regress" else None
        task_data.standardize(network, columns, train[0], numbers)
        epochs, watching = length.epochs, list[Callback]()
        if not epochs:
            epochs = folds.choose_epochs(
                network,
                train,
                ready.task,
                Adam,
                batch_size=_BATCH,
                class_weight=None,
                seed=self.seed,
                rows=rows,
            ).epochs
        if length.patience is not None:
            watching.append(EarlyStopping(patience=length.patience))
        network.fit(
            *train,
            epochs=epochs,
            batch_size=_BATCH,
            optimizer=Adam(),
            validation_data=held,
            sample_weight=rows.weights,
            callbacks=watching,
        )

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
        """Return the class, or the number, of each row, shape (n,); the target may be missing."""
        X = self.prepare(data)
        if self._task() == "classify":
            return self.network.classify(X)
        answers = self.network.predict(X)
        return answers[:, 0] if answers.shape[1] == 1 else answers

    def predict_proba(self, data: Any) -> npt.NDArray[Any]:
        """Return the probability of each class, shape (n, classes)."""
        if self._task() != "classify":
            raise ValueError("predict_proba is for classes; this model predicts numbers")
        outputs = self.network.predict(self.prepare(data))
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
        squared = (self.network.predict(X) - y) ** 2
        scores["rmse"] = float(np.sqrt(squared.mean()))
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = float(np.mean(1 - squared.mean(axis=0) / y.var(axis=0)))
        scores["r2"] = r2 if np.isfinite(r2) else float("nan")
        return scores

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
        return f"TableModel(target={self.target!r}): {used} columns, {self.network!r}"


def _target_of(network: MLP, columns: Columns) -> tables.Target:
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
