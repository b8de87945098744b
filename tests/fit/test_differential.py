"""The way down the cost, step by step, beside PyTorch's from the same start in the same order.

PyTorch's curves are recorded (recorded/record_torch_curves.py made them) and, where it is
installed, computed anew.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from folders import TESTS

import fastnn

RECORD = json.loads((TESTS / "recorded" / "torch_curves.json").read_text("utf-8"))
SETTING, CASES = RECORD["setting"], RECORD["cases"]


def name_of(case: dict[str, Any]) -> str:
    options = "-".join(f"{name}={value}" for name, value in case["options"].items())
    return f"{case['loss']}-{case['optimizer']}-{options}"


def examples(case: dict[str, Any]) -> tuple[Any, Any]:
    return np.array(SETTING["X"]), np.array(SETTING["targets"][case["loss"]])


def network(case: dict[str, Any], dtype: str) -> fastnn.MLP:
    net = fastnn.MLP(
        SETTING["sizes"],
        activation="tanh",
        output=case["output"],
        loss=case["loss"],
        quantile=SETTING["quantile"],
        huber_delta=SETTING["huber_delta"],
        dtype=dtype,
    )
    net.params = SETTING["params"]
    return net


def curve(case: dict[str, Any], dtype: str) -> list[float]:
    net, optimiser = network(case, dtype), getattr(fastnn, case["optimizer"])(**case["options"])
    X, Y = examples(case)
    return [
        net.train_batch(X[rows], Y[rows], optimizer=optimiser)["loss"]
        for rows in SETTING["batches"]
    ]


# float64 differs by rounding alone; float32 by its own, carried through 50 steps.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_curve_is_the_one_that_pytorch_went_down(
    case: dict[str, Any], dtype: str, tolerance: float
) -> None:
    mine = curve(case, dtype)
    assert len(mine) == len(case["curve"]) == 50
    np.testing.assert_allclose(mine, case["curve"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_fit_along_the_same_order_ends_where_the_single_steps_do(case: dict[str, Any]) -> None:
    steps, whole = network(case, "float64"), network(case, "float64")
    optimiser = getattr(fastnn, case["optimizer"])(**case["options"])
    order = np.concatenate(SETTING["batches"])
    X, Y = (part[order] for part in examples(case))
    size = len(SETTING["batches"][0])
    for at in range(0, len(X), size):
        steps.train_batch(X[at : at + size], Y[at : at + size], optimizer=optimiser)
    history = whole.fit(X, Y, epochs=1, batch_size=size, shuffle=False, optimizer=optimiser)
    np.testing.assert_array_equal(whole.params, steps.params)
    assert history.loss[0] == pytest.approx(np.mean(case["curve"]), rel=1e-10)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_pytorch_that_is_here_goes_down_the_recorded_curve(case: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    from recorded import record_torch_curves as live

    np.testing.assert_allclose(live.curve(SETTING, case), case["curve"], rtol=1e-10, atol=1e-10)


def test_every_loss_and_every_optimiser_is_on_record() -> None:
    from fastnn.names import LOSSES

    # the likelihood has two outputs a target: tests/mlp/test_likelihood.py compares it with PyTorch
    assert {case["loss"] for case in CASES} == set(LOSSES) - {"gaussian_nll"}
    assert {case["optimizer"] for case in CASES} == {"SGD", "Adam", "AdamW", "RMSprop"}
    options = {name for case in CASES for name in case["options"]}
    assert options >= {"momentum", "nesterov", "weight_decay", "betas", "alpha"}
