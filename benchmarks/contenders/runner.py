"""The method: all must learn the same; then they take turns, and each turn gives one ratio.

1. Every contender starts from the same weights and takes the same steps on the same rows, for once
   without a shuffle. A peer whose loss then differs from fastnn's by more than `TOLERANCE` (by more
   than `LOOSE`, for one that shuffles always) is named, and not compared.
2. How much a round trains on is set by each one's own speed, so that a round takes about as long
   for all: several whole epochs, or the first rows of one where an epoch takes too long.
3. One round that does not count compiles, faults pages in and fills caches.
4. Rounds A B C, A B C, …: what the machine does meanwhile hits all alike. Every round starts from
   the initial weights. A round's ratio is fastnn's rate over the peer's in that same round; the
   median, least and greatest of these ratios are reported.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastnn.bench.measure import amount, spread
from fastnn.bench.workloads import Workload

from . import OURS, UnableError
from .workers import Worker, WorkerError, Workers, threads_of

TOLERANCE = 0.02  # of the loss: roundings differ, and many steps make them larger
LOOSE = 0.1  # where the order of the rows differs
_ERROR = 1e-3  # of a prediction
_PEAK = "numpy"  # the process that tells the peak of this CPU


def _silent(text: str) -> None:
    pass


@dataclass(frozen=True)
class Settings:
    """Durations and workloads of a run.

    Parameters
    ----------
    rounds : int
    seconds : float
        Aimed at for a round of one contender.
    folder : str or None
        With MNIST's files; None for the embedded digits.
    peak_size : int
        Of the square matrices whose product is taken for the peak.
    book_epochs : int
        30 in the book.
    tell : callable
        Is told what is under way.
    """

    rounds: int = 7
    seconds: float = 0.5
    folder: str | None = None
    peak_size: int = 2048
    book_epochs: int = 30
    tell: Callable[[str], None] = _silent


@dataclass(frozen=True)
class Row:
    """Measurements of one contender.

    Attributes
    ----------
    rate : float
        Examples a second, the median of the rounds.
    ratio : (float, float, float) or None
        Fastnn's rate over this one's: median, least, greatest of the rounds. None for fastnn.
    gflops : float or None
        10⁹ operations of the products a second, zeros counted.
    loss : float or None
        After the same steps for all.
    amount : str
        What a round was.
    """

    contender: str
    version: str
    rate: float
    ratio: tuple[float, float, float] | None = None
    gflops: float | None = None
    loss: float | None = None
    amount: str = ""
    note: str = ""


@dataclass
class Result:
    """Measurements of one workload.

    Attributes
    ----------
    peak : float or None
        Greatest rate of a float32 product of NumPy in the same rounds, 10⁹ operations a second.
    left_out : dict
        Contenders that were not measured, and why.
    """

    workload: Workload
    n_threads: int
    rows: list[Row] = field(default_factory=list)
    peak: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return the spread of our rate over theirs, round by round.

    Examples
    --------
    >>> ratios([100.0, 90.0, 110.0], [50.0, 30.0, 50.0])
    (2.2, 2.0, 3.0)
    """
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def measure(
    workload: Workload, peers: Sequence[str], workers: Workers, settings: Settings = Settings()
) -> Result:
    """Measure fastnn, and the peers that can, on a workload."""
    kinds = {"book": _book, "threads": _threads, "predict": _predict, "train": _train}
    result = Result(workload, threads_of(workload.all_threads), rounds=settings.rounds)
    try:
        return kinds[workload.kind](workload, peers, workers, settings, result)
    except (WorkerError, UnableError) as error:  # fastnn itself
        result.left_out[OURS] = str(error)
        return result


