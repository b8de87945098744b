"""A network as an ONNX model: ``to_onnx`` (extra "onnx").

Models have opset 13 and IR version 7, those of ONNX 1.8 (2020), which onnxruntime has read since
1.6 and every runtime should read. No later one is needed: softmax along one axis came with 13, and
the Gelu of opset 20 is written out with Erf.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import __version__, paths, summary
from ..activations import ONNX, spelling
from ..ensemble import Ensemble
from ..layout import Array
from ..mlp import MLP
from ..model_file.container import as_json
from ..names import check_name
from . import facts

try:
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    raise ImportError("to_onnx needs onnx: pip install 'fastnn-mlp[onnx]'", name="onnx") from None

_OPSET, _IR = 13, 7
_LIMIT = 2**31 - 1  # bytes: no message of protobuf is longer
_SLACK = 2**20  # for all that is not parameters or metadata
_TYPES = {
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}
# Largest change of a standardized input or target by folding the scaling: in float32 2^-24 times a
# distance of 64 standard deviations, in float64 2^-53 times 65,536.
_MAY_MOVE = {"float32": 2.0**-18, "float64": 2.0**-37}


def to_onnx(
    net: MLP | Ensemble,
    path: str | os.PathLike[str] | None = None,
    *,
    labels: bool = False,
    input_scaling: bool = True,
    input_dtype: str | None = None,
    name: str = "fastnn",
) -> Any:
    """Return the network as an ONNX model, and write it to `path` if one is given.

    The model has the input ``input`` (n, n_in) and the output ``output`` (n, n_out), that of
    `MLP.predict` for the same raw inputs, for any number n of rows. It needs opset 13 and IR
    version 7, which runtimes have read since 2020.

    Scaling is folded into the first and the last layer, so that programs that optimise over
    networks read the model too: OMLT 1.2 does, for hidden layers of relu, sigmoid, tanh and
    identity and outputs of these.

    Parameters
    ----------
    net : MLP or Ensemble
        The network. Dropout is for training only and no part of the model. Of an ensemble the model
        computes `Ensemble.mean`.
    path : path-like, optional
        Where to write the model, all or nothing.
    labels : bool, default False
        Add the output ``label`` (n,), that of `MLP.classify`: one of the network's classes
        (int64, bool, double or string), or their number where it has none.
    input_scaling : bool, default True
        Make the network's `input_shift` and `input_scale` part of the model. Without them the
        caller has to scale; the model's ``doc_string`` says so.
    input_dtype : {"float32", "float64", "uint8"}, optional
        The type of the inputs; a number means the same in each. Default: the type in which the
        model computes, see the notes.
    name : str, default "fastnn"
        Of the graph.

    Returns
    -------
    onnx.ModelProto
        With ``fastnn_version``, ``network`` (what `MLP` was built with), ``loss``, ``classes``,
        ``feature_names`` and the network's own ``metadata`` as JSON in its ``metadata_props``.

    Raises
    ------
    ImportError
        onnx is not installed.
    OSError
        The file cannot be written; an old one is unchanged.
    TypeError, ValueError
        An argument is wrong, the parameters are not finite, or the model would exceed the format's
        limit of 2 GB.

    Notes
    -----
    The first layer of the model has the weights W' = scale W and the biases b' = b − (shift scale)
    W, computed in double and then rounded to the model's type. That multiplies rounding errors by
    |shift scale|, the distance of the inputs from zero in standard deviations. So:

    - A float32 network becomes a model in float32 if that distance is at most 64 (a standardized
      input changes by at most 4e-6). Beyond that, as with seconds since 1970 or years, float32 is
      too coarse for the inputs, and the model reads and computes in double; the same holds for
      targets that are as far from zero.
    - A float64 network becomes a model in double. Beyond a distance of 65,536 (7e-12) its scaling
      is not folded: the nodes Sub and Mul come first, which OMLT does not read. For OMLT leave the
      scaling out (``input_scaling=False``) and pass its own ``OffsetScaling``.

    The scaling is not folded either if a weight or bias would overflow or underflow.

    Functions that onnxruntime does not have in double
    (leaky_relu, elu, silu, softplus) are written out. Only the error function of gelu is computed
    in float32: a float64 network with it agrees to 1e-6 instead of 1e-12.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.export import to_onnx
    >>> net = fastnn.MLP([4, 8, 3], output="softmax", seed=0)
    >>> model = to_onnx(net, labels=True)
    >>> [output.name for output in model.graph.output]
    ['output', 'label']
    """
    nets = facts.networks_of(net)
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be a string that is not empty, got {name!r}")
    every, dtype = _all_folded(nets, input_dtype, input_scaling)
    reads = dtype.name if input_dtype is None else input_dtype
    check_name("input_dtype", reads, _TYPES)
    props = _props(net, nets)
    n_bytes = net.n_params * dtype.itemsize
    if n_bytes + sum(len(text.encode()) for text in props.values()) + _SLACK > _LIMIT:
        raise ValueError(
            f"the network's {net.n_params:,} parameters take {n_bytes / 1e9:.1f} GB; "
            "an ONNX model holds at most 2 GB"
        )
    graph = _Graph(dtype)
    x = "input"
    if reads != dtype.name:
        x = graph.node("Cast", x, to=graph.type)
    if isinstance(net, Ensemble):
        outputs = [
            graph.layers(one, layers, x, f"networks.{i}.")
            for i, (one, layers) in enumerate(zip(nets, every, strict=True))
        ]
        graph.node("Mul", graph.node("Sum", *outputs), graph.number(1 / len(nets)))
    else:
        graph.layers(net, every[0], x, "")
    x = graph.name_last("output")
    n_in, n_out = nets[0].sizes[0], nets[0].sizes[-1]
    results = [helper.make_tensor_value_info("output", graph.type, ["n", n_out])]
    if labels:
        results.append(helper.make_tensor_value_info("label", graph.classify(nets[0], x), ["n"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("input", _TYPES[reads], ["n", n_in])],
            results,
            graph.constants,
        ),
        producer_name="fastnn",
        producer_version=__version__,
        doc_string=_description(net, nets, input_scaling),
        ir_version=_IR,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    helper.set_model_props(model, props)
    if path is not None:
        from pathlib import Path

        paths.replace(Path(path), model.SerializeToString())
    return model


@dataclass(frozen=True, eq=False)
class _Layers:
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


def _all_folded(
    nets: Sequence[MLP], reads: str | None, input_scaling: bool
) -> tuple[list[_Layers], np.dtype[Any]]:
    """Return the layers of each network, all in the first dtype that is accurate for all."""
    every = [_folded(net, reads, input_scaling) for net in nets]
    widest = max((layers.dtype for layers in every), key=lambda dtype: dtype.itemsize)
    for i, layers in enumerate(every):
        if layers.dtype != widest:
            every[i] = _folded(nets[i], reads, input_scaling, in_double=True)
    return every, widest


def _folded(net: MLP, reads: str | None, input_scaling: bool, in_double: bool = False) -> _Layers:
    """Return the layers in the first dtype in which the scaling can be folded accurately."""
    scaling = None
    if input_scaling:
        scaling = facts.byte_scaling(net) if reads == "uint8" else facts.input_scaling(net)
    far_in = facts.farthest_input(net) if input_scaling else 0.0
    may_move = _MAY_MOVE[net.dtype.name]  # a standardized input or target
    for dtype in (net.dtype, np.dtype(np.float64))[in_double:]:
        u = float(np.finfo(dtype).eps) / 2
        far = far_in if dtype == np.float64 else max(far_in, facts.farthest_output(net))
        if u * far <= may_move:
            layers = _fold(net, dtype, scaling, None)
            if layers is not None:
                return layers
    layers = _fold(net, np.dtype(np.float64), None, scaling)
    if layers is None:
        raise ValueError("output_scale of net is too large for its weights; it is not exported")
    return layers


def _fold(
    net: MLP,
    dtype: np.dtype[Any],
    fold: tuple[Array, Array] | None,
    in_front: tuple[Array, Array] | None,
) -> _Layers | None:
    """Return the layers, folded in double and rounded; None if that loses digits."""
    weights = [W.astype(np.float64) for W in net.weights]
    biases = [b.astype(np.float64) for b in net.biases]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if fold is not None:  # (x − shift) scale W + b = x (scale W) + (b − (shift scale) W)
            shift, scale = fold
            biases[0] = biases[0] - (shift * scale) @ weights[0]
            weights[0] = scale[:, None] * weights[0]
        outputs = facts.output_scaling(net)
        if outputs is not None:
            weights[-1] = weights[-1] * outputs[1]
            biases[-1] = biases[-1] * outputs[1] + outputs[0]
        rounded = [values.astype(dtype) for values in (*weights, *biases)]
        for values, new in zip((*weights, *biases), rounded, strict=True):
            lost, size = np.abs(new - values), np.finfo(dtype).eps * np.abs(values)
            for axis in range(values.ndim):  # each input's weights, each output's
                if not (lost.max(axis=axis) <= size.max(axis=axis)).all():  # NaN: overflow
                    return None
    n = len(weights)
    return _Layers(dtype, rounded[:n], rounded[n:], in_front)


def _props(model: MLP | Ensemble, nets: Sequence[MLP]) -> dict[str, str]:
    """Return the model's metadata, from name to JSON."""
    net, described = nets[0], [one._network() for one in nets]
    said: dict[str, Any] = {"network": described[0], "metadata": model.metadata}
    if isinstance(model, Ensemble):
        said = {"networks": described, "metadata": model.metadata}
    if net.classes is not None:
        said["classes"] = net.classes.tolist()
    if net.feature_names is not None:
        said["feature_names"] = list(net.feature_names)
    texts = {name: as_json(name, value) for name, value in said.items()}
    return {"fastnn_version": __version__, "loss": net.loss, **texts}


