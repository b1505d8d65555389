"""How sure a score is: bootstrap intervals over clips, for one method and for the difference of two.

Hands of one clip resemble each other, so resampling hands would make every interval too narrow. Whole clips are drawn
instead, with replacement, as many as the subset has. All metrics are ratios of sums over clips, so a replicate is one
product of a row of clip weights with the table of per-clip sums.

A percentile interval is slightly too narrow where a few clips hold most of the hands, as in VISOR. The median has none:
it is not a ratio of sums.

Source: the percentile cluster bootstrap, e.g. Davison and Hinkley, Bootstrap Methods and their Application, 1997,
sections 2.4 and 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.pck import ClipSums, mean_of_ratios, metric_sums, select
from benchmark.protocol import Protocol
from hint.bootstrap import WEIGHTS, Interval, clip_weights, percentile_interval, percentile_intervals
from hint.errors import InputError, some_ids
from hint.types import Double

__all__ = [
    "Difference",
    "Interval",
    "check_same",
    "intervals",
    "paired_difference",
    "percentile_interval",
    "percentile_intervals",
    "replicates",
]

#: Clip weights in memory at a time.
_WEIGHTS = WEIGHTS


@dataclass(frozen=True)
class Difference:
    """Score of one method minus score of another on the same hands.

    Attributes:
        value: a - b.
        interval: Of that difference, None where fewer than two clips have keypoints.
    """

    value: float
    interval: Interval | None

    @property
    def contains_zero(self) -> bool:
        """Whether the data cannot tell the two apart."""
        return self.interval is None or self.interval.low <= 0 <= self.interval.high


def replicates(sums: Sequence[ClipSums], count: int, seed: int) -> Double:
    """Resample the clips many times, and compute every metric from the same draws.

    A joint without data in a draw is left out of that draw's mean.

    Args:
        sums: Metrics over the same C clips.
        count: Number of draws R.
        seed: Of the draws.

    Returns:
        (M,R) values; NaN where a draw holds no keypoint at all.
    """
    parts = {id(part): part for s in sums for part in (s.numerator, s.denominator)}  # metrics share denominators
    columns, edges = np.hstack([*parts.values()]), np.cumsum([part.shape[1] for part in parts.values()])[:-1]
    values = np.empty((len(sums), count))
    for rows, weights in clip_weights(len(columns), count, seed, _WEIGHTS):
        totals = dict(zip(parts, np.split(weights @ columns, edges, axis=1), strict=True))
        for row, s in zip(values, sums, strict=True):
            row[rows] = mean_of_ratios(totals[id(s.numerator)], totals[id(s.denominator)])
    return values


def intervals(sums: Sequence[ClipSums], protocol: Protocol, seed: int) -> list[Interval | None]:
    """Return an interval for each metric; None where fewer than two clips have keypoints."""
    drawn = replicates(sums, protocol.replicates, seed)
    enough = [s.n_clips > 1 for s in sums]
    found = iter(percentile_intervals(drawn[enough], protocol.level))
    return [next(found) if able else None for able in enough]


def paired_difference(
    a: ErrorTable,
    b: ErrorTable,
    subset: str,
    visibility: str,
    protocol: Protocol,
    *,
    metric: str = "pck",
    threshold: float = 0.05,
    seed: int = 0,
) -> Difference:
    """Compare two methods on the same hands, drawing the same clips for both.

    What is hard or easy in a clip is so for both methods and cancels out, so this interval is narrower than the two
    separate ones.

    Args:
        a: Errors of the first method.
        b: Errors of the second one, hands in any order.
        subset: Part of the dataset.
        visibility: "all", "visible" or "occluded".
        protocol: Gives the level, the number of replicates and the range of the AUC.
        metric: "pck", "auc" or "epe_mean_px".
        threshold: Of the PCK.
        seed: Of the draws.

    Returns:
        The difference in percentage points, or px.

    Raises:
        InputError: If the two do not hold the same hands with the same labels.
    """
    check_same(a, b, subset)
    first, second = (
        metric_sums(select(t, subset, visibility), metric, threshold, protocol.auc_maximum) for t in (a, b)
    )
    drawn = [replicates([sums], protocol.replicates, seed)[0] for sums in (first, second)]
    enough = min(first.n_clips, second.n_clips) > 1
    interval = percentile_interval(drawn[0] - drawn[1], protocol.level) if enough else None
    return Difference(first.value() - second.value(), interval)


def check_same(a: ErrorTable, b: ErrorTable, subset: str) -> None:
    """Refuse to compare tables of other hands or other labels.

    Raises:
        InputError: If the two do not hold the same hands with the same labels.
    """
    rows_a, rows_b = ({t.hand_id[i].item(): i for i in np.flatnonzero(t.subset == subset)} for t in (a, b))
    alone = sorted(rows_a.keys() ^ rows_b.keys())
    if alone:
        raise InputError(
            f"{subset}: hands scored for one method only: {some_ids(alone)}; score both on the same labels"
        )
    i, j = (np.array([rows[hand] for hand in rows_a], dtype=np.int64) for rows in (rows_a, rows_b))
    same = (a.visibility[i] == b.visibility[j]).all(1) & np.isclose(a.box_side[i], b.box_side[j], rtol=1e-9)
    same &= a.clip_id[i] == b.clip_id[j]
    if not same.all():
        ids = a.hand_id[i[~same]].tolist()
        raise InputError(
            f"{subset}: labels differ between the two tables: {some_ids(ids)}; score both on the same labels"
        )
