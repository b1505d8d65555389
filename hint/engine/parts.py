"""Parts: what workers write while a run goes on, small npz files in a folder beside the result.

A part says of itself what it belongs to (method and fingerprint), and for each row the hand and the key of the input it
was made from. It is written whole under a name of its own, and never again: however many hands there are, saving costs
what the new ones cost, a run that is killed leaves what it wrote, and workers on many machines need not know of each
other.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hint.errors import HintError, InputError, WriteError
from hint.files import storage, write_npz

#: Seconds between two parts of a job that takes longer.
SAVE_EVERY = 20.0
#: Rows that are a part of their own.
_MANY = 1024

#: Arrays of a part that are no columns: what it belongs to, and notes.
HEADER, NOTES = "header", "notes"
#: Columns that every part has.
HAND_ID, KEY = "hand_id", "key"

#: Names of parts; other files are somebody else's.
_NAME = re.compile(r"[0-9a-f]{32}\.npz")

Columns = Mapping[str, NDArray[Any]]


def parts_folder(result: Path) -> Path:
    """Return the folder of the parts of a result: ``predictions.parts`` of ``predictions.npz``."""
    return result.with_suffix(".parts")


def part_files(folder: Path) -> list[Path]:
    """Return the parts in a folder, in a fixed order; none where there is no such folder."""
    return sorted(path for path in folder.glob("*.npz") if _NAME.fullmatch(path.name))


def remove_parts(parts: Iterable[Path], folder: Path) -> None:
    """Remove parts, and their folder where nothing else is in it.

    Raises:
        WriteError: If one cannot be removed.
    """
    for part in parts:
        try:
            part.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"cannot remove {part}: {error.strerror or error}") from error
    with suppress(OSError):  # others are still written there, or it is a link
        folder.rmdir()


def shared_place(place: Path, header: Mapping[str, Any], inputs: Iterable[str]) -> Path:
    """Return the folder of the parts of one result in a folder or at a URL where there may be anything.

    Two results of one method are kept apart: whoever joins parts takes all that are there.

    Args:
        place: The folder or URL.
        header: What the parts belong to.
        inputs: What names all that the result is of, in whatever shards it is made.
    """
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for text in inputs:
        digest.update(f"\n{text}".encode(errors="surrogateescape"))
    return place / f"hint-{digest.hexdigest()[:16]}"


def collect(place: Path, folder: Path, *, keep: bool) -> None:
    """Bring parts from where workers put them, a folder or a URL, to a folder.

    Args:
        place: Where they are.
        folder: Where they are read.
        keep: Leave them there too: others need them.

    Raises:
        InputError: If they cannot be read.
        WriteError: If they cannot be written; those that were not moved stay where they are.
    """
    for name in storage.files_in(place):
        if not _NAME.fullmatch(name):
            continue
        if not (folder / name).exists():
            storage.write_bytes(folder / name, storage.read_bytes(place / name))
        if not keep:
            storage.remove(place / name)
    if not keep:
        _remove_empty(place)


def _remove_empty(place: Path) -> None:
    """Remove a folder of parts in which nothing is left; a store has no folders."""
    if storage.url_of(place) is None:
        with suppress(OSError):  # there are parts, or there is no folder
            place.rmdir()


@contextmanager
def marked(place: Path) -> Iterator[Path]:
    """Give a file in a folder of parts that tells it from others of the same name, on machines that do not share it.

    A folder that is empty in the end is removed.
    """
    mark = place / f".{uuid4().hex}.run"
    storage.write_bytes(mark, b"")
    try:
        yield mark
    finally:
        with suppress(HintError):
            storage.remove(mark)
        _remove_empty(place)


def require_mark(mark: Path | None) -> None:
    """Check that this machine sees the folder that was marked.

    Raises:
        InputError: If it does not.
    """
    if mark is not None and mark.name not in storage.files_in(mark.parent):
        raise InputError(
            f"{socket.gethostname()} does not see {mark.parent}; give an --out that every node shares, or --parts URL"
        )


class PartWriter:
    """Gathers rows, and writes them as a part.

    Args:
        folder: Where parts go.
        header: What they belong to, as JSON values.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self._folder, self._header = folder, json.dumps(header, allow_nan=False)
        self._forget()

    @property
    def is_due(self) -> bool:
        """Whether the last part was written long ago, or many rows have gathered since."""
        return len(self._ids) >= _MANY or (bool(self._ids or self._notes) and time.monotonic() > self._due)

    def add(self, ids: Sequence[str], keys: Sequence[str], columns: Columns, notes: Sequence[str] = ()) -> None:
        """Add rows.

        Args:
            ids: N hands.
            keys: What each was made from.
            columns: Name -> (N,...) array; the same names at every call.
            notes: Lines of text that belong to no row.
        """
        self._ids += ids
        self._keys += keys
        self._notes += notes
        if len(ids):
            self._columns.append(columns)

    def save(self) -> None:
        """Write what was added since the last part; nothing where there is nothing.

        Raises:
            WriteError: If it cannot be written.
        """
        ids, keys, notes, columns = self._ids, self._keys, self._notes, self._columns
        self._forget()
        if not (ids or notes):
            return
        joined = {name: np.concatenate([part[name] for part in columns]) for name in (columns[0] if columns else ())}
        arrays = {HAND_ID: np.array(ids, np.str_), KEY: np.array(keys, np.str_), **joined}
        lines = np.frombuffer("\n".join(notes).encode(), np.uint8)
        _write(self._folder / f"{uuid4().hex}.npz", {**arrays, HEADER: np.array(self._header), NOTES: lines})

    def _forget(self) -> None:
        self._ids: list[str] = []
        self._keys: list[str] = []
        self._notes: list[str] = []
        self._columns: list[Columns] = []
        self._due = time.monotonic() + SAVE_EVERY


def _write(path: Path, arrays: Columns) -> None:
    if storage.url_of(path) is None:
        write_npz(path, arrays)
        return
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    storage.write_bytes(path, content.getvalue())
