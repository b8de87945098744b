"""Weights of the first layer, confusions, costliest examples, and units, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..words import brief
from .style import SEQUENTIAL, SERIES, WIDTH, diverging, figure, ink, readable, shortened, signs

if TYPE_CHECKING:
    from ..explain.inside import Inside

_MOST_IMAGES, _MOST_PANELS = 64, 12  # neurons of the first layer
_BRIGHTEST = 99.5  # percentile of |weight| with the full colour, so that outliers pale no others
_MOST_BARS = 8  # inputs of one unit, features of one example
_ONE_LINE = 14  # letters of two class names that fit on one line above bars
_MOST_NAMES = 26  # classes up to which the rows of a confusion matrix have their names


def _grid(n: int, most: int) -> tuple[int, int]:
    columns = min(n, most)
    return -(-n // columns), columns


def first_layer(inside: Inside) -> Any:
    """Draw the weights of each neuron of the first layer, as an image or as bars.

    Parameters
    ----------
    inside : Inside
        As `fastnn.explain.look_inside` returns it. Images share one scale of colours; bars show
        the 8 largest weights of each neuron. At most 64 images or 12 neurons with bars.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    W, image = inside.first_weights, inside.image_shape
    shown = min(W.shape[1], _MOST_IMAGES if image else _MOST_PANELS)
    rows, columns = _grid(shown, 8 if image else 2)
    size = (WIDTH, 0.98 * rows + 0.8) if image else (WIDTH, 2.3 * rows + 0.5)
    made, axes = figure(rows, columns, size=size)
    limit = float(np.percentile(np.abs(W[:, :shown]), _BRIGHTEST)) or 1.0
    for j, ax in enumerate(axes.flat):
        if j >= shown:
            ax.set_axis_off()
        elif image:
            ax.imshow(W[:, j].reshape(image), cmap=diverging(), vmin=-limit, vmax=limit)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_title(f"{j}", fontsize="small", pad=2)
        else:
            largest = np.argsort(-np.abs(W[:, j]), kind="stable")[:_MOST_BARS][::-1]
            up, down = signs()
            colours = [up if weight > 0 else down for weight in W[largest, j]]
            _bars(ax, W[largest, j], [inside.names[0][i] for i in largest], colours)
            ax.set_title(inside.names[1][j], fontsize="medium")
            if j + columns >= shown:
                ax.set_xlabel("weight")
    if image:
        made.colorbar(axes.flat[0].images[0], ax=axes, label="weight", shrink=0.9, extend="both")
    more = f" (the first {shown} of {W.shape[1]})" if shown < W.shape[1] else ""
    made.suptitle(f"What the neurons of layer 1 look for{more}")
    return made


def _bars(ax: Any, values: Any, names: list[str], colours: Any) -> None:
    """Draw numbers as horizontal bars, the first at the bottom."""
    ax.barh(range(len(values)), values, color=colours)
    ax.set_yticks(range(len(values)), [shortened(name) for name in names], fontsize="small")
    ax.axvline(0, color="0.5", lw=0.8)


def confusion(inside: Inside) -> Any:
    """Draw the confusion matrix: rows are true classes, columns predicted classes.

    Parameters
    ----------
    inside : Inside
        With classes. Colours are shares of the row; numbers count examples.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        The examples have no classes.
    """
    counts = inside.confusion
    if counts is None:
        raise ValueError("the picture 'confusion' needs y with class labels")
    k = len(counts)
    names = [shortened(name) for name in inside.classes]
    longest = max(map(len, names))
    rotated = longest > 3
    side = min(WIDTH, 2.5 + 0.42 * k + 0.07 * longest)
    made, ((ax,),) = figure(size=(side, side - 0.6))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    from matplotlib.colors import PowerNorm

    norm = PowerNorm(0.5, 0, 1)  # mistakes are rare: on a linear scale all would be black
    shaded = ax.imshow(shares, cmap=SEQUENTIAL, norm=norm)
    cell = 72 * (side - 1.7 - 0.07 * longest) / k  # points, about
    if cell > 6 * len(f"{counts.max():,}"):
        for (i, j), count in np.ndenumerate(counts):
            if count:
                colour = readable(shaded.cmap(norm(shares[i, j])))
                ax.text(j, i, f"{count:,}", ha="center", va="center", color=colour, size="small")
    if k <= _MOST_NAMES:
        ax.set_xticks(range(k), names, rotation=90 if rotated else 0, size="small")
        ax.set_yticks(range(k), names, size="small")
    ax.set_xlabel("the network says")
    ax.set_ylabel("it is")
    ticks = [0, 0.01, 0.05, 0.2, 0.5, 1]
    made.colorbar(shaded, ax=ax, label="share of the row", shrink=0.85, ticks=ticks)
    right = np.trace(counts) / max(int(counts.sum()), 1)
    made.suptitle(f"Which class was taken for which\n{right:.1%} right", fontsize="large")
    return made


