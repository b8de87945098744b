"""Tables of raw cells: kinds of columns, their units, the model and its file, the commands."""

from __future__ import annotations

import csv
import ctypes
import importlib.util
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import CC, compile_c

import fastnn
from fastnn import cli
from fastnn.columns import Column, Columns, moments_of, numbers_of, texts_of
from fastnn.export import facts, raw_rows

pandas = pytest.importorskip("pandas")


def shop(n: int = 60) -> object:
    """Return rows with all kinds of columns; the price is 10 times the size, blue costs 5 more."""
    rng = np.random.default_rng(0)
    size, blue = rng.integers(1, 9, n), rng.integers(0, 2, n)
    return pandas.DataFrame(
        {
            "Unnamed: 0": np.arange(n),
            "size": np.where(np.arange(n) % 10 == 3, np.nan, size),
            "colour": np.where(blue, "blue", "red"),
            "sold": [f"2024-{1 + i % 12:02}-03" for i in range(n)],
            "sku": [f"part {i:05}" for i in range(n)],
            "currency": "EUR",
            "open": ["yes", "no"] * (n // 2),
            "price": 10.0 * size + 5 * blue,
        }
    )


def kinds(columns: Columns) -> dict[str, str]:
    return {column.name: column.kind for column in columns.columns}


def test_each_kind_of_column_is_known_by_its_cells() -> None:
    columns = Columns.learn(shop().drop(columns="price"), target="price")
    assert kinds(columns) == {
        "Unnamed: 0": "id",
        "size": "number",
        "colour": "category",
        "sold": "date",
        "sku": "id",
        "currency": "constant",
        "open": "boolean",
    }
    described = {column.name: column.describe() for column in columns.columns}
    assert described["Unnamed: 0"] == "left out: it numbers the rows"
    assert described["currency"] == "left out: it is always EUR"
    assert described["size"] == "number, missing cells flagged"


def test_flags_override_the_kind_of_a_column() -> None:
    frame = pandas.DataFrame({"code": [1, 2, 1, 3], "size": [1.0, 2, 3, 4], "y": [0, 1, 0, 1]})
    columns = Columns.learn(frame, target="t", categorical=["code"], drop=["y"])
    assert kinds(columns) == {"code": "category", "size": "number", "y": "dropped"}
    assert columns.units == ("code=1", "code=2", "code=3", "size")
    with pytest.raises(ValueError, match=r"no column 'cod' .*did you mean 'code'"):
        Columns.learn(frame, target="t", drop=["cod"])


def test_a_long_table_has_a_unit_for_more_levels_than_a_short_one():
    towns = [f"town {i:03}" for i in range(400)]
    for rows, units in ((2_000, 1), (8_000, 80), (40_000, 300)):  # of 5, 20 and 100 rows each
        frame = pandas.DataFrame({"town": towns * (rows // 400)})
        (column,) = Columns.learn(frame, target="t").columns
        assert len(column.levels) == units and column.others


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["Jan-1-1995", "February 28, 1996"], ["1995-01-01", "1996-02-28"]),
        (["5 March 2020", "12-Mar-21"], ["2020-03-05", "2021-03-12"]),
        (["Sep 2020", "Sept. 2021"], ["2020-09-01", "2021-09-01"]),
        (["1974Q1", "1980 q4"], ["1974-01-01", "1980-10-01"]),
        (["2020-03", "2020-11"], ["2020-03-01", "2020-11-01"]),
        (["1000-03-01", "2020-11-01"], ["1000-03-01", "2020-11-01"]),
    ],
)
def test_dates_may_have_names_of_months_or_quarters_in_the_model_and_its_file(texts, days):
    expected = [np.datetime64(day, "s").astype(float) for day in days]
    column = {"name": "t", "kind": "date"}
    assert moments_of(pandas.Series(texts)).tolist() == expected
    assert [raw_rows.seconds_of(column, text) for text in texts] == expected
    assert Columns.learn(pandas.DataFrame({"t": texts * 20}), target="y").columns[0].kind == "date"


@pytest.mark.parametrize(
    "text",
    ["May", "Mar 5", "1 Jan 2 2020", "Jan-95", "Decor 2000", "Mark 1000", "Mayor 1950", "2011-12"],
)
def test_what_is_no_whole_date_stays_a_word(text):
    assert moments_of(pandas.Series([text])) is None


def test_dates_that_begin_with_a_year_or_name_the_month_are_read_alike_where_days_come_first():
    texts = ["13/02/2020", "03/02/2020", "3 Feb 2020", "2020-02-03", "2020-02"]
    series, column = pandas.Series(texts), {"name": "t", "kind": "date", "day_first": True}
    days = ["2020-02-13", *["2020-02-03"] * 3, "2020-02-01"]
    expected = [np.datetime64(day, "s").astype(float) for day in days]
    assert Columns.learn(pandas.DataFrame({"t": texts * 9}), target="y").columns[0].day_first
    assert moments_of(series, day_first=True).tolist() == expected
    assert [raw_rows.seconds_of(column, text) for text in texts] == expected


def test_gaps_take_the_median_and_a_flag_and_unseen_levels_no_unit() -> None:
    frame = pandas.DataFrame({"a": [1.0, None, 3.0, 8.0], "b": ["x", "y", "x", "y"]})
    columns = Columns.learn(frame, target="t")
    new = pandas.DataFrame({"b": ["z", "y"], "a": [None, 2.0]})
    assert columns.units == ("a", "a=(missing)", "b=x", "b=y")
    assert columns.transform(new).tolist() == [[3, 1, 0, 0], [2, 0, 0, 1]]


def test_a_missing_column_and_a_word_among_numbers_are_named() -> None:
    columns = Columns.learn(pandas.DataFrame({"a": [1.0, 2], "b": [3.0, 5]}), target="t")
    with pytest.raises(ValueError, match="has no column 'b'"):
        columns.transform(pandas.DataFrame({"a": [1.0]}))
    with pytest.raises(ValueError, match="row 2, column 'a': expected a number, found 'many'"):
        columns.transform(pandas.DataFrame({"a": ["1", "many"], "b": [1, 2]}))


def test_a_heavy_tail_is_bent_as_the_formula_says() -> None:
    values = np.array([*range(1, 10), 1000.0])
    (column,) = Columns.learn(pandas.DataFrame({"a": values}), target="t").columns
    low, middle, high = np.percentile(values, [25, 50, 75])
    assert column.bend == (middle, (high - low) / 1.349)
    z = (1000 - middle) / column.bend[1]
    units = Columns((column,), True, "t").transform(pandas.DataFrame({"a": [1000.0]}))
    np.testing.assert_allclose(units, [[z / np.sqrt(1 + z * z / 25)]])


def test_columns_are_the_same_after_their_json() -> None:
    columns = Columns.learn(shop().drop(columns="price"), target="price")
    assert Columns.from_dict(json.loads(json.dumps(columns.to_dict()))) == columns


@pytest.mark.parametrize(
    "harm",
    [
        {"version": 2},
        {"columns": [{"kind": "number"}]},
        {"columns": [{"name": "a", "kind": "number", "fill": "0"}]},
        {"columns": [{"name": "a", "kind": "number", "bend": [0, 0]}]},
        {"headed": 1},
    ],
)
def test_damaged_columns_of_a_file_are_refused(harm: dict[str, object]) -> None:
    facts = Columns((Column("a", "number"),), True, "t").to_dict() | harm
    with pytest.raises(ValueError, match=r"columns|column 'a' is damaged"):
        Columns.from_dict(facts)


def test_a_model_learns_raw_rows_and_its_file_answers_the_same(tmp_path: Path) -> None:
    frame = shop(120)
    model = fastnn.TableModel(target="price", task="regress").fit(frame)
    assert model.evaluate(frame)["r2"] > 0.8
    model.save(tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors")
    assert isinstance(again, fastnn.TableModel) and again.columns == model.columns
    new = frame[frame.columns[::-1]].drop(columns=["price", "sku"]).head(5)
    np.testing.assert_array_equal(again.predict(new), model.predict(frame.head(5)))


def test_classes_have_labels_and_probabilities() -> None:
    frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 10, "ink": ["red", None] * 20})
    frame["kind"] = ["small", "small", "large", "large"] * 10
    model = fastnn.TableModel(target="kind").fit(frame)
    assert model.predict(frame).tolist() == frame["kind"].tolist()
    np.testing.assert_allclose(model.predict_proba(frame).sum(axis=1), 1, rtol=1e-6)
    scores = model.evaluate(frame)
    assert scores["accuracy"] == 1 and scores["majority"] == 0.5
    with pytest.raises(TypeError, match="does not have the preparation of a TableModel"):
        facts.check(model)


