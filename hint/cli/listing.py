"""``hint list``."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hint.cli.console import remark, say
from hint.cli.options import Json
from hint.errors import UnknownNameError

if TYPE_CHECKING:
    from hint.methods.table import MethodEntry

#: Width of a line of the short lists.
_WIDTH = 80

#: Width of the titles of methods in them, so that the longest command beside them is whole.
_TITLE_WIDTH = 28


#: What can be listed.
_LISTS = ("methods", "policies", "protocols", "subsets")


def list_names(
    what: Annotated[str, typer.Argument(metavar=f"{{{'|'.join(_LISTS)}}}", autocompletion=lambda: list(_LISTS))],
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show everything, such as licences and what to install.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List methods, sampling policies, protocols or subsets."""
    if what not in _LISTS:
        raise UnknownNameError("list", what, _LISTS)
    if what == "methods":
        _show_methods(verbose, as_json)
        return
    rows = {"policies": _policies, "protocols": _protocols, "subsets": _subsets}[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif verbose:
        _show_blocks(rows)
    else:
        _show_lines([[str(value) for key, value in row.items() if key not in _LONG] for row in rows])


#: Columns that only ``--verbose`` and ``--json`` show.
_LONG = ("folders", "sha256")


def _show_methods(verbose: bool, as_json: bool) -> None:
    from hint.methods.table import list_methods

    entries = list_methods()
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
    elif verbose:
        for number, entry in enumerate(entries):
            say("\n" if number else "", f"{entry.name}: {entry.title}", 0)
            for line in _details(entry):
                say("  ", line)
    else:
        titles = [textwrap.shorten(entry.title, _TITLE_WIDTH, placeholder=" ...") for entry in entries]
        _show_lines([[e.name, title, _next_step(e)] for e, title in zip(entries, titles, strict=True)])
        if not all(entry.ready for entry in entries):
            remark("all that is missing, what to type for it, and licences: hint list methods --verbose")


def _next_step(entry: MethodEntry) -> str:
    """Return the command that fetches the first missing file; where there is none, what is missing, or "ready"."""
    command = re.match(r"needs [^:;]+: (hint fetch [\w-]+)", entry.status)
    return command[1] if command else entry.state


def _details(entry: MethodEntry) -> Iterator[str]:
    """Yield the lines on a method below its name."""
    yield from textwrap.wrap(entry.summary, _WIDTH - 2)
    yield f"licence: {entry.licence}"
    yield f"from: {entry.origin}"
    yield from re.split("; (?=needs |or )", entry.status)


def _show_blocks(rows: Sequence[dict[str, Any]]) -> None:
    typer.echo("\n\n".join("\n".join(f"{key}: {value}" for key, value in row.items()) for row in rows))


def _show_lines(rows: Sequence[Sequence[str]]) -> None:
    """Print one line a row, columns aligned; the last column ends where a terminal does."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        start = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        typer.echo(start + textwrap.shorten(row[-1], max(_WIDTH - len(start), 10), placeholder=" ..."))


def _policies() -> list[dict[str, Any]]:
    from annotation.sample.policy import list_policies, load_policy

    policies = [load_policy(name) for name in list_policies()]
    return [{"id": p.id, "title": p.title, "folders": list(p.draws), "sha256": p.sha256} for p in policies]


def _protocols() -> list[dict[str, Any]]:
    from benchmark.protocol import list_protocols

    return [_protocol(name) for name in list_protocols()]


def _protocol(name: str) -> dict[str, Any]:
    from benchmark.mesh.protocol import MeshProtocol
    from benchmark.protocol import protocol_kind
    from benchmark.rules import load_rules

    rules = load_rules(name)
    thresholds = rules.f_thresholds if isinstance(rules, MeshProtocol) else rules.thresholds
    return _protocol_row(rules.id, rules.title, protocol_kind(name), thresholds, rules.sha256)


def _protocol_row(name: str, title: str, kind: str, thresholds: tuple[float, ...], sha256: str) -> dict[str, Any]:
    return {"id": name, "title": title, "kind": kind, "thresholds": list(thresholds), "sha256": sha256}


def _subsets() -> list[dict[str, Any]]:
    from benchmark.protocol import load_protocol

    subsets = load_protocol().subsets
    return [{"name": s.name, "title": s.title, "folder": s.folder, "hands": s.hands} for s in subsets]
