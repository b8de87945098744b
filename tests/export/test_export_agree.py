"""One network, one answer: every export reads inputs and scales answers as the network does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import CC, Library, exact, random_net

import fastnn
from fastnn import export

Network = tuple[fastnn.MLP, np.ndarray[Any, Any]]


def scaled(dtype: str, X: Any, y: Any = None, sizes: Any = (2, 7, 3), **options: Any) -> Network:
    net = random_net([np.shape(X)[1], *sizes[1:]], dtype=dtype, **options)
    net.standardize(X, y)
    return net, np.asarray(X)


def noise(n: int = 30, width: int = 2, seed: int = 5) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(n, width))


def trained_on_bytes(dtype: str, largest: int) -> Network:
    X = np.random.default_rng(2).integers(0, largest + 1, (40, 6), dtype=np.uint8)
    net = random_net([6, 5, 2], dtype=dtype, activation="tanh", output="softmax")
    net.fit(X, X[:, 0] > largest / 2, epochs=1)
    assert (net.input_scale is None) == (largest == 1)
    return net, X


NETWORKS: dict[str, Callable[[str], Network]] = {
    "as it is": lambda dtype: (random_net([2, 5, 3], dtype=dtype), noise()),
    "near zero": lambda dtype: scaled(dtype, 3 + 2 * noise()),
    "shifted by 1e8": lambda dtype: scaled(dtype, 1e8 + np.arange(8.0)[:, None]),
    "seconds since 1970": lambda dtype: scaled(dtype, 1.7e9 + np.arange(0, 600.0, 40)[:, None]),
    "years and tons": lambda dtype: scaled(dtype, noise() * [10, 1e-9] + [2000, 1e-9]),
    "a constant column": lambda dtype: scaled(dtype, noise() * [1, 0] + [0, 1e6]),
    "one layer": lambda dtype: scaled(dtype, 300 + 5 * noise(), 9 + noise(width=3), (2, 3)),
    "targets": lambda dtype: scaled(dtype, noise(), 1e6 * noise(width=3)),
    "targets at 1e8": lambda dtype: scaled(dtype, noise(), 1e8 + noise(width=3)),
    "both": lambda dtype: scaled(
        dtype, 1e8 + noise(), 1e8 + noise(width=3) * [1, 10, 0.1], activation="tanh"
    ),
    "bytes": lambda dtype: trained_on_bytes(dtype, 255),
    "bytes of 0 and 1": lambda dtype: trained_on_bytes(dtype, 1),
    "standardized bytes": lambda dtype: scaled(
        dtype, np.arange(200, 230, dtype=np.uint8).reshape(-1, 2)
    ),
}


def by_c(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    return Library(folder, [export.to_c(net, name="n0")], [net]).predict(0, X)


def by_int8(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    if CC is None or sys.platform == "win32":
        pytest.skip("no C compiler on the path")
    text = export.to_c(net, name="n0", quantize="int8")
    return Library(folder, [text], [net]).predict(0, X, "float32")


def by_numpy(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    module: dict[str, Any] = {}
    exec(compile(export.to_numpy(net), "exported.py", "exec"), module)
    return module["predict"](X)


def by_onnx(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = export.to_onnx(net, input_dtype="uint8" if X.dtype == np.uint8 else None)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    kind = session.get_inputs()[0].type
    dtypes = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(uint8)": "uint8"}
    return session.run(["output"], {"input": X.astype(dtypes[kind])})[0]


def by_torch(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    torch = pytest.importorskip("torch")
    if net.input_scale is None:
        X = X.astype(net.dtype)  # a Linear reads its own type only
    with torch.no_grad():
        return export.to_torch(net)(torch.from_numpy(X)).numpy()


def by_torchs_state(net: fastnn.MLP, X: Any, folder: Path) -> Any:
    pytest.importorskip("torch")
    state = export.to_torch(net).state_dict()
    back = export.from_torch(state, activation=net.activation, output=net.output)
    return back.predict(X)


DOORS = {
    "C": by_c,
    "int8": by_int8,
    "NumPy": by_numpy,
    "ONNX": by_onnx,
    "PyTorch": by_torch,
    "state_dict": by_torchs_state,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_an_export_answers_as_the_network_does(
    door: Any, make: Any, dtype: str, tmp_path: Path
) -> None:
    net, X = make(dtype)
    right = exact(net, X)
    unit = np.ones(net.sizes[-1]) if net.output_scale is None else net.output_scale
    # Of an answer in deviations of the targets; for int8, what its weights change.
    tolerance = 0.1 if door is by_int8 else {"float32": 2e-5, "float64": 1e-10}[dtype]
    within = tolerance * unit * max(1.0, float(np.abs((right - right.mean(axis=0)) / unit).max()))
    # In double, numbers of 1e8 are a few 1e-8 apart.
    within = within + 4 * np.finfo(float).eps * np.abs(right).max(axis=0)
    kinds = [X] if X.dtype != np.uint8 else [X, X.astype(np.int64), X.astype(np.float64)]
    for x in kinds:
        if door in (by_torch,) and x.dtype == np.int64 and net.input_scale is None:
            continue
        found = door(net, x, tmp_path)
        assert (np.abs(found - right) <= within).all(), np.abs((found - right) / unit).max()
        assert (np.abs(net.predict(x) - right) <= within).all()


@pytest.mark.parametrize("door", [by_c, by_int8, by_numpy, by_onnx, by_torch])
def test_a_network_of_an_old_file_keeps_what_bytes_mean(door: Any, tmp_path: Path) -> None:
    # By hand: 51 / 255 = 0.2; (0.2 - 0.1) 2 = 0.2, times 3, plus 1. As a number: (51 - 0.1) 2.
    net = fastnn.MLP([1, 1], seed=0)
    net.weights[0], net.biases[0] = [[3]], [1]
    net.input_shift, net.input_scale = [0.1], [2]
    net._read_bytes_as_fractions()
    assert door(net, np.array([[51]], np.uint8), tmp_path)[0, 0] == pytest.approx(1.6, rel=1e-3)
    assert door(net, np.array([[51.0]]), tmp_path)[0, 0] == pytest.approx(306.4, rel=1e-3)


def test_modules_keep_the_scaling_in_double_whatever_they_are_turned_into() -> None:
    torch = pytest.importorskip("torch")
    net, X = NETWORKS["both"]("float32")
    module = export.to_torch(net)
    x = torch.from_numpy(X)
    expected = module(x).detach().numpy()
    for turned in (module.float(), module.to("cpu"), module.double()):
        np.testing.assert_allclose(turned(x).detach().numpy(), expected, rtol=0, atol=1e-4)
        assert turned[0].shift.dtype == turned[-1].scale.dtype == torch.float64


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"9.shift": (3,), "9.scale": (3,), "9.bias": (1,)}, "belongs to no linear layer"),
        ({"9.shift": (2,), "9.scale": (3,)}, "gives 3 values; the shift of outputs has"),
        ({"8.shift": (3,), "8.scale": (3,), "9.weight": (3, 3)}, "follows the scaling of outputs"),
    ],
)
def test_a_scaling_of_outputs_that_does_not_fit_is_told(change: Any, sentence: str) -> None:
    torch = pytest.importorskip("torch")
    state = export.to_torch(random_net([2, 5, 3])).state_dict()
    state |= {name: torch.ones(shape) for name, shape in change.items()}
    with pytest.raises(ValueError, match=sentence):
        export.from_torch(state, activation="relu", output="identity")


def test_a_scaling_of_outputs_is_for_identity_alone() -> None:
    torch = pytest.importorskip("torch")
    from fastnn.export.torch import OutputScaling

    ones = torch.ones(2)
    source = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.Sigmoid(), OutputScaling(ones, ones, torch.float32)
    )
    with pytest.raises(ValueError, match="scales outputs of 'identity' only"):
        export.from_torch(source)
    source = torch.nn.Sequential(
        torch.nn.Linear(3, 2), OutputScaling(ones, ones, torch.float32), torch.nn.Linear(2, 2)
    )
    with pytest.raises(ValueError, match="follows the OutputScaling"):
        export.from_torch(source)
