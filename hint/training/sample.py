"""A training hand as stored on disk, before cropping and augmentation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from hint.types import Double, Image

#: Unreadable hands in a row after which a source is given up.
TRIES = 100


@dataclass(frozen=True, eq=False)
class Sample:
    """One hand in its picture; left hands are not mirrored yet.

    Attributes:
        key: Name in messages.
        image: (H,W,3) RGB uint8.
        box_xyxy: (4,) px, not padded.
        keypoints_2d: (21,3) px and confidence.
        keypoints_3d: (21,4) metres in camera axes and confidence.
        hand_pose: (16,3) axis-angle radians: wrist, then the finger joints in MANO's order; absolute.
        betas: (10,) shape.
        is_right: Side.
        has_hand_pose: Whether the pose is supervised.
        has_betas: Whether the shape is supervised.
    """

    key: str
    image: Image
    box_xyxy: Double
    keypoints_2d: Double
    keypoints_3d: Double
    hand_pose: Double
    betas: Double
    is_right: bool
    has_hand_pose: bool
    has_betas: bool

    def padded(self, factor: float) -> Sample:
        """Return the sample with its box enlarged about its centre."""
        if factor == 1:
            return self
        corners = self.box_xyxy.reshape(2, 2)
        grown = corners.mean(0) + factor * (corners - corners.mean(0))
        return replace(self, box_xyxy=np.asarray(grown.reshape(4), np.float64))


class Source(Protocol):
    """Hands that can be read in any order; picklable, for worker processes."""

    @property
    def name(self) -> str:
        """Name in messages and in the seed of the order."""
        ...

    def __len__(self) -> int:
        """Return the number of hands that pass the filters."""
        ...

    def key(self, index: int) -> str:
        """Return the name of a hand without reading it."""
        ...

    def read(self, index: int) -> Sample:
        """Read a hand.

        Raises:
            InputError: If this hand's picture or ground truth is unreadable; another hand replaces it.
        """
        ...
