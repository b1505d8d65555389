"""Hands found in pictures, and the list of boxes they are written to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from hint.crop import Box
from hint.detection import Picture
from hint.files import write_bytes
from hint.types import Hand

#: Keys under which other tools write boxes.
_OF_BOXES = re.compile("box|xyxy|xywh|ltrb", re.IGNORECASE)


class BoxLine(BaseModel):
    """One hand of a list of boxes, or a picture without hands.

    Attributes:
        image: The picture or video, relative to the list; optional for a video.
        frame: Frame of a video, from 0.
        box_xyxy: Box in px of the picture; None for a picture in which no hand was found.
        is_right: Side of the hand; None to have it read.
        hand_id: Name of the hand; made up where there is none.
        score: Confidence of the detector.
        track: Number of the hand in a video; written, not read.
        filled: True in frames in which the hand was not found, and the box lies between those around; likewise.
        size: (width, height) of the picture in px; written, not required.
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
        if box is not None and not (0 < box[2] - box[0] < float("inf") and 0 < box[3] - box[1] < float("inf")):
            raise ValueError("box of zero or negative size; boxes are x1, y1, x2, y2")
        return box

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
        size: (width, height) in px.
        hands: What was found in it.
    """

    picture: Picture
    size: tuple[int, int]
    hands: tuple[DetectedHand, ...]


def write_lines(path: Path, lines: Iterable[BoxLine]) -> None:
    """Write a list of boxes, JSON Lines."""
    write_bytes(path, "".join(f"{line.model_dump_json(exclude_none=True)}\n" for line in lines).encode())


def lines_of(frame: FrameDetections, folder: Path) -> list[BoxLine]:
    """Return a line for every hand of a picture, or one for a picture without hands.

    Args:
        frame: The picture and its hands.
        folder: Where the list of boxes lies.
    """
    picture = frame.picture
    image = os.path.relpath(picture.path, folder) if picture.path else picture.name
    shared: dict[str, Any] = {"image": image, "frame": picture.frame, "size": frame.size}
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
        )
        for found in frame.hands
    ]
