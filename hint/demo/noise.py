"""Smooth random patterns in space, from which all textures are made."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Points computed at a time, so that what is between stays in the cache of a core.
_AT_ONCE = 1 << 13


class Noise:
    """Value noise on a lattice, repeating every 64 cells.

    Args:
        rng: Source of the lattice values.
        channels: Number of independent patterns.
    """

    def __init__(self, rng: np.random.Generator, channels: int = 1) -> None:
        self._lattice = np.ascontiguousarray((rng.random((64 * 64 * 64, channels), dtype=np.float32) * 2 - 1).T)

    def __call__(self, points: Array) -> Array:
        """Return (P,C) values in -1..1 at (P,3) points, cells of size one."""
        values = np.empty((len(self._lattice), len(points)))
        for start in range(0, len(points), _AT_ONCE):
            values[:, start : start + _AT_ONCE] = self._values(points[start : start + _AT_ONCE].T)
        return values.T

    def only(self, channel: int) -> Noise:
        """Return one of the patterns, which costs less than all."""
        one = copy(self)
        one._lattice = self._lattice[channel : channel + 1]
        return one

    def _values(self, points: Array) -> NDArray[np.float32]:
        """Return (C,P) values at (3,P) points."""
        cell = np.floor(points)
        t = (points - cell).astype(np.float32)
        t = t * t * (3 - 2 * t)
        low = cell.astype(np.int64) & 63
        high = (low + 1) & 63
        sides = (1 - t, t)
        total = np.zeros((len(self._lattice), points.shape[1]), np.float32)
        corner = np.empty_like(total)
        for i, x in enumerate((low[0] << 12, high[0] << 12)):
            for j, y in enumerate((low[1] << 6, high[1] << 6)):
                xy, weight_xy = x + y, sides[i][0] * sides[j][1]
                for k, z in enumerate((low[2], high[2])):
                    self._lattice.take(xy + z, 1, out=corner, mode="clip")  # all are inside; the default copies more
                    corner *= weight_xy * sides[k][2]
                    total += corner
        return total

    def layered(self, points: Array, octaves: int = 3) -> Array:
        """Return (P,C) sums of octaves, each twice as fine and half as strong."""
        total = self(points)
        for k in range(1, octaves):
            total += self(points * 2.0**k + 17.3 * k) / 2.0**k
        return total


def ramp(x: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 at low to 1 at high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth
