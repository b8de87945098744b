"""Messages about X and y name the cell: its row, the name of its column, and its value."""

import datetime
import re

import numpy as np
import pytest

import fastnn
from fastnn import MLP

WORDS = "encode words as numbers"
DATES = "turn dates and times into numbers"


def said(call, *args, **given):
    with pytest.raises((ValueError, TypeError)) as caught:
        call(*args, **given)
    text = str(caught.value)
    assert text.isascii() and "\n" not in text
    return text


# ---- one-dimensional X -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 100])
def test_one_feature_of_many_examples_leads_to_a_column(n):
    x = np.linspace(0, 1, n)
    net = MLP([1, 4, 1], seed=0)
    assert said(net.fit, x, x).endswith("of 1 feature write X[:, None]")
    net.fit(x[:, None], x, epochs=1)


def test_one_example_of_many_features_leads_to_a_row():
    net = MLP([3, 1], seed=0)
    assert said(net.predict, np.ones(3)).endswith("for one example of 3 features write X[None, :]")
    assert net.predict(np.ones(3)[None, :]).shape == (1, 1)


def test_a_length_that_fits_neither_says_which_is_which():
    assert said(MLP([4, 1]).predict, np.ones(100)).endswith(
        "X[None, :] is one example of 100 features, X[:, None] 100 examples of 1 feature"
    )


@pytest.mark.parametrize(("n_in", "shape"), [(1, (3, 1)), (3, (1, 3))])
def test_what_the_sentence_says_to_write_can_be_written_for_a_list(n_in, shape):
    X = [1.0, 2.0, 3.0]
    made = re.search(r"write numpy\.(.*)$", said(MLP([n_in, 1]).predict, X))
    assert made is not None
    assert eval(f"np.{made[1]}", {"np": np, "X": X}).shape == shape


def test_a_column_of_a_frame_leads_to_a_frame():
    pd = pytest.importorskip("pandas")
    X = pd.Series([1.0, 2.0, 3.0])
    assert said(MLP([1, 1]).predict, X).endswith("write X.to_frame()")
    assert said(MLP([3, 1]).predict, X).endswith("write X.to_frame().T")
    assert X.to_frame().shape == (3, 1) and X.to_frame().T.shape == (1, 3)


def test_images_are_told_to_be_rows_only_where_that_fits():
    assert said(MLP([4, 1]).predict, np.zeros((5, 2, 2))).endswith(
        "X.reshape(len(X), -1) makes rows of images"
    )
    assert said(MLP([3, 1]).predict, np.zeros((5, 2, 2))).endswith("its shape is (5, 2, 2)")


# ---- frames and objects ------------------------------------------------------------------------


class Frame:
    """A table with named columns, as libraries of frames hand theirs over."""

    def __init__(self, columns):
        self.columns = list(columns)
        self._values = np.array([list(row) for row in zip(*columns.values(), strict=True)], object)

    def __array__(self, dtype=None, copy=None):
        return self._values


def frames():
    made = [Frame]
    try:
        import pandas as pd
    except ImportError:
        return made
    return [*made, pd.DataFrame]


CELLS = {
    "a word": (["Paris", "Rome", "Oslo"], TypeError, "'Paris' at row 0", WORDS),
    "a word among numbers": ([1.0, "n/a", "x"], TypeError, "'n/a' at row 1", WORDS),
    "a word after a gap": ([None, 2.0, "x"], TypeError, "'x' at row 2", WORDS),
    "figures in text": (["1", "2", "3"], TypeError, "'1' at row 0", ".astype(float)"),
    "a date": ([datetime.date(2024, 1, 31)] * 3, TypeError, "2024-01-31 at row 0", DATES),
    "an object": ([1.0, {}, 3.0], TypeError, "{} at row 1", "leave it out"),
    "None": ([1.0, None, 3.0], ValueError, "nan at row 1", ""),
    "NaN": ([1.0, 2.0, np.nan], ValueError, "nan at row 2", ""),
}


@pytest.mark.parametrize("frame", frames())
@pytest.mark.parametrize("case", CELLS)
def test_a_cell_that_is_no_number_is_named_by_row_column_and_value(case, frame):
    cells, kind, what, advice = CELLS[case]
    X = frame({"age": [40.0, 41.0, 42.0], "city": cells})
    net = MLP([2, 1], seed=0)
    calls = [net.predict, net.standardize, lambda X: net.fit(X, [0.0, 1.0, 2.0])]
    calls.append(lambda X: net.fit(np.eye(2), [0.0, 1.0], validation_data=(X, [0.0, 1.0, 2.0])))
    for call in calls:
        with pytest.raises(kind) as caught:
            call(X)
        assert f"holds {what}, column 'city'" in str(caught.value)
        assert advice in str(caught.value)
    with pytest.raises(kind) as caught:
        net.predict(np.asarray(X, object))
    assert f"holds {what}, column 1" in str(caught.value)


