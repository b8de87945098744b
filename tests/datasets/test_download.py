"""Published sets: found on this computer, or downloaded from a server on it, not the network."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import re
import stat
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import CONTENT, PACKED, TRAIN, check_four, idx, one_sentence, write_four

from fastnn import datasets
from fastnn.datasets import download, published
from fastnn.datasets.idx import FILES

# Finding and downloading


class Server:
    """An HTTP server on this computer; `answers` maps a path to (status, body, claimed length)."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes, int | None]]] = {}
        self.requests: list[str] = []
        self.seen: list[list[str]] = []  # files in `watch` while each answer was under way
        self.watch: Path | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                answers = server.answers.get(self.path, [(404, b"", 0)])
                status, body, length = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                half = len(body) // 2
                self.wfile.write(body[:half])
                if server.watch is not None and server.watch.is_dir():
                    server.seen.append(sorted(p.name for p in server.watch.iterdir()))
                self.wfile.write(body[half:])

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, mirror: str, content: dict[str, bytes]) -> None:
        for name, body in content.items():
            self.answers[f"/{mirror}/{name}.gz"] = [(200, body, len(body))]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch, server: Server, cache: Path) -> Server:
    """Two mirrors of a small MNIST, whose checksums are of the unpacked files."""
    for mirror in ("one", "two"):
        server.serve(mirror, PACKED)
    small = dataclasses.replace(
        published.MNIST,
        mirrors=(f"{server.url}/one", f"{server.url}/two"),
        sha256=tuple(hashlib.sha256(content).hexdigest() for content in CONTENT.values()),
    )
    monkeypatch.setattr(published, "MNIST", small)
    server.watch = cache
    return server


def test_a_download_fills_the_cache_and_is_not_repeated(mirrors: Server, cache: Path) -> None:
    check_four(datasets.load_mnist())
    assert mirrors.requests == [f"/one/{name}.gz" for name in FILES]
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    check_four(datasets.load_mnist(download=False))
    check_four(datasets.load_mnist())
    assert len(mirrors.requests) == 4


def test_a_download_goes_into_the_folder_that_is_given(
    mirrors: Server, cache: Path, tmp_path: Path
) -> None:
    check_four(datasets.load_mnist(folder=tmp_path / "mine"))
    check_four(datasets.load_mnist(folder=tmp_path / "mine", download=False))
    assert not cache.exists()


def test_a_partial_file_is_never_visible_under_its_name(mirrors: Server, cache: Path) -> None:
    datasets.load_mnist()
    # While file number i was on its way, the i files before it were there, and hidden ones.
    for i, seen in enumerate(mirrors.seen):
        assert {name for name in seen if not name.startswith(".")} == {
            f"{name}.gz" for name in FILES[:i]
        }


def test_a_file_that_is_already_in_the_cache_is_not_fetched(mirrors: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / f"{FILES[0]}.gz").write_bytes(PACKED[FILES[0]])
    check_four(datasets.load_mnist())
    assert len(mirrors.requests) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_mirror_without_the_file_is_asked_once_and_the_next_one_serves(
    mirrors: Server, status: int
) -> None:
    mirrors.answers[f"/one/{FILES[0]}.gz"] = [(status, b"", 0)]
    check_four(datasets.load_mnist())
    # The mirror that had the first file is asked first for the others.
    assert mirrors.requests == [f"/one/{FILES[0]}.gz"] + [f"/two/{name}.gz" for name in FILES]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_mirror_is_tried_three_times(mirrors: Server, status: int) -> None:
    mirrors.answers[f"/one/{FILES[0]}.gz"] = [(status, b"", 0)]
    check_four(datasets.load_mnist())
    assert mirrors.requests[:4] == [f"/one/{FILES[0]}.gz"] * 3 + [f"/two/{FILES[0]}.gz"]


