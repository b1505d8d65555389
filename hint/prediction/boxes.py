"""Boxes of hands that are known already, from whatever list a user has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from hint.detection import Detection, Picture
from hint.errors import InputError, first_problem, some_ids
from hint.files.labels import read_labels
from hint.files.manifest import read_manifest
from hint.hand_rows import count
from hint.names import parse_name
from hint.prediction.detections import BoxLine
from hint.types import HandLabels, Image

_SIDES = {"right": True, "left": False}
#: Sides as Python callers give them: by name, or as ``is_right``.
_IS_RIGHT: dict[Any, bool | None] = {**_SIDES, True: True, False: False, None: None}


class KnownBoxes:
    """A detector that returns boxes which are known already.

    A line belongs to a picture if it names its path (relative to the list, or absolute), its file name, or the name
    of its results; one with a frame but no picture belongs to any video.

    Args:
        lines: The boxes.
        folder: What paths in them are relative to.
    """

    def __init__(self, lines: Sequence[BoxLine], folder: Path) -> None:
        text = "".join(line.model_dump_json() for line in lines)
        self.identity = f"boxes {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.lines = lines
        self.has_sides = all(line.is_right is not None for line in lines if line.box_xyxy is not None)
        self._lines: dict[tuple[str | None, int | None], list[BoxLine]] = {}
        for line in lines:
            for name in {line.image, str((folder / line.image).resolve())} if line.image is not None else {None}:
                self._lines.setdefault((name, line.frame), []).append(line)

    def of(self, picture: Picture) -> list[BoxLine] | None:
        """Return the lines of a picture, None where there are none."""
        path = picture.path
        names = [str(path.resolve()), path.name] if path else []
        for name in (*names, picture.name, None):
            if (name, picture.frame) in self._lines:
                return self._lines[name, picture.frame]
        return None

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture."""
        return [
            Detection(line.box_xyxy, line.is_right, line.score, line.hand_id)
            for line in self.of(picture) or []
            if line.box_xyxy is not None
        ]


def boxes_of_pictures(boxes: Any, sides: Any, pictures: Sequence[Picture]) -> KnownBoxes:
    """Read boxes given as numbers.

    Args:
        boxes: Of one picture one box or (K,4), x1, y1, x2, y2 in px; of several pictures, a list of such entries.
        sides: "right" or "left", or True for right, None to have it read: one for all boxes, or arranged like them.
        pictures: The pictures, in the order of the boxes.

    Raises:
        InputError: If shapes or numbers of boxes, sides and pictures disagree.
    """
    single = len(pictures) == 1
    entries = boxes if not single or _depth(boxes) == 3 else [boxes]
    if _depth(sides) == 0:
        sides = [sides] * len(entries)
    elif single and _depth(sides) < 2:
        sides = [sides]
    if not len(pictures) == len(entries) == len(sides):
        raise InputError(f"boxes of {len(entries)} and sides of {len(sides)} pictures, but {len(pictures)} pictures")
    lines = [
        {"image": str(picture.path.resolve()) if picture.path else picture.name, "box_xyxy": box, "is_right": is_right}
        for picture, entry, names in zip(pictures, entries, sides, strict=True)
        for box, is_right in _hands(entry, names, picture.name)
    ]
    return KnownBoxes(read_lines(lines, Path("boxes")), Path.cwd())


def boxes_of_labels(labels: HandLabels, pictures: Sequence[Picture] = ()) -> KnownBoxes:
    """Take the boxes, sides and ids of labels.

    Args:
        labels: The labels; hands without a picture are left out.
        pictures: What is predicted: a single picture in memory has no name to match, so labels of one picture are its.
    """
    hands, names = labels.hands(), set(labels.image.tolist())
    if len(pictures) == len(names) == 1 and pictures[0].path is None:
        return KnownBoxes([_line(pictures[0].name, h.hand_id, h.box_xyxy, h.is_right) for h in hands], Path.cwd())
    lines = [_line(str(h.image), h.hand_id, h.box_xyxy, h.is_right) for h in hands if h.image]
    return KnownBoxes(lines, Path.cwd())


