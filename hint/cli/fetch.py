"""``hint fetch``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import remark
from hint.errors import MissingRequirementError


def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="hint (the dataset), mediapipe, hamer, metro, rtmpose-m-hand5, ...; a wrong name lists all."
        ),
    ],
    url: Annotated[str | None, typer.Option(help="Another address, or the path of a copy you have.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to unpack to (hint and mediapipe only).")] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Accept an archive with this digest instead of the known one (hint only).")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Rely on the archive's checksum, not on the server's certificate (hint only)."),
    ] = False,
    accept: Annotated[bool, typer.Option("--accept-licence", help="Accept the licence without a prompt.")] = False,
) -> None:
    """Download weights or the dataset, after showing the licence; an interrupted fetch resumes."""
    from hint import fetch as downloads

    job = downloads.plan(name, url=url, out=out, sha256=sha256, insecure=insecure)
    remark(job.asset.licence)
    if accept:
        job = replace(job, options={**job.options, "--accept-licence": ""})
    else:
        _ask(job.command({"--accept-licence": ""}))
    try:
        report = downloads.carry_out(job, _progress())
    except KeyboardInterrupt:
        remark(f"hint: interrupted; {job.command()} goes on from there")
        raise
    for path in report.files:
        typer.echo(f"{path}{' (new)' if path in report.new else ''}")
    for text in report.remarks:
        remark(text)


def _ask(accepting: str) -> None:
    """Ask whether the licence is accepted.

    Args:
        accepting: The command that accepts it.
    """
    if not sys.stdin.isatty():
        raise MissingRequirementError(f"accept the licence above first: {accepting}")
    if not typer.confirm("Accept?", err=True):
        raise MissingRequirementError("the licence was not accepted, nothing was downloaded")


def _progress() -> Callable[[str, int, int | None], None]:
    """Return a callback that reports every twentieth of a stage, or every 100 MB if its size is unknown."""
    reported: dict[str, int] = {}

    def advance(stage: str, done: int, total: int | None) -> None:
        step = 20 * done // total if total else done // 100_000_000
        if reported.get(stage) != step:
            reported[stage] = step
            remark(f"{stage}: {done / 1e6:,.0f} MB" + (f" of {total / 1e6:,.0f} MB" if total else ""))

    return advance
