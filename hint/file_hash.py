"""The sha256 of large files: computed once, and beside other work."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from hint import settings
from hint.errors import InputError, WriteError
from hint.files.atomic import write_json
from hint.files.json_file import parse_json
from hint.provenance import sha256_file

#: Bytes and time of change of a file, ns.
_Stamp = tuple[int, int]

#: Path of files that are being read -> what they were then, and what will be known of them.
_begun: dict[str, tuple[_Stamp, Future[str]]] = {}


def hash_ahead(path: Path) -> None:
    """Begin to compute the sha256 of a file in a thread, unless it is known; :func:`file_sha256` waits for it."""
    with contextlib.suppress(OSError):
        path, stamp = _identified(path)
        is_begun = str(path) in _begun and _begun[str(path)][0] == stamp
        if not path.is_file() or is_begun or _remembered(path, stamp) is not None:
            return
        future: Future[str] = Future()
        _begun[str(path)] = stamp, future
        Thread(target=_fulfil, args=(future, path), daemon=True).start()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, remembered until its size or time of change differ.

    Raises:
        InputError: If the file is absent, cannot be read, or changes meanwhile.
    """
    try:
        return _file_sha256(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _file_sha256(path: Path) -> str:
    path, stamp = _identified(path)
    then, begun = _begun.pop(str(path), (stamp, None))
    _require_same(path, then, stamp)
    if (known := _remembered(path, stamp)) is not None:
        return known
    digest = begun.result() if begun else sha256_file(path)
    _require_same(path, stamp, _identified(path)[1])
    with contextlib.suppress(WriteError):  # a home that cannot be written to costs time, not correctness
        write_json(_cache(), _read_cache() | {str(path): [*stamp, digest]})
    return digest


def _require_same(path: Path, before: _Stamp, after: _Stamp) -> None:
    """Refuse a file that changed since it was looked at: what was loaded would not be what is named by the sha256."""
    if before != after:
        raise InputError(f"{path} changed while it was read; type the command again when nothing writes to it")


def _identified(path: Path) -> tuple[Path, _Stamp]:
    path = path.expanduser().resolve()
    status = path.stat()
    return path, (status.st_size, status.st_mtime_ns)


def _remembered(path: Path, stamp: _Stamp) -> str | None:
    match _read_cache().get(str(path)):
        case [size, time, str(digest)] if (size, time) == stamp:
            return digest
    return None


def _fulfil(future: Future[str], path: Path) -> None:
    try:
        future.set_result(sha256_file(path))
    except Exception as error:
        future.set_exception(error)


def _cache() -> Path:
    return settings.home() / "sha256.json"


def _read_cache() -> dict[str, Any]:
    try:
        content = parse_json(_cache().read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
