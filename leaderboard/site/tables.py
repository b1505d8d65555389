"""Every table of a site to download: csv, JSON and Parquet with one number per row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from hint.skeleton import JOINT_NAMES
from leaderboard.entry import Entry
from leaderboard.ranking import Section
from leaderboard.site.board import Board
from leaderboard.site.curves import curve_lines
from leaderboard.site.page import Page
from leaderboard.spreadsheet import SpreadsheetWriter

_CELL = ("protocol", "subset", "visibility")
_VALUE = ("metric", "threshold", "value", "low", "high")

#: Text in a column; all others hold numbers.
_TEXT = frozenset((*_CELL, "method", "page", "source", "metric", "rank", "not_ranked", "joint", "by", "part", "a", "b"))


@dataclass(frozen=True)
class DataTable:
    """A table to download.

    Attributes:
        name: Of its files.
        title: What it holds.
        columns: Their names.
        rows: Text, numbers, or None.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield address and content in each format."""
        yield f"tables/{self.name}.csv", self._csv()
        yield f"tables/{self.name}.json", self._json()
        yield f"tables/{self.name}.parquet", self._parquet()

    def _csv(self) -> bytes:
        stream = io.StringIO()
        writer = SpreadsheetWriter(stream)
        for row in (self.columns, *self.rows):
            writer.write(row)
        return stream.getvalue().encode()

    def _json(self) -> bytes:
        rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in self.rows)
        return f'{{"columns":{json.dumps(self.columns)},\n"rows":[\n{rows}\n]}}\n'.encode()

    def _parquet(self) -> bytes:
        from hint.frames import pandas as pd

        frame = pd.DataFrame(list(self.rows), columns=list(self.columns))
        numbers = {name: float for name in self.columns if name not in _TEXT}
        content: bytes = frame.astype(numbers | {n: "string" for n in self.columns if n in _TEXT}).to_parquet(
            index=False
        )
        return content


def data_tables(board: Board) -> list[DataTable]:
    """Collect all numbers of a site."""
    ranked = ("method", "page", "source", *_VALUE, "rank", "not_ranked")
    return [
        DataTable(
            "scores", "Values with intervals and ranks, reported rows too", (*_CELL, *ranked), tuple(_scores(board))
        ),
        DataTable(
            "differences",
            "Paired differences a - b with intervals: every pair by the first number of each group of joints, and by "
            "all numbers where the pair has a page",
            (*_CELL, "a", "b", *_VALUE),
            tuple(_differences(board)),
        ),
        DataTable(
            "joints",
            "PCK of each joint, percent",
            ("protocol", "subset", "method", "joint", "threshold", "all", "visible", "occluded"),
            tuple(_joints(board)),
        ),
        DataTable(
            "slices",
            "PCK of all joints by kind of hand, percent",
            ("protocol", "subset", "method", "by", "part", "hands", "clips", "threshold", "value", "low", "high"),
            tuple(_slices(board)),
        ),
        DataTable(
            "curves",
            "PCK over thresholds with bands, percent",
            (*_CELL, "method", "threshold", "value", "low", "high"),
            tuple(_curves(board)),
        ),
    ]


def tables_page(tables: list[DataTable]) -> Page:
    """Make the page that lists the tables."""
    return Page("tables/index.html", "tables.html", "Data", {"tables": tables})


def _short(number: float | None) -> float | None:
    """Round to six digits, more than a score is known to."""
    return None if number is None or np.isnan(number) else float(f"{number:.6g}")


def _ends(interval: Any) -> tuple[float | None, float | None]:
    return (_short(interval.low), _short(interval.high)) if interval else (None, None)


def _cells(board: Board) -> Iterator[tuple[Section, str, tuple[str, str, str]]]:
    for section in board.sections:
        for visibility in board.visibilities(section):
            yield section, visibility, (section.protocol_id, section.subset, visibility)


def _scores(board: Board) -> Iterator[tuple[Any, ...]]:
    for section, visibility, where in _cells(board):
        reasons = {entry.slug: reason for entry, reason in section.unranked}
        for key in board.columns(section, visibility):
            ranks = board.ranks(section, visibility, key)
            for entry in section.entries:
                number = board.number(entry, section.subset, visibility, key)
                if number is not None:
                    rank = ranks[entry.slug].text if entry.slug in ranks else None
                    value = (*key, _short(number.value), *_ends(number.interval))
                    yield *where, entry.name, entry.slug, None, *value, rank, reasons.get(entry.slug)
            for source in board.sources:
                for row in source.rows:
                    if (row.protocol, row.subset, row.visibility, row.key) == (*where, key):
                        place = f"{source.title}, {row.where}"
                        yield *where, row.method, None, place, *key, row.value, None, None, None, "reported"


def _differences(board: Board) -> Iterator[tuple[Any, ...]]:
    with_page = {(a.slug, b.slug) for a, b in board.pairs}
    for section, visibility, where in _cells(board):
        keys = board.columns(section, visibility)
        for a, b in combinations([e for e in board.entries if e in section.comparable], 2):
            for key in keys if (a.slug, b.slug) in with_page else keys[:1]:
                found = board.difference(section, visibility, key, (a, b))
                if found is not None:
                    yield *where, a.name, b.name, *key, _short(found.value), *_ends(found.interval)


def _joints(board: Board) -> Iterator[tuple[Any, ...]]:
    for section, entry in _members(board):
        groups = {v: board.draws(entry, section.subset, v) for v in ("all", "visible", "occluded")}
        for threshold in groups["all"].joints if groups["all"] else ():
            for k, joint in enumerate(JOINT_NAMES):
                values = [_short(d.joints[threshold][k]) if d else None for d in groups.values()]
                yield section.protocol_id, section.subset, entry.name, joint, threshold, *values


def _slices(board: Board) -> Iterator[tuple[Any, ...]]:
    for section, entry in _members(board):
        thresholds = [t for _, t in board.columns(section, "all") if t is not None]
        for part in board.slices(entry, section):
            for threshold, value, interval in zip(thresholds, part.values, part.ci, strict=True):
                kind = (part.by, part.name, part.n_hands, part.n_clips)
                where = (section.protocol_id, section.subset, entry.name)
                yield *where, *kind, threshold, _short(value), *_ends(interval)


def _curves(board: Board) -> Iterator[tuple[Any, ...]]:
    for section, visibility, where in _cells(board):
        for entry in section.entries:
            for line in curve_lines(board, entry, section, visibility, ""):
                for row in zip(line.x, line.y, line.low, line.high, strict=True):
                    yield *where, entry.name, *map(_short, row)


def _members(board: Board) -> Iterator[tuple[Section, Entry]]:
    for section in board.sections:
        for entry in section.entries:
            yield section, entry
