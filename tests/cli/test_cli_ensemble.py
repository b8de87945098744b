"""Ensembles on the command line: training, and what each command does with their file."""

import json
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.cli import main

RNG = np.random.default_rng(0)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b = RNG.uniform(size=(2, 150))
    lines = [f"{x:.4f},{y:.4f},{'hot' if x > y else 'cold'}" for x, y in zip(a, b, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,kind", *lines]))
    words = "train --data t.csv --hidden 6 --epochs 8 --ensemble 3 --seed 5 -o e.safetensors"
    return words.split()


def test_networks_differ_by_their_seeds_and_the_file_is_read_by_the_other_commands(table, capsys):
    assert main([*table, "--json", "-q", "--class-weight", "balanced"]) == 0
    result = json.loads(capsys.readouterr().out)
    ensemble = fastnn.load("e.safetensors")
    assert [net.seed for net in ensemble] == [5, 6, 7]
    assert len(result["networks"]) == 3 and result["n_params"] == ensemble.n_params
    assert main(["evaluate", "e.safetensors", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"] == result["test"]["accuracy"] and found["examples"] == 30
    assert main(["predict", "e.safetensors", "t.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    X = np.loadtxt("t.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    assert [row["label"] for row in rows] == ensemble.classify(X).tolist()
    mean = [[row["outputs"]["cold"], row["outputs"]["hot"]] for row in rows]
    np.testing.assert_allclose(mean, ensemble.mean(X), rtol=1e-6)
    assert main(["info", "e.safetensors", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["networks"]) == 3
    assert main(["info", "e.safetensors"]) == 0
    assert "Ensemble of 3" in capsys.readouterr().out
    for name in ("e.c", "e.py"):
        assert main(["export", "e.safetensors", name]) == 0
    module = {}
    exec(Path("e.py").read_text("ascii"), module)
    np.testing.assert_allclose(module["predict"](X), ensemble.mean(X), rtol=1e-4)


def test_each_network_stops_early_by_itself(table, capsys):
    assert main([*table, "-q", "--early-stopping", "2"]) == 0
    assert len(fastnn.load("e.safetensors")) == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "e.safetensors", "e.c", "--int8"], "is for one network; this is an ensemble"),
        (["train", "--ensemble", "2", "--checkpoint", "c"], "--checkpoint is for one network"),
        (["train", "--ensemble", "2", "--schedule", "plateau"], "--schedule plateau is for one"),
        (["train", "--ensemble", "0"], "expected a whole number of 1 or more"),
        (["train", "--resume", "e.safetensors"], "is a finished model, not a checkpoint"),
    ],
)
def test_what_is_for_one_network_is_refused_in_a_sentence(table, capsys, words, sentence):
    assert main([*table, "-q"]) == 0
    try:
        status = main(words)
    except SystemExit as ended:
        status = ended.code
    text = capsys.readouterr().err
    assert status in (1, 2) and sentence in text and text.count("\n") == 1


def test_a_table_of_words_is_trained_scored_by_column_and_predicted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    colours = RNG.choice(["red", "green", "blue"], 150)
    lines = [
        f"{c},{x:.3f},{x + 5 * (c == 'red'):.3f}"
        for c, x in zip(colours, RNG.uniform(size=150), strict=True)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["colour,x,y", *lines]))
    train = "train --data t.csv --target y --ensemble 2 --epochs 60 -q --json -o e.safetensors"
    assert main(train.split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["test"]["r2"] > 0.9
    assert result["importance"]["names"][0] == "colour"
    assert main(["evaluate", "e.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["r2"] == result["test"]["r2"]
    assert main(["explain", "e.safetensors", "--view", "sensitivity"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("fastnn: e.safetensors is an ensemble of 2 networks; explain takes")
    assert "What the cost depends on most" in told.out


def test_a_table_has_five_networks_and_one_if_a_flag_says_how_it_is_trained(table, capsys):
    every = ["--checkpoint-every", "5000"]
    for flags, k in (([], 5), (["--epochs", "3"], 1), (["--checkpoint", "c", *every], 1)):
        words = ["train", "--data", "t.csv", "--hidden", "3", "-o", "m.safetensors", "--json"]
        assert main([*words, *flags]) == 0
        model = json.loads(capsys.readouterr().out)
        loaded = fastnn.load("m.safetensors")
        assert (len(loaded) if isinstance(loaded, fastnn.Ensemble) else 1) == k
        assert len(model.get("networks", [0])) == k
