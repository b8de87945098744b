"""Training in the page: play, pause, steps, epochs, settings, and readers meanwhile."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from lab_helpers import Call, caller, digits, moons, prices

import fastnn
from fastnn import MLP, SGD, Adam
from fastnn.explain.answers.subject import Subject
from fastnn.fit import training
from fastnn.lab.session import Session
from fastnn.lab.trainer import Settings, Turns


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(digits(), Settings(SGD(0.5), 10))
    yield made
    made.close()


@pytest.fixture
def call(session: Session) -> Call:
    return caller(session)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let readers in after every call of the core."""
    monkeypatch.setattr(training, "_PAUSE_SECONDS", 0.0)


def until_epoch(call: Call, epoch: int) -> dict[str, object]:
    """Follow the training as a page does until an epoch is done; return the history."""
    frame = call("frame")
    history = {name: list(values) for name, values in frame["history"].items() if name != "from"}
    while frame["epoch"] < epoch:
        known = {"record": frame["record"], "known": frame["epochs"]}
        frame = call("frame", after=frame["params_version"], wait=1, **known)
        assert frame["history"].pop("from") == known["known"]
        for name, values in frame["history"].items():
            history.setdefault(name, []).extend(values)
    return {**frame, "history": history}


class TestSteps:
    def test_an_epoch_is_that_of_fit(self, session: Session, call: Call) -> None:
        alone = copy.deepcopy(session.subject.net)
        call("advance", epochs=2)
        X, y = session.subject.training
        alone.fit(
            X,
            y,
            epochs=2,
            batch_size=10,
            optimizer=SGD(0.5),
            validation_data=session.subject.test,
        )
        assert np.array_equal(session.subject.net.params, alone.params)
        frame = call("frame")
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert frame["history"][name].tolist() == alone.history[name]
        assert (frame["epoch"], frame["step"], frame["examples"]) == (2, 60, 600)
        assert frame["loss"] == alone.evaluate(X, y)["loss"]
        assert frame["val_accuracy"] == alone.evaluate(*session.subject.test)["accuracy"]

    def test_a_step_is_that_of_train_batch_on_the_next_rows(
        self, session: Session, call: Call
    ) -> None:
        alone = copy.deepcopy(session.subject.net)
        call("advance", steps=3)
        order = np.random.default_rng(alone._entropy).permutation(300)
        for rows in np.split(order[:30], 3):
            alone.train_batch(*session.subject.examples.at(rows), optimizer=SGD(0.5))
        assert np.array_equal(session.subject.net.params, alone.params)
        assert call("frame")["step"] == 3

    def test_the_steps_of_an_epoch_visit_every_example_and_are_an_epoch(
        self, session: Session, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []
        at = session.subject.examples.at

        def watched(rows: object) -> object:
            seen.extend(np.asarray(rows).tolist() if not isinstance(rows, slice) else ())
            return at(rows)

        monkeypatch.setattr(session.subject.examples, "at", watched)
        call("train", batch_size=7)
        call("advance", steps=43)
        assert sorted(seen) == list(range(300))
        frame = call("frame")
        assert (frame["epoch"], frame["epochs"], frame["examples"]) == (1, 1, 300)

    def test_an_optimiser_of_second_order_trains_by_epochs(self) -> None:
        session = Session(prices(), Settings(fastnn.LevenbergMarquardt(), 10))
        call = caller(session)
        before = call("frame")["loss"]
        call("advance", epochs=3)
        assert call("frame")["loss"] < before
        with pytest.raises(ValueError, match="epochs"):
            call("advance", steps=1)
        with pytest.raises(ValueError, match="no learning rate"):
            call("train", lr=0.1)

    def test_a_rate_with_a_schedule_trains_in_batches_until_a_number_is_set(self) -> None:
        session = Session(digits(), Settings(SGD(fastnn.schedules.Cosine(0.5)), 50))
        call = caller(session)
        call("advance", epochs=1)
        assert call("frame")["step"] == 6
        assert call("meta")["optimizer"]["lr"] is None
        with pytest.raises(ValueError, match="lr is missing"):
            call("batch", rows=[0])
        call("train", lr=0.25)
        call("advance", epochs=1)
        assert call("frame")["step"] == 12
        assert session.subject.net._optimizer == SGD(0.25)

    def test_a_training_that_diverges_says_so_and_leaves_finite_weights(self) -> None:
        subject = prices()
        call = caller(Session(subject, Settings(SGD(1e200), 10)))
        call("advance", epochs=3)
        frame = call("frame")
        assert "the loss stopped being finite" in frame["message"]
        assert not frame["running"]
        assert np.isfinite(subject.net.params).all()
        call("train", lr=1e-3)
        call("advance", epochs=1)
        assert call("frame")["message"] is None


@pytest.mark.usefixtures("often")
class TestPlay:
    def test_others_read_while_it_trains_and_the_bits_are_those_of_fit(
        self, session: Session, call: Call
    ) -> None:
        alone = copy.deepcopy(session.subject.net)
        x = call("example", index=0)["x"]
        call("train", play=True)
        for _ in range(20):
            net = MLP(**alone._network())
            layers = [call("layer", layer=l) for l in (1, 2, 3)]
            assert all(np.isfinite(layer["w"]).all() for layer in layers)
            forward, backprop = call("forward", x=x), call("backprop", index=1)
            assert np.isfinite(forward["predict"]).all()
            assert np.isfinite(backprop["cost"])
            del net
        followed = until_epoch(call, 3)
        call("train", play=False)
        X, y = session.subject.training
        alone.fit(
            X, y, epochs=int(call("frame")["epoch"]), batch_size=10, optimizer=SGD(0.5),
            validation_data=session.subject.test,
        )  # fmt: skip
        assert followed["history"]["loss"] == alone.history.loss[: followed["epochs"]]

    def test_a_paused_network_is_an_ordinary_one(self, session: Session, call: Call) -> None:
        call("train", play=True)
        until_epoch(call, 1)
        call("train", play=False)
        frame = call("frame")
        assert not frame["running"]
        before = session.subject.net.params.copy()
        copy.deepcopy(session.subject.net).fit(*session.subject.training, epochs=1)
        assert np.array_equal(session.subject.net.params, before)
        assert call("frame")["params_version"] == frame["params_version"]
        call("train", play=True)
        until_epoch(call, frame["epoch"] + 1)

    def test_the_rate_changes_while_it_trains(self, session: Session, call: Call) -> None:
        call("train", play=True)
        until_epoch(call, 1)
        call("train", lr=1e-12)
        until_epoch(call, call("frame")["epoch"] + 2)
        before = session.call("layer", {"layer": 3})["b"]
        until_epoch(call, call("frame")["epoch"] + 1)
        assert np.allclose(session.call("layer", {"layer": 3})["b"], before, atol=1e-6)
        assert call("meta")["optimizer"]["lr"] == 1e-12
        assert call("frame")["running"]

    def test_the_batch_size_changes_while_it_trains(self, session: Session, call: Call) -> None:
        call("train", play=True)
        until_epoch(call, 1)
        call("train", batch_size=300)
        begun = call("frame")
        until_epoch(call, begun["epoch"] + 3)
        call("train", play=False)
        frame = call("frame")
        assert frame["settings"]["batch_size"] == 300
        assert frame["step"] - begun["step"] < 3 * 30

    def test_slow_motion_takes_single_steps(self, session: Session, call: Call) -> None:
        call("train", play=True, speed=1000)
        frame = call("frame")
        while frame["step"] < 2:
            after = call("frame", after=frame["params_version"], wait=1)
            assert after["step"] - frame["step"] <= 30
            frame = after
        call("train", speed="full")
        until_epoch(call, 2)
        call("train", play=False)

    def test_walkers_walk_while_it_trains(self, call: Call) -> None:
        call("train", play=True)
        found = call("walkers", epochs=1, lr=0.1, grid=3)
        assert len(found["paths"]) == 2
        assert call("frame")["running"]

    def test_a_step_or_a_rewind_pauses_it(self, session: Session, call: Call) -> None:
        start = session.subject.net.params.copy()
        call("train", play=True)
        until_epoch(call, 1)
        call("step", rows=[0, 1])
        assert not call("frame")["running"]
        call("train", play=True)
        call("rewind")
        frame = call("frame")
        assert not frame["running"]
        assert frame["epoch"] == frame["step"] == 0
        assert np.array_equal(session.subject.net.params, start)

    def test_another_page_may_end_an_epoch_that_a_page_waits_for(self, session: Session) -> None:
        call = caller(session)
        waiting = threading.Thread(target=lambda: caller(session)("advance", epochs=10**6))
        waiting.start()
        until_epoch(call, 1)
        call("train", play=False)
        waiting.join()
        call("train", play=True)
        assert call("frame")["running"]

    def test_two_pages_play_pause_and_read_at_once(self, session: Session) -> None:
        errors: list[Exception] = []

        def page(k: int) -> None:
            call = caller(session)
            try:
                for turn in range(8):
                    call("train", play=(turn + k) % 2 == 0)
                    call("backprop", index=turn)
                    call("frame", after=-1, wait=0.01)
                    call("advance", steps=1)
                    if turn == 5:
                        call("rewind", seed=k)
            except Exception as error:
                errors.append(error)

        pages = [threading.Thread(target=page, args=(k,)) for k in range(3)]
        for one in pages:
            one.start()
        for one in pages:
            one.join()
        assert errors == []
        assert np.isfinite(session.subject.net.params).all()


class TestRewind:
    def test_a_rewind_and_the_same_training_give_the_same_bits(
        self, session: Session, call: Call
    ) -> None:
        call("advance", epochs=2)
        call("advance", steps=5)
        first = session.subject.net.params.copy()
        record = call("frame")["record"]
        call("rewind")
        assert call("frame")["record"] != record
        call("advance", epochs=2)
        call("advance", steps=5)
        assert np.array_equal(session.subject.net.params, first)

    def test_a_seed_gives_the_weights_of_a_new_network(self, session: Session, call: Call) -> None:
        call("rewind", seed=9)
        new = MLP(**{**session.subject.net._network(), "seed": 9})
        assert np.array_equal(session.subject.net.params, new.params)
        call("advance", epochs=1)
        X, y = session.subject.training
        new.fit(X, y, epochs=1, batch_size=10, optimizer=SGD(0.5))
        assert np.array_equal(session.subject.net.params, new.params)


class TestSave:
    @pytest.mark.usefixtures("often")
    def test_what_is_saved_is_the_network_as_it_is(self, tmp_path: object) -> None:
        subject = moons()
        session = Session(subject, Settings(Adam(), 10), file_name="moons.safetensors")
        call = caller(session)
        call("train", play=True)
        call("save")  # while it trains
        call("train", play=False)
        found = call("save")
        assert found["name"] == "moons.safetensors"
        path = tmp_path / found["name"]
        path.write_bytes(found["bytes"].tobytes())
        loaded = fastnn.load(path)
        assert np.array_equal(loaded.params, subject.net.params)
        assert np.array_equal(
            loaded.predict(subject.examples.X), subject.net.predict(subject.examples.X)
        )


class TestOpen:
    def test_a_file_that_cannot_be_opened_leaves_everything(self) -> None:
        def opener(name: str, content: bytes, subject: Subject) -> Subject:
            raise ValueError(f"{name} is no file of ours")

        session = Session(moons(), opener=opener)
        call = caller(session)
        call("advance", steps=2)
        before = session.subject.net.params.copy()
        with pytest.raises(ValueError, match=r"a\.csv is no file"):
            call("open", name="a.csv", bytes=b"1,2")
        assert np.array_equal(session.subject.net.params, before)
        assert call("frame")["step"] == 2

    def test_what_is_opened_is_what_the_page_shows_next(self) -> None:
        session = Session(moons(), opener=lambda name, content, subject: prices())
        call = caller(session)
        call("train", play=True)
        meta = call("open", name="p.csv", bytes=b"1,2")["meta"]
        assert meta["network"]["sizes"] == [3, 5, 1]
        frame = call("frame")
        assert (frame["running"], frame["step"]) == (False, 0)
        assert call("example", index=0)["x"].size == 3

    def test_a_network_without_examples_still_answers_what_it_can(self) -> None:
        call = caller(Session(Subject(MLP([3, 4, 2], output="softmax", seed=0))))
        meta = call("meta")
        assert meta["data"] is None
        assert meta["can"]["train"] is False
        assert meta["can"]["why"]["train"]
        assert call("forward", x=np.zeros(3, np.float32))["answer"] in (0, 1)
        assert len(call("backprop", x=np.zeros(3, np.float32), target="1")["layers"]) == 2
        for name, arguments in (("example", {"index": 0}), ("advance", {"steps": 1})):
            with pytest.raises(ValueError, match="there are no examples"):
                call(name, **arguments)


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, given = Turns(), []
    threads = []
    with turns:
        for k in range(5):
            asked = turns._next

            def take(k: int = k) -> None:
                with turns:
                    given.append(k)

            threads.append(threading.Thread(target=take))
            threads[-1].start()
            while turns._next == asked:
                pass
    for thread in threads:
        thread.join()
    assert given == [0, 1, 2, 3, 4]
