"""All kinds of y and weights, and the messages about others.

Over 400 lines: labels, values and weights, each with what is refused.
"""

import contextlib

import numpy as np
import pytest
import reference
from states import state_of, table

from fastnn import MLP, SGD, targets
from fastnn.activations import ROWS
from fastnn.names import ACTIVATIONS, ARGMAX, LOSSES, pair

X, Y = table(30)
ONE_HOT = np.eye(3)[Y]


def softmax(**options):
    return MLP([5, 3], output="softmax", seed=0, **options)


def trained(y, net=None, **options):
    """The network after two epochs, and its history."""
    net = net or softmax()
    history = net.fit(X, y, epochs=2, batch_size=8, optimizer=SGD(0.5), **options)
    return net, history


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


NAMES = np.array(["ant", "bee", "cow"])

LABELS = {  # all mean the same
    "int64": Y,
    "int8": Y.astype(np.int8),
    "uint64": Y.astype(np.uint64),
    "big-endian": Y.astype(">i8"),
    "whole floats": Y.astype(np.float64),
    "float16": Y.astype(np.float16),
    "list": Y.tolist(),
    "objects": objects(Y.tolist()),
    "a column": Y[:, None],
    "backwards": np.ascontiguousarray(Y[::-1])[::-1],
    "one-hot floats": ONE_HOT,
    "one-hot ints": ONE_HOT.astype(int),
    "one-hot booleans": ONE_HOT.astype(bool),
    "one-hot lists": ONE_HOT.tolist(),
    "one-hot Fortran": np.asfortranarray(ONE_HOT),
}

STRINGS = {
    "U": NAMES[Y],
    "list": NAMES[Y].tolist(),
    "objects": NAMES[Y].astype(object),
    "bytes": NAMES[Y].astype("S"),
    "a column": NAMES[Y][:, None],
    "StringDType": NAMES[Y].astype(np.dtypes.StringDType()),
}


class TestLabels:
    @pytest.mark.parametrize("kind", LABELS)
    def test_the_same_labels_give_the_same_bits_however_they_are_held(self, kind):
        expected, record = trained(Y)
        net, history = trained(LABELS[kind])
        np.testing.assert_array_equal(net.params, expected.params)
        assert (history.loss, history.accuracy) == (record.loss, record.accuracy)
        assert net.classes is None
        assert net.classify(X).dtype == np.int64

    @pytest.mark.parametrize("kind", STRINGS)
    def test_strings_are_classes_in_alphabetic_order(self, kind):
        expected, _ = trained(Y)
        net, _ = trained(STRINGS[kind])
        np.testing.assert_array_equal(net.params, expected.params)
        assert net.classes.tolist() == NAMES.tolist()
        np.testing.assert_array_equal(net.classify(X), NAMES[expected.classify(X)])

    def test_numbers_of_ones_own_go_into_classes_first(self):
        expected, _ = trained(Y)
        net = softmax()
        net.classes = [30, 10, 20]
        trained(np.array([30, 10, 20])[Y], net)
        np.testing.assert_array_equal(net.params, expected.params)
        assert set(net.classify(X)) <= {10, 20, 30}

    def test_learnt_classes_stay_for_the_next_fit(self):
        net, _ = trained(NAMES[Y])
        some = Y != 1
        net.fit(X[some], NAMES[Y][some], epochs=1)
        assert net.classes.tolist() == NAMES.tolist()

    def test_fewer_classes_than_outputs_are_fine(self):
        y = np.where(Y == 0, "a", "b")
        net, _ = trained(y)
        assert set(net.classify(X)) <= {"a", "b"}

    @pytest.mark.parametrize("y", [Y == 1, (Y == 1).astype(int), (Y == 1).astype(float)])
    def test_one_probability_takes_yes_and_no(self, y):
        net = MLP([5, 1], output="sigmoid", seed=0)
        expected = MLP([5, 1], output="sigmoid", seed=0)
        _, history = trained(y, net)
        _, record = trained((Y == 1)[:, None].astype(np.uint8), expected)
        np.testing.assert_array_equal(net.params, expected.params)
        assert history.accuracy == record.accuracy
        assert set(net.classify(X)) <= {0, 1}

    def test_one_probability_takes_two_names(self):
        net, _ = trained(np.where(Y == 1, "yes", "no"), MLP([5, 1], output="sigmoid"))
        assert net.classes.tolist() == ["no", "yes"]
        assert set(net.classify(X)) <= {"no", "yes"}


