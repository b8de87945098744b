"""Memory maps that are larger than the free memory: they are trained on as streams."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import ModelCheckpoint
from fastnn.streams import memory

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 6)).astype(np.float32)
y = X[:, 0] * X[:, 1]
FREE = 50_000  # bytes; X has 72,000


@pytest.fixture
def mapped(tmp_path: Path) -> Any:
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def network() -> fastnn.MLP:
    return fastnn.MLP([6, 16, 1], seed=1)


def test_a_map_larger_than_the_free_memory_becomes_a_stream_and_says_so(
    mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = network()
    expected.fit(fastnn.stream(X, y), epochs=2)
    monkeypatch.setattr(memory, "available", lambda: FREE)
    net = network()
    with pytest.warns(
        UserWarning, match="for which 0 MB of memory are free: it is read as a stream"
    ) as said:
        net.fit(mapped, y, epochs=2)
    assert said[0].filename == __file__
    np.testing.assert_array_equal(net.params, expected.params)


def test_other_fits_read_the_map_as_it_is(mapped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that fits, an array, an order that is that of the file, and what takes all rows."""
    in_memory = network()
    in_memory.fit(X, y, epochs=1)
    monkeypatch.setattr(memory, "available", lambda: X.nbytes)
    net = network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(mapped, y, epochs=1)
        np.testing.assert_array_equal(net.params, in_memory.params)
        monkeypatch.setattr(memory, "available", lambda: FREE)
        network().fit(X, y, epochs=1)
        network().fit(mapped, y, epochs=1, shuffle=False)
        network().fit(mapped, y, epochs=1, batch_size=None)
        network().fit(mapped, y, epochs=1, loss=squares)


def squares(a: Any, t: Any) -> Any:
    return (a[:, 0] - t) ** 2, 2 * (a - t[:, None])


def test_a_view_of_a_map_is_one_and_a_copy_is_not(mapped: Any) -> None:
    assert memory.is_mapped(mapped) and memory.is_mapped(np.asarray(mapped)[5:, ::2])
    assert not memory.is_mapped(mapped[:, :].copy()) and not memory.is_mapped([1, 2])


def test_a_resumed_fit_goes_on_as_it_began_whatever_memory_is_free(
    mapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: FREE)
    net = network()
    saver = ModelCheckpoint(tmp_path / "{step}.safetensors", every_steps=100)
    with pytest.warns(UserWarning, match="a stream"):
        net.fit(mapped, y, epochs=2, callbacks=[saver])
    monkeypatch.setattr(memory, "available", lambda: 1 << 40)
    again = fastnn.load(tmp_path / "100.safetensors")
    with pytest.warns(UserWarning, match="a stream"):
        again.fit(mapped, y, epochs=2, callbacks=[saver], resume=True)
    np.testing.assert_array_equal(again.params, net.params)


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal:  8000000 kB\nMemFree: 100 kB\nMemAvailable:  4000000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/\n"}, 4_096_000_000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.current": "5\n",
                "sys/fs/cgroup/a/b/memory.stat": "inactive_file 1\nactive_file 1\n",
                "sys/fs/cgroup/a/memory.max": "600000000\n",
                "sys/fs/cgroup/a/memory.current": "500000000\n",
                "sys/fs/cgroup/a/memory.stat": "anon 7\ninactive_file 300000000\nactive_file 5\n",
            },
            400_000_005,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/job\n3:cpuset:/\n0::/\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "600\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "100\n",
                "sys/fs/cgroup/memory/job/memory.stat": (
                    "inactive_file 1\nactive_file 1\ntotal_inactive_file 20\ntotal_active_file 30\n"
                ),
            },
            550,
        ),
    ],
    ids=["no limit", "version 2, of a parent", "version 1"],
)
def test_the_free_memory_is_that_of_the_system_and_of_the_control_groups(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    root = system(tmp_path, {"proc/meminfo": MEMINFO, **files})
    assert memory.available(root) == expected


def test_the_free_memory_of_other_systems_is_not_known(tmp_path: Path) -> None:
    assert memory.available(tmp_path) is None
