"""A network inside a PyTorch model: values, gradients, and memory that both share."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from fastnn import export  # noqa: E402
from fastnn.export.torch_shared import _Function  # noqa: E402
from fastnn.names import ACTIVATIONS, HIDDEN  # noqa: E402

SMOOTH = [name for name in HIDDEN if name not in ("relu", "leaky_relu")]


def network(**options: Any) -> fastnn.MLP:
    sizes = options.pop("sizes", [3, 5, 4, 2])
    return fastnn.MLP(sizes, **{"activation": "tanh", "dtype": "float64", "seed": 1} | options)


def rows(n: int, width: int = 3, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, width)))


@pytest.mark.parametrize("output", [name for name in ACTIVATIONS if "relu" not in name])
@pytest.mark.parametrize("scaled", [False, True])
def test_pytorchs_gradcheck_finds_both_gradients_right(output: str, scaled: bool) -> None:
    for activation in SMOOTH if output == "identity" else ["tanh"]:
        net = network(activation=activation, output=output)
        X = rows(4)
        if scaled:
            Y = rows(9, 2, seed=1).numpy() * 5 if output == "identity" else None
            net.standardize(rows(9).numpy() * 3 + 1, Y)
        module = export.torch_module(net)
        X.requires_grad_()

        def of_both(x: Any, params: Any, module: Any = module) -> Any:
            with torch.no_grad():
                module.params.copy_(params)
            return _Function.apply(x, params, module.network)

        params = module.params.detach().clone().requires_grad_()
        assert torch.autograd.gradcheck(of_both, (X, params), eps=1e-6, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_those_of_pytorchs_own_layers(dtype: str) -> None:
    net = network(activation=["gelu", "relu"], dtype=dtype)
    net.standardize(rows(9).numpy() * 3 + 1, rows(9, 2, seed=1).numpy() * 5)
    ours, theirs = export.torch_module(net), export.to_torch(net)
    first = torch.nn.Linear(3, 3, dtype=getattr(torch, dtype))
    slopes = []
    for module in (ours, theirs):
        first.zero_grad()
        x = rows(16, seed=2).to(getattr(torch, dtype)).requires_grad_()
        answer = module(first(x))
        (answer**2).mean().backward()
        slopes.append((answer.detach(), x.grad, first.weight.grad.clone()))
    tolerance = {"float32": 1e-4, "float64": 1e-10}[dtype]
    for mine, other in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)
    parts = [p.grad.T if p.dim() == 2 else p.grad for p in theirs.parameters()]
    flat = torch.cat([part.reshape(-1) for part in parts])
    torch.testing.assert_close(ours.params.grad, flat, rtol=tolerance, atol=tolerance)


def test_an_optimiser_of_pytorch_trains_the_network_and_what_stands_before_it() -> None:
    torch.manual_seed(0)
    net = network(sizes=[4, 16, 1])
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4, dtype=torch.float64), export.torch_module(net)
    )
    X = rows(200)
    Y = torch.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:]
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    before, start = net.params.copy(), model[0].weight.detach().clone()
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(X), Y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert (net.params != before).all() and (model[0].weight != start).all()


def test_the_memory_is_one() -> None:
    net = network()
    module = export.torch_module(net)
    assert sum(p.numel() for p in module.parameters()) == net.n_params
    net.weights[0][:] = 3
    assert (module.params[:15] == 3).all()
    with torch.no_grad():
        module.params.zero_()
    assert not net.params.any()
    net.fit(rows(20).numpy(), rows(20, 2).numpy(), epochs=1)
    np.testing.assert_array_equal(module.params.detach().numpy(), net.params)


def test_a_copy_has_a_network_of_its_own() -> None:
    module = export.torch_module(network())
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other.network is not module.network
        torch.testing.assert_close(other(rows(3)), module(rows(3)))
        with torch.no_grad():
            other.params.zero_()
        assert module.network.params.any() and not other.network.params.any()


def test_rows_may_have_any_leading_axes_or_be_none() -> None:
    module = export.torch_module(network())
    x = rows(12).requires_grad_()
    torch.testing.assert_close(module(x.reshape(2, 6, 3)), module(x).reshape(2, 6, 2))
    assert module(x[0]).shape == (2,)
    none = module(x[:0])
    assert none.shape == (0, 2)
    none.sum().backward()
    assert not module.params.grad.any()


def test_frozen_layers_get_the_gradient_0() -> None:
    net = network()
    net.trainable = [True, False, True]
    module = export.torch_module(net)
    module(rows(5)).sum().backward()
    grad, frozen = module.params.grad.numpy(), slice(3 * 5 + 5, 3 * 5 + 5 + 5 * 4 + 4)
    assert not grad[frozen].any()
    assert grad[: frozen.start].any() and grad[frozen.stop :].any()


def test_what_would_give_wrong_gradients_is_an_error() -> None:
    module = export.torch_module(network())
    answer = module(rows(4)).sum()
    with torch.no_grad():
        module.params += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        answer.backward()
    x = rows(4).requires_grad_()
    (slope,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        slope.sum().backward()
    with pytest.raises(RuntimeError, match="no longer the network's"):
        module.float()(rows(4))
    with pytest.raises(TypeError, match="got dict"):
        export.torch_module({})
