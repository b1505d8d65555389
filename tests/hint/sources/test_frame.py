from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint.sources.frame import Drawn, clamp, usable
from hint.sources.hand import LeftOut, gap

SIZE = (640, 480)
Box = tuple[float, float, float, float]

edges = st.integers(-200, 900).map(float)
hands = st.lists(st.builds(Drawn, st.booleans(), st.tuples(edges, edges, edges, edges), st.just("none")), max_size=6)


@given(drawn=hands)
def test_every_hand_is_kept_or_left_out_and_each_side_once(drawn: list[Drawn]) -> None:
    left_out = LeftOut()
    kept = usable("frame", drawn, SIZE, left_out)
    assert len(kept) + sum(left_out.counts().values()) == len(drawn)
    assert len({hand.is_right for hand, _ in kept}) == len(kept)
    for hand, distance in kept:
        x1, y1, x2, y2 = hand.box
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 480
        assert distance >= 0


@given(drawn=hands)
def test_the_largest_of_a_side_is_kept(drawn: list[Drawn]) -> None:
    def area(box: Box | None) -> float:
        return (box[2] - box[0]) * (box[3] - box[1]) if box else 0.0

    for hand, _ in usable("frame", drawn, SIZE, LeftOut()):
        # One that was taken for the same hand may be larger by what DRAWN_TWICE allows.
        largest = max(area(clamp(other.box, SIZE)) for other in drawn if other.is_right == hand.is_right)
        assert area(hand.box) >= 0.8 * largest


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 0.0),
        ((5, 5, 30, 30), 0.0),
        ((10, 0, 20, 10), 0.0),
        ((15, 0, 20, 10), 0.5),
        ((-20, 0, -5, 10), 0.5),
        ((13, 14, 20, 20), 0.5),
        ((0, -30, 10, -20), 2.0),
    ],
)
def test_gaps(other: Box, expected: float) -> None:
    assert gap((0, 0, 10, 10), [other]) == expected
    assert gap((0, 0, 10, 10), [(900, 900, 910, 910), other]) == expected


def test_gap_without_another_hand_is_infinite() -> None:
    assert gap((0, 0, 10, 10), []) == inf


def test_a_box_inside_the_frame_is_unchanged() -> None:
    box = (0.0, 0.0, 640.0, 480.0)
    assert clamp(box, SIZE) is box
