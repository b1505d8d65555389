"""A page per method: its card, how to reproduce its numbers, and its strengths and weaknesses."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any

from benchmark.frames import joint_scores_frame
from benchmark.protocol import Protocol
from benchmark.record import Record
from benchmark.scores import JointScore
from hint.frames import PARTS
from hint.skeleton import JOINT_NAMES
from leaderboard.entry import Entry
from leaderboard.metric import Key, describe, fixed
from leaderboard.ranking import Section
from leaderboard.site.board import VISIBILITIES, Board
from leaderboard.site.front import columns_of, flags, human_curve
from leaderboard.site.page import Page, interval_text
from leaderboard.site.svg import Line, chart, hand
from leaderboard.slices import Slice, slice_scores


@dataclass(frozen=True)
class SubsetView:
    """What a page shows for one subset.

    Attributes:
        section: The subset.
        reason: Why the method is not ranked, "" if it is.
        scores: Rows of (visibility, cells of (value, interval)).
        headings: Of the cells.
        charts: PCK curves.
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
    hands: tuple[Any, ...]
    finger_headings: tuple[tuple[str, str], ...]
    fingers: tuple[Any, ...]
    slice_headings: tuple[str, ...]
    slices: tuple[Any, ...]
    empty: tuple[str, ...]


def method_page(board: Board, entry: Entry, gallery: str) -> Page:
    """Make the page of a record; ``gallery`` is the address of its pictures, "" without."""
    record = entry.record
    partners = [(a, b) for a, b in board.pairs if entry in (a, b)]
    context = {
        "entry": entry,
        "card": record.method,
        "flags": list(flags(entry)),
        "views": [_view(board, entry, section) for section in board.sections if entry in section.entries],
        "command": command(record),
        "facts": list(_facts(record)),
        "misses": sorted({*record.coverage.missing, *record.coverage.non_finite}),
        "partners": [(b if a is entry else a, f"compare/{a.slug}--{b.slug}.html") for a, b in partners],
        "gallery": gallery,
    }
    return Page(f"methods/{entry.slug}.html", "method.html", entry.name, context)


def command(record: Record) -> str:
    """Return the command a record was made with, the program without its folder."""
    given = str(record.provenance.get("command", ""))
    try:
        words = shlex.split(given)
    except ValueError:
        return given
    return shlex.join([PurePath(words[0]).name, *words[1:]]) if words else ""


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    """Yield how the record was made: versions, machine, time, settings."""
    timing, made = record.timing, record.provenance
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
        yield f"setting {key}", str(value)
    yield "seed of the intervals", str(record.seed)


def _view(board: Board, entry: Entry, section: Section) -> SubsetView:
    visibilities = [v for v in VISIBILITIES if columns_of(section, v)]
    keys = columns_of(section, visibilities[0]) if visibilities else []
    reason = next((reason for other, reason in section.unranked if other is entry), "")
    slices = _slices(board, entry, section)
    thresholds = [key for key in keys if key[1] is not None]
    return SubsetView(
        section=section,
        reason=reason,
        headings=tuple(_heading(key) for key in keys),
        scores=tuple((v, [_value(entry.record, section.subset, v, key) for key in keys]) for v in visibilities),
        charts=tuple(c for v in visibilities if (c := _chart(board, entry, section, v)) is not None),
        hands=tuple(_hands(entry.record, section.subset)),
        finger_headings=tuple((v, f"@{key[1]:g}") for v in visibilities for key in thresholds),
        fingers=tuple(_fingers(entry.record, section.subset, visibilities, thresholds)) if thresholds else (),
        slice_headings=tuple(_heading(key) for key in thresholds),
        slices=tuple((by, [_slice_row(part) for part in parts]) for by, parts in groupby(slices, key=_by)),
        empty=tuple(_empty(entry.record, section.subset)),
    )


def _heading(key: Key) -> str:
    metric = describe(key)
    return f"{metric.title}, {metric.unit}" if metric.unit not in ("", "%") else metric.title


def _value(record: Record, subset: str, visibility: str, key: Key) -> tuple[str, str]:
    score = record.value(subset, visibility, *key)
    metric = describe(key)
    return (metric.text(score.value), interval_text(score.ci, metric)) if score else ("-", "")


