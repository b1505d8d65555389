"""PCK curves: of records, with bands, and of two annotators."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.entry import Entry
from leaderboard.ranking import Section
from leaderboard.site.board import Board
from leaderboard.site.svg import Line

#: Two annotators are measured as the protocol measures methods.
_CEILING = ("box_longest_side", "mean_over_joints_of_subset_ratio")


def curve_lines(board: Board, entry: Entry, section: Section, visibility: str, style: str) -> Iterator[Line]:
    """Yield the curve of a record, with its band; nothing without an error table."""
    draws = board.draws(entry, section.subset, visibility)
    if draws is not None and draws.band is not None:
        band = draws.band
        yield Line(entry.name, band.thresholds, band.values, band.low, band.high, style)


def human_line(board: Board, visibility: str, end: float) -> list[Line]:
    """Return the agreement of two annotators up to the end of a chart, [] if it was not measured."""
    curve = human_curve(board, visibility)
    if curve is None:
        return []
    inside = [k for k, x in enumerate(curve[0]) if x <= end]
    x, y, low, high = (tuple(edge[k] for k in inside) if edge else () for edge in curve)
    return [Line("two annotators", x, y, low, high, "human")]


def human_curve(board: Board, visibility: str) -> tuple[tuple[float, ...], ...] | None:
    """Return thresholds, percent, and both edges of the band of two annotators' agreement, None if not measured."""
    for curve in board.agreement.curves if board.agreement else ():
        if (curve.normaliser, curve.aggregation) == _CEILING and curve.visibility == visibility:
            return curve.thresholds, curve.values, curve.low or (), curve.high or ()
    return None
