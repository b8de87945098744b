"""The network class: creating a network, looking at it, reading and writing its parameters."""

import gc

import numpy as np
import pytest

import fastnn
from fastnn import MLP


def test_the_contracts_example_runs_as_written(tmp_path):
    (X, y), (X_val, y_val) = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10],
        activation="sigmoid",
        output="sigmoid",
        loss="quadratic",
        init="lecun_normal",
        dtype="float32",
        seed=0,
    )
    assert net.n_params == 13002
    assert [W.shape for W in net.weights] == [(784, 16), (16, 16), (16, 10)]
    assert [b.shape for b in net.biases] == [(16,), (16,), (10,)]
    assert net.params.shape == (13002,)

    history = net.fit(
        X,
        y,
        epochs=2,
        batch_size=10,
        optimizer=fastnn.SGD(lr=1.5),
        validation_data=(X_val, y_val),
        sample_weight=None,
        class_weight=None,
        callbacks=[],
        shuffle=True,
        progress=False,
    )
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert len(getattr(history, name)) == 2
    Xb, yb = X[:10], y[:10]
    net.train_batch(Xb, yb)
    assert net.predict(X).shape == (4000, 10)
    assert set(net.classify(X)) <= set(range(10))
    assert set(net.evaluate(X, y)) == {"loss", "accuracy"}
    assert np.ndim(net.cost(X, y, per_example=False)) == 0
    assert net.cost(X, y, per_example=True).shape == (4000,)
    gradient = net.gradient(Xb, yb, per_example=False)
    assert [g.shape for g in gradient.weights] == [W.shape for W in net.weights]
    assert [g.shape for g in gradient.biases] == [b.shape for b in net.biases]
    assert gradient.flat.shape == (13002,)
    assert net.gradient(Xb, yb, per_example=True).flat.shape == (10, 13002)
    assert [a.shape for a in net.activations(Xb)] == [(10, n) for n in net.sizes]
    net.save(tmp_path / "digits.safetensors")
    again = fastnn.load(tmp_path / "digits.safetensors")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


class TestParameters:
    def test_they_lie_layer_by_layer_w_row_major_then_b(self):
        net = MLP([2, 3, 1])
        net.params = np.arange(13)
        np.testing.assert_array_equal(net.weights[0], [[0, 1, 2], [3, 4, 5]])
        np.testing.assert_array_equal(net.biases[0], [6, 7, 8])
        np.testing.assert_array_equal(net.weights[1], [[9], [10], [11]])
        np.testing.assert_array_equal(net.biases[1], [12])

    def test_writing_to_a_view_changes_the_network(self):
        net = MLP([1, 1], init="zeros")
        net.weights[0][0, 0] = 2
        net.biases[0][:] = 1
        np.testing.assert_array_equal(net.predict([[3]]), [[7]])
        net.params[0] += 1
        np.testing.assert_array_equal(net.predict([[3]]), [[10]])

    def test_assigning_copies_values_in_and_keeps_the_views(self):
        net = MLP([2, 2], init="zeros")
        params, W, b = net.params, net.weights[0], net.biases[0]
        new = np.array([[1.0, 2], [3, 4]])
        net.weights[0] = new
        net.biases[0] = [5, 6]
        new[:] = 0
        np.testing.assert_array_equal(params, [1, 2, 3, 4, 5, 6])
        net.params = [6, 5, 4, 3, 2, 1]
        assert (W[0, 0], b[1]) == (6, 1)
        net.weights[0] *= 2
        net.biases[-1] -= 1
        np.testing.assert_array_equal(params, [12, 10, 8, 6, 1, 0])

    def test_another_shape_is_refused_with_both_shapes_and_changes_nothing(self):
        net = MLP([2, 3, 1], seed=0)
        before = net.params.copy()
        with pytest.raises(
            ValueError, match=r"params has shape \(13,\); the new values have \(12,\)"
        ):
            net.params = np.zeros(12)
        with pytest.raises(ValueError, match=r"weights\[0\] has shape \(2, 3\).* have \(3, 2\)"):
            net.weights[0] = np.zeros((3, 2))
        with pytest.raises(ValueError, match=r"biases\[1\] has shape \(1,\).* have \(\)"):
            net.biases[1] = 0.0
        with pytest.raises(IndexError):
            net.weights[2] = np.zeros((1, 1))
        with pytest.raises(TypeError, match=r"weights are assigned a layer at a time"):
            net.weights[:] = [np.zeros((2, 3)), np.zeros((3, 1))]
        np.testing.assert_array_equal(net.params, before)

    def test_the_lists_read_like_sequences(self):
        net = MLP([2, 3, 1])
        assert len(net.weights) == 2
        assert net.weights[-1].shape == (3, 1)
        assert [b.size for b in net.biases] == [3, 1]
        assert repr(net.weights) == "<weights: (2, 3), (3, 1)>"

    def test_a_view_outlives_its_network(self):
        net = MLP([50, 50], seed=0)
        view, expected = net.weights[0], net.weights[0].copy()
        del net
        gc.collect()
        others = [MLP([50, 50], seed=k) for k in range(1, 9)]
        np.testing.assert_array_equal(view, expected)
        assert others

    @pytest.mark.parametrize(
        "name", ["sizes", "activation", "output", "loss", "dropout", "dtype", "seed", "quantile"]
    )
    def test_what_the_network_was_made_with_cannot_be_set_to_no_effect(self, name):
        net = MLP([2, 3, 1])
        before = getattr(net, name)
        with pytest.raises(
            AttributeError, match=f"^cannot set {name} after the network is created"
        ):
            setattr(net, name, before)

    def test_the_lists_cannot_be_replaced_to_no_effect(self):
        net = MLP([2, 1])
        with pytest.raises(AttributeError, match=r"cannot set weights .*; assign weights\[l\]"):
            net.weights = [np.zeros((2, 1))]
        with pytest.raises(AttributeError, match=r"n_params"):
            net.n_params = 3


