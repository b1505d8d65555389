"""The repository template of a leaderboard: docs/leaderboard-template, in a wheel a folder of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hint.errors import InputError
from hint.files import remove_abandoned, write_bytes
from hint.files.path import as_path


def template_folder() -> Path:
    """Return where the template lies."""
    here = Path(__file__).resolve().parent
    installed = here / "template"
    return installed if installed.is_dir() else here.parent / "docs" / "leaderboard-template"


def write_template(folder: Path | str) -> list[Path]:
    """Write the template, and return its files.

    Args:
        folder: Empty or absent; a repository without files is empty, and so is what a killed run left.

    Raises:
        InputError: If there is something in the folder.
        WriteError: If it cannot be written.
    """
    target, source = as_path(folder), template_folder()
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    contents = {target / name: (source / name).read_bytes() for name in names}
    if target.exists() and not _is_as_good_as_empty(target, contents):
        raise InputError(f"{target} is not an empty folder; choose another one")
    for path, content in contents.items():
        write_bytes(path, content)
    return list(contents)


def _is_as_good_as_empty(target: Path, contents: Mapping[Path, bytes]) -> bool:
    """Tell whether a folder holds nothing but a part of the template, after removing files that are not whole."""
    if not target.is_dir():
        return False
    for folder in {path.parent for path in contents}:
        remove_abandoned(folder)
    found = [path for path in target.rglob("*") if not path.is_dir() and ".git" not in path.relative_to(target).parts]
    return len(found) < len(contents) and all(
        path in contents and path.is_file() and path.read_bytes() == contents[path] for path in found
    )
