"""Which files a folder should hold: their list on disk, and the folder compared with it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from hint.fetch.transfer import OnProgress
from hint.files.atomic import write_bytes

_BLOCK = 1 << 20


@dataclass(frozen=True)
class ListedFile:
    """A file a folder should hold.

    Attributes:
        path: Place below the folder, with ``/``.
        bytes: Its size.
        crc32: CRC-32 of its content.
    """

    path: str
    bytes: int
    crc32: int


@dataclass(frozen=True)
class Survey:
    """A folder compared with a list; files that are on no list are nobody's business.

    Attributes:
        missing: Files that are not there, or empty, as a power cut may leave them: there is nothing in them to lose.
        different: Files that are something else.
    """

    missing: tuple[ListedFile, ...]
    different: tuple[ListedFile, ...]


def survey(
    folder: Path, files: Sequence[ListedFile], *, contents: bool, on_progress: OnProgress | None = None
) -> Survey:
    """Compare a folder with the list of its files.

    Args:
        folder: Need not exist.
        files: What it should hold.
        contents: Whether to read the files and compare their CRC-32 too, or only their sizes.
        on_progress: Called with "compare", the bytes compared and the bytes in all, where contents are read.
    """
    if not folder.exists():
        return Survey(tuple(files), ())
    missing, different = [], []
    done, total = 0, sum(file.bytes for file in files)
    for file in files:
        state = _state(folder / file.path, file, contents)
        if state == "missing":
            missing.append(file)
        elif state == "different":
            different.append(file)
        done += file.bytes
        if contents and on_progress:
            on_progress("compare", done, total)
    return Survey(tuple(missing), tuple(different))


def _state(path: Path, file: ListedFile, contents: bool) -> Literal["missing", "same", "different"]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return "different" if path.is_symlink() else "missing"
    if S_ISREG(found.st_mode) and found.st_size == 0 < file.bytes and not path.is_symlink():
        return "missing"
    if not S_ISREG(found.st_mode) or found.st_size != file.bytes:
        return "different"
    return "same" if not contents or _crc32(path) == file.crc32 else "different"


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def write_list(path: Path, files: Sequence[ListedFile]) -> None:
    """Write a list as JSON Lines ({path, bytes, crc32 as 8 hexadecimal digits}), sorted by path."""
    ordered = sorted(files, key=lambda file: file.path)
    lines = (json.dumps({"path": f.path, "bytes": f.bytes, "crc32": f"{f.crc32:08x}"}) + "\n" for f in ordered)
    write_bytes(path, "".join(lines).encode())


def read_list(path: Path) -> list[ListedFile]:
    """Read what :func:`write_list` wrote; the caller knows its sha256 and has compared it."""
    entries = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [ListedFile(entry["path"], entry["bytes"], int(entry["crc32"], 16)) for entry in entries]
