"""Nudges of one example: by hand, and against finite differences through a cut network.

Over 400 lines, because its numbers are derived in comments.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import reference as ref
from numpy.testing import assert_allclose, assert_array_equal
from pictures import assert_looks_as_accepted, digit_network

import fastnn
from fastnn import MLP
from fastnn.explain import Urgency, nudges, urgency

matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")


SIZES = [3, 5, 4, 3]


def case(output="sigmoid", loss="quadratic", sizes=SIZES):
    """A small float64 network and one example away from the kinks of all losses."""
    hidden = ["tanh", "sigmoid"][: len(sizes) - 2]
    net = fastnn.MLP(sizes, activation=hidden, output=output, loss=loss, dtype="float64", seed=1)
    rng = np.random.default_rng(3)
    net.params[:] = rng.normal(size=net.n_params)
    return net, rng.normal(size=sizes[0]), rng.uniform(0.1, 0.9, size=sizes[-1])


def slopes(f, at, h=1e-6):
    """∂f/∂at by central differences."""
    steps = h * np.eye(at.size)
    return np.array([(f(at + step) - f(at - step)) / (2 * h) for step in steps])


def cost_of(net, x, y):
    """C as a function of the parameters."""
    other = fastnn.MLP(
        net.sizes, activation=net.activation, output=net.output, loss=net.loss, dtype="float64"
    )

    def f(params):
        other.params = params
        return other.cost(x[None], y[None])

    return f


def cut_at(net, layer, y):
    """C as a function of the activations of one layer: what is left of the network behind it."""
    rest = fastnn.MLP(
        net.sizes[layer:],
        activation=net.activation[layer:],
        output=net.output,
        loss=net.loss,
        dtype="float64",
    )
    for l in range(layer, len(net.weights)):
        rest.weights[l - layer], rest.biases[l - layer] = net.weights[l], net.biases[l]
    return lambda a: rest.cost(a[None], y[None])


def two():
    """W = [[1, 2], [3, −1]], x = (1, 2): says (7, 0), should say (6, 1), δ = (2, −2)."""
    net = fastnn.MLP([2, 2], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.params = [1, 2, 3, -1, 0, 0]
    return net, [1.0, 2.0], [6.0, 1.0]


# --- numbers ------------------------------------------------------------------------------------


def test_all_outputs_ask_what_pencil_and_paper_say():
    wish = nudges(*two())
    assert_array_equal(wish.says, [7, 0])
    assert_array_equal(wish.delta, [2, -2])
    assert_array_equal(wish.bias_nudge, [-2, 2])
    assert_array_equal(wish.weight_nudges, [[-2, 2], [-4, 4]])  # −δ_j a_i
    assert_array_equal(wish.parts, [[-2, -6], [4, -2]])  # −δ_j w_ij, a row an output
    assert_array_equal(wish.activation_nudges, [2, -8])
    assert wish.previous is None


def test_one_output_asks_its_part_of_it():
    wish = nudges(*two(), neuron=1)
    assert wish.bias_nudge == 2
    assert_array_equal(wish.weight_nudges, [2, 4])
    assert_array_equal(wish.activation_nudges, [4, -2])
    assert_array_equal(wish.parts, [[4, -2]])
    assert_array_equal(wish.weights, [2, -1])


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_parts_of_the_neurons_add_up_to_what_the_layer_asks(layer):
    net, x, y = case()
    together = nudges(net, x, y, layer=layer)
    each = [nudges(net, x, y, layer=layer, neuron=j) for j in range(net.sizes[layer])]
    assert_allclose(together.parts, [one.activation_nudges for one in each])
    assert_allclose(together.activation_nudges, sum(one.activation_nudges for one in each))
    assert_allclose(together.weight_nudges.T, [one.weight_nudges for one in each])
    assert_allclose(together.bias_nudge, [one.bias_nudge for one in each])


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_what_is_asked_of_activations_is_the_slope_through_the_cut_network(output, loss):
    net, x, y = case(output, loss)
    a = net.activations(x[None])
    for layer in (1, 2, 3):
        expected = -slopes(cut_at(net, layer - 1, y), a[layer - 1][0])
        wish = nudges(net, x, y, layer=layer)
        scale = max(np.abs(expected).max(), 1)
        assert_allclose(wish.activation_nudges, expected, atol=1e-7 * scale)


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_what_is_asked_of_weights_and_biases_is_the_slope_of_the_cost(output, loss):
    net, x, y = case(output, loss)
    expected = -slopes(cost_of(net, x, y), net.params.copy())
    asked = [
        np.concatenate([here.weight_nudges.ravel(), here.bias_nudge])
        for here in nudges(net, x, y).layers()
    ]
    assert_allclose(np.concatenate(asked[::-1]), expected, atol=1e-7 * max(abs(expected).max(), 1))


def test_following_all_wishes_a_little_lowers_the_cost_by_the_squared_slope():
    net, x, y = case()
    f, start, h = cost_of(net, x, y), net.params.copy(), 1e-5
    asked = np.concatenate(
        [
            np.concatenate([here.weight_nudges.ravel(), here.bias_nudge])
            for here in reversed(list(nudges(net, x, y).layers()))
        ]
    )
    slope = slopes(f, start)
    fall = (f(start - h * asked) - f(start + h * asked)) / (2 * h)
    assert fall == pytest.approx(slope @ slope, rel=1e-6)
    eps = 1e-4 / np.linalg.norm(slope)
    assert f(start) - f(start + eps * asked) == pytest.approx(eps * (slope @ slope), rel=1e-3)


def test_the_wishes_of_a_layer_drive_the_layer_before():
    net, x, y = case()
    here = nudges(net, x, y)  # the outputs, then a sigmoid layer, then a tanh layer
    a = here.source_activations
    assert_allclose(here.previous.bias_nudge, here.activation_nudges * a * (1 - a))
    before = here.previous
    a = before.source_activations
    assert_allclose(before.previous.bias_nudge, before.activation_nudges * (1 - a**2))


def test_the_walk_back_ends_at_the_first_layer():
    net, x, y = case()
    walked = list(nudges(net, x, y, neuron=2).layers())
    assert [(here.layer, here.neuron) for here in walked] == [(3, 2), (2, None), (1, None)]
    assert_array_equal(walked[1].delta, nudges(net, x, y, layer=2).delta)
    assert [here.should_say is None for here in walked] == [False, True, True]


@pytest.mark.parametrize(("layer", "place"), [(-1, 3), (-2, 2), (-3, 1), (1, 1), (np.int64(2), 2)])
def test_layers_count_from_either_end(layer, place):
    wish = nudges(*case(), layer=layer)
    assert wish.layer == place
    assert len(wish.neurons) == SIZES[place] and len(wish.sources) == SIZES[place - 1]


def test_a_last_neuron_counts_from_the_end():
    assert nudges(*case(), neuron=-1).neuron == 2


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0]], np.array([1, 2])])
@pytest.mark.parametrize("y", [[6.0, 1.0], [[6.0, 1.0]]])
def test_an_example_is_a_row_or_a_table_of_one_row(x, y):
    assert_array_equal(nudges(two()[0], x, y).delta, [2, -2])


@pytest.mark.parametrize("y", [1, [1], np.int64(1), [0, 1], [[0, 1]]])
def test_a_label_is_a_target_of_one_and_zeros(y):
    net, x, _ = case(sizes=[3, 2])
    wish = nudges(net, x, y)
    assert_array_equal(wish.should_say, [0, 1])
    a = net.predict(x[None])[0]
    assert_allclose(wish.delta, 2 * (a - [0, 1]) * a * (1 - a))


def test_one_output_takes_one_value():
    net = fastnn.MLP([2, 1], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.params = [2, -1, 0.5]
    for y in (1.0, [1.0], [[1.0]]):
        wish = nudges(net, [1.0, 3.0], y)  # says −½, δ = −3
        assert_array_equal(wish.bias_nudge, [3])
        assert_array_equal(wish.weight_nudges, [[3], [9]])
        assert_array_equal(wish.activation_nudges, [6, -3])


def test_a_sparse_row_asks_what_a_dense_row_asks():
    sparse = pytest.importorskip("scipy.sparse")
    net, x, y = two()
    assert_array_equal(nudges(net, sparse.csr_array([x]), y).weight_nudges, [[-2, 2], [-4, 4]])


def test_the_result_does_not_change_when_the_network_learns():
    net, x, y = two()
    wish = nudges(net, x, y)
    net.params[:] = 0
    assert_array_equal(wish.parts, [[-2, -6], [4, -2]])


# --- whose change matters more ------------------------------------------------------------------


def test_an_output_that_is_far_off_matters_more_than_one_that_is_nearly_right():
    net, x, _ = two()
    wish = nudges(net, x, [7.5, 4.0])  # says (7, 0): δ = (−1, −8)
    first, second = wish.ranking
    assert first == Urgency(1, "output 1", 0, 4, off_by=4, slope=1, asks="up", by=8, share=1)
    assert (second.name, second.off_by, second.asks, second.by) == ("output 0", 0.5, "up", 1)
    assert second.share == 0.125
    assert wish.sentence() == (
        "Output 1 (says 0, should say 4) is furthest off and asks to go up; that is 8 times as far "
        "off as output 0 (says 7, should say 7.5)."
    )


def test_an_output_that_is_right_asks_for_nothing():
    net, x, _ = two()
    wish = nudges(net, x, [7.0, 1.0])
    assert wish.ranking[1].asks == "stay"
    assert wish.sentence().endswith("output 0 (says 7, should say 7) asks for nothing.")
    assert nudges(net, x, [7.0, 0.0]).sentence().startswith("No neuron of this layer asks")
    assert nudges(net, x, [7.0, 0.0]).plot().axes


def stuck(dtype="float64"):
    """Sigmoid outputs of z = (−9, −1, 2); should say (1, 1, 0): the first is saturated."""
    net = fastnn.MLP([1, 3], output="sigmoid", loss="quadratic", dtype=dtype, seed=0)
    net.params = [-9, -1, 2, 0, 0, 0]
    return net, [1.0], [1.0, 1.0, 0.0]


def test_outputs_are_ranked_by_how_far_off_they_are_and_not_by_what_saturation_leaves_of_it():
    wish = nudges(*stuck())
    a = 1 / (1 + np.exp([9, 1, -2]))  # 0.00012, 0.269, 0.881
    off, slope = [1, 1, 0] - a, a * (1 - a)
    assert [u.index for u in wish.ranking] == [0, 2, 1]  # |y − a| = 0.9999, 0.881, 0.731
    assert np.argsort(-np.abs(wish.delta)).tolist() == [1, 2, 0]
    for u in wish.ranking:
        assert u.off_by == pytest.approx(off[u.index], rel=1e-12)
        assert u.slope == pytest.approx(slope[u.index], rel=1e-12)
        assert u.by == pytest.approx(2 * off[u.index] * slope[u.index], rel=1e-12)
    ranking = wish.tables()[0]
    columns = ("neuron", "says a", "should say y", "off by y − a", "σ′(z)", "asks z and bias")
    assert ranking.columns == (*columns, "−δ = −∂C/∂z")
    assert "Sorted by how far off they are, |y − a|. −δ also holds σ′(z)" in ranking.note
    assert "a saturated neuron, σ′(z) near 0, can be far off and yet ask for little" in ranking.note


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
def test_where_the_loss_undoes_the_slope_the_note_says_that_both_rank_alike(loss):
    net, x, _ = case("softmax" if loss == "cross_entropy" else "sigmoid", loss)
    wish = nudges(net, x, [0.0, 1.0, 0.0])
    assert "with this loss −δ is in the same proportion" in wish.tables()[0].note
    assert ("σ′(z)" in wish.tables()[0].columns) == (loss == "binary_cross_entropy")
    assert [u.slope is None for u in wish.ranking] == [loss == "cross_entropy"] * 3


@pytest.mark.parametrize("function", sorted(ref.ACTIVATIONS))
def test_the_slope_of_every_activation_is_that_of_its_curve(function):
    f, _ = ref.ACTIVATIONS[function]
    z, h = np.array([-4.0, -1.3, -0.2, 0.4, 1.1, 3.0]), 1e-6
    expected = (f(z + h) - f(z - h)) / (2 * h)
    assert_allclose(urgency.slopes(function, z, f(z)), expected, rtol=1e-7, atol=1e-9)


def test_hidden_neurons_are_ranked_by_delta_and_the_note_says_so():
    wish = nudges(*case(), layer=2)
    assert [u.index for u in wish.ranking] == np.argsort(-np.abs(wish.delta)).tolist()
    assert all(u.off_by is None and 0 < u.slope <= 0.25 for u in wish.ranking)
    assert "Sorted by |δ|: a hidden neuron has no target of its own" in wish.tables()[0].note


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_sentence_compares_with_what_is_nothing_by_a_number_of_many_digits(dtype):
    net, x, _ = stuck(dtype)
    net.biases[0][:] = [0, 41, 0]  # says 1 − 4e−18
    for far, close in ((1e-9, 1.0), (1e-4, 1.0), (0.5, 1.0)):
        sentence = nudges(net, x, [far, close, net.predict([x])[0, 2]]).sentence()
        assert "e+" not in sentence
        assert len(max(re.findall(r"[\d,]+", sentence), key=len)) <= 9
    net, x, _ = two()
    for off, words in (
        (1e-5, "that is 100,000 times as far off as output 1"),
        (2.0**-30, "that is over a million times as far off as output 1"),
        (2.0**-52, "beside that, output 1 (says 0, should say 2.22e−16) is right, to rounding."),
    ):
        assert words in nudges(net, x, [8.0, off]).sentence()


def test_what_is_asked_is_told_to_be_slopes_and_in_which_unit():
    for table in nudges(*stuck()).tables():
        assert not any("Δ" in column for column in table.columns)
    _, weights, before = nudges(*stuck()).tables()
    assert "Slopes, in cost per unit of w: a step at the learning rate η" in weights.note
    assert before.note.startswith("Slopes, in cost per unit of a.")
    text = " ".join(
        text.get_text() for text in nudges(*case()).plot().findobj(matplotlib.text.Text)
    )
    assert "Slopes, in cost per unit" in text and "−∂C/∂a" in text and "Δ" not in text


def test_a_neuron_that_asks_for_nothing_has_the_reason_in_its_table_and_its_picture():
    net, x, y = image_case()
    net.biases[0][1] = 800
    wish = nudges(net, x, y, layer=1, neuron=1)
    assert not wish.weight_nudges.any() and not wish.activation_nudges.any()
    reason = "It says 1 and is saturated, σ′(z) = 0: it asks for nothing."
    assert wish.silence() == reason
    assert reason in wish.tables()[1].note
    figure = wish.plot()
    assert reason in figure.get_suptitle().replace("\n", " ")
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts.count("all 0") == 2  # in either of the squares
    little = nudges(*stuck(), neuron=0).silence()
    assert little.startswith("It says 0.0001234 and is saturated, σ′(z) = 0.0001234: it asks for")
    assert nudges(*stuck(), neuron=1).silence() == ""


def image_case():
    """64 inputs, which count as a picture of 8 × 8."""
    net = fastnn.MLP(
        [64, 3, 2],
        activation="sigmoid",
        output="sigmoid",
        loss="quadratic",
        dtype="float64",
        seed=0,
    )
    return net, np.random.default_rng(0).uniform(size=64), [0.0, 1.0]


# --- how it shows -------------------------------------------------------------------------------


def test_the_tables_say_who_asks_and_for_what():
    ranking, weights, before = nudges(*two()).tables()
    columns = ("neuron", "says a", "should say y", "off by y − a", "f′(z)", "asks z and bias")
    assert ranking.columns == (*columns, "−δ = −∂C/∂z")
    assert ranking.rows == [
        ("output 0", 7, 6, -1, 1, "down", -2),
        ("output 1", 0, 1, 1, 1, "up", 2),
    ]
    assert weights.rows[0] == ("weights[0][1, 0]", "input 1 → output 0", 2, 3, -4)
    assert len(weights.rows) == 4
    assert before.rows == [("input 1", 2, -8, "output 0", -6), ("input 0", 1, 2, "output 1", 4)]
    assert "would rather see" in before.note


def test_the_tables_of_one_neuron_name_its_own_weights():
    ranking, weights, before = nudges(*two(), neuron=1).tables()
    assert len(ranking.rows) == 2  # beside its fellows
    assert weights.rows == [
        ("weights[0][1, 1]", "input 1 → output 1", 2, -1, 4),
        ("weights[0][0, 1]", "input 0 → output 1", 1, 2, 2),
    ]
    assert before.columns == ("neuron", "says a", "−∂C/∂a = −δ w")
    assert before.rows == [("input 0", 1, 4), ("input 1", 2, -2)]


def test_hidden_neurons_have_no_target():
    ranking, _, before = nudges(*case(), layer=2).tables()
    assert ranking.columns == ("neuron", "says a", "σ′(z)", "asks z and bias", "−δ = −∂C/∂z")
    assert before.note.endswith("They cannot be set: layer 1 passes it on as `previous`.")


def test_it_becomes_json_and_html_and_text():
    wish = nudges(*two(), neuron=1)
    read = json.loads(json.dumps(wish.to_dict()))
    assert read["bias_nudge"] == 2 and read["activation_nudges"] == [4, -2]
    assert read["ranking"][0]["name"] == "output 0"
    assert not [name for name in read if name.startswith("_")]
    assert "<caption>Layer 1: whose change matters more</caption>" in wish.to_html()
    assert "What output 1 asks of the weights: the 2 strongest of 2" in str(wish)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"layer": 0}, ValueError, r"layer must be 1 to 3, or -1 to -3 from the end; got 0"),
        ({"layer": 4}, ValueError, r"layer must be 1 to 3, .*; got 4"),
        ({"layer": -4}, ValueError, r"layer must be 1 to 3, .*; got -4"),
        ({"layer": 1.0}, TypeError, r"layer must be 1 to 3, .*; got 1.0"),
        ({"neuron": 3}, ValueError, r"neuron must be 0 to 2, or -1 to -3 from the end; got 3"),
        ({"neuron": True}, TypeError, r"neuron must be 0 to 2, .*; got True"),
        ({"neuron": 5, "layer": 1}, ValueError, r"neuron must be 0 to 4, .*; got 5"),
    ],
)
def test_a_layer_or_neuron_that_there_is_not_is_refused(more, error, message):
    with pytest.raises(error, match=message):
        nudges(*case(), **more)


def test_more_than_one_example_is_refused():
    net, x, y = two()
    with pytest.raises(ValueError, match=r"x must be one example, .*; its shape is \(2, 2\)"):
        nudges(net, [x, x], y)
    with pytest.raises(ValueError, match=r"X has 1 row, y has 2"):
        nudges(net, x, [y, y])


def test_an_example_of_another_width_is_refused_in_the_networks_words():
    net, _, y = two()
    with pytest.raises(ValueError, match=r"X has 3 columns; this network reads 2"):
        nudges(net, [1, 2, 3], y)
    with pytest.raises(ValueError, match=r"x is not a table of numbers: its rows differ in length"):
        nudges(net, [[1], [1, 2]], y)


def test_a_network_that_diverged_is_told():
    net, x, y = two()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match=r"the gradient holds NaN or infinity"):
        nudges(net, x, y)


# --- pictures -----------------------------------------------------------------------------------


def digits():
    (X, y), _ = fastnn.datasets.load_digits()
    net = digit_network()
    net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    wrong = int(np.flatnonzero(net.classify(X) != y)[0])
    return net, X[wrong], y[wrong]


def test_one_output_and_its_wishes_are_drawn(tmp_path):
    net, x, y = digits()
    figure = nudges(net, x, y, neuron=int(y)).plot()
    assert_looks_as_accepted(figure, "explain_nudges_neuron", tmp_path)


def test_all_outputs_and_their_wishes_are_drawn(style, tmp_path):
    figure = nudges(*case()).plot()
    assert_looks_as_accepted(figure, f"explain_nudges_layer_{style}", tmp_path)


def test_inputs_that_are_a_picture_are_shown_as_pictures(style, tmp_path):
    figure = nudges(*digits(), layer=1, neuron=3).plot()
    assert_looks_as_accepted(figure, f"explain_nudges_image_{style}", tmp_path)


def test_of_many_neurons_before_the_24_that_matter_most_are_drawn():
    net, x, y = case(sizes=[40, 30, 26, 3])
    figure = nudges(net, x, y, neuron=0).plot()
    assert "the 24 of 26 neurons before that matter most" in figure.get_suptitle()
    figure = nudges(net, x, y, layer=2).plot()
    title = figure.get_suptitle()
    assert "the 24 of 30 neurons before" in title and "the 24 of 26 neurons of the layer" in title


def test_scaled_targets_are_said_to_be_what_is_shown():
    net = fastnn.MLP([1, 1], activation=[], seed=0)
    net.params = [1.0, 0.0]
    note = "(y − output_shift) / output_scale; `predict` answers in the units of y."
    assert note not in nudges(net, [0.5], 0.25).tables()[0].note
    net.output_shift, net.output_scale = 100, 10
    asked = nudges(net, [0.5], 130)
    assert (asked.says, asked.should_say) == (0.5, 3.0)  # (130 - 100) / 10
    assert asked.tables()[0].note.endswith(note)
    assert net.predict([[0.5]]) == 105


class TestSumsAndSlopes:
    def test_z_slopes_and_distances_are_those_of_a_hand_worked_neuron(self):
        net = MLP([2, 1], output="sigmoid", loss="quadratic", dtype="float64")
        net.params = [1.0, -2.0, 0.5]
        view = nudges(net, [3.0, 1.0], [1.0])
        z = 3.0 * 1.0 + 1.0 * -2.0 + 0.5
        a = 1 / (1 + np.exp(-z))
        assert view.z == pytest.approx([z])
        assert view.slopes == pytest.approx([a * (1 - a)])
        assert view.off_by == pytest.approx([1 - a])
        assert view.cost == pytest.approx((a - 1) ** 2)

    def test_a_hidden_layer_has_no_distance_and_softmax_no_slope(self):
        net = MLP([2, 3, 2], output="softmax", seed=0)
        view = nudges(net, [3.0, 1.0], 1)
        assert view.slopes is None
        assert view.previous.off_by is None
        assert view.previous.slopes.shape == (3,)
