"""The command line: results, output, and the one-line message for each error.

Over 400 lines: one class for each part of the reference that ``--help`` is, and two tables of the
mistakes that can be made. Nothing takes a network or waits.
"""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import fastnn
from fastnn import words
from fastnn.cli import report
from fastnn.model_file import container
from fastnn.tabular import task_data

Image = pytest.importorskip("PIL.Image")

KINDS = ("setosa", "versicolor", "virginica")
CENTRES = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.5, 2.0]])


def write_csv(path, names, rows):
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def _threads_as_before():
    threads = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(threads)


@pytest.fixture
def run_json(run):
    """A function that runs a command line that succeeds, and returns its JSON."""

    def call(*argv):
        status, out, err = run(*argv, "--json")
        assert status == 0, err
        return json.loads(out)

    return call


@pytest.fixture
def flowers(folder):
    """A table of three classes, 50 rows each, the label in the last column."""
    rng = np.random.default_rng(7)
    rows = [
        [*(f"{value:.2f}" for value in rng.normal(CENTRES[k], 0.25)), KINDS[k]]
        for k in np.repeat(range(3), 50)
    ]
    write_csv(folder / "flowers.csv", ["sl", "sw", "pl", "pw", "kind"], rows)
    return "flowers.csv"


@pytest.fixture
def prices(folder):
    """A table of a quantity in the hundreds of thousands: a plane, with a little noise."""
    rng = np.random.default_rng(8)
    area, age = rng.uniform(30, 200, 200), rng.uniform(0, 80, 200)
    price = 2000 * area - 900 * age + 50_000 + rng.normal(0, 2000, 200)
    rows = [(f"{a:.1f}", f"{b:.1f}", f"{p:.2f}") for a, b, p in zip(area, age, price, strict=True)]
    write_csv(folder / "prices.csv", ["area", "age", "price"], rows)
    return "prices.csv"


@pytest.fixture
def model(run, flowers):
    """A model of the flowers."""
    assert run("train", "--data", flowers, "--epochs", 60, "-q")[0] == 0
    return "flowers.safetensors"


@pytest.fixture
def digits(run):
    """A model of the digits, trained for one epoch."""
    assert run("train", "--epochs", 1, "-q")[0] == 0
    return "digits.safetensors"


def one_line(err):
    return err.startswith("fastnn: ") and err.count("\n") == 1 and "Traceback" not in err


def optimizer_in(path):
    return container.read(path)[1]["training"]["optimizer"]


class TestTrainWithoutFlags:
    def test_it_trains_the_classic_network_above_90_percent_and_writes_it(self, run, folder):
        status, out, _ = run("train")
        assert status == 0
        assert "784-16-16-10, sigmoid, quadratic cost: 13,002 weights and biases" in out
        assert "wrote     digits.safetensors" in out
        assert float(re.search(r"accuracy (\S+) %", out)[1]) >= 90
        assert re.search(r"30 epochs in .* s, [\d,]+ examples a second", out)
        net = fastnn.load("digits.safetensors")
        (_, _), (X, y) = fastnn.datasets.load_digits()
        assert net.evaluate(X, y)["accuracy"] >= 0.9
        assert os.listdir(folder) == ["digits.safetensors"]

    def test_its_network_is_the_one_that_the_documented_settings_give_in_python(self, run):
        run("train", "-q", "--epochs", 2)
        (X, y), _ = fastnn.datasets.load_digits()
        net = fastnn.MLP(
            [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
        )
        net.fit(X, y, epochs=2, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
        assert np.array_equal(fastnn.load("digits.safetensors").params, net.params)

    def test_the_confusion_table_counts_every_test_example_once(self, run):
        _, out, _ = run("train", "--epochs", 1)
        rows = re.findall(r"^(\d)((?: +(?:\d+|·)){10}) +\d+ %$", out, re.MULTILINE)
        assert [row[0] for row in rows] == list("0123456789")
        counts = [[0 if cell == "·" else int(cell) for cell in row[1].split()] for row in rows]
        assert [sum(row) for row in counts] == [100] * 10

    def test_quiet_prints_nothing(self, run):
        assert run("train", "--epochs", 1, "--quiet") == (0, "", "")

    def test_json_is_one_object_with_the_scores_of_the_file(self, run_json):
        result = run_json("train", "--epochs", 1)
        net = fastnn.load(result["file"])
        _, (X, y) = fastnn.datasets.load_digits()
        assert result["test"]["accuracy"] == net.evaluate(X, y)["accuracy"]
        assert result["test"]["loss"] == net.cost(X, y)
        assert result["sizes"] == [784, 16, 16, 10]
        assert result["epochs"] == 1
        assert np.trace(result["test"]["confusion"]) == 1000 * result["test"]["accuracy"]

    def test_progress_goes_to_stderr_a_line_an_epoch_where_that_is_no_terminal(self, run):
        _, _, err = run("train", "--epochs", 1)
        assert re.match(r"epoch 1/1  loss \d", err)

    def test_the_same_seed_gives_the_same_bits_and_another_one_others(self, run):
        for name, seed in (("a", 3), ("b", 3), ("c", 4)):
            run(
                "train",
                "--epochs",
                1,
                "-q",
                "--seed",
                seed,
                "-o",
                name,
                "--threads",
                1 + (seed % 2),
            )
        a, b, c = (fastnn.load(name).params for name in "abc")
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)

    def test_threads_are_set(self, run):
        run("train", "--epochs", 1, "-q", "--threads", 3)
        assert fastnn.get_num_threads() == 3


class TestNetworkFlags:
    @pytest.mark.parametrize(
        ("flags", "attribute", "value"),
        [
            (["--hidden", "7"], "sizes", (784, 7, 10)),
            (["--hidden", "7", "5"], "activation", ("relu", "relu")),
            (["--hidden", "7", "5"], "output", "softmax"),
            (["--hidden", "7"], "loss", "cross_entropy"),
            (["--hidden", "none"], "sizes", (784, 10)),
            (["--hidden", "7", "5", "--activation", "tanh", "elu"], "activation", ("tanh", "elu")),
            (["--activation", "tanh"], "sizes", (784, 64, 32, 10)),
            (["--loss", "quadratic"], "output", "sigmoid"),
            (["--loss", "binary_cross_entropy"], "output", "sigmoid"),
            (["--output", "sigmoid"], "loss", "binary_cross_entropy"),
            (["--output", "sigmoid", "--loss", "mse"], "loss", "mse"),
            (["--init", "glorot_uniform"], "init", "glorot_uniform"),
            (["--dropout", "0.25"], "dropout", (0.25, 0.25)),
            (["--dropout", "0.25"], "loss", "quadratic"),
            (["--dtype", "float64"], "dtype", np.dtype("float64")),
            (["--seed", "9"], "seed", 9),
        ],
    )
    def test_each_flag_reaches_the_network(self, run, flags, attribute, value):
        assert run("train", "--epochs", 1, "--batch-size", 200, "-q", *flags)[0] == 0
        assert getattr(fastnn.load("digits.safetensors"), attribute) == value

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            ([], {"name": "Adam", "lr": 0.001}),
            (["--lr", "0.02"], {"name": "Adam", "lr": 0.02}),
            (["--optimizer", "sgd"], {"name": "SGD", "lr": 0.1, "momentum": 0.0}),
            (
                ["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--lr", "0.5"],
                {"momentum": 0.9, "nesterov": True, "lr": 0.5},
            ),
            (["--optimizer", "adamw"], {"name": "AdamW", "lr": 0.001, "weight_decay": 0.01}),
            (["--optimizer", "adamw", "--weight-decay", "0"], {"weight_decay": 0.0}),
            (["--weight-decay", "0.25"], {"name": "Adam", "weight_decay": 0.25}),
            (["--optimizer", "rmsprop"], {"name": "RMSprop", "lr": 0.01}),
            (["--schedule", "constant"], {"lr": 0.001}),
            (
                ["--schedule", "step"],
                {"lr": {"name": "Step", "lr": 0.001, "every": 2, "factor": 0.1}},
            ),
            (["--schedule", "plateau"], {"lr": 0.001}),
        ],
    )
    def test_each_flag_reaches_the_optimizer(self, run, flowers, flags, expected):
        command = ("train", "--data", flowers, "--epochs", 4, "-q", "--checkpoint", "c")
        assert run(*command, *flags)[0] == 0
        found = optimizer_in("c")
        assert {name: found[name] for name in expected} == expected

    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [("exponential", 0.01, 0.01 * 0.01), ("cosine", 0.01, 0.0), ("one-cycle", 0.0004, 4e-8)],
    )
    def test_a_schedule_begins_and_ends_where_the_help_says(
        self, run, run_json, flowers, name, first, last
    ):
        command = ("train", "--data", flowers, "--lr", 0.01, "--epochs", 50, "--batch-size", 120)
        assert run(*command, "-q", "--schedule", name, "--checkpoint", "c")[0] == 0
        rates = run_json("info", "c")["training"]["history"]["epochs"]["lr"]
        assert len(rates) == 50  # one step an epoch
        assert rates[0] == pytest.approx(first, rel=0.01)
        assert rates[-1] == pytest.approx(last, rel=0.1, abs=2e-5)

    def test_batch_size_and_epochs_are_what_was_asked_for(self, run, run_json, flowers):
        run("train", "--data", flowers, "--epochs", 3, "--batch-size", 7, "--checkpoint", "c", "-q")
        training = run_json("info", "c")["training"]
        assert (training["epoch"], training["batch_size"]) == (3, 7)
        assert training["steps"] == 3 * 18  # ceil(120 / 7)

    def test_balanced_class_weights_are_those_of_the_library(self, run, folder):
        rng = np.random.default_rng(0)
        y = np.repeat([0, 1], [80, 20])
        X = rng.normal(size=(100, 3)).astype(np.float32)
        np.savez(folder / "rare.npz", X=X, y=y)
        command = ("train", "--data", "rare.npz", "--epochs", 3, "--hidden", 4, "-q")
        flags = ("--class-weight", "balanced", "--test-fraction", 0, "--no-standardize")
        flags += ("--dropout", 0)
        assert run(*command, *flags)[0] == 0
        net = fastnn.MLP([3, 4, 2], output="softmax", seed=0)
        net.fit(X, y, epochs=3, class_weight="balanced")
        assert np.array_equal(fastnn.load("rare.safetensors").params, net.params)


