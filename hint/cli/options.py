"""Options that mean the same in every command."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from hint.errors import InputError


class Overwrite(str, Enum):
    """What to do with results that are there already."""

    never = "never"
    missing = "missing"
    always = "always"


class Device(str, Enum):
    """Where networks run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Out = Annotated[Path, typer.Option(help="Folder results go to.")]
Seed = Annotated[int, typer.Option(help="Seed of everything that is drawn at random.", min=0)]
Limit = Annotated[int | None, typer.Option(help="This many hands only, spread evenly.", min=1)]
ReuseOrNot = Annotated[
    Overwrite, typer.Option(help="missing: go on from what is there; never: refuse; always: start anew.")
]
Where = Annotated[Device, typer.Option(help="Where networks run.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, ...: what the method offers.")]
BatchSize = Annotated[int, typer.Option(help="Hands per forward pass.", min=1)]
Workers = Annotated[int, typer.Option(help="Threads that read and crop pictures.", min=1)]
Weights = Annotated[str | None, typer.Option(help="Weights file, or a name such as random.")]
Mano = Annotated[str | None, typer.Option(help="MANO_RIGHT.pkl or npz, or: procedural.")]
OwnSettings = Annotated[list[str] | None, typer.Option("--set", help="A method's own setting, key=value.")]
Number = Annotated[int, typer.Option("-n", "--n", help="Number of hands to render.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def key_values(pairs: list[str]) -> dict[str, str]:
    """Read what ``--set key=value`` says.

    Raises:
        InputError: If one of them has no "=".
    """
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise InputError(f"--set {wrong[0]}: write key=value")
    return dict(pair.split("=", 1) for pair in pairs)
