"""Fixtures that more than one file of tests asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastnn import _fastnn


@pytest.fixture(params=_fastnn.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once on every instruction set that this processor has; yields its name."""
    before = _fastnn.isa()
    yield _fastnn.choose_isa(request.param)
    _fastnn.choose_isa(before)
