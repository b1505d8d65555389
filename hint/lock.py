"""A lock between processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from weakref import WeakSet

from hint.errors import HintError

#: Files that this process has locked.
_HELD = WeakSet[IO[bytes]]()


def _close_inherited() -> None:
    """Close the files of locks in a forked process, which would hold them when this one is killed."""
    for handle in list(_HELD):
        handle.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)


@contextmanager
def file_lock(path: Path, otherwise: HintError, *, keep: bool = True) -> Iterator[None]:
    """Hold a lock that the system releases when the process ends, so that a crash leaves none behind.

    Args:
        path: File to lock.
        otherwise: The error to raise if another process holds the lock.
        keep: Whether the file stays; else it is deleted, also one that a crash left.

    Raises:
        HintError: If another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        # A file that its holder deletes between our opening and locking it excludes nobody.
        if not try_lock(handle) or not (keep or _is_at(handle, path)):
            raise otherwise
        _HELD.add(handle)
        try:
            yield
        finally:
            if not keep:
                with suppress(OSError):  # Windows keeps files that are open
                    path.unlink()


def _is_at(handle: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a file."""
    try:
        with path.open("rb") as handle:
            return not try_lock(handle)
    except FileNotFoundError:
        return False


def try_lock(handle: IO[bytes]) -> bool:
    """Lock an open file until it is closed; return whether no other process holds it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some cluster file systems have no locks
        return True
    return True
