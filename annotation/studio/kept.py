"""The folder of a pull, in which nothing is lost: what changes or is no longer on the server is set aside first.

OUT/earlier/<time>/...   the files of earlier pulls as they were until the pull of that time
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from hint.errors import InputError
from hint.files.atomic import remove_abandoned, sync_files, write_bytes, write_json
from hint.names import is_path_below

EARLIER = "earlier"
#: Names the files of a pull that did not end.
_UNFINISHED = "unfinished.json"


def _below(name: str) -> str:
    if not is_path_below(name):
        raise ValueError(f"{name[:60]!r} is no file below the folder")
    return name


#: A file of a pull, relative to its folder: what is no longer on the server is moved away by this name.
PulledFile = Annotated[str, AfterValidator(_below)]


class Plan(BaseModel):
    """What a pull is about to write.

    Attributes:
        project: Identity of the project.
        files: Files, relative to the folder.
    """

    model_config = ConfigDict(extra="forbid")
    project: str
    files: list[PulledFile]


class KeepingFolder:
    """Writes files into a folder and sets aside whatever that replaces.

    Attributes:
        out: The folder.
        time: When this pull began, in UTC.
        files: Files of this pull, relative to the folder.
        replaced: Files whose earlier content was set aside.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.time = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        self.files: list[str] = []
        self.replaced: list[str] = []

    def begin(self, plan: Plan) -> None:
        """Note what will be written, so that the next pull knows it if this one is interrupted."""
        for folder in {(self.out / name).parent for name in plan.files}:
            remove_abandoned(folder)
        write_json(self.out / _UNFINISHED, plan.model_dump())

    def end(self) -> None:
        """Wait until everything is on the disk."""
        sync_files()
        (self.out / _UNFINISHED).unlink(missing_ok=True)

    def put(self, name: str, content: bytes, lost: Callable[[bytes], bytes] | None = None) -> None:
        """Write a file unless it is there already.

        Args:
            name: Its path, relative to the folder.
            content: Its content.
            lost: Takes the earlier content; returns what of it the new one lacks. None: all of it, and the file counts
                as replaced.
        """
        self.files.append(name)
        path = self.out / name
        before = path.read_bytes() if path.is_file() else content
        if before != content:
            if rest := lost(before) if lost else before:
                write_bytes(self._aside(name), rest, sync=False)
            if lost is None:
                self.replaced.append(name)
        if before != content or not path.is_file():
            write_bytes(path, content, sync=False)

    def withdraw(self, names: Iterable[str]) -> None:
        """Set files aside that do not belong to this pull."""
        for name in names:
            path = self.out / name
            if path.is_file():
                target = self._aside(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
            with suppress(OSError):  # there are other files
                path.parent.rmdir()
                path.parent.parent.rmdir()

    def kept(self, name: str) -> str:
        """Return where the last version of a file that was set aside is, relative to the folder; "" if nowhere."""
        found = sorted(folder.name for folder in (self.out / EARLIER).glob("*") if (folder / name).is_file())
        return f"{EARLIER}/{found[-1]}/{name}" if found else ""

    def _aside(self, name: str) -> Path:
        return self.out / EARLIER / self.time / name


def unfinished(out: Path) -> Plan | None:
    """Return what a pull that was interrupted began to write; None if there was none.

    Raises:
        InputError: If that cannot be read.
    """
    path = out / _UNFINISHED
    try:
        return Plan.model_validate_json(path.read_bytes()) if path.is_file() else None
    except ValidationError as error:
        raise InputError(f"{path} is not of an interrupted pull; use another --out") from error
