"""Signals, forks, threads, pools and kills: what is left is a network, a history, a checkpoint."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from folders import TESTS
from states import state_of, table

import fastnn
from fastnn import MLP, SGD, Adam

X, Y = table(60)
POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no such signals or forks")


def network(**options):
    return MLP([5, 8, 3], activation="tanh", output="softmax", seed=0, **options)


def quick():
    """A network and data of which many batches, and some epochs, end in a moment."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 20)).astype(np.float32), rng.integers(0, 10, 2000)
    return MLP([20, 30, 10], output="softmax", seed=0), X, y


def large():
    """A network and data of which one batch takes long."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6000, 600)).astype(np.float32), rng.integers(0, 10, 6000)
    return MLP([600, 700, 700, 10], output="softmax", seed=0), X, y


class OwnError(Exception):
    pass


@pytest.fixture
def alarm():
    """Call a function by a signal every few milliseconds of wall-clock time."""
    before = signal.getsignal(signal.SIGALRM)

    def every(action, delay=0.005):
        signal.signal(signal.SIGALRM, lambda *_: action())
        signal.setitimer(signal.ITIMER_REAL, delay, 0.005)

    yield every
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@POSIX
class TestSignals:
    @pytest.mark.parametrize(
        "optimizer", [SGD(0.01), SGD(0.01, momentum=0.9), Adam(0.01)], ids=repr
    )
    @pytest.mark.parametrize("batch_size", [500, None])
    @pytest.mark.parametrize("make", [quick, large])
    def test_what_a_handler_raises_leaves_a_batch_boundary_and_its_count_of_steps(
        self, alarm, optimizer, batch_size, make
    ):
        def stop():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise OwnError

        def fit(net, delay):
            alarm(stop, delay)  # which may come at once
            net.fit(X, y, epochs=10**6, batch_size=batch_size, shuffle=False, optimizer=optimizer)

        delay = 0.005
        while True:  # until a run has ended after, and in the midst of, what it should
            net, X, y = make()
            size = batch_size or len(X)
            with pytest.raises(OwnError):
                fit(net, delay)
            steps = 0 if net._state is None else net._state.steps
            twin = make()[0]
            for step in range(steps):
                rows = (np.arange(size) + size * step) % len(X)
                twin.train_batch(X[rows], y[rows], optimizer=optimizer)
            np.testing.assert_array_equal(net.params, twin.params)
            if steps:
                for ours, theirs in ((net._state.m, twin._state.m), (net._state.v, twin._state.v)):
                    np.testing.assert_array_equal(ours, theirs)
            epochs, over = divmod(steps * size, len(X))
            # just behind an epoch's last batch the epoch may not be in the books yet
            assert len(net.history) == epochs or (len(net.history) == epochs - 1 and over == 0)
            if len(net.history) if make is quick else steps:
                break
            delay *= 8

    @pytest.mark.parametrize("batch_size", [500, None])
    def test_a_handler_may_save_the_network_and_the_fit_keeps_its_bits(
        self, alarm, tmp_path, batch_size
    ):
        net, X, y = large()
        twin, saved = large()[0], []

        def save():
            signal.setitimer(signal.ITIMER_REAL, 0)
            net.save(tmp_path / "net.safetensors", checkpoint=net._fit is not None)
            saved.append(net.params.copy())
            signal.setitimer(signal.ITIMER_REAL, 0.005)

        alarm(save)
        net.fit(X, y, epochs=2, batch_size=batch_size)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert saved
        twin.fit(X, y, epochs=2, batch_size=batch_size)
        np.testing.assert_array_equal(net.params, twin.params)
        fastnn.load(tmp_path / "net.safetensors")

    def test_a_handler_that_sets_parameters_within_a_batch_is_told_and_does_not_hang(self, alarm):
        net, X, y = large()
        X, y = np.tile(X, (3, 1)), np.tile(y, 3)
        before = net.params.copy()

        def reset():
            if net._fit is not None:
                net.params = before

        alarm(reset)
        with pytest.raises(RuntimeError, match="cannot set the parameters in the middle of a"):
            net.fit(X, y, epochs=99, batch_size=None)

    @pytest.mark.parametrize("call", ["predict", "evaluate", "gradient"])
    def test_reading_calls_are_ended_and_change_nothing(self, alarm, call):
        net, X, y = large()
        before = state_of(net)

        def stop():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

        def call_again_and_again():
            alarm(stop)
            arguments = (X,) if call == "predict" else (X, y)
            [getattr(net, call)(*arguments) for _ in range(10000)]

        with pytest.raises(KeyboardInterrupt):
            call_again_and_again()
        assert state_of(net) == before

    @pytest.mark.parametrize(
        ("number", "word", "status"),
        [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)],
    )
    def test_the_command_line_saves_what_it_has_and_says_so_in_a_line(
        self, tmp_path, number, word, status
    ):
        code = f"""
            import signal, sys, fastnn, fastnn.cli
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
            fit = fastnn.MLP.fit
            def stopped(self, X, y, *, callbacks, **rest):
                def stop(run, logs):
                    if run.epoch == 2:
                        signal.raise_signal({int(number)})
                return fit(self, X, y, callbacks=[*callbacks, stop], **rest)
            fastnn.MLP.fit = stopped
            sys.exit(fastnn.cli.main(["train", "-q", "-o", "net"]))
            """
        run = script(code, cwd=tmp_path)
        assert run.returncode == status
        epochs = f"fastnn: {word} after 2 of "
        assert run.stderr.startswith(epochs) and run.stderr.count("\n") == 1
        assert run.stderr.endswith("the network so far is in net\n")
        assert os.listdir(tmp_path) == ["net"]
        assert fastnn.load(tmp_path / "net").sizes[0] == 784

    def test_a_sigterm_from_outside_in_the_midst_of_an_epoch_saves_the_network(self, tmp_path):
        command = [
            sys.executable,
            "-u",
            "-m",
            "fastnn",
            "train",
            "--epochs",
            "1000000",
            "-o",
            "net",
        ]
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            assert child.stderr.readline().split()[1] == "1/1000000"
            child.send_signal(signal.SIGTERM)
            told = child.communicate(timeout=600)[1].splitlines()
        assert child.returncode == 143
        assert int(re.match(r"fastnn: terminated after (\d+) of 1", told[-1])[1]) > 0
        assert all(line.startswith("epoch ") for line in told[:-1])
        assert fastnn.load(tmp_path / "net").sizes == (784, 16, 16, 10)

    def test_sigterm_before_the_training_is_a_line_and_status_143(self, tmp_path):
        code = """
            import signal, sys, fastnn.cli
            from fastnn.tabular import task_data
            task_data.load = lambda *_: signal.raise_signal(signal.SIGTERM)
            sys.exit(fastnn.cli.main(["train"]))
            """
        run = script(code, cwd=tmp_path)
        assert (run.returncode, run.stdout, run.stderr) == (143, "", "fastnn: terminated\n")
        assert os.listdir(tmp_path) == []

    def test_importing_and_training_install_no_handler(self):
        code = """
            import signal
            before = [signal.getsignal(n) for n in signal.valid_signals()]
            import numpy as np, fastnn
            fastnn.MLP([2, 2, 1]).fit(np.ones((4, 2)), np.ones(4), epochs=1)
            assert before == [signal.getsignal(n) for n in signal.valid_signals()]
            """
        assert script(code).returncode == 0


def script(code, **options):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


FORKS = """
    import os, sys, threading
    import numpy as np
    import fastnn

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 300)).astype(np.float32), rng.integers(0, 10, 600)
    fastnn.set_num_threads(4)
    def make():
        return fastnn.MLP([300, 400, 400, 10], output="softmax", seed=0)
    net, reader = make(), make()
    net.fit(X, y, epochs=1, batch_size=200)
    expected = net.params.copy()
    twin = make()
    twin.fit(X, y, epochs=1, batch_size=200)
    twin.fit(X, y, epochs=1, batch_size=200)
    ended, begun = threading.Event(), threading.Event()
    def read():
        while not ended.is_set():
            reader.predict(X)
            begun.set()
    thread = threading.Thread(target=read)
    thread.start()
    begun.wait()
    for _ in range({n}):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                net.fit(X, y, epochs=1, batch_size=200)
                reader.fit(X[:20], y[:20], epochs=1)  # whose reader is in the other process
                same = np.array_equal(net.params, twin.params)
                status = 0 if same and np.isfinite(reader.params).all() else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
    ended.set()
    thread.join()
    assert np.array_equal(net.params, expected)
    """


@POSIX
@pytest.mark.parametrize("n", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_children_forked_after_training_train_on_and_none_hangs(n):
    run = script(FORKS.format(n=n))
    assert run.returncode == 0, run.stderr


def trained(seed):
    """The parameters of a training that is worth a team of threads, for workers of any kind."""
    net = MLP([5, 200, 200, 3], output="softmax", seed=seed)
    net.fit(X, Y, epochs=3, batch_size=30)
    return net.params.copy()


METHODS = [m for m in ("spawn", "forkserver") if m in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_every_kind_train_to_the_same_bits(method):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for seed, params in enumerate(pool.map(trained, range(4))):
            np.testing.assert_array_equal(params, trained(seed))


def test_joblib_trains_to_the_same_bits():
    joblib = pytest.importorskip("joblib")
    made = joblib.Parallel(n_jobs=2)(joblib.delayed(trained)(seed) for seed in range(4))
    for seed, params in enumerate(made):
        np.testing.assert_array_equal(params, trained(seed))


def test_eight_threads_train_eight_networks_to_the_same_bits():
    with ThreadPoolExecutor(8) as pool:
        for seed, params in enumerate(pool.map(trained, range(32))):
            np.testing.assert_array_equal(params, trained(seed))


def test_a_fit_in_another_thread_is_not_the_one_that_ctrl_c_ends():
    net, twin = network(), network()
    heard = []

    def raise_it(run, logs):
        heard.append(threading.current_thread() is threading.main_thread())

    thread = threading.Thread(target=lambda: net.fit(X, Y, epochs=3, callbacks=[raise_it]))
    thread.start()
    thread.join()
    twin.fit(X, Y, epochs=3)
    assert heard == [False] * 3
    np.testing.assert_array_equal(net.params, twin.params)


CHECKPOINTS = """
    import sys
    sys.path.insert(0, {here!r})
    from states import table
    import fastnn
    from fastnn.callbacks import ModelCheckpoint
    X, y = table(60)
    resume = {resume}
    net = fastnn.load("c") if resume else fastnn.MLP([5, 8, 3], output="softmax", seed=0)
    net.fit(X, y, epochs={epochs}, batch_size=7, resume=resume, callbacks=[
        ModelCheckpoint("c"), lambda run, logs: print(run.epoch, flush=True)])
    """


@POSIX
@pytest.mark.parametrize("n", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_after_a_kill_the_last_checkpoint_loads_and_the_training_goes_on(tmp_path, n):
    rng = np.random.default_rng()
    for kill in range(n):
        begun = (tmp_path / "c").exists()
        code = CHECKPOINTS.format(here=str(TESTS), resume=begun, epochs=10**6)
        command = [sys.executable, "-c", textwrap.dedent(code)]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as child:
            if kill % 4:
                for _ in range(rng.integers(1, 40)):
                    assert child.stdout.readline()
                time.sleep(rng.uniform(0, 0.005))  # into the midst of something
            else:  # before, or about, the first epoch
                time.sleep(rng.uniform(0, 0.6))
            child.send_signal(signal.SIGKILL)
        left = set(os.listdir(tmp_path))
        assert ("c" in left or kill == 0) and len(left) <= 2, left
        assert all(name == "c" or name.endswith(".part") for name in left), left
        if "c" in left:
            assert fastnn.load(tmp_path / "c")._fit_state.epoch > 0
    reached = fastnn.load(tmp_path / "c")
    done = len(reached.history)
    twin = MLP([5, 8, 3], output="softmax", seed=0)
    twin.fit(X, Y, epochs=done, batch_size=7)
    np.testing.assert_array_equal(reached.params, twin.params)
    reached.save(tmp_path / "c")
    assert os.listdir(tmp_path) == ["c"]
