"""Compare annotators: whose flags, corrections or findings differ from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.check.criterion import Criterion
from annotation.check.hands import Hands
from annotation.check.population import MAD
from hint.types import Double

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


def habits(hands: Sequence[Hands], found: Mapping[str, Double]) -> dict[str, Habit]:
    """Compute the statistics of an annotator.

    Args:
        hands: The sets of the annotator.
        found: Rule -> (N,) 1.0 for findings, over all hands of the annotator.

    Returns:
        Shares of flags, displacement of pre-labels in hand sizes, and rate of findings per rule.
    """
    exists = np.concatenate([h.labels.existence for h in hands])
    occluded = np.concatenate([h.labels.occlusion for h in hands]) & exists
    moved = np.concatenate([_moved(h) for h in hands])
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "occluded": occluded.sum(1) / exists.sum(1),
            "out of the picture": 1 - exists.mean(1),
            "displacement": moved,
            **{f"findings of {rule}": values for rule, values in found.items()},
        }
    return {name: _habit(values) for name, values in columns.items()}


def _moved(hands: Hands) -> Double:
    distance = np.sqrt(np.square(hands.labels.keypoints_2d - hands.prelabels).sum(2))
    mean: Double = distance.mean(1) / hands.size
    return mean


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
