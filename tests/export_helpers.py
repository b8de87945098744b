"""Helpers for the tests of the exports: networks of every kind, and compiled C files."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference as ref

import fastnn
from fastnn.export import facts
from fastnn.names import ACTIVATIONS, HIDDEN

WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
CC = os.environ.get("CC") or next((cc for cc in ("cc", "gcc", "clang") if shutil.which(cc)), None)

HOSTILE = [
    'a "quoted" name',
    "back\\slash \\n \\",
    "??/ ??= trigraphs ?\\?",
    "*/ int main(void) { return 7; } /*",
    "line\nbreak\r\ttab",
    "日本語 é \U0001f600",
    "%s %n %d",
    "\x01\x7f7",
    "'",
    " ",
]


every_activation_and_output = pytest.mark.parametrize(
    ("activation", "output"), list(product(HIDDEN, ACTIVATIONS))
)


def compile_c(folder: Path, source: str, output: str, *flags: str) -> Path:
    """Compile with warnings as errors; the compiler's words are the failure's."""
    path = folder / f"{output}.c"
    path.write_text(source, "ascii")
    command = [*str(CC).split(), *WARNINGS, *flags, str(path), "-o", str(folder / output)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[:4000]
    return folder / output


class Library:
    """C files of many networks, compiled at once; `predict(i, X)` asks the i-th."""

    def __init__(self, folder: Path, sources: Sequence[str], nets: Sequence[fastnn.MLP]) -> None:
        self.nets = nets
        path = compile_c(folder, "\n".join(sources), "nets.so", "-shared", "-fPIC")
        self.library = ctypes.CDLL(str(path))

    def _call(self, name: str, x: np.ndarray[Any, Any], *more: Any) -> Any:
        return getattr(self.library, name)(ctypes.c_void_p(x.ctypes.data), *more)

    def predict(self, i: int, X: Any, dtype: str | None = None) -> np.ndarray[Any, Any]:
        net, real = self.nets[i], dtype or self.nets[i].dtype.name
        reads, answers = facts.input_dtype(net, real), facts.output_dtype(net, real)
        X = np.ascontiguousarray(X if X.dtype == np.uint8 else X.astype(reads))
        a = np.full((len(X), net.sizes[-1] + 1), 7, answers)  # one more: nothing writes there
        name = f"n{i}_predict" + ("_u8" if X.dtype == np.uint8 else "")
        for row, out in zip(X, a, strict=True):
            self._call(name, row, ctypes.c_void_p(out.ctypes.data))
        assert (a[:, -1] == 7).all()
        return a[:, :-1]

    def classify(self, i: int, X: Any, dtype: str | None = None) -> list[int]:
        X = X if X.dtype == np.uint8 else X.astype(dtype or self.nets[i].dtype)
        name = f"n{i}_classify" + ("_u8" if X.dtype == np.uint8 else "")
        return [self._call(name, np.ascontiguousarray(row)) for row in X]

    def labels(self, i: int, n: int) -> list[bytes]:
        return list((ctypes.c_char_p * n).in_dll(self.library, f"n{i}_labels"))


def random_net(
    sizes: Sequence[int], *, scaled: bool = False, seed: int = 0, **options: Any
) -> fastnn.MLP:
    """A network with biases too, weights N(0, 1/n_in), inputs perhaps scaled."""
    net = fastnn.MLP(sizes, init="lecun_normal", seed=seed, **options)
    rng = np.random.default_rng(seed)
    for b in net.biases:
        b[:] = 0.3 * rng.normal(size=len(b))
    if scaled:
        net.input_shift = rng.normal(size=sizes[0]) * 3
        net.input_scale = rng.uniform(0.2, 3, size=sizes[0])
        if net.output == "identity":
            net.output_shift = rng.normal(size=sizes[-1]) * 3
            net.output_scale = rng.uniform(0.2, 3, size=sizes[-1])
    return net


def net_with_tails(activation: str, output: str, dtype: str) -> tuple[fastnn.MLP, Any]:
    """A network whose hidden units see both sides of their function and its tails; its rows."""
    net = fastnn.MLP([5, 9, 4], activation=activation, output=output, dtype=dtype, seed=1)
    net.biases[0] = np.linspace(-6, 6, 9)
    return net, rows(64, 5, dtype=dtype)


def rows(n: int, width: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(seed).standard_normal((n, width)).astype(dtype)


def rows_for(net: fastnn.MLP, n: int, seed: int = 1) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, net.sizes[0]))
    if net.input_shift is not None:
        X = net.input_shift + X / net.input_scale
    return X.astype(net.dtype)


def every_function(dtype: str = "float32") -> list[fastnn.MLP]:
    """Every hidden activation with every output, depths and widths and scaling by turns."""
    shapes = [[3, 5], [1, 1], [7, 1, 2], [2, 13, 3], [5, 3, 11, 4], [4, 2, 3, 2, 1], [17, 31, 7]]
    nets = []
    for i, output in enumerate(ACTIVATIONS):
        for j, hidden in enumerate(HIDDEN):
            k = i * len(HIDDEN) + j
            sizes = shapes[k % len(shapes)]
            if output == "softmax" and sizes[-1] == 1:
                sizes = [*sizes[:-1], 2]
            net = random_net(
                sizes, activation=hidden, output=output, scaled=k % 3 == 0, seed=k, dtype=dtype
            )
            nets.append(net)
    mixed = random_net([6, 5, 4, 3, 2], activation=["tanh", "gelu", "relu"], dtype=dtype)
    return [*nets, mixed]


def exact(net: fastnn.MLP, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The twin's outputs, in float64."""
    X = X.astype(np.float64)
    if net.input_shift is not None and net.input_scale is not None:
        X = (X - net.input_shift) * net.input_scale
    a, _ = ref.forward(
        net.sizes,
        net.params.astype(np.float64),
        X,
        activation=list(net.activation),
        output=net.output,
    )
    if net.output_shift is not None and net.output_scale is not None:
        return a[-1] * net.output_scale + net.output_shift
    return a[-1]
