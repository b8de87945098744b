"""`fastnn train --stream`: files with wildcards, block by block."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.streams import memory

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 3)).astype(np.float32)
PRICE = 100 + 20 * X[:, 0] * X[:, 1]
KIND = np.where(X[:, 0] > 0, "ant", "bee")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    for i in range(3):
        rows = slice(300 * i, 300 * i + 300)
        columns: dict[str, Any] = {name: X[rows, j] for j, name in enumerate("abc")}
        for target, values in (("price", PRICE), ("kind", KIND)):
            table = pa.table({**columns, target: values[rows]})
            pq.write_table(table, tmp_path / f"{target}-{i}.parquet", row_group_size=50)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_numbers_are_regressed_to_the_parameters_of_the_same_fit_in_python(
    parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--target", "price", "--epochs", "3", "--batch-size", "16", "--json", "-o", "p.st"]
    assert main(["train", "--stream", "--data", "price-*.parquet", *flags]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["rows"], result["task"], result["epochs"]) == (900, "regress", 3)
    given = fastnn.stream("price-*.parquet", "price")
    net = fastnn.MLP([3, 64, 32, 1], seed=0)
    net.standardize(given)
    net.fit(given, epochs=3, batch_size=16, optimizer=fastnn.Adam(0.001))
    made = fastnn.load("p.st")
    np.testing.assert_array_equal(made.params, net.params)
    assert made.feature_names == ("a", "b", "c")
    assert result["train"]["loss"] == net.history.loss[-1]


def test_words_are_classified_and_the_lines_say_what_was_done(
    parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--target", "kind", "--epochs", "20", "--checkpoint", "c.st", "-o", "k.st"]
    assert main(["train", "--stream", "--data", "kind-*.parquet", *flags]) == 0
    out = capsys.readouterr().out
    assert "900 rows, 3 features" in out and "in epoch 20" in out and "k.st" in out
    made = fastnn.load("k.st")
    assert made.classes is not None and made.classes.tolist() == ["ant", "bee"]
    assert (made.classify(X) == KIND).mean() > 0.95
    assert len(fastnn.load("c.st").history) == 20


def test_a_checkpoint_is_continued_to_the_bits_of_one_run_and_scored_on_other_files(
    parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", "kind-[01].parquet", "--target", "kind"]
    train = ["train", "--stream", *data, "--epochs", "3", "--lr", "0.01", "-q"]
    train += ["--class-weight", "balanced"]
    assert main([*train, "--checkpoint", "c.st", "-o", "whole.st"]) == 0
    more = ["train", "--resume", "c.st", "--epochs", "5", "-o", "more.st"]
    assert main([*more, "--test", "kind-2.parquet"]) == 0
    out = capsys.readouterr().out
    assert "from c.st, after 3 epochs of 5" in out
    made = fastnn.load("more.st")
    assert f"accuracy {(made.classify(X[600:]) == KIND[600:]).mean():.4g} on kind-2" in out
    assert main([*train, "-o", "one.st", "--epochs", "5"]) == 0
    assert np.array_equal(made.params, fastnn.load("one.st").params)
    assert "stream" not in made.metadata
    assert main([*more, "--lr", "1"]) == 2 and main(["train", "--resume", "one.st"]) != 0
    assert "--lr is not for --resume: the checkpoint fixes it" in capsys.readouterr().err


def test_validation_files_stop_a_training_which_a_checkpoint_continues_to_the_same_bits(
    parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", "price-[01].parquet", "--target", "price", "--validation", "price-2.parquet"]
    train = ["train", "--stream", *data, "--lr", "0.02", "--early-stopping", "2", "--json"]
    train += ["--schedule", "plateau"]
    assert main([*train, "--epochs", "60", "-o", "whole.st"]) == 0
    whole = json.loads(capsys.readouterr().out)
    given, held = (fastnn.stream(f"price-{i}.parquet", "price") for i in ("[01]", "2"))
    net = fastnn.MLP([3, 64, 32, 1], seed=0)
    net.standardize(given)
    stopper = fastnn.callbacks.EarlyStopping(patience=2)
    watching = [fastnn.callbacks.ReduceOnPlateau(patience=5), stopper]
    how: dict[str, Any] = {"optimizer": fastnn.Adam(0.02), "validation_data": held}
    net.fit(given, epochs=60, callbacks=watching, **how)
    assert stopper.stopped_epoch_ is not None
    assert whole["epochs"] == stopper.stopped_epoch_ and not whole["interrupted"]
    assert whole["best_epoch"] == stopper.best_epoch_
    assert whole["validation"] == {"loss": stopper.best_}
    assert np.array_equal(fastnn.load("whole.st").params, net.params)
    assert main([*train, "--epochs", "2", "--checkpoint", "c.st", "-o", "some.st"]) == 0
    assert main(["train", "--resume", "c.st", "--epochs", "60", "-o", "more.st"]) == 0
    assert f"after epoch {stopper.best_epoch_}, which is kept" in capsys.readouterr().out
    assert np.array_equal(fastnn.load("more.st").params, net.params)
    assert main(["train", "--validation", "price-2.parquet"]) == 2
    assert "--validation is for --stream" in capsys.readouterr().err


def test_an_interrupted_training_keeps_its_best_epoch_and_says_so(
    parts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []

    def interrupt(self: Any, run: Any, logs: Any) -> None:
        kept.append(run.net.params)
        if run.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(fastnn.callbacks.ReduceOnPlateau, "on_epoch_end", interrupt)
    data = ["--data", "price-[01].parquet", "--target", "price", "--validation", "price-2.parquet"]
    flags = ["--schedule", "plateau", "--early-stopping", "5", "--epochs", "9", "-o", "i.st"]
    assert main(["train", "--stream", *data, *flags, "--json", "--checkpoint", "c.st"]) == 130
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["interrupted"] and result["best_epoch"] == 2
    assert "fastnn train --resume c.st continues" in captured.err
    assert np.array_equal(fastnn.load("i.st").params, kept[1])
    again = ["train", "--resume", "c.st", "--epochs", "4", "--validation", "price-0.parquet", "-q"]
    monkeypatch.undo()
    monkeypatch.chdir(parts)
    assert main(again) == 0
    assert fastnn.load("c.st").metadata["stream"]["validation"] == "price-0.parquet"


@pytest.mark.parametrize(
    "facts",
    [
        {"stream": 5},
        {"stream": {"rows": 600, "epochs": "99", "out": None}},
        {"stream": {"rows": None, "epochs": 9, "out": None}},
        {"stream": {"rows": 600, "epochs": 9, "out": None, "patience": 2, "plateau": False}},
        {"target_name": 3},
        {"data": None},
    ],
)
def test_a_damaged_checkpoint_and_other_data_are_refused_in_a_sentence(
    parts: Path, capsys: pytest.CaptureFixture[str], facts: dict[str, Any]
) -> None:
    train = ["train", "--stream", "--data", "price-[01].parquet", "--target", "price", "-q"]
    assert main([*train, "--epochs", "1", "--checkpoint", "c.st", "-o", "m.st"]) == 0
    resume = ["train", "--resume", "c.st", "--epochs", "2"]
    assert main([*resume, "--data", "price-2.parquet"]) == 1
    assert "price-2.parquet is not the data that c.st was trained on" in capsys.readouterr().err
    net = fastnn.load("c.st")
    net.metadata |= facts
    net.fit(fastnn.stream("price-[01].parquet", "price"), epochs=2, resume=True,
            callbacks=[fastnn.callbacks.ModelCheckpoint("d.st")])  # fmt: skip
    assert main(["train", "--resume", "d.st", "--epochs", "3"]) == 1
    assert "damaged" in capsys.readouterr().err


def test_files_beyond_the_free_memory_are_streamed_without_the_flag(
    parts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1_000)
    for data in ("price-*.parquet", "price-[01].parquet"):
        command = ["train", "--data", data, "--target", "price", "--epochs", "1"]
        assert main([*command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["file"] == "price.safetensors"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--early-stopping"], "--early-stopping needs --validation FILES with --stream"),
        (["--weight", "a"], "--weight takes rows in memory, not --stream"),
        (["--drop", "a"], "--drop takes rows in memory, not --stream"),
        (["--test", "kind-0.parquet"], "kind-0.parquet"),
        (["--schedule", "plateau"], "--schedule plateau needs --validation FILES with --stream"),
        (["--validation", "kind-0.parquet"], "kind-0.parquet lacks the column 'price'"),
    ],
)
def test_flags_that_take_rows_in_memory_are_refused(
    parts: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    command = ["train", "--stream", "--data", "price-*.parquet", "--target", "price"]
    assert main([*command, *flags]) in (1, 2)
    assert message in capsys.readouterr().err


def test_a_stream_without_a_target_is_wrong_usage(
    parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--stream", "--data", "price-*.parquet"]) == 2
    assert "--stream needs --data FILES and --target COLUMN" in capsys.readouterr().err
