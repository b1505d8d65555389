"""A lock between processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hint.errors import HintError


@contextmanager
def file_lock(path: Path, otherwise: HintError) -> Iterator[None]:
    """Hold a lock that the system releases when the process ends, so that a crash leaves none behind.

    Args:
        path: File to lock; it is not deleted.
        otherwise: The error to raise if another process holds the lock.

    Raises:
        HintError: If another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        if not try_lock(handle):
            raise otherwise
        yield


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
