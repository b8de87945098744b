"""Hostile files: those of malformed/, one by one, and what no repository can hold.

Each is refused with one line that names it, or read for what it is; none hangs, none takes more
memory than four times its size (text five times) and 64 MB besides.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import TESTS

import fastnn
from fastnn import datasets
from fastnn.datasets import tables

FOLDER = TESTS / "malformed"
MANIFEST = [line.split("\t") for line in (FOLDER / "manifest.tsv").read_text("utf-8").splitlines()]


def read_table(path: Path) -> Any:
    return tables.load_table(path)


READERS: dict[str, Callable[[Path], Any]] = {
    "model": fastnn.load,
    "idx": datasets.read_idx,
    "csv": read_table,
    "tsv": read_table,
    "npy": read_table,
    "npz": read_table,
    "picture": datasets.load_rows,
}


def refused(read: Callable[[Any], Any], path: Any, sentence: str, kind: Any = ValueError) -> None:
    with pytest.raises(kind) as caught:
        read(path)
    text = str(caught.value)
    assert sentence in text
    assert str(path) in text and len(text.splitlines()) == 1 and len(text) < 1000


def test_every_file_of_the_folder_is_in_the_manifest() -> None:
    found = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert found - {"make.py", "manifest.tsv"} == {name for name, _ in MANIFEST}
    assert len(MANIFEST) >= 60
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 300_000


@pytest.mark.parametrize(("name", "sentence"), MANIFEST, ids=[name for name, _ in MANIFEST])
def test_a_malformed_file_is_refused_with_its_sentence(name: str, sentence: str) -> None:
    kind = name.split("-")[0]
    if kind == "picture":
        pytest.importorskip("PIL")
    if sentence:
        refused(READERS[kind], FOLDER / name, sentence)
    else:  # strange, and sound
        READERS[kind](FOLDER / name)


def sound() -> dict[str, bytes]:
    """Small files that are as they should be, by the ends of their names."""
    X, packed = np.arange(6.0).reshape(2, 3), io.BytesIO()
    np.savez(packed, X=X, y=[0, 1])
    pictures = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))
    return {
        "npy": (FOLDER / "npy-fortran.npy").read_bytes(),
        "npz": packed.getvalue(),
        "idx": pictures,
        "idx.gz": (FOLDER / "idx-good.gz").read_bytes(),
    }


SOUND = sound()


def reader_of(kind: str) -> Callable[[Path], Any]:
    return datasets.read_idx if kind.startswith("idx") else datasets.load_rows


@pytest.mark.parametrize("kind", SOUND)
def test_a_file_that_is_cut_off_at_any_byte_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"file.{kind}"
    for size in range(len(SOUND[kind])):
        path.write_bytes(SOUND[kind][:size])
        refused(reader_of(kind), path, "")
    path.write_bytes(SOUND[kind])
    assert reader_of(kind)(path).size in (6, 12)


@pytest.mark.parametrize(
    ("kind", "header"), [("npy", 128), ("npz", None), ("idx", 16), ("idx.gz", None)]
)
def test_a_flipped_bit_is_refused_or_gives_an_array(
    tmp_path: Path, kind: str, header: int | None
) -> None:
    path = tmp_path / f"file.{kind}"
    for bit in range(8 * len(SOUND[kind][:header])):
        flipped = bytearray(SOUND[kind])
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            array = reader_of(kind)(path)
        except ValueError as error:
            assert str(path) in str(error) and len(str(error).splitlines()) == 1
        else:  # a bit of the type, or of what archives say about themselves
            assert array.size in (6, 12)


# ---- what is no file ---------------------------------------------------------------------------

ANY = ["model.safetensors", "images", "a.csv", "a.tsv", "a.npy", "a.npz", "a.png"]


def readers_of(name: str) -> list[Callable[[Any], Any]]:
    if name == "model.safetensors":
        return [fastnn.load]
    if name == "images":
        return [datasets.read_idx, datasets.load_rows]
    if name == "a.png":
        return [datasets.load_rows]
    return [tables.load_table, tables.load_rows, datasets.load_data]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ANY)
def test_a_pipe_and_a_socket_are_refused_at_once(
    tmp_path: Path, name: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo(name)
    with socket.socket(socket.AF_UNIX) as server:
        Path("at").mkdir()
        server.bind(f"at/{name}")
        for path in (Path(name), Path("at", name)):
            for read in readers_of(name):
                refused(read, path, "is a pipe, a device or a socket; expected a file")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
@pytest.mark.parametrize("name", ANY)
def test_a_link_to_a_device_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    for read in readers_of(name):
        refused(read, tmp_path / name, "is a pipe, a device or a socket; expected a file")


@pytest.mark.parametrize("name", ANY)
def test_a_loop_of_links_a_folder_and_a_link_to_nowhere_are_refused(
    tmp_path: Path, name: str
) -> None:
    for link, to in (("a", "b"), ("b", "a"), ("c", "nowhere")):
        (tmp_path / link).mkdir()
        try:
            (tmp_path / link / name).symlink_to(tmp_path / to / name)
        except OSError:
            pytest.skip("this system lets not everybody make links")
    (tmp_path / "d" / name).mkdir(parents=True)
    for folder in ("a", "c", "d"):
        for read in readers_of(name):
            if (folder, read) != ("d", datasets.load_data):  # a folder is of IDX files
                refused(read, tmp_path / folder / name, "", (ValueError, OSError))


@pytest.mark.parametrize("name", ANY)
def test_a_path_with_a_nul_or_of_an_unknown_home_is_refused(name: str) -> None:
    for read in readers_of(name):
        with pytest.raises((ValueError, OSError)) as caught:
            read(f"a\0{name}")
        assert len(str(caught.value).splitlines()) == 1
        with pytest.raises((ValueError, OSError), match="nobody-of-this-name"):
            read(f"~nobody-of-this-name/{name}")


# ---- sizes -------------------------------------------------------------------------------------


def huge_model(path: Path, width: int) -> None:
    """A sound file, but for the disk: a layer of width · width zeros that are not there."""
    fastnn.MLP([2, 2], init="zeros").save(path)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + struct.unpack("<Q", whole[:8])[0]])
    network = json.loads(header["__metadata__"]["network"])
    header["__metadata__"]["network"] = json.dumps({**network, "sizes": [width, width]})
    last = 4 * width * width
    header["weights.0"] = {"dtype": "F32", "shape": [width, width], "data_offsets": [0, last]}
    header["biases.0"] = {
        "dtype": "F32",
        "shape": [width],
        "data_offsets": [last, last + 4 * width],
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + last + 4 * width)


def sparse_file(path: Path, begin: bytes, size: int) -> Path:
    path.write_bytes(begin)
    try:
        os.truncate(path, size)
    except OSError:
        pytest.skip("this disk holds no file of that size")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the file would take its disk")
class TestTerabytes:
    def test_a_file_of_zeros_is_refused_by_its_first_bytes(self, tmp_path: Path) -> None:
        size = 4 << 40
        header = struct.pack("<Q", 1 << 40)
        refused(fastnn.load, sparse_file(tmp_path / "m", header, size), "is not a safetensors file")
        refused(
            datasets.read_idx, sparse_file(tmp_path / "i", bytes(4), size), "is not an IDX file"
        )
        refused(
            tables.load_table, sparse_file(tmp_path / "a.npy", b"", size), "not a readable .npy"
        )
        refused(
            tables.load_table, sparse_file(tmp_path / "a.npz", b"", size), "not a readable .npz"
        )
        refused(tables.load_table, sparse_file(tmp_path / "a.csv", b"1,2\n", size), "is not text")

    def test_a_model_that_memory_cannot_hold_is_one_sentence(self, tmp_path: Path) -> None:
        path = tmp_path / "huge"
        try:
            huge_model(path, 1 << 20)
        except OSError:
            pytest.skip("this disk holds no file of that size")
        script = f"""
            import resource, fastnn
            resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
            try:
                fastnn.load({str(path)!r})
            except MemoryError as error:
                print(error)
        """
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
        )
        assert said.stdout == (
            f"{path}: tensor 'weights.0' has 4,398,046,511,104 bytes, more than the free memory\n"
        )
        assert said.stderr == ""


def a_header_of_lists(path: Path) -> None:
    metadata = {"format": "fastnn", "format_version": "1", "a": "[" + "[]," * 3_000_000 + "1]"}
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def a_million_columns(path: Path) -> None:
    path.write_text(",".join(["12"] * 1_000_000) + "\n")


def a_line_of_100_mb(path: Path) -> None:
    path.write_bytes(b"1" * 100_000_000)


def a_row_over_many_lines(path: Path) -> None:
    path.write_text('1,"\n",' * 2_000_000 + "1\n")


def a_long_label(path: Path) -> None:
    path.write_text("1," + "a" * 130_000 + "\n" + "1,b\n" * 1_000_000)


def labels_in_rows(path: Path) -> None:
    path.write_text("0.125,setosa\n0.25,virginica\n" * 200_000)


def digits_as_text(path: Path) -> None:
    path.write_text((",".join(["0", "255"] * 392) + ",7\n") * 10_000)


def narrow_rows(path: Path) -> None:
    path.write_text("1,2\n" * 1_500_000)


def targets_that_all_differ(path: Path) -> None:
    path.write_text("".join(f"{i},{i + 0.5}\n" for i in range(500_000)))


def packed_digits(path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 2, (20_000, 784)).astype(np.uint8)
    np.savez_compressed(path, X=X * (np.arange(784) % 4 == 0).astype(np.uint8), y=X[:, 0])


def a_zip_of_labels(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, shape in (("X", (4_000_000, 1)), ("y", (4_000_000,))):
            with file.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.zeros(shape, np.uint8))


def a_large_model(path: Path) -> None:
    fastnn.MLP([2000, 3000, 2], seed=0).save(path)


PEAKS = {  # how it is made; the suffix; the sentence, "" if it is read
    "a header of lists": (a_header_of_lists, "", "has too many parts"),
    "a million columns": (a_million_columns, ".csv", "more than 65,536 columns"),
    "a line of 100 MB": (a_line_of_100_mb, ".csv", "4,194,304 characters"),
    "a row over many lines": (a_row_over_many_lines, ".csv", "more than 500 lines"),
    "a long label": (a_long_label, ".csv", "a target of 130,000 characters"),
    "labels in rows": (labels_in_rows, ".csv", ""),
    "digits as text": (digits_as_text, ".csv", ""),
    "narrow rows": (narrow_rows, ".csv", ""),
    "targets that all differ": (targets_that_all_differ, ".csv", ""),
    "packed digits": (packed_digits, ".npz", ""),
    "a zip of labels": (a_zip_of_labels, ".npz", ""),
    "a large model": (a_large_model, "", ""),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("case", PEAKS)
def test_reading_takes_four_times_the_file_and_64_mb_at_most_and_of_text_five_times(
    tmp_path: Path, case: str
) -> None:
    make, suffix, sentence = PEAKS[case]
    path = tmp_path / f"file{suffix}"
    make(path)
    script = f"""
        import sys, fastnn
        from fastnn import datasets
        from fastnn.datasets import tables
        import fastnn.model_file.reading, safetensors, zipfile
        try:
            import pandas
        except ImportError:
            pass
        def kilobytes(name):
            for line in open("/proc/self/status"):
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        before = kilobytes("VmRSS")
        try:
            {"tables.load_table" if suffix else "fastnn.load"}({str(path)!r})
        except ValueError as error:
            print(error, file=sys.stderr)
        print(kilobytes("VmHWM") - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (sentence in done.stderr) if sentence else not done.stderr
    times = 5 if suffix == ".csv" else 4  # pandas has a pointer and a number for each cell
    assert int(done.stdout) * 1024 < times * path.stat().st_size + (64 << 20)
