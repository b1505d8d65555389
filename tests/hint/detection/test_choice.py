"""Hands are chosen by score, number and side, and those without a side get one."""

from typing import Any

import numpy as np
import pytest

from hint.detection import Choice, ChoosingDetector, Detection, Picture
from hint.errors import InputError, MissingRequirementError

PICTURE, PIXELS = Picture("p", None, "key"), np.zeros((9, 9, 3), np.uint8)
SEEN = [(True, 0.4), (False, 0.9), (None, 0.7)]
HANDS = [Detection((k, 0.0, k + 5.0, 5.0), side, score) for k, (side, score) in enumerate(SEEN)]


class Fixed:
    identity = "fixed"

    def detect(self, picture: Picture, image: np.ndarray) -> list[Detection]:
        return HANDS


def test_the_surest_hands_in_the_order_found() -> None:
    assert Choice(max_hands=2).of(HANDS) == HANDS[1:]
    assert Choice(min_score=0.8).of(HANDS) == [HANDS[1]]
    assert Choice(min_score=0.8).of([Detection((0, 0, 1, 1), True)]) == [Detection((0, 0, 1, 1), True)]


def test_a_side_that_is_stated_holds_for_all() -> None:
    found = ChoosingDetector(Fixed(), Choice("left")).detect(PICTURE, PIXELS)
    assert [hand.is_right for hand in found] == [False] * 3


def test_a_side_that_is_not_told_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader:
        def read(self, image: np.ndarray, box: Any) -> Any:
            assert box == HANDS[2].box_xyxy
            return Detection(box, True)

    detector = ChoosingDetector(Fixed(), Choice())
    monkeypatch.setitem(detector.__dict__, "_reader", Reader())
    assert [hand.is_right for hand in detector.detect(PICTURE, PIXELS)] == [True, False, True]


def test_without_the_network_a_side_must_be_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hint.landmarks.files.missing", lambda: "needs a file: hint fetch it")
    with pytest.raises(MissingRequirementError, match=r"hint fetch it.*--side right"):
        ChoosingDetector(Fixed(), Choice()).detect(PICTURE, PIXELS)


def test_a_choice_is_part_of_the_identity() -> None:
    assert ChoosingDetector(Fixed(), Choice()).identity == "fixed"
    assert ChoosingDetector(Fixed(), Choice(max_hands=1)).identity != "fixed"


@pytest.mark.parametrize(
    "wrong", [{"side": "rigth"}, {"min_score": 2.0}, {"max_hands": 0}], ids=lambda wrong: next(iter(wrong))
)
def test_unusable_choices(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"did you mean right|0 to 1|1 or more"):
        Choice(**wrong)
