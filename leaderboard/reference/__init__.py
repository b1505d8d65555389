"""What papers report: numbers and where they are printed, never computed here."""

from leaderboard.reference.rows import Reference, Source, load_source, load_sources

__all__ = ["Reference", "Source", "load_source", "load_sources"]
