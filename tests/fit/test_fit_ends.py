"""Fits that end before their time: divergence, Ctrl-C, errors, and two at once."""

import copy
import signal
import threading

import numpy as np
import pytest
from states import state_of, table

import fastnn
from fastnn import MLP, SGD, Adam, DivergenceWarning, RMSprop
from fastnn._fastnn import BusyError
from fastnn.callbacks import Callback, EarlyStopping

X, Y = table(60)


def network(**options):
    return MLP([5, 8, 3], activation="tanh", output="softmax", seed=0, **options)


def regression(dtype="float32"):
    """A network whose cost overflows when its weights are large, as softmax's does not."""
    return MLP([5, 8, 3], activation="relu", loss="quadratic", dtype=dtype, seed=0)


class TestDivergence:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        "optimizer", [SGD(1e300), SGD(1e300, momentum=0.9), Adam(1e300), RMSprop(1e300)], ids=repr
    )
    @pytest.mark.parametrize("batch_size", [7, 30, None])
    def test_the_parameters_are_those_before_the_fit(self, dtype, optimizer, batch_size):
        net = regression(dtype)
        before = net.params.copy()
        with pytest.warns(
            DivergenceWarning, match="were set back to those before the fit"
        ) as caught:
            history = net.fit(X, Y, epochs=3, batch_size=batch_size, optimizer=optimizer)
        np.testing.assert_array_equal(net.params, before)
        assert len(history) == (dtype == "float64" and batch_size is None)
        assert history.stopped.startswith("the loss stopped being finite in epoch")
        assert "smaller learning rate (it was 1e+300)" in str(caught[0].message)
        assert caught[0].filename == __file__

    def test_a_rate_of_1e30_is_enough(self):
        net = regression()
        before = net.params.copy()
        with pytest.warns(DivergenceWarning):
            net.fit(X, Y, epochs=3, batch_size=10, optimizer=SGD(lr=1e30))
        np.testing.assert_array_equal(net.params, before)

    @pytest.mark.parametrize(
        ("step", "told_in"),
        [(8, 3), (10, 3), (11, 4)],  # the last batch's step shows in the epoch after
    )
    def test_it_goes_back_to_the_end_of_the_last_good_epoch(self, step, told_in):
        kept = []
        net = regression()
        with pytest.warns(DivergenceWarning, match="were set back to those after epoch 2"):
            history = net.fit(
                X,
                Y,
                epochs=9,
                batch_size=15,
                optimizer=SGD(lambda at: 1e30 if at >= step else 0.01),
                callbacks=[lambda run, logs: kept.append(run.net.params.copy())],
            )
        assert len(history) == told_in - 1
        np.testing.assert_array_equal(net.params, kept[1])
        assert np.isfinite(net.cost(X, Y))
        assert history.stopped == f"the loss stopped being finite in epoch {told_in}"

    def test_data_that_no_weights_can_bear_leave_the_weights_as_they_were(self):
        net = regression()
        before = net.params.copy()
        with pytest.warns(DivergenceWarning, match="those before the fit"):
            net.fit(X * 1e30, Y, epochs=3)
        np.testing.assert_array_equal(net.params, before)

    def test_the_last_step_of_the_last_epoch_is_looked_at_too(self):
        net = regression()
        before = net.params.copy()
        with pytest.warns(DivergenceWarning):
            net.fit(X, Y, epochs=1, batch_size=None, optimizer=SGD(1e300))
        np.testing.assert_array_equal(net.params, before)

    def test_the_network_trains_on_with_a_smaller_rate_and_moments_that_are_finite(self):
        net = regression()
        with pytest.warns(DivergenceWarning):
            net.fit(X, Y, epochs=3, optimizer=Adam(1e30))
        assert net._state.steps == 0 and not net._state.m.any() and not net._state.v.any()
        history = net.fit(X, Y, epochs=5, optimizer=Adam(0.01))
        assert history.loss[-1] < history.loss[0] and history.stopped is None

    def test_callbacks_learn_of_the_end_and_the_best_weights_come_back(self):
        net, stopper = regression(), EarlyStopping("loss")
        with pytest.warns(DivergenceWarning):
            net.fit(
                X,
                Y,
                epochs=9,
                batch_size=15,
                optimizer=SGD(lambda at: 1e30 if at >= 8 else 0.01),
                callbacks=[stopper],
            )
        np.testing.assert_array_equal(net.params, stopper.best_params_)

    def test_as_an_error_it_leaves_the_same_network(self):
        net = regression()
        before = net.params.copy()
        with pytest.raises(DivergenceWarning):  # every warning is one in these tests
            net.fit(X, Y, epochs=3, optimizer=SGD(1e30))
        np.testing.assert_array_equal(net.params, before)
        net.fit(X, Y, epochs=1, optimizer=SGD(0.01))

    def test_a_batch_that_is_not_finite_warns_and_changes_nothing(self):
        net = regression()
        net.train_batch(X, Y, optimizer=Adam(0.01))
        net.params *= np.float32(1e30)
        before = state_of(net)
        with pytest.warns(DivergenceWarning, match="no step was taken") as caught:
            logs = net.train_batch(X, Y)
        assert np.isnan(logs["loss"])
        assert state_of(net) == before
        assert caught[0].filename == __file__

    def test_a_step_of_ones_own_that_overflows_is_taken_back(self):
        net = regression()
        before = net.params.copy()
        with pytest.warns(DivergenceWarning, match="the step overflowed and was undone") as w:
            net.train_batch(X, Y, optimizer=SGD(1e300, momentum=0.9))
        np.testing.assert_array_equal(net.params, before)
        assert not net._state.m.any()
        assert w[0].filename == __file__


