"""The map of the plane of two inputs: values by hand and by the network itself, kinds, picture."""

import json

import numpy as np
import pytest
from pictures import assert_looks_as_accepted, smallest_text

from fastnn import MLP, Adam
from fastnn.explain import input_plane

RNG = np.random.default_rng(2)
X = RNG.uniform([-3, 100], [3, 500], size=(80, 2))
SUM = X[:, 0] / 3 + (X[:, 1] - 300) / 200
THREE = np.array(["ant", "bee", "cow"])[(SUM > -0.3).astype(int) + (SUM > 0.4)]


def linear():
    """The network 2 x − y + ½."""
    net = MLP([2, 1], dtype="float64", seed=0)
    net.params = [2, -1, 0.5]
    return net


def trained(y, n_out=1, epochs=60, **rest):
    net = MLP([2, 6, n_out], activation="tanh", dtype="float64", seed=0, **rest)
    net.standardize(X)
    net.fit(X[: len(y)], y, epochs=epochs, optimizer=Adam(0.05))
    return net


class TestTheMap:
    def test_it_is_the_output_at_each_place(self):
        plane = input_plane(linear(), [[0, 0], [10, 4]], [0, 0], grid=3)
        assert plane.across.tolist() == [-1, 5, 11]  # a tenth of 10 beyond the examples
        np.testing.assert_allclose(plane.up, [-0.4, 2, 4.4])
        for i, y in enumerate(plane.up):
            for j, x in enumerate(plane.across):
                assert plane.values[i, j, 0] == pytest.approx(2 * x - y + 0.5)

    def test_scaled_inputs_are_mapped_in_the_units_of_x(self):
        net = linear()
        net.standardize(X)
        plane = input_plane(net, X, SUM, grid=4)
        mean, deviation = X.mean(axis=0), X.std(axis=0)
        for i, y in enumerate(plane.up):
            for j, x in enumerate(plane.across):
                a, b = (np.array([x, y]) - mean) / deviation
                assert plane.values[i, j, 0] == pytest.approx(2 * a - b + 0.5)
        assert plane.across[0] < X[:, 0].min() and X[:, 1].max() < plane.up[-1]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        ("y", "n_out", "rest"),
        [
            (SUM, 1, {}),
            (np.stack([SUM, -SUM, X[:, 0]], axis=1), 3, {}),
            (SUM > 0, 1, {"output": "sigmoid"}),
            (np.where(SUM > 0, "yes", "no"), 1, {"output": "sigmoid"}),
            (SUM > 0, 1, {}),
            (THREE, 3, {"output": "softmax"}),
            (THREE, 3, {"output": "sigmoid", "loss": "quadratic"}),
        ],
    )
    def test_values_and_decisions_are_those_of_the_network_itself(self, y, n_out, rest, dtype):
        net = MLP([2, 5, n_out], dtype=dtype, seed=1, **rest)
        net.standardize(X)
        net.fit(X, y, epochs=5)
        plane = input_plane(net, X, y, grid=7)
        for i, j in np.ndindex(7, 7):
            place = [[plane.across[j], plane.up[i]]]
            np.testing.assert_allclose(plane.values[i, j], net.predict(place)[0], rtol=1e-5)
            if plane.decided is not None:
                label = net.classify(place)[0]
                assert plane.classes[plane.decided[i, j]] == str(label)
        told_classes = np.asarray(y).dtype.kind in "bU"
        assert (plane.decided is not None) == told_classes
        points = plane.points[0]
        np.testing.assert_array_equal(points.x, X)
        np.testing.assert_allclose(points.said, net.predict(X))
        if told_classes:
            names = y if net.classes is not None else y.astype(int)  # of a sigmoid: 0 and 1
            assert [plane.classes[k] for k in points.labels] == [str(label) for label in names]
            np.testing.assert_array_equal(points.wrong, net.classify(X) != y)
        else:
            np.testing.assert_allclose(points.wanted, np.reshape(y, (len(X), -1)), rtol=1e-6)

    def test_scaled_targets_are_mapped_in_their_units(self):
        net, y = linear(), 1000 + 50 * SUM
        net.standardize(X, y)
        plane = input_plane(net, X, y, grid=3)
        mean, deviation = X.mean(axis=0), X.std(axis=0)
        for i, j in np.ndindex(3, 3):
            a, b = (np.array([plane.across[j], plane.up[i]]) - mean) / deviation
            expected = (2 * a - b + 0.5) * y.std() + y.mean()
            assert plane.values[i, j, 0] == pytest.approx(expected)
        np.testing.assert_allclose(plane.points[0].wanted[:, 0], y, rtol=1e-12)

    def test_bytes_are_mapped_in_their_own_units(self):
        pixels = np.array([[0, 10], [200, 250], [100, 30]], np.uint8)
        net = MLP([2, 3, 1], activation="tanh", dtype="float64", seed=0)
        net.fit(pixels, [0.0, 1.0, 2.0], epochs=1)
        plane = input_plane(net, pixels, [0.0, 1.0, 2.0], grid=3, limits=((0, 200), (10, 250)))
        np.testing.assert_allclose(plane.values[0, 0], net.predict(pixels[:1])[0], rtol=1e-12)
        np.testing.assert_allclose(plane.values[2, 2], net.predict(pixels[1:2])[0], rtol=1e-12)
        assert plane.points[0].x.tolist() == pixels.tolist()

    def test_limits_are_kept(self):
        plane = input_plane(linear(), [[0, 0]], grid=2, limits=((-5, 5), (1, 2)))
        assert plane.across.tolist() == [-5, 5]
        assert plane.up.tolist() == [1, 2]

    def test_an_input_that_never_varies_gets_some_width(self):
        plane = input_plane(linear(), [[7, 0], [7, 1]], [0, 1], grid=2)
        assert plane.across.tolist() == [6, 8]

    def test_without_y_examples_have_no_class_and_no_value(self):
        for net in (linear(), trained(THREE, 3, epochs=2, output="softmax")):
            plane = input_plane(net, X, grid=3)
            (points,) = plane.points
            assert points.labels is points.wanted is points.wrong is None
            assert (plane.decided is None) == (net.classes is None)
            assert str(plane)

    def test_test_examples_stand_beside_the_others(self):
        net = trained(THREE[:50], 3, output="softmax")
        plane = input_plane(net, X[:50], THREE[:50], test=(X[50:], THREE[50:]), grid=3)
        assert [points.name for points in plane.points] == ["given", "test"]
        right = [int((~points.wrong).sum()) for points in plane.points]
        hits = net.classify(X) == THREE
        assert right == [hits[:50].sum(), hits[50:].sum()]
        assert plane.across[0] < X[:, 0].min()

    def test_labels_of_a_network_that_knows_none_mean_the_same_in_both_parts(self):
        net = MLP([2, 3], output="softmax", seed=0)
        cows = THREE == "cow"
        plane = input_plane(net, X, THREE, test=(X[cows], THREE[cows]), grid=3)
        assert {plane.classes[k] for k in plane.points[1].labels} == {"cow"}
        with pytest.raises(
            ValueError, match="y of test has the class 'cow', which y does not have"
        ):
            input_plane(net, X[~cows], THREE[~cows], test=(X, THREE))

    @pytest.mark.parametrize("kind", ["list", "csr", "float32"])
    def test_every_form_of_examples_gives_the_same_map(self, kind):
        x = {"list": X.tolist, "float32": lambda: X.astype("float32")}.get(
            kind, lambda: pytest.importorskip("scipy.sparse").csr_matrix(X)
        )()
        here, there = (input_plane(linear(), each, SUM, grid=5) for each in (X, x))
        np.testing.assert_allclose(there.values, here.values, rtol=1e-5)
        np.testing.assert_allclose(there.points[0].x, here.points[0].x, rtol=1e-6)


