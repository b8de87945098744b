"""The README and the pages of docs/ say what is so: their Python blocks run, in order, by page.

A block that starts with ```python is run; what should not run is marked as ```text. Blocks hold
their own asserts, so that a reader sees what to expect.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {  # page: what must be importable
    "../README.md": ("matplotlib", "sklearn"),
    "backpropagation.md": ("matplotlib",),
    "scikit-learn.md": ("sklearn",),
}
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str]]:
    """Return the Python blocks of a page, each with the number of its first line."""
    return [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in _BLOCK.finditer(text)]


def test_blocks_are_found_with_their_line_numbers():
    page = "a\n\n```python\nx = 1\n```\n\n```text\nno\n```\n```python\ny = 2\nz = 3\n```\n"
    assert blocks(page) == [(4, "x = 1\n"), (11, "y = 2\nz = 3\n")]


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside the tests (those of a wheel)")
@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    for module in PAGES[page]:
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)  # what they write
    if "matplotlib" in PAGES[page]:
        from matplotlib import pyplot as plt

        plt.switch_backend("agg")  # draws without a screen
    found = blocks((DOCS / page).read_text("utf-8"))
    assert found
    namespace: dict[str, object] = {"__name__": page}
    for line, code in found:
        # Line numbers of the page, so that a traceback points there.
        exec(compile("\n" * (line - 1) + code, str(DOCS / page), "exec"), namespace)
    if "matplotlib" in PAGES[page]:
        plt.close("all")
