"""Data-parallel fits under a real MPI: `mpiexec` of the environment, two ranks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn

MPIEXEC = shutil.which("mpiexec", path=os.path.dirname(sys.executable) + os.pathsep + os.defpath)


HAS_MPI = MPIEXEC is not None and find_spec("mpi4py") is not None
pytestmark = pytest.mark.skipif(not HAS_MPI, reason="needs mpi4py and mpiexec")

PROGRAM = """
import sys
import numpy as np
from mpi4py import MPI
import fastnn

comm, folder = MPI.COMM_WORLD, sys.argv[1]
rank = comm.Get_rank()
X = np.random.default_rng(0).normal(size=(500, 6))
y = X[:, 0] * X[:, 1]
mine = slice(0, 200) if rank == 0 else slice(200, 500)
net = fastnn.MLP([6, 16, 1], dtype="float64", seed=1)

def say(text):  # mpiexec joins what several ranks print
    with open(f"{folder}/{rank}.txt", "w") as file:
        file.write(text)

def tell(run, logs):
    print(f"epoch {run.epoch}", flush=True)

def fail(run, logs):
    raise OSError("no space left")
"""


def command(tmp_path: Path, body: str) -> list[str]:
    (tmp_path / "program.py").write_text(PROGRAM + body)
    assert MPIEXEC is not None
    return [MPIEXEC, "-n", "2", sys.executable, str(tmp_path / "program.py"), str(tmp_path)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "FASTNN_NUM_THREADS": "1"}


def run(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(tmp_path, body), capture_output=True, text=True, timeout=120, env=environment()
    )


def said(tmp_path: Path) -> list[str]:
    return [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)]


def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "net.fit(X[mine], y[mine], comm=comm, epochs=5, batch_size=20)\n"
        "np.save(f'{folder}/{rank}.npy', net.params)\n",
    )
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6))
    alone = fastnn.MLP([6, 16, 1], dtype="float64", seed=1)
    alone.fit(X, X[:, 0] * X[:, 1], epochs=5, batch_size=20)
    params: list[Any] = [np.load(tmp_path / f"{rank}.npy") for rank in range(2)]
    np.testing.assert_array_equal(*params)
    np.testing.assert_allclose(params[0], alone.params, rtol=0, atol=1e-12)


def test_a_process_that_fails_ends_both_with_its_message(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "try:\n"
        "    net.fit(X[mine], y[mine], comm=comm, epochs=5, callbacks=fail)\n"
        "except Exception as error:\n"
        "    say(f'{type(error).__name__}: {error}')\n",
    )
    assert done.returncode == 0, done.stderr
    assert said(tmp_path) == [
        "OSError: no space left",
        "RankError: rank 0 of 2 ended the fit by OSError: no space left",
    ]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_one_process_ends_both_at_the_same_batch(tmp_path: Path, name: str) -> None:
    """A handler in Python, as that of Ctrl-C is and that which `fastnn train` sets for SIGTERM."""
    body = (
        "import os, signal\n"
        "def end(*_):\n"
        "    raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGINT, end)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "def kill(run, logs):\n"
        "    if run.epoch == 3:\n"
        f"        os.kill(others[1], signal.{name})\n"
        "others = comm.allgather(os.getpid())\n"
        "try:\n"
        "    net.fit(X[mine], y[mine], comm=comm, epochs=10**9, callbacks=kill)\n"
        "except (KeyboardInterrupt, RuntimeError) as error:\n"
        "    say(f'{type(error).__name__}: {error}')\n"
        "np.save(f'{folder}/{rank}.npy', net.params)\n"
    )
    done = run(tmp_path, body)
    assert done.returncode == 0, done.stderr
    assert said(tmp_path) == [
        "RankError: rank 1 of 2 ended the fit by KeyboardInterrupt",
        "KeyboardInterrupt: ",
    ]
    np.testing.assert_array_equal(*(np.load(tmp_path / f"{rank}.npy") for rank in range(2)))


def test_a_killed_process_does_not_leave_the_other_waiting_and_its_checkpoint_resumes(
    tmp_path: Path,
) -> None:
    saver = (
        "saver = fastnn.callbacks.ModelCheckpoint(f'{folder}/last.safetensors', every_steps=7)\n"
    )
    fit = (
        "net.fit(X[mine], y[mine], comm=comm, batch_size=20, callbacks=[saver, tell], "
        "epochs=%s%s)\n"
    )
    child = subprocess.Popen(
        command(
            tmp_path,
            "import os\nsay(str(os.getpid()))\n" + saver + fit % ("10**9", ""),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == "epoch 4":
                os.kill(int(said(tmp_path)[1]), signal.SIGKILL)
                break
        child.stdout.read()  # until both are gone
        assert child.wait(timeout=60) != 0
    done = run(
        tmp_path,
        saver
        + "net = fastnn.load(f'{folder}/last.safetensors')\n"
        + fit % ("8", ", resume=True")
        + "net.save(f'{folder}/end{rank}.safetensors')\n",
    )
    assert done.returncode == 0 and "epoch 8" in done.stdout, done.stderr
    X = np.random.default_rng(0).normal(size=(500, 6))
    alone = fastnn.MLP([6, 16, 1], dtype="float64", seed=1)
    alone.fit(X, X[:, 0] * X[:, 1], epochs=8, batch_size=20)
    resumed = fastnn.load(tmp_path / "end1.safetensors")
    np.testing.assert_allclose(resumed.params, alone.params, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_after_100_kills_of_a_process_at_random_moments_two_end_where_one_does(
    tmp_path: Path,
) -> None:
    body = (
        "import os\n"
        "say(str(os.getpid()))\n"
        "kept = f'{folder}/last.safetensors'\n"
        "resume = os.path.exists(kept)\n"
        "net = fastnn.load(kept) if resume else net\n"
        "comm.Barrier()\n"
        "if rank == 0: print('begun', flush=True)\n"
        "saver = fastnn.callbacks.ModelCheckpoint(kept, every_steps=7)\n"
        "if not resume or len(net.history) < 80:\n"
        "    net.fit(X[mine], y[mine], comm=comm, batch_size=20, callbacks=[saver], epochs=80,\n"
        "            resume=resume)\n"
        "net.save(f'{folder}/end{rank}.safetensors')\n"
    )
    X = np.random.default_rng(0).normal(size=(500, 6))
    alone = fastnn.MLP([6, 16, 1], dtype="float64", seed=1)
    alone.fit(X, X[:, 0] * X[:, 1], epochs=80, batch_size=20)
    rng, kills, ends = np.random.default_rng(), 0, 0
    while kills < 100 or not ends:
        with subprocess.Popen(
            command(tmp_path, body), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=environment(),
        ) as child:  # fmt: skip
            assert child.stdout is not None and child.stdout.readline() == "begun\n"
            try:
                child.wait(rng.uniform(0, 0.4) if kills < 100 else 120)
            except subprocess.TimeoutExpired:
                victim = int(said(tmp_path)[rng.integers(2)])
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    continue  # it has ended by itself
                kills += 1
                child.wait(timeout=60)  # the other one is not left waiting
        if (tmp_path / "end0.safetensors").exists() and (tmp_path / "end1.safetensors").exists():
            for rank in range(2):
                end = tmp_path / f"end{rank}.safetensors"
                np.testing.assert_allclose(
                    fastnn.load(end).params, alone.params, rtol=0, atol=1e-11
                )
                end.unlink()
            (tmp_path / "last.safetensors").unlink()
            ends += 1
    assert kills >= 100 and ends


def test_fastnn_train_by_two_processes_writes_the_model_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(301, 3)).round(6)
    rows = np.column_stack([X, X[:, 0] - X[:, 1]])
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header="a,b,c,y", comments="")
    train = [
        *(sys.executable, "-m", "fastnn", "train", "--data", "t.csv", "--target", "y"),
        *("--epochs", "4", "--dtype", "float64", "--dropout", "0", "--json"),
    ]
    assert MPIEXEC is not None
    results = []
    for how in ([], [MPIEXEC, "-n", "2"]):
        more = ["--mpi", "-o", "two.safetensors"] if how else ["-o", "one.safetensors"]
        done = subprocess.run(
            [*how, *train, *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    one, two = (fastnn.load(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    np.testing.assert_allclose(two.params, one.params, rtol=0, atol=1e-12)
    assert results[1]["test"]["loss"] == pytest.approx(results[0]["test"]["loss"], rel=1e-9)
