"""Columns that alone predict the target, importance of columns, and what train says of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import cli
from fastnn.columns import Columns
from fastnn.tabular.leaks import leaks

pandas = pytest.importorskip("pandas")


def table(n: int = 200) -> Any:
    """Return rows in which `paid` is the target by another name, and the rows are sorted by it."""
    rng = np.random.default_rng(0)
    sold = np.sort(rng.integers(0, 2, n))
    return pandas.DataFrame(
        {
            "Unnamed: 0": np.arange(n),
            "size": rng.normal(size=n) + sold,
            "paid": np.where(sold, "yes", "no"),
            "colour": rng.choice(["red", "blue", "green"], n),
            "sold": sold,
        }
    )


def found(frame: Any, target: str, task: str) -> tuple[str, ...]:
    rest = frame.drop(columns=target)
    return leaks(rest, frame[target].to_numpy(), Columns.learn(rest, target=target), task)


def test_a_column_that_alone_predicts_a_class_is_told_and_an_order_of_rows_too() -> None:
    said = found(table(), "sold", "classify")
    assert [text.split(" alone")[0] for text in said] == ["'Unnamed: 0'", "'paid'"]
    assert "the rows are in the order of the target" in said[0]
    assert "100.0 % right" in said[1] and "leave it out with --drop" in said[1]
    assert found(table().drop(columns=["paid", "Unnamed: 0"]), "sold", "classify") == ()


def test_a_number_by_another_unit_is_told_and_a_noisy_one_is_not() -> None:
    rng = np.random.default_rng(0)
    price = rng.lognormal(size=300)
    frame = pandas.DataFrame({"cents": 100 * price, "guess": price + rng.normal(size=300)})
    (said,) = found(frame.assign(price=price), "price", "regress")
    assert said.startswith("'cents' alone predicts the target (R2 ")


def test_importance_shuffles_all_units_of_a_column_at_once() -> None:
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {"colour": rng.choice(["red", "blue", "green"], 300), "noise": rng.normal(size=300)}
    )
    frame["y"] = frame["colour"].map({"red": 0.0, "blue": 5.0, "green": -5.0})
    model = fastnn.TableModel("y", task="regress").fit(frame)
    shown = fastnn.explain.importance(model, frame)
    assert shown.names == ("colour", "noise") and shown.measure == "R2"
    # Shuffled, it is an independent answer of the same spread: R2 falls from 1 to -1.
    assert shown.falls[0] == pytest.approx(2.0, abs=0.2) and abs(shown.falls[1]) < 0.05
    assert "colour" in str(shown) and shown.to_dict()["names"] == ["colour", "noise"]
    pytest.importorskip("matplotlib")
    (axes,) = shown.plot().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["colour", "noise"]
    with pytest.raises(ValueError, match="got 0, 5000"):
        fastnn.explain.importance(model, frame, repeats=0)


def test_train_says_what_it_made_of_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table(400).to_csv("sales.csv", index=False)
    words = ["train", "--data", "sales.csv", "--epochs", "20"]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "caution   'paid' alone predicts the target" in out
    assert "matters   paid 0." in out
    assert cli.main([*words, "--drop", "paid", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["columns"]["paid"] == "left out: as asked"
    assert result["columns"]["colour"] == "category, 3 levels"
    assert [text.split(" alone")[0] for text in result["leaks"]] == ["'Unnamed: 0'"]
    assert result["importance"]["names"][0] == "size"
    assert 0.5 <= result["test"]["majority_share"] < 0.6
