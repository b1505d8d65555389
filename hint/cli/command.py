"""Make a command that can run of what its module defines: a function, or a group of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from typer.main import get_command

from hint.imports import load

if TYPE_CHECKING:
    # Typer's commands come from click, in newer versions from a copy of its own.
    Command = Any


def make_command(target: str) -> Command:
    """Return the command that ``"module:attribute"`` defines, with plain help."""
    return get_command(as_app(load(target)))


def as_app(defined: typer.Typer | Callable[..., None]) -> typer.Typer:
    """Return a group as it is, a function as a group of one, either with plain help and without completion."""
    if not isinstance(defined, typer.Typer):
        app = typer.Typer()
        app.command()(defined)
        return _plain(app)
    return _plain(defined)


def _plain(app: typer.Typer) -> typer.Typer:
    """Rich's help takes long to import, and its boxes wrap what a narrow terminal, a pipe or a page shows."""
    app.rich_markup_mode = None
    app.pretty_exceptions_enable = False
    app._add_completion = False
    return app
