"""Boxes of hands that are known already, from whatever list a user has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hint.errors import InputError, first_problem, some_ids
from hint.files.labels import read_labels
from hint.files.manifest import read_manifest
from hint.names import parse_name
from hint.prediction.seen import BoxLine, Found
from hint.prediction.source import Picture
from hint.types import Image


class Boxes:
    """Known boxes, by picture.

    A line belongs to a picture if it names its path (relative to the list, or absolute), its file name, or the name
    of its results; one with a frame and no picture belongs to any video.

    Args:
        lines: What is known.
        folder: What paths in them are relative to.
    """

    def __init__(self, lines: Sequence[BoxLine], folder: Path) -> None:
        said = "".join(line.model_dump_json() for line in lines)
        self.identity = f"boxes {hashlib.sha256(said.encode()).hexdigest()[:16]}"
        self.lines = lines
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

    def find(self, picture: Picture, image: Image) -> list[Found]:
        """Return the hands of a picture."""
        return [
            Found(line.box_xyxy, bool(line.is_right), line.score, line.hand_id)
            for line in self.of(picture) or []
            if line.box_xyxy is not None
        ]


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


def read_boxes(path: Path) -> Boxes:
    """Read boxes.

    Args:
        path: Manifest of ``hint sample`` (.jsonl); a list of :class:`BoxLine` as JSON or JSON Lines, such as the
            ``hands.jsonl`` an earlier prediction wrote; COCO annotations with a side (.json); or labels as ``hint
            eval`` reads them (folder of pairs, evaluation npz).

    Raises:
        InputError: If the file is absent or holds something else.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix == ".npz":
        hands = read_labels(path).hands()
        return Boxes([_line(str(h.image), h.hand_id, h.box_xyxy, h.is_right) for h in hands if h.image], Path.cwd())
    content = _load(path)
    if isinstance(content, dict):
        return Boxes(_coco(content, path), path.parent)
    if content and isinstance(content[0], dict) and "policy_sha256" in content[0]:
        sampled = read_manifest(path)
        return Boxes([_line(h.image, h.hand_id, h.box_xyxy, h.side == "right") for h in sampled], path.parent)
    return Boxes(read_lines(content, path), path.parent)


def _line(image: str, hand_id: str, box: Any, is_right: bool) -> BoxLine:
    return BoxLine(image=image, hand_id=hand_id, box_xyxy=box, is_right=is_right)


def _load(path: Path) -> Any:
    try:
        text = path.read_text("utf-8")
        content = [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else None
        content = json.loads(text) if content is None else content
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(content, list | dict):
        raise InputError(f"{path} holds a {type(content).__name__}, expected a list of boxes or COCO annotations")
    return content


def read_lines(content: Sequence[Any], path: Path) -> list[BoxLine]:
    """Check a list of boxes.

    Raises:
        InputError: If lines are no :class:`BoxLine`; the first five are named.
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
            f"{path}: {len(problems)} of {len(content)} entries are no boxes: {some_ids(problems)}; one looks like "
            '{"image": "a.jpg", "box_xyxy": [10, 20, 90, 120], "is_right": true}, of a video with "frame": 0'
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
        raise InputError(f"{path}: annotations of images that are not listed: {some_ids(lost)}")
    return read_lines([_coco_line(hand, names[hand.image_id]) for hand in file.annotations], path)


def _coco_line(hand: _CocoHand, image: str) -> dict[str, Any]:
    x, y, width, height = hand.bbox
    parsed = parse_name(hand.hand_id or Path(image).stem)
    side = hand.side or hand.handedness or hand.hand_type or (parsed and ("right" if parsed.is_right else "left"))
    return {
        "image": image,
        "hand_id": hand.hand_id,
        "box_xyxy": hand.box_xyxy or (x, y, x + width, y + height),
        "is_right": {"right": True, "left": False}.get(side or ""),
    }
