"""Memory: nothing grows from call to call, and a file larger than memory trains.

What counts is RssAnon, what a process has for itself; the pages of a memory map belong to the file.
"""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="RssAnon stands in /proc/self/status of Linux"
)

HEAD = """
    import gc, resource
    import numpy as np
    import fastnn

    def status(name):
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name))

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 20)).astype(np.float32), rng.integers(0, 3, 200)
    def network(seed=0):
        return fastnn.MLP([20, 16, 3], output="softmax", seed=seed)
    """


def script(code):
    whole = textwrap.dedent(HEAD) + textwrap.dedent(code)
    run = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr


GROWTH = """
    def grown(call, n, kilobytes=1024):
        for _ in range(n // 10):
            call()
        gc.collect()
        before = status("RssAnon")
        for _ in range(n):
            call()
        gc.collect()
        more = status("RssAnon") - before
        assert more < kilobytes, f"{more} kB more"
    """


def test_a_thousand_fits_and_predictions_grow_by_less_than_a_megabyte():
    script(
        textwrap.dedent(GROWTH)
        + """
net = network()
def cycle():
    net.fit(X, y, epochs=1, batch_size=20, validation_data=(X[:9], y[:9]))
    net.predict(X), net.evaluate(X, y), net.gradient(X[:9], y[:9], per_example=True)
grown(cycle, 1000)
"""
    )


@pytest.mark.parametrize("n", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_networks_that_are_dropped_are_gone(n):
    script(
        textwrap.dedent(GROWTH)
        + f"""
def cycle():
    net = network()
    net.train_batch(X, y)
    weights = net.weights[0]
    del net
    weights += 1
grown(cycle, {n})
"""
    )


def test_calls_that_fail_or_are_refused_lose_nothing():
    script(
        textwrap.dedent(GROWTH)
        + """
net = network()
class Stop(Exception):
    pass
def stop(run, logs):
    raise Stop
def cycle():
    for call in (lambda: net.fit(X, y, epochs=2, callbacks=[stop]),
                 lambda: net.predict(X[:, :3]), lambda: net.fit(X, y[:3])):
        try:
            call()
        except (Stop, ValueError):
            continue
        raise AssertionError
grown(cycle, 1000)
"""
    )


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_memory_map_larger_than_the_memory_that_may_be_had_is_trained_on(tmp_path, dtype):
    # RLIMIT_DATA counts what RLIMIT_AS counts, but for maps of files.
    script(
        f"""
n = (400 << 20) // np.dtype({dtype!r}).itemsize // 400
big = np.memmap({str(tmp_path / "big")!r}, {dtype!r}, "w+", shape=(n, 400))
big[::97, ::7] = 1
big.flush()
del big
big = np.memmap({str(tmp_path / "big")!r}, {dtype!r}, "r", shape=(n, 400))
labels = rng.integers(0, 3, n)
net = fastnn.MLP([400, 4, 3], output="softmax", seed=0)
twin = fastnn.MLP([400, 4, 3], output="softmax", seed=0)
twin.fit(big, labels, epochs=1, batch_size=500)  # imports and caches
limit = status("VmData") * 1024 + (200 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(400 << 20, np.uint8)
except MemoryError:
    pass
else:
    raise AssertionError("the limit does not hold")
before = status("RssAnon")
net.fit(big, labels, epochs=1, batch_size=500)
assert net.evaluate(big, labels)["loss"] > 0
net.standardize(big)
assert net.predict(big).shape == (n, 3)
assert status("RssAnon") - before < 100 << 10
assert np.array_equal(net.params, twin.params)
"""
    )
