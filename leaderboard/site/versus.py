"""Comparison pages: two methods on the same hands, and the overview of all pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.intervals import Difference
from hint.skeleton import JOINT_NAMES
from leaderboard.entry import Entry
from leaderboard.metric import Metric, fixed
from leaderboard.ranking import Section
from leaderboard.site.board import MAX_PAIRS, VISIBILITIES, Board
from leaderboard.site.curves import curve_lines
from leaderboard.site.hands import Figure, disagreements
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


@dataclass(frozen=True)
class Duel:
    """A cell of the matrix: the row's method minus the column's, and who won."""

    verdict: str
    text: str
    path: str


@dataclass(frozen=True)
class Matrix:
    """All pairs of the comparable records of a subset, by the first number of a group of joints.

    Attributes:
        section: Subset.
        visibility: Group of joints.
        metric: What is compared.
        rows: Records by rank, controls last: each with its wins, ties and losses, and a cell per record, None for
            itself.
    """

    section: Section
    visibility: str
    metric: str
    rows: tuple[tuple[Entry, dict[str, int], tuple[Duel | None, ...]], ...]


def _overview(board: Board) -> Page:
    matrices = [m for s in board.sections for v in board.visibilities(s) if (m := _matrix(board, s, v)) is not None]
    shown = {entry.slug for matrix in matrices for entry, _, _ in matrix.rows}
    context = {
        "matrices": matrices,
        "pairs": [(a, b, pair_path(a, b)) for a, b in board.pairs],
        "members": [entry for entry in board.entries if any(entry in pair for pair in board.pairs)],
        "absent": [entry for entry in board.entries if entry.slug not in shown],
        "is_limited": len(board.pairs) >= MAX_PAIRS,
        "maximum": MAX_PAIRS,
    }
    return Page("compare/index.html", "compare.html", "Comparison", context)


def _matrix(board: Board, section: Section, visibility: str) -> Matrix | None:
    key = board.columns(section, visibility)[0]
    found = [(e, d) for e in section.comparable if (d := board.draws(e, section.subset, visibility)) and key in d.rows]
    if len(found) < 2:
        return None
    metric, ranks = board.format(section, visibility, key), board.ranks(section, visibility, key)
    sign = -1 if metric.higher_is_better else 1
    found.sort(
        key=lambda pair: (
            ranks[pair[0].slug].place if pair[0].slug in ranks else len(ranks) + 1,
            sign * pair[1].values[key],
        )
    )
    paths = {pair: pair_path(a, b) for a, b in board.pairs for pair in ((a, b), (b, a))}
    rows = []
    for entry, _ in found:
        pairs = [(entry, other) for other, _ in found]
        cells = tuple(
            _duel(board.difference(section, visibility, key, pair), metric, paths.get(pair, ""))
            if entry is not pair[1]
            else None
            for pair in pairs
        )
        count = Counter(cell.verdict for cell in cells if cell)
        rows.append((entry, {verdict: count[verdict] for verdict in ("win", "tie", "loss")}, cells))
    return Matrix(section, visibility, metric.with_unit, tuple(rows))


def _duel(difference: Difference | None, metric: Metric, path: str) -> Duel | None:
    if difference is None:
        return None
    better = (difference.value > 0) == metric.higher_is_better
    verdict = "tie" if difference.contains_zero else "win" if better else "loss"
    return Duel(verdict, signed(difference.value, metric.decimals), path)


def _versus(board: Board, a: Entry, b: Entry, section: Section, pictures: Pictures | None) -> Versus:
    return Versus(
        section,
        tuple(_differences(board, a, b, section)),
        tuple(c for v in VISIBILITIES if (c := _chart(board, a, b, section, v)) is not None),
        tuple(_joints(board, a, b, section)),
        tuple(f"{v} @{t:g}" for v, t in _joint_columns(board, section)),
        () if board.hide_hands else tuple(disagreements(a, b, section.subset, pictures)),
    )


def _differences(board: Board, a: Entry, b: Entry, section: Section) -> Iterator[DifferenceRow]:
    for visibility in VISIBILITIES:
        first, second = (board.draws(entry, section.subset, visibility) for entry in (a, b))
        if first is None or second is None:
            continue
        for key in board.columns(section, visibility):
            if key not in first.rows or key not in second.rows:
                continue
            difference = board.difference(section, visibility, key, (a, b))
            if difference is None:
                continue
            metric = _telling(board.format(section, visibility, key), difference)
            ahead = a if (difference.value > 0) == metric.higher_is_better else b
            yield DifferenceRow(
                visibility,
                metric.with_unit,
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


def _joint_columns(board: Board, section: Section) -> list[tuple[str, float]]:
    """Return the middle threshold of each group of joints."""
    found = []
    for visibility in board.visibilities(section):
        thresholds = [t for _, t in board.columns(section, visibility) if t is not None]
        found += [(visibility, thresholds[len(thresholds) // 2])] if thresholds else []
    return found


def _joints(board: Board, a: Entry, b: Entry, section: Section) -> Iterator[tuple[str, list[str]]]:
    gaps = []
    for visibility, threshold in _joint_columns(board, section):
        first, second = (board.draws(entry, section.subset, visibility) for entry in (a, b))
        if first is not None and second is not None:
            gaps.append(first.joints[threshold] - second.joints[threshold])
    for name, row in zip(JOINT_NAMES, zip(*gaps, strict=True), strict=False):
        yield name, ["-" if np.isnan(gap) else fixed(gap, 1, sign=True) for gap in row]