class TestData:
    def test_a_table_with_a_text_target_is_classified_and_keeps_its_names(self, model):
        net = fastnn.load(model)
        assert net.sizes == (4, 64, 32, 3)
        assert net.classes.tolist() == list(KINDS)
        assert net.feature_names == ("sl", "sw", "pl", "pw")
        assert net.metadata["target_name"] == "kind"

    def test_target_names_the_column_or_counts_to_it(self, run, prices):
        for target in ("area", "0", "-3"):
            status, out, _ = run("train", "--data", prices, "--target", target, "--epochs", 1)
            assert status == 0
            assert "regress 'area'" in out
            net = fastnn.load("prices.safetensors")
            assert net.feature_names == ("age", "price")

    @pytest.mark.parametrize(
        ("targets", "task"),
        [
            (["yes", "no"] * 10, "classify"),
            ([1, 2, 3, 4] * 5, "classify"),
            (range(40), "regress"),  # every whole number once
            ([k % 25 for k in range(100)], "regress"),  # more than 20 of them
            ([0.5, 1.5] * 10, "regress"),
        ],
    )
    def test_the_task_follows_from_the_target(self, run_json, folder, targets, task):
        rows = [(i % 7, i % 3, target) for i, target in enumerate(targets)]
        write_csv(folder / "t.csv", ["a", "b", "y"], rows)
        assert run_json("train", "--data", "t.csv", "--epochs", 1)["task"] == task

    def test_a_doubtful_task_is_said_and_can_be_told(self, run, folder):
        write_csv(folder / "t.csv", ["a", "y"], [(i % 7, i % 4) for i in range(40)])
        _, out, _ = run("train", "--data", "t.csv", "--epochs", 1)
        assert "classify, 4 classes: 0, 1, 2, 3 (whole numbers; --task regress" in out
        _, out, _ = run("train", "--data", "t.csv", "--epochs", 1, "--task", "regress")
        assert "regress 'y'\n" in out
        assert "RMSE" in out

    def test_columns_are_standardized_by_the_training_rows_unless_told_not_to(self, run, flowers):
        run("train", "--data", flowers, "--epochs", 1, "-q", "--test-fraction", 0, "-o", "a")
        X = fastnn.datasets.load_table(flowers).X
        np.testing.assert_allclose(fastnn.load("a").input_shift, X.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(fastnn.load("a").input_scale, 1 / X.std(axis=0), rtol=1e-6)
        run("train", "--data", flowers, "--epochs", 1, "-q", "--no-standardize", "-o", "b")
        assert fastnn.load("b").input_shift is None

    def test_without_test_examples_the_training_examples_are_scored_and_called_so(
        self, run, flowers
    ):
        _, out, _ = run("train", "--data", flowers, "--epochs", 1, "--test-fraction", 0)
        assert "150 to train on, 4 features" in out
        assert re.search(r"^train     accuracy .* of 150 wrong", out, re.MULTILINE)

    def test_a_regression_is_learnt_standardized_and_answers_in_the_units_of_the_data(
        self, run_json, prices
    ):
        result = run_json("train", "--data", prices, "--test-fraction", 0)
        table = fastnn.datasets.load_table(prices)
        error = fastnn.load("prices.safetensors").mean(table.X)[:, 0] - table.y
        assert result["train"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
        assert result["train"]["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-6)
        r2 = 1 - np.mean(error**2) / np.var(table.y)
        assert result["train"]["r2"] == pytest.approx(r2, rel=1e-6)
        assert r2 > 0.98

    @pytest.mark.parametrize("loss", ["mae", "huber", "quantile", "quadratic"])
    def test_every_loss_of_a_linear_output_is_learnt_in_units(self, run_json, prices, loss):
        flags = ("--loss", loss, "--hidden", "none", "--epochs", 200, "--lr", 0.02)
        assert run_json("train", "--data", prices, *flags)["test"]["r2"] > 0.98

    def test_several_targets_a_row_are_predicted_together(self, run_json, folder):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 3))
        np.savez(folder / "two.npz", X=X, y=X[:, :2] * [1000, 2] + [5, -7])
        result = run_json("train", "--data", "two.npz", "--hidden", "none", "--epochs", 150)
        assert result["task"] == "regress"
        assert result["sizes"] == [3, 2]
        assert fastnn.load("two.safetensors").predict(np.zeros((1, 3)))[0, 1] == pytest.approx(
            -7, abs=0.5
        )

    def test_one_hot_targets_are_classes(self, run_json, folder):
        y = np.eye(3)[np.arange(30) % 3]
        np.savez(folder / "hot.npz", X=np.arange(60.0).reshape(30, 2), y=y)
        result = run_json("train", "--data", "hot.npz", "--epochs", 1)
        assert result["task"] == "classify"
        assert result["test"]["labels"] == [0, 1, 2]

    def test_pixels_stored_as_whole_numbers_are_taken_as_bytes(self, run, folder):
        rng = np.random.default_rng(0)
        X, y = rng.integers(0, 256, (40, 2, 2)), np.arange(40) % 2
        for name, kind in (("wide", np.int64), ("bytes", np.uint8)):
            np.savez(folder / f"{name}.npz", X=X.astype(kind), y=y)
            assert run("train", "--data", f"{name}.npz", "--epochs", 2, "-q")[0] == 0
        wide, plain = (fastnn.load(f"{name}.safetensors") for name in ("wide", "bytes"))
        assert np.array_equal(wide.params, plain.params)
        assert wide.metadata["image_shape"] == [2, 2]
        assert not wide.input_shift.any() and (wide.input_scale == 1 / 255).all()

    def test_a_folder_of_idx_files_is_trained_on(self, run_json, folder):
        digits = os.path.join(os.path.dirname(fastnn.__file__), "data", "mnist5k")
        result = run_json("train", "--data", digits, "--epochs", 1)
        assert result["data"] == "mnist5k"
        assert result["sizes"] == [784, 64, 32, 10]
        recipe = fastnn.load("mnist5k.safetensors").metadata["recipe"]
        assert recipe["data"] == "mnist5k"  # not where it is on this computer

    def test_labels_that_are_not_0_1_2_come_back_as_they_were(self, run, folder):
        write_csv(folder / "t.csv", ["a", "y"], [(i % 2 * 3, 5 + 4 * (i % 2)) for i in range(40)])
        run("train", "--data", "t.csv", "--epochs", 40, "-q")
        net = fastnn.load("t.safetensors")
        assert net.classify(np.array([[0.0], [3.0]])).tolist() == [5, 9]


class TestSplit:
    def test_every_class_gives_its_share_and_no_row_is_lost_or_doubled(self):
        y = np.repeat([0, 1, 2], [50, 100, 10])
        X = np.arange(160.0)[:, None]
        (X_train, y_train), test = task_data.split((X, y), 0.2, 0, 0, "classify")
        assert test is not None
        X_test, y_test = test
        assert np.bincount(y_test).tolist() == [10, 20, 2]
        assert sorted([*X_train[:, 0], *X_test[:, 0]]) == X[:, 0].tolist()
        assert np.array_equal(y[X_test[:, 0].astype(int)], y_test)
        assert np.array_equal(y[X_train[:, 0].astype(int)], y_train)

    def test_it_depends_on_the_seed_and_the_purpose_alone(self):
        part = (np.arange(100.0)[:, None], np.zeros(100))

        def held(seed, stream):
            return task_data.split(part, 0.3, seed, stream, "regress")[1][0][:, 0].tolist()

        assert held(1, 0) == held(1, 0)
        assert held(1, 0) != held(2, 0)
        assert held(1, 0) != held(1, 1)

    def test_a_class_of_one_example_is_learnt_from(self):
        y = np.array([0] * 10 + [1])
        (_, y_train), _ = task_data.split((np.zeros((11, 1)), y), 0.9, 0, 0, "classify")
        assert 1 in y_train


class TestEarlyStopping:
    FLAGS = ("--early-stopping", "3", "--epochs", "200", "--lr", "0.05")

    def test_it_stops_and_keeps_the_best_epoch(self, run_json, flowers):
        command = ("train", "--data", flowers, *self.FLAGS)
        result = run_json(*command)
        assert result["epochs"] == result["best_epoch"] + 3 < 200
        assert "val_loss has not improved for 3 epochs" in result["stopped"]
        again = run_json(
            "train",
            "--data",
            flowers,
            "--lr",
            0.05,
            "--validation-fraction",
            0.1,
            "--epochs",
            result["best_epoch"],
        )
        assert again["test"] == result["test"]

    def test_the_test_examples_choose_nothing(self, run, folder, flowers):
        table = fastnn.datasets.load_table(flowers)
        parts = {"x_train": table.X, "y_train": table.y, "x_test": table.X[::3]}
        for name, y_test in (("a", table.y[::3]), ("b", table.y[::-3])):
            np.savez(folder / f"{name}.npz", **parts, y_test=y_test)
            run("train", "--data", f"{name}.npz", "-q", *self.FLAGS, "--schedule", "plateau")
        a, b = (fastnn.load(f"{name}.safetensors").params for name in "ab")
        assert np.array_equal(a, b)

    def test_the_reader_is_told_what_was_held_out_and_kept(self, run, flowers):
        _, out, err = run("train", "--data", flowers, *self.FLAGS)
        assert "108 to train on, 12 held out to validate, 30 held out to test" in out
        assert re.search(r"^kept      epoch \d+, the best on the validation examples", out, re.M)
        assert "stopped: val_loss" in err


class TestCheckpoints:
    @pytest.mark.parametrize(
        "flags",
        [
            [],
            ["--optimizer", "sgd", "--momentum", "0.9", "--schedule", "cosine"],
            ["--early-stopping", "50", "--dropout", "0.1"],
            ["--schedule", "plateau", "--optimizer", "rmsprop"],
        ],
    )
    @pytest.mark.parametrize("table", ["flowers", "prices"])
    def test_a_resumed_training_ends_with_the_bits_of_one_without_a_stop(
        self, run, request, monkeypatch, table, flags
    ):
        data = request.getfixturevalue(table)
        command = ("train", "--data", data, "-q", "--epochs", 9, *flags)
        assert run(*command, "-o", "whole")[0] == 0
        with monkeypatch.context() as patch:
            stop_after(patch, epochs=4)
            assert run(*command, "-o", "part", "--checkpoint", "c")[0] == 130
        assert run("train", "--resume", "c", "-q", "-o", "resumed")[0] == 0
        whole, resumed = fastnn.load("whole"), fastnn.load("resumed")
        assert np.array_equal(whole.params, resumed.params)
        assert np.array_equal(
            whole.predict(np.ones((1, whole.sizes[0]))),
            resumed.predict(np.ones((1, whole.sizes[0]))),
        )

    def test_a_finished_training_goes_on_with_more_epochs(self, run, run_json, flowers):
        run("train", "--data", flowers, "--epochs", 3, "-q", "--checkpoint", "c")
        result = run_json("train", "--resume", "c", "--epochs", 8)
        assert result["epochs"] == 8
        assert result["file"] == "flowers.safetensors"
        run("train", "--data", flowers, "--epochs", 8, "-q", "-o", "whole")
        ends = fastnn.load("flowers.safetensors").params, fastnn.load("whole").params
        assert np.array_equal(*ends)
        assert run_json("info", "c")["training"]["epoch"] == 8  # the checkpoint went on too

    def test_checkpoint_every_counts_epochs(self, run, run_json, flowers):
        flags = ("--epochs", 8, "--checkpoint", "c", "--checkpoint-every", 3)
        run("train", "--data", flowers, "-q", *flags)
        assert run_json("info", "c")["training"]["epoch"] == 6

    @pytest.mark.parametrize(
        ("flags", "status", "told"),
        [
            (["--resume", "m"], 1, "m is a finished model, not a checkpoint"),
            (["--resume", "c"], 2, "c already has 3 epochs"),
            (["--resume", "c", "--epochs", "2"], 2, "give a larger total with --epochs"),
            (["--resume", "c", "--seed", "0"], 2, "--seed is not for --resume"),
            (["--resume", "c", "--no-standardize"], 2, "--no-standardize is not for --resume"),
            (["--resume", "c", "--epochs", "5", "-o", "c"], 2, "name one with -o"),
            (["--resume", "c", "--epochs", "5", "--data", "other.csv"], 1, "is not the data that"),
            (["--resume", "python"], 1, "was not written by fastnn train"),
            (["--resume", "none"], 1, "none: No such file"),
        ],
    )
    def test_what_cannot_be_resumed_is_told_in_one_line(
        self, run, folder, flowers, flags, status, told
    ):
        run("train", "--data", flowers, "--epochs", 3, "-q", "--checkpoint", "c", "-o", "m")
        text = (folder / flowers).read_text()
        (folder / "other.csv").write_text(text.replace("virginica", "veronica"))
        net = fastnn.MLP([2, 2], seed=0)
        net.fit(np.zeros((4, 2)), np.zeros((4, 2)), epochs=1)
        net.save("python", checkpoint=True)
        got, out, err = run("train", *flags)
        assert (got, out) == (status, "")
        assert one_line(err)
        assert told in err

    def test_a_recipe_that_was_tampered_with_is_refused(self, run, flowers):
        run("train", "--data", flowers, "--epochs", 3, "-q", "--checkpoint", "c")
        for name, value in (("seed", "0"), ("epochs", 2.5), ("data", None), ("more", 1)):
            net = fastnn.load("c")
            net.metadata["recipe"][name] = value
            net.save("bad", checkpoint=True)
            status, _, err = run("train", "--resume", "bad")
            assert status == 1
            assert one_line(err)
            assert "recipe" in err

    def test_the_checkpoint_of_a_regression_answers_in_the_units_of_the_data(self, run, prices):
        run("train", "--data", prices, "--epochs", 3, "-q", "--checkpoint", "c", "-o", "m")
        status, out, _ = run("predict", "c", prices)
        assert status == 0
        assert out == run("predict", "m", prices)[1]


def stop_after(monkeypatch, epochs=None):
    """Have Ctrl-C typed after some epochs, or once the last epoch was not the best one."""
    fit = fastnn.MLP.fit

    def interrupted_fit(self, X, y, *, callbacks, **rest):
        def interrupt(run, logs):
            best = next((c.best_epoch_ for c in callbacks if hasattr(c, "patience")), None)
            if run.epoch == epochs or (epochs is None and best < run.epoch):
                raise KeyboardInterrupt

        # What stands in a checkpoint must not know of this one more callback.
        last = callbacks[-1] if callbacks and hasattr(callbacks[-1], "every") else None
        if last is None:
            return fit(self, X, y, callbacks=[*callbacks, interrupt], **rest)
        on_epoch_end = last.on_epoch_end
        last.on_epoch_end = lambda run, logs: (on_epoch_end(run, logs), interrupt(run, logs))
        return fit(self, X, y, callbacks=callbacks, **rest)

    monkeypatch.setattr(fastnn.MLP, "fit", interrupted_fit)


class TestCtrlC:
    def test_the_network_so_far_is_written_and_the_status_is_130(self, run, monkeypatch, flowers):
        with monkeypatch.context() as patch:
            stop_after(patch, epochs=4)
            status, out, err = run("train", "--data", flowers, "--epochs", 9)
        assert status == 130
        last = err.splitlines()[-1]
        assert last == (
            "fastnn: interrupted after 4 of 9 epochs; the network so far is in flowers.safetensors"
        )
        assert "wrote     flowers.safetensors" in out
        run("train", "--data", flowers, "--epochs", 4, "-q", "-o", "four")
        ends = fastnn.load("flowers.safetensors").params, fastnn.load("four").params
        assert np.array_equal(*ends)

    def test_with_early_stopping_the_best_epoch_so_far_is_written(self, run, monkeypatch, flowers):
        command = ("train", "--data", flowers, "--lr", 0.05, "--early-stopping", 100, "--json")
        with monkeypatch.context() as patch:
            stop_after(patch)
            status, out, _ = run(*command)
        result = json.loads(out)
        assert status == 130
        assert result["interrupted"] is True
        assert result["best_epoch"] == result["epochs"] - 1
        flags = ("--validation-fraction", 0.1, "--epochs", result["best_epoch"], "-o", "best")
        run("train", "--data", flowers, "--lr", 0.05, "-q", *flags)
        ends = fastnn.load("flowers.safetensors").params, fastnn.load("best").params
        assert np.array_equal(*ends)

    def test_it_says_how_to_go_on_from_a_checkpoint(self, run, monkeypatch, flowers):
        stop_after(monkeypatch, epochs=2)
        _, _, err = run("train", "--data", flowers, "--epochs", 9, "--checkpoint", "c", "-q")
        assert "(fastnn train --resume c continues)" in err

    def test_before_the_training_nothing_is_written(self, run, monkeypatch, folder):
        def load(spec, target, test):
            raise KeyboardInterrupt

        monkeypatch.setattr(task_data, "load", load)
        assert run("train") == (130, "", "fastnn: interrupted\n")
        assert os.listdir(folder) == []


class TestFilesOfOthers:
    """Other files than fastnn's are never replaced by a model."""

    @pytest.mark.parametrize("flag", ["-o", "--checkpoint"])
    def test_the_data_are_not_written_over(self, run, flowers, folder, flag):
        before = (folder / flowers).read_bytes()
        status, out, err = run("train", "--data", flowers, "--epochs", 1, flag, flowers)
        assert (status, out) == (1, "")
        assert err == (
            f"fastnn: error: {flag} flowers.csv exists and is not a fastnn model: give another "
            "name, or delete it\n"
        )
        assert (folder / flowers).read_bytes() == before
        assert sorted(os.listdir(folder)) == [flowers]

    def test_a_model_and_an_empty_file_are(self, run, flowers, folder):
        fastnn.MLP([1, 1]).save("old")
        (folder / "new").touch()
        for name in ("old", "new"):
            assert run("train", "--data", flowers, "--epochs", 1, "-q", "-o", name)[0] == 0
            assert fastnn.load(name).sizes[0] == 4

    def test_a_resumed_training_writes_the_file_that_was_named(self, run, flowers, folder):
        train = ("train", "--data", flowers, "-q")
        assert run(*train, "--epochs", 2)[0] == 0
        finished = (folder / "flowers.safetensors").read_bytes()
        assert run(*train, "--epochs", 1, "--checkpoint", "c", "-o", "mine")[0] == 0
        mine = (folder / "mine").read_bytes()
        assert run("train", "--resume", "c", "--epochs", 2, "-q")[0] == 0
        assert (folder / "flowers.safetensors").read_bytes() == finished
        assert (folder / "mine").read_bytes() != mine

    def test_a_model_file_tells_no_folder_so_that_resuming_asks(self, run, flowers, folder):
        out = str(folder / "mine")
        flags = ("--epochs", 1, "-q", "--checkpoint", "c")
        assert run("train", "--data", flowers, "-o", out, *flags)[0] == 0
        assert str(folder).encode() not in (folder / "c").read_bytes()
        status, _, err = run("train", "--resume", "c", "--epochs", 2)
        assert status == 2
        assert "c does not record the folder of its model: give -o" in err
        assert run("train", "--resume", "c", "--epochs", 2, "-q", "-o", out)[0] == 0


def test_data_that_have_changed_are_scored_with_a_warning(run, model, flowers, folder):
    assert run("evaluate", model)[2] == ""
    with open(folder / flowers, "a") as file:
        file.write("1,1,1,1,setosa\n")
    status, out, err = run("evaluate", model)
    assert status == 0
    assert "all 151 examples" in out
    assert err == (
        "fastnn: warning: flowers.csv has changed since flowers.safetensors was trained on it: "
        "the rows that were held out are unknown, so all are used, most of which it was trained "
        "on\n"
    )


class TestDivergence:
    def test_it_has_failed_and_the_old_file_is_untouched(self, run, folder, prices):
        fastnn.MLP([1, 1]).save("m")
        old = (folder / "m").read_bytes()
        flags = ("--no-standardize", "--optimizer", "sgd", "--lr", "1e10", "-o", "m", "-q")
        status, out, err = run("train", "--data", prices, *flags)
        assert (status, out) == (1, "")
        assert one_line(err)
        assert "the loss stopped being finite in epoch 1" in err
        assert "smaller learning rate" in err
        assert err.endswith("; m is not written\n")
        assert (folder / "m").read_bytes() == old


class TestUsage:
    @pytest.mark.parametrize(
        ("argv", "told"),
        [
            ("", "COMMAND is missing"),
            ("tain", "invalid choice: 'tain'"),
            ("train --hiden 3", "unrecognized arguments: --hiden"),
            ("train --epoch 3", "unrecognized arguments: --epoch"),
            ("train --epochs 0", "--epochs: expected a whole number of 1 or more, got '0'"),
            ("train --epochs 1.5", "--epochs: expected a whole number of 1 or more, got '1.5'"),
            ("train --lr 0", "--lr: expected a number above 0, got '0'"),
            ("train --lr nan", "--lr: expected a number above 0, got 'nan'"),
            ("train --lr inf", "--lr: expected a number above 0, got 'inf'"),
            ("train --dropout 1", "--dropout: expected a number from 0 to below 1, got '1'"),
            ("train --weight-decay -1", "--weight-decay"),
            ("train --seed -1", "--seed"),
            ("train --threads 0", "--threads: expected a whole number of 1 or more, got '0'"),
            ("train --hidden", "--hidden: expected at least one argument"),
            ("train --hidden 0", "expected a whole number of 1 or more, got '0'; or none"),
            ("train --hidden 3 none", "--hidden none cannot be combined with widths"),
            ("train --hidden none --dropout 0.1", "are for hidden layers; there is none"),
            ("train --hidden none --activation relu", "are for hidden layers; there is none"),
            ("train --hidden 3 --activation relu tanh", "activation has 2 values for 1 hidden"),
            ("train --activation softmax", "--activation: invalid choice: 'softmax'"),
            ("train --loss cross_entropy --output sigmoid", "needs output softmax"),
            ("train --loss poisson", "--loss poisson is for --task regress"),
            ("train --schedule linear", "--schedule: invalid choice: 'linear'"),
            ("train --momentum 0.9 --optimizer adam", "--momentum is for --optimizer sgd"),
            ("train --nesterov", "--nesterov needs --optimizer sgd and a --momentum"),
            ("train --early-stopping 0", "--early-stopping"),
            ("train --early-stopping --validation-fraction 0", "needs a --validation-fraction"),
            ("train --schedule plateau --validation-fraction 0", "--schedule plateau needs"),
            ("train --checkpoint-every 2", "--checkpoint-every needs --checkpoint FILE"),
            ("train --checkpoint m -o m", "cannot both be m"),
            ("train --checkpoint digits.safetensors", "cannot both be digits.safetensors"),
            ("train --data p.csv --class-weight balanced", "--class-weight is for --task classify"),
            ("train --data p.csv --loss cross_entropy", "--loss cross_entropy is for --task class"),
            ("train --data p.csv --output softmax", "--output softmax needs several outputs"),
            ("evaluate", "MODEL is missing"),
            ("evaluate m", "m does not record its training data: give --data"),
            ("predict m", "INPUT is missing"),
            ("predict m p.csv --resize", "--resize is for pictures"),
            ("predict m p.csv --invert", "--invert is for pictures"),
            ("predict m p.png --resize", "m does not record the size of its images"),
            ("predict m p.csv --json --csv", "--csv: not allowed with argument --json"),
            ("info a b", "unrecognized arguments: b"),
        ],
    )
    def test_a_command_that_makes_no_sense_is_told_in_one_line_with_status_2(
        self, run, folder, argv, told
    ):
        fastnn.MLP([2, 1], seed=0).save("m")
        write_csv(folder / "p.csv", ["a", "b"], [(i, i / 2) for i in range(40)])
        before = sorted(os.listdir(folder))
        status, out, err = run(*argv.split())
        assert (status, out) == (2, "")
        assert one_line(err)
        assert err.startswith("fastnn: error: ")
        assert told in err
        assert re.search(r"\(see fastnn.* --help\)$", err)
        assert sorted(os.listdir(folder)) == before


class TestFailures:
    @pytest.mark.parametrize(
        ("argv", "told"),
        [
            ("train --data nowhere.csv", "there is no file nowhere.csv"),
            ("train --data digts", "unknown data 'digts' (did you mean 'digits'?)"),
            ("train --data text.csv", "2 examples are too few to hold out 0.2 of them"),
            ("train --data short.csv", "short.csv, line 3: expected 2 columns, as in the rows"),
            ("train --data p.csv --target z", "p.csv has no columns called 'z'"),
            ("train --target 0", "target is for tables"),
            ("train --data one.csv", "the target 'y' is always 3: there is one class only"),
            ("train --data names.csv", "too many to be classes"),
            ("train --data p.csv --task classify", "too many to be classes"),
            ("train --data few.csv --task regress", "is text ('u'); regression needs numbers"),
            ("train --data mixed.csv --task regress", "is text ('x'); regression needs numbers"),
            ("train --data few.csv", "4 examples are too few to hold out 0.2 of them"),
            ("train --data p.csv --loss poisson --output exp", "y must be 0 or more"),
            ("train -o no/such/folder/m", "cannot be written: there is no folder no/such/folder"),
            ("train -o .", "-o . is a folder"),
            ("train --checkpoint no/c", "--checkpoint no/c cannot be written"),
            ("train --checkpoint {}", "path must name its fields"),
            ("evaluate nothing", "nothing: No such file or directory"),
            ("evaluate p.csv", "p.csv is no fastnn model: it is a text file"),
            ("evaluate m --data p.csv", "it lacks 'sl', 'sw', 'pl', 'pw' and has 'a' in addition"),
            (
                "evaluate m --data other.csv",
                "must have the columns that the network was fitted on; it lacks 'sl'",
            ),
            ("evaluate m --data digits", "X has 784 columns; this network reads 4"),
            ("predict m nothing.npy", "there is no file nothing.npy"),
            ("predict m rows.npy", "rows.npy has rows of 3 values; this model reads 4"),
            (
                "predict m other.csv",
                "must have the columns that the network was fitted on; it lacks 'sl'",
            ),
            ("predict m a.png", "a.png has 5 x 4 pixels; this model reads rows of 4 values"),
            ("info nothing", "nothing: No such file or directory"),
            ("info text.csv", "text.csv is no fastnn model: it is a text file"),
        ],
    )
    def test_what_fails_is_told_in_one_line_with_status_1(self, run, folder, model, argv, told):
        rows = [(i, i / 2 - 3) for i in range(40)]
        write_csv(folder / "p.csv", ["a", "b"], rows)
        write_csv(folder / "text.csv", ["a", "b", "c"], [(1, "red", 0), (2, "blue", 1)])
        write_csv(folder / "short.csv", ["a", "b"], [(1.5, 2), (3,)])
        write_csv(folder / "one.csv", ["a", "y"], [(i, 3) for i in range(40)])
        write_csv(folder / "names.csv", ["a", "y"], [(i, f"n{i}") for i in range(40)])
        write_csv(folder / "mixed.csv", ["a", "y"], [(1, "3"), (2, "4.5"), (3, "x")])
        write_csv(folder / "few.csv", ["a", "y"], [(1, "u"), (2, "v"), (3, "u"), (4, "v")])
        write_csv(folder / "other.csv", ["x", "sw", "pl", "pw", "kind"], [(1, 2, 3, 4, KINDS[0])])
        np.save(folder / "rows.npy", np.zeros((2, 3)))
        Image.new("L", (5, 4)).save(folder / "a.png")
        fastnn_file = "flowers.safetensors"
        before = sorted(os.listdir(folder))
        status, out, err = run(*(fastnn_file if arg == "m" else arg for arg in argv.split()))
        assert status == 1
        assert out == "" or "poisson" in argv  # which the library finds, at the first step
        assert one_line(err)
        assert err.startswith("fastnn: error: ")
        assert told in err
        assert sorted(os.listdir(folder)) == before

    def test_a_read_only_folder_is_found_before_the_training(self, run, monkeypatch, folder):
        def fit(self, *args, **rest):
            raise AssertionError("trained")

        monkeypatch.setattr(os, "access", lambda path, mode: False)
        monkeypatch.setattr(fastnn.MLP, "fit", fit)
        for flags in ((), ("-o", "m"), ("-o", "m", "--checkpoint", "c")):
            status, _, err = run("train", *flags)
            assert status == 1
            assert one_line(err)
            assert "the folder . is read-only" in err

    def test_too_little_memory_is_told_in_one_line(self, run, monkeypatch):
        def load(spec, target, test):
            raise MemoryError("80 GB wanted")

        monkeypatch.setattr(task_data, "load", load)
        assert run("train") == (1, "", "fastnn: error: not enough memory: 80 GB wanted\n")

    def test_data_that_is_not_here_is_asked_for(self, run, folder, model):
        (folder / "flowers.csv").unlink()
        status, _, err = run("evaluate", model)
        assert status == 2
        assert "was trained on flowers.csv, which is not here: give --data" in err

    @pytest.mark.parametrize(
        ("name", "value"),
        [("image_shape", [3, 3]), ("image_shape", "4")],
    )
    def test_metadata_that_does_not_fit_is_refused(self, run, folder, model, name, value):
        net = fastnn.load(model)
        net.metadata[name] = value
        net.save("bad")
        status, _, err = run("predict", "bad", "flowers.csv")
        assert status == 1
        assert one_line(err)
        assert name in err


class TestEvaluate:
    def test_it_finds_the_scores_of_the_training_again(self, run_json, flowers):
        trained = run_json("train", "--data", flowers, "--epochs", 5, "--seed", 4)
        found = run_json("evaluate", "flowers.safetensors")
        assert found["part"] == "held out"
        assert {name: found[name] for name in trained["test"]} == trained["test"]

    def test_it_finds_those_of_a_regression_too(self, run_json, prices):
        trained = run_json("train", "--data", prices, "--epochs", 5, "--target", "age")
        found = run_json("evaluate", "prices.safetensors")
        assert {name: found[name] for name in trained["test"]} == trained["test"]

    def test_the_digits_have_test_examples_of_their_own(self, run, digits):
        status, out, _ = run("evaluate", digits)
        assert status == 0
        assert "digits, 1,000 test examples" in out
        assert re.search(r"^score     accuracy \d+.\d % \(\d+ of 1,000 wrong\)", out, re.M)
        assert "rows: true class" in out

    def test_of_other_data_without_a_test_part_all_is_scored(self, run, run_json, folder, model):
        lines = (folder / "flowers.csv").read_text().splitlines()
        (folder / "half.csv").write_text("\n".join(lines[:76]) + "\n")
        found = run_json("evaluate", model, "--data", "half.csv")
        assert (found["part"], found["examples"]) == ("all", 75)
        table = fastnn.datasets.load_table("half.csv")
        expected = np.mean(fastnn.load(model).classify(table.X) == table.y)
        assert found["accuracy"] == pytest.approx(expected)
        assert sum(map(sum, found["confusion"])) == 75
        assert "half, all 75 examples" in run("evaluate", model, "--data", "half.csv")[1]

    def test_a_model_made_in_python_is_scored_on_what_is_named(self, run_json, prices):
        table = fastnn.datasets.load_table(prices)
        net = fastnn.MLP([2, 1], seed=0)
        net.save("m")
        found = run_json("evaluate", "m", "--data", prices)
        error = net.predict(table.X)[:, 0] - table.y
        assert found["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-6)

    def test_labels_that_the_model_does_not_know_are_told(self, run, folder, model):
        text = (folder / "flowers.csv").read_text().replace("virginica", "veronica")
        (folder / "other.csv").write_text(text)
        status, _, err = run("evaluate", model, "--data", "other.csv")
        assert status == 1
        assert "veronica" in err


class TestPredict:
    @pytest.fixture
    def picture(self, folder):
        """Write a digit of the test set as a picture; returns its pixels."""
        X = fastnn.datasets.load_digits()[1][0][:1]
        Image.fromarray(X.reshape(28, 28)).save(folder / "a.png")
        return X

    def test_a_picture_gets_its_label_and_the_three_largest_outputs(self, run, digits, picture):
        net = fastnn.load(digits)
        status, out, err = run("predict", digits, "a.png")
        assert (status, err) == (0, "")
        outputs = net.predict(picture)[0]
        best = np.argsort(-outputs)[:3]
        pairs = "  ".join(f"{j} {outputs[j]:.3f}" for j in best)
        assert out == f"a.png  {net.classify(picture)[0]}  {pairs}\n"

    def test_all_shows_all(self, run, digits, picture):
        _, out, _ = run("predict", digits, "a.png", "--all")
        assert len(out.split()) == 2 + 20

    def test_a_picture_of_another_size_is_refused_or_resized(self, run, run_json, digits, picture):
        large = np.kron(picture.reshape(28, 28), np.ones((2, 2), np.uint8))
        Image.fromarray(large).save("large.png")
        status, out, err = run("predict", digits, "large.png")
        assert (status, out) == (1, "")
        assert "large.png is 56 x 56 pixels; this model reads 28 x 28 (--resize" in err
        form = fastnn.pictures.ImageForm.of(fastnn.datasets.load_digits()[0][0], (28, 28))
        small, _ = fastnn.pictures.conform(fastnn.pictures.Picture(large, (56, 56)), form)
        expected = fastnn.load(digits).predict(small.reshape(1, -1))[0]
        found = run_json("predict", digits, "large.png", "--resize")[0]["outputs"]
        assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-6)

    def test_a_picture_turned_on_its_side_is_another_size(self, run, digits, picture):
        Image.fromarray(picture.reshape(14, 56)).save("wide.png")
        assert "wide.png is 56 x 14 pixels" in run("predict", digits, "wide.png")[2]

    def test_invert_turns_black_into_white(self, run_json, digits, picture):
        Image.fromarray(255 - picture.reshape(28, 28)).save("black.png")
        plain = run_json("predict", digits, "a.png")
        inverted = run_json("predict", digits, "black.png", "--invert")
        assert inverted[0]["outputs"] == plain[0]["outputs"]

    def test_rows_of_any_file_get_the_answers_of_python(self, run_json, folder, digits):
        X = fastnn.datasets.load_digits()[1][0][:3]
        np.save(folder / "bytes.npy", X)
        np.save(folder / "wide.npy", X.astype(np.int64))
        np.savetxt(folder / "x.csv", X, fmt="%d", delimiter=",")
        header = bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28])
        (folder / "x-idx3-ubyte").write_bytes(header + X.tobytes())
        names = ["bytes.npy", "wide.npy", "x.csv", "x-idx3-ubyte"]
        found = run_json("predict", digits, *names)
        assert [record["input"] for record in found] == [n for n in names for _ in range(3)]
        assert [record["row"] for record in found] == [0, 1, 2] * 4
        expected = fastnn.load(digits).predict(X)
        for i, record in enumerate(found):
            assert list(record["outputs"].values()) == pytest.approx(expected[i % 3], abs=1e-5)
            assert record["label"] == expected[i % 3].argmax()

    def test_a_table_may_hold_the_target_which_is_not_looked_at(self, run, folder, model):
        table = fastnn.datasets.load_table("flowers.csv")
        write_csv(folder / "bare.csv", table.feature_names, table.X.tolist())
        bare = run("predict", model, "bare.csv")[1]
        assert bare.replace("bare.csv", "flowers.csv") != bare
        lines = [re.sub(r"^\S+ +", "", text) for text in bare.splitlines()]
        with_target = run("predict", model, "flowers.csv")[1].splitlines()
        assert [re.sub(r"^\S+ +", "", text) for text in with_target] == lines
        assert [line.split()[0] for line in lines] == fastnn.load(model).classify(table.X).tolist()

    def test_csv_has_a_header_and_all_outputs(self, run, model):
        _, out, _ = run("predict", model, "flowers.csv", "--csv")
        lines = out.splitlines()
        assert lines[0] == "input,row,label,setosa,versicolor,virginica"
        assert len(lines) == 151
        name, row, label, *values = lines[1].split(",")
        assert (name, row, label) == ("flowers.csv", "0", "setosa")
        assert sum(map(float, values)) == pytest.approx(1, abs=1e-5)

    def test_a_regression_gives_its_value(self, run, run_json, prices):
        run("train", "--data", prices, "--epochs", 5, "-q")
        net, X = fastnn.load("prices.safetensors"), fastnn.datasets.load_table(prices).X
        value = float(net.predict(X[:1])[0, 0])
        assert run("predict", "prices.safetensors", prices)[1].startswith(
            f"prices.csv:0    price {value:.6g}\n"
        )
        record = run_json("predict", "prices.safetensors", prices)[0]
        assert record == {"input": prices, "row": 0, "outputs": {"price": value}}
        csv = run("predict", "prices.safetensors", prices, "--csv")[1]
        assert csv.startswith(f"input,row,price\nprices.csv,0,{value:.7g}\n")

    def test_one_output_that_says_which_of_two_counts_for_both(self, run_json, folder):
        net = fastnn.MLP([2, 1], output="sigmoid", seed=0)
        net.classes = ["no", "yes"]
        net.save("m")
        np.save(folder / "x.npy", np.array([[1.0, 2.0]]))
        p = float(net.predict(np.array([[1.0, 2.0]]))[0, 0])
        record = run_json("predict", "m", "x.npy")[0]
        assert record["outputs"] == pytest.approx({"no": 1 - p, "yes": p})
        assert record["label"] == ("yes" if p >= 0.5 else "no")

    def test_nothing_is_printed_if_a_later_input_cannot_be_read(self, run, model):
        status, out, _ = run("predict", model, "flowers.csv", "nothing.csv")
        assert (status, out) == (1, "")


