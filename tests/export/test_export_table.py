"""A model of a table, of one network or several, as C, NumPy and ONNX: raw rows and its answers."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import CC, compile_c

import fastnn
from fastnn import Ensemble, cli, export
from fastnn.columns import Columns, moments_of, numbers_of, texts_of

pandas = pytest.importorskip("pandas")


def shop(n: int = 120) -> Any:
    """Return rows with every kind of column and gaps in all but one; rare marks share a unit."""
    rng = np.random.default_rng(0)
    i = np.arange(n)
    size, mark = rng.normal(5, 2, n).round(2), np.where(i < n - 40, i % 12, i)
    frame = pandas.DataFrame(
        {
            "nr": i,
            "size": size,
            "price, EUR": np.exp(rng.normal(0, 4, n)),
            "mark": [f"m {k}" for k in mark],
            "sold": pandas.Timestamp("1969-11-03 07:30") + pandas.to_timedelta(i * 37, "h"),
            "open": np.where(i % 3, "yes", "no"),
            "weight": ["many" if k in (7, 9) else f"{k / 7:.3f}" for k in i],
            "comma": [f"1.{k:03},25" for k in i],
            "double": rng.choice(["a", "\u00e9"], n),
        }
    )
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    frame["size"] = size
    frame["y"] = size * 10 + 5 * (mark % 3)
    frame["kind"] = np.where(frame["y"] > frame["y"].median(), "large", "small")
    return frame


@functools.cache
def model_of(target: str, k: int) -> fastnn.TableModel:
    """Return a model of the shop with one network, or with an ensemble of k."""
    frame, other = shop(), {"y": "kind", "kind": "y"}[target]
    model = fastnn.TableModel(target, hidden=(8,), drop=[other]).fit(frame)
    found, (X, y) = model.network, model.examples(frame)
    first = found[0] if isinstance(found, Ensemble) else found
    nets = []
    for seed in range(k):
        net = fastnn.MLP(first.sizes, output=first.output, seed=seed)
        net.classes, net.feature_names = first.classes, first.feature_names
        net.standardize(X[seed::2], y[seed::2] if first.classes is None else None)
        net.fit(X, y, epochs=3)
        nets.append(net)
    model.network = nets[0] if k == 1 else Ensemble(nets)
    model.network.metadata = found.metadata
    return model


def outputs(model: fastnn.TableModel, rows: Any) -> Any:
    """Return what the model's networks answer for raw rows, (n, n_out)."""
    X, inner = model.prepare(rows), model.network
    return inner.mean(X) if isinstance(inner, Ensemble) else inner.predict(X)


def odd(frame: Any) -> Any:
    """Return rows that differ from those of the training: levels never seen, empty columns."""
    return frame.assign(mark="m of nobody", double=None, size=None, sold=None, open=" yes ")


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("target", ["y", "kind"])
def test_the_python_file_answers_raw_rows_as_the_model_does(target: str, k: int) -> None:
    frame, model = shop(), model_of(target, k)
    module: dict[str, Any] = {}
    exec(export.to_numpy(model), module)
    for rows in (frame, odd(frame)):
        right = outputs(model, rows)
        np.testing.assert_allclose(module["predict"](rows), right, rtol=1e-5, atol=1e-5)
        if target == "kind":
            assert (
                module["classify"](rows).tolist()
                == model.network.classify(model.prepare(rows)).tolist()
            )
    assert ("classify" in module) == (target == "kind")
    if k > 1:
        same: dict[str, Any] = {}
        exec(export.to_numpy(model.network), same)
        np.testing.assert_array_equal(same["predict"](frame), module["predict"](frame))


def cells_of(model: fastnn.TableModel, rows: Any) -> dict[str, Any]:
    """Return the cells of the used columns: numbers, seconds since 1970, texts without spaces."""
    found: dict[str, Any] = {}
    for column in model.columns:
        cells = rows[column.name] if column.used else None
        if column.kind == "number":
            found[column.name] = numbers_of(cells, column.comma)[0]
        elif column.kind == "date":
            empty = cells.isna().all()
            found[column.name] = np.full(len(rows), np.nan) if empty else moments_of(cells)
        elif column.used:
            found[column.name] = texts_of(cells)
    return found


