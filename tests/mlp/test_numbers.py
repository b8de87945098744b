"""Every kind of array that may come as X, y or weights: read for what it is, or one sentence.

A row of a table is a case. Values are small whole numbers, exact in every type, so that what is
read right gives the bits that float64 gives. Over 400 lines: the tables.
"""

from __future__ import annotations

import array
import decimal
import fractions
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from states import state_of

import fastnn
from fastnn import MLP, SGD, Adam, AdamW, DivergenceWarning, RMSprop

WHOLE = np.random.default_rng(0).integers(0, 5, (8, 3))
X = WHOLE.astype(np.float64)
Y = np.array([0, 1, 2, 1, 0, 2, 1, 2])
WEIGHT = np.array([1.0, 2, 1, 3, 1, 0, 2, 1])


def network(dtype: str = "float32", **options: Any) -> MLP:
    return MLP([3, 4, 3], activation="tanh", output="softmax", dtype=dtype, seed=0, **options)


def unaligned(values: np.ndarray) -> np.ndarray:
    """The values, one byte beyond where they would lie."""
    memory = np.frombuffer(b"\0" + values.tobytes(), np.uint8)[1:]
    found = memory.view(values.dtype).reshape(values.shape)
    assert not found.flags.aligned
    return found


def in_a_field(values: np.ndarray) -> np.ndarray:
    records = np.zeros(len(values), [("tag", "u1"), ("value", values.dtype, values.shape[1:])])
    records["value"] = values
    return records["value"]


def read_only(values: np.ndarray) -> np.ndarray:
    found = values.copy()
    found.flags.writeable = False
    return found


class ByArray:
    """As pandas and others hand their values over."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


class ByDLPack:
    """As array libraries without NumPy's protocol do."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


class ByInterface:
    def __init__(self, values: np.ndarray) -> None:
        self.values, self.__array_interface__ = values, values.__array_interface__


def of_objects(kind: Callable[[int], Any]) -> Callable[[np.ndarray], np.ndarray]:
    def make(values: np.ndarray) -> np.ndarray:
        found = np.empty(values.shape, object)
        found.flat = [kind(int(value)) for value in values.flat]
        return found

    return make


TYPES = [
    "f2",
    "f4",
    "f8",
    "g",
    "i1",
    "i2",
    "i4",
    "i8",
    "u2",
    "u4",
    "u8",
    ">f4",
    ">f8",
    ">i2",
    ">u8",
]
SAME: dict[str, Callable[[np.ndarray], Any]] = {
    **{f"dtype {kind}": (lambda values, kind=kind: values.astype(kind)) for kind in TYPES},
    "objects: int": of_objects(int),
    "objects: float": of_objects(float),
    "objects: Decimal": of_objects(decimal.Decimal),
    "objects: Fraction": of_objects(fractions.Fraction),
    "objects: NumPy's scalars": of_objects(np.float32),
    "lists": lambda values: values.tolist(),
    "tuples": lambda values: (
        tuple(map(tuple, values.tolist())) if values.ndim > 1 else tuple(values)
    ),
    "lists of arrays": list,
    "array.array": lambda values: (
        [array.array("d", row) for row in values] if values.ndim > 1 else array.array("d", values)
    ),
    "memoryview": lambda values: memoryview(values.astype(float)),
    "masked, nothing masked": np.ma.array,
    "__array__": ByArray,
    "__dlpack__": ByDLPack,
    "__array_interface__": ByInterface,
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda values: values[::-1].copy()[::-1],
    "every other": lambda values: np.repeat(values, 2, axis=0)[::2],
    "unaligned float64": lambda values: unaligned(values.astype(np.float64)),
    "unaligned float32": lambda values: unaligned(values.astype(np.float32)),
    "unaligned int64": lambda values: unaligned(values.astype(np.int64)),
    "a field of records": lambda values: in_a_field(values.astype(np.float64)),
    "a field, int64": lambda values: in_a_field(values.astype(np.int64)),
    "-0.0 for 0": lambda values: np.where(values == 0, -0.0, values),
}


