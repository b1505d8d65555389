"""Take a whole folder of small files out of a .zip, and refuse archives that mean harm.

Every name is looked at before the first file is written: a name becomes a path only where it is made of plain ASCII
words, lies below the archive's one top folder, and is the name of one plain file on every file system.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path, PurePosixPath
from stat import S_IFMT, S_ISDIR, S_ISREG

from hint.errors import some_ids
from hint.fetch.listing import ListedFile
from hint.fetch.transfer import DamagedArchiveError, OnProgress

#: Largest file that is taken out of an archive; each is held in memory once.
MAX_FILE_BYTES = 100_000_000
#: A file may unpack to this many times its size in the archive once it has ``SMALL_BYTES``.
MAX_RATIO = 100
SMALL_BYTES = 1_000_000

_PLAIN_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30
#: What ``zipfile`` raises on damaged or unusual archives; it has no base class of its own for them.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)
_TEMPORARY = "hint-part"


@dataclass(frozen=True)
class Tree:
    """A folder of many files that is kept whole.

    Attributes:
        folder: Its place below the home folder, unless another is asked for.
        suffixes: What is kept; other files of the archive are left out.
        expected_bytes: What is asked of the disk as long as the archive is not here to tell.
        max_bytes: Archives that unpack to more are refused.
        max_files: Archives that hold more are refused.
        next_steps: What to do next, for the user; ``{folder}`` stands for the folder.
    """

    folder: str
    suffixes: tuple[str, ...]
    expected_bytes: int
    max_bytes: int
    max_files: int
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What an archive holds of a tree.

    Attributes:
        files: The files that are kept, their places below the folder, in the order of the archive.
        left_out: Names of other files: neither of a kept suffix nor below a folder of the top folder.
        litter: Number of files that macOS puts into archives and folders.
    """

    files: tuple[ListedFile, ...]
    left_out: tuple[str, ...]
    litter: int
    _archive: zipfile.ZipFile = field(repr=False)
    _entries: dict[str, zipfile.ZipInfo] = field(repr=False)

    def unpack(self, wanted: Sequence[ListedFile], folder: Path, on_progress: OnProgress | None = None) -> None:
        """Write files of the archive below a folder, over whatever lies in their places.

        A file is there whole or not at all, unless the machine itself stops: none of them waits for the disk.

        Args:
            wanted: Some of ``files``.
            folder: Is made where it does not exist.
            on_progress: Called with "unpack", the bytes written and the bytes in all.

        Raises:
            DamagedArchiveError: If a file cannot be read or fails its CRC-32; those before it stay.
        """
        temporaries = {parent: _make_room(folder / parent) for parent in {_parent(file.path) for file in wanted}}
        done, total = 0, sum(file.bytes for file in wanted)
        for file in wanted:
            _write(folder / file.path, self._read(file), temporaries[_parent(file.path)])
            done += file.bytes
            if on_progress:
                on_progress("unpack", done, total)

    def _read(self, file: ListedFile) -> bytes:
        with _zip_errors(self._archive.filename or "the archive"):
            content = self._archive.read(self._entries[file.path])
        if len(content) != file.bytes:
            raise DamagedArchiveError(
                f"{file.path} in {self._archive.filename} has {len(content)} bytes, not the {file.bytes} announced"
            )
        return content


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _make_room(folder: Path) -> Path:
    """Make a folder, remove what a killed process left in it, and return where to write a file at first."""
    folder.mkdir(parents=True, exist_ok=True)
    for abandoned in folder.glob(f".*.{_TEMPORARY}"):
        abandoned.unlink(missing_ok=True)
    # The number of the process keeps two of them apart that share the folder and not the lock.
    return folder / f".{getpid()}.{_TEMPORARY}"


def _write(path: Path, content: bytes, temporary: Path) -> None:
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def opened(archive: Path, tree: Tree) -> Iterator[Contents]:
    """Open an archive and look at every name in it.

    Raises:
        DamagedArchiveError: If it is no .zip, is damaged, holds nothing of the tree, or holds anything that must not
            be unpacked: a name that leads out or is there twice, a link, a device, an encrypted file, more or larger
            files than there can be.
    """
    with _zip_errors(str(archive)):
        packed = zipfile.ZipFile(archive)
    with packed:
        yield _contents(packed, archive, tree)


@contextmanager
def _zip_errors(archive: str) -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS as error:
        raise DamagedArchiveError(f"{archive} is damaged, cut short or no .zip ({error})") from error


