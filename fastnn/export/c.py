"""A network as one C99 file that needs no library: `to_c`.

The file computes exp by itself (x = n ln 2 + r, e^r by its Taylor series) and from it sigmoid,
tanh, elu's e^x − 1, softplus' ln(1 + e^x) (a series of atanh) and gelu's Φ (a polynomial for its
tail): the formulas of fastnn's own core without fused multiply-adds. So it needs no ``libm``, and
one file gives the same bits on every platform whose compiler rounds after each operation
(``-ffp-contract=off``; gcc's ``-std=c99`` says so too). Against the exact values they err by no
more than 4 units in the last place, gelu by 12, in float and in double, as
tests/export/test_export_c.py measures.

Design of int8
    Weights are int8 with a scale for each output, q = W / scale rounded, scale = max |W| / 127: a
    quarter of the flash. The inputs of a layer are converted to int16 at run time, with one scale
    for the row, from its largest value; products are summed in int32, and each sum is converted to
    float once, for the bias and the activation. int16 rather than int8, because the multipliers of
    microcontrollers take 16 bits at the same cost (ARM's SMLAD takes two pairs; CMSIS-NN widens
    int8 to int16 to use it), so that only the rounding of the weights costs accuracy. At run time
    rather than from a calibration, because then any input in any unit is within the range, the
    export needs no data, and finding the largest value costs one comparison for each input. The
    largest int16 of a layer is chosen so that no sum can overflow 32 bits for any input.
    Bytes (``predict_u8``) are used directly if inputs are not scaled: the first layer then needs
    no float.

    With one scale for the row, an input that is a thousand times as large as another costs the
    smaller one three decimal digits: standardise inputs of different units (`MLP.standardize`,
    which ``fastnn train`` does for tables); the file then scales them before they are quantised.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from .. import paths
from ..ensemble import Ensemble
from ..mlp import MLP
from ..names import check_name
from ..tabular.model import TableModel
from ..tabular.task_data import columns_of
from . import arithmetic, facts
from .c_mean import MeanWriter
from .c_table import rows_in_c
from .c_writer import Int8Writer, Writer, label_text

_LONGEST_NAME = 40
_LONGEST_LABEL = 1000  # bytes: C promises 4095 letters a literal, an escape takes four


@dataclass(frozen=True)
class CFile:
    """A C file and facts about it.

    Attributes
    ----------
    text : str
    name : str
        The prefix of its identifiers.
    flash : int
        Bytes of its tables, without some kilobytes of code.
    ram : int
        Bytes of scratch memory during a prediction.
    measured : Measured or None
        The effect of int8 weights on the given examples.
    """

    text: str
    name: str
    flash: int
    ram: int
    measured: arithmetic.Measured | None


def to_c(
    net: MLP | Ensemble | TableModel,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    quantize: str | None = None,
    X: Any = None,
    y: Any = None,
    dtype: str | None = None,
    jacobian: bool = False,
) -> str:
    """Return the network as one C99 file without dependencies; write it to `path` if given.

    The file holds, for the name ``digits``, ``void digits_predict(const float x[DIGITS_N_IN],
    float a[DIGITS_N_OUT])`` and ``digits_predict_u8`` for bytes, whose numbers mean the same; for
    classifiers ``int digits_classify(x)`` and ``digits_classify_u8(x)``, the position of the class
    (−1 if an output is NaN), and ``digits_labels`` if the network has `classes`. They take the raw
    inputs of `MLP.predict`; the file has the network's scaling of inputs, in double, and returns
    outputs in the units of the targets. If inputs or outputs are more than 64 standard deviations
    from zero, as seconds since 1970 are, float is too coarse: then x or a is double, whatever the
    layers compute in. NaN and infinity, which `MLP.predict` refuses, make all outputs NaN. Compiled
    with ``-DDIGITS_MAIN`` it is a program that tests itself (exit status 0 or 1) and predicts rows
    from its standard input. No memory is allocated and no state is kept between calls: the
    functions are reentrant. The first comment describes use and memory.

    Parameters
    ----------
    net : MLP, Ensemble or TableModel
        Of an ensemble the functions are those of `Ensemble.mean`, which is summed in double; with
        neither `quantize` nor `jacobian`. Of a `TableModel`, the file also has ``digits_row``, a
        struct with a double for each number and date (seconds since 1970) and an enum's value for
        each category, and ``digits_predict_row(const digits_row *row, float a[DIGITS_N_OUT])``.
    path : path-like, optional
        Replaced if it exists, all or nothing.
    name : str, optional
        Prefix of all identifiers: up to 40 letters, digits and ``_``, the first a letter. Default:
        the file's name without its ending, else ``net``.
    quantize : {None, "int8"}
        int8 weights with a scale for each output, activations quantised to int16 at run time: a
        quarter of the memory for weights; see the documentation of this module for the reasons.
    X, y : array-like, optional
        For int8: examples on which to measure the effect, as of `MLP.evaluate`; it is written into
        the file's first comment. Without `y`, only the outputs are compared. Use examples that the
        network was not trained on. Without `X` the comment says that nothing was measured.
    dtype : {None, "float32", "float64"}
        Of the arithmetic. Default: the network's own, so a float64 network computes in double.
        With ``"float32"`` the parameters of such a network are rounded to the nearest float, each
        by 6e-8 of its size at most. int8 files compute in float.
    jacobian : bool, default False
        Also ``void digits_jacobian(x, J)``: what `MLP.jacobian` says of one row, J[k * N_IN + i] =
        ∂a_k/∂x_i in the units of x and of the targets. Not with int8, whose steps have no slopes.

    Returns
    -------
    str
        The C source, in ASCII.

    Raises
    ------
    TypeError, ValueError
        `net` is not an MLP or not finite, `name` is not valid, a label is longer than 1000 bytes,
        or X or y does not fit the network.
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
    made = c_file(net, path, name=name, quantize=quantize, X=X, y=y, dtype=dtype, jacobian=jacobian)
    if path is not None:
        write(path, made.text)
    return made.text


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write a source file, all or nothing."""
    from pathlib import Path

    paths.replace(Path(path), text.encode("ascii"))


def c_file(
    net: MLP | Ensemble | TableModel,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    quantize: str | None = None,
    X: Any = None,
    y: Any = None,
    dtype: str | None = None,
    jacobian: bool = False,
) -> CFile:
    """Return the text for `to_c`, with facts about it, without writing a file."""
    net = facts.opened(net)
    if isinstance(net, Ensemble) and (quantize is not None or jacobian):
        what = "quantize" if quantize is not None else "jacobian"
        raise ValueError(f"{what} is for one network; this is an ensemble: export its networks")
    nets = facts.networks_of(net)
    if quantize is not None:
        check_name("quantize", quantize, ("int8",))
    if dtype is not None:
        check_name("dtype", dtype, ("float32", "float64"))
        if quantize is not None and dtype == "float64":
            raise ValueError("dtype must be float32 with quantize='int8', which computes in float")
    if quantize is None and (X is not None or y is not None):
        raise ValueError("X and y are for quantize='int8': they measure its effect")
    if quantize is not None and jacobian:
        raise ValueError("jacobian does not go with quantize='int8': rounded values have no slopes")
    if X is None and y is not None:
        raise ValueError("y needs X, the examples that it belongs to")
    name = _check_prefix(name) if name is not None else prefix_of(path)
    labels = nets[0].classes
    if labels is not None and max(len(label_text(v).encode("utf-8", "replace")) for v in labels) > (
        _LONGEST_LABEL
    ):
        raise ValueError(f"classes of net has a label longer than {_LONGEST_LABEL:,} bytes")
    real = "float32" if quantize else dtype or nets[0].dtype.name
    writer: Writer
    measured = None
    if isinstance(net, Ensemble):
        writer = MeanWriter(net, name, real)
    elif quantize:
        writer = int8 = Int8Writer(net, name, real)
        measured = None if X is None else arithmetic.measure(net, int8.layers, X, y)
    else:
        writer = Writer(net, name, real, jacobian)
    text = writer.file(measured, _file_name(path, name))
    columns = columns_of(net)
    if columns is not None:
        text += rows_in_c(columns, name, text)
    return CFile(text, name, writer.flash, writer.ram, measured)


def prefix_of(path: str | os.PathLike[str] | None) -> str:
    """Return the prefix for a file's name: "2 Digits!.c" gives "net_2_Digits"."""
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
