"""Summary of a network, as text and as HTML: its layers, parameters and scaling.

Private: it may change without notice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mlp import MLP


def heading(net: MLP) -> str:
    """Return one line: widths, loss, dtype, number of parameters."""
    widths = "-".join(map(str, net.sizes))
    return f"MLP {widths}, {net.loss} loss, {net.dtype}: {net.n_params:,} parameters"


def text(net: MLP) -> str:
    """Return the heading, a line for each layer, and the scaling."""
    lines = [
        f"  layer {number:>2}  {shape:>15}  {function:<24} {count:>12,}"
        for number, shape, function, count in _layers(net)
    ]
    return "\n".join([heading(net), *lines, *(f"  {row}" for row in _scaling(net))])


def html(net: MLP) -> str:
    """Return the same as a table."""
    rows = "".join(
        f"<tr><td>{number}</td><td>{shape}</td><td>{function}</td>"
        f"<td style='text-align:right'>{count:,}</td></tr>"
        for number, shape, function, count in _layers(net)
    )
    rows += "".join(f"<tr><td colspan=4>{row}</td></tr>" for row in _scaling(net))
    return (
        f"<table><caption>{heading(net)}</caption><thead><tr><th>layer</th><th>shape</th>"
        f"<th>activation</th><th>parameters</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _layers(net: MLP) -> list[tuple[str, str, str, int]]:
    """Return number, shape, activation and number of parameters of each layer."""
    rows = []
    dropout = (*net.dropout, 0.0)
    for l, (n_in, n_out) in enumerate(pairwise(net.sizes)):
        function: str = (*net.activation, net.output)[l]
        if dropout[l]:
            function += f", dropout {dropout[l]:g}"
        if not net.trainable[l]:
            function += ", frozen"
        rows.append((str(l + 1), f"{n_in} → {n_out}", function, (n_in + 1) * n_out))
    return rows


def _scaling(net: MLP) -> list[str]:
    """Return a sentence for the scaling of inputs, and one for that of targets."""
    rows = []
    if net._scaling is not None:
        factor = net._scaling.factor
        how = f"x * {factor:.6g}" if net._scaling.keeps_zeros else "(x - shift) * scale"
        rows.append(f"inputs are read as {how}")
    if net._old_bytes is not None:
        rows.append("bytes (uint8) are divided by 255 first, as in files of version 1")
    if net._output_scaling is not None:
        rows.append("targets are learnt as (y - shift) / scale")
    return rows
