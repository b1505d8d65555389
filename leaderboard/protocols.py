"""The protocols that records refer to, by sha256."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.mesh.protocol import MeshProtocol, load_mesh_protocol
from benchmark.protocol import MESH, Protocol, load_protocol, protocol_kind
from hint.errors import InputError, UnknownNameError
from leaderboard.entry import Entry

#: The rules of a protocol, in 2D or 3D.
Rules = Protocol | MeshProtocol


def known_protocols(entries: Iterable[Entry], files: Sequence[Path] = ()) -> dict[str, Rules]:
    """Return sha256 -> rules of the protocols that records refer to, and of protocol files.

    Raises:
        InputError: If a file is not a protocol.
    """
    found = [_load(str(_toml(file))) for file in files]
    for name in sorted({entry.record.protocol.id for entry in entries}):
        try:
            found.append(_load(name))
        except UnknownNameError:
            continue  # a custom protocol; without its file its records are shown unranked
    return {protocol.sha256: protocol for protocol in found}


def _load(name: str) -> Rules:
    return load_mesh_protocol(name) if protocol_kind(name) == MESH else load_protocol(name)


def _toml(file: Path) -> Path:
    if file.suffix != ".toml":
        raise InputError(f"--protocol {file}: give a .toml file; the protocols of the toolkit are known already")
    return file
