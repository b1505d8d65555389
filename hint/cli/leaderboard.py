"""``hint leaderboard build`` and ``hint leaderboard table``."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import note, remark
from hint.cli.options import Images
from hint.errors import InputError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.ranking import Section
    from leaderboard.submission import Problem

app = typer.Typer(help="Rank results: a website that opens from disk, or tables for a paper.", no_args_is_help=True)

Records = Annotated[list[Path], typer.Argument(help="record.json files, or folders of results such as hint-results.")]
Protocols = Annotated[
    list[Path] | None, typer.Option("--protocol", help="A protocol file of your own that records name; repeat.")
]


class Format(str, Enum):
    """How a table is written."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    parquet = "parquet"


class Verify(str, Enum):
    """What happens with records whose error table could not be computed again."""

    optional = "optional"
    required = "required"


_ENDINGS = {".md": Format.markdown, ".tex": Format.latex, ".csv": Format.csv, ".parquet": Format.parquet}


@app.command(short_help="Build a website that opens from disk.")
def build(
    records: Records,
    out: Annotated[Path, typer.Option(help="Folder of the website: empty, absent, or an earlier one.")],
    data: Annotated[
        Path | None, typer.Option(help="Labels with pictures, to show hands and to verify error tables.")
    ] = None,
    images: Images = None,
    manifest: Annotated[
        list[Path] | None, typer.Option(help="Manifest of hint sample, to score by contact; repeat.")
    ] = None,
    agreement: Annotated[Path | None, typer.Option(help="agreement.json, shown as a ceiling.")] = None,
    protocol: Protocols = None,
    local: Annotated[
        bool, typer.Option("--local", help="Show Ego4D's pictures too, for a website that stays on this machine.")
    ] = False,
    verify: Annotated[
        Verify, typer.Option(help="Rank only records that could be verified with --data, or mark the others.")
    ] = Verify.optional,
    uncorrected: Annotated[
        bool, typer.Option("--uncorrected", help="Rank by the interval of each pair alone, whatever their number.")
    ] = False,
) -> None:
    """Build a website that opens from disk: tables, a page per method, comparisons, pictures of hands.

    Every number is in the HTML. The same input gives the same bytes.
    """
    _require("jinja2", "pandas", extra="site")
    if data is not None:
        _require("cv2", extra="images")
    from leaderboard.site.build import build_leaderboard

    site = build_leaderboard(
        records,
        out,
        data=data,
        images=images,
        manifests=manifest or (),
        agreement=agreement,
        protocols=protocol or (),
        local=local,
        verify=verify.value,
        corrected=not uncorrected,
    )
    _note_refused(site.board.refused)
    _note_unranked(site.board.sections)
    if local:
        note("built with --local, so it may hold Ego4D's pictures; do not publish it")
    remark(f"{site.pages} pages, {site.pictures} pictures of hands")
    typer.echo(site.index)


@app.command(short_help="Print the paper's tables with your records in them.")
def table(
    records: Records,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.markdown,
    which: Annotated[
        list[str] | None, typer.Option("--table", help="1 to 5, or a subset the paper does not have; repeat.")
    ] = None,
    protocol: Protocols = None,
    out: Annotated[Path | None, typer.Option(help="File to write instead of stdout; parquet needs one.")] = None,
) -> None:
    """Print the paper's tables with your records in them: best bold, second best underlined."""
    from hint.files import write_bytes
    from leaderboard.entry import read_submissions
    from leaderboard.paper_table import build_tables
    from leaderboard.protocols import known_protocols
    from leaderboard.ranking import find_sections
    from leaderboard.reference import load_source
    from leaderboard.table_formats import FORMATS

    meant = _ENDINGS.get(out.suffix, form) if out else form
    if meant is not form:
        raise InputError(f"{out} is the name of a {meant.value} file; give --format {meant.value}, or another name")
    if form is Format.parquet:
        if out is None and sys.stdout.isatty():
            raise InputError("parquet is not text; give --out FILE.parquet, or send stdout to a file")
        _require("pandas", "pyarrow", extra="pandas")
    found = read_submissions(records, protocol or ())
    _note_refused(found.refused)
    sections = find_sections(found.entries, known_protocols(found.entries, protocol or ()))
    content = FORMATS[form.value](build_tables(sections, load_source(), which or ()))
    _note_unranked(sections)
    if out is None:
        typer.echo(content, nl=False)
        return
    write_bytes(out, content)
    typer.echo(out)


def _note_refused(refused: Sequence[Problem]) -> None:
    for problem in refused:
        note(f"refused: {problem}")


def _note_unranked(sections: Sequence[Section]) -> None:
    for section in sections:
        for entry, reason in section.unranked:
            note(f"{section.subset}: {entry.name} is not ranked: {reason}")


def _require(*packages: str, extra: str) -> None:
    from hint.requirements import missing_packages

    if missing := missing_packages(packages, extra):
        raise MissingRequirementError(f"hint leaderboard {missing}")