class TestValues:
    def test_soft_targets_are_taken_as_they_are(self):
        soft = np.full((30, 3), 0.1)
        soft[np.arange(30), Y] = 0.8
        net = softmax(dtype="float64")
        logs = -(soft * np.log(net.predict(X))).sum(axis=1)
        np.testing.assert_allclose(net.cost(X, soft, per_example=True), logs, rtol=1e-12)
        assert net.evaluate(X, soft)["accuracy"] == net.evaluate(X, Y)["accuracy"]

    def test_several_labels_a_row_are_scored_output_by_output(self):
        many = (table(30, seed=1)[0][:, :3] > 0).astype(int)
        net, history = trained(many, MLP([5, 3], output="sigmoid"))
        share = np.mean((net.predict(X) >= 0.5) == many)
        assert net.evaluate(X, many)["accuracy"] == pytest.approx(share)
        assert len(history.accuracy) == 2

    def test_validation_rows_with_one_label_each_are_scored_like_the_training_rows(self):
        many = (table(30, seed=1)[0][:, :3] > 0).astype(int)
        net, history = trained(many, MLP([5, 3], output="sigmoid"), validation_data=(X, ONE_HOT))
        share = np.mean((net.predict(X) >= 0.5) == ONE_HOT)
        assert history.val_accuracy[-1] == pytest.approx(share)

    @pytest.mark.parametrize("shape", [(30,), (30, 1)])
    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64", ">f4", "object"])
    def test_one_value_a_row_may_be_a_column(self, shape, dtype):
        y = np.arange(30).reshape(shape).astype(dtype)
        net = MLP([5, 1], seed=0, dtype="float64")
        residual = net.predict(X)[:, 0] - np.arange(30)
        np.testing.assert_allclose(net.cost(X, y, per_example=True), residual**2, rtol=1e-12)

    def test_several_values_a_row(self):
        y = np.asfortranarray(table(30, seed=1)[0][:, :3])
        net = MLP([5, 3], seed=0, dtype="float64")
        expected = ((net.predict(X) - y) ** 2).mean()
        assert net.cost(X, y) == pytest.approx(expected, rel=1e-12)
        assert set(net.evaluate(X, y)) == {"loss"}

    def test_counts_for_poisson(self):
        net = MLP([5, 1], loss="poisson", seed=0, dtype="float64")
        a = net.predict(X)[:, 0]
        np.testing.assert_allclose(net.cost(X, Y, per_example=True), a - Y * np.log(a), rtol=1e-10)


def with_value(values, place, value):
    changed = np.array(values, float)
    changed[place] = value
    return changed


SOFTMAX, SIGMOID, BINARY = {"output": "softmax"}, {"output": "sigmoid"}, {"output": "sigmoid"}