def _contents(packed: zipfile.ZipFile, archive: Path, tree: Tree) -> Contents:
    kept, left_out, litter = _sort_out(packed, tree)
    if not kept:
        raise _refused(f"holds no {' or '.join(tree.suffixes)} below folders: {archive} is something else")
    tops = sorted({path.partition("/")[0] for path in kept})
    if len(tops) > 1:
        raise _refused(f"has {len(tops)} top folders instead of one ({some_ids(tops)})")
    entries = {path.partition("/")[2]: info for path, info in kept.items()}
    _check_names(entries.keys())
    _check_sizes(entries, archive.stat().st_size, tree)
    in_order = sorted(entries.items(), key=lambda item: item[1].header_offset)
    files = tuple(ListedFile(path, info.file_size, info.CRC) for path, info in in_order)
    return Contents(files, tuple(left_out), litter, packed, entries)


def _sort_out(packed: zipfile.ZipFile, tree: Tree) -> tuple[dict[str, zipfile.ZipInfo], list[str], int]:
    """Return the files to keep, the names of others, and how many files are macOS's litter."""
    kept: dict[str, zipfile.ZipInfo] = {}
    left_out: list[str] = []
    litter = 0
    for info in packed.infolist():
        name, parts = info.orig_filename, _parts(info)
        if name.endswith("/"):
            continue  # folders are made where files need them
        if "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._"):
            litter += 1
        elif len(parts) < 3 or not _is_kept(parts, tree):
            left_out.append(name)
        elif name in kept:
            raise _refused(f"holds {name} twice")
        else:
            kept[name] = info
    return kept, left_out, litter


def _refused(reason: str) -> DamagedArchiveError:
    return DamagedArchiveError(f"the archive {reason}; it is not used")


def _parts(info: zipfile.ZipInfo) -> list[str]:
    """Return the parts of a name; refuse whatever is no plain file or folder below the place of the archive."""
    name, mode = info.orig_filename, info.external_attr >> 16
    parts = name.removesuffix("/").split("/")
    if "\\" in name or "\0" in name or re.match("[A-Za-z]:", name) or any(part in ("", ".", "..") for part in parts):
        raise _refused(f"holds the path {name!r}, which leads out of it or is no plain path")
    # Archives made on Windows have no mode; a folder ends with a slash everywhere.
    if S_IFMT(mode) and not S_ISREG(mode) and not (S_ISDIR(mode) and name.endswith("/")):
        raise _refused(f"holds {name!r}, which is no plain file: a link, a device or the like")
    return parts


def _is_kept(parts: Sequence[str], tree: Tree) -> bool:
    return parts[-1].endswith(tree.suffixes) and all(_PLAIN_PART.fullmatch(part) for part in parts)


def _check_names(paths: Collection[str]) -> None:
    """Refuse names that mean the same file, or a file and a folder, where upper and lower case do not count."""
    parents = [PurePosixPath(parent) for parent in {_parent(path) for path in paths}]
    folders = sorted({str(folder) for parent in parents for folder in (parent, *parent.parents)})
    if both := _without_case(paths) & _without_case(folders):
        raise _refused(f"holds a file and a folder called {some_ids(sorted(both))}")


def _without_case(names: Collection[str]) -> set[str]:
    same: dict[str, str] = {}
    for name in names:
        other = same.setdefault(name.lower(), name)
        if other != name:
            raise _refused(f"holds both {other} and {name}, which differ in case only")
    return set(same)


def _check_sizes(entries: dict[str, zipfile.ZipInfo], archive_bytes: int, tree: Tree) -> None:
    """Refuse what would fill the disk or the memory, or cannot be read."""
    total = sum(info.file_size for info in entries.values())
    if len(entries) > tree.max_files or total > tree.max_bytes:
        raise _refused(
            f"holds {len(entries)} files of {total} bytes, more than {tree.max_files} files or {tree.max_bytes} bytes"
        )
    end = 0
    for path, info in sorted(entries.items(), key=lambda item: item[1].header_offset):
        if info.file_size > max(SMALL_BYTES, MAX_RATIO * info.compress_size) or info.file_size > MAX_FILE_BYTES:
            raise _refused(f"has {info.file_size} bytes in {path}, packed into {info.compress_size}")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(f"holds {path} encrypted or packed in an unusual way")
        # Files that share their packed bytes unpack to far more than there is.
        if info.header_offset < end:
            raise _refused(f"holds {path} in the bytes of another file")
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
    if end > archive_bytes:
        raise DamagedArchiveError("the archive ends before its last file does; it is cut short")
