"""Faults under a stream: files that change, kills, a full disk; each ends in a sentence."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import ModelCheckpoint
from fastnn.model_file import container

X = np.random.default_rng(0).normal(size=(40_000, 6)).astype(np.float32)
Y = X[:, 0] * X[:, 1]


def network() -> fastnn.MLP:
    return fastnn.MLP([6, 8, 1], seed=1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"0" * 1000)


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    np.save(path, np.load(path)[::-1])


@pytest.mark.parametrize("name", ["X.npy", "y.npy", "p.parquet"])
@pytest.mark.parametrize("change", [grow, shrink, overwrite, Path.unlink])
def test_a_file_that_changes_in_the_middle_of_an_epoch_ends_the_fit_by_a_sentence(
    tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    if name == "p.parquet":
        pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
        pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
        columns = {f"x{j}": X[:, j] for j in range(6)}
        pq.write_table(pa.table({**columns, "y": Y}), tmp_path / name, row_group_size=2_000)
        given = fastnn.stream(tmp_path / name, "y", buffer=3_000)
        change = shrink if change is overwrite else change
    else:
        given = fastnn.stream(tmp_path / "X.npy", tmp_path / "y.npy", buffer=3_000)
    reached = []

    def step(run: Any) -> None:
        reached.append(run.step)
        if len(reached) == 20:
            change(tmp_path / name)

    class AtStep(fastnn.callbacks.Callback):
        def on_batch_end(self, run: Any, logs: Any) -> None:
            step(run)

    net = network()
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        net.fit(given, epochs=3, callbacks=[AtStep()])
    assert name in str(caught.value)
    assert 20 <= len(reached) < 3 * 1250 and np.isfinite(net.params).all()


def test_a_parquet_file_whose_column_has_become_words_is_named(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    pq.write_table(pa.table({"a": [1.0, 2.0], "t": [0.0, 1.0]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"t": [0.0, 1.0], "a": ["x", "y"]}), tmp_path / "1.parquet")
    given = fastnn.stream(tmp_path / "*.parquet", "t")
    with pytest.raises(TypeError, match=r"'a' of .*1\.parquet, row group 0 holds string"):
        fastnn.MLP([1, 1]).fit(given, epochs=1)


def test_a_full_disk_at_a_checkpoint_leaves_the_one_before_it_which_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = fastnn.stream(X[:5_000], Y[:5_000], buffer=1_000)
    path = tmp_path / "net.safetensors"
    saver = ModelCheckpoint(path, every_steps=50)
    expected = network()
    expected.fit(rows, epochs=2, callbacks=[saver])
    path.unlink()
    written, real = [], container.write

    def full(*arguments: Any) -> None:
        written.append(1)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(*arguments)

    monkeypatch.setattr(container, "write", full)
    net = network()
    with pytest.raises(OSError, match="No space left"):
        net.fit(rows, epochs=2, callbacks=[saver])
    monkeypatch.undo()
    again = fastnn.load(path)
    again.fit(rows, epochs=2, callbacks=[saver], resume=True)
    np.testing.assert_array_equal(again.params, expected.params)


PROGRAM = """
    import os, sys
    import fastnn
    rows = fastnn.stream("X.npy", "y.npy", buffer=3_000)
    net = fastnn.load("c") if os.path.exists("c") else fastnn.MLP([6, 8, 1], seed=1)
    print("begun", flush=True)
    net.fit(rows, epochs=2, resume=os.path.exists("c"), callbacks=[
        fastnn.callbacks.ModelCheckpoint("c", every_steps=10)])
    net.save("end")
    """


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("n", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_after_kills_at_random_moments_a_stream_ends_at_the_bits_of_one_run(
    tmp_path: Path, n: int
) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    rng, moments = np.random.default_rng(), 0
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    while moments < n:
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None and child.stdout.readline()
            try:
                child.wait(rng.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                moments += 1
        if (tmp_path / "end").exists():
            assert child.returncode == 0
            (tmp_path / "end").unlink()
            (tmp_path / "c").unlink()
        elif (tmp_path / "c").exists():
            fastnn.load(tmp_path / "c")
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    expected = network()
    expected.fit(fastnn.stream(X, Y, buffer=3_000), epochs=2)
    np.testing.assert_array_equal(fastnn.load(tmp_path / "end").params, expected.params)
    shutil.rmtree(tmp_path)
