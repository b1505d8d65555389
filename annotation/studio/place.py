"""Where pictures go so that the server can show them: a folder it serves, or the server itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from annotation.studio.client import Studio, Unreachable
from hint.errors import InputError
from hint.files import write_bytes

#: Files and bytes per upload; the server takes 100 files and 250 MB.
_FILES, _BYTES = 50, 100_000_000


class Place(Protocol):
    """A way to show pictures."""

    def check(self) -> None:
        """Raise InputError if it cannot be used."""

    def open(self, studio: Studio, project: int) -> None:
        """Let a project use it; may be done again."""

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Store JPEGs by hand id; return hand id -> address for ``data.image``."""

    def lacks(self, project: int, hand_id: str) -> bool:
        """Tell whether a picture that should be there is gone."""


@dataclass(frozen=True)
class ServedFolder:
    """A folder below the server's LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT, which both sides see under the same path."""

    root: Path

    def check(self) -> None:
        """Raise InputError if there is no such folder."""
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such folder; it must be the one the server serves local files from")

    def open(self, studio: Studio, project: int) -> None:
        """Make the project's folder and register it with the server; it is never synchronised."""
        folder = self._folder(project)
        folder.mkdir(parents=True, exist_ok=True)
        studio.serve_folder(project, str(folder))

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Write the pictures."""
        del studio
        for hand_id, content in pictures.items():
            write_bytes(self._file(project, hand_id), content)
        name = self._folder(project).name
        return {hand_id: f"/data/local-files/?d={quote(f'{name}/{hand_id}.jpg')}" for hand_id in pictures}

    def lacks(self, project: int, hand_id: str) -> bool:
        """Tell whether the file is gone."""
        return not self._file(project, hand_id).is_file()

    def _folder(self, project: int) -> Path:
        return self.root.resolve() / f"project-{project}"

    def _file(self, project: int, hand_id: str) -> Path:
        return self._folder(project) / f"{hand_id}.jpg"


@dataclass(frozen=True)
class Uploaded:
    """The server's own store; files are named by their content, so that what is there is not sent again."""

    def check(self) -> None:
        """Nothing can be wrong."""

    def open(self, studio: Studio, project: int) -> None:
        """Nothing to do."""

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Upload the pictures that are not there.

        Raises:
            Unreachable: If some did not arrive.
        """
        names = {hand_id: f"{hashlib.sha256(content).hexdigest()[:32]}.jpg" for hand_id, content in pictures.items()}
        there = studio.uploads(project)
        batch: dict[str, bytes] = {}
        for hand_id, content in pictures.items():
            if names[hand_id] in there:
                continue
            if len(batch) == _FILES or sum(map(len, batch.values())) + len(content) > _BYTES:
                studio.upload(project, batch)
                batch = {}
            batch[names[hand_id]] = content
        if batch:
            studio.upload(project, batch)
            there = studio.uploads(project)
        absent = [hand_id for hand_id, name in names.items() if name not in there]
        if absent:
            raise Unreachable(f"{studio.url}: {len(absent)} of {len(names)} uploaded pictures did not arrive")
        return {hand_id: there[name] for hand_id, name in names.items()}

    def lacks(self, project: int, hand_id: str) -> bool:
        """Take the server's word."""
        return False
