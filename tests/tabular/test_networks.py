"""Networks of a table's model: members that hold out rows of their own, logarithms of targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import EarlyStopping
from fastnn.cli import main
from fastnn.tabular import folds, networks, recipe, task_data
from fastnn.tabular.rows import Rows

pandas = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)


def ready(X: np.ndarray, y: np.ndarray, task: str, weights: object = None) -> task_data.SplitData:
    data = fastnn.datasets.Data("made", (X, y))
    split = task_data.prepare(data, task, 0.0, 0)
    return replace(split, rows=Rows(weights))


def settings(**changes: object) -> networks.Settings:
    given = {"epochs": 6, "fraction": 0.2, "patience": 2, "class_weight": None, "seed": 3}
    return networks.Settings(fastnn.Adam, 16, **{**given, **changes})


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_each_network_has_the_bits_of_a_fit_that_holds_out_the_rows_of_its_seed(class_weight):
    X, y = RNG.normal(size=(120, 4)), np.repeat([0, 1], [90, 30])
    given = ready(X, y, "classify", RNG.uniform(0.5, 2, 120))
    first = fastnn.MLP([4, 5, 2], output="softmax", dropout=0.1, seed=7)
    nets = networks.members(first, 3)
    networks.train(nets, given, settings(class_weight=class_weight), 6)
    for i, net in enumerate(nets):
        alone = fastnn.MLP([4, 5, 2], output="softmax", dropout=0.1, seed=7 + i)
        (a, b), held, rows = task_data.hold_out(given, 0.2, 3 + i)
        alone.fit(
            *(a, b), epochs=6, batch_size=16, optimizer=fastnn.Adam(), validation_data=held,
            sample_weight=rows.weights, class_weight=class_weight,
            callbacks=[EarlyStopping(patience=2)],
        )  # fmt: skip
        assert np.array_equal(net.params, alone.params)
    held = [task_data.held_out_rows(given, 0.2, 3 + i) for i in range(3)]
    assert held[0].sum() == held[1].sum() == 24 and (held[0] != held[1]).any()


def heavy(n: int, seed: int) -> object:
    """Return a table whose target spans decades, as incomes and sizes do: a log is linear."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    amount = np.exp(2 * X[:, 0] - X[:, 1] + 0.3 * rng.normal(size=n))
    return pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "amount": amount})


@pytest.mark.parametrize("n", [400, 2200])
def test_heavy_tailed_targets_are_learnt_as_logarithms_if_held_out_rows_say_so(
    n, monkeypatch, tmp_path
):
    monkeypatch.setattr(recipe, "_MOST_STEPS", 2_000)
    monkeypatch.setattr(folds, "_MOST_STEPS", 2_500)
    new = heavy(500, 1)
    model = fastnn.TableModel("amount", n_networks=2, hidden=(16, 8)).fit(heavy(n, 2))
    assert model.notes[-1].startswith("the networks learn its logarithms: R2 0.")
    assert [net.output for net in model.network] == ["exp", "exp"]
    answers = model.predict(new)
    error = np.log(answers / new["amount"])
    assert np.sqrt(np.mean(error**2)) < 0.5  # the noise alone: 0.3
    model.save(tmp_path / "m.safetensors")
    assert np.array_equal(fastnn.load(tmp_path / "m.safetensors").predict(new), answers)


def test_a_sum_with_heavy_tailed_noise_is_learnt_as_it_is():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = pandas.DataFrame({"x": x, "sum": 40 + 5 * x + rng.exponential(3, 300) ** 1.5})
    model = fastnn.TableModel("sum", n_networks=1).fit(table)
    assert networks.may_take_logs(model.network, table["sum"].to_numpy())
    assert model.network.output == "identity" and model.notes == ()


def test_the_network_of_logarithms_answers_with_their_exponentials():
    net = fastnn.MLP([3, 4, 1], seed=0)
    X = RNG.normal(size=(50, 3))
    net.standardize(X, 5 + 2 * X[:, 0])
    made = networks.exponential(net)
    np.testing.assert_allclose(made.predict(X), np.exp(net.predict(X)), rtol=1e-5)


def test_five_networks_are_trained_only_where_they_have_time():
    assert recipe.networks(5_000, 32, 10_000) == 5
    assert recipe.networks(60_000, 32, 50_000) == 1


@pytest.mark.parametrize("groups", [3, 1])
def test_fewer_groups_than_folds_are_a_fold_each(groups):
    x = RNG.normal(size=90)
    frame = pandas.DataFrame({"x": x, "g": np.arange(90) % groups, "y": 2 * x})
    model = fastnn.TableModel("y", group="g", hidden=(4,), n_networks=1)
    if groups == 1:
        with pytest.raises(ValueError, match="are of one group: give the number of epochs"):
            model.fit(frame)
    else:
        assert model.fit(frame).evaluate(frame)["r2"] > 0.9


def test_rows_of_weight_zero_have_no_say_about_logarithms():
    table = heavy(300, 2)
    table["w"] = 1.0
    odd = table.head(60).assign(amount=1e6, w=0.0)
    both = pandas.concat([table, odd], ignore_index=True)
    model = fastnn.TableModel("amount", weight="w", n_networks=1, hidden=(16,)).fit(both)
    assert model.network.output == "exp"


def test_a_checkpoint_is_of_the_targets_as_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folds, "_MOST_STEPS", 2_500)
    heavy(200, 2).to_csv("t.csv", index=False)
    words = ["train", "--data", "t.csv", "--hidden", "16", "-q", "-o", "m.st", "--json"]
    assert main([*words, "--checkpoint", "c.st", "--checkpoint-every", "100"]) == 0
    assert fastnn.load("m.st").output == "identity"
    assert main([*words, "--ensemble", "1"]) == 0
    assert fastnn.load("m.st").output == "exp"
    told = capsys.readouterr().out.strip().splitlines()
    assert "the networks learn its logarithms" in told[-1]


@pytest.mark.parametrize(
    "facts",
    [
        {"task": None},
        {"task": "guess"},
        {"target_names": []},
        {"target_names": ["a"]},
        {"target_names": ["p", "q"]},
        {"notes": [1]},
    ],
)
def test_metadata_that_do_not_fit_the_network_are_refused_when_a_file_is_loaded(facts, tmp_path):
    frame = pandas.DataFrame({"a": np.arange(12.0), "b": np.arange(12) % 5, "y": np.arange(12)})
    model = fastnn.TableModel("y", task="regress", hidden=(), n_networks=1).fit(frame)
    model.network.metadata |= facts
    model.save(tmp_path / "m.st")
    with pytest.raises(
        ValueError, match=r"m\.st is not a sound fastnn model: its (task|target|not)"
    ):
        fastnn.load(tmp_path / "m.st")
