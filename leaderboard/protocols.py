"""The protocols that records refer to, by sha256."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.protocol import list_protocols
from benchmark.rules import Rules, load_rules
from hint.errors import InputError

if TYPE_CHECKING:
    from leaderboard.entry import Entry


def known_protocols(entries: Sequence[Entry], files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols that records refer to, of those that :func:`all_protocols` finds.

    Raises:
        InputError: If a file is not a protocol.
    """
    named = {entry.declared.protocol.sha256 for entry in entries}
    own = {entry.rules.sha256: entry.rules for entry in entries if entry.rules is not None}
    return own | {sha256: rules for sha256, rules in all_protocols(files).items() if sha256 in named}


def all_protocols(files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols of the toolkit, and of protocol files.

    Raises:
        InputError: If a file is not a protocol.
    """
    found = [load_rules(name) for name in [*(str(_toml(file)) for file in files), *list_protocols()]]
    return {protocol.sha256: protocol for protocol in found}


def _toml(file: Path) -> Path:
    if file.suffix != ".toml":
        raise InputError(f"--protocol {file}: give a .toml file; the protocols of the toolkit are known already")
    return file
