"""Overlapping square tiles of a picture, from the whole of it down to small ones."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from hint.types import Image

#: Each level halves the side of the last one's tiles.
LEVELS = 4
#: Tiles are not made smaller, px: what they show would be blurred.
SMALLEST = 48
#: Largest step between neighbours, in sides of a tile.
_STEP = 3 / 4


class Tile(NamedTuple):
    """A square of the picture, which may reach beyond it.

    Attributes:
        x: Left edge, px.
        y: Upper edge, px.
        side: Length of a side, px.
    """

    x: int
    y: int
    side: int


def pyramid(width: int, height: int, levels: int = LEVELS) -> list[list[Tile]]:
    """Return the tiles of a picture, level by level: first one tile around all of it.

    The number of tiles depends on the shape of the picture, not on its size: 115 at 4:3.

    Args:
        width: Of the picture, px.
        height: Of the picture, px.
        levels: Maximum number of levels.
    """
    sides = [max(width, height) / 2**level for level in range(levels)]
    return [_level(width, height, round(side)) for side in sides if side >= SMALLEST or side == sides[0]]


def _level(width: int, height: int, side: int) -> list[Tile]:
    return [Tile(x, y, side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Return where tiles start along one axis; a single one is centred."""
    if length <= side:
        return [(length - side) // 2]
    steps = int(np.ceil((length - side) / (side * _STEP)))
    return [round(start) for start in np.linspace(0, length - side, steps + 1).tolist()]


def cut_tile(image: Image, tile: Tile, size: int, outside: int = 0) -> Image:
    """Cut out a tile and scale it.

    Args:
        image: (H,W,3) RGB.
        tile: Where.
        size: Side of the result, px.
        outside: Grey level of what lies outside the picture.

    Returns:
        (size,size,3) RGB.
    """
    height, width = image.shape[:2]
    part = image[max(tile.y, 0) : min(tile.y + tile.side, height), max(tile.x, 0) : min(tile.x + tile.side, width)]
    scale = size / tile.side
    shape = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    x, y = round(max(-tile.x, 0) * scale), round(max(-tile.y, 0) * scale)
    canvas = np.full((size, size, 3), outside, np.uint8)
    resized = cv2.resize(part, shape, interpolation=method)[: size - y, : size - x]
    canvas[y : y + resized.shape[0], x : x + resized.shape[1]] = resized
    return canvas
