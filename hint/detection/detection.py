"""What a detector is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hint.box import Box
from hint.detection.picture import Picture
from hint.types import Image

#: A detector may follow hands from frame to frame, but starts anew at frames that are multiples of this.
GROUP = 15


@dataclass(frozen=True)
class Detection:
    """A hand in a picture, as a detector finds it.

    Attributes:
        box_xyxy: px of the picture.
        is_right: Side; None where the detector does not tell.
        score: Confidence of the detector, None where it has none.
        hand_id: Name of the hand, None to make one up.
    """

    box_xyxy: Box
    is_right: bool | None
    score: float | None = None
    hand_id: str | None = None


@runtime_checkable
class Detector(Protocol):
    """Finds the hands of a picture.

    Attributes:
        identity: Names the detector and its settings; while it stays the same, earlier detections are reused.
    """

    identity: str

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture, (H,W,3) RGB."""
        ...