def row_type(model: fastnn.TableModel) -> Any:
    kinds = {"number": ctypes.c_double, "date": ctypes.c_double}
    fields = [
        (f"f{j}", kinds.get(c.kind, ctypes.c_int))
        for j, c in enumerate(c for c in model.columns if c.used)
    ]
    return type("Row", (ctypes.Structure,), {"_fields_": fields})


def cell_in_c(column: Any, cell: Any) -> float | int:
    """Return a cell as the struct has it."""
    if column.kind in ("number", "date"):
        return float(cell)
    if cell is None:
        return -1
    return column.levels.index(cell) if cell in column.levels else len(column.levels)


@pytest.mark.skipif(CC is None or sys.platform == "win32", reason="no C compiler on the path")
@pytest.mark.parametrize("target", ["y", "kind"])
def test_the_c_file_answers_raw_rows_as_the_ensemble_does(target: str, tmp_path: Path) -> None:
    frame, model = shop(), model_of(target, 3)
    source = export.to_c(model, name="shop", dtype="float32")
    compile_c(tmp_path, source, "shop.so", "-shared", "-fPIC", "-lm")
    assert "int double_2; /* enum shop_double_2 */" in source
    used = [column for column in model.columns if column.used]
    predict, row_of = ctypes.CDLL(str(tmp_path / "shop.so")).shop_predict_row, row_type(model)
    a = (ctypes.c_float * model.network[0].sizes[-1])()
    for rows in (frame, odd(frame).head(9)):
        cells = cells_of(model, rows)
        gaps = np.isnan(cells["weight"])
        assert gaps.any()
        cells["weight"] = np.where(gaps, np.inf, cells["weight"])  # missing, as in words' columns
        for i, expected in enumerate(outputs(model, rows)):
            row = row_of(*(cell_in_c(column, cells[column.name][i]) for column in used))
            predict(ctypes.byref(row), a)
            np.testing.assert_allclose(list(a), expected, rtol=1e-5, atol=1e-4)


# ---- ONNX --------------------------------------------------------------------------------------


