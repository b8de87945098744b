"""Fixtures that the tests of several views ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(params=["default", "dark_background"])
def style(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test with matplotlib's own settings, and with its dark ones; yields their name."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    with pyplot.style.context(request.param):
        yield request.param
