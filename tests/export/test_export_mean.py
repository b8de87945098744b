"""The mean of an ensemble as C, NumPy and ONNX: what `Ensemble.mean` answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import CC, Library, compile_c, random_net

import fastnn
from fastnn import Ensemble, export


def ensemble_of(dtype: str, shapes: Any, **options: Any) -> Ensemble:
    nets = [random_net(sizes, dtype=dtype, seed=i, **options) for i, sizes in enumerate(shapes)]
    return Ensemble(nets)


def far_away(dtype: str) -> Ensemble:
    """Some networks read inputs that float32 is too coarse for, others do not scale at all."""
    nets = [random_net(sizes, dtype=dtype) for sizes in ([2, 5, 2], [2, 2], [2, 5, 2])]
    nets[1].input_shift, nets[1].input_scale = [1.7e9, 1e8], [1.0, 1.0]
    nets[0].input_shift, nets[0].input_scale = [1.7e9, 1e8], [0.5, 2.0]
    nets[2].input_shift, nets[2].input_scale = [1.7e9, 1e8], [0.1, 0.1]
    nets[2].output_shift, nets[2].output_scale = [1e6, -1e6], [1.0, 2.0]
    return Ensemble(nets)


ENSEMBLES = {
    "one shape": lambda dtype: ensemble_of(dtype, [[4, 6, 3]] * 3, activation="tanh"),
    "shapes": lambda dtype: ensemble_of(dtype, [[4, 6, 3], [4, 3], [4, 9, 5, 3]], scaled=True),
    "softmax": lambda dtype: ensemble_of(dtype, [[4, 6, 3], [4, 8, 3]], output="softmax"),
    "one sigmoid": lambda dtype: ensemble_of(dtype, [[4, 6, 1]] * 4, output="sigmoid"),
    "one network": lambda dtype: ensemble_of(dtype, [[4, 6, 2]], activation="silu"),
    "far away": far_away,
}


def rows(ensemble: Ensemble) -> np.ndarray[Any, Any]:
    X = np.random.default_rng(3).normal(size=(25, ensemble[0].sizes[0]))
    shift = ensemble[0].input_shift
    return X if shift is None else np.round(X + shift, 3)


def by_c(ensemble: Ensemble, X: Any, folder: Path) -> Any:
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    widest = max(ensemble, key=lambda net: net.output_shift is not None)
    return Library(folder, [export.to_c(ensemble, name="n0")], [widest]).predict(0, X)


def by_numpy(ensemble: Ensemble, X: Any, folder: Path) -> Any:
    module: dict[str, Any] = {}
    exec(compile(export.to_numpy(ensemble), "exported.py", "exec"), module)
    np.testing.assert_array_equal(module["predict"](X[0]), module["predict"](X[:1])[0])
    return module["predict"](X)


def by_onnx(ensemble: Ensemble, X: Any, folder: Path) -> Any:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = export.to_onnx(ensemble)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    dtypes = {"tensor(float)": "float32", "tensor(double)": "float64"}
    return session.run(["output"], {"input": X.astype(dtypes[session.get_inputs()[0].type])})[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", ENSEMBLES.values(), ids=ENSEMBLES)
@pytest.mark.parametrize("door", [by_c, by_numpy, by_onnx], ids=["C", "NumPy", "ONNX"])
def test_the_export_answers_as_the_mean_does(
    door: Any, make: Any, dtype: str, tmp_path: Path
) -> None:
    ensemble = make(dtype)
    X = rows(ensemble)
    right = ensemble.mean(X).astype(np.float64)
    tolerance = {"float32": 2e-5, "float64": 1e-10}[dtype] * np.abs(right - right.mean(0)).max()
    found = door(ensemble, X, tmp_path)
    assert found.shape == right.shape
    assert np.abs(found - right).max() <= tolerance + 4 * np.finfo(float).eps * np.abs(right).max()


@pytest.mark.skipif(CC is None or sys.platform == "win32", reason="no C compiler on the path")
@pytest.mark.parametrize("make", ENSEMBLES.values(), ids=ENSEMBLES)
def test_the_c_file_tests_itself(make: Any, tmp_path: Path) -> None:
    path = compile_c(tmp_path, export.to_c(make("float32"), name="mean"), "mean", "-DMEAN_MAIN")
    done = subprocess.run([path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_classes_come_along(tmp_path: Path) -> None:
    ensemble = ensemble_of("float32", [[4, 6, 3], [4, 8, 3]], output="softmax")
    for net in ensemble:
        net.classes, net.feature_names = ["ant", "bee", "cow"], list("abcd")
    X = rows(ensemble)
    right = ensemble.classify(X).tolist()
    module: dict[str, Any] = {}
    exec(export.to_numpy(ensemble), module)
    assert module["classify"](X).tolist() == right and module["INPUTS"] == list("abcd")
    if CC is not None and sys.platform != "win32":
        library = Library(tmp_path, [export.to_c(ensemble, name="n0")], [ensemble[0]])
        names = [name.decode() for name in library.labels(0, 3)]
        assert [names[i] for i in library.classify(0, X)] == right
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = export.to_onnx(ensemble, labels=True).SerializeToString()
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert session.run(["label"], {"input": X.astype("f")})[0].tolist() == right


def test_what_is_no_mean_of_outputs_is_refused() -> None:
    mixture = Ensemble([fastnn.MLP([2, 2], loss="gaussian_nll", seed=i) for i in range(2)])
    for door in (export.to_c, export.to_numpy):
        with pytest.raises(ValueError, match="that of a mixture, which has no export"):
            door(mixture)
    ensemble = ensemble_of("float32", [[2, 1]] * 2)
    for options in ({"quantize": "int8"}, {"jacobian": True}):
        with pytest.raises(ValueError, match="is for one network; this is an ensemble"):
            export.to_c(ensemble, **options)
    ensemble[1].params[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity among its parameters"):
        export.to_numpy(ensemble)
