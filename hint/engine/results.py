"""Where the rows of a run go and stay: parts while it goes on, one file in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.engine.merge import Complete, gather, merge
from hint.engine.parts import collect, part_files, parts_folder, remove_parts
from hint.engine.shard import Shard
from hint.engine.stored import Stored, StoredFile, read_part, read_result, require_alike
from hint.errors import InputError
from hint.files import storage
from hint.files.atomic import remove_abandoned
from hint.files.claim import claimed
from hint.lock import is_locked
from hint.types import Predictions


class Results:
    """The rows of one method, in a file and parts beside it.

    Args:
        path: Predictions npz, which need not be there.
        header: What rows belong to.
        meshes: Whether vertices are kept.
        overwrite: Whether what is there is dropped: parts now, the file once there is a row to replace it.
        place: Folder or URL where workers write the parts of this result alone; None: beside the file.
        is_shard: Whether others write parts of the same result meanwhile.
    """

    def __init__(
        self,
        path: Path,
        header: Mapping[str, Any],
        *,
        meshes: bool = False,
        overwrite: bool = False,
        place: Path | None = None,
        is_shard: bool = False,
    ) -> None:
        self.path, self.parts = path, parts_folder(path)
        self.place = place or self.parts
        self._is_shard = is_shard
        self._header, self._meshes, self._is_stale = header, meshes, overwrite
        remove_abandoned(self.parts)
        if overwrite:
            self._collect()
            remove_parts(part_files(self.parts), self.parts)

    def find(self, ids: NDArray[np.str_], keys: NDArray[np.str_]) -> Stored:
        """Look which rows are there.

        Raises:
            InputError: If something is damaged, of other settings, or lacks the meshes.
        """
        self._collect()
        earlier = [read_result(self.path, self._header)] if self.path.is_file() and not self._is_stale else []
        files = [*earlier, *(read_part(path, self._header) for path in part_files(self.parts))]
        for file in files:
            self._require_meshes(file)
        require_alike(files)
        return Stored(files, ids, keys)

    def replace_earlier(self) -> None:
        """Drop the file of an earlier run that is overwritten: there are rows now."""
        if self._is_stale:
            self.path.unlink(missing_ok=True)
            self._is_stale = False

    def gather(self, stored: Stored, complete: Complete) -> Predictions:
        """Return the rows that were asked for."""
        return gather(stored.asked(), complete, self._meshes)

    def merge(self, stored: Stored, complete: Complete) -> None:
        """Write all rows to the file, and remove the parts they were in; nothing is written where there are none.

        Raises:
            WriteError: If it cannot be written; the parts stay.
        """
        if len(stored):
            merge(stored.every(), self.path, self._header, complete, self._meshes)
        remove_parts([file.path for file in stored.files if file.path != self.path], self.parts)

    def _collect(self) -> None:
        """Bring parts here from where workers put them."""
        if self.place != self.parts:
            collect(self.place, self.parts, keep=self._is_shard)
            if storage.url_of(self.place) is None and not self._is_shard:
                with suppress(OSError):  # others are still written there, or none was
                    self.place.rmdir()

    def _require_meshes(self, file: StoredFile) -> None:
        if self._meshes and len(file.ids) and "vertices" not in file.columns:
            raise InputError(f"{file.path} holds no meshes; give another --out or --name, or --overwrite always")


@contextmanager
def only_run(path: Path, shard: Shard | None = None) -> Iterator[None]:
    """Keep other runs away from a result while it is written; shards of one run do not disturb each other.

    Raises:
        InputError: If another run, or the same shard, is writing there.
        WriteError: If the folder cannot be written to.
    """
    parts = parts_folder(path)
    if shard is None:
        with claimed(path.parent, path.name):
            if running := [lock.name[1:].removesuffix(".lock") for lock in parts.glob(".*.lock") if is_locked(lock)]:
                raise InputError(f"shards {', '.join(sorted(running))} of {path} are being written; wait for them")
            yield
        return
    if is_locked(path.with_name(f".{path.name}.lock")):
        raise InputError(f"another run is writing to {path}; wait until it has ended, or give another --out")
    with claimed(parts, f"{shard.number}of{shard.count}"):
        yield
