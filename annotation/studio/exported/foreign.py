"""Tasks of somebody else's project as tasks of hint: points named after the joints of a hand.

A picture may show several hands: their points lie in a rectangle (as its children), or their names say the side. What
cannot be told is refused with a reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.sample.hand_names import with_side
from annotation.studio.config import IMAGE, JOINT, OCCLUDED, OUT_OF_FRAME, STATE, VISIBLE
from annotation.studio.exported.pictures import Found, Pictures
from annotation.studio.task import HandTask, task_data
from hint.box import Box
from hint.files.joint_names import Side, find_hands, side_in
from hint.names import parse_name
from hint.skeleton import JOINT_NAMES

#: What people call the states of a point.
_STATES = {
    **dict.fromkeys(("visible",), VISIBLE),
    **dict.fromkeys(("occluded", "hidden", "invisible", "not visible"), OCCLUDED),
    **dict.fromkeys(("out of frame", "outside", "out", "truncated", "not in frame"), OUT_OF_FRAME),
}
_NO_POINTS = "no points: only KeyPointLabels named after the joints of a hand are read"
#: Keys of labels in a value.
_LABELS = ("keypointlabels", "rectanglelabels", "labels")


@dataclass(frozen=True)
class _Region:
    """A point or a rectangle: percent of the picture, all its labels, and the rectangle it lies in."""

    id: str
    parent: str
    x: float
    y: float
    width: float
    height: float
    is_box: bool
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Hand:
    """A hand of one annotation: its side, its 21 points as (x, y, state), and its box, percent of the picture."""

    side: Side
    points: tuple[tuple[float, float, str], ...]
    box: Box | None


@dataclass(frozen=True)
class Translator:
    """Makes tasks of hint out of others.

    Attributes:
        pictures: Where the pictures are.
        folder: HInt folder of the hands.
        side: Side of hands where nothing says it, None to refuse them.
    """

    pictures: Pictures
    folder: str
    side: Side | None

    def translate(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the tasks, one for every hand, with the annotations of everybody.

        Raises:
            ValueError: If the task cannot be read; the message is the reason.
        """
        if not row.get("annotations"):
            return []
        picture = self.pictures.find(row.get("data") or {}, _labelled_size(row))
        by_hand: dict[str, list[dict[str, Any]]] = defaultdict(list)
        boxes: dict[str, Box | None] = {}
        for annotation in row.get("annotations") or []:
            regions, stated = _read(annotation.get("result") or [], picture)
            hands = [] if annotation.get("was_cancelled") else list(self._hands(regions, stated, picture))
            for hand_id, hand in _named(hands, picture.name):
                boxes[hand_id] = boxes.get(hand_id) or hand.box
                by_hand[hand_id].append({**annotation, "result": _results(hand, picture)})
        return [
            {
                "id": row.get("id", 0),
                "data": task_data(hand_id, picture.address, self._task(picture, boxes[hand_id])),
                "annotations": found,
            }
            for hand_id, found in by_hand.items()
        ]

    def _task(self, picture: Found, percent: Box | None) -> HandTask:
        width, height = picture.size
        box = None
        if percent is not None:
            x1, y1, x2, y2 = percent
            box = (x1 * width / 100, y1 * height / 100, x2 * width / 100, y2 * height / 100)
        return HandTask(
            folder=self.folder,
            image=picture.file,
            image_sha256=picture.sha256,
            frame_size=picture.size,
            box_xyxy=box,
            crop=(0, 0, width, height),
            shown=picture.size,
        )

    def _hands(self, regions: Sequence[_Region], stated: Side | None, picture: Found) -> Iterator[_Hand]:
        boxes = {region.id: region for region in regions if region.is_box}
        groups: dict[str, list[_Region]] = defaultdict(list)
        for region in regions:
            if not region.is_box:
                groups[region.parent if region.parent in boxes else ""].append(region)
        for parent, points in groups.items():
            names = [_joint_label(point) for point in points]
            _refuse_twice(names)
            for found in find_hands(names):
                box = boxes.get(parent) or _only_box(boxes, found.side, len(groups))
                side = found.side or _side_of(box) or stated or _side_of_name(picture.name) or self.side
                if side is None:
                    raise ValueError("nothing says the side of the hand; pass --side right or left")
                chosen = [points[place] for place in found.places]
                states = [_state(point) for point in chosen]
                yield _Hand(
                    side,
                    tuple((p.x, p.y, state) for p, state in zip(chosen, states, strict=True)),
                    (box.x, box.y, box.x + box.width, box.y + box.height) if box else None,
                )
        if not groups:
            raise ValueError(_NO_POINTS)


