"""``hint leaderboard build`` and ``hint leaderboard table``."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import finish, note, remark, say, show, show_rows
from hint.cli.options import Images, Json, Subsets
from hint.errors import InputError, MissingRequirementError, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.candidate import Problem
    from leaderboard.ranking import Section
    from leaderboard.submission_check import CheckedSubmission

app = typer.Typer(help="Rank results: a website that opens from disk, or tables for a paper.", no_args_is_help=True)

Records = Annotated[
    list[Path], typer.Argument(help="record.json files, folders of results, submissions (.zip), folders of them.")
]
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
    hide_hands: Annotated[
        bool, typer.Option("--hide-hands", help="Show nothing of single hands: for labels that are not public.")
    ] = False,
    history: Annotated[
        Path | None, typer.Option(help="Folder of submissions in a git repository, to show who entered when.")
    ] = None,
) -> None:
    """Build a website that opens from disk: tables, a page per method, comparisons, pictures of hands.

    Every number is in the HTML. The same input gives the same bytes.
    """
    _require("jinja2", "pandas", extra="site")
    if data is not None and not hide_hands:
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
        hide_hands=hide_hands,
        history=history,
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
    data: Annotated[Path | None, typer.Option(help="Labels to score submissions with.")] = None,
    which: Annotated[
        list[str] | None, typer.Option("--table", help="1 to 5, or a subset the paper does not have; repeat.")
    ] = None,
    protocol: Protocols = None,
    out: Annotated[Path | None, typer.Option(help="File to write instead of stdout; parquet needs one.")] = None,
) -> None:
    """Print the paper's tables with your records in them: best bold, second best underlined."""
    from hint.files import write_bytes
    from hint.files.atomic import require_writable
    from leaderboard.entry import read_candidates
    from leaderboard.paper_table import build_tables
    from leaderboard.protocols import known_protocols
    from leaderboard.ranking import find_sections
    from leaderboard.reference import load_source
    from leaderboard.submission_results import scored
    from leaderboard.table_formats import FORMATS

    meant = _ENDINGS.get(out.suffix, form) if out else form
    if meant is not form:
        raise InputError(f"{out} is the name of a {meant.value} file; give --format {meant.value}, or another name")
    if form is Format.parquet:
        if out is None and sys.stdout.isatty():
            raise InputError("parquet is not text; give --out FILE.parquet, or send stdout to a file")
        _require("pandas", "pyarrow", extra="pandas")
    if out is not None:
        require_writable(out.parent)
    with scored(records, data, protocol or ()) as given:
        found = read_candidates(given.paths, protocol or ())
        _note_refused([*given.refused, *found.refused])
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


@app.command(short_help="Say everything that is wrong with submissions, and score them.")
def check(
    submissions: Annotated[list[Path], typer.Argument(help="Files of hint submit, or folders of them.")],
    data: Annotated[Path | None, typer.Option(help="Labels to score them with.")] = None,
    subset: Subsets = None,
    protocol: Protocols = None,
    as_json: Json = False,
) -> None:
    """Say everything that is wrong with submissions, and score those that are right.

    A submission is read as the data of a stranger, and nothing in it is run. The exit code is 1 if anything is wrong.
    """
    from leaderboard.submission_check import check_submissions

    checked = check_submissions(submissions, data, subsets=subset or (), protocols=protocol or ())
    finish(
        lambda: _show_checked(checked),
        {"submissions": [each.summary() for each in checked]},
        as_json,
        ok=not any(each.problems for each in checked),
    )


@app.command(short_help="Show who entered a board, and when.")
def history(
    submissions: Annotated[Path, typer.Argument(help="Folder of submissions, in a git repository.")],
    as_json: Json = False,
) -> None:
    """Show who entered a board when and from which commit, from the git log of its submissions; the newest first."""
    from leaderboard.history import history_json, read_history

    events = read_history(submissions)
    headings = ("date", "event", "method", "file", "by", "commit")
    rows = [(e.date, e.event, e.title, e.file, e.by, e.commit[:12]) for e in events]
    finish(lambda: show_rows(headings, rows), {"history": history_json(events)}, as_json)


@app.command(short_help="Start a leaderboard of your own, as a repository that takes pull requests.")
def init(folder: Annotated[Path, typer.Argument(help="Folder to write: empty or absent.")]) -> None:
    """Write a repository in which pull requests with submissions are checked, scored and shown on GitHub Pages."""
    from leaderboard.template import write_template

    for path in write_template(folder):
        typer.echo(path)
    remark(f"read {folder / 'README.md'}: it says how to add labels and where the board appears")


def _show_checked(checked: Sequence[CheckedSubmission]) -> None:
    from leaderboard.table import score_table

    for each in checked:
        verdict = counted(len(each.problems), "problem") if each.problems else "ok"
        say("", f"{each.path}: {verdict}")
        for text in (*each.problems, *each.remarks):
            say("  ", text)
        if each.evaluation is not None:
            show(score_table(each.evaluation.record))


def _note_unranked(sections: Sequence[Section]) -> None:
    for section in sections:
        for entry, reason in section.unranked:
            note(f"{section.subset}: {entry.name} is not ranked: {reason}")


def _require(*packages: str, extra: str) -> None:
    from hint.requirements import missing_packages

    if missing := missing_packages(packages, extra):
        raise MissingRequirementError(f"hint leaderboard {missing}")
