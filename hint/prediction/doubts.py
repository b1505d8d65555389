"""What is suspicious about hands that were found or given."""

from __future__ import annotations

from collections.abc import Sequence

from hint.box import Box
from hint.detection import Detection

#: The two hands of a person have about one size in a picture, and are at most two arms apart, in lengths of a hand.
_SAME_SIZE, _TWO_ARMS = 2.0, 10.0


def outside(box: Box, size: tuple[int, int]) -> str:
    """Return what is wrong with a box that lies outside its picture, or reaches far beyond it; "" if nothing.

    Args:
        box: px; it may reach out of the picture, as hands do, by up to the picture's longer side.
        size: (width, height) of the picture, px.
    """
    x1, y1, x2, y2 = box
    text = f"the box {[round(edge, 1) for edge in box]}"
    if not (x2 > 0 and y2 > 0 and x1 < size[0] and y1 < size[1]):
        return f"{text} lies outside {size[0]}x{size[1]} px"
    reach = max(size)
    if min(x1, y1) < -reach or x2 > size[0] + reach or y2 > size[1] + reach:
        return f"{text} reaches far beyond {size[0]}x{size[1]} px"
    return ""


def is_one_sided_pair(hands: Sequence[Detection]) -> bool:
    """Tell whether a picture shows just two hands, of one side, that may be one person's: then one side is wrong."""
    if len(hands) != 2 or hands[0].is_right != hands[1].is_right:
        return False
    (a, first), (b, second) = ((_centre(hand.box_xyxy), _longest(hand.box_xyxy)) for hand in hands)
    apart = ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
    return max(first, second) <= _SAME_SIZE * min(first, second) and apart <= _TWO_ARMS * max(first, second)


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _longest(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
