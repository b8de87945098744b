"""Callbacks, driven by a fit that is played from a list of losses."""

import json
import math

import numpy as np
import pytest

from fastnn.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ReduceOnPlateau,
    as_callback,
)
from fastnn.history import History


class Net:
    """A network whose weights, after epoch k, are all k."""

    def __init__(self):
        self.params = np.zeros(3)
        self.saved = []

    def save(self, path, *, checkpoint):
        assert checkpoint is True
        self.saved.append(str(path))


class Run:
    def __init__(self, epochs=1000):
        self.net = Net()
        self.epochs = epochs
        self.epoch = 0
        self.step = 0
        self.history = History()
        self.lr_scale = 1.0
        self.lr = 0.1
        self.stopped = None

    def stop(self, reason):
        self.stopped = reason

    def one_epoch(self, callbacks, logs):
        for callback in callbacks:
            callback.on_epoch_begin(self)
        self.epoch += 1
        self.net.params = np.full(3, float(self.epoch))
        self.history.append(logs)
        for callback in callbacks:
            callback.on_epoch_end(self, logs)


def play(callback, values, name="val_loss", run=None, fresh=True):
    """Run the epochs of a fit, as far as the callback lets it, and end it."""
    run = run or Run()
    if fresh:
        callback.on_fit_begin(run)
    for value in values:
        run.one_epoch([callback], {name: value})
        if run.stopped:
            break
    callback.on_fit_end(run)
    return run


class TestEarlyStopping:
    def test_it_stops_after_patience_epochs_in_a_row_without_improvement(self):
        stopper = EarlyStopping(patience=2)
        run = play(stopper, [5, 4, 4.5, 3, 3, 3.5, 1])
        assert run.epoch == 6
        assert (stopper.best_, stopper.best_epoch_, stopper.stopped_epoch_) == (3, 4, 6)
        assert run.stopped == "val_loss has not improved for 2 epochs (best 3 at epoch 4)"

    def test_it_restores_the_weights_of_the_best_epoch_when_it_stopped(self):
        run = play(EarlyStopping(patience=2), [5, 4, 6, 6])
        np.testing.assert_array_equal(run.net.params, [2, 2, 2])

    def test_it_restores_them_when_the_epochs_ran_out_too(self):
        stopper = EarlyStopping(patience=10)
        run = play(stopper, [5, 4, 6])
        assert run.stopped is None
        assert stopper.stopped_epoch_ is None
        np.testing.assert_array_equal(run.net.params, [2, 2, 2])

    def test_without_restore_best_the_last_weights_stay(self):
        stopper = EarlyStopping(patience=2, restore_best=False)
        run = play(stopper, [5, 4, 6, 6])
        np.testing.assert_array_equal(run.net.params, [4, 4, 4])
        assert stopper.best_params_ is None

    def test_the_kept_weights_are_a_copy(self):
        stopper, run = EarlyStopping(), Run()
        stopper.on_fit_begin(run)
        run.one_epoch([stopper], {"val_loss": 1.0})
        run.net.params[:] = 9
        np.testing.assert_array_equal(stopper.best_params_, [1, 1, 1])

    def test_accuracy_is_better_when_higher(self):
        stopper = EarlyStopping("val_accuracy", patience=2)
        run = play(stopper, [0.5, 0.7, 0.6, 0.7], name="val_accuracy")
        assert (run.epoch, stopper.best_, stopper.best_epoch_) == (4, 0.7, 2)

    def test_mode_overrules_the_name(self):
        stopper = EarlyStopping("accuracy", patience=2, mode="min")
        play(stopper, [0.5, 0.7, 0.6], name="accuracy")
        assert stopper.best_ == 0.5
        stopper = EarlyStopping("gain", patience=2, mode="max")
        play(stopper, [0.5, 0.7, 0.6], name="gain")
        assert stopper.best_ == 0.7

    def test_an_improvement_must_be_larger_than_min_delta(self):
        stopper = EarlyStopping(patience=3, min_delta=0.5)
        # 3.5 is better than 4 by exactly 0.5, 3.25 by more
        run = play(stopper, [4, 3.5, 3.75, 3.25, 3, 3, 3])
        assert (run.epoch, stopper.best_, stopper.best_epoch_) == (7, 3.25, 4)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_a_value_that_is_not_finite_never_counts_as_better(self, bad):
        stopper = EarlyStopping(patience=2)
        run = play(stopper, [bad, 3, bad, bad])
        assert (run.epoch, stopper.best_, stopper.best_epoch_) == (4, 3, 2)

    def test_a_value_that_never_was_finite_stops_and_leaves_the_weights(self):
        run = play(EarlyStopping(patience=1), [math.nan])
        assert run.stopped == "val_loss has not improved for 1 epoch (never a finite number)"
        np.testing.assert_array_equal(run.net.params, [1, 1, 1])

    def test_the_epochs_before_start_from_epoch_are_not_looked_at(self):
        stopper = EarlyStopping(patience=1, start_from_epoch=3)
        run = play(stopper, [1, 2, 3, 9, 8, 8])
        assert (run.epoch, stopper.best_, stopper.best_epoch_) == (6, 8, 5)

    def test_an_improvement_that_does_not_beat_the_baseline_does_not_end_the_waiting(self):
        stopper = EarlyStopping(patience=3, baseline=2.0)
        run = play(stopper, [5, 4, 3, 1])
        assert run.epoch == 3
        assert run.stopped == (
            "val_loss has not improved beyond 2 for 3 epochs (best 3 at epoch 3)"
        )

    def test_an_improvement_that_beats_the_baseline_ends_the_waiting(self):
        stopper = EarlyStopping(patience=3, baseline=2.0)
        run = play(stopper, [5, 4, 1, 1, 1, 1])
        assert (run.epoch, stopper.best_epoch_) == (6, 3)

    def test_a_name_that_is_not_logged_is_refused_with_the_names_that_are(self):
        run = Run()
        with pytest.raises(
            ValueError, match=r"EarlyStopping monitors 'val_loss', .* it logs loss, accuracy$"
        ):
            run.one_epoch([EarlyStopping()], {"loss": 1.0, "accuracy": 0.5})

    def test_a_second_fit_starts_afresh(self):
        stopper = EarlyStopping(patience=2)
        play(stopper, [1, 2, 2])
        run = play(stopper, [9, 8, 7])
        assert run.stopped is None
        assert (stopper.best_, stopper.best_epoch_, stopper.stopped_epoch_) == (7, 3, None)
        np.testing.assert_array_equal(run.net.params, [3, 3, 3])


