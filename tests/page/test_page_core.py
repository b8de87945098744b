"""The core in the browser: the bits of the package with FASTNN_ISA=base, and its SHA-256."""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from folders import ROOT
from numpy.testing import assert_array_equal
from page_helpers import connected

import fastnn
from fastnn import MLP, SGD, Adam, AdamW, RMSprop, _fastnn, names
from fastnn.explain.answers.subject import Subject

FILES = ROOT / "fastnn" / "page"
RECORDED = ROOT / "csrc" / "wasm" / "core.sha256"

OPTIMIZERS = {
    "SGD": SGD(0.05),
    "momentum": SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "clipped": SGD(0.5, clipnorm=0.1),
    "Adam": Adam(0.01),
    "AdamW": AdamW(0.01, weight_decay=0.01),
    "RMSprop": RMSprop(0.005, momentum=0.5),
}
ENDS = [
    *(("sigmoid", "quadratic"), ("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")),
    *(("identity", "mse"), ("identity", "mae"), ("identity", "huber"), ("identity", "quantile")),
    *(("exp", "poisson"), ("identity", "gaussian_nll")),
]


@pytest.fixture
def base() -> Iterator[None]:
    """The package on plain C, as FASTNN_ISA=base."""
    before = _fastnn.isa()
    _fastnn.choose_isa("base")
    yield
    _fastnn.choose_isa(before)


def of_digits(optimizer: str) -> tuple[MLP, Any, Any, int]:
    """Bytes with many zeros, which are listed."""
    (X, y), _ = fastnn.datasets.load_digits()
    net = MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=1)
    net.input_scale = 1 / 255
    return net, X[:203], y[:203], 10


def of_values(hidden: str, output: str, loss: str) -> tuple[MLP, Any, Any, int]:
    """Standardized columns, and targets that every loss takes."""
    rng = np.random.default_rng(5)
    X = rng.normal(3, 2, (97, 5))
    net = MLP([5, 7, 6, 2], activation=hidden, output=output, loss=loss, seed=2)
    net.standardize(X)
    n = 1 if loss == "gaussian_nll" else 2
    y = rng.uniform(0, 1, (97, n)).astype(np.float32)
    if loss == "cross_entropy":
        return net, X, (y[:, 0] > 0.5).astype(int), 8
    return net, X, (y > 0.5).astype(np.float32) if loss == "binary_cross_entropy" else y, 8


def check_two_epochs(tab: Any, case: tuple[MLP, Any, Any, int], optimizer: Any) -> None:
    net, X, y, size = case
    call = connected(tab, Subject(net, X, y), optimizer, size, told=0)
    order = np.random.default_rng(3).permutation(len(X))
    for _ in range(2):
        call("advance", order=order.tolist())
    net.fit(X[order], y[order], epochs=2, batch_size=size, optimizer=optimizer, shuffle=False)
    assert np.isfinite(net.params).all()
    assert_array_equal(call("params", "ask")["params"].view(np.uint32), net.params.view(np.uint32))


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_epochs_on_digits_give_the_bits_of_the_package(modules: Any, optimizer: str) -> None:
    check_two_epochs(modules, of_digits(optimizer), OPTIMIZERS[optimizer])


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize(("output", "loss"), ENDS)
def test_every_loss_gives_the_bits_of_the_package(modules: Any, output: str, loss: str) -> None:
    check_two_epochs(modules, of_values("tanh", output, loss), OPTIMIZERS["Adam"])


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("hidden", names.HIDDEN)
def test_every_activation_gives_the_bits_of_the_package(modules: Any, hidden: str) -> None:
    check_two_epochs(modules, of_values(hidden, "identity", "mse"), OPTIMIZERS["momentum"])


@pytest.mark.usefixtures("base")
def test_activations_cost_and_gradient_have_the_bits_of_the_package(modules: Any) -> None:
    for net, X, y, _ in (of_digits("SGD"), of_values("gelu", "softmax", "cross_entropy")):
        call = connected(modules, Subject(net, X, y), SGD(0.1), told=0)
        for row in (0, 17, 90):
            found = call("backprop", "ask", x=X[row].tolist(), target={"label": int(y[row])})
            one = X[row : row + 1], y[row : row + 1]
            for ours, theirs in zip(found["layers"], net.activations(one[0]), strict=True):
                assert_array_equal(ours["a"], theirs[0])
            assert_array_equal(found["gradient"], net.gradient(*one, per_example=True).flat[0])
            assert found["cost"] == net.cost(*one)


def test_the_names_stand_in_the_order_of_the_codes() -> None:
    text = (fastnn_files() / "worker.mjs").read_text("utf-8")
    for name, wanted in (("ACTIVATIONS", names.ACTIVATIONS), ("LOSSES", names.LOSSES)):
        (listed,) = re.findall(rf"const {name} = \[([^\]]*)\]", text)
        assert tuple(re.findall(r'"(\w+)"', listed)) == wanted


def test_rows_are_listed_below_the_density_of_the_package() -> None:
    text = (fastnn_files() / "worker.mjs").read_text("utf-8")
    (share,) = re.findall(r"const WALK_BELOW = ([\d.]+);", text)
    assert float(share) == _fastnn.WALK_BELOW


def fastnn_files() -> Any:
    from importlib.resources import files

    return files("fastnn") / "page"


@pytest.mark.skipif(not RECORDED.is_file(), reason="no sources here, only an installed fastnn")
def test_the_core_is_the_recorded_one() -> None:
    core = fastnn_files() / "core.wasm.xz"
    if not core.is_file():
        pytest.skip("core.wasm is not built: python csrc/wasm/build.py")
    digest = hashlib.sha256(lzma.decompress(core.read_bytes())).hexdigest()
    assert digest == RECORDED.read_text("ascii").strip()
