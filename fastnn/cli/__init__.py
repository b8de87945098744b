"""The command line: ``fastnn train``, ``evaluate``, ``predict`` and so on, see `_COMMANDS`.

A subcommand is a module with ``add_parser(commands)``, which adds its parser and sets its default
``run``, a function of the parsed arguments that returns the exit status. To add one, list it in
`_COMMANDS`. Results go to stdout; progress, warnings and errors to stderr.

==== ===========================================================
0    done
1    failed: one line on stderr says why
2    the command does not make sense as it was typed; one line too
130  stopped by Ctrl-C
143  stopped by SIGTERM, in the same way
==== ===========================================================

Private: it may change without notice.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import TextIO

import fastnn

from . import bench, descend, evaluate, explain, export, info, predict, train
from .options import Formatter, Parser, Terminated, UsageError, stopped_by

_COMMANDS = (train, evaluate, predict, explain, descend, export, info, bench)

_EPILOG = """\
examples:
  fastnn train                             the digit recogniser, in a second
  fastnn train --data flowers.csv          any table; its last column is learnt
  fastnn evaluate digits.safetensors       how good it is, and what it mistakes
  fastnn predict digits.safetensors 7.png  what it sees in a picture
  fastnn explain digits.safetensors        what backpropagation does with it
  fastnn descend bowl                      gradient descent in two dimensions
  fastnn export digits.safetensors net.c   the network as one C file

"fastnn COMMAND --help" tells the rest.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM.

    Examples
    --------
    >>> main(["info", "no-such-file.safetensors"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a label that the terminal has no letters for
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:  # --help and --version, or a mistake that Parser has told
        return stop.code if isinstance(stop.code, int) else 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", fastnn.DivergenceWarning)  # such a training has failed
        warnings.showwarning = _warn
        return _run(args)


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Have SIGTERM end the command as Ctrl-C does, unless a program that calls us sees to it."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def end(*_: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(args: argparse.Namespace) -> int:
    try:
        with _sigterm_raises():
            status: int = args.run(args)
        sys.stdout.flush()  # here, so that a reader that has left is noticed here
        return status
    except BrokenPipeError:
        # What is left in the buffer must not fail once more when the interpreter ends.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as interrupt:
        return _tell(*stopped_by(interrupt))
    except UsageError as error:
        return _tell(f"error: {error} (see fastnn {args.command} --help)", 2)
    except MemoryError as error:
        return _tell(f"error: not enough memory: {error}".removesuffix(": "), 1)
    except OSError as error:
        told = error.strerror is not None and error.filename is not None
        return _tell(f"error: {f'{error.filename}: {error.strerror}' if told else error}", 1)
    except (ValueError, TypeError, ImportError, OverflowError) as error:
        if sys.flags.dev_mode:  # python -X dev -m fastnn: where it came from
            raise
        return _tell(f"error: {error}", 1)


def _tell(text: str, status: int) -> int:
    print("fastnn:", " ".join(text.split()), file=sys.stderr)
    return status


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _tell(f"warning: {message}", 0)


def _parser() -> Parser:
    parser = Parser(
        prog="fastnn",
        description="Train small neural networks, fast, and use them.",
        epilog=_EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastnn {fastnn.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser
