"""Columns with a part in the training: weights, groups, times; a test file; several targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import cli
from fastnn.tabular import rows
from fastnn.tabular.rows import Roles, Rows

pandas = pytest.importorskip("pandas")


def visits(n: int = 120) -> Any:
    """Return rows of 12 persons over time, with two targets and a weight."""
    rng = np.random.default_rng(0)
    age, dose = rng.normal(40, 10, n), rng.uniform(0, 5, n)
    return pandas.DataFrame(
        {
            "person": [f"p{i % 12}" for i in range(n)],
            "day": pandas.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "age": age,
            "dose": dose,
            "trust": rng.integers(1, 4, n),
            "pulse": 60 + 2 * dose + rng.normal(size=n),
            "weight": 70 - dose + 0.1 * age,
        }
    )


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    status = cli.main([*words, "--json"])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    visits().to_csv("visits.csv", index=False)
    return visits()


def test_groups_are_held_out_as_wholes_until_they_are_enough() -> None:
    groups = np.repeat(np.arange(10), 7)
    y = np.zeros(70)
    out = rows.held_out(y, 0.2, np.random.default_rng(0), "regress", Rows(groups=groups))
    assert out.sum() == 14 and len(np.unique(groups[out])) == 2
    fold = rows.folds(y, 5, np.random.default_rng(0), "regress", Rows(groups=groups))
    assert np.bincount(fold).tolist() == [14] * 5
    assert all(len(np.unique(fold[groups == g])) == 1 for g in range(10))


def test_the_latest_rows_are_held_out_and_a_moment_is_not_split() -> None:
    times = np.array([5.0, 1, 2, 9, 9, 3, 4, 9, 0, 6])
    out = rows.held_out(times, 0.2, np.random.default_rng(0), "regress", Rows(times=times))
    assert out.tolist() == (times == 9).tolist()
    fold = rows.folds(times, 5, np.random.default_rng(0), "regress", Rows(times=times))
    assert fold[np.argsort(times, kind="stable")].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    with pytest.raises(ValueError, match="too few to hold out"):
        rows.held_out(np.ones(9), 0.2, np.random.default_rng(0), "regress", Rows(times=np.ones(9)))


@pytest.mark.parametrize("flag", ["--group=person", "--time=day", "--weight=trust"])
def test_evaluate_finds_the_rows_that_train_has_scored(
    table: Any, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    trained = run(
        capsys, "train", "--data", "visits.csv", "--target", "pulse", flag, "--epochs", "3"
    )
    again = run(capsys, "evaluate", "visits.safetensors")
    assert again["part"] == "held out"
    assert {k: again[k] for k in ("examples", "rmse", "r2")} == {
        k: trained["test"][k] for k in ("examples", "rmse", "r2")
    }
    model = fastnn.load("visits.safetensors")
    kinds = {column.name: column.describe() for column in model.columns}
    if flag == "--time=day":
        held = table.iloc[-24:]
        assert model.evaluate(held)["rmse"] == pytest.approx(trained["test"]["rmse"])
    elif flag == "--group=person":
        assert kinds["person"] == "left out: it groups the rows"
        assert trained["test"]["examples"] == 30  # three persons of ten visits
    else:
        assert kinds["trust"] == "left out: it weights the rows"


def test_a_row_of_weight_zero_teaches_nothing() -> None:
    rng = np.random.default_rng(1)
    frame = pandas.DataFrame({"a": rng.normal(size=60), "w": [1, 0] * 30})
    frame["y"] = np.where(frame["w"] == 1, 3 * frame["a"], 50.0)
    trusted = frame[frame["w"] == 1]
    for weight, enough in (("w", True), (None, False)):
        model = fastnn.TableModel("y", task="regress", weight=weight, drop=["w"]).fit(frame)
        assert (model.evaluate(trusted)["r2"] > 0.9) is enough


def test_several_targets_have_an_output_each(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "train", "--data", "visits.csv", "--target", "pulse", "weight", "--epochs", "40")
    model = fastnn.load("visits.safetensors")
    assert model.network.sizes[-1] == 2
    answers = run(capsys, "predict", "visits.safetensors", "visits.csv")
    assert list(answers[0]["outputs"]) == ["pulse", "weight"]
    found = model.predict(table)
    np.testing.assert_allclose(list(answers[3]["outputs"].values()), found[3], rtol=1e-6)
    truth = table[["pulse", "weight"]].to_numpy()
    r2 = np.mean(1 - ((found - truth) ** 2).mean(axis=0) / truth.var(axis=0))
    assert model.evaluate(table)["r2"] == pytest.approx(r2)


def test_a_test_file_is_scored_with_its_columns_in_any_order(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    held = table.tail(20)[table.columns[::-1]]
    held.to_csv("held.csv", index=False)
    words = ("train", "--data", "visits.csv", "--target", "pulse", "--test", "held.csv")
    trained = run(capsys, *words, "--epochs", "3")
    assert trained["test"]["examples"] == 20
    model = fastnn.load("visits.safetensors")
    assert model.evaluate(held)["rmse"] == pytest.approx(trained["test"]["rmse"])
    assert run(capsys, "evaluate", "visits.safetensors")["rmse"] == trained["test"]["rmse"]
    held.drop(columns="age").to_csv("held.csv", index=False)
    assert cli.main(list(words)) == 1
    assert "held.csv has no column 'age', which visits.csv has" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        (Roles(weight="speed"), "there is no column 'speed' for the weight"),
        (Roles(weight="cost"), "column 'cost', row 2: the weight is -1; expected 0 or more"),
        (Roles(group="who"), "column 'who', row 3: expected a group"),
        (Roles(time="who"), "column 'who', row 1: expected a date or number"),
        (Roles(group="who", time="cost"), "cannot be combined"),
    ],
)
def test_a_column_that_cannot_have_its_part_is_named(roles: Roles, sentence: str) -> None:
    from fastnn.datasets.tables import RawTable

    frame = pandas.DataFrame({"who": ["a", "b", None], "cost": [1, -1, 2]})
    with pytest.raises(ValueError, match=sentence):
        roles.rows(RawTable(frame, np.zeros(3), True, ("y",)))
    with pytest.raises(ValueError, match="is for tables with columns"):
        roles.rows(None)
