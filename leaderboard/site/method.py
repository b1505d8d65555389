"""A page per method: its card, how to reproduce its numbers, and its strengths and weaknesses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from benchmark.record import Record
from hint.frames import PARTS
from hint.skeleton import FINGER_OF_JOINT, JOINT_NAMES, N_JOINTS
from leaderboard.citation import cite
from leaderboard.entry import Entry
from leaderboard.metric import Key, describe, fixed
from leaderboard.ranking import Section
from leaderboard.site.badge import badge_path
from leaderboard.site.board import Board
from leaderboard.site.command import shown_command, without_folders
from leaderboard.site.curves import curve_lines, human_line
from leaderboard.site.page import Page, interval_text
from leaderboard.site.subset import flags
from leaderboard.site.svg import Line, chart, hand
from leaderboard.slices import Slice


@dataclass(frozen=True)
class SubsetView:
    """What a page shows for one subset.

    Attributes:
        section: The subset.
        reason: Why the method is not ranked, "" if it is.
        scores: Rows of (visibility, cells of (value, interval)).
        headings: Of the cells.
        charts: PCK curves.
        curve: Rows of a threshold and the value of each chart there.
        hands: (threshold or metric, drawing).
        fingers: Rows of (part, values).
        finger_headings: Of the values.
        slices: (by, rows of (name, hands, clips, cells)).
        slice_headings: Of the cells.
        empty: Remarks on joints without annotations.
    """

    section: Section
    reason: str
    headings: tuple[str, ...]
    scores: tuple[Any, ...]
    charts: tuple[Any, ...]
    curve: tuple[tuple[str, ...], ...]
    hands: tuple[Any, ...]
    finger_headings: tuple[tuple[str, str], ...]
    fingers: tuple[Any, ...]
    slice_headings: tuple[str, ...]
    slices: tuple[Any, ...]
    empty: tuple[str, ...]


def method_page(board: Board, entry: Entry, gallery: str) -> Page:
    """Make the page of a record; ``gallery`` is the address of its pictures, "" without."""
    record = entry.declared
    partners = [(a, b) for a, b in board.pairs if entry in (a, b)]
    is_submission = "submission_sha256" in record.provenance
    context = {
        "entry": entry,
        "card": record.method,
        "flags": list(flags(entry)),
        "views": [_view(board, entry, section) for section in board.sections if entry in section.entries],
        "command": shown_command(record),
        "facts": list(_facts(record)),
        "is_submission": is_submission,
        "misses": sorted({*record.coverage.missing, *record.coverage.non_finite}),
        "partners": [(b if a is entry else a, f"compare/{a.slug}--{b.slug}.html") for a, b in partners],
        "gallery": gallery,
        "citation": cite(record.method, by_name=not is_submission),
        "badges": [
            (s, badge_path(board, entry, s)) for s in board.sections if entry in s.ranked and board.visibilities(s)
        ],
    }
    return Page(f"methods/{entry.slug}.html", "method.html", entry.name, context)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    """Yield how the record was made: versions, machine, time, settings."""
    timing, made = record.timing, record.provenance
    if "submission_sha256" in made:
        yield "submission", f"sha256 {made['submission_sha256']}"
        yield "scored with", f"hint {made.get('hint', 'unknown')}"
        return
    git = made.get("git")
    if isinstance(git, dict):
        yield "commit", f"{git.get('commit')}{' with changes' if git.get('dirty') else ''}"
    yield "toolkit", str(made.get("hint", "unknown"))
    yield "scored", str(made.get("utc", "unknown"))
    yield (
        "machine",
        f"{made.get('cpu', 'unknown')}, {made.get('cores', '?')} cores; ran on {timing.device or 'unknown'}",
    )
    yield "seconds", f"load {timing.load_seconds:g}, predict {timing.predict_seconds:g}, score {timing.score_seconds:g}"
    if timing.peak_memory_bytes:
        yield "peak memory", f"{timing.peak_memory_bytes / 1e9:.2f} GB"
    if timing.peak_gpu_memory_bytes:
        yield "peak GPU memory", f"{timing.peak_gpu_memory_bytes / 1e9:.2f} GB"
    packages = made.get("packages")
    if isinstance(packages, dict):
        yield "packages", ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    for key, value in record.fingerprint.items():
        yield f"setting {key}", without_folders(str(value))
    yield "seed of the intervals", str(record.seed)


def _view(board: Board, entry: Entry, section: Section) -> SubsetView:
    visibilities = board.visibilities(section)
    keys = board.columns(section, visibilities[0]) if visibilities else []
    reason = next((reason for other, reason in section.unranked if other is entry), "")
    slices = board.slices(entry, section)
    thresholds = [key for key in keys if key[1] is not None]
    charts = tuple(c for v in visibilities if (c := _chart(board, entry, section, v)) is not None)
    return SubsetView(
        section=section,
        reason=reason,
        headings=tuple(_heading(key) for key in keys),
        scores=tuple((v, [_value(board, entry, section, v, key) for key in keys]) for v in visibilities),
        charts=charts,
        curve=tuple(_curve([line for _, _, line in charts])),
        hands=tuple(_hands(board, entry, section)),
        finger_headings=tuple((v, f"@{key[1]:g}") for v in visibilities for key in thresholds),
        fingers=tuple(_fingers(board, entry, section, visibilities, thresholds)) if thresholds else (),
        slice_headings=tuple(_heading(key) for key in thresholds),
        slices=tuple((by, [_slice_row(part) for part in parts]) for by, parts in groupby(slices, key=_by)),
        empty=tuple(_empty(board, entry, section)),
    )


def _heading(key: Key) -> str:
    metric = describe(key)
    return f"{metric.title}, {metric.unit}" if metric.unit not in ("", "%") else metric.title


def _value(board: Board, entry: Entry, section: Section, visibility: str, key: Key) -> tuple[str, str]:
    number = board.number(entry, section.subset, visibility, key)
    metric = describe(key)
    return (metric.text(number.value), interval_text(number.interval, metric)) if number else ("-", "")


def _chart(board: Board, entry: Entry, section: Section, visibility: str) -> Any:
    lines = list(curve_lines(board, entry, section, visibility, "c0"))
    if not lines:
        return None
    lines += human_line(board, visibility, lines[0].x[-1])
    label = f"PCK over thresholds of {entry.name} on {section.title}, {visibility} joints"
    return visibility, chart(lines, label), lines[0]


def _curve(lines: Sequence[Line]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a table of curves, with bands."""
    for k, x in enumerate(lines[0].x if lines else ()):
        cells = (f"{fixed(line.y[k], 1)} [{fixed(line.low[k], 1)}, {fixed(line.high[k], 1)}]" for line in lines)
        yield fixed(x, 3), *cells