def session_of(model: Any, **options: Any) -> Any:
    """Return onnxruntime's session for a model, after the checks of ONNX's own."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    made = export.to_onnx(model, **options)
    onnx.checker.check_model(made, full_check=True)
    return runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def feed_of(model: fastnn.TableModel, rows: Any) -> dict[str, Any]:
    """Return the inputs for rows: columns (n, 1), double or string."""
    return {
        name: (cells if cells.dtype == float else np.where(cells == None, "", cells))[:, None]  # noqa: E711
        for name, cells in cells_of(model, rows).items()
    }


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("target", ["y", "kind"])
def test_the_onnx_model_answers_raw_rows_as_the_model_does(target: str, k: int) -> None:
    frame, model = shop(), model_of(target, k)
    session = session_of(model, labels=target == "kind")
    used = {column.name: column for column in model.columns if column.used}
    assert used["price, EUR"].bend and used["weight"].tolerant and used["comma"].comma
    assert used["mark"].others
    assert [name for name, column in used.items() if not column.flagged] == ["size"]
    assert {value.name: value.type for value in session.get_inputs()} == {
        name: "tensor(double)" if column.kind in ("number", "date") else "tensor(string)"
        for name, column in used.items()
    }
    assert all(value.shape == ["n", 1] for value in session.get_inputs())
    for rows in (frame, odd(frame), frame.head(1), frame.head(0)):
        right = outputs(model, rows)
        a, *labels = session.run(None, feed_of(model, rows))
        assert a.shape == right.shape
        np.testing.assert_allclose(a, right, rtol=2e-6, atol=2e-6 if target == "kind" else 2e-4)
        if target == "kind":
            assert labels[0].tolist() == model.network.classify(model.prepare(rows)).tolist()
    feed = feed_of(model, frame)
    infinite = np.where(np.isnan(feed["weight"]), np.inf, feed["weight"])
    np.testing.assert_array_equal(
        session.run(["output"], feed | {"weight": infinite})[0], session.run(["output"], feed)[0]
    )
    prepared = model.prepare(frame)
    plain = session_of(model.network)
    dtype = {"tensor(float)": "f", "tensor(double)": "d"}[plain.get_inputs()[0].type]
    np.testing.assert_allclose(
        plain.run(["output"], {"input": prepared.astype(dtype)})[0],
        outputs(model, frame),
        rtol=1e-4,
        atol=1e-3,
    )


def test_the_onnx_model_of_a_table_may_have_columns_of_any_name_and_size() -> None:
    pytest.importorskip("onnx")
    names = ["output", "/Concat.0", "output_2", "label", "/weights.0"]
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({name: rng.normal(size=30) for name in names})
    frame["colour"], frame["t"] = ["red", "green", "blue"] * 10, frame["output"] * 2
    frame["/Concat.0"] += 1.7e9  # where the steps of float32 are 128
    model = fastnn.TableModel("t", hidden=()).fit(frame)
    made = export.to_onnx(model)
    inputs = ["output_2", "/Concat.0", "output_2_2", "label_2", "/weights.0", "colour"]
    assert [value.name for value in made.graph.input] == inputs
    session = session_of(model)
    for rows in (frame, frame.assign(colour=None), frame.assign(label=np.nan, colour="grey")):
        cells = [feed_of(model, rows)[name] for name in [*names, "colour"]]
        (a,) = session.run(None, dict(zip(inputs, cells, strict=True)))
        np.testing.assert_allclose(a, outputs(model, rows), rtol=1e-5, atol=1e-5)
    facts = {fact.key: json.loads(fact.value) for fact in made.metadata_props if "{" in fact.value}
    columns = facts["columns"]
    assert list(columns) == inputs and columns["output_2"]["name"] == "output"
    assert columns["colour"]["levels"] == ["blue", "green", "red"]
    assert facts["metadata"] == model.network.metadata and "networks" in facts


@pytest.mark.parametrize(
    ("options", "which"),
    [({"input_scaling": False}, "input_scaling"), ({"input_dtype": "float32"}, "input_dtype")],
)
def test_options_for_prepared_inputs_are_refused_for_raw_rows(options: Any, which: str) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match=f"{which} is for inputs that are prepared; those of a"):
        export.to_onnx(model_of("y", 1), **options)


# ---- doors -------------------------------------------------------------------------------------


def doors() -> list[Any]:
    without = importlib.util.find_spec("onnx") is None
    return [export.to_numpy, export.to_c, *([] if without else [export.to_onnx])]


def test_a_model_that_is_not_fitted_is_not_exported() -> None:
    for door in doors():
        with pytest.raises(ValueError, match="this TableModel is not fitted yet: call fit first"):
            door(fastnn.TableModel())


@pytest.mark.usefixtures("folder")
def test_the_command_exports_an_ensemble_of_a_table(folder: Path) -> None:
    frame = shop().drop(columns="kind")
    frame.to_csv("shop.csv", index=False)
    train = ["train", "--data", "shop.csv", "--target", "y", "--ensemble", "2", "--epochs", "3"]
    assert cli.main([*train, "-q"]) == 0
    assert cli.main(["export", "shop.safetensors", "shop.py"]) == 0
    assert cli.main(["export", "shop.safetensors", "shop.c"]) == 0
    assert "shop_predict_row(" in (folder / "shop.c").read_text("ascii")
    loaded = fastnn.load("shop.safetensors")
    ensemble = loaded.network if isinstance(loaded, fastnn.TableModel) else loaded
    columns = Columns.from_dict(ensemble.metadata["columns"])
    np.testing.assert_allclose(
        runpy.run_path("shop.py")["predict"](frame),
        ensemble.mean(columns.transform(frame)),
        rtol=1e-5,
        atol=1e-4,
    )
