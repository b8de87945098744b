"""``fastnn export``: a model as C, as Python that needs NumPy alone, or as ONNX."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import MLP, Ensemble, TableModel, words
from .. import export as exports
from ..export.c import c_file, write
from . import evaluate, options, report
from .ensembles import as_model
from .options import UsageError

if TYPE_CHECKING:
    from .options import Commands

_MARK = b"written by fastnn"  # in the first lines of an exported source file
_FLAGS = {  # flags for one kind of file only
    "int8": ".c",
    "data": ".c",
    "target": ".c",
    "name": ".c",
    "dtype": ".c",
    "jacobian": ".c",
    "labels": ".onnx",
    "input_dtype": ".onnx",
}

_EPILOG = """\
examples:
  fastnn export digits.safetensors digits.c          one C99 file, with a test
  fastnn export digits.safetensors digits.c --int8   a quarter of the size
  fastnn export digits.safetensors digits.py         NumPy alone
  fastnn export digits.safetensors digits.onnx --labels

The ending of OUTPUT chooses the format. --int8 measures the loss of accuracy on
--data, by default on the data that the model was trained on, if it is found. An
ONNX file needs pip install 'fastnn-mlp[onnx]'. In Python: fastnn.export, which
supports PyTorch as well.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn export``."""
    parser = options.add_command(
        commands, "export", "write a model for programs that have no fastnn", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument("output", metavar="OUTPUT", help="a name that ends in .c, .py or .onnx")
    parser.add_argument(
        "--int8", action="store_true", help="weights in 8 bits; for .c (default: in full)"
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"data on which --int8 measures its effect: {options.DATA_HELP} "
        "(default: the data that the model was trained on)",
    )
    parser.add_argument("--target", metavar="COLUMN", help=f"{options.TARGET_HELP}; for tables")
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="prefix of the functions' names; for .c (default: the file's name)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        help="of the arithmetic; for .c (default: the model's)",
    )
    parser.add_argument(
        "--jacobian",
        action="store_true",
        help="also a function for the outputs' derivatives by the inputs; for .c (default: none)",
    )
    parser.add_argument(
        "--labels", action="store_true", help="an output with the label; for .onnx (default: none)"
    )
    parser.add_argument(
        "--input-dtype",
        choices=("float32", "float64", "uint8"),
        help="of the inputs; for .onnx (default: that of the model's arithmetic)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a source file that fastnn did not write"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write a model in another format, and print how to use it."""
    output = Path(args.output)
    kind = output.suffix.lower()
    if kind in (".pt", ".pth"):
        raise UsageError(
            f"{output}: PyTorch's own files are pickles; in Python, fastnn.export.to_torch gives "
            "a module"
        )
    if kind not in _WRITERS:
        raise UsageError(f"{output}: expected a name that ends in .c, .py or .onnx")
    for flag, wanted in _FLAGS.items():
        if getattr(args, flag) and kind != wanted:
            raise UsageError(f"--{flag.replace('_', '-')} is for {wanted} files, not for {kind}")

    if not args.int8 and (args.data is not None or args.target is not None):
        raise UsageError("--data and --target are for --int8, which is measured on them")
    if args.int8 and args.dtype == "float64":
        raise UsageError("--int8 computes in float32, not in float64")
    if args.int8 and args.jacobian:
        raise UsageError("--jacobian does not go with --int8: rounded values have no slopes")
    options.check_writable(output, "OUTPUT")
    if kind != ".onnx" and not args.force and _is_somebodys(output):
        raise OSError(f"{output} is there and was not written by fastnn: --force replaces it")
    net = evaluate.load_model(args.model, "export", several=True)
    lines = _WRITERS[kind](net, output, args)
    report.fact("model", f"{args.model}: {report.describe(net)}")
    report.fact("written", f"{output}, {output.stat().st_size:,} bytes")
    for name, text in lines:
        report.fact(name, text)
    return 0


def _is_somebodys(path: Path) -> bool:
    if not path.exists():
        return False
    with open(path, "rb") as file:
        return _MARK not in file.read(1000)


Lines = list[tuple[str, str]]


def _write_c(net: MLP, output: Path, args: argparse.Namespace) -> Lines:
    X = y = None
    where = ""
    model = as_model(net)
    for flag in ("int8", "jacobian"):
        if isinstance(model, Ensemble) and getattr(args, flag):
            raise UsageError(
                f"--{flag} is for one network; this is an ensemble of {len(model)}: "
                "fastnn train --ensemble 1 makes one"
            )
    if args.int8:
        try:
            (X, y), which, name = evaluate.examples_for(net, args.model, args.data, args.target)
            where = f"{name}, {len(X):,} {evaluate.WORDS[which]}"
        except (UsageError, ValueError, OSError) as error:
            if args.data is not None:
                raise
            where = f"its effect was not measured: {error}"
    quantize = "int8" if args.int8 else None
    made = c_file(
        model,
        output,
        name=args.name,
        quantize=quantize,
        X=X,
        y=y,
        dtype=args.dtype,
        jacobian=args.jacobian,
    )
    write(output, made.text)
    lines = [("memory", f"{made.flash:,} bytes of tables, {made.ram:,} bytes of RAM during a call")]
    if made.measured is not None:
        lines.append(("data", where))
        before, after = made.measured.before, made.measured.after
        costs = [f"cost {words.significant(before['loss'])} -> {words.significant(after['loss'])}"]
        if "accuracy" in before:
            costs.insert(0, f"accuracy {before['accuracy']:.2%} -> {after['accuracy']:.2%}")
        lines.append(("int8", f"{', '.join(costs)} (in full -> int8)"))
    elif args.int8:
        lines.append(("int8", where))
    program = output.with_suffix("")
    run_it = str(program) if program.is_absolute() else os.path.join(".", program)
    compiler = ["cc", "-std=c99", "-O2", f"-D{made.name.upper()}_MAIN", str(output), "-o"]
    lines.append(("compile", shlex.join([*compiler, str(program)])))
    lines.append(("test", shlex.quote(run_it)))
    return lines


def _write_py(net: MLP, output: Path, args: argparse.Namespace) -> Lines:
    text = exports.to_numpy(as_model(net), output)
    names = "predict, classify" if "\ndef classify(" in text else "predict"
    return [("use", f"from {output.stem} import {names}")]


def _write_onnx(net: MLP, output: Path, args: argparse.Namespace) -> Lines:
    model: Any = as_model(net)
    if "columns" in model.metadata:
        if args.input_dtype:
            raise UsageError(
                "--input-dtype is for models of numbers; this one reads raw cells of a table: "
                "numbers as double, words as string"
            )
        model = TableModel.from_network(model)
    exports.to_onnx(model, output, labels=args.labels, input_dtype=args.input_dtype)
    return [("use", f"onnxruntime.InferenceSession({str(output)!r}), for one")]


_WRITERS: dict[str, Callable[[MLP, Path, Any], Lines]] = {
    ".c": _write_c,
    ".py": _write_py,
    ".onnx": _write_onnx,
}
