"""A network as one Python file that imports nothing but NumPy and the standard library: `to_numpy`.

The file contains the parameters as base64 of their little-endian bytes: it is a single file, no bit
is lost, and all code that it runs is readable.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, paths
from ..activations import ROWS
from ..ensemble import Ensemble
from ..layout import Array
from ..mlp import MLP
from ..names import Output
from ..tabular.model import TableModel
from . import facts

_IMPORTS = "import math\nimport re\nfrom datetime import date, datetime, timezone\n"
_EXP_MAX = {"float32": "88.37", "float64": "709.4"}  # where fastnn's exp stops growing
_PREDICT = '''\
def {name}(x):
    """Return the outputs, (n, {n_out}) or ({n_out},) of inputs x, (n, {n_in}) or ({n_in},)."""
{fractions}    x = np.asarray(x, np.float64)
    a = {inputs}.astype(DTYPE)
    if a.shape[-1:] != ({n_in},) or not np.isfinite(a).all():
        raise ValueError("x must be rows of {n_in} finite numbers")
    for W, b, f in LAYERS:
        a = f(a @ W + b)
    return {outputs}
'''
_PREDICT_RAW = '''\
def predict(rows):
    """Return the outputs, (n, {n_out}), of rows of raw cells, as `prepare` takes them."""
    return predict_units(prepare(rows))
'''
_CLASSIFY = '''\
def classify(x):
    """Return the label of each row."""
    return LABELS[{index}]
'''


_MEAN = '''\
def read(sizes, functions, numbers):
    """Return W, b and f of each layer; the numbers are W (n_in, n_out) row by row, then b."""
    layers, at = [], 0
    for n_in, n_out, f in zip(sizes, sizes[1:], functions):
        W = numbers[at : at + n_in * n_out].reshape(n_in, n_out)
        layers.append((W, numbers[at + W.size : at + W.size + n_out], f))
        at += W.size + n_out
    return layers


# Of each network the layers and, in double, shift and scale of its inputs and of its outputs.
NETWORKS = [
{networks}]


def {name}(x):
    """Return the mean outputs, (n, {n_out}) or ({n_out},), of x, (n, {n_in}) or ({n_in},)."""
{fractions}    x, total = np.asarray(x, np.float64), 0
    for layers, (shift, scale), (out_shift, out_scale) in NETWORKS:
        a = ((x - shift) * scale).astype(DTYPE)
        if a.shape[-1:] != ({n_in},) or not np.isfinite(a).all():
            raise ValueError("x must be rows of {n_in} finite numbers")
        for W, b, f in layers:
            a = f(a @ W + b)
        total = total + (a.astype(np.float64) * out_scale + out_shift)
    return (total / len(NETWORKS)).astype({out})
'''
_FRACTIONS = """    if np.asarray(x).dtype == np.uint8:
        x = np.asarray(x) / 255
