"""Parsers of the subcommands: their common base, the reporting of mistakes, types of values."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..hints import name_hint
from ..model_file import container

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

DATA_HELP = (
    "digits, mnist, fashion-mnist, a table (CSV, Excel, Parquet, JSON, SQLite, ...; a pattern such "
    "as parts/*.csv), an .npz or .npy file, or a folder of IDX files, of X.npy and y.npy, or of "
    "pictures by class"
)
TARGET_HELP = "the column to predict, by its name or its position from 0 (default: the last)"


class UsageError(Exception):
    """Wrong usage of a command: one sentence, exit status 2."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with a column for the flags that is wide enough for most of them."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, **{"max_help_position": 27, **kwargs})


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    if_missing = ""  # hint for the message about a missing argument

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with status 2."""
        if message.startswith("the following arguments are required: "):
            message = f"{message.removeprefix('the following arguments are required: ')} is missing"
            message += self.if_missing
        print(f"fastnn: error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def add_command(commands: Commands, name: str, summary: str, epilog: str | None = None) -> Parser:
    """Return the parser of a new subcommand."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=Formatter,
        allow_abbrev=False,
    )


_Number = TypeVar("_Number", int, float)


def _number(
    kind: Callable[[str], _Number], expected: str, accept: Callable[[float], bool]
) -> Callable[[str], _Number]:
    def convert(text: str) -> _Number:
        with suppress(ValueError):
            value = kind(text)
            if math.isfinite(value) and accept(value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return convert


count: Callable[[str], int] = _number(int, "a whole number of 1 or more", lambda value: value >= 1)
seed: Callable[[str], int] = _number(int, "a whole number of 0 or more", lambda value: value >= 0)
finite: Callable[[str], float] = _number(float, "a number", lambda value: True)
positive: Callable[[str], float] = _number(float, "a number above 0", lambda value: value > 0)
not_negative: Callable[[str], float] = _number(
    float, "a number of 0 or more", lambda value: value >= 0
)
share: Callable[[str], float] = _number(
    float, "a number from 0 to below 1", lambda value: 0 <= value < 1
)


def width(text: str) -> int:
    """Return the width of a hidden layer, 0 for the word "none"."""
    if text == "none":
        return 0
    try:
        return count(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or none, for no hidden layer") from None


def one_of(flag: str, names: Sequence[str]) -> Callable[[str], str]:
    """Return a converter for a name among `names`, with hints for names of other libraries."""

    def convert(text: str) -> str:
        if text not in names:
            hint = name_hint(flag, text, names)
            listed = ", ".join(names)
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r}; expected {listed}{hint}")
        return text

    return convert


class Terminated(KeyboardInterrupt):
    """SIGTERM, as from a batch system or container; handled like Ctrl-C."""


def stopped_by(interrupt: KeyboardInterrupt) -> tuple[str, int]:
    """Return the reason for the end of the command, and the exit status: 128 + the signal."""
    return ("terminated", 143) if isinstance(interrupt, Terminated) else ("interrupted", 130)


def check_writable(path: Path, flag: str) -> None:
    """Raise OSError if a file could not be written at `path`, before hours of training.

    A rename replaces the old file, so its folder must be writable.
    """
    folder = path.parent
    if path.is_dir():
        raise OSError(f"{flag} {path} is a folder; expected the name of a file")
    if not folder.is_dir():
        raise OSError(f"{flag} {path} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(f"{flag} {path} cannot be written: the folder {folder} is read-only")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:  # /proc, a quota, a network file system
        raise OSError(f"{flag} {path} cannot be written: {error.strerror}") from None


def check_model_path(path: Path, flag: str) -> None:
    """Raise OSError if a model cannot be written at `path`, or another kind of file is there."""
    check_writable(path, flag)
    if path.exists() and path.stat().st_size and not container.is_model(path):
        raise OSError(
            f"{flag} {path} exists and is not a fastnn model: give another name, or delete it"
        )


def within_here(path: str) -> str:
    """Return a path for the recipe: "" unless it is in the current folder or below."""
    inside = not Path(path).anchor and ".." not in Path(path).parts
    return path if inside else ""
