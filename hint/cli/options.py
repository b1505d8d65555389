"""Options that mean the same in every command."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


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
Number = Annotated[int, typer.Option("-n", "--n", help="Number of hands to render.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
