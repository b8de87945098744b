"""Display of a running fit: a bar in a terminal or a notebook, lines in a log file.

`bar` chooses the form. All of them have the methods of `Progress`, which itself shows nothing and
imports nothing. The training loop calls `update` between runs of mini-batches, so nearly all calls
must cost no more than a look at the clock; there is no thread that would take time from training.

Private: it may change without notice.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from .words import metric, minutes, with_unit

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_now = time.monotonic

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 1.0
_BAR_CELLS = (6, 40)  # the narrowest bar that still says something, the widest that is of use
# Beside a bar in this order, others after them: a narrow terminal leaves the last ones out.
_FIRST = ("loss", "clock", "accuracy", "val_accuracy", "val_loss")

_SHORT = {"accuracy": "acc", "val_accuracy": "val_acc"}
_NOT_A_METRIC = ("lr", "seconds", "examples_per_second")


def bar(
    show: bool,
    *,
    epochs: int,
    examples: int,
    first_epoch: int = 0,
    file: TextIO | None = None,
    unit: str = "epoch",
) -> Progress:
    """Return the display of one fit, to be used in a ``with`` statement.

    Parameters
    ----------
    show : bool
        False gives a display that does nothing.
    epochs : int
        The number of the last epoch.
    examples : int
        Training examples in one epoch.
    first_epoch : int, default 0
        Epochs that an earlier fit has completed, when one is resumed.
    file : text file, optional
        Where to write. If not given, the notebook cell if there is one, else ``sys.stderr``.
    unit : str, default "epoch"
        What is counted, where it is something else than a fit that is shown.

    Returns
    -------
    Progress
        A live bar if the output is a notebook or a terminal, else one line an epoch.

    Examples
    --------
    >>> with bar(True, epochs=1, examples=100, file=sys.stdout) as progress:
    ...     progress.update(1, 50, {"loss": 0.5})
    ...     progress.epoch_end(1, {"loss": 0.25, "examples_per_second": 1.52e6})
    epoch 1/1  loss 0.2500  1.52 M/s
    """
    if not show:
        return Progress()
    if file is None and not _in_notebook():
        file = sys.stderr
        if file is None:  # a program without a console, such as pythonw
            return Progress()
    shown = _form(epochs, examples, first_epoch, file)
    shown.unit = unit
    return shown


def _form(epochs: int, examples: int, first_epoch: int, file: TextIO | None) -> _Shown:
    """Return the form that fits the output; no file is a notebook's cell."""
    if file is None:
        return _Notebook(epochs, examples, first_epoch)
    if file.isatty():
        from rich.console import Console

        console = Console(file=file)
        # rich knows which terminals cannot move the cursor, and the variables that say so.
        if console.is_terminal and not console.is_dumb_terminal:
            return _Terminal(epochs, examples, first_epoch, console)
    return _Lines(epochs, examples, first_epoch, file)


