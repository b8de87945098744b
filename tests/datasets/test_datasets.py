"""Data sets, IDX files, tables, and downloads from a server on this computer, not the network.

Over 400 lines: a hostile file for each thing that can be wrong with one.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import os
import re
import stat
import struct
import sys
import threading
import time
import tracemalloc
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import datasets
from fastnn.datasets import download, published, tables
from fastnn.datasets.idx import FILES

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: np.ndarray) -> bytes:
    """The IDX file of an array, written from the format's description."""
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    header = bytes([0, 0, CODES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(f">{kind}").tobytes()


TRAIN = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
TEST = 200 + np.arange(2 * 2 * 4, dtype=np.uint8).reshape(2, 2, 4)
TRAIN_LABELS, TEST_LABELS = np.array([7, 0, 9], np.uint8), np.array([1, 2], np.uint8)
CONTENT = dict(zip(FILES, map(idx, (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)), strict=True))


def write_four(folder: Path, *, packed: bool = False, dotted: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        name = name.replace("-idx", ".idx") if dotted else name
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def check_four(splits: Any) -> None:
    (X_train, y_train), (X_test, y_test) = splits
    np.testing.assert_array_equal(X_train, TRAIN.reshape(3, 8))
    np.testing.assert_array_equal(X_test, TEST.reshape(2, 8))
    np.testing.assert_array_equal(y_train, TRAIN_LABELS)
    np.testing.assert_array_equal(y_test, TEST_LABELS)
    for X, y in splits:
        assert X.dtype == np.uint8 and y.dtype == np.int64
        assert X.flags.c_contiguous and X.flags.writeable and y.flags.writeable


def one_sentence(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text and "\n" not in text
    return text


# The embedded digits


def test_the_embedded_digits_are_five_hundred_of_each_as_bytes() -> None:
    (X_train, y_train), (X_test, y_test) = datasets.load_digits()
    assert (X_train.shape, X_test.shape) == ((4000, 784), (1000, 784))
    assert X_train.dtype == X_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert X_train.max() == 255 and X_train.flags.c_contiguous and X_train.flags.writeable


def test_changing_the_embedded_digits_does_not_change_the_next_load() -> None:
    datasets.load_digits()[0][0][:] = 0
    assert datasets.load_digits()[0][0].any()


# IDX files


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_four_idx_files_are_read_gzipped_or_not_in_both_spellings(
    tmp_path: Path, packed: bool, dotted: bool
) -> None:
    check_four(datasets.load_idx(write_four(tmp_path, packed=packed, dotted=dotted)))


@pytest.mark.parametrize("kind", sorted(CODES))
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (1, 2, 1, 2, 1)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_type_and_rank_of_idx_comes_back_as_it_was(
    tmp_path: Path, kind: str, shape: tuple[int, ...], pack: Callable[[bytes], bytes]
) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    array.flat[0] = -3 if kind[0] != "u" else 250
    (tmp_path / "a").write_bytes(pack(idx(array)))
    found = datasets.read_idx(tmp_path / "a")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.dtype.isnative
    assert found.flags.c_contiguous and found.flags.writeable


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_file_cut_at_any_byte_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    whole, path = pack(idx(TRAIN)), tmp_path / "images"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape(str(path))) as error:
            datasets.read_idx(path)
        one_sentence(error)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_flipped_bit_of_a_header_is_noticed(tmp_path: Path, name: str, packed: bool) -> None:
    write_four(tmp_path)
    content = CONTENT[name]
    for i in range(4 + 4 * content[3]):
        for bit in range(8):
            bad = bytearray(content)
            bad[i] ^= 1 << bit
            (tmp_path / name).write_bytes(gzip.compress(bad) if packed else bad)
            with pytest.raises(ValueError, match=name) as error:
                datasets.load_idx(tmp_path)
            one_sentence(error)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("extra", [b"\0", b"garbage"])
def test_bytes_after_the_last_value_are_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], extra: bytes
) -> None:
    (tmp_path / "a").write_bytes(pack(idx(TRAIN) + extra))
    with pytest.raises(ValueError, match=r"expected 24, 3 x 2 x 4 values of type uint8"):
        datasets.read_idx(tmp_path / "a")


def test_bytes_after_the_gzip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(idx(TRAIN)) + b"garbage")
    with pytest.raises(ValueError, match="damaged gzip"):
        datasets.read_idx(tmp_path / "a")


