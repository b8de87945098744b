"""Fixtures that the tests of several ways to data ask for."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from fastnn.datasets import download, published


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
