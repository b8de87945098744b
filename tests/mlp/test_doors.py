"""One network, one answer: the same numbers through every door, or one clear refusal.

Over 400 lines: networks, targets, names and estimators each have doors of their own.
"""

from __future__ import annotations

import copy
import csv
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from helpers import DTYPES, Array
from numpy.testing import assert_allclose, assert_array_equal

import fastnn
from fastnn import MLP

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 3)).astype(np.uint8)
WHOLE = RNG.integers(-300, 300, (24, 3))
TIMES = 1_700_000_000 + RNG.integers(0, 600, (24, 3))  # unix seconds: too long for a float32
LABELS = np.arange(24) % 3


def classifier(dtype: Any, X: Array) -> MLP:
    net = MLP([3, 6, 3], output="softmax", dtype=dtype, seed=0)
    if X is TIMES:
        net.standardize(X)
    net.fit(X, LABELS, epochs=3)
    return net


def regressor(dtype: Any, X: Array) -> MLP:
    net = MLP([3, 6, 2], dtype=dtype, seed=0)
    y = np.stack([1.7e9 + X[:, 0], 1e-3 * X[:, 1]], axis=1)
    net.standardize(X, y)
    net.fit(X, y, epochs=3)
    return net


MAKERS = {"classify": classifier, "regress": regressor}
DATA = {"pixels": PIXELS, "whole numbers": WHOLE, "unix seconds": TIMES}
# Every type that holds all of these numbers
TYPES = {
    "pixels": ["uint8", "int16", "int64", "float32", "float64", ">f8", "uint16"],
    "whole numbers": ["int16", "int64", "float32", "float64", ">i4"],
    "unix seconds": ["int64", "float64", "uint32"],
}