"""


def to_numpy(net: MLP | Ensemble | TableModel, path: str | os.PathLike[str] | None = None) -> str:
    """Return the network as a Python file with a function ``predict(x)``; write it if `path`.

    ``predict`` takes the raw inputs of `MLP.predict`, one row or many, of any type, and returns the
    outputs. Inputs are scaled in double, as `predict` does; the layers compute in the network's
    dtype. Classifiers have ``classify(x)`` as well. The
    file needs NumPy 1.21 or later, and neither fastnn nor pickle.

    Parameters
    ----------
    net : MLP, Ensemble or TableModel
        Of an ensemble, ``predict`` is its `Ensemble.mean`. The functions of a `TableModel`, and of
        networks with its columns in their metadata, take rows of raw cells: dicts, lists or a
        pandas frame.
    path : path-like, optional
        Replaced if it exists, all or nothing.

    Returns
    -------
    str
        The source, in ASCII: about 5.4 bytes for each float32 parameter.

    Raises
    ------
    TypeError, ValueError
        `net` is not an MLP, or not finite.
    OSError
        `path` cannot be written.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> net = fastnn.MLP([2, 3, 1], activation="tanh", seed=0)
    >>> module = {}
    >>> exec(fastnn.export.to_numpy(net), module)
    >>> np.allclose(module["predict"]([0.5, -1]), net.predict([[0.5, -1]]))
    True
    """
    known = facts.opened(net)
    nets = facts.networks_of(known)
    text = _source_of_mean(known, nets) if isinstance(known, Ensemble) else _source(nets[0])
    if path is not None:
        paths.replace(Path(path), text.encode("ascii"))
    return text


def _source(net: MLP) -> str:
    dtype, sizes, columns = net.dtype.name, net.sizes, net.metadata.get("columns")
    used = list(dict.fromkeys((*net.activation, net.output)))
    scalings = {"": facts.input_scaling(net), "OUTPUT_": facts.output_scaling(net)}
    functions = ", ".join((*net.activation, net.output))
    parts = [
        _head(f"The neural network {facts.layers_in_words(net)}", used, columns is not None),
        f"DTYPE, SIZES = np.{dtype}, {sizes!r}\n{_facts(net, facts.task_of(net))}",
        *(_function(name, dtype) for name in used),
        "# All numbers, layer by layer: W (n_in, n_out) row by row, then b.\n"
        f"NUMBERS = {_numbers(net.params)}.astype(DTYPE)",
        "LAYERS, at = [], 0\n"
        f"for n_in, n_out, f in zip(SIZES, SIZES[1:], [{functions}]):\n"
        "    W = NUMBERS[at : at + n_in * n_out].reshape(n_in, n_out)\n"
        "    LAYERS.append((W, NUMBERS[at + W.size : at + W.size + n_out], f))\n"
        "    at += W.size + n_out\n",
        *(
            f"# In double, whatever the layers compute in.\n"
            f"{kind}SHIFT, {kind}SCALE = {_numbers(np.concatenate(pair))}.reshape(2, -1)"
            for kind, pair in scalings.items()
            if pair is not None
        ),
        _PREDICT.format(
            name="predict" if columns is None else "predict_units",
            n_in=sizes[0],
            n_out=sizes[-1],
            fractions="" if net._old_bytes is None else _FRACTIONS,
            inputs="x" if scalings[""] is None else "((x - SHIFT) * SCALE)",
            outputs="a" if scalings["OUTPUT_"] is None else "a * OUTPUT_SCALE + OUTPUT_SHIFT",
        ),
    ]
    if columns is not None:
        parts += _raw_rows(columns, sizes[-1])
    return "\n\n".join([*parts, *_classify(net, facts.task_of(net))])


def _source_of_mean(ensemble: Ensemble, nets: list[MLP]) -> str:
    first, task, columns = nets[0], facts.task_of(ensemble), ensemble.metadata.get("columns")
    what = f"The mean of {len(nets)} neural networks {facts.layers_in_words(first)}"
    used = list(dict.fromkeys(name for net in nets for name in (*net.activation, net.output)))
    scaled = any(facts.output_scaling(net) is not None for net in nets)
    parts = [
        _head(what, used, columns is not None),
        f"DTYPE = np.{first.dtype.name}\n{_facts(first, task)}",
        *(_function(name, first.dtype.name) for name in used),
        _MEAN.format(
            name="predict" if columns is None else "predict_units",
            networks="".join(f"    ({_network(net)}),\n" for net in nets),
            n_in=first.sizes[0],
            n_out=first.sizes[-1],
            fractions="" if first._old_bytes is None else _FRACTIONS,
            out="np.float64" if scaled else "DTYPE",
        ),
    ]
    if columns is not None:
        parts += _raw_rows(columns, first.sizes[-1])
    return "\n\n".join([*parts, *_classify(first, task)])


def _network(net: MLP) -> str:
    functions = ", ".join((*net.activation, net.output))
    texts = [f"read({net.sizes!r}, [{functions}], {_numbers(net.params)}.astype(DTYPE))"]
    for pair in (facts.input_scaling(net), facts.output_scaling(net)):
        both = None if pair is None else np.concatenate(pair)
        texts.append("(0, 1)" if both is None else f"{_numbers(both)}.reshape(2, -1)")
    return ", ".join(texts)


def _head(what: str, used: list[Output], raw: bool = False) -> str:
    """Return the docstring, and the imports that the functions need; `raw`, for raw cells too."""
    has_math = any("math." in ROWS[name].numpy for name in used)
    return (
        f'"""{what}, written by fastnn {__version__}.\n\n'
        "Needs NumPy alone: from this file import predict.\n"
        '"""\n\n'
        "import base64\n"
        + (_IMPORTS if raw else "import math\n" if has_math else "")
        + "\nimport numpy as np\n"
    )


def _classify(net: MLP, task: str) -> list[str]:
    """Return the function for labels, of a classifier."""
    if task != "classify":
        return []
    index = f"predict(x)[..., :{len(facts.labels_of(net))}].argmax(axis=-1)"
    if net.sizes[-1] == 1:
        index = "(predict(x)[..., 0] >= 0.5).astype(int)"
    return [_CLASSIFY.format(index=index)]


def _raw_rows(columns: dict[str, Any], n_out: int) -> list[str]:
    """Return the code that prepares rows of a table, with its columns, and ``predict`` for them."""
    folder = Path(__file__).parent
    dated = folder.with_name("dates.py").read_text("utf-8")
    code = (folder / "raw_rows.py").read_text("utf-8")
    code = dated[dated.index("_MONTHS = ") :] + "\n\n" + code[code.index("_GAPS = ") :]
    declared = re.search(r"^COLUMNS.*$", code, re.MULTILINE)
    assert declared is not None
    items = "".join(f"    {column!a},\n" for column in columns["columns"])
    listed = f"# What each column is, and what becomes of it.\nCOLUMNS = [\n{items}]"
    code = code.replace(declared[0], listed)
    code = re.sub(r"(: Any|: dict\[str, Any\])(?=[,)])|(?<=\)) -> [^:]+(?=:\n)", "", code)
    return [f"{code.rstrip()}\n", _PREDICT_RAW.format(n_out=n_out)]


def _numbers(values: Array) -> str:
    """Return the expression that reads these numbers from base64 of their little-endian bytes."""
    little = values.dtype.newbyteorder("<")
    letters = base64.b64encode(values.astype(little).tobytes()).decode("ascii")
    body = "\n".join(letters[i : i + 96] for i in range(0, len(letters), 96))
    return f'np.frombuffer(base64.b64decode("""\n{body}\n"""), "<f{little.itemsize}")'


def _facts(net: MLP, task: str) -> str:
    """Return the labels and the names of the inputs, as Python literals in ASCII."""
    text = ""
    if task == "classify":
        labels = facts.labels_of(net)
        text += f"LABELS = np.array({labels!a})\n"
    names = facts.feature_names(net)
    if names is not None:
        text += f"INPUTS = {names!a}\n"
    return text


def _function(name: Output, dtype: str) -> str:
    formula = ROWS[name].numpy.format(exp_max=_EXP_MAX[dtype])
    return f"def {name}(z):\n    return {formula}\n"
