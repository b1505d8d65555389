"""How well scores separate two kinds of joints, and the best threshold: pure functions on arrays."""

from __future__ import annotations

import numpy as np

from annotation.prelabel.calibration import Separation
from hint.types import Bool, Double

#: An area under the ROC curve this close to 0.5 is not useful, however significant.
_MARGIN = 0.05


def roc_auc(score: Double, positive: Bool) -> float | None:
    """Return the area under the ROC curve: how often a positive scores higher than a negative; ties count half.

    Args:
        score: (N,) higher for positives; may contain -inf.
        positive: (N,).

    Returns:
        0 to 1; None without positives or without negatives.

    Source: Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 143, 1982.
    """
    _, place = np.unique(score, return_inverse=True)
    ups, downs = np.bincount(place, weights=positive), np.bincount(place, weights=~positive)
    if not ups.sum() or not downs.sum():
        return None
    below = np.cumsum(downs) - downs
    return float((ups * (below + downs / 2)).sum() / (ups.sum() * downs.sum()))


def is_informative(auc: float | None, positives: int, negatives: int) -> bool:
    """Return whether an AUC exceeds chance by a margin and by two standard deviations under chance (no ties)."""
    if auc is None:
        return False
    deviation = np.sqrt((positives + negatives + 1) / (12 * positives * negatives))
    return bool(auc - 0.5 > max(_MARGIN, 2 * deviation))


def best_threshold(score: Double, positive: Bool) -> float:
    """Return the lowest threshold t for which ``score >= t`` has the highest balanced accuracy.

    Thresholds lie half-way between neighbouring scores; the lowest, at most 0, accepts every finite score and is
    returned if one of the two kinds is missing.

    Args:
        score: (N,); -inf always counts as negative.
        positive: (N,).
    """
    values, place = np.unique(score, return_inverse=True)
    ups, downs = np.bincount(place, weights=positive), np.bincount(place, weights=~positive)
    finite = np.isfinite(values)
    if not finite.any() or not ups.sum() or not downs.sum():
        return 0.0
    cuts = _cuts(values[finite])
    kept_up, kept_down = (np.cumsum(counts[::-1])[::-1][finite] for counts in (ups, downs))
    balanced = (kept_up / ups.sum() + 1 - kept_down / downs.sum()) / 2
    # Rounded, because equal sums of shares differ in their last digits; such thresholds must tie.
    return float(cuts[np.argmax(np.round(balanced, 12))])


def _cuts(values: Double) -> Double:
    """Return for each of the ascending values a threshold that keeps it and drops the previous one."""
    cuts = values.copy()
    half_way = values[:-1] + (values[1:] - values[:-1]) / 2
    cuts[1:] = np.where(half_way > values[:-1], half_way, values[1:])
    cuts[0] = min(0.0, values[0])
    return cuts


def separation(auc: float | None, guessed: Bool, positive: Bool) -> Separation:
    """Count how often a guess is right.

    Args:
        auc: Area under the ROC curve of the scores behind the guess.
        guessed: (N,) guessed positive.
        positive: (N,) positive according to the labels.
    """
    hit, miss = int((guessed & positive).sum()), int((~guessed & positive).sum())
    alarm, rest = int((guessed & ~positive).sum()), int((~guessed & ~positive).sum())
    positives, negatives = hit + miss, alarm + rest
    return Separation(
        positives=positives,
        negatives=negatives,
        auc=auc,
        informative=is_informative(auc, positives, negatives),
        balanced_accuracy=(hit / positives + rest / negatives) / 2 if positives and negatives else None,
        true_positives=hit,
        false_negatives=miss,
        false_positives=alarm,
        true_negatives=rest,
    )
