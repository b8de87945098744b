"""Networks and Python's threads, with the lock and (on free-threaded builds) without it."""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastnn

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
DIGITS = np.random.default_rng(0)
X = DIGITS.random((400, 30), np.float32)
y = (X[:, 0] + X[:, 1] > 1).astype(np.int64)


def network(seed: int = 0, **options: Any) -> fastnn.MLP:
    return fastnn.MLP([30, 12, 2], activation="tanh", output="softmax", seed=seed, **options)


def trained(seed: int) -> np.ndarray[Any, Any]:
    net = network(seed, dropout=0.1)
    net.fit(X, y, epochs=3, batch_size=10, optimizer=fastnn.Adam(lr=0.01))
    return net.params.copy()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all calls at the same moment; return their results or what they raised."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i: int) -> None:
        gate.wait()
        try:
            results[i] = calls[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.skipif(not FREE_THREADED, reason="this Python has the global lock")
def test_importing_does_not_bring_the_global_lock_back() -> None:
    assert not sys._is_gil_enabled()


def test_different_networks_train_in_parallel_to_the_bits_of_one_after_the_other() -> None:
    expected = [trained(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(trained, range(16)))
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


class Fitting:
    """A fit on another thread, held still in its first epoch's end until released."""

    def __init__(self, net: fastnn.MLP, **options: Any) -> None:
        self.stands, self.may_go_on = threading.Event(), threading.Event()
        fit = {"epochs": 2, "batch_size": 10, "callbacks": [self._hold], **options}
        self.thread = threading.Thread(target=lambda: net.fit(X, y, **fit))
        self.thread.start()
        assert self.stands.wait(60)

    def _hold(self, run: Any, logs: Any) -> None:
        self.stands.set()
        assert self.may_go_on.wait(60)

    def end(self) -> None:
        self.may_go_on.set()
        self.thread.join()


CHANGES: dict[str, Callable[[fastnn.MLP, Any], object]] = {
    "fit": lambda net, path: net.fit(X, y, epochs=1),
    "train_batch": lambda net, path: net.train_batch(X, y),
    "params": lambda net, path: setattr(net, "params", np.zeros(net.n_params)),
    "reset_optimizer": lambda net, path: net.reset_optimizer(),
    "checkpoint": lambda net, path: net.save(path, checkpoint=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_while_one_thread_trains_no_other_changes_the_network(change: str, tmp_path: Any) -> None:
    net, undisturbed = network(), network()
    undisturbed.fit(X, y, epochs=2, batch_size=10)
    fitting = Fitting(net)
    with pytest.raises(fastnn.BusyError, match="being trained"):
        CHANGES[change](net, tmp_path / "net.safetensors")
    fitting.end()
    assert_array_equal(net.params, undisturbed.params)
    assert not list(tmp_path.iterdir())
    CHANGES[change](net, tmp_path / "net.safetensors")  # and free again


def test_between_two_steps_other_threads_may_predict_save_and_measure(tmp_path: Any) -> None:
    net = network()
    fitting = Fitting(net)
    standing = net.params.copy()
    net.save(tmp_path / "net.safetensors")
    assert_array_equal(fastnn.load(tmp_path / "net.safetensors").params, standing)
    assert net.predict(X).shape == (400, 2)
    assert net.cost(X, y) == net.evaluate(X, y)["loss"]
    fitting.end()


def test_callbacks_may_change_and_save_the_network_they_are_called_about(tmp_path: Any) -> None:
    def change(run: Any, logs: Any) -> None:
        run.net.params = np.zeros(run.net.n_params)
        run.net.save(tmp_path / "net.safetensors", checkpoint=True)

    net = network()
    net.fit(X, y, epochs=1, callbacks=[change])
    assert not net.params.any()
    assert not fastnn.load(tmp_path / "net.safetensors").params.any()


def test_of_two_fits_of_one_network_at_once_each_is_done_whole_or_refused() -> None:
    for _ in range(20):
        net = network()
        results = at_once(*[lambda net=net: net.fit(X, y, epochs=2, batch_size=10)] * 4)
        whole = [r for r in results if isinstance(r, fastnn.History)]
        refused = [r for r in results if isinstance(r, fastnn.BusyError)]
        assert len(whole) >= 1 and len(whole) + len(refused) == 4
        again = network()
        for _ in whole:
            again.fit(X, y, epochs=2, batch_size=10)
        assert_array_equal(net.params, again.params)


def test_predictions_during_a_training_are_those_of_a_whole_step_or_refused() -> None:
    """All rows are the same row: one prediction that mixes two steps would have two values."""
    net, same_rows = network(), np.repeat(X[:1], 600, axis=0)
    done = threading.Event()

    def train() -> None:
        try:
            for _ in range(10):
                net.fit(X, y, epochs=2, batch_size=10)
        finally:
            done.set()

    def predict() -> int:
        seen = 0
        while not done.is_set():
            try:
                a = net.predict(same_rows)
            except fastnn.BusyError:
                continue
            assert_array_equal(a, np.repeat(a[:1], 600, axis=0))
            seen += 1
        return seen

    results = at_once(train, predict, predict)
    assert not [r for r in results if isinstance(r, Exception)]


def test_many_threads_import_and_use_every_public_name_at_once() -> None:
    """The names are imported at their first use: by several threads at the same moment."""
    import subprocess

    code = (
        "import threading, fastnn\n"
        "names, seen = fastnn.__all__, []\n"
        "def use(): seen.append([getattr(fastnn, name) for name in names])\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert len(seen) == 8 and all(s == seen[0] for s in seen)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bars_of_two_fits_at_once_do_not_break_each_other(capsys: Any) -> None:
    fits = [lambda seed=seed: network(seed).fit(X, y, epochs=2, progress=True) for seed in (0, 1)]
    for result in at_once(*fits):
        assert isinstance(result, fastnn.History)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="own locks of subinterpreters are new")
def test_a_subinterpreter_refuses_the_import_in_one_sentence_and_goes_on() -> None:
    """NumPy does not run in subinterpreters, so neither does fastnn: an ImportError, no crash."""
    import subprocess

    code = (
        "try:\n"
        "    from concurrent import interpreters\n"
        "    make = interpreters.create\n"
        "    run = lambda interpreter, code: interpreter.exec(code)\n"
        "except ImportError:\n"
        "    try:\n"
        "        import _interpreters as old\n"  # 3.13
        "    except ImportError:\n"
        "        import _xxsubinterpreters as old\n"
        "    make, run = old.create, old.run_string\n"
        "import fastnn\n"
        "code = '''\n"
        "try:\n"
        "    import fastnn\n"
        "except ImportError as error:\n"
        "    print('refused:', error)\n"
        "else:\n"
        "    print('imported')\n"
        "'''\n"
        "run(make(), code)\n"
        "net = fastnn.MLP([2, 2], seed=0)\n"
        "print(net.predict([[0.0, 1.0]]).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused:") and done.stdout.endswith("(1, 2)\n")
