"""A run that is taken up from a checkpoint has the bits of one that was never interrupted."""

import numpy as np
import pytest
from states import state_of, table, without_clock

import fastnn
from fastnn import MLP, SGD, Adam, AdamW, RMSprop
from fastnn.callbacks import Callback, EarlyStopping, ModelCheckpoint, ReduceOnPlateau
from fastnn.schedules import Cosine, OneCycle

X, Y = table(60)
X_VAL, Y_VAL = table(30, seed=1)
EPOCHS = 6

OPTIMIZERS = [
    SGD(0.5),
    SGD(OneCycle(0.5), momentum=0.9, nesterov=True, weight_decay=1e-3),
    Adam(Cosine(0.05, warmup=1)),
    AdamW(0.05),
    RMSprop(0.02, momentum=0.5),
]


def network(dtype="float32"):
    sizes = [5, 8, 6, 3]
    return MLP(sizes, activation="tanh", output="softmax", dropout=0.1, dtype=dtype, seed=7)


def callbacks(folder):
    return [
        ReduceOnPlateau("val_loss", factor=0.5, patience=1),
        EarlyStopping(patience=20),
        ModelCheckpoint(folder / "{epoch}.safetensors", every=1),
    ]


def fit(net, folder, **options):
    """Fit, and return all that must not depend on interruptions."""
    used = callbacks(folder)
    data = {"validation_data": (X_VAL, Y_VAL), "callbacks": used}
    history = net.fit(X, Y, epochs=EPOCHS, **data, **options)
    stopper = used[1]
    best = (stopper.best_, stopper.best_epoch_, stopper.best_params_.tobytes())
    return net.params.tobytes(), without_clock(history), best, state_of(net)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_from_the_checkpoint_of_every_epoch_the_run_ends_with_the_same_bits(
    tmp_path, optimizer, dtype
):
    expected = fit(network(dtype), tmp_path, batch_size=7, optimizer=optimizer)
    for epoch in range(1, EPOCHS + 1):
        net = fastnn.load(tmp_path / f"{epoch}.safetensors")
        assert net.history.loss == expected[1]["epochs"]["loss"][:epoch]
        assert fit(net, tmp_path, resume=True) == expected


def test_the_rate_was_lowered_on_the_way_and_the_best_epoch_was_not_the_last(tmp_path):
    """The runs above would prove little if their callbacks had nothing to do."""
    lowered, best = [], []
    for optimizer in OPTIMIZERS:
        used = callbacks(tmp_path)
        network().fit(
            *(X, Y),
            epochs=EPOCHS,
            batch_size=7,
            optimizer=optimizer,
            validation_data=(X_VAL, Y_VAL),
            callbacks=[*used, lambda run, logs: lowered.append(run.lr_scale)],
        )
        best.append(used[1].best_epoch_)
    assert min(lowered) < 1
    assert min(best) < EPOCHS


def test_an_early_stop_comes_at_the_same_epoch(tmp_path):
    def run(net, **options):
        used = [EarlyStopping(patience=2), ModelCheckpoint(tmp_path / "{epoch}.safetensors")]
        data = {"validation_data": (X_VAL, np.roll(Y_VAL, 1)), "callbacks": used}
        history = net.fit(X, Y, epochs=50, **data, **options)
        return net.params.tobytes(), without_clock(history)

    expected = run(network(), optimizer=Adam(0.05))
    stopped_at = len(expected[1]["epochs"]["loss"])
    assert stopped_at < 50 and "has not improved" in expected[1]["stopped"]
    for epoch in range(1, stopped_at):
        assert run(fastnn.load(tmp_path / f"{epoch}.safetensors"), resume=True) == expected


def test_weights_and_scaling_go_on_too(tmp_path):
    w = np.linspace(0, 2, 60)
    w[::5] = 0
    names = np.array(["ant", "bee", "cow"])[Y]

    def run(net, **options):
        saver = ModelCheckpoint(tmp_path / "{epoch}.safetensors")
        data = {"sample_weight": w, "class_weight": "balanced", "callbacks": [saver]}
        net.fit(X, names, epochs=4, **data, **options)
        return state_of(net)

    net = network()
    net.standardize(X)
    expected = run(net, batch_size=8, optimizer=SGD(0.2, momentum=0.5))
    assert run(fastnn.load(tmp_path / "2.safetensors"), resume=True) == expected