def everything(X: Any, y: Any, weight: Any, dtype: str) -> list[np.ndarray]:
    """Return the results of all ways of reading X, y and weights."""
    net = network(dtype)
    results = [net.predict(X), net.classify(X), *net.activations(X)[1:]]
    results += [net.cost(X, y, sample_weight=weight), net.cost(X, y, per_example=True)]
    results += [net.gradient(X, y, sample_weight=weight).flat]
    results += [net.gradient(X, y, per_example=True).flat]
    results += [list(net.evaluate(X, y, sample_weight=weight).values())]
    net.standardize(X)
    results += [net.input_shift, net.input_scale]
    net.fit(X, y, epochs=2, batch_size=3, sample_weight=weight, validation_data=(X, y, weight))
    net.train_batch(X, y, sample_weight=weight)
    return [np.array(part) for part in (*results, net.params, net.history.val_loss)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", SAME)
def test_whatever_holds_the_numbers_gives_the_same_bits(case: str, dtype: str) -> None:
    make = SAME[case]
    expected = everything(X, Y, WEIGHT, dtype)
    for found in (
        everything(make(WHOLE if "DLPack" not in case else X), Y, WEIGHT, dtype),
        everything(X, make(Y), WEIGHT, dtype),
        everything(X, Y, make(WEIGHT.astype(int)), dtype),
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_a_table() -> None:
    np.testing.assert_array_equal(network().predict(np.matrix(X)), network().predict(X))


def test_booleans_are_0_and_1_and_a_broadcast_row_is_many() -> None:
    net = network()
    np.testing.assert_array_equal(net.predict(X > 1), net.predict((X > 1).astype(float)))
    row = np.broadcast_to(X[0], X.shape)
    expected = network().fit(np.tile(X[0], (8, 1)), Y, epochs=2).loss
    assert network().fit(row, np.broadcast_to(Y, 8), epochs=2).loss == expected


def test_rows_that_overlap_are_read_as_they_are() -> None:
    long = np.arange(10.0)
    windows = np.lib.stride_tricks.sliding_window_view(long, 3)
    net = network()
    np.testing.assert_array_equal(net.predict(windows), net.predict(windows.copy()))


@pytest.mark.parametrize(("dtype", "least"), [("float32", 2.0**-126), ("float64", 2.0**-1022)])
def test_subnormal_numbers_count_as_zero(dtype: str, least: float) -> None:
    net, tiny = network(dtype), np.full((4, 3), least / 2, dtype)
    np.testing.assert_array_equal(net.predict(tiny), net.predict(np.zeros((4, 3), dtype)))
    assert np.isfinite(net.fit(tiny, Y[:4], epochs=2).loss).all()


@pytest.mark.parametrize("scale", [1e-90, 2.0**-40, 2.0**300, 1e90])
def test_weights_count_in_proportion_whatever_their_size(scale: float) -> None:
    one, other = network("float64"), network("float64")
    expected = one.fit(X, Y, epochs=2, sample_weight=WEIGHT)
    found = other.fit(X, Y, epochs=2, sample_weight=WEIGHT * scale)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)
    np.testing.assert_allclose(other.params, one.params, rtol=1e-11)


@pytest.mark.parametrize("column", [0.0, 7.0, -1e30])
def test_columns_that_do_not_vary_are_only_shifted(column: float) -> None:
    net = network("float64")
    given = np.column_stack([X[:, 0], np.full(8, column), X[:, 1]])
    net.standardize(given)
    np.testing.assert_array_equal(net.activations(given)[0][:, 1], 0)
    assert np.isfinite(net.fit(given, Y, epochs=2).loss).all()


def test_one_row_is_enough_to_train_and_to_standardize() -> None:
    net = network()
    net.standardize(X[:1])
    assert np.isfinite(net.fit(X[:1], Y[:1], epochs=3, validation_data=(X[:1], Y[:1])).loss).all()
    np.testing.assert_array_equal(net.activations(X[:1])[0], 0)


def test_one_class_of_several_is_enough_to_train() -> None:
    net = network()
    net.fit(X, np.ones(8, int), epochs=200, optimizer=Adam(0.1))
    assert (net.classify(X) == 1).all()


# ---- refused -----------------------------------------------------------------------------------


def standardize(net: MLP, X: Any) -> None:
    net.standardize(X)


MASKED = np.ma.array(X, mask=[[True, False, False]] + [[False] * 3] * 7)
REAL = "X must hold real numbers; its dtype is "
OBJECTS = "X must hold numbers; it holds Python objects: "
NOT_X: dict[str, tuple[Any, type[Exception], str]] = {
    "masked": (MASKED, ValueError, "X has masked values: fill them"),
    "nan": (np.where(X == 4, np.nan, X), ValueError, "X holds nan at row "),
    "inf in float16": (np.full((8, 3), np.inf, "f2"), ValueError, "X holds inf at row 0, column 0"),
    "beyond float32": (
        X + 1e39 * (np.arange(24).reshape(8, 3) == 7),
        ValueError,
        r"X holds 1e\+39 at row 2, column 1, too large for float32$",
    ),
    "beyond float64": (X.astype("g") + np.longdouble("1e4000"), ValueError, "X holds inf at row 0"),
    "complex": (X * 1j, TypeError, REAL + "complex128"),
    "dates": (WHOLE.astype("M8[D]"), TypeError, REAL + "datetime64"),
    "times": (WHOLE.astype("m8[s]"), TypeError, REAL + "timedelta"),
    "records": (np.zeros(8, "f8,f8,f8"), TypeError, REAL + r"\[\('f0"),
    "raw": (np.zeros((8, 3), "V8"), TypeError, REAL + r"\|V8"),
    "text": (X.astype(str), TypeError, REAL + "<U"),
    "bytes": (X.astype("S"), TypeError, REAL + r"\|S"),
    "StringDType": (
        X.astype(np.dtypes.StringDType()),
        TypeError,
        REAL + "StringDType",
    ),
    "objects: text": (
        X.astype(str).astype(object),
        TypeError,
        OBJECTS + "str; it holds '.*' at row 0, column 0",
    ),
    "objects: complex": (
        of_objects(complex)(WHOLE),
        TypeError,
        OBJECTS + "complex; .* at row 0, column 0",
    ),
    "None": (of_objects(lambda i: i or None)(WHOLE), ValueError, "X holds nan at row "),
    "a generator": ((row for row in X), TypeError, OBJECTS + "generator$"),
    "a set": ({1, 2}, TypeError, OBJECTS + "set$"),
    "ragged": ([[1, 2, 3], [4]], ValueError, "X is not a table of numbers: its rows differ"),
    "0-D": (np.float64(3), ValueError, r"X must have shape \(n, 3\); its shape is \(\)"),
    "1-D": (X[0], ValueError, r"X must have shape \(n, 3\); its shape is \(3,\); for one example"),
    "3-D": (X[None], ValueError, r"X must have shape \(n, 3\); its shape is \(1, 8, 3\)"),
    "no columns": (X[:, :0], ValueError, "X has 0 columns; this network reads 3"),
}  # fmt: skip
READING: list[Callable[[MLP, Any], Any]] = [
    lambda net, X: net.predict(X),
    lambda net, X: net.classify(X),
    lambda net, X: net.activations(X),
    standardize,
    lambda net, X: net.fit(X, Y),
    lambda net, X: net.train_batch(X, Y),
    lambda net, X: net.evaluate(X, Y),
    lambda net, X: net.cost(X, Y),
    lambda net, X: net.cost(X, Y, per_example=True),
    lambda net, X: net.gradient(X, Y),
    lambda net, X: net.gradient(X, Y, per_example=True),
    lambda net, X: fastnn.explain.sensitivity(net, X, Y),
    lambda net, X: fastnn.explain.diagnose(net, X, Y),
]


DOUBLE = (standardize,)  # what reads X in double, whatever the network's dtype


def trained() -> MLP:
    net = network()
    net.fit(X, Y, epochs=1)
    return net


@pytest.mark.parametrize("case", NOT_X)
def test_an_x_that_is_no_table_of_numbers_is_one_sentence_everywhere(case: str) -> None:
    given, kind, sentence = NOT_X[case]
    net = trained()
    before = state_of(net)
    for read in READING:
        if case == "beyond float32" and read in DOUBLE:
            continue
        with pytest.raises(kind, match=f"^{sentence}") as caught:
            read(net, given)
        assert "\n" not in str(caught.value)
    assert state_of(net) == before


def test_float64_reads_what_float32_cannot() -> None:
    assert np.isfinite(network("float64").predict(X * 1e39)).all()
    largest = np.full((1, 3), 3.4028235677973362e38)  # the last that rounds to a float32
    assert np.isfinite(network().activations(largest)[0]).all()
    with pytest.raises(ValueError, match="too large for float32"):
        network().predict(np.full((1, 3), 3.4028235677973366e38))


def test_a_sparse_matrix_beyond_float32_is_told() -> None:
    sp = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match=r"^X holds .* at row 0, column ., too large for float32$"):
        network().predict(sp.csr_matrix(X * 1e39))
    assert np.isfinite(network("float64").predict(sp.csr_matrix(X * 1e39))).all()


