"""What is fuzzed: a reader, and how to make a small valid file for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: Unique, such as "predictions npz".
        form: What the file is, a key of :data:`fuzzing.mutation.MUTATIONS`.
        make: Writes what the reader needs into an empty folder, all of it valid; returns the file to spoil.
        read: Reads the folder; what it writes goes to ``out`` in it.
    """

    name: str
    form: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Prepared:
    """A target with its files in a folder.

    Attributes:
        target: The reader.
        folder: Its folder.
        file: The file to spoil.
        seed: What that holds while it is valid.
    """

    target: Target
    folder: Path
    file: Path
    seed: bytes

    @property
    def out(self) -> Path:
        """Where the reader may write; removed before every reading."""
        return self.folder / "out"

    def write(self, content: bytes) -> None:
        """Replace the content of the file."""
        self.file.write_bytes(content)


def prepare(target: Target, folder: Path) -> Prepared:
    """Write the files of a target into an empty folder."""
    folder.mkdir(parents=True)
    file = target.make(folder)
    return Prepared(target, folder, file, file.read_bytes())
