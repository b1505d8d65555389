"""The turned, possibly mirrored square that a network sees, and the way back to the picture.

Sources: the tracking and palm rectangles of MediaPipe Hands (Zhang et al. 2020, section 2, and its released graphs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError
from hint.types import Double, Image

Points = NDArray[Any]

_BILINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

#: Wrist, thumb but its tip, and the two inner joints of each finger: what bends least.
_STEADY = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
#: A region around landmarks: its side in longest sides of their bounding box, and its move up in heights of it.
_LANDMARK_SIDE, _LANDMARK_RISE = 2.0, 0.1
#: The same for the box of a palm.
_PALM_SIDE, _PALM_RISE = 2.6, 0.5


class Region(NamedTuple):
    """A square of the picture.

    Attributes:
        x: Centre, px.
        y: Centre, px.
        side: Length of a side, px.
        angle: How far it is turned, radians: 0 upright, pi/2 with its top to the right.
        mirrored: Whether its left and right are exchanged, for left hands.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0
    mirrored: bool = False

    @property
    def axes(self) -> Double:
        """(2,2): its x and y axis in the picture, as columns."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        sign = -1 if self.mirrored else 1
        return np.array([[sign * cos, -sin], [sign * sin, cos]])

    def to_picture(self, points: Points) -> Double:
        """Carry points into the picture: (...,2), of which the region spans -0.5 to 0.5, to (...,2) px."""
        carried: Double = points @ self.axes.T * self.side + (self.x, self.y)
        return carried

    def upright(self, directions: Points) -> Double:
        """Turn (...,3) of the region, any unit, into the axes of the picture; depth stays."""
        turned = np.array(directions, np.float64)
        turned[..., :2] = directions[..., :2] @ self.axes.T
        return turned


def around_box(box_xyxy: Sequence[float] | Double, factor: float, angle: float = 0.0, mirrored: bool = False) -> Region:
    """Return the square around a box, ``factor`` times its longest side.

    Raises:
        InputError: If the box has no area.
    """
    side = longest_side(box_xyxy)
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    return Region((x1 + x2) / 2, (y1 + y2) / 2, factor * side, angle, mirrored)


def longest_side(box_xyxy: Sequence[float] | Double) -> float:
    """Return the longest side of a box, px.

    Raises:
        InputError: If the box has no area.
    """
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    if not (x2 > x1 and y2 > y1 and math.isfinite(x2 - x1) and math.isfinite(y2 - y1)):
        raise InputError(f"box {x1, y1, x2, y2} has no area; boxes are x1, y1, x2, y2 in px")
    return max(x2 - x1, y2 - y1)


def around_landmarks(keypoints: Points, mirrored: bool = False) -> Region:
    """Return the region MediaPipe tracks a hand in: turned so that the wrist is below the knuckles.

    Args:
        keypoints: (21,2) px.
        mirrored: Whether it shows the hand mirrored.
    """
    upright = Region(0, 0, 1, direction(keypoints))
    low, high = enclosing(keypoints[list(_STEADY)] @ upright.axes).reshape(2, 2)
    centre = (low + high) / 2 - (0, _LANDMARK_RISE * (high - low)[1])
    x, y = upright.to_picture(centre)
    return Region(float(x), float(y), _LANDMARK_SIDE * float((high - low).max()), upright.angle, mirrored)


def direction(keypoints: Points) -> float:
    """Return the angle of the region in which the wrist of a hand (21,2) is below its knuckles."""
    return _pointing(knuckles(keypoints) - keypoints[0])


def knuckles(keypoints: Any) -> Any:
    """Return the place (...,d) of the middle knuckle and its neighbours, on average, of joints (...,21,d)."""
    return keypoints[..., 9, :] / 2 + (keypoints[..., 5, :] + keypoints[..., 13, :]) / 4


def around_palm(box_xyxy: Points, wrist: Points, middle: Points, mirrored: bool = False) -> Region:
    """Return the region of the hand that a palm belongs to.

    Args:
        box_xyxy: (4,) px.
        wrist: (2,) px.
        middle: (2,) px, the knuckle of the middle finger.
        mirrored: Whether the region shows the hand mirrored.
    """
    angle = _pointing(middle - wrist)
    width, height = box_xyxy[2:] - box_xyxy[:2]
    x, y = (box_xyxy[:2] + box_xyxy[2:]) / 2 + _PALM_RISE * height * np.array([math.sin(angle), -math.cos(angle)])
    return Region(float(x), float(y), _PALM_SIDE * float(max(width, height)), angle, mirrored)


def around_picture(image: Image) -> Region:
    """Return the smallest square around a whole picture."""
    height, width = image.shape[:2]
    return Region(width / 2, height / 2, max(height, width))


def enclosing(points: Points) -> Double:
    """Return (4,), the smallest box around (N,2) points."""
    box: Double = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return box


def _pointing(direction: Points) -> float:
    """Return the angle of the region whose top is in this direction."""
    return math.atan2(direction[0], -direction[1])


def cut(image: Image, region: Region, size: int, *, black_border: bool = False) -> Image:
    """Cut a region out of a picture, as MediaPipe samples it: bilinear, from the region's edge on.

    Args:
        image: (H,W,3) RGB.
        region: Where.
        size: Side of the result, px.
        black_border: What lies outside the picture is black; else its outermost pixels go on.

    Returns:
        (size,size,3) RGB uint8.
    """
    corners = region.to_picture(np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]))
    limits = np.array([image.shape[1], image.shape[0]])
    # OpenCV takes at most 32,767 px, and a corner far outside leaves nothing to cut.
    first = np.clip(np.floor(corners.min(axis=0)) - 1, 0, limits - 1).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)) + 2, first + 1, limits).astype(int)
    back = np.column_stack([region.axes * (region.side / size), corners[0] - first])
    border = cv2.BORDER_CONSTANT if black_border else cv2.BORDER_REPLICATE
    part = image[first[1] : last[1], first[0] : last[0]]
    crop: Image = cv2.warpAffine(part, back, (size, size), flags=_BILINEAR, borderMode=border)
    return crop
