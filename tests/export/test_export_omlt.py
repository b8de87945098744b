"""ONNX models in OMLT, which writes networks into optimisation problems: what it reads, it reads
as the network predicts.

Needs ``pip install 'omlt==1.2.*' onnx highspy``; ``.ci/long-checks omlt`` does so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastnn

pytest.importorskip("onnx")
pytest.importorskip("omlt", reason="omlt is not installed; .ci/long-checks omlt installs it")

from omlt import OmltBlock
from omlt.io.onnx import load_onnx_neural_network
from omlt.neuralnet import FullSpaceNNFormulation, ReluBigMFormulation

from fastnn.export.onnx import to_onnx

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
# mean and deviation of the inputs: around zero, as they come, many deviations off zero
PLACES = {"none": None, "near": (3.0, 2.0), "kelvin": (300.0, 0.5), "years": (2000.0, 10.0)}


def trained(place: Any, dtype: str = "float32", **options: Any) -> tuple[fastnn.MLP, Any]:
    rng = np.random.default_rng(0)
    net = fastnn.MLP([3, 8, 6, 2], dtype=dtype, seed=1, **options)
    net.biases[0][:] = rng.normal(size=8)
    X = rng.normal(size=(40, 3))
    if place is not None:
        X = place[0] + place[1] * X
        net.standardize(X)
    return net, X


def evaluate(definition: Any, x: Any) -> Any:
    """Return the outputs of the layers that OMLT read for one row, in double."""
    values = {}
    for layer in definition.layers:
        inputs = [values[id(before)] for before in definition.predecessors(layer)]
        values[id(layer)] = layer.eval_single_layer(inputs[0] if inputs else x)
        last = layer
    return values[id(last)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("activation", "output"),
    [
        ("relu", "identity"),
        (["relu", "identity"], "relu"),
        ("sigmoid", "sigmoid"),
        ("tanh", "identity"),
        (["tanh", "relu"], "tanh"),
    ],
)
def test_its_layers_compute_what_predict_does(
    activation: Any, output: Any, place: Any, dtype: str
) -> None:
    net, X = trained(place, dtype, activation=activation, output=output)
    definition = load_onnx_neural_network(to_onnx(net))
    found = [evaluate(definition, x) for x in X]
    np.testing.assert_allclose(found, net.predict(X), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_network_without_hidden_layers_is_read() -> None:
    net = fastnn.MLP([2, 1], seed=0)
    definition = load_onnx_neural_network(to_onnx(net))
    x = np.array([1.0, -2.0])
    np.testing.assert_allclose(evaluate(definition, x), net.predict([x])[0], rtol=1e-6)


def test_inputs_at_a_hundred_million_are_read_in_double() -> None:
    X = 1e8 + np.arange(4.0)[:, None]
    net = fastnn.MLP([1, 5, 1], seed=0)
    net.input_shift, net.input_scale = [1e8 + 1.5], [0.8]
    definition = load_onnx_neural_network(to_onnx(net))
    plain = fastnn.MLP([1, 5, 1], seed=0)
    expected = plain.predict((X - (1e8 + 1.5)) * 0.8)
    found = [evaluate(definition, x) for x in X]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("place", [None, (3.0, 2.0), (300.0, 0.5)])
@pytest.mark.parametrize("formulation", [FullSpaceNNFormulation, ReluBigMFormulation])
def test_the_optimum_that_a_solver_finds_is_what_predict_says_there(
    formulation: Any, place: Any
) -> None:
    pytest.importorskip("highspy", reason="highspy, the solver, is not installed")
    import pyomo.environ as pyo

    net, X = trained(place, activation="relu")
    bounds = dict(enumerate(zip(X.min(axis=0).tolist(), X.max(axis=0).tolist(), strict=True)))
    definition = load_onnx_neural_network(to_onnx(net), input_bounds=bounds)
    model = pyo.ConcreteModel()
    model.net = OmltBlock()
    model.net.build_formulation(formulation(definition))
    model.largest = pyo.Objective(expr=model.net.outputs[0], sense=pyo.maximize)
    pyo.SolverFactory("appsi_highs").solve(model)
    x = np.array([[model.net.inputs[i].value for i in range(3)]])
    a = [model.net.outputs[j].value for j in range(2)]
    np.testing.assert_allclose(a, net.predict(x)[0], rtol=1e-4, atol=1e-4)
    corners = np.stack(np.meshgrid(*(np.linspace(*b, 9) for b in bounds.values())), -1)
    assert net.predict(corners.reshape(-1, 3))[:, 0].max() <= a[0] + 1e-4
