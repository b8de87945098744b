"""The command line: ``fastnn train``, ``evaluate``, ``predict`` and so on, see `_COMMANDS`.

A subcommand is a module with ``add_parser(commands)``, which adds its parser and sets its default
``run``, a function of the parsed arguments that returns the exit status. To add one, list it in
`_COMMANDS`. Results go to stdout; progress, warnings and errors to stderr.

==== ===========================================================
0    done
1    failed: one line on stderr gives the reason
2    wrong usage; also one line on stderr
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

from . import bench, descend, evaluate, explain, export, info, lab, predict, train
from .options import Formatter, Parser, Terminated, UsageError, stopped_by

_COMMANDS = (train, evaluate, predict, lab, explain, descend, export, info, bench)

_EPILOG = """\
examples:
  fastnn train                             the digit recogniser, in a second
  fastnn train --data flowers.csv          any table; predicts its last column
  fastnn evaluate digits.safetensors       accuracy, and the classes it confuses
  fastnn predict digits.safetensors 7.png  the digit in a picture
  fastnn lab digits.safetensors            a page to see, touch and train it
  fastnn explain digits.safetensors        a view of backpropagation on it
  fastnn descend bowl                      gradient descent in two dimensions
  fastnn export digits.safetensors net.c   the network as one C file

"fastnn COMMAND --help" shows the options of a command.
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
    except SystemExit as stop:  # --help, --version, or an error that Parser has printed
        return stop.code if isinstance(stop.code, int) else 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", fastnn.DivergenceWarning)  # such a training has failed
        warnings.showwarning = _warn
        return _run(args)


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    """End the command on SIGTERM as on Ctrl-C, unless the calling program handles it."""
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
        sys.stdout.flush()  # raises here if the reader of a pipe is gone
        return status
    except BrokenPipeError:
        # The rest of the buffer must not raise again when the interpreter exits.
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
        if sys.flags.dev_mode:  # python -X dev -m fastnn: with the traceback
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