class TestItsForms:
    def test_the_table_tells_the_share_of_each_class_and_how_many_are_right(self):
        net = MLP([2, 1], output="sigmoid", dtype="float64", seed=0)
        net.params = [1, 0, 0]  # the second class where x is not below 0
        x, y = [[-3, 0], [1, 1], [2, 0], [3, 1]], ["no", "no", "yes", "yes"]
        net.classes = ["no", "yes"]
        (table,) = input_plane(net, x, y, grid=4, limits=((-3, 3), (0, 1))).tables()
        assert table.columns == (
            "class",
            "share of the plane",
            "examples, given",
            "predicted right",
        )
        assert table.rows == [("no", 0.5, 2, 1), ("yes", 0.5, 2, 2)]
        assert table.note == "4 × 4 places: input 0 −3 to 3, input 1 0 to 1."

    def test_the_table_tells_the_range_of_each_output_and_its_error(self):
        plane = input_plane(linear(), [[0, 0], [4, 4]], [0.5, 0.5], grid=2, limits=((0, 4), (0, 4)))
        (table,) = plane.tables()
        assert table.columns == ("output", "least", "largest", "rms error, given")
        assert table.rows == [("output 0", -3.5, 8.5, pytest.approx(8**0.5))]

    def test_its_inputs_and_output_are_called_as_the_columns(self):
        net = linear()
        net.feature_names = ["width", "height"]
        net.metadata["target_name"] = "price"
        plane = input_plane(net, X, SUM, grid=2)
        assert plane.inputs == ("width", "height")
        assert plane.outputs == ("output price",)
        assert "width −" in plane.tables()[0].note

    def test_json_and_html(self):
        plane = input_plane(trained(THREE, 3, epochs=2, output="softmax"), X, THREE, grid=3)
        plain = json.loads(json.dumps(plane.to_dict(), allow_nan=False))
        assert np.shape(plain["values"]) == (3, 3, 3)
        assert "<td>bee</td>" in plane.to_html()


