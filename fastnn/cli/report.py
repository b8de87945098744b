"""Output of the commands: facts in two columns, scores, confusion tables, JSON."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import MLP
from ..columns import Columns
from ..export.facts import labels_of as labels_of
from ..export.facts import task_of as task_of
from ..words import plain_value, plural, significant
from .ensembles import Mean

Array = NDArray[Any]

_INDENT = 10
_MOST_CLASSES = 20  # of a confusion table
_MOST_SHOWN = 40  # columns of a table
_MOST_IMPORTANT = 8
_MISTAKES = 5  # that are listed where there are more classes


def fact(name: str, text: str) -> None:
    """Print a line such as "speed     30 epochs in 0.2 s", wrapped in a terminal."""
    lead = f"{name:<{_INDENT - 1}} "
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns - 1, 30)
        text = textwrap.fill(
            text,
            width,
            initial_indent=lead,
            subsequent_indent=" " * _INDENT,
            break_on_hyphens=False,
        )
        print(text)
    else:
        print(lead + text)


def print_json(value: Any) -> None:
    """Print `value` as JSON; NaN and infinity become null."""
    print(json.dumps(plain_value(value), ensure_ascii=False, allow_nan=False))


def describe(net: MLP | Mean) -> str:
    """Return a network in one line: sizes, functions, loss, parameters."""
    functions = (*net.activation, net.output)
    if len(set(functions)) == 1:
        functions = functions[:1]
    elif len(set(net.activation)) == 1:
        functions = functions[-2:]
    sizes = "-".join(map(str, net.sizes))
    if isinstance(net, Mean):
        sizes = f"the mean of {len(net.ensemble)} networks, the first {sizes}"
    return (
        f"{sizes}, {' and '.join(functions)}, {net.loss} cost: {net.n_params:,} weights and biases"
    )


# Columns and scores -------------------------------------------------------------------------------


def print_columns(columns: Columns) -> None:
    """Print a line a column: its name and what becomes of it, those left out last."""
    kept = sorted(columns.columns, key=lambda column: not column.used)
    shown = kept if len(kept) <= _MOST_SHOWN else [c for c in kept if c.describe() != "number"]
    width = max((len(c.name) for c in shown), default=0)
    for i, column in enumerate(shown[:_MOST_SHOWN]):
        fact("columns" if i == 0 else "", f"{column.name:<{width}}  {column.describe()}")
    if len(kept) > len(shown[:_MOST_SHOWN]):
        fact("", f"and {len(kept) - len(shown[:_MOST_SHOWN])} more")


def print_importance(found: Mapping[str, Any]) -> None:
    """Print the columns whose shuffling lowers the score, from the most important."""
    pairs = [pair for pair in zip(found["names"], found["falls"], strict=True) if pair[1] > 0]
    shown = [f"{name} {significant(fall)}" for name, fall in pairs[:_MOST_IMPORTANT]]
    more = f", and {len(pairs) - len(shown)} more" if len(pairs) > len(shown) else ""
    if shown:
        measure = found["measure"]
        fact("matters", f"{', '.join(shown)}{more} (fall of {measure} when shuffled)")


def scores(net: MLP, X: Array, y: Array) -> dict[str, Any]:
    """Return the scores of the network on examples, as JSON values."""
    result: dict[str, Any] = {"examples": len(X), **net.evaluate(X, y)}
    if task_of(net) == "regress" or y.ndim != 1:
        a = net._passes.central(net.predict(X).astype(np.float64))
        error = a - y.reshape(a.shape)
        variance = np.var(y.reshape(a.shape), axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.mean(1 - np.mean(error**2, axis=0) / variance)
        result["rmse"] = float(np.sqrt(np.mean(error**2)))
        result["mae"] = float(np.mean(np.abs(error)))
        result["r2"] = float(r2) if np.isfinite(r2) else None
        half, most = np.quantile(np.abs(error), [0.5, 0.9])
        result["errors"] = {"half_below": float(half), "nine_tenths_below": float(most)}
        return result
    labels = labels_of(net)
    order = np.argsort(np.asarray(labels), kind="stable")
    known = np.asarray(labels)[order]
    true, answer = (order[np.searchsorted(known, values)] for values in (y, net.classify(X)))
    k = len(labels)
    confusion = np.bincount(true * k + answer, minlength=k * k).reshape(k, k)
    result["labels"] = labels
    result["confusion"] = confusion.tolist()
    of_class = confusion.sum(axis=1)
    result["majority"] = labels[int(of_class.argmax())]
    result["majority_share"] = float(of_class.max() / len(y))
    return result


def print_scores(name: str, net: MLP, result: dict[str, Any], unit: str | None = None) -> None:
    """Print the result of `scores`; `name` is the name of the examples."""
    n = result["examples"]
    cost = f", {net.loss} cost {significant(result['loss'])}"
    if "confusion" in result:
        right = int(np.trace(np.asarray(result["confusion"])))
        always, share = result["majority"], result["majority_share"]
        fact(
            name,
            f"accuracy {100 * right / n:.1f} % ({n - right:,} of {n:,} wrong), always "
            f"{always!r}: {100 * share:.1f} %{cost}",
        )
        if right <= round(share * n):
            fact("", f"The model is not better than {always!r} for every example.")
        return
    of = f" of {unit!r}" if unit else ""
    r2 = "" if result["r2"] is None else f", R² {result['r2']:.4f} (always the mean: 0)"
    fact(
        name,
        f"RMSE {significant(result['rmse'])}, MAE {significant(result['mae'])}{of}{r2}"
        f"{'' if net.loss == 'mse' else cost}, on {plural(n, 'example')}",
    )
    errors = result["errors"]
    fact(
        "errors",
        f"half are below {significant(errors['half_below'])}, nine tenths below "
        f"{significant(errors['nine_tenths_below'])}",
    )
    if result["r2"] is not None and result["r2"] <= 0:
        fact("", "The model is not better than the mean of the targets for every example.")


# The confusion table -----------------------------------------------------------------------------


def print_confusion(result: dict[str, Any]) -> None:
    """Print the confusion table, or the worst pairs if it would be too large.

    Rows are the true classes, columns the predictions.
    """
    labels, counts = [str(label) for label in result["labels"]], result["confusion"]
    terminal = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns - 1 if terminal else 120
    rows = _table(labels, labels, counts)
    if _width(rows) > room:
        numbers = [str(i) for i in range(1, len(labels) + 1)]
        stubs = [f"{number} {label}"[:20] for number, label in zip(numbers, labels, strict=True)]
        rows = _table(stubs, numbers, counts)
    if _width(rows) > room:
        rows = [row[:-1] for row in rows]
    if len(labels) > _MOST_CLASSES or _width(rows) > room:
        _print_mistakes(labels, counts)
        return
    print("\nrows: true class; columns: predicted class\n")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        for row in [[rows[0][0].ljust(widths[0]), *rows[0][1:]], *rows[1:]]
    )
    if terminal:
        _print_coloured(lines, len(labels))
    else:
        for cells in lines:
            print(" ".join(cells).rstrip())
    print()


def _table(stubs: list[str], heads: list[str], counts: list[list[int]]) -> list[list[str]]:
    rows = [["", *heads, "right"]]
    for i, row in enumerate(counts):
        # Rounded down: only a class without a mistake has 100 %.
        part = 100 * row[i] // max(sum(row), 1)
        cells = [str(count) if count else "·" for count in row]
        rows.append([stubs[i], *cells, f"{part} %" if sum(row) else "–"])
    return rows


def _width(rows: list[list[str]]) -> int:
    return sum(max(map(len, column)) + 1 for column in zip(*rows, strict=True)) - 1


def _print_coloured(lines: Iterable[list[str]], k: int) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for i, cells in enumerate(lines):
        text = Text().append(cells[0], style="bold")
        for j, cell in enumerate(cells[1:], 1):
            style = "bold" if i == 0 else "yellow"
            if 0 < i == j:
                style = "bold green"
            elif i and (cell.strip() == "·" or j > k):
                style = "dim"
            text.append(" ")
            text.append(cell, style=style)
        console.print(text, no_wrap=True, crop=False)


def _print_mistakes(labels: list[str], counts: list[list[int]]) -> None:
    table = np.array(counts)
    np.fill_diagonal(table, 0)
    worst = np.argsort(-table, axis=None, kind="stable")[:_MISTAKES]
    pairs = [divmod(int(i), len(labels)) for i in worst if table.flat[i]]
    texts = [f"{labels[i]} for {labels[j]} ({table[i, j]:,})" for i, j in pairs]
    if texts:
        fact("mistaken", "most often " + ", ".join(texts))
