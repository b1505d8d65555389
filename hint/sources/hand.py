"""A hand of any source, with what the sampling rules and picture readers need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import hypot, inf

from hint.box import Box

#: What a hand touches. "self" and "person" are one's own and another body, hands included; "unknown" covers what
#: annotators could not decide and sources without this information.
CONTACTS = ("none", "object", "hand", "self", "person", "unknown")


@dataclass(frozen=True, slots=True)
class SourceHand:
    """A hand that can be sampled; there may be millions, so derived values are not stored.

    Attributes:
        source: "newdays", "visor" or "ego4d".
        source_split: "train", "val" or "test" in the source, "" if it has no splits.
        video_id: Recording the hand comes from; splits never share one. The parent video in Ego4D.
        clip_id: Name of the video in HInt file names: YouTube id, EPIC video, Ego4D clip.
        frame: Frame number in the source; 0-based within the clip for Ego4D.
        frame_type: Ego4D's critical frame, "" elsewhere.
        action: Ego4D's action id, "" elsewhere.
        is_right: Side.
        box_xyxy: Box in px of the frame; None if the source gives only a point.
        size: (width, height) of the frame in px.
        contact: One of :data:`CONTACTS`.
        hand_gap: Distance to the nearest other hand box of the frame over the longest side of this one: 0 if they
            overlap, infinite if there is no other.
        file: Path below the root: a picture, a .zip with pictures, or a video.
        member: Name of the picture in a .zip, "" otherwise.
        point: (x, y) of the middle of the hand in px, used if there is no box.
        epic_frame: Number of the frame in EPIC-KITCHENS' own frames, if VISOR's mapping is there.
    """

    source: str
    source_split: str
    video_id: str
    clip_id: str
    frame: int
    frame_type: str
    action: str
    is_right: bool
    box_xyxy: Box | None
    size: tuple[int, int]
    contact: str
    hand_gap: float
    file: str
    member: str = ""
    point: tuple[float, float] = (0.0, 0.0)
    epic_frame: int | None = None

    @property
    def stem(self) -> str:
        """HInt name of the frame, without the side of the hand."""
        if self.action:
            return f"{self.clip_id}_{self.action}_{self.frame}_{self.frame_type}"
        return (self.member or self.file).rpartition("/")[2].rpartition(".")[0]

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the middle of the hand in px."""
        if self.box_xyxy is None:
            return self.point
        return (self.box_xyxy[0] + self.box_xyxy[2]) / 2, (self.box_xyxy[1] + self.box_xyxy[3]) / 2

    @property
    def hand_id(self) -> str:
        """HInt name of the hand: the frame's name and ``_l`` or ``_r``."""
        return f"{self.stem}_{self.side}"

    @property
    def side(self) -> str:
        """Side as in file names: "l" or "r"."""
        return "r" if self.is_right else "l"

    @property
    def longest_side(self) -> float:
        """Longest side of the box in px, 0 without a box."""
        return max(self.box_xyxy[2] - self.box_xyxy[0], self.box_xyxy[3] - self.box_xyxy[1]) if self.box_xyxy else 0.0

    @property
    def frame_id(self) -> tuple[str, int]:
        """Identify the picture of the hand; several actions of Ego4D may share one."""
        return self.clip_id, self.frame


@dataclass
class LeftOut:
    """What a reader skipped, and why.

    Attributes:
        ids: Reason -> ids of hands, frames, actions or files.
    """

    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, where: str) -> None:
        """Record something skipped."""
        self.ids[reason].append(where)

    def counts(self) -> dict[str, int]:
        """Return the number skipped for each reason."""
        return {reason: len(ids) for reason, ids in sorted(self.ids.items())}


def gap(box: Box, others: Iterable[Box]) -> float:
    """Return the distance from a box to the nearest of others, over its longest side; infinite without others.

    Args:
        box: xyxy.
        others: xyxy each.
    """
    x1, y1, x2, y2 = box
    nearest = inf
    for a1, b1, a2, b2 in others:
        across = a1 - x2 if a1 > x2 else x1 - a2 if x1 > a2 else 0.0
        down = b1 - y2 if b1 > y2 else y1 - b2 if y1 > b2 else 0.0
        nearest = min(nearest, hypot(across, down))
    return nearest / max(x2 - x1, y2 - y1)
