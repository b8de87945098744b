"""Data-parallel fits: several ranks end where one process does, and all of them end."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from thread_ranks import Threads, on_ranks

import fastnn

rng = np.random.default_rng(3)
X = rng.normal(size=(203, 5))
Y = np.stack([np.sin(X[:, 0] + X[:, 1]), X[:, 2] * X[:, 3]], axis=1)
WEIGHT = rng.uniform(0, 2, 203)
WEIGHT[::7] = 0
LABELS = np.array(["ant", "bee", "cow"])[(Y[:, 0] > 0.3).astype(int) + (Y[:, 1] > 0)]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def network(dtype: str = "float64", n_out: int = 2, **more: Any) -> fastnn.MLP:
    return fastnn.MLP([5, 8, n_out], dtype=dtype, seed=4, **more)


def shares(size: int) -> list[slice]:
    """Return uneven shares of the rows; the first has a handful."""
    ends = [0, 5, *np.linspace(30, 203, size - 1).astype(int)] if size > 2 else [0, 60, 203]
    ends[-1] = 203
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def fitted(size: int, make: Callable[[], fastnn.MLP], y: Any, **options: Any) -> list[fastnn.MLP]:
    """Return the network of each rank after a fit on its share of the rows."""
    each = {name: options.pop(name) for name in ("sample_weight",) if name in options}

    def work(comm: Any, rank: int) -> fastnn.MLP:
        mine, net = shares(size)[rank], make()
        parts = {name: value[mine] for name, value in each.items()}
        net.fit(X[mine], y[mine], comm=comm, epochs=4, **parts, **options)
        return net

    nets = on_ranks(size, work)
    for net in nets:
        if isinstance(net, BaseException):
            raise net
    return nets


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [
        fastnn.SGD(0.1),
        fastnn.SGD(0.05, momentum=0.9, weight_decay=1e-3),
        fastnn.Adam(1e-2, clipnorm=0.5),
    ],
    ids=["plain SGD", "momentum", "Adam, clipped"],
)
def test_ranks_end_where_one_process_does(optimizer: Any, dtype: str) -> None:
    how = {"optimizer": optimizer, "batch_size": 16}
    alone = network(dtype)
    history = alone.fit(X, Y, epochs=4, sample_weight=WEIGHT, **how)
    for size in (2, 3):
        nets = fitted(size, lambda: network(dtype), Y, sample_weight=WEIGHT, **how)
        for net in nets:
            np.testing.assert_array_equal(net.params, nets[0].params)
            np.testing.assert_allclose(net.params, alone.params, rtol=0, atol=TOLERANCE[dtype])
            np.testing.assert_allclose(net.history.loss, history.loss, atol=TOLERANCE[dtype])


def test_the_same_ranks_end_with_the_same_bits_and_threads_do_not_matter() -> None:
    wide = np.tile(X, (8, 1))

    def work(comm: Any, rank: int) -> bytes:
        net = fastnn.MLP([5, 200, 200, 2], seed=1)
        net.fit(wide[rank::2], np.tile(Y, (8, 1))[rank::2], comm=comm, epochs=2, batch_size=1400)
        return net.params.tobytes()

    first = on_ranks(2, work)
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(2)
    try:
        again = on_ranks(2, work)
    finally:
        fastnn.set_num_threads(before)
    assert first[0] == first[1] == again[0] == again[1]


@pytest.mark.parametrize("class_weight", [{"cow": 2}, "balanced"], ids=str)
def test_labels_are_those_of_all_ranks_and_scores_are_of_all_rows(class_weight: Any) -> None:
    order = np.argsort(LABELS, kind="stable")  # the first of 3 ranks has ants only
    how = {"batch_size": 20, "shuffle": False, "class_weight": class_weight}
    alone = network(n_out=3, output="softmax")
    held = (X[::3], LABELS[::3])

    def make() -> fastnn.MLP:
        return network(n_out=3, output="softmax")

    expected = alone.fit(X[order], LABELS[order], epochs=3, validation_data=held, **how)

    def work(comm: Any, rank: int) -> fastnn.MLP:
        net, mine = make(), order[shares(3)[rank]]
        validation = (held[0][rank::3], held[1][rank::3])
        net.fit(X[mine], LABELS[mine], epochs=3, validation_data=validation, comm=comm, **how)
        return net

    for net in on_ranks(3, work):
        assert net.classes.tolist() == ["ant", "bee", "cow"]
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            np.testing.assert_allclose(net.history[name], expected[name], atol=1e-12)


def test_pixels_are_read_alike_where_one_rank_has_dark_ones_only() -> None:
    pixels = np.zeros((40, 4), np.uint8)
    pixels[20:] = rng.integers(0, 255, (20, 4))

    def work(comm: Any, rank: int) -> Any:
        net = fastnn.MLP([4, 3, 1], seed=0)
        half = pixels[20 * rank : 20 * rank + 20]
        net.fit(half, np.ones(20), comm=comm, epochs=1)
        return net.input_scale

    for scale in on_ranks(2, work):
        np.testing.assert_array_equal(scale, 1 / 255)


def test_callbacks_run_on_rank_0_and_all_ranks_follow_what_they_decide() -> None:
    calls: list[int] = []

    class Decide(fastnn.callbacks.Callback):
        def __init__(self, rank: int) -> None:
            self.rank = rank

        def on_batch_end(self, run: Any, logs: Any) -> None:
            calls.append(self.rank)
            run.lr_scale = 0.5

        def on_epoch_end(self, run: Any, logs: Any) -> None:
            run.net.params = run.net.params * 0.5
            if run.epoch == 2:
                run.stop("enough")

    def work(comm: Any, rank: int) -> tuple[bytes, str | None, list[float]]:
        net = network()
        net.fit(X[rank::2], Y[rank::2], comm=comm, epochs=9, callbacks=[Decide(rank)])
        return net.params.tobytes(), net.history.stopped, net.history.lr

    first, second = on_ranks(2, work)
    assert first == second
    assert first[1:] == ("enough", [0.0005, 0.0005])
    assert set(calls) == {0} and len(calls) == 2 * 7  # batches of 32 of 203 rows


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_checkpoint_of_two_ranks_resumes_on_any_number_of_them(size: int, tmp_path: Any) -> None:
    def saver(name: str) -> fastnn.callbacks.ModelCheckpoint:
        return fastnn.callbacks.ModelCheckpoint(tmp_path / name, every_steps=5)

    how: dict[str, Any] = {"batch_size": 16, "optimizer": fastnn.Adam(1e-2)}
    (expected, _) = fitted(2, network, Y, callbacks=[saver("{step}.safetensors")], **how)
    del how["optimizer"]

    def resumed() -> fastnn.MLP:
        return fastnn.load(tmp_path / "20.safetensors")  # in the middle of the second epoch

    if size == 1:
        net = resumed()
        net.fit(X, Y, epochs=4, resume=True, callbacks=[saver("again")], **how)
    else:
        net = fitted(size, resumed, Y, resume=True, callbacks=[saver("again")], **how)[-1]
    np.testing.assert_allclose(net.params, expected.params, rtol=0, atol=1e-12)
    np.testing.assert_allclose(net.history.loss, expected.history.loss, atol=1e-12)


def test_ranks_with_streams_take_as_many_steps_and_each_row_once() -> None:
    """In order, so that one process can take the same batches: those of three shares of 5, …"""
    n = [5, 30, 68]
    starts = np.cumsum([0, *n])
    steps = -(-sum(n) // 16)

    def work(comm: Any, rank: int) -> fastnn.MLP:
        mine, net = slice(starts[rank], starts[rank + 1]), network()
        rows = fastnn.stream(X[mine], Y[mine], weight=WEIGHT[mine] + 1, buffer=7)
        net.fit(rows, comm=comm, epochs=2, batch_size=16, shuffle=False, optimizer=fastnn.SGD(0.1))
        return net

    alone = network()
    for _ in range(2):
        for step in range(steps):
            batch = np.concatenate(
                [
                    np.arange(step * k // steps, (step + 1) * k // steps) + start
                    for k, start in zip(n, starts, strict=False)
                ]
            )
            alone.train_batch(
                *(X[batch], Y[batch]), sample_weight=WEIGHT[batch] + 1, optimizer=fastnn.SGD(0.1)
            )
    for net in on_ranks(3, work):
        np.testing.assert_allclose(net.params, alone.params, rtol=0, atol=1e-12)


def test_a_loss_that_stops_being_finite_on_one_rank_ends_all_in_the_same_place() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastnn.DivergenceWarning)  # on both
        first, second = on_ranks(2, diverged)
    assert first == second
    assert first[1] == "the loss stopped being finite in epoch 1"


def diverged(comm: Any, rank: int) -> tuple[bytes, str | None]:
    net = fastnn.MLP([5, 8, 2], seed=1)
    net.fit(X, Y * (1e18 if rank else 1), comm=comm, epochs=3, optimizer=fastnn.SGD(1e3))
    return net.params.tobytes(), net.history.stopped


def failing_callback(run: Any, logs: Any) -> None:
    raise OSError("the disk is full")


def blocks_that_end(rank: int) -> Any:
    def blocks() -> Any:
        yield X[:50], Y[:50]
        if rank == 1:
            raise ValueError("the simulator broke down")
        yield X[50:100], Y[50:100]

    return fastnn.stream(blocks, rows=100)


FAILURES: dict[str, tuple[Callable[[Any, int], Any], int, str]] = {
    "an argument": (
        lambda comm, rank: network().fit(X[:, : 5 - rank], Y, comm=comm, epochs=1),
        1,
        "rank 1 of 2 ended the fit by ValueError: X has 4 columns",
    ),
    "a callback": (
        lambda comm, rank: network().fit(X, Y, comm=comm, epochs=2, callbacks=failing_callback),
        0,
        "rank 0 of 2 ended the fit by OSError: the disk is full",
    ),
    "a reader, in the middle of an epoch": (
        lambda comm, rank: network().fit(
            blocks_that_end(rank), comm=comm, epochs=1, batch_size=10, shuffle=False
        ),
        1,
        "rank 1 of 2 ended the fit by ValueError: the simulator broke down",
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_rank_that_fails_ends_all_with_its_message(kind: str) -> None:
    work, failing, message = FAILURES[kind]
    results = on_ranks(2, work)
    assert isinstance(results[1 - failing], RuntimeError)
    assert str(results[1 - failing]).startswith(message)
    assert str(results[failing]) in message or message.split(": ", 1)[1] in str(results[failing])


def test_a_network_whose_fit_another_rank_ended_is_at_a_batch_boundary_and_can_go_on() -> None:
    def work(comm: Any, rank: int) -> Any:
        net = network()
        with pytest.raises((RuntimeError, OSError)):
            net.fit(X, Y, comm=comm, epochs=2, callbacks=failing_callback)
        assert len(net.history) == 1
        net.fit(X, Y, comm=comm, epochs=1)
        return net.params.tobytes()

    first, second = on_ranks(2, work)
    assert first == second


@pytest.mark.parametrize(
    ("different", "message"),
    [
        ({"epochs": (1, 2)}, "epochs is 1 on rank 0, 2 on rank 1"),
        ({"batch_size": (8, 16)}, "batch_size is 8 on rank 0, 16 on rank 1"),
        ({"validation_data": (None, (X, Y))}, "validation_data is False on rank 0, True on rank 1"),
    ],
    ids=["epochs", "batch_size", "validation_data"],
)
def test_ranks_that_were_asked_for_different_things_say_so(different: Any, message: str) -> None:
    def work(comm: Any, rank: int) -> None:
        given = {name: values[rank] for name, values in different.items()}
        network().fit(X, Y, comm=comm, **{"epochs": 1, **given})

    for error in on_ranks(2, work):
        assert isinstance(error, ValueError) and message in str(error)


def test_ranks_with_networks_of_different_sizes_say_so() -> None:
    def work(comm: Any, rank: int) -> None:
        fastnn.MLP([5, 8 + rank, 2]).fit(X, Y, comm=comm)

    for error in on_ranks(2, work):
        assert str(error).endswith("they have 66, 74 parameters")


def test_what_does_not_go_with_ranks_is_refused_before_they_meet() -> None:
    comm = Threads(2)
    comm.local.rank = 0
    with pytest.raises(TypeError, match=r"list has no Get_rank"):
        network().fit(X, Y, comm=[])
    with pytest.raises(TypeError, match=r"LBFGS does not go with comm"):
        network().fit(X, Y, comm=comm, optimizer=fastnn.LBFGS())
    with pytest.raises(TypeError, match='class_weight must be a dict or "balanced"'):
        network().fit(X, Y, comm=comm, class_weight="even")
    with pytest.raises(TypeError, match=r"a loss of your own does not go with comm"):
        network().fit(X, Y, comm=comm, loss=lambda a, y: (a, a))


@pytest.mark.parametrize("batch", [32, 600], ids=["rows by rows", "blocks"])
def test_inputs_by_their_non_zeros_end_where_one_process_does(batch: int) -> None:
    wide = np.random.default_rng(0).random((1200, 90))
    wide[wide < 0.8] = 0
    y = wide[:, 0] - wide[:, 1]
    how: dict[str, Any] = {"epochs": 2, "batch_size": batch, "optimizer": fastnn.Adam(1e-2)}

    def made() -> fastnn.MLP:
        return fastnn.MLP([90, 64, 1], dtype="float64", seed=2)

    def work(comm: Any, rank: int) -> Any:
        net = made()
        mine = slice(500) if rank == 0 else slice(500, None)
        net.fit(wide[mine], y[mine], comm=comm, **how)
        return net.params

    alone = made()
    alone.fit(wide, y, **how)
    for params in on_ranks(2, work):
        np.testing.assert_allclose(params, alone.params, rtol=0, atol=1e-12)


def test_frozen_layers_keep_their_bits() -> None:
    def work(comm: Any, rank: int) -> Any:
        net = network()
        net.trainable = [False, True]
        before = net.weights[0].copy(), net.weights[1].copy()
        net.fit(X[rank::2], Y[rank::2], comm=comm, epochs=1)
        assert (net.weights[0] == before[0]).all() and (net.weights[1] != before[1]).any()
        return net.params

    first, second = on_ranks(2, work)
    np.testing.assert_array_equal(first, second)


def test_early_stopping_puts_the_best_parameters_back_on_every_rank() -> None:
    held = (X[:40], np.roll(Y[:40], 7, axis=0))

    def fit(comm: Any, rows: slice, part: slice) -> fastnn.MLP:
        net = network()
        stopper = fastnn.callbacks.EarlyStopping(patience=2)
        validation = (held[0][part], held[1][part])
        how: dict[str, Any] = {"validation_data": validation, "callbacks": [stopper]}
        net.fit(X[rows], Y[rows], epochs=60, optimizer=fastnn.Adam(0.05), comm=comm, **how)
        return net

    alone = fit(None, slice(None), slice(None))
    halves = [slice(0, 100), slice(100, None)]
    parts = [slice(0, 10), slice(10, None)]
    assert alone.history.stopped is not None
    for net in on_ranks(2, lambda comm, rank: fit(comm, halves[rank], parts[rank])):
        np.testing.assert_allclose(net.params, alone.params, rtol=0, atol=1e-11)
        assert net.history.stopped == alone.history.stopped
