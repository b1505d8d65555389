"""Hands are followed by overlap; sides are agreed on, gaps filled, doubles merged."""

from dataclasses import replace

import numpy as np

from hint.box import Box
from hint.detection import Detection, Tracker, follow
from hint.detection.tracks import LONGEST_GAP, SHORTEST

HERE, NEAR, FAR = (0.0, 0.0, 100.0, 100.0), (20.0, 10.0, 120.0, 110.0), (300.0, 0.0, 400.0, 100.0)


def right(box: Box, score: float = 1.0) -> Detection:
    return Detection(box, True, score)


def left(box: Box, score: float = 1.0) -> Detection:
    return Detection(box, False, score)


def test_hands_keep_their_numbers_whatever_their_order() -> None:
    tracker = Tracker()
    assert tracker.update(0, [right(HERE), right(FAR)]) == [0, 1]
    assert tracker.update(1, [right(FAR), right(NEAR)]) == [1, 0]


def test_sides_that_are_sure_must_be_equal() -> None:
    for sure, number in ((True, 1), (False, 0)):
        tracker = Tracker(sure_sides=sure)
        assert tracker.update(0, [right(HERE)]) == [0]
        assert tracker.update(1, [left(HERE)]) == [number]


def test_among_overlapping_hands_the_side_decides() -> None:
    tracker = Tracker()
    tracker.update(0, [right(HERE), left((40.0, 0.0, 140.0, 100.0))])
    between = (20.0, 0.0, 120.0, 100.0)
    assert tracker.update(1, [left(between), right(between)]) == [1, 0]


def test_the_pair_that_overlaps_most_is_joined_first_and_once() -> None:
    tracker = Tracker()
    tracker.update(0, [right(HERE)])
    assert tracker.update(1, [right(NEAR), right(HERE)]) == [1, 0]


def test_a_hand_that_was_lost_for_long_is_another() -> None:
    tracker = Tracker()
    tracker.update(0, [right(HERE)])
    assert tracker.update(LONGEST_GAP, [right(HERE)]) == [0]
    assert tracker.update(2 * LONGEST_GAP + 1, [right(HERE)]) == [1]


def moving(frame: int, box: Box = HERE) -> Box:
    return (box[0] + 2 * frame, box[1], box[2] + 2 * frame, box[3])


def test_two_hands_with_wrong_sides_gaps_and_doubles_are_two_tracks() -> None:
    rng = np.random.default_rng(0)
    frames: list[list[Detection]] = []
    for k in range(100):
        hands = [right(moving(k), 0.9), left(moving(k, FAR), 0.9)]
        hands = [replace(hand, is_right=not hand.is_right) if rng.random() < 0.2 else hand for hand in hands]
        if 30 <= k < 45:  # found twice, as a left hand too
            hands.append(left(moving(k, (8.0, 5.0, 104.0, 96.0)), 0.6))
        if k == 60:  # a mistake
            hands.append(right((900.0, 0.0, 950.0, 50.0), 0.6))
        frames.append([hand for hand in hands if not 70 <= k < 75])
    tracked = follow(frames)
    assert {hand.track for hands in tracked for hand in hands} == {0, 1}
    assert [len(hands) for hands in tracked] == [2] * 100
    assert {(hand.track, hand.detection.is_right) for hands in tracked for hand in hands} == {(0, True), (1, False)}
    assert [k for k, hands in enumerate(tracked) if any(hand.filled for hand in hands)] == [70, 71, 72, 73, 74]
    assert tracked[72][0].detection.box_xyxy == moving(72)
    assert tracked[72][0].detection.score is None


def test_what_was_given_stays_as_it_is_but_for_the_side() -> None:
    boxes = [Detection(moving(k), k > 2 or None) for k in range(12)]
    tracked = follow([[boxes[k]] if k not in (5, 6) else [] for k in range(12)], given=True)
    assert [len(hands) for hands in tracked] == [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1]
    assert all(hand.detection.is_right and not hand.filled for hands in tracked for hand in hands)


def test_in_short_videos_every_hand_counts() -> None:
    assert [len(hands) for hands in follow([[right(HERE)], []])] == [1, 0]
    assert [len(hands) for hands in follow([[right(HERE)]] * (SHORTEST - 1) + [[]] * 20)] == [0] * (SHORTEST + 19)
