"""Scores of `fastnn train` on tables beside scikit-learn's MLP of the same shape.

Each table becomes numbers once: columns of words with up to 20 different ones become 0/1 columns,
other text is left out, missing numbers become the median. Each seed splits it anew; all contenders
get the same rows. `fastnn train` runs as its users run it, with no flag but --seed; scikit-learn's
MLPs (64, 32) stand behind a StandardScaler, for inputs and targets, with their defaults, and with
early_stopping. Scores: accuracy, or R2 of the test rows, means over the seeds.

    python benchmarks/train_recipe.py --tables FOLDER --markdown benchmarks/train_recipe.md

FOLDER holds CSV files and MANIFEST.csv (file,target,task; a target of digits is a position of a
table without a header). Needs pandas and scikit-learn. With no --tables: scikit-learn's own tables
and functions only.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn.cli

MISSING = ["?", "NA", "N/A", "", "null", "None"]
# Columns that hold the target itself, or a part of a sum that it is.
LEAKS = {
    "Bikeshare.csv": ["casual", "registered"],
    "titanic.csv": ["alive"],
    "taxis.csv": ["total"],
    "ENB2012.csv": ["Y1"],
}
MOST_LEVELS = 20
FEWEST_OF_A_CLASS = 5
Table = tuple[str, str, np.ndarray, np.ndarray]  # name, task, X (n, d), y (n,)
# name, task, n, mean score of each contender, mean CPU seconds of each
Result = tuple[str, str, int, list[float], list[float]]


def frame_of(path: Path, headed: bool) -> pd.DataFrame:
    """Read a table of text, whatever separates its cells."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("euc-kr")
    first = text.split("\n", 1)[0]
    separator = r"\s+" if path.suffix == ".data" else ";" if ";" in first else ","
    quote = "'" if first.startswith("'") else '"'
    return pd.read_csv(
        io.StringIO(text),
        sep=separator,
        header=0 if headed else None,
        na_values=MISSING,
        quotechar=quote,
    )


def as_numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return the columns that can be numbers, (n, d)."""
    columns = []
    for name in frame:
        column = frame[name]
        if column.dtype == bool:
            column = column.astype(float)
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.fillna(column.median()).to_numpy(float)[:, None])
        elif column.nunique() <= MOST_LEVELS:
            dummies = pd.get_dummies(column, dummy_na=bool(column.isna().any()))
            columns.append(dummies.to_numpy(float))
    return np.hstack(columns)


def of_folder(folder: Path) -> Iterator[Table]:
    """Yield the tables of a folder that its manifest names."""
    with open(folder / "MANIFEST.csv", encoding="utf-8") as manifest:
        rows = list(csv.DictReader(manifest))
    for row in rows:
        name, target = row["file"], row["target"]
        if Path(name).suffix not in (".csv", ".data") or not target:
            continue
        frame = frame_of(folder / name, headed=not target.isdigit())
        column = int(target) if target.isdigit() else target
        if column not in frame:
            column = frame.columns[-1]
        frame = frame.dropna(subset=[column]).drop(columns=LEAKS.get(name, []))
        unnamed = [c for c in frame if str(c).startswith("Unnamed")]  # an index
        frame = frame.drop(columns=unnamed)
        y = frame.pop(column).to_numpy()
        X = as_numbers(frame)
        if row["task"] == "regress":
            yield name, "regress", X, y.astype(float)
            continue
        codes = np.unique(y.astype(str), return_inverse=True)[1]
        keep = np.bincount(codes)[codes] >= FEWEST_OF_A_CLASS
        yield name, "classify", X[keep], np.unique(codes[keep], return_inverse=True)[1]


def of_sklearn() -> Iterator[Table]:
    """Yield tables that need no files."""
    for name in ("wine", "breast_cancer", "digits"):
        yield f"sklearn {name}", "classify", *getattr(datasets, f"load_{name}")(return_X_y=True)
    yield "sklearn diabetes", "regress", *datasets.load_diabetes(return_X_y=True)
    X, y = datasets.make_friedman1(2000, noise=1.0, random_state=0)
    yield "Friedman 1, 2,000 rows", "regress", X, y
    X, y = datasets.make_friedman1(200, noise=1.0, random_state=1)
    yield "Friedman 1, 200 rows", "regress", X, y
    X, y = datasets.make_regression(100, 20, noise=50.0, random_state=1)
    yield "a plane, 20 columns, 100 rows", "regress", X, y
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 30))
    p = 1 / (1 + np.exp(-2 * X[:, 0] + X[:, 1] * X[:, 2]))
    yield "noisy classes, 3,000 rows", "classify", X, (rng.random(3000) < p).astype(int)
    X = rng.uniform(-3, 3, (5000, 8))
    y = np.sin(2 * X[:, 0]) * X[:, 1] + np.abs(X[:, 2]) + 0.1 * rng.normal(size=5000)
    yield "a wave, 5,000 rows", "regress", X, y


def score_of_fastnn(task: str, X, y, X_test, y_test, seed: int) -> float:
    """Train by the command line, and return what it says of the test rows."""
    with tempfile.TemporaryDirectory() as folder:
        data, model = Path(folder, "t.npz"), Path(folder, "m.safetensors")
        np.savez(data, x_train=X, y_train=y, x_test=X_test, y_test=y_test)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            argv = ["train", "--data", data, "--task", task, "--seed", seed, "-o", model, "--json"]
            status = fastnn.cli.main([str(word) for word in argv])
        if status:
            raise RuntimeError(f"fastnn train ended with status {status}")
        result = json.loads(out.getvalue())["test"]
        return float(result["accuracy" if task == "classify" else "r2"])


def score_of_sklearn(task: str, X, y, X_test, y_test, seed: int, **options) -> float:
    """Fit scikit-learn's MLP, and score it."""
    options = {"hidden_layer_sizes": (64, 32), "random_state": seed, **options}
    if task == "classify":
        last = MLPClassifier(**options)
    else:
        last = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler())
    return float(make_pipeline(StandardScaler(), last).fit(X, y).score(X_test, y_test))


