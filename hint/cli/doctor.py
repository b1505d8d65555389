"""``hint doctor``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hint.cli.console import say
from hint.cli.options import Json

if TYPE_CHECKING:
    from hint.doctor import Finding

_COLOURS = {"ok": "green", "missing": "yellow", "problem": "red"}


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also load OpenCV and PyTorch, and look for a GPU.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is installed, what is missing, and what to type."""
    from dataclasses import asdict

    from hint.doctor import examine, has_problem

    findings = examine(deep=deep)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    raise typer.Exit(1 if has_problem(findings) else 0)


def _show(findings: Sequence[Finding]) -> None:
    """Print a line on each finding; what to do about it follows below."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        state = typer.style(f"{finding.state:8}", fg=_COLOURS[finding.state])
        say(f"{state} {finding.name:{width}}  ", finding.detail, width + 11)
        if finding.advice:
            say(" " * (width + 11), finding.advice)
