"""The sha256 of large files: computed once, and beside other work."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from hint import settings
from hint.errors import WriteError
from hint.files.atomic import write_json
from hint.files.json_file import parse_json
from hint.provenance import sha256_file

#: Path, bytes and time of change of files that are being read, and what will be known of them.
_begun: dict[tuple[str, int, int], Future[str]] = {}


def hash_ahead(path: Path) -> None:
    """Begin to compute the sha256 of a file in a thread, unless it is known; :func:`file_sha256` waits for it."""
    with contextlib.suppress(OSError):
        path, stamp = _identified(path)
        key = (str(path), *stamp)
        if not path.is_file() or key in _begun or _remembered(path, stamp) is not None:
            return
        _begun[key] = Future()
        Thread(target=_fulfil, args=(_begun[key], path), daemon=True).start()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, remembered until its size or time of change differ."""
    path, stamp = _identified(path)
    if (known := _remembered(path, stamp)) is not None:
        return known
    begun = _begun.pop((str(path), *stamp), None)
    digest = begun.result() if begun else sha256_file(path)
    with contextlib.suppress(WriteError):  # a home that cannot be written to costs time, not correctness
        write_json(_cache(), _read_cache() | {str(path): [*stamp, digest]})
    return digest


def _identified(path: Path) -> tuple[Path, tuple[int, int]]:
    path = path.expanduser().resolve()
    status = path.stat()
    return path, (status.st_size, status.st_mtime_ns)


def _remembered(path: Path, stamp: tuple[int, int]) -> str | None:
    known = _read_cache().get(str(path), [])
    return str(known[2]) if known[:2] == [*stamp] else None


def _fulfil(future: Future[str], path: Path) -> None:
    try:
        future.set_result(sha256_file(path))
    except Exception as error:
        future.set_exception(error)


def _cache() -> Path:
    return settings.home() / "sha256.json"


def _read_cache() -> dict[str, list[Any]]:
    try:
        content = parse_json(_cache().read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
