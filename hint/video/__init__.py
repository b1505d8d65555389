"""Exact frames out of videos."""
