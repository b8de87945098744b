"""``fastnn train``: from a data set to a model file.

The order matters: all checks come before the first step of the training, the model file is written
before anything is printed about it, and the test examples are used once, at the end. Over 400
lines: the way from flags to a fitted network in one place.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import fastnn

from .. import MLP, Ensemble, callbacks, datasets, words
from ..explain.importance import importance
from ..model_file import container
from ..optim import Optimizer
from ..pictures import ImageForm
from ..tabular import folds, networks, task_data
from ..tabular.rows import Roles, Rows
from ..tabular.task_data import Held, Part
from . import ensembles, mpi, report, train_options, train_report, train_stream
from .loading import load_network
from .options import UsageError, check_model_path, stopped_by, within_here
from .train_options import Plan

if TYPE_CHECKING:
    from ..targets import ClassWeight
    from .options import Commands

# Flags that are valid with --resume; the checkpoint has all other settings.
_WITH_RESUME = ("resume", "data", "epochs", "out", "checkpoint", "threads", "mpi", "quiet", "json")

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
    if train_stream.is_meant(args):
        return train_stream.run(args)
    if args.validation is not None:
        raise UsageError("--validation is for --stream; of rows in memory, --validation-fraction")
    files_of(args)
    if args.threads is not None:
        fastnn.set_num_threads(args.threads)
    comm = mpi.communicator(args)
    job = _resumed(args) if args.resume is not None else new_job(args)
    recipe, net = job.recipe, job.net
    out = Path(args.out or recipe.out or f"{job.split.data.name}.safetensors")
    checkpoint = args.checkpoint or args.resume
    if checkpoint is not None and Path(checkpoint).absolute() == out.absolute():
        raise UsageError(f"the checkpoint and the model cannot both be {out}: name one with -o")
    check_model_path(out, "-o")

    (X, y), held, test = job.train, job.held, job.split.test
    class_weight = cast("ClassWeight | None", recipe.class_weight)  # fit checks it
    settings = None if job.plan is None else job.plan.settings(class_weight)
    k = 1 if job.plan is None else job.plan.networks
    stoppers = None
    watching: list[callbacks.Callback] = []
    if recipe.plateau:
        watching.append(callbacks.ReduceOnPlateau(patience=train_options.PATIENCE_OF_PLATEAU))
    if recipe.early_stopping is not None:
        stoppers = [callbacks.EarlyStopping(patience=recipe.early_stopping) for _ in range(k)]
        watching.append(stoppers[0])
    if checkpoint is not None:
        watching.append(callbacks.ModelCheckpoint(checkpoint, every=recipe.checkpoint_every))
    if not args.quiet and not args.json:
        train_report.print_plan(job)
    chosen = None
    if settings is not None and job.plan is not None and job.plan.free:
        chosen = _choose(job, settings, k, out)
        net, recipe = chosen.net, replace(recipe, epochs=chosen.epochs)
        job = replace(job, net=net, recipe=recipe)
        net.metadata["recipe"] = asdict(recipe)
        if not args.quiet and not args.json:
            train_report.print_chosen(chosen)
    nets = networks.members(net, k)
    interrupt: KeyboardInterrupt | None = None
    progress = not args.quiet
    logs = chosen is not None and bool(chosen.logs)
    try:
        if settings is not None and k > 1:
            ready = job.split
            if chosen is not None:
                ready = replace(ready, train=(ready.train[0], chosen.y))
            networks.train(nets, ready, settings, recipe.epochs, stoppers, progress=progress)
        else:
            learnt = (X, np.log(y) if logs else y)
            if held is not None and logs:
                held = (held[0], np.log(held[1]), *held[2:])
            mine = mpi.share(comm, (*learnt, job.rows.weights))
            net.fit(
                *mine[:2],
                epochs=recipe.epochs,
                batch_size=job.batch_size,
                optimizer=job.optimizer,
                validation_data=mpi.share(comm, held),
                class_weight=class_weight,
                sample_weight=mine[2],
                callbacks=watching,
                progress=progress,
                resume=args.resume is not None,
                comm=comm,
            )
    except KeyboardInterrupt as signalled:
        interrupt = signalled
        for one, stopper in zip(nets, stoppers or (), strict=False):
            if stopper.best_params_ is not None:
                one.params = stopper.best_params_
    except fastnn.DivergenceWarning as warning:
        raise _diverged(warning, out) from None

    if comm is not None and comm.Get_rank():  # the first one writes the file
        return 0 if interrupt is None else stopped_by(interrupt)[1]
    if logs:
        nets = [networks.exponential(one) for one in nets]
    history = ensembles.longest(nets)
    model = networks.together(nets)
    shown: Any = model if isinstance(model, MLP) else ensembles.Mean(model)
    model.save(out)
    result: dict[str, Any] = {
        "file": str(out),
        "data": job.split.data.name,
        "task": job.split.task,
        "sizes": net.sizes,
        "n_params": model.n_params,
        "interrupted": interrupt is not None,
        "stopped": history.stopped,
        "chosen_by": f"{folds.FOLDS}-fold cross-validation" if chosen and chosen.folds else None,
        **train_report.speed(history, job.done, len(X)),
    }
    if stoppers is not None and k == 1:
        result["best_epoch"] = stoppers[0].best_epoch_
    scored = (X, y) if test is None else test
    result["train" if test is None else "test"] = report.scores(shown, *scored)
    if k > 1:
        result["networks"], line = ensembles.alone(nets, *scored)
    if job.split.data.raw is not None:
        result |= _of_table(job, model, scored)
        if chosen is not None and chosen.logs:
            result["notes"].append(chosen.logs)
    if args.json:
        report.print_json(result)
    elif not args.quiet:
        train_report.print_result(result, shown, job)
        if k > 1:
            report.fact("networks", line)
    if interrupt is not None:
        how, status = stopped_by(interrupt)
        epochs = f"{len(history)} of {words.plural(recipe.epochs, 'epoch')}"
        hint = "" if checkpoint is None else f" (fastnn train --resume {checkpoint} continues)"
        message = f"fastnn: {how} after {epochs}; the network so far is in {out}{hint}"
        print(message, file=sys.stderr)
        return status
    return 0


def _of_table(job: Job, net: MLP | Ensemble, part: Part) -> dict[str, Any]:
    """Return what is known of a table's columns, and how much each matters on some examples."""
    raw, columns = job.split.data.raw, task_data.columns_of(net)
    assert raw is not None
    names = raw.frame.columns
    # 2e10 operations, some seconds; a table of thousands of columns would take hours
    most = int(2e10 / (10 * len(names) * net.n_params))
    enough = len(part[1]) > 1 and most >= min(len(part[1]), _FEWEST_SCORED)
    found = importance(net, *part, most=min(most, 5000), seed=job.recipe.seed) if enough else None
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


def _choose(job: Job, settings: networks.Settings, k: int, out: Path) -> networks.Chosen:
    try:
        return networks.choose(job.net, job.split, settings, k)
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
    ensembles.check_flags(args)
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
    net = plan.network(X.shape[1], ready.n_out)
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
        out=None if args.out is None else within_here(args.out),
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
    model = load_network(args.resume)
    training = container.read(args.resume)[1].get("training")
    if training is None:
        raise ValueError(f"{args.resume} is a finished model, not a checkpoint")
    net = ensembles.one_network(model, args.resume, "train --resume")
    recipe = Recipe.of(net)
    if recipe is None:
        raise ValueError(f"{args.resume} was not written by fastnn train: resume it in Python")
    if args.out is None and recipe.out is not None and not within_here(recipe.out):
        raise UsageError(f"{args.resume} does not record the folder of its model: give -o")
    if args.epochs is not None:
        recipe = replace(recipe, epochs=args.epochs)
    if args.out is not None:
        recipe = replace(recipe, out=within_here(args.out))
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
