"""A page per subset: a table for each visibility, with ranks, reported rows and the human ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from benchmark.protocol import Protocol
from leaderboard.entry import Entry
from leaderboard.metric import Key, Metric, describe
from leaderboard.oks import oks_flags
from leaderboard.ranking import Rank, Section
from leaderboard.reference import Source
from leaderboard.site.board import Board
from leaderboard.site.curves import curve_lines, human_curve, human_line
from leaderboard.site.page import Page, interval_text, signed
from leaderboard.site.svg import chart

#: Curves in a chart.
CURVES = 6


@dataclass(frozen=True)
class Cell:
    """A number in the table: its text, sort key, interval, rank, and a remark below it."""

    text: str = "-"
    sort: str = ""
    interval: str = ""
    rank: str = ""
    is_best: bool = False
    remark: str = ""


@dataclass(frozen=True)
class MethodRow:
    """A row of the table.

    Attributes:
        name: Method.
        slug: Of its page, "" if it has none.
        cells: One per column.
        flags: (short label, explanation).
        remark: Why it is not ranked, or where the paper reports it.
        speed: Hands per second, "" if unknown.
        device: What it was measured on, "" if the speed is unknown.
        speed_sort: Hands per second.
        parameters: Their number, None if unknown.
        kind: "ranked", "unranked", "reported" or "ceiling".
    """

    name: str
    slug: str
    cells: tuple[Cell, ...]
    kind: str
    flags: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    speed: str = ""
    device: str = ""
    speed_sort: str = ""
    parameters: int | None = None


@dataclass(frozen=True)
class Column:
    """Heading of a number: its title, unit, threshold (to filter by) and direction."""

    title: str
    unit: str
    threshold: str
    higher_is_better: bool


@dataclass(frozen=True)
class ScoreTable:
    """One subset and visibility."""

    id: str
    visibility: str
    columns: tuple[Column, ...]
    ranked: tuple[MethodRow, ...]
    unranked: tuple[MethodRow, ...]
    reported: tuple[MethodRow, ...]
    ceiling: tuple[MethodRow, ...]


def subset_pages(board: Board) -> Iterator[Page]:
    """Make the page of each subset."""
    for section in board.sections:
        tables = [_table(board, section, v, board.columns(section, v)) for v in board.visibilities(section)]
        context = {
            "section": section,
            "sections": [(other, board.paths[other]) for other in board.sections],
            "tables": tables,
            "thresholds": sorted({c.threshold for t in tables for c in t.columns if c.threshold}, key=float),
            "visibilities": [table.visibility for table in tables],
            "rule": board.rule,
            "charts": list(_charts(board, section)),
            "needs_labels": _lacks_motion(board, section),
            "has_speed": any(row.speed for table in tables for row in (*table.ranked, *table.unranked)),
            "agreement": board.agreement if any(table.ceiling for table in tables) else None,
        }
        yield Page(board.paths[section], "subset.html", section.title, context)


def _lacks_motion(board: Board, section: Section) -> bool:
    """Tell whether motion could be scored if labels were given."""
    return isinstance(section.protocol, Protocol) and section.protocol.motion is not None and board.labels is None


def _charts(board: Board, section: Section) -> Iterator[tuple[str, Markup]]:
    """Yield the curves of the best methods."""
    for visibility in board.visibilities(section):
        keys = board.columns(section, visibility)
        ranks = board.ranks(section, visibility, keys[0])
        best = sorted((e for e in section.ranked if e.slug in ranks), key=lambda e: (ranks[e.slug].place, e.slug))
        lines = [
            line
            for k, entry in enumerate(best[:CURVES])
            for line in curve_lines(board, entry, section, visibility, f"c{k}")
        ]
        if lines:
            human = human_line(board, visibility, lines[0].x[-1])
            label = f"PCK over thresholds on {section.title}, {visibility} joints: {', '.join(x.name for x in lines)}"
            yield visibility, chart([replace(x, low=(), high=()) for x in lines] + human, label)


def _table(board: Board, section: Section, visibility: str, keys: Sequence[Key]) -> ScoreTable:
    ranks = [board.ranks(section, visibility, key) for key in keys]
    columns = {key: board.format(section, visibility, key) for key in keys}
    rows = [_row(board, entry, section, visibility, columns, ranks, "ranked") for entry in section.ranked]
    first = {row.slug: (ranks[0][row.slug].place if row.slug in ranks[0] else len(rows) + 1) for row in rows}
    sign = -1 if describe(keys[0]).higher_is_better else 1
    rows.sort(key=lambda row: (first[row.slug], sign * float(row.cells[0].sort or 0), row.slug))
    return ScoreTable(
        id=f"{section.protocol_id}-{section.subset}-{visibility}".replace(" ", "-"),
        visibility=visibility,
        columns=tuple(_column(key) for key in keys),
        ranked=tuple(rows),
        unranked=tuple(
            _row(board, entry, section, visibility, columns, [], "unranked", reason)
            for entry, reason in section.unranked
        ),
        reported=tuple(row for source in board.sources for row in reported(board, source, section, visibility, keys)),
        ceiling=tuple(_ceiling(board, visibility, keys)),
    )


def _column(key: Key) -> Column:
    metric = describe(key)
    return Column(metric.title, metric.unit, "" if key[1] is None else f"{key[1]:g}", metric.higher_is_better)


def _row(
    board: Board,
    entry: Entry,
    section: Section,
    visibility: str,
    columns: Mapping[Key, Metric],
    ranks: Sequence[dict[str, Rank]],
    kind: str,
    reason: str = "",
) -> MethodRow:
    timing = entry.declared.timing
    speed = timing.hands_per_second
    return MethodRow(
        name=entry.name,
        slug=entry.slug,
        cells=tuple(
            _cell(board, entry, (section, visibility, key), metric, ranks[k].get(entry.slug) if ranks else None)
            for k, (key, metric) in enumerate(columns.items())
        ),
        kind=kind,
        flags=tuple(flags(entry)),
        remark=reason,
        speed="" if speed is None else _brief_speed(speed),
        device="" if speed is None else timing.device or "unknown device",
        speed_sort="" if speed is None else f"{speed:g}",
        parameters=entry.declared.method.parameters,
    )


def _brief_speed(hands_per_second: float) -> str:
    return f"{hands_per_second:,.0f}" if hands_per_second >= 100 else f"{hands_per_second:.3g}"


def _cell(board: Board, entry: Entry, place: tuple[Section, str, Key], metric: Metric, rank: Rank | None) -> Cell:
    section, visibility, key = place
    number = board.number(entry, section.subset, visibility, key)
    if number is None:
        return Cell()
    return Cell(
        metric.text(number.value),
        f"{number.value:.9g}",
        interval_text(number.interval, metric),
        rank.text if rank else "",
        rank is not None and rank.place == 1,
    )


def flags(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield labels of what a reader must know about a method, with an explanation of each."""
    card, record = entry.declared.method, entry.declared
    if not entry.verified:
        yield "not verified", entry.why_not_verified or "its error table was not computed again from its predictions"
    if card.trained_on_hint:
        yield "trained on HInt", "HInt was in its training data, so it has seen hands from the same sources"
    elif card.trained_on_hint is None:
        yield "training not stated", "nobody said whether it was trained on HInt"
    if "matched_by_iou" in record.fingerprint:
        yield "whole pictures", "it found the hands itself; they were matched with the labelled boxes"
    if not card.needs_labels and not card.reads_images:
        yield "ignores the picture", "a control that uses only the boxes"
    if entry.looks_drawn:
        yield "as even as drawn noise", "joints err one by one, not hand by hand: it may be the labels with noise added"
    misses = {*record.coverage.missing, *record.coverage.non_finite}
    if misses:
        yield (
            f"{len(misses)} hands missed",
            "hands without a complete prediction; each missing keypoint is a miss",
        )
    yield from oks_flags(entry)
    git = record.provenance.get("git")
    if isinstance(git, dict) and git.get("dirty"):
        yield "changed code", "the code had uncommitted changes when this was scored"


