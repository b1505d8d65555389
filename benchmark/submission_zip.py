"""The zip of a submission: written so that equal content gives equal bytes, read as if its sender meant harm.

Nothing is unpacked to the disk. What tools of Windows and macOS do to a zip that is made anew is put up with:
backslashes, a folder around the files, ``__MACOSX``.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_IFMT, S_IFREG

from hint.errors import InputError, printable
from hint.files.bounded_npz import ZIP_ERRORS, read_member

#: Largest submission, bytes; 40,000 hands have 8 MB.
LARGEST_ZIP = 32_000_000
#: Most entries to look at.
_MOST_ENTRIES = 100
#: Longest part of a hostile name to show, characters.
_SHOWN = 80

#: The earliest date a zip can hold, so that equal content gives equal bytes; "Unix", on Windows too.
_DATE, _UNIX, _MODE = (1980, 1, 1, 0, 0, 0), 3, S_IFREG | 0o644
_ENCRYPTED = 0x1
_LITTER = re.compile(r"(^|/)(__MACOSX/|\._[^/]*$|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


class SubmissionError(InputError):
    """A submission that cannot be used; ``problems`` says each thing that is wrong with it."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{name} cannot be used: {'; '.join(problems)}")


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files; equal files give equal bytes, on every system and with every version of zlib."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, content)
    return stream.getvalue()


def read_zip(content: bytes, name: str, largest: Mapping[str, int]) -> dict[str, bytes]:
    """Unpack an archive in memory.

    Args:
        content: The archive.
        name: What messages call it.
        largest: Files it must hold -> bytes each may have.

    Raises:
        SubmissionError: If it is damaged, lacks a file, holds others, or anything in it is not a plain file; the
            message says everything that is wrong.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members, problems = _members(archive, largest)
            files: dict[str, bytes] = {}
            for held, member in members.items():
                try:
                    files[held] = read_member(archive, member, largest[held])
                except ZIP_ERRORS as error:
                    problems.append(f"{held} cannot be unpacked: {error}")
    except ZIP_ERRORS as error:
        raise SubmissionError(name, [f"it is damaged, cut short or not a .zip: {error}"]) from error
    if problems:
        raise SubmissionError(name, problems)
    return files


def read_bounded(path: Path) -> bytes:
    """Read an archive that is not too large.

    Raises:
        SubmissionError: If it is.
        InputError: If there is no such file, or it is a link.
    """
    if path.is_symlink() or not path.is_file():
        what = "it is a link, not a file" if path.is_symlink() else "no such file"
        raise InputError(f"{path}: {what}")
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_ZIP + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > LARGEST_ZIP:
        raise SubmissionError(str(path), [f"it has more than {LARGEST_ZIP:,} bytes"])
    return content


def _members(archive: zipfile.ZipFile, wanted: Mapping[str, int]) -> tuple[dict[str, zipfile.ZipInfo], list[str]]:
    """Return the wanted files, and everything that is wrong with the list of the archive."""
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        return {}, [f"it holds {len(entries):,} files, expected {len(wanted)}"]
    named = [(info.orig_filename.replace("\\", "/"), info) for info in entries]
    kept = [(name, info) for name, info in named if not (name.endswith("/") or _LITTER.search(name))]
    problems = [f"{_shown(name)} {fault}" for name, info in kept if (fault := _fault(name, info))]
    members: dict[str, zipfile.ZipInfo] = {}
    for name, info in _without_folder(kept):
        if name not in wanted:
            problems.append(f"{_shown(name)} does not belong there; take it out")
        elif name in members:
            problems.append(f"{name} occurs twice")
        else:
            members[name] = info
    problems += [f"{name} is missing; make the archive with hint submit" for name in wanted if name not in members]
    return {} if problems else members, problems


def _fault(name: str, info: zipfile.ZipInfo) -> str:
    """Say what is wrong with an entry, "" if nothing is."""
    parts = name.split("/")
    if name.startswith("/") or {"", ".", ".."} & set(parts) or ":" in name or not name.isprintable():
        return "leads out of the archive or is not a plain name"
    if S_IFMT(info.external_attr >> 16) not in (0, S_IFREG):  # archives made on Windows have no file type
        return "is not a plain file but a link, a device or similar"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "uses an unusual compression; make the archive with hint submit"
    return ""


def _without_folder(named: Sequence[tuple[str, zipfile.ZipInfo]]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yield entries without the one folder that all of them lie in, if they do."""
    folders = {name.rpartition("/")[0] for name, _ in named}
    inside = len(folders) == 1 and "/" not in next(iter(folders))
    for name, info in named:
        yield name.rpartition("/")[2] if inside else name, info


def _shown(name: str) -> str:
    text = printable(name)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
