"""``fastnn train``: from a data set to a model file.

The order matters: all checks come before the first step of the training, the model file is written
before anything is printed about it, and the test examples are used once, at the end.
"""

# Over 400 lines: the way from flags to a fitted network in one place, and what is printed of it.

from __future__ import annotations

import argparse
import copy
import sys
import time
import warnings
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import fastnn

from .. import MLP, callbacks, datasets, words
from ..explain.importance import importance
from ..model_file import container
from ..optim import Optimizer
from ..pictures import ImageForm
from ..tabular import folds, task_data
from ..tabular.rows import Roles, Rows
from ..tabular.task_data import Held, Part
from . import report, train_options
from .loading import load_network
from .options import UsageError, check_model_path, stopped_by
from .train_options import Plan

if TYPE_CHECKING:
    from ..targets import ClassWeight
    from .options import Commands

# Flags that are valid with --resume; the checkpoint has all other settings.
_WITH_RESUME = ("resume", "data", "epochs", "out", "checkpoint", "threads", "quiet", "json")

_PATIENCE_OF_PLATEAU = 5  # epochs
_PROBED = 1_000  # rows for the estimate of the time
_FEWEST_SCORED = 100  # rows for the importance of columns


def add_parser(commands: Commands) -> None:
    """Add the parser of ``fastnn train``."""
    train_options.add_parser(commands).set_defaults(run=run)


@dataclass(frozen=True)
class Recipe:
    """Settings of a training in its model file: to find the same examples, and to continue."""

    data: str
    fingerprint: str
    target: str | list[str] | None
    task: str
    test_fraction: float
    validation_fraction: float
    seed: int
    epochs: int
    class_weight: str | None
    early_stopping: int | None
    plateau: bool
    checkpoint_every: int
    out: str | None  # the model file, if -o named it; "" if it is in a folder not to be recorded
    test: str | None = None  # the file of the test examples, if it is another one
    weight: str | None = None  # columns with a part in the training
    group: str | None = None
    time: str | None = None

    @property
    def roles(self) -> Roles:
        """The columns of weights, groups and times."""
        return Roles(self.weight, self.group, self.time)

    def prepare(self, data: datasets.Data) -> task_data.SplitData:
        """Return the data with the same test examples as in the training."""
        return task_data.prepare(data, self.task, self.test_fraction, self.seed, self.roles)

    @classmethod
    def of(cls, net: MLP) -> Recipe | None:
        """Return the recipe of a model file; None if it was not made by ``fastnn train``."""
        facts = net.metadata.get("recipe")
        if facts is None:
            return None
        names = {field.name: str(field.type).replace("[str]", "") for field in fields(cls)}
        later = {field.name for field in fields(cls) if field.default is not MISSING}
        if not isinstance(facts, dict) or facts.keys() | later != names.keys():
            raise ValueError("this version of fastnn does not know the model file's recipe")
        for name, expected in names.items():
            if name in facts and type(facts[name]).__name__.replace(
                "NoneType", "None"
            ) not in expected.split(" | "):
                raise ValueError(f"the model file's recipe is damaged: {name} is {facts[name]!r}")
        return cls(**facts)


@dataclass(frozen=True, eq=False)
class Job:
    """A training that is ready to start."""

    net: MLP
    recipe: Recipe
    split: task_data.SplitData
    train: Part
    held: Held | None  # for validation
    rows: Rows  # of the examples to train on
    optimizer: Optimizer | None  # None: the checkpoint's
    batch_size: int
    done: int  # epochs
    summary: dict[str, str]  # facts for the reader
    plan: Plan | None  # None: the checkpoint has it


