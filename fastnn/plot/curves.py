"""The history of a training as curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .style import DASHES, SERIES, figure

if TYPE_CHECKING:
    from ..history import History


def learning_curves(history: History, *, axes: Any = None) -> Any:
    """Draw the logged losses and, if there are any, accuracies against the epoch.

    Parameters
    ----------
    history : History
        At least one epoch.
    axes : sequence of matplotlib Axes, optional
        One for the losses and, if accuracies were logged, one more. Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        The history is empty, or there are too few axes.
    """
    if len(history) == 0:
        raise ValueError("history is empty: there is nothing to plot")
    groups = [
        (label, [name for name in (key, f"val_{key}") if name in history])
        for key, label in (("loss", "cost"), ("accuracy", "accuracy"))
    ]
    groups = [(label, names) for label, names in groups if names]
    if axes is None:
        axes = figure(1, len(groups), size=(4.5 if len(groups) == 1 else 7, 3))[1][0]
    axes = [axes] if hasattr(axes, "plot") else list(axes)
    if len(axes) < len(groups):
        raise ValueError(f"axes must be {len(groups)} axes, got {len(axes)}")
    epochs = range(1, len(history) + 1)
    for ax, (label, names) in zip(axes, groups, strict=False):
        for name, color, style in zip(names, SERIES, DASHES, strict=False):
            marker = "o" if len(history) == 1 else None
            ax.plot(
                epochs,
                history[name],
                style,
                color=color,
                marker=marker,
                label="validation" if name.startswith("val_") else "training",
            )
        ax.set_xlabel("epoch")
        ax.set_ylabel(label)
        ax.grid(alpha=0.3)
        ax.legend()
        ax.xaxis.get_major_locator().set_params(integer=True)
    return axes[0].figure
