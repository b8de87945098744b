"""Length of the training of ``fastnn train`` on a table, and the report on its result."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import EarlyStopping
from fastnn.tabular import folds

pytestmark = pytest.mark.usefixtures("folder")


def noisy_line(n, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] - X[:, 1] + noise * rng.normal(size=n)


@pytest.fixture
def small(folder):
    X, y = noisy_line(60)
    np.savez(folder / "small.npz", X=X, y=y)
    return ("train", "--data", "small.npz", "--hidden", 4)


class TestSmallTables:
    def test_the_epochs_are_chosen_and_all_training_rows_are_trained_on(self, run, small):
        status, out, _ = run(*small, "--ensemble", 1, "-o", "chosen")
        assert status == 0
        assert "48 to train on, 12 held out to test" in out
        assert "dropout 0.1, epochs chosen by 5-fold cross-validation" in out
        assert re.search(r"^time +about .* s at most$", out, re.MULTILINE)
        said = re.search(r"chosen +([\d,]+) epochs?: the best loss of 5-fold", out)[1]
        assert f"speed     {said} epoch" in out
        assert "kept" not in out
        epochs = int(said.replace(",", ""))
        run(*small, "--epochs", epochs, "-q", "-o", "typed")
        assert np.array_equal(fastnn.load("chosen").params, fastnn.load("typed").params)

    def test_json_says_who_chose(self, run, small):
        assert json.loads(run(*small, "--json")[1])["chosen_by"] == "5-fold cross-validation"
        assert json.loads(run(*small, "--epochs", 2, "--json")[1])["chosen_by"] is None

    @pytest.mark.parametrize(
        "flags", [["--epochs", 3], ["--early-stopping", 2], ["--schedule", "cosine"],
                  ["--validation-fraction", 0.2, "--epochs", 3]],
    )  # fmt: skip
    def test_who_says_how_long_gets_that(self, run, small, flags):
        _, out, _ = run(*small, *flags)
        assert "cross-validation" not in out
        if "--epochs" in flags:
            assert "speed     3 epochs" in out

    def test_fewer_than_20_rows_are_trained_on_for_300_epochs(self, run, folder):
        X, y = noisy_line(16)
        np.savez(folder / "tiny.npz", X=X, y=y)
        assert "300 epochs, seed 0" in run("train", "--data", "tiny.npz")[1]

    def test_a_class_of_one_row_is_no_hindrance(self, run, folder):
        X, _ = noisy_line(40)
        np.savez(folder / "rare.npz", X=X, y=np.array(["a", "b"] * 19 + ["c", "c"]))
        assert run("train", "--data", "rare.npz", "--hidden", 3, "-q")[0] == 0
        assert fastnn.load("rare.safetensors").classes.tolist() == ["a", "b", "c"]

    def test_a_stopped_training_is_resumed_with_the_epochs_that_were_chosen(self, run, small):
        assert run(*small, "-q", "-o", "whole", "--checkpoint", "c")[0] == 0
        epochs = fastnn.load("whole").metadata["recipe"]["epochs"]
        assert run("train", "--resume", "c", "--epochs", epochs + 2, "-q", "-o", "more")[0] == 0
        run(*small, "--epochs", epochs + 2, "-q", "-o", "typed")
        assert np.array_equal(fastnn.load("more").params, fastnn.load("typed").params)

    def test_divergence_while_choosing_is_told_and_nothing_is_written(self, run, small, folder):
        status, _, err = run(*small, "--optimizer", "sgd", "--lr", 1e30, "-q")
        assert status == 1
        assert "the loss stopped being finite" in err
        assert err.endswith("small.safetensors is not written\n")
        assert not (folder / "small.safetensors").exists()


class TestFolds:
    def test_each_class_gives_each_fold_its_share(self):
        y = np.repeat(["a", "b"], [50, 10])
        fold = folds._folds(y, "classify", 3)
        assert np.bincount(fold[:50]).tolist() == [10] * 5
        assert np.bincount(fold[50:]).tolist() == [2] * 5

    def test_the_choice_is_where_the_mean_of_the_five_curves_is_least(self):
        X, y = noisy_line(50, noise=1.0)
        y = (y - y.mean()) / y.std()

        def net():
            return fastnn.MLP([3, 16, 1], seed=5)

        found = folds.choose_epochs(
            net(), (X, y), "regress", fastnn.Adam, batch_size=10, class_weight=None, seed=1
        )
        fold, curves = folds._folds(y, "regress", 1), []
        for k in range(5):
            out = fold == k
            history = net().fit(
                X[~out], y[~out], epochs=2500, batch_size=10, optimizer=fastnn.Adam(),
                validation_data=(X[out], y[out]), callbacks=[EarlyStopping(patience=375)],
            )  # fmt: skip
            curves.append(history["val_loss"])
        common = min(map(len, curves))
        mean = np.mean([curve[:common] for curve in curves], axis=0)
        assert found.score == pytest.approx(mean.min())
        # 4 steps an epoch on 40 rows, 5 on 50
        assert found.epochs == round((int(mean.argmin()) + 1) * 4 / 5)

    def test_classes_are_chosen_by_accuracy_and_with_weights_by_loss(self):
        X, y = noisy_line(40)
        y = (y > 0).astype(int)
        for weight, by in ((None, "accuracy"), ("balanced", "loss")):
            net = fastnn.MLP([3, 4, 2], output="softmax", seed=0)
            found = folds.choose_epochs(
                net, (X, y), "classify", fastnn.Adam, batch_size=20, class_weight=weight, seed=0
            )
            assert found.by == by

    def test_a_mean_around_each_value_is_of_fewer_at_the_ends(self):
        smooth = folds._smooth(np.array([0.0, 3.0, 6.0, 3.0]), 3)
        assert smooth.tolist() == [1.5, 3.0, 4.0, 4.5]


class TestLargeTables:
    def test_a_tenth_says_when_to_stop_and_the_best_epoch_is_kept(self, run, folder):
        X, y = noisy_line(2600, noise=1.0)
        np.savez(folder / "large.npz", X=X, y=y)
        _, out, err = run(
            *("train", "--data", "large.npz", "--hidden", 4, "--lr", 0.01, "--ensemble", 1)
        )
        assert "1,872 to train on, 208 held out to validate, 520 held out to test" in out
        assert "up to 1,017 epochs, stopped by 51 without a better validation loss" in out
        kept = int(re.search(r"kept +epoch (\d+), the best on the validation examples", out)[1])
        assert f"speed     {kept + 51} epochs" in out
        assert "stopped: val_loss has not improved for 51 epochs" in err


class TestBaseline:
    @pytest.fixture
    def rare(self, folder):
        rng = np.random.default_rng(0)
        y = np.repeat(["No", "Yes"], [90, 10])
        np.savez(folder / "rare.npz", X=rng.normal(size=(100, 2)), y=y)
        return ("train", "--data", "rare.npz", "--hidden", 2, "--epochs", 1, "--lr", 1e-9)

    def test_the_share_of_the_largest_class_stands_beside_the_accuracy(self, run, rare):
        for out in (run(*rare)[1], run("evaluate", "rare.safetensors")[1]):
            assert "always 'No': 90.0 %" in out

    def test_a_model_that_is_not_better_than_the_largest_class_is_told(self, run, rare):
        net = fastnn.MLP([2, 2], output="softmax", seed=0)
        net.classes = ["No", "Yes"]
        run(*rare)
        for bias, told in (([9, 0], True), ([0, 9], True)):
            net.params = [0, 0, 0, 0, *bias]
            net.save("m")
            out = run("evaluate", "m", "--data", "rare.npz")[1]
            sentence = "The model is not better than 'No' for every example."
            assert (sentence in out) is told

    def test_a_better_one_is_not(self, run, folder):
        X = np.arange(40.0)[:, None]
        np.savez(folder / "easy.npz", X=X, y=np.array(["a", "b"]).repeat(20))
        flags = ("--hidden", "none", "--epochs", 200, "--lr", 0.1)
        assert "not better" not in run("train", "--data", "easy.npz", *flags)[1]

    def test_a_regression_has_the_mean_beside_it(self, run, folder):
        X, y = noisy_line(40)
        np.savez(folder / "t.npz", X=X, y=y)
        out = run("train", "--data", "t.npz", "--epochs", 1, "--hidden", 2, "--lr", 1e-9)[1]
        assert "(always the mean: 0)" in out
        flat = fastnn.MLP([3, 1], seed=0)
        flat.params = [0, 0, 0, y.mean() + 1]
        flat.save("m")
        told = "The model is not better than the mean of the targets for every example."
        assert told in run("evaluate", "m", "--data", "t.npz")[1]

    def test_json_has_the_majority(self, run, rare):
        found = json.loads(run(*rare, "--json")[1])["test"]
        assert (found["majority"], found["majority_share"]) == ("No", 0.9)


def test_predict_on_the_headerless_training_file_leaves_out_its_target(run, folder):
    rows = np.random.default_rng(0).normal(size=(30, 3))
    np.savetxt(folder / "t.csv", rows, delimiter=",")
    for target, place in (("1", 1), (None, 2)):
        flags = () if target is None else ("--target", target)
        run("train", "--data", "t.csv", "--epochs", 1, "-q", *flags)
        status, out, _ = run("predict", "t.safetensors", "t.csv", "--json")
        assert status == 0
        answers = [row["outputs"]["value"] for row in json.loads(out)]
        X = np.delete(np.loadtxt("t.csv", delimiter=","), place, axis=1)
        expected = fastnn.load("t.safetensors").predict(X)[:, 0]
        np.testing.assert_allclose(answers, expected, rtol=1e-6)


def test_a_view_of_classes_on_numbers_is_refused_with_the_reason(run, small):
    run(*small, "--epochs", 1, "-q")
    status, _, err = run("explain", "small.safetensors", "--view", "confusion")
    assert status == 2
    assert "--view confusion is for classes; small.safetensors predicts numbers" in err
    assert run("explain", "small.safetensors", "--view", "residuals", "-o", "r.json")[0] == 0
    X, y = noisy_line(20)
    inside = fastnn.explain.look_inside(fastnn.load("small.safetensors"), X, y)
    with pytest.raises(ValueError, match="needs a network that classifies"):
        inside.plot("confusion")
