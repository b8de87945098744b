"""The mutants of tests/mutants, which take minutes to try, still fit the sources."""

from __future__ import annotations

import sys
from collections import Counter

import pytest
from folders import ROOT, TESTS

sys.path.insert(0, str(TESTS / "mutants"))
from mutants import MUTANTS, misplaced

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir() or not (ROOT / "fastnn").is_dir(),
    reason="no sources here, only an installed fastnn",
)


def test_the_text_of_each_mutant_stands_exactly_once_in_its_file() -> None:
    assert not misplaced()


def test_each_mutant_is_another_wrong_and_there_are_fifty_of_the_core() -> None:
    twice = [m for m, n in Counter((m.file, m.old, m.new) for m in MUTANTS).items() if n > 1]
    assert not twice
    assert all(m.old != m.new for m in MUTANTS)
    assert sum(m.file.startswith("csrc/") for m in MUTANTS) >= 50


def test_the_page_on_reliability_tells_how_many_there_are() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert f"{len(MUTANTS)} mutants" in page
