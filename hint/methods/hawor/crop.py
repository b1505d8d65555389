"""The crop HaWoR's demonstration cuts, and where in the picture it lies.

Source: Zhang et al. 2025 (HaWoR), released code.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from hint.crop import CROP_SIZE, Square
from hint.errors import InputError
from hint.types import Float, Image

#: How much larger than the longest side of the box it is.
FACTOR = 1.2

#: Px the demonstration adds, so that a square that ends between two pixels takes both.
_HAIR = 1e-6

#: A box that shows so much more than the picture is a mistake, and would take up all memory.
_MOST_PICTURES = 8


class Place(NamedTuple):
    """Where a crop is in its picture, as the network sees it: mirrored for left hands.

    Attributes:
        x: Of the crop's centre from the picture's, px.
        y: The same downwards.
        side: Of the crop, px of the picture.
        focal_length: Of the picture, px.
    """

    x: float
    y: float
    side: float
    focal_length: float


def place_of(square: Square, width: int, height: int, focal_length: float, *, mirror: bool) -> Place:
    """Return where a square is in a picture of some size, px."""
    x = width - 1 - square.x if mirror else square.x
    return Place(x - width / 2, square.y - height / 2, square.size, focal_length)


def cut(image: Image, square: Square, *, mirror: bool = False) -> Image:
    """Cut a square out of a picture at whole pixels, black outside, blurred where it shrinks, fractions cut off.

    Args:
        image: (H,W,3).
        square: Where, in the picture as it is.
        mirror: Mirror it (left hands).

    Returns:
        (256,256,3), within one grey level of what the demonstration cuts but for its outermost rows and columns.

    Raises:
        InputError: If the square is many times as large as the picture.
    """
    seen = image[:, ::-1] if mirror else image
    height, width = seen.shape[:2]
    if square.size > _MOST_PICTURES * max(height, width):
        raise InputError(f"a crop of {square.size:.0f} px shows next to nothing of a picture of {width}x{height} px")
    x = width - 1 - square.x if mirror else square.x
    part = _region(seen, _ends(x, square.size), _ends(square.y, square.size))
    small = cv2.resize(_blurred(part), (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
    # Interpolation between equal pixels may end a hair below them.
    pixels: Image = (small + np.float32(1e-3)).astype(np.uint8)
    return pixels


def _ends(centre: float, side: float) -> tuple[int, int]:
    """Return the first pixel and the one behind the last; fractions are cut off towards zero."""
    half = (side + _HAIR) / 2
    return int(centre - half), max(int(centre + half), int(centre - half) + 1)


def _region(image: Image, columns: tuple[int, int], rows: tuple[int, int]) -> Float:
    """Return a part of the picture (H,W,3), black where it leaves it."""
    region = np.zeros((rows[1] - rows[0], columns[1] - columns[0], image.shape[2]), np.float32)
    top, left = max(rows[0], 0), max(columns[0], 0)
    inside = image[top : max(rows[1], 0), left : max(columns[1], 0)]
    region[top - rows[0] :, left - columns[0] :][: inside.shape[0], : inside.shape[1]] = inside
    return region


def _blurred(part: Float) -> Float:
    """Blur a part that will shrink, each axis by how much."""
    bells = [_bell(max(side / CROP_SIZE - 1, 0) / 2) for side in part.shape[:2]]
    smooth: Float = cv2.sepFilter2D(part, cv2.CV_32F, bells[1], bells[0], borderType=cv2.BORDER_REFLECT_101)
    return smooth


def _bell(sigma: float) -> Float:
    reach = int(4 * sigma + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    weights: Float = (bell / bell.sum()).astype(np.float32)
    return weights
