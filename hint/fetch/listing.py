"""The list of the files a folder should hold: written, read, and compared with the folder."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from hint.errors import some_ids
from hint.fetch.transfer import FetchError, OnProgress
from hint.files.atomic import write_bytes
from hint.files.json_file import parse_json


@dataclass(frozen=True)
class ListedFile:
    """A file a folder should hold.

    Attributes:
        path: Path below the folder, with ``/``.
        bytes: Its size.
        crc32: CRC-32 of its content.
    """

    path: str
    bytes: int
    crc32: int


def missing_files(
    folder: Path, files: Collection[ListedFile], *, contents: bool, on_progress: OnProgress | None = None
) -> list[ListedFile]:
    """Return the listed files that are absent from a folder, or empty; files on no list are ignored.

    Args:
        folder: Need not exist.
        files: What it should hold.
        contents: Compare CRC-32 as well as size.
        on_progress: Called with "compare", the bytes compared and the total, if contents are compared.

    Raises:
        FetchError: If other files lie in their places.
    """
    missing, different = [], []
    done, total = 0, sum(file.bytes for file in files)
    for file in files:
        if _is_missing(folder / file.path, file):
            missing.append(file)
        elif not _is_same(folder / file.path, file, contents):
            different.append(file.path)
        done += file.bytes
        if contents and on_progress:
            on_progress("compare", done, total)
    if different:
        raise FetchError(
            f"{len(different)} files in {folder} differ from the archive and are not overwritten: "
            f"{some_ids(different)}; move them away and run the same command again, or choose another folder with --out"
        )
    return missing


def _is_missing(path: Path, file: ListedFile) -> bool:
    """Tell whether nothing is lost by writing the file: a power cut may leave an empty one."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return True
    return S_ISREG(found.st_mode) and found.st_size == 0 < file.bytes


def _is_same(path: Path, file: ListedFile, contents: bool) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return not contents or zlib.crc32(path.read_bytes()) == file.crc32


def write_list(path: Path, files: Collection[ListedFile]) -> None:
    """Write a list as JSON Lines ({path, bytes, crc32 as 8 hexadecimal digits}), sorted by path."""
    ordered = sorted(files, key=lambda file: file.path)
    lines = (json.dumps({"path": f.path, "bytes": f.bytes, "crc32": f"{f.crc32:08x}"}) + "\n" for f in ordered)
    write_bytes(path, "".join(lines).encode())


def read_list(path: Path) -> list[ListedFile]:
    """Read a list.

    Raises:
        FetchError: If it is no such list.
    """
    try:
        entries = map(parse_json, path.read_bytes().splitlines())
        return [ListedFile(str(e["path"]), int(e["bytes"]), int(e["crc32"], 16)) for e in entries]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FetchError(f"{path} is not a list of files; remove it, and fetch again") from error
