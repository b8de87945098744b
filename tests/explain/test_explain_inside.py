"""Units, confusions, costliest examples and the way of one example through a network."""

import json

import numpy as np
import pytest
from pictures import assert_looks_as_accepted, assert_nothing_is_cut_off, digit_network

import fastnn
from fastnn.explain import look_inside


def hand_made():
    """2-2-2: hidden z = (x0 − x1, 3 x1) + (0, −1), relu; outputs are the hidden values."""
    net = fastnn.MLP(
        [2, 2, 2], activation="relu", output="identity", loss="quadratic", init="zeros"
    )
    net.weights[0] = [[1, 0], [-1, 3]]
    net.biases[0] = [0, -1]
    net.weights[1] = [[1, 0], [0, 1]]
    return net


X = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [1.0, 1.0]], np.float32)
# hidden = outputs: (1, 2), (0, 2), (3, 0), (0, 2); said: 1, 1, 0, 1
Y = np.array([1, 0, 0, 0])
# costs: 1 + 1 = 2 | 1 + 4 = 5 | 4 + 0 = 4 | 1 + 4 = 5


def test_the_way_of_one_example():
    inside = look_inside(hand_made(), X, Y, example=0)
    assert [a.tolist() for a in inside.activations] == [[2, 1], [1, 2], [1, 2]]
    flows = inside.edges[0]  # 2·1, 1·(−1), 1·3; 2·0 is none
    assert list(zip(flows.source, flows.target, flows.flow, strict=True)) == [
        (1, 1, 3),
        (0, 0, 2),
        (1, 0, -1),
    ]
    assert inside.edges[1].flow.tolist() == [2, 1]
    assert (inside.said, inside.wanted) == ("1", "1")


def test_confusions_are_rows_of_what_it_is_and_columns_of_what_was_said():
    inside = look_inside(hand_made(), X, Y)
    assert inside.confusion.tolist() == [[1, 2], [0, 1]]
    table = next(table for table in inside.tables() if "taken for" in table.title)
    assert table.columns == ("is ↓ said →", "0", "1", "share right")
    assert table.rows == [("0", 1, 2, pytest.approx(1 / 3)), ("1", 0, 1, 1)]
    assert table.note == "2 of 4 are right."


def test_the_costliest_come_first():
    inside = look_inside(hand_made(), X, Y, n_mistakes=3)
    assert [(m.row, m.cost, m.said, m.wanted, m.right) for m in inside.mistakes] == [
        (1, 5, "1", "0", False),
        (3, 5, "1", "0", False),
        (2, 4, "0", "0", True),
    ]


def test_dead_shares_means_and_deviations_of_relu():
    hidden, outputs = look_inside(hand_made(), X, Y).units
    assert hidden.dead.tolist() == [0.5, 0.25] and hidden.saturated.tolist() == [0, 0]
    assert outputs.dead.tolist() == [0, 0]
    np.testing.assert_allclose(hidden.mean, [1, 1.5])
    np.testing.assert_allclose(hidden.deviation, [np.sqrt(1.5), np.sqrt(0.75)])
    assert (hidden.layer, hidden.activation, outputs.layer) == (1, "relu", 2)


@pytest.mark.parametrize(
    ("activation", "z", "dead", "saturated"),
    [
        # σ(±4) = 0.982, 0.018; σ(±3.8) = 0.978, 0.022
        ("sigmoid", [-4, -3.8, 0, 3.8, 4], 0, 2),
        # tanh(2.4) = 0.984, tanh(2.2) = 0.976
        ("tanh", [-2.4, -2.2, 0, 2.2, 2.4], 0, 2),
        ("relu", [-1, 0, 1e-3, 1, 2], 2, 0),
        ("leaky_relu", [-100, -1, 0, 1, 2], 0, 0),
        # e⁻⁴ − 1 = −0.982, e⁻³ − 1 = −0.95
        ("elu", [-4, -3, 0, 1, 2], 0, 1),
        # ln(1 + e⁻⁴) = 0.018, ln(1 + e⁻³) = 0.049
        ("softplus", [-4, -3, 0, 1, 2], 1, 0),
        # −10 σ(−10) = −0.0005, −8 σ(−8) = −0.0027
        ("silu", [-10, -8, 1, 2, 3], 1, 0),
        # −4 Φ(−4) = −0.0001, −3 Φ(−3) = −0.004
        ("gelu", [-4, -3, 1, 2, 3], 1, 0),
        ("identity", [-100, -1, 0, 1, 100], 0, 0),
    ],
)
def test_what_is_dead_and_what_is_saturated(activation, z, dead, saturated):
    net = fastnn.MLP([1, 1, 1], activation=activation, init="zeros")
    net.weights[0] = [[1]]
    unit = look_inside(net, np.array(z, float)[:, None]).units[0]
    assert unit.dead.tolist() == [dead / 5] and unit.saturated.tolist() == [saturated / 5]


