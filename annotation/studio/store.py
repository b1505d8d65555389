"""Where pictures are stored so that the server can show them: a folder it serves, or the server itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from annotation.studio.client import Studio
from annotation.studio.failures import UnreachableError
from annotation.studio.login import Login
from hint.errors import InputError
from hint.files.atomic import sync_files, write_bytes

#: Files and bytes per upload; the server takes 100 files and 250 MB.
_FILES, _BYTES = 50, 100_000_000


class PictureStore(Protocol):
    """A way to store pictures."""

    def check(self) -> None:
        """Raise InputError if it cannot be used."""

    def attach(self, studio: Studio, project: int) -> None:
        """Let a project use it; may be repeated."""

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Store JPEGs by hand id; return hand id -> address for ``data.image``."""

    def lacks(self, project: int, hand_id: str) -> bool:
        """Return whether a stored picture is missing."""


@dataclass(frozen=True)
class ServedFolder:
    """A folder below the server's LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT; both sides see it under the same path."""

    root: Path

    def check(self) -> None:
        """Raise InputError if the folder does not exist."""
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such folder; it must be the folder the server serves local files from")

    def attach(self, studio: Studio, project: int) -> None:
        """Create the project's folder and register it with the server; it is never synchronised."""
        folder = self._folder(project)
        folder.mkdir(parents=True, exist_ok=True)
        studio.serve_folder(project, str(folder))

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Write the pictures; all are on the disk before their tasks are sent, even if the power fails then."""
        del studio
        folder = self._folder(project)
        for hand_id, content in pictures.items():
            write_bytes(folder / f"{hand_id}.jpg", content, sync=False)
        sync_files()
        return {hand_id: f"/data/local-files/?d={quote(f'{folder.name}/{hand_id}.jpg')}" for hand_id in pictures}

    def lacks(self, project: int, hand_id: str) -> bool:
        """Return whether the file is missing."""
        return not (self._folder(project) / f"{hand_id}.jpg").is_file()

    def _folder(self, project: int) -> Path:
        return self.root.resolve() / f"project-{project}"


@dataclass(frozen=True)
class Uploads:
    """The server's own storage; files are named by their content, so that none is sent twice."""

    def check(self) -> None:
        """Do nothing: it can always be used."""

    def attach(self, studio: Studio, project: int) -> None:
        """Do nothing: every project has it."""

    def put(self, studio: Studio, project: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Upload the pictures that are not on the server yet.

        Raises:
            UnreachableError: If some did not arrive.
        """
        names = {hand_id: f"{hashlib.sha256(content).hexdigest()[:32]}.jpg" for hand_id, content in pictures.items()}
        known = studio.uploads(project)
        batch: dict[str, bytes] = {}
        for hand_id, content in pictures.items():
            if names[hand_id] in known:
                continue
            if len(batch) == _FILES or sum(map(len, batch.values())) + len(content) > _BYTES:
                studio.upload(project, batch)
                batch = {}
            batch[names[hand_id]] = content
        if batch:
            studio.upload(project, batch)
            known = studio.uploads(project)
        lost = [hand_id for hand_id, name in names.items() if name not in known]
        if lost:
            raise UnreachableError(f"{studio.url}: {len(lost)} of {len(names)} uploaded pictures did not arrive")
        return {hand_id: known[name] for hand_id, name in names.items()}

    def lacks(self, project: int, hand_id: str) -> bool:
        """Return False: the server keeps its uploads."""
        return False


def choose_store(upload: bool, served: Path | None, login: Login | None) -> PictureStore:
    """Return where pictures go.

    Args:
        upload: Send them to the server.
        served: Folder from which a server of your own serves local files.
        login: The local server, if that is the one in use; its picture folder is the default.

    Raises:
        InputError: If the choice is ambiguous or open.
    """
    if upload and served:
        raise InputError("pass --upload or --served, not both")
    if upload:
        return Uploads()
    if served is not None:
        return ServedFolder(served)
    if login is None:
        raise InputError("choose --upload or --served DIR: the pictures need a place on the server")
    return ServedFolder(login.pictures)
