"""A file a method reads as its authors distribute it: what it is called, where it may lie, how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.errors import InputError, MissingRequirementError


@dataclass(frozen=True)
class OfficialFile:
    """A file somebody else distributes.

    Attributes:
        setting: What names it on the command line.
        names: How it is called, the usual one first.
        folder: Where it lies below the home folder.
        official: Where the official repositories keep it, below the working folder.
        get: How to get it; ``{home}`` stands for the home folder.
    """

    setting: str
    names: tuple[str, ...]
    folder: str
    official: tuple[str, ...]
    get: str

    def installed(self) -> Path | None:
        """Return it in the usual places, best first, None where it is in none."""
        places = (
            place
            for name in self.names
            for place in settings.candidates(f"{self.folder}/{name}", *(f"{at}/{name}" for at in self.official))
        )
        return next((place for place in places if place.is_file()), None)

    def find(self, named: str | None, method: str) -> Path:
        """Return the file that was named, or else the one in the usual places.

        Raises:
            InputError: If the named file is not there.
            MissingRequirementError: If none was named and none is found.
        """
        path = self.installed() if named is None else Path(named).expanduser()
        if path is None:
            raise MissingRequirementError(f"{method} {self.missing()}")
        if not path.is_file():
            raise InputError(f"{path}: no such file; {self.setting} is {self.names[0]}")
        return path

    def missing(self) -> str:
        """Say that it is missing, where to get it and where it goes."""
        return f"needs {self.names[0]}: {self.get.format(home=settings.home())} (or name it with {self.setting})"