class TestModelCheckpoint:
    def test_it_saves_every_epoch_under_one_name(self, tmp_path):
        path = tmp_path / "net.safetensors"
        run = play(ModelCheckpoint(path), [3, 2])
        assert run.net.saved == [str(path), str(path)]

    def test_the_path_may_hold_the_epoch_and_any_log(self, tmp_path):
        saver = ModelCheckpoint(str(tmp_path / "m-{epoch:03d}-{val_loss:.3f}.safetensors"))
        run = play(saver, [0.5, 0.25])
        assert run.net.saved == [
            str(tmp_path / "m-001-0.500.safetensors"),
            str(tmp_path / "m-002-0.250.safetensors"),
        ]
        assert saver.path_ == run.net.saved[-1]

    def test_every_saves_only_each_nth_epoch(self, tmp_path):
        run = play(ModelCheckpoint(tmp_path / "{epoch}", every=3), range(7))
        assert [path[-1] for path in run.net.saved] == ["3", "6"]

    def test_save_best_only_saves_when_the_value_is_better_than_ever(self, tmp_path):
        saver = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True)
        run = play(saver, [3, 4, 2, math.nan, 2, 1])
        assert [path[-1] for path in run.net.saved] == ["1", "3", "6"]
        assert (saver.best_, saver.best_epoch_) == (1, 6)

    def test_it_knows_the_best_before_it_saves(self, tmp_path):
        saver, run = ModelCheckpoint(tmp_path / "net", save_best_only=True), Run()
        states = []
        run.net.save = lambda path, checkpoint: states.append(saver.state()["best_"])
        play(saver, [3, 2], run=run)
        assert states == [3, 2]

    def test_it_may_monitor_any_value(self, tmp_path):
        saver = ModelCheckpoint(tmp_path / "{epoch}", "accuracy", save_best_only=True)
        run = play(saver, [0.5, 0.4, 0.6], name="accuracy")
        assert [path[-1] for path in run.net.saved] == ["1", "3"]

    def test_missing_folders_are_made(self, tmp_path):
        play(ModelCheckpoint(tmp_path / "a" / "{epoch}" / "net"), [1])
        assert (tmp_path / "a" / "1").is_dir()

    def test_a_field_that_is_not_logged_is_refused_with_the_names_that_are(self, tmp_path):
        with pytest.raises(ValueError, match=r"it may use val_loss, epoch, step$"):
            play(ModelCheckpoint(tmp_path / "{accuracy}"), [1])

    def test_a_monitor_that_is_not_logged_is_refused(self, tmp_path):
        saver = ModelCheckpoint(tmp_path / "net", "val_accuracy", save_best_only=True)
        with pytest.raises(ValueError, match="ModelCheckpoint monitors 'val_accuracy'"):
            play(saver, [1])


class TestReduceOnPlateau:
    def scales(self, reducer, values):
        run, scales = Run(), []
        reducer.on_fit_begin(run)
        for value in values:
            run.one_epoch([reducer], {"val_loss": value})
            scales.append(run.lr_scale)
        return scales

    def test_the_rate_falls_after_each_patience_epochs_without_improvement(self):
        reducer = ReduceOnPlateau(factor=0.5, patience=2)
        got = self.scales(reducer, [3, 3, 3, 3, 3, 2, 2, 2])
        assert got == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]

    def test_an_improvement_within_min_delta_does_not_count(self):
        reducer = ReduceOnPlateau(factor=0.5, patience=2, min_delta=0.5)
        assert self.scales(reducer, [3, 2.75, 2.5]) == [1, 1, 0.5]

    def test_the_epochs_of_a_cooldown_do_not_count_as_waiting(self):
        reducer = ReduceOnPlateau(factor=0.5, patience=2, cooldown=3)
        # waits in epochs 2 and 3, cools in 4, 5 and 6, waits in 7 and 8
        got = self.scales(reducer, [3] * 8)
        assert got == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25]

    def test_the_rate_never_falls_below_min_scale(self):
        reducer = ReduceOnPlateau(factor=0.1, patience=1, min_scale=0.05)
        assert self.scales(reducer, [3, 3, 3, 3]) == [1, 0.1, 0.05, 0.05]

    def test_a_scale_that_is_below_min_scale_already_is_not_raised(self):
        run = Run()
        run.lr_scale = 0.001
        play(ReduceOnPlateau(patience=1, min_scale=0.01), [3, 3], run=run)
        assert run.lr_scale == 0.001

    def test_nan_counts_as_no_improvement(self):
        reducer = ReduceOnPlateau(factor=0.5, patience=2)
        assert self.scales(reducer, [3, math.nan, math.nan]) == [1, 1, 0.5]


