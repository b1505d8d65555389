"""What is measured of whole hands: by small networks on points and flags, and by looking at the pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from annotation.check import judges
from annotation.check.criterion import Measured
from annotation.check.hands import Hands
from hint.types import Double

#: Fewest existing joints of a hand that is judged as a whole.
_JUDGED = 10
#: Least probability of a hand whose side and joints the picture tells.
_PRESENT = 0.5
#: Guesses of a flag are never trusted beyond this probability of being wrong.
_DOUBT = 0.02


def flipped_side(hands: Hands) -> Measured:
    """Measure the log odds that the hand is of the other side.

    Flags and view are the evidence: where fingertips are occluded, the back of the hand is usually seen, and then the
    order of the knuckles determines the side. So this is likely, never certain; see :func:`hand_side`.
    """
    return _judged(hands, judges.side_odds)


def swapped_fingers(hands: Hands) -> Measured:
    """Measure the log odds that two fingers are swapped."""
    return _judged(hands, judges.finger_odds)


def inverted_flags(hands: Hands) -> Measured:
    """Measure the log odds that visible joints are marked as occluded, and occluded ones as visible."""
    return _judged(hands, judges.flag_odds)


def unflagged(hands: Hands) -> Measured:
    """Count the joints that are usually occluded in a hand of this shape, if none is marked as occluded."""
    none = ~hands.labelled.occluded.any(1)
    expected = _judged(hands, judges.expected_occluded)
    return Measured(np.where(none | np.isnan(expected.value), expected.value, 0.0))


def _judged(hands: Hands, judge: Callable[[judges.Labelled], Double]) -> Measured:
    """Return what a judge says of hands with enough joints."""
    return Measured(np.where(hands.labels.existence.sum(1) >= _JUDGED, judge(hands.labelled), np.nan))


def nothing_there(hands: Hands) -> Measured:
    """Measure the probability that the picture shows a hand where the keypoints are."""
    return Measured(hands.look.presence)


def other_side_seen(hands: Hands) -> Measured:
    """Measure the probability that the picture shows a hand of the other side."""
    return Measured(np.where(hands.look.presence > _PRESENT, 1 - hands.look.of_its_side, np.nan))


def seen_elsewhere(hands: Hands) -> Measured:
    """Measure the median distance between annotated joints and where the network sees them, in extents of the hand."""
    apart = np.sqrt(np.square(hands.look.keypoints_2d - hands.points).sum(2))
    known = (hands.look.presence > _PRESENT) & (hands.labels.existence.sum(1) >= _JUDGED)
    rows = np.flatnonzero(known)
    median = np.full(len(hands), np.nan)
    median[rows] = np.nanmedian(apart[rows], axis=1) / _extent(hands.points[rows])
    return Measured(median)


def other_flags_seen(hands: Hands) -> Measured:
    """Measure the mean log odds that the existing joints have the opposite flags, by the guess from the picture."""
    chance = np.clip(hands.look.occluded, _DOUBT, 1 - _DOUBT)
    odds = np.log(chance / (1 - chance)) * np.where(hands.labels.occlusion, -1.0, 1.0)
    known = np.isfinite(odds).all(1) & (hands.labels.existence.sum(1) >= _JUDGED)
    total = np.where(hands.labels.existence, odds, 0.0).sum(1) / np.maximum(hands.labels.existence.sum(1), 1)
    return Measured(np.where(known, total, np.nan))


def _extent(points: Double) -> Double:
    extent: Double = (np.nanmax(points, axis=1) - np.nanmin(points, axis=1)).max(1)
    return extent
