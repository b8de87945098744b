"""Files of data that tests make: IDX from the format's description, and tables."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn.datasets.idx import FILES

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: np.ndarray) -> bytes:
    """The IDX file of an array, written from the format's description."""
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    header = bytes([0, 0, CODES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(f">{kind}").tobytes()


TRAIN = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
TEST = 200 + np.arange(2 * 2 * 4, dtype=np.uint8).reshape(2, 2, 4)
TRAIN_LABELS, TEST_LABELS = np.array([7, 0, 9], np.uint8), np.array([1, 2], np.uint8)
CONTENT = dict(zip(FILES, map(idx, (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)), strict=True))
PACKED = {name: gzip.compress(content) for name, content in CONTENT.items()}


def write_four(folder: Path, *, packed: bool = False, dotted: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        name = name.replace("-idx", ".idx") if dotted else name
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def check_four(splits: Any) -> None:
    (X_train, y_train), (X_test, y_test) = splits
    np.testing.assert_array_equal(X_train, TRAIN.reshape(3, 8))
    np.testing.assert_array_equal(X_test, TEST.reshape(2, 8))
    np.testing.assert_array_equal(y_train, TRAIN_LABELS)
    np.testing.assert_array_equal(y_test, TEST_LABELS)
    for X, y in splits:
        assert X.dtype == np.uint8 and y.dtype == np.int64
        assert X.flags.c_contiguous and X.flags.writeable and y.flags.writeable


def one_sentence(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text and "\n" not in text
    return text


def csv_file(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def peak_memory(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
