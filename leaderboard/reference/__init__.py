"""What papers report: numbers with their table and page, never computed here."""

from leaderboard.reference.rows import Reference, Source, load_source

__all__ = ["Reference", "Source", "load_source"]
