"""Hands of one VISOR frame: masks to boxes, gloves to hands, ids to contacts.

Source: the rules of github.com/epic-kitchens/VISOR-HOS (data_preparation). Two deviations: a glove mask that covers
both hands gives no box, and specks of a mask do not count for its box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

from hint.box import Box, area
from hint.errors import shown
from hint.sources.frame import Drawn

#: class_id -> whether a hand is a right one.
HAND_CLASSES = {300: False, 301: True}
HAND_NAMES = {"left hand": False, "right hand": True}

GLOVE_CLASSES = frozenset({60, 303, 304})
GLOVE_NAMES = frozenset({"oven glove", "gloves", "rubber glove", "left glove", "right glove", "glove"})

NOT_IN_CONTACT = frozenset({"hand-not-in-contact", "glove-not-in-contact"})

#: A polygon whose extent has less than this share of the largest one's area is a slip of the annotator's hand and does
#: not count for the box; the tip of a finger that shows beside an object has more.
SPECK = 0.005

#: Points a polygon needs to enclose anything.
_CORNERS = 3


class Part(NamedTuple):
    """A hand or a glove.

    Attributes:
        id: Its id in the file.
        is_right: Side of a hand, None for a glove.
        worn: Sides of the hands that wear a glove; empty for hands and gloves off hands.
        box: Extent of the mask, xyxy in px; None without a mask.
        contact: ``in_contact_object``.
    """

    id: str
    is_right: bool | None
    worn: frozenset[bool]
    box: Box | None
    contact: str | None


Parts = Mapping[str, Part | None]


def hands_of_frame(annotations: Any, corrections: Mapping[str, str]) -> tuple[list[Drawn], list[tuple[str, bool]]]:
    """Find the hands of a frame.

    Args:
        annotations: The frame's ``annotations``.
        corrections: Name of a hand -> its right ``in_contact_object``, from the errata.

    Returns:
        The hands, and (reason, is_right) of those that cannot be used.

    Raises:
        ValueError: If an annotation does not follow the schema.
    """
    parts = read_parts(annotations, corrections)
    hands = [part for part in parts.values() if part and part.is_right is not None]
    gloves = [part for part in parts.values() if part and part.worn]
    drawn: list[Drawn] = []
    unusable: list[tuple[str, bool]] = []
    for is_right, box, contact in (*_bare(hands, gloves, parts), *_gloved(hands, gloves, parts)):
        if box is None:
            unusable.append((contact, is_right))
        else:
            drawn.append(Drawn(is_right, box, contact))
    return drawn, unusable


def read_parts(annotations: Any, corrections: Mapping[str, str]) -> dict[str, Part | None]:
    """Return the hands and gloves of a frame by id, None for other objects.

    Raises:
        ValueError: If an annotation does not follow the schema.
    """
    if not isinstance(annotations, list):
        raise ValueError("annotations is not a list")
    parts: dict[str, Part | None] = {}
    for entry in annotations:
        if not isinstance(entry, dict):
            raise ValueError("annotation is not an object")
        name, key = entry.get("name"), entry.get("id")
        if not (isinstance(name, str) and isinstance(key, str)):
            raise ValueError(f"annotation {shown(key)} has no name or no id")
        is_right, is_glove = _kind(entry.get("class_id"), name)
        parts[key] = _part(key, name, is_right, entry, corrections) if is_glove or is_right is not None else None
    return parts


def _kind(number: Any, name: str) -> tuple[bool | None, bool]:
    """Return the side of a hand, None for anything else, and whether it is a glove."""
    number = number if isinstance(number, int) else None
    is_right = HAND_CLASSES[number] if number in HAND_CLASSES else HAND_NAMES.get(name)
    return is_right, is_right is None and (number in GLOVE_CLASSES or name in GLOVE_NAMES)


def _part(key: str, name: str, is_right: bool | None, entry: dict[str, Any], corrections: Mapping[str, str]) -> Part:
    contact = corrections[name] if name in corrections else entry.get("in_contact_object")
    if not (contact is None or isinstance(contact, str)):
        raise ValueError(f"in_contact_object of {key} is {shown(contact)}")
    worn = _worn(entry.get("on_which_hand")) if is_right is None else frozenset[bool]()
    return Part(key, is_right, worn, box_of(entry.get("segments")), contact)


def _worn(value: Any) -> frozenset[bool]:
    """Return the sides a glove is on; if there are two, the errata misspell "right"."""
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise ValueError("on_which_hand is not a list")
    if len(value) == 2:
        return frozenset(HAND_NAMES.values())
    return frozenset(HAND_NAMES[name] for name in value if name in HAND_NAMES)


def box_of(segments: Any) -> Box | None:
    """Return the extent of polygons, without specks; None if none has three points.

    Args:
        segments: Polygons of [x, y] in px.

    Raises:
        ValueError: If these are not lists of [x, y].
    """
    try:
        boxes = [_extent(polygon) for polygon in segments or () if len(polygon) >= _CORNERS]
    except (TypeError, ValueError, OverflowError):
        raise ValueError("segments are not polygons of [x, y]") from None
    largest = max(map(area, boxes), default=0.0)
    return reduce(_union, (box for box in boxes if area(box) >= SPECK * largest), None)


def _extent(polygon: Iterable[Any]) -> Box:
    xs, ys = zip(*((float(x), float(y)) for x, y in polygon), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def contact_of(part: Part, is_right: bool, parts: Parts) -> str:
    """Return what a hand, or the glove it wears, touches.

    Args:
        part: The hand or the glove.
        is_right: Side of the hand.
        parts: All parts of the frame.
    """
    if part.contact in NOT_IN_CONTACT:
        return "none"
    if part.contact is None or part.contact not in parts or part.contact == part.id:
        return "unknown"
    touched = parts[part.contact]
    if touched is None:
        return "object"
    if part.is_right is None and (touched.is_right == is_right or is_right in touched.worn):
        return "unknown"  # a glove and the hand in it
    return "hand" if touched.is_right is not None or touched.worn else "object"


def _bare(hands: Iterable[Part], gloves: Iterable[Part], parts: Parts) -> Iterator[tuple[bool, Box | None, str]]:
    """Yield (side, box, contact) of annotated hands, with their gloves; without a box the reason."""
    for hand in hands:
        is_right = bool(hand.is_right)
        glove = parts.get(hand.contact) if hand.contact else None
        if glove is not None and is_right in glove.worn:
            box, contact = _union(hand.box, _own_box(glove)), contact_of(glove, is_right, parts)
        else:
            box, contact = hand.box, contact_of(hand, is_right, parts)
        if box is None:
            worn = next((glove for glove in gloves if is_right in glove.worn and _own_box(glove)), None)
            box, contact = (worn.box, contact_of(worn, is_right, parts)) if worn else (None, "hand without a mask")
        yield is_right, box, contact


def _gloved(hands: Iterable[Part], gloves: Iterable[Part], parts: Parts) -> Iterator[tuple[bool, Box | None, str]]:
    """Yield the gloves of hands that are not annotated themselves."""
    annotated = {hand.is_right for hand in hands}
    for glove in gloves:
        for is_right in sorted(glove.worn - annotated):
            box = _own_box(glove)
            reason = "hand without a mask" if glove.box is None else "glove mask of both hands"
            yield is_right, box, contact_of(glove, is_right, parts) if box else reason


def _own_box(glove: Part) -> Box | None:
    return glove.box if len(glove.worn) == 1 else None


def _union(a: Box | None, b: Box | None) -> Box | None:
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
