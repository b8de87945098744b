"""``fastnn explain``: each view as text, page, numbers and picture, and the messages."""

from __future__ import annotations

import json
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.tabular import task_data

VIEWS = [
    *("cost", "sensitivity", "nudges", "table", "paths", "weights", "activations", "confusion"),
    *("mistakes", "units", "diagnose", "plane", "importance"),
]
JUDGES = ("cost", "weights", "activations", "confusion", "mistakes", "importance")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier of a table, as ``fastnn train`` leaves it."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    rows = [f"{a:.2f},{b:.2f},{'red' if a > b else 'blue'}" for a, b in rng.normal(size=(80, 2))]
    (folder / "dots.csv").write_text("\n".join(["width,height,colour", *rows]) + "\n")
    path = folder / "dots.safetensors"
    data = str(folder / "dots.csv")
    assert main(["train", "--data", data, "--hidden", "5", "--epochs", "3", "-o", str(path)]) == 0
    return path


@pytest.fixture(autouse=True)
def _beside_the_data(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)  # where the model finds what it was trained on


@pytest.fixture
def run(run: Any) -> Any:
    """A function that runs ``fastnn explain``: (status, stdout, stderr)."""
    return partial(run, "explain")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_told_as_text_and_as_numbers(
    run: Any, model: Path, tmp_path: Path, view: str
) -> None:
    status, out, err = run(model, "--view", view, "--index", 2)
    assert err == ""
    assert status == 0
    used = "16 held-out test" if view in JUDGES else "64 training"
    both = ", 16 held-out test examples" if view == "plane" else ""
    assert out.splitlines()[0] == f"data      dots, {used} examples{both}"
    assert len(out.splitlines()) > 4
    to = tmp_path / "view.json"
    assert run(model, "--view", view, "-o", to)[0] == 0
    assert isinstance(json.loads(to.read_text("utf-8")), dict)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_drawn(run: Any, model: Path, tmp_path: Path, view: str) -> None:
    pytest.importorskip("matplotlib")
    to = tmp_path / "view.png"
    status, out, err = run(model, "--view", view, "-o", to)
    assert err == ""
    assert status == 0
    assert to.read_bytes().startswith(b"\x89PNG")
    assert str(to) in out


def test_a_page_holds_the_numbers_of_that_example(run: Any, model: Path, tmp_path: Path) -> None:
    to = tmp_path / "cost.html"
    assert run(model, "--index", 4, "-o", to)[0] == 0
    page = to.read_text("utf-8")
    net = fastnn.load(model)
    assert page.startswith("<!doctype html>")
    assert all(str(label) in page for label in net.classes)


