"""What is measured of whole hands: by small networks on points and flags, and by looking at the pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from annotation.check import judges
from annotation.check.criterion import Measured
from annotation.check.hands import Hands
from hint.types import Bool, Double

#: Fewest existing joints of a hand that is judged as a whole.
_JUDGED = 10
#: Least probability of a hand whose side and joints the picture tells.
_PRESENT = 0.5
#: Guesses of a flag are never trusted beyond this probability of being wrong.
_DOUBT = 0.02
#: Least side of a box in which the network sees hands, px.
LARGE = 40.0


def flipped_side(hands: Hands) -> Measured:
    """Measure the log odds that the hand is of the other side.

    Flags and view are the evidence: where fingertips are occluded, the back of the hand is usually seen, and then the
    order of the knuckles determines the side. So this is likely, never certain; see :func:`hand_side`.
    """
    return _judged_by_flags(hands, judges.side_odds)


def swapped_fingers(hands: Hands) -> Measured:
    """Measure the log odds that two fingers are swapped."""
    return _judged(hands, judges.finger_odds)


def inverted_flags(hands: Hands) -> Measured:
    """Measure the log odds that visible joints are marked as occluded, and occluded ones as visible."""
    return _judged_by_flags(hands, judges.flag_odds)


def unflagged(hands: Hands) -> Measured:
    """Count the joints that are usually occluded in a hand of this shape, if none is marked as occluded."""
    none = ~hands.labelled.occluded.any(1)
    expected = _judged(hands, judges.expected_occluded)
    return Measured(np.where(none | np.isnan(expected.value), expected.value, 0.0))


def _judged_by_flags(hands: Hands, judge: Callable[[judges.Labelled], Double]) -> Measured:
    """Return what a judge says of hands with flags; without an occluded joint nobody may have looked."""
    return Measured(np.where(hands.labelled.occluded.any(1), _judged(hands, judge).value, np.nan))


def _judged(hands: Hands, judge: Callable[[judges.Labelled], Double]) -> Measured:
    """Return what a judge says of hands with enough joints."""
    return Measured(np.where(hands.labels.existence.sum(1) >= _JUDGED, judge(hands.labelled), np.nan))


def nothing_there(hands: Hands) -> Measured:
    """Measure the probability that the picture shows a hand where the keypoints are."""
    return Measured(np.where(hands.box_side >= LARGE, hands.look.presence, np.nan))


def other_side_seen(hands: Hands) -> Measured:
    """Measure the probability that the picture shows a hand of the other side."""
    return Measured(np.where(_seen(hands), 1 - hands.look.of_its_side, np.nan))


def seen_elsewhere(hands: Hands) -> Measured:
    """Measure how far the whole hand is away from where the network sees it, in sides of the box.

    The median over the joints: single joints may be off, in the label or in what the network sees.
    """
    away, rows = np.full((len(hands), 2), np.nan), np.flatnonzero(_seen(hands))
    away[rows] = np.nanmedian(hands.look.keypoints_2d[rows] - hands.points[rows], axis=1)
    return Measured(np.sqrt(np.square(away).sum(1)) / hands.box_side)


def other_flags_seen(hands: Hands) -> Measured:
    """Measure the mean log odds that the existing joints have the opposite flags, by the guess from the picture."""
    exists = hands.labels.existence
    chance = np.clip(hands.look.occluded, _DOUBT, 1 - _DOUBT)
    odds = np.log(chance / (1 - chance)) * np.where(hands.labels.occlusion, -1.0, 1.0)
    mean = np.where(exists, odds, 0.0).sum(1) / np.maximum(exists.sum(1), 1)
    return Measured(np.where(_seen(hands), mean, np.nan))


def _seen(hands: Hands) -> Bool:
    """Return (N,) whether the picture shows a hand that can be compared with the label."""
    is_there = (hands.box_side >= LARGE) & (hands.look.presence > _PRESENT)
    return np.asarray(is_there & (hands.labels.existence.sum(1) >= _JUDGED))
