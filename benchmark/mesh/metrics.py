"""Distances, the area under their curve and F-scores, one number per hand.

Every score of a 3D protocol is the mean of such numbers over the hands: all hands have all joints and all vertices, so
the official order of averaging (per point over the hands, then over the points) changes nothing.

Source: ``eval.py`` and ``utils/eval_util.py`` of FreiHAND and HO-3D; the F-score is that of Knapitsch et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hint.types import Double

#: Multiplications in a product of matrices up to which OpenBLAS starts no threads. Hands are spread over the cores
#: already; threads within threads wait for each other and made this twenty times slower on two cores.
_ONE_THREAD = 1 << 18

#: Squared distances this close to a squared threshold, relatively, are computed again without cancellation.
_DOUBT = 1e-6


def distances(truth: Double, points: Double) -> Double:
    """Return how far points (...,3) are from the truth (...,3)."""
    distance: Double = np.sqrt(np.square(truth - points).sum(-1))
    return distance


def curve_thresholds(maximum: float, points: int) -> Double:
    """Return evenly spaced thresholds from 0 to ``maximum``, both included."""
    return np.linspace(0, maximum, points, dtype=np.float64)


def area_under_curve(distance: Double, thresholds: Double) -> Double:
    """Return the area below each point's own curve, 1 from its distance on, as a share of the largest possible.

    A point is correct where distance <= threshold. The trapezoidal rule is linear, so the mean of these areas is the
    area below the mean curve.

    Args:
        distance: (...) metres; inf lies beyond every threshold.
        thresholds: (K,) metres, evenly spaced from 0.

    Returns:
        (...) in 0..1.
    """
    last = len(thresholds) - 1
    below = np.arange(last + 2, dtype=np.float64)  # the first threshold that is no smaller
    area = np.where(below == 0, last, np.maximum(last - below + 0.5, 0)) / last
    return area[np.searchsorted(thresholds, distance)]


def f_scores(truth: Double, points: Double, thresholds: Sequence[float]) -> Double:
    """Return the harmonic mean of two shares: points near a true point, and true points near a point.

    Near is a distance to the nearest one that is smaller than the threshold, not equal.

    Args:
        truth: (N,V,3) metres.
        points: (N,W,3) metres.
        thresholds: (T,) metres.

    Returns:
        (N,T) in 0..1.
    """
    scores = np.zeros((len(truth), len(thresholds)))
    for hand in np.flatnonzero(_may_touch(truth, points, max(thresholds))):
        shares = _near_shares(truth[hand], points[hand], np.asarray(thresholds, np.float64))
        total = shares.sum(0)
        scores[hand] = 2 * shares.prod(0) / np.where(total > 0, total, 1)
    return scores


def _may_touch(truth: Double, points: Double, threshold: float) -> NDArray[np.bool_]:
    """Tell where the boxes around two sets are close enough for one near point; a wrong place or unit costs no time."""
    gap = np.maximum(points.min(1) - truth.max(1), truth.min(1) - points.max(1))
    close: NDArray[np.bool_] = (gap < threshold).all(1)
    return close


def _near_shares(a: Double, b: Double, thresholds: Double) -> Double:
    """Return (2,T) shares of ``a`` near ``b`` and of ``b`` near ``a``."""
    middle = a.mean(0)
    a, b = a - middle, b - middle
    a_nearest, b_nearest = _nearest_squared(a, b)
    return np.stack([_share_below(a_nearest, a, b, thresholds), _share_below(b_nearest, b, a, thresholds)])


def _nearest_squared(a: Double, b: Double) -> tuple[Double, Double]:
    """Return squared distances from each point to the nearest of the other set: |a|² - 2ab + |b|² as a product."""
    left = np.column_stack([-2 * a, np.square(a).sum(1), np.ones(len(a))])
    right = np.stack([*b.T, np.ones(len(b)), np.square(b).sum(1)])
    a_nearest, b_nearest = np.empty(len(a)), np.full(len(b), np.inf)
    rows = max(1, _ONE_THREAD // right.size)
    for start in range(0, len(a), rows):
        table = left[start : start + rows] @ right
        a_nearest[start : start + rows] = table.min(1)
        np.minimum(b_nearest, table.min(0), out=b_nearest)
    return a_nearest, b_nearest


def _share_below(nearest_squared: Double, points: Double, others: Double, thresholds: Double) -> Double:
    squared = thresholds**2
    doubtful = (np.abs(nearest_squared[:, None] - squared) < _DOUBT * squared).any(1)
    nearest = np.sqrt(np.maximum(nearest_squared, 0))
    for point in np.flatnonzero(doubtful):
        nearest[point] = distances(points[point], others).min()
    share: Double = np.less(nearest[:, None], thresholds).mean(0)
    return share
