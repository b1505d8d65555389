"""The history of a board: who entered when, and from which commit."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.entry import Entry
from leaderboard.history import Change
from leaderboard.site.page import Page


def history_page(events: Sequence[Change], entries: Sequence[Entry]) -> Page:
    """Make the page of all changes, the newest first; those of a method on the board lead to its page."""
    pages = {str(entry.record.provenance.get("submission_sha256", "")): entry.slug for entry in entries}
    rows = [(event, pages.get(event.sha256, "") if event.sha256 else "") for event in events]
    return Page("history.html", "history.html", "History", {"rows": rows})
