"""The crop HandOccNet's demonstration cuts.

Source: Park et al. 2022 (HandOccNet), released code.
"""

from hint.box import Box
from hint.crop import Square
from hint.errors import InputError

#: How much larger than the longest side of the box it is.
FACTOR = 1.25


def demonstration_square(box_xyxy: Box, width: int, height: int) -> Square:
    """Return the square around the part of a box inside the picture.

    The box ends at its last pixel, one before its edge; where it begins outside, it is moved in with its whole size and
    only then cut off at the other side.

    Args:
        box_xyxy: Box of the hand, px.
        width: Of the picture.
        height: Of the picture.

    Raises:
        InputError: If nothing of the box is left.
    """
    x1, y1 = max(0.0, box_xyxy[0]), max(0.0, box_xyxy[1])
    x2 = min(width - 1.0, x1 + box_xyxy[2] - box_xyxy[0] - 1)
    y2 = min(height - 1.0, y1 + box_xyxy[3] - box_xyxy[1] - 1)
    side = max(x2 - x1, y2 - y1)
    if x2 < x1 or y2 < y1 or side <= 0:
        raise InputError(f"box {tuple(box_xyxy)} shows nothing of the picture, {width}x{height} px")
    return Square((x1 + x2) / 2, (y1 + y2) / 2, FACTOR * side)
