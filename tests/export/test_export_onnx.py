"""Networks as ONNX models: what onnxruntime makes of them is what the network predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import every_activation_and_output, net_with_tails, rows
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.names import ACTIVATIONS, HIDDEN

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from fastnn.export import onnx as export  # noqa: E402 - once it is known to be there
from fastnn.export.onnx import to_onnx  # noqa: E402

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def run(model: Any, X: Any) -> list[Any]:
    """Return the outputs that onnxruntime computes, after the checks of ONNX's own."""
    onnx.checker.check_model(model, full_check=True)
    used = {name for node in model.graph.node for name in node.input}
    assert used >= {constant.name for constant in model.graph.initializer}
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {"input": X}))


def assert_alike(mine: Any, theirs: Any, tolerance: float) -> None:
    assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
    np.testing.assert_allclose(theirs, mine, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_activation_and_output
def test_every_activation_and_output_computes_what_predict_does(
    activation: str, output: str, dtype: str
) -> None:
    net, X = net_with_tails(activation, output, dtype)
    # erf in float32: see the notes of to_onnx
    tolerance = 1e-6 if "gelu" in (activation, output) and dtype == "float64" else TOLERANCE[dtype]
    (out,) = run(to_onnx(net), X)
    assert_alike(net.predict(X), out, tolerance)


@settings(max_examples=15, deadline=None)
@given(
    hidden=st.lists(st.tuples(st.integers(1, 17), st.sampled_from(HIDDEN)), min_size=0, max_size=4),
    ends=st.tuples(st.integers(1, 20), st.integers(1, 6)),
    output=st.sampled_from(ACTIVATIONS),
    n=st.sampled_from([0, 1, 2, 33]),
    reads=st.sampled_from([None, "float32", "float64", "uint8"]),
    scaled=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_network_computes_what_predict_does(
    hidden: Any, ends: Any, output: str, n: int, reads: str | None, scaled: bool, seed: int
) -> None:
    # softmax of one output is refused
    sizes = [ends[0], *(width for width, _ in hidden), ends[1] + (output == "softmax")]
    net = fastnn.MLP(sizes, activation=[f for _, f in hidden], output=output, seed=seed)
    if reads == "uint8":
        X = np.random.default_rng(seed).integers(0, 256, (n, ends[0]), dtype=np.uint8)
    else:
        X = rows(n, ends[0], seed, reads or "float32")
    if scaled:
        net.standardize(rows(50, ends[0], seed) * 3 + 1)
    (out,) = run(to_onnx(net, input_dtype=reads), X)
    assert_alike(net.predict(X), out, 1e-5)


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_a_batch_may_have_any_number_of_rows(n: int) -> None:
    net = fastnn.MLP([7, 5, 3], output="softmax", seed=0)
    X = rows(n, 7)
    out, label = run(to_onnx(net, labels=True), X)
    assert_alike(net.predict(X), out, 1e-5)
    assert label.shape == (n,) and (label == net.classify(X)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_numbers_which_the_networks_scaling_reads(dtype: str) -> None:
    # By hand: (51 − 50) · 0.2 = 0.2, times the weight 3, plus 1.
    net = fastnn.MLP([1, 1], dtype=dtype, seed=0)
    net.weights[0], net.biases[0] = [[3]], [1]
    net.input_shift, net.input_scale = [50], [0.2]
    X = np.array([[51]], np.uint8)
    (out,) = run(to_onnx(net, input_dtype="uint8"), X)
    assert out[0, 0] == pytest.approx(1.6, rel=1e-6 if dtype == "float32" else 1e-14)
    assert_alike(net.predict(X), out, TOLERANCE[dtype])


def test_scaling_that_is_left_out_is_told_and_left_to_the_caller() -> None:
    net = fastnn.MLP([3, 4, 2], seed=0)
    X = rows(20, 3) * 5 + 2
    net.standardize(X)
    model = to_onnx(net, input_scaling=False)
    assert "not part of the model" in model.doc_string
    assert "reads them raw" in to_onnx(net).doc_string
    (out,) = run(model, ((X - net.input_shift) * net.input_scale).astype(np.float32))
    assert_alike(net.predict(X), out, 1e-5)


def test_inputs_wider_than_the_network_are_narrowed_as_predict_does() -> None:
    net = fastnn.MLP([3, 2], seed=0)
    X = rows(9, 3, dtype=np.float64)
    (out,) = run(to_onnx(net, input_dtype="float64"), X)
    assert_alike(net.predict(X), out, 1e-6)


# ---- labels ------------------------------------------------------------------------------------


def labels_of(net: fastnn.MLP, X: Any) -> tuple[Any, Any]:
    theirs = run(to_onnx(net, labels=True), X)[1]
    return net.classify(X).tolist(), theirs.tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "classes",
    [
        None,
        [10, -20, 30],
        ["setosa", "Gänseblümchen", ""],
        [0.5, 1.5, 2.25],
        np.array([1, 2, 2**63 + 1], np.uint64),
        np.array([3, 2, 1], np.int8),
    ],
    ids=["none", "ints", "strings", "floats", "uint64", "int8"],
)
def test_labels_are_those_of_classify(classes: Any, dtype: str) -> None:
    net = fastnn.MLP([4, 6, 3], activation="tanh", output="softmax", dtype=dtype, seed=3)
    net.classes = classes
    mine, theirs = labels_of(net, rows(200, 4, dtype=dtype))
    assert theirs == mine and len(set(mine)) == 3


@pytest.mark.parametrize("classes", [None, ["no", "yes"], [False, True], [7, 5]])
def test_one_output_says_the_second_class_from_a_half_on(classes: Any) -> None:
    net = fastnn.MLP([1, 1], output="sigmoid", seed=0)
    net.weights[0], net.biases[0] = [[1]], [0]
    net.classes = classes
    X = np.array([[-1], [-1e-3], [0], [1e-3], [1]], np.float32)  # σ(0) is ½
    second = [0, 0, 1, 1, 1]
    mine, theirs = labels_of(net, X)
    assert theirs == mine == (second if classes is None else [classes[i] for i in second])


def test_outputs_beyond_the_classes_and_later_ones_of_a_tie_are_no_label() -> None:
    net = fastnn.MLP([1, 4], output="identity", seed=0)
    net.weights[0], net.biases[0] = np.zeros((1, 4)), [1, 2, 2, 9]
    X = np.zeros((2, 1), np.float32)
    assert labels_of(net, X) == ([3, 3], [3, 3])
    net.classes = ["a", "b", "c"]
    assert labels_of(net, X) == (["b", "b"], ["b", "b"])


# ---- the file ----------------------------------------------------------------------------------


def test_the_model_says_what_it_is() -> None:
    net = fastnn.MLP([4, 8, 3], activation="silu", output="softmax", seed=0)
    net.classes, net.metadata = ["a", "b", "c"], {"data": "iris"}
    net.feature_names = ["w", "x", "y", "z"]
    model = to_onnx(net, labels=True, name="iris")
    assert (model.producer_name, model.producer_version) == ("fastnn", fastnn.__version__)
    assert model.graph.name == "iris" and "4-8-3" in model.doc_string
    facts = {fact.key: fact.value for fact in model.metadata_props}
    assert facts["fastnn_version"] == fastnn.__version__ and facts["loss"] == "cross_entropy"
    assert json.loads(facts["classes"]) == ["a", "b", "c"]
    assert json.loads(facts["feature_names"]) == ["w", "x", "y", "z"]
    assert json.loads(facts["metadata"]) == {"data": "iris"}
    assert fastnn.MLP(**json.loads(facts["network"])).sizes == net.sizes
    inputs, outputs = model.graph.input, model.graph.output
    assert [value.name for value in inputs] == ["input"]
    assert [value.name for value in outputs] == ["output", "label"]
    for value in (*inputs, *outputs):
        assert value.type.tensor_type.shape.dim[0].dim_param == "n"
    assert (model.ir_version, model.opset_import[0].version) == (7, 13)


def test_a_path_gets_the_model_whole(tmp_path: Path) -> None:
    net, path = fastnn.MLP([4, 3], seed=0), tmp_path / "net.onnx"
    path.write_bytes(b"old")
    model = to_onnx(net, path)
    assert onnx.load(path) == model
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    with pytest.raises(OSError, match="cannot write"):
        to_onnx(net, tmp_path / "nowhere" / "net.onnx")


def test_the_same_network_makes_the_same_bytes() -> None:
    net = fastnn.MLP([4, 3], seed=0)
    assert to_onnx(net).SerializeToString() == to_onnx(net).SerializeToString()


def test_the_model_keeps_its_numbers_when_the_network_goes_on() -> None:
    net = fastnn.MLP([2, 2], seed=0)
    X = rows(5, 2)
    before, model = net.predict(X), to_onnx(net)
    net.params = np.zeros(net.n_params)
    assert_alike(before, run(model, X)[0], 1e-6)


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_refused_and_the_file_stays(
    value: float, tmp_path: Path
) -> None:
    net, path = fastnn.MLP([4, 3], seed=0), tmp_path / "net.onnx"
    path.write_bytes(b"old")
    net.weights[0][1, 2] = value
    with pytest.raises(ValueError, match="net holds NaN or infinity among its parameters"):
        to_onnx(net, path)
    assert path.read_bytes() == b"old"


def test_a_model_above_two_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_LIMIT", 2**20 + 50_000)
    to_onnx(fastnn.MLP([100, 100], seed=0))  # 40,400 bytes
    with pytest.raises(ValueError, match=r"the network's 20,200 parameters take .* at most 2 GB"):
        to_onnx(fastnn.MLP([100, 200], seed=0))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"net": "a.safetensors"}, TypeError, "net must be a fastnn.MLP, got str"),
        ({"input_dtype": "int8"}, ValueError, "input_dtype must be one of uint8, float32, float64"),
        ({"name": ""}, TypeError, "name must be a string that is not empty, got ''"),
    ],
)
def test_a_wrong_argument_gets_a_sentence(arguments: Any, error: Any, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        to_onnx(**{"net": fastnn.MLP([2, 2], seed=0), **arguments})


def test_metadata_that_is_not_json_is_refused() -> None:
    net = fastnn.MLP([2, 2], seed=0)
    net.metadata = {"when": {1, 2}}
    with pytest.raises(TypeError, match="metadata must be made of JSON values"):
        to_onnx(net)


def test_the_examples_in_the_reference_run() -> None:
    import doctest

    assert doctest.testmod(export).failed == 0
