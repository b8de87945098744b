"""A network as one C99 file that needs no library: `to_c`.

The file computes exp by itself (x = n ln 2 + r, e^r by its Taylor series) and from it sigmoid,
tanh, elu's e^x − 1, softplus' ln(1 + e^x) (a series of atanh) and gelu's Φ (a polynomial for its
tail): the formulas of fastnn's own core without fused multiply-adds. So it needs no ``libm``, and
one file gives the same bits on every platform whose compiler rounds after each operation
(``-ffp-contract=off``; gcc's ``-std=c99`` says so too). Against the exact values they err by no
more than 4 units in the last place, gelu by 12, in float and in double; tests/test_export_c.py
measures it.

Why int8 is done as it is
    Weights are int8 with a scale for each output, q = W / scale rounded, scale = max |W| / 127: a
    quarter of the flash. What a layer reads is made int16 at run time, with one scale for the row,
    its largest value; products are summed in int32, and each sum is turned into a float once, for
    the bias and the activation. int16 rather than int8, because the multipliers of
    microcontrollers take 16 bits at the same cost (ARM's SMLAD takes two pairs; CMSIS-NN widens
    int8 to int16 to use it), so that the loss of accuracy is that of the weights alone. At run
    time rather than from a calibration, because then any input in any unit is within the range,
    no data is needed to export, and finding the largest value costs one comparison an input. The
    largest int16 of a layer is chosen so that no sum can leave 32 bits, whatever goes in.
    Bytes (``predict_u8``) go in as they are where inputs are not scaled: no float is touched in
    the first layer.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import files
from ..layout import Array
from ..mlp import MLP
from ..names import check_name
from . import arithmetic, c_main, facts
from . import c_source as source

__all__ = ["CFile", "c_file", "to_c"]

_LONGEST_NAME = 40
_LONGEST_LABEL = 1000  # bytes: C promises 4095 letters a literal, an escape takes four


@dataclass(frozen=True)
class CFile:
    """A C file and what is to be said of it.

    Attributes
    ----------
    text : str
    name : str
        The prefix of its identifiers.
    flash : int
        Bytes of its tables; the code comes on top, some kilobytes.
    ram : int
        Bytes of scratch memory during a prediction.
    measured : Measured or None
        What int8 weights changed on the given examples.
    """

    text: str
    name: str
    flash: int
    ram: int
    measured: arithmetic.Measured | None


def to_c(
    net: MLP,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    quantize: str | None = None,
    X: Any = None,
    y: Any = None,
    dtype: str | None = None,
) -> str:
    """Return the network as one C99 file without dependencies; write it to `path` if given.

    The file holds, for the name ``digits``, ``void digits_predict(const float x[DIGITS_N_IN],
    float a[DIGITS_N_OUT])`` and ``digits_predict_u8`` for bytes, which count as x / 255; for
    classifiers ``int digits_classify(x)`` and ``digits_classify_u8(x)``, the position of the class
    (−1 where an output is not a number), and ``digits_labels`` where the network has `classes`.
    They take the raw inputs of `MLP.predict`; the file scales them where the network does. NaN and
    infinity, which `MLP.predict` refuses, make all outputs NaN. Compiled with ``-DDIGITS_MAIN`` it
    is a program that tests itself (exit status 0 or 1) and predicts rows from its standard input.
    No memory is allocated, nothing is kept between calls: it is reentrant. Its first comment says
    how to use it and what memory it needs.

    Parameters
    ----------
    net : MLP
    path : path-like, optional
        Replaced if it exists, all or nothing.
    name : str, optional
        Of up to 40 letters, digits and ``_``, beginning with a letter: what all identifiers begin
        with. Default: the file's name without its ending, else ``net``.
    quantize : {None, "int8"}
        int8 weights with a scale for each output, activations quantised to int16 at run time: a
        quarter of the memory for weights; see this module's documentation for why so.
    X, y : array-like, optional
        For int8: examples on which to measure what that changes, as of `MLP.evaluate`; it is
        written into the file's first comment. Without `y`, the outputs alone are compared. Take
        examples that the network was not trained on. Without `X` the file says that nothing
        was measured.
    dtype : {None, "float32", "float64"}
        Of the arithmetic. Default: the network's own, so a float64 network computes in double.
        With ``"float32"`` the parameters of such a network are rounded to the nearest float, each
        by 6e-8 of its size at most. int8 files compute in float.

    Returns
    -------
    str
        The C source, in ASCII.

    Raises
    ------
    TypeError, ValueError
        `net` is no MLP or not finite, `name` is no such name, a label is longer than 1000 bytes, X
        or y do not suit the network.
    OSError
        `path` cannot be written.

    Examples
    --------
    >>> import fastnn
    >>> (X, y), test = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 10], output="softmax", seed=0)
    >>> history = net.fit(X, y, epochs=2)
    >>> text = fastnn.export.to_c(net, name="digits", quantize="int8", X=test[0], y=test[1])
    >>> "int digits_classify_u8(const uint8_t x[DIGITS_N_IN]);" in text
    True
    """
    made = c_file(net, path, name=name, quantize=quantize, X=X, y=y, dtype=dtype)
    if path is not None:
        write(path, made.text)
    return made.text


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write a source file, all or nothing."""
    from pathlib import Path

    files.replace(Path(path), text.encode("ascii"))


