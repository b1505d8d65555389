"""Where hands were found: what a detector or a file of boxes says, and the file it is kept in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from hint.crop import Box
from hint.files import write_bytes
from hint.prediction.source import Picture
from hint.types import Hand


class BoxLine(BaseModel):
    """One hand of a list of boxes, or a picture without any.

    Attributes:
        image: The picture or video, relative to the list; may be left out for a video.
        frame: Frame of a video, from 0.
        box_xyxy: Box in px of the picture; None: the picture was looked at and there is no hand.
        is_right: Side of the hand; needed with a box.
        hand_id: Name of the hand, made up where there is none.
        score: How sure a detector is.
        track: Number of the hand in a video; written, not read.
        size: (width, height) of the picture in px; written, not needed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str | None = None
    frame: int | None = None
    hand_id: str | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    is_right: bool | None = None
    score: float | None = None
    track: int | None = None
    size: tuple[int, int] | None = None

    @field_validator("box_xyxy")
    @classmethod
    def _has_area(cls, box: Box | None) -> Box | None:
        if box is not None and not (0 < box[2] - box[0] < float("inf") and 0 < box[3] - box[1] < float("inf")):
            raise ValueError("box of zero or negative size; boxes are x1, y1, x2, y2")
        return box

    @model_validator(mode="after")
    def _has_side(self) -> BoxLine:
        if self.box_xyxy is not None and self.is_right is None:
            raise ValueError("lacks is_right")
        if self.image is None and self.frame is None:
            raise ValueError("lacks image, or frame of a video")
        return self


@dataclass(frozen=True)
class Found:
    """A hand in a picture, before it has a name of its own.

    Attributes:
        box_xyxy: px of the picture.
        is_right: Side.
        score: How sure a detector is, None where nothing said so.
        hand_id: Its name, None where one is to be made up.
    """

    box_xyxy: Box
    is_right: bool
    score: float | None = None
    hand_id: str | None = None


@dataclass(frozen=True)
class Seen:
    """A hand with its name.

    Attributes:
        hand: What a method is asked about.
        score: How sure a detector is.
        track: Its number in a video, None for pictures.
    """

    hand: Hand
    score: float | None
    track: int | None


@dataclass(frozen=True)
class Look:
    """A picture that was looked at.

    Attributes:
        picture: Which.
        size: (width, height) in px.
        hands: What was found in it.
    """

    picture: Picture
    size: tuple[int, int]
    hands: tuple[Seen, ...]


def write_lines(path: Path, lines: Iterable[BoxLine]) -> None:
    """Write a list of boxes, JSON Lines."""
    write_bytes(path, "".join(f"{line.model_dump_json(exclude_none=True)}\n" for line in lines).encode())


def lines_of(look: Look, folder: Path) -> list[BoxLine]:
    """Return a line for every hand of a picture, or one for a picture without any.

    Args:
        look: The picture.
        folder: Where the list of boxes lies.
    """
    picture = look.picture
    image = os.path.relpath(picture.path, folder) if picture.path else picture.name
    shared: dict[str, Any] = {"image": image, "frame": picture.frame, "size": look.size}
    if not look.hands:
        return [BoxLine(**shared)]
    return [
        BoxLine(
            **shared,
            hand_id=seen.hand.hand_id,
            box_xyxy=seen.hand.box_xyxy,
            is_right=seen.hand.is_right,
            score=seen.score,
            track=seen.track,
        )
        for seen in look.hands
    ]
