"""Rules of scoring that records name, by their sha256."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.protocol import Protocol, load_protocol
from hint.errors import InputError, UnknownNameError
from leaderboard.entry import Entry


def known_protocols(entries: Iterable[Entry], files: Sequence[Path] = ()) -> dict[str, Protocol]:
    """Return sha256 -> rules of the protocols that records name, and of files.

    Raises:
        InputError: If a file is no protocol.
    """
    found = [load_protocol(str(_toml(file))) for file in files]
    for name in sorted({entry.record.protocol.id for entry in entries}):
        try:
            found.append(load_protocol(name))
        except UnknownNameError:
            continue  # somebody's own; without its file its records are shown unranked
    return {protocol.sha256: protocol for protocol in found}


def _toml(file: Path) -> Path:
    if file.suffix != ".toml":
        raise InputError(f"--protocol {file}: name a .toml file; those of the toolkit are known")
    return file
