"""Everything that reads a file, by what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from fuzzing.target import Target

#: Modules with targets; those that import the largest packages come last.
MODULES = ("labels", "sources", "downloads", "boards", "annotation", "networks")


def all_targets() -> Iterator[Target]:
    """Yield every reader; a module is imported once it is its turn."""
    for module in MODULES:
        yield from import_module(f"fuzzing.readers.{module}").TARGETS


def find_target(name: str) -> Target:
    """Return a reader by its name.

    Raises:
        KeyError: If there is none of that name.
    """
    for target in all_targets():
        if target.name == name:
            return target
    raise KeyError(name)
