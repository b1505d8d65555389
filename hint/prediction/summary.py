"""What a prediction came to, without what was predicted: counts, and the pictures to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hint.prediction.boxes import BoxCount
from hint.prediction.tasks import PictureDone
from hint.types import MethodCard


@dataclass(eq=False)
class PredictSummary:
    """What ``hint predict`` tells.

    Attributes:
        card: Describes the method.
        poses: Whether it poses MANO.
        boxes: How many of the known boxes belong to the pictures, None where a detector found the hands.
        is_video: Whether pictures are frames.
        pictures, hands, reused, with_keypoints: Numbers of pictures that could be used, of their hands, of hands that
            an earlier run had done, and of hands whose keypoints were found.
        stored: Number of hands in ``predictions.npz``, with those of earlier runs into the same folder.
        failures: Name of a picture or of a hand -> why it is left out.
        without_hands: Pictures without a hand.
        damaged: Name of a picture -> what is wrong with its file, though it still shows something.
        doubtful: Name of a picture whose two hands are said to be of one side -> that side.
        upright: Pictures that were turned upright.
        as_stored: Pictures that were not, though others would, since their boxes refer to stored pixels.
        focal_lengths: Where the focal length of pictures with hands comes from -> their number.
        files: Files that hold the results.
        drawn: A picture, or the video, that is drawn with a hand.
    """

    card: MethodCard
    poses: bool
    boxes: BoxCount | None = None
    is_video: bool = False
    pictures: int = 0
    hands: int = 0
    reused: int = 0
    with_keypoints: int = 0
    stored: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    without_hands: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    upright: list[str] = field(default_factory=list)
    as_stored: list[str] = field(default_factory=list)
    focal_lengths: Counter[str] = field(default_factory=Counter)
    files: tuple[Path, ...] = ()
    drawn: Path | None = None

    def add(self, done: PictureDone) -> None:
        """Count a picture."""
        self.failures |= done.failures
        frame = done.frame
        if frame is None:
            return
        picture = frame.picture
        self.pictures += 1
        self.hands += len(frame.hands)
        self.reused += done.reused
        self.with_keypoints += done.with_keypoints
        if not frame.hands and picture.name not in self.failures:
            self.without_hands.append(picture.name)
        if frame.damage:
            self.damaged[picture.name] = frame.damage
        if frame.sides_doubtful:
            self.doubtful[picture.name] = "right" if frame.hands[0].hand.is_right else "left"
        if picture.exif.orientation != 1:
            (self.as_stored if picture.stored else self.upright).append(picture.name)
        if frame.hands and frame.intrinsics is not None:
            self.focal_lengths[frame.intrinsics.source] += 1
