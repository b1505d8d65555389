"""PCK on the parts of a subset that :mod:`benchmark.slices` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable
from benchmark.intervals import Interval, intervals
from benchmark.pck import Cell, by_clip, clip_numbers, pck_sums
from benchmark.protocol import Protocol
from benchmark.slices import Slicing, slicings
from leaderboard.draws import SEED


@dataclass(frozen=True)
class Slice:
    """PCK on a part of a subset.

    Attributes:
        by: What the parts differ in.
        name: The part.
        n_hands: Hands in it.
        n_clips: Clips of those.
        values: Percent at each threshold of the protocol.
        ci: Intervals over clips, None for a single clip.
    """

    by: str
    name: str
    n_hands: int
    n_clips: int
    values: tuple[float, ...]
    ci: tuple[Interval | None, ...]


def slice_scores(
    table: ErrorTable, subset: str, protocol: Protocol, contact: Mapping[str, str] | None = None
) -> list[Slice]:
    """Score the parts of a subset on all joints in the frame.

    Args:
        table: Errors of one method.
        subset: Part of the dataset.
        protocol: Rules.
        contact: Hand id -> its contact in a manifest; without it there are no such parts.
    """
    hands = ErrorTable(**{f.name: getattr(table, f.name)[table.subset == subset] for f in fields(table)})
    clip = clip_numbers(hands.clip_id.tolist())
    return [found for slicing in slicings(hands, contact) for found in _scores(hands, slicing, clip, protocol)]


def _scores(hands: ErrorTable, slicing: Slicing, clip: NDArray[np.int64], protocol: Protocol) -> Iterator[Slice]:
    for name in slicing.parts:
        rows = np.flatnonzero(slicing.part == name)
        order, first = by_clip(clip[rows])
        rows = rows[order]
        cell = Cell(name, "all", hands.distance_px[rows], hands.box_side[rows], first)
        if not len(rows) or not cell.n_keypoints.any():
            continue
        sums = [pck_sums(cell, threshold) for threshold in protocol.thresholds]
        values = tuple(one.value() for one in sums)
        yield Slice(slicing.title, name, len(rows), len(first), values, tuple(intervals(sums, protocol, SEED)))
