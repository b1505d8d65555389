"""Boxes: x1, y1, x2, y2 in px."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]

#: No picture has so many px along a side.
FARTHEST = 1e6


def require_box(box: Box) -> Box:
    """Return the box of a hand as it came from a file.

    Raises:
        ValueError: If it has no area, or cannot be in a picture.
    """
    if not all(map(math.isfinite, box)):
        raise ValueError("box with numbers that are not finite")
    if not (box[2] > box[0] and box[3] > box[1]):
        raise ValueError("box of zero or negative size; boxes are x1, y1, x2, y2")
    if max(map(abs, box)) > FARTHEST:
        raise ValueError("box far outside any picture; boxes are x1, y1, x2, y2 in px")
    return box


def area(box: Sequence[float]) -> float:
    """Return the area of a box in px², 0 where it is empty."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def shared_area(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the area in px² that two boxes have in common."""
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the intersection over union of two boxes, 0 where both are empty."""
    common = shared_area(a, b)
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0
