"""Measure the exported C file beside `MLP.predict`, one row at a time.

    python benchmarks/exported_c.py            # needs gcc, or CC; writes exported_c.md
    python benchmarks/exported_c.py --quick

The C file is compiled by ``gcc -std=c99 -O2``, nothing more, and called in a loop in C; `predict`
is called in a loop in Python. They take turns: C, Python, C, Python, and so on after a round that
does not count. Both have the same row and give the same answer. One processor.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import fastnn

_SIZES = (30, 64, 32, 2)
_LOOP = """
#include "net.c"
void repeat(int n, const {real} *x, {real} *a)
{{
    while (n-- > 0) net_predict(x, a);
}}
"""
_HEAD = """\
Network 30-64-32-2, one row a call, one thread: microseconds, medians of {rounds} rounds in turns,
and C's time over that of `predict`. `{command}`; fastnn {version}, {compiler}.

| hidden layers | dtype | C file, `gcc -std=c99 -O2` | `net.predict` | ratio |
| --- | --- | ---: | ---: | ---: |
"""


def compiled(net: fastnn.MLP, folder: Path, compiler: str) -> Any:
    """Return the function ``repeat(n, x, a)`` of the network's C file."""
    fastnn.export.to_c(net, folder / "net.c")
    real = "float" if net.dtype == "float32" else "double"
    (folder / "loop.c").write_text(_LOOP.format(real=real))
    library = folder / f"{net.activation[0]}-{net.dtype}.so"
    flags = ["-std=c99", "-O2", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(folder / "loop.c"), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library)).repeat


def seconds(call: Any, *arguments: Any) -> float:
    """Return how long a call takes."""
    begin = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begin


def measure(net: fastnn.MLP, repeat: Any, rounds: int, calls: int) -> tuple[float, float, float]:
    """Return microseconds a row in C and in Python, and the median of the rounds' ratios."""
    x = np.random.default_rng(0).normal(size=(1, _SIZES[0])).astype(net.dtype)
    a = np.empty(_SIZES[-1], net.dtype)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, a)]

    def python() -> None:
        for _ in range(calls):
            net.predict(x)

    times = [(seconds(repeat, calls, *pointers), seconds(python)) for _ in range(rounds + 1)][1:]
    np.testing.assert_allclose(a, net.predict(x)[0], rtol=1e-4, atol=1e-5)
    per_call = [median(column) / calls * 1e6 for column in zip(*times, strict=True)]
    return per_call[0], per_call[1], median(c / p for c, p in times)


def main() -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, and write no file")
    quick = parser.parse_args().quick
    rounds, calls = (3, 200) if quick else (101, 2000)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    compiler = os.environ.get("CC", "gcc")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    text = _HEAD.format(
        rounds=rounds,
        command="python benchmarks/exported_c.py",
        version=fastnn.__version__,
        compiler=version.stdout.partition("\n")[0],
    )
    with tempfile.TemporaryDirectory() as folder:
        for activation in ("relu", "tanh", "sigmoid"):
            for dtype in ("float32", "float64"):
                net = fastnn.MLP(list(_SIZES), activation=activation, dtype=dtype, seed=0)
                repeat = compiled(net, Path(folder), compiler)
                c, python, ratio = measure(net, repeat, rounds, calls)
                text += f"| {activation} | {dtype} | {c:.2f} | {python:.2f} | {ratio:.2f} |\n"
    sys.stdout.write(text)
    if not quick:
        Path(__file__).with_suffix(".md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
