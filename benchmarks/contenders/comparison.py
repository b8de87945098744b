"""Results as tables for the terminal, as Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastnn.bench.report import significant
from fastnn.bench.workloads import Workload

from .runner import Result, Row

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

COLUMNS = ("", "examples/s", "fastnn's ÷ its", "GF/s", "of peak", "a round, notes")

NOTES = (
    "fastnn's ÷ its: fastnn's examples a second over the other's in the same round; median (least "
    "to greatest) of the rounds. Below 1, fastnn is slower.",
    "GF/s: 10⁹ operations of the matrix products a second, zeros counted, so that where zeros are "
    "skipped it says nothing of the arithmetic done. Peak: NumPy's best float32 product in the "
    "same run, on as many threads.",
)


def ratio_text(ratio: tuple[float, float, float] | None) -> str:
    """Return "2.42 (2.40 to 2.53)"."""
    if ratio is None:
        return ""
    middle, least, most = map(significant, ratio)
    return f"{middle} ({least} to {most})"


def cells(row: Row, peak: float | None) -> tuple[str, ...]:
    """Return a row as the texts under `COLUMNS`."""
    share = "" if not peak or row.gflops is None else f"{100 * row.gflops / peak:.0f} %"
    return (
        row.contender,
        significant(row.rate),
        ratio_text(row.ratio),
        "" if row.gflops is None else significant(row.gflops),
        share,
        "; ".join(filter(None, (row.amount, row.note))),
    )


def heading(result: Result) -> str:
    """Return a workload's name, what it is, and how many threads."""
    threads = "1 thread" if result.n_threads == 1 else f"{result.n_threads} threads"
    return f"{result.workload.name}: {result.workload.title}; {threads}"


def left_out(results: Iterable[Result]) -> Iterator[str]:
    """Yield a sentence for each contender and reason, with the workloads that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for name, why in result.left_out.items():
            found.setdefault((name, why), []).append(result.workload.name)
    for (name, why), names in found.items():
        yield f"{name}, not on {', '.join(names)}: {why}"


def peers_of(results: Iterable[Result]) -> str:
    """Return the versions of all that took part."""
    versions = {row.contender.split(",")[0]: row.version for r in results for row in r.rows}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


# The two tables ----------------------------------------------------------------------------------


def rich_tables(results: Sequence[Result]) -> Iterator[tuple[str, Table]]:
    """Yield each workload's heading and its table for a terminal, all with columns alike."""
    from rich.table import Table

    texts = [[cells(row, result.peak) for row in result.rows] for result in results]
    every = [COLUMNS, *(line for lines in texts for line in lines)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    for result, lines in zip(results, texts, strict=True):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for number, (name, width) in enumerate(zip(COLUMNS, widths, strict=True)):
            if number < len(COLUMNS) - 1:
                side: JustifyMethod = "right" if number else "left"
                table.add_column(name, justify=side, min_width=width, no_wrap=True)
            else:
                table.add_column(name)  # wraps where the terminal is narrow
        for line in lines:
            table.add_row(*line)
        yield heading(result), table


def markdown(results: Iterable[Result]) -> str:
    """Return a section with a table for each workload."""
    parts = []
    for result in results:
        lines = [f"## {heading(result)}", ""]
        if result.rows:
            lines += [f"| {' | '.join(COLUMNS)} |", "| --- | ---: | ---: | ---: | ---: | --- |"]
            lines += [f"| {' | '.join(cells(row, result.peak))} |" for row in result.rows]
            lines.append("")
        peak = f" Peak {significant(result.peak)} GF/s." if result.peak else ""
        rounds = "1 round" if result.rounds == 1 else f"{result.rounds} rounds"
        lines += [f"{rounds.capitalize()}, {result.date}.{peak}", ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


# JSON --------------------------------------------------------------------------------------------


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON values."""
    return {**asdict(result), "title": result.workload.title}


def from_json(values: dict[str, Any]) -> Result:
    """Return what `to_json` described."""
    rows = [
        Row(**{**row, "ratio": None if row["ratio"] is None else tuple(row["ratio"])})
        for row in values["rows"]
    ]
    rest = {name: values[name] for name in ("n_threads", "peak", "left_out", "rounds", "date")}
    return Result(Workload.from_json(values["workload"]), rows=rows, **rest)
