"""The C file of one network: its tables, functions and entries, put together from c_source.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layout import Array
from ..mlp import MLP
from . import arithmetic, c_main, facts
from . import c_source as source


def label_text(value: Any) -> str:
    """Return a label as text: "True", "0.5", "setosa"."""
    return str(value.item() if isinstance(value, np.generic) else value)


class Writer:
    """The parts of the file, in their order; one for float and double."""

    int8 = False

    def __init__(self, net: MLP, name: str, real: str) -> None:
        self.net = net
        self.name = name
        self.real = real
        self.c_type = "float" if real == "float32" else "double"
        self.size: int = np.dtype(real).itemsize
        self.hidden: tuple[int, ...] = net.sizes[1:-1]
        self.flash: int = 0
        self.ram: int = 0
        self.classifies: bool = facts.task_of(net) == "classify"
        self.names: dict[str, str] = {
            "name": name,
            "NAME": name.upper(),
            "FLASH": f"{name.upper()}_FLASH",
            "TABLE": f"static const {name.upper()}_FLASH",
        }

    # Small helpers ---------------------------------------------------------------------------

    def fill(self, template: str, **more: str) -> str:
        """Return a template of c_source with the names of this file."""
        return source.fill(template, self.real, **(self.names | more))

    def rounded(self, what: str, values: Array) -> Array:
        """Return values as this file's type; an error if it cannot hold them."""
        with np.errstate(over="ignore"):
            new = values.astype(self.real)
        if not np.isfinite(new).all():
            raise ValueError(
                f"{what} of net holds numbers that float32 cannot; export it as float64"
            )
        return new

    def put_table(self, name: str, values: Array, c_type: str | None = None) -> str:
        """Return a table, and count its bytes."""
        self.flash += values.nbytes
        return self.fill(source.table(f"{self.name}_{name}", values, c_type or self.c_type))

    # The parts -------------------------------------------------------------------------------

    def scaling(self) -> list[str]:
        """Return the tables of shift and scale, if inputs are scaled."""
        net = self.net
        if net.input_shift is None or net.input_scale is None:
            return []
        return [
            self.put_table("shift", self.rounded("input_shift", net.input_shift)),
            self.put_table("scale", self.rounded("input_scale", net.input_scale)),
        ]

    def tables(self) -> list[str]:
        """Return the tables of all layers."""
        parts = []
        for l, (W, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True), 1):
            parts.append(self.put_table(f"W{l}", self.rounded(f"weights[{l - 1}]", W)))
            parts.append(self.put_table(f"b{l}", self.rounded(f"biases[{l - 1}]", b)))
        return parts

    def functions(self) -> list[str]:
        """Return the functions that compute layers."""
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
        """Return the call that makes z of a layer its activations."""
        return [] if function == "identity" else [f"{self.name}_{function}({n}, {z});"]

    def input(self, suffix: str) -> str:
        """Return the C expression for input i as the network reads it."""
        value = f"({self.c_type})x[i]"
        if suffix:
            value = f"{value} / {source.literal(255, self.real)}"
        elif self.real == "float32" or self.net.dtype.name == self.real:
            value = "x[i]"
        if self.net.input_shift is not None:
            return f"({value} - {self.name}_shift[i]) * {self.name}_scale[i]"
        return value

    def entry(self, suffix: str, c_type: str) -> str:
        """Return the function that predicts from inputs of one type."""
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
        """Return all that other sources may call."""
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
        """Return what rounding may change of these outputs."""
        return arithmetic.tolerance(self.net, X, self.real)

    def file(self, measured: arithmetic.Measured | None, file_name: str) -> str:
        """Return the whole file."""
        net = self.net
        used = (*net.activation, net.output)
        parts = [*self.scaling(), *self.tables(), *self.functions()]
        parts += [source.activations(used, self.name, self.real), self.finish(), *self.entries()]
        if net.classes is not None and self.classifies:
            texts = [source.string(label_text(value)) for value in net.classes]
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


class Int8Writer(Writer):
    """The file with int8 weights."""

    int8 = True
    ram: int

    def __init__(self, net: MLP, name: str, real: str) -> None:
        super().__init__(net, name, real)
        self.layers: list[arithmetic.Int8Layer] = arithmetic.quantize(net)

    def tables(self) -> list[str]:
        """Return the tables of all layers."""
        parts = []
        for l, layer in enumerate(self.layers, 1):
            parts.append(self.put_table(f"W{l}", layer.q, "int8_t"))
            parts.append(self.put_table(f"scale{l}", layer.scale))
            parts.append(self.put_table(f"b{l}", layer.bias))
        return parts

    def functions(self) -> list[str]:
        """Return the functions that compute layers."""
        parts = [source.LAYER_INT8, source.QUANTIZE_VALUE]
        if self.hidden:
            parts.append(source.QUANTIZE)
        return [self.fill(part) for part in parts]

    def finish(self) -> str:
        """Return everything after the first layer's sums."""
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
        """Return the function that predicts from inputs of one type."""
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
        """Return what the self-test expects of rows."""
        return arithmetic.int8_predict(self.net, self.layers, X)

    def tolerance(self, X: Array) -> Array:
        """Return what rounding may change of these outputs."""
        return arithmetic.tolerance(self.net, X, self.real, int8=self.layers)
