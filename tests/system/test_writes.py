"""Disks that are full, folders that are read-only, kills: the old file stays, nothing is littered.

What fails in Python's own calls is in test_files.py; here the system itself refuses.
"""

import errno
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from states import table

import fastnn
from fastnn import MLP, History, cli, export, paths
from fastnn.callbacks import ModelCheckpoint
from fastnn.explain import descend

X, Y = table(40)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits, locks and users")


def script(code, **options):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


@POSIX
class TestAFullDisk:
    LIMIT = """
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # write() says EFBIG instead
        import fastnn
        from fastnn.callbacks import ModelCheckpoint
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        """

    @pytest.mark.parametrize(
        "write",
        [
            "fastnn.MLP([100, 100, 1]).save('net')",
            "net = fastnn.MLP([100, 100, 1]); net.fit([[0.5] * 100], [1.0], epochs=2, "
            "callbacks=[ModelCheckpoint('net')])",
            "history = fastnn.History(); [history.append({'x': 0.1 + i}) for i in range(9999)]; "
            "history.to_csv('net')",
        ],
        ids=["save", "checkpoint", "history"],
    )
    def test_the_old_file_stays_and_the_error_says_so(self, tmp_path, write):
        MLP([2, 1], seed=0).save(tmp_path / "net")
        before = (tmp_path / "net").read_bytes()
        run = script(textwrap.dedent(self.LIMIT) + write, cwd=tmp_path)
        assert run.returncode == 1
        last = run.stderr.splitlines()[-1]
        assert last.startswith("OSError: [Errno 27] cannot write: File too large; an old file is")
        assert (tmp_path / "net").read_bytes() == before
        assert os.listdir(tmp_path) == ["net"]

    def test_the_command_line_tells_it_in_a_line(self, tmp_path):
        code = "import sys, fastnn.cli; sys.exit(fastnn.cli.main(['train', '-q', '-o', 'net']))"
        run = script(textwrap.dedent(self.LIMIT) + code, cwd=tmp_path)
        assert run.returncode == 1
        assert run.stderr == (
            "fastnn: error: net: cannot write: File too large; an old file is unchanged\n"
        )
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(
        not sys.platform.startswith("linux") or os.geteuid() != 0,
        reason="only root may mount a small file system",
    )
    def test_a_file_system_without_room_keeps_the_old_file(self, tmp_path):
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", os.fspath(tmp_path)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this system lets nobody mount")
        try:
            MLP([2, 1], seed=0).save(tmp_path / "net")
            before = (tmp_path / "net").read_bytes()
            net = MLP([200, 200, 1], seed=0)
            for _ in range(3):
                with pytest.raises(OSError, match="No space left on device") as caught:
                    net.save(tmp_path / "net")
                assert caught.value.errno == errno.ENOSPC
            assert (tmp_path / "net").read_bytes() == before
            assert os.listdir(tmp_path) == ["net"]
            MLP([3, 1], seed=0).save(tmp_path / "net")
            assert fastnn.load(tmp_path / "net").sizes == (3, 1)
        finally:
            subprocess.run(["umount", os.fspath(tmp_path)], check=True)


WRITERS = ["checkpoint", "history", "c", "numpy", "onnx", "film", "picture", "curve"]
WRITERS += ["page", "json", "bench"]


