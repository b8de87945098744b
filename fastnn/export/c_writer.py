"""Writer of the C file of one network: tables, functions and entries, made from c_source.py."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..layout import Array
from ..mlp import MLP
from . import arithmetic, c_activations, c_jacobian, c_main, facts
from . import c_source as source


def label_text(value: Any) -> str:
    """Return a label as text: "True", "0.5", "setosa"."""
    return str(value.item() if isinstance(value, np.generic) else value)


def _one(values: Array) -> bool:
    return bool((values == values[0]).all())


def _room(widths: tuple[int, ...]) -> int:
    """Return the length of an array for the sums of any of these layers, see source.BLOCK."""
    return -(-max(widths, default=0) // source.BLOCK) * source.BLOCK


class Writer:
    """Writer of the parts of the file, in their order, for float and double."""

    int8 = False
    x_real: str
    a_real: str
    x_type: str
    a_type: str

    def __init__(self, net: MLP, name: str, real: str, jacobian: bool = False) -> None:
        self.net = net
        self.jacobian = jacobian
        self.name = name
        self.macro: str = name.upper()  # the prefix of macros
        self.common: str = name  # that of the functions of activations
        self.words: str = facts.layers_in_words(net)
        self.metadata: dict[str, Any] = net.metadata
        self.real = real
        self.c_type = "float" if real == "float32" else "double"
        self.size: int = np.dtype(real).itemsize
        self.scaled: tuple[Array, Array] | None = facts.input_scaling(net)
        self.scaled_bytes: tuple[Array, Array] | None = facts.byte_scaling(net)
        self.scaled_out: tuple[Array, Array] | None = facts.output_scaling(net)
        self.hidden: tuple[int, ...] = net.sizes[1:-1]
        self.flash: int = 0
        self.ram: int = 0
        self.classifies: bool = facts.task_of(net) == "classify"
        self.set_types(facts.input_dtype(net, real), facts.output_dtype(net, real))

    def set_types(self, x_real: str, a_real: str) -> None:
        """Set the types of inputs and outputs, and the names that templates are filled in with."""
        c_types = {"float32": "float", "float64": "double"}
        self.x_real, self.x_type = x_real, c_types[x_real]
        self.a_real, self.a_type = a_real, c_types[a_real]
        self.names: dict[str, str] = {
            "name": self.name,
            "NAME": self.macro,
            "FLASH": f"{self.macro}_FLASH",
            "TABLE": f"static const {self.macro}_FLASH",
            "x_type": self.x_type,
            "a_type": self.a_type,
        }

    # Small helpers ---------------------------------------------------------------------------

    def fill(self, template: str, **more: str) -> str:
        """Return a template of c_source, filled in with the names of this file."""
        return source.fill(template, self.real, **(self.names | more))

    def rounded(self, what: str, values: Array) -> Array:
        """Return values as this file's type; raise ValueError if they overflow."""
        with np.errstate(over="ignore"):
            new = values.astype(self.real)
        if not np.isfinite(new).all():
            raise ValueError(f"{what} of net holds numbers beyond float32; export it as float64")
        return new

    def put_table(self, name: str, values: Array, c_type: str | None = None) -> str:
        """Return a table; its bytes are added to `flash`."""
        self.flash += values.nbytes
        return self.fill(source.table(f"{self.name}_{name}", values, c_type or self.c_type))

    # The parts -------------------------------------------------------------------------------

    def scaling(self) -> list[str]:
        """Return the tables of shifts and scales, in double, if they are not a single number."""
        tables = []
        pairs = {"": self.scaled, "out_": self.scaled_out}
        if self.net._old_bytes is not None:
            pairs["byte_"] = self.scaled_bytes
        for kind, pair in pairs.items():
            for name, values in zip(("shift", "scale"), pair or (), strict=False):
                if not _one(values):
                    tables.append(self.put_table(kind + name, values, "double"))
        return tables

    def tables(self) -> list[str]:
        """Return the tables of all layers."""
        parts = []
        for l, (W, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True), 1):
            parts.append(self.put_table(f"W{l}", self.rounded(f"weights[{l - 1}]", W)))
            parts.append(self.put_table(f"b{l}", self.rounded(f"biases[{l - 1}]", b)))
        return parts

    def functions(self) -> list[str]:
        """Return the functions that compute layers."""
        sizes = self.net.sizes
        parts = [self.fill(source.START)]
        pairs = list(itertools.pairwise(sizes))
        for n_out, stride in dict.fromkeys((n, k) for m, n in pairs for k in source.strides(m)):
            parts.append(self.fill(source.add(n_out, stride), n_out=str(n_out)))
        for l, (n_in, n_out) in enumerate(pairs[1:], 2):
            layer = source.LAYER.replace("@adds@", source.adds(n_in))
            parts.append(self.fill(layer, l=str(l), n_in=str(n_in), n_out=str(n_out)))
        return parts

    def finish(self) -> str:
        """Return the function for all layers after the first sums z, shared by the entries."""
        net, name, real = self.net, self.name, self.c_type
        others = net.sizes[2::2]
        lines, scratch = [], ""
        self.ram += self.size * (self.room() + _room(others))
        if others:
            scratch = f"    {self.macro}_SCRATCH {real} other[{_room(others)}];\n"
        here, there = "z", "other"
        for l, n in enumerate(self.hidden, 1):
            lines += self.activation(net.activation[l - 1], n, here)
            lines.append(f"{name}_layer{l + 1}({here}, {there});")
            here, there = there, here
        lines += self.activation(net.output, net.sizes[-1], here)
        return self.finish_function(f"{real} *z, {self.a_type} *a", scratch, lines, here)

    def finish_function(self, arguments: str, declared: str, lines: list[str], z: str) -> str:
        """Return the function of these lines, whose result is in z."""
        body = "".join(f"    {line}\n" for line in lines)
        body += f"    for (j = 0; j < {self.macro}_N_OUT; j++) a[j] = {self.output(z)};\n"
        head = f"static void {self.name}_finish({arguments})\n{{\n{declared}    int j;\n"
        return f"{head}{body}}}\n"

    def room(self) -> int:
        """Return the length of z, which holds the sums of the first and every other layer."""
        return _room(self.net.sizes[1::2])

    def activation(self, function: str, n: int, z: str) -> list[str]:
        """Return the call that replaces z of a layer by its activations."""
        return [] if function == "identity" else [f"{self.common}_{function}({n}, {z});"]

    def input(self, suffix: str) -> str:
        """Return the C expression for input i as the network reads it, shifted in double."""
        value = f"({self.c_type})x[i]" if suffix or self.x_type != self.c_type else "x[i]"
        scaling, kind = self.scaled, ""
        if suffix:
            scaling, kind = self.scaled_bytes, "byte_" * (self.net._old_bytes is not None)
        if scaling is None:
            return value
        factor = facts.plain_factor(scaling, self.real)
        if factor is not None:
            return f"{value} * {source.literal(factor, self.real)}"
        shift, scale = self.numbers(kind, "i", scaling)
        value = "x[i]" if self.x_type == "double" and not suffix else "(double)x[i]"
        return f"({self.c_type})(({value} - {shift}) * {scale})"

    def output(self, z: str) -> str:
        """Return the C expression for output j in the targets' units."""
        if self.scaled_out is None:
            return f"{z}[j]"
        shift, scale = self.numbers("out_", "j", self.scaled_out)
        value = f"{z}[j]" if self.c_type == "double" else f"(double){z}[j]"
        return f"({self.a_type})({value} * {scale} + {shift})"

    def numbers(self, kind: str, index: str, pair: tuple[Array, Array]) -> list[str]:
        """Return shift and scale as C: one literal for all columns, or an element of a table."""
        return [
            source.literal(float(values[0]), "float64")
            if _one(values)
            else f"{self.name}_{kind}{name}[{index}]"
            for name, values in zip(("shift", "scale"), pair, strict=True)
        ]

    def entry(self, suffix: str, c_type: str) -> str:
        """Return the function that predicts from inputs of one type."""
        checked = not suffix
        end = "    if (bad != bad) /* NaN or infinity went in */\n"
        end += f"        for (i = 0; i < {self.macro}_N_OUT; i++) a[i] = bad;\n"
        difference = "x[i] - x[i]"
        if self.x_type != self.c_type:
            difference = f"({self.c_type})({difference})"
        n_in, width = self.net.sizes[0], str(self.net.sizes[1])
        names = dict(zip((4, 1), ("add_four", "add_rest"), strict=True))
        adds = dict.fromkeys(names.values(), "")
        for stride in source.strides(n_in):
            text = source.ENTRY_ADDS[stride]
            adds[names[stride]] = self.fill(text, width=width, end=str(n_in - n_in % 4))
        return self.fill(
            source.ENTRY,
            suffix=suffix,
            type=c_type,
            room=str(self.room()),
            width=width,
            input=self.input(suffix),
            check_begin=", bad = 0" if checked else "",
            **adds,
            check=f"        bad += {difference};\n" if checked else "",
            check_end=end if checked else "",
        )

    def entries(self) -> list[str]:
        """Return the functions that other sources may call."""
        kinds = (("", self.x_type), ("_u8", "uint8_t"))
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

    def activations(self) -> str:
        """Return the functions of the layers."""
        used = (*self.net.activation, self.net.output)
        return c_activations.activations(used, self.name, self.real, slopes=self.jacobian)

    def body(self) -> list[str]:
        """Return tables and functions, in their order."""
        parts = [*self.scaling(), *self.tables(), *self.functions(), self.activations()]
        return [*parts, self.finish(), *self.entries()]

    def file(self, measured: arithmetic.Measured | None, file_name: str) -> str:
        """Return the whole file."""
        net, parts = self.net, self.body()
        if self.jacobian:
            parts.append(c_jacobian.function(self))
            self.ram = max(self.ram, c_jacobian.scratch(self))
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
    """Writer of the file with int8 weights."""

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
        self.ram += 4 * self.room() + 2 * max(net.sizes[:-1])
        lines = []
        for l, n_in in enumerate(self.hidden, 1):
            lines += self.activation(net.activation[l - 1], n_in, "z")
            limit = source.literal(self.layers[l].limit, "float32")
            lines.append(f"step = {name}_quantize({n_in}, z, {limit}, q);")
            tables = ", ".join(f"{name}_{table}{l + 1}" for table in ("W", "scale", "b"))
            lines.append(f"{name}_layer({n_in}, {net.sizes[l + 1]}, {tables}, q, step, z);")
        lines += self.activation(net.output, net.sizes[-1], "z")
        arguments, declared = f"float *z, {self.a_type} *a", ""
        if self.hidden:
            arguments, declared = f"int16_t *q, {arguments}", "    float step;\n"
        return self.finish_function(arguments, declared, lines, "z")

    def room(self) -> int:
        """Return the length of z, which holds the sums of each layer in turn."""
        return _room(self.net.sizes[1:])

    def entry(self, suffix: str, c_type: str) -> str:
        """Return the function that predicts from inputs of one type."""
        upper, limit = self.macro, source.literal(self.layers[0].limit, "float32")
        end = ""
        factor = facts.plain_factor(self.scaled_bytes, self.real)
        if suffix and factor is not None:
            step = source.literal(factor, "float32")
            fill = f"    for (i = 0; i < {upper}_N_IN; i++) q[i] = x[i];\n    step = {step};\n"
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
            room=str(self.room()),
            most_in=str(max(self.net.sizes[:-1])),
            finish="q, z, a" if self.hidden else "z, a",
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
