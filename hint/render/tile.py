"""Cut the surroundings of a hand out of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from hint.render.camera import Camera
from hint.types import Double, Image

#: Side of a tile in px, how many box sides of the picture it shows, and what is where the picture ends.
TILE, SHOWN, PAPER = 240, 1.5, (240, 240, 240)
#: Px of a side that are copied as they are; more would take gigabytes.
_LARGEST = 10_000


@dataclass(frozen=True, eq=False)
class Tile:
    """A small picture of one hand.

    Attributes:
        image: (side,side,3) RGB.
        corner: (2,) where it begins in the picture, px.
        scale: Tile px per px of the picture.
    """

    image: Image
    corner: Double
    scale: float

    def place(self, keypoints: ArrayLike) -> Double:
        """Carry (...,2) px of the picture into the tile."""
        # Edges of pixels, not their centres, keep their place when a picture is scaled.
        placed: Double = (np.asarray(keypoints, np.float64) - self.corner + 0.5) * self.scale - 0.5
        return placed

    def camera(self, camera: Camera) -> Camera:
        """Return the tile's camera, from the picture's."""
        height, width = self.image.shape[:2]
        return camera.window(self.corner, self.scale, width, height)


def cut_tile(image: Image | None, box_xyxy: ArrayLike, side: int = TILE, shown: float = SHOWN) -> Tile:
    """Cut the surroundings of a box out of a picture.

    Args:
        image: (H,W,3) RGB, None for plain paper.
        box_xyxy: (4,) px.
        side: Side of the tile, px.
        shown: How many times the longest side of the box the tile shows.
    """
    box = np.asarray(box_xyxy, np.float64)
    window = round(shown * float(max(box[2:] - box[:2]))) + 1
    corner = np.floor((box[:2] + box[2:] - window) / 2)
    if image is None:
        return Tile(np.full((side, side, 3), PAPER, np.uint8), corner, side / window)
    if window > _LARGEST:  # a box that is wrong, or of another picture
        scale = side / window
        shrunk = np.column_stack([np.eye(2) * scale, (0.5 - corner) * scale - 0.5])
        whole = cv2.warpAffine(image, shrunk, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=PAPER)
        return Tile(np.asarray(whole), corner, scale)
    # A shift by whole pixels copies without blur; the resize then averages as a reduction should.
    shift = np.array([[1.0, 0, -corner[0]], [0, 1.0, -corner[1]]])
    part = cv2.warpAffine(image, shift, (window, window), borderMode=cv2.BORDER_CONSTANT, borderValue=PAPER)
    method = cv2.INTER_AREA if window > side else cv2.INTER_CUBIC
    return Tile(np.asarray(cv2.resize(part, (side, side), interpolation=method)), corner, side / window)
