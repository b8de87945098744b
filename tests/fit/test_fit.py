"""The epoch loop: what it learns, visits, logs and calls.

Over 400 lines: one class for each thing that a fit does, its numbers by hand.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import reference as ref
from states import state_of, table, without_clock

import fastnn
from fastnn import MLP, SGD, Adam, AdamW, RMSprop, schedules
from fastnn.callbacks import Callback, EarlyStopping
from fastnn.fit import call_size
from fastnn.fit.state import StepRule

X, Y = table(60)
X_VAL, Y_VAL = table(25, seed=1)
OPTIMIZERS = [
    SGD(0.3),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    Adam(0.01),
    AdamW(0.01),
    RMSprop(0.01, momentum=0.5),
]


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


def network(seed=0, **options):
    return MLP([5, 8, 3], activation="tanh", output="softmax", seed=seed, **options)


class TestLearning:
    def test_the_digit_network_of_the_derivation_reads_nine_in_ten_of_the_embedded_digits(self):
        (train, labels), (test, test_labels) = fastnn.datasets.load_digits()
        net = MLP(
            [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
        )
        history = net.fit(train, labels, epochs=30, batch_size=10, optimizer=SGD(lr=1.5))
        assert history.loss[-1] < history.loss[9] < history.loss[0]
        assert net.evaluate(test, test_labels)["accuracy"] >= 0.90

    def test_a_line_is_found_exactly(self):
        x = np.linspace(-1, 1, 32)[:, None]
        net = MLP([1, 1], dtype="float64", seed=0)
        net.fit(x, 3 * x - 2, epochs=200, batch_size=8, optimizer=SGD(0.2))
        np.testing.assert_allclose(net.params, [3, -2], rtol=1e-9)

    @pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
    def test_the_loss_falls(self, optimizer):
        history = network().fit(X, Y, epochs=20, batch_size=10, optimizer=optimizer)
        assert history.loss[-1] < 0.7 * history.loss[0]


class TestArguments:
    @pytest.mark.parametrize("name", ["epochs", "batch_size"])
    @pytest.mark.parametrize("value", [1.0, True, "3", [3]])
    def test_a_count_must_be_an_integer(self, name, value):
        net = network()
        before = state_of(net)
        with pytest.raises(TypeError, match=rf"^{name} must be an integer of [01] or more, got "):
            net.fit(X, Y, **{name: value})
        assert state_of(net) == before

    @pytest.mark.parametrize(("name", "value"), [("epochs", -1), ("batch_size", 0)])
    def test_a_count_must_be_large_enough(self, name, value):
        with pytest.raises(ValueError, match=rf"^{name} must be an integer of [01] or more, got"):
            network().fit(X, Y, **{name: value})

    def test_no_epochs_change_nothing(self):
        net = network()
        before = net.params.copy()
        history = net.fit(X, Y, epochs=0, callbacks=[EarlyStopping("loss")])
        assert len(history) == 0 and history.stopped is None
        np.testing.assert_array_equal(net.params, before)

    def test_a_batch_of_all_rows_may_be_asked_for_in_three_ways(self):
        expected = network()
        expected.fit(X, Y, epochs=3, batch_size=60)
        for size in (None, 61, 2**40, 10**30):
            net = network()
            net.fit(X, Y, epochs=3, batch_size=size)
            np.testing.assert_array_equal(net.params, expected.params)

    def test_numpys_integers_count_too(self):
        assert len(network().fit(X, Y, epochs=np.int64(2), batch_size=np.int32(8))) == 2

    def test_everything_but_the_data_is_by_name(self):
        with pytest.raises(TypeError, match="positional"):
            network().fit(X, Y, 10)

    @pytest.mark.parametrize("callbacks", [5, [5], "early", [EarlyStopping], EarlyStopping])
    def test_what_is_no_callback_is_refused(self, callbacks):
        net = network()
        before = state_of(net)
        with pytest.raises(TypeError, match=r"^a callback must be "):
            net.fit(X, Y, callbacks=callbacks)
        assert state_of(net) == before


class TestDefaultEpochs:
    """2,000 steps or 64,000 examples, whichever are fewer, in epochs; 10 at least."""

    def asked_for(self, n, **options):
        seen = []

        def look(run, logs):
            seen.append(run.epochs)
            run.stop("seen")

        MLP([1, 1], seed=0).fit(np.ones((n, 1)), np.ones(n), callbacks=look, **options)
        return seen

    @pytest.mark.parametrize(
        ("n", "batch_size", "epochs"),
        [
            (150, 32, 400),  # 5 steps an epoch
            (4, 32, 2000),  # 1 step an epoch
            (150, None, 427),  # 1 step an epoch, but 150 examples: 64,000 / 150 = 426.7
            (1000, 10, 20),  # 100 steps an epoch
            (1000, 1, 10),
            (1000, 64, 64),  # 16 steps an epoch would be 125, 64,000 examples are 64
            (6400, 32, 10),
            (70_000, 32, 10),
            (70_000, None, 10),
        ],
    )
    def test_they_are_by_hand(self, n, batch_size, epochs):
        assert self.asked_for(n, batch_size=batch_size) == [epochs]
        assert self.asked_for(n, batch_size=batch_size, epochs=None) == [epochs]

    def test_rows_of_weight_0_are_as_absent(self):
        assert self.asked_for(300, sample_weight=np.arange(300) % 2) == [400]

    def test_a_schedule_spans_them_all(self):
        history = network().fit(X[:32], Y[:32], optimizer=SGD(schedules.Cosine(0.1)))
        assert len(history) == 2000
        np.testing.assert_allclose(history.lr[1000], 0.05, rtol=0.01)
        assert history.lr[-1] < 1e-6

    def test_iris_is_told_apart_with_all_defaults_by_nine_seeds_of_ten(self):
        datasets = pytest.importorskip("sklearn.datasets")
        X, y = datasets.load_iris(return_X_y=True)
        scores = []
        for seed in range(10):
            net = MLP([4, 16, 3], output="softmax", seed=seed)
            net.fit(X, y)
            scores.append(net.evaluate(X, y)["accuracy"])
        assert sorted(scores)[1] > 0.9


class TestOrder:
    def visits(self, net, **options):
        """The rows in the order of the visits, an epoch a list: row i costs 4^i, weights stay 0."""
        y = 2.0 ** np.arange(8)
        seen = []

        class Look(Callback):
            def on_epoch_begin(self, run):
                seen.append([])
                self.sum = 0.0

            def on_batch_end(self, run, logs):
                count = len(seen[-1]) + 1
                seen[-1].append(round(np.log2(logs["loss"] * count - self.sum) / 2))
                self.sum = logs["loss"] * count

        options = {"batch_size": 1, "optimizer": SGD(0.0), "callbacks": [Look()], **options}
        net.fit(np.zeros((8, 1)), y, **options)
        return seen

    def net(self, seed=0):
        return MLP([1, 1], loss="quadratic", init="zeros", dtype="float64", seed=seed)

    def test_an_epoch_visits_every_row_once_in_an_order_of_its_own(self):
        epochs = self.visits(self.net(), epochs=4)
        assert all(sorted(rows) == list(range(8)) for rows in epochs)
        assert len({tuple(rows) for rows in epochs}) == 4

    def test_the_next_fit_goes_on_with_other_orders(self):
        net = self.net()
        assert self.visits(net, epochs=2) + self.visits(net, epochs=2) == self.visits(
            self.net(), epochs=4
        )

    def test_another_seed_is_another_order(self):
        assert self.visits(self.net(), epochs=1) != self.visits(self.net(seed=1), epochs=1)

    def test_without_shuffling_rows_come_as_they_stand(self):
        assert self.visits(self.net(), epochs=2, shuffle=False) == [list(range(8))] * 2

    def test_rows_of_weight_0_are_not_visited(self):
        w = [1, 0, 1, 1, 0, 0, 1, 1]
        (rows,) = self.visits(self.net(), epochs=1, sample_weight=w, shuffle=False)
        assert rows == [0, 2, 3, 6, 7]

    def test_the_rows_that_weigh_something_are_shuffled_among_themselves(self):
        w = [1, 0, 1, 1, 0, 0, 1, 1]
        epochs = self.visits(self.net(), epochs=4, sample_weight=w)
        assert all(sorted(rows) == [0, 2, 3, 6, 7] for rows in epochs)
        assert len({tuple(rows) for rows in epochs}) > 1


class TestHistory:
    def test_it_holds_a_number_an_epoch_and_is_the_networks_own(self):
        net = network()
        history = net.fit(X, Y, epochs=3, validation_data=(X_VAL, Y_VAL))
        assert net.history is history
        names = ["loss", "accuracy", "val_loss", "val_accuracy"]
        assert list(history) == [*names, "lr", "seconds", "examples_per_second"]
        assert all(len(history[name]) == 3 for name in history)
        assert all(value > 0 for value in history.examples_per_second)

    def test_validation_is_the_evaluation_after_the_epoch(self):
        net, w = network(), np.linspace(0, 1, 25)
        history = net.fit(X, Y, epochs=1, validation_data=(X_VAL, Y_VAL))
        scores = net.evaluate(X_VAL, Y_VAL)
        assert (history.val_loss[0], history.val_accuracy[0]) == tuple(scores.values())
        history = net.fit(X, Y, epochs=1, validation_data=[X_VAL, Y_VAL, w])
        scores = net.evaluate(X_VAL, Y_VAL, sample_weight=w)
        assert (history.val_loss[0], history.val_accuracy[0]) == tuple(scores.values())
        assert "val_loss" in net.fit(X, Y, epochs=1, validation_data=(X_VAL, Y_VAL, None))

    def test_validation_changes_no_bit_of_the_training(self):
        nets = [network(dropout=0.3), network(dropout=0.3)]
        nets[0].fit(X, Y, epochs=3)
        nets[1].fit(X, Y, epochs=3, validation_data=(X_VAL, Y_VAL))
        np.testing.assert_array_equal(nets[0].params, nets[1].params)

    def test_the_loss_is_the_mean_over_the_rows_each_before_its_step(self):
        net, twin = network(dtype="float64"), network(dtype="float64")
        history = net.fit(X, Y, epochs=1, batch_size=16, shuffle=False, optimizer=SGD(0.5))
        sums = 0.0
        for rows in np.split(np.arange(60), [16, 32, 48]):
            sums += len(rows) * twin.train_batch(X[rows], Y[rows], optimizer=SGD(0.5))["loss"]
        assert history.loss[0] == pytest.approx(sums / 60, rel=1e-14)

    @pytest.mark.parametrize(
        "schedule",
        [schedules.Step(0.5, every=2), schedules.Cosine(0.5), schedules.OneCycle(0.5)],
        ids=repr,
    )
    def test_a_schedule_reaches_the_steps(self, schedule):
        net, twin = network(), network()
        history = net.fit(X, Y, epochs=4, batch_size=20, shuffle=False, optimizer=SGD(schedule))
        rates = schedule.rates(np.arange(12), steps_per_epoch=3, total_steps=12)
        assert history.lr == [rates[2], rates[5], rates[8], rates[11]]
        for step, rate in enumerate(rates):
            rows = np.arange(20) + 20 * (step % 3)
            twin.train_batch(X[rows], Y[rows], optimizer=SGD(float(rate)))
        np.testing.assert_array_equal(net.params, twin.params)

    def test_a_function_is_asked_for_every_step_in_order(self):
        asked = []

        def rate(step):
            asked.append(step)
            return 0.1 / (1 + step)

        history = network().fit(X, Y, epochs=2, batch_size=15, optimizer=SGD(rate))
        assert asked == list(range(8))
        assert history.lr == [0.1 / 4, 0.1 / 8]

    def test_a_function_that_returns_nonsense_is_one_sentence(self):
        for value, kind in ((-1.0, ValueError), (np.nan, ValueError), ("1", TypeError)):
            with pytest.raises(kind, match=r"^lr must .* at (every step, got .* at )?step"):
                network().fit(X, Y, optimizer=SGD(lambda step, value=value: value))


class TestSameBits:
    def test_the_same_seed_gives_the_same_bits(self):
        nets = [network(seed=5, dropout=0.25) for _ in range(2)]
        a, b = (net.fit(X, Y, epochs=5, batch_size=9) for net in nets)
        np.testing.assert_array_equal(nets[0].params, nets[1].params)
        assert without_clock(a) == without_clock(b)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.001)], ids=repr)
    def test_the_number_of_threads_changes_no_bit(self, dtype, optimizer):
        rng = np.random.default_rng(0)
        rows, labels = rng.normal(size=(700, 300)).astype(dtype), rng.integers(0, 10, 700)
        results = []
        for threads in (1, 2, 3, 5):
            fastnn.set_num_threads(threads)
            net = MLP([300, 400, 10], output="softmax", dropout=0.1, dtype=dtype, seed=0)
            history = net.fit(rows, labels, epochs=1, batch_size=128, optimizer=optimizer)
            read = [net.predict(rows), net.gradient(rows, labels).flat]
            results.append((net.params.copy(), history.loss, *read, net.evaluate(rows, labels)))
        for other in results[1:]:
            for mine, first in zip(other, results[0], strict=True):
                np.testing.assert_array_equal(mine, first)

    @pytest.mark.parametrize("seconds", [0.0, 1e-4, 1e9])
    def test_how_a_run_is_cut_into_calls_changes_no_bit(self, monkeypatch, seconds):
        expected = network(dropout=0.2)
        record = expected.fit(X, Y, epochs=4, batch_size=7, optimizer=Adam(0.01))
        monkeypatch.setattr(call_size, "CALL_SECONDS", seconds)
        net = network(dropout=0.2)
        history = net.fit(X, Y, epochs=4, batch_size=7, optimizer=Adam(0.01))
        np.testing.assert_array_equal(net.params, expected.params)
        assert without_clock(history) == without_clock(record)

    def test_the_progress_bar_changes_no_bit_and_stays_off_stdout(self, capsys):
        nets = [network(), network()]
        nets[0].fit(X, Y, epochs=3)
        nets[1].fit(X, Y, epochs=3, progress=True)
        out, err = capsys.readouterr()
        assert out == "" and err != ""
        np.testing.assert_array_equal(nets[0].params, nets[1].params)


class TestGoingOn:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
    def test_two_fits_are_one_long_fit(self, optimizer):
        whole, halves = network(dropout=0.1), network(dropout=0.1)
        whole.fit(X, Y, epochs=4, batch_size=7, optimizer=optimizer)
        halves.fit(X, Y, epochs=2, batch_size=7, optimizer=optimizer)
        halves.fit(X, Y, epochs=2, batch_size=7)  # the same optimizer, where it stood
        np.testing.assert_array_equal(whole.params, halves.params)

    @pytest.mark.parametrize("dropout", [0.0, 0.3])
    @pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
    def test_a_loop_of_ones_own_takes_the_same_steps(self, optimizer, dropout):
        whole, steps = network(dropout=dropout), network(dropout=dropout)
        whole.fit(X, Y, epochs=2, batch_size=16, shuffle=False, optimizer=optimizer)
        for rows in np.split(np.arange(60), [16, 32, 48]) * 2:
            steps.train_batch(X[rows], Y[rows], optimizer=optimizer)
        np.testing.assert_array_equal(whole.params, steps.params)

    def test_train_batch_tells_loss_and_accuracy_before_the_step(self):
        net = network(dtype="float64")
        before = net.evaluate(X, Y)
        assert net.train_batch(X, Y, optimizer=SGD(0.1)) == pytest.approx(before, rel=1e-13)
        assert net.cost(X, Y) < before["loss"]

    def test_train_batch_weighs_its_rows(self):
        nets = [network(), network()]
        keep = np.arange(60) % 2 == 0
        nets[0].train_batch(X, Y, sample_weight=keep)
        nets[1].train_batch(X[keep], Y[keep])
        np.testing.assert_array_equal(nets[0].params, nets[1].params)

    def test_a_reset_forgets_the_optimizer_and_its_state(self):
        net, fresh = network(), network()
        net.fit(X, Y, epochs=2, optimizer=Adam(0.01))
        fresh.params = net.params
        net.reset_optimizer()
        for one in (net, fresh):
            one.fit(X, Y, epochs=1, batch_size=None, shuffle=False, optimizer=Adam(0.01))
        np.testing.assert_array_equal(net.params, fresh.params)

    def test_another_kind_of_optimizer_starts_afresh_and_the_same_kind_goes_on(self):
        net = network()
        net.fit(X, Y, epochs=2, batch_size=30, optimizer=Adam(0.01))
        net.fit(X, Y, epochs=2, batch_size=30, optimizer=Adam(0.02))
        assert net._state.steps == 8
        net.fit(X, Y, epochs=2, batch_size=30, optimizer=RMSprop())
        assert net._state.steps == 4

    def test_the_default_optimizer_is_adam_at_first_and_then_the_last_one(self):
        nets = [network(), network()]
        nets[0].fit(X, Y, epochs=1)
        nets[1].fit(X, Y, epochs=1, optimizer=Adam())
        np.testing.assert_array_equal(nets[0].params, nets[1].params)
        nets[0].train_batch(X, Y, optimizer=SGD(0.1))
        nets[0].fit(X, Y, epochs=1)
        assert nets[0].history.lr == [0.1]

    def test_a_fit_that_is_refused_leaves_everything_as_it_was(self):
        net = network()
        net.fit(X, Y, epochs=1, optimizer=SGD(0.1, momentum=0.5))
        before = state_of(net)
        for options in ({"optimizer": "adam"}, {"batch_size": 0}, {"callbacks": [3]}):
            with pytest.raises((TypeError, ValueError)):
                net.fit(X, Y, **options)
        assert state_of(net) == before


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("factor", [1.0, 0.25])
@pytest.mark.parametrize(
    ("optimizer", "twin"),
    [
        (SGD(0.1), ref.SGD(0.1)),
        (SGD(0.1, momentum=0.9, nesterov=True), ref.SGD(0.1, momentum=0.9, nesterov=True)),
        (Adam(0.02, eps=0.1), ref.Adam(0.02, eps=0.1)),
        (AdamW(0.02, eps=0.1), ref.AdamW(0.02, eps=0.1)),
        (RMSprop(0.02, eps=0.1), ref.RMSprop(0.02, eps=0.1)),
    ],
    ids=repr,
)
def test_a_rule_steps_along_the_gradient_that_it_says(optimizer, twin, factor, weighted):
    rng = np.random.default_rng(4)
    X, y, weight = rng.normal(size=(12, 3)), rng.normal(size=12), rng.uniform(0.2, 3, 12)
    net = MLP([3, 4, 1], activation="tanh", dtype="float64", seed=0)
    net._rule, other, state = StepRule(factor=factor, alpha=0.6), copy.deepcopy(net), {}
    for _ in range(2):
        for rows in (slice(0, 5), slice(5, 10), slice(10, 12)):  # the last batch is smaller
            w = weight[rows] if weighted else np.ones(12)[rows]
            gradient = other.gradient(X[rows], y[rows], sample_weight=w).flat
            mask, rule = ref.weight_mask(net.sizes), twin
            step = factor * gradient
            if isinstance(twin, ref.AdamW):  # its decay stays out of the gradient
                rule = replace(twin, weight_decay=twin.weight_decay + 0.6 / w.sum())
            else:
                step += 0.6 / w.sum() * mask * other.params
            other.params = rule.step(other.params.copy(), step, state, mask)
    told = {"sample_weight": weight} if weighted else {}
    net.fit(X, y, epochs=2, batch_size=5, optimizer=optimizer, shuffle=False, **told)
    np.testing.assert_allclose(net.params, other.params, rtol=1e-10, atol=1e-12)