def stored(state):
    """A state as a checkpoint brings it back: JSON values, and arrays."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in state.items() if name not in arrays}
    return {**json.loads(json.dumps(values, allow_nan=False)), **arrays}


class TestResuming:
    VALUES = (5, 4, math.nan, 4.5, 3, 3.5, 3.5, 2.95, 3.5, 2.9, 3, 3, 3, 3, 3, 3)

    @pytest.mark.parametrize("after", range(1, 13))
    @pytest.mark.parametrize(
        "make",
        [
            lambda: EarlyStopping(patience=4),
            lambda: EarlyStopping(patience=6, start_from_epoch=3, baseline=3.1),
            lambda: ReduceOnPlateau(factor=0.5, patience=2, cooldown=2),
            lambda: ModelCheckpoint("{epoch}", save_best_only=True),
        ],
    )
    def test_a_resumed_fit_goes_on_exactly_as_one_that_was_not_interrupted(
        self, make, after, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        whole = make()
        expected = play(whole, self.VALUES)

        first, run = make(), Run()
        first.on_fit_begin(run)
        for value in self.VALUES[:after]:
            run.one_epoch([first], {"val_loss": value})
        second = make()
        second.on_fit_begin(run)
        second.restore(stored(first.state()))
        play(second, self.VALUES[after:], run=run, fresh=False)

        assert run.epoch == expected.epoch
        assert run.stopped == expected.stopped
        assert run.lr_scale == expected.lr_scale
        assert run.net.saved == expected.net.saved
        np.testing.assert_array_equal(run.net.params, expected.net.params)
        np.testing.assert_equal(second.state(), whole.state())

    def test_a_state_of_another_callback_is_refused(self):
        with pytest.raises(ValueError, match=r"EarlyStopping restores best_, .*, got best_"):
            EarlyStopping().restore(ReduceOnPlateau().state())

    def test_a_callback_without_state_takes_an_empty_one(self):
        Callback().restore(Callback().state())


class TestConstructors:
    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda: EarlyStopping(""), "monitor"),
            (lambda: EarlyStopping(3), "monitor"),
            (lambda: EarlyStopping(patience=0), "patience"),
            (lambda: EarlyStopping(min_delta=-1), "min_delta"),
            (lambda: EarlyStopping(min_delta=math.nan), "min_delta"),
            (lambda: EarlyStopping(mode="up"), "mode"),
            (lambda: EarlyStopping(start_from_epoch=-1), "start_from_epoch"),
            (lambda: EarlyStopping(baseline=math.inf), "baseline"),
            (lambda: ModelCheckpoint("net", every=0), "every"),
            (lambda: ModelCheckpoint("net", mode="up"), "mode"),
            (lambda: ModelCheckpoint("net-{epoch"), "path"),
            (lambda: ModelCheckpoint("net-{}"), "path"),
            (lambda: ModelCheckpoint("net-{0}"), "path"),
            (lambda: ReduceOnPlateau(factor=1.0), "factor"),
            (lambda: ReduceOnPlateau(factor=0.0), "factor"),
            (lambda: ReduceOnPlateau(patience=0), "patience"),
            (lambda: ReduceOnPlateau(cooldown=-1), "cooldown"),
            (lambda: ReduceOnPlateau(min_scale=2), "min_scale"),
        ],
    )
    def test_a_bad_value_is_refused_in_a_sentence_that_names_it(self, make, argument):
        with pytest.raises(ValueError, match=rf"^{argument} must .*, got "):
            make()

    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda: EarlyStopping(patience=2.5), "patience"),
            (lambda: EarlyStopping(baseline="low"), "baseline"),
            (lambda: ModelCheckpoint(b"net"), "path"),
            (lambda: ReduceOnPlateau(factor=None), "factor"),
        ],
    )
    def test_a_value_of_another_type_is_refused_in_a_sentence_that_names_it(self, make, argument):
        with pytest.raises(TypeError, match=rf"^{argument} must .*, got "):
            make()

    def test_a_monitor_that_would_not_be_looked_at_is_refused(self):
        with pytest.raises(ValueError, match=r"^monitor is only used with save_best_only=True"):
            ModelCheckpoint("net", monitor="loss")


class TestAsCallback:
    def test_a_callback_is_returned_as_it_is(self):
        callback = EarlyStopping()
        assert as_callback(callback) is callback

    def test_a_function_is_called_at_the_end_of_each_epoch(self):
        seen = []
        callback = as_callback(lambda run, logs: seen.append((run.epoch, logs["val_loss"])))
        play(callback, [3, 2])
        assert seen == [(1, 3), (2, 2)]

    def test_a_class_in_place_of_an_object_is_told_what_to_write(self):
        with pytest.raises(TypeError, match=r"got the class EarlyStopping: write EarlyStopping\("):
            as_callback(EarlyStopping)

    @pytest.mark.parametrize("bad", [None, "EarlyStopping", 3])
    def test_anything_else_is_refused(self, bad):
        with pytest.raises(TypeError, match=r"^a callback must be a Callback or a function"):
            as_callback(bad)

    def test_the_hooks_of_a_plain_callback_do_nothing(self):
        callback, run = Callback(), Run()
        callback.on_batch_end(run, {})
        play(callback, [1, 2], run=run)
        assert run.stopped is None
