"""The function of a C file that computes the Jacobian, for `to_c` with ``jacobian=True``.

The core's formulas, row by row of J: δ = ∂a_k/∂z of the output layer, then δ ← (δ Wᵀ) f' for each
layer towards the input. f' is computed once, on the way forward, and serves all outputs.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ..layout import Array
from . import c_source as source
from . import facts

if TYPE_CHECKING:
    from .c_writer import Writer

DECLARATION = """\

/* J = the derivatives of the outputs with respect to the inputs, row by row: J[k * @NAME@_N_IN + i]
 * is that of a[k] by x[i], in the units of both; all NaN if an input is NaN or infinite. */
void @name@_jacobian(const @x_type@ x[@NAME@_N_IN], @real@ J[@NAME@_N_OUT * @NAME@_N_IN]);
"""
_BACK = """\
/* before = delta W^T times the slopes of the layer before, W (n_in, n_out) */
static void @name@_back(int n_in, int n_out, const @FLASH@ @real@ *W, const @real@ *delta,
    const @real@ *slope, @real@ *before)
{
    int i, j;
    for (i = 0; i < n_in; i++, W += n_out) {
        @real@ sum = 0;
        for (j = 0; j < n_out; j++) sum += W[j] * delta[j];
        before[i] = slope ? sum * slope[i] : sum;
    }
}
"""
_JACOBIAN = """\
void @name@_jacobian(const @x_type@ x[@NAME@_N_IN], @real@ J[@NAME@_N_OUT * @NAME@_N_IN])
{
    @NAME@_SCRATCH @real@ here[@room@], there[@room@], slope[@slopes@];
    @real@ bad = 0;
    int i, j, k;
    for (i = 0; i < @NAME@_N_IN; i++) {
        here[i] = @input@;
        bad += @difference@;
    }
@forward@
    for (k = 0; k < @NAME@_N_OUT; k++, J += @NAME@_N_IN) {
        for (j = 0; j < @NAME@_N_OUT; j++) @first@
@back@
        for (i = 0; i < @NAME@_N_IN; i++) J[i] = bad != bad ? bad : @answer@;
    }
}
"""
# δ of the output layer: f' on the diagonal, or for softmax a_k (1 − a_k) there, −a_k a_j beside it.
_DIAGONAL = "here[j] = j == k ? slope[@last@ + j] : 0;"
_OF_SOFTMAX = "here[j] = slope[@last@ + k] * ((j == k) - slope[@last@ + j]);"


def padded(width: int) -> int:
    """Return the room that the activations and slopes of a layer take, see `source.BLOCK`."""
    return -(-width // source.BLOCK) * source.BLOCK


def scratch(w: Writer) -> int:
    """Return the bytes that a call of the function needs on the stack."""
    widths = [padded(width) for width in w.net.sizes]
    return w.size * (2 * max(widths) + sum(widths[1:]))


def function(w: Writer) -> str:
    """Return the function, and what it calls that `predict` does not."""
    sizes = w.net.sizes
    pairs = list(itertools.pairwise(sizes))
    starts = [0, *itertools.accumulate(padded(width) for width in sizes[1:])]
    here, there = "here", "there"
    forward: list[str] = []
    for l, (n_out, f) in enumerate(zip(sizes[1:], (*w.net.activation, w.net.output), strict=True)):
        forward.append(f"{w.name}_layer{l + 1}({here}, {there});")
        forward += _slopes(w, f, n_out, there, f"slope + {starts[l]}")
        here, there = there, here
    here, there = "here", "there"
    back: list[str] = []
    for l, (n_in, n_out) in reversed(list(enumerate(pairs))):
        slope = f"slope + {starts[l - 1]}" if l else "0"
        back.append(f"{w.name}_back({n_in}, {n_out}, {w.name}_W{l + 1}, {here}, {slope}, {there});")
        here, there = there, here
    difference = "x[i] - x[i]"
    if w.x_type != w.c_type:
        difference = f"({w.c_type})({difference})"
    first = _OF_SOFTMAX if w.net.output == "softmax" else _DIAGONAL
    body = w.fill(
        _JACOBIAN.replace("@first@", first),
        room=str(max(padded(width) for width in sizes)),
        slopes=str(starts[-1]),
        last=str(starts[-2]),
        input=w.input(""),
        difference=difference,
        forward="".join(f"    {line}\n" for line in forward).rstrip("\n"),
        back="".join(f"        {line}\n" for line in back).rstrip("\n"),
        answer=_in_units(w, here),
    )
    n_in, n_out = pairs[0]
    layer = source.LAYER.replace("@adds@", source.adds(n_in))
    layer = w.fill(layer, l="1", n_in=str(n_in), n_out=str(n_out))
    return "\n".join([layer, w.fill(_BACK), body])


def _slopes(w: Writer, f: str, n: int, z: str, slope: str) -> list[str]:
    """Return the calls that make z activations, and leave f' in `slope`; a itself for softmax."""
    if f == "softmax":
        return [f"{w.name}_softmax({n}, {z});", f"for (j = 0; j < {n}; j++) ({slope})[j] = {z}[j];"]
    if f == "identity":
        return [f"for (j = 0; j < {n}; j++) ({slope})[j] = 1;"]
    return [
        f"for (j = 0; j < {padded(n)}; j++) ({slope})[j] = {z}[j];",
        f"{w.name}_{f}({n}, {z});",
        f"{w.name}_{f}_slope({n}, {z}, {slope});",
    ]