REFUSED = {  # n_out, options, y, kind, the sentence
    "too large a label": (3, SOFTMAX, Y + 1, ValueError, r"y holds the label 3; this network has 3"
                          r" outputs, labels 0 to 2; set its `classes` to use others"),
    "a negative label": (3, SOFTMAX, Y - 1, ValueError, r"y holds the label -1; this net"),
    "no whole number": (3, SOFTMAX, Y + 0.5, ValueError, r"y must be class labels 0 to 2, or "
                        r"have shape \(30, 3\); it holds [0-2]\.5"),
    "NaN label": (3, SOFTMAX, with_value(Y, 4, np.nan), ValueError, r"y must be class labels.*nan"),
    "inf label": (3, SOFTMAX, with_value(Y, 4, np.inf), ValueError, r"y must be class labels.*inf"),
    "too many names": (3, SOFTMAX, [str(k % 4) for k in range(30)], ValueError,
                       r"y has 4 different labels; this network has outputs for 3 classes"),
    "three names, one output": (1, SIGMOID, NAMES[Y], ValueError,
                                r"y has 3 different labels; this network has outputs for 2 "),
    "too short": (3, SOFTMAX, Y[:-1], ValueError, r"X has 30 rows, y has 29"),
    "empty": (3, SOFTMAX, [], ValueError, r"X has 30 rows, y has 0"),
    "single": (3, SOFTMAX, 1, ValueError, r"y must have a value a row; it is 1"),
    "None": (3, SOFTMAX, None, ValueError, r"y must have a value a row; it is None"),
    "ragged": (3, SOFTMAX, [[1], [1, 2]] * 15, ValueError, r"y is not a table of numbers: it"),
    "a table of names": (3, SOFTMAX, NAMES[np.c_[Y, Y]], ValueError,
                         r"y must be one label a row; its shape is \(30, 2\)"),
    "width": (3, SOFTMAX, ONE_HOT[:, :2], ValueError,
              r"y must have shape \(30, 3\); its shape is \(30, 2\)"),
    "3-D": (3, SOFTMAX, ONE_HOT[:, :, None], ValueError, r"y must have shape \(30, 3\); its shape"),
    "NaN": (3, SOFTMAX, with_value(ONE_HOT, (7, 2), np.nan), ValueError,
            r"y holds nan at row 7, output 2; for output 'softmax' a row of targets is there as a"
            r" whole, or missing as a whole$"),
    "inf": (1, {}, with_value(Y, 5, -np.inf), ValueError, r"y holds -inf at row 5, output 0"),
    "too large for the dtype": (1, {}, with_value(Y, 5, 1e300), ValueError,
                                r"y holds 1e\+300 at row 5, output 0, too large for float32"),
    "negative share": (3, SOFTMAX, ONE_HOT - 0.25, ValueError,
                       r"y must be from 0 to 1 for loss 'cross_entropy'; it holds -0.25; give"),
    "no label or several": (3, SOFTMAX, np.where(ONE_HOT[:, :1] > 0, 1, ONE_HOT), ValueError,
                            r"y holds rows with no label or several; output 'softmax' needs"
                            r" exactly one: for several labels a row choose output 'sigmoid'"),
    "above 1": (3, SIGMOID, ONE_HOT * 2, ValueError,
                r"y must be from 0 to 1 for loss 'binary_cross_entropy'; it holds 2"),
    "other labels": (1, BINARY, np.where(Y > 0, 1, -1).astype(int), ValueError,
                     r".*; it holds -1; set the network's `classes` to use other labels$"),
    "below 0": (1, BINARY, Y - 1.0, ValueError, r"y must be from 0 to 1 .*; it holds -1"),
    "negative count": (1, {"loss": "poisson"}, Y - 1, ValueError,
                       r"y must be 0 or more for loss 'poisson'; it holds -1"),
    "ten from a sigmoid": (1, {"output": "sigmoid", "loss": "mse"}, Y * 5.0, ValueError,
                           r"y must be from 0 to 1 for output 'sigmoid'; it holds 10; scale the"
                           r" targets, or choose output 'identity'$"),
    "labels 1 and 2": (1, {"output": "sigmoid", "loss": "quadratic"}, Y % 2 + 1, ValueError,
                       r".*; it holds 2; set the network's `classes` to use other labels$"),
    "complex": (1, {}, Y * 1j, TypeError, r"y must hold real numbers; its dtype is complex128"),
    "dates": (3, SOFTMAX, Y.astype("M8[s]"), TypeError, r"y must hold real numbers; its dtype is"),
    "names and gaps": (3, SOFTMAX, objects(["a", None] * 15), ValueError,
                       r"y is missing at row 1: leave out such rows, in X too"),
    "huge int": (3, SOFTMAX, [10**400] * 30, TypeError, r"y must hold numbers; it holds Python"),
}  # fmt: skip


