"""Callbacks in a real fit: when they are called, and what they can do to it."""

import threading

import numpy as np
import pytest
from states import table, without_clock

import fastnn
from fastnn import MLP, SGD, Adam
from fastnn.callbacks import Callback, EarlyStopping, ModelCheckpoint, ReduceOnPlateau
from fastnn.fit import training

X, Y = table(60)
X_VAL, Y_VAL = table(25, seed=1)


def network(seed=0, **options):
    return MLP([5, 8, 3], activation="tanh", output="softmax", seed=seed, **options)


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def on_fit_begin(self, run):
        self.calls.append("fit begins")

    def on_epoch_begin(self, run):
        self.calls.append(f"epoch begins at {run.epoch}, step {run.step}")

    def on_batch_end(self, run, logs):
        assert set(logs) == {"loss", "accuracy"}
        self.calls.append(f"batch ends at step {run.step}, lr {run.lr}")

    def on_epoch_end(self, run, logs):
        assert logs["loss"] == run.history.loss[-1]
        self.calls.append(f"epoch ends at {run.epoch} of {run.epochs}, step {run.step}")

    def on_fit_end(self, run):
        self.calls.append("fit ends")


class TestCallbacks:
    def test_hooks_are_called_in_order_with_where_the_run_stands(self):
        recorder = Recorder()
        network().fit(X, Y, epochs=2, batch_size=30, optimizer=SGD(0.1), callbacks=recorder)
        assert recorder.calls == [
            "fit begins",
            "epoch begins at 0, step 0",
            "batch ends at step 1, lr 0.1",
            "batch ends at step 2, lr 0.1",
            "epoch ends at 1 of 2, step 2",
            "epoch begins at 1, step 2",
            "batch ends at step 3, lr 0.1",
            "batch ends at step 4, lr 0.1",
            "epoch ends at 2 of 2, step 4",
            "fit ends",
        ]

    def test_a_function_alone_a_list_or_none_will_do(self):
        seen = []
        net = network()
        net.fit(X, Y, epochs=2, callbacks=lambda run, logs: seen.append(run.epoch))
        net.fit(X, Y, epochs=2, callbacks=(lambda run, logs: seen.append(run.net),))
        net.fit(X, Y, epochs=1, callbacks=None)
        assert seen == [1, 2, net, net]

    def test_looking_on_changes_no_bit(self):
        watched, alone = network(dropout=0.2), network(dropout=0.2)
        a = watched.fit(X, Y, epochs=3, batch_size=7, callbacks=[Recorder()])
        b = alone.fit(X, Y, epochs=3, batch_size=7)
        np.testing.assert_array_equal(watched.params, alone.params)
        assert without_clock(a) == without_clock(b)

    def test_early_stopping_goes_back_to_the_weights_of_its_best_epoch(self):
        kept = []
        stopper = EarlyStopping(patience=2)
        net = network(seed=3)
        history = net.fit(
            *(X, np.roll(Y, 1)),  # nothing to learn: validation soon gets worse
            epochs=200,
            optimizer=Adam(0.05),
            validation_data=(X_VAL, Y_VAL),
            callbacks=[lambda run, logs: kept.append(run.net.params.copy()), stopper],
        )
        best = int(np.argmin(history.val_loss))
        assert len(history) == best + 3 < 200
        np.testing.assert_array_equal(net.params, kept[best])
        assert net.evaluate(X_VAL, Y_VAL)["loss"] == history.val_loss[best]
        assert history.stopped.startswith("val_loss has not improved for 2 epochs")

    def test_a_callback_can_stop_the_fit_with_its_reason(self):
        def stop(run, logs):
            if run.epoch == 3:
                run.stop("enough")

        history = network().fit(X, Y, epochs=9, callbacks=[stop])
        assert (len(history), history.stopped) == (3, "enough")
        assert network().fit(X, Y, epochs=3, callbacks=[stop]).stopped is None

    def test_checkpoints_of_every_epoch_hold_the_network_of_that_epoch(self, tmp_path):
        kept = []
        saver = ModelCheckpoint(tmp_path / "e{epoch}.safetensors")
        network().fit(
            X, Y, epochs=3, callbacks=[saver, lambda run, _: kept.append(run.net.params.copy())]
        )
        assert len(list(tmp_path.iterdir())) == 3
        for epoch in (1, 2, 3):
            net = fastnn.load(tmp_path / f"e{epoch}.safetensors")
            np.testing.assert_array_equal(net.params, kept[epoch - 1])
            assert len(net.history) == epoch

    def test_a_plateau_lowers_the_rate_in_the_history(self):
        reducer = ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        history = network().fit(X, Y, epochs=4, optimizer=SGD(0.4), callbacks=[reducer])
        assert history.lr == [0.4, 0.4, 0.2, 0.1]

    @pytest.mark.parametrize("scale", [-1.0, np.nan, np.inf])
    def test_a_scale_of_the_rate_that_makes_no_sense_is_refused(self, scale):
        def spoil(run, logs):
            run.lr_scale = scale

        with pytest.raises(ValueError, match=r"^lr_scale must be a finite number of 0 or more"):
            network().fit(X, Y, epochs=2, callbacks=[spoil])

    def test_a_callback_may_read_and_write_the_network(self, tmp_path):
        def look(run, logs):
            assert run.net.predict(X).shape == (60, 3)
            run.net.gradient(X, Y)
            run.net.save(tmp_path / "now.safetensors", checkpoint=True)
            run.net.params *= 0.5

        net = network()
        net.fit(X, Y, epochs=2, callbacks=[look])
        np.testing.assert_array_equal(
            fastnn.load(tmp_path / "now.safetensors").params * 0.5, net.params
        )


