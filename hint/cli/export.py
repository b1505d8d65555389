"""``hint export``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import remark
from hint.cli.options import Out


class Format(str, Enum):
    """Format of exported labels."""

    hint = "hint"
    npz = "npz"
    coco = "coco"


def export(
    source: Annotated[Path, typer.Argument(help="Folder from hint studio pull, or any HInt root.")],
    fmt: Annotated[
        Format, typer.Option("--format", help="HInt jpg+json pairs, evaluation npz, or COCO with v = 0, 1, 2.")
    ] = Format.hint,
    out: Out = Path("hint-labels"),
    annotator: Annotated[str | None, typer.Option(help="Take the labels of this annotator only.")] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(
            help="Take everybody's labels; this annotator decides for hands with several. Repeat, best first."
        ),
    ] = None,
) -> None:
    """Write reviewed labels, one per hand, with their provenance."""
    from annotation.export import export as write

    done = write(source, fmt.value, out, annotator, prefer or ())
    typer.echo(f"labels      {done.out}\nprovenance  {done.provenance}")
    parts = ", ".join(f"{count} by {name}" for name, count in done.taken_from.items() if name)
    remark(f"{done.hands} hands{f': {parts}' if parts else ''}")
