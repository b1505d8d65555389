"""The rules of any kind of protocol, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from benchmark.protocol import MESH, OKS, Protocol, load_protocol, protocol_kind

if TYPE_CHECKING:
    from benchmark.mesh.protocol import MeshProtocol
    from benchmark.oks.protocol import OksProtocol

#: Rules of scoring.
Rules: TypeAlias = Union[Protocol, "MeshProtocol", "OksProtocol"]


def load_rules(protocol: str | Path) -> Rules:
    """Read a protocol of any kind.

    Args:
        protocol: One of :func:`benchmark.protocol.list_protocols`, or the path of a ``.toml`` file.

    Raises:
        UnknownNameError: If there is no protocol of that name.
        InputError: If the file is missing, malformed, or asks for rules that are not implemented.
    """
    name = str(protocol)
    kind = protocol_kind(name)
    if kind == MESH:
        from benchmark.mesh.protocol import load_mesh_protocol

        return load_mesh_protocol(name)
    if kind == OKS:
        from benchmark.oks.protocol import load_oks_protocol

        return load_oks_protocol(name)
    return load_protocol(name)