class TestArguments:
    def test_a_softmax_of_one_output_is_refused(self):
        with pytest.raises(ValueError, match=r"^softmax of one output is always 1: use sigmoid"):
            MLP([2, 1], output="softmax")

    @pytest.mark.parametrize(
        "sizes", [[], [3], 5, "784", None, np.array(3), {3: 1}, iter([2, 3]), (3,)]
    )
    def test_sizes_must_be_two_widths_or_more(self, sizes):
        with pytest.raises(ValueError, match=r"^sizes must be two or more layer widths, got "):
            MLP(sizes)

    @pytest.mark.parametrize("width", [2.0, True, "2", None, [2]])
    def test_a_width_must_be_an_integer(self, width):
        with pytest.raises(TypeError, match=r"^sizes must be an integer of 1 or more, got "):
            MLP([2, width, 1])

    @pytest.mark.parametrize("width", [0, -1])
    def test_a_width_must_be_1_or_more(self, width):
        with pytest.raises(ValueError, match=r"^sizes must be an integer of 1 or more, got "):
            MLP([2, width])

    def test_sizes_may_be_an_array_or_hold_numpys_integers(self):
        assert MLP(np.array([2, 3, 1])).sizes == MLP((np.int32(2), 3, 1)).sizes == (2, 3, 1)

    @pytest.mark.parametrize(
        ("sizes", "kind"), [([2**40, 2], ValueError), ([2**31 - 1] * 2, MemoryError)]
    )
    def test_sizes_beyond_all_memory_are_one_sentence(self, sizes, kind):
        with pytest.raises(
            kind, match=r"^(sizes must be below|a network of these sizes|not enough)"
        ):
            MLP(sizes)

    def test_one_value_for_all_hidden_layers_or_one_each(self):
        assert MLP([2, 3, 4, 1], activation="tanh").activation == ("tanh", "tanh")
        assert MLP([2, 3, 4, 1], activation=["tanh", "relu"]).activation == ("tanh", "relu")
        assert MLP([2, 3, 4, 1], dropout=0.5).dropout == (0.5, 0.5)
        assert MLP([2, 3, 4, 1], dropout=np.array([0.5, 0])).dropout == (0.5, 0.0)
        with pytest.raises(ValueError, match=r"activation has 3 values for 1 hidden layer$"):
            MLP([2, 3, 1], activation=["tanh"] * 3)
        with pytest.raises(ValueError, match=r"dropout has 1 values for 2 hidden layers"):
            MLP([2, 3, 4, 1], dropout=[0.1])

    @pytest.mark.parametrize("dropout", [1, 1.0, -0.1, float("nan"), float("inf")])
    def test_dropout_is_a_share_below_1(self, dropout):
        with pytest.raises(ValueError, match=r"dropout must be a number from 0 to below 1, got"):
            MLP([2, 3, 1], dropout=dropout)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("quantile", 0), ("quantile", 1), ("huber_delta", 0), ("huber_delta", -1), ("seed", -1)],
    )
    def test_a_number_out_of_range_is_named(self, name, value):
        with pytest.raises(ValueError, match=f"^{name} must be .*, got {value}$"):
            MLP([2, 3, 1], **{name: value})

    @pytest.mark.parametrize("seed", [1.0, "1", True, np.random.default_rng(0)])
    def test_a_seed_is_an_integer(self, seed):
        with pytest.raises(TypeError, match=r"^seed must be an integer of 0 or more, got "):
            MLP([2, 1], seed=seed)

    @pytest.mark.parametrize("dtype", ["float32", np.float32, "f4", np.dtype(np.float32)])
    def test_a_dtype_has_the_names_that_numpy_knows(self, dtype):
        assert MLP([2, 1], dtype=dtype).params.dtype == np.float32
        assert MLP([2, 1], dtype=float).params.dtype == np.float64

    @pytest.mark.parametrize("dtype", ["float16", int, None, "no", {}, np.longdouble, ">f4"])
    def test_other_dtypes_are_refused(self, dtype):
        with pytest.raises(ValueError, match=r"^dtype must be float32 or float64, got "):
            MLP([2, 1], dtype=dtype)

    def test_options_are_by_name_only(self):
        with pytest.raises(TypeError, match=r"positional"):
            MLP([2, 3, 1], "relu")


