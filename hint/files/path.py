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
        InputError: If it is neither a str nor a path, holds a NUL, or "~name" names no user.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"expected a path as str or Path, not {type(path).__name__}")
    if "\0" in str(path):
        raise InputError(f"{path}: names of files hold no NUL")
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


def require_local(path: Path) -> None:
    """Refuse to write to a URL, which as a path would be a folder called "s3:" here.

    Raises:
        InputError: If it is one.
    """
    if (url := url_of(path)) is not None:
        raise InputError(f"{url}: results go to a disk: choose another --out; --parts URL takes what workers write")


def refuse_device(path: Path) -> None:
    """Refuse to read a device as a whole: some never end. Pipes do, and shells make them.

    Raises:
        InputError: If it is one.
    """
    if path.is_char_device():
        raise InputError(f"cannot read {path}: it is a device, not a file")


def require_regular(path: Path) -> None:
    """Refuse a pipe or a device where bytes are read in any order: it would be waited for.

    Raises:
        InputError: If it is there, and neither a file nor a folder.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is a pipe or a device; name a file")


def is_file(path: Path) -> bool:
    """Tell whether a file that another one names is there; what is no name of a file, by its length, is not."""
    try:
        return path.is_file()
    except OSError:
        return False
