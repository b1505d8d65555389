"""Every number of a method in a cell, and bootstrap draws of its clips, from which differences and ranks follow.

Each method is drawn once per cell; every pair, curve and rank is then a subtraction. The numbers equal those of
:func:`benchmark.intervals.paired_difference`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable
from benchmark.intervals import Difference, Interval, percentile_interval, percentile_intervals, replicates
from benchmark.mesh.error_table import MeshErrors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.pck import Cell, ClipSums, auc_sums, curve_thresholds, epe_median_px, epe_sums, pck_sums, select
from benchmark.protocol import Protocol
from hint.types import Double
from leaderboard.metric import Key, describe

#: The band has every third point of the tabulated curve.
_STEP = 3

#: Seed of the draws, as in paired_difference.
SEED = 0


@dataclass(frozen=True)
class Band:
    """A curve with its interval at each threshold, percent."""

    thresholds: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Draws:
    """Values of one method in one cell, and their bootstrap replicates.

    Attributes:
        values: Key -> value.
        rows: Key -> (R,) replicates; the median has none.
        n_clips: Key -> clips with keypoints.
        band: PCK curve, None for 3D protocols.
        level: Of intervals.
        joints: Threshold -> (21,) PCK of each joint, NaN for joints without keypoints; empty for 3D protocols.
    """

    values: dict[Key, float]
    rows: dict[Key, Double]
    n_clips: dict[Key, int]
    band: Band | None
    level: float
    joints: dict[float, Double] = field(default_factory=dict)

    def interval(self, key: Key) -> Interval | None:
        """Return the interval of a value, None if it has no replicates or comes from a single clip."""
        return percentile_interval(self.rows[key], self.level) if self.n_clips.get(key, 0) > 1 else None

    def minus(self, other: Draws, key: Key) -> Difference:
        """Subtract another method's value, drawn from the same clips."""
        enough = min(self.n_clips[key], other.n_clips[key]) > 1
        interval = percentile_interval(self.rows[key] - other.rows[key], self.level) if enough else None
        return Difference(self.values[key] - other.values[key], interval)

    def beats(self, other: Draws, key: Key) -> bool:
        """Whether this method is clearly better: the interval of the difference does not contain 0."""
        difference = self.minus(other, key)
        return not difference.contains_zero and (difference.value > 0) == describe(key).higher_is_better


def draw(table: ErrorTable, subset: str, visibility: str, protocol: Protocol) -> Draws | None:
    """Draw the clips of a cell for one method; None if the cell has no keypoint."""
    cell = select(table, subset, visibility)
    if not cell.n_keypoints.any():
        return None
    sums = dict(_sums(cell, protocol))
    points = curve_thresholds(protocol.auc_maximum, protocol.curve_points)[::_STEP].tolist()
    curve = [pck_sums(cell, t) for t in points]
    drawn = replicates([*sums.values(), *curve], protocol.replicates, SEED)
    values = {key: s.value() for key, s in sums.items()}
    if np.isfinite(cell.distance_px).any():
        values["epe_median_px", None] = epe_median_px(cell)
    return Draws(
        values,
        dict(zip(sums, drawn, strict=False)),
        {key: s.n_clips for key, s in sums.items()},
        _band(points, curve, drawn[len(sums) :], protocol.level),
        protocol.level,
        {t: sums["pck", t].per_joint() for t in protocol.thresholds},
    )


def draw_mesh(table: MeshErrors, protocol: MeshProtocol) -> Draws:
    """Draw the clips of a 3D evaluation set for one method; metrics that are infinite for some hand are left out."""
    clip = np.unique(table.clip_id, return_inverse=True)[1]
    count = np.bincount(clip)[:, None].astype(np.float64)
    sums: dict[Key, ClipSums] = {
        (name, None): ClipSums(np.bincount(clip, column).astype(np.float64)[:, None], count, len(table))
        for name, column in table.values.items()
        if np.isfinite(column).all()
    }
    drawn = replicates([*sums.values()], protocol.replicates, SEED)
    return Draws(
        {key: s.value() for key, s in sums.items()},
        dict(zip(sums, drawn, strict=True)),
        {key: s.n_clips for key, s in sums.items()},
        None,
        protocol.level,
    )


def _sums(cell: Cell, protocol: Protocol) -> Iterator[tuple[Key, ClipSums]]:
    for threshold in protocol.thresholds:
        yield ("pck", threshold), pck_sums(cell, threshold)
    yield ("auc", None), auc_sums(cell, protocol.auc_maximum)
    epe = epe_sums(cell)
    if epe.n_keypoints:
        yield ("epe_mean_px", None), epe


def _band(points: Sequence[float], curve: Sequence[ClipSums], drawn: Double, level: float) -> Band:
    ends = percentile_intervals(drawn, level)
    values = tuple(s.value() for s in curve)
    return Band(tuple(points), values, tuple(e.low for e in ends), tuple(e.high for e in ends))


def hand_errors(table: ErrorTable, subset: str, maximum: float) -> tuple[NDArray[np.int64], Double]:
    """Return the hands of a subset and the mean error of each over its annotated joints, at most ``maximum`` each.

    Returns:
        (n,) rows of the table in the order of their ids, (n,) box sides; NaN where no joint is annotated.
    """
    rows = np.flatnonzero(table.subset == subset)
    rows = rows[np.argsort(table.hand_id[rows])]
    error = np.minimum(table.error[rows], maximum)
    counted = ~np.isnan(error)
    mean = np.full(len(rows), np.nan)
    np.divide(np.where(counted, error, 0).sum(1), counted.sum(1), out=mean, where=counted.any(1))
    return rows, mean
