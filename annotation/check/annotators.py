"""Compare annotators: whose flags, corrections or findings differ from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.check.criterion import Criterion
from annotation.check.population import MAD
from hint.types import Bool, Double, HandLabels

OUTLIER = Criterion(
    "outlier-annotator", "warning", "annotator unlike the others", 5, "robust z", needs="four annotators (--against)"
)

#: Fewest annotators for which an outlier is defined.
FEWEST = 4


@dataclass(frozen=True)
class Habit:
    """One statistic of one annotator.

    Attributes:
        value: The mean over the annotator's hands.
        error: Its standard error.
    """

    value: float
    error: float


def habits(labels: Sequence[HandLabels], moved: Double, found: Mapping[str, Bool]) -> dict[str, Habit]:
    """Compute the statistics of an annotator.

    Args:
        labels: The sets of the annotator, N hands in all.
        moved: (N,) mean distance of the points from their pre-labels, in hand sizes; NaN without.
        found: Rule -> (N,) whether a hand is a finding.

    Returns:
        Shares of flags, displacement of pre-labels in hand sizes, and rate of findings per rule.
    """
    exists = np.concatenate([one.existence for one in labels])
    occluded = np.concatenate([one.occlusion for one in labels]) & exists
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "occluded": occluded.sum(1) / exists.sum(1),
            "out of the picture": 1 - exists.mean(1),
            "displacement": moved,
            **{f"findings of {rule}": flags.astype(np.float64) for rule, flags in found.items()},
        }
    return {name: _habit(values) for name, values in columns.items()}


def _habit(values: Double) -> Habit:
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return Habit(float("nan"), float("nan"))
    return Habit(float(known.mean()), float(known.std(ddof=1) / len(known) ** 0.5))


def robust_z(mine: Sequence[Habit]) -> Double:
    """Return (A,) deviations of A annotators from their median, in robust standard deviations.

    The spread among annotators (MAD) is increased by their sampling error, so that three who agree by chance do not
    make the fourth an outlier.
    """
    value, error = np.array([[habit.value, habit.error] for habit in mine]).T
    if np.isfinite(value).sum() < FEWEST:
        return np.full(len(value), np.nan)
    away = value - np.nanmedian(value)
    spread = np.hypot(MAD * np.nanmedian(abs(away)), error)
    score: Double = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    return score