@pytest.mark.parametrize("what", WRITERS)
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_whoever_writes_keeps_the_old_file(monkeypatch, capsys, tmp_path, what, name):
    endings = {"film": ".gif", "picture": ".png", "curve": ".svg", "page": ".html", "json": ".json"}
    path = tmp_path / f"file{endings.get(what, '')}"
    path.write_text("old")
    if what in ("film", "picture", "curve"):
        pytest.importorskip("matplotlib")
    if what == "onnx":
        pytest.importorskip("onnx")
    net = MLP([5, 3], output="softmax", seed=0)
    net.fit(X, Y, epochs=1)
    models = tmp_path.parent / f"{tmp_path.name} models"
    models.mkdir()
    net.save(models / "net")
    np.savez(models / "data.npz", X=X, y=Y)
    explain = ["explain", str(models / "net"), "--data", str(models / "data.npz"), "-o", str(path)]
    monkeypatch.setattr("fastnn.cli.bench._measure", lambda *_: [])
    write = {
        "checkpoint": lambda: net.fit(X, Y, epochs=1, callbacks=[ModelCheckpoint(path)]),
        "history": lambda: net.history.to_csv(path),
        "c": lambda: export.to_c(net, path),
        "numpy": lambda: export.to_numpy(net, path),
        "onnx": lambda: export.to_onnx(net, path),
        "film": lambda: descend("x**2 + y**2", (1, 1), 0.1, 2).animate(path, fps=1),
    }
    commands = {
        "picture": explain,
        "page": explain,
        "json": explain,
        "curve": ["descend", "x**2 + y**2", "--start", "1", "1", "-o", str(path)],
        "bench": ["bench", "--json", str(path)],
    }

    def fail(*args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(paths.os, name, fail)
    if what in commands:
        assert cli.main(commands[what]) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"fastnn: error: {path}: cannot write: ")
        assert told.endswith("an old file is unchanged\n") and told.count("\n") == 1
    else:
        with pytest.raises(OSError, match="an old file is unchanged") as caught:
            write[what]()
        assert caught.value.filename == os.fspath(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


def test_a_history_is_written_as_it_was_before(tmp_path):
    history = History()
    history.append({"loss": 0.5, "accuracy": 1})
    history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_bytes() == b"epoch,loss,accuracy\n1,0.5,1.0\n"


@POSIX
class TestLeftBehind:
    KILLED = """
        import os, signal, sys
        from pathlib import Path
        from fastnn import paths
        paths.os.fsync = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        paths.replace(Path("net"), b"half")
        """

    def test_what_a_killed_process_left_is_used_by_the_next(self, tmp_path):
        for _ in range(5):
            assert script(self.KILLED, cwd=tmp_path).returncode == -9
            (left,) = os.listdir(tmp_path)
            assert left.startswith(".fastnn-") and left.endswith("-0.part")
        paths.replace(tmp_path / "net", b"whole")
        assert os.listdir(tmp_path) == ["net"]
        assert (tmp_path / "net").read_bytes() == b"whole"

    def test_it_belongs_to_one_path_and_shortens_to_what_is_written(self, tmp_path):
        script(self.KILLED, cwd=tmp_path)
        paths.replace(tmp_path / "other", b"x")
        assert len(os.listdir(tmp_path)) == 2
        paths.replace(tmp_path / "net", b"x")
        assert sorted(os.listdir(tmp_path)) == ["net", "other"]
        assert (tmp_path / "net").read_bytes() == b"x"

    @pytest.mark.parametrize("kind", ["link", "hard link", "folder", "pipe"])
    def test_what_somebody_put_in_its_place_is_left_alone(self, tmp_path, kind):
        script(self.KILLED, cwd=tmp_path)
        (part,) = tmp_path.iterdir()
        part.unlink()
        victim = tmp_path / "victim"
        victim.write_bytes(b"victim")
        make = {
            "link": lambda: part.symlink_to(victim),
            "hard link": lambda: part.hardlink_to(victim),
            "folder": part.mkdir,
            "pipe": lambda: os.mkfifo(part),
        }
        make[kind]()
        paths.replace(tmp_path / "net", b"whole")
        assert (tmp_path / "net").read_bytes() == b"whole"
        assert victim.read_bytes() == b"victim"
        assert len(os.listdir(tmp_path)) == 3

    def test_without_locks_a_name_of_its_own_does(self, monkeypatch, tmp_path):
        def none(*args):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(paths.fcntl, "flock", none)
        paths.replace(tmp_path / "net", b"whole")
        assert (tmp_path / "net").read_bytes() == b"whole"


def test_parameters_are_those_of_the_file_after_any_failure(monkeypatch, tmp_path):
    net = MLP([5, 3], seed=0)
    net.save(tmp_path / "net")

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(paths.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            MLP([5, 3], seed=1).save(tmp_path / "net")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "net").params, net.params)