def _in_units(w: Writer, delta: str) -> str:
    """Return the C expression for derivative i of output k in the units of x and of the targets."""
    factors = []
    if w.scaled_out is not None:
        factors.append(w.numbers("out_", "k", w.scaled_out)[1])
    if w.scaled is not None:
        factors.append(w.numbers("", "i", w.scaled)[1])
    if not factors:
        return f"{delta}[i]"
    value = f"{delta}[i]" if w.c_type == "double" else f"(double){delta}[i]"
    return f"({w.c_type})({' * '.join([value, *factors])})"


# ---- the self-test -------------------------------------------------------------------------------

TEST = """\
    for (row = 0; row < @jacobian_rows@; row++) {
        static @real@ J[@NAME@_N_OUT * @NAME@_N_IN];
        @name@_jacobian(@name@_test_x + row * @NAME@_N_IN, J);
        for (j = 0; j < @NAME@_N_OUT * @NAME@_N_IN; j++) {
            int at = row * @NAME@_N_OUT * @NAME@_N_IN + j;
            @real@ expected = @name@_test_J[at], off = J[j] - expected;
            off = off < 0 ? -off : off;
            if (!(off <= @name@_test_J_tolerance[at])) {
                printf("row %d, derivative %d: %.9g, expected %.9g\\n",
                       row, j, (double)J[j], (double)expected);
                wrong_J++;
            }
        }
    }
    printf("@name@: %d of %d derivatives as expected\\n",
           @jacobian_rows@ * @NAME@_N_OUT * @NAME@_N_IN - wrong_J,
           @jacobian_rows@ * @NAME@_N_OUT * @NAME@_N_IN);
"""
ROWS = 2  # of the self-test, whose tables are n_out · n_in numbers a row


def test_tables(w: Writer, X: Array) -> list[str]:
    """Return what the self-test expects of `ROWS` rows, and what rounding may change of it."""
    expected = w.net.jacobian(X[:ROWS]).reshape(ROWS, -1).astype(w.real)
    if not np.isfinite(expected).all():
        raise ValueError("net has derivatives that overflow; export it without jacobian")
    allowed = tolerance(w, X[:ROWS]).reshape(ROWS, -1)
    allowed = np.minimum(allowed, np.finfo(w.real).max / 2).astype(w.real)
    return [
        source.table(f"{w.name}_test_J", expected, w.c_type),
        source.table(f"{w.name}_test_J_tolerance", allowed, w.c_type),
    ]


def tolerance(w: Writer, X: Array) -> Array:
    """Return a tolerance for each derivative of each row, (n, n_out, n_in) float64.

    As `arithmetic.tolerance`: root mean squares of the rounding errors on the way forward and back,
    times 8. Slopes are taken to be 1.13 at most and to change by as much as z does, but where z is
    so near a kink of relu that it may lie on its other side: there by 1.
    """
    from .arithmetic import rounding

    net, u = w.net, float(np.finfo(w.real).eps)
    a, errors = rounding(net, X, w.real)
    kinks = [f in ("relu", "leaky_relu") for f in (*net.activation, net.output)]
    changes = []
    with np.errstate(all="ignore"):
        for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            z = a[l] @ W.astype(np.float64) + b
            near = kinks[l] & (np.abs(z) <= 8 * errors[l])
            changes.append(np.where(near, 1.0, errors[l]) + 4 * u)
        eye = np.eye(net.sizes[-1])
        if net.output == "softmax":
            size = a[-1][:, :, None] * (eye + a[-1][:, None, :])
            error = size * (2 * changes[-1].max(axis=1)[:, None, None] + 8 * u)
        else:
            steep = a[-1] if net.output == "exp" else np.ones_like(a[-1])
            size, error = 1.13 * steep[:, None, :] * eye, (steep * changes[-1])[:, None, :] * eye
        for l in range(len(net.weights) - 1, -1, -1):
            W = np.abs(net.weights[l].astype(np.float64)).T
            size = size @ W
            error = np.sqrt(error**2 @ W**2 + (len(W) + 2) * (u * size) ** 2)
            if l:
                error = 1.13 * error + size * changes[l - 1][:, None, :]
                size = 1.13 * size
        for pair, axes in ((facts.output_scaling(net), (..., None)), (w.scaled, (...,))):
            if pair is not None:
                scale = np.abs(pair[1])[axes]
                size, error = size * scale, error * scale
    allowed: Array = 8 * (error + 2 * u * size) + float(np.finfo(np.float32).tiny)
    return allowed
