"""Optimisers as values: their checks, their descriptions, and that they reach the core."""

import dataclasses

import numpy as np
import pytest
import reference as ref
from states import table

from fastnn import MLP, SGD, Adam, AdamW, RMSprop, schedules
from fastnn.fit.state import OptimizerState
from fastnn.optim import optimizer_from_config

ALL = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    Adam(0.01),
    Adam(0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.02),
    AdamW(0.01, weight_decay=0.1),
    RMSprop(0.01),
    RMSprop(0.01, alpha=0.9, eps=1e-6, momentum=0.5, weight_decay=0.01),
    SGD(0.1, clipnorm=0.1),
    SGD(0.1, momentum=0.9, weight_decay=0.1, clipvalue=0.01),
    Adam(0.01, weight_decay=0.02, clipnorm=0.05),
    AdamW(0.01, clipvalue=0.01),
    RMSprop(0.01, momentum=0.5, clipnorm=0.1),
]


@pytest.mark.parametrize("n", [1, 7, 8, 9, 24, 25])
def test_moments_begin_as_zeros_whatever_their_number(monkeypatch, n):
    monkeypatch.setattr("fastnn.fit.state._PIECE", 8)
    for dtype in (np.float32, np.float64):
        state = OptimizerState.fresh(Adam(), n, np.dtype(dtype))
        for moment in (state.m, state.v):
            assert moment.dtype == dtype and moment.tolist() == [0.0] * n
    assert OptimizerState.fresh(SGD(0.1), n, np.dtype(dtype)).m is None


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_ten_steps_are_those_of_the_twin(optimizer):
    X, y = table()
    net = MLP([5, 4, 3], activation="tanh", output="softmax", dtype="float64", seed=0)
    twin = getattr(ref, type(optimizer).__name__)(**dataclasses.asdict(optimizer))
    batches = [np.arange(i, i + 8) for i in range(0, 40, 8)] * 2
    names = {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}
    start = net.params.copy()
    expected, costs = ref.train(
        [5, 4, 3], start, X, np.eye(3)[y], batches=batches, optimiser=twin, **names
    )
    history = net.fit(X, y, epochs=2, batch_size=8, optimizer=optimizer, shuffle=False)
    np.testing.assert_allclose(net.params, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history.loss, np.mean(np.reshape(costs, (2, 5)), axis=1), rtol=1e-9)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", -0.1),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("lr", 10**400),
        ("weight_decay", -1),
        ("weight_decay", float("inf")),
        ("eps", 0),
        ("eps", -1e-8),
        ("momentum", 1),
        ("momentum", -0.1),
        ("alpha", 1.0),
        ("betas", (0.9, 1.0)),
        ("betas", (-0.1, 0.9)),
        ("betas", 0.9),
        ("betas", (0.9,)),
    ],
)
def test_a_value_out_of_range_is_named(kind, name, value):
    if name not in {field.name for field in dataclasses.fields(kind)}:
        return
    with pytest.raises(ValueError, match=f"^{name} must be .*, got ") as caught:
        kind(**{"lr": 0.1, name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["0.1", True, None, 1j, [0.1]])
def test_a_value_that_is_no_number_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^lr must be a finite number of 0 or more, got "):
        SGD(lr=value)
    with pytest.raises(TypeError, match=r"^weight_decay must be"):
        Adam(weight_decay=value)
    with pytest.raises(TypeError, match=r"^betas must be"):
        Adam(betas=(value, 0.9))


def test_a_schedules_class_in_place_of_an_object_is_told_at_once():
    with pytest.raises(
        TypeError, match=r"lr must be an object, got the class: write Cosine\(...\)"
    ):
        SGD(lr=schedules.Cosine)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match=r"nesterov needs a momentum above 0"):
        SGD(0.1, nesterov=True)


def test_an_optimizer_cannot_change_under_a_network():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SGD(0.1).lr = 1


def test_sgd_needs_a_learning_rate_and_the_others_have_one():
    with pytest.raises(TypeError, match=r"lr"):
        SGD()
    assert (Adam().lr, AdamW().lr, RMSprop().lr) == (1e-3, 1e-3, 1e-2)


@pytest.mark.parametrize("optimizer", [*ALL, SGD(schedules.Cosine(0.1, warmup=2))], ids=repr)
def test_a_description_gives_the_same_optimizer_again(optimizer):
    assert optimizer_from_config(optimizer.to_config()) == optimizer


def test_a_function_of_the_callers_has_no_description():
    assert SGD(lambda step: 0.1).to_config() is None


def test_numpy_numbers_become_pythons_own():
    optimizer = Adam(np.float32(0.5), betas=[np.float32(0.5), 0], eps=np.float32(1), weight_decay=1)
    assert optimizer == Adam(0.5, betas=(0.5, 0.0), eps=1.0, weight_decay=1.0)
    values = [optimizer.lr, *optimizer.betas, optimizer.eps, optimizer.weight_decay]
    assert {type(value) for value in values} == {float}
    assert SGD(0.1, 0.5, np.True_).nesterov is True


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"name": "SGD"},
        {"name": "Sgd", "lr": 0.1, "momentum": 0, "nesterov": False, "weight_decay": 0},
        {**SGD(0.1).to_config(), "extra": 1},
    ],
)
def test_what_is_no_description_is_refused(config):
    with pytest.raises(ValueError, match=r"not the description of an optimiser"):
        optimizer_from_config(config)


@pytest.mark.parametrize("wrong", ["adam", Adam, 0.1, {"lr": 0.1}])
def test_fit_and_train_batch_take_nothing_else_for_an_optimizer(wrong):
    X, y = table()
    net = MLP([5, 3], output="softmax")
    with pytest.raises(TypeError, match=r"optimizer must be fastnn.SGD\(...\), .*, got "):
        net.fit(X, y, optimizer=wrong)
    with pytest.raises(TypeError, match=r"optimizer must be fastnn.SGD\(...\), .*, got "):
        net.train_batch(X, y, optimizer=wrong)
