"""``fastnn descend``: gradient descent on a function of two inputs, as a table and a picture."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import options, report
from .options import UsageError

if TYPE_CHECKING:
    from ..explain import Descent
    from .options import Commands

_STARTS = {  # of the examples, where none is given
    "bowl": (2.0, 1.0),
    "ravine": (8.0, 1.0),
    "saddle": (1.5, 0.01),
    "himmelblau": (0.0, 0.0),
    "rosenbrock": (-1.2, 1.0),
}
_PICTURES = (".png", ".svg", ".pdf")
_FILMS = (".gif", ".mp4")

_EPILOG = """\
examples:
  fastnn descend bowl
  fastnn descend ravine --lr 0.9 -o ravine.png
  fastnn descend "sin(x)*cos(y) + 0.1*(x**2 + y**2)" --start 2 1 --start -3 2
  fastnn descend himmelblau --lr 0.01 -o hills.gif

An expression is made of numbers, x, y, pi, e, + - * / **, parentheses and sin,
cos, tan, exp, log, sqrt, abs, tanh, sinh, cosh, arctan, min, max. One that
begins with a minus sign goes last, after "--".
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn descend``."""
    parser = options.add_command(
        commands, "descend", "walk down a function of x and y by gradient descent", _EPILOG
    )
    parser.if_missing = "; one that begins with a minus goes behind --"
    parser.add_argument(
        "function",
        metavar="FUNCTION",
        help=f"an expression of x and y, or {', '.join(_STARTS)}",
    )
    parser.add_argument(
        "--start",
        nargs=2,
        type=options.finite,
        action="append",
        metavar=("X", "Y"),
        help="start of a path; may be given several times (default: the example's own)",
    )
    parser.add_argument(
        "--lr", type=options.positive, default=0.1, help="learning rate (default: 0.1)"
    )
    parser.add_argument(
        "--steps",
        type=options.count,
        default=1000,
        metavar="N",
        help="the most steps of a path (default: 1000)",
    )
    parser.add_argument(
        "--momentum",
        type=options.share,
        default=0.0,
        metavar="M",
        help="share of the velocity that is kept from step to step (default: 0)",
    )
    parser.add_argument(
        "--tol",
        type=options.positive,
        default=1e-6,
        metavar="T",
        help="the length of the gradient that counts as 0 (default: 1e-6)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="also draw it: .png, .svg, .pdf, or a film: .gif, .mp4 (which needs ffmpeg)",
    )
    parser.add_argument(
        "--fps",
        type=options.positive,
        default=10.0,
        help="pictures a second of a film (default: 10)",
    )
    parser.add_argument("--json", action="store_true", help="print all points as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run gradient descent, print its table, and draw it."""
    from ..explain import descend
    from ..explain.functions import Surface

    try:
        Surface(args.function)
    except ValueError as error:
        raise UsageError(str(error)) from None
    starts = args.start
    if starts is None:
        if args.function not in _STARTS:
            raise UsageError("--start is missing: give the coordinates x y of the start")
        starts = [_STARTS[args.function]]
    if args.output is not None:
        _check_output(args.output)
    descent = descend(
        args.function, starts, args.lr, args.steps, momentum=args.momentum, tol=args.tol
    )
    if args.output is not None:
        _draw(descent, args.output, args.fps)
    if args.json:
        report.print_json(descent.to_dict())
        return 0
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    console.print(descent)
    if args.output is not None:
        report.fact("wrote", str(args.output))
    return 0


def _check_output(path: Path) -> None:
    if path.suffix.lower() not in (*_PICTURES, *_FILMS):
        raise UsageError(f"-o {path} must end with one of {', '.join((*_PICTURES, *_FILMS))}")
    options.check_writable(path, "-o")


def _draw(descent: Descent, path: Path, fps: float) -> None:
    from .. import paths
    from ..plot import style

    style.pyplot().switch_backend("agg")  # a file needs no screen
    if path.suffix.lower() in _FILMS:
        descent.animate(path, fps=fps)
        return
    made = io.BytesIO()
    descent.plot().savefig(made, format=path.suffix[1:].lower(), dpi=150)
    paths.replace(path, made.getvalue())
