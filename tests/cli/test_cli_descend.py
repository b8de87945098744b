"""``fastnn descend``: the table, the word, the picture, and the one-line messages."""

import json
import os
from functools import partial

import pytest

from fastnn.explain import descend

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def run(run):
    """A function that runs ``fastnn descend``: (status, stdout, stderr)."""
    return partial(run, "descend")


EXPRESSION = "sin(x)*cos(y) + 0.1*(x**2+y**2)"


def test_it_prints_the_table_and_the_word(run):
    status, out, err = run(EXPRESSION, "--start", 2, 1, "--lr", 0.1)
    assert (status, err) == (0, "")
    assert f"Gradient descent on {EXPRESSION}: learning rate 0.1, gradient exact" in out
    assert "(2, 1)" in out
    assert "converged" in out
    assert "Reached a minimum after" in out


def test_json_is_the_result_of_the_library(run):
    status, out, _ = run(
        "himmelblau", "--start", 0, 0, "--start", -1, "-1.5", "--lr", 0.01, "--steps", 7,
        "--momentum", 0.5, "--tol", 1e-3, "--json",
    )  # fmt: skip
    assert status == 0
    made = descend("himmelblau", [(0, 0), (-1, -1.5)], 0.01, 7, momentum=0.5, tol=1e-3)
    assert json.loads(out) == made.to_dict()


def test_its_defaults_are_those_of_the_library(run):
    _, out, _ = run("rosenbrock", "--lr", 0.001, "--json")
    assert json.loads(out) == descend("rosenbrock", (-1.2, 1), lr=0.001).to_dict()
    _, out, _ = run("bowl", "--json")
    assert json.loads(out) == descend("bowl", (2, 1)).to_dict()


@pytest.mark.parametrize("name", ["bowl", "ravine", "saddle", "himmelblau", "rosenbrock"])
def test_every_example_has_a_start_of_its_own(run, name):
    status, out, _ = run(name, "--lr", 0.001, "--steps", 50)
    assert status == 0
    assert "still moving" in out


def test_a_path_that_diverges_is_a_result(run):
    status, out, _ = run("bowl", "--lr", 1.5)
    assert status == 0
    assert "diverged" in out
    assert "too large" in out


def test_an_expression_may_begin_with_a_minus_sign_after_two(run):
    assert run("--start", 1, 1, "--steps", 3, "--", "-x**2")[0] == 0


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "a.GIF"])
def test_a_picture_or_a_film_is_written(run, folder, name):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "gif": b"GIF8"}
    status, out, _ = run("bowl", "--steps", 2, "--fps", 2, "-o", name)
    assert status == 0
    assert out.rstrip().endswith(f"wrote     {name}")
    assert (folder / name).read_bytes().startswith(begins[name[2:].lower()])
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "FUNCTION is missing"),
        (["x + z", "--start", "1", "1"], "expression 'x + z': unknown name 'z'"),
        (["__import__('os')", "--start", "1", "1"], "at character 12 means nothing here"),
        (["bowel"], "or one of bowl, ravine, saddle, himmelblau, rosenbrock; got 'bowel'"),
        (["x**2 + y**2"], "--start is missing"),
        (["bowl", "--start", "1"], "--start: expected 2 arguments"),
        (["bowl", "--start", "1", "up"], "--start: expected a number, got 'up'"),
        (["bowl", "--start", "1", "nan"], "--start: expected a number, got 'nan'"),
        (["bowl", "--lr", "0"], "--lr: expected a number above 0, got '0'"),
        (["bowl", "--steps", "0"], "--steps: expected a whole number of 1 or more"),
        (["bowl", "--momentum", "1"], "--momentum: expected a number from 0 to below 1"),
        (["bowl", "-o", "a.txt"], "-o a.txt must end with one of .png, .svg, .pdf, .gif, .mp4"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_in_one_line_with_status_2(run, folder, argv, told):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert err.startswith("fastnn: error: ")
    assert err.count("\n") == 1
    assert told in err
    assert not os.listdir(folder)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["log(x)", "--start", "-1", "0"], "at (−1, 0) f is nan"),
        (["bowl", "-o", "nowhere/a.png"], "there is no folder nowhere"),
    ],
)
def test_what_fails_is_told_in_one_line_with_status_1(run, folder, argv, told):
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert err.startswith("fastnn: error: ")
    assert err.count("\n") == 1
    assert told in err
    assert not os.listdir(folder)


def test_without_matplotlib_the_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    status, _, err = run("bowl", "-o", "a.png")
    assert status == 1
    assert "plotting needs matplotlib: pip install" in err


def test_json_stays_readable_beside_a_picture(run):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    _, out, _ = run("bowl", "--steps", 2, "-o", "a.png", "--json")
    assert json.loads(out)["words"] == ["still moving"]
