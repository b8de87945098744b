"""``fastnn lab``: the page in a browser, on a model and its data, while it is trained."""

from __future__ import annotations

import argparse
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import MLP, words
from ..explain import page
from ..explain.answers.subject import Subject
from ..lab.server import Server
from ..lab.session import Session
from ..lab.trainer import Settings
from ..optim import SGD, FirstOrder
from ..tabular import task_data
from ..tabular.task_data import Part
from . import evaluate, options, report, train, train_options
from .options import UsageError
from .train_options import Plan

if TYPE_CHECKING:
    from .options import Commands

_RATE = 0.1  # of plain steps, where nothing else is known

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
    if args.output is not None:
        if args.output.suffix.lower() != ".html":
            raise UsageError(f"--output {args.output}: expected a name that ends in .html")
        options.check_writable(args.output, "--output")
    subject, training = _subject(args)
    title = Path(args.model).name if args.model else f"A new network for {subject.name}"
    name = Path(args.model or f"{subject.name}.safetensors").name
    if args.output is not None:
        return _write(args.output, subject, training, title)
    return _serve(args, Session(subject, training, title=title, file_name=name, opener=_opened))


def _write(path: Path, subject: Subject, training: Settings, title: str) -> int:
    """Write the page to a file."""
    plain = training.lr is not None and isinstance(training.optimizer, FirstOrder)
    made = page(
        subject.net,
        *subject.training,
        test=subject.test,
        optimizer=cast("FirstOrder", training.optimizer) if plain else SGD(_RATE),
        batch_size=training.batch_size,
        title=title,
        name=subject.name,
    )
    made.save(path)
    report.fact("wrote", f"{path} ({max(round(path.stat().st_size / 1000), 1):,} kB)")
    return 0


def _serve(args: argparse.Namespace, session: Session) -> int:
    try:
        server = Server(session, args.port)
    except OSError as error:
        raise OSError(f"--port {args.port}: {error.strerror or error}") from None
    try:
        report.fact("network", report.describe(session.subject.net))
        n = words.plural(session.subject.examples.n, "example")
        report.fact("data", f"{session.subject.name}, {n}")
        print(f"page      {server.url}")  # in one line, however narrow the terminal is
        print("Ctrl-C ends it.", flush=True)
        if not args.no_browser:  # some browsers of a terminal return only when they are left
            opening = (server.url_for_once,)
            threading.Thread(target=webbrowser.open, args=opening, daemon=True).start()
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        session.close()
    return 0


def _subject(args: argparse.Namespace) -> tuple[Subject, Settings]:
    """Return the network and its data, and how the page trains it: by plain steps, if it may."""
    if args.model is None:
        job = train.new_job(train_options.defaults(args.data, args.target))
        subject = _of_parts(job.net, job.train, job.split.test, job.split.data.name)
        plain = job.optimizer if isinstance(job.optimizer, SGD) else SGD(_RATE)
        return subject, Settings(plain, job.batch_size)
    net = evaluate.load_model(args.model, "lab")
    subject = _of_model(net, args.model, args.data, args.target)
    if net._optimizer is not None and net._fit_state is not None:  # a checkpoint's
        return subject, Settings(net._optimizer, net._fit_state.batch_size)
    recipe = train.Recipe.of(net)
    plan = Plan.of(train_options.defaults(None if recipe is None else recipe.data, None))
    classic = recipe is not None and plan.classic and net.loss == "quadratic"
    return subject, Settings(SGD(plan.lr if classic else _RATE), 10)


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
    net = evaluate.load_model(path, "lab")
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
