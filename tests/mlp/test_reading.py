"""Methods of a trained network: predictions, classes, activations, costs, gradients."""

from typing import Any

import numpy as np
import pytest
import reference as ref
from numpy.testing import assert_array_equal
from states import table

import fastnn
from fastnn import MLP, SGD

CASES = [  # hidden, output, loss
    ("sigmoid", "sigmoid", "quadratic"),
    ("tanh", "identity", "mse"),
    ("gelu", "softmax", "cross_entropy"),
    ("silu", "sigmoid", "binary_cross_entropy"),
    ("elu", "identity", "huber"),
    ("softplus", "identity", "mae"),
    ("leaky_relu", "tanh", "quantile"),
    ("relu", "exp", "poisson"),
    ("identity", "softplus", "poisson"),
    ("relu", "softmax", "quadratic"),
]


def network(hidden, output, loss, **options):
    net = MLP([4, 5, 3], activation=hidden, output=output, loss=loss, seed=1, **options)
    net.biases[0] = np.linspace(-0.3, 0.4, 5)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(7, 4))
    Y = rng.uniform(0.1, 0.9, size=(7, 3))
    return net, X, Y


def twin(net):
    return {"activation": net.activation, "output": net.output, "loss": net.loss}


class TestAgainstTheTwin:
    @pytest.mark.parametrize(("hidden", "output", "loss"), CASES)
    def test_activations_costs_and_gradients_are_the_twins(self, hidden, output, loss):
        net, X, Y = network(hidden, output, loss, dtype="float64")
        names = twin(net)
        expected = ref.forward(net.sizes, net.params, X, activation=hidden, output=output)[0]
        for mine, his in zip(net.activations(X), expected, strict=True):
            np.testing.assert_allclose(mine, his, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(net.predict(X), net.activations(X)[-1])
        each = ref.cost_per_example(net.sizes, net.params, X, Y, **names)
        np.testing.assert_allclose(net.cost(X, Y, per_example=True), each, rtol=1e-11)
        np.testing.assert_allclose(net.cost(X, Y), each.mean(), rtol=1e-11)
        gradient = ref.gradient(net.sizes, net.params, X, Y, **names)
        np.testing.assert_allclose(net.gradient(X, Y).flat, gradient, rtol=1e-10, atol=1e-13)
        rows = ref.gradient_per_example(net.sizes, net.params, X, Y, **names)
        mine = net.gradient(X, Y, per_example=True).flat
        np.testing.assert_allclose(mine, rows, rtol=1e-10, atol=1e-13)

    def test_parameters_of_losses_reach_the_core(self):
        for loss, option, value in (("huber", "huber_delta", 0.2), ("quantile", "quantile", 0.9)):
            net, X, Y = network("tanh", "identity", loss, dtype="float64", **{option: value})
            expected = ref.cost(net.sizes, net.params, X, Y, **twin(net), loss_parameter=value)
            np.testing.assert_allclose(net.cost(X, Y), expected, rtol=1e-12)

    def test_dropout_is_for_training_only(self):
        net, X, Y = network("relu", "identity", "mse", dropout=0.5)
        plain, _, _ = network("relu", "identity", "mse")
        np.testing.assert_array_equal(net.predict(X), plain.predict(X))
        np.testing.assert_array_equal(net.gradient(X, Y).flat, plain.gradient(X, Y).flat)


class TestGradient:
    @pytest.mark.parametrize(("hidden", "output", "loss"), CASES)
    def test_it_is_the_slope_of_the_cost_by_finite_differences(self, hidden, output, loss):
        net, X, Y = network(hidden, output, loss, dtype="float64")
        eps, slopes = 1e-6, []
        for i in range(net.n_params):
            net.params[i] += eps
            above = net.cost(X, Y)
            net.params[i] -= 2 * eps
            below = net.cost(X, Y)
            net.params[i] += eps
            slopes.append((above - below) / (2 * eps))
        np.testing.assert_allclose(net.gradient(X, Y).flat, slopes, rtol=1e-6, atol=1e-8)

    def test_the_mean_of_each_examples_gradient_is_the_gradient(self):
        net, X, Y = network("tanh", "softmax", "cross_entropy", dtype="float64")
        each, whole = net.gradient(X, Y, per_example=True), net.gradient(X, Y)
        np.testing.assert_allclose(each.flat.mean(axis=0), whole.flat, rtol=1e-12, atol=1e-16)
        for part, total in zip(each.weights, whole.weights, strict=True):
            np.testing.assert_allclose(part.mean(axis=0), total, rtol=1e-12, atol=1e-16)
        for part, total in zip(each.biases, whole.biases, strict=True):
            np.testing.assert_allclose(part.mean(axis=0), total, rtol=1e-12, atol=1e-16)

    def test_weights_and_biases_are_views_of_flat(self):
        net, X, Y = network("tanh", "softmax", "cross_entropy")
        gradient = net.gradient(X, Y)
        gradient.weights[0][:] = 7
        gradient.biases[1][:] = 8
        assert (gradient.flat[0], gradient.flat[-1]) == (7, 8)

    def test_sample_weights_weigh_it(self):
        net, X, Y = network("tanh", "softmax", "cross_entropy", dtype="float64")
        w = np.array([0, 1, 2, 0.5, 0, 3, 1])
        expected = np.average(net.gradient(X, Y, per_example=True).flat, axis=0, weights=w)
        mine = net.gradient(X, Y, sample_weight=w).flat
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-16)

    def test_one_worked_by_hand(self):
        # a = 2·3 + 1 = 7, C = (7 − 5)² = 4, dC/db = 2·2 = 4, dC/dW = 4·3 = 12
        net = MLP([1, 1], output="identity", loss="quadratic")
        net.params = [2, 1]
        assert net.cost([[3]], [5]) == 4
        np.testing.assert_array_equal(net.gradient([[3]], [5]).flat, [12, 4])
        net.train_batch([[3]], [5], optimizer=SGD(lr=0.25))
        np.testing.assert_array_equal(net.params, [-1, 0])