class Pausing(Callback):
    """Calls `action(run)` in its pauses, of which it counts the steps."""

    def __init__(self, action=lambda run: None):
        self.action, self.steps = action, []

    def on_pause(self, run):
        self.steps.append(run.step)
        self.action(run)


@pytest.fixture
def often(monkeypatch):
    """A pause after every call of the core."""
    monkeypatch.setattr(training, "_PAUSE_SECONDS", 0.0)


@pytest.mark.usefixtures("often")
class TestPauses:
    def test_pauses_are_at_batch_boundaries_and_change_no_bit(self):
        watched, alone, pausing = network(), network(), Pausing()
        watched.fit(X, Y, epochs=3, batch_size=7, optimizer=Adam(), callbacks=pausing)
        alone.fit(X, Y, epochs=3, batch_size=7, optimizer=Adam())
        assert np.array_equal(watched.params, alone.params)
        assert pausing.steps == sorted(set(pausing.steps))
        assert {9, 18, 27} <= set(pausing.steps) <= set(range(1, 28))

    def test_a_rate_that_is_set_in_a_pause_holds_for_the_steps_after_it(self):
        def halve(run):
            run.lr_scale = 0.5

        net = network()
        net.fit(X, Y, epochs=3, batch_size=None, optimizer=SGD(0.1), callbacks=Pausing(halve))
        assert net.history.lr == [0.1, 0.05, 0.05]

    def test_another_thread_may_read_the_network_in_a_pause(self):
        net, answers = network(), []

        def ask(run):
            reader = threading.Thread(target=lambda: answers.append(net.predict(X)))
            reader.start()
            reader.join()
            as_it_is = network(seed=1)
            as_it_is.params = net.params
            assert np.array_equal(answers[-1], as_it_is.predict(X))

        net.fit(X, Y, epochs=2, batch_size=20, callbacks=Pausing(ask))
        assert len(answers) >= 2

    def test_what_a_pause_raises_ends_the_fit_after_a_whole_batch(self):
        class EnoughError(Exception):
            pass

        def end(run):
            if run.step == 1:
                raise EnoughError

        net, one_step = network(), network()
        with pytest.raises(EnoughError):
            net.fit(X, Y, epochs=5, batch_size=None, optimizer=SGD(0.1), callbacks=Pausing(end))
        one_step.fit(X, Y, epochs=1, batch_size=None, optimizer=SGD(0.1))
        assert np.array_equal(net.params, one_step.params)
        assert len(net.history) == 0
        net.fit(X, Y, epochs=1)  # and another one may follow

    def test_callbacks_without_a_pause_are_not_called_for_one(self, monkeypatch):
        def never(self, run):
            raise AssertionError

        monkeypatch.setattr(Callback, "on_pause", never)
        network().fit(X, Y, epochs=2, callbacks=[Recorder(), lambda run, logs: None])

    def test_a_step_of_second_order_ends_with_a_pause(self):
        pausing = Pausing()
        net = MLP([5, 3, 1], activation="tanh", seed=0, dtype="float64")
        net.fit(X, X[:, :1], epochs=2, optimizer=fastnn.LevenbergMarquardt(), callbacks=pausing)
        assert pausing.steps == [1, 2]


def test_between_two_pauses_lies_their_time_at_least(monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 1e-3
        return now[0]

    monkeypatch.setattr(training.time, "perf_counter", clock)
    times = []
    network().fit(
        X, Y, epochs=200, batch_size=5, callbacks=Pausing(lambda run: times.append(now[0]))
    )
    assert len(times) > 3
    assert np.diff(times).min() >= training._PAUSE_SECONDS
