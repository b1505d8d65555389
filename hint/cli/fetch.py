"""``hint fetch``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from hint.cli.console import remark
from hint.errors import MissingRequirementError


def fetch(
    name: Annotated[str, typer.Argument(help="What to get: hamer, mano.")],
    url: Annotated[str | None, typer.Option(help="Another address, or the path of an archive you have.")] = None,
    accept: Annotated[bool, typer.Option("--accept-licence", help="Accept the licence without being asked.")] = False,
) -> None:
    """Download released weights, after showing their licence; an interrupted download goes on where it stopped."""
    from hint import fetch as downloads

    remark(downloads.asset(name).licence)
    if not accept:
        _ask(name)
    report = downloads.fetch(name, url=url, on_progress=_progress())
    for path in report.files:
        typer.echo(f"{path}{' (new)' if path in report.new else ''}")


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        raise MissingRequirementError(f"accept the licence above first: hint fetch {name} --accept-licence")
    if not typer.confirm("Accept?", err=True):
        raise MissingRequirementError("the licence was not accepted, nothing was downloaded")


def _progress() -> Callable[[str, int, int | None], None]:
    """Return a callback that says on stderr when another twentieth, or 100 MB of unknown many, is done."""
    said: dict[str, int] = {}

    def advance(stage: str, done: int, total: int | None) -> None:
        step = 20 * done // total if total else done // 100_000_000
        if said.get(stage) != step:
            said[stage] = step
            remark(f"{stage}: {done / 1e6:,.0f} MB" + (f" of {total / 1e6:,.0f} MB" if total else ""))

    return advance
