"""Comparison pages: two methods on the same hands, and the overview of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.intervals import Difference
from hint.skeleton import JOINT_NAMES
from leaderboard.entry import Entry
from leaderboard.metric import Key, Metric, fixed
from leaderboard.ranking import Section
from leaderboard.site.board import MAX_PAIRS, VISIBILITIES, Board
from leaderboard.site.front import columns_of
from leaderboard.site.hands import Figure, disagreements
from leaderboard.site.method import curve_lines
from leaderboard.site.page import Page, interval_text, signed
from leaderboard.site.svg import chart

if TYPE_CHECKING:
    from leaderboard.site.pictures import Pictures


@dataclass(frozen=True)
class DifferenceRow:
    """One metric of two methods: both values, the difference, its interval, and the verdict."""

    visibility: str
    metric: str
    a: str
    b: str
    difference: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class Versus:
    """Two methods on one subset."""

    section: Section
    rows: tuple[DifferenceRow, ...]
    charts: tuple[Any, ...]
    joints: tuple[tuple[str, list[str]], ...]
    joint_headings: tuple[str, ...]
    figures: tuple[Figure, ...]


def pair_path(a: Entry, b: Entry) -> str:
    """Return the address of a comparison."""
    return f"compare/{a.slug}--{b.slug}.html"


def comparison_pages(board: Board, pictures: Pictures | None) -> Iterator[Page]:
    """Make the overview of pairs and the page of each pair."""
    yield _overview(board)
    for a, b in board.pairs:
        shared = [s for s in board.sections if a in s.comparable and b in s.comparable]
        views = [_versus(board, a, b, section, pictures) for section in shared]
        context = {"a": a, "b": b, "views": views, "rule": board.rule}
        yield Page(pair_path(a, b), "versus.html", f"{a.name} and {b.name}", context)


def _overview(board: Board) -> Page:
    linked = {frozenset((a.slug, b.slug)): pair_path(a, b) for a, b in board.pairs}
    members = [entry for entry in board.entries if any(entry.slug in pair for pair in linked)]
    rows = [
        (
            entry,
            [linked.get(frozenset((entry.slug, other.slug)), "") if other is not entry else "" for other in members],
        )
        for entry in members
    ]
    absent = [entry for entry in board.entries if entry not in members]
    context = {
        "members": members,
        "rows": rows,
        "absent": absent,
        "is_limited": len(linked) >= MAX_PAIRS,
        "maximum": MAX_PAIRS,
    }
    return Page("compare/index.html", "compare.html", "Comparison", context)


def _versus(board: Board, a: Entry, b: Entry, section: Section, pictures: Pictures | None) -> Versus:
    return Versus(
        section,
        tuple(_differences(board, a, b, section)),
        tuple(c for v in VISIBILITIES if (c := _chart(board, a, b, section, v)) is not None),
        tuple(_joints(a, b, section)),
        tuple(f"{v} @{t:g}" for v, t in _joint_columns(a, b, section)),
        () if board.hide_hands else tuple(disagreements(a, b, section.subset, pictures)),
    )


def _differences(board: Board, a: Entry, b: Entry, section: Section) -> Iterator[DifferenceRow]:
    for visibility in VISIBILITIES:
        first, second = (board.draws(entry, section.subset, visibility) for entry in (a, b))
        if first is None or second is None:
            continue
        for key in columns_of(section, visibility):
            if key not in first.rows or key not in second.rows:
                continue
            difference = board.difference(section, visibility, key, (a, b))
            if difference is None:
                continue
            metric = _telling(board.format(section, visibility, key), difference)
            ahead = a if (difference.value > 0) == metric.higher_is_better else b
            yield DifferenceRow(
                visibility,
                metric.title,
                metric.text(first.values[key]),
                metric.text(second.values[key]),
                signed(difference.value, metric.decimals),
                interval_text(difference.interval, metric, sign=True),
                "cannot be told apart" if difference.contains_zero else f"{ahead.name} is better",
            )


def _telling(metric: Metric, difference: Difference) -> Metric:
    """Add decimals until no end of an interval without 0 reads as 0."""
    if difference.contains_zero or difference.interval is None:
        return metric
    ends = (difference.value, difference.interval.low, difference.interval.high)
    return metric.telling((end, 0.0) for end in ends)


def _chart(board: Board, a: Entry, b: Entry, section: Section, visibility: str) -> Any:
    lines = [
        line
        for entry, style in ((a, "c0"), (b, "c1"))
        for line in curve_lines(board, entry, section, visibility, style)
    ]
    if len(lines) < 2:
        return None
    return visibility, chart(lines, f"PCK over thresholds on {section.title}, {visibility} joints: {a.name}, {b.name}")


def _joint_columns(a: Entry, b: Entry, section: Section) -> list[tuple[str, float]]:
    keys = [(v, k) for v in VISIBILITIES for k in columns_of(section, v) if k[1] is not None]
    return [(v, key[1]) for v, key in keys if key[1] is not None and _is_middle(section, v, key)]


def _is_middle(section: Section, visibility: str, key: Key) -> bool:
    thresholds = [t for _, t in columns_of(section, visibility) if t is not None]
    return key[1] == thresholds[len(thresholds) // 2]


def _joints(a: Entry, b: Entry, section: Section) -> Iterator[tuple[str, list[str]]]:
    columns = _joint_columns(a, b, section)
    first, second = (
        {(j.joint, j.visibility, j.threshold): j.value for j in e.record.per_joint if j.subset == section.subset}
        for e in (a, b)
    )
    for name in JOINT_NAMES:
        keys = [(name, visibility, threshold) for visibility, threshold in columns]
        cells = [fixed(first[k] - second[k], 1, sign=True) if k in first and k in second else "-" for k in keys]
        if keys:
            yield name, cells
