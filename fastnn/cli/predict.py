"""``fastnn predict``: what a model says of pictures and rows."""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import MLP, datasets, tables

from . import examples, options, report
from .evaluate import load_model
from .options import UsageError

if TYPE_CHECKING:
    from .options import Commands

Array = examples.Array

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_SHOWN = 3  # outputs a row, unless --all

_EPILOG = """\
examples:
  fastnn predict digits.safetensors seven.png
  fastnn predict digits.safetensors --resize --invert photo-of-a-seven.jpg
  fastnn predict flowers.safetensors new-flowers.csv --csv > answers.csv

Pictures become grey. Those of the digits are white on black, 28 x 28 pixels,
the digit in the middle: black on white needs --invert, another size --resize.
A .csv with a header may hold the target's column too; it is not looked at.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn predict``."""
    parser = options.add_command(
        commands, "predict", "print what a model says of pictures or rows of numbers", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a .png, .jpg or .bmp picture, a .csv, .tsv, .npy or .npz file, or an IDX file",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"show all outputs (default: the {_SHOWN} largest)"
    )
    parser.add_argument(
        "--resize", action="store_true", help="bring pictures to the model's size (default: refuse)"
    )
    parser.add_argument(
        "--invert", action="store_true", help="turn black into white in pictures (default: as is)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list, all outputs a row")
    form.add_argument("--csv", action="store_true", help="print CSV, all outputs a row")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the answer for every row of the inputs."""
    pictures = [path for path in args.inputs if Path(path).suffix.lower() in _PICTURES]
    for flag in ("resize", "invert"):
        if getattr(args, flag) and not pictures:
            raise UsageError(f"--{flag} is for pictures; there is none among the inputs")
    net = load_model(args.model)
    if args.resize and net.metadata.get("image_shape") is None:
        raise UsageError(f"--resize: {args.model} does not say what size its images have")
    # All before the first answer: a file that cannot be read must not leave half a table.
    answers = []
    for path in args.inputs:
        if path in pictures:
            X = _picture(net, path, resize=args.resize, invert=args.invert)
        else:
            X = _rows(net, path)
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
    return [str(name)] if n_out == 1 else [f"{name} {j}" for j in range(n_out)]


def _one_each(output: Array, n: int) -> list[float]:
    """Return an output a class, also where one says which of two."""
    values = [float(value) for value in output]
    return [1 - values[0], values[0]] if len(values) == 1 and n == 2 else values[:n]


# Reading -----------------------------------------------------------------------------------------


def _rows(net: MLP, path: str) -> Array:
    names = _header(net, path)
    target = net.metadata.get("target_name")
    if names is not None and target in names and len(names) == net.sizes[0] + 1:
        table = datasets.load_table(path, target=target)
        X = examples.in_order(net, table.X, table.feature_names, path)
    else:
        X = examples.in_order(net, datasets.load_rows(path), names, path)
    if X.shape[1] != net.sizes[0]:
        hint = " (a header would tell which is the target)" * (X.shape[1] == net.sizes[0] + 1)
        raise ValueError(
            f"{path} has rows of {report.plural(X.shape[1], 'value')}; "
            f"this model reads {net.sizes[0]}{hint}"
        )
    return X


def _header(net: MLP, path: str) -> tuple[str, ...] | None:
    """Return the column names of a text file, if the model knows its features by name."""
    is_text = Path(path).suffix.lower() in tables.TEXT_SUFFIXES
    if not is_text or net.feature_names is None or not Path(path).is_file():
        return None
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            delimiter = tables.delimiter_of(Path(path), file)
            lines = tables.Lines(Path(path), file, delimiter)
            first = next(csv.reader(lines, delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error):
        return None  # load_rows says what is wrong with it
    names = tuple(cell.strip() for cell in first)
    return None if all(map(_is_number, names)) else names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _picture(net: MLP, path: str, *, resize: bool, invert: bool) -> Array:
    row = datasets.load_rows(path)
    from PIL import Image  # load_rows has said it in one sentence if there is no Pillow

    with Image.open(Path(path).expanduser()) as picture:
        width, height = picture.size
    expected = net.metadata.get("image_shape")
    if expected is not None and [height, width] != expected:
        if not resize:
            raise ValueError(
                f"{path} is {width} x {height} pixels; this model reads {expected[1]} x "
                f"{expected[0]} (--resize brings it to that size)"
            )
        small = Image.fromarray(row.reshape(height, width)).resize((expected[1], expected[0]))
        row = np.asarray(small, dtype=np.uint8).reshape(1, -1)
    elif row.shape[1] != net.sizes[0]:
        raise ValueError(
            f"{path} has {width} x {height} pixels; this model reads rows of {net.sizes[0]} values"
        )
    return np.subtract(255, row, dtype=np.uint8) if invert else row


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
    """Print a line a row: where it is from, the label, the largest outputs."""
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
