"""``fastnn train --stream``: train on files that are read block by block, beyond memory."""

from __future__ import annotations

import argparse
import glob
import os
import re
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

import fastnn

from .. import MLP, callbacks, words
from ..model_file import container
from ..optim import Optimizer
from ..streams import memory
from ..streams.stream import Stream
from ..tabular import task_data
from . import ensembles, mpi, options, report, train_options
from .loading import load_network
from .options import UsageError, check_model_path, stopped_by
from .train_options import Plan

_FEW = 20  # whole numbers with more distinct values than this are taken for quantities
_OF_ROWS = (
    *("test_fraction", "validation_fraction"),
    *("checkpoint_every", "ensemble", "drop", "categorical", "numeric"),
    *("weight", "group", "time"),
)
_CHECKPOINT_STEPS = 10_000


# Flags that are valid with --resume; the checkpoint has all other settings.
_WITH_RESUME = (
    *("resume", "stream", "data", "test", "validation", "epochs", "out", "checkpoint"),
    *("threads", "mpi", "quiet", "json", "command", "run"),
)


def is_meant(args: argparse.Namespace) -> bool:
    """Return whether to stream: if asked to, or if the files named by wildcards are too many.

    A checkpoint of a stream is continued on one.
    """
    if args.resume is not None and not args.stream:
        return "stream" in load_network(args.resume).metadata
    if args.stream or args.data is None or not glob.has_magic(args.data):
        return bool(args.stream)
    free = memory.available()
    size = sum(os.path.getsize(path) for path in glob.glob(args.data, recursive=True))
    return free is not None and 3 * size > free  # a table in memory is larger than its file


@dataclass(frozen=True)
class _Facts:
    """Facts that a checkpoint keeps of the command that began the training."""

    rows: int
    epochs: int
    out: str | None  # the model file, if -o named it in this folder or below
    validation: str | None
    patience: int  # epochs without a better loss of these files that end the training; 0: none
    plateau: bool  # the rate falls where that loss does not
    class_weight: Literal["balanced"] | None

    @classmethod
    def of(cls, path: str, metadata: dict[str, Any]) -> _Facts:
        """Return those of a checkpoint; refuse what another program has written."""
        found = metadata["stream"]
        sound = (
            isinstance(found, dict)
            and found.keys() == cls.__dataclass_fields__.keys()
            and all(type(found[name]) is int for name in ("rows", "epochs", "patience"))
            and min(found["rows"], found["epochs"]) > 0 <= found["patience"]
            and all(isinstance(found[name], str | None) for name in ("out", "validation"))
            and isinstance(found["plateau"], bool)
            and found["class_weight"] in (None, "balanced")
            and (found["validation"] is not None or not (found["plateau"] or found["patience"]))
            and all(isinstance(metadata.get(name), str) for name in ("data", "target_name", "task"))
        )
        if not sound:
            raise ValueError(f"the facts of {path} about its stream are damaged")
        return cls(**found)


@dataclass(frozen=True, eq=False)
class _Job:
    """A training on a stream that is ready to start."""

    net: MLP
    whole: Stream
    data: str
    target: str
    facts: _Facts
    batch_size: int
    optimizer: Optimizer | None  # None: the checkpoint's
    described: str
    validation: str | None


