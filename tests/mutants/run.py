"""Make each mutant of mutants.py, run the relevant tests on it, and print which test noticed.

    python tests/mutants/run.py                 all of them; exit status 1 if one survives
    python tests/mutants/run.py optim softmax   those whose file or description holds a word
    python tests/mutants/run.py --jobs 1        one after the other; else one a processor

Needs a C compiler (CC, else cc), Cython, NumPy and what the suite needs; not an installed fastnn.
All happens in copies in a temporary folder. To be quick

 (a) the core is compiled once, with the plain C kernels alone, which are made of the same templates
     as those of every instruction set, little optimised and not unrolled;
 (b) for each mutant only the sources that include its file are compiled, and of a source for each
     dtype that of one alone, double but where a mutant says float: the other stays right, so that
     fewer tests can notice;
 (c) tests that know the file best run first, the others only if these noticed nothing.

A mutant is killed by a test that fails, by a crash, or by never ending; one that does not compile,
or cannot be imported, is a mistake in the list. At the end the tests that killed are run on the
right code, which has to pass them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import numpy as np
from mutants import MUTANTS, ROOT, Mutant, misplaced

CC = os.environ.get("CC", "cc").split()
FLAGS = ["-Og", "-std=c11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-w"]
SOURCES = sorted(
    path.relative_to(ROOT / "csrc").as_posix()
    for path in (ROOT / "csrc").rglob("*.c")
    if not re.match(r"kernels_(?!base)", path.name)
)
FIRST = {
    "gemm.inc.h": ["products", "core_training"],
    "row.inc.h": ["core_training", "products"],
    "sparse.inc.h": ["core_rows", "sparse"],
    "activation.inc.h": ["losses", "core"],
    "vmath.inc.h": ["kernels"],
    "loss.inc.h": ["losses"],
    "optim.inc.h": ["core_training"],
    "gather.inc.h": ["core_rows"],
    "simd.h": ["core_rows"],
    "net.inc.h": ["core_training", "core"],
    "product.inc.h": ["core_training", "core"],
    "train.inc.h": ["core_training", "sparse"],
    "read.inc.h": ["products", "core"],
    "block.inc.h": ["core_training"],
    "fnn.c": ["core"],
    "rows.c": ["core_rows"],
    "philox.h": ["core_training"],
    "fpmode.h": ["kernels"],
    "parallel.c": ["core_threads"],
    "training.py": ["fit", "fit_ends", "resume", "numbers"],
    "optim.py": ["optim"],
    "schedules.py": ["schedules"],
    "arrays.py": ["arrays", "sparse"],
    "targets.py": ["targets", "missing"],
    "init.py": ["init"],
    "state.py": ["fit"],
}
CORE_TESTS = ["core", "losses", "core_training", "core_rows", "products", "kernels", "sparse"]
CORE_TESTS += ["core_threads", "optim", "fit", "together", "threads", "bits"]
CORE_TESTS += ["numbers", "properties"]
PYTHON_TESTS = ["optim", "targets", "fit", "fit_callbacks", "fit_ends", "resume", "mlp", "sparse"]
PYTHON_TESTS += ["numbers", "reading", "callbacks", "estimators_agree"]
TIMEOUT = 1200  # seconds, of tests that take a few: it hangs


def tests_of(mutant: Mutant) -> tuple[list[str], list[str]]:
    """Return the files of tests to run first, and those to run after them."""
    first = FIRST[Path(mutant.file).name]
    all_of_them = CORE_TESTS if mutant.file.startswith("csrc/") else PYTHON_TESTS
    rest = [name for name in all_of_them if name not in first]
    return [file_of(name) for name in first], [file_of(name) for name in rest]


def file_of(name: str) -> str:
    """Return the file of tests with that name, from the folder tests/."""
    (path,) = (ROOT / "tests").glob(f"*/test_{name}.py")
    return path.relative_to(ROOT / "tests").as_posix()


class Copy:
    """A copy of the project with the extension compiled, to break one thing in at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = folder / "objects"
        self.extension = folder / "fastnn" / f"_fastnn{sysconfig.get_config_var('EXT_SUFFIX')}"

    def make(self) -> None:
        """Copy the sources and compile all of them."""
        self.take()
        self.build()

    def take(self) -> None:
        """Copy the sources, with the plain C kernels alone, not unrolled."""
        for name in ("csrc", "fastnn", "tests", "examples", "docs"):
            skip = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "gallery", "generated")
            shutil.copytree(ROOT / name, self.folder / name, ignore=skip)
        shutil.copy(ROOT / "pyproject.toml", self.folder)
        dispatch = self.folder / "csrc" / "isa" / "dispatch.c"
        only_base = re.sub(r"\{has_avx\w+, TABLES\(avx\w+\)\},", "", dispatch.read_text("utf-8"))
        dispatch.write_text(only_base.replace("{always, TABLES(neon)},", ""), "utf-8")
        simd = self.folder / "csrc" / "simd" / "simd.h"
        rolled = re.sub(r"(#define FNN_UNROLL) _Pragma.*", r"\1", simd.read_text("utf-8"))
        simd.write_text(rolled, "utf-8")
        self.objects.mkdir()

    def build(self) -> None:
        """Compile everything and link it."""
        glue = self.objects / "_fastnn.c"
        source = self.folder / "fastnn" / "_fastnn.pyx"
        run([sys.executable, "-m", "cython", "-3", str(source), "-o", str(glue)], self.folder)
        self.compile(SOURCES)
        includes = [sysconfig.get_path("include"), np.get_include(), str(self.folder / "csrc")]
        run(
            [*CC, *FLAGS, "-DNPY_NO_DEPRECATED_API=NPY_2_0_API_VERSION"]
            + [f"-I{path}" for path in includes]
            + ["-c", str(glue), "-o", str(self.objects / "_fastnn.o")],
            self.folder,
        )
        self.link()

    def compile(self, sources: Sequence[str]) -> None:
        """Compile some of csrc/, side by side."""
        commands = [
            [*CC, *FLAGS, "-Icsrc", "-c", f"csrc/{source}", "-o", str(self.object_of(source))]
            for source in sources
        ]
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(lambda command: run(command, self.folder), commands):
                pass

    def object_of(self, source: str) -> Path:
        """Return where the object of a source of csrc/ stands."""
        return self.objects / f"{Path(source).name}.o"

    def link(self) -> None:
        """Make the extension of the objects that there are."""
        objects = [str(path) for path in sorted(self.objects.glob("*.o"))]
        macos = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        self.extension.unlink(missing_ok=True)  # another run may have it in memory
        run([*CC, "-shared", *objects, *macos, "-lm", "-o", str(self.extension)], self.folder)

    def users_of(self, header: str, dtype: str) -> list[str]:
        """Return the sources that include a file of csrc/, or are it; of one dtype alone."""
        users, other = [], {"f64": "_f32.c", "f32": "_f64.c"}[dtype]
        for source in SOURCES:
            if source.endswith(other):
                continue
            rule = run([*CC, "-std=c11", "-Icsrc", "-MM", f"csrc/{source}"], self.folder)
            if header in {Path(name).name for name in rule.split()}:
                users.append(source)
        return users

    def write(self, mutant: Mutant, right: bool) -> None:
        """Put the mutant in its place, or the right text back."""
        path = self.folder / mutant.file
        text = (self.folder.parent / "right" / mutant.file).read_text("utf-8")
        path.write_text(text if right else text.replace(mutant.old, mutant.new), "utf-8")

    def test(self, files: Sequence[str], timeout: float | None) -> subprocess.CompletedProcess[str]:
        """Run files of tests until one fails."""
        environment = os.environ | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FASTNN_ISA": "base",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=no"]
        return subprocess.run(
            [*command, *files],
            cwd=self.folder / "tests",
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def verdict(self, mutant: Mutant) -> tuple[str, str]:
        """Return "killed", "survived" or "mistake", and by which test or why."""
        header = Path(mutant.file).name
        users: list[str] = []
        try:
            self.write(mutant, right=False)
            if mutant.file.startswith("csrc/"):
                users = self.users_of(header, mutant.dtype)
                self.compile(users)
                self.link()
            first, rest = tests_of(mutant)
            done = self.test(first, TIMEOUT)
            if done.returncode == 0:
                done = self.test(rest, TIMEOUT)
        except subprocess.CalledProcessError as error:
            return "mistake", str(error.stderr).strip().splitlines()[0]
        except subprocess.TimeoutExpired:
            return "killed", "it never ends"
        finally:
            self.write(mutant, right=True)
            self.restore(users)
        if done.returncode == 0:
            return "survived", ""
        # without the parameters, which may hold anything: all of that test's are the killers
        failed = re.search(r"^(?:FAILED|ERROR) ([^\s\[]+)", done.stdout, re.MULTILINE)
        if done.returncode == 1 and failed:
            return "killed", failed[1]
        if done.returncode < 0:
            return "killed", f"a crash, signal {-done.returncode}"
        return "mistake", (done.stdout + done.stderr).strip().splitlines()[-1]

    def restore(self, sources: Sequence[str]) -> None:
        """Take what was compiled from the first copy again, which holds no mutants."""
        right = Copy(self.folder.parent / "right")
        for source in sources:
            shutil.copy(right.object_of(source), self.objects)
        if sources:
            self.extension.unlink(missing_ok=True)
            shutil.copy(right.extension, self.extension)


def run(command: Sequence[str], folder: Path) -> str:
    """Run a command and return what it printed; CalledProcessError if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, list(command), done.stdout, done.stderr or done.stdout
        )
    return done.stdout


def main() -> int:
    """Try the mutants; return how many of them survived or could not be tried."""
    parser = argparse.ArgumentParser(description="Try the mutants of mutants.py.")
    parser.add_argument("words", nargs="*", help="only those whose file or description holds one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    chosen = [
        mutant
        for mutant in MUTANTS
        if not args.words or any(word in f"{mutant.file} {mutant.wrong}" for word in args.words)
    ]
    lost = misplaced()
    if lost or not chosen:
        print(*(lost or ["no such mutant"]), sep="\n")
        return 2
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        right = Copy(Path(folder) / "right")
        right.folder.mkdir()
        right.make()
        free: Queue[Copy] = Queue()
        for number in range(args.jobs):
            shutil.copytree(right.folder, Path(folder) / f"copy{number}")
            free.put(Copy(Path(folder) / f"copy{number}"))

        def judge(mutant: Mutant) -> tuple[str, str]:
            copy, start = free.get(), time.perf_counter()
            try:
                what, why = copy.verdict(mutant)
            finally:
                free.put(copy)
            took = time.perf_counter() - start
            print(f"{what:8} {took:4.0f} s  {mutant.file}: {mutant.wrong}  [{why}]", flush=True)
            return what, why

        with ThreadPoolExecutor(args.jobs) as pool:
            verdicts = list(pool.map(judge, chosen))
        killers = sorted({why for what, why in verdicts if what == "killed" and "::" in why})
        done = right.test(killers, None)
        if killers and done.returncode:
            print(done.stdout + done.stderr + "the right code is killed too")
            return 1
    killed = [what for what, _ in verdicts].count("killed")
    print(
        f"{killed} of {len(chosen)} killed, in {time.perf_counter() - began:.0f} s; "
        f"the right code passes the {len(killers)} tests that did it"
    )
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
