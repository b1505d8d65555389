"""``hint prepare``."""

from __future__ import annotations

import typer

app = typer.Typer(help="Prepare the released dataset: check it, cut its Ego4D frames.", no_args_is_help=True)
