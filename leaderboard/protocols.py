"""The protocols that records refer to, by sha256."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.rules import Rules, load_rules
from hint.errors import InputError, UnknownNameError
from leaderboard.entry import Entry
from leaderboard.oks import own_sigmas


def known_protocols(entries: Sequence[Entry], files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols that records refer to, and of protocol files.

    Raises:
        InputError: If a file is not a protocol.
    """
    found = [load_rules(_toml(file)) for file in files]
    for name in sorted({entry.record.protocol.id for entry in entries}):
        try:
            found.append(load_rules(name))
        except UnknownNameError:
            continue  # a custom protocol; without its file its records are shown unranked
    found += [own_sigmas(entry, rules) for rules in found for entry in entries if entry.record.protocol.id == rules.id]
    return {protocol.sha256: protocol for protocol in found}


def _toml(file: Path) -> Path:
    if file.suffix != ".toml":
        raise InputError(f"--protocol {file}: give a .toml file; the protocols of the toolkit are known already")
    return file
