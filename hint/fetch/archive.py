"""Extract listed files from a .tar.gz.

Names in the archive never become paths: each listed member has a fixed destination, and all others are ignored.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from hint.fetch.transfer import DamagedArchiveError, OnProgress

if TYPE_CHECKING:
    from typing_extensions import Self

#: Stop after this many unpacked bytes, so that an archive of endless zeros ends.
MAX_UNPACKED = 20_000_000_000
#: Largest header extension (long names, PAX records) to read into memory.
MAX_HEADER = 1 << 20
_BLOCK = 1 << 20
#: Reads at the end of an archive after which it counts as cut short: tarfile would go on for as long as a header says.
_MOST_ENDS = 16
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


@dataclass(frozen=True)
class Member:
    """A file to keep from an archive.

    Attributes:
        path: Name in the archive.
        keep_as: Path below the home folder.
        max_bytes: Largest accepted size, and the disk space to require.
        sha256: Digest of the released file, "" if releases differ.
    """

    path: str
    keep_as: str
    max_bytes: int
    sha256: str = ""


def unpack(
    archive: Path, members: Sequence[Member], folder: Path, on_progress: OnProgress | None = None
) -> dict[Member, str]:
    """Write the listed members below a folder.

    Args:
        archive: A .tar.gz file, read once and only as far as the last listed member.
        members: What to extract; each goes to ``folder / member.keep_as``.
        folder: Destination.
        on_progress: Called with "unpack", the bytes of the archive read and its size.

    Returns:
        sha256 of each member.

    Raises:
        DamagedArchiveError: If the archive is damaged or cut short, lacks a member, holds paths that lead out of it,
            or has a link, a device or too large a file in place of a member.
    """
    by_path = {member.path: member for member in members}
    digests: dict[Member, str] = {}
    try:
        with (
            archive.open("rb") as raw,
            _Metered(raw, archive.stat().st_size, on_progress) as plain,
            tarfile.open(fileobj=plain, mode="r|", bufsize=_BLOCK, tarinfo=_BoundedHeader) as tar,
        ):
            for info in tar:
                member = by_path.get(_plain_name(info))
                if member and member not in digests:
                    digests[member] = _copy(tar, info, member, folder)
                if len(digests) == len(by_path):
                    break
    except (tarfile.TarError, EOFError, ValueError, OverflowError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedArchiveError(f"{archive} is damaged, cut short or not a .tar.gz ({error})") from error
    missing = [member.path for member in members if member not in digests]
    if missing:
        raise DamagedArchiveError(f"{archive} lacks {', '.join(missing)}")
    return digests


def _plain_name(info: tarfile.TarInfo) -> str:
    path = PurePosixPath(info.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise DamagedArchiveError(f"the archive is not used: the path {info.name!r} leads out of it")
    return str(path)


def _copy(tar: tarfile.TarFile, info: tarfile.TarInfo, member: Member, folder: Path) -> str:
    source = tar.extractfile(info) if info.isreg() else None
    if source is None:
        raise DamagedArchiveError(f"the archive is not used: {member.path} is not a plain file")
    if info.size > member.max_bytes:
        raise DamagedArchiveError(f"the archive is not used: {member.path} exceeds {member.max_bytes} bytes")
    place = folder / member.keep_as
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source, place.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


class _Metered(gzip.GzipFile):
    """Decompress an archive up to a limit, reporting progress."""

    def __init__(self, raw: BinaryIO, size: int, on_progress: OnProgress | None) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._raw, self._raw_size, self._on_progress = raw, size, on_progress
        self._ends = 0

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if self.tell() > MAX_UNPACKED:
            raise DamagedArchiveError(f"the archive is not used: it unpacks to more than {MAX_UNPACKED} bytes")
        self._ends += not block
        if self._ends > _MOST_ENDS:
            raise EOFError("it ends within a file")
        if self._on_progress:
            self._on_progress("unpack", self._raw.tell(), self._raw_size)
        return block


class _BoundedHeader(tarfile.TarInfo):
    """A header that refuses oversized extensions before they are read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENSIONS + _LONG_NAMES and info.size > MAX_HEADER:
            raise DamagedArchiveError(f"the archive is not used: it has a header of {info.size} bytes")
        return info