def _hands(board: Board, entry: Entry, section: Section) -> Iterator[tuple[str, Any]]:
    """Draw the joints of each visibility at its middle threshold."""
    for visibility in board.visibilities(section):
        drawn = board.draws(entry, section.subset, visibility)
        if drawn is None or not drawn.joints:
            continue
        middle = sorted(drawn.joints)[len(drawn.joints) // 2]
        values = [None if np.isnan(value) else float(value) for value in drawn.joints[middle]]
        caption = f"{visibility} joints, PCK@{middle:g}"
        text = ", ".join(f"{n} {v:.0f}" for n, v in zip(JOINT_NAMES, values, strict=True) if v is not None)
        yield caption, hand(values, f"PCK of each joint in percent: {text}")


def _fingers(
    board: Board, entry: Entry, section: Section, visibilities: list[str], thresholds: list[Key]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the wrist and the fingers, each the plain mean of its joints, as the protocol averages joints."""
    drawn = [board.draws(entry, section.subset, visibility) for visibility in visibilities]
    columns = [d.joints[t] if d and t in d.joints else np.full(N_JOINTS, np.nan) for d in drawn for _, t in thresholds]
    for k, part in enumerate(PARTS):
        values = [column[np.array(FINGER_OF_JOINT) == k - 1] for column in columns]
        yield part, ["-" if np.isnan(v).all() else fixed(float(np.nanmean(v)), 1) for v in values]


def _by(part: Slice) -> str:
    return part.by


def _slice_row(part: Slice) -> tuple[str, int, int, list[tuple[str, str]]]:
    metric = describe(("pck", None))
    cells = [(metric.text(v), interval_text(ci, metric)) for v, ci in zip(part.values, part.ci, strict=True)]
    return part.name, part.n_hands, part.n_clips, cells


def _empty(board: Board, entry: Entry, section: Section) -> Iterator[str]:
    """Yield which joints no mean includes."""
    for visibility in board.visibilities(section):
        drawn = board.draws(entry, section.subset, visibility)
        for values in list(drawn.joints.values())[:1] if drawn else ():
            names = [name for name, value in zip(JOINT_NAMES, values, strict=True) if np.isnan(value)]
            kind = "annotated" if visibility == "all" else f"marked {visibility}"
            if names:
                yield f"never {kind}, so left out of the mean: {', '.join(names)}"