class TestPredict:
    def test_a_row_does_not_depend_on_the_other_rows(self):
        X = np.random.default_rng(0).normal(size=(1100, 30))
        for output in ("softmax", "tanh"):
            net = MLP([30, 40, 10], output=output, seed=0)
            whole = net.predict(X)
            for rows in (
                slice(0, 1),
                slice(3, 10),
                slice(511, 514),
                slice(0, 600),
                slice(1099, 1100),
            ):
                np.testing.assert_array_equal(net.predict(X[rows]), whole[rows])

    def test_no_rows_give_no_rows(self):
        net = MLP([3, 2], output="softmax")
        assert net.predict(np.empty((0, 3))).shape == (0, 2)
        assert net.classify(np.empty((0, 3))).shape == (0,)
        assert [a.shape for a in net.activations(np.empty((0, 3)))] == [(0, 3), (0, 2)]

    def test_costs_and_gradients_of_no_rows_are_refused(self):
        net = MLP([3, 2], output="softmax")
        for ask in (net.cost, net.gradient, net.evaluate, net.fit, net.train_batch):
            with pytest.raises(ValueError, match=r"^X has no rows$"):
                ask(np.empty((0, 3)), [])

    def test_it_writes_into_out_and_returns_it(self):
        net, X, _ = network("tanh", "softmax", "cross_entropy")
        out = np.full((7, 3), np.nan, np.float32)
        assert net.predict(X, out=out) is out
        np.testing.assert_array_equal(out, net.predict(X))

    def test_an_out_that_does_not_fit_is_refused_untouched(self):
        net, X, _ = network("tanh", "softmax", "cross_entropy")
        fixed = np.zeros((7, 3), np.float32)
        fixed.flags.writeable = False
        for out in (np.zeros((7, 4), np.float32), np.zeros((7, 3)), [[0] * 3] * 7, np.zeros(21)):
            with pytest.raises(
                ValueError, match=r"out must be an array of shape \(7, 3\) and dtype"
            ):
                net.predict(X, out=out)
        for out in (np.zeros((3, 7), np.float32).T, fixed, np.zeros((14, 3), np.float32)[::2]):
            with pytest.raises(ValueError, match=r"out must be C-contiguous, aligned and writable"):
                net.predict(X, out=out)
            assert not out.any()

    def test_out_must_not_lie_on_x(self):
        both = np.ones((5, 3), np.float32)
        with pytest.raises(ValueError, match=r"out must not share memory with X"):
            MLP([3, 3]).predict(both[:4], out=both[1:])

    def test_results_are_new_arrays(self):
        net, X, _ = network("tanh", "softmax", "cross_entropy")
        first = net.predict(X)
        first[:] = 0
        assert net.predict(X).any()


