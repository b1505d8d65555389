"""``hint prepare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import show_rows
from hint.cli.options import Json

if TYPE_CHECKING:
    from annotation.prepare.verify import Report

app = typer.Typer(help="Prepare the released dataset: check it, cut its Ego4D frames.", no_args_is_help=True)


@app.command("verify")
def verify(
    root: Annotated[Path, typer.Argument(help="The unpacked HInt_annotation_partial or HInt_annotation.")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="Check this folder only, if you took a part: TEST_newdays_img; repeat for several."),
    ] = None,
    checksums: Annotated[Path | None, typer.Option(help="Also compare every file with this list of sha256sum.")] = None,
    write: Annotated[
        Path | None, typer.Option("--write-checksums", help="Also write such a list, for sha256sum -c in ROOT.")
    ] = None,
    zip_md5: Annotated[
        bool, typer.Option("--zip-md5", help="Also compute the MD5 of the official check (minutes, writes nothing).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a released HInt folder, complete or before its Ego4D frames were cut; nothing in it is changed.

    Without --only all eleven folders are expected. Exit code 1 if there is a problem, 0 if there are warnings at most.
    """
    from annotation.prepare.verify import Extras
    from annotation.prepare.verify import verify as check

    report = check(root, only or (), Extras(zip_md5, write, checksums))
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show(report)
    raise typer.Exit(1 if report.total("problem") else 0)


def _show(report: Report) -> None:
    from annotation.prepare.findings import KINDS, printable

    headings = ("folder", "json", "jpg", "released", "problems", "warnings")
    show_rows(headings, [[str(value) for value in vars(count).values()] for count in report.folders])
    for finding in report.findings:
        shown = finding.shown()
        ids = ", ".join(shown[:5]) + (", ..." if len(shown) > 5 else "")
        typer.secho(finding.level, fg="red" if finding.level == "problem" else "yellow", bold=True, nl=False)
        typer.echo(f": {KINDS[finding.kind].says} ({len(finding.ids)}): {ids}")
        typer.echo(f"         {printable(report.advice(finding))}")
    if report.zip_md5:
        typer.echo(f"MD5 of the official zip: {report.zip_md5}")
    hands = sum(count.labels for count in report.folders)
    found = f"{report.total('problem')} problems, {report.total('warning')} warnings"
    typer.echo(f"{hands} hands in {len(report.folders)} folders: {found}")
