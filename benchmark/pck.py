"""PCK, area under its curve and end-point error, as pure functions of an error table.

Every mean here is a ratio of two sums over keypoints, taken joint by joint. The sums are kept per clip, because that is
all that an interval needs (:mod:`benchmark.intervals`); the ratio of their totals is the metric itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable
from hint.errors import UnknownNameError
from hint.types import Double

#: Whether a group holds keypoints of visibility 0 (not in the frame), 1 (occluded) and 2 (visible).
HOLDS = {
    "all": np.array([False, True, True]),
    "visible": np.array([False, False, True]),
    "occluded": np.array([False, True, False]),
}

#: Metrics with an interval. The median has none: it is not a ratio of sums.
METRICS = ("pck", "auc", "epe_mean_px")

#: Hands per step of a sum; 4 thousand rows of 21 doubles fit in the cache of a core.
_BLOCK = 1 << 12


@dataclass(frozen=True, eq=False)
class Cell:
    """The keypoints of one subset and one visibility; hands of one clip are adjacent.

    Attributes:
        subset: Part of the dataset.
        visibility: "all", "visible" or "occluded".
        distance_px: (n,21); NaN where the keypoint is not in the cell, inf where it was not predicted.
        box_side: (n,) px.
        first: (C,) row of the first hand of each clip, over all clips of the subset.
    """

    subset: str
    visibility: str
    distance_px: Double
    box_side: Double
    first: NDArray[np.int64]

    @cached_property
    def annotated(self) -> Double:
        """(C,21) annotated keypoints of each clip and joint."""
        return _per_clip(self, lambda distance, _: ~np.isnan(distance))

    @property
    def n_keypoints(self) -> NDArray[np.int64]:
        """(21,) annotated keypoints of each joint."""
        total: NDArray[np.int64] = self.annotated.sum(0).astype(np.int64)
        return total

    @cached_property
    def n_hands(self) -> int:
        """Hands with at least one annotated keypoint."""
        return int((~np.isnan(self.distance_px)).any(1).sum())


def select(table: ErrorTable, subset: str, visibility: str) -> Cell:
    """Pick the keypoints of a subset ("newdays") and a visibility ("all", "visible", "occluded").

    Raises:
        UnknownNameError: If there is no such subset or visibility.
    """
    return next(cells(table, subset, [visibility]))


def cells(table: ErrorTable, subset: str, visibilities: Iterable[str]) -> Iterator[Cell]:
    """Pick several visibilities of a subset, grouping its hands by clip once; see :func:`select`."""
    hands = np.flatnonzero(table.subset == subset)
    if not len(hands):
        raise UnknownNameError("subset", subset, table.subsets)
    order, first = by_clip(clip_numbers(table.clip_id[hands].tolist()))
    hands = hands[order]
    distance, box_side, state = table.distance_px[hands], table.box_side[hands], table.visibility[hands]
    for visibility in visibilities:
        if visibility not in HOLDS:
            raise UnknownNameError("visibility", visibility, HOLDS)
        yield Cell(subset, visibility, np.where(HOLDS[visibility][state], distance, np.nan), box_side, first)


def clip_numbers(names: list[str]) -> NDArray[np.int64]:
    """Number clips by their sorted names, so that the order of the hands does not matter."""
    number = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.fromiter((number[name] for name in names), np.int64, len(names))


def by_clip(clip: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return an order (n,) in which hands of one clip are adjacent, and (C,) the places where clips begin in it."""
    order = np.argsort(clip, kind="stable")
    return order, np.flatnonzero(np.diff(clip[order], prepend=-1))


@dataclass(frozen=True, eq=False)
class ClipSums:
    """A metric before its division.

    Attributes:
        numerator: (C,J) sums over the keypoints of each clip and joint.
        denominator: (C,J) numbers of those keypoints.
        n_hands: Hands with at least one keypoint in the sums.
    """

    numerator: Double
    denominator: Double
    n_hands: int

    @property
    def n_keypoints(self) -> int:
        """Keypoints in the sums."""
        return int(self.denominator.sum())

    @property
    def n_clips(self) -> int:
        """Clips with at least one keypoint in the sums."""
        return int((self.denominator.sum(1) > 0).sum())

    def per_joint(self) -> Double:
        """(J,) value of each joint; NaN without data."""
        return _ratio(self.numerator.sum(0), self.denominator.sum(0))

    def value(self) -> float:
        """Mean over the joints that have data; NaN if none has."""
        return float(mean_of_ratios(self.numerator.sum(0), self.denominator.sum(0)))


def _ratio(numerator: Double, denominator: Double) -> Double:
    ratio = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def mean_of_ratios(numerator: Double, denominator: Double) -> Double:
    """Divide joint by joint and average over the joints that have data.

    Args:
        numerator: (...,J).
        denominator: (...,J), not negative.

    Returns:
        (...,) NaN where no joint has data.
    """
    counts = denominator > 0
    ratio = np.divide(numerator, denominator, out=np.zeros(counts.shape), where=counts)
    return _ratio(ratio.sum(-1), counts.sum(-1).astype(np.float64))


