"""∇C as a ranking: against finite differences, and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import reference as ref
from numpy.testing import assert_allclose, assert_array_equal
from pictures import assert_looks_as_accepted, digit_network

import fastnn
from fastnn import MLP
from fastnn.explain import sensitivity

matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")


def case(output, loss, sizes=(3, 4, 2, 3), n=5):
    """A small float64 network with examples away from the kinks of all losses."""
    net = fastnn.MLP(sizes, activation="tanh", output=output, loss=loss, dtype="float64", seed=1)
    rng = np.random.default_rng(2)
    net.params[:] = rng.normal(size=net.n_params)
    X = rng.normal(size=(n, sizes[0]))
    return net, X, rng.uniform(0.1, 0.9, size=(n, sizes[-1]))


def slopes(net, X, y, h=1e-6, **more):
    """∂C/∂w of every parameter by central differences."""
    found = np.empty(net.n_params)
    for k in range(net.n_params):
        here = net.params[k]
        net.params[k] = here + h
        above = net.cost(X, y, **more)
        net.params[k] = here - h
        found[k] = (above - net.cost(X, y, **more)) / (2 * h)
        net.params[k] = here
    return found


def line(x=3.0, w=2.0, b=0.0):
    """C = (w x + b)²: ∂C/∂w = 2 (w x + b) x, ∂C/∂b = 2 (w x + b)."""
    net = fastnn.MLP([1, 1], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.params = [w, b]
    return net, [[x]], [[0.0]]


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("output", "loss"), ref.LEGAL)
def test_the_ranking_is_that_of_finite_differences(output, loss):
    net, X, y = case(output, loss)
    expected = slopes(net, X, y)
    ranking = sensitivity(net, X, y, top=net.n_params)
    scale = np.abs(expected).max()
    by_index = {slope.index: slope for slope in ranking.entries}
    assert len(by_index) == net.n_params
    for k, value in enumerate(expected):
        assert by_index[k].value == pytest.approx(value, abs=1e-7 * scale + 1e-9)
        if abs(value) > 1e-5 * scale:
            assert by_index[k].to_lower_cost == ("increase" if value < 0 else "decrease")
        assert by_index[k].share == pytest.approx(abs(value) / scale, abs=1e-6)
    sizes = [abs(slope.value) for slope in ranking.entries]
    assert sizes == sorted(sizes, reverse=True)
    for slope in ranking.entries:
        assert slope.rank == 1 + sum(size > abs(slope.value) for size in sizes)
    assert ranking.norm == pytest.approx(np.linalg.norm(expected), rel=1e-6)
    assert_allclose(ranking.descent, -expected, atol=1e-7 * scale + 1e-9)


def test_weights_of_examples_count():
    net, X, y = case("identity", "quadratic")
    weight = np.array([3.0, 0, 1, 2, 0.5])
    expected = slopes(net, X, y, sample_weight=weight)
    ranking = sensitivity(net, X, y, sample_weight=weight)
    assert_allclose(ranking.gradient.flat, expected, atol=1e-7)


def test_a_small_step_along_the_descent_lowers_the_cost_by_the_squared_norm():
    net, X, y = case("sigmoid", "quadratic")
    ranking, start, h = sensitivity(net, X, y), net.params.copy(), 1e-5
    costs = []
    for step in (h, -h):
        net.params = start + step * ranking.descent
        costs.append(net.cost(X, y))
    fall = (costs[1] - costs[0]) / (2 * h)
    assert fall == pytest.approx(ranking.norm**2, rel=1e-6)


def test_a_ratio_of_three_is_said_in_a_sentence():
    ranking = sensitivity(*line())  # slopes 36 and 12
    assert ranking.ratio(0, 1) == 3
    assert ranking.ratio("biases[0][0]", "weights[0][0, 0]") == pytest.approx(1 / 3)
    expected = (
        "The cost is 3 times more sensitive to weights[0][0, 0] (input 0 → output 0) "
        "than to biases[0][0] (bias of output 0)."
    )
    assert ranking.sentence(0, 1) == expected
    assert ranking.sentence(1, 0) == expected


def test_equal_slopes_are_called_so():
    ranking = sensitivity(*line(x=1))
    assert ranking.ratio(0, 1) == 1
    assert ranking.sentence(0, 1).startswith("The cost is as sensitive to weights[0][0, 0] (")
    assert [slope.rank for slope in ranking.entries] == [1, 1]


def test_a_slope_of_zero_matters_infinitely_less():
    ranking = sensitivity(*line(x=0, b=5))  # slopes 0 and 10
    assert ranking.ratio(1, 0) == np.inf
    assert ranking.ratio(0, 1) == 0
    assert ranking.sentence(0, 1).endswith(
        "but not to weights[0][0, 0] (input 0 → output 0), whose slope is 0."
    )
    assert ranking.entry(0).to_lower_cost == "no matter"
    assert ranking.n_zero == 1


def test_at_a_minimum_nothing_matters():
    ranking = sensitivity(*line(w=0))
    assert ranking.norm == 0 and ranking.ratio(0, 1) == 1
    assert ranking.sentence(0, 1).endswith("both slopes are 0.")
    assert [slope.share for slope in ranking.entries] == [0, 0]
    assert ranking.layers[0].share == 0
    assert "the gradient is 0; 2 slopes are 0" in str(ranking)
    assert ranking.plot().axes


def test_norms_are_told_by_layer():
    ranking = sensitivity(*line())
    (layer,) = ranking.layers
    assert (layer.layer, layer.weights, layer.biases, layer.share) == (0, 36, 12, 1)
    net, X, y = case("sigmoid", "quadratic")
    expected, ranking = slopes(net, X, y), sensitivity(net, X, y)
    parts = np.split(expected, np.cumsum([12, 4, 8, 2, 6]))  # W, b of 3-4-2-3
    norms = [np.linalg.norm(part) for part in parts]
    assert_allclose([layer.weights for layer in ranking.layers], norms[0::2], rtol=1e-6)
    assert_allclose([layer.biases for layer in ranking.layers], norms[1::2], rtol=1e-6)
    shares = np.array(norms[0::2]) ** 2 + np.array(norms[1::2]) ** 2
    found = [layer.share for layer in ranking.layers]
    assert_allclose(found, shares / (expected @ expected), rtol=1e-6)


def test_every_name_leads_back_to_its_place():
    net, X, y = case("sigmoid", "quadratic")
    ranking = sensitivity(net, X, y)
    for k in range(net.n_params):
        slope = ranking.entry(ranking.name(k))
        assert slope.index == k
        assert eval(f"net.{slope.name}", {"net": net}) == net.params[k]
        assert (slope.source is None) == slope.name.startswith("biases")


# --- how it shows -------------------------------------------------------------------------------


def test_the_tables_name_the_top_and_the_layers():
    net, X, y = case("sigmoid", "quadratic")
    ranking, layers = sensitivity(net, X, y, top=2).tables()
    assert ranking.title == "What the cost depends on most: 2 of 35 slopes"
    assert len(ranking.rows) == 2 and len(layers.rows) == 3
    assert ranking.rows[0][0] == 1 and ranking.rows[0][-1] == 1


def test_top_beyond_all_parameters_names_all():
    assert len(sensitivity(*line(), top=99).entries) == 2


def test_it_becomes_json_and_html_and_text():
    ranking = sensitivity(*line())
    read = json.loads(json.dumps(ranking.to_dict()))
    assert read["entries"][0] == {
        "rank": 1,
        "name": "weights[0][0, 0]",
        "words": "input 0 → output 0",
        "index": 0,
        "layer": 0,
        "source": 0,
        "target": 0,
        "value": 36,
        "to_lower_cost": "decrease",
        "share": 1,
    }
    assert read["norm"] == pytest.approx(1440**0.5)
    assert "<td>biases[0][0]</td>" in ranking.to_html()
    assert "they hold 100% of ‖∇C‖²" in str(ranking)


def test_the_result_does_not_change_when_the_network_learns():
    net, X, y = line()
    ranking = sensitivity(net, X, y)
    net.params = [0, 0]
    assert_array_equal(ranking.descent, [-36, -12])


# --- bad input ----------------------------------------------------------------------------------


def test_bad_examples_are_refused_in_the_networks_words():
    net, X, y = line()
    with pytest.raises(ValueError, match=r"X has 2 columns; this network reads 1"):
        sensitivity(net, [[1, 2]], y)
    with pytest.raises(ValueError, match=r"sample_weight must be finite and 0 or more"):
        sensitivity(net, X, y, sample_weight=[-1])


def test_top_is_a_whole_number_of_one_or_more():
    with pytest.raises(ValueError, match=r"top must be an integer of 1 or more, got 0"):
        sensitivity(*line(), top=0)
    with pytest.raises(TypeError, match=r"top must be an integer of 1 or more, got 2.5"):
        sensitivity(*line(), top=2.5)


def test_a_network_that_diverged_is_told():
    net, X, y = line()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match=r"the gradient holds NaN or infinity"):
        sensitivity(net, X, y)


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        (2, ValueError, r"a parameter must be from 0 to 1, got 2"),
        (-1, ValueError, r"a parameter must be from 0 to 1, got -1"),
        (True, TypeError, r'a parameter is 0 to 1 or "weights\[l\]\[i, j\]", got True'),
        (0.5, TypeError, r'a parameter is 0 to 1 or "weights\[l\]\[i, j\]", got 0.5'),
        ("weights[0][0]", ValueError, r"a parameter's name is like .*, got 'weights\[0\]\[0\]'"),
        ("biases[0][0, 0]", ValueError, r"a parameter's name is like"),
        ("bias", ValueError, r"a parameter's name is like"),
        ("weights[1][0, 0]", ValueError, r"this network has no parameter weights\[1\]\[0, 0\]"),
        ("weights[0][1, 0]", ValueError, r"this network has no parameter weights\[0\]\[1, 0\]"),
        ("biases[0][1]", ValueError, r"this network has no parameter biases\[0\]\[1\]"),
    ],
)
def test_a_parameter_that_there_is_not_is_refused(which, error, message):
    with pytest.raises(error, match=message):
        sensitivity(*line()).ratio(0, which)


def test_a_slope_that_is_nothing_beside_another_is_not_compared_by_a_number_of_many_digits():
    net = fastnn.MLP([2, 1], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.params = [1, 1, 0]
    weight, other = "weights[0][0, 0]", "weights[0][1, 0]"
    for size, words in (
        (1e-5, "is 100,000 times more sensitive to"),
        (1e-9, "is over a million times more sensitive to"),
        (1e-17, "beside that, the slope of weights[0][1, 0] (input 1 → output 0) is 0 to rounding"),
    ):
        ranking = sensitivity(net, [[1.0, size]], [[0.0]])
        assert words in ranking.sentence(weight, other)
        assert ranking.ratio(weight, other) == pytest.approx(1 / size)  # the number itself stays


def test_the_axis_of_slopes_ends_where_they_are_nothing_and_the_legend_says_how_many_are_left_out():
    net = fastnn.MLP([100, 1], output="identity", loss="quadratic", dtype="float64", seed=0)
    net.params[:] = 0
    x = np.geomspace(1e-24, 1, 100)
    x[:10] = 0
    (_, below) = sensitivity(net, [x], [[1.0]]).plot().axes  # slopes −2 x, of the bias −2
    left, right = below.get_xlim()
    assert 1e-9 < left < 1e-8 and 2 < right < 10
    (text,) = below.get_legend().get_texts()
    small = np.count_nonzero((x > 0) & (2 * x < 1e-8)) / 101
    assert text.get_text() == (
        f"weights[0], biases[0]; 10% are 0; {small:.0%} below 10⁻⁸, not shown"
    )


# --- pictures -----------------------------------------------------------------------------------


def test_a_digit_networks_slopes_are_drawn(style, tmp_path):
    (X, y), _ = fastnn.datasets.load_digits()
    net = digit_network()
    net.fit(X, y, epochs=1, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    figure = sensitivity(net, X, y, top=8).plot()
    assert_looks_as_accepted(figure, f"explain_gradient_{style}", tmp_path)


class TestPair:
    @pytest.mark.parametrize("times", [2.0, 32.0])
    def test_the_second_is_the_slope_closest_to_that_share_of_the_first(self, times):
        net = MLP([4, 5, 3], activation="tanh", output="softmax", seed=0, dtype="float64")
        ranking = sensitivity(net, [[1.0, -2.0, 0.5, 3.0]], [1])
        first, second = ranking.pair(times)
        sizes = np.abs(ranking.gradient.flat)
        assert first.rank == 1
        off = [abs(np.log(sizes.max() / size / times)) for size in np.delete(sizes, first.index)]
        assert abs(np.log(ranking.ratio(first.index, second.index) / times)) == min(off)

    def test_where_all_other_slopes_are_0_it_is_another_parameter_all_the_same(self):
        net = MLP([2, 1], loss="mse")
        net.params = [0, 0, 0]
        first, second = sensitivity(net, [[0.0, 0.0]], [[1.0]]).pair()
        assert (first.name, second.value) == ("biases[0][0]", 0)
        first, second = sensitivity(net, [[0.0, 0.0]], [[0.0]]).pair()
        assert first.index != second.index
