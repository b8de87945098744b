"""Outputs beside their targets."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pictures import assert_looks_as_accepted, digit_network

import fastnn
from fastnn.explain import cost_table

matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")


def mirror(loss="quadratic", n=2, **more):
    """A network that says what it reads."""
    net = fastnn.MLP([n, n], output="identity", loss=loss, dtype="float64", seed=0, **more)
    net.params[:] = 0
    net.weights[0] = np.eye(n)
    return net


X = [[1.0, 3.0], [2.0, 2.0]]
Y = [[0.0, 5.0], [2.0, 1.0]]  # off by (1, −2) and (0, 1)


def digits():
    """A digit network after two epochs, with data: X, y of 1000 images that it has not seen."""
    (X, y), test = fastnn.datasets.load_digits()
    net = digit_network()
    net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    return net, *test


# --- numbers ------------------------------------------------------------------------------------


def test_squared_differences_their_sums_and_the_mean_are_those_of_pencil_and_paper():
    table = cost_table(mirror(), X, Y)
    assert_array_equal(table.says, X)
    assert_array_equal(table.should_say, Y)
    assert_array_equal(table.squared, [[1, 4], [0, 1]])
    assert_array_equal(table.sums, [5, 1])
    assert table.mean == 3
    assert_array_equal(table.order, [0, 1])


def test_the_quadratic_cost_is_the_sum_of_the_squared_differences():
    table = cost_table(mirror(), X, Y)
    assert_array_equal(table.costs, table.sums)
    assert table.mean_cost == table.mean


def test_weights_count_in_the_means():
    table = cost_table(mirror("mse"), X, Y, sample_weight=[3, 1])
    assert table.mean == 4  # (3 · 5 + 1) / 4
    assert_array_equal(table.costs, [2.5, 0.5])  # mse: half of it for two outputs
    assert table.mean_cost == 2


def test_another_loss_has_costs_of_its_own():
    net = fastnn.MLP([2, 2], output="softmax", loss="cross_entropy", dtype="float64", init="zeros")
    table = cost_table(net, X, [0, 1])
    assert_allclose(table.says, 0.5)
    assert_allclose(table.squared, 0.25)
    assert_allclose(table.sums, 0.5)
    assert_allclose(table.costs, math.log(2))
    text = str(table)
    assert "cross_entropy): 0.6931" in text
    assert "Σ (a − y)² = 0.5;" in text


def test_labels_are_told_by_the_classes_names():
    net = mirror()
    net.classes = ["cat", "dog"]
    table = cost_table(net, X, ["dog", "dog"])
    assert table.outputs == ("cat", "dog")
    assert table.classes == ("dog", "dog")
    assert table.predicted == ("dog", "cat")  # (1, 3) and (2, 2), where the first one wins
    assert_array_equal(table.should_say, [[0, 1], [0, 1]])
    assert table.verdict(0) == "example 0: the network says dog, which is right"
    assert table.verdict(1) == "example 1: the network says cat, it is dog"


def test_one_output_tells_two_classes_apart():
    net = fastnn.MLP([1, 1], output="sigmoid", dtype="float64", init="zeros")
    net.params[0] = 1
    table = cost_table(net, [[-1.0], [1.0]], [1, 1])
    assert table.predicted == ("0", "1")
    assert table.classes == ("1", "1")
    assert table.should_say.shape == (2, 1)


def test_sparse_rows_cost_what_dense_rows_cost():
    sparse = pytest.importorskip("scipy.sparse")
    table = cost_table(mirror(), sparse.csr_array(np.array(X)), Y)
    assert_array_equal(table.sums, [5, 1])
    assert_array_equal(table.input(1), X[1])


# --- how it shows -------------------------------------------------------------------------------


def test_up_to_three_examples_get_a_table_each_with_a_row_an_output():
    tables = cost_table(mirror(), X, Y).tables()
    assert [len(table.rows) for table in tables] == [2, 2]
    assert tables[0].columns == ("output", "says a", "should say y", "(a − y)²")
    assert tables[0].rows[1] == ("1", 3, 5, 4)
    assert tables[0].note == "Σ (a − y)² = 5, the cost of this example."
    assert "Mean of Σ (a − y)² over 2 examples: 3, the cost of the network." in tables[1].note


def test_more_examples_show_the_most_and_the_least_costly():
    x = np.arange(12.0)[:, None]
    table = cost_table(mirror(n=1), x, np.zeros((12, 1)))  # costs 0, 1, 4, … 121
    (shown,) = table.tables()
    assert [(row[0], row[1]) for row in shown.rows] == [
        *(("most", i) for i in (11, 10, 9, 8, 7)),
        *(("least", i) for i in (0, 1, 2, 3, 4)),
    ]
    assert shown.rows[0][2:] == (0, 11, 121)
    assert "over 12 examples: 42.17" in shown.note  # 506 / 12


def test_many_outputs_show_those_that_are_furthest_off():
    target = np.zeros((1, 40))
    (shown,) = cost_table(mirror(n=40), np.arange(40.0)[None], target).tables()
    assert [row[0] for row in shown.rows] == [str(j) for j in range(10, 40)]
    assert "The 30 outputs that are furthest off, of 40" in shown.note


def test_it_becomes_json_and_html_and_text():
    table = cost_table(mirror(), X, Y)
    read = json.loads(json.dumps(table.to_dict()))
    assert read["squared"] == [[1, 4], [0, 1]]
    assert read["mean"] == 3 and read["loss"] == "quadratic"
    assert not [name for name in read if name.startswith("_")]
    assert "<caption>Example 0</caption>" in table.to_html()
    assert "Σ (a − y)² = 5" in str(table)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], [[1.0, 2.0]]), r"X has 1 column; this network reads 2"),
        ((X, Y[:1]), r"X has 2 rows, y has 1"),
        ((X, [0.5, 1]), r"y must be class labels 0 to 1"),
    ],
)
def test_bad_input_is_refused_in_the_networks_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        cost_table(mirror(), *arguments)


def test_bad_weights_are_refused_in_the_networks_words():
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(2,\)"):
        cost_table(mirror(), X, Y, sample_weight=[1])


@pytest.mark.parametrize("example", [-1, 2])
def test_an_example_that_there_is_not_cannot_be_drawn(example):
    with pytest.raises(ValueError, match=rf"example must be 0 to 1, got {example}"):
        cost_table(mirror(), X, Y).plot(example)


def test_an_example_is_a_whole_number():
    with pytest.raises(TypeError, match=r"example must be 0 to 1, got 'worst'"):
        cost_table(mirror(), X, Y).plot("worst")


# --- pictures -----------------------------------------------------------------------------------


def test_a_digit_stands_beside_its_lamps(style, tmp_path):
    net, X, y = digits()
    table = cost_table(net, X[:200], y[:200])
    figure = table.plot(table.order[0])
    assert_looks_as_accepted(figure, f"explain_cost_digit_{style}", tmp_path)


def test_values_are_bars(tmp_path):
    net = mirror("mse", n=3)
    figure = cost_table(net, [[1.5, -2, 0.5]], [[1.0, -1, 0.5]]).plot()
    assert_looks_as_accepted(figure, "explain_cost_values", tmp_path)


def test_chosen_examples_are_told_output_by_output_among_all() -> None:
    net = fastnn.MLP([3, 2], output="sigmoid", loss="quadratic", seed=0)
    X = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    y = np.arange(9) % 2
    table = fastnn.explain.cost_table(net, X, y, examples=[7, 2])
    assert table.shown == (7, 2)
    assert [shown.title.split(":")[0] for shown in table.tables()] == ["Example 7", "Example 2"]
    assert table.tables()[0].rows[1][3] == table.squared[7, 1]
    assert "over 9 examples" in table.tables()[-1].note
    with pytest.raises(ValueError, match="examples must be row numbers from 0 to 8, got 9"):
        fastnn.explain.cost_table(net, X, y, examples=[9])


def test_of_scaled_targets_the_sum_of_squares_is_not_called_the_cost() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    Y = 10_000 + 500 * X[:, :2]
    net = fastnn.MLP([3, 2], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.standardize(X, Y)
    table = fastnn.explain.cost_table(net, X, Y, examples=[4])
    np.testing.assert_allclose(table.says, net.predict(X))
    np.testing.assert_allclose(table.should_say, Y)
    assert "the network's own cost of it (quadratic)" in table.tables()[0].note
    assert "cost of this example" not in table.tables()[0].note
    assert "cost Σ" not in table.plot().get_suptitle()
