"""Tables of the views, for the terminal, Jupyter, JSON and pandas.

A view's result is a frozen dataclass of arrays that inherits `Shown`; it defines its tables, and
inherits ``print``, Jupyter's HTML, ``to_dict``, ``to_frame`` and ``to_html``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..words import number, plain_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions

_WIDTH = 100  # columns of text
PICTURE = {"plain": False}  # metadata of a field that only pictures need: not in `to_dict`

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
_PAGE_STYLE = """\
:root { color-scheme: light dark; --line: #c8ccd0; --back: #ffffff; --text: #16191c; }
@media (prefers-color-scheme: dark) {
  :root { --line: #40464d; --back: #111417; --text: #e6e6e6; }
}
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
table { display: block; overflow-x: auto; border-collapse: collapse; margin: 1.5rem 0 0.5rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.5rem; }
th, td { padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
p { max-width: 42rem; }"""


@dataclass(frozen=True)
class TextTable:
    """Rows of names and numbers under headings.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : sequence of tuples
        Strings are aligned left, numbers right.
    note : str
        A sentence or two below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    note: str = ""


class Shown:
    """Base of results that can be printed, shown in a notebook, kept as JSON and drawn."""

    def tables(self) -> list[TextTable]:
        """Return the tables of the result."""
        raise NotImplementedError

    def plot(self, *args: Any, **options: Any) -> Any:  # mypy: any arguments may override it
        """Draw the result (extra "plot"); return the matplotlib figure."""
        raise NotImplementedError

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=_WIDTH, color_system=None, legacy_windows=False).print(self)
        return text.getvalue().rstrip("\n")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        for table in self.tables():
            shown = RichTable(
                title=Text(table.title, style="bold"),
                title_justify="left",
                box=box.SIMPLE_HEAD,
                pad_edge=False,
                caption=Text(table.note, style="") if table.note else None,
                caption_justify="left",
            )
            for column, heading in enumerate(table.columns):
                numeric = all(not isinstance(row[column], str) for row in table.rows)
                shown.add_column(heading, justify="right" if numeric and table.rows else "left")
            for row in table.rows:
                shown.add_row(*(Text(number(cell)) for cell in row))
            yield shown

    def to_html(self) -> str:
        """Return the tables as HTML for a page, without script or style sheet."""
        parts = []
        for table in self.tables():
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
            body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
            note = f"<p>{escape(table.note)}</p>" if table.note else ""
            parts.append(
                f"<table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table>{note}"
            )
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_page(self) -> str:
        """Return `to_html` as a complete page, light or dark like the reader's system."""
        title = escape(next((table.title for table in self.tables()), "fastnn explain"))
        return _PAGE.format(title=title, style=_PAGE_STYLE, body=self.to_html())

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers of the result as JSON values; NaN and infinity become None."""
        plain = plain_value(self)
        assert isinstance(plain, dict)
        return plain

    def to_frame(self, table: int = 0) -> Any:
        """Return one of the tables as a pandas DataFrame; raise ImportError without pandas."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas") from None
        shown = self.tables()[table]
        return pd.DataFrame(list(shown.rows), columns=list(shown.columns))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f'<td style="text-align:right">{escape(number(value))}</td>'