class _Race:
    """The contenders of one workload, those dropped that fail on the way."""

    def __init__(
        self,
        workload: Workload,
        peers: Sequence[str],
        workers: Workers,
        settings: Settings,
        to: Result,
    ) -> None:
        self._pool = workers
        self._settings = settings
        self._left_out = to.left_out
        self._name = workload.name
        names = [OURS, *(peer for peer in peers if peer != OURS)]
        self.workers = {name: workers.get(name, workload.all_threads) for name in names}
        self._peak = workers.get(_PEAK, workload.all_threads)
        everybody = {worker.name: worker for worker in (*self.workers.values(), self._peak)}
        self._tell("starting")
        for worker in everybody.values():  # side by side
            worker.send("prepare", workload=workload.to_json(), folder=settings.folder)
        self.versions: dict[str, Any] = {}
        for name, worker in everybody.items():
            self.versions[name] = self._try(name, worker.receive)

    def _tell(self, text: str) -> None:
        self._settings.tell(f"{self._name}: {text}")

    def _try(self, name: str, action: Callable[[], Any]) -> Any:
        """Return what a contender answers; if it fails, leave it out, unless it is fastnn."""
        try:
            return action()
        except UnableError as error:
            self.leave_out(name, str(error))
        except WorkerError as error:
            self._pool.drop(self.workers.get(name, self._peak))
            self.leave_out(name, f"failed: {error}")
        return None

    def leave_out(self, name: str, why: str) -> None:
        """Go on without a contender."""
        if name == OURS:
            raise WorkerError(why)
        if name in self.workers:
            del self.workers[name]
            self._left_out[name] = why

    def ask(self, name: str, what: str, call: str, **arguments: Any) -> Any:
        """Ask one contender; None if it fails."""
        self._tell(f"{name}, {what}")
        return self._try(name, lambda: self.workers[name].ask(call, **arguments))

    def rounds(
        self, play: Callable[[str, int], float | None]
    ) -> tuple[dict[str, list[float]], float]:
        """Return the rates of each contender, one a round, and the greatest peak in GF/s."""
        rates: dict[str, list[float]] = {name: [] for name in self.workers}
        peak = 0.0
        for number in range(1, self._settings.rounds + 1):
            for name in list(self.workers):
                rate = play(name, number)
                if rate is not None:
                    rates[name].append(rate)
            peak = max(peak, self._peak.ask("peak", n=self._settings.peak_size) / 1e9)
        return {name: rates[name] for name in self.workers}, peak


def _train(
    workload: Workload, peers: Sequence[str], workers: Workers, settings: Settings, result: Result
) -> Result:
    race = _Race(workload, peers, workers, settings, result)
    losses: dict[str, float] = {}
    amounts: dict[str, tuple[int, int]] = {}
    short = {"rows": min(workload.check_rows, workload.whole_rows), "epochs": workload.check_epochs}
    for name in list(race.workers):
        scores = race.ask(name, "does it learn?", "check", **short)
        if scores is None:
            continue
        losses[name] = scores["after"]
        if not scores["after"] < scores["before"]:
            race.leave_out(
                name, "did not learn: loss {before:.4g}, then {after:.4g}".format(**scores)
            )
            continue
        tolerance = TOLERANCE if scores["ordered"] else LOOSE
        if abs(losses[name] - losses[OURS]) > tolerance * losses[OURS]:
            told = f"loss {losses[name]:.4g} where fastnn's is {losses[OURS]:.4g}"
            race.leave_out(name, f"learns otherwise: {told}")
            continue
        seconds = race.ask(name, "how fast?", "seconds", **short)
        if seconds is None:
            continue
        rate = short["rows"] * short["epochs"] / seconds
        rows, epochs = amounts[name] = amount(rate, settings.seconds, workload)
        race.ask(name, "warm-up", "seconds", rows=rows, epochs=epochs)

    def play(name: str, number: int) -> float | None:
        rows, epochs = amounts[name]
        took = race.ask(name, f"round {number}", "seconds", rows=rows, epochs=epochs)
        return None if took is None else rows * epochs / took

    rates, result.peak = race.rounds(play)
    for name, rate in rates.items():
        rows, epochs = amounts[name]
        whole = rows == workload.whole_rows
        result.rows.append(
            Row(
                name,
                race.versions[name],
                spread(rate)[0],
                None if name == OURS else ratios(rates[OURS], rate),
                workload.flops * spread(rate)[0] / 1e9,
                losses[name],
                f"{epochs} x {rows:,} rows" if whole else f"{rows:,} rows of an epoch",
            )
        )
    return result