class Progress:
    """The display of a fit that shows nothing; the others override its methods.

    Epochs are numbered from 1. A display is a context manager: leaving it, by an exception or
    Ctrl-C too, puts the terminal back in order and leaves the last state readable.

    Examples
    --------
    >>> with Progress() as progress:
    ...     progress.note("nobody sees this")
    """

    def update(self, epoch: int, done: int, logs: Mapping[str, float]) -> None:
        """Tell how far the fit is; cheap enough to be called at any rate.

        Parameters
        ----------
        epoch : int
            The epoch that is under way.
        done : int
            Examples of that epoch that have been used.
        logs : mapping of str to float
            What is known of the epoch so far; may be empty. Values of the last whole epoch
            stand in for what is missing.
        """

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Tell that `epoch` is complete, with all that was logged."""

    def note(self, text: str) -> None:
        """Show a line of text that stays, above the bar or between the lines."""

    def __enter__(self) -> Progress:
        """Begin the display, and its clock."""
        return self

    def __exit__(self, *error: object) -> None:
        """Finish the display."""


class _Shown(Progress):
    """Base of the visible displays: the state, its throttle, and its words."""

    _seconds_between = _REDRAW_SECONDS
    unit = "epoch"

    def __init__(self, epochs: int, examples: int, first_epoch: int) -> None:
        self._epochs = epochs
        self._examples = examples
        self._first_epoch = first_epoch
        self._epoch = min(first_epoch + 1, epochs)
        self._used = 0  # examples since the start of this fit, over all its epochs
        self._whole: dict[str, float] = {}  # logs of the last complete epoch
        self._logs: dict[str, float] = {}
        self._began = self._next = _now()

    def __enter__(self) -> Progress:
        self._began = self._next = _now()
        return self

    def update(self, epoch: int, done: int, logs: Mapping[str, float]) -> None:
        if _now() < self._next:
            return
        self._move(epoch, (epoch - 1 - self._first_epoch) * self._examples + done, logs)
        self._show()

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        self._whole = dict(logs)
        self._move(epoch, (epoch - self._first_epoch) * self._examples, logs)
        if _now() >= self._next:
            self._show()

    def _move(self, epoch: int, used: int, logs: Mapping[str, float]) -> None:
        self._epoch = epoch
        self._used = used
        self._logs = {**self._whole, **logs}

    def _show(self) -> None:
        self._draw()
        # Counted from after the drawing, so that a slow terminal cannot eat up all the time.
        self._next = _now() + self._seconds_between

    def _draw(self, final: bool = False) -> None:
        raise NotImplementedError

    # -- the words ---------------------------------------------------------------------------

    def _total(self) -> int:
        return max((self._epochs - self._first_epoch) * self._examples, 1)

    def _name(self) -> str:
        return f"{self.unit} {self._epoch:{len(str(self._epochs))}d}/{self._epochs}"

    def _metrics(self) -> dict[str, str]:
        return {
            name: f"{_SHORT.get(name, name)} {metric(value)}"
            for name, value in self._logs.items()
            if name not in _NOT_A_METRIC
        }

    def _speed(self) -> str:
        """Examples a second: as logged, or since the fit began."""
        seconds = _now() - self._began
        speed = self._logs.get("examples_per_second", self._used / seconds if seconds > 0 else 0.0)
        return f"{with_unit(speed)}/s" if speed > 0 else ""

    def _clock_text(self, final: bool) -> str:
        """Tell the time that is left or, at the end, the time that it took."""
        seconds = _now() - self._began
        if final:
            return f"in {seconds:.1f} s" if seconds < 60 else f"in {minutes(seconds)}"
        if not self._used:
            return ""
        return f"eta {minutes(seconds / self._used * (self._total() - self._used))}"

    def _texts(self, final: bool) -> list[str]:
        """Return the texts beside a bar, the most important first."""
        texts = {"clock": self._clock_text(final), **self._metrics(), "speed": self._speed()}
        first = [texts.pop(name) for name in _FIRST if name in texts]
        return [text for text in (*first, *texts.values()) if text]


class _Terminal(_Shown):
    """A live line by rich, on a terminal."""

    def __init__(self, epochs: int, examples: int, first_epoch: int, console: Console) -> None:
        from rich.live import Live

        super().__init__(epochs, examples, first_epoch)
        self._console = console
        # What callbacks print appears above the bar, but only if it would have gone to a
        # terminal: standard output that is piped into a file must still arrive there.
        self._live = Live(
            console=console,
            auto_refresh=False,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
            redirect_stderr=sys.stderr is console.file,
        )

    def __enter__(self) -> Progress:
        super().__enter__()
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._draw(final=True)
        finally:
            self._live.stop()

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _draw(self, final: bool = False) -> None:
        self._live.update(self._line(final), refresh=True)

    def _line(self, final: bool) -> RenderableType:
        from rich.constrain import Constrain
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        # Less than the width: some terminals wrap when the last cell is written, and all of them
        # write "^C" behind the line when that is typed.
        width = self._console.width - 3
        name, texts = self._name(), self._texts(final)
        while texts and len("  ".join([name, *texts])) + 2 + _BAR_CELLS[0] > width:
            texts.pop()
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(no_wrap=True)
        line.add_column()  # takes what the others leave
        line.add_column(no_wrap=True)
        bar = ProgressBar(total=self._total(), completed=self._used, width=_BAR_CELLS[1])
        line.add_row(name, bar, "  ".join(texts))
        return Constrain(line, width)


class _Notebook(_Shown):
    """An HTML bar in the cell of a notebook, by IPython alone."""

    def __init__(self, epochs: int, examples: int, first_epoch: int) -> None:
        super().__init__(epochs, examples, first_epoch)
        self._handle: Any = None
        self._notes: list[str] = []

    def __exit__(self, *error: object) -> None:
        self._draw(final=True)

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._draw()

    def _draw(self, final: bool = False) -> None:
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

        data = self._data(final)
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def _data(self, final: bool) -> dict[str, str]:
        from html import escape  # only here: it takes longer to import than all of this module

        epoch, texts = self._name(), self._texts(final)
        notes = "".join(f"<div>{escape(note)}</div>" for note in self._notes)
        html = (
            f'<div style="font-variant-numeric: tabular-nums">{notes}{escape(epoch)} '
            f'<progress value="{self._used}" max="{self._total()}"></progress> '
            f"{escape('  '.join(texts)).replace('  ', '&ensp;')}</div>"
        )
        plain = "\n".join([*self._notes, "  ".join([epoch, *texts])])
        return {"text/html": html, "text/plain": plain}


class _Lines(_Shown):
    """One plain line an epoch, for pipes and log files.

    Short epochs would fill a log: no more than about a line a second, and the first and the last.
    """

    _seconds_between = _LINE_SECONDS

    def __init__(self, epochs: int, examples: int, first_epoch: int, file: TextIO) -> None:
        super().__init__(epochs, examples, first_epoch)
        self._file = file
        self._unwritten = False

    def update(self, epoch: int, done: int, logs: Mapping[str, float]) -> None:
        pass  # only whole epochs are written

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        self._unwritten = True
        super().epoch_end(epoch, logs)

    def note(self, text: str) -> None:
        self._write_last()
        print(text, file=self._file, flush=True)

    def __exit__(self, *error: object) -> None:
        # Which epoch is the last is known only now: a fit may stop early.
        self._write_last()

    def _write_last(self) -> None:
        if self._unwritten:
            self._draw()

    def _draw(self, final: bool = False) -> None:
        self._unwritten = False
        left = self._clock_text(final=False) if self._used < self._total() else ""
        texts = [self._name(), *self._metrics().values(), self._speed(), left]
        print("  ".join(text for text in texts if text), file=self._file, flush=True)


def _in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this program, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # By name, and over all base classes: hosted notebooks have kernels of their own.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
