"""A model of a table, one network or several, as C and NumPy: raw rows give what it answers."""

from __future__ import annotations

import ctypes
import functools
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
    """Return rows with every kind of column and gaps in each; rare marks share a unit."""
    rng = np.random.default_rng(0)
    i = np.arange(n)
    size, mark = rng.normal(5, 2, n).round(2), np.where(i < n - 20, i % 12, i)
    frame = pandas.DataFrame(
        {
            "nr": i,
            "size": size,
            "price, EUR": np.exp(rng.normal(0, 4, n)),
            "mark": [f"m {k}" for k in mark],
            "sold": pandas.Timestamp("1969-11-03 07:30") + pandas.to_timedelta(i * 37, "h"),
            "open": np.where(i % 3, "yes", "no"),
            "double": rng.choice(["a", "\u00e9"], n),
        }
    )
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    frame["y"] = size * 10 + 5 * (mark % 3)
    frame["kind"] = np.where(frame["y"] > frame["y"].median(), "large", "small")
    return frame


@functools.cache
def model_of(target: str, k: int) -> fastnn.TableModel:
    """Return a model of the shop with one network, or with an ensemble of k."""
    frame, other = shop(), {"y": "kind", "kind": "y"}[target]
    model = fastnn.TableModel(target, hidden=(8,), drop=[other]).fit(frame)
    if k == 1:
        return model
    first, (X, y) = model.network, model.examples(frame)
    nets = []
    for seed in range(k):
        net = fastnn.MLP(first.sizes, output=first.output, seed=seed)
        net.classes, net.feature_names = first.classes, first.feature_names
        net.standardize(X[seed::2], y[seed::2] if first.classes is None else None)
        net.fit(X, y, epochs=3)
        nets.append(net)
    ensemble = Ensemble(nets)
    ensemble.metadata = first.metadata
    model.network = ensemble
    return model


def outputs(model: fastnn.TableModel, rows: Any) -> Any:
    """Return what the model's networks answer for raw rows, (n, n_out)."""
    X, inner = model.prepare(rows), model.network
    return inner.mean(X) if isinstance(inner, Ensemble) else inner.predict(X)


def odd(frame: Any) -> Any:
    """Return rows that differ from those of the training: levels never seen, empty columns."""
    return frame.assign(mark="m of nobody", double=None, size=-1e6, sold=None)


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


def row_type(model: fastnn.TableModel) -> Any:
    kinds = {"number": ctypes.c_double, "date": ctypes.c_double}
    fields = [
        (f"f{j}", kinds.get(c.kind, ctypes.c_int))
        for j, c in enumerate(c for c in model.columns if c.used)
    ]
    return type("Row", (ctypes.Structure,), {"_fields_": fields})


def cell_in_c(column: Any, cell: Any) -> float | int:
    """Return a cell, a series of one, as the struct has it."""
    if column.kind == "number":
        return float(numbers_of(cell)[0][0])
    if column.kind == "date":
        return float("nan") if cell.isna().all() else float(moments_of(cell)[0])
    (text,) = texts_of(cell)
    if text is None:
        return -1
    return column.levels.index(text) if text in column.levels else len(column.levels)


@pytest.mark.skipif(CC is None or sys.platform == "win32", reason="no C compiler on the path")
@pytest.mark.parametrize("target", ["y", "kind"])
def test_the_c_file_answers_raw_rows_as_the_ensemble_does(target: str, tmp_path: Path) -> None:
    frame, model = shop(), model_of(target, 3)
    source = export.to_c(model, name="shop", dtype="float32")
    compile_c(tmp_path, source, "shop.so", "-shared", "-fPIC", "-lm")
    assert "int double_2; /* enum shop_double_2 */" in source
    used = [column for column in model.columns if column.used]
    predict, row_of = ctypes.CDLL(str(tmp_path / "shop.so")).shop_predict_row, row_type(model)
    rows = pandas.concat([frame, odd(frame).head(9)], ignore_index=True)
    right = outputs(model, rows)
    a = (ctypes.c_float * right.shape[1])()
    for i, expected in enumerate(right):
        cells = [cell_in_c(column, rows[column.name].iloc[[i]]) for column in used]
        predict(ctypes.byref(row_of(*cells)), a)
        np.testing.assert_allclose(list(a), expected, rtol=1e-5, atol=1e-4)


def test_a_model_that_is_not_fitted_is_not_exported() -> None:
    for door in (export.to_numpy, export.to_c):
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
