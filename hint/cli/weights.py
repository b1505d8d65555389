"""``hint weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Work with network weights.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``convert`` a sub-command although it is the only one."""


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Official or self-trained checkpoint.")],
    target: Annotated[Path, typer.Argument(help="safetensors file to write.")],
) -> None:
    """Read a checkpoint safely and write its tensors as safetensors."""
    from hint.weights import convert as convert_weights

    convert_weights(source, target)
    typer.echo(target)
