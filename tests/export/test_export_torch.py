"""Networks to PyTorch and back: the same numbers, and PyTorch's gradients as ours.

Over 400 lines, because the way back has as many refusals as there are layers that we have not.
"""

from __future__ import annotations

import copy
import io
from itertools import product
from typing import Any

import numpy as np
import pytest
from export_helpers import every_activation_and_output, net_with_tails, rows
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.activations import ROWS
from fastnn.names import ACTIVATIONS, HIDDEN, LOSSES, pair

torch = pytest.importorskip("torch")

from recorded.record_torch_curves import HUBER_DELTA, QUANTILE, cost  # noqa: E402 - now it is there
from torch import nn  # noqa: E402

from fastnn import export  # noqa: E402

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def run(module: Any, X: Any) -> Any:
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


def assert_alike(mine: Any, theirs: Any, tolerance: float) -> None:
    assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
    np.testing.assert_allclose(theirs, mine, rtol=10 * tolerance, atol=tolerance)


def assert_same_network(one: fastnn.MLP, other: fastnn.MLP) -> None:
    """Every fact that modules hold, and every bit."""
    for fact in ("sizes", "activation", "output", "dropout", "dtype"):
        assert getattr(one, fact) == getattr(other, fact), fact
    assert one.params.tobytes() == other.params.tobytes()
    for fact in ("input_shift", "input_scale"):
        mine, theirs = getattr(one, fact), getattr(other, fact)
        assert (mine is None and theirs is None) or mine.tobytes() == theirs.tobytes()


# ---- there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_activation_and_output
def test_every_activation_and_output_computes_what_predict_does(
    activation: str, output: str, dtype: str
) -> None:
    net, X = net_with_tails(activation, output, dtype)
    assert_alike(net.predict(X), run(export.to_torch(net), X), TOLERANCE[dtype])
    assert_same_network(net, export.from_torch(export.to_torch(net)))


@settings(max_examples=15, deadline=None)
@given(
    hidden=st.lists(
        st.tuples(st.integers(1, 17), st.sampled_from(HIDDEN), st.sampled_from([0, 0.25, 0.5])),
        max_size=4,
    ),
    ends=st.tuples(st.integers(1, 20), st.integers(1, 6)),
    output=st.sampled_from(ACTIVATIONS),
    n=st.sampled_from([0, 1, 33]),
    dtype=st.sampled_from(["float32", "float64"]),
    scaled=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_network_goes_there_and_comes_back(
    hidden: Any, ends: Any, output: str, n: int, dtype: str, scaled: bool, seed: int
) -> None:
    net = fastnn.MLP(
        # softmax of one output is refused
        [ends[0], *(width for width, _, _ in hidden), ends[1] + (output == "softmax")],
        activation=[f for _, f, _ in hidden],
        dropout=[p for _, _, p in hidden],
        output=output,
        dtype=dtype,
        seed=seed,
    )
    X = rows(n, ends[0], seed, dtype)
    if scaled:
        net.standardize(rows(50, ends[0], seed) * 3 + 1)
    modules = export.to_torch(net)
    assert_alike(net.predict(X), run(modules, X), TOLERANCE[dtype])
    assert_same_network(net, export.from_torch(modules))
    without = export.from_torch(modules.state_dict(), activation=net.activation, output=output)
    assert without.params.tobytes() == net.params.tobytes()
    assert_alike(net.predict(X), without.predict(X), 0)


def test_a_float64_softplus_is_exact_above_their_threshold_of_20() -> None:
    net = fastnn.MLP([1, 1], output="softplus", loss="mse", dtype="float64", seed=0)
    net.weights[0], net.biases[0] = [[1]], [0]
    X = np.array([[-700.0], [-30], [0], [20.5], [39], [41], [800]])
    assert_alike(net.predict(X), run(export.to_torch(net), X), 1e-15)


def test_bytes_are_numbers_where_inputs_are_scaled() -> None:
    net = fastnn.MLP([6, 3], seed=0)
    X = np.random.default_rng(0).integers(0, 256, (20, 6), dtype=np.uint8)
    net.standardize(X)
    assert_alike(run(export.to_torch(net), X.astype(np.float32)), run(export.to_torch(net), X), 0)
    assert_alike(net.predict(X), run(export.to_torch(net), X), 1e-6)


def test_the_modules_are_pytorchs_own_and_in_evaluation_mode() -> None:
    net = fastnn.MLP([4, 8, 8, 3], output="softmax", dropout=[0.25, 0], seed=0)
    modules = export.to_torch(net)
    kinds = [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear, nn.Softmax]
    assert [type(module) for module in modules] == kinds
    assert not any(module.training for module in modules.modules())
    assert all(parameter.requires_grad for parameter in modules.parameters())
    assert modules[2].p == 0.25
    X = torch.ones(1, 4)
    modules.train()
    assert any(not torch.equal(modules(X), modules(X)) for _ in range(50))


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "exp", "identity"])
def test_logits_are_what_comes_before_the_last_activation(output: str) -> None:
    net = fastnn.MLP([4, 8, 3], output=output, seed=0)
    X = rows(20, 4)
    z = net.activations(X)[1] @ net.weights[1] + net.biases[1]
    assert_alike(z, run(export.to_torch(net, logits=True), X), 1e-6)