CONTENDERS = {
    "fastnn train": score_of_fastnn,
    "scikit-learn": score_of_sklearn,
    "with early_stopping": lambda *a: score_of_sklearn(*a, early_stopping=True),
}


def measure(
    tables: list[Table], seeds: int
) -> list[tuple[str, str, int, list[float], list[float]]]:
    """Score every contender on every table."""
    results = []
    for name, task, X, y in tables:
        scores, seconds = np.zeros((2, len(CONTENDERS), seeds))
        for seed in range(seeds):
            strata = y if task == "classify" else None
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=0.2, random_state=seed, stratify=strata
            )
            for i, contender in enumerate(CONTENDERS.values()):
                began = time.process_time()
                scores[i, seed] = contender(task, X_train, y_train, X_test, y_test, seed)
                seconds[i, seed] = time.process_time() - began
        results.append((name, task, len(X), list(scores.mean(1)), list(seconds.mean(1))))
        print(name, *(f"{score:.3f}" for score in scores.mean(1)), flush=True)
    return results


def markdown(results: list[Result], seeds: int, command: str) -> str:
    """Return the tables of the documentation."""
    lines = [f"Written by `{command}`; means over {seeds} splits."]
    for task, what in (("classify", "Accuracy"), ("regress", "R²")):
        rows = sorted((r for r in results if r[1] == task), key=lambda row: row[2])
        if not rows:
            continue
        lines += ["", f"| {what} | rows | {' | '.join(CONTENDERS)} | CPU s of each |"]
        lines.append("| --- | ---: |" + " ---: |" * (len(CONTENDERS) + 1))
        for name, _, n, scores, seconds in rows:
            shown = " | ".join(f"{score:.3f}" for score in scores)
            times = ", ".join(f"{value:.2g}" for value in seconds)
            lines.append(f"| {name} | {n:,} | {shown} | {times} |")
        means = " | ".join(f"**{m:.3f}**" for m in np.mean([row[3] for row in rows], axis=0))
        lines.append(f"| mean | | {means} | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--tables", type=Path, help="a folder with MANIFEST.csv")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="names of tables")
    parser.add_argument("--markdown", type=Path, help="the file to write the tables into")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of scikit-learn: it has not converged after 200 epochs
    tables = [*(of_folder(args.tables) if args.tables else ()), *of_sklearn()]
    if args.only:
        tables = [table for table in tables if table[0] in args.only]
    text = markdown(
        measure(tables, args.seeds),
        args.seeds,
        "python benchmarks/train_recipe.py"
        + (" --tables FOLDER" if args.tables else "")
        + f" --seeds {args.seeds}",
    )
    print(text)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
