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
from functools import lru_cache

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
    if count * n_clips <= at_once:
        yield slice(0, count), _kept(n_clips, count, seed).astype(np.float64)
        return
    rng = np.random.default_rng(seed)
    step = max(1, at_once // n_clips)
    for start in range(0, count, step):
        stop = min(start + step, count)
        yield slice(start, stop), _draw(rng, stop - start, n_clips).astype(np.float64)


@lru_cache(maxsize=32)
def _kept(n_clips: int, count: int, seed: int) -> NDArray[np.uint16]:
    """Draw once for all methods that are scored on the same clips; at most 4 MB, as ``count * n_clips`` is bounded."""
    return _draw(np.random.default_rng(seed), count, n_clips).astype(np.uint16)


def _draw(rng: np.random.Generator, rows: int, n_clips: int) -> NDArray[np.int64]:
    drawn: NDArray[np.int64] = rng.integers(0, n_clips, (rows, n_clips))
    drawn += np.arange(rows)[:, None] * n_clips
    return np.bincount(drawn.ravel(), minlength=rows * n_clips).reshape(rows, n_clips)


def percentile_interval(values: Double, level: float) -> Interval:
    """Return the middle ``level`` of replicates (R,); NaN ones are ignored."""
    return percentile_intervals(values[None], level)[0]


def percentile_intervals(values: Double, level: float) -> list[Interval]:
    """Return the middle ``level`` of the replicates in each row of (M,R); NaN ones are ignored."""
    quantile = np.nanquantile if np.isnan(values).any() else np.quantile
    low, high = quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return [Interval(level, *ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]
