"""The crop FrankMocap's demonstrations cut; pixel for pixel, whole pixels only.

Source: Rong et al. 2021 (FrankMocap), released code of the hand module.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from hint.box import Box
from hint.crop import Square
from hint.errors import InputError
from hint.types import Image

CROP_SIZE = 224

#: What is added on every side, in heights of the box once it is square.
MARGIN = 0.3


class Window(NamedTuple):
    """A part of the picture in whole pixels; the last row and column are not in it."""

    left: int
    top: int
    right: int
    bottom: int


def window(box_xyxy: Box, width: int, height: int) -> Window:
    """Return the part of a picture the network sees.

    The box loses its fractions, its shorter side grows to the longer one, then every side gets a margin. Both times
    what leaves the picture is cut off, so the part is neither square nor centred on the hand near an edge.

    Args:
        box_xyxy: Box of the hand, px.
        width: Of the picture.
        height: Of the picture.

    Raises:
        InputError: If nothing of the picture is left.
    """
    left, top = int(box_xyxy[0]), int(box_xyxy[1])
    w, h = int(box_xyxy[2] - box_xyxy[0]), int(box_xyxy[3] - box_xyxy[1])
    right, bottom = left + w, top + h
    missing = abs(w - h) // 2
    if w > h:
        top, bottom = max(top - missing, 0), min(bottom + missing, height)
    else:
        left, right = max(left - missing, 0), min(right + missing, width)
    margin = int(MARGIN * (bottom - top))
    left, top = max(left - margin, 0), max(top - margin, 0)
    right, bottom = min(right + margin, width), min(bottom + margin, height)
    if right <= left or bottom <= top:
        raise InputError(f"box {tuple(box_xyxy)} shows nothing of the picture, {width}x{height} px")
    return Window(left, top, right, bottom)


def cut(image: Image, part: Window, *, mirror: bool = False) -> tuple[Image, Square]:
    """Cut a part of a picture out and make it a square, black below or to the right of what is too short.

    Args:
        image: (H,W,3).
        part: What :func:`window` returns.
        mirror: Turn the square over (left hands).

    Returns:
        (224,224,3) and the square of the picture it shows, which may leave the picture.
    """
    side = max(part.right - part.left, part.bottom - part.top)
    square = np.zeros((side, side, 3), np.uint8)
    square[: part.bottom - part.top, : part.right - part.left] = image[part.top : part.bottom, part.left : part.right]
    pixels = cv2.resize(square, (CROP_SIZE, CROP_SIZE))
    shown = Square(part.left + side / 2, part.top + side / 2, float(side))
    return np.ascontiguousarray(pixels[:, ::-1]) if mirror else pixels, shown
