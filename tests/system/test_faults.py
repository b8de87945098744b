"""Memory that runs out: MemoryError is raised, and the network remains usable.

The core itself fails at every allocation and thread in tests/c/faults.c (see tests/c/run). Here it
is what Python keeps beside it; with a build made by ``FASTNN_FAULT_BUILD=1 pip install .`` the
core's allocations fail under Python, too.
"""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest
from folders import TESTS
from states import state_of, table

import fastnn
from fastnn import MLP, SGD, Adam, _fastnn

X, Y = table(60)


def network(**options):
    return MLP([5, 8, 3], activation="tanh", output="softmax", dropout=0.2, seed=0, **options)


class Faults(ctypes.Structure):
    """struct fnn_faults of csrc/system/faults.h."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("fail_allocation", "fail_thread", "allocations", "live", "threads")
    ]


@pytest.fixture
def faults():
    try:
        found = Faults.in_dll(ctypes.CDLL(_fastnn.__file__), "fnn_faults")
    except ValueError:
        assert not os.environ.get("FASTNN_FAULT_BUILD"), "this is not the build that was asked for"
        pytest.skip("this build cannot be told to fail: FASTNN_FAULT_BUILD=1 makes one that can")
    yield found
    found.fail_allocation = found.fail_thread = -1


class Failing:
    """The core, of which the n-th call to train (from 0) finds no memory."""

    def __init__(self, core, n):
        self.core, self.left = core, n

    def __getattr__(self, name):
        return getattr(self.core, name)

    def train(self, *args):
        self.left -= 1
        if self.left == -1:
            raise MemoryError
        return self.core.train(*args)


class TestTraining:
    @pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.1)], ids=repr)
    @pytest.mark.parametrize("trained", [False, True])
    def test_a_fit_without_memory_for_its_first_step_changes_nothing(self, optimizer, trained):
        net, calm = network(), network()
        for one in (net, calm):
            if trained:
                one.fit(X, Y, epochs=2, optimizer=Adam(0.01))
        before, core = state_of(net), net._core
        net._core = Failing(core, 0)
        with pytest.raises(MemoryError):
            net.fit(X, Y, epochs=2, optimizer=optimizer)
        net._core = core
        assert state_of(net) == before
        for one in (net, calm):
            one.fit(X, Y, epochs=2, optimizer=optimizer)
        assert state_of(net) == state_of(calm)

    @pytest.mark.parametrize("n", range(1, 9))
    def test_a_fit_that_loses_memory_later_stands_at_a_batch_boundary(self, n):
        net, calm = network(), network()
        core = net._core
        net._core = Failing(core, n)
        each_batch = type("EachBatch", (fastnn.callbacks.Callback,), {"on_batch_end": ignore})
        options = {"batch_size": 15, "shuffle": False, "optimizer": Adam(0.1)}
        with pytest.raises(MemoryError):
            net.fit(X, Y, epochs=3, callbacks=[each_batch()], **options)
        net._core = core
        for step in range(n):
            rows = np.arange(15) + 15 * (step % 4)
            calm.train_batch(X[rows], Y[rows], optimizer=Adam(0.1))
        np.testing.assert_array_equal(net.params, calm.params)
        assert net._state.steps == n
        assert len(net.history) == n // 4
        assert net.history.stopped == f"out of memory in epoch {n // 4 + 1}"
        np.testing.assert_array_equal(net._state.m, calm._state.m)

    def test_a_step_without_memory_changes_nothing_not_even_another_optimizers_state(self):
        net = network()
        net.train_batch(X, Y, optimizer=Adam(0.01))
        before, core = state_of(net), net._core
        net._core = Failing(core, 0)
        with pytest.raises(MemoryError):
            net.train_batch(X, Y, optimizer=SGD(0.1, momentum=0.9))
        net._core = core
        assert state_of(net) == before


def ignore(*args):
    pass


CALLS = {
    "fit": lambda net: net.fit(X, Y, epochs=2, batch_size=7),
    "fit long": lambda net: net.fit(np.tile(X, (30, 1)), np.tile(Y, 30), batch_size=None),
    "train_batch": lambda net: net.train_batch(X, Y, optimizer=SGD(0.1)),
    "predict": lambda net: net.predict(X),
    "activations": lambda net: net.activations(X),
    "evaluate": lambda net: net.evaluate(X, Y),
    "gradient": lambda net: net.gradient(X, Y),
    "gradients": lambda net: net.gradient(X, Y, per_example=True),
}


class TestTheCoresAllocations:
    @pytest.mark.parametrize("name", CALLS)
    def test_each_one_fails_once_with_memory_error_and_changes_nothing(self, faults, name):
        net, calm = network(), network()
        before, live, failed = state_of(net), faults.live, 0
        while True:
            faults.fail_allocation = failed
            try:
                CALLS[name](net)
            except MemoryError as error:
                assert str(error) == "not enough memory for this network and batch size"
            else:
                break
            finally:
                faults.fail_allocation = -1
            assert state_of(net) == before
            assert faults.live <= live
            failed += 1
        assert failed > 0
        CALLS[name](calm)
        assert state_of(net) == state_of(calm)

    def test_a_network_and_its_copies_without_memory_are_not_made(self, faults, tmp_path):
        network().save(tmp_path / "net.safetensors")
        live = faults.live
        for make in (network, lambda: fastnn.load(tmp_path / "net.safetensors")):
            faults.fail_allocation = 0
            with pytest.raises(MemoryError):
                make()
            faults.fail_allocation = -1
        assert faults.live == live

    @pytest.mark.parametrize("epochs", [10, 100])
    def test_a_fit_takes_one_allocation_for_all_its_batches_and_one_to_look_at_the_end(
        self, faults, epochs
    ):
        fastnn.set_num_threads(1)
        net, counts = network(), []
        before = faults.allocations
        count = lambda run, logs: counts.append(faults.allocations - before)  # noqa: E731
        net.fit(X, Y, epochs=epochs, batch_size=3, callbacks=[count])
        assert counts == [1] * epochs
        assert faults.allocations - before == 2

    @pytest.mark.parametrize("n", range(3))
    def test_threads_that_do_not_start_change_no_bit(self, faults, n):
        wide = [MLP([5, 700, 700, 3], output="softmax", seed=0) for _ in range(2)]
        rows, labels = np.tile(X, (5, 1)), np.tile(Y, 5)
        fastnn.set_num_threads(4)
        for i, net in enumerate(wide):
            faults.fail_thread = n if i else -1
            net.fit(rows, labels, epochs=2, batch_size=100)
        np.testing.assert_array_equal(wide[0].params, wide[1].params)


SWEEP = """
import resource, sys
import numpy as np
sys.path.insert(0, {folder!r})
from states import state_of
import fastnn