class TestRefused:
    @pytest.mark.parametrize("case", REFUSED)
    def test_one_sentence_says_what_came_and_the_network_is_as_it_was(self, case):
        n_out, options, y, kind, sentence = REFUSED[case]
        net = MLP([5, n_out], seed=0, **options)
        before = state_of(net)
        for call in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
            with pytest.raises(kind, match=f"^{sentence}") as caught:
                call(X, y)
            assert "\n" not in str(caught.value)
        assert state_of(net) == before

    def test_a_label_that_no_class_has_is_named_with_the_classes(self):
        net, _ = trained(NAMES[Y])
        before = state_of(net)
        strange = np.where(np.arange(30) == 3, "dog", NAMES[Y])
        sentence = r"^y holds the label 'dog'; this network knows 'ant', 'bee', 'cow'$"
        with pytest.raises(ValueError, match=sentence):
            net.fit(X, strange)
        with pytest.raises(ValueError, match=r"^y holds numbers; this network's classes are 'ant'"):
            net.fit(X, Y)
        assert state_of(net) == before

    def test_numbers_where_the_classes_are_others(self):
        net = softmax()
        net.classes = [30, 10, 20]
        for y, sentence in (
            (Y, r"y holds the label [012]; this network knows 30, 10, 20"),
            (NAMES[Y], r"y holds strings; this network's classes are 30, 10, 20"),
            (np.full(30, np.nan), r"y holds the label nan; this network knows 30, 10, 20"),
        ):
            with pytest.raises(ValueError, match=f"^{sentence}$"):
                net.fit(X, y)

    def test_a_long_list_of_classes_is_cut(self):
        net = MLP([5, 20], output="softmax")
        net.classes = np.arange(100, 120)
        with pytest.raises(ValueError, match=r"knows 100, .*, 109, \.\.\.$"):
            net.fit(X, Y)


# An output's least and greatest values, by hand; None: without end.
LIMITS = {
    "identity": (None, None),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "relu": (0, None),
    "leaky_relu": (None, None),
    "elu": (-1, None),  # e^z - 1
    "gelu": (-0.169971, None),
    "silu": (-0.278465, None),
    "softplus": (0, None),
    "softmax": (0, 1),
    "exp": (0, None),
}


def cases():
    """Each output with each of its losses."""
    for output in ACTIVATIONS:
        for loss in LOSSES:
            with contextlib.suppress(ValueError):
                yield pair(output, loss)


class TestRanges:
    """Targets that an output cannot reach are refused, whatever the loss and the method."""

    @pytest.mark.parametrize("output", [name for name in ACTIVATIONS if name != "softmax"])
    def test_the_table_holds_the_least_and_the_greatest_value_of_each_function(self, output):
        a = reference.ACTIVATIONS[output][0](np.linspace(-40, 40, 800_001))
        for limit, reached in zip(ROWS[output].range, (a.min(), a.max()), strict=True):
            if np.isfinite(limit):
                assert reached == pytest.approx(limit, abs=1e-8)
            else:
                assert np.sign(limit) * reached >= 40 * reference.LEAK

    def test_the_table_has_a_row_for_every_output(self):
        assert tuple(ROWS) == ACTIVATIONS and ROWS["softmax"].range == (0, 1)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("output", "loss"), list(cases()))
    def test_targets_beyond_it_are_refused_and_its_limits_are_not(self, output, loss, dtype):
        net = MLP([5, 4 if loss == "gaussian_nll" else 2], output=output, loss=loss, dtype=dtype)
        before = state_of(net)
        low, high = LIMITS[output]
        inside = np.tile([0.25 if low is None else low, 1.0 if high is None else high], (30, 1))
        beyond = [limit + step for limit, step in ((low, -0.01), (high, 0.01)) if limit is not None]
        for value in beyond:
            y = with_value(inside, (7, 1), value)
            for call in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
                with pytest.raises(ValueError, match=rf"^y must be .*; it holds {value:g}"):
                    call(X, y)
            with pytest.raises(ValueError, match=r"^y of validation_data must be .*; it holds"):
                net.fit(X, inside, validation_data=(X, y), epochs=1)
        assert state_of(net) == before
        assert np.isfinite(net.cost(X, inside))
        if not beyond:
            assert np.isfinite(net.cost(X, 1e3 * (1 - 2 * inside)))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_what_scaling_and_rounding_leave_beyond_a_limit_is_taken(self, dtype):
        y = np.linspace(0, np.nextafter(1, 2), 30)  # as scikit-learn's MinMaxScaler makes it
        for loss in ("mse", "binary_cross_entropy"):
            net = MLP([5, 1], output="sigmoid", loss=loss, dtype=dtype, seed=0)
            assert np.isfinite(net.cost(X, y))

    @pytest.mark.parametrize("output", ACTIVATIONS)
    def test_what_a_network_answers_is_a_target(self, output):
        net = MLP([5, 3], output=output, loss="mse", seed=0)
        net.params[:] *= 20
        assert net.cost(X, net.predict(X)) == 0

    def test_shares_of_the_classes_are_targets_of_a_softmax(self):
        assert np.isfinite(softmax().cost(X, np.tile([0.2, 0.3, 0.5], (30, 1))))


