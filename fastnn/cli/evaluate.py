"""``fastnn evaluate``: scores of a model, on examples that it was not trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from .. import MLP, Ensemble, datasets, pictures
from ..datasets import tables
from ..datasets.frames import is_pattern
from ..tabular import task_data
from . import options, report
from .ensembles import Mean, one_network
from .loading import load_network
from .options import UsageError
from .train import Recipe

if TYPE_CHECKING:
    from .options import Commands

WORDS = {
    "train": "training examples",
    "test": "test examples",
    "held out": "held-out test examples",
    "all": "examples",
}

_EPILOG = """\
examples:
  fastnn evaluate digits.safetensors
  fastnn evaluate digits.safetensors --data mnist
  fastnn evaluate prices.safetensors --data prices-of-may.csv --json

Without --data: the test examples of the data that the model was trained on,
including those that fastnn train held out. With other data: its test examples,
or all of it if it has none.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn evaluate``."""
    parser = options.add_command(
        commands, "evaluate", "print the scores of a model on a data set", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{options.DATA_HELP} (default: the data that the model was trained on)",
    )
    parser.add_argument("--target", metavar="COLUMN", help=f"{options.TARGET_HELP}; for tables")
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the scores of a model."""
    net = load_model(args.model, "evaluate", several=True)
    part, which, name = examples_for(net, args.model, args.data, args.target)
    result = report.scores(net, *part)
    if args.json:
        report.print_json({"model": args.model, "data": name, "part": which, **result})
        return 0
    report.fact("model", f"{args.model}: {report.describe(net)}")
    report.fact("data", f"{name}, {'all ' * (which == 'all')}{len(part[0]):,} {WORDS[which]}")
    report.print_scores("score", net, result, net.metadata.get("target_name"))
    if "confusion" in result:
        report.print_confusion(result)
    return 0


def examples_for(
    net: MLP, path: str, data: str | None, target: tables.Target, split: str = "test"
) -> tuple[task_data.Part, str, str]:
    """Return examples (X, y) for a model, their kind (a key of `WORDS`), and the data's name.

    `data` and `target` are those of the command line, by default those of the model's training.
    `split` is "test" or "train"; "train" is the rows that the model was trained on, without those
    held out for test or validation. Other data without test examples is used as a whole.
    """
    recipe = Recipe.of(net)
    if data is None and recipe is None:
        raise UsageError(f"{path} does not record its training data: give --data")
    spec = data if recipe is None or data is not None else recipe.data
    assert spec is not None
    if data is None and not _is_here(spec):
        raise UsageError(f"{path} was trained on {spec}, which is not here: give --data")
    if target is None and recipe is not None and (Path(spec).is_file() or is_pattern(spec)):
        target = None if Path(spec).suffix.lower() == ".npz" else recipe.target
    own = recipe.test if recipe is not None and data is None else None
    loaded = task_data.load(spec, target, own)
    same = recipe is not None and task_data.fingerprint(loaded) == recipe.fingerprint
    (X, y), which = _part(net, loaded, recipe if same else None, split)
    part = task_data.in_order(net, X, loaded.feature_names, spec), y
    held_out = recipe is not None and recipe.test_fraction > 0
    if recipe and held_out and which == "all" and Path(spec).name == Path(recipe.data).name:
        print(
            f"fastnn: warning: {spec} has changed since {path} was trained on it: the rows that "
            "were held out are unknown, so all are used, most of which it was trained on",
            file=sys.stderr,
        )
    return part, which, loaded.name


def load_model(path: str, command: str, *, several: bool = False) -> MLP:
    """Load a model file, and check the metadata that the commands use.

    Of an ensemble `several` gives the mean, in the role of a network; else it is refused.
    """
    model = load_network(path)
    if several and isinstance(model, Ensemble):
        net = cast("MLP", Mean(model))
    else:
        net = one_network(model, path, command)
    image = net.metadata.get("image_shape")
    if image is not None and not (
        isinstance(image, list)
        and len(image) == 2
        and all(isinstance(size, int) for size in image)
        and image[0] * image[1] == net.sizes[0]
    ):
        raise ValueError(f"{path}: its image_shape {image!r} does not fit {net.sizes[0]} inputs")
    form = net.metadata.get("image_form")
    if form is not None and list(pictures.ImageForm.from_dict(form).shape) != image:
        raise ValueError(f"{path}: its image_form does not fit its image_shape {image!r}")
    levels = net.metadata.get("image_levels", [0, 255])
    if not (
        isinstance(levels, list)
        and len(levels) == 2
        and all(isinstance(level, int | float) for level in levels)
    ):
        raise ValueError(f"{path}: its image_levels are {levels!r}, not those of black and white")
    return net


def _part(
    net: MLP, data: datasets.Data, recipe: Recipe | None, split: str
) -> tuple[task_data.Part, str]:
    """Return the examples and their kind; `recipe` is the one that split this data, or None."""
    task = report.task_of(net)
    train, test, held_out = data.train, data.test, False
    if recipe is not None:
        ready = recipe.prepare(data)
        train, test, held_out = ready.train, ready.test, ready.held_out
    if split == "test" and test is not None:
        (X, y), which = test, "held out" if held_out else "test"
    elif split == "train" and (test is not None or recipe is not None):
        which = "train"
        X, y = train
        if recipe is not None:
            (X, y), _, _ = task_data.hold_out(ready, recipe.validation_fraction, recipe.seed)
    else:
        (X, y), which = train, "all"
    if task == "classify" and y.ndim == 2 and y.shape[1] > 1:
        y = y.argmax(axis=1)
    if task == "regress":
        if y.dtype.kind not in "biuf":
            raise ValueError(f"{data.name}: the target is text; this model predicts numbers")
        y = y.astype(np.float64)
    return (X, y), which


def _is_here(spec: str) -> bool:
    return spec in ("digits", "mnist", "fashion-mnist") or Path(spec).exists() or is_pattern(spec)
