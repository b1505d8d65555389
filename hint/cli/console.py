"""Print to people: tables on stdout, remarks on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: Width of tables where there is no terminal to ask.
_WIDTH = 160


def show(table: RenderableType) -> None:
    """Print a table of numbers on stdout, as wide as it needs: a narrow terminal may wrap lines, no number is cut."""
    console = _console(sys.stdout.isatty())
    wide = console.options.update(max_width=1000)
    console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def remark(text: str, style: str = "") -> None:
    """Print a line on stderr, never cut or read as markup."""
    _console(sys.stderr.isatty(), stderr=True).print(text, style=style, markup=False, soft_wrap=True, highlight=False)


def show_rows(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print plain strings as a table that folds long texts; the words of :data:`COLOURS` stand out."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    _console(sys.stdout.isatty()).print(table)


COLOURS = {
    "ok": "green",
    "ready": "green",
    "passed": "green",
    "missing": "yellow",
    "problem": "bold red",
    "failed": "bold red",
}


def _console(is_terminal: bool, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, width=None if is_terminal else _WIDTH)