WEIGHTS_REFUSED = [
    (np.ones(29), ValueError, r"sample_weight must have shape \(30,\) or \(30, 3\); .* is \(29,\)"),
    (np.ones((30, 1)), ValueError, r"sample_weight must have shape \(30,\) or .* is \(30, 1\)"),
    (np.ones((3, 30)), ValueError, r"sample_weight must have shape \(30,\) or .* is \(3, 30\)"),
    (1.0, ValueError, r"sample_weight must have shape \(30,\) or \(30, 3\); its shape is \(\)"),
    (-np.ones(30), ValueError, r"sample_weight must be finite and 0 or more"),
    (np.full(30, np.nan), ValueError, r"sample_weight must be finite and 0 or more"),
    (np.full(30, np.inf), ValueError, r"sample_weight must be finite and 0 or more"),
    (np.zeros(30), ValueError, r"all rows have weight 0"),
    (["a"] * 30, TypeError, r"sample_weight must hold real numbers"),
]
CLASS_WEIGHTS_REFUSED = [
    ("Balanced", TypeError, r"class_weight must be a dict or \"balanced\", got 'Balanced'"),
    ([1, 2, 3], TypeError, r"class_weight must be a dict or \"balanced\", got \[1, 2, 3\]"),
    ({3: 1}, ValueError, r"class_weight has the label 3, which is not among the classes"),
    ({"ant": 1}, ValueError, r"class_weight has the label 'ant', which is not among the classes"),
    ({0: -1}, ValueError, r"class_weight of 0 must be a number of 0 or more, not -1"),
    ({0: np.nan}, ValueError, r"class_weight of 0 must be a number of 0 or more, not nan"),
    ({0: np.inf}, ValueError, r"class_weight of 0 must be a number of 0 or more, not inf"),
    ({0: "2"}, ValueError, r"class_weight of 0 must be a number of 0 or more, not '2'"),
    ({0: None}, ValueError, r"class_weight of 0 must be a number of 0 or more, not None"),
    ({0: 0, 1: 0, 2: 0}, ValueError, r"all rows have weight 0"),
]