def run(args: argparse.Namespace) -> int:
    """Train, write the model file, and print its scores."""
    files_of(args)
    if args.threads is not None:
        fastnn.set_num_threads(args.threads)
    job = _resumed(args) if args.resume is not None else new_job(args)
    recipe, net = job.recipe, job.net
    out = Path(args.out or recipe.out or f"{job.split.data.name}.safetensors")
    checkpoint = args.checkpoint or args.resume
    if checkpoint is not None and Path(checkpoint).absolute() == out.absolute():
        raise UsageError(f"the checkpoint and the model cannot both be {out}: name one with -o")
    check_model_path(out, "-o")

    (X, y), held, test = job.train, job.held, job.split.test
    stopper = None
    watching: list[callbacks.Callback] = []
    if recipe.plateau:
        watching.append(callbacks.ReduceOnPlateau(patience=_PATIENCE_OF_PLATEAU))
    if recipe.early_stopping is not None:
        stopper = callbacks.EarlyStopping(patience=recipe.early_stopping)
        watching.append(stopper)
    if checkpoint is not None:
        watching.append(callbacks.ModelCheckpoint(checkpoint, every=recipe.checkpoint_every))
    if not args.quiet and not args.json:
        _print_plan(job)
    choice = None
    interrupt: KeyboardInterrupt | None = None
    if job.plan is not None and job.plan.folds:
        choice = _choose_epochs(job, out)
        recipe = replace(recipe, epochs=choice.epochs)
        net.metadata["recipe"] = asdict(recipe)
        if not args.quiet and not args.json:
            report.fact(
                "chosen",
                f"{words.plural(choice.epochs, 'epoch')}: the best {choice.by} of 5-fold "
                f"cross-validation, found in {words.seconds(choice.seconds)}",
            )
            sys.stdout.flush()
    try:
        net.fit(
            X,
            y,
            epochs=recipe.epochs,
            batch_size=job.batch_size,
            optimizer=job.optimizer,
            validation_data=held,
            class_weight=cast("ClassWeight | None", recipe.class_weight),  # fit checks it
            sample_weight=job.rows.weights,
            callbacks=watching,
            progress=not args.quiet,
            resume=args.resume is not None,
        )
    except KeyboardInterrupt as signalled:
        interrupt = signalled
        if stopper is not None and stopper.best_params_ is not None:
            net.params = stopper.best_params_
    except fastnn.DivergenceWarning as warning:
        raise _diverged(warning, out) from None

    history = net.history
    net.save(out)
    result: dict[str, Any] = {
        "file": str(out),
        "data": job.split.data.name,
        "task": job.split.task,
        "sizes": net.sizes,
        "n_params": net.n_params,
        "interrupted": interrupt is not None,
        "stopped": history.stopped,
        "chosen_by": None if choice is None else f"{folds.FOLDS}-fold cross-validation",
        **_speed(history, job.done, len(X)),
    }
    if stopper is not None:
        result["best_epoch"] = stopper.best_epoch_
    if test is not None:
        result["test"] = report.scores(net, *test)
    else:
        result["train"] = report.scores(net, X, y)
    if job.split.data.raw is not None:
        result |= _of_table(job, test or (X, y))
    if args.json:
        report.print_json(result)
    elif not args.quiet:
        _print_result(result, net, job)
    if interrupt is not None:
        how, status = stopped_by(interrupt)
        epochs = f"{len(history)} of {words.plural(recipe.epochs, 'epoch')}"
        hint = "" if checkpoint is None else f" (fastnn train --resume {checkpoint} continues)"
        message = f"fastnn: {how} after {epochs}; the network so far is in {out}{hint}"
        print(message, file=sys.stderr)
        return status
    return 0


def _of_table(job: Job, part: Part) -> dict[str, Any]:
    """Return what is known of a table's columns, and how much each matters on some examples."""
    raw, columns = job.split.data.raw, task_data.columns_of(job.net)
    assert raw is not None
    names = raw.frame.columns
    # 2e10 operations, some seconds; a table of thousands of columns would take hours
    most = int(2e10 / (10 * len(names) * job.net.n_params))
    enough = len(part[1]) > 1 and most >= min(len(part[1]), _FEWEST_SCORED)
    found = (
        importance(job.net, *part, most=min(most, 5000), seed=job.recipe.seed) if enough else None
    )
    kinds = (
        {c.name: c.describe() for c in columns.columns}
        if columns
        else dict.fromkeys(names, "number")
    )
    return {
        "columns": kinds,
        "notes": list(raw.notes),
        "leaks": list(job.split.leaks),
        "importance": None if found is None else found.to_dict(),
    }


