"""History of a fit: one number an epoch for every quantity that was logged.

Private: it may change without notice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .words import four_decimals

_HIGHER_IS_BETTER = ("accuracy", "score", "auc", "f1", "r2", "per_second")

# Shown once in the heading of a table, not in each row.
_TIMING = ("seconds", "examples_per_second")

# A table shows every epoch up to this number, and the first and last few of a longer history.
_ROWS_WHOLE = 8
_ROWS_EACH_END = 3


class History:
    """The record of a fit, returned by ``fit``: lists with one entry an epoch.

    Every logged name is an attribute (``history.loss``) and, as in a mapping, an item
    (``history["loss"]``). ``in`` and iteration use the names; ``dict(history)`` can be passed to
    ``pandas.DataFrame``; ``len(history)`` is the number of epochs. A name that is also the name of
    a method, such as ``best``, is an item only.

    ``fit`` logs `loss`, `accuracy` (classification), `val_loss` and `val_accuracy` (with
    ``validation_data``), `lr`, `seconds` and `examples_per_second`.

    Attributes
    ----------
    stopped : str or None
        Reason for the end of training before its last epoch, as a sentence; else None.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.50, "accuracy": 0.7, "seconds": 0.25})
    >>> history.append({"loss": 0.25, "accuracy": 0.9, "seconds": 0.25})
    >>> history.loss
    [0.5, 0.25]
    >>> history.best("accuracy")
    (2, 0.9)
    >>> history
    History of 2 epochs, 0.5 s
      epoch    loss  accuracy
          1  0.5000    0.7000
          2  0.2500    0.9000
       best  0.2500    0.9000
         at       2         2
    """

    stopped: str | None

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}
        self.stopped = None

    # -- one entry an epoch ------------------------------------------------------------------

    def append(self, logs: Mapping[str, float]) -> None:
        """Add one epoch.

        Parameters
        ----------
        logs : mapping of str to float
            The same names in every epoch.

        Raises
        ------
        ValueError
            If the names are not those of the epochs before; nothing is added.
        """
        self.extend({name: (value,) for name, value in logs.items()})

    def extend(self, columns: Mapping[str, Sequence[float]]) -> None:
        """Add several epochs: of every name a list, all equally long.

        Raises
        ------
        ValueError
            As `append` does; nothing is added.
        """
        added = {str(name): [float(value) for value in values] for name, values in columns.items()}
        lengths = {len(values) for values in added.values()}
        if not added:
            raise ValueError("an epoch must log at least one name, got none")
        if len(lengths) > 1:
            raise ValueError(f"the lists must be equally long, got {sorted(lengths)} numbers")
        if self._columns and added.keys() != self._columns.keys():
            raise ValueError(
                f"every epoch must log the same names: expected {self._names()}, "
                f"got {', '.join(added)}"
            )
        # One call of C, during which no signal is handled: Ctrl-C adds all or nothing.
        if self._columns:
            rows = [self._columns[name] for name in added]
            list(map(list.extend, rows, added.values()))
        else:
            self._columns.update(added)

    def keys(self) -> list[str]:
        """Return the logged names: with them ``dict(history)`` is a dict of columns."""
        return list(self._columns)

    def best(self, name: str) -> tuple[int, float]:
        """Return the epoch (from 1) with the best value of `name`, and that value.

        The best is the highest for names that end in accuracy, score, auc, f1, r2 or per_second,
        and the lowest for all others. NaN is never best; of equal values, the first is best.

        Raises
        ------
        KeyError
            If `name` was not logged.
        ValueError
            If no epoch has a value other than NaN.
        """
        better = max if self.higher_is_better(name) else min
        numbers = [(value, i) for i, value in enumerate(self[name], 1) if not math.isnan(value)]
        if not numbers:
            raise ValueError(f"{name} has no best epoch: every value of it is NaN")
        value, epoch = better(numbers, key=lambda pair: pair[0])
        return epoch, value

    @staticmethod
    def higher_is_better(name: str) -> bool:
        """Return whether larger values of `name` are better, judged by the end of the name.

        >>> History.higher_is_better("val_accuracy"), History.higher_is_better("val_loss")
        (True, False)
        """
        return name.endswith(_HIGHER_IS_BETTER)

    def __getitem__(self, name: str) -> list[float]:
        """Return the values of `name`, one an epoch."""
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"history has no {name!r}; it has {self._names()}") from None

    def __getattr__(self, name: str) -> list[float]:
        """Return the values of `name`, one an epoch."""
        # Only called when ordinary lookup fails. Names with an underscore are never logged;
        # refusing them keeps copy and pickle, which ask an empty object, from recursing.
        if not name.startswith("_") and name in self._columns:
            return self._columns[name]
        known = "" if name.startswith("_") else f"; it has {self._names()}"
        raise AttributeError(f"history has no {name!r}{known}", name=name, obj=self)

    def _names(self) -> str:
        return ", ".join(self._columns) or "no epoch yet"

    def __contains__(self, name: object) -> bool:
        """Return whether `name` was logged."""
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        """Iterate over the logged names, in their order."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(next(iter(self._columns.values()), ()))

    def __dir__(self) -> list[str]:
        """List the attributes and the logged names, for completion."""
        return [*super().__dir__(), *self._columns]

    def __eq__(self, other: object) -> bool:
        """Compare the contents; NaN equals NaN. There is no hash: a history can change."""
        if not isinstance(other, History):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    # -- out and in --------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the whole history as values that JSON represents exactly.

        NaN and infinity, which JSON lacks, become the strings "nan", "inf" and "-inf".

        >>> history = History()
        >>> history.append({"loss": float("nan")})
        >>> history.to_dict()
        {'stopped': None, 'epochs': {'loss': ['nan']}}
        """
        epochs = {
            name: [value if math.isfinite(value) else str(value) for value in values]
            for name, values in self._columns.items()
        }
        return {"stopped": self.stopped, "epochs": epochs}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> History:
        """Return the history that `to_dict` described.

        Raises
        ------
        ValueError
            If `record` is no history: a part is missing, a value is not a number, or the lists
            differ in length.
        """
        history = cls()
        try:
            history.stopped = None if record["stopped"] is None else str(record["stopped"])
            for name, values in record["epochs"].items():
                history._columns[str(name)] = [float(value) for value in values]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"this is not the record of a history: {error!r}") from error
        if len({len(values) for values in history._columns.values()}) > 1:
            raise ValueError("this is not the record of a history: its lists differ in length")
        return history

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a CSV file: a line of names, of which the first is "epoch", and a line an epoch."""
        import csv  # only here, all: most histories are never written
        import io
        from pathlib import Path

        from . import paths

        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["epoch", *self._columns])
        writer.writerows(
            [epoch, *row] for epoch, row in enumerate(zip(*self._columns.values(), strict=True), 1)
        )
        paths.replace(Path(path), lines.getvalue().encode())

    # -- to look at --------------------------------------------------------------------------

    def plot(self, **kwargs: Any) -> Any:
        """Draw the learning curves; needs the extra "plot".

        Parameters
        ----------
        **kwargs
            Passed on to ``fastnn.plot.learning_curves``.

        Returns
        -------
        What ``fastnn.plot.learning_curves`` returns.
        """
        from . import plot  # only here: this module must not need matplotlib

        return plot.learning_curves(self, **kwargs)

    def _heading(self) -> str:
        epochs = len(self)
        parts = [f"History of {epochs} epoch{'' if epochs == 1 else 's'}"]
        if epochs and "seconds" in self:
            parts.append(f"{sum(self['seconds']):,.1f} s")
        if epochs and "examples_per_second" in self:
            speed = sorted(self["examples_per_second"])[epochs // 2]
            parts.append(f"{speed:,.0f} examples/s")
        return ", ".join(parts)

    def _table(self) -> list[list[str]]:
        """Return rows of text: names, epochs (dots for a long middle), the best."""
        names = [name for name in self if name not in _TIMING]
        if not names:
            return []
        epochs: list[int | None] = list(range(1, len(self) + 1))
        if len(epochs) > _ROWS_WHOLE:
            epochs[_ROWS_EACH_END:-_ROWS_EACH_END] = [None]
        rows = [["epoch", *names]]
        for epoch in epochs:
            if epoch is None:
                rows.append(["..."] * len(rows[0]))
            else:
                rows.append([str(epoch), *(four_decimals(self[name][epoch - 1]) for name in names)])
        bests = [self._best_texts(name) for name in names]
        rows.append(["best", *(value for value, _ in bests)])
        rows.append(["at", *(epoch for _, epoch in bests)])
        return rows

    def _best_texts(self, name: str) -> tuple[str, str]:
        # A learning rate is a setting: it has no best.
        if name == "lr" or all(math.isnan(value) for value in self[name]):
            return "", ""
        epoch, value = self.best(name)
        return four_decimals(value), str(epoch)

    def __repr__(self) -> str:
        """Return the record as a table of text."""
        rows = self._table()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self._heading()]
        for row in rows:
            cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  " + "  ".join(cells).rstrip())
        if self.stopped is not None:
            lines.append(f"Stopped early: {self.stopped}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the same as HTML for notebooks; `plot` draws the curves."""
        from html import escape  # only here: it takes longer to import than all of this module

        head, *body = self._table() or [[]]
        parts = [f"<div><p>{escape(self._heading())}</p>"]
        if head:
            cells = "".join(f"<th>{escape(name)}</th>" for name in head)
            parts.append(f"<table><thead><tr>{cells}</tr></thead><tbody>")
            for first, *values in body:
                cells = "".join(f"<td>{escape(value)}</td>" for value in values)
                parts.append(f"<tr><th>{escape(first)}</th>{cells}</tr>")
            parts.append("</tbody></table>")
        if self.stopped is not None:
            parts.append(f"<p>Stopped early: {escape(self.stopped)}</p>")
        return "".join([*parts, "</div>"])
