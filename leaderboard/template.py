"""The repository template of a leaderboard: docs/leaderboard-template, in a wheel a folder of this package."""

from __future__ import annotations

from pathlib import Path

from hint.errors import InputError
from hint.files import write_bytes
from hint.files.path import as_path


def template_folder() -> Path:
    """Return where the template lies."""
    here = Path(__file__).resolve().parent
    installed = here / "template"
    return installed if installed.is_dir() else here.parent / "docs" / "leaderboard-template"


def write_template(folder: Path | str) -> list[Path]:
    """Write the template, and return its files.

    Args:
        folder: Empty or absent; a repository without files is empty.

    Raises:
        InputError: If there is something in the folder.
        WriteError: If it cannot be written.
    """
    target, source = as_path(folder), template_folder()
    if target.exists() and (not target.is_dir() or any(path.name != ".git" for path in target.iterdir())):
        raise InputError(f"{target} is not an empty folder; choose another one")
    written = []
    for name in sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()):
        write_bytes(target / name, (source / name).read_bytes())
        written.append(target / name)
    return written
