"""Pictures compared with pictures that a person has looked at.

The accepted ones stand in tests/pictures/; ``FASTNN_NEW_PICTURES=1 pytest …`` writes them anew,
after which they must be opened and looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

ACCEPTED = Path(__file__).parent / "pictures"
_TOLERANCE = 12  # root mean square of 0 … 255: text differs a little between versions of matplotlib


def assert_looks_as_accepted(figure: Any, name: str, tmp_path: Path) -> None:
    """Fail if `figure` differs from the accepted picture `name`."""
    compare = pytest.importorskip("matplotlib.testing.compare")
    accepted, made = ACCEPTED / f"{name}.png", tmp_path / f"{name}.png"
    to = accepted if os.environ.get("FASTNN_NEW_PICTURES") else made
    to.parent.mkdir(exist_ok=True)
    figure.savefig(to, dpi=60, metadata={"Software": None})
    if to is accepted:
        return
    assert accepted.exists(), f"nobody has accepted a picture {name!r} yet"
    difference = compare.compare_images(str(accepted), str(made), tol=_TOLERANCE)
    assert difference is None, difference