def test_no_flipped_byte_of_a_gzip_changes_values_unnoticed(tmp_path: Path) -> None:
    whole, path = gzip.compress(idx(TRAIN)), tmp_path / "a"
    for i in range(len(whole)):
        bad = bytearray(whole)
        bad[i] ^= 0xFF
        path.write_bytes(bad)
        try:
            found = datasets.read_idx(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # time stamp, extra flags and operating system carry no data
            assert i in range(3, 10)
            np.testing.assert_array_equal(found, TRAIN)


@pytest.mark.parametrize("content", [b"", b"\0", b"\x1f\x8b", b"<html>not found</html>", b"PK\3\4"])
def test_a_file_that_is_not_idx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"not an IDX file|damaged gzip") as error:
        datasets.read_idx(tmp_path / "a")
    assert str(tmp_path / "a") in one_sentence(error)


@pytest.mark.parametrize("rank", [0, 33, 255])
def test_a_number_of_dimensions_that_arrays_cannot_have_is_refused(
    tmp_path: Path, rank: int
) -> None:
    (tmp_path / "a").write_bytes(bytes([0, 0, 8, rank]) + b"\0\0\0\1" * rank + b"\5")
    with pytest.raises(ValueError, match=f"{rank} dimensions"):
        datasets.read_idx(tmp_path / "a")


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (3, 0, 28), (2**32 - 1, 0, 2**32 - 1)])
def test_a_file_without_values_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    (tmp_path / "a").write_bytes(header)
    with pytest.raises(ValueError, match="is empty"):
        datasets.read_idx(tmp_path / "a")


def peak_memory(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("n", [2**20, 2**31, 2**32 - 1])
def test_a_header_that_claims_too_much_takes_no_memory(
    tmp_path: Path, pack: Callable[[bytes], bytes], n: int
) -> None:
    (tmp_path / "a").write_bytes(pack(bytes([0, 0, 14, 2]) + struct.pack(">2I", n, n) + b"\1" * 99))
    assert peak_memory(lambda: datasets.read_idx(tmp_path / "a")) < 1 << 20


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_claims(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 1]) + struct.pack(">I", 1000)
    (tmp_path / "a").write_bytes(gzip.compress(header + bytes(64 << 20)))
    assert peak_memory(lambda: datasets.read_idx(tmp_path / "a")) < 1 << 20


def test_labels_in_place_of_images_are_noticed(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).write_bytes(CONTENT[FILES[1]])
    with pytest.raises(ValueError, match=r"holds 3 values .* expected images") as error:
        datasets.load_idx(tmp_path)
    assert FILES[0] in one_sentence(error)


def test_images_in_place_of_labels_are_noticed(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[3]).write_bytes(CONTENT[FILES[2]])
    with pytest.raises(ValueError, match=r"holds 2 x 2 x 4 values .* expected labels"):
        datasets.load_idx(tmp_path)


def test_images_that_are_not_bytes_are_refused(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).write_bytes(idx(TRAIN.astype(np.float32)))
    with pytest.raises(ValueError, match=r"type float32; expected images"):
        datasets.load_idx(tmp_path)


def test_as_many_labels_as_images_are_expected(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[1]).write_bytes(idx(np.arange(4, dtype=np.uint8)))
    with pytest.raises(ValueError, match=r"3 images and train-labels-idx1-ubyte 4 labels"):
        datasets.load_idx(tmp_path)