def test_statistics_do_not_depend_on_how_the_rows_are_cut(monkeypatch):
    net = fastnn.MLP([3, 5, 2], activation="tanh", seed=0, dtype="float64")
    rows = np.random.default_rng(0).normal(3, 2, (60, 3))
    hidden = net.activations(rows)[1]
    monkeypatch.setattr("fastnn.explain.view_data.PIECE", 1)
    unit = look_inside(net, rows).units[0]
    np.testing.assert_allclose(unit.mean, hidden.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(unit.deviation, hidden.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(unit.saturated, (abs(hidden) > 0.98).mean(axis=0))


def test_the_strongest_inputs_of_the_first_layer_are_named():
    net = hand_made()
    net.feature_names = ["width", "height"]
    inside = look_inside(net, X, Y)
    assert inside.strongest == (("height", "width"), ("", "height"))
    table = next(table for table in inside.tables() if "looks for" in table.title)
    assert table.rows[0] == ("hidden 1 neuron 0", pytest.approx(np.sqrt(2)), "width", "height")


def test_an_untrained_net_may_say_classes_that_y_does_not_have():
    inside = look_inside(hand_made(), X[:1], ["cat"])  # the larger output is 1
    assert inside.classes == ("cat", "1") and inside.confusion.tolist() == [[0, 1], [0, 0]]


def test_any_network_can_be_looked_into():
    pytest.importorskip("matplotlib").use("Agg")
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 25))
    several = rng.integers(0, 2, (30, 15)).astype(float)  # several labels a row
    for sizes in ([25, 15], [25, 30, 3, 15]):
        net = fastnn.MLP(sizes, activation="gelu", output="sigmoid", seed=0)
        inside = look_inside(net, sparse.csr_array(rows), several)
        assert str(inside) == str(look_inside(net, rows, several))
        for kind in ("network", "first_layer", "mistakes", "units"):
            inside.plot(kind).canvas.draw()


def test_without_y_there_are_no_confusions_and_no_costs():
    inside = look_inside(hand_made(), X)
    assert inside.confusion is None and inside.mistakes is None and inside.wanted is None
    assert len(inside.tables()) == 2
    with pytest.raises(ValueError, match="'mistakes' needs y"):
        inside.plot("mistakes")
    with pytest.raises(ValueError, match="'confusion' needs a network that classifies"):
        inside.plot("confusion")


def test_values_have_costs_but_no_confusions():
    net = fastnn.MLP([2, 1], output="identity", loss="quadratic")
    net.params = [1, 1, 0]
    inside = look_inside(net, X, [3.0, 0.0, 3.0, 5.0], example=1)  # 3, 1, 3, 2
    assert inside.confusion is None and (inside.said, inside.wanted) == ("1", "0")
    assert [(m.row, m.cost, m.said, m.wanted, m.right) for m in inside.mistakes[:2]] == [
        (3, 9, "2", "5", None),
        (1, 1, "1", "0", None),
    ]
    assert inside.tables()[-1].columns == ("row of X", "cost", "said", "should be")


def test_one_output_tells_two_named_classes():
    net = fastnn.MLP([1, 1], output="sigmoid")
    net.classes = ["no", "yes"]
    net.params = [1, 0]
    inside = look_inside(net, [[-1.0], [2.0], [3.0]], ["yes", "yes", "no"])
    assert inside.classes == ("no", "yes")
    assert inside.confusion.tolist() == [[0, 1], [1, 1]]
    assert inside.said == "no" and inside.wanted == "yes"


