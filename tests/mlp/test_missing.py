"""Missing targets (NaN) and weights of targets: costs, gradients and training with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from states import state_of

import fastnn
from fastnn import MLP, SGD
from fastnn.names import LOSSES

NAN = np.nan


def table(n: int = 40, k: int = 3, seed: int = 0) -> tuple[Any, Any, Any]:
    """X (n, 5), Y (n, k) from 0 to 1 with a third missing, row 3 all of it, and weights (n, k)."""
    rng = np.random.default_rng(seed)
    X, Y, w = rng.normal(size=(n, 5)), rng.uniform(size=(n, k)), rng.uniform(0.1, 3, (n, k))
    Y[rng.random((n, k)) < 1 / 3] = NAN
    Y[3] = NAN
    w[5, 0] = w[6] = 0
    return X, Y, w


def network(loss: str = "mse", k: int = 3, **options: Any) -> MLP:
    options = {"dtype": "float64", "seed": 0, "activation": "tanh", **options}
    return MLP([5, 4, 2 * k if loss == "gaussian_nll" else k], loss=loss, **options)


def twin_of(net: MLP, Y: Any, w: Any) -> tuple[dict[str, Any], Any, Any]:
    """Arguments of the twin for a network; Y and w with a column an output."""
    each = net.sizes[-1] // Y.shape[1]
    names = {"activation": list(net.activation), "output": net.output, "loss": net.loss}
    w = w if w is None or w.ndim == 1 else w.repeat(each, axis=1)
    return names, Y.repeat(each, axis=1), w


def differences(net: MLP, cost: Any, h: float = 1e-6) -> Any:
    """dC/dparams by central differences."""
    params, slopes = net.params.copy(), np.empty(net.n_params)
    for i, p in enumerate(params):
        for sign in (1, -1):
            net.params[i] = p + sign * h
            slopes[i] = cost() if sign == 1 else (slopes[i] - cost()) / (2 * h)
        net.params[i] = p
    return slopes


MASKED = [loss for loss in LOSSES if loss != "cross_entropy"]


@pytest.mark.parametrize("weighted", ["no weights", "of rows", "of targets"])
@pytest.mark.parametrize("loss", MASKED)
def test_cost_and_gradient_are_the_twins_and_agree_with_finite_differences(
    loss: str, weighted: str
) -> None:
    X, Y, w = table()
    net = network(loss)
    weight = {"no weights": None, "of rows": w[:, 1], "of targets": w}[weighted]
    names, wide, wide_weight = twin_of(net, Y, weight)
    twin = (list(net.sizes), net.params, X, wide, wide_weight)
    gradient = net.gradient(X, Y, sample_weight=weight)
    assert_allclose(gradient.cost, ref.cost(*twin, **names), rtol=1e-12)
    assert_allclose(gradient.flat, ref.gradient(*twin, **names), rtol=1e-9, atol=1e-12)
    assert_allclose(net.cost(X, Y, sample_weight=weight), gradient.cost, rtol=1e-12)
    assert_allclose(net.evaluate(X, Y, sample_weight=weight)["loss"], gradient.cost, rtol=1e-12)
    slopes = differences(net, lambda: net.cost(X, Y, sample_weight=weight))
    assert_allclose(gradient.flat, slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", MASKED)
def test_a_missing_target_is_one_of_weight_0(loss: str) -> None:
    X, Y, w = table()
    there = ~np.isnan(Y)
    filled = np.where(there, Y, 0.5)
    one, other = network(loss), network(loss)
    for net, y, weight in ((one, Y, w), (other, filled, w * there)):
        net.fit(X, y, sample_weight=weight, epochs=2, batch_size=7, optimizer=SGD(0.1))
    assert_allclose(one.params, other.params, rtol=1e-12, atol=1e-14)
    assert_allclose(one.history.loss, other.history.loss, rtol=1e-12)


def test_the_cost_of_mse_is_the_mean_over_the_targets_that_are_there() -> None:
    X, Y, w = table()
    for dtype, rtol in (("float64", 1e-12), ("float32", 1e-5)):
        net = network(dtype=dtype)
        squares = (net.predict(X) - Y) ** 2
        assert_allclose(net.cost(X, Y), np.nanmean(squares), rtol=rtol)
        weighed = np.nansum(w * squares) / w[~np.isnan(Y)].sum()
        assert_allclose(net.cost(X, Y, sample_weight=w), weighed, rtol=rtol)
        assert_allclose(
            net.cost(X, Y, sample_weight=w, per_example=True)[10],
            np.nansum((w * squares)[10]) / w[10][~np.isnan(Y[10])].sum(),
            rtol=rtol,
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_row_without_any_target_is_as_if_absent_bit_for_bit(dtype: str, shuffle: bool) -> None:
    X, Y, _ = table()
    keep = ~np.isnan(Y).all(axis=1)
    nets = [network(dtype=dtype) for _ in range(2)]
    options = {"epochs": 3, "batch_size": 4, "shuffle": shuffle}
    with_it = nets[0].fit(X, Y, **options)
    without = nets[1].fit(X[keep], Y[keep], **options)
    assert_array_equal(nets[0].params, nets[1].params)
    assert with_it.loss == without.loss


@pytest.mark.parametrize("per_row", [False, True])
def test_it_has_no_cost_and_no_gradient_of_its_own(per_row: bool) -> None:
    X, Y, w = table()
    net, weight = network(), w[:, 0] if per_row else w
    assert net.cost(X, Y, sample_weight=weight, per_example=True)[3] == 0
    assert not net.gradient(X, Y, sample_weight=weight, per_example=True).flat[3].any()
    assert not net.input_gradient(X, Y)[3].any()


def test_input_gradients_are_those_of_the_costs_of_each_example() -> None:
    X, Y, _ = table()
    net = network()
    slopes, h = net.input_gradient(X, Y), 1e-6
    for k in range(5):
        step = h * np.eye(5)[k]
        high, low = (net.cost(X + s * step, Y, per_example=True) for s in (1, -1))
        assert_allclose(slopes[:, k], (high - low) / (2 * h), rtol=1e-6, atol=1e-8)


def test_weights_that_are_alike_in_a_row_are_weights_of_rows() -> None:
    X, Y, w = table()
    Y = np.nan_to_num(Y)
    for call in ("gradient", "cost"):
        for each in (False, True):
            rows, wide = (
                getattr(network(), call)(X, Y, sample_weight=weight, per_example=each)
                for weight in (w[:, 0], w[:, :1].repeat(3, axis=1))
            )
            rows, wide = (x.flat if call == "gradient" else x for x in (rows, wide))
            assert_array_equal(rows, wide)


@pytest.mark.parametrize("labels", [False, True])
def test_weights_of_targets_weigh_the_terms_of_cross_entropy(labels: bool) -> None:
    X, _, w = table()
    y = np.random.default_rng(1).integers(0, 3, 40)
    shares = np.eye(3)[y] if labels else np.random.default_rng(1).dirichlet(np.ones(3), 40)
    net = network(output="softmax", loss="cross_entropy")
    terms = -w * shares * np.log(net.predict(X))
    expected = terms.sum() / w.sum() * 3
    target = y if labels else shares
    assert_allclose(net.cost(X, target, sample_weight=w), expected, rtol=1e-12)
    slopes = differences(net, lambda: net.cost(X, target, sample_weight=w))
    gradient = net.gradient(X, target, sample_weight=w).flat
    assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
    hit = (net.predict(X).argmax(axis=1) == shares.argmax(axis=1)) * w.mean(axis=1)
    accuracy = net.evaluate(X, target, sample_weight=w)["accuracy"]
    assert_allclose(accuracy, hit.sum() / w.mean(axis=1).sum(), rtol=1e-12)


def test_a_row_of_a_softmax_is_missing_as_a_whole() -> None:
    X, _, _ = table()
    y = np.random.default_rng(1).integers(0, 3, 40)
    one_hot = np.eye(3)[y]
    one_hot[4] = NAN
    keep = np.arange(40) != 4
    for class_weight in (None, "balanced"):
        nets = [network(output="softmax", loss="cross_entropy") for _ in range(2)]
        options = {"epochs": 2, "batch_size": 8, "class_weight": class_weight}
        nets[0].fit(X, one_hot, **options)
        nets[1].fit(X[keep], y[keep], **options)
        assert_array_equal(nets[0].params, nets[1].params)
        assert nets[0].history.accuracy == nets[1].history.accuracy


def test_accuracy_of_several_labels_counts_the_outputs_that_are_there() -> None:
    X, Y, w = table()
    many = np.where(np.isnan(Y), NAN, Y > 0.5)
    net = network("binary_cross_entropy")
    hits = np.where(np.isnan(Y), 0, (net.predict(X) >= 0.5) == (many == 1))
    there = ~np.isnan(Y)
    assert_allclose(net.evaluate(X, many)["accuracy"], hits.sum() / there.sum(), rtol=1e-12)
    weighed = (w * hits).sum() / (w * there).sum()
    got = net.evaluate(X, many, sample_weight=w)["accuracy"]
    assert_allclose(got, weighed, rtol=1e-12)


def test_labels_of_which_one_is_there_are_several_labels_not_classes() -> None:
    X, _, _ = table()
    y = np.full((40, 3), NAN)
    y[np.arange(40), np.arange(40) % 3] = 1
    net = network("binary_cross_entropy")
    expected = -np.log(net.predict(X)[np.arange(40), np.arange(40) % 3]).mean() * 3
    assert_allclose(net.cost(X, y), expected, rtol=1e-12)


def test_one_probability_may_be_missing() -> None:
    X, Y, _ = table()
    y = np.where(np.isnan(Y[:, 0]), NAN, Y[:, 0] > 0.5)
    there = ~np.isnan(y)
    net = network("binary_cross_entropy", k=1)
    for key, value in net.evaluate(X[there], y[there]).items():
        assert_allclose(net.evaluate(X, y)[key], value, rtol=1e-12)


def test_steps_validation_and_none_in_a_list_take_missing_targets() -> None:
    X, Y, w = table()
    there = ~np.isnan(Y[:, 0])
    y = [None if np.isnan(value) else value for value in Y[:, 0]]
    nets = [network(k=1) for _ in range(2)]
    nets[0].train_batch(X, y, sample_weight=w[:, :1], optimizer=SGD(0.1))
    nets[1].train_batch(X[there], Y[there, 0], sample_weight=w[there, 0], optimizer=SGD(0.1))
    assert_array_equal(nets[0].params, nets[1].params)
    history = network().fit(X, Y, validation_data=(X, Y, w), epochs=1, batch_size=None)
    names, wide, weight = twin_of(network(), Y, w)
    net = network()
    net.fit(X, Y, epochs=1, batch_size=None)
    expected = ref.cost([5, 4, 3], net.params, X, wide, weight, **names)
    assert_allclose(history.val_loss, [expected], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_batches_give_the_same_bits_on_any_number_of_threads(dtype: str) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(3000, 40)), rng.normal(size=(3000, 6))
    Y[rng.random(Y.shape) < 0.3] = NAN
    results = []
    for threads in (1, 2):
        before = fastnn.get_num_threads()
        fastnn.set_num_threads(threads)
        try:
            net = MLP([40, 64, 6], dtype=dtype, seed=0)
            history = net.fit(X, Y, epochs=3, batch_size=1500)
            results.append((net.params.copy(), history.loss, net.gradient(X, Y).flat))
        finally:
            fastnn.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert_array_equal(one, two)
    names = {"activation": ["relu"], "output": "identity", "loss": "mse"}
    twin = (list(net.sizes), net.params.astype(np.float64), X, Y)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    slopes = ref.gradient(*twin, **names)
    assert_allclose(results[1][2], slopes, rtol=tolerance, atol=tolerance * abs(slopes).max())


def test_sparse_rows_take_them_too() -> None:
    X, Y, w = table()
    X[np.random.default_rng(1).random(X.shape) < 0.8] = 0
    net = network()
    dense = net.gradient(X, Y, sample_weight=w)
    sparse = net.gradient(sp.csr_matrix(X), Y, sample_weight=w)
    assert_allclose(sparse.flat, dense.flat, rtol=1e-10, atol=1e-14)


def test_targets_are_standardized_by_those_that_are_there() -> None:
    X, Y, _ = table()
    Y[:, 2] = NAN
    net = network()
    net.standardize(X, Y)
    assert_allclose(net.output_shift[:2], np.nanmean(Y[:, :2], axis=0), rtol=1e-12)
    assert_allclose(net.output_scale[:2], np.nanstd(Y[:, :2], axis=0), rtol=1e-12)
    assert (net.output_shift[2], net.output_scale[2]) == (0, 1)
    residual = (net.predict(X) - Y) / net.output_scale
    assert_allclose(net.cost(X, Y), np.nanmean(residual**2), rtol=1e-12)


def test_the_array_that_is_given_keeps_its_nan() -> None:
    X, Y, _ = table()
    kept = Y.copy()
    network().fit(X, Y, epochs=1)
    assert_array_equal(Y, kept)


@pytest.mark.parametrize(
    ("y", "weight", "sentence"),
    [
        (np.full((40, 3), NAN), None, "y is NaN, which means missing, in every row"),
        (table()[1] * [[np.inf, 1, 1]], None, "y holds inf at row 0, output 0"),
        (table()[1], np.zeros((40, 3)), "all rows have weight 0"),
        (table()[1], np.isnan(table()[1]), "all rows have weight 0"),
        (table()[1], np.full((40, 3), NAN), "sample_weight must be finite and 0 or more"),
        (table()[1], -np.ones((40, 3)), "sample_weight must be finite and 0 or more"),
        (table()[1], np.ones((40, 2)), r"sample_weight must have shape \(40,\) or \(40, 3\)"),
        (table()[1] + 1e39, None, "y holds 1e.39 at row 0, output 0, too large for float32"),
    ],
)
def test_bad_ones_are_one_sentence_and_the_network_is_unchanged(
    y: Any, weight: Any, sentence: str
) -> None:
    X, _, _ = table()
    net = network(dtype="float32")
    before = state_of(net)
    for call in (net.fit, net.train_batch, net.cost, net.evaluate, net.gradient):
        with pytest.raises(ValueError, match=f"^{sentence}"):
            call(X, y, sample_weight=weight)
    assert state_of(net) == before


def test_pytorch_has_the_same_cost_and_gradient_of_masked_targets() -> None:
    torch = pytest.importorskip("torch")
    X, Y, w = table()
    net = network()
    params = [
        torch.tensor(np.asarray(part), requires_grad=True)
        for layer in zip(net.weights, net.biases, strict=True)
        for part in layer
    ]
    a = torch.tanh(torch.tensor(X) @ params[0] + params[1]) @ params[2] + params[3]
    mask = torch.tensor(~np.isnan(Y))
    squares = ((a - torch.tensor(np.nan_to_num(Y))) ** 2)[mask] * torch.tensor(w)[mask]
    cost = squares.sum() / torch.tensor(w)[mask].sum()
    cost.backward()
    gradient = net.gradient(X, Y, sample_weight=w)
    assert_allclose(gradient.cost, cost.item(), rtol=1e-12)
    flat = np.concatenate([part.grad.numpy().ravel() for part in params])
    assert_allclose(gradient.flat, flat, rtol=1e-9, atol=1e-12)