def c_file(
    net: MLP,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    quantize: str | None = None,
    X: Any = None,
    y: Any = None,
    dtype: str | None = None,
) -> CFile:
    """Return what `to_c` writes, with the facts about it; nothing is written."""
    facts.check(net)
    if quantize is not None:
        check_name("quantize", quantize, ("int8",))
    if dtype is not None:
        check_name("dtype", dtype, ("float32", "float64"))
        if quantize is not None and dtype == "float64":
            raise ValueError("dtype must be float32 with quantize='int8', which computes in float")
    if quantize is None and (X is not None or y is not None):
        raise ValueError("X and y are for quantize='int8': they tell what that changes")
    if X is None and y is not None:
        raise ValueError("y needs X, the examples that it belongs to")
    name = _check_prefix(name) if name is not None else prefix_of(path)
    labels = net.classes
    if labels is not None and max(len(_label(v).encode("utf-8", "replace")) for v in labels) > (
        _LONGEST_LABEL
    ):
        raise ValueError(f"classes of net has a label longer than {_LONGEST_LABEL:,} bytes")
    real = "float32" if quantize else dtype or net.dtype.name
    writer = (_Int8Writer if quantize else _Writer)(net, name, real)
    measured = None
    if isinstance(writer, _Int8Writer) and X is not None:
        measured = arithmetic.measure(net, writer.layers, X, y)
    text = writer.file(measured, _file_name(path, name))
    return CFile(text, name, writer.flash, writer.ram, measured)


def prefix_of(path: str | os.PathLike[str] | None) -> str:
    """Return the prefix that a file's name gives: "2 Digits!.c" becomes "net_2_Digits"."""
    stem = os.path.splitext(os.path.basename(os.fspath(path)))[0] if path is not None else ""
    found = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", stem)).strip("_")
    if not found or not found[0].isalpha():
        found = f"net_{found}".strip("_")
    return found[:_LONGEST_NAME].rstrip("_")


