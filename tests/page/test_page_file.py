"""The page's source in a file answers as `fastnn lab` does: same numbers, same sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab_helpers import SUBJECTS, caller
from numpy.testing import assert_allclose, assert_array_equal
from page_helpers import CORE, NO_CORE, connected

from fastnn import SGD, explain
from fastnn.explain import descend
from fastnn.explain.answers.subject import Subject
from fastnn.lab.session import Session
from fastnn.lab.trainer import Settings

SPOKEN = {"batch": ("words",), "descend": ("words",)}  # which is said of these is not recorded
LOOSE = {"rtol": 2e-4, "atol": 2e-6}  # the other one may compute in another order, or in float64


@pytest.fixture(params=SUBJECTS)
def both(request: pytest.FixtureRequest, modules: Any) -> Any:
    """A call that asks both sources and compares; returns what the file said."""
    subject: Subject = SUBJECTS[request.param]()
    if subject.net is None or subject.examples.n == 0:
        pytest.skip("a file has a network and examples")
    of_file = connected(modules, subject, SGD(0.1))
    session = Session(subject, Settings(SGD(0.1), 10))
    of_lab = caller(session)

    def ask(name: str, **args: Any) -> Any:
        ours, theirs = of_file(name, **args), of_lab(name, **args)
        compare(name, ours, theirs)
        return ours

    ask.file, ask.subject = of_file, subject  # type: ignore[attr-defined]
    yield ask
    session.close()


def compare(where: str, ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        for key, value in theirs.items():
            assert key in ours, f"{where}: {key} is missing"
            if key == "words" and key in SPOKEN.get(where, ()):
                continue
            compare(f"{where}.{key}", ours[key], value)
    elif isinstance(theirs, str) or theirs is None:
        assert ours == theirs, where
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], dict | str):
        assert len(ours) == len(theirs), where
        for k, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            compare(f"{where}[{k}]", one, other)
    else:
        numbers = [np.asarray(value, np.float64).ravel() for value in (ours, theirs)]
        assert_allclose(*numbers, **LOOSE, err_msg=where)


def test_both_sources_answer_about_examples_alike(both: Any) -> None:
    for index in (0, 7):
        example = both("example", index=index)
        both("forward", x=example["x"].tolist())
        both("backprop", index=index)
        both("wiggle", index=index, layer=1, i=None, j=0, low=-1.0, high=1.0, n=5)
    both("next_mistake", after=0)
    both("layer", layer=1)


def test_both_sources_answer_about_batches_alike(both: Any) -> None:
    rows = [3, 1, 8]
    both("batch", rows=rows, lr=0.1)
    both("step", rows=rows, lr=0.01)
    both("layer", layer=1)
    both("batch", rows=rows, lr=0.1, columns=2)


def test_both_sources_compute_a_surface_and_a_map_of_the_plane_alike(both: Any) -> None:
    for function in both.subject.meta()["functions"]:
        both("surface", function=function["name"], n=7, x=[-2, 1.5], y=[-1, 3])
    if both.subject.net.sizes[0] == 2:
        both("plane", layer=1, neuron=0, n=9)
        both("plane", layer=len(both.subject.net.sizes) - 1, neuron=0, n=9)


@pytest.mark.parametrize(
    "walk",
    [
        ("bowl", (1.0, 2.0), 0.1, 0.0),
        ("ravine", (9.0, 2.0), 0.9, 0.5),
        ("saddle", (1.5, 0.0), 0.1, 0.0),
        ("saddle", (1.5, 0.1), 0.1, 0.0),
        ("himmelblau", (0.0, 0.0), 0.01, 0.0),
        ("rosenbrock", (-1.0, 2.0), 0.001, 0.9),
        ("rosenbrock", (-1.0, 2.0), 0.1, 0.0),
    ],
)
def test_a_descent_in_the_page_is_that_of_explain(modules: Any, walk: Any) -> None:
    function, start, lr, momentum = walk
    call = connected(modules, SUBJECTS["moons"](), SGD(0.1))
    ours = call("descend", function=function, start=start, lr=lr, momentum=momentum, steps=200)
    theirs = descend(function, start, lr, 200, momentum=momentum)
    assert_allclose(ours["path"].reshape(-1, 2), theirs.paths[0], rtol=1e-9, atol=1e-12)
    assert_allclose(ours["gradients"].reshape(-1, 2), theirs.gradients[0], rtol=1e-9, atol=1e-9)
    assert ours["end"] == theirs.words[0]


def test_a_typed_formula_is_refused_by_a_sentence(modules: Any) -> None:
    call = connected(modules, SUBJECTS["moons"](), SGD(0.1))
    with pytest.raises(Exception, match="Only fastnn lab reads new formulas"):
        call("surface", function="x**3")


def test_sentences_are_those_of_explain_until_the_network_or_the_example_changes(
    modules: Any,
) -> None:
    subject = SUBJECTS["digits"]()
    call = connected(modules, subject, SGD(0.1))
    x = call("example", index=4)["x"]
    assert call("forward", x=x.tolist())["recorded"]
    drawn = x.copy()
    drawn[300] = 77
    assert "changed" in call("forward", x=drawn.tolist())["silent"]
    call("advance", steps=1)
    for answer in (call("forward", x=x.tolist()), call("backprop", index=4)):
        assert not answer["words"] and "rewind" in answer["silent"]
    call("rewind")
    assert call("backprop", index=4)["recorded"]


def test_training_answers_calls_while_it_runs_and_rewinds_to_the_same_history(modules: Any) -> None:
    call = connected(modules, SUBJECTS["digits"](), SGD(0.5))
    start = call("params", "ask")["params"]
    modules.evaluate(
        "void (source.onframe = (frame) => { (globalThis.frames_ ??= []).push(frame) })"
    )
    call("train", play=True)
    assert len(call("example", index=3)["x"]) == 784
    modules.wait_for_function("globalThis.frames_?.at(-1)?.epoch >= 3")
    call("train", play=False)
    modules.wait_for_function("!globalThis.frames_.at(-1).running")
    history = """frames_.filter((f) => f.record === frames_.at(-1).record)
      .flatMap((f) => [...f.history.loss])"""
    first = modules.evaluate(history)
    call("rewind")
    assert_array_equal(call("params", "ask")["params"], start)
    call("advance", epochs=3)
    modules.wait_for_function("frames_.at(-1).epoch === 3")
    assert modules.evaluate(history) == first[:3]


def test_a_shuffled_deck_holds_every_row_once(modules: Any) -> None:
    call = connected(modules, SUBJECTS["digits"](), SGD(0.5))
    one, other = call("deck", seed=0, batch_size=7), call("deck", seed=1, batch_size=7)
    assert sorted(one["order"]) == list(range(300)) and one["batches"] == 43
    assert (one["order"] != other["order"]).any()
    assert_array_equal(one["order"], call("deck", seed=0, batch_size=7)["order"])


def test_one_file_opens_from_the_disk_and_trains(page: Any, tmp_path: Path) -> None:
    if not CORE.is_file():
        pytest.skip(NO_CORE)
    subject = SUBJECTS["moons"]()
    X, y = subject.examples.at(slice(0, subject.examples.n))
    explain.page(subject.net, X, y, examples=40, walkers=False).save(tmp_path / "moons.html")
    page.goto((tmp_path / "moons.html").as_uri())
    page.wait_for_selector("[data-ready]", state="attached")
    epoch = page.evaluate("""async () => {
      const { connect } = await import("fastnn/source-file.mjs");
      const text = document.getElementById("fastnn-record").textContent;
      const source = await connect(JSON.parse(text));
      const frame = new Promise((resolve) => { source.onframe = resolve; });
      await source.call("advance", { epochs: 2 });
      return (await frame).epoch;
    }""")
    assert epoch == 2
