"""Write whole folders or nothing."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hint.errors import WriteError
from hint.files.atomic import PART
from hint.files.path import require_local
from hint.lock import try_lock


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, a neighbour of ``path``, and put it in the place of ``path`` once that is done.

    A folder that is there stays until then, and is deleted. What killed runs left is removed first.

    Args:
        path: Folder to write.

    Raises:
        InputError: If it is a URL.
        WriteError: If something cannot be written, or ``path`` is a disk; it is left as it was.
    """
    require_local(path)
    if path.is_mount():
        raise WriteError(f"{path} is a disk of its own, which cannot be replaced as a whole; name a folder in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        with os.fdopen(handle, "r+b") as part:
            try_lock(part)  # so that other runs leave the folders alone
            new, old = _folders(Path(name))
            new.mkdir()
            try:
                yield new
                _replace(path, new, old)
            finally:
                _remove(Path(name))
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def _folders(part: Path) -> tuple[Path, Path]:
    """Return where a run that holds the lock of a file puts the new folder and the old one."""
    return part.with_name(f"{part.name}-new"), part.with_name(f"{part.name}-old")


def _replace(path: Path, new: Path, old: Path) -> None:
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:  # Ctrl-C too: what was moved away is put back
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _remove_abandoned(path: Path) -> None:
    """Remove what killed runs filled; where one ended between the two renames, the old folder is put back."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*{PART}"):
        with suppress(OSError), part.open("r+b") as stream:
            if try_lock(stream):
                _, old = _folders(part)
                if old.exists() and not path.exists():
                    old.rename(path)
                _remove(part)


def _remove(part: Path) -> None:
    for folder in _folders(part):
        shutil.rmtree(folder, ignore_errors=True)
    part.unlink(missing_ok=True)
