"""Losses with several outputs a target: the Gaussian likelihood, and several quantiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference as ref
from numpy.testing import assert_allclose, assert_array_equal
from test_missing import differences

import fastnn
from fastnn import MLP, Adam
from fastnn.explain import diagnose

QUANTILES = [0.1, 0.5, 0.9]


def table(n: int = 600, k: int = 1, seed: int = 0) -> tuple[Any, Any]:
    """X (n, 2) and targets (n, k) about 30 x_0 + 100, with a deviation of 5 e^x_1."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    noise = rng.normal(size=(n, k))
    return X, 100 + 30 * X[:, :1] + 5 * np.exp(X[:, 1:]) * noise


def gaussian(k: int = 1, **options: Any) -> MLP:
    options = {"dtype": "float64", "seed": 0, "activation": "tanh", **options}
    return MLP([2, 6, 2 * k], loss="gaussian_nll", **options)


def quantiles(k: int = 1, q: Any = QUANTILES, **options: Any) -> MLP:
    options = {"dtype": "float64", "seed": 0, "activation": "tanh", **options}
    return MLP([2, 6, len(q) * k], loss="quantile", quantile=q, **options)


# --- Gaussian likelihood ------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
def test_its_cost_is_the_mean_over_targets_of_half_the_log_likelihood(k: int) -> None:
    X, y = table(k=k)
    y = (y - 100) / 30
    net = gaussian(k)
    mean, log_variance = net.predict(X)[:, ::2], net.predict(X)[:, 1::2]
    each = 0.5 * ((y - mean) ** 2 / np.exp(log_variance) + log_variance)
    assert_allclose(net.cost(X, y, per_example=True), each.mean(axis=1), rtol=1e-12)
    assert_allclose(net.cost(X, y if k > 1 else y[:, 0]), each.mean(), rtol=1e-12)


@pytest.mark.parametrize("missing", [False, True])
def test_its_gradient_agrees_with_finite_differences_and_the_twin(missing: bool) -> None:
    X, y = table(n=40, k=2)
    y = (y - 100) / 30
    if missing:
        y[::3, 0] = y[5] = np.nan
    net, w = gaussian(2), np.random.default_rng(1).uniform(0.1, 2, (40, 2))
    gradient = net.gradient(X, y, sample_weight=w).flat
    slopes = differences(net, lambda: net.cost(X, y, sample_weight=w))
    assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
    names = {"activation": ["tanh"], "output": "identity", "loss": "gaussian_nll"}
    twin = ([2, 6, 4], net.params, X, y.repeat(2, axis=1), w.repeat(2, axis=1))
    assert_allclose(gradient, ref.gradient(*twin, **names), rtol=1e-9, atol=1e-12)
    h, inputs = 1e-6, net.input_gradient(X, y)
    for j in range(2):
        step = h * np.eye(2)[j]
        high, low = (net.cost(X + s * step, y, per_example=True) for s in (1, -1))
        assert_allclose(inputs[:, j], (high - low) / (2 * h), rtol=1e-6, atol=1e-8)


