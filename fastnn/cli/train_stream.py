"""``fastnn train --stream``: train on files that are read block by block, beyond memory."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastnn

from .. import MLP, callbacks, words
from ..streams import memory
from ..streams.stream import Stream
from . import mpi, report
from .options import UsageError, check_model_path, stopped_by
from .train_options import Plan

_FEW = 20  # whole numbers with more distinct values than this are taken for quantities
_OF_ROWS = (
    *("test_fraction", "validation_fraction", "early_stopping", "class_weight", "resume"),
    *("checkpoint_every", "ensemble"),
)
_CHECKPOINT_STEPS = 10_000


def is_meant(args: argparse.Namespace) -> bool:
    """Return whether to stream: if asked to, or if the files named by wildcards are too many."""
    if args.stream or args.data is None or not glob.has_magic(args.data):
        return bool(args.stream)
    free = memory.available()
    size = sum(os.path.getsize(path) for path in glob.glob(args.data, recursive=True))
    return free is not None and 3 * size > free  # a table in memory is larger than its file


def run(args: argparse.Namespace) -> int:
    """Train on the stream, write the model file, and print the scores of the last epoch."""
    for name in _OF_ROWS:
        if getattr(args, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} takes rows in memory, not --stream")
    if args.data is None or args.target is None:
        raise UsageError("--stream needs --data FILES and --target COLUMN")
    if args.threads is not None:
        fastnn.set_num_threads(args.threads)
    comm = mpi.communicator(args)
    out = Path(args.out or f"{Path(args.data).stem.strip('*?-_') or 'stream'}.safetensors")
    check_model_path(out, "-o")
    if args.checkpoint is not None:
        check_model_path(Path(args.checkpoint), "--checkpoint")
    if len(args.target) > 1:
        raise UsageError("--stream takes one --target; in Python, fastnn.stream takes several")
    (target,) = args.target
    whole = fastnn.stream(args.data, target)
    task, labels, n = _targets(whole, args.task or "auto", target)
    n_in, n_out = len(whole.feature_names or ()), 1 if labels is None else len(labels)
    plan = Plan.of(args).settled(task, n_in, n_out, n, table=False)
    if plan.schedule == "plateau":
        raise UsageError("--schedule plateau takes rows in memory, not --stream")
    net = _network(plan, whole, labels)
    if plan.standardize:
        net.standardize(whole)
    net.metadata = {"data": args.data, "task": task, "target_name": target}
    if not args.quiet and not args.json:
        report.fact("data", f"{args.data}: {n:,} rows, {words.plural(net.sizes[0], 'feature')}")
        report.fact("network", report.describe(net))
        report.fact("training", plan.summary()["training"])
        sys.stdout.flush()
    saver = []
    if args.checkpoint is not None:
        steps = _CHECKPOINT_STEPS
        saver.append(callbacks.ModelCheckpoint(args.checkpoint, every_steps=steps))
    interrupt: KeyboardInterrupt | None = None
    try:
        net.fit(
            whole if comm is None else _share(comm, args.data, target),
            epochs=plan.epochs,
            batch_size=plan.batch_size,
            optimizer=plan.make_optimizer(),
            callbacks=saver,
            progress=not args.quiet,
            comm=comm,
        )
    except KeyboardInterrupt as signalled:
        interrupt = signalled
    except fastnn.DivergenceWarning as warning:
        raise ValueError(f"{str(warning).rstrip('.')}; {out} is not written") from None
    if comm is None or comm.Get_rank() == 0:
        net.save(out)
        _print(args, net, out, n, interrupt)
    return 0 if interrupt is None else stopped_by(interrupt)[1]


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
    args: argparse.Namespace, net: MLP, out: Path, n: int, interrupt: KeyboardInterrupt | None
) -> None:
    logged = ("loss", "accuracy", "examples_per_second")
    last = {name: net.history[name][-1] for name in logged if name in net.history}
    result = {
        "file": str(out),
        "data": args.data,
        "task": net.metadata["task"],
        "rows": n,
        "sizes": net.sizes,
        "n_params": net.n_params,
        "interrupted": interrupt is not None,
        "epochs": len(net.history),
        "train": {name: last[name] for name in ("loss", "accuracy") if name in last},
        "examples_per_second": last.get("examples_per_second"),
    }
    if args.json:
        report.print_json(result)
    elif not args.quiet:
        if last:
            report.fact("speed", f"{last['examples_per_second']:,.0f} examples a second")
            scores = ", ".join(f"{name} {value:.4g}" for name, value in result["train"].items())
            report.fact("train", f"{scores} in epoch {len(net.history)}")
        report.fact("wrote", str(out))
    if interrupt is not None:
        how = stopped_by(interrupt)[0]
        epochs = words.plural(len(net.history), "epoch")
        print(f"fastnn: {how} after {epochs}; the network so far is in {out}", file=sys.stderr)
