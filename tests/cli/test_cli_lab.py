"""``fastnn lab``: the page that it serves, what it opens, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

import fastnn
from fastnn.cli import lab, main
from fastnn.explain.answers import message
from fastnn.explain.page_files import read_page
from fastnn.lab.server import TOKEN_HEADER, Server
from fastnn.lab.session import Session


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
def served(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """The sessions that are served; each server ends at once, as by Ctrl-C."""
    sessions: list[Session] = []

    def serve(self: Server, poll_interval: float) -> None:
        sessions.append(self.session)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", serve)
    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    return sessions


def meta(session: Session) -> dict[str, Any]:
    return session.call("meta", {})


class TestWhatIsServed:
    def test_a_model_with_the_data_it_was_trained_on(
        self, run: Any, served: list[Session], model: Path
    ) -> None:
        status, out, err = run("lab", model, "--no-browser")
        assert (status, err) == (130, "fastnn: interrupted\n")
        assert "dots, 80 examples" in out
        assert "http://127.0.0.1:" in out
        facts = meta(served[0])
        assert facts["data"] == {"name": "dots", "n": 80, "n_train": 64}
        assert facts["classes"] == ["blue", "red"]
        assert facts["inputs"]["names"] == ["width", "height"]
        assert np.array_equal(served[0].subject.net.params, fastnn.load(model).params)

    def test_without_a_model_a_new_network_for_the_digits(
        self, run: Any, served: list[Session]
    ) -> None:
        run("lab", "--no-browser")
        facts = meta(served[0])
        assert facts["network"]["sizes"] == [784, 16, 16, 10]
        assert facts["data"] == {"name": "digits", "n": 5000, "n_train": 4000}
        assert facts["optimizer"] == {"kind": "SGD", "lr": 1.5, "momentum": 0.0, "batch_size": 10}
        net = fastnn.MLP(
            [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
        )
        assert np.array_equal(served[0].subject.net.params, net.params)

    def test_without_a_model_a_new_network_for_other_data(
        self, run: Any, served: list[Session], tmp_path: Path
    ) -> None:
        rows = "".join(f"{k / 2},{k * k},{k / 7}\n" for k in range(40))
        (tmp_path / "squares.csv").write_text(f"a,b,c\n{rows}")
        run("lab", "--data", tmp_path / "squares.csv", "--target", "b", "--no-browser")
        facts = meta(served[0])
        assert facts["task"] == "values"
        assert facts["inputs"]["names"] == ["a", "c"]
        assert facts["outputs"]["names"] == ["b"]
        served[0].call("advance", {"epochs": 1})

    def test_a_browser_is_opened_with_an_address_without_the_token(
        self, run: Any, served: list[Session], model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(lab.threading, "Thread", Now)
        monkeypatch.setattr(webbrowser, "open", opened.append)
        _, out, _ = run("lab", model)
        assert len(opened) == 1
        token = next(word for word in out.split() if "token=" in word).partition("token=")[2]
        assert token
        assert token not in opened[0]

    def test_training_and_saving_leave_the_model_file(
        self, run: Any, served: list[Session], model: Path
    ) -> None:
        before = model.read_bytes()
        run("lab", model, "--no-browser")
        served[0].call("advance", {"epochs": 2})
        saved = served[0].call("save", {})
        assert saved["name"] == "dots.safetensors"
        assert saved["bytes"] != before
        assert model.read_bytes() == before


class Now:
    """A thread whose work is done when it is started."""

    def __init__(self, target: Any, args: Any, daemon: bool) -> None:
        self._work = lambda: target(*args)

    def start(self) -> None:
        self._work()


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("flags", "status", "word"),
        [
            (["--port", "70000"], 2, "port"),
            (["--port", "-1"], 2, "port"),
            (["no-such-model.safetensors"], 1, "no-such-model"),
            (["--data", "no-such-data.csv"], 1, "no-such-data"),
            (["--data", "dots.csv", "--target", "age"], 1, "age"),
        ],
    )
    def test_it_is_one_line(
        self, run: Any, served: list[Session], flags: list[str], status: int, word: str
    ) -> None:
        found, _, err = run("lab", "--no-browser", *flags)
        assert found == status
        assert word in err
        assert err.count("\n") == 1
        assert served == []

    def test_a_port_that_is_taken(self, run: Any, served: list[Session], model: Path) -> None:
        run("lab", model, "--no-browser")
        taken = Server(served[0])
        status, _, err = run("lab", model, "--no-browser", "--port", taken.server_port)
        taken.server_close()
        assert status == 1
        assert err.startswith(f"fastnn: error: --port {taken.server_port}: ")


class TestOneFile:
    @pytest.fixture(autouse=True)
    def _with_a_core(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other bytes in the place of the core, where it was not built."""
        found = {"core.wasm": b"\0asm", "worker.mjs": b"// worker", **read_page()}
        monkeypatch.setattr(sys.modules["fastnn.explain.page"], "read_page", lambda: found)

    def test_it_has_the_model_and_examples_for_training_and_test(
        self, run: Any, served: list[Session], model: Path, tmp_path: Path
    ) -> None:
        to = tmp_path / "lab.html"
        status, out, err = run("lab", model, "-o", to)
        assert (status, err, served) == (0, "", [])
        assert str(to) in out
        text = to.read_text("utf-8").partition('id="fastnn-record">')[2].partition("</script>")[0]
        meta = json.loads(text)["meta"]
        assert meta["data"] == {"name": "dots", "n": 80, "n_train": 64}
        assert meta["title"] == "dots.safetensors"

    def test_another_ending_is_wrong_usage(self, run: Any, model: Path, tmp_path: Path) -> None:
        status, _, err = run("lab", model, "-o", tmp_path / "lab.pdf")
        assert status == 2
        assert ".html" in err
        assert run("lab", model, "-o", tmp_path / "no" / "lab.html")[0] == 1


