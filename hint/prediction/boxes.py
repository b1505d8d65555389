"""Boxes of hands that are known already, from whatever list a user has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hint.detection import Detection, Picture
from hint.errors import InputError, counted, some_ids
from hint.files.storage import without_query
from hint.prediction.box_files import check_lines, lines_of_file, lines_of_labels
from hint.prediction.detections import BoxLine
from hint.prediction.name_match import match_names
from hint.prediction.source import Source
from hint.types import HandLabels, Image

#: Sides as Python callers give them: by name, or as ``is_right``.
_IS_RIGHT: dict[Any, bool | None] = {"right": True, "left": False, True: True, False: False, None: None}


class BoxCount(NamedTuple):
    """How many of the boxes belong to how many of the pictures.

    Attributes:
        given: Boxes in the list.
        used: Boxes that belong to one of the pictures.
        pictures: Pictures or frames that have a box.
        total: All pictures or frames.
    """

    given: int
    used: int
    pictures: int
    total: int


class KnownBoxes:
    """A detector that returns boxes which are known already; :meth:`match` says which picture each belongs to.

    Args:
        lines: The boxes; one with a frame but no picture belongs to any video.
        folder: What paths in them are relative to.
    """

    def __init__(self, lines: Sequence[BoxLine], folder: Path) -> None:
        text = "".join(line.model_dump_json() for line in lines)
        self.identity = f"boxes {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.lines, self._folder = lines, folder
        self.has_sides = all(line.is_right is not None for line in lines if line.box_xyxy is not None)
        self._lines_of: dict[tuple[str | None, int | None], list[BoxLine]] = {}

    def match(self, source: Source) -> BoxCount:
        """Find the picture of every box, before any picture is read.

        Raises:
            InputError: If no box belongs to any picture, it is not clear to which, two hands of the pictures have one
                name, or boxes of a picture contradict each other.
        """
        pictures, is_video = source.files(), source.rate is not None
        lines = [line for line in self.lines if (line.frame is not None) == is_video]
        meant = match_names([line.image for line in lines if line.image is not None], self._folder, pictures)
        self._lines_of = {}
        for line in lines:
            name = meant.get(line.image) if line.image is not None else next(iter(pictures))
            if name is not None and (line.frame is None or 0 <= line.frame < source.total):
                self._lines_of.setdefault((name, line.frame), []).append(line)
        self._check(pictures, is_video)
        return self._count(source.total)

    def at(self, picture: Picture) -> Picture:
        """Return a picture as its boxes see it: upright, or as stored if they refer to that."""
        lines = self._lines(picture)
        return replace(picture, stored=True) if any(line.orientation == 1 for line in lines) else picture

    def __getstate__(self) -> dict[str, Any]:
        """Leave the boxes out: other processes are sent those of their pictures."""
        return {**vars(self), "lines": [], "_lines_of": {}}

    def detect(self, picture: Picture, image: Image | None = None) -> list[Detection]:
        """Return the hands of a picture."""
        return [
            Detection(line.box_xyxy, line.is_right, line.score, line.hand_id)
            for line in self._lines(picture)
            if line.box_xyxy is not None
        ]

    def _lines(self, picture: Picture) -> list[BoxLine]:
        name = picture.name if picture.frame is None else picture.path.stem if picture.path else ""
        return self._lines_of.get((name, picture.frame), [])

    def _count(self, total: int) -> BoxCount:
        boxes = [sum(line.box_xyxy is not None for line in lines) for lines in self._lines_of.values()]
        given = sum(line.box_xyxy is not None for line in self.lines)
        return BoxCount(given, sum(boxes), sum(map(bool, boxes)), total)

    def _check(self, pictures: dict[str, Path | None], is_video: bool) -> None:
        used = [line for lines in self._lines_of.values() for line in lines]
        if not used:
            named = dict.fromkeys(line.image for line in self.lines if line.image is not None)
            of = f" ({some_ids(named)})" if named else ""
            what = "the video" if is_video else f"the {counted(len(pictures), 'picture')} ({some_ids(pictures)})"
            advice = ', and need "frame": 0, 1, ...' if is_video else ""
            raise InputError(f"none of the boxes{of} belongs to {what}; they match by path, file name or stem{advice}")
        twice = [i for i, n in Counter(line.hand_id for line in used if line.hand_id is not None).items() if n > 1]
        if twice:
            raise InputError(f"two hands are named {some_ids(twice)}; give every box its own hand_id")
        mixed = [
            name for (name, _), lines in self._lines_of.items() if len({line.orientation == 1 for line in lines}) > 1
        ]
        if mixed:
            raise InputError(f"some boxes of {mixed[0]} have orientation 1 (pixels as stored), others have not")


def read_boxes(path: Path) -> KnownBoxes:
    """Read a file or a folder of boxes, see :func:`hint.prediction.box_files.lines_of_file`.

    Raises:
        InputError: If it is missing or holds something else.
    """
    return KnownBoxes(lines_of_file(path), without_query(path).parent)


def boxes_of_pictures(boxes: Any, sides: Any, pictures: Sequence[Picture]) -> KnownBoxes:
    """Read boxes given as numbers.

    Args:
        boxes: Of one picture one box or (K,4), x1, y1, x2, y2 in px; of several pictures, a list of such entries.
        sides: "right" or "left", or True for right: one for all boxes, or arranged like the boxes; None to find out.
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
        {"image": picture.place, "box_xyxy": box, "is_right": is_right}
        for picture, entry, names in zip(pictures, entries, sides, strict=True)
        for box, is_right in _hands(entry, names, picture.name)
    ]
    return KnownBoxes(check_lines(lines, Path("boxes")), Path.cwd())


def boxes_of_labels(labels: HandLabels, pictures: Sequence[Picture] = ()) -> KnownBoxes:
    """Take the boxes, sides and ids of labels.

    Args:
        labels: The labels; a hand without a picture belongs to the one that is named like the hand.
        pictures: What is predicted: a single picture in memory has no name to match, so labels of one picture are its.
    """
    lines = lines_of_labels(labels)
    if len(pictures) == len(set(labels.image.tolist())) == 1 and pictures[0].path is None:
        lines = [line.model_copy(update={"image": pictures[0].name}) for line in lines]
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
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"boxes of {picture}: expected rows of x1, y1, x2, y2") from error
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise InputError(f"boxes of {picture} have shape {array.shape}, expected (K, 4): rows of x1, y1, x2, y2")
    names = [sides] * len(rows) if _depth(sides) == 0 else list(sides)
    if len(names) != len(rows):
        raise InputError(f"{picture}: {counted(len(names), 'side')} given, but {len(rows)} needed, one for each box")
    unknown = [str(name) for name in names if _depth(name) or name not in _IS_RIGHT]
    if unknown:
        raise InputError(f'{picture}: a side is "right" or "left" (or True for right), not {unknown[0]!r}')
    return [(row, _IS_RIGHT[name]) for row, name in zip(rows.tolist(), names, strict=True)]