def test_training_and_test_images_have_one_size(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[2]).write_bytes(idx(TEST.reshape(2, 4, 2)))
    with pytest.raises(ValueError, match="images of 2 x 4 and test images of 4 x 2"):
        datasets.load_idx(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / FILES[0]).unlink()
    (tmp_path / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=f"{FILES[0]}, {FILES[3]}") as error:
        datasets.load_idx(tmp_path)
    assert str(tmp_path) in one_sentence(error)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        datasets.load_idx(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        datasets.read_idx(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        datasets.read_idx(tmp_path)


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


PACKED = {name: gzip.compress(content) for name, content in CONTENT.items()}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, no $FASTNN_DATA_DIR, no system folder, no waiting, no proxy."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTNN_DATA_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAIT_SECONDS", 0)
    for name in ("MNIST", "FASHION_MNIST"):
        small = dataclasses.replace(
            getattr(published, name), mirrors=(), folders=(), sizes=(3, 2), image_shape=(2, 4)
        )
        monkeypatch.setattr(published, name, small)
    return tmp_path / "cache" / "fastnn" / "mnist"


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


# Tables: text


def csv_file(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_a_header_gives_features_names_and_the_last_column_as_target(
    tmp_path: Path,
) -> None:
    table = tables.load_table(csv_file(tmp_path, "a,b,kind\n1,2.5,0\n-3,4e2,7\n"))
    assert table.X.dtype == np.float64 and table.X.tolist() == [[1, 2.5], [-3, 400]]
    assert table.y.dtype == np.int64 and table.y.tolist() == [0, 7]
    assert (table.feature_names, table.target_name) == (("a", "b"), "kind")


def test_a_csv_without_a_header_has_no_names(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, "1,2,cat\n3,4,dog\n"))
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == ["cat", "dog"]
    assert table.feature_names is None and table.target_name is None


def test_a_header_of_numbers_is_known_by_its_target(tmp_path: Path) -> None:
    table = tables.load_table(csv_file(tmp_path, "0,1,class\n5,6,2\n7,8,3\n"))
    assert table.X.tolist() == [[5, 6], [7, 8]] and table.y.tolist() == [2, 3]
    assert (table.feature_names, table.target_name) == (("0", "1"), "class")


@pytest.mark.parametrize("target", ["kind", 0, "0", -3])
def test_the_target_may_be_any_column_by_name_or_position(
    tmp_path: Path, target: str | int
) -> None:
    table = tables.load_table(csv_file(tmp_path, "kind,a,b\n7,1,2\n8,3,4\n"), target=target)
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == [7, 8]
    assert (table.feature_names, table.target_name) == (("a", "b"), "kind")


def test_target_numbers_are_float64_and_text_is_text(tmp_path: Path) -> None:
    y = tables.load_table(csv_file(tmp_path, "1,2\n1,3.5\n")).y
    assert y.dtype == np.float64 and y.tolist() == [2, 3.5]
    y = tables.load_table(csv_file(tmp_path, "1, 2\n1, x\n")).y
    assert y.dtype.kind == "U" and y.tolist() == ["2", "x"]
    y = tables.load_table(csv_file(tmp_path, f"1,2\n1,{10**30}\n")).y
    assert y.dtype == np.float64


def test_tabs_quotes_blank_lines_crlf_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    text = '\ufeffa\t"b\nc"\tkind\r\n\r\n1\t"2"\t"x\ty"\r\n'
    table = tables.load_table(csv_file(tmp_path, text, "t.TSV"))
    assert table.X.tolist() == [[1, 2]] and table.y.tolist() == ["x\ty"]
    assert table.feature_names == ("a", "b\nc")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_separates_the_cells_is_told_by_the_first_line(
    tmp_path: Path, name: str, separator: str
) -> None:
    cells = [["a", "b", "kind"], ["1", "2.5", '"red, or ;\tor"'], ["3", "4", "blue"]]
    (tmp_path / name).write_text("".join(separator.join(row) + "\n" for row in cells))
    if name == "t.tsv" and separator != "\t":
        with pytest.raises(ValueError, match=r"has one column|as in the first row"):
            tables.load_table(tmp_path / name)
        return
    table = tables.load_table(tmp_path / name)
    assert table.feature_names == ("a", "b")
    assert table.X.tolist() == [[1, 2.5], [3, 4]]
    assert table.y.tolist() == ["red, or ;\tor", "blue"]
    (tmp_path / f"rows-{name}").write_text(f"1{separator}2.5\n3{separator}4\n")
    assert tables.load_rows(tmp_path / f"rows-{name}").tolist() == [[1, 2.5], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n4,x,6\n", r"line 3, column 1 \('b'\): expected a number, found 'x'"),
        ("1,2,3\n4,,6\n", r"line 2, column 1: expected a number, found an empty cell"),
        ("1,2,3\n4, ,6\n", r"line 2, column 1: .* an empty cell"),
        (",2,3\n4,5,6\n", r"line 1, column 0: .* an empty cell"),
        ("1,2,3\nnan,5,6\n", r"line 2, column 0: expected a number, found 'nan'"),
        ("1,2,3\n\n4,-inf,6\n", r"line 3, column 1: expected a number, found '-inf'"),
        ("1,2,3\n4,1e999,6\n", r"line 2, column 1: expected a number, found 'inf'"),
        ("1,2,3\n4,1_000,6\n", r"line 2, column 1: expected a number, found '1_000'"),
        ("1,2,3\n4,5\n", r"line 2: expected 3 columns, as in the first row, and found 2"),
        ("1,2,3\n4,5,6,7\n", r"line 2: expected 3 columns"),
        ("1,2,3\n4,5,\n", r"line 2, column 2: expected a target, found an empty cell"),
        ("a,b,c\n1,2,0.5\n4,5,nan\n", r"line 3, column 2 \('c'\): expected a target, found 'nan'"),
        ("1,2,3\n4," + "x" * 99 + ",6\n", r"found 'x{37}\.\.\.'"),
        ("a;b;c\n1,5;2;3\n", r"column 0 \('a'\): .* found '1,5', which needs a decimal point"),
        ("", "is empty; expected a table"),
        ("1\n2\n", "has one column; expected one feature at least"),
        ("a,b,c\n", "has a header and no rows"),
        ('1,2,3\n"4,5,6\n', "is not a table of UTF-8 text"),
        ("1,2,3\n4,5," + "x" * 200_000 + "\n", "is not a table of UTF-8 text: field larger"),
    ],
)
def test_a_bad_cell_or_row_of_text_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = csv_file(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        tables.load_table(path)
    assert str(path) in one_sentence(error)


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("1,2,é\n".encode("latin-1"))
    with pytest.raises(ValueError, match="is not a table of UTF-8 text"):
        tables.load_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "speces",
            "has no columns called 'speces'; expected one in the header, which reads a, a, kind",
        ),
        ("a", "has 2 columns called 'a'"),
        (3, "target is column 3; .* has columns 0 to 2"),
        ("-4", "target is column -4"),
    ],
)
def test_a_target_that_is_not_there_is_named(
    tmp_path: Path, target: str | int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tables.load_table(csv_file(tmp_path, "a,a,kind\n1,2,3\n"), target=target)


def test_a_table_in_no_known_format_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.csv, \.tsv, \.npz, \.npy"):
        tables.load_table(csv_file(tmp_path, "", "t.xlsx"))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tables.load_table(tmp_path / "t.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        tables.load_table(tmp_path / "folder.csv")


# Tables: NumPy's files


def test_an_npy_table_has_its_target_in_the_last_column_or_the_one_chosen(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([[0.5, 1, 2], [1.5, 3, 4]]))
    table = tables.load_table(tmp_path / "t.npy")
    assert table.X.tolist() == [[0.5, 1], [1.5, 3]]
    assert table.y.dtype == np.int64 and table.y.tolist() == [2, 4]
    table = tables.load_table(tmp_path / "t.npy", target="1")
    assert table.X.tolist() == [[0.5, 2], [1.5, 4]] and table.y.tolist() == [1, 3]
    table = tables.load_table(tmp_path / "t.npy", target=0)
    assert table.X.tolist() == [[1, 2], [3, 4]] and table.y.tolist() == [0.5, 1.5]
    with pytest.raises(ValueError, match="have no names"):
        tables.load_table(tmp_path / "t.npy", target="kind")


def test_a_large_npy_is_mapped_and_keeps_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "t.npy", np.arange(12, dtype=np.uint8).reshape(4, 3))
    monkeypatch.setattr(tables, "_MAP_FROM", 10)
    table = tables.load_table(tmp_path / "t.npy")
    assert isinstance(table.X, np.memmap) and table.X.dtype == np.uint8
    assert table.y.tolist() == [2, 5, 8, 11] and table.y.dtype == np.int64


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_claiming(shape: tuple[int, ...], body: bytes = b"") -> bytes:
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + body


BAD_NPY = [
    (npy(np.zeros((2, 3)))[:-1], "holds 47 bytes; expected 48"),
    (npy(np.zeros((2, 3))) + b"\0", "holds 49 bytes; expected 48"),
    (npy_claiming((10**12, 10**3)), "holds 0 bytes; expected 8000000000000000"),
    (npy_claiming((-2, -3), bytes(48)), "holds 48 bytes"),
    (npy_claiming((0, 10**30)), "holds 0 bytes"),
    (npy(np.array([[object()]], dtype=object)), "type object; expected numbers or text"),
    (npy(np.zeros((2, 3), "complex64")), "type complex64"),
    (b"", "not a readable .npy array"),
    (b"PK\3\4 not numpy", "not a readable .npy array"),
    (npy(np.zeros((2, 3))).replace(b"}", b" "), "not a readable .npy array"),
    (npy(np.zeros((2, 3)))[:20], "not a readable .npy array"),
]


@pytest.mark.parametrize(("content", "message"), BAD_NPY)
def test_a_bad_npy_is_refused_before_memory_is_taken(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "t.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        tables.load_table(path)
    assert str(path) in str(error.value)
    assert peak_memory(lambda: tables.load_table(path)) < 1 << 20


@pytest.mark.parametrize(("content", "message"), BAD_NPY)
def test_a_bad_array_in_an_npz_is_refused_before_memory_is_taken(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "t.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", content)
        archive.writestr("y.npy", npy(np.zeros(2)))
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        tables.load_table(path)
    assert f"{path}, array 'X'" in str(error.value)
    assert peak_memory(lambda: tables.load_table(path)) < 1 << 20


@pytest.mark.parametrize("names", [("X", "y"), ("x", "y"), ("X_train", "y_train")])
def test_an_npz_gives_its_arrays_as_they_are(tmp_path: Path, names: tuple[str, str]) -> None:
    X, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.array(["a", "b", "a"])
    np.savez(tmp_path / "t.npz", **{names[0]: X, names[1]: y})
    table = tables.load_table(tmp_path / "t.npz")
    assert table.X.dtype == np.float32 and table.X.tolist() == X.tolist()
    assert table.y.tolist() == y.tolist() and table.X_test is None


def test_an_npz_laid_out_like_keras_mnist_gives_training_and_test_images(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "mnist.npz",
        x_train=TRAIN,
        y_train=TRAIN_LABELS,
        x_test=TEST,
        y_test=TEST_LABELS,
    )
    data = datasets.load_data(tmp_path / "mnist.npz")
    assert data.test is not None
    check_four((data.train, data.test))
    assert (data.name, data.image_shape) == ("mnist", (2, 4))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": TRAIN}, "has the arrays images; expected X and y, or x_train and y_train"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "expected targets for 3 examples"),
        ({"X": np.zeros(3), "y": np.zeros(3)}, r"expected \(n, d\)"),
        ({"X": np.array([["a"]]), "y": np.zeros(1)}, "expected numbers"),
        (
            {
                "x_train": np.zeros((2, 3)),
                "y_train": np.zeros(2),
                "x_test": np.zeros((2, 4)),
                "y_test": np.zeros(2),
            },
            "x_test has rows of 4, x_train of 3",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message) as error:
        tables.load_table(tmp_path / "t.npz")
    assert "t.npz" in one_sentence(error)


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    bomb = np.broadcast_to(np.zeros(1, np.uint8), (200_000, 1000))
    np.savez_compressed(tmp_path / "t.npz", X=bomb, y=np.zeros(200_000, np.uint8))
    with pytest.raises(ValueError, match="more than 200 times its own size"):
        tables.load_table(tmp_path / "t.npz")
    assert peak_memory(lambda: tables.load_table(tmp_path / "t.npz")) < 1 << 20


def test_an_npz_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez_compressed(path, X=np.arange(6.0).reshape(3, 2), y=np.arange(3))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            tables.load_table(path)


def test_a_flipped_byte_in_an_npz_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    X, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    np.savez_compressed(path, X=X, y=y)
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        try:
            table = tables.load_table(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(table.X, X)
            np.testing.assert_array_equal(table.y, y)


def test_an_npz_takes_no_target(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.zeros((3, 2)), y=np.zeros(3))
    with pytest.raises(ValueError, match="target is for tables"):
        tables.load_table(tmp_path / "t.npz", target=0)


# load_data


def test_the_name_digits_stands_for_the_embedded_digits() -> None:
    data = datasets.load_data("digits")
    assert data.test is not None and data.test[0].shape == (1000, 784)
    assert (data.name, data.image_shape, data.feature_names) == ("digits", (28, 28), None)


def test_the_names_of_the_large_sets_stand_for_them(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_four(tmp_path)
    monkeypatch.setenv("FASTNN_DATA_DIR", str(tmp_path))
    for name in ("mnist", "fashion-mnist"):
        data = datasets.load_data(name)
        check_four((data.train, data.test))
        assert data.name == name


def test_a_folder_of_idx_files_keeps_the_shape_of_its_images(tmp_path: Path) -> None:
    data = datasets.load_data(write_four(tmp_path / "glyphs"))
    check_four((data.train, data.test))
    assert (data.name, data.image_shape) == ("glyphs", (2, 4))


def test_a_table_has_names_and_no_test_examples(tmp_path: Path) -> None:
    data = datasets.load_data(csv_file(tmp_path, "kind,a,b\nx,1,2\n"), target="kind")
    assert data.test is None and data.image_shape is None
    assert (data.name, data.feature_names, data.target_name) == ("t", ("a", "b"), "kind")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("minst", "'mnist'"), ("fashion_mnist", "'fashion-mnist'"), ("DIGITS", "'digits'")],
)
def test_an_unknown_name_is_answered_with_the_closest_and_all_that_is_accepted(
    spec: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=rf"unknown data '{spec}' \(did you mean {hint}") as error:
        datasets.load_data(spec)
    text = one_sentence(error)
    for accepted in ("'digits'", "'mnist'", "'fashion-mnist'", "IDX", ".csv", ".npz", ".npy"):
        assert accepted in text


def test_a_target_for_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="target is for tables"):
        datasets.load_data("digits", target=0)
    with pytest.raises(ValueError, match="target is for tables"):
        datasets.load_data(write_four(tmp_path), target=0)


def test_a_missing_table_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        datasets.load_data(tmp_path / "t.csv")


# load_rows


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_an_idx_file_are_its_images_flattened(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "some-images"
    path.write_bytes(PACKED[FILES[0]] if packed else CONTENT[FILES[0]])
    rows = datasets.load_rows(path)
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, TRAIN.reshape(3, 8))


def test_labels_are_not_rows(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(CONTENT[FILES[1]])
    with pytest.raises(ValueError, match="expected images"):
        datasets.load_rows(tmp_path / "labels")


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "a,b\n1,2\n3,4\n"])
def test_rows_of_text_are_numbers_with_or_without_a_header(tmp_path: Path, text: str) -> None:
    rows = datasets.load_rows(csv_file(tmp_path, text))
    assert rows.dtype == np.float64 and rows.tolist() == [[1, 2], [3, 4]]
    rows = datasets.load_rows(csv_file(tmp_path, "5\n6\n", "one.tsv"))
    assert rows.tolist() == [[5], [6]]