def _description(model: MLP | Ensemble, nets: Sequence[MLP], input_scaling: bool) -> str:
    what = summary.heading(nets[0])
    if isinstance(model, Ensemble):
        what = f"The mean of {len(nets)} networks, {what}"
    sentences = [f"{what}; written by fastnn {__version__}."]
    if any(net.input_shift is not None for net in nets):
        sentences.append(
            "The scaling of the inputs is part of the model: it reads them raw."
            if input_scaling
            else "The scaling of the inputs is not part of the model: "
            "give it (x - input_shift) * input_scale."
        )
    return " ".join(sentences)


class _Graph:
    """A graph under construction: nodes and constants, all in one dtype."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype, self.type = dtype, _TYPES[dtype.name]
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def layers(self, net: MLP, layers: _Layers, x: str, prefix: str) -> str:
        """Add the layers of a network; return the name of its output."""
        if layers.in_front is not None:
            shift, scale = layers.in_front
            x = self.node("Sub", x, self.constant(f"{prefix}input.shift", shift))
            x = self.node("Mul", x, self.constant(f"{prefix}input.scale", scale))
        for l, function in enumerate((*net.activation, net.output)):
            W = self.constant(f"{prefix}weights.{l}", layers.weights[l])
            b = self.constant(f"{prefix}biases.{l}", layers.biases[l])
            # z = a W + b. The attributes are the defaults, but OMLT needs to see them.
            x = self.apply(function, self.node("Gemm", x, W, b, alpha=1.0, beta=1.0, transB=0))
        return x

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = f"{operator}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def name_last(self, name: str) -> str:
        """Rename the output of the last node."""
        self.nodes[-1].output[0] = name
        return name

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        """Add a constant, in the network's dtype unless another is given; return its name."""
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
            if net.classes.dtype.kind == "U":
                kind, texts = TensorProto.STRING, [text.encode() for text in net.classes.tolist()]
                tensor = helper.make_tensor("classes", kind, [len(texts)], texts)
            else:
                dtype = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}
                values: Any = net.classes.astype(dtype[net.classes.dtype.kind])
                tensor = numpy_helper.from_array(values, "classes")
                kind = tensor.data_type
            self.constants.append(tensor)
            self.node("Gather", "classes", index, axis=0)
        self.name_last("label")
        return int(kind)