class TestInfo:
    def test_without_a_model_it_is_about_the_machine(self, run, run_json):
        assert fastnn.__version__ in run("info")[1]
        assert run_json("info") == fastnn.show_config(mode="dicts")

    def test_a_model_tells_what_it_is(self, run, model):
        status, out, _ = run("info", model)
        assert status == 0
        for text in (
            "MLP 4-64-32-3",
            "2,499 parameters",
            "setosa, versicolor, virginica",
            "sl, sw, pl, pw, standardized",
            "fan_in_uniform, seed 0",
            "classify",
        ):
            assert text in out
        assert "checkpoint" not in out

    def test_a_checkpoint_tells_where_it_stands(self, run, flowers):
        run("train", "--data", flowers, "--epochs", 3, "-q", "--checkpoint", "c")
        _, out, _ = run("info", "c")
        assert "a checkpoint after 3 epochs, batches of 32, Adam(lr=0.001" in out

    def test_json_tells_all_of_it(self, run_json, model):
        found, net = run_json("info", model), fastnn.load(model)
        assert found["sizes"] == list(net.sizes)
        assert found["n_params"] == net.n_params
        assert found["activation"] == ["relu", "relu"]
        assert found["classes"] == list(KINDS)
        assert found["input_shift"] == pytest.approx(net.input_shift.tolist())
        assert found["training"] is None
        assert found["metadata"]["recipe"]["data"] == "flowers.csv"


