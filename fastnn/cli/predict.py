"""``fastnn predict``: predictions of a model for pictures and rows."""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import MLP, arrays, datasets, pictures, words
from ..datasets import tables
from ..datasets.data import is_idx
from ..datasets.frames import read_frame
from ..tabular import task_data
from . import options, report
from .evaluate import load_model
from .options import UsageError
from .train import Recipe

if TYPE_CHECKING:
    from .options import Commands

Array = task_data.Array

_SHOWN = 3  # outputs a row, unless --all

_EPILOG = """\
examples:
  fastnn predict digits.safetensors seven.png
  fastnn predict digits.safetensors --resize photo-of-a-seven.jpg
  fastnn predict flowers.safetensors new-flowers.csv --csv > answers.csv

Pictures are converted to grey, turned upright, and laid on paper where they are
transparent. A model of images knows the layout of its training images. A
picture with a bright border is inverted if theirs is dark; if their ink has one
size and position, as that of the digits has, its ink is cut out, scaled and
centred in the same way, and a line on stderr reports it. --as-is does none of
this.
A table may have the target's column too, and others; they are ignored. Its rows
are as raw as those of the training: words, dates, missing cells.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn predict``."""
    parser = options.add_command(
        commands, "predict", "print predictions for pictures or rows of numbers", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a picture (.png, .jpg, .bmp, .gif, .tif, .webp), a table (CSV, Excel, Parquet, ...), "
        "an .npy or .npz file, or an IDX file",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"show all outputs (default: the {_SHOWN} largest)"
    )
    parser.add_argument(
        "--resize",
        action="store_true",
        help="scale pictures of any size to the model's (default: refuse)",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="turn black into white in pictures (default: if their border asks for it)",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="do not invert pictures, nor cut out and centre their ink",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list, all outputs a row")
    form.add_argument("--csv", action="store_true", help="print CSV, all outputs a row")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the prediction for each row of the inputs."""
    seen = [path for path in args.inputs if Path(path).suffix.lower() in pictures.SUFFIXES]
    for flag in ("resize", "invert", "as_is"):
        if getattr(args, flag) and not seen:
            name = flag.replace("_", "-")
            raise UsageError(f"--{name} is for pictures; there is none among the inputs")
    if args.invert and args.as_is:
        raise UsageError("--invert and --as-is contradict each other")
    net = load_model(args.model, "predict", several=True)
    if args.resize and net.metadata.get("image_shape") is None:
        raise UsageError(f"--resize: {args.model} does not record the size of its images")
    # All are read before the first prediction: an unreadable file must not leave half a table.
    answers = []
    for path in args.inputs:
        X = _picture(net, path, args) if path in seen else _rows(net, path)
        answers.append((path, X, net.predict(X)))
    classify = report.task_of(net) == "classify"
    names = [str(label) for label in report.labels_of(net)] if classify else _output_names(net)
    records = (
        (path, i, label, _one_each(output, len(names)))
        for path, X, outputs in answers
        for i, (label, output) in enumerate(zip(_labels(net, X, classify), outputs, strict=True))
    )
    if args.json:
        report.print_json([_as_dict(names, *record) for record in records])
    elif args.csv:
        _print_csv(names, classify, records)
    else:
        _print_text(names, classify, args.all, records, {p: len(X) for p, X, _ in answers})
    return 0


def _labels(net: MLP, X: Array, classify: bool) -> list[Any]:
    found: list[Any] = net.classify(X).tolist() if classify else [None] * len(X)
    return found


def _output_names(net: MLP) -> list[str]:
    name = net.metadata.get("target_name") or "value"
    n_out = net.sizes[-1]
    names = net.metadata.get("target_names")
    if isinstance(names, list) and len(names) == n_out:
        return [str(name) for name in names]
    return [str(name)] if n_out == 1 else [f"{name} {j}" for j in range(n_out)]


def _one_each(output: Array, n: int) -> list[float]:
    """Return an output for each class, also from the single output of two classes."""
    values = [float(value) for value in output]
    return [1 - values[0], values[0]] if len(values) == 1 and n == 2 else values[:n]


# Reading -----------------------------------------------------------------------------------------


def _rows(net: MLP, path: str) -> Array:
    if not _is_frame(path):
        X = task_data.in_order(net, datasets.load_rows(path), None, path)
        return _of_width(net, X, path)
    columns = task_data.columns_of(net)
    if columns is not None:
        known = [column.name for column in columns.columns] if columns.headed else []
        table = read_frame(path, names=known)
        names = tuple(table.frame.columns) if table.headed else None
        return task_data.in_order(net, table.frame, names, path)
    table = read_frame(path, names=net.feature_names)
    recipe = Recipe.of(net)
    frame = table.frame
    names = tuple(frame.columns) if table.headed and net.feature_names is not None else None
    if names is not None and net.feature_names is not None:
        if not set(names) >= set(net.feature_names):
            arrays.column_order(path, names, net.feature_names)  # which says what is missing
        names = net.feature_names  # other columns, the target among them, are ignored
        frame = frame[list(names)]
    elif not table.headed and frame.shape[1] == net.sizes[0] + 1 and recipe is not None:
        position = recipe.target if isinstance(recipe.target, str) else -1
        frame = frame.drop(columns=frame.columns[int(position)])
    return _of_width(net, task_data.in_order(net, frame, names, path), path)


def _is_frame(path: str) -> bool:
    """Return whether pandas reads a file."""
    file = Path(path)
    return file.suffix.lower() not in tables.NUMPY_SUFFIXES and not is_idx(file)


def _of_width(net: MLP, X: Array, path: str) -> Array:
    if X.shape[1] != net.sizes[0]:
        raise ValueError(
            f"{path} has rows of {words.plural(X.shape[1], 'value')}; "
            f"this model reads {net.sizes[0]}{_advice(net, X.shape[1])}"
        )
    return X


def _advice(net: MLP, width: int) -> str:
    """Return advice on rows that may include the target."""
    recipe = Recipe.of(net)
    if width != net.sizes[0] + 1 or recipe is None:
        return ""
    if net.feature_names is not None:
        return ": leave out the target, or add a header with the names of the columns in training"
    place = "the last" if recipe.target is None else recipe.target
    return f": leave out the column of the target ({place} in training)"


def _picture(net: MLP, path: str, args: argparse.Namespace) -> Array:
    expected = net.metadata.get("image_shape")
    picture = pictures.read_picture(path, reduce=expected is not None and max(expected) <= 1024)
    height, width = picture.size
    notes = picture.notes
    if expected is None:
        if height * width != net.sizes[0]:
            raise ValueError(
                f"{path} has {width} x {height} pixels; this model reads rows of {net.sizes[0]} "
                "values"
            )
        pixels = 255 - picture.pixels if args.invert else picture.pixels
    else:
        if [height, width] != expected and not args.resize:
            raise ValueError(
                f"{path} is {width} x {height} pixels; this model reads {expected[1]} x "
                f"{expected[0]} (--resize brings it to that size)"
            )
        form = pictures.ImageForm((expected[0], expected[1]))
        if not args.as_is and "image_form" in net.metadata:
            form = pictures.ImageForm.from_dict(net.metadata["image_form"])
        pixels, notes = pictures.conform(picture, form, invert=args.invert or None)
    if notes:
        print(f"fastnn: {path}: {'; '.join(notes)}", file=sys.stderr)
    low, high = net.metadata.get("image_levels", (0, 255))
    if [low, high] == [0, 255]:
        return pixels.reshape(1, -1)
    levels: Array = low + pixels.reshape(1, -1) * ((high - low) / 255)
    return levels


# Writing -----------------------------------------------------------------------------------------


def _as_dict(
    names: list[str], path: str, i: int, label: Any, values: list[float]
) -> dict[str, Any]:
    outputs = dict(zip(names, values, strict=False))
    answer = {} if label is None else {"label": label}
    return {"input": path, "row": i, **answer, "outputs": outputs}


def _print_csv(names: list[str], classify: bool, records: Any) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["input", "row", *(["label"] if classify else []), *names])
    for path, i, label, values in records:
        writer.writerow([path, i, *([label] if classify else []), *(f"{v:.7g}" for v in values)])


def _print_text(
    names: list[str], classify: bool, everything: bool, records: Any, rows: dict[str, int]
) -> None:
    """Print a line a row: its source, the label, the largest outputs."""
    widest = max(len(_place(path, n - 1, n)) for path, n in rows.items())
    place_width = min(widest, max(shutil.get_terminal_size().columns // 2, 12))
    name_width = max(map(len, names))
    for path, i, label, values in records:
        place = _place(path, i, rows[path])
        pairs = list(zip(names, values, strict=False))
        if not classify:
            texts = [f"{name} {value:.6g}" for name, value in pairs]
        else:
            pairs.sort(key=lambda pair: -pair[1])
            texts = [
                f"{name} {value:.3f}" for name, value in (pairs if everything else pairs[:_SHOWN])
            ]
            texts.insert(0, f"{label!s:<{name_width}}")
        print(f"{place:<{place_width}}  {'  '.join(texts)}")


def _place(path: str, i: int, n: int) -> str:
    return path if n == 1 else f"{path}:{i}"
