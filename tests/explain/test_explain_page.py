"""The page as one file: what its record holds, and that it loads nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from lab_helpers import SUBJECTS
from scipy import sparse

import fastnn
from fastnn import MLP, SGD, Adam, explain
from fastnn.explain import stripped
from fastnn.explain.answers.subject import Subject
from fastnn.explain.expression import parse
from fastnn.explain.functions import EXAMPLES
from fastnn.explain.page_files import read_page

MODULE = sys.modules["fastnn.explain.page"]  # `explain.page` is the function


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of the page; where the core was not built, with other bytes in its place."""
    found = {"core.wasm": b"\0asm", "worker.mjs": b"// worker", **read_page()}
    monkeypatch.setattr(MODULE, "read_page", lambda: found)
    return found


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]()


def page_of(subject: Subject, **options: Any) -> Any:
    X, y = subject.training
    options = {"examples": 12, "walkers": False, "test": subject.test, **options}
    return explain.page(subject.net, X, y, **options)


class Elements(HTMLParser):
    """Scripts by their id or type, and every address in an attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.policy, self._open = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.addresses += [found[name] for name in ("src", "href") if name in found]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        self._open = found.get("id", found.get("type", "")) if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.scripts[self._open] = self.scripts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def visible(script: str) -> list[str]:
    """The tokens of a script but its comments and white space."""
    return [token for token in stripped.tokens(script) if not token.isspace()]


def record_of(page: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(Elements(page.html).scripts["fastnn-record"])
    return record


def array(value: dict[str, Any]) -> np.ndarray[Any, Any]:
    """An array of a record, as the page reads it."""
    content = zlib.decompress(base64.b64decode(value["data"]))
    return np.frombuffer(content, value["dtype"]).reshape(value["shape"])


def unpacked(value: dict[str, str]) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(value["json"])))


class TestFile:
    def test_its_modules_have_the_tokens_of_those_that_the_lab_serves(
        self, files: dict[str, bytes]
    ) -> None:
        page = page_of(SUBJECTS["moons"]())
        imports = json.loads(Elements(page.html).scripts["importmap"])["imports"]
        assert imports.keys() == {
            f"fastnn/{name}"
            for name in files
            if name.endswith(".mjs")
            and name not in ("worker.mjs", "source-local.mjs", "message.mjs")
        }
        for name, url in imports.items():
            kind, _, body = url.partition(",")
            assert kind == "data:text/javascript;charset=utf-8"
            assert not re.search(r"[\n\t\r#]", body)  # which end or change an address
            served = files[name.removeprefix("fastnn/")].decode("utf-8")
            assert visible(unquote(body)) == visible(served)
        record = record_of(page)
        assert array(record["core"]).tobytes() == files["core.wasm"]
        assert visible(record["worker"]) == visible(files["worker.mjs"].decode("utf-8"))

    def test_it_loads_nothing_from_anywhere(self) -> None:
        elements = Elements(page_of(SUBJECTS["digits"]()).html)
        assert elements.addresses == ["data:,"]
        assert "default-src 'none'" in elements.policy
        assert "connect-src" not in elements.policy
        assert not re.search(r"https?:|\*|unsafe-eval'(?<!wasm-unsafe-eval')", elements.policy)

    def test_names_cannot_end_the_script_they_stand_in(self) -> None:
        name = "</script><script>alert(1)</script><!--"
        X, y = np.eye(3), np.array(["a", name, "a"])
        net = MLP([3, 2], output="softmax", seed=0)
        net.classes = ["a", name]
        page = explain.page(net, X, y, walkers=False, title=name, name=name)
        assert name not in page.html
        elements = Elements(page.html)
        assert set(elements.scripts) == {"importmap", "fastnn-style", "fastnn-record", "module"}
        meta = record_of(page)["meta"]
        assert (meta["title"], meta["data"]["name"], meta["classes"]) == (name, name, ["a", name])

    def test_the_same_network_and_examples_give_the_same_bytes(self) -> None:
        subject = SUBJECTS["flowers"]()
        assert page_of(subject).html == page_of(subject).html

    def test_it_is_written_whole_and_shown_in_a_notebook(self, tmp_path: Path) -> None:
        page = page_of(SUBJECTS["moons"](), title='a "b" & c')
        page.save(tmp_path / "page.html")
        assert (tmp_path / "page.html").read_text("utf-8") == page.html
        with pytest.raises(OSError):
            page.save(tmp_path / "no" / "page.html")
        frames: list[dict[str, str | None]] = []

        class Frames(HTMLParser):
            def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
                frames.append({"tag": tag, **dict(attributes)})

        Frames().feed(page._repr_html_())
        (frame,) = frames
        assert frame["srcdoc"] == page.html
        assert frame["title"] == 'a "b" & c'
        assert "allow-same-origin" not in str(frame["sandbox"])
        assert repr(page).startswith("Page('a \"b\" & c', ")

    def test_page_and_file_are_small(self, files: dict[str, bytes]) -> None:
        (X, y), test = fastnn.datasets.load_digits()
        net = MLP([784, 16, 16, 10], output="sigmoid", loss="quadratic", seed=0)
        page = explain.page(net, X, y, test=test)
        assert record_of(page)["meta"]["data"]["n"] == 500
        assert len(page.html.encode()) <= 1_200_000
        scripts = Elements(page.html).scripts
        own = page.html.replace(scripts["fastnn-record"], record_of(page)["worker"])
        assert len(gzip.compress(own.encode(), 9)) <= 78_000

    def test_without_the_core_it_says_what_to_do(self, files: dict[str, bytes]) -> None:
        del files["core.wasm"]
        with pytest.raises(FileNotFoundError, match=r"core\.wasm.*install a wheel"):
            page_of(SUBJECTS["moons"]())


class TestRecord:
    def test_it_holds_the_network_and_the_examples_as_they_are(self, subject: Subject) -> None:
        net, record = subject.net, record_of(page_of(subject))
        assert np.array_equal(array(record["network"]["params"]), net.params.astype(np.float32))
        meta = record["meta"]
        assert meta["network"]["dtype"] == "float32"
        assert meta["network"]["sizes"] == list(net.sizes)
        train, test = record["examples"], record["validation"]
        assert len(array(train["X"])) == meta["data"]["n_train"]
        parts = [train] if test is None else [train, test]
        assert sum(len(array(part["X"])) for part in parts) == meta["data"]["n"] <= 12
        for part, (X, y) in zip(parts, (subject.training, subject.test), strict=False):
            rows, given = array(part["X"]), np.asarray(X)
            assert rows.dtype == given.dtype
            where = [int(np.flatnonzero((given == row).all(axis=1))[0]) for row in rows]
            if subject.classes:
                known = [str(subject.classes[k]) for k in array(part["labels"])]
                assert known == [str(label) for label in y[where]]
            else:
                y = np.ravel(y)[where]
                assert array(part["targets"])[:, 0].tolist() == y.tolist()
                values = (y - net.output_shift) / net.output_scale
                assert np.allclose(array(part["values"])[:, 0], values, rtol=1e-6)

    def test_it_reads_its_inputs_as_the_network_does(self, subject: Subject) -> None:
        record = record_of(page_of(subject))
        network, X = record["network"], array(record["examples"]["X"]).astype(np.float64)
        read = X * network["factor"]
        if network["shift"] is not None:
            read = (X - array(network["shift"])) * array(network["scale"])
        first = subject.net.activations(array(record["examples"]["X"]))[0]
        assert np.allclose(read, first, rtol=1e-6, atol=1e-6)

    def test_its_answers_go_back_to_the_units_of_the_targets(self) -> None:
        subject = SUBJECTS["prices"]()
        record = record_of(page_of(subject))
        X = array(record["examples"]["X"])
        a = subject.net.activations(X)[-1]
        network = record["network"]
        in_units = a * array(network["out_scale"]) + array(network["out_shift"])
        assert np.allclose(in_units, subject.net.predict(X))

    def test_every_sentence_is_that_of_the_views(self, subject: Subject) -> None:
        record = record_of(page_of(subject))
        rows = array(record["examples"]["X"])
        labels = record["examples"]["labels"]
        said = unpacked(record["said"])
        assert len(said) == record["meta"]["data"]["n"]
        for i, x in enumerate(rows):
            if labels is None:
                y: Any = array(record["examples"]["targets"])[i]
            else:
                y = subject.y(int(array(labels)[i]))
            view = explain.nudges(subject.net, x, y)
            expected = [[table.note for table in here.tables()] for here in view.layers()]
            assert said[i]["layers"] == expected[::-1]
            costs = explain.cost_table(subject.net, x[None], np.atleast_1d(y))
            assert said[i]["backprop"][1] in costs.tables()[0].note
            ranking = explain.sensitivity(subject.net, x[None], np.atleast_1d(y))
            pair = said[i]["pair"]
            names = pair["first"]["name"], pair["second"]["name"]
            assert pair["words"] == ranking.sentence(*names)

    def test_both_walkers_are_recorded_on_every_plane(self) -> None:
        subject = SUBJECTS["moons"]()
        record = record_of(page_of(subject, walkers=True, batch_size=4))
        assert record["meta"]["can"]["walkers"] == "recorded"
        assert [one["args"]["plane"] for one in record["walkers"]] == ["principal", "noise"]
        for one in record["walkers"]:
            result = unpacked(one["result"])
            assert result["plane"] == one["args"]["plane"]
            for path in result["paths"]:
                assert len(path["points"]) == 2 * len(path["examples"])
                assert len(path["cost"]) == len(path["costed"])
            assert len(result["surface"]["cost"]) == len(result["surface"]["x"]) ** 2
            assert result["words"]

    def test_the_programs_are_the_functions(self) -> None:
        record = record_of(page_of(SUBJECTS["moons"]()))
        functions = record["meta"]["functions"]
        assert [one["name"] for one in functions] == list(EXAMPLES)
        for one, program in zip(functions, record["programs"], strict=True):
            for x, y in ((0.5, -2.0), (3.0, 0.25)):
                assert run(program, x, y) == pytest.approx(parse(one["expression"])(x, y))

    def test_what_the_file_cannot_do_comes_with_the_reason(self) -> None:
        meta = record_of(page_of(SUBJECTS["digits in float64"]()))["meta"]
        unable = {name for name, able in meta["can"].items() if able is False}
        assert unable == {"open", "type_function", "walkers"}
        assert meta["can"]["why"].keys() == unable
        assert any("float64" in note and "float32" in note for note in meta["notes"])
        assert meta["can"]["sentences"] == "recorded"

    def test_without_a_seed_and_with_odd_metadata_it_says_what_cannot_be(self) -> None:
        net = MLP([3, 2], output="softmax")
        net.metadata["made by"] = object()
        record = record_of(explain.page(net, np.eye(3), [0, 1, 0], walkers=False))
        can = record["meta"]["can"]
        assert (can["save"], can["initial"]) == (False, False)
        assert (record["file"], record["network"]["initial"]) == (None, None)
        assert "metadata must be made of JSON values" in can["why"]["save"]
        assert "without a seed" in can["why"]["initial"]

    def test_a_network_with_frozen_layers_is_shown_and_not_trained(self) -> None:
        net = MLP([3, 4, 2], output="softmax", seed=0)
        net.trainable = [False, True]
        can = record_of(explain.page(net, np.eye(3), [0, 1, 0], walkers=False))["meta"]["can"]
        assert can["train"] is False
        assert "frozen" in can["why"]["train"]

    def test_images_of_any_shape_are_known_as_such(self) -> None:
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (20, 6 * 4), np.uint8)
        net = MLP([24, 3, 2], output="softmax", seed=0)
        net.metadata["image_shape"] = [6, 4]
        meta = record_of(explain.page(net, X, rng.integers(0, 2, 20), walkers=False))["meta"]
        assert meta["inputs"]["image"] == [6, 4, 1]
        assert meta["inputs"]["form"]["shape"] == [6, 4]

    def test_colours_are_known_as_such_even_if_their_number_is_a_square(self) -> None:
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (20, 16 * 12 * 3), np.uint8)  # 24 * 24
        net = MLP([576, 3, 2], output="softmax", seed=0)
        net.metadata["image_shape"] = [16, 12, 3]
        record = record_of(explain.page(net, X, rng.integers(0, 2, 20), walkers=False))
        inputs, names = record["meta"]["inputs"], unpacked(record["neurons"])[0]
        assert inputs["image"] == [16, 12, 3]
        assert (inputs["names"], inputs["low"], inputs["high"]) == (None, 0, 255)
        assert names[:4] == [
            *(f"pixel (0, 0) {colour}" for colour in ("red", "green", "blue")),
            "pixel (0, 1) red",
        ]
        assert names[-1] == "pixel (15, 11) blue"

    def test_examples_are_spread_evenly_and_the_rest_is_left_out(self) -> None:
        X = np.arange(1000.0)[:, None]
        record = record_of(
            explain.page(MLP([1, 1], seed=0), X, X[:, 0], examples=10, walkers=False)
        )
        assert array(record["examples"]["X"])[:, 0].tolist() == list(range(0, 1000, 100))
        assert record["validation"] is None

    def test_classes_that_few_examples_lack_keep_their_numbers(self) -> None:
        X, y = np.arange(300.0)[:, None], np.array(["a", "b", *["c"] * 298])
        net = MLP([1, 3], output="softmax", seed=0)
        record = record_of(explain.page(net, X, y, examples=2, walkers=False))
        assert record["meta"]["classes"] == ["a", "b", "c"]
        assert array(record["examples"]["labels"]).tolist() == [0, 2]
        assert net.classes is None

    def test_a_sparse_matrix_will_do(self) -> None:
        X = sparse.random(40, 6, 0.5, "csr", np.float32, random_state=0)
        net = MLP([6, 2], output="softmax", seed=0)
        record = record_of(explain.page(net, X, np.arange(40) % 2, walkers=False))
        assert np.array_equal(array(record["examples"]["X"]), X.toarray())

    def test_the_network_and_its_state_are_not_changed(self) -> None:
        subject = SUBJECTS["digits"]()
        before = subject.net.params.copy()
        page_of(subject, walkers=True, optimizer=Adam(0.01))
        assert np.array_equal(subject.net.params, before)
        assert subject.net._optimizer == SGD(1.5)


def run(program: list[Any], x: float, y: float) -> float:
    """Run a program of the record on its stack machine."""
    apply = {
        "neg": lambda a: -a,
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda a, b: a**b,
    }
    stack: list[float] = []
    for step in program:
        if isinstance(step, list):
            name, count = step
            values, stack = stack[-count:], stack[:-count]
            stack.append(apply[name](*values))
        else:
            stack.append({"x": x, "y": y}[step] if isinstance(step, str) else step)
    (value,) = stack
    return value


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"examples": 0}, ValueError, "examples"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"test": 3}, ValueError, "test"),
        ({"optimizer": fastnn.LBFGS()}, TypeError, "optimizer"),
        ({"optimizer": SGD(fastnn.schedules.Cosine(0.1))}, TypeError, "lr"),
        ({"y": None}, ValueError, "y"),
        ({"X": np.zeros((4, 9))}, ValueError, "9"),
    ],
)
def test_a_wrong_argument_is_named(
    options: dict[str, Any], error: type[Exception], word: str
) -> None:
    data = {"X": np.zeros((4, 3)), "y": np.arange(4) % 2, **options}
    with pytest.raises(error, match=word):
        explain.page(MLP([3, 2], output="softmax", seed=0), walkers=False, **data)
