"""The same bits: SHA-256 of the weights, whatever the threads, processes, memory and batch.

All is at the level of `MLP.fit` and `predict`; kernel by kernel, and in calls of the core, it is
shown in test_core_threads.py and test_sparse.py, and for interruptions at each epoch in
test_resume.py. Different instruction sets may round differently, and so may the C library's log and
pow of different systems: hashes are compared on one machine, never with numbers written down.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import reference as ref
from helpers import DTYPES
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

import fastnn
from fastnn import MLP, SGD, Adam, AdamW, RMSprop
from fastnn.callbacks import ModelCheckpoint
from fastnn.fit.call_size import CallSizer

COUNTS = [1, 2, 3, 4, 7, 16]


@pytest.fixture(autouse=True)
def as_it_was() -> Any:
    threads = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(threads)
    fastnn.set_sparse("auto")


class All(CallSizer):
    """Every call on all threads. (The library's own choice is what is faster now: no promise.)"""

    used: set[int]

    def next_call(self) -> tuple[int, int]:
        batches, _ = super().next_call()
        All.used.add(self._choices[-1])
        return batches, self._choices[-1]


@pytest.fixture
def every_call_on_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    All.used = set()
    monkeypatch.setattr("fastnn.fit.training.CallSizer", All)


def digest(net: MLP) -> str:
    """Of the weights and biases, and of the losses on the way to them."""
    return hashlib.sha256(net.params.tobytes() + repr(net.history.loss).encode()).hexdigest()


def pixels(n: int, n_in: int) -> Any:
    """Bytes of which four in five are 0."""
    rng = np.random.default_rng(0)
    return np.where(rng.random((n, n_in)) < 0.2, rng.integers(1, 256, (n, n_in)), 0).astype(
        np.uint8
    )


def numbers(n: int, n_in: int) -> Any:
    return np.random.default_rng(0).normal(size=(n, n_in)).astype(np.float32)


# name: sizes, batch size, inputs, dropout. Batches are two and a smaller one.
WAYS: dict[str, tuple[list[int], int, Any, float]] = {
    "tiles of wide layers": ([300, 400, 10], 128, numbers, 0.0),
    "several layers, with dropout": ([101, 203, 107, 11], 64, numbers, 0.3),
    "long batches by blocks of rows": ([60, 90, 80, 70], 1100, numbers, 0.1),
    "a narrow layer by non-zeros": ([784, 16, 10], 64, pixels, 0.0),
    "a wide layer by non-zeros": ([784, 130, 10], 48, pixels, 0.2),
    "long batches by non-zeros": ([784, 16, 10], 1100, pixels, 0.0),
}
OPTIMISERS = [SGD(0.05), Adam(0.01)]
OTHERS = [SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3), AdamW(0.01), RMSprop(0.005)]
CASES = [(way, optimiser) for way in WAYS for optimiser in OPTIMISERS] + [
    (way, optimiser)
    for way in (
        "tiles of wide layers",
        "long batches by blocks of rows",
        "a wide layer by non-zeros",
    )
    for optimiser in OTHERS
]


def network(way: str, dtype: str = "float32") -> MLP:
    sizes, _, _, dropout = WAYS[way]
    return MLP(sizes, activation="tanh", output="softmax", dropout=dropout, dtype=dtype, seed=3)


def examples(way: str) -> tuple[Any, Any]:
    sizes, batch_size, make, _ = WAYS[way]
    n = 2 * batch_size + batch_size // 3
    return make(n, sizes[0]), np.arange(n) % sizes[-1]


def is_worth_a_team(way: str) -> bool:
    """Return whether a batch has the work for a team that csrc/net/net.h and fnn.h require."""
    sizes, batch_size, _, _ = WAYS[way]
    work = 3 * ref.weight_mask(sizes).size * batch_size
    return work >= 400_000 * (len(sizes) + 1) and work >= 2_000_000


def test_the_networks_here_are_large_enough_for_a_team() -> None:
    assert [way for way in WAYS if not is_worth_a_team(way)] == []


