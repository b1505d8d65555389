"""TOML files that come with the toolkit under a name, or are the user's own under a path: protocols, policies."""

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
    """A kind of file and where those of the toolkit lie.

    Attributes:
        kind: What messages call it, such as "protocol".
        package: Import package that holds the folder.
        folder: Folder of ``<name>.toml``.
    """

    kind: str
    package: str
    folder: str

    def names(self) -> list[str]:
        """Return the names that come with the toolkit."""
        entries = (entry.name for entry in files(self.package).joinpath(self.folder).iterdir())
        return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))

    def load(self, name: str) -> tuple[dict[str, Any], str]:
        """Read one.

        Args:
            name: One of :meth:`names`, or the path of a ``.toml`` file.

        Returns:
            Its table, and the sha256 of its bytes.

        Raises:
            UnknownNameError: If there is none of that name.
            InputError: If the file is missing or no TOML.
        """
        content = self._content(name)
        try:
            return tomllib.loads(content.decode()), hashlib.sha256(content).hexdigest()
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{self.kind} {name}: not a TOML file: {error}") from error

    def _content(self, name: str) -> bytes:
        if name.endswith(".toml"):
            if not Path(name).is_file():
                raise InputError(f"{self.kind} {name}: no such file; known names: {', '.join(self.names())}")
            return Path(name).read_bytes()
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        return files(self.package).joinpath(self.folder).joinpath(f"{name}.toml").read_bytes()


def parse_value(text: str) -> Any:
    """Read a value as TOML has it: ``3``, ``true``, ``[1, 2]``; anything else is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
