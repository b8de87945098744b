"""Compile the core of the page, float32, for the browser: fastnn/page/core.wasm.xz.

python csrc/wasm/build.py            with the pinned ziglang (pip install ziglang==0.17.1)
python csrc/wasm/build.py --record   and writes the SHA-256 to csrc/wasm/core.sha256

The same sources and compiler give the same bytes on every system; another SHA-256 than the
recorded one, of the unpacked bytes, is an error, so a change of csrc/ ends with --record.
"""

from __future__ import annotations

import hashlib
import lzma
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ZIG = "0.17.1"
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RECORDED = HERE / "core.sha256"
CORE = ROOT / "fastnn" / "page" / "core.wasm.xz"

SOURCES = (
    *("fnn.c", "rows.c", "net/net_f32.c", "isa/kernels_wasm_f32.c"),
    *("system/arena.c", "system/parallel.c", "wasm/exports.c"),
)
FLAGS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-msimd128", "-O3", "-std=c11"),
    *(
        "-fvisibility=hidden",
        "-ffp-contract=off",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-DFNN_FLOAT32_ALONE",
    ),
    *("-I.", "-Wl,--no-entry", "-Wl,--gc-sections", "-Wl,--strip-all"),
    "-Wl,-z,stack-size=131072",  # or memory begins at 17 MB
)


def compile_core(made: Path) -> None:
    """Compile to `made`; paths within are relative, and so the same everywhere."""
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *SOURCES, "-o", str(made.resolve())]
    subprocess.run(command, cwd=ROOT / "csrc", check=True)


def main(*words: str) -> None:
    """Compile, compare the SHA-256 and put the core where the package looks for it."""
    if words not in ((), ("--record",)):
        sys.exit(__doc__)
    if version("ziglang") != ZIG:
        sys.exit(
            f"build.py needs ziglang {ZIG}, got {version('ziglang')}: pip install ziglang=={ZIG}"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "core.wasm"
        compile_core(made)
        content = made.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if words:
        RECORDED.write_text(f"{digest}\n", "ascii")
    elif digest != RECORDED.read_text("ascii").strip():
        sys.exit(
            f"core.wasm has the SHA-256 {digest}, {RECORDED.name} another: after a change of "
            "csrc/, run build.py --record"
        )
    how = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}
    CORE.write_bytes(lzma.compress(content, check=lzma.CHECK_CRC32, filters=[how]))
    print(f"fastnn/page/core.wasm: {len(content):,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
