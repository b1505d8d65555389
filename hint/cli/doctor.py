"""``hint doctor``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hint.cli.console import show_rows
from hint.cli.options import Json


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also load OpenCV and PyTorch, and look for a GPU.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is installed and found where, what is missing, and what to type."""
    from dataclasses import asdict

    from hint.doctor import examine, has_problem

    findings = examine(deep=deep)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        show_rows(("what", "state", "found", "what to do"), [(f.name, f.state, f.detail, f.advice) for f in findings])
    raise typer.Exit(1 if has_problem(findings) else 0)
