"""Badges: small pictures for the README of a method, with its rank and score on a subset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from markupsafe import Markup

from leaderboard.entry import Entry
from leaderboard.metric import describe
from leaderboard.ranking import Section
from leaderboard.site.board import Board

#: Pixels of a character at 11 px, at most: narrow text is stretched to its box by textLength.
_CHARACTER = 6.6

_BADGE = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{left}: {right}">'
    "<title>{left}: {right}</title>"
    '<rect width="{width}" height="20" rx="3" fill="#3b4652"/>'
    '<path d="M{split} 0h{rest}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{rest}z" fill="#0b57a4"/>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
    '<text x="6" y="14" textLength="{left_width}">{left}</text>'
    '<text x="{at}" y="14" textLength="{right_width}">{right}</text></g></svg>\n'
)


def badge_path(board: Board, entry: Entry, section: Section) -> str:
    """Return the address of a badge, "" for a record that is not ranked."""
    if entry not in section.ranked or not board.visibilities(section):
        return ""
    return f"badges/{entry.slug}/{PurePosixPath(board.paths[section]).stem}.svg"


def badges(board: Board) -> Iterator[tuple[str, bytes]]:
    """Yield address and content of the badges of all ranked records, one per subset."""
    for section in board.sections:
        for visibility in board.visibilities(section)[:1]:
            key = board.columns(section, visibility)[0]
            metric, ranks = describe(key), board.ranks(section, visibility, key)
            for entry in section.ranked:
                number = board.number(entry, section.subset, visibility, key)
                if number is not None and entry.slug in ranks:
                    unit = f" {metric.unit}" if metric.unit not in ("", "%") else ""
                    right = f"{metric.title} {metric.text(number.value)}{unit}, rank {ranks[entry.slug].text}"
                    yield badge_path(board, entry, section), _badge(section.title, right).encode()


def _badge(left: str, right: str) -> Markup:
    left_width, right_width = (round(len(text) * _CHARACTER) for text in (left, right))
    split = left_width + 12
    return _BADGE.format(
        left=left,
        right=right,
        left_width=left_width,
        right_width=right_width,
        width=split + right_width + 12,
        split=split,
        rest=right_width + 9,
        at=split + 6,
    )
