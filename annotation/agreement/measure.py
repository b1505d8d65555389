"""Measures of agreement as functions of sums over clips, so that each of them has an interval.

Definitions: a flag agrees if both annotators set it the same way. Existence is compared at all 21 joints, occlusion at
joints that exist for both, distances at joints that are visible for both.

Source of kappa: Cohen, A coefficient of agreement for nominal scales, 1960.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.agreement.pairs import Pairs
from hint.bootstrap import Interval, clip_weights, percentile_interval
from hint.types import Bool, Double

LEVEL, REPLICATES = 0.95, 2000
#: Distance up to which the paper counts two points as the same, palm lengths.
WITHIN = 0.25

#: Computes (...,M) numbers from (...,K) sums.
Statistic = Callable[[Double], Double]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: The number; None if the denominator is 0.
        n: Number of joints.
        ci: None with fewer than two clips, or without a value.
    """

    value: float | None
    n: int
    ci: Interval | None


def clip_sums(values: Bool | Double, clip: NDArray[np.int64], n_clips: int) -> Double:
    """Return (C,K) sums of (N,K) values over the hands of each clip."""
    return np.stack([np.bincount(clip, column, n_clips) for column in values.T], axis=1)


def estimates(sums: Double, counts: Double, statistic: Statistic, seed: int) -> list[Estimate]:
    """Return M numbers with bootstrap intervals over clips, all from the same resamples.

    Args:
        sums: (C,K) sums per clip.
        counts: (C,M) joints per clip and number.
        statistic: Computes (...,M) numbers from (...,K) totals.
        seed: Seed of the resampling.
    """
    values = statistic(sums.sum(0))
    drawn = replicate(sums, statistic, seed) if len(sums) > 1 else np.full((1, len(values)), np.nan)
    enough = (counts > 0).sum(0) > 1
    found = []
    for value, row, n, several in zip(values.tolist(), drawn.T, counts.sum(0).tolist(), enough.tolist(), strict=True):
        known = bool(np.isfinite(value))
        ci = percentile_interval(row, LEVEL) if known and several and np.isfinite(row).any() else None
        found.append(Estimate(value if known else None, int(n), ci))
    return found


def replicate(sums: Double, statistic: Statistic, seed: int, count: int = REPLICATES) -> Double:
    """Return (count,M) values of a statistic for resampled clips."""
    return np.concatenate([statistic(weights @ sums) for _, weights in clip_weights(len(sums), count, seed)])


def ratios(sums: Double, counts: Double, seed: int) -> list[Estimate]:
    """Return M shares or means, (C,M) sums over (C,M) numbers of joints; see :func:`estimates`."""
    m = counts.shape[1]

    def share(totals: Double) -> Double:
        return divide(totals[..., :m], totals[..., m:])

    return estimates(np.hstack([sums, counts]), counts, share, seed)


def kappas(cells: Double, seed: int) -> list[Estimate]:
    """Return M kappas of (C,M,4) counts; see :func:`kappa` and :func:`estimates`."""
    flat = cells.reshape(len(cells), -1)

    def of_totals(totals: Double) -> Double:
        return kappa(totals.reshape(*totals.shape[:-1], -1, 4))

    return estimates(flat, cells.sum(2), of_totals, seed)


def kappa(totals: Double) -> Double:
    """Return Cohen's kappa of (...,4) counts: set by both, by the first, by the second, by neither.

    NaN if both annotators always or never set the flag: agreement by chance is then certain.
    """
    total = totals.sum(-1)
    observed = divide(totals[..., 0] + totals[..., 3], total)
    first, second = (divide(totals[..., 0] + totals[..., k], total) for k in (1, 2))
    chance = first * second + (1 - first) * (1 - second)
    return divide(observed - chance, np.where(chance < 1 - 1e-12, 1 - chance, 0.0))


def joint_means(totals: Double) -> Double:
    """Return (...,T) means over joints of per-joint shares, like PCK, from (...,(T+1)*21) totals.

    The last 21 totals are the numbers of compared joints; joints that were never compared are left out of the mean.
    """
    counts = totals[..., -21:]
    hits = totals[..., :-21].reshape(*totals.shape[:-1], -1, 21)
    shares = divide(hits, counts[..., None, :])
    known = np.isfinite(shares)
    return divide(np.where(known, shares, 0.0).sum(-1), known.sum(-1))


def divide(a: Double, b: Double) -> Double:
    """Return a / b, or NaN where b is 0."""
    quotient: Double = np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=np.asarray(b) != 0)
    return quotient


def agreeing(pairs: Pairs, flag: str) -> tuple[Bool, Bool]:
    """Return (N,21) joints at which a flag ("existence", "occlusion") agrees, and at which it is compared."""
    same = getattr(pairs.a, flag) == getattr(pairs.b, flag)
    compared = np.ones_like(same) if flag == "existence" else pairs.exists
    return np.asarray(same & compared), compared


def close(pairs: Pairs) -> tuple[Bool, Bool]:
    """Return (N,21) joints within :data:`WITHIN` palm lengths, and those compared: visible for both, palm known."""
    compared = np.asarray(pairs.both("visible") & np.isfinite(pairs.in_palms))
    return np.asarray(compared & (np.nan_to_num(pairs.in_palms, nan=np.inf) <= WITHIN)), compared


def contingency(pairs: Pairs, flag: str) -> Bool:
    """Return (4,N,21) joints for :func:`kappa`: set by both, by the first, by the second, by neither."""
    a, b = getattr(pairs.a, flag), getattr(pairs.b, flag)
    compared = agreeing(pairs, flag)[1]
    return np.stack([a & b, a & ~b, ~a & b, ~a & ~b]) & compared