def pck_sums(cell: Cell, threshold: float) -> ClipSums:
    """Percentage of correct keypoints: distance <= box side * threshold.

    Keypoints exactly at the threshold are correct, so the comparison rounds as the official one does: the side is
    multiplied, the distance is not divided.

    Source: the evaluation released with HaMeR (github.com/geopavlakos/hamer), per joint over the subset, then the mean.
    """
    correct = _per_clip(cell, lambda distance, side: distance <= side * threshold)
    return ClipSums(100 * correct, cell.annotated, cell.n_hands)


def auc_sums(cell: Cell, maximum: float) -> ClipSums:
    """Area under the PCK curve from 0 to ``maximum``, in percent of the largest possible.

    A keypoint with error e is correct from e on, so it adds a step of length ``maximum`` - e. The mean of
    clip(1 - e / maximum, 0, 1) is therefore the exact integral of the step curve; no thresholds are sampled.
    """
    share = _per_clip(cell, lambda distance, side: np.fmax(1 - distance / side / maximum, 0))
    return ClipSums(100 * share, cell.annotated, cell.n_hands)


def epe_sums(cell: Cell) -> ClipSums:
    """End-point error in px: the mean over predicted keypoints, whatever their joint.

    Keypoints that were not predicted have no distance and are left out, so a low value means little without the
    number of keypoints beside it.
    """
    count = _per_clip(cell, lambda distance, _: np.isfinite(distance))
    total = _per_clip(cell, lambda distance, _: np.where(np.isfinite(distance), distance, 0))
    n_hands = int(np.isfinite(cell.distance_px).any(1).sum())
    return ClipSums(total.sum(1, keepdims=True), count.sum(1, keepdims=True), n_hands)


def metric_sums(cell: Cell, metric: str, threshold: float, auc_maximum: float) -> ClipSums:
    """Return the sums of a metric by its name; ``threshold`` and ``auc_maximum`` matter to "pck" and "auc" alone.

    Raises:
        UnknownNameError: If the metric is none of :data:`METRICS`.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    if metric == "epe_mean_px":
        return epe_sums(cell)
    return pck_sums(cell, threshold) if metric == "pck" else auc_sums(cell, auc_maximum)


def _per_clip(cell: Cell, measure: Callable[[Double, Double], NDArray[Any]]) -> Double:
    """Sum a function of (distance, box side) over the hands of each clip, some hands at a time to stay in the cache."""
    sums = np.empty((len(cell.first), cell.distance_px.shape[1]))
    starts = np.append(cell.first, len(cell.distance_px))
    steps = np.searchsorted(cell.first, np.arange(0, len(cell.distance_px), _BLOCK))
    for a, b in pairwise(sorted({*steps.tolist(), len(cell.first)})):
        rows = slice(starts[a], starts[b])
        values = measure(cell.distance_px[rows], cell.box_side[rows, None]).astype(np.float64, copy=False)
        sums[a:b] = np.add.reduceat(values, starts[a:b] - starts[a], axis=0)
    return sums


def epe_median_px(cell: Cell) -> float:
    """Median distance in px over predicted keypoints; NaN without any."""
    distance = cell.distance_px[np.isfinite(cell.distance_px)]
    return float(np.median(distance)) if len(distance) else float("nan")


def curve_thresholds(maximum: float, points: int) -> Double:
    """Return evenly spaced thresholds from 0 to ``maximum``.

    They are rounded to the decimals a person would write, so that 0.05 on the curve is the 0.05 of the PCK table.
    """
    return np.round(np.linspace(0, maximum, points), 9)


def pck_curve(cell: Cell, thresholds: Double) -> Double:
    """Return the PCK (percent, mean over joints with data) at each of many thresholds.

    Args:
        cell: Keypoints.
        thresholds: (K,) ascending.
    """
    n_joints = cell.distance_px.shape[1]
    reached = np.zeros((len(thresholds) + 1, n_joints))
    for start in range(0, len(cell.distance_px), _BLOCK):
        rows = slice(start, start + _BLOCK)
        first = _first_threshold(cell.distance_px[rows], cell.box_side[rows, None], thresholds)
        place = first * n_joints + np.arange(n_joints)
        reached += np.bincount(place.ravel(), minlength=reached.size).reshape(reached.shape)
    correct = reached[:-1].cumsum(0)
    annotated = np.broadcast_to(cell.n_keypoints.astype(np.float64), correct.shape)
    return mean_of_ratios(100 * correct, annotated)


def _first_threshold(distance: Double, side: Double, thresholds: Double) -> NDArray[np.int64]:
    """Return which of K ascending thresholds is the first with distance <= side * threshold, K where none is.

    The quotient may be off by its rounding; the comparison itself then corrects the result by one.
    """
    first = np.searchsorted(thresholds, distance / side)
    limits = np.concatenate([[-np.inf], thresholds, [np.inf]])
    first -= distance <= side * limits[first]
    first += distance > side * limits[first + 1]
    return first
