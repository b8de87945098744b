"""Nudges of each example to each parameter; their average is −∇C."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..mlp import MLP, check_mlp
from ..words import number
from .neuron_names import NeuronNames, Parameter, image_shape
from .shown import PICTURE, Shown, TextTable
from .view_data import PIECE, ViewData, row_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions

_SHOWN_PARAMS, _SHOWN_EXAMPLES = 12, 6
_UP, _DOWN = "0,114,178", "213,94,0"  # the blue and vermilion of the pictures,
_BLUE, _VERMILION = "color(32)", "color(166)"  # and what is next to them in terminals
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class NudgeTable(Shown):
    """A row a parameter, a column an example, the last column the average over all examples.

    Attributes
    ----------
    parameters : tuple of Parameter
        The shown rows, P of them.
    examples : ndarray of int64, shape (E,)
        The row of X of each column.
    wanted : tuple of str
        The classes of these rows; empty if y has values.
    nudges : ndarray of float64, shape (P, E)
        −∂C_i/∂θ: what example i asks of parameter θ.
    average : ndarray of float64, shape (P,)
        Its (weighted) mean over all n examples, −∂C/∂θ.
    spread : ndarray of float64, shape (P,)
        Its standard deviation over all n examples.
    n : int
        Number of examples in the average.
    check : float
        max |average + ∇C| / max |∇C| over all parameters of the network, shown or not: the average
        of the examples' nudges against `MLP.gradient`, which sums without storing single ones.
    averages : ndarray of float64, shape (n_params,)
        The average of every parameter of the network, laid out like ``net.params``.
    images : ndarray of float64, shape (E, rows, columns), or None
        The examples as pictures; None if the inputs are no picture.
    """

    parameters: tuple[Parameter, ...]
    examples: NDArray[np.int64]
    wanted: tuple[str, ...]
    nudges: NDArray[np.float64]
    average: NDArray[np.float64]
    spread: NDArray[np.float64]
    n: int
    check: float
    averages: NDArray[np.float64] = field(metadata=PICTURE)
    images: NDArray[np.float64] | None = field(metadata=PICTURE)

    def tables(self) -> list[TextTable]:
        """Return one table, in the cost's own units."""
        rows = [
            (parameter.name, *map(float, nudges), float(average), float(spread))
            for parameter, nudges, average, spread in zip(
                self.parameters, self.nudges, self.average, self.spread, strict=True
            )
        ]
        columns = ("parameter", *self.headings(" "), "average", "spread")
        return [TextTable(self._title(), columns, rows, self.note())]

    def headings(self, between: str = "\n") -> list[str]:
        """Return the headings of the columns: the row of X and its class."""
        if not self.wanted:
            return [f"row {row}" for row in self.examples]
        return [
            f"row {row}{between}({label})"
            for row, label in zip(self.examples, self.wanted, strict=True)
        ]

    def _title(self) -> str:
        return f"What each example asks of each parameter, −∂Cᵢ/∂θ, and the average of {self.n:,}"

    def note(self) -> str:
        """Return sentences on the units, on the average and on the spread."""
        return (
            "Slopes, in cost per unit of the parameter: a step at the learning rate η changes each "
            "by η times the average. The average is −∇C: it differs from that of net.gradient by "
            f"{number(self.check)} of the largest component. Spread: standard deviation over all "
            "examples."
        )

    @property
    def unit(self) -> str:
        """The unit of all numbers in print and picture: "in 10⁻³", or "" if it is 1."""
        exponent = self._power()
        return f"in 10{str(exponent).translate(_SUPERSCRIPTS)}" if exponent else ""

    def _power(self) -> int:
        return power(np.concatenate([self.nudges.ravel(), self.average, self.spread]))

    def in_unit(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return nudges, average and spread, divided by the unit of the table."""
        one = 10.0 ** self._power()
        return self.nudges / one, self.average / one, self.spread / one

    def texts(self) -> tuple[list[list[str]], list[str], list[str]]:
        """Return nudges, average and spread as text, in the unit of the table.

        If the nudges nearly cancel, their average is much smaller; it then has more decimals.
        """
        nudges, averages, spread = self.in_unit()
        decimals = 2 + min(max(-power(averages), 0), 4)
        return (
            [[_signed(x) for x in row] for row in nudges.tolist()],
            [_signed(x, decimals) for x in averages.tolist()],
            [f"{x:.2f}" for x in spread.tolist()],
        )

    def _printed_title(self) -> str:
        return self._title() + (f"; all {self.unit}" if self.unit else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        shown = RichTable(
            title=Text(self._printed_title(), style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            caption=Text(self.note(), style=""),
            caption_justify="left",
        )
        shown.add_column("parameter", no_wrap=True)
        for heading in (*self.headings(), "average", "spread"):
            shown.add_column(Text(heading), justify="right")
        for parameter, nudges, average, spread in zip(self.parameters, *self.texts(), strict=True):
            cells = [Text(text, style=_style(text)) for text in (*nudges, average)]
            cells[-1].stylize("bold")
            shown.add_row(Text(parameter.name), *cells, Text(spread))
        yield shown

    def to_html(self) -> str:
        """Return the table as HTML with cells coloured by sign, without script or style sheet."""
        headings = ("parameter", *self.headings(" "), "average", "spread")
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headings)
        shares = self.nudges / (float(np.abs(self.nudges).max(initial=0)) or 1.0)
        lines = []
        for parameter, texts, average, spread, row in zip(
            self.parameters, *self.texts(), shares, strict=True
        ):
            cells = "".join(map(_coloured, texts, row.tolist()))
            cells += f'<td style="text-align:right"><b>{average}</b></td>'
            name = escape(parameter.name)
            lines.append(
                f'<tr><th scope="row" title="{escape(parameter.words)}">{name}</th>{cells}'
                f'<td style="text-align:right">{spread}</td></tr>'
            )
        return (
            f"<table><caption>{escape(self._printed_title())}</caption><thead><tr>{head}</tr>"
            f"</thead><tbody>{''.join(lines)}</tbody></table><p>{escape(self.note())}</p>"
        )

    def plot(self, **options: Any) -> Any:
        """Draw it as a heat map; see `fastnn.plot.nudge_table`."""
        from .. import plot

        return plot.nudge_table(self, **options)


def power(values: NDArray[np.float64]) -> int:
    """Return the exponent of the power of ten that suits the largest of some numbers."""
    largest = float(np.abs(values).max(initial=0))
    return math.floor(math.log10(largest)) if largest > 0 else 0


def _signed(x: float, decimals: int = 2) -> str:
    text = f"{x:+.{decimals}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def _style(text: str) -> str:
    return {"+": _BLUE, "−": _VERMILION}.get(text[0], "")


def _coloured(text: str, share: float) -> str:
    colour = _UP if share > 0 else _DOWN
    return (
        f'<td style="text-align:right;background:rgba({colour},{0.6 * abs(share):.2f})">{text}</td>'
    )


def nudge_table(
    net: MLP,
    X: Any,
    y: Any,
    *,
    params: Sequence[int | str] | None = None,
    examples: Sequence[int] | None = None,
    sample_weight: ArrayLike | None = None,
    max_bytes: int = PIECE,
) -> NudgeTable:
    """Return what each example asks of each parameter, and check that the average is −∇C.

    The cost of a training set is the mean of its examples' costs, C = 1/n Σ C_i, and so is its
    gradient: −∇C = 1/n Σ (−∇C_i). See Nielsen, *Neural Networks and Deep Learning*, ch. 2, and
    Rumelhart, Hinton & Williams 1986.

    The single gradients of all n examples are computed by ``net.gradient(..., per_example=True)``,
    as many at a time as `max_bytes` hold, and summed in float64; the shown cells are kept. The sum
    over n is then compared with ``net.gradient(X, y)``, where the core sums while it goes.

    Parameters
    ----------
    net : MLP
        Not changed.
    X : array-like, shape (n, n_in)
        As of `MLP.fit`.
    y : array-like, shape (n,) or (n, n_out)
        As of `MLP.fit`.
    params : sequence of int or str, optional
        The rows: positions in ``net.params``, or names such as ``"weights[0][412, 3]"`` and
        ``"biases[1][7]"``. Default: the 12 parameters of the largest |∂C/∂θ|, in that order.
    examples : sequence of int, optional
        The columns: rows of X. Default: the first 6.
    sample_weight : array-like, shape (n,) or that of y, optional
        Weight of each example in average and spread; its own column is not weighted.
    max_bytes : int, default 4 MiB
        Memory for gradients of single examples; one gradient is always held.

    Returns
    -------
    NudgeTable

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or the gradient is not finite.
    RuntimeError
        The average is not −∇C within rounding (1000 ε of the typical length of one ∇C_i): a bug in
        fastnn.

    Examples
    --------
    >>> import fastnn
    >>> (X, y), _ = fastnn.datasets.load_digits()
    >>> net = fastnn.MLP([784, 16, 16, 10], activation="sigmoid", output="sigmoid",
    ...                  loss="quadratic", seed=0)
    >>> table = fastnn.explain.nudge_table(net, X[:500], y[:500])
    >>> table.nudges.shape, table.average.shape
    ((12, 6), (12,))
    >>> table.check < 1e-4
    True
    """
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
        raise ValueError(f"max_bytes must be a number of bytes above 0, got {max_bytes!r}")
    check_mlp(net)
    gradient = net.gradient(X, y, sample_weight=sample_weight).flat.astype(np.float64)
    if not np.isfinite(gradient).all():
        raise ValueError("the gradient of net on these examples is not finite")
    data, names = ViewData(net, X, y), NeuronNames(net)
    wanted = range(min(_SHOWN_EXAMPLES, data.n)) if examples is None else examples
    columns = row_numbers("examples", wanted, data.n)
    rows = _largest(gradient) if params is None else _indices(names, params)
    weight = net._passes.examples(X, y, sample_weight)[0].weight
    weight = np.ones(data.n) if weight is None else weight
    # weights of targets are weights of rows, and what each target counts in its row
    given: NDArray[Any] = np.asarray(sample_weight)
    within = given if given.ndim == 2 else None
    averages, spread, length = _stream(net, data, weight, within, rows, gradient, max_bytes)
    nudges = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(columns):
        counts = None if within is None else within[[row]]
        of_row = net.gradient(*data.at([row]), sample_weight=counts, per_example=True)
        single = of_row.flat[0]
        nudges[:, i] = -single[rows].astype(np.float64)
    shape = image_shape(net)
    return NudgeTable(
        parameters=tuple(names.parameter(int(index)) for index in rows),
        examples=columns,
        wanted=()
        if data.labels is None
        else tuple(data.classes[label] for label in data.labels[columns]),
        nudges=nudges,
        average=averages[rows],
        spread=spread,
        n=data.n,
        check=_compare(averages, -gradient, length, np.finfo(net.dtype).eps),
        averages=averages,
        images=None if shape is None else data.dense(columns).reshape(-1, *shape),
    )


def _stream(
    net: MLP,
    data: ViewData,
    weight: NDArray[np.float64],
    within: NDArray[Any] | None,
    rows: NDArray[np.int64],
    gradient: NDArray[np.float64],
    max_bytes: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return 1/Σw Σ w (−∇C_i), (n_params,); the spread, of `rows`; and √mean ‖∇C_i‖²."""
    total, squares, square_length = np.zeros(net.n_params), np.zeros(len(rows)), 0.0
    for piece, X in data.pieces(net.n_params * net.dtype.itemsize, max_bytes):
        counts = None if within is None else within[piece]
        each = net.gradient(X, data.targets[piece], sample_weight=counts, per_example=True)
        flat, w = each.flat, weight[piece]
        # about the known mean: squares of the values themselves would cancel
        squares += w @ (flat[:, rows].astype(np.float64) - gradient[rows]) ** 2
        square_length += float(np.vdot(flat, flat))
        if (w != 1).any():
            flat *= w[:, None].astype(flat.dtype)
        total -= flat.sum(axis=0, dtype=np.float64)
    all_weight = weight.sum()
    return total / all_weight, np.sqrt(squares / all_weight), math.sqrt(square_length / data.n)


def _compare(
    averages: NDArray[np.float64], wanted: NDArray[np.float64], length: float, epsilon: float
) -> float:
    """Return the largest difference relative to the largest component; raise if it is too large.

    Rounding errors are relative to the terms of a sum, not to the sum: if the examples' nudges
    cancel, the sum may be all rounding.
    """
    difference = float(np.abs(averages - wanted).max())
    largest = float(np.abs(wanted).max())
    if not difference <= 1000 * epsilon * max(length, largest):
        raise RuntimeError(
            f"the average of the examples' gradients differs from net.gradient by {difference:.3g}"
            f" where the largest component is {largest:.3g}: please report this"
        )
    return difference / largest if largest > 0 else 0.0


def _largest(gradient: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(-np.abs(gradient), kind="stable")
    return order[:_SHOWN_PARAMS].astype(np.int64)


def _indices(names: NeuronNames, params: Sequence[int | str]) -> NDArray[np.int64]:
    if isinstance(params, str) or not isinstance(params, Sequence | np.ndarray):
        raise TypeError(f"params must be a sequence of positions or names, got {params!r}")
    return np.array([names.index(param) for param in params], np.int64)