class TestWeights:
    def full_batch(self, X, y, **options):
        net = MLP([5, 4, 3], activation="tanh", output="softmax", dtype="float64", seed=0)
        fit = {"epochs": 5, "batch_size": None, "shuffle": False, "optimizer": SGD(0.5)}
        return net.fit(X, y, **fit, **options), net.params.copy()

    def test_weight_2_is_as_if_the_row_stood_there_twice(self):
        twice = np.arange(30) % 3 == 0
        weighed, params = self.full_batch(X, Y, sample_weight=1.0 + twice)
        rows = np.repeat(np.arange(30), 1 + twice)
        doubled, expected = self.full_batch(X[rows], Y[rows])
        np.testing.assert_allclose(params, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(weighed.loss, doubled.loss, rtol=1e-12)
        np.testing.assert_allclose(weighed.accuracy, doubled.accuracy, rtol=1e-12)

    @pytest.mark.parametrize("shuffle", [False, True])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_weight_0_is_as_if_the_row_were_absent_bit_for_bit(self, shuffle, dtype):
        keep = np.arange(30) % 4 != 1
        options = {"epochs": 3, "batch_size": 4, "shuffle": shuffle}
        nets = [MLP([5, 3], output="softmax", dtype=dtype, seed=0) for _ in range(2)]
        weighed = nets[0].fit(X, Y, sample_weight=keep, **options)
        without = nets[1].fit(X[keep], Y[keep], **options)
        np.testing.assert_array_equal(nets[0].params, nets[1].params)
        assert (weighed.loss, weighed.accuracy) == (without.loss, without.accuracy)

    def test_the_scale_of_all_weights_does_not_matter(self):
        w = np.linspace(0.5, 2, 30)
        _, params = self.full_batch(X, Y, sample_weight=w)
        _, scaled = self.full_batch(X, Y, sample_weight=64 * w)
        np.testing.assert_allclose(params, scaled, rtol=1e-12)

    def test_a_dict_weighs_the_rows_of_each_label_and_what_it_lacks_counts_1(self):
        _, params = self.full_batch(X, Y, class_weight={1: 3, 2: 0.5})
        _, expected = self.full_batch(X, Y, sample_weight=np.array([1, 3, 0.5])[Y])
        np.testing.assert_array_equal(params, expected)
        _, named = self.full_batch(X, NAMES[Y], class_weight={"bee": 3, "cow": 0.5})
        np.testing.assert_array_equal(named, expected)

    def test_balanced_gives_every_class_the_same_sum(self):
        _, params = self.full_batch(X, Y, class_weight="balanced")
        w = 30 / (3 * np.bincount(Y))[Y]
        np.testing.assert_allclose(np.bincount(Y, w), 10)
        _, expected = self.full_batch(X, Y, sample_weight=w)
        np.testing.assert_allclose(params, expected, rtol=1e-12)

    def test_balanced_takes_no_notice_of_a_class_without_rows(self):
        y = np.where(Y == 2, 1, Y)
        _, params = self.full_batch(X, y, class_weight="balanced")
        _, expected = self.full_batch(X, y, sample_weight=30 / (2 * np.bincount(y))[y])
        np.testing.assert_allclose(params, expected, rtol=1e-12)

    def test_sample_and_class_weights_multiply(self):
        w = np.linspace(0.5, 2, 30)
        _, params = self.full_batch(X, Y, sample_weight=w, class_weight={0: 2})
        _, expected = self.full_batch(X, Y, sample_weight=w * np.where(Y == 0, 2, 1))
        np.testing.assert_array_equal(params, expected)

    @pytest.mark.parametrize(("w", "kind", "sentence"), WEIGHTS_REFUSED)
    def test_weights_that_make_no_sense_are_refused(self, w, kind, sentence):
        net = softmax()
        before = state_of(net)
        for call in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
            with pytest.raises(kind, match=f"^{sentence}"):
                call(X, Y, sample_weight=w)
        assert state_of(net) == before

    @pytest.mark.parametrize(("w", "kind", "sentence"), CLASS_WEIGHTS_REFUSED)
    def test_class_weights_that_make_no_sense_are_refused(self, w, kind, sentence):
        net = softmax()
        before = state_of(net)
        with pytest.raises(kind, match=f"^{sentence}"):
            net.fit(X, Y, class_weight=w)
        assert state_of(net) == before

    def test_class_weights_need_classes(self):
        with pytest.raises(ValueError, match=r"class_weight needs y to be class labels"):
            MLP([5, 1]).fit(X, Y / 2, class_weight="balanced")


def test_balanced_weights_add_up_to_the_rows_also_where_a_class_is_missing():
    labels = np.array([0, 0, 0, 2])  # of three
    encoded = targets.Encoded(4, labels, None, ARGMAX, None)
    weight = targets.as_weights(None, "balanced", encoded, 3)
    np.testing.assert_allclose(weight, [4 / 6, 4 / 6, 4 / 6, 2])
