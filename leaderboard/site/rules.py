"""A page per protocol: its file, word for word, and who was scored by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from leaderboard.entry import slug
from leaderboard.site.board import Board
from leaderboard.site.page import Page


def protocol_pages(board: Board, given: Sequence[Path]) -> Iterator[Page]:
    """Make the pages of all protocols that records name.

    Args:
        board: Records.
        given: Protocol files of the user's own.
    """
    texts = _texts(board, given)
    for protocol_id in sorted({section.protocol_id for section in board.sections}):
        sections = [section for section in board.sections if section.protocol_id == protocol_id]
        sha256 = sections[0].protocol_sha256
        members = [e for e in board.entries if e.record.protocol.id == protocol_id]
        context = {
            "id": protocol_id,
            "sha256": sha256,
            "rules": board.protocols.get(sha256),
            "text": texts.get(sha256, ""),
            "sections": sections,
            "members": [(entry, entry.record.protocol.sha256) for entry in members],
        }
        yield Page(protocol_path(protocol_id), "protocol.html", f"Protocol {protocol_id}", context)


def protocol_path(protocol_id: str) -> str:
    """Return the address of the page of a protocol."""
    return f"protocols/{slug(protocol_id)}.html"


def _texts(board: Board, given: Sequence[Path]) -> dict[str, str]:
    """Return sha256 -> text of the protocol files."""
    names = {entry.record.protocol.id for entry in board.entries}
    folder = files("benchmark").joinpath("protocols")
    known = [f.read_bytes() for f in folder.iterdir() if f.name.removesuffix(".toml") in names]
    contents = [*known, *(path.read_bytes() for path in given)]
    return {hashlib.sha256(content).hexdigest(): content.decode() for content in contents}
