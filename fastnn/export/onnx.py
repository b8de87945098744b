"""A network as an ONNX model: ``to_onnx`` (extra "onnx").

Models have opset 13 and IR version 7, those of ONNX 1.8 (2020), which onnxruntime has read since
1.6 and every runtime should read. No later one is needed: softmax along one axis came with 13, and
the Gelu of opset 20 is written out with Erf. Models of tables have ai.onnx.ml 2 as well (2019).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import __version__, paths, summary
from ..ensemble import Ensemble
from ..layout import Array
from ..mlp import MLP
from ..model_file.container import as_json
from ..names import check_name
from ..tabular.model import TableModel
from . import facts

try:
    from onnx import helper

    from . import onnx_table
    from .onnx_graph import TYPES, Graph, Layers
except ImportError:
    raise ImportError("to_onnx needs onnx: pip install 'fastnn-mlp[onnx]'", name="onnx") from None

_OPSET, _OPSET_ML, _IR = 13, 2, 7
_LIMIT = 2**31 - 1  # bytes: no message of protobuf is longer
_SLACK = 2**20  # for all that is not parameters or metadata
# Largest change of a standardized input or target by folding the scaling: in float32 2^-24 times a
# distance of 64 standard deviations, in float64 2^-53 times 65,536.
_MAY_MOVE = {"float32": 2.0**-18, "float64": 2.0**-37}


def to_onnx(
    net: MLP | Ensemble | TableModel,
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
    version 7, which runtimes have read since 2020; the model of a table ai.onnx.ml 2 as well.

    Scaling is folded into the first and the last layer, so that programs that optimise over
    networks read the model too: OMLT 1.2 does, for hidden layers of relu, sigmoid, tanh and
    identity and outputs of these.

    The model of a `TableModel` takes raw rows: it has an input (n, 1) for each column that is used,
    with the column's name. Numbers and dates, in seconds since 1970, are double, which float is too
    coarse for; NaN is a missing cell. Categories and booleans are strings, as the column's levels
    without spaces around them; "" is a missing cell, and any other text a level never seen. For
    prepared rows export ``model.network``.

    Parameters
    ----------
    net : MLP, Ensemble or TableModel
        The network. Dropout is for training only and no part of the model. Of an ensemble the model
        computes `Ensemble.mean`.
    path : path-like, optional
        Where to write the model, all or nothing.
    labels : bool, default False
        Add the output ``label`` (n,), that of `MLP.classify`: one of the network's classes
        (int64, bool, double or string), or their number where it has none.
    input_scaling : bool, default True
        Make the network's `input_shift` and `input_scale` part of the model. Without them the
        caller has to scale; the model's ``doc_string`` says so. A `TableModel` needs them.
    input_dtype : {"float32", "float64", "uint8"}, optional
        The type of the inputs; a number means the same in each. Default: the type in which the
        model computes, see the notes. Not for a `TableModel`, whose columns have their types.
    name : str, default "fastnn"
        Of the graph.

    Returns
    -------
    onnx.ModelProto
        With ``fastnn_version``, ``network`` (what `MLP` was built with), ``loss``, ``classes``,
        ``feature_names`` and the network's own ``metadata`` as JSON in its ``metadata_props``; of a
        `TableModel` also ``columns``: what becomes of the column of each input.

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

    That of the inputs of a `TableModel` is never folded, and its units are scaled in double, as in
    `TableModel.predict`. Columns called "output" and "label" have the inputs "output_2" and
    "label_2". Numbers must be finite or NaN.

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
    rows = None
    if isinstance(net, TableModel):
        rows = onnx_table.Rows(net.columns)
        if input_dtype is not None or not input_scaling:
            raise ValueError(
                f"{'input_scaling' if input_dtype is None else 'input_dtype'} is for inputs that "
                "are prepared; those of a TableModel are raw cells: leave it out, or export "
                "model.network, which takes the rows of model.prepare(data)"
            )
    net = facts.opened(net)
    nets = facts.networks_of(net)
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be a string that is not empty, got {name!r}")
    every, dtype = _all_folded(nets, input_dtype, input_scaling, apart=rows is not None)
    reads = dtype.name if input_dtype is None else input_dtype
    check_name("input_dtype", reads, TYPES)
    props = _props(net, nets)
    if rows is not None:
        props["columns"] = as_json("columns", rows.facts())
    n_bytes = net.n_params * dtype.itemsize
    if n_bytes + sum(len(text.encode()) for text in props.values()) + _SLACK > _LIMIT:
        raise ValueError(
            f"the network's {net.n_params:,} parameters take {n_bytes / 1e9:.1f} GB; "
            "an ONNX model holds at most 2 GB"
        )
    n_in, n_out = nets[0].sizes[0], nets[0].sizes[-1]
    opsets = [helper.make_opsetid("", _OPSET)]
    if rows is None:
        graph = Graph(dtype)
        inputs = [helper.make_tensor_value_info("input", TYPES[reads], ["n", n_in])]
        x = "input" if reads == dtype.name else graph.node("Cast", "input", to=graph.type)
    else:
        graph = Graph(dtype, rows.prefix())
        inputs, x = rows.inputs(), rows.units(graph)
        opsets.append(helper.make_opsetid("ai.onnx.ml", _OPSET_ML))
    if isinstance(net, Ensemble):
        outputs = [
            graph.layers(one, layers, x, f"networks.{i}.", rows is not None)
            for i, (one, layers) in enumerate(zip(nets, every, strict=True))
        ]
        graph.node("Mul", graph.node("Sum", *outputs), graph.number(1 / len(nets)))
    else:
        graph.layers(net, every[0], x, "", rows is not None)
    x = graph.name_last("output")
    results = [helper.make_tensor_value_info("output", graph.type, ["n", n_out])]
    if labels:
        results.append(helper.make_tensor_value_info("label", graph.classify(nets[0], x), ["n"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            inputs,
            results,
            graph.constants,
        ),
        producer_name="fastnn",
        producer_version=__version__,
        doc_string=_description(net, nets, input_scaling),
        ir_version=_IR,
        opset_imports=opsets,
    )
    helper.set_model_props(model, props)
    if path is not None:
        from pathlib import Path

        paths.replace(Path(path), model.SerializeToString())
    return model


def _all_folded(
    nets: Sequence[MLP], reads: str | None, input_scaling: bool, apart: bool
) -> tuple[list[Layers], np.dtype[Any]]:
    """Return the layers of each network, all in the first dtype that is accurate for all.

    `apart` is whether the scaling of the inputs stays in front of them, in double.
    """
    every = [_folded(net, reads, input_scaling, apart) for net in nets]
    widest = max((layers.dtype for layers in every), key=lambda dtype: dtype.itemsize)
    for i, layers in enumerate(every):
        if layers.dtype != widest:
            every[i] = _folded(nets[i], reads, input_scaling, apart, in_double=True)
    return every, widest


def _folded(
    net: MLP, reads: str | None, input_scaling: bool, apart: bool, in_double: bool = False
) -> Layers:
    """Return the layers in the first dtype in which the scaling can be folded accurately."""
    scaling = None
    if input_scaling:
        scaling = facts.byte_scaling(net) if reads == "uint8" else facts.input_scaling(net)
    far_in = facts.farthest_input(net) if input_scaling and not apart else 0.0
    places = (None, scaling) if apart else (scaling, None)
    may_move = _MAY_MOVE[net.dtype.name]  # a standardized input or target
    for dtype in (net.dtype, np.dtype(np.float64))[in_double:]:
        u = float(np.finfo(dtype).eps) / 2
        far = far_in if dtype == np.float64 else max(far_in, facts.farthest_output(net))
        if u * far <= may_move:
            layers = _fold(net, dtype, *places)
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
) -> Layers | None:
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
    return Layers(dtype, rounded[:n], rounded[n:], in_front)


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
