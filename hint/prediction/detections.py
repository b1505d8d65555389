"""Hands found in pictures, and the list of boxes they are written to."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, field_validator, model_validator

from hint.box import Box, require_box
from hint.detection import Picture
from hint.engine import input_key
from hint.files.storage import url_of
from hint.names import LONGEST_NAME, is_file_name
from hint.prediction.camera import Intrinsics
from hint.types import Hand

#: What no path can hold; surrogates stand for bytes that are not UTF-8.
_NO_PATH = re.compile(r"[\x00\ud800-\udfff]")
#: Keys under which other tools write boxes.
_OF_BOXES = re.compile("box|xyxy|xywh|ltrb", re.IGNORECASE)


class BoxLine(BaseModel):
    """One hand of a list of boxes, or a picture without hands.

    Attributes:
        image: The picture or video, relative to the list; optional for a video.
        frame: Frame of a video, from 0.
        box_xyxy: Box in px of the picture; None for a picture in which no hand was found.
        is_right: Side of the hand; None to find it out. A list may say ``"side": "right"`` or ``"left"`` instead.
        hand_id: Name of the hand; made up where there is none.
        score: Confidence of the detector.
        track: Number of the hand in a video; written, not read.
        filled: True in frames in which the hand was not found, and the box lies between those around; likewise.
        size: (width, height) of the picture in px, after it was turned upright; written, not required.
        orientation: EXIF orientation of a picture that was turned upright, so that boxes refer to what a viewer shows;
            1 if they refer to the pixels as stored. None: to what a viewer shows.
        seconds: When the frame of a video is shown; written, not read.
        focal_length: Of the whole picture, px; written, not read.
        focal_length_from: "given", "exif" or "default"; written, not read.
        principal_point: Of the whole picture, px, if a camera was given; likewise.
        side_doubtful: True for two hands said to be of one side, which may be one person's; written, not read.
        damage: What is wrong with the file of the picture; written, not read.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str | None = None
    frame: int | None = None
    hand_id: str | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    is_right: bool | None = None
    score: float | None = None
    track: int | None = None
    filled: bool | None = None
    size: tuple[int, int] | None = None
    orientation: int | None = None
    seconds: float | None = None
    focal_length: float | None = None
    focal_length_from: str | None = None
    principal_point: tuple[float, float] | None = None
    side_doubtful: bool | None = None
    damage: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_its_side(cls, entry: Any) -> Any:
        if not isinstance(entry, dict) or entry.get("is_right") is not None or entry.get("side") is None:
            return entry
        if entry["side"] not in ("right", "left"):
            raise ValueError('side is "right" or "left"')
        return {**entry, "is_right": entry["side"] == "right"}

    @model_validator(mode="before")
    @classmethod
    def _names_its_box(cls, entry: Any) -> Any:
        if isinstance(entry, dict) and entry.get("box_xyxy") is None:
            others = [str(key) for key in entry if key != "box_xyxy" and _OF_BOXES.search(str(key))]
            if others:
                raise ValueError(f"lacks box_xyxy, which is x1, y1, x2, y2 (COCO's bbox is not); found {others[0]}")
        return entry

    @field_validator("box_xyxy")
    @classmethod
    def _has_area(cls, box: Box | None) -> Box | None:
        return None if box is None else require_box(box)

    @field_validator("image")
    @classmethod
    def _is_a_path(cls, image: str | None) -> str | None:
        if image is not None and _NO_PATH.search(image):
            raise ValueError(f"{image!r} is no path")
        return image

    @field_validator("hand_id")
    @classmethod
    def _is_a_file_name(cls, hand_id: str | None) -> str | None:
        if hand_id is not None and not is_file_name(hand_id):
            raise ValueError(
                f"{hand_id[:60]!r} names files of the hand, so it cannot hold slashes or control characters, or have "
                f"more than {LONGEST_NAME} bytes"
            )
        return hand_id

    @model_validator(mode="after")
    def _is_complete(self) -> BoxLine:
        if self.image is None and self.frame is None:
            raise ValueError("lacks image, or frame of a video")
        return self


@dataclass(frozen=True)
class DetectedHand:
    """A detection with a name of its own.

    Attributes:
        hand: What a method is asked to predict.
        score: Confidence of the detector.
        track: Number of the hand in a video, None for pictures.
        filled: Whether it was not found in this frame, and its box lies between those of the frames around.
    """

    hand: Hand
    score: float | None
    track: int | None
    filled: bool = False