class TestMistakes:
    @pytest.mark.parametrize(
        ("rest", "sentence"),
        [
            ({"grid": 1}, "grid must be an integer of 2 or more, got 1"),
            ({"limits": ((1, 0), (0, 1))}, "limits must be"),
            ({"limits": "ab"}, "limits must be"),
            ({"limits": ((0, np.inf), (0, 1))}, "limits must be"),
            ({"test": X}, r"test must be a pair \(X, y\)"),
            ({"test": (X, SUM[:3])}, "X has 80 rows, y has 3"),
            ({"test": (X, THREE)}, "y has 3 different labels; this network has outputs for 2"),
        ],
    )
    def test_a_wrong_value_is_told_in_one_sentence(self, rest, sentence):
        with pytest.raises((ValueError, TypeError), match=sentence):
            input_plane(linear(), X, SUM, **rest)

    def test_both_parts_must_be_of_one_kind(self):
        net = MLP([2, 1], output="sigmoid", loss="mse", seed=0)
        with pytest.raises(ValueError, match="both be classes or both be numbers"):
            input_plane(net, X, SUM > 0, test=(X, np.full(80, 0.5)))

    def test_other_networks_than_of_two_inputs_have_no_plane(self):
        with pytest.raises(ValueError, match="networks with 2 inputs; this one reads 3"):
            input_plane(MLP([3, 1]), np.ones((4, 3)))


matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


class TestThePicture:
    def test_classes_look_as_accepted(self, tmp_path):
        net = trained(THREE[:60], 3, output="softmax")
        net.feature_names = ["width", "height"]
        plane = input_plane(net, X[:60], THREE[:60], test=(X[60:], THREE[60:]))
        assert_looks_as_accepted(plane.plot(), "input_plane_classes", tmp_path)

    def test_numbers_look_as_accepted_on_a_dark_background(self, tmp_path):
        net = trained(np.stack([np.sin(3 * SUM), SUM], axis=1), 2)
        with plt.style.context("dark_background"):
            figure = input_plane(net, X, np.stack([np.sin(3 * SUM), SUM], axis=1)).plot()
            assert_looks_as_accepted(figure, "input_plane_values_dark", tmp_path)

    def test_it_shows_the_numbers_of_the_map(self):
        plane = input_plane(linear(), X, SUM, grid=9)
        figure = plane.plot()
        (image,) = figure.axes[0].images
        np.testing.assert_array_equal(image.get_array(), plane.values[:, :, 0])
        np.testing.assert_array_equal(figure.axes[0].collections[-1].get_offsets(), X)
        assert image.get_extent()[0] < plane.across[0] < plane.across[1]

    def test_its_border_is_where_the_two_classes_are_equally_likely(self):
        net = MLP([2, 1], output="sigmoid", dtype="float64", seed=0)
        net.params = [1, 0, -1]  # ½ where x = 1
        net.classes = ["no", "yes"]
        plane = input_plane(net, [[0, 0], [3, 1]], ["no", "yes"], grid=31)
        lines = figure_lines(plane.plot().axes[0])
        assert lines
        for line in lines:
            np.testing.assert_allclose(line[:, 0], 1, atol=1e-3)

    @pytest.mark.parametrize("n_out", [1, 2, 3, 7])
    def test_any_number_of_outputs_can_be_drawn(self, n_out, tmp_path):
        y = X @ RNG.normal(size=(2, n_out))
        plane = input_plane(MLP([2, n_out], seed=0), X, y, grid=5)
        plane.plot().savefig(tmp_path / "a.png")

    def test_no_text_is_below_7_points_at_6_inches(self):
        classes = input_plane(trained(THREE, 3, epochs=2, output="softmax"), X, THREE, grid=9)
        values = input_plane(linear(), X, SUM, grid=9)
        assert smallest_text(classes.plot()) >= 7
        assert smallest_text(values.plot()) >= 7


def figure_lines(ax):
    """Return the lines of all contours, each (k, 2)."""
    return [
        path.vertices
        for contours in ax.collections
        if hasattr(contours, "levels")
        for path in contours.get_paths()
        if len(path.vertices)
    ]
