"""Choose the usable hands among those annotated in a frame.

A HInt name has room for one hand of each side, so the largest is kept; the others still count as neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hint.box import Box, area, overlap
from hint.sources.hand import LeftOut, gap

#: Boxes of one side with at least this intersection over union are one hand annotated twice. With less they may be
#: hands of two people, as in a handshake.
DRAWN_TWICE = 0.8


class Drawn(NamedTuple):
    """A hand as annotated in the source.

    Attributes:
        is_right: Side.
        box: xyxy in px.
        contact: One of :data:`hint.sources.hand.CONTACTS`.
    """

    is_right: bool
    box: Box
    contact: str


def usable(stem: str, drawn: Sequence[Drawn], size: tuple[int, int], left_out: LeftOut) -> list[tuple[Drawn, float]]:
    """Clamp boxes to the frame and keep one hand of each side.

    Args:
        stem: HInt name of the frame.
        drawn: All its annotated hands.
        size: (width, height) of the frame in px.
        left_out: Receives the unusable hands.

    Returns:
        Each usable hand and its gap to the nearest other hand.
    """
    inside: list[Drawn] = []
    for hand in drawn:
        box = clamp(hand.box, size)
        if box is None:
            left_out.add(_why_no_box(hand.box), _hand_id(stem, hand))
            continue
        if box is not hand.box:
            hand = Drawn(hand.is_right, box, hand.contact)
        if inside and _is_drawn(hand, inside):
            left_out.add("drawn twice", _hand_id(stem, hand))
        else:
            inside.append(hand)
    if len(inside) == 1:
        return [(inside[0], math.inf)]
    kept = _largest_of_each_side(stem, inside, left_out)
    return [(hand, gap(hand.box, [other.box for other in inside if other is not hand])) for hand in kept]


def _is_drawn(hand: Drawn, others: Sequence[Drawn]) -> bool:
    return any(hand.is_right == other.is_right and overlap(hand.box, other.box) >= DRAWN_TWICE for other in others)


def _largest_of_each_side(stem: str, hands: Sequence[Drawn], left_out: LeftOut) -> list[Drawn]:
    largest: dict[bool, Drawn] = {}
    for hand in hands:
        other = largest.get(hand.is_right)
        if other is None or area(hand.box) > area(other.box):
            largest[hand.is_right] = hand
        if other is not None:
            left_out.add("second hand of the same side", _hand_id(stem, hand))
    return list(largest.values())


def _hand_id(stem: str, hand: Drawn) -> str:
    return f"{stem}_{'r' if hand.is_right else 'l'}"


def _why_no_box(box: Box) -> str:
    x1, y1, x2, y2 = box
    return "box outside the frame" if x2 > x1 and y2 > y1 else "box without an area"


def clamp(box: Box, size: tuple[int, int]) -> Box | None:
    """Cut a box to the frame; None if nothing is left. A box inside the frame is returned as is."""
    x1, y1, x2, y2 = box
    width, height = size
    if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:
        return box
    x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None
