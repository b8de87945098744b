"""Builds the extension: one module, csrc/ compiled once an instruction set where that matters.

Everything declarative stands in pyproject.toml.
"""

import os
import platform
import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

MSVC = sys.platform == "win32" and "GCC" not in sys.version
# Never -march=native (wheels travel) nor -ffast-math (it changes the whole process); no contraction
# of a * b + c, so that the bits do not depend on the compiler.
COMMON = (
    ["/O2", "/std:c11"]
    if MSVC
    else ["-O3", "-std=c11", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra"]
)
DEBUG = bool(os.environ.get("FASTNN_DEBUG_BUILD"))  # sanitizers and debuggers want symbols
KERNELS = {  # sources per instruction set; those of another architecture compile to nothing
    "base": [],
    "avx2": ["/arch:AVX2"] if MSVC else ["-mavx2", "-mfma"],
    "avx512": ["/arch:AVX512"] if MSVC else ["-mavx512f", "-mfma"],
    "neon": [],
}
X86 = platform.machine().lower() in {"x86_64", "amd64"} or "x86_64" in os.environ.get(
    "ARCHFLAGS", ""
)


def flags(isa: str) -> list[str]:
    """Return what an instruction set adds to the command line of its own sources."""
    extra = KERNELS[isa] if X86 else []
    if sys.platform == "darwin":  # one command may compile for both architectures
        return [part for flag in extra for part in ("-Xarch_x86_64", flag)]
    return extra


class BuildExt(build_ext):
    """Compiles each instruction set's sources with its own flags, then the module with them."""

    def build_extension(self, ext: Extension) -> None:
        objects = []
        for isa in KERNELS:
            objects += self.compiler.compile(
                [f"csrc/kernels_{isa}_{dtype}.c" for dtype in ("f32", "f64")],
                output_dir=self.build_temp,
                include_dirs=["csrc"],
                depends=ext.depends,
                extra_postargs=COMMON + flags(isa),
            )
        ext.extra_objects = objects
        super().build_extension(ext)


core = ["arena", "parallel", "dispatch", "net_f32", "net_f64", "fnn"]
extension = Extension(
    "fastnn._fastnn",
    sources=["fastnn/_fastnn.pyx", *(f"csrc/{name}.c" for name in core)],
    include_dirs=["csrc", numpy.get_include()],
    depends=sorted(f"csrc/{name}" for name in os.listdir("csrc") if name.endswith(".h")),
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    extra_compile_args=COMMON,
    extra_link_args=[] if DEBUG or sys.platform != "linux" else ["-Wl,-s"],
)

setup(
    ext_modules=cythonize(
        [extension], build_dir="build", compiler_directives={"language_level": 3}
    ),
    cmdclass={"build_ext": BuildExt},
)