def _check_prefix(name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(
        rf"[A-Za-z][A-Za-z0-9_]{{0,{_LONGEST_NAME - 1}}}", name
    ):
        raise ValueError(
            f"name must be a letter and up to {_LONGEST_NAME - 1} letters, digits and _, "
            f"got {name!r}"
        )
    return name


def _file_name(path: str | os.PathLike[str] | None, name: str) -> str:
    stem = "" if path is None else os.path.basename(os.fspath(path))
    return stem if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", stem) else f"{name}.c"


def _label(value: Any) -> str:
    return str(value.item() if isinstance(value, np.generic) else value)


class _Writer:
    """The parts of the file, in their order; one for float and double."""

    int8 = False

    def __init__(self, net: MLP, name: str, real: str) -> None:
        self.net, self.name, self.real = net, name, real
        self.c_type = "float" if real == "float32" else "double"
        self.size = np.dtype(real).itemsize
        self.hidden = net.sizes[1:-1]
        self.flash = self.ram = 0
        self.classifies = facts.task_of(net) == "classify"
        self.names: dict[str, str] = {
            "name": name,
            "NAME": name.upper(),
            "FLASH": f"{name.upper()}_FLASH",
            "TABLE": f"static const {name.upper()}_FLASH",
        }

    # Small helpers ---------------------------------------------------------------------------

    def fill(self, template: str, **more: str) -> str:
        return source.fill(template, self.real, **(self.names | more))

    def rounded(self, what: str, values: Array) -> Array:
        with np.errstate(over="ignore"):
            new = values.astype(self.real)
        if not np.isfinite(new).all():
            raise ValueError(
                f"{what} of net holds numbers that float32 cannot; export it as float64"
            )
        return new

    def put_table(self, name: str, values: Array, c_type: str | None = None) -> str:
        self.flash += values.nbytes
        return self.fill(source.table(f"{self.name}_{name}", values, c_type or self.c_type))

    # The parts -------------------------------------------------------------------------------

    def scaling(self) -> list[str]:
        net = self.net
        if net.input_shift is None or net.input_scale is None:
            return []
        return [
            self.put_table("shift", self.rounded("input_shift", net.input_shift)),
            self.put_table("scale", self.rounded("input_scale", net.input_scale)),
        ]

    def tables(self) -> list[str]:
        parts = []
        for l, (W, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True), 1):
            parts.append(self.put_table(f"W{l}", self.rounded(f"weights[{l - 1}]", W)))
            parts.append(self.put_table(f"b{l}", self.rounded(f"biases[{l - 1}]", b)))
        return parts

    def functions(self) -> list[str]:
        parts = [source.COPY, source.ADD]
        if self.hidden:
            parts.append(source.LAYER)
        return [self.fill(part) for part in parts]

    def finish(self) -> str:
        """Everything after the first layer's sums, which are in z: shared by the entries."""
        net, name, real, upper = self.net, self.name, self.c_type, self.name.upper()
        lines, scratch, arguments = [], "", f"{real} *z, {real} *a"
        if not self.hidden:
            arguments = f"{real} *a"
        others = self.hidden[1::2]
        self.ram += self.size * (max(self.hidden[::2], default=0) + max(others, default=0))
        if others:
            scratch = f"    {upper}_SCRATCH {real} other[{max(others)}];\n"
        here, there = ("z", "other") if self.hidden else ("a", "")
        for l, (n_in, n_out) in enumerate(zip(self.hidden, net.sizes[2:], strict=True), 1):
            lines += self.activation(net.activation[l - 1], n_in, here)
            target = "a" if l == len(self.hidden) else there
            lines.append(
                f"{name}_layer({n_in}, {n_out}, {name}_W{l + 1}, {name}_b{l + 1}, "
                f"{here}, {target});"
            )
            here, there = target, here
        lines += self.activation(net.output, net.sizes[-1], "a")
        body = "".join(f"    {line}\n" for line in lines) or "    (void)a;\n"
        return f"static void {name}_finish({arguments})\n{{\n{scratch}{body}}}\n"

    def activation(self, function: str, n: int, z: str) -> list[str]:
        return [] if function == "identity" else [f"{self.name}_{function}({n}, {z});"]

    def input(self, suffix: str) -> str:
        value = f"({self.c_type})x[i]"
        if suffix:
            value = f"{value} / {source.literal(255, self.real)}"
        elif self.real == "float32" or self.net.dtype.name == self.real:
            value = "x[i]"
        if self.net.input_shift is not None:
            return f"({value} - {self.name}_shift[i]) * {self.name}_scale[i]"
        return value

    def entry(self, suffix: str, c_type: str) -> str:
        upper = self.name.upper()
        z, finish, declare = "a", "a", ""
        if self.hidden:
            z, finish = "z", "z, a"
            declare = f"    {upper}_SCRATCH {self.c_type} z[{max(self.hidden[::2])}];\n"
        checked = not suffix
        end = "    if (bad != bad) /* NaN or infinity went in */\n"
        end += f"        for (i = 0; i < {upper}_N_OUT; i++) a[i] = bad;\n"
        return self.fill(
            source.ENTRY,
            suffix=suffix,
            type=c_type,
            declare=declare,
            z=z,
            finish=finish,
            width=str(self.net.sizes[1]),
            input=self.input(suffix),
            check_begin=f"    {self.c_type} bad = 0;\n" if checked else "",
            check="        bad += x[i] - x[i];\n" if checked else "",
            check_end=end if checked else "",
        )

    def entries(self) -> list[str]:
        kinds = (("", self.c_type), ("_u8", "uint8_t"))
        parts = [self.entry(*kind) for kind in kinds]
        if self.classifies:
            one = self.net.sizes[-1] == 1
            n = self.net.sizes[-1] if self.net.classes is None else len(self.net.classes)
            parts.append(
                self.fill(source.CLASS_OF_ONE if one else source.CLASS_OF, compared=str(n))
            )
            parts += [self.fill(source.CLASSIFY, suffix=s, type=t) for s, t in kinds]
        return parts

    def predict(self, X: Array) -> Array:
        """Return what the self-test expects of rows."""
        return self.net.predict(X)

    def tolerance(self, X: Array) -> Array:
        return arithmetic.tolerance(self.net, X, self.real)

    def file(self, measured: arithmetic.Measured | None, file_name: str) -> str:
        net = self.net
        used = (*net.activation, net.output)
        parts = [*self.scaling(), *self.tables(), *self.functions()]
        parts += [source.activations(used, self.name, self.real), self.finish(), *self.entries()]
        if net.classes is not None and self.classifies:
            texts = [source.string(_label(value)) for value in net.classes]
            body = "\n".join(f"    {text}," for text in texts)
            parts.insert(
                0,
                f"const char *const {self.name}_labels[{len(texts)}] = {{\n{body}\n}};\n",
            )
        head = c_main.header_comment(self, measured, file_name)
        declarations = c_main.declarations(self)
        test = c_main.program(self, self.predict, self.tolerance)
        whole = "\n".join([declarations, *(part for part in parts if part), test])
        return f"{head}\n{whole}#endif /* {self.name.upper()}_DECLARATIONS_ONLY */\n"


