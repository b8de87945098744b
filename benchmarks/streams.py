"""Measure training on data beyond memory: rows a CPU second of streams beside rows in memory.

    python benchmarks/streams.py [--rows 15000000] [--folder DIR] [--quick]

30-64-32-1, float32, batch 256, Adam, one thread, shuffled, one epoch; each source a process of its
own, files dropped from the system's cache before. Streams run with RLIMIT_DATA at 600 MB. Linux.
`memory`: the rows in an array, as the measure; `map`, `Parquet`: streams of .npy and Parquet files;
`DataLoader`: PyTorch on the same map, one worker, the same network, on 1/50 of the rows. The
last column is the memory at its highest, of files that are mapped, too. `shuffle`: test loss on a
file sorted by its target, for all rows shuffled, a buffer of 5 %, and none.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

N_IN, BATCH, LIMIT = 30, 256, 600_000_000
SOURCES = ("memory", "map", "parquet", "dataloader")


def make(folder: Path, rows: int) -> None:
    """Write X.npy, y.npy and parts/*.parquet, unless they are there."""
    if (folder / "done").exists() and (folder / "done").read_text() == str(rows):
        return
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (rows, N_IN))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float32, (rows,))
    rng, each = np.random.default_rng(0), 250_000
    (folder / "parts").mkdir(exist_ok=True)
    for begin in range(0, rows, each):
        part = rng.standard_normal((min(each, rows - begin), N_IN), np.float32)
        X[begin : begin + len(part)] = part
        y[begin : begin + len(part)] = part[:, 0] * part[:, 1] + np.sin(part[:, 2])
        _write_parquet(folder, begin, part, y[begin : begin + len(part)])
    X.flush()
    y.flush()
    (folder / "done").write_text(str(rows))


def _write_parquet(folder: Path, begin: int, part: Any, y: Any) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return
    columns: dict[str, Any] = {f"x{j}": part[:, j] for j in range(N_IN)}
    table = pa.table({**columns, "y": np.asarray(y)})
    path = folder / "parts" / f"{begin:09d}.parquet"
    pq.write_table(table, path, row_group_size=25_000, use_dictionary=False)


def forget(folder: Path) -> None:
    """Drop the files from the system's cache."""
    os.sync()
    for path in (p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def one(source: str, folder: Path) -> dict[str, float]:
    """Train one epoch on one source, in this process."""
    import fastnn

    X = np.load(folder / "X.npy", mmap_mode="r")
    n = len(X)
    if source == "dataloader":
        return by_dataloader(X, np.load(folder / "y.npy"))
    given: tuple[Any, ...]
    if source == "memory":
        given = (np.array(X), np.load(folder / "y.npy"))
    else:
        resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
        of_map = fastnn.stream(folder / "X.npy", folder / "y.npy")
        given = (of_map if source == "map" else fastnn.stream(f"{folder}/parts/*.parquet", "y"),)
    net = fastnn.MLP([N_IN, 64, 32, 1], seed=0)
    wall, cpu = time.perf_counter(), time.process_time()
    net.fit(*given, epochs=1, batch_size=BATCH)
    return measured(n, wall, cpu)


def measured(n: int, wall: float, cpu: float) -> dict[str, float]:
    """Return rows a second, rows a CPU second, and the highest memory in MB."""
    status = Path("/proc/self/status").read_text().split()
    return {
        "rows_s": n / (time.perf_counter() - wall),
        "rows_cpu_s": n / (time.process_time() - cpu),
        "mb": int(status[status.index("VmHWM:") + 1]) / 1e3,
    }


def by_dataloader(X: Any, y: Any) -> dict[str, float]:
    """Train PyTorch on the first rows, read by its DataLoader."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)

    class Rows(Dataset[Any]):
        def __len__(self) -> int:
            return max(len(X) // 50, BATCH)

        def __getitem__(self, i: int) -> Any:
            return torch.from_numpy(np.array(X[i])), float(y[i])

    layers = [torch.nn.Linear(a, b) for a, b in ((N_IN, 64), (64, 32), (32, 1))]
    relu = torch.nn.ReLU()
    net = torch.nn.Sequential(layers[0], relu, layers[1], relu, layers[2])
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    loader = DataLoader(Rows(), BATCH, shuffle=True, num_workers=1)
    wall, cpu = time.perf_counter(), time.process_time()
    for a, b in loader:
        adam.zero_grad()
        torch.nn.functional.mse_loss(net(a)[:, 0], b.float()).backward()
        adam.step()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return measured(len(Rows()), wall, cpu - children.ru_utime - children.ru_stime)


def shuffle(rows: int) -> dict[str, float]:
    """Return the test loss after a fit on rows sorted by their target, by how they are shuffled."""
    import fastnn

    X = np.random.default_rng(0).standard_normal((rows, 8), np.float32)
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2])
    X, y, test, y_test = X[: rows - 20_000], y[: rows - 20_000], X[-20_000:], y[-20_000:]
    order = np.argsort(y)
    X, y = X[order], y[order]
    buffer = len(X) // 20
    losses = {}
    for name, given, how in (
        ("all rows", (X, y), {}),
        ("a buffer of 5 %", (fastnn.stream(X, y, buffer=buffer),), {}),
        ("none", (X, y), {"shuffle": False}),
    ):
        net = fastnn.MLP([8, 32, 1], seed=0)
        net.fit(*given, epochs=3, batch_size=BATCH, optimizer=fastnn.Adam(3e-3), **how)
        losses[name] = net.evaluate(test, y_test)["loss"]
    return losses


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="few rows: no figures")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.folder)))
        return
    rows = 60_000 if args.quick else args.rows
    with tempfile.TemporaryDirectory(dir=args.folder) as made:
        folder = Path(made) if args.folder is None else args.folder
        make(folder, rows)
        print(f"{'':12}{'rows/s':>12}{'rows/CPU s':>12}{'MB':>8}")
        for source in SOURCES:
            forget(folder)
            command = [sys.executable, __file__, "--one", source, "--folder", str(folder)]
            env = {**os.environ, "FASTNN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
            if done.returncode:
                print(f"{source:12}{done.stderr.splitlines()[-1]}")
                continue
            found = json.loads(done.stdout)
            print(
                f"{source:12}{found['rows_s']:12,.0f}{found['rows_cpu_s']:12,.0f}{found['mb']:8,.0f}"
            )
    for name, loss in shuffle(60_000 if args.quick else 400_000).items():
        print(f"sorted by its target, shuffled: {name:16}{loss:8.4f}")


if __name__ == "__main__":
    main()
