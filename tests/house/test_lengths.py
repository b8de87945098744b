"""No file is so long that nobody reads it: over 400 lines it says why, over 700 it is named."""

from __future__ import annotations

import pytest
from folders import ROOT

FOLDERS = ("benchmarks", "csrc", "examples", "fastnn", "tests")
OVER_700 = {
    "tests/cli/test_cli.py": "the reference of the commands, a class for each part of it",
    "tests/mutants/mutants.py": "a table of mutants",
}

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir() or not (ROOT / "fastnn").is_dir(),
    reason="no sources here, only an installed fastnn",
)


def lines() -> dict[str, list[str]]:
    """Return the lines of each source, by its path from the root."""
    kinds = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h"}
    paths = [ROOT / "setup.py", *(path for name in FOLDERS for path in (ROOT / name).rglob("*"))]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8").splitlines()
        for path in paths
        if path.suffix in kinds and path.name != "_fastnn.c"  # which Cython writes
    }


def test_a_file_over_400_lines_says_why_in_its_first_comment() -> None:
    silent = [
        (len(text), path)
        for path, text in lines().items()
        if len(text) > 400 and "400 lines" not in " ".join(text[:25])
    ]
    assert not silent, sorted(silent)


def test_no_file_is_over_700_lines_but_those_that_are_named() -> None:
    assert {path for path, text in lines().items() if len(text) > 700} == OVER_700.keys()