def test_neither_side_sees_what_the_other_does_afterwards() -> None:
    net = fastnn.MLP([3, 2], seed=0)
    net.standardize(rows(9, 3))
    before = copy.deepcopy(net)
    modules = export.to_torch(net)
    back = export.from_torch(modules)
    with torch.no_grad():
        for tensor in modules.state_dict().values():
            tensor.fill_(7)
    assert_same_network(net, before)
    assert_same_network(back, before)


def test_pytorchs_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    export.to_torch(fastnn.MLP([3, 4, 2], seed=0))
    assert torch.equal(torch.rand(3), expected)


def test_pytorchs_tools_take_the_modules() -> None:
    net = fastnn.MLP([3, 4, 2], output="exp", seed=0)
    X = rows(5, 3)
    net.standardize(X)
    modules = export.to_torch(net)
    exported = torch.export.export(modules, (torch.from_numpy(X),)).module()
    assert_alike(net.predict(X), run(exported, X), 1e-6)
    file = io.BytesIO()
    torch.save(modules.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    back = export.from_torch(state, activation=net.activation, output="exp")
    assert_same_network(net, back)


# ---- and back ----------------------------------------------------------------------------------


def test_modules_by_hand_become_the_network() -> None:
    # By hand: relu(2·1 − 1·1 + 0.5) = 1.5 and relu(−1) = 0, then 3·1.5 + 0.25 = 4.75.
    first, last = nn.Linear(2, 2), nn.Linear(2, 1)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[2.0, -1], [-1, 0]]))
        first.bias.copy_(torch.tensor([0.5, 0]))
        last.weight.copy_(torch.tensor([[3.0, 100]]))
        last.bias.copy_(torch.tensor([0.25]))
    net = export.from_torch(nn.Sequential(first, nn.ReLU(inplace=True), last), loss="huber")
    assert (net.sizes, net.activation, net.output, net.loss) == (
        (2, 2, 1),
        ("relu",),
        "identity",
        "huber",
    )
    assert net.predict([[1.0, 1.0]]).tolist() == [[4.75]]


def test_what_changes_nothing_is_passed_over() -> None:
    source = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(6, 5, bias=False), nn.Identity(), nn.Tanh(), nn.Dropout(0.0)),
        nn.Linear(5, 4),
        nn.Linear(4, 2),
        nn.Softmax(dim=-1),
    )
    net = export.from_torch(source)
    assert (net.sizes, net.activation, net.output) == (
        (6, 5, 4, 2),
        ("tanh", "identity"),
        "softmax",
    )
    assert (net.biases[0] == 0).all()
    X = rows(7, 6)
    assert_alike(run(source, X.reshape(7, 2, 3)), net.predict(X), 1e-6)


def test_a_last_linear_layer_gets_the_output_that_its_loss_applied() -> None:
    source = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3))
    net = export.from_torch(source, output="softmax")
    X = rows(9, 4)
    assert net.loss == "cross_entropy"
    assert_alike(run(nn.Sequential(source, nn.Softmax(1)), X), net.predict(X), 1e-6)


def test_a_network_that_came_back_learns_on() -> None:
    X, Y = rows(200, 3), rows(200, 2, seed=1)
    source = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    net = export.from_torch(source, seed=0)
    before = net.evaluate(X, Y)["loss"]
    net.fit(X, Y, epochs=20)
    assert net.evaluate(X, Y)["loss"] < before


def test_parameters_of_frozen_sliced_and_transposed_tensors_are_read() -> None:
    weight = torch.arange(12.0).reshape(3, 4).T[::2]
    net = export.from_torch({"weight": weight, "bias": nn.Parameter(torch.ones(2))}, output="tanh")
    assert (net.weights[0] == weight.numpy().T).all() and (net.biases[0] == 1).all()


def linear(n_in: int = 4, n_out: int = 4, **options: Any) -> nn.Linear:
    return nn.Linear(n_in, n_out, **options)


def spoilt(value: float) -> nn.Linear:
    layer = linear()
    with torch.no_grad():
        layer.bias[1] = value
    return layer


def pruned() -> nn.Linear:
    from torch.nn.utils import prune

    return prune.l1_unstructured(linear(), "weight", amount=0.5)


