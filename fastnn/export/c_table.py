"""Rows of a table in C: a struct of numbers and category codes, and their inputs for the network.

The same as `fastnn.columns` but for texts: a program that has numbers as text parses them itself,
and chooses a level by its enum.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..columns import Column, Columns

_KEYWORDS = {
    *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else"),
    *("enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register"),
    *("restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef"),
    *("union", "unsigned", "void", "volatile", "while", "asm", "bool", "true", "false", "class"),
    *("this", "new", "delete"),
}
_SECONDS = {"year": "31556952.0", "week": "604800.0", "day": "86400.0"}


def rows_in_c(columns: Columns, name: str, text: str) -> str:
    """Return C for rows of raw cells, to follow the network `name` whose C is `text`.

    Declares ``NAME_row``, an enum for each category, ``NAME_prepare`` and ``NAME_predict_row``.
    """
    found = re.search(rf"void {name}_predict\(const (\w+) x\[\w+\], (\w+) a\[", text)
    assert found is not None, "the network's function is not there"
    real, answer = found.groups()
    used = [column for column in columns.columns if column.used]
    field = _namer(lambda word: word.lower(), _KEYWORDS)
    names = [field(column.name) for column in used]
    enums, members, steps = [], [], []
    for column, member in zip(used, names, strict=True):
        if column.kind in ("number", "date"):
            what = "seconds since 1970, " if column.kind == "date" else ""
            members.append(f"    double {member}; /* {what}NAN: missing */\n")
        else:
            enums.append(_enum(column, name, member))
            members.append(f"    int {member}; /* enum {name}_{member} */\n")
        steps += _steps(column, f"row->{member}")
    upper = name.upper()
    return (
        "\n/* Rows of the table. A level that is not in its enum: the one that ends in _OTHER. */\n"
        "#include <math.h>\n\n"
        f"{''.join(enums)}"
        f"typedef struct {{\n{''.join(members)}}} {name}_row;\n\n"
        f"/* The inputs of the network for a row. */\n"
        f"void {name}_prepare(const {name}_row *row, {real} x[{upper}_N_IN]);\n"
        f"/* The outputs for a row. */\n"
        f"void {name}_predict_row(const {name}_row *row, {answer} a[{upper}_N_OUT]);\n\n"
        f"void {name}_prepare(const {name}_row *row, {real} x[{upper}_N_IN])\n{{\n"
        "    double v;\n    int i = 0;\n"
        + "".join(f"    {step}\n" for step in steps).replace("(real)", f"({real})")
        + "    (void)v;\n    (void)i;\n}\n\n"
        f"void {name}_predict_row(const {name}_row *row, {answer} a[{upper}_N_OUT])\n{{\n"
        f"    {real} x[{upper}_N_IN];\n    {name}_prepare(row, x);\n    {name}_predict(x, a);\n}}\n"
    )


def _namer(change: Callable[[str], str], taken: set[str]) -> Callable[[str], str]:
    """Return a function that makes different identifiers of names."""
    taken = set(taken)

    def identifier(text: str) -> str:
        word = change(re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:40]) or change("x")
        word = f"{change('x')}_{word}" if word[0].isdigit() else word
        found, number = word, 2
        while found in taken:
            found, number = f"{word}_{number}", number + 1
        taken.add(found)
        return found

    return identifier


def _enum(column: Column, name: str, member: str) -> str:
    prefix = f"{name}_{member}".upper()
    level = _namer(lambda word: word.upper(), {"MISSING", "OTHER"})
    lines = [f"    {prefix}_MISSING = -1,\n"]
    for text in column.levels:
        shown = re.sub(r"[^ -~]|[*/?\\]", "_", text)[:60]
        lines.append(f"    {prefix}_{level(text)}, /* {shown} */\n")
    return f"enum {name}_{member} {{\n{''.join(lines)}    {prefix}_OTHER\n}};\n\n"


def _steps(column: Column, cell: str) -> list[str]:
    """Return the statements that write the inputs of a column to x[i++]."""
    if column.kind in ("category", "boolean"):
        n = len(column.levels)
        steps = [f"x[i++] = (real)({cell} == {j});" for j in range(n)]
        if column.others:
            steps.append(f"x[i++] = (real)({cell} != -1 && ({cell} < 0 || {cell} >= {n}));")
        return steps + [f"x[i++] = (real)({cell} == -1);"] * column.flagged
    gap = f"isnan({cell} - {cell})" if column.tolerant else f"isnan({cell})"  # infinity too
    steps = [f"v = {gap} ? {_literal(column.fill)} : {cell};"]
    if column.kind == "date":
        for part in column.parts:
            steps.append(f"x[i++] = (real){_part(part, column.fill)};")
    else:
        if column.bend is not None:
            center, scale = map(_literal, column.bend)
            steps.append(f"v = (v - {center}) / {scale};")
            steps.append("v = v / sqrt(1.0 + (v / 5.0) * (v / 5.0));")
        steps.append("x[i++] = (real)v;")
    return steps + [f"x[i++] = (real)({gap} != 0);"] * column.flagged


def _part(part: str, fill: float) -> str:
    if part == "days":
        return f"((v - {_literal(fill)}) / 86400.0)"
    period, function = part.split("_")
    return f"{function}(6.283185307179586 * fmod(v, {_SECONDS[period]}) / {_SECONDS[period]})"


def _literal(value: Any) -> str:
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text