class _Page(HTMLParser):
    """The tags of a page with their attributes, and the text of its title and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_is_whole_and_fits_phones_and_dark_systems(
    run: Any, model: Path, tmp_path: Path, view: str
) -> None:
    to = tmp_path / "view.html"
    assert run(model, "--view", view, "-o", to)[0] == 0
    text = to.read_text("utf-8")
    page = _Page(text)
    assert text.startswith("<!doctype html>\n") and not page.open
    assert [tag for tag, _ in page.tags][:2] == ["html", "head"]
    assert ("html", {"lang": "en"}) in page.tags and ("meta", {"charset": "utf-8"}) in page.tags
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    assert ("meta", viewport) in page.tags
    assert len(page.text["title"]) > 10
    assert "prefers-color-scheme: dark" in page.text["style"]
    assert {"body", "main", "table", "caption"} <= {tag for tag, _ in page.tags}
    assert all(a.get("scope") in ("col", "row") for tag, a in page.tags if tag == "th")


@pytest.mark.parametrize(
    ("argv", "status", "sentence"),
    [
        (["--view", "beauty"], 2, "invalid choice: 'beauty'"),
        (["--index", "100000"], 2, "--index 100000: there are"),
        (["--index", "-1"], 2, "expected a whole number of 0 or more"),
        (["-o", "view.docx"], 2, "expected a name that ends in .png"),
        (["-o", "nowhere/view.png"], 1, "there is no folder nowhere"),
        (["--data", "absent.csv"], 1, "absent.csv"),
    ],
)
def test_mistakes_are_told_in_one_line(
    run: Any, model: Path, argv: list[str], status: int, sentence: str
) -> None:
    got, out, err = run(model, *argv)
    assert (got, out) == (status, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_paths_begin_at_new_weights_with_a_rate_that_suits(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    rows = [f"{a:.2f},{b:.2f},{900 * a - 500 * b:.1f}" for a, b in rng.normal(size=(80, 2))]
    Path("money.csv").write_text("\n".join(["a,b,money", *rows]) + "\n")
    assert main(["train", "--data", "money.csv", "--epochs", "3", "-q"]) == 0
    status, out, err = run("money.safetensors", "--view", "paths", "-o", "paths.json")
    assert (status, err) == (0, "")
    paths = json.loads(Path("paths.json").read_text())
    assert [path["name"] for path in paths["paths"]] == ["full batch", "batches of 10"]
    assert paths["n_examples"] == 64
    assert all(path["costs"][-1] < path["costs"][0] for path in paths["paths"])
    assert all(path["stopped"] is None for path in paths["paths"])
    assert paths["optimizer"] != "SGD(lr=0.5)"
    status, out, _ = run("money.safetensors", "--view", "paths", "--lr", "1e-7")
    assert status == 0 and "Paths of SGD(lr=1e-07)" in out


def held_out(model: Path) -> tuple[Any, Any]:
    """Return what ``fastnn train`` trained on and held out, by its own splitting."""
    ready = task_data.prepare(task_data.load("dots.csv", None), "classify", 0.2, 0)
    assert ready.test is not None
    return ready.train, ready.test


@pytest.mark.parametrize("view", ["sensitivity", "confusion"])
@pytest.mark.parametrize("split", ["train", "test", None])
def test_each_split_is_the_one_that_the_model_was_made_with(
    run: Any, model: Path, tmp_path: Path, view: str, split: str | None
) -> None:
    to, options = tmp_path / "view.json", [] if split is None else ["--split", split]
    status, out, _ = run(model, "--view", view, *options, "-o", to)
    assert status == 0
    train, test = held_out(model)
    default = "test" if view in JUDGES else "train"
    X, y = train if (split or default) == "train" else test
    assert len(X) == (64 if (split or default) == "train" else 16)
    net, explain = fastnn.load(model), fastnn.explain
    expected = (
        explain.sensitivity(net, X, y, top=20).to_dict()
        if view == "sensitivity"
        else explain.look_inside(net, X, y, example=0).to_dict()
    )
    assert json.loads(to.read_text("utf-8")) == expected
    assert f"{len(X)} {'training' if len(X) == 64 else 'held-out test'} examples" in out


def test_training_examples_are_without_those_that_validated(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{i},{i % 7},{'up' if i % 2 else 'down'}" for i in range(100)]
    Path("saw.csv").write_text("\n".join(["a,b,way", *rows]) + "\n")
    made = ["train", "--data", "saw.csv", "--epochs", "2", "-q", "--validation-fraction", "0.25"]
    assert main(made) == 0
    status, out, _ = run("saw.safetensors", "--view", "sensitivity")
    assert status == 0 and "saw, 60 training examples" in out
    status, out, _ = run("saw.safetensors", "--view", "cost")
    assert status == 0 and "saw, 20 held-out test examples" in out


def test_other_data_is_used_as_a_whole_and_has_no_test_examples(run: Any, model: Path) -> None:
    rows = [f"{i % 5},{i % 3},{'red' if i % 2 else 'blue'}" for i in range(30)]
    Path("more.csv").write_text("\n".join(["width,height,colour", *rows]) + "\n")
    for view in ("cost", "sensitivity", "plane"):
        status, out, _ = run(model, "--view", view, "--data", "more.csv")
        assert status == 0 and "more, 30 examples\n" in out
    status, out, err = run(model, "--data", "more.csv", "--split", "test")
    assert (status, out) == (2, "")
    assert "--split test: more has no test examples" in err


def test_the_plane_is_mapped_in_the_units_and_names_of_the_columns(
    run: Any, model: Path, tmp_path: Path
) -> None:
    to = tmp_path / "plane.json"
    assert run(model, "--view", "plane", "-o", to)[0] == 0
    plane = json.loads(to.read_text("utf-8"))
    assert plane["inputs"] == ["width", "height"]
    assert plane["classes"] == ["blue", "red"]
    assert [len(points["x"]) for points in plane["points"]] == [64, 16]
    across, up = plane["across"], plane["up"]
    net = fastnn.load(model)
    for i, j in ((0, 0), (50, 20), (100, 100)):
        place = np.array([[across[j], up[i]]])
        np.testing.assert_allclose(plane["values"][i][j], net.predict(place)[0], rtol=1e-6)
        assert plane["classes"][plane["decided"][i][j]] == net.classify(place)[0]


def test_paths_are_told_on_the_plane_of_the_noise_too(
    run: Any, model: Path, tmp_path: Path
) -> None:
    to = tmp_path / "paths.json"
    assert run(model, "--view", "paths", "--plane", "noise", "-o", to)[0] == 0
    assert json.loads(to.read_text("utf-8"))["plane"] == "noise"
    status, _, err = run(model, "--plane", "noise")
    assert status == 2 and "--plane is for --view paths" in err


def test_a_rate_is_for_paths_alone(run: Any, model: Path) -> None:
    status, _, err = run(model, "--lr", "0.1")
    assert status == 2 and "--lr is for --view paths" in err


def test_a_file_that_is_no_model_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_text("no")
    status, _, err = run(tmp_path / "x.safetensors")
    assert status == 1
    assert "x.safetensors" in err