def test_an_array_library_that_refuses_is_quoted() -> None:
    class Elsewhere:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise RuntimeError("the values are on another device")

    with pytest.raises(
        TypeError, match=r"^X cannot be read as an array: the values are on another"
    ):
        network().predict(Elsewhere())


LABELS: dict[str, tuple[Any, type[Exception], str]] = {
    "negative": (Y - 1, ValueError, "y holds the label -1; this network has 3 outputs"),
    "uint64 beyond int64": (
        np.full(8, 2**63, np.uint64), ValueError, "y holds the label 9223372036854775808; this"),
    "huge": ([10**30] * 8, ValueError, "y holds the label 1000000000000000019884624838656; this"),
    "fractions": (Y + 0.5, ValueError, r"y must be class labels 0 to 2, .* it holds 0.5"),
    "NaN": (Y * np.nan, ValueError, "y must be class labels 0 to 2, .* it holds nan"),
    "None": ([None] * 8, ValueError, "y must be class labels 0 to 2, .* it holds nan"),
    "None among strings": (["a", None] * 4, ValueError, "y is missing at row 1: leave out such"),
    "missing strings": (
        np.array(["a", None] * 4, np.dtypes.StringDType(na_object=None)),
        ValueError, "y is missing at row 1: leave out such"),
    "bytes": ([b"\xe9"] * 8, ValueError, "y holds bytes that are not ASCII; decode them"),
    "complex": (Y * 1j, TypeError, "y must hold real numbers; its dtype is complex128"),
    "dates": (Y.astype("M8[D]"), TypeError, "y must hold real numbers; its dtype is datetime64"),
    "records": (np.zeros(8, "i4,i4"), TypeError, "y must hold real numbers; its dtype is "),
    "masked": (np.ma.array(Y, mask=Y == 1), ValueError, "y has masked values"),
    "masked strings": (np.ma.array(["a"] * 8, mask=Y == 1), ValueError, "y has masked values"),
    "a generator": (iter(Y), ValueError, "y must have a value a row"),
    "3-D": (Y[:, None, None], ValueError, r"y must have shape \(8, 3\); its shape is \(8, 1, 1\)"),
    "too few": (Y[1:], ValueError, "X has 8 rows, y has 7"),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS)
