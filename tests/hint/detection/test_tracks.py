"""Hands are followed by side and overlap."""

from hint.detection import Tracker, overlap
from hint.detection.tracks import LONGEST_GAP

HERE, NEAR, FAR = (0.0, 0.0, 100.0, 100.0), (20.0, 10.0, 120.0, 110.0), (300.0, 0.0, 400.0, 100.0)


def test_overlap() -> None:
    assert overlap(HERE, HERE) == 1
    assert overlap(HERE, FAR) == 0
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == 2 / 6


def test_hands_keep_their_numbers_whatever_their_order() -> None:
    tracker = Tracker()
    assert tracker.update(0, [(HERE, True), (FAR, True)]) == [0, 1]
    assert tracker.update(1, [(FAR, True), (NEAR, True)]) == [1, 0]


def test_the_side_must_be_equal() -> None:
    tracker = Tracker()
    assert tracker.update(0, [(HERE, True)]) == [0]
    assert tracker.update(1, [(HERE, False)]) == [1]


def test_the_pair_that_overlaps_most_is_joined_first_and_once() -> None:
    tracker = Tracker()
    tracker.update(0, [(HERE, True)])
    assert tracker.update(1, [(NEAR, True), (HERE, True)]) == [1, 0]


def test_a_hand_that_was_lost_for_long_is_another() -> None:
    tracker = Tracker()
    tracker.update(0, [(HERE, True)])
    assert tracker.update(LONGEST_GAP, [(HERE, True)]) == [0]
    assert tracker.update(2 * LONGEST_GAP + 1, [(HERE, True)]) == [1]
