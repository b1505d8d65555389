"""The hands in a COCO file: of categories with the joints of a hand, and those of COCO-WholeBody's persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from hint.errors import InputError, shown
from hint.files.foreign_hand import ForeignHand, Unreadable, as_box, id_checked, numbers, visibility_checked
from hint.files.joint_names import HandJoints, Side, find_hands, side_in, side_stated
from hint.files.json_file import read_json
from hint.names import is_file_name
from hint.skeleton import N_JOINTS
from hint.types import Double

_SIDES: tuple[Side, Side] = ("left", "right")
_OWN_KEYS = ("hand_id", "clip_id", "subset", "occlusion", "has_image", "box_xyxy")


@dataclass(frozen=True)
class Category:
    """What the annotations of a category are.

    Attributes:
        name: Its name.
        names: The names of its keypoints, () where it has none.
        hands: The hands among its keypoints; where it names none, one in HInt order.
        is_hand: Whether its annotations are hands.
    """

    name: str
    names: tuple[str, ...]
    hands: tuple[HandJoints, ...]
    is_hand: bool


class CocoFile:
    """A COCO file of annotations.

    Args:
        path: The file.
        boxes_only: Read boxes, and no keypoints.

    Attributes:
        left_alone: Annotations that are no hands, by what they are.

    Raises:
        InputError: If it is not such a file, or the keypoints of a category of hands are not the joints of a hand.
    """

    def __init__(self, path: Path, boxes_only: bool = False) -> None:
        self._path, self._boxes_only = path, boxes_only
        self.content = _content(path)
        self.files = _file_names(self.content["images"], path)
        self.categories = _categories(self.content, path)
        self.left_alone: Counter[str] = Counter()

    def hands(self) -> Iterator[ForeignHand | Unreadable]:
        """Yield every hand, and every annotation that should be one."""
        for place, annotation in enumerate(self.content["annotations"], start=1):
            where = f"annotation {annotation.get('id', place)}" if isinstance(annotation, dict) else f"entry {place}"
            try:
                yield from self._hands_of(annotation, place)
            except KeyError as error:
                yield Unreadable(where, f"lacks {error.args[0]}")
            except (TypeError, ValueError, OverflowError) as error:
                yield Unreadable(where, str(error))

    def _hands_of(self, annotation: Any, place: int) -> Iterator[ForeignHand]:
        if not isinstance(annotation, dict):
            raise ValueError("expected an object")
        if any(f"{side}hand_box" in annotation or f"{side}hand_kpts" in annotation for side in _SIDES):
            yield from self._hands_of_person(annotation, place)
            return
        category = self._category(annotation)
        if not category.is_hand or annotation.get("iscrowd"):
            self.left_alone["crowds" if category.is_hand else f"category {category.name!r}"] += 1
            return
        both = len(category.hands) > 1
        values = _points(annotation["keypoints"], category) if both or not self._boxes_only else None
        for hand in category.hands:
            points = None if values is None else visibility_checked(values[list(hand.places)])
            if not both:
                side = _side(annotation, category, hand)
                yield self._hand(annotation, place, side, numbers(annotation["bbox"], 4, "bbox"), points)
            elif points is not None and points[:, 2].any():  # of a person, whose box is no hand's
                yield self._hand(annotation, place, hand.side, None, points)

    def _hands_of_person(self, annotation: dict[str, Any], place: int) -> Iterator[ForeignHand]:
        """Yield the valid hands of a person of COCO-WholeBody.

        Their visibility says whether a joint was annotated, not whether it is hidden, so joints are taken as visible.
        """
        valid = [side for side in _SIDES if annotation.get(f"{side}hand_valid", any(annotation[f"{side}hand_box"]))]
        if not valid:
            self.left_alone["persons without a valid hand"] += 1
        for side in valid:
            points = None
            if not self._boxes_only:
                points = numbers(annotation[f"{side}hand_kpts"], 3 * N_JOINTS, f"{side}hand_kpts").reshape(-1, 3)
                points[:, 2] = 2 * (points[:, 2] > 0)
            box = numbers(annotation[f"{side}hand_box"], 4, f"{side}hand_box")
            yield self._hand(annotation, place, side, box, points)

    def _hand(
        self, annotation: dict[str, Any], place: int, side: Side | None, box: Double | None, points: Double | None
    ) -> ForeignHand:
        """Return a hand; ``box`` is x, y, width, height."""
        name = str(annotation.get("id", place))
        own = _own(annotation) if box is not None else {}
        exact = own.pop("box_xyxy", None)
        corners = None if box is None else np.array([*box[:2], *(box[:2] + box[2:])])
        stated = corners if exact is None else numbers(exact, 4, "box_xyxy")
        return ForeignHand(
            where=f"annotation {name}",
            name=name,
            image=self._image(annotation),
            side=side,
            box_xyxy=None if stated is None else as_box(stated),
            points=points,
            size=None if box is None or exact is not None else (float(box[2]), float(box[3])),
            own=own,
            has_points=bool(annotation.get("keypoints")),
            reference=(annotation["image_id"], id_checked(annotation.get("id", place), "id")),
        )

    def _category(self, annotation: dict[str, Any]) -> Category:
        if len(self.categories) == 1 and "category_id" not in annotation:
            return next(iter(self.categories.values()))
        number = annotation["category_id"]
        if not isinstance(number, int | str) or number not in self.categories:
            raise ValueError(f"category_id {shown(number)} is not among the categories")
        return self.categories[number]

    def _image(self, annotation: dict[str, Any]) -> str:
        number = annotation["image_id"]
        if not isinstance(number, int | str) or number not in self.files:
            raise ValueError(f"image_id {shown(number)} is not among the images")
        return self.files[number]


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if isinstance(content, list) and content and isinstance(content[0], dict) and "score" in content[0]:
        raise InputError(f"{path} is a list of COCO results, which are predictions: hint eval --predictions {path}")
    parts = [content.get(key) for key in ("images", "annotations")] if isinstance(content, dict) else [None]
    if not all(isinstance(part, list) for part in parts) or not parts[-1]:
        raise InputError(f"{path} is not a COCO keypoint file with images and annotations")
    return dict(content)


def _file_names(images: list[Any], path: Path) -> dict[Any, str]:
    files: dict[Any, str] = {}
    for place, image in enumerate(images, start=1):
        try:
            number, name = image["id"], image["file_name"]
            if not isinstance(number, int | str) or not is_file_name(PurePath(name).name) or number in files:
                raise TypeError
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"{path}: image {place} needs an id of its own and a file_name") from error
        files[number] = name
    return files


def _categories(content: Mapping[str, Any], path: Path) -> dict[Any, Category]:
    """Tell which categories are hands; a file without categories, or with one that says nothing, holds only hands."""
    listed = content.get("categories") or [{"id": None, "name": "hand"}]
    try:
        described = {entry["id"]: (str(entry.get("name", "")), _names(entry)) for entry in listed}
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: categories are not a list of objects with id and name") from error
    numbers_used = [a.get("category_id") for a in content["annotations"] if isinstance(a, dict)]
    used = {number for number in numbers_used if isinstance(number, int | str)}
    found = {}
    for number, (name, names) in described.items():
        try:
            found[number] = _category_of(name, names, alone=len(described) == 1)
        except ValueError as error:
            if number in used or len(described) == 1:
                raise InputError(f"{path}: category {name!r}: {error}") from error
            found[number] = Category(name, names, (), False)
    return found


def _names(entry: Mapping[str, Any]) -> tuple[str, ...]:
    names = entry.get("keypoints") or ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _category_of(name: str, names: tuple[str, ...], alone: bool) -> Category:
    says_hand = "hand" in name.lower()
    hands = tuple(find_hands(names))
    if names and not hands and says_hand:
        raise ValueError(f"its keypoints are not the joints of a hand: {', '.join(names[:5])}, ...")
    if names:
        return Category(name, names, hands, bool(hands))
    in_order = HandJoints(side_in(name), tuple(range(N_JOINTS)))
    return Category(name, names, (in_order,), says_hand or alone)


def _points(value: Any, category: Category) -> Double:
    points = numbers(value, 3 * (len(category.names) or N_JOINTS), "keypoint numbers")
    return points.reshape(-1, 3)


def _side(annotation: Mapping[str, Any], category: Category, hand: HandJoints) -> Side | None:
    """Return the side that an annotation states, else its attributes, its category or the names of its joints."""
    stated = side_stated(annotation) or side_stated(_attributes(annotation))
    return stated or side_in(category.name) or hand.side


def _attributes(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = annotation.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _own(annotation: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: annotation[key] for key in _OWN_KEYS if annotation.get(key) is not None}
    if "occlusion" in own:
        numbers(own["occlusion"], N_JOINTS, "occlusion")
    return own
