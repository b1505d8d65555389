"""The MD5 of the official HInt zip, computed without writing the zip.

The official script sets the mode and the time of every file, packs all of them into a zip and takes its MD5. Here the
same bytes go straight to the digest: nothing is written or changed, and only the current member is kept in memory.
Source of the recipe: ``prep_HInt/prep_ego4d.py`` of github.com/ddshan/hint.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from hint.errors import InputError
from hint.progress import progress

#: MD5 of the complete release.
RELEASED_MD5 = "4c47fc4e3657274713db7aaf3a890037"

_TOP = "HInt_annotation"
_TIME = (2024, 4, 24, 10, 10, 10)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
#: The block size of ZipFile.write; another size may compress to other bytes.
_BLOCK = 8192


class _Digest:
    """A file that only keeps its MD5.

    ZipFile seeks back to the header of a member once it knows its size, so the bytes since the last :meth:`settle`
    are kept.
    """

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._settled = 0
        self._open = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self._open.write(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset -= self._settled
        return self._settled + self._open.seek(offset, whence)

    def tell(self) -> int:
        return self._settled + self._open.tell()

    def settle(self) -> None:
        """Add the bytes written so far to the digest."""
        self._md5.update(self._open.getbuffer())
        self._settled += self._open.getbuffer().nbytes
        self._open = io.BytesIO()

    def hexdigest(self) -> str:
        self.settle()
        return self._md5.hexdigest()


def official_md5(root: Path) -> str:
    """Return the MD5 of the official zip of a folder.

    It includes every file below the folder, strays too; links to folders are followed.

    Raises:
        InputError: If a file cannot be read.
    """
    files = list(_files(root))
    digest = _Digest()
    with progress("computing the MD5 of the official zip", len(files)) as advance, ZipFile(digest, "w") as archive:
        for path in files:
            _add(archive, path, f"{_TOP}/{path.relative_to(root).as_posix()}")
            digest.settle()
            advance(1)
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    """Yield files in the official order: folders by their whole paths, then names."""
    for folder, _, names in sorted(os.walk(root, followlinks=True)):
        yield from (Path(folder, name) for name in sorted(names))


def _add(archive: ZipFile, path: Path, name: str) -> None:
    info = ZipInfo(name, _TIME)
    info.compress_type = ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = _MODE << 16
    try:
        info.file_size = path.stat().st_size  # decides whether the member gets 64-bit sizes
        with path.open("rb") as stream, archive.open(info, "w") as member:
            shutil.copyfileobj(stream, member, _BLOCK)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!a}: a zip cannot contain this name; remove the file") from error