class TestOpen:
    @pytest.fixture
    def session(self, run: Any, served: list[Session], model: Path) -> Session:
        run("lab", model, "--no-browser")
        return served[0]

    def test_a_table_of_the_same_columns_is_shown_to_the_network(
        self, session: Session, model: Path
    ) -> None:
        text = b"height,width,colour\n1,2,red\n3,4,blue\n5,4,red\n"
        facts = opened(session, "new.csv", text)
        assert facts["data"] == {"name": "new", "n": 3, "n_train": 3}
        assert session.call("example", {"index": 1})["x"].tolist() == [4, 3]
        assert np.array_equal(session.subject.net.params, fastnn.load(model).params)

    def test_another_table_gets_a_new_network(self, session: Session) -> None:
        rows = "".join(f"{k / 2},{k * k},{k % 7},{2 * k}\n" for k in range(40))
        facts = opened(session, "squares.csv", b"a,b,c,d\n" + rows.encode())
        assert facts["network"]["sizes"][0] == 3
        assert facts["task"] == "values"
        session.call("advance", {"epochs": 1})

    def test_a_model_comes_with_its_data_or_with_what_fits(
        self, session: Session, model: Path, tmp_path: Path
    ) -> None:
        facts = opened(session, "again.safetensors", model.read_bytes())
        assert facts["data"] == {"name": "dots", "n": 80, "n_train": 64}
        fastnn.MLP([2, 3, 2], output="softmax", seed=0).save(tmp_path / "a.safetensors")
        facts = opened(session, "a.safetensors", (tmp_path / "a.safetensors").read_bytes())
        assert facts["network"]["sizes"] == [2, 3, 2]
        fastnn.MLP([5, 1], seed=0).save(tmp_path / "b.safetensors")
        facts = opened(session, "b.safetensors", (tmp_path / "b.safetensors").read_bytes())
        assert facts["data"] is None

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.exe", b"MZ"),
            ("a", b""),
            ("../../etc/passwd", b"root"),
            ("a.safetensors", b"nonsense"),
            ("a.csv", b""),
            ("a.csv", b"a,b\n1\n"),
            ("a.npz", b"PK"),
        ],
    )
    def test_anything_else_is_refused_by_its_name(
        self, session: Session, name: str, content: bytes
    ) -> None:
        before = meta(session)
        with pytest.raises(ValueError, match=r"expected|model|a\.csv|a\.npz") as error:
            opened(session, name, content)
        assert "tmp" not in str(error.value)
        assert meta(session) == before


def opened(session: Session, name: str, content: bytes) -> dict[str, Any]:
    arguments = {"name": name, "bytes": np.frombuffer(content, np.uint8)}
    facts: dict[str, Any] = session.call("open", arguments)["meta"]
    return facts


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("training", [False, True])
def test_ctrl_c_ends_the_server_whether_it_trains_or_not(model: Path, training: bool) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from fastnn.cli import main; sys.exit(main(['lab', sys.argv[1], '--no-browser']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        url = ""
        while "token=" not in url:
            url = child.stdout.readline()
            assert url, child.stderr.read()
        address = urlsplit(url.split()[-1])
        assert urllib.request.urlopen(url.split()[-1], timeout=60).status == 200
        if training:
            request = urllib.request.Request(
                f"http://{address.netloc}/call/train",
                message.pack({"play": True}),
                {TOKEN_HEADER: address.query.removeprefix("token=")},
            )
            assert urllib.request.urlopen(request, timeout=60).status == 200
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
        assert child.stderr.read() == "fastnn: interrupted\n"