class TestConfusionTable:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    @pytest.fixture
    def shown(self, monkeypatch):
        """A function that shows a table in a terminal of some width; returns plain lines."""

        def show(labels, confusion, width):
            for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("TERM", "xterm-256color")
            monkeypatch.setenv("COLUMNS", str(width))
            terminal = self.Terminal()
            monkeypatch.setattr(sys, "stdout", terminal)
            report.print_confusion({"labels": labels, "confusion": confusion})
            monkeypatch.undo()
            text = terminal.getvalue()
            assert "\x1b[" in text or len(labels) > 20
            lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
            assert max(map(len, lines)) < width
            return lines

        return show

    def test_it_is_the_same_in_a_terminal_with_colours(self, shown, capsys):
        confusion = [[5, 1], [0, 4]]
        report.print_confusion({"labels": ["cat", "dog"], "confusion": confusion})
        plain = capsys.readouterr().out.splitlines()
        assert plain[3:6] == [
            "    cat dog right",
            "cat   5   1  83 %",
            "dog   ·   4 100 %",
        ]
        assert [line.rstrip() for line in shown(["cat", "dog"], confusion, 80)] == plain

    def test_ten_digits_fit_into_50_columns(self, shown):
        lines = shown(list(range(10)), (np.eye(10, dtype=int) * 100).tolist(), 50)
        assert lines[-2].split()[0] == "9"

    def test_long_labels_become_numbers_where_they_do_not_fit(self, shown):
        labels = [f"a rather long name {i}" for i in range(5)]
        lines = shown(labels, np.eye(5, dtype=int).tolist(), 50)
        assert lines[3].split() == ["1", "2", "3", "4", "5", "right"]
        assert lines[4].startswith("1 a rather long name")

    def test_more_than_20_classes_become_a_list_of_the_worst_mistakes(self, shown):
        confusion = np.eye(30, dtype=int) * 9
        confusion[3, 7], confusion[28, 2] = 4, 6
        lines = shown(list(range(30)), confusion.tolist(), 60)
        assert lines == ["mistaken  most often 28 for 2 (6), 3 for 7 (4)"]

    def test_only_a_class_without_a_mistake_is_100_percent_right(self, capsys):
        report.print_confusion({"labels": [0, 1], "confusion": [[999, 1], [0, 0]]})
        out = capsys.readouterr().out
        assert "99 %" in out
        assert "100 %" not in out
        assert out.rstrip().endswith("–")


