"""``fastnn explain``: a view of backpropagation on a model and its data, as text or as a file."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .. import MLP, explain, paths
from ..explain.shown import Shown, TextTable
from ..explain.view_data import untrained
from ..tabular.task_data import Part
from . import evaluate, options, report
from .ensembles import as_model
from .options import UsageError

if TYPE_CHECKING:
    from .options import Commands

_PICTURES = (".png", ".svg", ".pdf")

_EPILOG = """\
examples:
  fastnn explain digits.safetensors             the cost of one example
  fastnn explain digits.safetensors --view nudges --index 3 -o nudges.png
  fastnn explain digits.safetensors --view diagnose
  fastnn explain digits.safetensors --view confusion --split train

views:
  cost         outputs beside their targets
  sensitivity  which weights and biases matter most to the cost
  nudges       what one example asks of the network
  table        what each example asks of each parameter; the average is −∇C
  paths        full-batch descent beside mini-batches, from new weights
  weights      the weights of each neuron of the first layer
  activations  the activations of one example, layer by layer
  confusion    the confusion matrix
  mistakes     the examples that cost most
  units        dead and saturated units
  importance   the fall of the score when a column is shuffled
  residuals    true minus predicted numbers of a regression
  plane        a map of the outputs of a network of two inputs
  diagnose     problems of the training, in words and numbers