def _choose_epochs(job: Job, out: Path) -> folds.Choice:
    plan = job.plan
    assert plan is not None
    try:
        return folds.choose_epochs(
            job.net,
            job.train,
            job.split.task,
            plan.make_optimizer,
            batch_size=plan.batch_size,
            class_weight=cast("ClassWeight | None", job.recipe.class_weight),
            seed=plan.seed,
            rows=job.rows,
        )
    except fastnn.DivergenceWarning as warning:
        raise _diverged(warning, out) from None


def _diverged(warning: Warning, out: Path) -> ValueError:
    return ValueError(f"{str(warning).rstrip('.')}; {out} is not written")


def files_of(args: argparse.Namespace) -> None:
    """Check the files that will be written, if their names are known already."""
    for path, flag in ((args.out, "-o"), (args.checkpoint, "--checkpoint")):
        if path is not None:
            check_model_path(Path(path), flag)


def new_job(args: argparse.Namespace) -> Job:
    """Return the training of a new network, ready to start."""
    plan = Plan.of(args)
    target = args.target[0] if args.target and len(args.target) == 1 else args.target
    data = task_data.load(plan.data, target, args.test)
    roles = Roles(args.weight, args.group, args.time)
    ready = task_data.prepare(data, plan.task, plan.test_fraction, plan.seed, roles)
    if args.class_weight is not None and ready.task == "regress":
        raise UsageError("--class-weight is for --task classify; this task is to regress")
    dropped = dict.fromkeys(args.drop or (), "as asked") | roles.left_out
    ready, columns = task_data.learn_columns(
        ready, dropped, args.categorical or (), args.numeric or ()
    )
    X = ready.train[0]
    plan = plan.settled(ready.task, X.shape[1], ready.n_out, len(X), table=data.image_shape is None)
    assert plan.dropout is not None
    try:
        net = MLP(
            [X.shape[1], *plan.hidden, ready.n_out],
            activation=plan.activation,
            output=plan.output,
            loss=plan.loss,
            init=plan.init,
            dropout=plan.dropout,
            dtype=plan.dtype,
            seed=plan.seed,
        )
    except ValueError as error:  # all of it is from the command line
        raise UsageError(str(error)) from None
    net.classes = ready.classes
    standardized = plan.standardize and data.image_shape is None and X.dtype != np.uint8
    recipe = Recipe(
        data=task_data.shareable(plan.data),
        fingerprint=task_data.fingerprint(data),
        target=target,
        task=ready.task,
        test_fraction=plan.test_fraction,
        validation_fraction=plan.validation_fraction,
        seed=plan.seed,
        epochs=plan.epochs,
        class_weight=args.class_weight,
        early_stopping=plan.early_stopping,
        plateau=plan.schedule == "plateau",
        checkpoint_every=args.checkpoint_every or 1,
        out=None if args.out is None else _within_here(args.out),
        test=None if args.test is None else task_data.shareable(args.test),
        weight=args.weight,
        group=args.group,
        time=args.time,
    )
    net.metadata = {"data": data.name, "task": ready.task, "recipe": asdict(recipe)}
    if data.image_shape is not None:
        net.metadata["image_shape"] = [int(size) for size in data.image_shape]
        low, high = (0.0, 255.0) if X.dtype == np.uint8 else (float(X.min()), float(X.max()))
        levels = X if X.dtype == np.uint8 else (X - low) * (255 / max(high - low, 1e-300))
        net.metadata["image_levels"] = [low, high]  # of black and white
        net.metadata["image_form"] = ImageForm.of(levels, data.image_shape).to_dict()
    net.feature_names = data.feature_names if columns is None else columns.units
    if columns is not None:
        net.metadata["columns"] = columns.to_dict()
    if data.target_name is not None:
        net.metadata["target_name"] = data.target_name
        if ready.data.raw is not None and len(ready.data.raw.targets) > 1:
            net.metadata["target_names"] = list(ready.data.raw.targets)
    train, held, rows = task_data.hold_out(ready, plan.validation_fraction, plan.seed)
    if standardized:
        numbers = ready.task == "regress" and net.output == "identity"
        task_data.standardize(net, columns, train[0], train[1] if numbers else None)
    return Job(
        net=net,
        recipe=recipe,
        split=ready,
        train=train,
        held=held,
        rows=rows,
        optimizer=plan.make_optimizer(),
        batch_size=plan.batch_size,
        done=0,
        summary=plan.summary(),
        plan=plan,
    )