class _Int8Writer(_Writer):
    """The file with int8 weights."""

    int8 = True

    def __init__(self, net: MLP, name: str, real: str) -> None:
        super().__init__(net, name, real)
        self.layers = arithmetic.quantize(net)

    def tables(self) -> list[str]:
        parts = []
        for l, layer in enumerate(self.layers, 1):
            parts.append(self.put_table(f"W{l}", layer.q, "int8_t"))
            parts.append(self.put_table(f"scale{l}", layer.scale))
            parts.append(self.put_table(f"b{l}", layer.bias))
        return parts

    def functions(self) -> list[str]:
        parts = [source.LAYER_INT8, source.QUANTIZE_VALUE]
        if self.hidden:
            parts.append(source.QUANTIZE)
        return [self.fill(part) for part in parts]

    def finish(self) -> str:
        net, name = self.net, self.name
        self.ram += 4 * max(self.hidden, default=0) + 2 * max(net.sizes[:-1])
        lines, arguments = [], "float *a"
        if self.hidden:
            arguments = "int16_t *q, float *z, float *a"
            lines.append("float step;")
        for l, (n_in, n_out) in enumerate(zip(self.hidden, net.sizes[2:], strict=True), 1):
            target = "a" if l == len(self.hidden) else "z"
            lines += self.activation(net.activation[l - 1], n_in, "z")
            limit = source.literal(self.layers[l].limit, "float32")
            lines.append(f"step = {name}_quantize({n_in}, z, {limit}, q);")
            tables = ", ".join(f"{name}_{table}{l + 1}" for table in ("W", "scale", "b"))
            lines.append(f"{name}_layer({n_in}, {n_out}, {tables}, q, step, {target});")
        lines += self.activation(net.output, net.sizes[-1], "a")
        body = "".join(f"    {line}\n" for line in lines) or "    (void)a;\n"
        return f"static void {name}_finish({arguments})\n{{\n{body}}}\n"

    def entry(self, suffix: str, c_type: str) -> str:
        upper, limit = self.name.upper(), source.literal(self.layers[0].limit, "float32")
        z, finish, declare, end = "a", "a", "", ""
        if self.hidden:
            z, finish = "z", "q, z, a"
            declare = f"    {upper}_SCRATCH float z[{max(self.hidden)}];\n"
        if suffix and self.net.input_shift is None:
            fill = f"    for (i = 0; i < {upper}_N_IN; i++) q[i] = x[i];\n    step = 1 / 255.0f;\n"
        else:
            fill = self.fill(source.QUANTIZE_INPUTS, input=self.input(suffix), limit=limit)
            if suffix:  # bytes are finite
                fill = fill.replace(", bad = 0;", ";")
                fill = "".join(line + "\n" for line in fill.splitlines() if "bad" not in line)
            else:
                end = "    if (bad != bad) /* NaN or infinity went in */\n"
                end += f"        for (i = 0; i < {upper}_N_OUT; i++) a[i] = bad;\n"
        return self.fill(
            source.ENTRY_INT8,
            suffix=suffix,
            type=c_type,
            declare=declare,
            most_in=str(max(self.net.sizes[:-1])),
            z=z,
            finish=finish,
            width=str(self.net.sizes[1]),
            quantize=fill,
            check_end=end,
        )

    def predict(self, X: Array) -> Array:
        return arithmetic.int8_predict(self.net, self.layers, X)

    def tolerance(self, X: Array) -> Array:
        return arithmetic.tolerance(self.net, X, self.real, int8=self.layers)