class TestClassify:
    def rows(self):  # identity network: the outputs are the inputs
        net = MLP([3, 3], output="identity", init="zeros")
        net.weights[0] = np.eye(3)
        return net, [[1, 3, 2], [5, 1, 1], [0, 0, 1], [2, 2, 1]]

    def test_the_largest_output_wins_and_of_equals_the_first(self):
        net, X = self.rows()
        np.testing.assert_array_equal(net.classify(X), [1, 0, 2, 0])

    def test_labels_are_those_of_classes(self):
        net, X = self.rows()
        net.classes = ["b", "a", "c"]
        assert net.classify(X).tolist() == ["a", "b", "c", "b"]
        net.classes = [30, 10, 20]
        assert net.classify(X).tolist() == [10, 30, 20, 30]

    def test_outputs_without_a_class_never_win(self):
        net, X = self.rows()
        net.classes = ["b", "a"]
        assert net.classify(X).tolist() == ["a", "b", "b", "b"]

    def test_one_output_says_yes_from_a_half_on(self):
        net = MLP([1, 1], output="sigmoid", init="zeros")
        net.params = [1, 0]
        X = [[-0.1], [0], [0.1]]
        np.testing.assert_array_equal(net.classify(X), [0, 1, 1])
        net.classes = ["no", "yes"]
        assert net.classify(X).tolist() == ["no", "yes", "yes"]

    def test_one_output_that_is_a_number_is_no_class_unless_the_classes_are_named(self):
        net = MLP([1, 1], output="identity", init="zeros")
        net.params = [1, 0]
        X = [[0.4], [0.5], [0.6]]
        with pytest.raises(
            ValueError, match=r"^output .* gives numbers, not classes; set `classes` if "
        ):
            net.classify(X)
        net.classes = ["no", "yes"]
        assert net.classify(X).tolist() == ["no", "yes", "yes"]

    def test_one_output_that_learnt_yes_and_no_tells_them_apart(self, tmp_path):
        net = MLP([1, 1], output="identity", seed=0)
        X, y = np.array([[-1.0], [1]]), np.array([False, True])
        net.fit(X, y, epochs=200, optimizer=SGD(0.2))
        assert net.classify(X).tolist() == [False, True]
        assert net.evaluate(X, y)["accuracy"] == 1
        net.save(tmp_path / "net")
        assert fastnn.load(tmp_path / "net").classify(X).tolist() == [False, True]


class TestEvaluate:
    def test_it_is_the_mean_cost_and_the_share_that_is_right(self):
        net = MLP([2, 2], output="identity", loss="quadratic", init="zeros")
        net.weights[0] = np.eye(2)
        X, y = [[1, 0], [0, 1], [3, 1]], [0, 0, 1]
        # costs: 0; (0 − 1)² + (1 − 0)² = 2; 3² + (1 − 1)² = 9
        assert net.evaluate(X, y) == {
            "loss": pytest.approx(11 / 3),
            "accuracy": pytest.approx(1 / 3),
        }
        np.testing.assert_array_equal(net.cost(X, y, per_example=True), [0, 2, 9])
        weighed = net.evaluate(X, y, sample_weight=[1, 0, 3])
        assert weighed == {"loss": pytest.approx(27 / 4), "accuracy": pytest.approx(1 / 4)}
        assert net.cost(X, y, sample_weight=[1, 0, 3]) == pytest.approx(27 / 4)

    def test_values_have_no_accuracy(self):
        assert set(MLP([2, 1]).evaluate([[1, 2]], [0.5])) == {"loss"}

    def test_many_rows_are_evaluated_in_several_calls_that_add_up(self, monkeypatch):
        monkeypatch.setattr(fastnn.fit.call_size, "_OPERATIONS_PER_CALL", 1)  # 512 rows a call
        net = MLP([1, 1], loss="quadratic", init="zeros", dtype="float64")
        y = np.arange(1300.0)  # Σ y² / n = (n − 1)(2n − 1) / 6
        assert net.evaluate(np.zeros((1300, 1)), y)["loss"] == 1299 * 2599 / 6

    def test_several_labels_a_row_count_output_by_output(self):
        net = MLP([1, 3], output="sigmoid", init="zeros")
        net.biases[0] = [1, 1, -1]  # says yes, yes, no
        assert net.evaluate([[0], [0]], [[1, 1, 0], [1, 0, 1]])["accuracy"] == pytest.approx(4 / 6)

    def test_more_rows_than_a_block_give_the_sum_of_their_parts(self):
        X, y = table(3000, 6, 4)
        net = MLP([6, 4], output="softmax", dtype="float64", seed=0)
        each = net.cost(X, y, per_example=True)
        assert net.cost(X, y) == pytest.approx(each.mean(), rel=1e-12)
        right = np.mean(net.classify(X) == y)
        assert net.evaluate(X, y)["accuracy"] == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("given", [np.float32, np.float64, np.uint8, np.int32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 3, 5, 700])
def test_few_rows_take_a_short_way_to_the_same_bits(given: Any, dtype: str, rows: int) -> None:
    rng = np.random.default_rng(0)
    many = (rng.integers(0, 256, (700, 20)) * (rng.random((700, 20)) < 0.4)).astype(given)
    for scaled in (False, True):
        net = fastnn.MLP([20, 33, 4], activation="tanh", output="sigmoid", dtype=dtype, seed=0)
        if scaled:
            net.standardize(many)
        want = net.predict(many, out=np.empty((700, 4), dtype))[:rows]  # `out` takes the long way
        for few in (many[:rows], np.asfortranarray(many[:rows]), many.tolist()[:rows]):
            if isinstance(few, list) and given is np.uint8:
                continue  # numbers, no longer bytes
            assert_array_equal(net.predict(few), want)
        for mode in ("always", "never", "auto"):
            fastnn.set_sparse(mode)
            assert_array_equal(net.predict(many[:rows]), want)
