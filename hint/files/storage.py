"""Files by path or by URL: what fsspec opens (``s3://``, ``gs://``, ``https://``, ...) beside local files.

A URL is kept as a path, since folders are joined and files named in the same way: ``Path("s3://bucket/a.jpg")`` reads
"s3:/bucket/a.jpg", and the functions here put the slash back. Clients of object stores bring their own settings and
credentials; they are found where their libraries look for them.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from hint.errors import InputError, MissingRequirementError, WriteError, first_line
from hint.files.atomic import write_bytes as write_local
from hint.files.path import refuse_device
from hint.files.path import url_of as url_of  # part of this module for those who use it

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

#: Bytes that hold what a picture says about itself.
_START = 2**16

#: What listings of stores call the version of an object, the surest first.
_STAMPS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created")


class Version(NamedTuple):
    """What tells a file from an earlier one of the same name.

    Attributes:
        size: Bytes.
        stamp: Time of the last change in ns, or what a store says of its object: an ETag, a time.
    """

    size: int
    stamp: int | str


def named_in(folder: Path, name: str) -> Path:
    """Return the file that a list in ``folder`` means by a name: a URL by itself, else a path from the folder."""
    return Path(name) if url_of(Path(name)) else folder / name


def place_of(path: Path) -> str:
    """Return the one name of a file, whatever it is called and linked by."""
    return url_of(path) or os.path.realpath(path)


def without_query(path: Path) -> Path:
    """Return the path of a file without what follows a question mark in a URL: a key, in signed links."""
    return path if url_of(path) is None else Path(path.as_posix().partition("?")[0])


@contextmanager
def opened(path: Path, *, whole: bool = False) -> Iterator[IO[bytes]]:
    """Open a file.

    Args:
        path: The file.
        whole: Whether all of it will be read. Else no more of it is fetched from a store than is.

    Raises:
        InputError: If it is missing or cannot be read.
    """
    url = url_of(path)
    if url is None:
        with ExitStack() as held:
            try:
                refuse_device(path)
                file = held.enter_context(path.open("rb"))
            except OSError as error:
                raise InputError(f"{path}: {error.strerror}") from error
            yield file
        return
    if whole:
        yield BytesIO(read_bytes(path))
        return
    with _store(url) as store, store.open(url, block_size=_START) as file:
        yield file


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        InputError: If it is missing or cannot be read.
        MissingRequirementError: If the library for such URLs is not installed.
    """
    url = url_of(path)
    if url is None:
        try:
            refuse_device(path)
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
    with _store(url) as store:
        content: bytes = store.cat_file(url)
        return content


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing.

    Raises:
        WriteError: If it cannot be written.
    """
    url = url_of(path)
    if url is None:
        write_local(path, content)
        return
    try:
        with _store(url) as store:
            store.pipe_file(url, content)
    except InputError as error:
        raise WriteError(f"cannot write {error}") from error


def remove(path: Path) -> None:
    """Remove a file.

    Raises:
        InputError: If there is none at a URL, or it cannot be removed.
    """
    url = url_of(path)
    if url is None:
        path.unlink(missing_ok=True)
        return
    with _store(url) as store:
        store.rm_file(url)


def is_folder(path: Path) -> bool:
    """Return whether there is a folder: something in a store whose name begins so, a page of links in the web."""
    url = url_of(path)
    if url is None:
        return path.is_dir()
    if url.startswith("http") and without_query(path).suffix:
        return False  # any file may hold links
    with _store(url) as store:
        found: bool = store.isdir(url)
        return found


def is_file(path: Path) -> bool:
    """Return whether there is a file; a web server's folder is one, too."""
    url = url_of(path)
    if url is None:
        return path.is_file()
    with _store(url) as store:
        found: bool = store.isfile(url)
        return found


def names_in(folder: Path) -> list[str]:
    """Return the names of what is in a folder, in order; at a URL, of its files.

    Raises:
        InputError: If it cannot be read.
    """
    return sorted(path.name for path in folder.iterdir()) if url_of(folder) is None else [*files_in(folder)]


def folders_in(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, in order.

    Raises:
        InputError: If it cannot be read.
    """
    url = url_of(folder)
    if url is None:
        return sorted(path.name for path in folder.iterdir() if path.is_dir())
    return sorted(PurePath(entry["name"]).name for entry in _listed(url) if entry["type"] == "directory")


def files_in(folder: Path) -> dict[str, Version]:
    """Return name -> version of the files in a folder, in order of their names; none where there is no such folder.

    Raises:
        InputError: If it cannot be read.
    """
    url = url_of(folder)
    if url is None:
        return {path.name: _version(path) for path in sorted(folder.glob("*")) if path.is_file()}
    files = [entry for entry in _listed(url) if entry["type"] == "file"]
    return dict(sorted((entry["name"].rpartition("/")[2], _version_of(entry)) for entry in files))


def _listed(url: str) -> list[dict[str, Any]]:
    """Return what is in a folder of a store, none where there is no such folder."""
    entries: list[dict[str, Any]] = []
    with _store(url) as store, suppress(FileNotFoundError):
        entries = store.ls(url, detail=True, refresh=True)
    return entries


class Versions:
    """Looks up versions of many files; a folder of a store is listed once, instead of a request per file."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Version]] = {}

    def find(self, path: Path) -> Version | None:
        """Return the version of a file, None if it is absent."""
        if url_of(path) is None:
            return _version(path) if path.is_file() else None
        if path.parent not in self._folders:
            self._folders[path.parent] = files_in(path.parent)
        return self._folders[path.parent].get(path.name)


def _version(path: Path) -> Version:
    status = path.stat()
    return Version(status.st_size, status.st_mtime_ns)


def _version_of(entry: dict[str, Any]) -> Version:
    stamp = next((entry[key] for key in _STAMPS if entry.get(key)), "")
    return Version(entry.get("size") or 0, str(stamp).strip('"'))


@cache
def _system(scheme: str) -> AbstractFileSystem:
    """Return what speaks to the stores of a scheme.

    Raises:
        InputError: If nothing does.
        MissingRequirementError: If its library is not installed.
    """
    import fsspec

    try:
        kind = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        library = getattr(error.__cause__, "name", None) or scheme
        raise MissingRequirementError(f"{scheme}:// needs {library}: pip install {library}") from error
    except ValueError as error:
        raise InputError(f"{scheme}:// is no kind of address that fsspec knows") from error
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    if lacking := [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]:
        raise InputError(f"{scheme}:// cannot be read: no address says its {' and '.join(lacking)}")
    options = {}
    if scheme in ("http", "https"):
        from hint.files.web import client_options

        options = client_options()
    try:
        return fsspec.filesystem(scheme, **options)
    except Exception as error:  # every client has its own
        raise InputError(f"{scheme}:// cannot be read: {first_line(error)}") from error


@contextmanager
def _store(url: str) -> Iterator[AbstractFileSystem]:
    """Give what speaks to the store of a URL, and say in one line what goes wrong there.

    Raises:
        InputError: If anything does.
    """
    system = _system(url.partition(":")[0])
    try:
        yield system
    except FileNotFoundError as error:
        raise InputError(f"{url}: no such file or bucket") from error
    except Exception as error:  # every client has its own
        raise InputError(f"{url}: {first_line(error)}") from error