class TestLooks:
    def test_repr_names_sizes_functions_and_counts(self):
        net = MLP([784, 16, 10], activation="sigmoid", output="softmax", dropout=0.25)
        heading, first, second = repr(net).splitlines()
        assert heading == "MLP 784-16-10, cross_entropy loss, float32: 12,730 parameters"
        assert first.split() == [
            "layer",
            "1",
            "784",
            "→",
            "16",
            "sigmoid,",
            "dropout",
            "0.25",
            "12,560",
        ]
        assert second.split() == ["layer", "2", "16", "→", "10", "softmax", "170"]

    def test_html_holds_the_same(self):
        html = MLP([784, 16, 10], output="softmax")._repr_html_()
        assert "MLP 784-16-10" in html
        assert html.count("<tr>") == html.count("</tr>") == 3
        assert "12,560" in html and "softmax" in html


class TestClasses:
    def test_strings_numbers_and_arrays_of_either_are_taken(self):
        net = MLP([2, 3], output="softmax")
        for labels in (
            ["a", "b", "c"],
            (3, 5, 9),
            np.array([1.5, 2.5]),
            np.array(["x", "y"], object),
        ):
            net.classes = labels
            assert net.classes.tolist() == list(labels)
        net.classes = None
        assert net.classes is None

    def test_they_are_a_copy(self):
        net, labels = MLP([2, 3], output="softmax"), np.array([3, 1, 2])
        net.classes = labels
        labels[0] = 7
        assert net.classes.tolist() == [3, 1, 2]

    @pytest.mark.parametrize(
        "labels", [["a"], ["a", "b", "c", "d"], "abc", 3, [["a", "b"]], [None, "a"], [1j, 2]]
    )
    def test_anything_else_is_refused(self, labels):
        net = MLP([2, 3], output="softmax")
        with pytest.raises(ValueError, match=r"^classes must be 2 to 3 strings or numbers, got "):
            net.classes = labels
        assert net.classes is None

    def test_a_label_stands_once(self):
        with pytest.raises(ValueError, match=r"classes must all be different"):
            MLP([2, 3], output="softmax").classes = ["a", "b", "a"]

    def test_a_label_equals_itself(self):
        with pytest.raises(ValueError, match=r"^classes must be finite numbers, got \[nan, 1.0\]"):
            MLP([2, 3], output="softmax").classes = [np.nan, 1.0]

    def test_one_output_tells_two_apart(self):
        net = MLP([2, 1], output="sigmoid")
        net.classes = ["no", "yes"]
        with pytest.raises(ValueError, match=r"classes must be 2 strings"):
            net.classes = ["no", "yes", "maybe"]


