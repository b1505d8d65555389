"""Distances and the area under their curve.

Every score of a 3D protocol is the mean of such numbers over the hands: all hands have all joints and all vertices, so
the official order of averaging (per point over the hands, then over the points) changes nothing.

Source: ``eval.py`` and ``utils/eval_util.py`` of FreiHAND and HO-3D.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hint.types import Double


def distances(truth: Double, points: Double) -> Double:
    """Return how far points (...,3) are from the truth (...,3)."""
    square = np.square(truth - points)
    distance: Double = np.sqrt(square[..., 0] + square[..., 1] + square[..., 2])  # a sum over an axis of three is slow
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
    return area[first_reached(distance, thresholds)]


def first_reached(distance: NDArray[np.floating], thresholds: Double) -> NDArray[np.intp]:
    """Return the place of the first threshold that is no smaller than each distance, K where there is none.

    This is ``np.searchsorted(thresholds, distance)``, several times faster on what fits into a cache.

    Args:
        distance: (...) metres; inf and NaN lie beyond every threshold.
        thresholds: (K,) metres, evenly spaced from 0.
    """
    last = len(thresholds) - 1
    place = np.ceil(np.fmax(np.fmin(distance, 2 * thresholds[-1]), 0) * (last / thresholds[-1])).astype(np.intp)
    padded = np.concatenate([[-np.inf], thresholds, np.full(last + 2, np.inf)])
    place -= padded[place] >= distance  # where the division was rounded up,
    place += padded[place + 1] < distance  # and down
    first: NDArray[np.intp] = np.minimum(place, last + 1)
    return first