rng = np.random.default_rng(0)
X, y = rng.normal(size=(2000, 300)), rng.integers(0, 10, 2000)
fastnn.set_num_threads(1)
def make():
    net = fastnn.MLP([300, 900, 900, 10], output="softmax", seed=0)
    return net
calls = {{
    "fit": lambda net: net.fit(X.astype(np.int64), y, epochs=1, batch_size=1000),
    "train_batch": lambda net: net.train_batch(X, y, optimizer=fastnn.SGD(0.1, momentum=0.9)),
    "predict": lambda net: net.activations(X),
    "gradient": lambda net: net.gradient(X, y),
    "gradients": lambda net: net.gradient(X[:20], y[:20], per_example=True),
    "save": lambda net: net.save({path!r}),
    "load": lambda net: fastnn.load({path!r}),
}}
def used():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData"))
for name, call in calls.items():
    calm, net = make(), make()
    if name == "fit":
        make().fit(X, y, epochs=1)  # imports and caches
    call(calm)
    before, failures, after = state_of(net), 0, state_of(calm)
    for grace in range(0, 400, {step}):
        resource.setrlimit(resource.RLIMIT_DATA, (used() + (grace << 20), -1))
        try:
            call(net)
            done = True
        except MemoryError:
            done = False
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))
        if done:
            break
        failures += 1
        assert state_of(net) == before, name
    assert done and failures > 0, (name, failures)
    assert state_of(net) == after, name
    print(name, failures)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts what is needed on Linux")
@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_wherever_memory_ends_the_error_is_memory_error_and_nothing_changes(tmp_path, step):
    code = SWEEP.format(step=step, folder=str(TESTS), path=str(tmp_path / "net.safetensors"))
    always_from_the_system = {
        **os.environ,
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "100000",
        "MALLOC_TRIM_THRESHOLD_": "100000",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=always_from_the_system
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 7