def test_types_of_pandas_that_numpy_does_not_know():
    pd = pytest.importorskip("pandas")
    ages, net = [40.0, 41.0, 42.0], MLP([2, 1], seed=0)

    def of(column):
        return pd.DataFrame({"age": ages, "x": column})

    for column in (pd.array([1, None, 3], dtype="Int64"), pd.array([True, None, False])):
        missing = "^X is missing at row 1, column 'x': fill the gap"
        with pytest.raises(ValueError, match=missing):
            net.predict(of(column))
    times = pd.to_datetime(["2024-01-31", "2024-02-01", "2024-02-02"])
    assert "holds 2024-01-31 00:00:00 at row 0, column 'x': " + DATES in said(
        net.predict, of(times)
    )
    assert f"(column 'x'): {DATES}" in said(MLP([1, 1]).predict, pd.DataFrame({"x": times}))
    assert "'b' at row 0, column 'x'" in said(net.predict, of(pd.Categorical(["b", "a", "b"])))
    whole = net.predict(of([1.0, 2.0, 3.0]))
    for column in (pd.array([1, 2, 3], dtype="Int64"), pd.Categorical([1, 2, 3])):
        assert np.array_equal(net.predict(of(column)), whole)


def test_polars_too():
    pl = pytest.importorskip("polars")
    net = MLP([2, 1], seed=0)
    assert "'x' at row 1, column 'b'" in said(
        net.predict, pl.DataFrame({"a": [1.0, 2.0], "b": [None, "x"]})
    )
    assert "nan at row 1, column 'a'" in said(
        net.predict, pl.DataFrame({"a": [1.0, None], "b": [1, 2]})
    )


def test_tables_of_arrow_are_called_by_their_columns_names():
    pa = pytest.importorskip("pyarrow")
    net = MLP([2, 1], seed=0)
    for column, cell in (([None, "x"], "'x' at row 1"), ([1.0, None], "nan at row 1")):
        told = said(net.predict, pa.table({"a": [1.0, 2.0], "b": column}))
        assert f"{cell}, column 'b'" in told


class Table:
    """A table as Arrow hands its own over: its `columns` are values, its `column_names` names."""

    column_names = ("a", "b")
    columns = (np.ones(2), np.array([1.0, np.nan]))

    def __array__(self, dtype=None, copy=None):
        return np.stack(self.columns, axis=1)


def test_names_of_columns_are_never_their_values():
    assert said(MLP([2, 1]).predict, Table()) == "X holds nan at row 1, column 'b'"


def test_text_in_an_array_is_named_by_its_place():
    said_of = said(MLP([2, 1]).predict, np.array([["1", "2"], ["3", "x"]]))
    assert "its dtype is <U1; it holds 'x' at row 1, column 1: " + WORDS in said_of


def test_records_lead_to_a_table():
    X = np.array([(1.0, 2.0)] * 3, dtype=[("a", "f8"), ("b", "f8")])
    assert "numpy.lib.recfunctions.structured_to_unstructured" in said(MLP([2, 1]).predict, X)
    from numpy.lib.recfunctions import structured_to_unstructured

    assert MLP([2, 1]).predict(structured_to_unstructured(X)).shape == (3, 1)


# ---- y -----------------------------------------------------------------------------------------


def missing_labels():
    yield ["yes", None, "no"]
    yield np.array(["yes", np.nan, "no"], object)
    yield np.array(["yes", None, "no"], np.dtypes.StringDType(na_object=None))
    try:
        import pandas as pd
    except ImportError:
        return
    yield pd.Series(["yes", None, "no"])
    yield pd.Series(["yes", None, "no"], dtype="string")
    yield pd.Series(["yes", None, "no"], dtype="category")
    yield pd.DataFrame({"answer": ["yes", None, "no"]})


@pytest.mark.parametrize("y", list(missing_labels()), ids=lambda y: type(y).__name__)
def test_a_missing_label_is_named_by_its_row(y):
    X, net = np.eye(3), MLP([3, 2], output="softmax", seed=0)
    for call in (net.fit, net.train_batch, net.evaluate, net.cost, net.gradient):
        assert said(call, X, y) == "y is missing at row 1: leave out such rows, in X too"
    fitted = said(net.fit, X, ["yes", "no", "no"], validation_data=(X, y))
    assert fitted.startswith("y of validation_data is missing at row 1")
    assert said(fastnn.explain.diagnose, net, X, y).startswith("y is missing at row 1")


def test_a_label_that_is_no_number_is_named_by_its_row():
    net = MLP([3, 3], output="softmax", seed=0)
    assert said(net.fit, np.eye(3), [0.0, np.nan, 2.0]).endswith("it holds nan at row 1")
    assert "{} at row 2" in said(net.fit, np.eye(3), [0, 1, {}])


def test_a_table_is_read_whatever_its_ending_and_a_missing_file_is_no_unknown_data(tmp_path):
    path = tmp_path / "space.txt"
    path.write_text("1 2 3\n4 5 6\n")
    X, y = fastnn.datasets.load_data(path).train
    assert X.tolist() == [[1, 2], [4, 5]] and y.tolist() == [3, 6]
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.txt"):
        fastnn.datasets.load_data(tmp_path / "nowhere.txt")
