"""Rows of a table in ONNX: an input for each column, and their units for the networks.

The same as `fastnn.columns` but for texts that are numbers or dates: the caller parses them, and
strips spaces. All in double, as networks scale their inputs. Levels are found by the LabelEncoder
of ai.onnx.ml, which every onnxruntime has; Equal takes no strings before opset 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from math import pi
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from ..columns import Column
from .onnx_graph import Graph

_SECONDS = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}
_QUANTITIES = {
    "number": "a number; NaN where it is missing",
    "date": "seconds since 1970; NaN where it is missing",
}


class Rows:
    """The columns of a table that the networks read, with the names of their inputs."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.used: list[Column] = [column for column in columns if column.used]
        self.names: list[str] = []
        taken = {"", "output", "label"}
        for column in self.used:
            name, number = column.name, 2
            while name in taken:
                name, number = f"{column.name}_{number}", number + 1
            taken.add(name)
            self.names.append(name)

    def facts(self) -> dict[str, Any]:
        """Return what becomes of the column of each input, as JSON values."""
        return {name: asdict(column) for name, column in zip(self.names, self.used, strict=True)}

    def prefix(self) -> str:
        """Return a prefix that no input's name has, for all other names of the graph."""
        prefix = "/"
        while any(name.startswith(prefix) for name in self.names):
            prefix += "/"
        return prefix

    def inputs(self) -> list[Any]:
        """Return the descriptions of the inputs, shape (n, 1) each."""
        found = []
        for column, name in zip(self.used, self.names, strict=True):
            type_, takes = TensorProto.STRING, "a text without spaces around it, or empty"
            if column.kind in _QUANTITIES:
                type_, takes = TensorProto.DOUBLE, _QUANTITIES[column.kind]
            found.append(helper.make_tensor_value_info(name, type_, ["n", 1], takes))
        return found

    def units(self, graph: Graph) -> str:
        """Add what becomes of the columns; return the name of the units, (n, d) in double."""
        blocks: list[str] = []
        pairs = zip(self.used, self.names, strict=True)
        for plain, run in groupby(pairs, lambda pair: _is_plain(pair[0])):
            each = list(run)
            if plain:  # many columns at once: a node costs more than its arithmetic
                x = graph.node("Concat", *(name for _, name in each), axis=1)
                fills = [column.fill for column, _ in each]
                blocks.append(_filled(graph, x, graph.node("IsNaN", x), fills))
                continue
            for column, name in each:
                if column.kind in _QUANTITIES:
                    blocks += _quantities(graph, column, name)
                else:
                    blocks.append(_one_hot(graph, column, name))
        return graph.node("Concat", *blocks, axis=1)


def _is_plain(column: Column) -> bool:
    return column.kind == "number" and not (column.bend or column.flagged or column.tolerant)


def _filled(graph: Graph, x: str, gaps: str, fill: Any) -> str:
    return graph.node("Where", gaps, graph.constant(f"{gaps}.fill", fill, np.float64), x)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(f"double.{value!r}", value, np.float64)


def _quantities(graph: Graph, column: Column, x: str) -> list[str]:
    """Return the units of a number or a date."""
    # Infinity counts as missing where words do: x - x is NaN for both.
    gaps = graph.node("IsNaN", graph.node("Sub", x, x) if column.tolerant else x)
    x = _filled(graph, x, gaps, column.fill)
    found = [x] if column.kind == "number" else [_part(graph, column, p, x) for p in column.parts]
    if column.bend is not None:
        center, scale = (_number(graph, value) for value in column.bend)
        z = graph.node("Div", graph.node("Sub", x, center), scale)
        fifth = graph.node("Div", z, _number(graph, 5.0))
        below = graph.node("Add", graph.node("Mul", fifth, fifth), _number(graph, 1.0))
        found = [graph.node("Div", z, graph.node("Sqrt", below))]
    if column.flagged:
        found.append(graph.node("Cast", gaps, to=TensorProto.DOUBLE))
    return found


def _part(graph: Graph, column: Column, part: str, x: str) -> str:
    """Return a part of a date: days from the fill, or sine or cosine of a phase."""
    if part == "days":
        days = graph.node("Sub", x, _number(graph, column.fill))
        return graph.node("Div", days, _number(graph, 86_400.0))
    name, function = part.split("_")
    period = _SECONDS[name]
    phase = graph.node("Mod", x, _number(graph, period), fmod=1)
    angle = graph.node("Mul", phase, _number(graph, 2 * pi / period))
    if function == "cos":  # the sine of a right angle more: not every onnxruntime has Cos in double
        angle = graph.node("Add", angle, _number(graph, pi / 2))
    return graph.node("Sin", angle)


def _one_hot(graph: Graph, column: Column, x: str) -> str:
    """Return the units of a category, (n, levels), those of other levels and of gaps last."""
    n = len(column.levels)
    code = graph.node(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        keys_strings=[*column.levels, ""],
        values_int64s=[*range(n), -1],
        default_int64=n,
    )
    codes = [*range(n), *[n] * column.others, *[-1] * column.flagged]
    same = graph.node("Equal", code, graph.constant(f"{code}.units", codes, np.int64))
    return graph.node("Cast", same, to=TensorProto.DOUBLE)
