"""Flags of ``fastnn train``, and their defaults.

No flag has a default in the parser: defaults depend on the data and on the other flags, and a
checkpoint must know which flags were given. Over 400 lines: most of them declare the flags.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import fastnn

from .. import MLP, schedules
from ..init import INITS, Init
from ..names import ACTIVATIONS, HIDDEN, LOSSES, Activation, Loss, Output
from ..optim import Optimizer
from ..tabular import recipe
from ..tabular.networks import Settings
from . import options
from .options import Parser, UsageError

if TYPE_CHECKING:
    from ..targets import ClassWeight
    from .options import Commands

CLASSIC = ("digits", "mnist")  # data of the network of the derivation
PATIENCE_OF_PLATEAU = 5  # epochs
SCHEDULES = ("constant", "step", "exponential", "cosine", "one-cycle", "plateau")
T = TypeVar("T")
_LR = {"sgd": 0.1, "adam": 0.001, "adamw": 0.001, "rmsprop": 0.01}

_EPILOG = """\
defaults:
  digits and mnist, with none of --hidden, --activation, --output, --loss: the
  classic network of textbooks, 784-16-16-10, sigmoid, quadratic cost, trained
  by --optimizer sgd --lr 1.5 --batch-size 10 --epochs 30.
  Everything else: --hidden 64 32 --activation relu; softmax and cross_entropy
  for classes, mse for numbers; --optimizer adam --batch-size 32.
  Tables: --dropout 0.1. Columns, and the targets of a regression, are
  standardized while training; the model takes and gives the units of the data.
  The number of epochs of a table with up to 2,000 training rows is the one at
  which 5-fold cross-validation has the best accuracy, or the least loss for
  numbers; the networks are then trained on all of them. Of a larger table a
  tenth is held out, another for each network (with --time: the latest), which
  stops when its loss has not improved for 20 epochs and 3,000 steps, and keeps
  its best epoch. Positive targets with a heavy tail are learnt as logarithms if
  held-out rows say so.
  The model is an ensemble of 5 networks, if they need about a minute at most.
  --epochs, --early-stopping, --validation-fraction or --schedule replace this,
  and train one network, unless --ensemble says more. --checkpoint and --mpi
  train one network on the targets as they are.
  Test examples are the data's own, or held out, and never choose anything.

examples:
  fastnn train
  fastnn train --data mnist --hidden 128 --epochs 10 -o mnist.safetensors
  fastnn train --data flowers.csv --target species --early-stopping
  fastnn train --data prices.csv --task regress --hidden 64 64 --schedule cosine
  fastnn train --data prices.csv --ensemble 10 -o ten.safetensors
  fastnn train --data mnist --checkpoint run.ckpt
  fastnn train --resume run.ckpt --epochs 60
  fastnn train --stream --data 'parts/*.parquet' --target price