@pytest.mark.parametrize(
    ("way", "optimiser"),
    CASES,
    ids=[f"{way}-{type(optimiser).__name__}" for way, optimiser in CASES],
)
def test_the_number_of_threads_changes_no_bit(
    every_call_on_all_threads: None, way: str, optimiser: Any
) -> None:
    X, y = examples(way)
    digests = {}
    for count in COUNTS:
        fastnn.set_num_threads(count)
        net = network(way)
        net.fit(X, y, epochs=2, batch_size=WAYS[way][1], optimizer=optimiser)
        digests[count] = digest(net)
    assert All.used == set(COUNTS)
    assert digests == dict.fromkeys(COUNTS, digests[1])


def test_a_run_taken_up_on_other_threads_ends_with_the_same_bits(
    every_call_on_all_threads: None, tmp_path: Any
) -> None:
    way, epochs = "several layers, with dropout", 5
    X, y = examples(way)
    fastnn.set_num_threads(1)
    whole = network(way)
    saver = ModelCheckpoint(tmp_path / "{epoch}.safetensors")
    whole.fit(X, y, epochs=epochs, batch_size=64, optimizer=Adam(0.01), callbacks=[saver])
    for epoch in range(1, epochs):
        fastnn.set_num_threads(1 + epoch)
        net = fastnn.load(tmp_path / f"{epoch}.safetensors")
        net.fit(X, y, epochs=epochs, resume=True, callbacks=[saver])
        assert digest(net) == digest(whole), f"taken up after epoch {epoch}"


RUN = """
import hashlib
import numpy as np
from fastnn import MLP, Adam

rng = np.random.default_rng(0)
X = np.where(rng.random((700, 200)) < 0.2, rng.integers(1, 256, (700, 200)), 0).astype(np.uint8)
y = np.array(["ant", "bee", "cow"])[rng.integers(0, 3, 700)]
net = MLP([200, 70, 3], activation="gelu", output="softmax", dropout=0.2, seed=5)
net.fit(X, y, epochs=3, batch_size=50, optimizer=Adam(0.01), validation_data=(X[:90], y[:90]))
print(hashlib.sha256(net.params.tobytes() + net.predict(X).tobytes()).hexdigest())
"""


def test_twenty_processes_get_the_same_bits() -> None:
    """The order of sets, the number of threads and the clock do not matter."""
    found = set()
    for run in range(20):
        varied = {"PYTHONHASHSEED": str(run), "FASTNN_NUM_THREADS": str(1 + run % 4)}
        done = subprocess.run(
            [sys.executable, "-c", RUN],
            env={**os.environ, **varied},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop().strip()) == 64


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_child_of_a_fork_gets_the_same_bits(every_call_on_all_threads: None) -> None:
    fastnn.set_num_threads(3)
    way = "tiles of wide layers"

    def trained() -> bytes:
        net = network(way)
        net.fit(*examples(way), epochs=1, batch_size=128)
        return digest(net).encode()

    here = trained()  # threads have run in the parent
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, trained())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == here
    os.waitpid(child, 0)


# --- where the numbers come from ----------------------------------------------------------------


