"""Unpack a .zip of many small files; every entry is checked before the first file is written."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import getpid
from pathlib import Path, PurePosixPath
from stat import S_IFDIR, S_IFMT, S_IFREG

from hint.errors import some_ids
from hint.fetch.assets import Tree
from hint.fetch.listing import ListedFile
from hint.fetch.transfer import DamagedArchiveError, OnProgress
from hint.files.bounded_npz import ZIP_DAMAGE

#: Largest file to unpack; each is held in memory once.
MAX_FILE_BYTES = 100_000_000
#: A file larger than ``SMALL_BYTES`` may be at most this many times its compressed size.
MAX_RATIO = 100
SMALL_BYTES = 1_000_000

_PLAIN_PATH = re.compile(r"([\w-][\w.-]*/){2,}[\w-][\w.-]*", re.ASCII)
_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30


@contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises:
        DamagedArchiveError: If it cannot be read, now or later in the context.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            yield packed
    except ZIP_DAMAGE as error:
        raise DamagedArchiveError(f"{archive} is damaged, cut short or not a .zip ({error})") from error


def read_contents(packed: zipfile.ZipFile, tree: Tree) -> tuple[dict[ListedFile, zipfile.ZipInfo], list[str]]:
    """List an archive after checking every entry.

    Returns:
        The data files in the folders below its top folder, in the order of the archive; and the names of other files.

    Raises:
        DamagedArchiveError: If it holds no data, or anything that must not be unpacked: a path that leads out of it,
            two names for one file, a link or device, an encrypted file, more or larger files than the tree allows.
    """
    data, left_out, end = [], [], 0
    for info in sorted(packed.infolist(), key=lambda info: info.header_offset):
        name = info.orig_filename
        _check_entry(info, end)
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
        if _PLAIN_PATH.fullmatch(name) and name.endswith(tree.suffixes):
            data.append(info)
        elif not name.endswith("/"):
            left_out.append(name)
    _check_data(data, tree)
    return {ListedFile(info.filename.partition("/")[2], info.file_size, info.CRC): info for info in data}, left_out


def _check_entry(info: zipfile.ZipInfo, previous_end: int) -> None:
    """Refuse an entry that is harmful whether or not it is unpacked."""
    name, kind = info.orig_filename, S_IFMT(info.external_attr >> 16)
    if re.search(r"[\\\0:]", name) or {"", ".", ".."} & set(name.removesuffix("/").split("/")):
        raise _refused(f"the path {name!r} leads out of it or is not a plain path")
    # Archives made on Windows have no file type.
    if kind not in (0, S_IFREG) and not (kind == S_IFDIR and name.endswith("/")):
        raise _refused(f"{name!r} is not a plain file but a link, a device or similar")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(f"{name!r} is encrypted or uses an unusual compression")
    if info.file_size > min(MAX_FILE_BYTES, max(SMALL_BYTES, MAX_RATIO * info.compress_size)):
        raise _refused(f"{name!r} unpacks from {info.compress_size} to {info.file_size} bytes")
    # Files that share compressed bytes unpack to far more than the archive holds.
    if info.header_offset < previous_end:
        raise _refused(f"{name!r} lies within the bytes of another file")


def _check_data(data: Sequence[zipfile.ZipInfo], tree: Tree) -> None:
    """Refuse too many bytes, and two names for one place on a file system that ignores case."""
    tops = {info.filename.partition("/")[0] for info in data}
    if len(tops) != 1:
        raise _refused(f"{len(tops)} top folders hold {' or '.join(tree.suffixes)} files, expected 1")
    total = sum(info.file_size for info in data)
    if len(data) > tree.max_files or total > tree.max_bytes:
        raise _refused(f"{len(data)} files of {total} bytes exceed {tree.max_files} files or {tree.max_bytes} bytes")
    names = [info.filename for info in data]
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    uses = Counter(name.lower() for name in [*names, *folders])
    if clashes := sorted(name for name, n in uses.items() if n > 1):
        raise _refused(f"some names occur twice, in upper and lower case, or as file and folder: {some_ids(clashes)}")


def _refused(reason: str) -> DamagedArchiveError:
    return DamagedArchiveError(f"the archive is not used: {reason}")


def unpack(
    packed: zipfile.ZipFile,
    files: Mapping[ListedFile, zipfile.ZipInfo],
    folder: Path,
    on_progress: OnProgress | None = None,
) -> None:
    """Write files of an archive below a folder, replacing what lies in their places.

    An interruption leaves each file complete or absent; a power failure may not, as files are not synced one by one.

    Args:
        packed: The archive.
        files: What to write, some of what :func:`read_contents` returned.
        folder: Created if missing.
        on_progress: Called with "unpack", the bytes written and the total.

    Raises:
        DamagedArchiveError: If a file is not as long as announced; those before it stay.
        zipfile.BadZipFile: If a file fails its CRC-32; :func:`opened` translates this and its like.
    """
    for abandoned in folder.rglob(".*.hint-part"):
        abandoned.unlink(missing_ok=True)
    done, total = 0, sum(file.bytes for file in files)
    for file, info in files.items():
        content = packed.read(info)
        if len(content) != file.bytes:
            raise DamagedArchiveError(f"{file.path} in {packed.filename} has {len(content)} of {file.bytes} bytes")
        _write(folder / file.path, content)
        done += file.bytes
        if on_progress:
            on_progress("unpack", done, total)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes with different home folders may unpack to one folder: they share no lock, but have different ids.
    temporary = path.with_name(f".{getpid()}.hint-part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