def reported(
    board: Board, source: Source, section: Section, visibility: str, keys: Sequence[Key]
) -> Iterator[MethodRow]:
    """Yield reported rows, with the difference to our own run of the same method."""
    if section.protocol_id not in {row.protocol for row in source.rows}:
        return
    for method in source.methods_of(section.subset):
        own = rerun(source, method, section)
        cells = [_reported_cell(board, source, method, section.subset, visibility, key, own) for key in keys]
        if any(cell.sort for cell in cells):
            yield MethodRow(
                method, "", tuple(cells), "reported", _training(source, method), source.place(method, section.subset)
            )


def _training(source: Source, method: str) -> tuple[tuple[str, str], ...]:
    if method in source.trained_on_hint:
        return (("trained on HInt", "the source says so"),)
    return (("training not stated", "it may have seen HInt"),) if method in source.unknown_training else ()


def rerun(source: Source, method: str, section: Section) -> Entry | None:
    """Return our ranked run of a paper's method on the whole subset: same training, no note such as random weights."""
    if section.data.expected_hands != section.data.n_hands:
        return None
    trained = method in source.trained_on_hint
    name = source.runs_as.get(method)
    same = (e for e in section.ranked if e.is_own and e.declared.method.name == name and not e.declared.method.note)
    return next((e for e in same if e.declared.method.trained_on_hint == trained), None)


def _reported_cell(
    board: Board, source: Source, method: str, subset: str, visibility: str, key: Key, own: Entry | None
) -> Cell:
    found = source.cell(method, subset, visibility, key)
    if found is None:
        return Cell()
    number = board.number(own, subset, visibility, key) if own else None
    remark = f"re-run {signed(number.value - found.value, describe(key).decimals)}" if number else ""
    return Cell(found.text, f"{found.value:.9g}", remark=remark)


def _ceiling(board: Board, visibility: str, keys: Sequence[Key]) -> Iterator[MethodRow]:
    if board.agreement is None:
        return
    cells = [_human_cell(board, visibility, key) for key in keys]
    if any(cell.sort for cell in cells):
        hands = board.agreement.hands
        remark = f"agreement of two annotators on {hands} hands labelled twice; labels are not more accurate than this"
        yield MethodRow("Two annotators", "", tuple(cells), "ceiling", (), remark)


def _human_cell(board: Board, visibility: str, key: Key) -> Cell:
    curve = human_curve(board, visibility)
    if curve is None or key[0] != "pck" or key[1] is None or key[1] > curve[0][-1]:
        return Cell()
    metric: Metric = describe(key)
    value, *ends = (float(np.interp(key[1], curve[0], y)) for y in curve[1:] if y)
    interval = f"[{metric.text(ends[0])}, {metric.text(ends[1])}]" if ends else ""
    return Cell(metric.text(value), f"{value:.9g}", interval)