def _predict(
    workload: Workload, peers: Sequence[str], workers: Workers, settings: Settings, result: Result
) -> Result:
    race = _Race(workload, peers, workers, settings, result)
    calls: dict[str, int] = {}
    for name in list(race.workers):
        error = race.ask(name, "is it right?", "prediction_error")
        if error is not None and error > _ERROR:
            race.leave_out(name, f"predicts otherwise: off by {error:.2g}")
        elif error is not None:
            race.ask(name, "warm-up", "prediction_seconds", calls=100)
            took = race.ask(name, "how fast?", "prediction_seconds", calls=100)
            calls[name] = max(100, int(settings.seconds / 2 * 100 / took))

    def play(name: str, number: int) -> float | None:
        n = calls[name]
        took = race.ask(name, f"round {number}", "prediction_seconds", calls=n)
        return None if took is None else n / took

    rates, _ = race.rounds(play)
    for name, rate in rates.items():
        middle = spread(rate)[0]
        result.rows.append(
            Row(
                name,
                race.versions[name],
                middle,
                None if name == OURS else ratios(rates[OURS], rate),
                amount=f"{calls[name]:,} calls",
                note=f"{1e6 / middle:.2f} µs a call",
            )
        )
    return result


def _prepared(workload: Workload, workers: Workers, settings: Settings) -> tuple[Worker, str]:
    worker = workers.get(OURS, workload.all_threads)
    told = worker.ask("prepare", workload=workload.to_json(), folder=settings.folder)
    return worker, str(told)


def _book(
    workload: Workload, peers: Sequence[str], workers: Workers, settings: Settings, result: Result
) -> Result:
    worker, version = _prepared(workload, workers, settings)
    settings.tell(f"{workload.name}: fastnn")
    epochs = settings.book_epochs
    done = worker.ask("book", epochs=epochs, folder=settings.folder)
    rate = epochs * workload.whole_rows / done["seconds"]
    result.rounds = 1
    result.rows.append(
        Row(
            OURS,
            version,
            rate,
            gflops=workload.flops * rate / 1e9,
            amount=f"{epochs} x {workload.whole_rows:,} rows",
            note=f"{done['seconds']:.2f} s, {100 * done['accuracy']:.2f} % of the test digits",
        )
    )
    return result


def _threads(
    workload: Workload, peers: Sequence[str], workers: Workers, settings: Settings, result: Result
) -> Result:
    if result.n_threads == 1:
        raise UnableError("this process may use one CPU only")
    worker, version = _prepared(workload, workers, settings)
    counts = (1, result.n_threads)
    first = {"rows": min(workload.check_rows, workload.whole_rows), "n_threads": 1}
    rate = first["rows"] / worker.ask("threaded", **first)["seconds"]
    rows = amount(rate, 2 * settings.seconds, workload)[0]
    rates: dict[int, list[float]] = {n: [] for n in counts}
    bits = set()
    for number in range(1, settings.rounds + 1):
        for n in counts:
            settings.tell(f"{workload.name}: {n} threads, round {number}")
            done = worker.ask("threaded", rows=rows, n_threads=n)
            rates[n].append(rows / done["seconds"])
            bits.add(done["bits"])
    same = "same bits" if len(bits) == 1 else "NOT THE SAME BITS"
    for n in counts:
        middle = spread(rates[n])[0]
        result.rows.append(
            Row(
                OURS if n > 1 else "fastnn, 1 thread",
                version,
                middle,
                None if n == 1 else ratios(rates[n], rates[1]),
                workload.flops * middle / 1e9,
                amount=f"{rows:,} rows",
                note=f"{n} threads, {same}" if n > 1 else "1 thread",
            )
        )
    return result