"""


def add_parser(commands: Commands) -> Parser:
    """Add the parser and return it."""
    parser = options.add_command(
        commands, "train", "train a network and write it to a model file", _EPILOG
    )
    parser.usage = "fastnn train [--data DATA] [-o FILE] [other flags]"
    add = parser.add_argument_group("data").add_argument
    add("--data", metavar="DATA", help=f"{options.DATA_HELP} (default: digits)")
    add(
        "--target",
        nargs="+",
        metavar="COLUMN",
        help=f"{options.TARGET_HELP}; several are numbers, one output each; for tables",
    )
    add(
        "--drop",
        nargs="+",
        metavar="COLUMN",
        help="columns of a table to leave out (default: those that number or name the rows, hold "
        "free text, or never change)",
    )
    add(
        "--categorical",
        nargs="+",
        metavar="COLUMN",
        help="columns of a table to take for categories, such as numbers that are codes",
    )
    add(
        "--numeric",
        nargs="+",
        metavar="COLUMN",
        help="columns of a table to take for numbers; their words count as missing",
    )
    add(
        "--weight",
        metavar="COLUMN",
        help="the column that says how much each row counts in the training (default: all alike)",
    )
    add(
        "--group",
        metavar="COLUMN",
        help="the column of groups, such as persons, none of which is split between training, "
        "validation and test",
    )
    add(
        "--time",
        metavar="COLUMN",
        help="the column of dates or numbers by which the latest rows are held out",
    )
    add(
        "--test",
        metavar="FILE",
        help="a table of test examples with the same columns (default: --test-fraction)",
    )
    add(
        "--task",
        choices=("auto", "classify", "regress"),
        help="predict classes or numbers; auto decides by the target (default: auto)",
    )
    add(
        "--test-fraction",
        type=options.share,
        metavar="PART",
        help="share of the examples to hold out for the test, where the data has no test "
        "examples of its own; 0 for none (default: 0.2)",
    )
    add(
        "--validation-fraction",
        type=options.share,
        metavar="PART",
        help="share of the training examples to hold out for --early-stopping and --schedule "
        "plateau (default: 0.1 with these and for large tables, else 0)",
    )
    add(
        "--stream",
        action="store_true",
        default=None,
        help="read the files block by block, for data beyond memory: .parquet, .csv; DATA may have "
        "wildcards (default: if the files that wildcards name are too large for the free memory)",
    )
    add(
        "--validation",
        metavar="FILES",
        help="with --stream: files with the same columns, on which the loss is taken after each "
        "epoch, for --early-stopping and --schedule plateau",
    )
    add(
        "--no-standardize",
        action="store_true",
        default=None,
        help="do not scale the columns and targets of a table",
    )
    add(
        "--class-weight",
        choices=("balanced",),
        help="balanced: rare classes count as much as frequent ones (default: examples count "
        "alike)",
    )

    add = parser.add_argument_group("network").add_argument
    add(
        "--hidden",
        type=options.width,
        nargs="+",
        metavar="WIDTH",
        help="widths of the hidden layers in neurons; none for no hidden layer (default: 64 32, "
        "or 16 16: see below)",
    )
    add(
        "--activation",
        type=options.one_of("activation", HIDDEN),
        nargs="+",
        metavar="NAME",
        help=f"of the hidden layers, one for all or one each: {', '.join(HIDDEN)} (default: relu)",
    )
    add(
        "--output",
        type=options.one_of("output", ACTIVATIONS),
        metavar="NAME",
        help="of the output layer: one of these, softmax or exp (default: what the loss needs)",
    )
    add(
        "--loss",
        type=options.one_of("loss", LOSSES),
        metavar="NAME",
        help=f"{', '.join(LOSSES)} (default: cross_entropy for classes, mse for numbers)",
    )
    add(
        "--init",
        type=options.one_of("init", INITS),
        metavar="NAME",
        help=f"of the weights: {', '.join(INITS)} (default: fan_in_uniform)",
    )
    add(
        "--dropout",
        type=options.share,
        metavar="PART",
        help="share of each hidden layer that is switched off in a step (default: 0.1 for tables, "
        "else 0)",
    )
    add("--dtype", choices=("float32", "float64"), help="of all numbers (default: float32)")

    add = parser.add_argument_group("training").add_argument
    add(
        "--epochs",
        type=options.count,
        metavar="N",
        help="passes over the training examples; with --resume, the total (default: 30 for the "
        "classic network; chosen by validation for tables, see below; else 10 to 300, about "
        "100,000 examples in all)",
    )
    add(
        "--batch-size",
        type=options.count,
        metavar="N",
        help="examples a step (default: 32, or 10 for the classic network)",
    )
    add(
        "--optimizer",
        type=options.one_of("optimizer", tuple(_LR)),
        metavar="NAME",
        help=f"{', '.join(_LR)} (default: adam, or sgd for the classic network)",
    )
    add(
        "--lr",
        type=options.positive,
        metavar="RATE",
        help="learning rate, the highest one of a schedule (default: adam and adamw 0.001, rmsprop "
        "0.01, sgd 0.1, or 1.5 for the classic network)",
    )
    add("--momentum", type=options.share, metavar="M", help="for sgd and rmsprop (default: 0)")
    add("--nesterov", action="store_true", default=None, help="look ahead along sgd's momentum")
    add(
        "--weight-decay",
        type=options.not_negative,
        metavar="L",
        help="strength of the L2 penalty on weights (default: 0; adamw 0.01)",
    )
    add(
        "--schedule",
        choices=SCHEDULES,
        metavar="NAME",
        help="of the learning rate: constant; step (a tenth after each third of the epochs); "
        "exponential (down to 1 %%); cosine (down to 0); one-cycle (up, then down); plateau (a "
        "tenth after 5 epochs without a better validation loss) (default: constant)",
    )
    add(
        "--early-stopping",
        type=options.count,
        nargs="?",
        const=10,
        metavar="PATIENCE",
        help="stop after PATIENCE epochs without a better validation loss, and keep the best "
        "epoch (default: off, but for large tables, see below; 10 epochs if no number follows)",
    )
    add(
        "--seed",
        type=options.seed,
        metavar="N",
        help="of splits, weights, shuffles and dropout: the same gives the same bits (default: 0)",
    )
    add(
        "--ensemble",
        type=options.count,
        metavar="K",
        help="train K networks at once, with the seeds N, N + 1, ...; the model is their mean "
        "(default: 5 for tables, see below, else 1)",
    )
    add(
        "--threads",
        type=options.count,
        metavar="N",
        help="at most; changes no result (default: the available CPUs)",
    )
    add(
        "--mpi",
        action="store_true",
        default=None,
        help="share the rows among the processes that mpiexec starts: mpiexec -n 4 fastnn train "
        "--mpi ...; needs mpi4py",
    )

    add = parser.add_argument_group("files and output").add_argument
    add(
        "-o",
        "--out",
        metavar="FILE",
        help="the model file to write (default: named after the data, .safetensors, here)",
    )
    add(
        "--checkpoint",
        metavar="FILE",
        help="also write a file to --resume from, as epochs end (default: none, or with --resume "
        "that file)",
    )
    add(
        "--checkpoint-every",
        type=options.count,
        metavar="N",
        help="epochs from one checkpoint to the next (default: 1)",
    )
    add(
        "--resume",
        metavar="FILE",
        help="continue from a checkpoint, with its settings; the result is that of one run",
    )
    add("-q", "--quiet", action="store_true", help="print nothing but warnings and errors")
    add("--json", action="store_true", help="print the result as one JSON object")
    return parser


def defaults(data: str | None, target: str | None) -> argparse.Namespace:
    """Return the flags of ``fastnn train`` for some data and nothing else."""
    given = {"--data": data, "--target": target}
    words = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    return add_parser(Parser().add_subparsers()).parse_args(words)


@dataclass(frozen=True)
class Plan:
    """The settings of a training: a value for each flag."""

    data: str
    task: str
    test_fraction: float
    validation_fraction: float
    early_stopping: int | None  # epochs
    networks: int  # 0: depends on the data
    alone: bool  # whether it is one network on the targets as they are: what can be continued
    folds: bool  # whether cross-validation chooses the epochs
    free: bool  # whether validation determines the number of epochs, and no flag
    seed: int
    standardize: bool
    classic: bool
    hidden: tuple[int, ...]
    activation: Activation | list[Activation]
    output: Output | None
    loss: Loss | None
    init: Init | None
    dropout: float | None  # None: depends on the data
    dtype: str
    optimizer: str
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float | None
    schedule: str
    batch_size: int
    epochs: int  # 0: depends on the number of examples

    @classmethod
    def of(cls, args: argparse.Namespace) -> Plan:
        """Return the plan before the data is known; raise UsageError if the flags conflict."""
        data, task = args.data or "digits", args.task or "auto"
        architecture = (args.hidden, args.activation, args.output, args.loss)
        classic = data in CLASSIC and task != "regress" and all(x is None for x in architecture)
        hidden = _hidden(args, (16, 16) if classic else (64, 32))
        activation = args.activation or ["sigmoid" if classic else "relu"]
        optimizer = args.optimizer or ("sgd" if classic else "adam")
        plan = cls(
            data=data,
            task=task,
            test_fraction=_or(args.test_fraction, 0.2),
            validation_fraction=_validation_fraction(args),
            early_stopping=args.early_stopping,
            networks=args.ensemble or 0,
            alone=bool(args.checkpoint or args.mpi),
            folds=False,
            free=all(
                x is None
                for x in (
                    args.epochs,
                    args.early_stopping,
                    args.validation_fraction,
                    args.schedule,
                )
            ),
            seed=_or(args.seed, 0),
            standardize=not args.no_standardize,
            classic=classic,
            hidden=hidden,
            activation=activation[0] if len(activation) == 1 else activation,
            output="sigmoid" if classic else args.output,
            loss="quadratic" if classic else args.loss,
            init=args.init,
            dropout=args.dropout,
            dtype=args.dtype or "float32",
            optimizer=optimizer,
            lr=_or(args.lr, 1.5 if classic and optimizer == "sgd" else _LR[optimizer]),
            momentum=_or(args.momentum, 0.0),
            nesterov=bool(args.nesterov),
            weight_decay=args.weight_decay,
            schedule=args.schedule or "constant",
            batch_size=args.batch_size or (10 if classic else 32),
            epochs=args.epochs or (30 if classic else 0),
        )
        if plan.momentum and optimizer not in ("sgd", "rmsprop"):
            raise UsageError(f"--momentum is for --optimizer sgd and rmsprop, not {optimizer}")
        if plan.nesterov and (optimizer != "sgd" or not plan.momentum):
            raise UsageError("--nesterov needs --optimizer sgd and a --momentum above 0")
        if args.checkpoint_every is not None and args.checkpoint is None:
            raise UsageError("--checkpoint-every needs --checkpoint FILE")
        return plan

    def settled(self, task: str, n_in: int, n_out: int, n: int, *, table: bool) -> Plan:
        """Return the plan for a network of n_in inputs and n_out outputs, and n examples."""
        output, loss = self.output, self.loss
        if task == "classify":
            if loss in ("poisson", "quantile", "gaussian_nll"):
                raise UsageError(f"--loss {loss} is for --task regress; this task is to classify")
            if output is None:
                output = "softmax" if loss in (None, "cross_entropy") else "sigmoid"
        elif output == "softmax" and n_out == 1:
            raise UsageError("--output softmax needs several outputs; this task is to regress")
        elif loss == "gaussian_nll":
            raise UsageError(
                "--loss gaussian_nll has two outputs a target, which the command line does not "
                "train; fastnn.MLP does"
            )
        elif loss == "cross_entropy":
            raise UsageError("--loss cross_entropy is for --task classify; this task is to regress")
        dropout = _or(self.dropout, recipe.DROPOUT if table and self.hidden else 0.0)
        plan = replace(self, output=output, loss=loss, dropout=dropout)
        if table and self.free:
            sizes = (n_in, *self.hidden, n_out)
            n_params = sum((a + 1) * b for a, b in pairwise(sizes))
            networks = self.networks or recipe.networks(n, self.batch_size, n_params)
            networks = 1 if self.alone else networks
            length = recipe.length(n, self.batch_size, networks * n_params)
            return replace(
                plan,
                networks=networks,
                folds=not length.epochs,
                validation_fraction=length.validation_fraction or plan.validation_fraction,
                early_stopping=length.patience,
                epochs=self.epochs or length.epochs,
            )
        epochs = self.epochs or recipe.default_epochs(n)
        return replace(plan, epochs=epochs, networks=self.networks or 1, free=False)

    def network(self, n_in: int, n_out: int) -> MLP:
        """Return the untrained network; the plan is a settled one."""
        assert self.dropout is not None
        try:
            return MLP(
                [n_in, *self.hidden, n_out],
                activation=self.activation,
                output=self.output,
                loss=self.loss,
                init=self.init,
                dropout=self.dropout,
                dtype=self.dtype,
                seed=self.seed,
            )
        except ValueError as error:  # all of it is from the command line
            raise UsageError(str(error)) from None

    def make_optimizer(self) -> Optimizer:
        """Return the optimiser with its schedule."""
        lr, decay = self._rate(), self.weight_decay
        if self.optimizer == "adamw":
            return fastnn.AdamW(lr) if decay is None else fastnn.AdamW(lr, weight_decay=decay)
        decay = decay or 0.0
        if self.optimizer == "adam":
            return fastnn.Adam(lr, weight_decay=decay)
        if self.optimizer == "rmsprop":
            return fastnn.RMSprop(lr, momentum=self.momentum, weight_decay=decay)
        return fastnn.SGD(lr, self.momentum, self.nesterov, decay)

    def _rate(self) -> float | schedules.Schedule:
        if self.schedule == "step":
            return schedules.Step(self.lr, every=math.ceil(self.epochs / 3))
        if self.schedule == "exponential":
            return schedules.Exponential(self.lr, decay=0.01 ** (1 / self.epochs))
        if self.schedule == "cosine":
            return schedules.Cosine(self.lr)
        if self.schedule == "one-cycle":
            return schedules.OneCycle(self.lr)
        return self.lr

    def summary(self) -> dict[str, str]:
        """Return the facts about the training that a reader should know."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs:,} epochs"
        if self.folds:
            epochs = "epochs chosen by 5-fold cross-validation"
        elif self.early_stopping is not None:
            epochs = (
                f"up to {epochs}, stopped by {self.early_stopping:,} without a better validation "
                "loss"
            )
        dropout = f"dropout {self.dropout:g}, " if self.dropout else ""
        rate = f"lr {self.lr:g}" + ("" if self.schedule == "constant" else f" ({self.schedule})")
        facts = {
            "training": f"{self.optimizer}, {rate}, batches of {self.batch_size:,}, {dropout}"
            f"{epochs}, seed {self.seed}"
        }
        if self.networks > 1:
            facts["ensemble"] = f"{self.networks:,} networks, a seed each"
        return facts

    def settings(self, class_weight: ClassWeight | None) -> Settings:
        """Return what the training of a settled plan needs."""
        return Settings(
            self.make_optimizer,
            self.batch_size,
            0 if self.folds else self.epochs,
            self.validation_fraction,
            self.early_stopping,
            class_weight,
            self.seed,
            may_take_logs=not self.alone,
        )


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _hidden(args: argparse.Namespace, default: tuple[int, ...]) -> tuple[int, ...]:
    widths = default if args.hidden is None else tuple(args.hidden)
    if 0 in widths and len(widths) > 1:
        raise UsageError("--hidden none cannot be combined with widths: it means no hidden layer")
    if widths == (0,):
        if args.activation or args.dropout:
            raise UsageError("--activation and --dropout are for hidden layers; there is none")
        return ()
    return widths


def _validation_fraction(args: argparse.Namespace) -> float:
    needed = args.early_stopping is not None or args.schedule == "plateau"
    fraction = _or(args.validation_fraction, 0.1 if needed else 0.0)
    if needed and fraction == 0:
        what = "--schedule plateau" if args.early_stopping is None else "--early-stopping"
        raise UsageError(f"{what} needs a --validation-fraction above 0")
    return float(fraction)
