"""Smooth random patterns in space, from which all textures are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Noise:
    """Value noise on a lattice, repeating every 64 cells.

    Args:
        rng: Source of the lattice values.
        channels: Number of independent patterns.
    """

    def __init__(self, rng: np.random.Generator, channels: int = 1) -> None:
        self._lattice = rng.random((64 * 64 * 64, channels), dtype=np.float32) * 2 - 1

    def __call__(self, points: Array) -> Array:
        """Return (P,C) values in -1..1 at (P,3) points, cells of size one."""
        cell = np.floor(points)
        t = (points - cell).astype(np.float32)
        t = t * t * (3 - 2 * t)
        low = cell.astype(np.int64) & 63
        high = (low + 1) & 63
        x, y, z = ((low[:, k], high[:, k]) for k in range(3))
        total = np.zeros((len(points), self._lattice.shape[1]), np.float32)
        for i in (0, 1):
            for j in (0, 1):
                for k in (0, 1):
                    weight = _side(t[:, 0], i) * _side(t[:, 1], j) * _side(t[:, 2], k)
                    total += weight[:, None] * self._lattice[(x[i] * 64 + y[j]) * 64 + z[k]]
        return total.astype(np.float64)

    def layered(self, points: Array, octaves: int = 3) -> Array:
        """Return (P,C) sums of octaves, each twice as fine and half as strong."""
        total = self(points)
        for k in range(1, octaves):
            total += self(points * 2.0**k + 17.3 * k) / 2.0**k
        return total


def _side(t: NDArray[np.float32], high: int) -> NDArray[np.float32]:
    return t if high else 1 - t


def ramp(x: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 at low to 1 at high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth
