"""Options of the commands of ``hint studio``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Project = Annotated[str, typer.Option(help="Title of the project, 3 to 50 characters.")]
Url = Annotated[
    str | None,
    typer.Option(help="Server; default: $HINT_STUDIO_URL, else the last hint studio serve."),
]
Token = Annotated[
    str | None, typer.Option(help="User token; default: $HINT_STUDIO_TOKEN, else that of the local server.")
]
Timeout = Annotated[float, typer.Option(help="Seconds a response may take.", min=1)]
Margin = Annotated[float, typer.Option(help="Room around the box, in units of its longest side.", min=0, max=100)]
FullFrame = Annotated[bool, typer.Option("--full-frame", help="Show whole frames.")]
Upload = Annotated[bool, typer.Option("--upload", help="Upload the pictures to the server.")]
Served = Annotated[
    Path | None, typer.Option(help="Folder from which your own server serves local files (its document root).")
]
Patience = Annotated[float, typer.Option(help="Seconds the server may be away.", min=0)]
