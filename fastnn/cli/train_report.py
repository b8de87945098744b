"""Output of ``fastnn train``: the plan, the speed and the result."""

from __future__ import annotations

import copy
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastnn

from .. import MLP, words
from ..tabular import folds, networks, task_data
from . import report, train_options

if TYPE_CHECKING:
    from .train import Job
    from .train_options import Plan

_PROBED = 1_000  # rows for the estimate of the time


def print_plan(job: Job) -> None:
    """Print the data, the columns, the task, the network and the training."""
    ready, net, held = job.split, job.net, job.held
    data = ready.data
    parts = [f"{data.name}: {len(job.train[0]):,} to train on"]
    if held is not None:
        others = " (others for each network)" if job.plan and job.plan.networks > 1 else ""
        parts.append(f"{len(held[0]):,} held out to validate{others}")
    if ready.test is not None:
        parts.append(f"{len(ready.test[0]):,} {'held out ' if ready.held_out else ''}to test")
    if data.image_shape is not None:
        height, width = data.image_shape
        parts.append(f"images of {width} x {height}")
    else:
        scaled = ", standardized" if net.input_shift is not None else ""
        parts.append(f"{words.plural(net.sizes[0], 'feature')}{scaled}")
    report.fact("data", ", ".join(parts))
    for note in data.raw.notes if data.raw is not None else ():
        report.fact("", note)
    columns = task_data.columns_of(net)
    if columns is not None:
        report.print_columns(columns)
    for leak in ready.leaks:
        report.fact("caution", leak)
    if ready.labels is not None:
        shown = ", ".join(map(str, ready.labels[:10]))
        more = ", …" if len(ready.labels) > 10 else ""
        text = f"classify, {len(ready.labels)} classes: {shown}{more}"
    else:
        text = "regress" + (f" {data.target_name!r}" if data.target_name else "")
    if ready.chosen:
        text += f" ({ready.chosen})"
    if not (job.recipe.data in train_options.CLASSIC and ready.task == "classify"):
        report.fact("task", text)
    report.fact("network", report.describe(net))
    for name, value in job.summary.items():
        report.fact(name, value)
    if job.plan is not None and job.plan.free:
        report.fact("time", f"about {words.seconds(_most_seconds(job, job.plan))} at most")
    sys.stdout.flush()


def _most_seconds(job: Job, plan: Plan) -> float:
    """Return the time that the training takes if nothing ends it early, by a short probe."""
    X, y = (part[:_PROBED] for part in job.train)
    probe, optimizer = copy.deepcopy(job.net), plan.make_optimizer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the training itself says it
        probe.fit(X, y, epochs=1, batch_size=job.batch_size, optimizer=optimizer)
        began = time.perf_counter()
        probe.fit(X, y, epochs=2, batch_size=job.batch_size, optimizer=optimizer)
    each = (time.perf_counter() - began) / (2 * len(X))
    n = len(job.train[0])
    split = job.split
    logs = not plan.alone and networks.may_take_logs(job.net, split.train[1], split.rows.weights)
    if not plan.folds:
        return each * n * plan.epochs * (plan.networks + 2 * logs)
    most = folds.most_epochs(n, plan.batch_size, job.net.n_params, plan.networks)
    chosen = (folds.FOLDS - 1) * (1 + logs)  # each fold has 4/5 of the rows
    return each * n * most * (chosen + plan.networks)


def print_chosen(chosen: networks.Chosen) -> None:
    """Print what validation has chosen."""
    if chosen.folds is not None:
        report.fact(
            "chosen",
            f"{words.plural(chosen.epochs, 'epoch')}: the best {chosen.folds.by} of 5-fold "
            f"cross-validation, found in {words.seconds(chosen.folds.seconds)}",
        )
    if chosen.logs:
        report.fact("target", chosen.logs)
    sys.stdout.flush()


def speed(history: fastnn.History, done: int, n: int) -> dict[str, Any]:
    """Return epochs, seconds and examples a second of this run; the history may be longer."""
    epochs = len(history) - done
    if epochs <= 0:
        return {"epochs": len(history), "seconds": 0.0, "examples_per_second": None}
    busy = sum(n / speed for speed in history["examples_per_second"][done:])
    return {
        "epochs": len(history),
        "seconds": sum(history["seconds"][done:]),
        "examples_per_second": epochs * n / busy,
    }


def print_result(result: dict[str, Any], net: MLP, job: Job) -> None:
    """Print the speed, the scores and the file."""
    unit = job.split.data.target_name
    if result["examples_per_second"] is not None:
        epochs = words.plural(result["epochs"] - job.done, "epoch")
        report.fact(
            "speed",
            f"{epochs} in {words.seconds(result['seconds'])}, "
            f"{result['examples_per_second']:,.0f} examples a second",
        )
    if result.get("best_epoch") is not None:
        report.fact("kept", f"epoch {result['best_epoch']}, the best on the validation examples")
    name = "test" if "test" in result else "train"
    report.print_scores(name, net, result[name], unit)
    if result.get("importance"):
        report.print_importance(result["importance"])
    if "confusion" in result[name]:
        report.print_confusion(result[name])
    size = Path(result["file"]).stat().st_size
    report.fact("wrote", f"{result['file']} ({max(round(size / 1000), 1):,} kB)")