def fitted(X: Any, dtype: str = "float32", width: int = 20) -> tuple[str, bytes]:
    net = MLP([50, width, 3], activation="tanh", output="softmax", dtype=dtype, seed=1)
    net.fit(X, np.arange(X.shape[0]) % 3, epochs=2, batch_size=32, optimizer=Adam(0.01))
    return digest(net), net.predict(X).tobytes()


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("given", [np.uint8, np.float32, np.float64])
def test_where_and_how_numbers_lie_in_memory_changes_no_bit(
    tmp_path: Any, given: Any, mode: str
) -> None:
    fastnn.set_sparse(mode)
    X = pixels(203, 50).astype(given)
    expected = fitted(X)
    mapped = np.memmap(tmp_path / "x", given, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    wide = np.full((2 * 203, 3 * 50), 7, given)
    wide[::2, 1:101:2] = X
    odd = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(given).reshape(X.shape)
    read_only = X.copy()
    read_only.flags.writeable = False
    ways = {
        "mapped": np.memmap(tmp_path / "x", given, "r", shape=X.shape),
        "by columns": np.asfortranarray(X),
        "every second row and column": wide[::2, 1:101:2],
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "at an odd address": odd,
        "read-only": read_only,
    }
    for name, same in ways.items():
        assert_array_equal(same, X)
        assert fitted(same) == expected, name


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_train_to_the_bits_of_the_numbers_that_they_stand_for(dtype: str, mode: str) -> None:
    fastnn.set_sparse(mode)
    X = pixels(203, 50)
    assert fitted(X, dtype) == fitted((X * (1 / 255)).astype(dtype), dtype)


@pytest.mark.parametrize("mode", ["always", "never"])
@pytest.mark.parametrize("width", [20, 130])
def test_csr_trains_to_the_bits_of_dense_rows_walked_the_same_way(width: int, mode: str) -> None:
    fastnn.set_sparse(mode)
    X = pixels(203, 50).astype(np.float32)
    assert fitted(csr_array(X), width=width) == fitted(X, width=width)


def test_a_wide_first_layer_has_the_same_bits_by_its_non_zeros_and_dense() -> None:
    X, found = csr_array(pixels(203, 50).astype(np.float32)), set()
    for mode in ("always", "never"):
        fastnn.set_sparse(mode)
        found.add(fitted(X, width=130))
    assert len(found) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_narrow_first_layer_by_its_non_zeros_differs_by_rounding_alone(
    isa: str, dtype: Any
) -> None:
    """W − η Xᵀδ has sums of B + 1 terms: either way errs by up to 4 √(B + 1) eps Σ |terms|."""
    X = pixels(203, 50).astype(dtype) / dtype(255)
    Y = np.eye(3)[np.arange(203) % 3]
    steps = []
    for mode in ("always", "never"):
        fastnn.set_sparse(mode)
        net = MLP([50, 3], output="softmax", dtype=dtype, seed=1)
        W, params = net.weights[0].astype(float), net.params.astype(float)
        net.fit(csr_array(X), np.arange(203) % 3, epochs=1, batch_size=203, optimizer=SGD(0.5))
        steps.append(net.weights[0].astype(float))
    names = {"activation": [], "output": "softmax", "loss": "cross_entropy"}
    _, (delta,), _ = ref.backward([50, 3], params, X, Y, **names)
    sizes = np.abs(W) + 0.5 / 203 * (np.abs(X).T @ np.abs(delta))
    assert (np.abs(steps[0] - steps[1]) <= 2 * 4 * np.sqrt(204) * np.finfo(dtype).eps * sizes).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", ["uint8", "float32", "float64", "csr"])
def test_a_rows_prediction_does_not_depend_on_its_batch(isa: str, dtype: Any, given: str) -> None:
    """One row has a separate path; blocks have 512; more rows have a team; zeros are skipped."""
    net = MLP([37, 60, 40, 10], activation="gelu", output="softmax", dtype=dtype, seed=2)
    assert net.n_params * 1025 > 2_000_000  # FNN_WORTH_A_TEAM of csrc/net/net.h
    X = pixels(1025, 37) if given == "uint8" else numbers(1025, 37) * (pixels(1025, 37) != 0)
    X = csr_array(X) if given == "csr" else X.astype(given)
    if given != "csr":
        assert net._core.forward_few(X[:1], None, "auto") is not None
    fastnn.set_num_threads(1)
    fastnn.set_sparse("never")
    whole = net.predict(X)
    for mode in ("auto", "always", "never"):
        fastnn.set_sparse(mode)
        for threads in (1, 3):
            fastnn.set_num_threads(threads)
            for n in (1, 2, 4, 5, 511, 512, 513, 1024, 1025):
                assert_array_equal(net.predict(X[:n]), whole[:n])
                assert_array_equal(net.predict(X[1025 - n :]), whole[1025 - n :])
        for i in (1, 510, 511, 512, 513, 1023):
            assert_array_equal(net.predict(X[i : i + 1])[0], whole[i])
            assert_array_equal(net.predict(X[i : i + 1], out=np.empty((1, 10), dtype))[0], whole[i])
