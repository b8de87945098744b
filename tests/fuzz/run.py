"""Fuzz a reader with atheris: python tests/fuzz/run.py model --runs 1000000

Needs Linux and ``pip install atheris``. Every input must end within a second of the processor's
time (a table: and a millisecond for each cell of its widest row), within four times its size plus
64 MB of new memory, and as its target demands; ten seconds of the clock without an end count as a
hang. The first input that does not is written to a file that replays it: ``run.py model crash-…``.
Exit status 0 if all inputs passed, 1 if one did not.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TIMES, _FREE = 4, 64 << 20
_RECORD = struct.Struct("=4d")  # inputs, longest in s, most new memory in bytes, largest input


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("target", choices=["model", "idx", "csv", "formats", "npz", "expression"])
    parser.add_argument("inputs", nargs="*", type=Path, help="inputs to replay instead")
    parser.add_argument("--runs", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--artifacts", type=Path, default=Path(), help="folder for findings")
    options = parser.parse_args()
    if options.inputs:
        from targets import TARGETS

        for path in options.inputs:
            TARGETS[options.target].run(path.read_bytes())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "record")
        record.write_bytes(bytes(_RECORD.size))
        began = time.monotonic()
        command = [sys.executable, __file__, options.target, str(record), str(options.runs),
                   str(options.seed), f"{options.artifacts.resolve()}/"]  # fmt: skip
        # The core's and OpenBLAS's threads reserve address space, which counts.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "FASTNN_NUM_THREADS": "1"}
        child = subprocess.run(
            command, env=environment | {"FASTNN_FUZZ": "1"}, stderr=subprocess.PIPE, text=True,
            errors="replace", check=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        inputs, longest, most, largest = _RECORD.unpack(record.read_bytes())
    print(
        f"{options.target}: {inputs:,.0f} inputs in {seconds:,.0f} s "
        f"({inputs / seconds:,.0f} a second), the longest {longest * 1000:.0f} ms, "
        f"at most {most / 1e6:.1f} MB more memory, inputs up to {largest / 1e3:.0f} kB"
    )
    if child.returncode or inputs < options.runs:
        print(child.stderr[-6000:], file=sys.stderr)
        return 1
    return 0


def fuzz(target_name: str, record: str, runs: str, seed: str, artifacts: str) -> None:
    """Let libFuzzer run in this process, which it will end."""
    import atheris

    with atheris.instrument_imports(include=["fastnn", "numpy.lib", "zipfile", "gzip", "json"]):
        from targets import MOST, TARGETS

    target = TARGETS[target_name]
    seeds = target.ready()
    with open(record, "r+b") as file:
        shared = mmap.mmap(file.fileno(), _RECORD.size)
    count, longest, most, largest = 0, 0.0, 0, 0
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    page, unlimited = os.sysconf("SC_PAGE_SIZE"), resource.RLIM_INFINITY

    def one(data: bytes) -> None:
        nonlocal count, longest, most, largest
        virtual = int(os.pread(statm, 100, 0).split()[0]) * page
        limit = virtual + _TIMES * len(data) + _FREE
        resource.setrlimit(resource.RLIMIT_AS, (limit, unlimited))
        began = time.process_time()
        try:
            target.run(data)
        finally:
            seconds = time.process_time() - began
            resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        count += 1
        longest, largest = max(longest, seconds), max(largest, len(data))
        one.peak = max(one.peak, peak)  # type: ignore[attr-defined]
        most = max(most, peak - one.start)  # type: ignore[attr-defined]
        _RECORD.pack_into(shared, 0, count, longest, most, largest)
        if seconds > target.seconds(data):
            raise AssertionError(f"{seconds:.1f} s for {len(data)} bytes")

    one.peak = one.start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # type: ignore[attr-defined]

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.randrange(50) == 0:  # never far from what is sound
            data = rng.choice(seeds)
        return target.mutate(data, rng, lambda part: atheris.Mutate(part, MOST))[:max_size]

    corpus = tempfile.mkdtemp(prefix="fastnn-fuzz-")
    for i, data in enumerate(seeds):
        Path(corpus, str(i)).write_bytes(data)
    atheris.Setup(
        [
            "fuzz", corpus, f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={artifacts}",
            f"-max_len={target.most}", "-timeout=10", "-rss_limit_mb=0", "-verbosity=0",
        ],
        one,
        custom_mutator=mutate,
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    if os.environ.pop("FASTNN_FUZZ", None):
        fuzz(*sys.argv[1:])
    else:
        sys.exit(main())
