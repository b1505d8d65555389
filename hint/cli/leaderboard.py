"""``hint leaderboard build`` and ``hint leaderboard table``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import remark
from hint.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.ranking import Section

app = typer.Typer(help="Rank records: a site that opens from disk, tables for papers.", no_args_is_help=True)

Records = Annotated[
    list[Path], typer.Argument(help="record.json files, or folders of hint eval, such as hint-results.")
]
Protocols = Annotated[
    list[Path] | None, typer.Option("--protocol", help="A protocol file of your own that records name; repeat.")
]


class Format(str, Enum):
    """How a table is written."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"


@app.command()
def build(
    records: Records,
    out: Annotated[Path, typer.Option(help="Folder of the site: empty, absent, or an earlier site.")],
    data: Annotated[Path | None, typer.Option(help="Labels with pictures, to show hands: as for hint eval.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, where they are not beside the labels.")
    ] = None,
    manifest: Annotated[
        list[Path] | None, typer.Option(help="Manifest of hint sample, to score by contact; repeat.")
    ] = None,
    agreement: Annotated[Path | None, typer.Option(help="agreement.json, shown as a ceiling.")] = None,
    protocol: Protocols = None,
    local: Annotated[
        bool, typer.Option("--local", help="Show Ego4D's pictures too: for a site that stays on this machine.")
    ] = False,
) -> None:
    """Build a static site that opens from disk: tables, a page per method, comparisons, hands.

    Every number is in the HTML. The same input gives the same bytes.
    """
    _require("jinja2", extra="site")
    if data is not None:
        _require("cv2", extra="images")
    from leaderboard.site.build import Request, build_site

    built = build_site(
        Request(tuple(records), out, data, images, tuple(manifest or ()), agreement, tuple(protocol or ()), local)
    )
    _say_unranked(built.board.sections)
    if local:
        remark("note: built with --local, so it may hold Ego4D's pictures; do not publish it", style="yellow")
    remark(f"{built.pages} pages, {built.pictures} pictures of hands")
    typer.echo(out / "index.html")


@app.command()
def table(
    records: Records,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.markdown,
    which: Annotated[
        list[str] | None, typer.Option("--table", help="1 to 5, or a subset the paper does not have; repeat.")
    ] = None,
    protocol: Protocols = None,
) -> None:
    """Print the paper's tables with your records in them: best bold, second best underlined."""
    from leaderboard.entry import read_entries
    from leaderboard.paper_table import FORMATS, build_tables
    from leaderboard.protocols import known_protocols
    from leaderboard.ranking import find_sections
    from leaderboard.reference import load_source

    entries = read_entries(records)
    sections = find_sections(entries, known_protocols(entries, protocol or ()))
    tables = build_tables(sections, load_source(), which or ())
    _say_unranked(sections)
    typer.echo(FORMATS[form.value](tables), nl=False)


def _say_unranked(sections: Sequence[Section]) -> None:
    for section in sections:
        for entry, reason in section.unranked:
            remark(f"note: {section.subset}: {entry.name} is not ranked: {reason}", style="yellow")


def _require(package: str, extra: str) -> None:
    from hint.requirements import missing_packages

    if lacking := missing_packages([package], extra):
        raise MissingRequirementError(f"the site {lacking}")
