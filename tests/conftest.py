"""Fixtures that more than one file of tests asks for, and how many cases Hypothesis draws."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Threads of NumPy's BLAS, as many in each worker of pytest-xdist, wait for each other: the tests
# of the views took three times as long. NumPy reads this when it is imported, here or in a process
# that a test starts.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from fastnn import _fastnn

# What every run of the tests sees is always the same; `--hypothesis-profile=long` looks further.
# No deadline: tests time nothing.
settings.register_profile("ci", max_examples=500, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile("ci")


@pytest.fixture(params=_fastnn.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once on every instruction set that this processor has; yields its name."""
    before = _fastnn.isa()
    yield _fastnn.choose_isa(request.param)
    _fastnn.choose_isa(before)


@pytest.fixture(autouse=True)
def _the_same_numbers_in_every_run() -> None:
    """Seed what scikit-learn draws from where it is given no seed."""
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _no_picture_stays_open() -> Iterator[None]:
    """Close what a test drew: pyplot keeps every figure, and warns at the twentieth."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs ``fastnn`` with the arguments it is given: (status, stdout, stderr)."""

    from fastnn.cli import main  # which needs more than the core does

    def call(*argv: Any) -> tuple[int, str, str]:
        status = main([str(arg) for arg in argv])
        out, err = capsys.readouterr()
        return status, out, err

    return call
