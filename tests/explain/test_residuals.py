"""Residuals: their numbers, names and picture, of one network, an ensemble and a table's model."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = np.column_stack([X[:, 0] + 1, 5 * X[:, 1]])


def test_residuals_are_true_minus_predicted_and_the_farthest_come_first():
    nets = [fastnn.MLP([2, 2], seed=seed) for seed in range(2)]
    for net, slope in zip(nets, (1, 3), strict=True):
        net.params[:] = [slope, 0, 0, 5, 1, 0]  # W row by row, then b
    found = fastnn.explain.residuals(fastnn.Ensemble(nets), X, Y)
    np.testing.assert_allclose(found.residuals[:, 0], -X[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.residuals[:, 1], 0, atol=1e-5)
    assert found.names == ("target 0", "target 1")
    quantiles, farthest = found.tables()[:2]
    assert quantiles.rows[3] == ("median", pytest.approx(-np.median(X[:, 0]), abs=1e-6))
    assert f"root of the mean square {np.sqrt(np.mean(X[:, 0] ** 2)):.4g}"[:30] in quantiles.note
    assert farthest.rows[0][0] == np.abs(X[:, 0]).argmax()


def test_a_table_s_model_names_its_target_and_explains_its_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "colour": ["red", "blue"] * 30})
    frame["price"] = 2 * X[:, 0] + 5 * (frame["colour"] == "red")
    model = fastnn.TableModel("price", hidden=(), n_networks=1).fit(frame)
    found = fastnn.explain.residuals(model, frame)
    assert found.names == ("price",)
    np.testing.assert_allclose(found.predicted[:, 0], model.predict(frame))
    columns = model.explain(frame)
    assert columns.names == ("colour", "a") and columns.measure == "R2"


def test_the_picture_shows_each_target_against_its_prediction():
    pytest.importorskip("matplotlib")
    net = fastnn.MLP([2, 2], seed=0)
    left, right, *_ = fastnn.explain.residuals(net, X, Y).plot().axes
    dots = left.lines[1]
    np.testing.assert_allclose(dots.get_ydata(), Y[:, 0])
    np.testing.assert_allclose(dots.get_xdata(), net.predict(X)[:, 0])
    assert sum(patch.get_height() for patch in right.patches) == len(X)


def test_residuals_of_a_normal_distribution_are_those_of_its_means():
    net = fastnn.MLP([2, 4], loss="gaussian_nll", seed=0)
    net.params[:] = [1, 9, 0, 9, 0, 9, 5, 9, 1, 0, 0, 0]  # means x0 + 1 and 5 x1, log-variances
    found = fastnn.explain.residuals(net, X, Y)
    np.testing.assert_allclose(found.residuals, 0, atol=1e-5)
    assert fastnn.explain.importance(net, X, Y).score == pytest.approx(1)


@pytest.mark.parametrize("y", [Y[:, 0], np.zeros((60, 3)), np.full((60, 2), np.nan), None])
def test_targets_that_do_not_fit_the_outputs_are_refused(y):
    with pytest.raises(ValueError, match=r"y has the shape|y must be finite|needs y"):
        fastnn.explain.residuals(fastnn.MLP([2, 2], seed=0), X, y)


def test_residuals_of_classes_are_refused():
    net = fastnn.MLP([2, 2], output="softmax", seed=0)
    with pytest.raises(ValueError, match="this model answers classes"):
        fastnn.explain.residuals(net, X, np.zeros(60, int))
