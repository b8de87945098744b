"""Memory maps that are larger than the memory which the system could give them."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np


def is_mapped(X: Any) -> bool:
    """Return whether an array is a memory map, or a view of one."""
    while isinstance(X, np.ndarray):
        X = X.base
    return isinstance(X, mmap.mmap)


def available(root: Path = Path("/")) -> int | None:
    """Return the bytes that files could be kept in, by Linux and its control groups; else None.

    Pages of files that are kept already count, since they give way to others.
    """
    try:
        facts = _numbers((root / "proc/meminfo").read_text())
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found = facts["MemAvailable:"] * 1024
    for _, kinds, path in (line.split(":", 2) for line in groups):
        if kinds in ("", "memory"):
            base = root / "sys/fs/cgroup" / kinds
            own = base / path.lstrip("/")
            for group in [base, *(part for part in (own, *own.parents) if base in part.parents)]:
                found = min(found, _of_group(group))
    return found


def _numbers(text: str) -> dict[str, int]:
    return {words[0]: int(words[1]) for line in text.splitlines() if len(words := line.split()) > 1}


def _of_group(group: Path) -> int:
    """Return the limit of a control group less what is in use by others than files."""
    for limit, usage in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most, used = (group / limit).read_text().strip(), int((group / usage).read_text())
            stat = _numbers((group / "memory.stat").read_text())
        except OSError:
            continue
        if most == "max":
            break
        prefix = "total_" if "total_inactive_file" in stat else ""
        files = stat[f"{prefix}inactive_file"] + stat[f"{prefix}active_file"]
        return int(most) - used + files
    return sys.maxsize
