"""Nudges of single examples, and that their average is −∇C."""

import json
import tracemalloc

import numpy as np
import pytest
from pictures import assert_looks_as_accepted, digit_network

import fastnn
from fastnn.explain import nudge_table

LOSSES = [
    ("sigmoid", "quadratic"),
    ("identity", "mse"),
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("identity", "mae"),
    ("identity", "huber"),
    ("identity", "quantile"),
    ("exp", "poisson"),
]


def small_net(output="sigmoid", loss="quadratic", dtype="float64"):
    return fastnn.MLP(
        [5, 4, 3],
        activation="tanh",
        output=output,
        loss=loss,
        dtype=dtype,
        seed=3,
        init="lecun_normal",
    )


def some_data(n=40):
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(n, 5)), rng.uniform(0.1, 0.9, size=(n, 3))
    return X, Y / Y.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def digits():
    (X, y), _ = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
    return net, X, y


# ---- numbers -----------------------------------------------------------------------------------


def test_a_net_worked_by_hand():
    # a = w x + b with w = 2, b = 1, cost (a − y)²: −∂C/∂w = −2 (a − y) x, −∂C/∂b = −2 (a − y)
    #   x = 1, y = 5: a = 3, −2 (−2) = 4:  w 4·1 = 4,    b 4
    #   x = 3, y = 4: a = 7, −2 (3) = −6:  w −6·3 = −18, b −6
    #   x = 2, y = 5: a = 5, 0:            w 0,          b 0
    # averages: w −14/3, b −2/3; spreads: √((16 + 324)/3 − (14/3)²), √((16 + 36)/3 − (2/3)²)
    net = fastnn.MLP([1, 1], output="identity", loss="quadratic", dtype="float64")
    net.params = [2, 1]
    X, y = np.array([[1.0], [3.0], [2.0]]), np.array([5.0, 4.0, 5.0])
    table = nudge_table(net, X, y, params=["weights[0][0, 0]", "biases[0][0]"])
    assert table.nudges.tolist() == [[4, -18, 0], [4, -6, 0]]
    np.testing.assert_allclose(table.average, [-14 / 3, -2 / 3], rtol=1e-15)
    wanted = np.sqrt([340 / 3 - (14 / 3) ** 2, 52 / 3 - (2 / 3) ** 2])
    np.testing.assert_allclose(table.spread, wanted, rtol=1e-14)
    assert table.wanted == () and table.n == 3 and table.check < 1e-15


@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_nudges_are_central_differences_of_the_cost_of_one_example(output, loss):
    net, (X, Y), step = small_net(output, loss), some_data(), 1e-6
    table = nudge_table(net, X, Y, params=range(net.n_params), examples=[0, 17, 39])
    for column, row in enumerate([0, 17, 39]):
        for i in range(net.n_params):
            costs = []
            for sign in (1, -1):
                moved = small_net(output, loss)
                moved.params = net.params
                moved.params[i] += sign * step
                costs.append(moved.cost(X[row : row + 1], Y[row : row + 1]))
            difference = (costs[1] - costs[0]) / (2 * step)
            assert abs(table.nudges[i, column] - difference) < 1e-7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("output", "loss"), LOSSES)
def test_the_average_of_the_columns_is_the_downhill_direction(output, loss, dtype):
    net, (X, Y) = small_net(output, loss, dtype), some_data()
    table = nudge_table(net, X, Y, params=range(net.n_params), examples=range(40))
    rounding = 1e-5 if dtype == "float32" else 1e-12
    downhill = -net.gradient(X, Y).flat
    largest = np.abs(downhill).max()
    np.testing.assert_allclose(table.average, downhill, rtol=0, atol=rounding * largest)
    np.testing.assert_allclose(table.average, table.averages)
    mean = table.nudges.mean(axis=1)
    np.testing.assert_allclose(table.average, mean, rtol=0, atol=rounding * largest)
    np.testing.assert_allclose(table.spread, table.nudges.std(axis=1), rtol=1e-5, atol=1e-12)
    assert table.check <= rounding


def test_the_average_on_digits_is_that_of_the_gradient_to_a_hundred_thousandth(digits):
    net, X, y = digits
    table = nudge_table(net, X, y)
    downhill = -net.gradient(X, y).flat
    assert np.abs(table.averages - downhill).max() < 1e-5 * np.abs(downhill).max()
    assert 0 < table.check < 1e-5


def test_pieces_of_any_size_give_the_same_table():
    net, (X, Y) = small_net(), some_data()
    whole = nudge_table(net, X, Y)
    for size in (1, 8 * net.n_params * 7, 8 * net.n_params * 40):
        part = nudge_table(net, X, Y, max_bytes=size)
        np.testing.assert_allclose(part.average, whole.average, rtol=1e-12)
        np.testing.assert_allclose(part.spread, whole.spread, rtol=1e-12)
        assert np.array_equal(part.nudges, whole.nudges)


