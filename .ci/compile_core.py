"""Compile the core and its harness for another system, with Zig's clang and setup.py's flags.

python .ci/compile_core.py TARGET FOLDER, in the checkout, where ziglang, Cython, NumPy and
setuptools are installed. FOLDER/core_check is the program.
"""

import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from typing import Any
from unittest import mock

# What setup.py imports, before the system is another one.
import Cython.Build  # noqa: F401
import numpy  # noqa: F401
import setuptools.command.build_ext
import setuptools.command.sdist
import setuptools.modified  # noqa: F401


def flags_of(target: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return setup.py's flags for all of csrc/ and for each source, as if run on `target`."""
    processor, system = target.split("-")[:2]
    with (
        mock.patch("platform.machine", return_value=processor),
        # Not as on macOS, whose flags name their processor by -Xarch, which Zig does not know.
        mock.patch("sys.platform", "win32" if system == "windows" else "linux"),
        mock.patch("setuptools.setup"),
        mock.patch("Cython.Build.cythonize"),
    ):
        setup: dict[str, Any] = runpy.run_path("setup.py")
        sources = glob("csrc/**/*.c", recursive=True)
        flags = {source: setup["isa_flags"](source) for source in sources}
    for source in sources:
        if "_avx" in source and processor == "x86_64":
            assert flags[source], source
    return setup["COMMON"], flags


def main(target: str, folder: str) -> None:
    """Compile, with warnings as errors, and link."""
    common, flags = flags_of(target)
    flags["tests/c/core_check.c"] = []
    cc = [sys.executable, "-m", "ziglang", "cc", "-target", target]
    os.mkdir(folder)

    def compile_one(source: str) -> str:
        made = os.path.join(folder, os.path.basename(source) + ".o")
        command = [*cc, *common, "-Werror", "-Icsrc", *flags[source], "-c", source, "-o", made]
        subprocess.run(command, check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, flags))
    program = os.path.join(folder, "core_check")
    subprocess.run([*cc, *objects, "-o", program, "-lm", "-pthread"], check=True)
    print(f"{len(objects)} objects, without a warning, and a program of them")


if __name__ == "__main__":
    main(*sys.argv[1:])