cost, nudges and activations show one example, --index; the others use all of
them. Without --data: the data that the model was trained on. Views of gradients
and of training use the training examples (sensitivity, nudges, table, paths,
units, diagnose), the others the test examples (cost, weights, activations,
confusion, mistakes, importance, residuals), plane both; --split chooses. Of an
ensemble, importance and residuals are those of its mean, the other views show
its first network.
"""


@dataclass(frozen=True)
class _Subject:
    net: MLP
    X: NDArray[Any]
    y: NDArray[Any]
    index: int
    top: int
    lr: float | None
    plane: str
    test: tuple[NDArray[Any], NDArray[Any]] | None  # for the plane only

    @property
    def x(self) -> NDArray[Any]:
        return self.X[self.index : self.index + 1]

    @property
    def target(self) -> NDArray[Any]:
        return self.y[self.index : self.index + 1]


class _Part(Shown):
    """One picture of `look_inside`, with its table and numbers."""

    def __init__(self, subject: _Subject, kind: str) -> None:
        self._kind = kind
        self._inside = explain.look_inside(subject.net, subject.X, subject.y, example=subject.index)

    def tables(self) -> list[TextTable]:
        return [self._inside.table(self._kind)]

    def plot(self, **options: Any) -> Any:
        return self._inside.plot(self._kind, **options)

    def to_dict(self) -> dict[str, Any]:
        return self._inside.to_dict()


_VIEWS: dict[str, Callable[[_Subject], Shown]] = {
    "cost": lambda s: explain.cost_table(s.net, s.X, s.y, examples=[s.index]),
    "sensitivity": lambda s: explain.sensitivity(s.net, s.X, s.y, top=s.top),
    "nudges": lambda s: explain.nudges(s.net, s.x, s.target),
    "table": lambda s: explain.nudge_table(s.net, s.X, s.y),
    "paths": lambda s: explain.descent_paths(  # of new weights: a trained network moves little
        untrained(s.net), s.X, s.y, lr=s.lr, plane=s.plane
    ),
    "weights": lambda s: _Part(s, "first_layer"),
    "activations": lambda s: _Part(s, "network"),
    "confusion": lambda s: _Part(s, "confusion"),
    "mistakes": lambda s: _Part(s, "mistakes"),
    "units": lambda s: _Part(s, "units"),
    "importance": lambda s: explain.importance(as_model(s.net), s.X, s.y),
    "residuals": lambda s: explain.residuals(as_model(s.net), s.X, s.y),
    "plane": lambda s: explain.input_plane(s.net, s.X, s.y, test=s.test),
    "diagnose": lambda s: explain.diagnose(s.net, s.X, s.y),
}
_OF_MEAN = ("importance", "residuals")
_JUDGES = ("cost", "weights", "activations", "confusion", "mistakes", *_OF_MEAN)  # on test examples


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn explain``."""
    parser = options.add_command(
        commands, "explain", "show what backpropagation does on a model and its data", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument(
        "--view",
        choices=tuple(_VIEWS),
        default="cost",
        metavar="VIEW",
        help="the view; they are listed below (default: cost)",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{options.DATA_HELP} (default: the data that the model was trained on)",
    )
    parser.add_argument("--target", metavar="COLUMN", help=f"{options.TARGET_HELP}; for tables")
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        help="examples to use (default: see below)",
    )
    parser.add_argument(
        "--index", type=options.seed, default=0, metavar="I", help="which example (default: 0)"
    )
    parser.add_argument(
        "--top", type=options.count, default=20, metavar="N",
        help="how many parameters --view sensitivity ranks (default: 20)",
    )  # fmt: skip
    parser.add_argument(
        "--lr", type=options.positive, metavar="RATE",
        help="learning rate of --view paths (default: one at which no path diverges)",
    )  # fmt: skip
    parser.add_argument(
        "--plane", choices=("principal", "noise"),
        help="plane of --view paths, whose picture shows both (default: principal)",
    )  # fmt: skip
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write a picture (.png, .svg, .pdf), a page (.html) or the numbers (.json)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a view, or write it to a file."""
    output = None if args.output is None else _output(args.output)
    for option, given in (("--lr", args.lr), ("--plane", args.plane)):
        if given is not None and args.view != "paths":
            raise UsageError(f"{option} is for --view paths")
    net = evaluate.load_model(args.model, "explain", several=args.view in _OF_MEAN)
    if args.view == "residuals" and report.task_of(net) == "classify":
        raise UsageError(f"--view residuals is for numbers; {args.model} answers classes")
    if args.view == "confusion" and report.task_of(net) != "classify":
        raise UsageError(
            f"--view confusion is for classes; {args.model} predicts numbers "
            "(--view mistakes shows the examples that cost most)"
        )
    split = args.split or ("test" if args.view in _JUDGES else "train")
    (X, y), described, test = _examples(net, args, split)
    if args.index >= len(X):
        raise UsageError(f"--index {args.index}: there are {len(X):,} examples, 0 to {len(X) - 1}")
    plane = args.plane or "principal"
    result = _VIEWS[args.view](_Subject(net, X, y, args.index, args.top, args.lr, plane, test))
    report.fact("data", described)
    if output is None:
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 120  # a pipe has no width; 120 columns cut no numbers
        console.print(result)
        return 0
    _write(result, output)
    report.fact("written", str(output))
    return 0


def _examples(net: MLP, args: argparse.Namespace, split: str) -> tuple[Part, str, Part | None]:
    """Return the examples, a sentence about them, and further test examples for the plane."""

    def find(split: str) -> tuple[Part, str, str]:
        return evaluate.examples_for(net, args.model, args.data, args.target, split)

    part, which, name = find(split)
    if args.split == "test" and which == "all":
        raise UsageError(f"--split test: {name} has no test examples")
    described, test = f"{name}, {len(part[0]):,} {evaluate.WORDS[which]}", None
    if args.view == "plane" and args.split is None and which == "train":
        test, of_test, _ = find("test")
        if of_test == "all":
            return part, described, None
        described += f", {len(test[0]):,} {evaluate.WORDS[of_test]}"
    return part, described, test


def _output(path: str) -> Path:
    output = Path(path)
    if output.suffix.lower() not in (*_PICTURES, ".html", ".json"):
        raise UsageError(
            f"--output {path}: expected a name that ends in .png, .svg, .pdf, .html or .json"
        )
    options.check_writable(output, "--output")
    return output


def _write(result: Shown, output: Path) -> None:
    kind = output.suffix.lower()
    if kind == ".json":
        content = json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    elif kind == ".html":
        content = result.to_page().encode()
    else:
        made = io.BytesIO()
        result.plot().savefig(made, format=kind[1:], dpi=150)
        content = made.getvalue()
    paths.replace(output, content)
