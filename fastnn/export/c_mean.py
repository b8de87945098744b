"""Writer of the C file of an ensemble: the functions of every network, and their mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ensemble import Ensemble
from ..layout import Array
from ..mlp import MLP
from . import arithmetic, c_activations, facts
from .c_writer import Writer

_ADD = """\
static void @name@_add(const @a_type@ *a, double *sum)
{
    int j;
    for (j = 0; j < @NAME@_N_OUT; j++) sum[j] += (double)a[j];
}
"""
_ENTRY = """\
void @name@_predict@suffix@(const @type@ x[@NAME@_N_IN], @a_type@ a[@NAME@_N_OUT])
{
    @NAME@_SCRATCH double sum[@NAME@_N_OUT];
    int j;
    for (j = 0; j < @NAME@_N_OUT; j++) sum[j] = 0;
@calls@
    for (j = 0; j < @NAME@_N_OUT; j++) a[j] = (@a_type@)(sum[j] / @k@);
}
"""
_CALL = "    @name@_{i}_predict@suffix@(x, a), @name@_add(a, sum);"


class _Member(Writer):
    """Writer of one network's functions, with the types and macros of the whole file."""

    def __init__(self, net: MLP, whole: MeanWriter, i: int) -> None:
        super().__init__(net, f"{whole.name}_{i}", whole.real)
        self.macro, self.common = whole.macro, whole.name
        self.set_types(whole.x_real, whole.a_real)

    def entries(self) -> list[str]:
        """Return the functions that the mean calls."""
        kinds = (("", self.x_type), ("_u8", "uint8_t"))
        return [f"static {self.entry(*kind)}" for kind in kinds]

    def activations(self) -> str:
        """Return nothing: all networks share them."""
        return ""


class MeanWriter(Writer):
    """Writer of the mean of an ensemble, for float and double."""

    def __init__(self, ensemble: Ensemble, name: str, real: str) -> None:
        nets = facts.networks_of(ensemble)
        super().__init__(nets[0], name, real)
        inputs = {facts.input_dtype(net, real) for net in nets}
        outputs = {facts.output_dtype(net, real) for net in nets}
        self.set_types(max(inputs), max(outputs))  # float64 is the last by name, too
        self.ensemble: Ensemble = ensemble
        self.metadata: dict[str, Any] = ensemble.metadata
        self.classifies: bool = facts.task_of(ensemble) == "classify"
        self.words: str = f"the mean of {len(nets)}: {self.words}"
        scalings = [facts.input_scaling(net) for net in nets]
        self.scaled: tuple[Array, Array] | None = next(
            (pair for pair in scalings if pair is not None), None
        )
        self.members: list[_Member] = [_Member(net, self, i) for i, net in enumerate(nets)]

    def body(self) -> list[str]:
        """Return tables and functions, in their order."""
        parts = [self.activations()]
        for member in self.members:
            parts += member.body()
        self.flash: int = sum(member.flash for member in self.members)
        self.ram: int = max(member.ram for member in self.members) + 8 * self.net.sizes[-1]
        return [*parts, self.fill(_ADD), *self.entries()]

    def activations(self) -> str:
        """Return the functions of all networks' layers, once."""
        used = {f: None for net in self.ensemble for f in (*net.activation, net.output)}
        return c_activations.activations(tuple(used), self.name, self.real)

    def entry(self, suffix: str, c_type: str) -> str:
        """Return the function that predicts from inputs of one type."""
        calls = "\n".join(_CALL.format(i=i) for i in range(len(self.members)))
        return self.fill(
            _ENTRY.replace("@calls@", calls), suffix=suffix, type=c_type, k=f"{len(self.members)}.0"
        )

    def predict(self, X: Array) -> Array:
        """Return what the self-test expects of rows."""
        return self.ensemble.mean(X)

    def tolerance(self, X: Array) -> Array:
        """Return what rounding may change of these outputs."""
        each = [arithmetic.tolerance(net, X, self.real) for net in self.ensemble]
        last = float(np.finfo(self.a_real).eps) * np.abs(self.predict(X))
        return np.asarray(np.mean(each, axis=0) + last)