def run(args: argparse.Namespace) -> int:
    """Train on the stream, write the model file, and print the scores."""
    for name in _OF_ROWS:
        if getattr(args, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} takes rows in memory, not --stream")
    if args.threads is not None:
        fastnn.set_num_threads(args.threads)
    comm = mpi.communicator(args)
    job = _new(args) if args.resume is None else _resumed(args)
    net, checkpoint = job.net, args.checkpoint or args.resume
    name = re.sub(r"\[.*?\]|[*?]", "", Path(job.data).stem).strip("-_.") or "stream"
    out = Path(args.out or job.facts.out or f"{name}.safetensors")
    check_model_path(out, "-o")
    if checkpoint is not None and Path(checkpoint).absolute() == out.absolute():
        raise UsageError(f"the checkpoint and the model cannot both be {out}: name one with -o")
    test, validation = _alike(args.test, job), _alike(job.validation, job)
    if not args.quiet and not args.json:
        features = words.plural(net.sizes[0], "feature")
        report.fact("data", f"{job.data}: {job.facts.rows:,} rows, {features}")
        report.fact("network", report.describe(net))
        report.fact("training", job.described)
        sys.stdout.flush()
    watching: list[callbacks.Callback] = []
    if job.facts.plateau:
        watching.append(callbacks.ReduceOnPlateau(patience=train_options.PATIENCE_OF_PLATEAU))
    stopper = callbacks.EarlyStopping(patience=job.facts.patience) if job.facts.patience else None
    if stopper is not None:
        watching.append(stopper)
    if checkpoint is not None:
        check_model_path(Path(checkpoint), "--checkpoint")
        watching.append(callbacks.ModelCheckpoint(checkpoint, every_steps=_CHECKPOINT_STEPS))
    if validation is not None and comm is not None:
        validation = _share(comm, cast("str", job.validation), job.target)
    interrupt: KeyboardInterrupt | None = None
    try:
        net.fit(
            job.whole if comm is None else _share(comm, job.data, job.target),
            epochs=job.facts.epochs,
            batch_size=job.batch_size,
            optimizer=job.optimizer,
            class_weight=job.facts.class_weight,
            validation_data=validation,
            callbacks=watching,
            progress=not args.quiet,
            resume=args.resume is not None,
            comm=comm,
        )
    except KeyboardInterrupt as signalled:
        interrupt = signalled
    except fastnn.DivergenceWarning as warning:
        raise ValueError(f"{str(warning).rstrip('.')}; {out} is not written") from None
    if stopper is not None and stopper.best_params_ is not None:
        net.params = stopper.best_params_  # where the training was interrupted, too
    if comm is None or comm.Get_rank() == 0:
        del net.metadata["stream"]
        net.save(out)
        scores = None if test is None or interrupt is not None else net.evaluate(test)
        best_epoch = None if stopper is None else stopper.best_epoch_
        _print(args, job, out, scores, best_epoch, interrupt is not None)
    if interrupt is None:
        return 0
    how, status = stopped_by(interrupt)
    hint = "" if checkpoint is None else f" (fastnn train --resume {checkpoint} continues)"
    epochs = words.plural(len(net.history), "epoch")
    print(f"fastnn: {how} after {epochs}; the network so far is in {out}{hint}", file=sys.stderr)
    return status


def _new(args: argparse.Namespace) -> _Job:
    if args.data is None or args.target is None:
        raise UsageError("--stream needs --data FILES and --target COLUMN")
    if len(args.target) > 1:
        raise UsageError("--stream takes one --target; in Python, fastnn.stream takes several")
    (target,) = args.target
    whole = fastnn.stream(args.data, target)
    task, labels, n = _targets(whole, args.task or "auto", target)
    n_in, n_out = len(whole.feature_names or ()), 1 if labels is None else len(labels)
    plan = Plan.of(args).settled(task, n_in, n_out, n, table=False)
    plateau = plan.schedule == "plateau"
    for flag, given in (("--early-stopping", plan.early_stopping), ("--schedule plateau", plateau)):
        if given and args.validation is None:
            raise UsageError(f"{flag} needs --validation FILES with --stream")
    net = _network(plan, whole, labels)
    if plan.standardize:
        net.standardize(whole)
    data = task_data.shareable(args.data)
    kept = None if args.out is None else options.within_here(args.out)
    held = None if args.validation is None else task_data.shareable(args.validation)
    patience = plan.early_stopping or 0
    facts = _Facts(n, plan.epochs, kept, held, patience, plateau, args.class_weight)
    net.metadata = {"data": data, "task": task, "target_name": target, "stream": asdict(facts)}
    optimizer, described = plan.make_optimizer(), plan.summary()["training"]
    batch, files = plan.batch_size, args.validation
    return _Job(net, whole, args.data, target, facts, batch, optimizer, described, files)


def _resumed(args: argparse.Namespace) -> _Job:
    for name, value in vars(args).items():
        if value is not None and value is not False and name not in _WITH_RESUME:
            raise UsageError(
                f"--{name.replace('_', '-')} is not for --resume: the checkpoint fixes it"
            )
    net = ensembles.one_network(load_network(args.resume), args.resume, "train --resume")
    training = container.read(args.resume)[1].get("training")
    if "stream" not in net.metadata or training is None:
        raise ValueError(f"{args.resume} is not a checkpoint of fastnn train --stream")
    facts = _Facts.of(args.resume, net.metadata)
    if args.out is None and facts.out == "":
        raise UsageError(f"{args.resume} does not record the folder of its model: give -o")
    epochs, done = args.epochs or facts.epochs, int(training["epoch"])
    if done >= epochs:
        raise UsageError(
            f"{args.resume} already has {words.plural(done, 'epoch')}: "
            "give a larger total with --epochs"
        )
    data, target = args.data or net.metadata["data"], net.metadata["target_name"]
    whole = fastnn.stream(data, target)
    if whole.feature_names != net.feature_names or whole.rows not in (None, facts.rows):
        raise ValueError(f"{data} is not the data that {args.resume} was trained on")
    held = facts.validation if args.validation is None else task_data.shareable(args.validation)
    facts = replace(facts, epochs=epochs, validation=held)
    net.metadata["stream"] = asdict(facts)
    described = f"from {args.resume}, after {words.plural(done, 'epoch')} of {epochs:,}"
    batch, files = training["batch_size"], args.validation or held
    return _Job(net, whole, data, target, facts, batch, None, described, files)