def _labelled_size(row: Mapping[str, Any]) -> tuple[int, int]:
    """Return (width, height) of the picture as the labels state it, px."""
    parts = [one for annotation in row["annotations"] for one in annotation.get("result") or []]
    sizes = [(one.get("original_width"), one.get("original_height")) for one in parts]
    stated = [(w, h) for w, h in sizes if isinstance(w, int) and isinstance(h, int) and w > 0 and h > 0]
    if not stated:
        raise ValueError(_NO_POINTS)
    return stated[0]


def _read(result: Sequence[Mapping[str, Any]], picture: Found) -> tuple[list[_Region], Side | None]:
    """Return points and rectangles, and the side that a choice for the whole picture states."""
    parts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    stated: set[Side] = set()
    for one in result:
        value = one.get("value") or {}
        if "x" in value and "y" in value:
            parts[str(one.get("id"))].append(one)
        elif value.get("choices"):
            stated |= {side for choice in value["choices"] if (side := side_in(choice)) is not None}
    regions = [_region(name, found, picture) for name, found in parts.items()]
    return regions, stated.pop() if len(stated) == 1 else None


def _region(name: str, parts: Sequence[Mapping[str, Any]], picture: Found) -> _Region:
    first = parts[0]
    if first.get("image_rotation"):
        raise ValueError("the picture was rotated while it was labelled")
    picture.require_size(first.get("original_width"), first.get("original_height"))
    values = [part.get("value") or {} for part in parts]
    labels = [label for v in values for key in _LABELS for label in v.get(key, [])]
    try:
        x, y, width, height = (float(values[0].get(key) or 0) for key in ("x", "y", "width", "height"))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("a position that is not a number") from error
    is_box = any(str(part.get("type", "")).startswith("rectangle") for part in parts)
    x, y, width, height = picture.as_stored(x, y, width if is_box else 0, height if is_box else 0)
    parent = next((str(part["parentID"]) for part in parts if part.get("parentID")), "")
    return _Region(name, parent, x, y, width, height, is_box, tuple(map(str, labels)))


def _joint_label(point: _Region) -> str:
    """Return the label of a point that is no state.

    Raises:
        ValueError: If there is none, or several.
    """
    joints = [label for label in point.labels if _plain(label) not in _STATES]
    if len(joints) != 1:
        raise ValueError(f"a point with {len(joints)} labels that are no state: {', '.join(joints) or 'none'}")
    return joints[0]


def _state(point: _Region) -> str:
    states = {_STATES[_plain(label)] for label in point.labels if _plain(label) in _STATES}
    if len(states) > 1:
        raise ValueError(f"a point with several states: {', '.join(point.labels)}")
    return states.pop() if states else VISIBLE


def _plain(label: str) -> str:
    return " ".join(label.lower().replace("_", " ").replace("-", " ").split())


def _refuse_twice(names: Sequence[str]) -> None:
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"{', '.join(twice[:5])} appears twice; put each hand into a rectangle, or name the sides")


def _only_box(boxes: Mapping[str, _Region], side: Side | None, groups: int) -> _Region | None:
    """Return the rectangle of a hand whose points are not in one: of its side, or the only one."""
    own = [box for box in boxes.values() if side is not None and _side_of(box) == side]
    candidates = own or (list(boxes.values()) if groups == 1 and side is None else [])
    return candidates[0] if len(candidates) == 1 else None


def _side_of(box: _Region | None) -> Side | None:
    sides = {side for label in (box.labels if box else ()) if (side := side_in(label)) is not None}
    return sides.pop() if len(sides) == 1 else None


def _side_of_name(stem: str) -> Side | None:
    parsed = parse_name(stem)
    return None if parsed is None else "right" if parsed.is_right else "left"


def _named(hands: Sequence[_Hand], picture: str) -> Iterator[tuple[str, _Hand]]:
    """Name the hands of a picture: like the picture if that is a hand's name, else numbered from the left by side."""
    parsed = parse_name(picture)
    if len(hands) == 1 and parsed and parsed.is_right == (hands[0].side == "right"):
        yield picture, hands[0]
        return
    numbers: Counter[str] = Counter()
    for hand in sorted(hands, key=lambda hand: sum(x for x, _, _ in hand.points)):
        yield with_side(f"{picture}_{numbers[hand.side]}", hand.side == "right"), hand
        numbers[hand.side] += 1


def _results(hand: _Hand, picture: Found) -> list[dict[str, Any]]:
    """Return 21 points as the page of hint writes them."""
    width, height = picture.size
    return [
        {
            "id": f"kp{joint:02d}",
            "from_name": control,
            "to_name": IMAGE,
            "type": "keypointlabels",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"x": x, "y": y, "keypointlabels": [label]},
        }
        for joint, (x, y, state) in enumerate(hand.points)
        for control, label in ((JOINT, JOINT_NAMES[joint]), (STATE, state))
    ]