def mistakes(inside: Inside) -> Any:
    """Draw the costliest examples with prediction and target.

    Parameters
    ----------
    inside : Inside
        With y. Examples that are no images show their 8 largest features, scaled as the network
        reads them. A × marks those that are wrong.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        No examples were kept: y or `n_mistakes` was not given.
    """
    worst, image = inside.mistakes, inside.image_shape
    if not worst:
        raise ValueError("the picture 'mistakes' needs y, and n_mistakes above 0")
    rows, columns = _grid(len(worst), 4 if image else 2)
    size = (max(1.7 * columns, 4) + 0.2, 2.1 * rows + 0.5) if image else (WIDTH, 2.7 * rows + 0.5)
    made, axes = figure(rows, columns, size=size)
    for i, ax in enumerate(axes.flat):
        if i >= len(worst):
            ax.set_axis_off()
            continue
        mistake, x = worst[i], inside.mistake_inputs[i]
        if image:
            ax.imshow(x.reshape(image), cmap="gray")
            ax.set_xticks([])
            ax.set_yticks([])
        else:
            largest = np.sort(np.argsort(-np.abs(x), kind="stable")[:_MOST_BARS])[::-1]
            _bars(ax, x[largest], [inside.names[0][j] for j in largest], SERIES[2])
            ax.set_xlabel("as the network reads it", fontsize="small")
        said, wanted = shortened(mistake.said, 18), shortened(mistake.wanted, 18)
        short = len(said) + len(wanted) <= (_ONE_LINE // 2 if image else _ONE_LINE)
        mark, apart = "× " if mistake.right is False else "", " " if short else "\n"
        title = f"{mark}said {said},{apart}is {wanted}"
        title += f"\nrow {mistake.row}, cost {brief(mistake.cost, 3)}"
        ax.set_title(title, fontsize="medium" if short else "small")
    wrong = any(mistake.right is False for mistake in worst)
    made.suptitle("The costliest examples" + " (× wrong)" * wrong)
    return made


def units(inside: Inside) -> Any:
    """Draw each layer's units: mean activation with its spread, and the shares dead or saturated.

    Parameters
    ----------
    inside : Inside
        As `fastnn.explain.look_inside` returns it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    layers = inside.units
    n = len(layers)
    made, axes = figure(n, 2, size=(WIDTH, 1.7 * n + 0.9))
    for l, layer in enumerate(layers):
        means, shares = axes[l]
        x = np.arange(len(layer.mean))
        means.errorbar(
            x, layer.mean, layer.deviation, fmt="o", ms=4, color=ink(), ecolor="0.5", lw=1
        )
        shares.bar(x, layer.dead, 0.8, color=SERIES[1], label="dead")
        shares.bar(x, layer.saturated, 0.8, layer.dead, color=SERIES[0], label="saturated")
        shares.set_ylim(0, 1.02)
        name = "outputs" if l == n - 1 else f"hidden {layer.layer}"
        means.set_ylabel(f"{name}\n({layer.activation})")
        if l and (l < n - 1 or layer.activation in ("sigmoid", "softmax", "tanh")):
            means.sharey(axes[0, 0])  # unbounded outputs have their own scale
        for ax in (means, shares):
            ax.grid(alpha=0.3)
            ax.xaxis.get_major_locator().set_params(integer=True)
            if len(x) == 1:
                ax.set_xticks(x)
    axes[0, 0].set_title("activation: mean ± deviation")
    axes[0, 1].set_title("share of the examples")
    for ax in axes[-1]:
        ax.set_xlabel("neuron")
    handles, labels = axes[0, 1].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=2)
    return made
