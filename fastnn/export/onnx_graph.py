"""Graph of an ONNX model under construction: the layers of networks, and the label of a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ..activations import ONNX, spelling
from ..layout import Array
from ..mlp import MLP

TYPES: dict[str, Any] = {
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a model, the scaling folded into the first and last; all in one dtype.

    Attributes
    ----------
    dtype : numpy.dtype
        The type of the model's arithmetic.
    weights, biases : list of ndarray
        (n_in, n_out) and (n_out,) of each layer.
    in_front : tuple of ndarray or None
        Shift and scale of the inputs, if they are not folded.
    """

    dtype: np.dtype[Any]
    weights: list[Array]
    biases: list[Array]
    in_front: tuple[Array, Array] | None


class Graph:
    """A graph under construction: nodes and constants, all in one dtype."""

    def __init__(self, dtype: np.dtype[Any], prefix: str = "") -> None:
        self.dtype: np.dtype[Any] = dtype
        self.type: int = TYPES[dtype.name]
        self.prefix: str = prefix  # of all names but those of inputs and outputs
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def layers(self, net: MLP, layers: Layers, x: str, prefix: str, wide: bool) -> str:
        """Add the layers of a network; return the name of its output.

        `wide` is whether x is double, whatever the layers compute in.
        """
        if layers.in_front is not None:
            shift, scale = layers.in_front
            x = self.node("Sub", x, self.constant(f"{prefix}input.shift", shift, np.float64))
            x = self.node("Mul", x, self.constant(f"{prefix}input.scale", scale, np.float64))
        if wide and self.dtype != np.float64:
            x = self.node("Cast", x, to=self.type)
        for l, function in enumerate((*net.activation, net.output)):
            W = self.constant(f"{prefix}weights.{l}", layers.weights[l])
            b = self.constant(f"{prefix}biases.{l}", layers.biases[l])
            # z = a W + b. The attributes are the defaults, but OMLT needs to see them.
            x = self.apply(function, self.node("Gemm", x, W, b, alpha=1.0, beta=1.0, transB=0))
        return x

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = f"{self.prefix}{operator}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def name_last(self, name: str) -> str:
        """Rename the output of the last node."""
        self.nodes[-1].output[0] = name
        return name

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        """Add a constant, in the network's dtype unless another is given; return its name."""
        name = self.prefix + name
        if all(constant.name != name for constant in self.constants):
            array = np.ascontiguousarray(values, dtype or self.dtype).reshape(np.shape(values))
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """Add a scalar of the network's dtype; return its name."""
        return self.constant(f"number.{value!r}", value)

    def apply(self, function: str, z: str) -> str:
        """Add a = f(z); return the name of a."""
        if function == "identity":
            return z
        if self.dtype == np.float64 and function in ("leaky_relu", "elu", "silu", "softplus"):
            return self.written_out(function, z)
        if function == "silu":  # z σ(z)
            return self.node("Mul", z, self.node("Sigmoid", z))
        if function == "gelu":  # z Φ(z) = z (½ + ½ erf(z / √2))
            half, root = self.number(0.5), self.number(0.5**0.5)
            erf = self.erf(self.node("Mul", z, root))
            return self.node("Mul", z, self.node("Add", self.node("Mul", erf, half), half))
        operator, attributes = spelling(ONNX, function, "ONNX")
        return self.node(operator, z, **attributes)

    def erf(self, x: str) -> str:
        """Add erf(x), in float32, the only type that onnxruntime has it for."""
        if self.dtype == np.float32:
            return self.node("Erf", x)
        small = self.node("Erf", self.node("Cast", x, to=TensorProto.FLOAT))
        return self.node("Cast", small, to=self.type)

    def written_out(self, function: str, z: str) -> str:
        """Add a function that onnxruntime has for float32 only.

        (Silu too: up to 1.20 it makes z σ(z) an operator of its own, and then lacks it in double.)
        """
        if function == "leaky_relu":  # max(z, 0.01 z)
            return self.node("Max", z, self.node("Mul", z, self.number(0.01)))
        one = self.number(1.0)
        if function == "silu":  # z / (1 + e^−z), which is −0 where the power is infinite
            return self.node("Div", z, self.node("Add", one, self.node("Exp", self.node("Neg", z))))
        positive = self.node("Relu", z)
        if function == "elu":  # max(z, 0) + (e^min(z, 0) − 1)
            e = self.node("Exp", self.node("Min", z, self.number(0.0)))
            return self.node("Add", positive, self.node("Sub", e, one))
        # softplus: max(z, 0) + ln(1 + e^−|z|)
        e = self.node("Exp", self.node("Neg", self.node("Abs", z)))
        return self.node("Add", positive, self.node("Log", self.node("Add", one, e)))

    def classify(self, net: MLP, output: str) -> int:
        """Add the output ``label``, that of `MLP.classify`; return its type."""
        if net.sizes[-1] == 1:
            is_second = self.node("GreaterOrEqual", output, self.number(0.5))
            whole = self.node("Cast", is_second, to=TensorProto.INT64)
            index = self.node("Squeeze", whole, self.constant("axis", [1], np.int64))
        else:
            if net.classes is not None and len(net.classes) < net.sizes[-1]:
                span = {"first": 0, "end": len(net.classes), "axis": 1}
                where = [self.constant(name, [at], np.int64) for name, at in span.items()]
                output = self.node("Slice", output, *where)
            index = self.node("ArgMax", output, axis=1, keepdims=0)
        kind = TensorProto.INT64
        if net.classes is not None:
            name = f"{self.prefix}classes"
            if net.classes.dtype.kind == "U":
                kind, texts = TensorProto.STRING, [text.encode() for text in net.classes.tolist()]
                tensor = helper.make_tensor(name, kind, [len(texts)], texts)
            else:
                dtype = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}
                values: Any = net.classes.astype(dtype[net.classes.dtype.kind])
                tensor = numpy_helper.from_array(values, name)
                kind = tensor.data_type
            self.constants.append(tensor)
            self.node("Gather", name, index, axis=0)
        self.name_last("label")
        return int(kind)
