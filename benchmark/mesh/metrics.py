"""Distances, the area under their curve and F-scores, one number per hand.

Every score of a 3D protocol is the mean of such numbers over the hands: all hands have all joints and all vertices, so
the official order of averaging (per point over the hands, then over the points) changes nothing.

Source: ``eval.py`` and ``utils/eval_util.py`` of FreiHAND and HO-3D; the F-score is that of Knapitsch et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hint.types import Double

#: Multiplications in a matrix product up to which OpenBLAS starts no threads. Hands are distributed over the cores
#: already; nested threads wait for each other and made this twenty times slower on two cores.
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

    A point is near if the distance to its nearest neighbour is below the threshold, not equal to it.

    Args:
        truth: (N,V,3) metres.
        points: (N,W,3) metres.
        thresholds: (T,) metres.

    Returns:
        (N,T) in 0..1.
    """
    limits = np.asarray(thresholds, np.float64)
    shares = np.array([_near_shares(a, b, limits) for a, b in zip(truth, points, strict=True)])
    total = shares.sum(1)
    scores: Double = 2 * shares.prod(1) / np.where(total > 0, total, 1)
    return scores


def _near_shares(a: Double, b: Double, thresholds: Double) -> Double:
    """Return (2,T) shares of ``a`` (V,3) near ``b`` (W,3) and of ``b`` near ``a``."""
    middle = a.mean(0)
    a, b = np.ascontiguousarray((a - middle).T), np.ascontiguousarray((b - middle).T)
    low, high = a.min(1), a.max(1)
    if (np.maximum(b.min(1) - high, low - b.max(1)) >= thresholds.max()).any():
        return np.zeros((2, len(thresholds)))  # no time is lost on a wrong place or unit
    axis = int((high - low).argmax())
    a, b = a[:, a[axis].argsort()], b[:, b[axis].argsort()]
    a_nearest, b_nearest = _nearest_squared(a, b, axis, thresholds.max() * (1 + _DOUBT))
    return np.stack([_shares_below(a_nearest, a, b, thresholds), _shares_below(b_nearest, b, a, thresholds)])


def _nearest_squared(a: Double, b: Double, axis: int, reach: float) -> tuple[Double, Double]:
    """Return squared distances from each point to the nearest of the other set: |a|² - 2ab + |b|² as a product.

    Points further apart than ``reach`` along one axis are not compared; the result is infinite where none is left.

    Args:
        a: (3,V) metres, sorted along the axis.
        b: (3,W) metres, likewise.
        axis: Along which points are sorted.
        reach: Metres.
    """
    left = np.stack([*(-2 * a), np.square(a).sum(0), np.ones(a.shape[1])])
    right = np.stack([*b, np.ones(b.shape[1]), np.square(b).sum(0)])
    a_nearest, b_nearest = np.full(a.shape[1], np.inf), np.full(b.shape[1], np.inf)
    rows = max(1, _ONE_THREAD // right.size)
    starts = np.arange(0, a.shape[1], rows)
    ends = np.minimum(starts + rows, a.shape[1])
    firsts = np.searchsorted(b[axis], a[axis, starts] - reach, "left")
    lasts = np.searchsorted(b[axis], a[axis, ends - 1] + reach, "right")
    for start, end, first, last in np.stack([starts, ends, firsts, lasts], 1).tolist():
        if first < last:
            table = left[:, start:end].T @ right[:, first:last]
            a_nearest[start:end] = table.min(1)
            np.minimum(b_nearest[first:last], table.min(0), out=b_nearest[first:last])
    return a_nearest, b_nearest


def _shares_below(nearest_squared: Double, points: Double, others: Double, thresholds: Double) -> list[float]:
    """Return the share of points (3,V) nearer to others (3,W) than each threshold; close calls are measured again."""
    nearest = np.sqrt(np.maximum(nearest_squared, 0))
    for squared in np.square(thresholds).tolist():
        for point in np.flatnonzero(np.abs(nearest_squared - squared) < _DOUBT * squared):
            nearest[point] = distances(points[:, point], others.T).min()
    return [np.count_nonzero(nearest < threshold) / len(nearest) for threshold in thresholds.tolist()]