class At(Callback):
    """Does something at one call of one hook."""

    def __init__(self, hook, number, action):
        self.calls = 0

        def called(*args):
            self.calls += 1
            if self.calls == number:
                action()

        if hook == "on_batch_end":
            self.batch = called
        else:
            setattr(self, hook, called)

    batch = None

    def on_batch_end(self, run, logs):
        if self.batch:
            self.batch()


def interrupt():
    raise KeyboardInterrupt


class OwnError(Exception):
    pass


def fail():
    raise OwnError


class TestInterruption:
    @pytest.fixture(autouse=True)
    def _python_hears_ctrl_c(self):
        """A shell has what it starts in the background, these tests perhaps, ignore the signal."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize("action", [interrupt, lambda: signal.raise_signal(signal.SIGINT)])
    def test_ctrl_c_leaves_the_network_at_a_batch_boundary_and_the_history_so_far(self, action):
        net, twin = network(), network()
        with pytest.raises(KeyboardInterrupt):
            net.fit(
                X,
                Y,
                epochs=5,
                batch_size=15,
                shuffle=False,
                optimizer=SGD(0.1, momentum=0.9),
                callbacks=[At("on_batch_end", 6, action)],
            )
        for step in range(6):
            rows = np.arange(15) + 15 * (step % 4)
            twin.train_batch(X[rows], Y[rows], optimizer=SGD(0.1, momentum=0.9))
        np.testing.assert_array_equal(net.params, twin.params)
        assert len(net.history) == 1
        assert net.history.stopped == "interrupted in epoch 2"
        assert net._state.steps == 6

    def test_ctrl_c_between_two_calls_of_the_core_is_heard(self):
        def rate(step):
            if step == 50:
                signal.raise_signal(signal.SIGINT)
            return 0.1

        net = network()
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, epochs=50, batch_size=15, optimizer=SGD(rate))
        assert net._state.steps <= 50
        assert np.isfinite(net.params).all()

    HOOKS = ("on_fit_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_fit_end")

    @pytest.mark.parametrize("hook", HOOKS)
    @pytest.mark.parametrize(("action", "kind"), [(interrupt, KeyboardInterrupt), (fail, OwnError)])
    def test_whatever_a_callback_raises_the_network_can_be_used_on(
        self, tmp_path, hook, action, kind
    ):
        net = network()
        with pytest.raises(kind):
            net.fit(X, Y, epochs=2, callbacks=[At(hook, 1, action)])
        assert np.isfinite(net.predict(X)).all()
        net.save(tmp_path / "net.safetensors", checkpoint=True)
        copy.deepcopy(net)
        assert len(net.fit(X, Y, epochs=2)) == 2

    def test_an_interrupted_fit_can_be_taken_up_where_it_stood(self):
        net = network()
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, epochs=5, callbacks=[At("on_batch_end", 5, interrupt)])
        history = net.fit(X, Y, epochs=5, resume=True, callbacks=[Callback()])
        assert len(history) == 5 and history.stopped is None


class TestTwoAtOnce:
    @pytest.mark.parametrize(
        "what",
        [
            lambda net: net.fit(X, Y, optimizer=SGD(0.1)),
            lambda net: net.fit(X, Y, resume=True),
            lambda net: net.train_batch(X, Y, optimizer=SGD(0.1)),
            lambda net: net.reset_optimizer(),
        ],
        ids=["fit", "resume", "train_batch", "reset_optimizer"],
    )
    def test_training_inside_a_callback_is_refused_and_the_fit_goes_on(self, what):
        def train(run, logs):
            before = state_of(net)
            with pytest.raises(BusyError, match=r"^this network is already being trained: by"):
                what(net)
            assert state_of(net) == before

        net, alone = network(), network()
        net.fit(X, Y, epochs=2, callbacks=[train])
        alone.fit(X, Y, epochs=2)
        np.testing.assert_array_equal(net.params, alone.params)

    def test_another_network_may_be_trained_inside_a_callback(self):
        inner = network()
        network().fit(X, Y, epochs=2, callbacks=[lambda run, logs: inner.fit(X, Y, epochs=1)])
        assert len(inner.history) == 1

    def test_copying_in_the_middle_of_a_fit_is_refused(self):
        def clone(run, logs):
            with pytest.raises(RuntimeError, match=r"cannot be copied or pickled in the middle of"):
                copy.deepcopy(run.net)

        network().fit(X, Y, epochs=1, callbacks=[clone])

    def test_a_second_thread_cannot_train_and_can_read_between_two_calls(self):
        inside, go_on = threading.Event(), threading.Event()

        def wait(run, logs):
            inside.set()
            assert go_on.wait(60)

        net, alone = network(), network()
        thread = threading.Thread(target=lambda: net.fit(X, Y, epochs=1, callbacks=[wait]))
        thread.start()
        assert inside.wait(60)
        with pytest.raises(BusyError, match="this network is already being trained"):
            net.fit(X, Y, epochs=1)
        with pytest.raises(RuntimeError, match="this network is already being trained"):
            net.train_batch(X, Y)
        assert net.predict(X).shape == (60, 3)
        go_on.set()
        thread.join(60)
        alone.fit(X, Y, epochs=1)
        np.testing.assert_array_equal(net.params, alone.params)

    def test_a_reader_that_is_faster_only_delays_a_step(self):
        class BusyTwice:  # the core as it answers while another thread reads
            def __init__(self, core):
                self.core, self.left = core, 2

            def __getattr__(self, name):
                return getattr(self.core, name)

            def train(self, *args):
                self.left -= 1
                if self.left >= 0:
                    raise BusyError
                return self.core.train(*args)

        net, alone = network(), network()
        net._core = BusyTwice(net._core)
        net.fit(X, Y, epochs=2)
        alone.fit(X, Y, epochs=2)
        assert net._core.left < 0
        np.testing.assert_array_equal(net.params, alone.params)

    def test_readers_in_threads_see_what_one_reader_sees(self):
        net = MLP([5, 64, 3], output="softmax", seed=0)
        rows = np.tile(X, (50, 1))
        expected, results = net.predict(rows), [None] * 8

        def read(k):
            results[k] = net.predict(rows)

        threads = [threading.Thread(target=read, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            np.testing.assert_array_equal(result, expected)


def test_what_a_fit_needs_is_not_left_over_when_it_ends():
    net = network()
    net.fit(X, Y, epochs=1)
    assert net._fit is None
    assert fastnn.History() != net.history
