"""Streams: fit, evaluate, predict and standardize on rows that are read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import Callback, ModelCheckpoint
from fastnn.fit.streamed import Cut

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5003, 6)).astype(np.float32)
y = X[:, 0] * X[:, 1]


def network(**more: Any) -> fastnn.MLP:
    return fastnn.MLP([6, 16, 1], seed=1, **more)


def blocks(n_each: int = 400) -> Iterator[Any]:
    for begin in range(0, len(X), n_each):
        yield X[begin : begin + n_each], y[begin : begin + n_each]


class BrokenError(Exception):
    pass


class BreakAt(Callback):
    def __init__(self, step: int) -> None:
        self._step = step

    def on_batch_end(self, run: Any, logs: Any) -> None:
        if run.step == self._step:
            raise BrokenError


@pytest.mark.parametrize("buffer", [1, 100, 3000, 20_000, None])
def test_in_order_a_stream_trains_to_the_bits_of_the_same_rows_in_memory(buffer: int) -> None:
    how: dict[str, Any] = {"epochs": 2, "batch_size": 64, "shuffle": False}
    memory, streamed = network(), network()
    wanted = memory.fit(X, y, **how)
    found = streamed.fit(fastnn.stream(X, y, buffer=buffer), **how)
    assert (memory.params == streamed.params).all()
    assert wanted.loss == found.loss


def test_rows_of_weight_0_and_missing_targets_are_left_out_as_in_memory() -> None:
    weight, missing = (np.arange(len(X)) % 3).astype(float), y.copy()
    missing[::7] = np.nan
    how: dict[str, Any] = {"epochs": 2, "batch_size": 50, "shuffle": False}
    memory, streamed = network(), network()
    memory.fit(X, missing, sample_weight=weight, **how)
    history = streamed.fit(fastnn.stream(X, missing, weight=weight, buffer=700), **how)
    assert (memory.params == streamed.params).all()
    assert history.loss == memory.history.loss


def test_the_bits_of_a_shuffled_stream_do_not_depend_on_threads() -> None:
    found, before = [], fastnn.get_num_threads()
    try:
        for n_threads in (1, 2):
            fastnn.set_num_threads(n_threads)
            net = network()
            net.fit(fastnn.stream(X, y, buffer=900), epochs=2, batch_size=64)
            found.append(net.params.copy())
    finally:
        fastnn.set_num_threads(before)
    assert (found[0] == found[1]).all()


def test_a_shuffled_epoch_visits_every_row_once() -> None:
    given = fastnn.stream(X, np.arange(len(X), dtype=float), buffer=700)
    rows = network()._passes.streamed(given)[0]
    seen = []
    for examples, order in rows.buffers(Cut(rows.n_visited, 64), seed=5):
        values = np.empty(examples.n)
        network()._core.cost(examples.rows, examples.targets, 0, examples.n, values, 1)
        a = network().predict(X[:0])
        assert a.shape == (0, 1)
        seen.append(len(order))
        assert len(np.unique(order)) == len(order)
    assert sum(seen) == len(X)
    assert all(n % 64 == 0 for n in seen[:-1])


def test_on_rows_sorted_by_their_target_a_buffer_of_random_blocks_is_a_good_shuffle() -> None:
    order = np.argsort(X[:, 0])
    A, target = np.tile(X[order], (8, 1)), np.tile(X[order, 0], 8)
    order = np.argsort(target, kind="stable")
    A, target = A[order], target[order]
    losses = {}
    for name, source in (
        ("memory", (A, target)),
        ("stream", (fastnn.stream([A[i : i + 200] for i in range(0, len(A), 200)],
                                  [target[i : i + 200] for i in range(0, len(A), 200)],
                                  buffer=8000),)),
    ):  # fmt: skip
        net = network()
        net.fit(*source, epochs=3, batch_size=64)
        losses[name] = net.evaluate(X, X[:, 0])["loss"]
    assert losses["stream"] < 2 * losses["memory"] + 1e-3


@pytest.mark.parametrize("streamed", [True, False])
def test_a_fit_resumed_in_the_middle_of_an_epoch_ends_at_the_same_bits(
    tmp_path: Path, streamed: bool
) -> None:
    def data() -> tuple[Any, ...]:
        return (fastnn.stream(X, y, buffer=900),) if streamed else (X, y)

    path = tmp_path / "checkpoint.safetensors"
    how: dict[str, Any] = {"epochs": 3, "batch_size": 64}
    whole, broken = network(), network()
    wanted = whole.fit(*data(), **how)
    saver = ModelCheckpoint(path, every_steps=50)
    with pytest.raises(BrokenError):
        broken.fit(*data(), **how, callbacks=[saver, BreakAt(133)])
    net = fastnn.load(path)
    assert net._fit_state is not None and net._fit_state.middle is not None
    found = net.fit(*data(), **how, callbacks=[saver, BreakAt(-1)], resume=True)
    assert (net.params == whole.params).all()
    assert found.loss == wanted.loss


def test_a_checkpoint_after_the_last_batch_of_an_epoch_resumes_to_the_same_bits(
    tmp_path: Path,
) -> None:
    path, how = tmp_path / "c.safetensors", {"epochs": 2, "batch_size": 64}
    steps = -(-len(X) // 64)
    whole, broken = network(), network()
    whole.fit(fastnn.stream(X, y, buffer=900), **how)
    saver = ModelCheckpoint(path, every_steps=steps)
    with pytest.raises(BrokenError):
        broken.fit(fastnn.stream(X, y, buffer=900), **how, callbacks=[saver, BreakAt(steps)])
    net = fastnn.load(path)
    again = [saver, BreakAt(-1)]
    net.fit(fastnn.stream(X, y, buffer=900), **how, callbacks=again, resume=True)
    assert (net.params == whole.params).all()
    assert net.history.lr == whole.history.lr


@pytest.mark.parametrize("rows", [None, len(X)])
def test_a_schedule_goes_over_all_epochs_whether_the_number_of_rows_is_known_or_not(
    rows: int | None,
) -> None:
    how: dict[str, Any] = {"epochs": 3, "batch_size": 64, "shuffle": False}
    memory, streamed = network(), network()
    rate = fastnn.schedules.Cosine(0.01)
    wanted = memory.fit(X, y, optimizer=fastnn.Adam(rate), **how)
    found = streamed.fit(fastnn.stream(blocks, rows=rows), optimizer=fastnn.Adam(rate), **how)
    assert found.lr == wanted.lr
    assert (memory.params == streamed.params).all()


@pytest.mark.parametrize("named", [True, False], ids=["words", "numbers"])
@pytest.mark.parametrize("made", [True, False], ids=["a function", "arrays"])
def test_balanced_classes_count_by_the_rows_of_all_blocks(made: bool, named: bool) -> None:
    labels: Any = (y > 1).astype(int) + (y > 2)
    labels = np.array(["low", "mid", "top"])[labels] if named else labels
    how: dict[str, Any] = {"epochs": 2, "class_weight": "balanced", "shuffle": False}

    def blocks() -> Any:
        for begin in range(0, len(X), 700):
            yield X[begin : begin + 700], labels[begin : begin + 700]

    source = fastnn.stream(blocks, rows=len(X)) if made else fastnn.stream(X, labels, buffer=900)
    memory, streamed = (fastnn.MLP([X.shape[1], 8, 3], output="softmax", seed=0) for _ in "12")
    memory.fit(X, labels, batch_size=64, **how)
    streamed.fit(source, batch_size=64, **how)
    assert (memory.params == streamed.params).all()
    with pytest.raises(TypeError, match='class_weight must be a dict or "balanced"'):
        streamed.fit(source, class_weight="even")
    with pytest.raises(ValueError, match="class_weight needs y to be class labels"):
        network().fit(fastnn.stream(X, y), class_weight="balanced")


def test_words_as_labels_are_found_in_all_blocks() -> None:
    words = np.where(y > 0, "up", "down")
    words[np.argsort(words, kind="stable")] = words[np.argsort(words, kind="stable")]
    order = np.argsort(words, kind="stable")  # the first blocks have one label
    net = fastnn.MLP([6, 8, 1], output="sigmoid", seed=0)
    history = net.fit(fastnn.stream(X[order], words[order], buffer=600), epochs=2)
    assert net.classes is not None and net.classes.tolist() == ["down", "up"]
    assert "accuracy" in history


def test_bytes_of_a_stream_become_fractions_of_255() -> None:
    pixels = np.zeros((300, 6), np.uint8)
    pixels[-1, 2] = 200
    net = network()
    net.fit(fastnn.stream([pixels[:200], pixels[200:]], [y[:200], y[200:300]]), epochs=1)
    assert net.input_scale is not None and (net.input_scale == 1 / 255).all()


def test_validation_and_evaluation_of_a_stream_are_those_of_its_rows() -> None:
    net = network()
    given = fastnn.stream(X, y, buffer=512)
    history = net.fit(X, y, epochs=1, validation_data=given)
    wanted = net.evaluate(X, y)["loss"]
    assert net.evaluate(given)["loss"] == pytest.approx(wanted, rel=1e-12)
    assert history.val_loss[-1] == pytest.approx(wanted, rel=1e-12)


def test_predictions_of_a_stream_are_those_of_its_rows_in_memory_and_in_a_file(
    tmp_path: Path,
) -> None:
    net, path = network(), tmp_path / "a.npy"
    net.standardize(X, y)
    wanted = net.predict(X)
    assert (net.predict(fastnn.stream(X, buffer=700)) == wanted).all()
    net.predict(fastnn.stream(lambda: ((b[0],) for b in blocks())), out=path)
    assert (np.load(path) == wanted).all()


def test_standardize_by_a_stream_is_that_of_its_rows() -> None:
    shifted = X * 3 + 1e6
    memory, streamed = network(dtype="float64"), network(dtype="float64")
    memory.standardize(shifted, y)
    streamed.standardize(fastnn.stream(shifted, y, buffer=333))
    for name in ("input_shift", "input_scale", "output_shift", "output_scale"):
        np.testing.assert_allclose(getattr(streamed, name), getattr(memory, name), rtol=1e-9)


def test_npy_files_and_lists_of_them_are_read_as_their_arrays(tmp_path: Path) -> None:
    how: dict[str, Any] = {"epochs": 1, "batch_size": 64, "shuffle": False}
    for i, (a, b) in enumerate(blocks(2000)):
        np.save(tmp_path / f"X{i}.npy", a)
        np.save(tmp_path / f"y{i}.npy", b)
    memory, streamed = network(), network()
    memory.fit(X, y, **how)
    streamed.fit(fastnn.stream(tmp_path / "X*.npy", tmp_path / "y*.npy"), **how)
    assert (memory.params == streamed.params).all()


def test_a_bad_value_is_named_by_its_file_block_and_row(tmp_path: Path) -> None:
    bad = X.copy()
    bad[4321, 2] = np.nan
    np.save(tmp_path / "X.npy", bad)
    given = fastnn.stream(tmp_path / "X.npy", y)
    with pytest.raises(ValueError, match=r"X of .*X\.npy, block 0 \(from row 0\) holds nan at row"):
        network().fit(given, epochs=1)


def test_a_file_that_changes_under_the_reader_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    given = fastnn.stream(tmp_path / "X.npy", y)
    np.save(tmp_path / "X.npy", X[:1000])
    with pytest.raises(ValueError, match="has changed since the stream was made"):
        network().fit(given, epochs=1)
    (tmp_path / "X.npy").unlink()
    with pytest.raises(FileNotFoundError):
        network().fit(given, epochs=1)


def changing(call: list[int]) -> Callable[[], Iterator[Any]]:
    def make() -> Iterator[Any]:
        call[0] += 1
        yield from list(blocks())[: -1 if call[0] > 3 else None]

    return make


def test_a_function_whose_number_of_rows_changes_is_an_error() -> None:
    with pytest.raises(ValueError, match="the stream gave fewer rows in epoch"):
        network().fit(fastnn.stream(changing([0])), epochs=5)


def raising() -> Iterator[Any]:
    yield X[:10], y[:10]
    raise OSError("the tape is torn")


def narrow() -> Iterator[Any]:
    yield X[:100], y[:100]
    yield X[:100, :3], y[:100]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (raising, OSError, "the tape is torn"),
        (narrow, ValueError, "block 1 of the stream has 3 columns; the blocks before it have 6"),
        (lambda: iter([(X[:9], y[:8])]), ValueError, "y of block 0 .* 8 rows, not 9"),
        (lambda: iter([(X[:9],)]), ValueError, "the stream has no target"),
        (lambda: iter([(None, y[:9])]), ValueError, "X of block 0 of the stream is None"),
        (lambda: iter([]), ValueError, "the stream has no rows"),
    ],
)  # fmt: skip
def test_a_function_that_fails_is_an_error_that_changes_nothing(
    source: Any, error: type[Exception], message: str
) -> None:
    net = network()
    before = net.params.copy()
    with pytest.raises(error, match=message):
        net.fit(fastnn.stream(source), epochs=1)
    assert (net.params == before).all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: fastnn.stream(blocks()), "give the function that makes it"),
        (lambda: fastnn.stream(X, "y"), "target of an array is an array"),
        (lambda: fastnn.stream(X, y, rows=3), "rows is the number of rows of a function's blocks"),
        (lambda: fastnn.stream(3), "source must be arrays, paths"),
        (lambda: network().fit(fastnn.stream(X, y), y), "leave y and sample_weight out"),
        (lambda: network().fit(fastnn.stream(X, y), batch_size=None), "of a stream give a number"),
        (lambda: network().fit(fastnn.stream(X, y), optimizer=fastnn.LBFGS()), "not a stream"),
        (lambda: network().fit(fastnn.stream(X, y), loss=print), "takes rows in memory"),
    ],
)
def test_arguments_that_do_not_go_with_a_stream_are_refused(act: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        act()