def _chart(board: Board, entry: Entry, section: Section, visibility: str) -> Any:
    lines = [line for line in curve_lines(board, entry, section, visibility, "c0") if line]
    if not lines:
        return None
    human = human_curve(board, visibility)
    if human:
        lines.append(_human_line(human, lines[0].x[-1]))
    label = f"PCK over thresholds of {entry.name} on {section.title}, {visibility} joints"
    return visibility, chart(lines, label), lines[0]


def curve_lines(board: Board, entry: Entry, section: Section, visibility: str, style: str) -> Iterator[Line]:
    """Yield the curve of a record, with a band if there is an error table."""
    draws = board.draws(entry, section.subset, visibility)
    if draws is not None and draws.band is not None:
        band = draws.band
        yield Line(entry.name, band.thresholds, band.values, band.low, band.high, style)
        return
    for curve in entry.record.curve:
        if (curve.subset, curve.visibility, curve.metric) == (section.subset, visibility, "pck"):
            yield Line(entry.name, curve.thresholds, curve.values, style=style)


def _human_line(curve: tuple[tuple[float, ...], ...], end: float) -> Line:
    """Cut the agreement curve at the end of the chart."""
    inside = [k for k, x in enumerate(curve[0]) if x <= end]
    x, y, low, high = (tuple(edge[k] for k in inside) if edge else () for edge in curve)
    return Line("two annotators", x, y, low, high, "human")


def _joints(record: Record, subset: str, visibility: str, threshold: float | None) -> list[float | None]:
    found = {j.joint: j.value for j in _joint_scores(record, subset, visibility) if j.threshold == threshold}
    return [found.get(name) for name in JOINT_NAMES]


def _joint_scores(record: Record, subset: str, visibility: str) -> list[JointScore]:
    return [j for j in record.per_joint if (j.subset, j.visibility, j.metric) == (subset, visibility, "pck")]


def _hands(record: Record, subset: str) -> Iterator[tuple[str, Any]]:
    for visibility in VISIBILITIES:
        thresholds = sorted({j.threshold for j in _joint_scores(record, subset, visibility) if j.threshold is not None})
        if not thresholds:
            continue
        middle = thresholds[len(thresholds) // 2]
        values = _joints(record, subset, visibility, middle)
        caption = f"{visibility} joints, PCK@{middle:g}"
        text = ", ".join(f"{n} {v:.0f}" for n, v in zip(JOINT_NAMES, values, strict=True) if v is not None)
        yield caption, hand(values, f"PCK of each joint in percent: {text}")


def _fingers(
    record: Record, subset: str, visibilities: list[str], thresholds: list[Key]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the wrist and the fingers, each the plain mean of its joints, as the protocol averages joints."""
    joints = joint_scores_frame(record)
    joints = joints[(joints["subset"] == subset) & (joints["metric"] == "pck")]
    means = joints.groupby(["part", "visibility", "threshold"])["value"].mean().to_dict()
    for part in PARTS:
        found = [means.get((part, visibility, threshold)) for visibility in visibilities for _, threshold in thresholds]
        yield part, ["-" if value is None else fixed(value, 1) for value in found]


def _slices(board: Board, entry: Entry, section: Section) -> list[Slice]:
    rules = board.protocols.get(entry.record.protocol.sha256)
    if entry.errors is None or not isinstance(rules, Protocol):
        return []
    return slice_scores(entry.errors, section.subset, rules, board.contact)


def _by(part: Slice) -> str:
    return part.by


def _slice_row(part: Slice) -> tuple[str, int, int, list[tuple[str, str]]]:
    metric = describe(("pck", None))
    cells = [(metric.text(v), interval_text(ci, metric)) for v, ci in zip(part.values, part.ci, strict=True)]
    return part.name, part.n_hands, part.n_clips, cells


def _empty(record: Record, subset: str) -> Iterator[str]:
    for entry in record.empty_joints:
        if entry.subset == subset:
            kind = "annotated" if entry.visibility == "all" else f"marked {entry.visibility}"
            yield f"never {kind}, so left out of the mean: {', '.join(entry.joints)}"