def test_a_mirror_that_is_down_is_passed_over(
    mirrors: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        dead = f"http://127.0.0.1:{gone.server_port}"
    source = dataclasses.replace(published.MNIST, mirrors=(dead, f"{mirrors.url}/two"))
    monkeypatch.setattr(published, "MNIST", source)
    check_four(datasets.load_mnist())
    assert mirrors.requests == [f"/two/{name}.gz" for name in FILES]


@pytest.mark.parametrize("tell_length", [True, False])
def test_a_body_that_ends_early_is_fetched_again(mirrors: Server, tell_length: bool) -> None:
    body = PACKED[FILES[0]]
    length = len(body) if tell_length else None
    mirrors.answers[f"/one/{FILES[0]}.gz"] = [
        (200, body[: len(body) // 2], length),
        (200, body, len(body)),
    ]
    check_four(datasets.load_mnist())
    assert mirrors.requests == [f"/one/{name}.gz" for name in (FILES[0], *FILES)]


def test_the_wait_doubles_between_tries(mirrors: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(download, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr(time, "sleep", waits.append)
    mirrors.answers[f"/one/{FILES[0]}.gz"] = [(500, b"", 0)]
    datasets.load_mnist()
    assert waits == [0.5, 1.0]


def test_a_wrong_checksum_is_an_error_and_leaves_nothing_behind(
    mirrors: Server, cache: Path
) -> None:
    other = gzip.compress(idx(TRAIN + 1))
    for mirror in ("one", "two"):
        mirrors.answers[f"/{mirror}/{FILES[0]}.gz"] = [(200, other, len(other))]
    with pytest.raises(OSError, match="SHA-256") as error:
        datasets.load_mnist()
    assert str(cache) in one_sentence(error)
    assert list(cache.iterdir()) == []
    assert len(mirrors.requests) == 2  # a complete file that is wrong is not asked for again


def test_a_checksum_may_be_of_the_gzip(mirrors: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = tuple(hashlib.sha256(packed).hexdigest() for packed in PACKED.values())
    source = dataclasses.replace(
        published.FASHION_MNIST, mirrors=(f"{mirrors.url}/one",), sha256=sums
    )
    assert source.checksum_of == "gz"
    monkeypatch.setattr(published, "FASHION_MNIST", source)
    check_four(datasets.load_fashion_mnist())
    repacked = gzip.compress(CONTENT[FILES[0]], compresslevel=1, mtime=1)
    mirrors.answers[f"/one/{FILES[0]}.gz"] = [(200, repacked, len(repacked))]
    (datasets.cache_folder() / "fashion-mnist" / f"{FILES[0]}.gz").unlink()
    with pytest.raises(OSError, match="SHA-256"):
        datasets.load_fashion_mnist()


def test_a_body_without_end_is_cut_off(
    mirrors: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_MOST_BYTES", 20)
    with pytest.raises(OSError, match="larger than 20 bytes"):
        datasets.load_mnist()
    assert list(cache.iterdir()) == []


def test_ctrl_c_removes_the_temporary_file(
    mirrors: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        assert [p.suffix for p in cache.iterdir()] == [".part"]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.load_mnist()
    assert list(cache.iterdir()) == []


def test_two_downloads_at_once_both_succeed(mirrors: Server, cache: Path) -> None:
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(datasets.load_mnist())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for splits in results:
        check_four(splits)
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{name}.gz" for name in FILES)


def test_offline_the_error_names_the_files_and_the_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError(OSError("Name or service not known"))

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    source = dataclasses.replace(published.MNIST, mirrors=("https://example.org/mnist",))
    monkeypatch.setattr(published, "MNIST", source)
    with pytest.raises(OSError) as error:
        datasets.load_mnist()
    text = one_sentence(error)
    assert all(f"{name}.gz" in text for name in FILES)
    assert str(cache) in text and "$FASTNN_DATA_DIR" in text
    assert "example.org" in text and "Name or service not known" in text


def test_without_leave_to_download_the_error_says_what_to_put_where(cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"FASTNN_DATA_DIR") as error:
        datasets.load_mnist(download=False)
    assert str(cache) in one_sentence(error)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_an_error_with_advice(
    mirrors: Server, cache: Path
) -> None:
    cache.parent.mkdir(parents=True)
    cache.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OSError, match="FASTNN_DATA_DIR"):
        datasets.load_mnist()


def test_a_file_in_the_way_of_the_cache_is_an_error_with_advice(
    mirrors: Server, cache: Path
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("")
    with pytest.raises(OSError, match="FASTNN_DATA_DIR"):
        datasets.load_mnist()


@pytest.mark.parametrize("below", ["", "mnist"])
def test_the_data_folder_of_the_environment_comes_before_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    write_four(cache)
    (cache / FILES[0]).write_bytes(idx(TRAIN + 1))
    write_four(tmp_path / "data" / below)
    monkeypatch.setenv("FASTNN_DATA_DIR", str(tmp_path / "data"))
    check_four(datasets.load_mnist())


def test_an_installed_copy_is_found_and_not_downloaded(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert published.FASHION_MNIST.folders == ()
    source = dataclasses.replace(published.FASHION_MNIST, folders=(str(tmp_path / "system"),))
    monkeypatch.setattr(published, "FASHION_MNIST", source)
    write_four(tmp_path / "system", packed=True)
    check_four(datasets.load_fashion_mnist())


def test_a_copy_of_another_size_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_four(tmp_path / "mine")
    source = dataclasses.replace(published.MNIST, sizes=(60000, 10000), image_shape=(28, 28))
    monkeypatch.setattr(published, "MNIST", source)
    with pytest.raises(ValueError, match=r"3 and 2 images of 2 x 4; expected 60000 and 10000"):
        datasets.load_mnist(folder=tmp_path / "mine")


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "{chosen}/fastnn"),
        ("linux", None, "{home}/.cache/fastnn"),
        ("darwin", None, "{home}/Library/Caches/fastnn"),
        ("win32", "LOCALAPPDATA", "{chosen}/fastnn"),
        ("win32", None, "{home}/AppData/Local/fastnn"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    variable: str | None,
    expected: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "chosen"))
    path = Path(expected.format(chosen=tmp_path / "chosen", home=tmp_path / "home"))
    assert datasets.cache_folder() == path


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert datasets.cache_folder() == tmp_path / ".cache" / "fastnn"


def test_progress_is_shown_on_stderr_only_and_only_when_asked(
    mirrors: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets.load_mnist(folder=tmp_path / "quiet")  # stderr is no terminal here
    assert capsys.readouterr() == ("", "")
    datasets.load_mnist(folder=tmp_path / "loud", progress=True)
    assert capsys.readouterr().out == ""


def test_published_checksums_are_complete_and_the_mirrors_have_the_files_at_their_root() -> None:
    for source in (published.MNIST, published.FASHION_MNIST):
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in source.sha256)
        assert len(set(source.sha256)) == 4 and len(source.mirrors) >= 2
        assert not any(mirror.endswith("/") for mirror in source.mirrors)


def test_full_mnist_has_the_published_labels_and_test_images() -> None:
    if not os.environ.get("FASTNN_DATA_DIR"):
        pytest.skip("$FASTNN_DATA_DIR is not set: full MNIST is not on this computer")
    try:
        (X_train, y_train), (X_test, y_test) = datasets.load_mnist(download=False)
    except FileNotFoundError as error:
        pytest.skip(f"full MNIST is not on this computer: {error}")
    assert (X_train.shape, X_test.shape) == ((60000, 784), (10000, 784))
    originals = (
        (1, y_train.astype(np.uint8)),
        (2, X_test.reshape(-1, 28, 28)),
        (3, y_test.astype(np.uint8)),
    )
    for i, array in originals:  # the training images may be a rebuilt copy
        assert hashlib.sha256(idx(array)).hexdigest() == published.MNIST.sha256[i]
    assert np.bincount(y_train).min() == 5421 and y_train[:5].tolist() == [5, 0, 4, 1, 9]
