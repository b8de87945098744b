"""Tables as people have them: fastnn.TableModel beside skrub's pipelines, with all defaults.

    pip install 'fastnn-mlp[tables]' skrub
    python benchmarks/tables.py tables/MANIFEST.csv --splits 5 --output tables.md

The manifest has the columns file, target and task; files are beside it. Each split holds out a
fifth of the rows, by class where there are classes. The peers are `skrub.tabular_pipeline` with
scikit-learn's MLP of the same shape, (64, 32), and with its default, gradient boosting. Scores are
accuracies, and R2 for numbers; a cell has the mean over the splits, and the deviation of one.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skrub
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier, MLPRegressor

import fastnn
from fastnn.datasets import tables

HIDDEN = (64, 32)


def main() -> None:
    """Compare on each table, and print and write the rows of the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="files")
    parser.add_argument("--quick", action="store_true", help="one split of the first table")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = list(csv.DictReader(options.manifest.read_text("utf-8").splitlines()))
    rows = [row for row in rows if not options.only or row["file"] in options.only]
    splits = 1 if options.quick else options.splits
    lines = [
        "| table | rows | fastnn | MLP | boosting | fastnn, s | MLP, s |",
        "| --- |" + " ---: |" * 6,
    ]
    print("\n".join(lines))
    means = []
    for row in rows[: 1 if options.quick else None]:
        scores, seconds, n = compare(options.manifest.parent / row["file"], row, splits)
        means.append(scores.mean(axis=0))
        cells = [
            f"{m:.3f} ± {s:.3f}"
            for m, s in zip(scores.mean(axis=0), scores.std(axis=0), strict=True)
        ]
        lines.append(
            f"| {row['file']} | {n:,} | {' | '.join(cells)} | {seconds[0]:.1f} | {seconds[1]:.1f} |"
        )
        print(lines[-1], flush=True)
    means_of = np.mean(means, axis=0)
    lines.append("| **mean** | | " + " | ".join(f"**{m:.3f}**" for m in means_of) + " | | |")
    print(lines[-1])
    if options.output:
        said = f"Written by `python benchmarks/tables.py MANIFEST.csv --splits {splits}`.\n\n"
        options.output.write_text(said + "\n".join(lines) + "\n", encoding="utf-8")


def compare(path: Path, row: dict[str, str], splits: int) -> tuple[Any, Any, int]:
    """Return the scores of each split, (splits, 3), the mean seconds of each, and the rows."""
    raw = tables.load_raw(path, target=row["target"] or None)
    frame, y = raw.frame, raw.y
    classify = row["task"] == "classify"
    split = (StratifiedShuffleSplit if classify else ShuffleSplit)(
        splits, test_size=0.2, random_state=0
    )
    mlp = (MLPClassifier if classify else MLPRegressor)(
        hidden_layer_sizes=HIDDEN, random_state=0, max_iter=500
    )
    peers = [
        skrub.tabular_pipeline(mlp),
        skrub.tabular_pipeline("classifier" if classify else "regressor"),
    ]
    scores, seconds = [], []
    for train, test in split.split(frame, y if classify else None):
        learn = [of_fastnn(raw.target, row["task"]), *(of_skrub(peer) for peer in peers)]
        found = []
        for one in learn:
            began = time.perf_counter()
            predict = one(frame.iloc[train], y[train])
            found.append(time.perf_counter() - began)
            answer, true = predict(frame.iloc[test]), y[test]
            scores.append(
                np.mean(answer == true)
                if classify
                else 1 - np.mean((answer - true) ** 2) / np.var(true)
            )
        seconds.append(found)
    return np.reshape(scores, (splits, 3)), np.mean(seconds, axis=0), len(y)


def of_fastnn(target: str, task: str) -> Callable[[Any, Any], Callable[[Any], Any]]:
    """Return a function that fits a TableModel with all defaults and returns its predict."""

    def learn(frame: Any, y: Any) -> Callable[[Any], Any]:
        return fastnn.TableModel(target, task=task).fit(frame.assign(**{target: y})).predict

    return learn


def of_skrub(pipeline: Any) -> Callable[[Any, Any], Callable[[Any], Any]]:
    """Return a function that fits a pipeline and returns its predict."""
    return lambda frame, y: pipeline.fit(frame, y).predict


if __name__ == "__main__":
    main()
