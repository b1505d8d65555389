"""Write whole files or nothing."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from hint.errors import WriteError
from hint.files.path import require_local
from hint.lock import try_lock

#: What to do with results that are there already: refuse to touch them, add what is missing, or start over.
OVERWRITE = ("never", "missing", "always")
#: Windows can only wait for single files.
_CAN_SYNC_ALL = hasattr(os, "sync")

#: The disk is full, or what the user may have of it.
_FULL = (errno.ENOSPC, errno.EDQUOT)

#: Ending of files that are not whole yet.
PART = ".hint-part"


@contextmanager
def atomic_write(path: Path, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of ``path`` and rename it over ``path`` once all was written.

    Libraries that open files themselves find it at the ``name`` of the stream.

    Args:
        path: File to write.
        sync: Wait until it is on the disk. Of many files, which need not survive a loss of power one by one, the
            caller writes all without and calls :func:`sync_files` once.

    Raises:
        InputError: If it is a URL.
        WriteError: If the folder cannot be made or written to, or the disk is full; ``path`` is left as it was.
    """
    require_local(path)
    if path.exists() and not (path.is_file() or path.is_dir()):  # a rename would put a file in its place
        raise WriteError(f"cannot write {path}: it is a device or a pipe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        os.close(handle)  # a file that is opened by its name knows it
    except OSError as error:
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with temporary.open("wb") as stream:
            try_lock(stream)  # so that remove_abandoned leaves it alone
            yield stream
            if sync or not _CAN_SYNC_ALL:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def sync_files() -> None:
    """Wait until everything written so far is on the disk; macOS only begins to write."""
    if _CAN_SYNC_ALL:
        os.sync()


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left in a folder: parts of files that nobody is writing."""
    for part in folder.glob(f".*{PART}"):
        with suppress(OSError), part.open("r+b") as stream:
            if try_lock(stream):
                part.unlink()


def require_writable(folder: Path) -> None:
    """Refuse, before any work, a folder that cannot be written to; what killed runs left there is removed.

    Raises:
        InputError: If it is a URL.
        WriteError: If it is a file, or the nearest folder that exists takes no files.
    """
    require_local(folder)
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise WriteError(f"cannot write to {folder}: {error.strerror or error}; choose another --out") from error
    remove_abandoned(folder)


def why_not(error: OSError) -> str:
    """Say why something could not be written."""
    reason = error.strerror or str(error)
    return f"{reason}: the disk is full" if error.errno in _FULL else reason


def _cannot_write(path: Path, error: OSError) -> WriteError:
    return WriteError(f"cannot write {path}: {why_not(error)}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write ``content`` to ``path`` atomically; ``sync`` as in :func:`atomic_write`."""
    with atomic_write(path, sync=sync) as stream:
        stream.write(content)


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write JSON atomically; NaN and infinities are refused."""
    write_bytes(path, json_bytes(value, indent))


def json_bytes(value: Any, indent: int | None = None) -> bytes:
    """Return what :func:`write_json` writes."""
    return json.dumps(value, indent=indent, allow_nan=False).encode() + b"\n"


def write_json_lists(path: Path, lists: Mapping[str, Iterable[Any]]) -> None:
    """Write a JSON object of lists atomically, value by value, with the bytes that :func:`write_json` would write."""
    with atomic_write(path) as stream:
        stream.writelines(piece.encode() for piece in _json_lists(lists))


def _json_lists(lists: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    start = "{"
    for key, values in lists.items():
        yield f"{start}{json.dumps(key)}: ["
        between = ""
        for value in values:
            yield between + json.dumps(value, allow_nan=False)
            between = ", "
        yield "]"
        start = ", "
    yield "}\n"


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an npz atomically; equal arrays give equal bytes."""
    with atomic_write(path) as stream:
        np.savez(stream, **arrays)
