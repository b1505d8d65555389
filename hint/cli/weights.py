"""``hint weights``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hint.cli.console import say
from hint.cli.options import Json

app = typer.Typer(help="Work with network weights.", no_args_is_help=True)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Official or self-trained checkpoint.")],
    target: Annotated[Path, typer.Argument(help="safetensors file to write.")],
) -> None:
    """Read a checkpoint safely and write its tensors as safetensors."""
    from hint.weights import convert as convert_weights

    convert_weights(source, target)
    typer.echo(target)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="Weights of any method, official or self-trained.")],
    as_json: Json = False,
) -> None:
    """Say whose weights a file holds, their size, and how they were made; nothing in it is run."""
    from hint.methods.official_weights import describe_weights

    facts = describe_weights(file)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        say(f"{name:<12}", _text(value))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
