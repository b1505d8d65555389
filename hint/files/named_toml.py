"""TOML files of the toolkit, loaded by name, or of the user, loaded by path: protocols, policies, presets."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hint.errors import InputError, UnknownNameError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class NamedToml:
    """A kind of file, and the folder of those in the toolkit.

    Attributes:
        kind: Its name in messages, such as "protocol".
        package: Import package of the folder.
        folder: Folder of ``<name>.toml``.
    """

    kind: str
    package: str
    folder: str

    def names(self) -> list[str]:
        """Return the names of the files in the toolkit."""
        entries = (entry.name for entry in files(self.package).joinpath(self.folder).iterdir())
        return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))

    def load(self, name: str) -> tuple[dict[str, Any], str]:
        """Read a file.

        Args:
            name: One of :meth:`names`, or the path of a ``.toml`` file.

        Returns:
            Its table, and the sha256 of its bytes.

        Raises:
            UnknownNameError: If there is no file of that name.
            InputError: If the file is missing or is not TOML.
        """
        content = self._content(name)
        try:
            return parse_toml(content), hashlib.sha256(content).hexdigest()
        except ValueError as error:
            raise InputError(f"{self.kind} {name}: not a TOML file: {error}") from error

    def _content(self, name: str) -> bytes:
        if name.endswith(".toml"):
            if not Path(name).is_file():
                raise InputError(f"{self.kind} {name}: no such file; known names: {', '.join(self.names())}")
            return Path(name).read_bytes()
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        return files(self.package).joinpath(self.folder).joinpath(f"{name}.toml").read_bytes()


def parse_toml(content: bytes) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        ValueError: If it is not TOML, or is nested too deeply.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_value(text: str) -> Any:
    """Parse a TOML value such as ``3``, ``true`` or ``[1, 2]``; anything else is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
