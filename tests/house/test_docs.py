"""The README and the pages of docs/ say what is so: their blocks run, in order, by page.

Blocks that start with ```python or ```sh are run, all those of a page in one empty folder, the
Python ones in one namespace. A comment on the line before a block, unseen on the page, says more:

    <!-- needs: torch -->         only where this module, program or file of fastnn/page/ is there
    <!-- file: digits.c -->       written to this file, as the text tells the reader to
    <!-- not run: the reason -->

and ``<!-- page needs: sklearn -->`` is for all of a page. Blocks hold their own asserts, so that a
reader sees what to expect.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from folders import ROOT, TESTS

import fastnn

DOCS = ROOT / "docs"
_FENCE = re.compile(
    r"^(?:<!-- (?P<word>needs|file|not run): (?P<text>[^\n]+) -->\n\n?)?"
    r"^```(?P<language>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PAGE_NEEDS = re.compile(r"^<!-- page needs: (.+) -->$", re.MULTILINE)
SHOWN = {"", "text"}  # neither run nor written; nor are directives of Sphinx, ```{name}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `word` and `text` are those of the comment before it."""

    line: int  # the number of its first line of code
    language: str
    code: str
    word: str | None = None
    text: str = ""


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page that are run or written."""
    found = []
    for m in _FENCE.finditer(page):
        if m["language"] in SHOWN or m["language"].startswith("{") or m["word"] == "not run":
            continue
        line = page.count("\n", 0, m.start("code")) + 1
        found.append(Block(line, m["language"], m["code"], m["word"], m["text"] or ""))
    return found


def missing(names: str) -> list[str]:
    """Return which of the modules, programs and files of the page, "torch, gcc", are not here."""
    page = Path(fastnn.__file__).parent / "page"
    return [
        name
        for name in names.split(", ")
        if not ((page / name).exists() or shutil.which(name) or _is_module(name))
    ]


def _is_module(name: str) -> bool:
    return name.isidentifier() and find_spec(name) is not None


def pages() -> list[str]:
    """Return the pages with blocks, as paths from the root."""
    made = (DOCS / "api" / "generated", DOCS / "gallery")  # by a build of the pages
    written = [p for p in sorted(DOCS.rglob("*.md")) if not set(made) & set(p.parents)]
    paths = [ROOT / "README.md", *written] if DOCS.is_dir() else []  # not beside a wheel's tests
    return [p.relative_to(ROOT).as_posix() for p in paths if blocks(p.read_text("utf-8"))]


def run_python(block: Block, page: str, namespace: dict[str, object]) -> None:
    # Line numbers of the page, so that a traceback points there.
    exec(compile("\n" * (block.line - 1) + block.code, str(ROOT / page), "exec"), namespace)


def run_shell(block: Block, page: str) -> None:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    shell = ["bash", "-euo", "pipefail", "-c", block.code]
    done = subprocess.run(
        shell, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"{page}:{block.line}\n{block.code}{done.stdout}{done.stderr}")


def test_blocks_are_found_with_their_line_numbers_and_comments():
    page = (
        "a\n\n```python\nx = 1\n```\n\n```text\nno\n```\n```{include} b.md\n```\n"
        "<!-- needs: torch -->\n```sh\nls\n```\n<!-- not run: slow -->\n\n```sh\nrm\n```\n"
        "<!-- file: a.c -->\n```c\nint a;\n```\n"
    )
    assert blocks(page) == [
        Block(4, "python", "x = 1\n"),
        Block(14, "sh", "ls\n", "needs", "torch"),
        Block(23, "c", "int a;\n", "file", "a.c"),
    ]


def test_what_is_missing_is_told():
    assert missing("os, no_such_module") == ["no_such_module"]


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside the tests (those of a wheel)")
@pytest.mark.parametrize("page", pages())
def test_the_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    text = (ROOT / page).read_text("utf-8")
    for needs in _PAGE_NEEDS.findall(text):
        if missing(needs):
            pytest.skip(f"{page} needs {', '.join(missing(needs))}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")  # draws without a screen
    if find_spec("matplotlib"):
        from matplotlib import pyplot as plt

        plt.switch_backend("agg")
    namespace: dict[str, object] = {"__name__": page}
    left_out = []
    for block in blocks(text):
        if block.word == "needs" and missing(block.text):
            left_out.append(f"line {block.line} needs {', '.join(missing(block.text))}")
        elif block.word == "file":
            Path(block.text).write_text(block.code, "utf-8")
        elif block.language == "python":
            run_python(block, page, namespace)
        elif block.language == "sh":
            if sys.platform == "win32":
                pytest.skip(f"{page}: bash, from line {block.line} on")
            run_shell(block, page)
        else:
            pytest.fail(f"{page}:{block.line}: {block.language!r} is neither run nor written")
    if left_out:
        pytest.skip(f"{page} ran, but {'; '.join(left_out)}")


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside the tests (those of a wheel)")
def test_every_command_is_on_the_page_of_the_command_line():
    from fastnn.cli import _COMMANDS

    asked = re.findall(r"^```\{help\} (\w+)$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
    assert asked == [command.__name__.rpartition(".")[2] for command in _COMMANDS]


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside the tests (those of a wheel)")
def test_every_public_name_is_in_the_reference():
    from fastnn import callbacks, datasets, explain, export, pictures, plot, schedules

    listed = " ".join(p.read_text("utf-8") for p in sorted((DOCS / "api").glob("*.md")))
    listed_names = set(re.findall(r"^   (\w+)$", listed, re.MULTILINE))
    modules = {"callbacks", "datasets", "explain", "export", "pictures", "plot", "schedules"}
    helpers = {"LearningRate", "from_config", "learning_rates", "to_config"}  # of the training loop
    public = {*fastnn.__all__, "MLPClassifier", "MLPRegressor", "from_sklearn"} - modules
    for module in (callbacks, datasets, explain, export, pictures, plot, schedules):
        public |= set(module.__all__) - helpers
    assert public <= listed_names


@pytest.mark.skipif(not DOCS.is_dir(), reason="docs/ is not beside the tests (those of a wheel)")
def test_tests_that_pages_sources_and_scripts_name_are_there():
    there = [f"/{path.relative_to(ROOT).as_posix()}" for path in TESTS.rglob("test_*.py")]
    texts = [*ROOT.glob("*.md"), *(ROOT / ".ci").glob("*"), ROOT / "pyproject.toml"]
    texts += [p for name in ("csrc", "docs", "fastnn", "tests") for p in (ROOT / name).rglob("*")]
    lost = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in texts
        if path.suffix in {"", ".md", ".sh", ".toml", ".py", ".c", ".h"} and path.is_file()
        if path.name != "CHANGELOG.md" and "malformed" not in path.parts
        for named in re.findall(r"(?:\w+/)*\btest_\w+\.py\b", path.read_text("utf-8"))
        if not any(name.endswith(f"/{named}") for name in there)
    ]
    assert not lost
