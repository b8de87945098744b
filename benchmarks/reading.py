"""Tables of text: reading by fastnn beside `pandas.read_csv`, in processor time.

    python benchmarks/reading.py [--megabytes 18] [--rounds 7] [--output FOLDER]

Writes three files of the same size to a temporary folder: numbers, numbers with gaps, and words,
dates and booleans beside numbers. Reads each in turns: `pandas.read_csv` with its defaults, a frame
by `read_frame`, the features and targets by `load_raw`, and these with the columns learned and made
units of a network. A figure is the processor time of the process in seconds, and the median of the
ratios to pandas' time in the same round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from fastnn.columns import Columns
from fastnn.datasets import frames, tables

Frame = pandas.DataFrame


def numbers(rng: np.random.Generator, n: int) -> Frame:
    """Return eleven columns of numbers of several widths, and a class."""
    frame = Frame({f"x{j}": rng.normal(size=n).round(1 + j % 6) for j in range(8)})
    frame["count"] = rng.integers(0, 1000, n)
    frame["large"] = rng.integers(0, 10**9, n)
    frame["price"] = rng.lognormal(3, 1, n).round(2)
    frame["class"] = rng.integers(0, 3, n)
    return frame


def gaps(rng: np.random.Generator, n: int) -> Frame:
    """Return the numbers with a tenth of the cells missing, those of the last column, too."""
    frame = numbers(rng, n)
    return frame.mask(rng.random(frame.shape) < 0.1)


def mixed(rng: np.random.Generator, n: int) -> Frame:
    """Return words, dates, booleans and names of rows beside numbers."""
    days = np.datetime64("2015-01-01") + rng.integers(0, 3000, n)
    return Frame(
        {
            "name": [f"row {i:x}" for i in rng.integers(0, 2**40, n)],
            "colour": rng.choice(["red", "green", "blue", "dark violet"], n),
            "town": rng.choice([f"town {i}" for i in range(500)], n),
            "day": days.astype(str),
            "open": rng.random(n) < 0.3,
            "length": rng.normal(size=n).round(3),
            "width": np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n).round(3)),
            "count": rng.integers(0, 1000, n),
            "kind": rng.choice(["low", "middle", "high"], n),
        }
    )


def write(make: Callable[[np.random.Generator, int], Frame], path: Path, size: int) -> int:
    """Write a file of about that many bytes; return its rows."""
    sample = make(np.random.default_rng(0), 2000)
    n = size * len(sample) // len(sample.to_csv(index=False))
    make(np.random.default_rng(1), n).to_csv(path, index=False)
    return n


def learned(path: Path) -> Any:
    """Return the units of all rows, as a network reads them."""
    raw = tables.load_raw(path)
    return Columns.learn(raw.frame, target=raw.target).transform(raw.frame)


READERS: dict[str, Callable[[Path], Any]] = {
    "read_csv": pandas.read_csv,
    "read_frame": frames.read_frame,
    "load_raw": tables.load_raw,
    "load_raw, learn, transform": learned,
}


def measure(path: Path, rounds: int) -> list[dict[str, float]]:
    """Return the seconds of each reader in each round; the first round is not counted."""
    found = []
    for _ in range(rounds + 1):
        seconds = {}
        for name, read in READERS.items():
            began = time.process_time()
            read(path)
            seconds[name] = time.process_time() - began
        found.append(seconds)
    return found[1:]


def main() -> None:
    """Measure, print and write a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=18)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="small files, one round")
    parser.add_argument("--output", type=Path, help="folder for reading.md")
    options = parser.parse_args()
    size = 200_000 if options.quick else int(options.megabytes * 1e6)
    head = ["file", "rows", *READERS]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    with tempfile.TemporaryDirectory() as folder:
        for make in (numbers, gaps, mixed):
            path = Path(folder, f"{make.__name__}.csv")
            rows = write(make, path, size)
            found = measure(path, 1 if options.quick else options.rounds)
            cells = [f"{path.stat().st_size / 1e6:.0f} MB of {make.__name__}", f"{rows:,}"]
            for name in READERS:
                seconds = statistics.median(one[name] for one in found)
                ratio = statistics.median(one[name] / one["read_csv"] for one in found)
                cells.append(f"{seconds:.2f} s" + f", {ratio:.2f}" * (name != "read_csv"))
            lines.append(f"| {' | '.join(cells)} |")
    print("\n".join(lines))
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        title = (
            "# Reading tables of text\n\n`python benchmarks/reading.py`: processor time of the "
            "process, and the median ratio to `pandas.read_csv`\nwith its defaults on the same "
            f"file (pandas {pandas.__version__}).\n\n"
        )
        text = title + "\n".join(lines) + "\n"
        Path(options.output, "reading.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