class TestScaling:
    def test_inputs_are_read_as_x_minus_shift_times_scale(self):
        net = MLP([2, 1], init="zeros", dtype="float64")
        net.params = [1, 1, 0]
        net.input_shift, net.input_scale = [1, 2], [10, 100]
        np.testing.assert_array_equal(net.predict([[2, 3]]), [[110]])
        np.testing.assert_array_equal(net.activations([[2, 3]])[0], [[10, 100]])

    def test_one_of_the_two_alone_is_the_other_left_neutral(self):
        net = MLP([2, 1], init="zeros")
        net.params = [1, 1, 0]
        net.input_shift = [1, 2]
        np.testing.assert_array_equal(net.predict([[2, 3]]), [[2]])
        net.input_shift = None
        net.input_scale = [2, 2]
        np.testing.assert_array_equal(net.predict([[2, 3]]), [[10]])
        net.input_shift = net.input_scale = None
        np.testing.assert_array_equal(net.predict([[2, 3]]), [[5]])

    @pytest.mark.parametrize(
        "values", [[1], [1, 2, 3], "a", ["a", "b"], [1, np.nan], [1, np.inf], np.nan, [[1, 2]]]
    )
    def test_what_is_no_number_an_input_is_refused(self, values):
        net = MLP([2, 1])
        for name in ("input_shift", "input_scale"):
            with pytest.raises(ValueError, match=f"^{name} must be (2 numbers|finite)"):
                setattr(net, name, values)
        assert net.input_shift is None and net.input_scale is None

    def test_standardize_gives_every_column_mean_0_and_deviation_1(self):
        X = np.random.default_rng(0).normal([5, -3], [10, 0.1], size=(200, 2))
        net = MLP([2, 1], dtype="float64")
        net.standardize(X)
        read = net.activations(X)[0]
        np.testing.assert_allclose(read.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(read.std(axis=0), 1)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_column_that_does_not_vary_is_only_shifted(self, dtype):
        X = np.array([[1.0, 0.1, 0, 1e-50], [2.0, 0.1, 0, 1e-50]])
        net = MLP([4, 1], dtype=dtype)
        net.standardize(X)
        np.testing.assert_array_equal(net.input_scale, [2, 1, 1, 1])
        read = net.activations(X)[0]
        np.testing.assert_allclose(read, [[-1, 0, 0, 0], [1, 0, 0, 0]], atol=1e-7)

    def test_a_deviation_too_small_to_divide_by_counts_as_none(self):
        net = MLP([1, 1], dtype="float32")
        net.standardize([[1e-310], [3e-310]])
        assert np.isfinite(net.input_scale).all()

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        "column",
        [
            1e8 + np.arange(4.0),
            1e15 + np.arange(4.0),
            1e200 * np.arange(4.0),
            1e-50 * np.arange(4.0),
            -1.7e308 + 1e307 * np.arange(4.0),
            1_700_000_000 + np.arange(4),
            np.arange(4, dtype=np.uint8),
        ],
    )
    def test_four_equal_steps_are_standardized_whatever_their_size(self, column, dtype):
        net = MLP([1, 4, 1], dtype=dtype)
        net.standardize(column[:, None])
        expected = np.array([-3, -1, 1, 3]) / np.sqrt(5)  # by hand: deviation sqrt(5) / 2 steps
        np.testing.assert_allclose(net.activations(column[:, None])[0][:, 0], expected, rtol=1e-6)

    def test_shift_and_scale_are_float64_and_cannot_be_written_to_in_place(self):
        net = MLP([2, 1])
        net.standardize([[1, 2], [3, 5]])
        assert net.input_shift.dtype == net.input_scale.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            net.input_shift[0] = 7

    def test_it_refuses_what_fit_would_refuse_and_changes_nothing(self):
        net = MLP([2, 1])
        with pytest.raises(ValueError, match=r"X has 3 columns; this network reads 2"):
            net.standardize(np.ones((4, 3)))
        with pytest.raises(ValueError, match=r"X holds nan at row 1, column 0"):
            net.standardize([[1, 2], [np.nan, 2]])
        assert net.input_shift is None
