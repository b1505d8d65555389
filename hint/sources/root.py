"""Say where a source is, if not in the folder that was named: above it, below it, or still in its .zip."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hint.errors import InputError


def nothing_there(
    root: Path, what: str, looked_for: Sequence[str], is_root: Callable[[Path], bool], markers: Sequence[str]
) -> InputError:
    """Describe what a root lacks.

    Args:
        root: The folder that was named.
        what: What it should hold.
        looked_for: Paths below it.
        is_root: Tells whether a folder is the right one.
        markers: Parts of paths that tell a .zip of it.
    """
    if not root.exists():
        return InputError(f"{root}: no such folder")
    if near := next(filter(is_root, _neighbours(root)), None):
        return InputError(f"{root} does not contain {what}, but {near} does: use --root {shlex.quote(str(near))}")
    archives = [root] if root.is_file() else sorted(root.glob("*.zip"))
    if packed := next((path for path in archives if _holds(path, markers)), None):
        folder = packed.with_suffix("")
        unzip = shlex.join(["unzip", str(packed), "-d", str(folder)])
        use = f"--root {shlex.quote(str(folder))}"
        return InputError(f"{packed} holds {what} but is not unpacked: {unzip}, then use {use}")
    return InputError(f"{root} does not contain {what}; looked for {', '.join(looked_for)} below it")


def _neighbours(root: Path) -> Iterator[Path]:
    """Yield the folders around one: up to two levels below, and above."""
    below = _folders(root)
    yield from below
    yield from (path for folder in below for path in _folders(folder))
    yield from root.absolute().parents[:2]


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _holds(archive: Path, markers: Sequence[str]) -> bool:
    from hint.files.bounded_npz import ZIP_ERRORS  # with it comes NumPy, which lists of sources need not wait for

    try:
        with zipfile.ZipFile(archive) as packed:
            return any(marker in name for name in packed.namelist() for marker in markers)
    except ZIP_ERRORS:
        return False
