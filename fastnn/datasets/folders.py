"""Folders of examples: pictures in a folder for each class, and .npy files of X and y."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import pictures
from . import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = npt.NDArray[Any]

_MOST_BYTES = 4 << 30  # of all pictures as grey levels


def classes_of(folder: Path) -> list[Path]:
    """Return the folders inside that hold pictures, by name; each is a class."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in inside if any(_pictures(path))]


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in pictures.SUFFIXES)


def read_classes(classes: Sequence[Path]) -> tuple[Array, Array, tuple[int, int]]:
    """Return grey levels (n, h*w), the names of the folders (n,), and (h, w).

    Raises ValueError if the pictures differ in size, or there is only one class.
    """
    if len(classes) < 2:
        raise ValueError(
            f"{classes[0].parent} has pictures in one folder, {classes[0].name!r}; expected a "
            "folder for each class"
        )
    rows: list[Array] = []
    labels: list[str] = []
    shape: tuple[int, int] | None = None
    for folder in classes:
        for path in _pictures(folder):
            pixels = pictures.read_picture(path).pixels
            shape = shape or (pixels.shape[0], pixels.shape[1])
            if pixels.shape != shape:
                raise ValueError(
                    f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels, those before it "
                    f"{shape[1]} x {shape[0]}; expected one size"
                )
            if (len(rows) + 1) * pixels.size > _MOST_BYTES:
                raise ValueError(f"{folder.parent} has more than {_MOST_BYTES:,} bytes of pictures")
            rows.append(pixels.reshape(-1))
            labels.append(folder.name)
    assert shape is not None
    return np.array(rows), np.array(labels), shape


def array_files(folder: Path) -> dict[str, Path]:
    """Return the .npy files x and y, or x_train, y_train, x_test, y_test, by these names."""
    found = {path.stem.lower(): path for path in folder.glob("*.npy")}
    for names in (("x", "y"), ("x_train", "y_train", "x_test", "y_test"), ("x_train", "y_train")):
        if found.keys() >= set(names):
            return {name: found[name] for name in names}
    return {}


def read_array_files(files: dict[str, Path]) -> tables.Table:
    """Return the arrays as a table, with the test examples if there are some."""
    return tables.table_of_arrays({name: (tables.read_npy(p), str(p)) for name, p in files.items()})