def normed() -> nn.Linear:
    from torch.nn.utils import parametrizations

    return parametrizations.weight_norm(linear())


class Twice(nn.Sequential):
    """Not what its modules say."""

    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("modules", "sentence"),
    [
        ([], "source has no Linear layer"),
        ([nn.Conv1d(1, 1, 1)], r"module 0 (Conv1d) has no equivalent in an MLP"),
        ([linear(), nn.BatchNorm1d(4)], "module 1 (BatchNorm1d) has no equivalent in an MLP; fold"),
        ([linear(), nn.PReLU()], "module 1 (PReLU) has no equivalent in an MLP"),
        ([linear(), nn.LogSoftmax(1)], "leave it out and give output='softmax'"),
        ([nn.Sequential(linear(), nn.ReLU6())], "module 0.1 (ReLU6) has no equivalent in an MLP"),
        ([Twice(linear())], "module 0 (Twice) has no equivalent in an MLP"),
        ([normed()], "module 0 (ParametrizedLinear) has no equivalent in an MLP"),
        ([pruned()], "module 0 (Linear) has forward hooks (weight_norm, pruning, ...)"),
        ([linear(), nn.LeakyReLU(0.2)], "(LeakyReLU): negative_slope must be 0.01, it is 0.2"),
        ([linear(), nn.ELU(2.0)], "module 1 (ELU): alpha must be 1, it is 2.0"),
        ([linear(), nn.GELU("tanh")], "approximate must be 'none', the exact one, it is 'tanh'"),
        ([linear(), nn.Softplus(beta=2)], "module 1 (Softplus): beta must be 1, it is 2"),
        ([linear(), nn.Softplus(threshold=5)], "(Softplus): threshold must be 20 or more, it is 5"),
        ([linear(), nn.Softmax(dim=0)], "module 1 (Softmax): dim must be 1, it is 0"),
        ([linear(), nn.Softmax(dim=None)], "module 1 (Softmax): dim must be 1, it is None"),
        ([linear(), nn.Softmax(1), linear()], "module 0 (Linear): softmax is for the output layer"),
        ([nn.ReLU(), linear()], "module 0 (ReLU) stands before the first Linear"),
        ([linear(), nn.ReLU(), nn.Tanh()], "module 2 (Tanh) follows another activation, relu"),
        ([nn.Dropout(), linear()], "module 0 (Dropout): an MLP has no dropout of its inputs"),
        ([linear(), nn.Dropout(), nn.ReLU()], "module 2 (ReLU) follows a Dropout"),
        ([linear(), nn.Dropout(), nn.Dropout()], "module 2 (Dropout) follows another dropout"),
        ([linear(), nn.Dropout(1.0), linear()], "module 1 (Dropout): p must be below 1"),
        ([linear(), nn.Dropout()], "source ends with a Dropout, after module 0 (Linear)"),
        ([linear(), nn.Flatten()], "module 1 (Flatten) has no equivalent in an MLP"),
        ([nn.Flatten(0), linear()], "module 0 (Flatten) must flatten from dimension 1"),
        ([linear(4, 3), linear(4, 2)], "module 1 (Linear) reads 4 values; module 0 (Linear) befor"),
        ([spoilt(np.nan)], "module 0 (Linear): its bias holds NaN or infinity"),
        ([spoilt(np.inf)], "module 0 (Linear): its bias holds NaN or infinity"),
        ([linear(dtype=torch.bfloat16)], "its weight must be float32 or float64, it is bfloat16"),
        ([linear(), linear(dtype=torch.float64)], "all parameters must have one dtype"),
        (
            [linear(device="meta")],
            "its weight must be a dense tensor with values, it is on the met",
        ),
    ],
)
def test_what_an_mlp_cannot_be_is_refused_by_the_modules_name(modules: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        export.from_torch(nn.Sequential(*modules))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "options", "sentence"),
    [
        ({}, {}, "source has no weight of a linear layer"),
        ({"a.weight": torch.ones(2, 3)}, {}, "a state_dict has no functions: pass output"),
        (
            {"a.weight": torch.ones(2, 3), "b.weight": torch.ones(1, 2)},
            {},
            "a state_dict has no functions: pass activation and output",
        ),
        (nn.BatchNorm1d(3).state_dict(), {}, "entry 'running_mean' belongs to no linear layer"),
        (nn.LayerNorm(3).state_dict(), {}, "entry 'weight' has shape (3,); that of a linear layer"),
        ({"a.bias": torch.ones(2)}, {}, "entry 'a.bias' belongs to no linear layer"),
        (
            {"a.weight": torch.ones(2, 3), "b.weight": torch.ones(1, 4)},
            {},
            "entry 'b.weight' reads 4 values; entry 'a.weight' before it gives 2",
        ),
        (
            {"a.weight": torch.ones(2, 3), "a.bias": torch.ones(3)},
            {},
            "entry 'a.weight' gives 2 values; its bias has shape (3,)",
        ),
        (
            {"s.shift": torch.ones(2), "s.scale": torch.ones(2), "a.weight": torch.ones(2, 3)},
            {},
            "entry 'a.weight' reads 3 values; the shift of inputs has (2,)",
        ),
        (
            {"a.weight": torch.ones(2, 3).to_sparse()},
            {},
            "entry 'a.weight' must be a dense tensor with values, it is sparse_coo",
        ),
        ({"a.weight": torch.ones(2, 3)}, {"output": "softmaxx"}, "did you mean 'softmax'?"),
    ],
)
def test_a_state_dict_that_is_no_mlps_is_refused(state: Any, options: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        export.from_torch(state, **options)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("model.pt", "pass the result of torch.load(path, weights_only=True)"),
        (nn.Linear(2, 2), "got Linear; write torch.nn.Sequential(linear)"),
        (nn.GRU(2, 2), "got GRU; its parameters are read from its state_dict()"),
        (Twice(nn.Linear(2, 2)), "got Twice; its parameters are read from its state_dict()"),
        ({"epoch": 3}, "it maps 'epoch' to int"),
        (None, "source must be a torch.nn.Sequential or a state_dict, got NoneType"),
    ],
)
def test_another_source_is_a_mistake_of_type(source: Any, sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        export.from_torch(source)
    assert sentence in str(caught.value)


def test_what_modules_tell_is_not_told_otherwise() -> None:
    source = nn.Sequential(linear(), nn.ReLU(), linear(), nn.Sigmoid())
    assert export.from_torch(source, activation="relu", output="sigmoid").output == "sigmoid"
    with pytest.raises(ValueError, match="activation is given by the modules: relu; got 'tanh'"):
        export.from_torch(source, activation="tanh")
    with pytest.raises(ValueError, match="output is given by the modules: sigmoid; got 'softmax'"):
        export.from_torch(source, output="softmax")
    with pytest.raises(ValueError, match="loss 'cross_entropy' needs output softmax"):
        export.from_torch(source, loss="cross_entropy")


def test_only_a_network_becomes_modules() -> None:
    with pytest.raises(TypeError, match=r"net must be a fastnn\.MLP, got Linear"):
        export.to_torch(nn.Linear(2, 2))


def test_the_examples_in_the_reference_run() -> None:
    import doctest

    from fastnn.export import torch as there
    from fastnn.export import torch_reading as back

    assert [doctest.testmod(module).failed for module in (there, back)] == [0, 0]


# ---- gradients ---------------------------------------------------------------------------------


def legal(output: str, loss: str) -> bool:
    try:
        return pair(output, loss) == (output, loss)
    except ValueError:
        return False


PAIRS = [(output, loss) for output, loss in product(ACTIVATIONS, LOSSES) if legal(output, loss)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("activation", "output", "loss"),
    [
        *(("tanh", output, loss) for output, loss in PAIRS),
        *((activation, "identity", "mse") for activation in HIDDEN),
    ],
)
def test_gradients_and_costs_are_those_of_autograd(
    activation: str, output: str, loss: str, dtype: str
) -> None:
    net = fastnn.MLP(
        [5, 7, 6, 6 if loss == "gaussian_nll" else 3],
        activation=activation,
        output=output,
        loss=loss,
        dtype=dtype,
        quantile=QUANTILE,
        huber_delta=HUBER_DELTA,
        seed=2,
    )
    X, Y = rows(16, 5, dtype=dtype), rows(16, 3, seed=1, dtype=dtype)
    if loss == "cross_entropy":
        Y = np.exp(Y) / np.exp(Y).sum(axis=1, keepdims=True)
    elif ROWS[output].range != (-np.inf, np.inf):  # else the output could not reach them
        Y = np.abs(Y) / (1 + np.abs(Y))
    modules = export.to_torch(net, logits=True)
    z = modules(torch.from_numpy(X))
    last = export.to_torch(net)[-1]
    C = cost(loss, output, z, z if output == "identity" else last(z), torch.from_numpy(Y))
    C.backward()
    theirs = [
        (layer.weight.grad.numpy().T, layer.bias.grad.numpy())
        for layer in modules
        if isinstance(layer, nn.Linear)
    ]
    flat = np.concatenate([part.ravel() for layer in theirs for part in layer])
    assert net.cost(X, Y) == pytest.approx(C.item(), rel=1e-5 if dtype == "float32" else 1e-12)
    assert_alike(net.gradient(X, Y).flat, flat, 1e-6 if dtype == "float32" else 1e-13)