class TestTerminal:
    def test_facts_are_wrapped_to_its_width(self, monkeypatch):
        terminal = TestConfusionTable.Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("COLUMNS", "50")
        report.fact("data", "one two three four five six seven eight nine ten eleven")
        assert terminal.getvalue() == (
            "data      one two three four five six seven eight\n          nine ten eleven\n"
        )

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.12684, "0.1268"),
            (9615.4, "9,615"),
            (12345678.9, "12,345,679"),
            (0.0, "0"),
            (2.5e-7, "2.5e-07"),
            (-3.14159, "-3.142"),
        ],
    )
    def test_numbers_have_four_digits(self, value, text):
        assert words.significant(value) == text

    @pytest.mark.parametrize(
        ("value", "text"), [(0.234, "0.23 s"), (12.34, "12.3 s"), (125.9, "2 min 5 s")]
    )
    def test_times_are_in_words(self, value, text):
        assert words.seconds(value) == text


class TestHelp:
    @pytest.mark.parametrize(
        "command", ["train", "evaluate", "predict", "explain", "descend", "info", "bench"]
    )
    def test_every_command_has_help_with_examples(self, run, command):
        status, out, err = run(command, "--help")
        assert (status, err) == (0, "")
        assert f"  fastnn {command}" in out

    def test_every_flag_of_train_tells_its_default(self, run):
        out = " ".join(run("train", "--help")[1].split())
        assert out.count("(default") >= 25
        assert "784-16-16-10, sigmoid, quadratic cost" in out

    def test_no_line_is_wider_than_80_columns(self, run, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        commands = ("train", "evaluate", "predict", "explain", "descend", "info", "bench")
        for command in ([], *([name] for name in commands)):
            assert max(map(len, run(*command, "--help")[1].splitlines())) <= 80

    def test_version(self, run):
        assert run("--version") == (0, f"fastnn {fastnn.__version__}\n", "")


class TestAsAProgram:
    @staticmethod
    def program(*argv, **rest):
        return subprocess.run(
            [sys.executable, "-m", "fastnn", *argv],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
            check=False,
            **rest,
        )

    def test_python_m_fastnn_trains_in_an_empty_folder(self, folder):
        done = self.program("train", "--epochs", "1", "-q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert os.listdir(folder) == ["digits.safetensors"]

    def test_its_status_is_the_exit_status(self):
        assert self.program("info", "nothing").returncode == 1
        assert self.program("train", "--epochs", "x").returncode == 2

    def test_a_label_that_the_terminal_cannot_show_is_replaced(self, folder):
        write_csv(folder / "t.csv", ["a", "y"], [(i % 2, "né"[i % 2]) for i in range(40)])
        env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        done = subprocess.run(
            [sys.executable, "-m", "fastnn", "train", "--data", "t.csv", "--epochs", "1"],
            capture_output=True,
            env=env,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert b"n, ?" in done.stdout

    def test_a_reader_that_has_left_ends_it_without_a_word(self, model):
        with subprocess.Popen(
            [sys.executable, "-m", "fastnn", "predict", model, "flowers.csv"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 1
