"""The protocols that records refer to, by sha256."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.mesh.protocol import MeshProtocol, load_mesh_protocol
from benchmark.protocol import MESH, Protocol, list_protocols, load_protocol, protocol_kind
from hint.errors import InputError

if TYPE_CHECKING:
    from leaderboard.entry import Entry

#: The rules of a protocol, in 2D or 3D.
Rules = Protocol | MeshProtocol


def known_protocols(entries: Iterable[Entry], files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols that records refer to, of those that :func:`all_protocols` finds.

    Raises:
        InputError: If a file is not a protocol.
    """
    named = {entry.declared.protocol.sha256 for entry in entries}
    return {sha256: rules for sha256, rules in all_protocols(files).items() if sha256 in named}


def all_protocols(files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols of the toolkit, and of protocol files.

    Raises:
        InputError: If a file is not a protocol.
    """
    found = [_load(name) for name in [*(str(_toml(file)) for file in files), *list_protocols()]]
    return {protocol.sha256: protocol for protocol in found}


def _load(name: str) -> Rules:
    return load_mesh_protocol(name) if protocol_kind(name) == MESH else load_protocol(name)


def _toml(file: Path) -> Path:
    if file.suffix != ".toml":
        raise InputError(f"--protocol {file}: give a .toml file; the protocols of the toolkit are known already")
    return file