def test_rows_of_text_with_a_bad_cell_name_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2, column 1: expected a number, found 'x'"):
        datasets.load_rows(csv_file(tmp_path, "1,2\n3,x\n"))
    with pytest.raises(ValueError, match="line 2, column 1: expected a number, found 'nan'"):
        datasets.load_rows(csv_file(tmp_path, "1,2\n3,nan\n"))


def test_rows_of_numpy_files_are_their_array(tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", TRAIN)
    np.savez(tmp_path / "only.npz", anything=TRAIN)
    np.savez(tmp_path / "several.npz", X=TRAIN, y=TRAIN_LABELS)
    for name in ("r.npy", "only.npz", "several.npz"):
        rows = datasets.load_rows(tmp_path / name)
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows, TRAIN.reshape(3, 8))
    np.savez(tmp_path / "unclear.npz", a=TRAIN, b=TRAIN)
    with pytest.raises(ValueError, match="has the arrays a, b; expected X"):
        datasets.load_rows(tmp_path / "unclear.npz")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(ValueError, match=r"shape \(5,\); expected \(n, d\)"):
        datasets.load_rows(tmp_path / "flat.npy")


def test_a_file_that_holds_no_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected an IDX file, or a name in"):
        datasets.load_rows(csv_file(tmp_path, "hello", "notes.txt"))
    with pytest.raises(FileNotFoundError):
        datasets.load_rows(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        datasets.load_rows(tmp_path)


def test_a_picture_becomes_one_grey_row(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(TRAIN[0]).save(tmp_path / "p.png")
    rows = datasets.load_rows(tmp_path / "p.png")
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, TRAIN[:1].reshape(1, 8))
    # L = 0.299 R + 0.587 G + 0.114 B, so pure red is 76.
    image.new("RGB", (3, 2), (255, 0, 0)).save(tmp_path / "p.bmp")
    np.testing.assert_array_equal(datasets.load_rows(tmp_path / "p.bmp"), np.full((1, 6), 76))


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(TRAIN[0]).save(tmp_path / "p.png")
    whole = (tmp_path / "p.png").read_bytes()
    for cut in range(0, len(whole) - 20, 5):
        (tmp_path / "p.png").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="is not a readable picture"):
            datasets.load_rows(tmp_path / "p.png")


def test_without_pillow_a_picture_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "p.png").write_bytes(b"")
    with pytest.raises(ImportError, match=re.escape("pip install 'fastnn-mlp[image]'")):
        datasets.load_rows(tmp_path / "p.png")
