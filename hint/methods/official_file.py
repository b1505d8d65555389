"""A file a method reads as its authors distribute it: its name, where it is looked for, how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hint import settings
from hint.errors import InputError, MissingRequirementError
from hint.files.path import as_path
from hint.types import MethodOptions

#: In place of a weights file: random numbers and a hand without licence, for trying things out.
RANDOM = "random"

#: The option that names the weights; other files are named by a setting of the method.
WEIGHTS = "weights"

#: How weights are named, on the command line and in Python.
NAME_WEIGHTS = "--weights FILE, or weights= in Python"


@dataclass(frozen=True)
class OfficialFile:
    """A file somebody else distributes.

    Attributes:
        option: What names it: :data:`WEIGHTS`, or a setting of the method.
        names: What it is called, the usual name first.
        folder: Its folder below the home folder.
        official: Where the official repositories keep it, below the working folder.
        get: How to get it; ``{home}`` stands for the home folder.
    """

    option: str
    names: tuple[str, ...]
    folder: str
    official: tuple[str, ...]
    get: str

    @property
    def flag(self) -> str:
        """What to type to name the file."""
        return "--weights FILE" if self.option == WEIGHTS else f"--set {self.option}=FILE"

    def installed(self) -> Path | None:
        """Return it in the usual places, best first, None where it is in none."""
        places = (
            place
            for name in self.names
            for place in settings.candidates(f"{self.folder}/{name}", *(f"{at}/{name}" for at in self.official))
        )
        return next((place for place in places if place.is_file()), None)

    def named(self, options: MethodOptions) -> str | None:
        """Return the path the options name, None where they name none."""
        return options.weights if self.option == WEIGHTS else options.extra.get(self.option)

    def find(self, options: MethodOptions, method: str) -> Path:
        """Return the file that was named, or else the one in the usual places.

        Raises:
            InputError: If the named file is not there.
            MissingRequirementError: If none was named and none is found.
        """
        named = self.named(options)
        path = self.installed() if named is None else as_path(named)
        if path is None:
            raise MissingRequirementError(f"{method} {self.missing()}")
        if not path.is_file():
            raise InputError(f"{path}: no such file; {self.flag} is {self.names[0]}")
        return path

    def missing(self) -> str:
        """Return a line that says that it is missing, where to get it and where it goes."""
        how = NAME_WEIGHTS if self.option == WEIGHTS else self.flag
        return f"needs {self.names[0]}: {self.advice()} (or name it with {how})"

    def advice(self) -> str:
        """Return how to get it."""
        return self.get.format(home=settings.home())


def missing_files(files: Sequence[OfficialFile], options: MethodOptions, *others: str) -> str:
    """Tell which files are neither named nor in the usual places, "" where none are missing.

    Args:
        files: What the method reads.
        options: May name some of them, or ask for random weights, which need none.
        others: Lines on other things that are missing, "" for those that are there.
    """
    if options.weights == RANDOM:
        return ""
    absent = [file.missing() for file in files if file.named(options) is None and file.installed() is None]
    lines = [line for line in (*absent, *others) if line]
    return "; ".join([*lines, f"or try it with --weights {RANDOM}"]) if lines else ""