def _alike(files: str | None, job: _Job) -> Stream | None:
    """Return a stream of other files, which must have the same columns."""
    if files is None:
        return None
    other = fastnn.stream(files, job.target)
    if set(other.feature_names or ()) != set(job.whole.feature_names or ()):
        raise ValueError(f"{files} has other columns than {job.data}")
    return other


def _targets(whole: Stream, task: str, name: str) -> tuple[str, NDArray[Any] | None, int]:
    """Return the task, the labels of classes, and the number of rows, by a pass over the target."""
    found: NDArray[Any] | None = None
    n, quantities = 0, False
    for piece in whole.pieces(with_X=False):
        y = np.asarray(piece.y)
        n += len(y)
        y = y.astype(str) if y.dtype.kind in "OT" else y
        quantities = quantities or y.dtype.kind not in "biuUS"
        if not (quantities and task != "classify"):
            found = np.unique(y) if found is None else np.union1d(found, np.unique(y))
            quantities = quantities or (found.dtype.kind in "iu" and len(found) > _FEW)
    if task == "auto":
        task = "regress" if quantities else "classify"
    if task == "regress":
        return task, None, n
    assert found is not None
    if len(found) < 2:
        raise ValueError(f"{name} is always {found[0].item()!r}: there is one class only")
    return task, found, n


def _network(plan: Plan, whole: Stream, labels: NDArray[Any] | None) -> MLP:
    assert whole.feature_names is not None
    net = plan.network(len(whole.feature_names), 1 if labels is None else len(labels))
    if labels is not None and not np.array_equal(labels, np.arange(len(labels))):
        net.classes = labels
    return net


def _share(comm: Any, pattern: str, target: str) -> Stream:
    """Return the stream of a rank's files."""
    files = sorted(glob.glob(pattern, recursive=True)) or [pattern]
    rank, size = comm.Get_rank(), comm.Get_size()
    if len(files) < size:
        raise ValueError(f"{size} processes cannot share {words.plural(len(files), 'file')}")
    return fastnn.stream(files[rank::size], target)


def _print(
    args: argparse.Namespace,
    job: _Job,
    out: Path,
    scores: dict[str, float] | None,
    best_epoch: int | None,
    interrupted: bool,
) -> None:
    net = job.net
    logged = ("loss", "accuracy", "examples_per_second")
    last = {name: net.history[name][-1] for name in logged if name in net.history}
    at, val = (best_epoch or len(net.history)) - 1, ("loss", "accuracy")
    held = {name: net.history[f"val_{name}"][at] for name in val if f"val_{name}" in net.history}
    result = {
        "file": str(out),
        "data": job.data,
        "task": net.metadata["task"],
        "rows": job.facts.rows,
        "sizes": net.sizes,
        "n_params": net.n_params,
        "interrupted": interrupted,
        "stopped": net.history.stopped,
        "epochs": len(net.history),
        "train": {name: last[name] for name in ("loss", "accuracy") if name in last},
        "validation": held or None,
        "best_epoch": best_epoch,
        "test": scores,
        "examples_per_second": last.get("examples_per_second"),
    }
    if args.json:
        report.print_json(result)
    elif not args.quiet:
        if last:
            report.fact("speed", f"{last['examples_per_second']:,.0f} examples a second")
            report.fact("train", f"{_in_words(result['train'])} in epoch {len(net.history)}")
        if held:
            kept = "" if best_epoch is None else ", which is kept"
            report.fact("validation", f"{_in_words(held)} after epoch {at + 1}{kept}")
        if scores is not None:
            report.fact("test", f"{_in_words(scores)} on {args.test}")
        report.fact("wrote", str(out))


def _in_words(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
