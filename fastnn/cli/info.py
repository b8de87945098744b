"""``fastnn info``: contents of a model file, or versions, processor and threads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import fastnn

from .. import MLP, Ensemble, words
from ..model_file import container
from . import options, report
from .loading import load_network

if TYPE_CHECKING:
    from .options import Commands

_SHOWN = 10  # classes, features
_KNOWN = {
    "columns",
    "recipe",
    "image_shape",
    "image_form",
    "image_levels",
}  # metadata that is not shown

_EPILOG = """\
examples:
  fastnn info                       versions, processor, threads
  fastnn info digits.safetensors
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn info``."""
    parser = options.add_command(
        commands, "info", "show a model file, or versions, processor and threads", _EPILOG
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model file (default: none)")
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print facts about a model, or about the machine."""
    if args.model is None:
        if args.json:
            report.print_json(fastnn.show_config(mode="dicts"))
        else:
            fastnn.show_config()
        return 0
    model = load_network(args.model)
    if isinstance(model, Ensemble):
        return _print_ensemble(model, args)
    net = model
    training = container.read(args.model)[1].get("training")
    if args.json:
        report.print_json(_as_dict(args.model, net, training))
        return 0
    print(net)
    print()
    report.fact("init", net.init + ("" if net.seed is None else f", seed {net.seed}"))
    if net.classes is not None:
        report.fact("classes", _some(net.classes.tolist()))
    report.fact("inputs", _inputs(net))
    for name, value in net.metadata.items():
        if name not in _KNOWN:
            report.fact(name.replace("_", " "), str(value))
    if training is not None:
        report.fact("training", _training(training))
    return 0


def _print_ensemble(ensemble: Ensemble, args: argparse.Namespace) -> int:
    if args.json:
        networks = [_as_dict(args.model, net, None) for net in ensemble]
        for network in networks:
            del network["file"], network["training"]
        report.print_json({"file": args.model, "networks": networks, "metadata": ensemble.metadata})
        return 0
    print(ensemble)
    print()
    if ensemble.classes is not None:
        report.fact("classes", _some(ensemble.classes.tolist()))
    seeds = [str(net.seed) for net in ensemble]
    report.fact("seeds", _some(seeds))
    for name, value in ensemble.metadata.items():
        if name not in _KNOWN:
            report.fact(name.replace("_", " "), str(value))
    return 0


def _some(names: Sequence[Any]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(map(str, names[:_SHOWN])) + more


def _inputs(net: MLP) -> str:
    image, names = net.metadata.get("image_shape"), net.feature_names
    text = f"{net.sizes[0]:,} numbers"
    if image is not None:
        text = f"images of {image[1]} x {image[0]} pixels"
    elif names is not None:
        text = _some(names)
    if net.input_scale is None or net.input_shift is None:
        return text
    one = not net.input_shift.any() and len(set(net.input_scale.tolist())) == 1
    return text + (f", times {net.input_scale[0]:.6g}" if one else ", standardized")


def _training(training: dict[str, Any]) -> str:
    optimizer = training["optimizer"] or {"name": training["optimizer_kind"]}
    settings = ", ".join(f"{key}={value}" for key, value in optimizer.items() if key != "name")
    return (
        f"a checkpoint after {words.plural(training['epoch'], 'epoch')}, batches of "
        f"{training['batch_size']:,}, {optimizer['name']}({settings})"
    )


def _as_dict(path: str, net: MLP, training: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "file": path,
        "sizes": net.sizes,
        "n_params": net.n_params,
        "activation": net.activation,
        "output": net.output,
        "loss": net.loss,
        "init": net.init,
        "dropout": net.dropout,
        "dtype": net.dtype.name,
        "seed": net.seed,
        "classes": net.classes,
        "input_shift": net.input_shift,
        "input_scale": net.input_scale,
        "output_shift": net.output_shift,
        "output_scale": net.output_scale,
        "feature_names": net.feature_names,
        "metadata": net.metadata,
        "training": None
        if training is None
        else {
            name: training[name]
            for name in ("epoch", "batch_size", "shuffle", "optimizer", "steps", "history")
        },
    }