def test_a_checkpoint_of_no_interruption_resumes_to_the_same_end(tmp_path):
    net = network()
    net.fit(X, Y, epochs=3)
    before = state_of(net)
    net.save(tmp_path / "a.safetensors", checkpoint=True)
    again = fastnn.load(tmp_path / "a.safetensors")
    again.fit(X, Y, epochs=3, resume=True)
    assert state_of(again) == before
    again.fit(X, Y, epochs=2, resume=True)  # more epochs behind it than asked for
    assert state_of(again) == before


def test_more_epochs_may_be_asked_for(tmp_path):
    whole, net = network(), network()
    whole.fit(X, Y, epochs=5, batch_size=8)
    net.fit(X, Y, epochs=2, batch_size=8)
    net.save(tmp_path / "a.safetensors", checkpoint=True)
    again = fastnn.load(tmp_path / "a.safetensors")
    again.fit(X, Y, epochs=5, resume=True)
    assert state_of(again) == state_of(whole)


@pytest.mark.parametrize(("asked", "saved"), [(None, 700), (5, 3)])
def test_without_epochs_it_goes_on_to_those_that_the_checkpoint_was_made_with(
    tmp_path, asked, saved
):
    def fit(net, **options):
        saver = ModelCheckpoint(tmp_path / "{epoch}.safetensors", every=saved)
        net.fit(X, Y, callbacks=[saver], **options)
        return state_of(net)

    expected = fit(network(), epochs=asked, batch_size=30)
    again = fastnn.load(tmp_path / f"{saved}.safetensors")
    assert fit(again, resume=True) == expected
    assert len(again.history) == (asked or -(-2000 // -(-len(X) // 30)))


def test_a_checkpoint_of_no_epochs_goes_on_to_none(tmp_path):
    net = network()
    net.fit(X, Y, epochs=0)
    net.save(tmp_path / "a.safetensors", checkpoint=True)
    assert len(fastnn.load(tmp_path / "a.safetensors").fit(X, Y, resume=True)) == 0


def test_a_checkpoint_that_does_not_say_how_many_goes_on_to_the_default(tmp_path):
    net = network()
    net.fit(X, Y, epochs=1)
    net._fit_state.epochs = None  # as in files of before
    net.save(tmp_path / "a.safetensors", checkpoint=True)
    history = fastnn.load(tmp_path / "a.safetensors").fit(X, Y, resume=True)
    assert len(history) == -(-2000 // -(-len(X) // 32))


def test_a_function_as_learning_rate_is_asked_for_again(tmp_path):
    def rate(step):
        return 0.5 / (1 + step)

    def saver():
        return ModelCheckpoint(tmp_path / "{epoch}.safetensors")

    expected, path = network(), tmp_path / "2.safetensors"
    expected.fit(X, Y, epochs=4, optimizer=SGD(rate), callbacks=[saver()])
    net = fastnn.load(path)
    before = state_of(net)
    with pytest.raises(
        ValueError, match=r"rate was a Python function, which is not saved: pass the optimizer$"
    ):
        net.fit(X, Y, epochs=4, resume=True, callbacks=[saver()])
    assert state_of(net) == before
    net.fit(X, Y, epochs=4, resume=True, optimizer=SGD(rate), callbacks=[saver()])
    assert state_of(net) == state_of(expected)


class OwnState(Callback):
    """A callback that has an array and numbers in the checkpoint."""

    def __init__(self):
        self.losses, self.seen = np.zeros(EPOCHS), 0

    def on_epoch_end(self, run, logs):
        self.losses[run.epoch - 1] = logs["loss"]
        self.seen += 1

    def state(self):
        return {"losses": self.losses.copy(), "seen": self.seen}

    def restore(self, state):
        self.losses, self.seen = state["losses"].copy(), state["seen"]


def test_callbacks_of_ones_own_are_restored(tmp_path):
    first, later = OwnState(), OwnState()
    saver = ModelCheckpoint(tmp_path / "{epoch}.safetensors")
    history = network().fit(X, Y, epochs=EPOCHS, callbacks=[first, saver])
    net = fastnn.load(tmp_path / "3.safetensors")
    net.fit(X, Y, epochs=EPOCHS, resume=True, callbacks=[later, saver])
    assert first.seen == later.seen == EPOCHS
    np.testing.assert_array_equal(first.losses, later.losses)
    np.testing.assert_array_equal(later.losses, history.loss)


class TestMistakes:
    @pytest.fixture
    def folder(self, tmp_path):
        fit(network(), tmp_path, batch_size=7, optimizer=Adam(0.05))
        return tmp_path

    @pytest.mark.parametrize(
        ("options", "kind", "sentence"),
        [
            ({"callbacks": []}, ValueError, "the checkpoint was made with 3 callbacks; to resume,"),
            (
                {"callbacks": [EarlyStopping(), ReduceOnPlateau(), ModelCheckpoint("x")]},
                ValueError,
                "EarlyStopping restores ",
            ),
            ({"optimizer": SGD(0.1)}, ValueError, "the checkpoint was made with Adam$"),
            ({"optimizer": "adam"}, TypeError, "optimizer must be fastnn.SGD"),
            ({"validation_data": None}, ValueError, "the checkpoint was made with validation_data"),
            ({"epochs": -1}, ValueError, "epochs must be"),
        ],
    )
    def test_one_sentence_each_and_the_right_call_still_gives_the_same_bits(
        self, folder, options, kind, sentence
    ):
        net = fastnn.load(folder / "3.safetensors")
        before = state_of(net)
        data = {"epochs": EPOCHS, "validation_data": (X_VAL, Y_VAL), "callbacks": callbacks(folder)}
        with pytest.raises(kind, match=rf"^{sentence}"):
            net.fit(X, Y, resume=True, **{**data, **options})
        assert state_of(net) == before
        expected = fit(network(), folder, batch_size=7, optimizer=Adam(0.05))
        assert fit(net, folder, resume=True) == expected

    def test_there_must_be_something_to_resume(self, tmp_path):
        net = network()
        with pytest.raises(ValueError, match=r"^nothing to resume: load a file that was"):
            net.fit(X, Y, resume=True)
        net.fit(X, Y, epochs=1)
        net.save(tmp_path / "a.safetensors")
        plain = fastnn.load(tmp_path / "a.safetensors")
        assert len(plain.history) == 0
        with pytest.raises(ValueError, match=r"nothing to resume"):
            plain.fit(X, Y, resume=True)

    def test_there_must_be_something_to_make_a_checkpoint_of(self, tmp_path):
        net = network()
        with pytest.raises(ValueError, match=r"a checkpoint needs a training: call fit first"):
            net.save(tmp_path / "a.safetensors", checkpoint=True)
        net.fit(X, Y, epochs=1, optimizer=SGD(0.1))
        net.train_batch(X, Y, optimizer=Adam())  # the fit's optimizer is no longer there
        with pytest.raises(ValueError, match=r"a checkpoint needs a training: call fit first"):
            net.save(tmp_path / "a.safetensors", checkpoint=True)
        assert list(tmp_path.iterdir()) == []

    def test_a_checkpoint_without_validation_is_not_resumed_with_it(self, tmp_path):
        net = network()
        net.fit(X, Y, epochs=2)
        with pytest.raises(ValueError, match=r"made without validation_data: resume without it"):
            net.fit(X, Y, epochs=3, resume=True, validation_data=(X_VAL, Y_VAL))
        assert len(net.fit(X, Y, epochs=3, resume=True)) == 3


def test_another_batch_size_is_refused_and_no_batch_size_is_the_checkpoints(tmp_path):
    net = network()
    net.fit(X, Y, epochs=1, batch_size=7)
    net.save(tmp_path / "c", checkpoint=True)
    net = fastnn.load(tmp_path / "c")
    before = net.params.copy()
    for size in (8, None):
        with pytest.raises(ValueError, match=r"^the checkpoint was made with batches of 7, not"):
            net.fit(X, Y, epochs=2, batch_size=size, resume=True)
    assert np.array_equal(net.params, before)
    net.fit(X, Y, epochs=2, batch_size=7, resume=True)
    assert len(net.history) == 2
