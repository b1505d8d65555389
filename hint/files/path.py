"""Paths as a user gives them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hint.errors import InputError

#: A scheme has two letters or more; one letter is a drive of Windows.
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return a path with "~" expanded.

    Raises:
        InputError: If it is neither a str nor a path, or "~name" names no user.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"expected a path as str or Path, not {type(path).__name__}")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{path}: there is no such user") from error


def url_of(path: Path) -> str | None:
    """Return the URL that a path stands for, see :mod:`hint.files.storage`; None for a local path."""
    match = _URL.fullmatch(path.as_posix())
    if match is None:
        return None
    scheme, place = match.groups()
    return f"{scheme}:///{place}" if scheme == "file" else f"{scheme}://{place}"


def is_file(path: Path) -> bool:
    """Tell whether a file that another one names is there; what is no name of a file, by its length, is not."""
    try:
        return path.is_file()
    except OSError:
        return False