DOORS: dict[str, Callable[[MLP, Array], Array]] = {
    "one row at a time": lambda net, X: np.concatenate(
        [net.predict(X[i : i + 1]) for i in range(24)]
    ),
    "a list": lambda net, X: net.predict(X.tolist()),
    "a copy": lambda net, X: copy.deepcopy(net).predict(X),
    "a pickle": lambda net, X: pickle.loads(pickle.dumps(net)).predict(X),
    "Fortran order": lambda net, X: net.predict(np.asfortranarray(X)),
    "every second row": lambda net, X: net.predict(X.repeat(2, axis=0)[::2]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("task", MAKERS)
class TestNetworks:
    def test_the_type_that_holds_the_numbers_changes_no_bit(self, task, data, dtype):
        net = MAKERS[task](dtype, DATA[data])
        expected = net.predict(DATA[data].astype(np.float64))
        for kind in TYPES[data]:
            X = DATA[data].astype(kind)
            assert_array_equal(net.predict(X), expected, err_msg=kind)
            for name, door in DOORS.items():
                assert_array_equal(door(net, X), expected, err_msg=f"{kind}, {name}")

    def test_nor_does_a_sparse_matrix_that_holds_them(self, task, data, dtype):
        sparse = pytest.importorskip("scipy.sparse")
        X, net = DATA[data], MAKERS[task](dtype, DATA[data])
        expected = net.predict(X.astype(np.float64))
        for kind in set(TYPES[data]) - {">f8", ">i4"}:
            for make in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
                got = net.predict(make(X.astype(kind)))
                assert_allclose(got, expected, rtol=1e-6, err_msg=f"{kind}, {make.__name__}")

    def test_training_on_another_type_gives_the_same_bits(self, task, data, dtype):
        one = MAKERS[task](dtype, DATA[data])
        if (
            data == "pixels" and task == "classify"
        ):  # the type of the first fit is what tells pixels
            assert_array_equal(one.input_scale, np.full(3, 1 / 255))
            return
        other = MAKERS[task](
            dtype, DATA[data].astype(np.float64) if data != "unix seconds" else TIMES
        )
        assert_array_equal(one.params, other.params)

    def test_a_model_file_keeps_them(self, task, data, dtype, tmp_path):
        X, net = DATA[data], MAKERS[task](dtype, DATA[data])
        net.save(tmp_path / "m")
        again = fastnn.load(tmp_path / "m")
        for name in ("input_shift", "input_scale", "output_shift", "output_scale"):
            if getattr(net, name) is None:
                assert getattr(again, name) is None
            else:
                assert_array_equal(getattr(again, name), getattr(net, name))
        for kind in TYPES[data]:
            assert_array_equal(again.predict(X.astype(kind)), net.predict(X))

    def test_the_command_line_says_the_same_from_every_file(self, task, data, dtype, tmp_path):
        X, net = DATA[data], MAKERS[task](dtype, DATA[data])
        net.metadata["task"] = task
        net.save(tmp_path / "m")
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / "double.npy", X.astype(float))
        np.save(tmp_path / "one.npy", X[:1])
        np.savetxt(tmp_path / "x.csv", X, fmt="%d", delimiter=",")
        np.savetxt(tmp_path / "one.csv", X[:1], fmt="%d", delimiter=",")
        files = ["x.npy", "double.npy", "one.npy", "x.csv", "one.csv"]
        command = [sys.executable, "-m", "fastnn", "predict", "--json", "m", *files]
        found = json.loads(
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
        )
        expected = net.predict(X)
        assert len(found) == 3 * 24 + 2
        for record in found:
            row = expected[record["row"]]
            assert_allclose(list(record["outputs"].values()), row, rtol=1e-12, err_msg=str(record))

    def test_explain_says_the_same(self, task, data, dtype):
        X, net = DATA[data], MAKERS[task](dtype, DATA[data])
        y = LABELS if task == "classify" else np.stack([1.7e9 + X[:, 0], 1e-3 * X[:, 1]], axis=1)
        table = fastnn.explain.cost_table(net, X, y)
        assert_array_equal(table.says, net.predict(X))
        target = np.eye(3)[LABELS] if task == "classify" else y
        assert_allclose(table.should_say, target, rtol=1e-12, atol=1e-12)
        assert table.mean_cost == pytest.approx(net.evaluate(X.astype(float), y)["loss"], rel=1e-6)


def test_the_first_fit_on_bytes_sets_the_scale_and_says_it() -> None:
    net = MLP([3, 1], activation=[], seed=0)
    assert_array_equal(net.predict(PIXELS), net.predict(PIXELS.astype(float)))
    net.fit(PIXELS, PIXELS[:, 0] / 255, epochs=1)
    assert_array_equal(net.input_scale, np.full(3, 1 / 255))
    assert_array_equal(net.input_shift, np.zeros(3))
    assert "0.00392157" in repr(net) and "0.00392157" in net._repr_html_()
    W = net.weights[0].astype(float)
    expected = PIXELS.astype(float) / 255 @ W + net.biases[0]
    assert_allclose(net.predict(PIXELS), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("first", ["train_batch", "a sparse matrix", "a list of arrays"])
def test_so_does_every_way_to_train(first: str) -> None:
    net, X = MLP([3, 1], activation=[], seed=0), PIXELS
    if first == "train_batch":
        net.train_batch(X, np.zeros(24))
    elif first == "a sparse matrix":
        net.fit(pytest.importorskip("scipy.sparse").csr_matrix(X), np.zeros(24), epochs=1)
    else:
        net.fit(list(X), np.zeros(24), epochs=1)
    assert_array_equal(net.input_scale, np.full(3, 1 / 255))


@pytest.mark.parametrize("kind", ["uint8", "int8", "bool", "int64", "float32", "float64"])
def test_xor_is_learnt_from_zeros_and_ones_of_every_type(kind: str) -> None:
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25).astype(kind)
    y = (X[:, 0] != X[:, 1]).astype(int)
    net = MLP([2, 8, 1], activation="tanh", output="sigmoid", seed=1)
    net.fit(X, y, epochs=200, optimizer=fastnn.Adam(0.02))
    assert net.input_scale is None
    assert net.evaluate(X, y)["accuracy"] == 1


def test_bytes_are_numbers_to_a_network_that_was_trained_on_numbers() -> None:
    net = MLP([3, 2], output="softmax", activation=[], seed=0)
    net.fit(PIXELS.astype(float), LABELS % 2, epochs=1)
    net.fit(PIXELS, LABELS % 2, epochs=1)
    assert net.input_scale is None
    assert_array_equal(net.predict(PIXELS), net.predict(PIXELS.astype(float)))


def test_a_fit_that_is_refused_or_has_no_epochs_sets_no_scale() -> None:
    net = MLP([3, 2], output="softmax", activation=[], seed=0)
    with pytest.raises(ValueError, match="labels 0 to 1"):
        net.fit(PIXELS, LABELS)
    net.fit(PIXELS, LABELS % 2, epochs=0)
    assert net.input_scale is None and net.feature_names is None


def test_a_scale_that_is_set_is_kept_at_a_fit_on_bytes() -> None:
    net = MLP([3, 2], output="softmax", activation=[], seed=0)
    net.input_scale = 0.5
    net.fit(PIXELS, LABELS % 2, epochs=1)
    assert_array_equal(net.input_scale, [0.5, 0.5, 0.5])


def test_bytes_as_targets_are_numbers() -> None:
    X, y = np.eye(4, dtype=np.float32), np.array([0, 100, 200, 255], np.uint8)
    net = MLP([4, 1], activation=[], init="zeros")
    assert net.cost(X, y) == net.cost(X, y.astype(float)) == np.mean(y.astype(float) ** 2)


def of_version_1(path: Path, scaled: bool = False) -> MLP:
    """Load a file as fastnn 0.1 wrote it."""
    made = MLP([3, 4, 2], seed=0)
    tensors = {"weights.0": made.weights[0], "biases.0": made.biases[0]}
    tensors |= {"weights.1": made.weights[1], "biases.1": made.biases[1]}
    if scaled:
        tensors["input.shift"] = np.array([0.1, 0.2, 0.3], np.float32)
        tensors["input.scale"] = np.array([2, 3, 4], np.float32)
    facts = {
        "network": json.dumps(made._network()),
        "metadata": '{"feature_names": ["a", "b", "c"]}',
    }
    facts |= {"format": "fastnn", "format_version": "1"}
    path.write_bytes(safetensors.numpy.save(tensors, facts))
    return fastnn.load(path)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_file_of_version_1_reads_bytes_as_it_did(tmp_path: Path, scaled: bool) -> None:
    """Bytes are read as x / 255, other numbers unscaled, until the scaling is set."""
    net, X = of_version_1(tmp_path / "old", scaled), PIXELS
    assert_allclose(net.predict(X), net.predict(X / 255), rtol=1e-5)
    assert not np.allclose(net.predict(X), net.predict(X.astype(float)))
    assert net.feature_names == ("a", "b", "c")
    net.input_scale = 1 / 255
    assert_array_equal(net.predict(X), net.predict(X.astype(float)))


@pytest.mark.parametrize("trained_on_bytes", [True, False])
def test_the_command_line_reads_rows_for_it_as_it_was_trained(
    tmp_path: Path, trained_on_bytes: bool
) -> None:
    """For a model of bytes, 0, 1, 1 is a row of bytes with any other rows in the file."""
    net = of_version_1(tmp_path / "old", scaled=not trained_on_bytes)
    net.metadata = {"task": "regress", "bytes": trained_on_bytes}
    net.save(tmp_path / "m")
    X = np.array([[0, 1, 1], [200, 30, 2]], np.uint8)
    expected = net.predict(X if trained_on_bytes else X.astype(np.float32))
    np.save(tmp_path / "x.npy", X)
    np.savetxt(tmp_path / "x.csv", X, fmt="%d", delimiter=",")
    np.savetxt(tmp_path / "one.csv", X[:1], fmt="%d", delimiter=",")
    command = [
        sys.executable,
        "-m",
        "fastnn",
        "predict",
        "--json",
        "m",
        "x.npy",
        "x.csv",
        "one.csv",
    ]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    found = json.loads(done.stdout)
    assert len(found) == 5
    for record in found:
        assert_allclose(list(record["outputs"].values()), expected[record["row"]], rtol=1e-6)


def test_it_still_does_after_it_is_saved_again(tmp_path: Path) -> None:
    net = of_version_1(tmp_path / "old", scaled=True)
    net.save(tmp_path / "again")
    again = fastnn.load(tmp_path / "again")
    X = PIXELS
    assert_array_equal(again.predict(X), net.predict(X))
    assert_array_equal(again.predict(X / 255), net.predict(X / 255))


@pytest.mark.parametrize("scaled", [False, True])
def test_it_says_so_and_no_scaling_is_one_that_is_set(tmp_path: Path, scaled: bool) -> None:
    net = of_version_1(tmp_path / "old", scaled)
    said = "bytes (uint8) are divided by 255 first, as in files of version 1"
    assert said in repr(net) and said in net._repr_html_()
    net.input_shift = net.input_scale = None
    assert_array_equal(net.predict(PIXELS), net.predict(PIXELS.astype(float)))
    assert said not in repr(net)


def test_an_estimator_reads_bytes_as_its_network_of_version_1(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    net = of_version_1(tmp_path / "old")
    net.feature_names = None
    model = fastnn.MLPRegressor.from_mlp(net)
    for X in (PIXELS, PIXELS[:1], PIXELS / 255, PIXELS.astype(np.int64)):
        assert_array_equal(model.predict(X), net.predict(X))


class TestTargets:
    def test_predict_answers_in_the_units_of_y_in_double(self):
        X = np.linspace(-1, 1, 50)[:, None]
        y = 1.7e9 + 300 * X[:, 0]
        net = MLP([1, 1], activation=[], seed=0)
        net.standardize(X, y)
        net.fit(X, y, epochs=400, batch_size=None, optimizer=fastnn.SGD(0.3))
        assert net.predict(X).dtype == np.float64
        assert_allclose(net.predict(X)[:, 0], y, rtol=0, atol=0.01)
        assert_allclose(net.output_shift, y.mean())
        assert_allclose(net.output_scale, y.std())
        assert net.evaluate(X, y)["loss"] < 1e-6

    def test_cost_is_that_of_the_standardized_targets(self):
        X, y = np.zeros((4, 1)), np.array([10.0, 20, 30, 40])
        net = MLP([1, 1], activation=[], init="zeros")
        net.standardize(X, y)
        assert net.cost(X, y) == pytest.approx(1)  # of always saying the mean
        assert_allclose(net.predict(X), np.full((4, 1), 25.0))
        out = np.empty((4, 1))
        assert net.predict(X, out=out) is out
        assert_array_equal(out, np.full((4, 1), 25.0))

    @pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu", "softplus", "exp"])
    def test_an_output_of_a_limited_range_has_no_scale(self, output):
        net = MLP([1, 2], activation=[], output=output)
        with pytest.raises(
            ValueError, match=r"^output_shift and output_scale need output 'identity'"
        ):
            net.standardize([[0], [1]], [[0, 1], [1, 0]])
        assert net.output_scale is None and net.input_scale is None

    def test_labels_are_refused_where_targets_are_scaled(self):
        net = MLP([1, 2], activation=[], output="identity")
        with pytest.raises(ValueError, match="y must be numbers to be standardized"):
            net.standardize([[0], [1]], [0, 1])
        net.standardize([[0], [1]], [[0, 1], [1, 0]])
        with pytest.raises((ValueError, TypeError), match="y must"):
            net.fit([[0], [1]], ["a", "b"])

    def test_classes_are_refused_too(self):
        net = MLP([1, 2], activation=[], seed=0)
        net.output_scale = 2.0
        with pytest.raises(ValueError, match="classes are for labels; this network's targets"):
            net.classes = ["a", "b"]
        assert net.classes is None
        net.output_scale = net.output_shift = None
        net.classes = ["a", "b"]

    def test_a_scaling_is_assigned_as_a_whole_and_checked(self):
        """Writing into one would pass by the checks, and half of the copies."""
        net = MLP([2, 2], activation=[], seed=0)
        net.standardize([[0, 1], [1, 3]], [[0, 1], [1, 3]])
        for made in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            for name in ("input_shift", "input_scale", "output_shift", "output_scale"):
                with pytest.raises(ValueError, match="read-only"):
                    getattr(made, name)[0] = -1
        with pytest.raises(ValueError, match=r"^output_scale must be above 0, got -1$"):
            net.output_scale = -1
        with pytest.raises(ValueError, match=r"^input_shift must be 2 numbers or one, got 'a'$"):
            net.input_shift = "a"
        with pytest.raises(ValueError, match=r"^input_shift must be one number, got \[1, 2\]$"):
            MLP([1, 1]).input_shift = [1, 2]

    @pytest.mark.parametrize("first", ["shift", "scale"])
    @pytest.mark.parametrize("of", ["input", "output"])
    def test_none_for_both_halves_removes_a_scaling(self, of, first):
        net = MLP([2, 2], activation=[], seed=0)
        before = net.predict([[1, 2]])
        setattr(net, f"{of}_shift", 3.0)
        setattr(net, f"{of}_scale", 2.0)
        halves = ["shift", "scale"] if first == "shift" else ["scale", "shift"]
        for half in halves:
            setattr(net, f"{of}_{half}", None)
        assert getattr(net, f"{of}_shift") is None and getattr(net, f"{of}_scale") is None
        assert_array_equal(net.predict([[1, 2]]), before)
        assert net.predict([[1, 2]]).dtype == np.float32

    def test_a_scale_of_one_that_is_assigned_keeps_bytes_as_numbers(self):
        net = MLP([3, 2], output="softmax", activation=[], seed=0)
        net.input_scale = 1
        net.fit(PIXELS, LABELS % 2, epochs=1)
        assert_array_equal(net.input_scale, [1, 1, 1])


class TestNames:
    def test_a_frame_that_standardizes_gives_its_names(self):
        """Else a fit on its columns in another order would scale each by another's spread."""
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(WHOLE * [1, 1000, 1] + [0, 0, 5000], columns=["a", "b", "c"])
        net, same = (
            MLP([3, 4, 3], output="softmax", seed=0),
            MLP([3, 4, 3], output="softmax", seed=0),
        )
        net.standardize(frame)
        assert net.feature_names == ("a", "b", "c")
        same.standardize(frame.to_numpy())
        turned = frame[["c", "a", "b"]]
        assert_array_equal(net.predict(turned), same.predict(frame.to_numpy()))
        net.fit(turned, LABELS, epochs=2)
        same.fit(frame.to_numpy(), LABELS, epochs=2)
        assert_array_equal(net.params, same.params)

    def test_a_frame_with_the_columns_in_another_order_is_read_by_name(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(WHOLE, columns=["a", "b", "c"])
        for standard in (False, True):
            net = MLP([3, 4, 3], output="softmax", seed=0)
            if standard:
                net.standardize(frame)
            net.fit(frame, LABELS, epochs=1)
            assert net.feature_names == ("a", "b", "c")
            expected = net.predict(WHOLE)
            turned = frame[["c", "a", "b"]]
            assert_array_equal(net.predict(turned), expected)
            assert_array_equal(net.classify(turned), expected.argmax(axis=1))
            assert net.cost(turned, LABELS) == net.cost(WHOLE, LABELS)
            assert_array_equal(net.gradient(turned, LABELS).flat, net.gradient(WHOLE, LABELS).flat)
            table = fastnn.explain.cost_table(net, turned, LABELS)
            assert_array_equal(table.says, expected)
            net.fit(turned, LABELS, epochs=1, validation_data=(turned, LABELS))
            assert net.history.val_loss[-1] == net.evaluate(WHOLE, LABELS)["loss"]

    @pytest.mark.parametrize(
        ("columns", "sentence"),
        [
            (["a", "b", "d"], "it lacks 'c' and has 'd' in addition"),
            (["a", "b"], "it lacks 'c'"),
            (["a", "b", "c", "d"], "it has 'd' in addition"),
            (["a", "b", "c", "c"], "it has duplicate columns"),
        ],
    )
    def test_others_are_refused_by_name(self, columns, sentence):
        pd = pytest.importorskip("pandas")
        net = MLP([3, 2], activation=[], seed=0)
        net.feature_names = ["a", "b", "c"]
        frame = pd.DataFrame(np.zeros((2, len(columns))), columns=columns)
        with pytest.raises(ValueError, match=f"^X must have the columns .*; {sentence}$"):
            net.predict(frame)

    def test_frames_of_other_libraries_have_names_too(self):
        net = MLP([3, 2], activation=[], seed=0)
        net.feature_names = ["a", "b", "c"]
        values = {"c": [3.0], "a": [1.0], "b": [2.0]}
        pl = pytest.importorskip("polars")
        assert_array_equal(net.predict(pl.DataFrame(values)), net.predict([[1, 2, 3]]))

    def test_a_model_file_keeps_the_names(self, tmp_path):
        net = MLP([2, 1], activation=[], seed=0)
        net.feature_names = ["width", "H\u00f6he"]
        net.save(tmp_path / "m")
        assert fastnn.load(tmp_path / "m").feature_names == ("width", "H\u00f6he")

    @pytest.mark.parametrize("names", [["a"], ["a", 1], "ab", 3])
    def test_what_are_no_names_is_refused(self, names):
        net = MLP([2, 1], activation=[], seed=0)
        with pytest.raises((ValueError, TypeError)):
            net.feature_names = names
        assert net.feature_names is None

    def test_the_command_line_reorders_a_table(self, tmp_path):
        net = MLP([3, 2], activation=[], seed=0)
        net.feature_names, net.metadata["task"] = ["a", "b", "c"], "regress"
        net.save(tmp_path / "m")
        with open(tmp_path / "x.csv", "w", newline="") as file:
            csv.writer(file).writerows([["c", "a", "b"], [3, 1, 2]])
        command = [sys.executable, "-m", "fastnn", "predict", "--json", "m", "x.csv"]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        (record,) = json.loads(done.stdout)
        assert_allclose(list(record["outputs"].values()), net.predict([[1, 2, 3]])[0], rtol=1e-12)


class TestEstimators:
    @pytest.fixture(autouse=True)
    def _sklearn(self):
        pytest.importorskip("sklearn")

    @pytest.mark.parametrize(
        ("labels", "n_out"),
        [
            (["yes", "no"], 1),
            (["yes", "no"], 2),
            ([7, -1, 3], 3),
            ([True, False], 1),
            (["b", "c", "a"], 3),
        ],
    )
    def test_from_mlp_keeps_which_output_means_which_label(self, labels, n_out):
        output = "sigmoid" if n_out == 1 else "softmax"
        net = MLP([3, n_out], activation=[], output=output, seed=3)
        net.classes = labels
        X = WHOLE / 100.0
        model = fastnn.MLPClassifier.from_mlp(net)
        expected = net.classify(X)
        assert len(set(expected.tolist())) > 1
        assert model.classes_.tolist() == sorted(labels)
        assert_array_equal(model.predict(X), expected)
        assert_array_equal(model.network_.classify(X), expected)
        assert_array_equal(model.to_mlp().classify(X), expected)
        shares = model.predict_proba(X)
        assert_array_equal(model.classes_[shares.argmax(axis=1)], expected)
        assert model.score(X, expected) == 1
        assert model.network_.evaluate(X, expected)["accuracy"] == 1

    def test_and_it_trains_on_with_the_same_meaning(self):
        net = MLP([1, 1], activation=[], output="sigmoid", seed=0)
        net.params[:] = [1, 0]
        net.classes = ["yes", "no"]
        X = np.linspace(-2, 2, 40)[:, None]
        y = np.where(X[:, 0] > 0, "no", "yes")
        model = fastnn.MLPClassifier.from_mlp(net, warm_start=True, max_iter=50, tol=None)
        model.fit(X, y)
        assert model.score(X, y) == 1
        assert model.network_.weights[0][0, 0] > 1
        assert_array_equal(model.network_.classify(X), y)

    @pytest.mark.parametrize("kind", ["uint8", "int64", "float64"])
    @pytest.mark.parametrize("scale_bytes", [False, True])
    def test_an_estimator_and_its_network_say_the_same(self, kind, scale_bytes):
        X = np.array([[0], [200]] * 20).astype(kind)
        y = np.array(["dark", "light"] * 20)
        model = fastnn.MLPClassifier(
            (),
            max_iter=400,
            tol=None,
            learning_rate_init=0.05,
            random_state=0,
            scale_bytes=scale_bytes,
        ).fit(X, y)
        for given in (X, X.astype(np.uint8), X.astype(float)):
            assert_array_equal(model.predict(given), y)
            assert_array_equal(model.to_mlp().classify(given), y)
            assert_array_equal(model.network_.classify(given), y)
            assert model.network_.evaluate(given, y)["accuracy"] == 1

    def test_labels_that_are_absent_from_some_rows_keep_their_outputs(self):
        y = np.array(["a", "b", "c"])[LABELS]
        model = fastnn.MLPClassifier((8,), max_iter=5, random_state=0, tol=None).fit(WHOLE, y)
        some = y != "a"
        net = model.network_
        right = net.evaluate(WHOLE[some], y[some])["accuracy"]
        assert right == pytest.approx(model.score(WHOLE[some], y[some]))

    def test_a_frame_names_the_columns_of_its_network(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(WHOLE, columns=["a", "b", "c"])
        model = fastnn.MLPClassifier((4,), max_iter=2, random_state=0, tol=None).fit(frame, LABELS)
        assert model.network_.feature_names == ("a", "b", "c")
        turned = frame[["b", "c", "a"]]
        assert_array_equal(model.to_mlp().classify(turned), model.predict(frame))
        with pytest.raises(ValueError, match="feature names"):
            model.predict(turned)  # as scikit-learn's estimators do
        again = fastnn.MLPClassifier.from_mlp(model.to_mlp())
        assert again.feature_names_in_.tolist() == ["a", "b", "c"]

    @pytest.mark.parametrize("value", [0.0, 1e-9, -1e-9])
    def test_half_means_the_second_class_at_every_door(self, value):
        net = MLP([1, 1], activation=[], output="sigmoid", dtype="float64")
        net.params[:] = [1, 0]
        model = fastnn.MLPClassifier.from_mlp(net)
        assert model.predict([[value]])[0] == net.classify([[value]])[0] == int(value >= 0)
