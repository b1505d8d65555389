"""Print to people: results on stdout, everything else on stderr; plain and unwrapped where no terminal is."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import typer

from hint.errors import InputError, legible, printable
from hint.files.path import url_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: Width that holds any table, for output that must not be wrapped.
_UNLIMITED = 1000
#: A line that somebody copies.
_COMMAND = re.compile(r"(?:hint|pip) [^,;]*")
#: Columns that are left for text, however narrow a terminal is.
_NARROWEST = 20

#: Words that stand out in tables.
COLOURS = {
    "ok": "green",
    "ready": "green",
    "passed": "green",
    "missing": "yellow",
    "problem": "bold red",
    "failed": "bold red",
}


def show(*tables: RenderableType) -> None:
    """Print tables of numbers on stdout, as wide as they are: a narrow terminal may wrap lines, no number is cut."""
    for table in tables:
        console = _console()
        wide = console.options.update(max_width=_UNLIMITED)
        console.width = max(console.width, console.measure(table, options=wide).maximum)
        console.print(table)


def show_rows(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print plain strings as a table; a terminal folds long texts, elsewhere every row is one line."""
    cells = [list(map(printable, row)) for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.write("".join(f"{line}\n" for line in _aligned([list(headings), *cells], title)))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    _console().print(table)


def _aligned(rows: Sequence[Sequence[str]], title: str | None) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if title:
        yield title
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def say(head: str, text: str, indent: int | None = None) -> None:
    """Print a line on stdout; on a terminal a long text goes on below where it began.

    Args:
        head: What stands before the text.
        text: Plain text.
        indent: Columns that the head takes, by default one for each character.
    """
    indent = len(head) if indent is None else indent
    lines = wrapped(legible(text), width=_width(sys.stdout), indent=indent)
    typer.echo(head + f"\n{'':{indent}}".join(lines))


def remark(text: str, style: str = "") -> None:
    """Print lines on stderr, never cut or read as markup, without what may be secret in addresses."""
    text = legible(text, keep="\n")
    if not sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
        return
    text = "\n".join(part for line in text.split("\n") for part in wrapped(line, width=_width(sys.stderr)))
    _console(stderr=True).print(text, style=style, markup=False, soft_wrap=True, highlight=False)


def wrapped(text: str, *, width: int | None, indent: int = 0) -> list[str]:
    """Break a line between words; a line that is a command stays whole, to be copied.

    Args:
        text: The line.
        width: Columns there are, None where no terminal is.
        indent: Columns of these that are taken.
    """
    if width is None or _COMMAND.fullmatch(text):
        return [text]
    room = max(width - indent, _NARROWEST)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def note(text: str) -> None:
    """Print on stderr what a reader of the result must know."""
    remark(f"note: {text}", style="yellow")


@contextmanager
def resumable(out: Path | str, results: str = "") -> Iterator[None]:
    """Name the folder of what is done if Ctrl-C interrupts work that the same command can continue.

    Args:
        out: The folder, or what else holds finished results.
        results: Pattern of files in that folder; if there are none, nothing was saved. "" does not look.
    """
    try:
        yield
    except KeyboardInterrupt:
        if results and not any(Path(out).glob(results)):
            remark("hint: interrupted; nothing was saved yet")
        else:
            remark(f"hint: interrupted; finished results are in {out}, the same command continues from there")
        raise


@contextmanager
def adding(is_shard: bool) -> Iterator[None]:
    """Say what a shard can do where a message advises to start over, which would take away what other shards did.

    Raises:
        InputError: Whatever is raised within, with other advice.
    """
    try:
        yield
    except InputError as error:
        if not is_shard or "always" not in str(error):
            raise
        raise InputError(f"{error}; shards only add to what is there: with --shard, remove that first") from error


def finish(
    result: Callable[[], None],
    data: object,
    as_json: bool,
    *,
    notes: Iterable[str] = (),
    reused: int = 0,
    files: str = "",
    ok: bool = True,
) -> NoReturn:
    """End a command: notes, then the result for people or as JSON, then where its files are.

    Args:
        result: Prints the result for people.
        data: The result for programs: JSON text, or a value to write as JSON.
        as_json: Whether it is printed for programs.
        notes: What a reader of the result must know.
        reused: How many hands an earlier run had finished.
        files: What was written where, "" for nothing.
        ok: Whether there is no problem; the exit code is 0 or 1.
    """
    for text in notes:
        note(text)
    if reused:
        remark(f"{reused:,} hands reused from an earlier run with the same settings")
    if as_json:
        typer.echo(data.rstrip("\n") if isinstance(data, str) else json.dumps(data, indent=2, allow_nan=False))
    else:
        result()
    if files:
        remark(files)
    raise typer.Exit(0 if ok else 1)


def what_follows(parts: Path, reused: int, joined: str = "joins them") -> str:
    """Say where the hands of a shard are, and what to do when all shards are done.

    Args:
        parts: Folder of the parts.
        reused: How many hands an earlier run had done, whose results may hold them by now.
        joined: What the command without ``--shard`` does.
    """
    if reused and url_of(parts) is None and not parts.exists():
        return "nothing is left to do: the results hold the hands of this shard"
    return f"parts: {parts}; when all shards are done, the command without --shard {joined}"


def _width(stream: TextIO) -> int | None:
    return shutil.get_terminal_size().columns if stream.isatty() else None


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if is_terminal else _UNLIMITED)
