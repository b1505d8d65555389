"""``hint list``."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import typer

from hint.cli.console import show_rows
from hint.cli.options import Json


class Listed(str, Enum):
    """What can be listed."""

    methods = "methods"
    policies = "policies"
    protocols = "protocols"
    subsets = "subsets"


def list_names(what: Listed, as_json: Json = False) -> None:
    """List methods, sampling policies, protocols or subsets."""
    rows = {
        Listed.methods: _methods,
        Listed.policies: _policies,
        Listed.protocols: _protocols,
        Listed.subsets: _subsets,
    }[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        show_rows(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


def _methods() -> list[dict[str, Any]]:
    from hint.methods.table import list_methods

    return [dict(row) for row in list_methods()]


def _policies() -> list[dict[str, Any]]:
    from annotation.sample.policy import list_policies, load_policy

    policies = [load_policy(name) for name in list_policies()]
    return [{"id": p.id, "title": p.title, "folders": list(p.draws), "sha256": p.sha256} for p in policies]


def _protocols() -> list[dict[str, Any]]:
    from benchmark.protocol import list_protocols

    return [_protocol(name) for name in list_protocols()]


def _protocol(name: str) -> dict[str, Any]:
    from benchmark.mesh.protocol import load_mesh_protocol
    from benchmark.protocol import MESH, load_protocol, protocol_kind

    kind = protocol_kind(name)
    if kind == MESH:
        mesh = load_mesh_protocol(name)
        return _protocol_row(mesh.id, mesh.title, kind, mesh.f_thresholds, mesh.sha256)
    plain = load_protocol(name)
    return _protocol_row(plain.id, plain.title, kind, plain.thresholds, plain.sha256)


def _protocol_row(name: str, title: str, kind: str, thresholds: tuple[float, ...], sha256: str) -> dict[str, Any]:
    return {"id": name, "title": title, "kind": kind, "thresholds": list(thresholds), "sha256": sha256}


def _subsets() -> list[dict[str, Any]]:
    from benchmark.protocol import load_protocol

    subsets = load_protocol().subsets
    return [{"name": s.name, "title": s.title, "folder": s.folder, "hands": s.hands} for s in subsets]