@dataclass(frozen=True)
class FrameDetections:
    """The hands of one picture, or of one frame of a video.

    Attributes:
        picture: The picture.
        size: (width, height) in px, upright.
        hands: What was found in it.
        intrinsics: Lens of the whole picture, None if nobody asked.
        sides_doubtful: Whether both hands are said to be of one side, and may be one person's.
        damage: What is wrong with the file, though it still shows something; "" for nothing.
    """

    picture: Picture
    size: tuple[int, int]
    hands: tuple[DetectedHand, ...]
    intrinsics: Intrinsics | None = None
    sides_doubtful: bool = False
    damage: str = ""


def track_name(picture: Picture, found: DetectedHand) -> str:
    """Return what the track of a hand is called: the video, its number there, and its side."""
    video = picture.path.stem if picture.path else picture.name
    return f"{video}_{found.track}_{'r' if found.hand.is_right else 'l'}"


def place_of(picture: Picture, folder: Path) -> tuple[str, int | None]:
    """Return what a list of boxes in a folder calls a picture: its path from there or its URL, and the frame."""
    if picture.path is None:
        return picture.name, picture.frame
    return url_of(picture.path) or os.path.relpath(picture.path, folder), picture.frame


def lines_of(frame: FrameDetections, folder: Path) -> list[BoxLine]:
    """Return a line for every hand of a picture, or one for a picture without hands.

    Args:
        frame: The picture and its hands.
        folder: Where the list of boxes lies.
    """
    picture = frame.picture
    image, number = place_of(picture, folder)
    px, origin, centre = frame.intrinsics or (None, None, None)
    shared: dict[str, Any] = {
        "image": image,
        "frame": number,
        "seconds": picture.seconds,
        "size": frame.size,
        "orientation": None if picture.frame is not None else picture.orientation,
        "focal_length": px,
        "focal_length_from": origin,
        "principal_point": centre,
        "damage": frame.damage or None,
    }
    if not frame.hands:
        return [BoxLine(**shared)]
    return [
        BoxLine(
            **shared,
            hand_id=found.hand.hand_id,
            box_xyxy=found.hand.box_xyxy,
            is_right=found.hand.is_right,
            score=found.score,
            track=found.track,
            filled=found.filled or None,
            side_doubtful=frame.sides_doubtful or None,
        )
        for found in frame.hands
    ]


class Note(NamedTuple):
    """What was found in a picture, one hand or none, as it is kept on the disk.

    Attributes:
        image: What ``hands.jsonl`` calls the picture, see :func:`place_of`.
        frame: The frame of a video.
        hand_id: The hand.
        file: The picture, whatever it is called and linked by.
        key: Changes when it must be searched again, see :func:`search_key`.
        line: The line of ``hands.jsonl``.
    """

    image: str | None
    frame: int | None
    hand_id: str | None
    file: str
    key: str
    line: str

    @staticmethod
    def parse(text: str) -> Note:
        """Read what :meth:`text` returned.

        Raises:
            ValueError: If it is something else.
        """
        note = Note(*_NOTE.validate_json(text))
        BoxLine.model_validate_json(note.line)
        return note

    def text(self) -> str:
        """Return it as one line."""
        return json.dumps(self)


_NOTE = TypeAdapter(tuple[str | None, int | None, str | None, str, str, str])


def note_of(line: BoxLine, file: str, key: str) -> Note:
    """Return the note of a line; arguments as the attributes of :class:`Note`."""
    return Note(line.image, line.frame, line.hand_id, file, key, line.model_dump_json(exclude_none=True))


def notes_of(frame: FrameDetections, detector: str, folder: Path) -> list[Note]:
    """Return the notes of a picture that a detector of this identity searched, for a folder of results."""
    file, key = frame.picture.place, search_key(frame.picture, detector)
    return [note_of(line, file, key) for line in lines_of(frame, folder)]


def search_key(picture: Picture, detector: str) -> str:
    """Return what changes when a picture must be searched again."""
    turned = f", orientation {picture.orientation}" if picture.orientation != 1 else ""
    return f"{picture.key}, {detector}{turned}"


def row_key(hand: Hand, picture: Picture) -> str:
    """Return what changes when a hand must be predicted again."""
    turned = f" orientation {picture.orientation}" if picture.orientation != 1 else ""
    return f"{input_key(hand, with_picture=False)} {picture.key}{turned}"