def test_the_commands_train_evaluate_and_predict_raw_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shop(100).to_csv("shop.csv", index=False)
    assert cli.main(["train", "--data", "shop.csv", "--epochs", "60", "--task", "regress"]) == 0
    out = capsys.readouterr().out
    assert "left out: it numbers the rows" in out and "date, " in out
    assert cli.main(["evaluate", "shop.safetensors", "--data", "shop.csv", "--json"]) == 0
    held_out = json.loads(capsys.readouterr().out)
    assert held_out["part"] == "held out" and held_out["examples"] == 20
    assert cli.main(["predict", "shop.safetensors", "shop.csv", "--json"]) == 0
    answers = [row["outputs"]["price"] for row in json.loads(capsys.readouterr().out)]
    model = fastnn.load("shop.safetensors")
    np.testing.assert_allclose(answers, model.predict("shop.csv"), rtol=1e-6)
    if importlib.util.find_spec("onnx"):
        import onnx

        assert cli.main(["export", "shop.safetensors", "shop.onnx"]) == 0
        inputs = [value.name for value in onnx.load("shop.onnx").graph.input]
        assert inputs == [column.name for column in model.columns if column.used]
        bytes_ = ["export", "shop.safetensors", "shop.onnx", "--input-dtype", "uint8"]
        assert cli.main(bytes_) == 2
        assert "this one reads raw cells of a table" in capsys.readouterr().err
    assert cli.main(["export", "shop.safetensors", "shop.py"]) == 0
    with open("shop.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    module = runpy.run_path("shop.py")
    np.testing.assert_allclose(module["predict"](rows)[:, 0], answers, rtol=1e-6)


def test_a_table_of_numbers_alone_is_a_plain_network(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header="a,b,y", comments="")
    out = str(tmp_path / "m.safetensors")
    assert (
        cli.main(["train", "--data", str(tmp_path / "t.csv"), "--epochs", "2", "-q", "-o", out])
        == 0
    )
    assert isinstance(fastnn.load(out), fastnn.MLP)


def test_digits_are_trained_without_pandas(tmp_path: Path) -> None:
    code = (
        "import sys, fastnn.cli\n"
        "assert fastnn.cli.main(['train', '--epochs', '1', '-q', '-o', 'm.safetensors']) == 0\n"
        "print([name for name in ('pandas', 'pyarrow', 'narwhals') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "[]\n"


def test_infinite_values_are_counted_in_training_and_refused_in_new_rows() -> None:
    frame = pandas.DataFrame({"a": [1.0, 2, 3, np.inf], "b": [1.5, 2, 5, 3]})
    columns = Columns.learn(frame, target="t")
    assert "1 of its cells count as missing: 'inf' is no number" in columns.columns[0].describe()
    assert columns.transform(frame)[3].tolist() == [2, 1, 3]
    with pytest.raises(ValueError, match="row 4, column 'b': expected a number, found 'inf'"):
        columns.transform(pandas.DataFrame({"a": 1.0, "b": frame["a"]}))


def test_a_count_of_rows_is_a_quantity_where_there_is_nothing_else() -> None:
    frame = pandas.DataFrame({"second": np.arange(10)})
    assert kinds(Columns.learn(frame, target="t")) == {"second": "number"}
    assert kinds(Columns.learn(frame.assign(b=frame**2), target="t"))["second"] == "id"


def odd_rows() -> Any:
    """Return rows with all that a cell may be: gaps, thousands, commas, percents, dates, levels."""
    return pandas.DataFrame(
        {
            "amount": ["1,200", "3,400", "$5", None, "12%", "1e3"] * 10,
            "comma": ["1,5", "2.000,25", "-3", ",5", "7,0", None] * 10,
            "day": ["13.02.2024", "01.03.2023", "28.02.2024 12:30", None, "2.1.2022", "30.1.21"]
            * 10,
            "sold": ["3 Jan 2020", "Feb-11-2019", None, "1974Q3", "2020-05", "9-mar-21"] * 10,
            "level": ["a", "b", None, 1.0, True, "a b"] * 10,
            "flag": [True, False, None, True, False, True] * 10,
            "tail": [1.0, 2, 3, 4, 5, 1e6] * 10,
            "y": np.arange(60) % 7,
        }
    )


def test_the_exported_file_prepares_cells_as_the_columns_do(tmp_path: Path) -> None:
    frame = odd_rows()
    model = fastnn.TableModel("y", task="regress").fit(frame)
    kinds_found = ["number", "number", "date", "date", "category", "number", "number"]
    assert [c.kind for c in model.columns] == kinds_found
    module: dict[str, Any] = {}
    exec(fastnn.export.to_numpy(model, tmp_path / "m.py"), module)
    rows = frame.drop(columns="y")
    new = rows.assign(level="never seen", tail=[None] * 60, amount="-")
    for cells in (rows, new):
        np.testing.assert_allclose(module["prepare"](cells), model.prepare(cells), atol=1e-9)
        np.testing.assert_allclose(module["predict"](cells)[:, 0], model.predict(cells), rtol=1e-5)
    one = dict(zip(rows.columns, rows.iloc[1], strict=True))
    assert module["predict"](one).shape == (1, 1)
    assert module["predict"](list(one.values())) == module["predict"](one)
    with pytest.raises(ValueError, match="column 'tail': expected a number, found 'many'"):
        module["predict"]({**one, "tail": "many"})
    with pytest.raises(ValueError, match="a row has no 'day'"):
        module["predict"]({"amount": 1, "comma": 2})


def test_days_that_come_first_in_training_come_first_in_a_single_row() -> None:
    frame = pandas.DataFrame({"day": ["13.02.2024", "01.03.2024", "20.05.2024"], "a": [1, 3, 2]})
    columns = Columns.learn(frame, target="t")
    whole = columns.transform(frame)
    np.testing.assert_array_equal(columns.transform(frame.iloc[[1]]), whole[[1]])


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_polars_and_arrow_are_taken_as_those_of_pandas(library: str) -> None:
    module, _ = pytest.importorskip(library), pytest.importorskip("narwhals")
    of = module.from_pandas if library == "polars" else module.Table.from_pandas
    frame = shop(60).drop(columns="Unnamed: 0")
    model = fastnn.TableModel("price", task="regress", hidden=(8,)).fit(of(frame))
    np.testing.assert_allclose(model.predict(of(frame)), model.predict(frame))
    with pytest.raises(TypeError, match="DataFrame of pandas, polars or Arrow, or the path"):
        model.predict([[1, 2]])


@pytest.mark.skipif(CC is None, reason="needs a C compiler")
def test_the_exported_c_takes_a_struct_of_numbers_and_codes(tmp_path: Path) -> None:
    frame = odd_rows().drop(columns=["comma"])
    frame["double"], frame["2nd?"] = frame["level"], ["x*/y", "x/*y", "\u00e9"] * 20
    model = fastnn.TableModel("y", task="regress").fit(frame)
    compile_c(tmp_path, fastnn.export.to_c(model, name="odd"), "odd.so", "-shared", "-fPIC", "-lm")
    source = (tmp_path / "odd.so.c").read_text("ascii")
    assert "int double_2; /* enum odd_double_2 */" in source and "ODD_X_2ND_X_Y_2," in source
    used = [column for column in model.columns if column.used]
    kinds_in_c = {"number": ctypes.c_double, "date": ctypes.c_double}
    types = [kinds_in_c.get(column.kind, ctypes.c_int) for column in used]

    class Row(ctypes.Structure):
        _fields_ = [(f"f{j}", kind) for j, kind in enumerate(types)]

    predict = ctypes.CDLL(str(tmp_path / "odd.so")).odd_predict_row
    a = (ctypes.c_float * 1)()
    for i, expected in enumerate(model.predict(frame)[:12]):
        row = Row()
        for j, column in enumerate(used):
            cell = frame[column.name].iloc[[i]]
            if column.kind == "date":
                value = moments_of(cell, column.day_first)
                setattr(row, f"f{j}", np.nan if value is None else value[0])
            elif column.kind == "number":
                setattr(row, f"f{j}", numbers_of(cell)[0][0])
            else:
                (text,) = texts_of(cell)
                setattr(row, f"f{j}", -1 if text is None else column.levels.index(text))
        predict(ctypes.byref(row), a)
        assert a[0] == pytest.approx(expected, rel=1e-5)