def test_labels_that_are_none_are_one_sentence_everywhere(case: str) -> None:
    given, kind, sentence = LABELS[case]
    net = trained()
    before = state_of(net)
    for read in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
        with pytest.raises(kind, match=f"^{sentence}") as caught:
            read(X, given)
        assert "\n" not in str(caught.value)
    assert state_of(net) == before


def test_one_text_label_is_nothing_to_learn_from() -> None:
    net = network()
    before = state_of(net)
    for train in (net.fit, net.train_batch):
        with pytest.raises(
            ValueError, match=r"^y has one label only, 'a'; set the network's `classes`"
        ):
            train(X, ["a"] * 8)
    assert state_of(net) == before
    net.classes = ["a", "b", "c"]
    net.fit(X, ["a"] * 8)


def test_labels_of_any_whole_numbers_go_into_classes() -> None:
    for labels in ([-5, 0, 2**62], [2**63, 2**63 + 1, 2**64 - 1], [False, True, 7]):
        net = network()
        net.classes = np.array(labels)
        history = net.fit(X, np.array(labels)[Y], epochs=2)
        assert history.loss == network().fit(X, Y, epochs=2).loss
        assert set(net.classify(X).tolist()) <= set(labels)
    net.classes = np.array([2**63, 2**63 + 1, 2**63 + 2], np.uint64)
    with pytest.raises(ValueError, match=r"^y holds the label -1; this network knows"):
        net.cost(X, np.full(8, -1))


