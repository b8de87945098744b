"""``fastnn lab``: the page in a browser, on a model and its data, while it is trained."""

from __future__ import annotations

import argparse
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import MLP
from ..explain.answers.subject import Subject
from ..optim import FirstOrder, Optimizer
from . import evaluate, options, report, task_data, train, train_options
from .options import UsageError
from .task_data import Part

if TYPE_CHECKING:
    from .options import Commands

_EPILOG = """\
examples:
  fastnn lab                         a new network for the included digits
  fastnn lab digits.safetensors      a model and the data it was trained on
  fastnn lab --data flowers.csv      a new network for a table
  fastnn lab digits.safetensors -o lab.html   the same as a single file

The page draws the network and steps through backpropagation on it, trains it,
and saves it where the browser saves files; MODEL itself is not changed. Only
this computer can open it, by the address that is printed. Ctrl-C ends it.
"""


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn lab``."""
    parser = options.add_command(
        commands, "lab", "open a page on a network: see it, touch it, train it", _EPILOG
    )
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="a model file (default: a new network)"
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{options.DATA_HELP} (default: the data that the model was trained on, or digits)",
    )
    parser.add_argument("--target", metavar="COLUMN", help=f"{options.TARGET_HELP}; for tables")
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="port to listen on (default: a free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the page to one .html file instead"
    )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    value = options.seed(text)
    if value > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return value


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, or write it to a file."""
    from ..lab.server import Server
    from ..lab.session import Session

    subject, optimizer, batch_size = _subject(args)
    title = args.model or f"a new network for {subject.name}"
    name = Path(args.model or f"{subject.name}.safetensors").name
    session = Session(
        subject,
        title=title,
        file_name=name,
        optimizer=optimizer,
        batch_size=batch_size,
        opener=_opened,
    )
    try:
        server = Server(session, args.port)
    except OSError as error:
        raise OSError(f"--port {args.port}: {error.strerror or error}") from None
    report.fact("network", report.describe(subject.net))
    report.fact("data", f"{subject.name}, {subject.examples.n:,} examples")
    report.fact("page", server.url)
    report.fact("", "Ctrl-C ends it")
    if not args.no_browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        session.close()
    return 0


def _subject(args: argparse.Namespace) -> tuple[Subject, Optimizer | None, int]:
    """Return the network and its data, and how it is trained."""
    if args.model is None:
        job = train.new_job(train_options.defaults(args.data, args.target))
        return (
            _of_parts(job.net, job.train, job.split.test, job.split.data.name),
            job.optimizer,
            (job.batch_size),
        )
    net = evaluate.load_model(args.model)
    optimizer = net._optimizer if isinstance(net._optimizer, FirstOrder) else None
    return _of_model(net, args.model, args.data, args.target), optimizer, 10


def _of_model(net: MLP, path: str, data: str | None, target: str | None) -> Subject:
    part, which, name = evaluate.examples_for(net, path, data, target, "train")
    test, of_test, _ = evaluate.examples_for(net, path, data, target, "test")
    return _of_parts(net, part, None if which == "all" or of_test == "all" else test, name)


def _of_parts(net: MLP, part: Part, test: Part | None, name: str) -> Subject:
    (X, y), n = part, len(part[0])
    if test is not None:
        X, y = np.concatenate([X, test[0]]), np.concatenate([y, test[1]])
    return Subject(net, X, y, n_train=n, name=name)


def _opened(name: str, content: bytes, subject: Subject) -> Subject:
    """Return the subject with the model or the data of a file that the page has opened."""
    suffix = Path(name).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"opened{suffix}"
        path.write_bytes(content)
        try:
            if suffix == ".safetensors":
                return _with_model(str(path), name, subject)
            if suffix in (".csv", ".tsv", ".npz", ".npy"):
                return _with_data(str(path), name, subject)
        except (ValueError, OSError, UsageError) as error:
            raise ValueError(str(error).replace(str(path), name)) from None
    raise ValueError(f"{name}: expected a model (.safetensors) or data (.csv, .tsv, .npz or .npy)")


def _with_model(path: str, name: str, subject: Subject) -> Subject:
    """Return a model with the data it was trained on, else with the data of the page if it fits."""
    net = evaluate.load_model(path)
    try:
        return _of_model(net, path, None, None)
    except (UsageError, OSError):
        pass
    X, y = subject.examples.X, subject.examples.targets
    try:
        return Subject(net, X, y, n_train=subject.n_train, name=subject.name)
    except (ValueError, TypeError):
        return Subject(net)


def _with_data(path: str, name: str, subject: Subject) -> Subject:
    """Return the network with other data, or a new network if it does not fit."""
    stem = Path(name).stem
    data = task_data.load(path, None)
    net: Any = subject.net
    if data.train[0].shape[1] == net.sizes[0]:
        try:
            part, _, _ = evaluate.examples_for(net, name, path, None, "train")
            return _of_parts(net, part, None, stem)
        except (ValueError, TypeError):
            pass
    job = train.new_job(train_options.defaults(path, None))
    return _of_parts(job.net, job.train, job.split.test, stem)
