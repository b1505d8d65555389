"""F-scores of meshes: which share of points lies near the other mesh, many hands at a time.

Distances are compared in single precision, within windows of points sorted along the longest axis of a hand. What the
rounding could decide otherwise is measured again in double precision, so the scores are those of double precision.

Source: Knapitsch et al. 2017; ``eval.py`` of FreiHAND and HO-3D.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.mesh.metrics import distances
from hint.types import Double, Float

_Places = NDArray[np.intp]

#: Hands compared at a time, and points of each in one product: its table (2 MB) stays in the cache of a core, and the
#: products are too small for OpenBLAS to start threads, which would wait for those that share out the hands.
_HANDS, _ROWS = 16, 96

#: A squared distance is wrong by no more than this times the sum of the squared norms of both points: five roundings of
#: sums of twice as much, three of the squares themselves, and a little for the coordinates.
_ROUNDING = 14 * 2.0**-24

#: Points measured again at a time; bounds memory where every distance equals a threshold.
_AGAIN = 64


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
    starts = range(0, len(truth), _HANDS)
    shares = np.concatenate([_near_shares(truth[s : s + _HANDS], points[s : s + _HANDS], limits) for s in starts], 1)
    total = shares.sum(0)
    scores: Double = 2 * shares.prod(0) / np.where(total > 0, total, 1)
    return scores


def _near_shares(truth: Double, points: Double, limits: Double) -> Double:
    """Return the shares (2,N,T) of true points near a point, and of points near a true point."""
    reach = 1.001 * limits.max()
    by_axis = np.ascontiguousarray(truth.mT)
    low, high = by_axis.min(2), by_axis.max(2)
    axis, middle = (high - low).argmax(1), (low + high)[:, None] / 2
    a = (truth - middle).astype(np.float32)
    # Points beyond the reach of all true points stay beyond it, but not so far that their squares drown the others.
    beyond = ((high - low) / 2 + 2 * reach)[:, None]
    b = np.minimum(np.maximum(points - middle, -beyond), beyond).astype(np.float32)
    (a, a_order), (b, b_order) = _sorted(a, axis), _sorted(b, axis)
    a_squares, b_squares = (np.einsum("nvc,nvc->nv", x, x)[..., None] for x in (a, b))
    left = np.concatenate([-2 * a, a_squares, np.ones_like(a_squares)], 2)
    right = np.concatenate([b, np.ones_like(b_squares), b_squares], 2)
    nearest = _nearest_squared(left, right, _windows(a, b, axis, reach + 2.0**-22 * np.abs(a).max()))
    doubt = _ROUNDING * (a_squares.max(1) + b_squares.max(1))
    pairs = ((nearest[0], a_order, truth, points), (nearest[1], b_order, points, truth))
    return np.stack([_shares_below(_unsorted(*pair[:2]), doubt, *pair[2:], limits) for pair in pairs])


def _sorted(points: Float, axis: _Places) -> tuple[Float, _Places]:
    """Return points (N,V,3) sorted along an axis of each hand, and their former places (N,V)."""
    hands = np.arange(len(points))
    order = points[hands, :, axis].argsort(1)
    return points.reshape(-1, 3).take(order + points.shape[1] * hands[:, None], 0), order


def _unsorted(values: Float, order: _Places) -> Float:
    back = np.empty_like(values)
    np.put_along_axis(back, order, values, 1)
    return back


def _windows(a: Float, b: Float, axis: _Places, reach: float) -> list[tuple[int, int, _Places]]:
    """Return runs of the sorted ``a`` (start, end) and the places (N,K) of all points of ``b`` within reach of them."""
    hands = np.arange(len(a))
    a_key, b_key = a[hands, :, axis], b[hands, :, axis]
    windows = []
    for start in range(0, a.shape[1], _ROWS):
        end = min(start + _ROWS, a.shape[1])
        first = _count_below(b_key, a_key[:, start] - reach)
        width = int((_count_below(b_key, a_key[:, end - 1] + reach) - first).max())
        first = np.minimum(first, b.shape[1] - width)
        windows.append((start, end, first[:, None] + np.arange(width)))
    return windows


def _count_below(keys: Float, limit: Float) -> _Places:
    count: _Places = np.count_nonzero(keys < limit[:, None], axis=1)
    return count


def _nearest_squared(left: Float, right: Float, windows: list[tuple[int, int, _Places]]) -> tuple[Float, Float]:
    """Return the squared distance from each point to the nearest of the other set; infinite where none is in reach.

    Args:
        left: (N,V,5) -2a, |a|² and 1.
        right: (N,W,5) b, 1 and |b|², so that the product is the squared distance.
        windows: What :func:`_windows` returned.
    """
    hands = np.arange(len(left))[:, None]
    nearest = np.full(left.shape[:2], np.inf, np.float32), np.full(right.shape[:2], np.inf, np.float32)
    for start, end, places in windows:
        if places.size:
            near = right.reshape(-1, 5).take(places + right.shape[1] * hands, 0)
            table = left[:, start:end] @ near.mT
            table.min(2, out=nearest[0][:, start:end])
            nearest[1][hands, places] = np.minimum(nearest[1][hands, places], table.min(1))
    return nearest


def _shares_below(nearest: Float, doubt: Float, points: Double, others: Double, limits: Double) -> Double:
    """Return the share (N,T) of points (N,V,3) nearer to the others (N,W,3) than each threshold.

    Args:
        nearest: (N,V) squared distances to the nearest of the others.
        doubt: (N,1) by how much they may be wrong.
        points: Metres.
        others: Metres.
        limits: (T,) metres.
    """
    shares = np.empty((len(points), len(limits)))
    for column, limit in enumerate(limits.tolist()):
        below = nearest < limit * limit
        hand, place = np.nonzero(np.abs(nearest - np.float32(limit * limit)) <= doubt)
        for start in range(0, len(hand), _AGAIN):
            some = hand[start : start + _AGAIN], place[start : start + _AGAIN]
            below[some] = distances(points[some][:, None], others[some[0]]).min(1) < limit
        shares[:, column] = below.mean(1)
    return shares
