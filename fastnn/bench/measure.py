"""Rates of fastnn on the workloads: each round has a new network, and the first is not counted."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .. import _config
from ..mlp import MLP
from ..optim import SGD, Adam, Optimizer, RMSprop
from .workloads import Rule, Workload, WorkloadData, load_test_digits, make_data

__all__ = ["Row", "Settings", "amount", "measure", "network", "optimizer", "spread"]

_LEAST_ROWS = 1_024  # of a round


@dataclass(frozen=True)
class Settings:
    """Length of a run.

    Parameters
    ----------
    rounds : int
    seconds : float
        Aimed at for a round.
    folder : str or None
        With MNIST's files; None for the embedded digits.
    book_epochs : int
        30 in the book.
    tell : callable
        Is called with a sentence about the step that begins.
    """

    rounds: int = 3
    seconds: float = 0.2
    folder: str | None = None
    book_epochs: int = 3
    tell: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Row:
    """Measurements of one workload with one number of threads.

    Attributes
    ----------
    n_threads : int
    rate, least, most : float
        Examples a second: the median of the rounds, the least and the greatest.
    gflops : float or None
        10⁹ operations of the products a second, zeros counted; None for predictions.
    amount : str
        Size of a round.
    note : str
    """

    n_threads: int
    rate: float
    least: float
    most: float
    gflops: float | None
    amount: str
    note: str = ""


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, least and greatest.

    Examples
    --------
    >>> spread([2.0, 8.0, 3.0])
    (3.0, 2.0, 8.0)
    """
    return statistics.median(values), min(values), max(values)


def amount(rate: float, seconds: float, workload: Workload) -> tuple[int, int]:
    """Return the rows and epochs of a round of about `seconds` seconds, in whole batches.

    A whole epoch where it takes no more than twice as long: the first steps of a fit are slower.
    """
    every, size = workload.whole_rows, workload.batch_size
    wanted = max(rate * seconds, _LEAST_ROWS)
    if 2 * wanted >= every:
        return every, max(1, round(rate * seconds / every))
    return min(every, -(-int(wanted) // size) * size), 1


def optimizer(rule: Rule) -> Optimizer:
    """Return fastnn's optimiser of a rule."""
    if rule.kind == "sgd":
        return SGD(lr=rule.lr)
    if rule.kind == "adam":
        return Adam(lr=rule.lr)
    return RMSprop(lr=rule.lr, alpha=0.9, eps=1e-3)


def network(workload: Workload, **more: Any) -> MLP:
    """Return a new network of a workload."""
    of = workload
    return MLP(of.sizes, activation=of.activation, output=of.output, loss=of.loss, **more)


def measure(workload: Workload, settings: Settings = Settings()) -> list[Row]:
    """Measure fastnn on a workload: one row, or one for each number of threads.

    Returns
    -------
    list of Row
        Empty for a comparison of threads where this process may use one CPU only.
    """
    kinds = {"book": _book, "threads": _threads, "predict": _predict, "train": _train}
    return kinds[workload.kind](workload, make_data(workload, settings.folder), settings)


@contextmanager
def _using(n_threads: int) -> Iterator[None]:
    before = _config.get_num_threads()
    _config.set_num_threads(n_threads)
    try:
        yield
    finally:
        _config.set_num_threads(before)


def _fit(workload: Workload, data: WorkloadData, rows: int, epochs: int) -> tuple[float, MLP]:
    """Train a new network, always the same; return the seconds and the network."""
    net = network(workload, seed=0)
    began = time.perf_counter()
    net.fit(
        data.X[:rows],
        data.y[:rows],
        epochs=epochs,
        batch_size=workload.batch_size,
        optimizer=optimizer(workload.rule),
        shuffle=workload.batch_size < workload.whole_rows,
    )
    return time.perf_counter() - began, net


def _row(workload: Workload, n_threads: int, rates: Sequence[float], what: str, note: str) -> Row:
    gflops = None if workload.kind == "predict" else workload.flops * spread(rates)[0] / 1e9
    return Row(n_threads, *spread(rates), gflops, what, note)


def _train(workload: Workload, data: WorkloadData, settings: Settings) -> list[Row]:
    n_threads = _config.available_cpus() if workload.all_threads else 1
    few, some = min(workload.check_rows, workload.whole_rows), workload.check_epochs
    with _using(n_threads):
        settings.tell(f"{workload.name}: warm-up")
        first = few * some / _fit(workload, data, few, some)[0]
        rows, epochs = amount(first, settings.seconds, workload)
        rates = []
        for number in range(1, settings.rounds + 1):
            settings.tell(f"{workload.name}: round {number}")
            rates.append(rows * epochs / _fit(workload, data, rows, epochs)[0])
    whole = rows == workload.whole_rows
    what = f"{epochs} x {rows:,} rows" if whole else f"{rows:,} rows of an epoch"
    return [_row(workload, n_threads, rates, what, "")]


def _predict(workload: Workload, data: WorkloadData, settings: Settings) -> list[Row]:
    net, x = network(workload, seed=0), data.X[:1]

    def seconds(calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls):
            net.predict(x)
        return time.perf_counter() - began

    settings.tell(f"{workload.name}: predictions")
    with _using(1):
        seconds(100)
        calls = max(100, int(settings.seconds / 2 * 100 / seconds(100)))
        rates = [calls / seconds(calls) for _ in range(settings.rounds)]
    note = f"{1e6 / spread(rates)[0]:.2f} µs a call"
    return [_row(workload, 1, rates, f"{calls:,} calls", note)]


def _book(workload: Workload, data: WorkloadData, settings: Settings) -> list[Row]:
    """Train as Nielsen's book does, chapter 1: N(0, 1) weights; η = 3 with ½ in the cost is 1.5."""
    settings.tell(f"{workload.name}: training")
    net = network(workload, init="standard_normal", seed=0)
    with _using(1):
        began = time.perf_counter()
        net.fit(
            data.X if data.X_bytes is None else data.X_bytes,
            data.y,
            epochs=settings.book_epochs,
            batch_size=workload.batch_size,
            optimizer=optimizer(workload.rule),
        )
        took = time.perf_counter() - began
        accuracy = net.evaluate(*load_test_digits(settings.folder))["accuracy"]
    rate = settings.book_epochs * workload.whole_rows / took
    what = f"{settings.book_epochs} x {workload.whole_rows:,} rows"
    note = f"{took:.2f} s, {100 * accuracy:.2f} % of the test digits"
    return [_row(workload, 1, [rate], what, note)]


def _threads(workload: Workload, data: WorkloadData, settings: Settings) -> list[Row]:
    counts = (1, _config.available_cpus())
    if counts[1] == 1:
        return []
    few = min(workload.check_rows, workload.whole_rows)
    with _using(1):
        rate = few / _fit(workload, data, few, 1)[0]
    rows = amount(rate, 2 * settings.seconds, workload)[0]
    rates: dict[int, list[float]] = {n: [] for n in counts}
    bits = set()
    for number in range(1, settings.rounds + 1):
        for n in counts:
            settings.tell(f"{workload.name}: {n} threads, round {number}")
            with _using(n):
                took, net = _fit(workload, data, rows, 1)
            rates[n].append(rows / took)
            bits.add(hashlib.sha256(net.params.tobytes()).hexdigest())
    same = "same bits" if len(bits) == 1 else "NOT THE SAME BITS"
    return [
        _row(workload, n, rates[n], f"{rows:,} rows", same if n > 1 else "1 thread") for n in counts
    ]