def _resumed(args: argparse.Namespace) -> Job:
    given = (k for k, value in vars(args).items() if value is not None and value is not False)
    for name in given:
        if name not in (*_WITH_RESUME, "command", "run"):
            raise UsageError(
                f"--{name.replace('_', '-')} is not for --resume: the checkpoint fixes it"
            )
    net = load_network(args.resume)
    recipe = Recipe.of(net)
    training = container.read(args.resume)[1].get("training")
    if training is None:
        raise ValueError(f"{args.resume} is a finished model, not a checkpoint")
    if recipe is None:
        raise ValueError(f"{args.resume} was not written by fastnn train: resume it in Python")
    if args.out is None and recipe.out is not None and not _within_here(recipe.out):
        raise UsageError(f"{args.resume} does not record the folder of its model: give -o")
    if args.epochs is not None:
        recipe = replace(recipe, epochs=args.epochs)
    if args.out is not None:
        recipe = replace(recipe, out=_within_here(args.out))
    net.metadata["recipe"] = asdict(recipe)
    done = int(training["epoch"])
    if done >= recipe.epochs:
        raise UsageError(
            f"{args.resume} already has {words.plural(done, 'epoch')}: "
            "give a larger total with --epochs"
        )
    spec = args.data or recipe.data
    data = task_data.load(spec, recipe.target, recipe.test)
    if task_data.fingerprint(data) != recipe.fingerprint:
        raise ValueError(f"{spec} is not the data that {args.resume} was trained on")
    ready = recipe.prepare(data)
    if data.raw is not None:
        names = data.feature_names
        (X, y), test = ready.train, ready.test
        if test is not None:
            test = (task_data.in_order(net, test[0], names, spec), test[1])
        ready = replace(ready, train=(task_data.in_order(net, X, names, spec), y), test=test)
    train, held, rows = task_data.hold_out(ready, recipe.validation_fraction, recipe.seed)
    after = f"from {args.resume}, after {words.plural(done, 'epoch')} of {recipe.epochs:,}"
    return Job(
        net=net,
        recipe=recipe,
        split=ready,
        train=train,
        held=held,
        rows=rows,
        optimizer=None,
        batch_size=training["batch_size"],
        done=done,
        summary={"training": after},
        plan=None,
    )


def _within_here(path: str) -> str:
    """Return a path for the recipe: "" unless it is in the current folder or below."""
    inside = not Path(path).anchor and ".." not in Path(path).parts
    return path if inside else ""


# Printing ----------------------------------------------------------------------------------------


def _print_plan(job: Job) -> None:
    ready, net, held = job.split, job.net, job.held
    data = ready.data
    parts = [f"{data.name}: {len(job.train[0]):,} to train on"]
    if held is not None:
        parts.append(f"{len(held[0]):,} held out to validate")
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
    if data.image_shape is None and job.plan is not None and job.plan.free:
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
    if not plan.folds:
        return each * n * plan.epochs
    most = folds.most_epochs(n, plan.batch_size, job.net.n_params)
    return each * n * most * folds.FOLDS  # of 4/5 of the rows each, and once of all


def _speed(history: fastnn.History, done: int, n: int) -> dict[str, Any]:
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


def _print_result(result: dict[str, Any], net: MLP, job: Job) -> None:
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
