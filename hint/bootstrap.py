"""Bootstrap over whole clips, and percentile intervals.

Hands of one clip resemble each other, so resampling hands would make intervals too narrow. Whole clips are drawn
instead, with replacement. A statistic that depends on sums over clips is then a product of clip weights with the table
of per-clip sums.

Source: the percentile cluster bootstrap, e.g. Davison and Hinkley, Bootstrap Methods and their Application, 1997,
sections 2.4 and 3.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint.types import Double

#: Clip weights in memory at a time (replicates x clips), about 50 MB.
WEIGHTS = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A percentile interval.

    Attributes:
        level: Coverage, such as 0.95.
        low: Lower end, in the unit of the value.
        high: Upper end.
    """

    level: float
    low: float
    high: float


def clip_weights(n_clips: int, count: int, seed: int, at_once: int = WEIGHTS) -> Iterator[tuple[slice, Double]]:
    """Yield how often each clip is drawn, a few replicates at a time; the draws do not depend on how many.

    Args:
        n_clips: Number of clips C.
        count: Number of replicates R.
        seed: Of the draws.
        at_once: Weights in memory at a time.

    Yields:
        The replicates, and (r,C) weights whose rows sum to C.
    """
    rng = np.random.default_rng(seed)
    step = max(1, at_once // n_clips)
    for start in range(0, count, step):
        stop = min(start + step, count)
        yield slice(start, stop), _draw(rng, stop - start, n_clips)


def _draw(rng: np.random.Generator, rows: int, n_clips: int) -> Double:
    drawn: NDArray[np.int64] = rng.integers(0, n_clips, (rows, n_clips))
    drawn += np.arange(rows)[:, None] * n_clips
    return np.bincount(drawn.ravel(), minlength=rows * n_clips).reshape(rows, n_clips).astype(np.float64)


def percentile_interval(values: Double, level: float) -> Interval:
    """Return the middle ``level`` of replicates (R,); NaN ones are ignored."""
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(level, float(low), float(high))
