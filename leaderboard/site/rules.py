"""A page per protocol: its file and the records that use it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from benchmark.protocol import Protocol
from leaderboard.names import slug
from leaderboard.protocols import Rules
from leaderboard.site.board import Board
from leaderboard.site.page import Page


def protocol_pages(board: Board, given: Sequence[Path]) -> Iterator[Page]:
    """Make the pages of all protocols that records refer to.

    Args:
        board: Records.
        given: Protocol files of the user's own.
    """
    texts = _texts(board, given)
    for protocol_id in sorted({section.protocol_id for section in board.sections}):
        sections = [section for section in board.sections if section.protocol_id == protocol_id]
        sha256 = sections[0].protocol_sha256
        members = [e for e in board.entries if e.declared.protocol.id == protocol_id]
        context = {
            "id": protocol_id,
            "sha256": sha256,
            "rules": board.protocols.get(sha256),
            "facts": list(_facts(board.protocols.get(sha256))),
            "text": texts.get(sha256, ""),
            "sections": [(section, board.paths[section]) for section in sections],
            "members": [(entry, entry.declared.protocol.sha256) for entry in members],
        }
        yield Page(protocol_path(protocol_id), "protocol.html", f"Protocol {protocol_id}", context)


def _facts(rules: Rules | None) -> Iterator[tuple[str, str]]:
    """Yield the main rules."""
    if rules is None:
        return
    if isinstance(rules, Protocol):
        yield "Error", f"distance in px / {rules.normaliser.replace('_', ' ')}"
        yield "Correct", f"error {rules.comparison} threshold; {', '.join(f'{t:g}' for t in rules.thresholds)}"
        yield "Mean", rules.aggregation.replace("_", " ")
        yield "AUC", f"0 to {rules.auc_maximum:g}"
    else:
        yield "Aligned by", ", ".join(name.replace("_", " ") for name in rules.alignments)
        yield "AUC", f"0 to {1000 * rules.curve_maximum:g} mm"
        yield "F-score", ", ".join(f"{1000 * t:g} mm" for t in rules.f_thresholds)
    yield "Intervals", f"{100 * rules.level:g}%, {rules.replicates:,} bootstrap replicates that draw clips"


def protocol_path(protocol_id: str) -> str:
    """Return the address of the page of a protocol."""
    return f"protocols/{slug(protocol_id)}.html"


def _texts(board: Board, given: Sequence[Path]) -> dict[str, str]:
    """Return sha256 -> text of the protocol files."""
    names = {entry.declared.protocol.id for entry in board.entries}
    folder = files("benchmark").joinpath("protocols")
    known = [f.read_bytes() for f in folder.iterdir() if f.name.removesuffix(".toml") in names]
    contents = [*known, *(path.read_bytes() for path in given)]
    return {hashlib.sha256(content).hexdigest(): content.decode() for content in contents}
