"""Builds the extension from a .pyx and csrc/; everything declarative stands in pyproject.toml.

Over 80 lines because of `Sdist`: setuptools does not make the same archive twice.
"""

import gzip
import os
import platform
import sys
import sysconfig
import tarfile
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from glob import glob
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.modified import newer_group

MSVC = sys.platform == "win32" and "GCC" not in sys.version
DEBUG = bool(os.environ.get("FASTNN_DEBUG_BUILD"))  # keeps symbols, for debuggers and sanitizers
FAULTS = bool(os.environ.get("FASTNN_FAULT_BUILD"))  # fails on demand: csrc/system/faults.h
# Never -march=native (wheels travel) nor -ffast-math (it changes the whole process); no contraction
# of a * b + c, so that the bits do not depend on the compiler.
COMMON = (
    ["/O2", "/std:c11"]
    if MSVC
    else ["-O2", "-std=c11", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra"]
)  # vectors and unrolling are written out: -O3 makes half as much code again
# A switch over activations, losses or optimisers that lacks one is no warning but an error.
NO_ERRNO = "-fno-math-errno"  # nobody reads it; a root is then one instruction
COMMON += ["/we4062"] if MSVC else ["-Werror=switch", "-fno-asynchronous-unwind-tables", NO_ERRNO]
if DEBUG and not MSVC:
    COMMON += ["-O1", "-g1", "-fno-omit-frame-pointer"]  # full -g triples gcc's time
ISA_FLAGS = {  # on x86-64; a source of another architecture compiles to nothing
    "kernels_avx2": ["/arch:AVX2"] if MSVC else ["-mavx2", "-mfma"],
    "kernels_avx512": ["/arch:AVX512"] if MSVC else ["-mavx512f", "-mfma", "-mpopcnt"],
}
MACHINE = platform.machine().lower() + os.environ.get("ARCHFLAGS", "")
# Pyodide compiles on one machine for another: sysconfig names the target, platform the builder.
WASM = "wasm32" in sysconfig.get_platform() or bool(os.environ.get("PYODIDE"))
X86 = not WASM and ("x86_64" in MACHINE or "amd64" in MACHINE)


def flags_of(source: str) -> list[str]:
    """Return what a source adds to its command line: for the binding, or its instruction set."""
    if not source.startswith("csrc"):
        return [] if MSVC or DEBUG else ["-Os"]  # no loop of it matters, and the wheel is small
    name = os.path.basename(source).rpartition("_")[0]  # kernels_avx2_f32.c
    extra = ISA_FLAGS.get(name, []) if X86 else []
    if sys.platform == "darwin":  # one command may compile for both architectures
        extra = [part for flag in extra for part in ("-Xarch_x86_64", flag)]
    if MSVC or DEBUG:
        return extra
    if source.endswith("rows.c"):
        return ["-O3"]  # loops that it turns into vectors
    if name == "kernels_base":  # the rarest: the wheel is small
        return ["-O1", "-ftree-slp-vectorize"] if source.endswith("_f32.c") else ["-Os"]
    if source.endswith("_f32.c") and name in ISA_FLAGS:
        return [*extra, "-O3"]  # a tenth faster
    return extra


class BuildExt(build_ext):
    """Compiles sources side by side, each with its flags, and only those that have changed."""

    def run(self) -> None:
        if self.editable_mode:  # setuptools means to compile all in a folder that it deletes
            self.build_temp = f"build/temp.{self.plat_name}-{sys.implementation.cache_tag}"
        super().run()

    def build_extension(self, ext: Extension) -> None:
        if not getattr(self.compiler, "initialized", True):
            self.compiler.initialize()  # MSVC would look for itself in every thread

        def compile_one(source):
            (made,) = self.compiler.object_filenames([source], output_dir=self.build_temp)
            # Cython adds NumPy's headers, which are new in every isolated build.
            needed = CORE if source.startswith("csrc") else ext.depends
            if self.force or newer_group([source, *needed], made):
                self.compiler.compile(
                    [source],
                    output_dir=self.build_temp,
                    macros=ext.define_macros,
                    include_dirs=ext.include_dirs,
                    debug=self.debug,
                    extra_postargs=COMMON + flags_of(source),
                )
            return made

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = list(pool.map(compile_one, ext.sources))
        linked = copy(ext)  # the base class has only to link it
        linked.sources, linked.depends, linked.extra_objects = [], made, made
        super().build_extension(linked)


class Sdist(sdist):
    """Given SOURCE_DATE_EPOCH, archives no clock, owner or umask: the same bytes again."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owner):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if format != "gztar" or epoch is None:
            return super().make_archive(base_name, format, root_dir, base_dir, **owner)

        def plain(member):
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.mtime, member.uid, member.gid = int(epoch), 0, 0
            member.uname = member.gname = ""
            return member

        name = f"{base_name}.tar.gz"
        self.mkpath(os.path.dirname(name))
        with (
            open(name, "wb") as file,
            gzip.GzipFile("", "wb", 9, file, int(epoch)) as packed,
            tarfile.open(mode="w", fileobj=packed) as archive,
        ):
            archive.add(base_dir, filter=plain)  # sorts by name
        return name


# What was compiled with other settings is not to be linked, nor taken for this build.
SETTINGS = {name: os.environ.get(name) for name in ("CC", "CFLAGS", "LDFLAGS", "ARCHFLAGS")}
settings, written = f"{SETTINGS} {DEBUG} {FAULTS}", Path("build/settings.txt")
if not written.exists() or written.read_text("utf-8") != settings:
    written.parent.mkdir(exist_ok=True)
    written.write_text(settings, "utf-8")
CORE = [*sorted(glob("csrc/**/*.h", recursive=True)), "setup.py", str(written)]
extension = Extension(
    "fastnn._fastnn",
    sources=["fastnn/_fastnn.pyx", *sorted(glob("csrc/**/*.c", recursive=True))],
    include_dirs=["csrc", numpy.get_include()],
    depends=CORE,
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
    + ([("FNN_FAULTS", "1")] if FAULTS else []),
    extra_link_args=["-Wl,-s"] if sys.platform == "linux" and not (DEBUG or WASM) else [],
)

setup(
    ext_modules=cythonize(
        [extension],
        build_dir="build",
        language_level=3,
        compiler_directives={"auto_pickle": False},  # what holds C pointers refuses anyway
    ),
    cmdclass={"build_ext": BuildExt, "sdist": Sdist},
)
