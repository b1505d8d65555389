"""The folder of a site: replaced as a whole, and only if it is a site already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hint.errors import InputError, some_ids
from hint.files.atomic_folder import atomic_folder

#: Lists the files of a site; a folder without it is not one of ours.
MARKER = "hint-site.json"
_FORMAT = "hint-site-1"


def check_target(out: Path) -> None:
    """Refuse a folder that contains anything but an earlier site.

    Raises:
        InputError: If ``out`` is a file, contains other files, or cannot be read.
    """
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise InputError(f"{out} is not a folder; choose another --out")
        present = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_symlink() or not p.is_dir()}
    except OSError as error:
        raise InputError(f"cannot look into {out}: {error.strerror or error}; choose another --out") from error
    if not present:
        return
    if MARKER not in present:
        raise InputError(f"{out} is not empty and not a site of hint; choose an empty --out")
    strange = sorted(present - _listed(out / MARKER) - {MARKER})
    if strange:
        raise InputError(f"{out} contains files that do not belong to the site: {some_ids(strange)}; move them first")


def _listed(marker: Path) -> set[str]:
    try:
        content = json.loads(marker.read_bytes())
        if content["format"] == _FORMAT:
            return set(content["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise InputError(f"{marker} does not list the files of a site; choose an empty --out")


def write_site(out: Path, files: Mapping[str, bytes]) -> None:
    """Write all files of a site, or leave the folder as it was; files that did not change are kept, not written again.

    Args:
        out: Folder; an earlier site in it is replaced.
        files: Path below it -> content.

    Raises:
        InputError: As :func:`check_target`.
        WriteError: If something cannot be written.
    """
    check_target(out)
    marker = json.dumps({"format": _FORMAT, "files": sorted(files)}, indent=1) + "\n"
    with atomic_folder(out) as new:
        for path, content in sorted({**files, MARKER: marker.encode()}.items()):
            _put(new / PurePosixPath(path), out / PurePosixPath(path), content)


def _put(path: Path, earlier: Path, content: bytes) -> None:
    """Link the earlier file if its content is the same, otherwise write one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not earlier.is_symlink() and earlier.is_file() and earlier.read_bytes() == content:
        try:
            path.hardlink_to(earlier)
            return
        except OSError:
            pass  # this file system has no hard links
    path.write_bytes(content)
