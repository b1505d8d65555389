"""One process at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from hint import settings
from hint.fetch.transfer import FetchError


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold a lock that ends with the process, so that none is left behind after a crash.

    Raises:
        FetchError: If another process holds it.
    """
    path = settings.home() / "downloads" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        if not _lock(handle):
            raise FetchError(f"another `hint fetch {name}` is running; wait until it ends")
        yield


def _lock(handle: IO[bytes]) -> bool:
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
    except OSError:  # some cluster file systems have no locks: go on without
        return True
    return True