def test_pytorch_has_the_same_cost_and_slopes() -> None:
    torch = pytest.importorskip("torch")
    X, y = table(k=2)
    y = (y - 100) / 30
    net = gaussian(2)
    a = torch.tensor(net.predict(X), requires_grad=True)
    cost = torch.nn.GaussianNLLLoss()(a[:, ::2], torch.tensor(y), torch.exp(a[:, 1::2]))
    cost.backward()
    assert_allclose(net.cost(X, y), cost.item(), rtol=1e-10)
    by_torch = net.gradient(X, output_gradient=a.grad.numpy()).flat
    assert_allclose(net.gradient(X, y).flat, by_torch, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_learns_mean_and_variance_in_the_units_of_the_targets(dtype: str) -> None:
    X, y = table(n=4000)
    net = gaussian(dtype=dtype)
    net.standardize(X, y)
    net.fit(X, y[:, 0], epochs=60, optimizer=Adam(0.01))
    mean, deviation = net.predict(X)[:, 0], np.exp(net.predict(X)[:, 1] / 2)
    assert abs(mean - (100 + 30 * X[:, 0])).mean() < 1
    assert abs(deviation / (5 * np.exp(X[:, 1])) - 1).mean() < 0.1


def test_scaling_of_the_targets_moves_the_log_variance_by_the_logarithm_of_its_square(
    tmp_path: Path,
) -> None:
    X, y = table(k=2)
    net, plain = gaussian(2), gaussian(2)
    net.standardize(X, y)
    assert_allclose(net.output_shift[::2], y.mean(axis=0), rtol=1e-12)
    assert_allclose(net.output_scale[::2], y.std(axis=0), rtol=1e-12)
    assert_allclose(net.output_shift[1::2], 2 * np.log(y.std(axis=0)), rtol=1e-12)
    assert_array_equal(net.output_scale[1::2], 1)
    plain.input_shift, plain.input_scale = net.input_shift, net.input_scale
    scaled = (y - y.mean(axis=0)) / y.std(axis=0)
    assert_allclose(net.cost(X, y), plain.cost(X, scaled), rtol=1e-12)
    net.save(tmp_path / "net.safetensors")
    loaded = fastnn.load(tmp_path / "net.safetensors")
    assert_array_equal(loaded.predict(X), net.predict(X))
    net.output_shift, net.output_scale = None, 10
    assert_allclose(net.output_shift, [0, 2 * np.log(10)] * 2)
    assert_array_equal(net.output_scale, [10, 1] * 2)


def test_huge_targets_are_read_once_they_are_scaled() -> None:
    X, y = table()
    net = gaussian(dtype="float32")
    net.standardize(X, 1e100 * y)
    assert np.isfinite(net.fit(X, 1e100 * y, epochs=1).loss[0])


def test_whole_numbers_are_values_not_labels_also_in_single_steps() -> None:
    X, _ = table(n=20)
    y = np.arange(20) % 2
    for make in (gaussian, quantiles):
        whole, floats = make(), make()
        for _ in range(3):  # the first step takes another way than those after it
            one, two = whole.train_batch(X, y), floats.train_batch(X, y.astype(float))
            assert one == two and set(one) == {"loss"}
        assert_array_equal(whole.params, floats.params)
        assert_array_equal(whole.gradient(X, y).flat, floats.gradient(X, y.astype(float)).flat)


# --- quantiles ----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2])
def test_the_quantiles_of_each_target_stand_side_by_side(k: int) -> None:
    X, y = table(k=k)
    net = quantiles(k)
    r = y[:, :, None] - net.predict(X).reshape(len(X), k, 3)
    q = np.array(QUANTILES)
    each = np.maximum(q * r, (q - 1) * r).mean(axis=(1, 2))
    assert_allclose(net.cost(X, y, per_example=True), each, rtol=1e-12)
    slopes = differences(net, lambda: net.cost(X, y))
    assert_allclose(net.gradient(X, y).flat, slopes, rtol=1e-6, atol=1e-7)


def test_one_network_of_several_is_as_networks_of_one_each() -> None:
    X, y = table()
    net = quantiles()
    costs = []
    for j, q in enumerate(QUANTILES):
        one = MLP([2, 6, 1], activation="tanh", loss="quantile", quantile=q, dtype="float64")
        one.weights[0], one.biases[0] = net.weights[0], net.biases[0]
        one.weights[1], one.biases[1] = net.weights[1][:, [j]], net.biases[1][[j]]
        costs.append(one.cost(X, y))
    assert_allclose(net.cost(X, y), np.mean(costs), rtol=1e-12)


def test_they_are_learnt_scaled_kept_in_files_and_missing_targets_left_out(tmp_path: Path) -> None:
    X, y = table(n=4000)
    y[::7] = np.nan
    net = quantiles()
    net.standardize(X, y)
    assert_allclose(net.output_shift, np.nanmean(y), rtol=1e-12)
    net.fit(X, y, epochs=40, optimizer=Adam(0.01))
    there = ~np.isnan(y[:, 0])
    below = (y[there] < net.predict(X[there])).mean(axis=0)
    assert_allclose(below, QUANTILES, atol=0.03)
    net.save(tmp_path / "net.safetensors")
    loaded = fastnn.load(tmp_path / "net.safetensors")
    assert loaded.quantile == net.quantile == (0.1, 0.5, 0.9)
    assert_array_equal(loaded.predict(X), net.predict(X))
    assert loaded.cost(X, y) == net.cost(X, y)


@pytest.mark.parametrize("of_targets", [False, True])
def test_weights_have_the_shape_of_the_targets(of_targets: bool) -> None:
    X, y = table(n=50, k=2)
    w = np.random.default_rng(0).uniform(0.1, 2, (50, 2) if of_targets else 50)
    for net, each in ((quantiles(2), 3), (gaussian(2), 2)):
        parameter = np.tile(QUANTILES, 2) if each == 3 else None
        names = {"activation": ["tanh"], "output": "identity", "loss": net.loss}
        wide = w.repeat(each, axis=1) if of_targets else w
        twin = ([2, 6, 2 * each], net.params, X, y.repeat(each, axis=1), wide)
        expected = ref.gradient(*twin, loss_parameter=parameter, **names)
        got = net.gradient(X, y, sample_weight=w).flat
        assert_allclose(got, expected, rtol=1e-9, atol=1e-10)


def test_diagnose_counts_the_rows_whose_quantiles_cross() -> None:
    X, y = table(n=100)
    net = quantiles(init="zeros")
    net.weights[0][0, 0], net.weights[1][0] = 1, [0, 0, -1]  # above the median where x_0 < 0
    found = diagnose(net, X, y).findings
    (finding,) = (one for one in found if one.topic == "crossing_quantiles")
    crossed = int((X[:, 0] > 0).sum())
    assert f"({crossed} of 100)" in str(finding)
    net.biases[1] = [-9, 0, 9]
    assert "crossing_quantiles" not in diagnose(net, X, y)


# --- views --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mse", "gaussian", "quantiles"])
def test_views_take_missing_targets_and_those_with_several_outputs(kind: str) -> None:
    X, y = table(n=60, k=2)
    y[::4, 0] = y[7] = np.nan
    w = np.random.default_rng(0).uniform(0.1, 2, (60, 2))
    made = {"gaussian": gaussian, "quantiles": quantiles}
    net = made[kind](2) if kind in made else MLP([2, 6, 2], activation="tanh", dtype="float64")
    net.standardize(X, y)
    explain = fastnn.explain
    assert str(diagnose(net, X, y))
    costs = explain.cost_table(net, X, y, sample_weight=w)
    assert_allclose(costs.mean_cost, net.cost(X, y, sample_weight=w), rtol=1e-12)
    assert np.isfinite(costs.squared).all() and not costs.squared[7].any()
    assert str(costs)
    nudges = explain.nudge_table(net, X, y, sample_weight=w, max_bytes=1)
    shown = [parameter.index for parameter in nudges.parameters]
    gradient = net.gradient(X, y, sample_weight=w).flat
    assert_allclose(nudges.average, -gradient[shown], rtol=1e-9)
    assert str(explain.nudges(net, X[4], y[4:5])) and str(explain.nudges(net, X[1], y[1:2]))
    assert str(explain.look_inside(net, X, y))
    plane = explain.input_plane(net, X, y, grid=5)
    (points,) = plane.points
    assert_array_equal(np.isnan(points.wanted[:, 0]), np.isnan(y[:, 0]))
    assert str(plane) and str(explain.sensitivity(net, X, y))


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_out", "options", "sentence"),
    [
        (3, {"loss": "gaussian_nll"}, "loss 'gaussian_nll' needs 2 outputs a target, its mean and"),
        (2, {"loss": "gaussian_nll", "output": "exp"}, "loss 'gaussian_nll' needs output identity"),
        (
            4,
            {"loss": "quantile", "quantile": QUANTILES},
            "loss 'quantile' needs 3 outputs a",
        ),
        (3, {"loss": "mse", "quantile": QUANTILES}, "several quantiles need loss 'quantile', not"),
        (2, {"loss": "quantile", "quantile": [0.9, 0.1]}, "quantile must be numbers in increasing"),
        (1, {"loss": "quantile", "quantile": []}, "quantile must be numbers in increasing order"),
        (
            2,
            {"loss": "quantile", "quantile": [0.1, 1]},
            "quantile must be a number between 0 and",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(n_out: int, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        MLP([2, 4, n_out], **options)


def test_targets_of_another_width_are_one_sentence() -> None:
    X, y = table(n=20)
    for net in (gaussian(), quantiles()):
        wide = np.repeat(y, net.sizes[-1], axis=1)
        with pytest.raises(ValueError, match=r"^y must have shape \(20,\); its shape is \(20, "):
            net.fit(X, wide)
