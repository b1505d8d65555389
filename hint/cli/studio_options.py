"""Options of the commands of ``hint studio``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark

if TYPE_CHECKING:
    from annotation.studio.client import Studio
    from annotation.studio.store import PictureStore

Project = Annotated[str, typer.Option(help="Title of the project, 3 to 50 characters.")]
Url = Annotated[
    str | None,
    typer.Option(help="Server; default: $HINT_STUDIO_URL, else the last hint studio serve."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="File that holds a user's token, - for stdin; default: $HINT_STUDIO_TOKEN, else that of the local server."
    ),
]
Timeout = Annotated[float, typer.Option(help="Seconds a response may take.", min=1)]
Margin = Annotated[float, typer.Option(help="Room around the box, in units of its longest side.", min=0, max=100)]
FullFrame = Annotated[bool, typer.Option("--full-frame", help="Show whole frames.")]
Upload = Annotated[bool, typer.Option("--upload", help="Upload the pictures to the server.")]
Served = Annotated[
    Path | None, typer.Option(help="Folder from which your own server serves local files (its document root).")
]
Patience = Annotated[float, typer.Option(help="Seconds the server may be away.", min=0)]


@dataclass(frozen=True)
class PushFlags:
    """Where tasks are sent, and what they show of a hand."""

    margin: Margin = 0.5
    full_frame: FullFrame = False
    upload: Upload = False
    served: Served = None
    url: Url = None
    token_file: TokenFile = None
    timeout: Timeout = 600.0
    patience: Patience = 120.0

    def connect(self) -> tuple[Studio, PictureStore]:
        """Return the server, and where its pictures go."""
        from annotation.studio.login import connect, token_of
        from annotation.studio.store import choose_store

        studio, login = connect(self.url, token_of(self.token_file), self.timeout)
        return studio, choose_store(self.upload, self.served, login)

    def keywords(self) -> dict[str, Any]:
        """Return margin, patience and what tells the user, as keyword arguments."""
        return {
            "margin": None if self.full_frame else self.margin,
            "patience": self.patience,
            "on_note": remark,
        }
