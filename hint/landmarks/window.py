"""The part of a picture that a reading may look at, shrunk where the hand is large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from hint.landmarks.region import Points, around_box
from hint.types import Double, Image

#: Side of the part, in longest sides of the box: room for a region that is turned and twice as large.
_SIDE = 4.0
#: A longer side of a box is shrunk to between half of this and this, px: more is lost on the network.
_LONGEST = 240


class Window(NamedTuple):
    """A part of a picture around a box.

    Attributes:
        pixels: (h,w,3) RGB uint8.
        box_xyxy: (4,) the box in px of this part.
        corner: (2,) px of the picture where it begins.
        scale: (2,) px of the picture that a pixel is wide and high.
    """

    pixels: Image
    box_xyxy: Double
    corner: Double
    scale: Double

    def to_picture(self, points: Points) -> Double:
        """Carry points (...,2) of the part into the picture, px."""
        carried: Double = (points + 0.5) * self.scale - 0.5 + self.corner
        return carried


def around(image: Image, box_xyxy: Sequence[float] | Double) -> Window:
    """Cut out the window around a box.

    Args:
        image: (H,W,3) RGB uint8.
        box_xyxy: x1, y1, x2, y2 in px; may leave the picture.

    Raises:
        InputError: If the box has no area.
    """
    square = around_box(box_xyxy, _SIDE)
    limits = np.array([image.shape[1], image.shape[0]])
    centre = np.array([square.x, square.y])
    first = np.clip(np.floor(centre - square.side / 2), 0, limits - 1).astype(int)
    last = np.clip(np.ceil(centre + square.side / 2) + 1, first + 1, limits).astype(int)
    part = image[first[1] : last[1], first[0] : last[0]]
    times = math.ceil(square.side / _SIDE / _LONGEST)
    size = np.ceil((last - first) / times).astype(int)
    pixels = part.copy() if times == 1 else cv2.resize(part, size.tolist(), interpolation=cv2.INTER_AREA)
    scale = (last - first) / size
    box = (np.array(box_xyxy, np.float64).reshape(2, 2) - first + 0.5) / scale - 0.5
    return Window(pixels, box.ravel(), first.astype(np.float64), scale)