def test_the_matrix_of_all_gradients_is_never_in_memory(digits):
    net, X, y = digits
    size = 2**20
    nudge_table(net, X[:100], y[:100], max_bytes=size)  # imports
    tracemalloc.start()
    nudge_table(net, X[:1000], y[:1000], max_bytes=size)  # in all 52 MB
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * size


def test_weights_count_in_the_average_and_not_in_the_columns():
    net, (X, Y) = small_net(), some_data()
    weight = np.arange(40.0)
    table = nudge_table(
        net, X, Y, params=range(net.n_params), examples=range(40), sample_weight=weight
    )
    plain = nudge_table(net, X, Y, params=range(net.n_params), examples=range(40))
    assert np.array_equal(table.nudges, plain.nudges)
    np.testing.assert_allclose(table.average, plain.nudges @ weight / weight.sum(), atol=1e-15)
    np.testing.assert_allclose(
        table.average, -net.gradient(X, Y, sample_weight=weight).flat, atol=1e-15
    )


# ---- what is shown -----------------------------------------------------------------------------


def test_the_rows_are_the_parameters_of_the_largest_average(digits):
    net, X, y = digits
    table = nudge_table(net, X[:300], y[:300])
    order = np.argsort(-np.abs(net.gradient(X[:300], y[:300]).flat), kind="stable")
    assert [parameter.index for parameter in table.parameters] == order[:12].tolist()
    assert table.examples.tolist() == [0, 1, 2, 3, 4, 5]
    assert table.wanted == tuple(str(label) for label in y[:6])


def test_rows_by_name_and_by_place_are_the_same(digits):
    net, X, y = digits
    names = ["weights[0][412, 3]", "biases[0][15]", "weights[2][0, 9]", "biases[2][9]"]
    places = [412 * 16 + 3, 784 * 16 + 15, 785 * 16 + 17 * 16 + 9, 13001]
    one = nudge_table(net, X[:50], y[:50], params=names)
    other = nudge_table(net, X[:50], y[:50], params=places)
    assert [parameter.name for parameter in one.parameters] == names
    assert one.parameters == other.parameters
    gradient = net.gradient(X[:50], y[:50])
    wanted = [
        gradient.weights[0][412, 3],
        gradient.biases[0][15],
        gradient.weights[2][0, 9],
        gradient.biases[2][9],
    ]
    np.testing.assert_allclose(-one.average, wanted, rtol=1e-4, atol=1e-9)


def test_strings_that_the_net_does_not_know_yet_may_be_cut_into_pieces():
    net, X = small_net(), some_data(4)[0]
    table = nudge_table(net, X, ["c", "b", "a", "b"], max_bytes=1)
    assert table.wanted == ("c", "b", "a", "b")
    same = nudge_table(net, X, [2, 1, 0, 1])
    assert np.array_equal(table.nudges, same.nudges)


def test_sparse_rows_and_lists_are_read_like_arrays():
    sparse = pytest.importorskip("scipy.sparse")
    net, (X, Y) = small_net(), some_data()
    plain = nudge_table(net, X, Y)
    for same in (sparse.csr_array(X), sparse.csr_matrix(X), X.tolist()):
        table = nudge_table(net, same, Y.tolist())
        np.testing.assert_allclose(table.nudges, plain.nudges, rtol=1e-12)
        np.testing.assert_allclose(table.average, plain.average, rtol=1e-12)


def test_the_network_is_not_changed(digits):
    net, X, y = digits
    before = net.params.copy()
    nudge_table(net, X[:20], y[:20])
    assert np.array_equal(net.params, before)


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ({"examples": [40]}, ValueError, "examples must be row numbers from 0 to 39, got 40"),
        ({"examples": [-1]}, ValueError, "examples must be row numbers from 0 to 39, got -1"),
        ({"examples": 3}, TypeError, "examples must be a sequence of row numbers, got 3"),
        ({"params": "biases[0][0]"}, TypeError, "params must be a sequence of positions or names"),
        ({"params": [39]}, ValueError, "39"),
        ({"params": ["biases[0][4]"]}, ValueError, "biases"),
        ({"max_bytes": 0}, ValueError, "max_bytes must be a number of bytes above 0, got 0"),
        ({"sample_weight": [1, 2]}, ValueError, "sample_weight must have shape"),
    ],
)
def test_bad_arguments_get_a_sentence(wrong, error, sentence):
    net, (X, Y) = small_net(), some_data()
    with pytest.raises(error, match=sentence.replace("(", r"\(")):
        nudge_table(net, X, Y, **wrong)


def test_bad_data_is_refused_in_the_words_of_the_net():
    net, (X, Y) = small_net(), some_data()
    with pytest.raises(ValueError, match="X has 4 columns; this network reads 5"):
        nudge_table(net, X[:, :4], Y)
    with pytest.raises(ValueError, match="X has 40 rows, y has 39"):
        nudge_table(net, X, Y[:39])


def test_a_net_that_is_not_finite_is_refused():
    net, (X, Y) = small_net(), some_data()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        nudge_table(net, X, Y)


