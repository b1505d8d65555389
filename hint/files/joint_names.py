"""Names that other tools and datasets give the joints of a hand, and the sides of hands.

Known are the names of this toolkit, of COCO-WholeBody and MMPose's datasets (``thumb1``, ``forefinger2``), of MediaPipe
(``INDEX_FINGER_PIP``), and plain numbers; each alone, or with a side (``left_thumb1``) for both hands of a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hint.errors import some_ids
from hint.skeleton import FINGERS, JOINT_NAMES, N_JOINTS

Side: TypeAlias = Literal["left", "right"]

_FINGERS = {
    "thumb": "thumb",
    **dict.fromkeys(("index", "fore", "pointer"), "index"),
    "middle": "middle",
    "ring": "ring",
    **dict.fromkeys(("little", "pinky", "pinkie"), "little"),
}
_PARTS = {"thumb": ("cmc", "mcp", "ip", "tip"), **dict.fromkeys(FINGERS[1:], ("mcp", "pip", "dip", "tip"))}
_JOINT = re.compile(rf"(?P<finger>{'|'.join(_FINGERS)})(?:finger)?(?P<part>[1-4]|[a-z]+)")
#: The wrist as part of a hand comes before the wrist as part of a body, where a person has both.
_WRISTS = ("handroot", "wrist", "root")
_SIDE = re.compile(r"(?<![a-z])(?:hand)?(left|right)")
_SIDE_LETTER = re.compile(r"(?<![a-z])([lr])h?(?![a-z])")
_SIDES: dict[str, Side] = {"l": "left", "r": "right"}

#: Keys by which files state the side of a hand.
SIDE_KEYS = ("side", "handedness", "hand_type", "hand_side", "hand")


@dataclass(frozen=True)
class HandJoints:
    """The joints of one hand among the keypoints of a file.

    Attributes:
        side: "left" or "right" if the names say it.
        places: Index of each joint, in HInt order, among the names.
    """

    side: Side | None
    places: tuple[int, ...]


def side_in(text: object) -> Side | None:
    """Return the side that a name such as ``left_hand``, ``Hand-Right`` or ``L_hand`` says, None if it says none."""
    lower = str(text).lower()
    letters = {match[0] for match in (_SIDE.findall(lower) or _SIDE_LETTER.findall(lower))}
    return _SIDES[letters.pop()] if len(letters) == 1 else None


def side_stated(values: Mapping[str, Any]) -> Side | None:
    """Return the side that the keys of an annotation, or its attributes, state."""
    for key in SIDE_KEYS:
        if (side := side_in(values.get(key, ""))) is not None:
            return side
    return None


def find_hands(names: Sequence[str]) -> list[HandJoints]:
    """Find the joints of a hand, or of the two hands of a person, among the names of keypoints.

    Returns:
        One entry without a side, up to two with one; none where no name is that of a joint of a hand.

    Raises:
        ValueError: If the joints of a hand are incomplete, or there are other names beside them.
    """
    numbered = _by_number(names)
    if numbered:
        return [HandJoints(None, numbered)]
    found: dict[Side | None, dict[int, int]] = {}
    for rank in range(len(_WRISTS)):
        for place, name in enumerate(names):
            joint = _joint(name, _WRISTS[rank])
            if joint is not None:
                found.setdefault(_side_of_joint(name), {}).setdefault(joint, place)
    if not any(set(joints) - {0} for joints in found.values()):
        return []
    if None in found:
        return [_only_hand(names, found)]
    return [_complete(side, joints) for side, joints in sorted(found.items(), key=str) if set(joints) - {0}]


def _by_number(names: Sequence[str]) -> tuple[int, ...]:
    """Return the places of joints that are numbered from 0 or 1."""
    if len(names) != N_JOINTS or not all(re.fullmatch(r"\d{1,2}", name) for name in names):
        return ()
    order = sorted(range(N_JOINTS), key=lambda place: int(names[place]))
    numbers = [int(names[place]) for place in order]
    return tuple(order) if numbers == list(range(numbers[0], numbers[0] + N_JOINTS)) and numbers[0] < 2 else ()


def _plain(name: str) -> str:
    """Return a name in lower case, without its side and separators."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^(left|right|[lr](?=[^a-z]))", "", name.lower()))


def _side_of_joint(name: str) -> Side | None:
    return side_in(name) if re.match(r"(left|right|[lr][^a-z])", name.lower()) else None


def _joint(name: str, wrist: str) -> int | None:
    plain = _plain(name)
    if plain in (wrist, f"hand{wrist}"):
        return 0
    match = _JOINT.fullmatch(plain.removeprefix("hand"))
    if match is None:
        return None
    finger, part = _FINGERS[match["finger"]], match["part"]
    if part.isdigit():
        return 4 * FINGERS.index(finger) + int(part)
    return JOINT_NAMES.index(f"{finger}_{part}") if part in _PARTS[finger] else None


def _only_hand(names: Sequence[str], found: Mapping[Side | None, Mapping[int, int]]) -> HandJoints:
    used = {place for joints in found.values() for place in joints.values()}
    if other := [repr(name) for place, name in enumerate(names) if place not in used]:
        raise ValueError(f"not joints of a hand: {some_ids(other)}; they are called {some_ids(JOINT_NAMES)}")
    return _complete(None, found[None])


def _complete(side: Side | None, joints: Mapping[int, int]) -> HandJoints:
    absent = [name for joint, name in enumerate(JOINT_NAMES) if joint not in joints]
    if absent:
        raise ValueError(f"lacks joints of the {f'{side} ' if side else ''}hand: {some_ids(absent)}")
    return HandJoints(side, tuple(joints[joint] for joint in range(N_JOINTS)))