def test_names_of_classes_in_any_order():
    net = hand_made()
    net.classes = ["zebra", "ant"]
    inside = look_inside(net, X, ["ant", "zebra", "zebra", "zebra"])
    assert inside.classes == ("zebra", "ant")
    assert inside.confusion.tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"example": 4}, ValueError, "example must be from 0 to 3, got 4"),
        ({"example": "first"}, TypeError, "example must be a whole number, got 'first'"),
        ({"n_mistakes": -1}, ValueError, "n_mistakes must be 0 or more, got -1"),
    ],
)
def test_bad_arguments_get_a_sentence(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        look_inside(hand_made(), X, Y, **wrong)


def test_bad_data_is_refused_in_the_words_of_the_net():
    with pytest.raises(ValueError, match="X has 1 column; this network reads 2"):
        look_inside(hand_made(), X[:, :1], Y)
    with pytest.raises(ValueError, match="y holds the label 2"):
        look_inside(hand_made(), X, [0, 1, 2, 0])


def test_an_unknown_picture_is_refused():
    with pytest.raises(ValueError, match="kind must be one of network, first_layer"):
        look_inside(hand_made(), X).plot("brain")


def test_print_html_and_json():
    inside = look_inside(hand_made(), X, Y)
    for text in (str(inside), inside.to_html()):
        for words in ("What the units do", "first layer looks for", "taken for", "costliest"):
            assert words in text
    plain = json.loads(json.dumps(inside.to_dict()))
    assert plain["confusion"] == [[1, 2], [0, 1]] and plain["mistakes"][0]["row"] == 1
    assert not any(name.startswith("_") for name in plain)


# ---- pictures ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    (images, labels), (X_test, y_test) = fastnn.datasets.load_digits()
    net = digit_network()
    net.fit(images, labels, epochs=5, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    return look_inside(net, X_test, y_test)


@pytest.fixture(scope="module")
def flowers():
    """Four measures, three kinds, separated by two hidden units; all numbers are set."""
    pytest.importorskip("matplotlib").use("Agg")
    net = fastnn.MLP([4, 3, 3], activation="tanh", output="softmax", init="zeros")
    net.classes = ["setosa", "versicolor", "virginica"]
    net.feature_names = ["sepal length", "sepal width", "petal length", "petal width"]
    net.weights[0] = [[0.1, -0.2, 0.3], [-0.4, 0.1, 0.2], [0.9, -0.5, -0.1], [0.7, 0.6, -0.8]]
    net.weights[1] = [[-2, 0.5, 2], [1, 1, -1], [0.3, -0.6, 0.4]]
    rows = np.array([[0.2, 1, -1.3, -1.2], [0.5, -0.4, 0.3, 0.2], [1, 0, 1.1, 1.3]])
    return look_inside(net, rows, ["setosa", "virginica", "virginica"])


@pytest.mark.parametrize("kind", ["network", "first_layer", "confusion", "mistakes", "units"])
def test_the_pictures_of_digits(digits, kind, tmp_path):
    assert_looks_as_accepted(digits.plot(kind), f"inside_{kind}", tmp_path)


def test_long_names_do_not_leave_the_pictures():
    net = fastnn.MLP([4, 5, 3], output="softmax", init="he_normal", seed=0)
    net.feature_names = [f"od280/od315_of_diluted_wines_{i}" for i in range(4)]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4)) * [1, 10, 100, 1000]
    y = np.array([f'cultivar "{letter}", of the north of Italy' for letter in "ABC"])[
        rng.integers(0, 3, 30)
    ]
    net.standardize(X)
    net.fit(X, y, epochs=1)
    inside = fastnn.explain.look_inside(net, X, y)
    pictures = [inside.plot(kind) for kind in ("network", "confusion", "mistakes", "units")]
    pictures.append(fastnn.explain.nudges(net, X[:1], y[:1]).plot())
    pictures.append(fastnn.explain.nudge_table(net, X, y).plot())
    pictures.append(fastnn.explain.cost_table(net, X, y, examples=[0]).plot())
    for picture in pictures:
        assert_nothing_is_cut_off(picture)


@pytest.mark.parametrize("kind", ["network", "first_layer", "mistakes"])
def test_the_pictures_of_named_features(flowers, kind, tmp_path):
    assert_looks_as_accepted(flowers.plot(kind), f"inside_features_{kind}", tmp_path)


def test_each_picture_has_its_table():
    inside = look_inside(hand_made(), X)
    way = inside.table("network")
    assert [row[1] for row in way.rows] == [
        float(a) for a in np.concatenate(inside.activations[1:])
    ]
    assert inside.table("units") in inside.tables()
    with pytest.raises(ValueError, match="'mistakes' needs y"):
        inside.table("mistakes")
    with pytest.raises(ValueError, match=r"kind must be one of network, .*; got 'beauty'"):
        inside.table("beauty")