def _depth(values: Any) -> int:
    """Return how deeply lists, tuples or arrays are nested."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        return 0
    return 1 + max((_depth(value) for value in values), default=0)


def _hands(boxes: Any, sides: Any, picture: str) -> list[tuple[list[float], bool | None]]:
    """Return the boxes of one picture with their sides."""
    try:
        array = np.asarray(boxes, float)
        rows = array.reshape(0, 4) if array.size == 0 else np.atleast_2d(array)
    except (TypeError, ValueError) as error:
        raise InputError(f"boxes of {picture}: expected rows of x1, y1, x2, y2") from error
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise InputError(f"boxes of {picture} have shape {array.shape}, expected (K, 4): rows of x1, y1, x2, y2")
    names = [sides] * len(rows) if _depth(sides) == 0 else list(sides)
    if len(names) != len(rows):
        raise InputError(f"{picture}: {count(len(names), 'side')} given, but {len(rows)} needed, one for each box")
    unknown = [str(name) for name in names if _depth(name) or name not in _IS_RIGHT]
    if unknown:
        raise InputError(f'{picture}: a side is "right" or "left" (or True for right), not {unknown[0]!r}')
    return [(row, _IS_RIGHT[name]) for row, name in zip(rows.tolist(), names, strict=True)]


class _CocoImage(BaseModel):
    id: int | str
    file_name: str


class _CocoHand(BaseModel):
    image_id: int | str
    bbox: tuple[float, float, float, float]
    side: str | None = None
    handedness: str | None = None
    hand_type: str | None = None
    hand_id: str | None = None
    box_xyxy: tuple[float, float, float, float] | None = None


class _CocoFile(BaseModel):
    images: list[_CocoImage]
    annotations: list[_CocoHand]


def read_boxes(path: Path) -> KnownBoxes:
    """Read boxes.

    Args:
        path: Manifest of ``hint sample`` (.jsonl); a list of :class:`BoxLine` as JSON or JSON Lines, such as the
            ``hands.jsonl`` that ``hint predict`` writes; COCO annotations with a side (.json); or labels as ``hint
            eval`` reads them (folder of pairs, evaluation npz).

    Raises:
        InputError: If the file is missing or holds something else.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix == ".npz":
        return boxes_of_labels(read_labels(path))
    content = _load(path)
    if isinstance(content, dict):
        return KnownBoxes(_coco(content, path), path.parent)
    if content and isinstance(content[0], dict) and "policy_sha256" in content[0]:
        sampled = read_manifest(path)
        return KnownBoxes([_line(h.image, h.hand_id, h.box_xyxy, h.side == "right") for h in sampled], path.parent)
    return KnownBoxes(read_lines(content, path), path.parent)


def _line(image: str, hand_id: str, box: Any, is_right: bool) -> BoxLine:
    return BoxLine(image=image, hand_id=hand_id, box_xyxy=box, is_right=is_right)


def _load(path: Path) -> Any:
    try:
        text = path.read_text("utf-8")
        content = _json_lines(text) if path.suffix == ".jsonl" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(content, list | dict):
        raise InputError(f"{path} holds one {type(content).__name__}, expected a list of boxes or COCO annotations")
    return content


def _json_lines(text: str) -> list[Any]:
    """Read JSON Lines; an error names the line of the file."""
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            values += [json.loads(line)] if line.strip() else []
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}, column {error.colno}: {error.msg}") from error
    return values


def read_lines(content: Sequence[Any], path: Path) -> list[BoxLine]:
    """Check a list of boxes.

    Raises:
        InputError: If entries are not boxes; the first five are named.
    """
    lines: list[BoxLine] = []
    problems: list[str] = []
    for number, value in enumerate(content, start=1):
        try:
            lines.append(BoxLine.model_validate(value))
        except ValidationError as error:
            problems.append(f"entry {number} ({first_problem(error)})")
    if problems:
        raise InputError(
            f"{path}: {len(problems)} of {len(content)} entries are not boxes: {some_ids(problems)}; write "
            '{"image": "a.jpg", "box_xyxy": [10, 20, 90, 120], "is_right": true}, for a video also "frame": 0'
        )
    return lines


def _coco(content: dict[str, Any], path: Path) -> list[BoxLine]:
    try:
        file = _CocoFile.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path} is neither a list of boxes nor a COCO file ({first_problem(error)})") from error
    names = {image.id: image.file_name for image in file.images}
    lost = [str(a.image_id) for a in file.annotations if a.image_id not in names]
    if lost:
        raise InputError(f"{path}: annotations of images that it does not list: {some_ids(lost)}")
    return read_lines([_coco_line(hand, names[hand.image_id]) for hand in file.annotations], path)


def _coco_line(hand: _CocoHand, image: str) -> dict[str, Any]:
    x, y, width, height = hand.bbox
    parsed = parse_name(hand.hand_id or Path(image).stem)
    side = hand.side or hand.handedness or hand.hand_type or (parsed and ("right" if parsed.is_right else "left"))
    return {
        "image": image,
        "hand_id": hand.hand_id,
        "box_xyxy": hand.box_xyxy or (x, y, x + width, y + height),
        "is_right": _SIDES.get(side or ""),
    }
