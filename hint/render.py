"""Draw keypoints over pictures: bones in finger colours, occluded joints filled black, visible ones white."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.skeleton import BONES, FINGER_COLOURS, FINGER_OF_JOINT, WRIST_COLOUR
from hint.types import Image

#: OpenCV draws with this many binary digits after the point, so that marks sit where the numbers say.
_SHIFT = 4
_BLACK, _WHITE = (20, 20, 20), (255, 255, 255)

#: Side of a tile in px, how many box sides of the picture it shows, and what is where the picture ends.
TILE, SHOWN, PAPER = 240, 1.5, (240, 240, 240)


@dataclass(frozen=True, eq=False)
class Tile:
    """A small picture of one hand.

    Attributes:
        image: (side,side,3) RGB.
        corner: (2,) where it begins in the picture, px.
        scale: Tile px per px of the picture.
    """

    image: Image
    corner: NDArray[np.float64]
    scale: float

    def place(self, keypoints: ArrayLike) -> NDArray[np.float64]:
        """Carry (...,2) px of the picture into the tile."""
        placed: NDArray[np.float64] = (np.asarray(keypoints, np.float64) - self.corner) * self.scale
        return placed


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
    # A shift by whole pixels copies without blur; the resize then averages as a reduction should.
    shift = np.array([[1.0, 0, -corner[0]], [0, 1.0, -corner[1]]])
    part = cv2.warpAffine(image, shift, (window, window), borderMode=cv2.BORDER_CONSTANT, borderValue=PAPER)
    method = cv2.INTER_AREA if window > side else cv2.INTER_CUBIC
    return Tile(np.asarray(cv2.resize(part, (side, side), interpolation=method)), corner, side / window)


def draw_keypoints(image: Image, keypoints: ArrayLike, visibility: ArrayLike | None = None, size: float = 1.0) -> Image:
    """Return a copy of a picture with a hand drawn on it.

    Args:
        image: (H,W,3) RGB.
        keypoints: (21,2) px; joints that are not finite are left out.
        visibility: (21,) 0 not in the frame (left out), 1 occluded, 2 visible; None = all visible.
        size: Radius of a joint in units of 3 px.
    """
    canvas = image.copy()
    points = np.asarray(keypoints, dtype=np.float64)
    seen = np.full(21, 2) if visibility is None else np.asarray(visibility)
    drawn = np.isfinite(points).all(1) & (seen > 0)
    for a, b in BONES:
        if drawn[a] and drawn[b]:
            line = (_fixed(points[a]), _fixed(points[b]))
            cv2.line(canvas, *line, _BLACK, max(1, round(3.2 * size)), cv2.LINE_AA, _SHIFT)
            cv2.line(canvas, *line, FINGER_COLOURS[FINGER_OF_JOINT[b]], max(1, round(2 * size)), cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(drawn):
        _draw_joint(canvas, points[joint], int(joint), bool(seen[joint] == 2), size)
    return canvas


def _draw_joint(canvas: Image, point: NDArray[np.float64], joint: int, visible: bool, size: float) -> None:
    finger = FINGER_OF_JOINT[joint]
    colour = WRIST_COLOUR if finger < 0 else FINGER_COLOURS[finger]
    for radius, fill in ((3.6, _BLACK), (3.0, colour), (1.7, _WHITE if visible else _BLACK)):
        cv2.circle(canvas, _fixed(point), round(radius * size * (1 << _SHIFT)), fill, -1, cv2.LINE_AA, _SHIFT)


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    """Return a point as OpenCV's fixed-point numbers, far-away ones pulled in so that they fit."""
    x, y = np.clip(point, -16384, 16384) * (1 << _SHIFT)
    return round(x), round(y)
