"""Prose: first lines and headings begin with a noun or verb of the field, not with a question."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from folders import ROOT

FOLDERS = [".ci", "benchmarks", "docs", "examples", "fastnn", "tests"]
SOURCES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py*"))
    if path.suffix in {".py", ".pyi", ".pyx"}
]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(path for folder in (*FOLDERS, "csrc") for path in sorted((ROOT / folder).rglob("*.md"))),
]
QUESTION = re.compile(r"(What|How|Who|Whose|Which|Where|When|Why|Whatever|Everything that|That)\b")
RIDDLE = re.compile(r"\b(told|so many|as it was|of its own|anew)\b")


def docstrings(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield line, first line, and whether it may begin with "Whether", of each docstring."""
    text = path.read_text("utf-8")
    if path.suffix == ".pyx":  # not parsed: a property looks like a function
        for found in re.finditer(r'^[ ]*"""([^\n]+)', text, re.MULTILINE):
            yield text.count("\n", 0, found.start()) + 1, found.group(1), True
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            marks = [] if isinstance(node, ast.Module) else node.decorator_list
            yield (
                getattr(node, "lineno", 1),
                first,
                any("property" in ast.unparse(m) for m in marks),
            )


@pytest.mark.parametrize("folder", FOLDERS)
def test_first_lines_begin_with_a_noun_or_a_verb(folder: str) -> None:
    violations = [
        f"{path.relative_to(ROOT)}:{line}: {first}"
        for path in SOURCES
        if path.is_relative_to(ROOT / folder)
        for line, first, may_be_whether in docstrings(path)
        if QUESTION.match(first)
        or RIDDLE.search(first)
        or (first.startswith("Whether") and not may_be_whether)
    ]
    assert not violations, "\n" + "\n".join(violations)


def test_headings_begin_with_a_noun_or_a_verb() -> None:
    violations = [
        f"{path.relative_to(ROOT)}: {heading}"
        for path in PAGES
        for heading in re.findall(r"^#+ +(.+)$", path.read_text("utf-8"), re.MULTILINE)
        if QUESTION.match(heading)
    ]
    assert not violations, "\n" + "\n".join(violations)