def test_an_average_that_is_not_the_gradient_is_an_error(monkeypatch):
    net, (X, Y) = small_net(), some_data()
    honest = fastnn.MLP.gradient

    def wrong(self, X, y, *, per_example=False, **options):
        gradient = honest(self, X, y, per_example=per_example, **options)
        if per_example:
            gradient.flat[:, 0] += 1e-6
        return gradient

    monkeypatch.setattr(fastnn.MLP, "gradient", wrong)
    with pytest.raises(RuntimeError, match=r"average .* differs from net.gradient by 1e-06"):
        nudge_table(net, X, Y)


# ---- forms -------------------------------------------------------------------------------------


def hand_made():
    net = fastnn.MLP([1, 1], output="identity", loss="quadratic", dtype="float64")
    net.params = [2, 1]
    return nudge_table(net, [[1.0], [3.0], [2.0]], [5.0, 4.0, 5.0], params=[0, 1])


def test_in_print_the_numbers_have_signs_and_one_unit():
    text = str(hand_made())
    lines = [line.split() for line in text.splitlines()]
    assert "the average of 3; all in 10¹" in " ".join(text.split())
    assert ["weights[0][0,", "0]", "+0.40", "−1.80", "0.00", "−0.467", "0.96"] in lines
    assert ["parameter", "row", "0", "row", "1", "row", "2", "average", "spread"] in lines
    assert "The average is −∇C" in " ".join(text.split())


def xor():
    """XOR in a 2-2-1 network whose gradient is far smaller than what one example asks."""
    X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    net = fastnn.MLP([2, 2, 1], activation="tanh", output="sigmoid", loss="quadratic", seed=3)
    net.fit(X, [0.0, 1.0, 1.0, 0.0], epochs=60, optimizer=fastnn.SGD(lr=0.5))
    return nudge_table(net, X, [0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("make", ["hand", "xor", "digits"])
def test_the_average_of_the_cells_that_are_written_is_the_average_that_is_written(make, digits):
    net, X, y = digits
    tables = {
        "hand": hand_made,
        "xor": xor,
        "digits": lambda: nudge_table(net, X[:150], y[:150], examples=range(150)),
    }
    table = tables[make]()
    cells, averages, _ = table.texts()
    written = np.array([[float(text.replace("−", "-")) for text in row] for row in cells])
    said = np.array([float(text.replace("−", "-")) for text in averages])
    assert written.shape[1] == table.n
    assert np.abs(written.mean(axis=1) - said).max() <= 0.005 + 0.0005  # of cells, of the average
    # and it says something: two digits of the largest average
    assert np.abs(said).max() == pytest.approx(np.abs(table.in_unit()[1]).max(), rel=0.05)
    page = table.to_html()
    assert all(f"<b>{text}</b>" in page for text in averages)
    if make != "digits":
        drawn = {text.get_text() for ax in table.plot().axes for text in ax.texts}
        assert {*averages, *cells[0]} <= drawn


def test_in_html_cells_are_coloured_by_sign():
    page = hand_made().to_html()
    assert 'background:rgba(0,114,178,0.13)">+0.40<' in page
    assert 'background:rgba(213,94,0,0.60)">−1.80<' in page
    assert page == hand_made()._repr_html_()


def test_as_json_it_holds_the_shown_numbers():
    plain = json.loads(json.dumps(hand_made().to_dict()))
    assert plain["nudges"] == [[4, -18, 0], [4, -6, 0]]
    assert plain["parameters"][1]["name"] == "biases[0][0]"
    assert "_averages" not in plain


def test_as_a_frame_it_holds_numbers_in_the_costs_own_unit():
    table = hand_made().tables()[0]
    assert table.columns == ("parameter", "row 0", "row 1", "row 2", "average", "spread")
    assert table.rows[0][:4] == ("weights[0][0, 0]", 4, -18, 0)


def test_lines_are_not_too_long_on_digits(digits):
    net, X, y = digits
    text = str(nudge_table(net, X[:100], y[:100]))
    assert max(map(len, text.splitlines())) <= 100
    assert "weights[" in text and "…" not in text


# ---- pictures ----------------------------------------------------------------------------------


def test_the_picture(digits, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    _, X, y = digits
    net = digit_network(loss=None)
    net.fit(X, y, epochs=1, batch_size=10, optimizer=fastnn.SGD(lr=0.5))
    rows = ["weights[1][3, 4]", "weights[2][0, 9]", "biases[1][2]", "biases[2][0]", "biases[2][5]"]
    made = nudge_table(net, X, y, params=rows, examples=[0, 1, 2, 7, 9]).plot()
    assert_looks_as_accepted(made, "nudge_table", tmp_path)


def test_an_empty_table_is_not_drawn():
    pytest.importorskip("matplotlib")
    net, (X, Y) = small_net(), some_data()
    with pytest.raises(ValueError, match="nothing to plot"):
        nudge_table(net, X, Y, examples=[]).plot()
