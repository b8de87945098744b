"""A network for tables of raw cells, with the preparation of its columns."""

from __future__ import annotations

import os
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
    target : str or int, optional
        The column to predict: a name, or a position. The last column by default.
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
        Decisions of the reading, one sentence each.

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
        target: str | int | None = None,
        *,
        task: str = "auto",
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        hidden: Sequence[int] = recipe.HIDDEN,
        seed: int = 0,
    ) -> None:
        if task not in ("auto", "classify", "regress"):
            raise ValueError(f"task must be 'auto', 'classify' or 'regress', got {task!r}")
        self.target, self.task, self.seed = target, task, seed
        self.drop, self.categorical, self.numeric = drop, categorical, numeric
        self.hidden = tuple(hidden)
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
        target = columns.target if columns.headed else int(columns.target)
        model = cls(target, task=network.metadata.get("task", "auto"), hidden=network.sizes[1:-1])
        model.network, model._columns = network, columns
        return model

    def fit(self, data: Any) -> Self:
        """Learn the columns and train the network.

        Parameters
        ----------
        data : DataFrame (pandas, or anything with ``to_pandas``, as polars and Arrow), or path
            A table with the target. Rows without a target are left out.
        """
        raw = tables.raw_table("data", _frame(data, self.target), self.target)
        name = Path(data).stem if isinstance(data, str | os.PathLike) else "table"
        ready = task_data.prepare(
            datasets.Data(name, (raw.frame, raw.y), raw=raw), self.task, 0.0, self.seed
        )
        columns = Columns.learn(
            raw.frame,
            target=raw.target,
            headed=raw.headed,
            drop=self.drop,
            categorical=self.categorical,
            numeric=self.numeric,
        )
        X, y = columns.transform(raw.frame, raw.headed), ready.train[1]
        classify = ready.task == "classify"
        network = MLP(
            [X.shape[1], *self.hidden, ready.n_out],
            output="softmax" if classify else "identity",
            dropout=recipe.DROPOUT if self.hidden else 0.0,
            seed=self.seed,
        )
        network.classes = ready.classes
        network.feature_names = columns.units
        network.metadata = {"data": name, "task": ready.task, "columns": columns.to_dict()}
        if raw.headed:
            network.metadata["target_name"] = raw.target
        self._train(network, columns, (X, y), ready.task)
        self.network, self._columns, self.notes = network, columns, raw.notes
        return self

    def _train(self, network: MLP, columns: Columns, part: task_data.Part, task: str) -> None:
        length = recipe.length(len(part[1]), _BATCH)
        train, held = task_data.hold_out(part, length.validation_fraction, self.seed, task)
        task_data.standardize(network, columns, train[0], train[1] if task == "regress" else None)
        epochs, watching = length.epochs, list[Callback]()
        if not epochs:
            choice = folds.choose_epochs(
                network, train, task, Adam, batch_size=_BATCH, class_weight=None, seed=self.seed
            )
            epochs = choice.epochs
        if length.patience is not None:
            watching.append(EarlyStopping(patience=length.patience))
        network.fit(
            *train,
            epochs=epochs,
            batch_size=_BATCH,
            optimizer=Adam(),
            validation_data=held,
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

    def evaluate(self, data: Any) -> dict[str, float]:
        """Return the scores on rows with targets.

        Returns
        -------
        dict
            "loss"; for classes "accuracy" and "majority", the share of the most frequent class; for
            numbers "rmse" and "r2".
        """
        columns = self._fitted()
        target: str | int = columns.target if columns.headed else int(columns.target)
        raw = tables.raw_table(_name_of(data), _frame(data, target), target)
        X, y = columns.transform(raw.frame, raw.headed, _name_of(data)), raw.y
        scores = dict(self.network.evaluate(X, y))
        if self._task() == "classify":
            scores["majority"] = float(np.unique(y, return_counts=True)[1].max() / len(y))
            return scores
        error = self.network.predict(X)[:, 0] - y
        scores["rmse"] = float(np.sqrt(np.mean(error**2)))
        scores["r2"] = float(1 - np.mean(error**2) / np.var(y)) if np.var(y) else float("nan")
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


def _frame(data: Any, target: str | int | None, names: Sequence[str] | None = None) -> Frame:
    """Return a table as a frame of pandas, from its file if it is a path."""
    if isinstance(data, str | os.PathLike):
        if names is None and isinstance(target, str):
            names = [target]
        return read_frame(Path(data), names=names)
    pandas = import_pandas()
    if not isinstance(data, pandas.DataFrame):
        if not hasattr(data, "to_pandas"):
            raise TypeError(
                "data must be a DataFrame or the path of a table, got " + type(data).__name__
            )
        data = data.to_pandas()
    frame = data.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    if len(set(frame.columns)) < frame.shape[1]:
        raise ValueError("data has columns of the same name")
    return Frame(frame.reset_index(drop=True), True)


def _name_of(data: Any) -> str:
    return str(data) if isinstance(data, str | os.PathLike) else "data"
