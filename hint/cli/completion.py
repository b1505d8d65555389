"""Shell completion: Typer's, for a program whose commands are imported one at a time."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Set by the completion scripts of the shells.
_VARIABLE = "_HINT_COMPLETE"
_OPTIONS = ("--install-completion", "--show-completion")


def is_asked_for(option: str) -> bool:
    """Tell whether a shell asks for completions, or a person for the script that makes it ask."""
    return option in _OPTIONS or _VARIABLE in os.environ


def complete(arguments: Sequence[str]) -> None:
    """Answer a shell, or install or print its completion script."""
    import typer

    from hint.cli import COMMANDS
    from hint.cli.command import as_app
    from hint.imports import load

    app = typer.Typer(rich_markup_mode=None)
    typed = _typed_command()
    for name, (target, what) in COMMANDS.items():
        defined = load(target) if name == typed else _nothing
        if isinstance(defined, typer.Typer):
            app.add_typer(as_app(defined), name=name, help=what)
        else:
            app.command(name, help=what)(defined)
    app(arguments, prog_name="hint")


def _typed_command() -> str:
    """Return the command on the line that is being completed, if it is complete itself."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    words = line.split()
    return words[1] if len(words) > 2 or (len(words) == 2 and line[-1:].isspace()) else ""


def _nothing() -> None:
    """Stand for a command that is not the one being typed."""
