"""Draw keypoints over pictures: bones in finger colours, joints white where visible and black where occluded.

Bones that lead to an occluded joint are dashes on black, so that they are recognisable without colour.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import ArrayLike

from hint.skeleton import BONES, FINGER_COLOURS, FINGER_OF_JOINT, WRIST_COLOUR
from hint.types import Double, Image

#: Fractional bits of OpenCV's drawing coordinates.
_SHIFT = 4
_BLACK, _WHITE = (20, 20, 20), (255, 255, 255)

#: Length of a dash and of the gap after it, px at size 1; round ends make dashes longer and gaps shorter.
_DASH, _SPACE = 5.0, 6.0
#: A bone has at most so many dashes: one of an impossible prediction is as long as it likes.
_MOST = 200


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
    visible = np.full(21, 2) if visibility is None else np.asarray(visibility)
    drawn = np.isfinite(points).all(1) & (visible > 0)
    for a, b in BONES:
        if drawn[a] and drawn[b]:
            _draw_bone(canvas, points[[a, b]], FINGER_OF_JOINT[b], bool(visible[a] == 2 and visible[b] == 2), size)
    for joint in np.flatnonzero(drawn):
        _draw_joint(canvas, points[joint], int(joint), bool(visible[joint] == 2), size)
    return canvas


def _draw_bone(canvas: Image, ends: Double, finger: int, visible: bool, size: float) -> None:
    _draw_line(canvas, ends, _BLACK, 3.2 * size)
    for piece in [ends] if visible else _dashes(ends, size):
        _draw_line(canvas, piece, FINGER_COLOURS[finger], 2 * size)


def _draw_line(canvas: Image, ends: Double, colour: tuple[int, int, int], width: float) -> None:
    cv2.line(canvas, _fixed(ends[0]), _fixed(ends[1]), colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _dashes(ends: Double, size: float) -> Iterator[Double]:
    """Yield the dashes of a bone; it begins and ends with one."""
    length = float(np.linalg.norm(ends[1] - ends[0]))
    dash = _DASH / (_DASH + _SPACE)
    n = min(_MOST, max(2, round(length / size / (_DASH + _SPACE) + 1 - dash)))
    for k in range(n):
        along = np.array([k, k + dash]) / (n - 1 + dash)
        yield ends[0] + along[:, None] * (ends[1] - ends[0])


def _draw_joint(canvas: Image, point: Double, joint: int, visible: bool, size: float) -> None:
    finger = FINGER_OF_JOINT[joint]
    colour = WRIST_COLOUR if finger < 0 else FINGER_COLOURS[finger]
    for radius, fill in ((3.6, _BLACK), (3.0, colour), (1.7, _WHITE if visible else _BLACK)):
        cv2.circle(canvas, _fixed(point), round(radius * size * (1 << _SHIFT)), fill, -1, cv2.LINE_AA, _SHIFT)


def _fixed(point: Double) -> tuple[int, int]:
    """Return a point as OpenCV's fixed-point numbers, far-away ones pulled in so that they fit."""
    x, y = np.clip(point, -16384, 16384) * (1 << _SHIFT)
    return round(x), round(y)