VALUES: dict[str, tuple[Any, str]] = {
    "NaN alone": (Y * np.nan, "y is NaN, which means missing, in every row"),
    "beyond float32": (Y * 1e39, r"y holds 1e\+39 at row 1, output 0, too large for float32"),
    "masked": (np.ma.array(X[:, 0], mask=Y == 1), "y has masked values"),
    "two columns": (X[:, :2], r"y must have shape \(8,\); its shape is \(8, 2\)"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_that_are_none_are_one_sentence(case: str) -> None:
    given, sentence = VALUES[case]
    with pytest.raises(ValueError, match=f"^{sentence}"):
        MLP([3, 1], activation=[], seed=0).fit(X, given)


WEIGHTS: dict[str, tuple[Any, type[Exception], str]] = {
    "negative": (-WEIGHT, ValueError, "must be finite and 0 or more"),
    "NaN": (WEIGHT * np.nan, ValueError, "must be finite and 0 or more"),
    "zero": (WEIGHT * 0, ValueError, "all rows have weight 0"),
    "subnormal": (
        WEIGHT * 1e-320,
        ValueError,
        "must be 0, or from 1e-100 to 1e.100; it holds 9.99989e-321",
    ),
    "enormous": (
        WEIGHT * 1e300,
        ValueError,
        r"must be 0, or from 1e-100 to 1e\+100; it holds 3e.300",
    ),
    "complex": (WEIGHT * 1j, TypeError, "must hold real numbers; its dtype is complex128"),
    "text": (["1"] * 8, TypeError, "must hold real numbers; its dtype is <U1"),
    "masked": (np.ma.array(WEIGHT, mask=Y == 1), ValueError, "has masked values"),
    "2-D": (
        WEIGHT[:, None],
        ValueError,
        r"must have shape \(8,\) or .* is \(8, 1\)",
    ),
    "one for all": (2.0, ValueError, r"must have shape \(8,\) or \(8, 3\); its shape is \(\)"),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_none_are_one_sentence(case: str) -> None:
    given, kind, sentence = WEIGHTS[case]
    net = trained()
    before = state_of(net)
    for read in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
        with pytest.raises(kind, match=sentence):
            read(X, Y, sample_weight=given)
    assert state_of(net) == before


def test_parameters_may_lie_anywhere_and_outputs_must_be_aligned() -> None:
    net, other = network(), network()
    other.params = unaligned(net.params * 2)
    np.testing.assert_array_equal(other.params, net.params * 2)
    with pytest.raises(ValueError, match=r"^out must be C-contiguous, aligned and writable$"):
        net.predict(X, out=np.frombuffer(bytearray(97), np.uint8)[1:].view("f4").reshape(8, 3))


@pytest.mark.parametrize("what", ["X", "y", "sample_weight"])
def test_estimators_refuse_masked_values_too(what: str) -> None:
    pytest.importorskip("sklearn")
    given = {"X": X, "y": Y, "sample_weight": WEIGHT}
    given[what] = np.ma.array(given[what], mask=given[what] == 1)
    for estimator in (fastnn.MLPClassifier(max_iter=1), fastnn.MLPRegressor(max_iter=1)):
        with pytest.raises(ValueError, match=f"^{what} has masked values"):
            estimator.fit(**given)


# ---- divergence --------------------------------------------------------------------------------


def regression(dtype: str = "float32", loss: str = "quadratic", output: str | None = None) -> MLP:
    return MLP([3, 4, 1], output=output, loss=loss, init="he_normal", dtype=dtype, seed=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["quadratic", "mse", "mae", "huber", "quantile", "poisson"])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(1e300),
        SGD(1e300, momentum=0.9, nesterov=True),
        Adam(1e300),
        AdamW(1e300),
        RMSprop(1e300),
    ],
    ids=repr,
)
def test_a_step_too_far_is_told_with_advice_and_undone(
    optimizer: Any, loss: str, dtype: str
) -> None:
    net = regression(dtype, loss)
    before = net.params.copy()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        net.fit(X, Y, epochs=5, batch_size=3, optimizer=optimizer)
    finite = np.isfinite(net.predict(X)).all() and np.isfinite(net.cost(X, Y))
    assert finite  # in every case: a network of a finite cost
    if told:
        assert told[0].category is DivergenceWarning
        assert "Try a smaller learning rate (it was 1e+300), scaled inputs" in str(told[0].message)
        np.testing.assert_array_equal(net.params, before)


def rates(*epochs: float) -> Callable[[Any], Any]:
    """A learning rate an epoch, at four steps an epoch."""
    return lambda step: epochs[min(int(step) // 4, len(epochs) - 1)]


@pytest.mark.parametrize("validated", [False, True])
def test_the_weights_are_those_of_the_best_epoch_not_of_the_last(validated: bool) -> None:
    kept: list[np.ndarray] = []
    net = regression()
    with pytest.warns(DivergenceWarning, match="set back to those after epoch 2. Try a smaller"):
        history = net.fit(
            X, Y, epochs=9, batch_size=2,
            optimizer=SGD(rates(0.001, 0.001, 0.3, 3.0, 1e30)),
            validation_data=(X, Y) if validated else None,
            callbacks=[lambda run, logs: kept.append(run.net.params.copy())],
        )  # fmt: skip
    losses = [_cost_of(params) for params in kept]
    assert (
        int(np.argmin(losses)) == 1 and losses[2] > losses[1]
    )  # worse for some time before the end
    np.testing.assert_array_equal(net.params, kept[1])
    assert history.stopped == f"the loss stopped being finite in epoch {len(kept) + 1}"


def _cost_of(params: np.ndarray) -> float:
    net = regression("float64")
    net.params = params
    return float(net.cost(X, Y))


def test_the_last_step_of_the_last_epoch_may_not_leave_a_network_of_infinite_cost() -> None:
    net = regression()
    before = net.params.copy()
    with pytest.warns(
        DivergenceWarning, match="epoch 1; weights and biases were set back to those before"
    ) as w:
        net.fit(X, Y, epochs=1, batch_size=None, optimizer=SGD(1e25))
    np.testing.assert_array_equal(net.params, before)
    assert w[0].filename == __file__
    assert net.history.stopped == "the loss stopped being finite in epoch 1"


def test_partial_fit_and_lbfgs_end_with_a_network_of_finite_cost() -> None:
    pytest.importorskip("sklearn")
    model = fastnn.MLPRegressor(solver="sgd", learning_rate_init=1e300, random_state=0)
    with pytest.warns(DivergenceWarning, match="Try a smaller learning rate"):
        model.partial_fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        model = fastnn.MLPRegressor(solver="lbfgs", random_state=0).fit(X.astype("f4"), Y * 1e30)
    assert np.isfinite(model.predict(X)).all()
