"""The picture an annotator sees: the part of the frame around the hand, enlarged if it is small.

Pixels are used as stored, as everywhere in the toolkit; the written picture has no EXIF orientation, because browsers
would rotate it and the labels would not match.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.box import Box
from hint.errors import InputError
from hint.files.manifest import SampledHand
from hint.images import read_image
from hint.provenance import sha256_file
from hint.types import Image

#: Room around the box, in units of its longest side, on each side.
MARGIN = 0.5
#: Pictures are enlarged by whole factors up to about this longest side, px; points are only a few px wide.
_LONG = 720
#: Room around initial points outside the box, in units of its longest side.
_AROUND_POINTS = 0.1
#: Assumed side of a hand without a box or points, in units of the frame's shorter side.
_UNKNOWN = 0.25
#: Corners that mark the box: colour, length in units of its shorter side, distance from the box and widths of the line
#: and its dark rim in px of the shown picture. They lie outside the box and so hide nothing of the hand.
_CORNER_COLOUR, _CORNER_LENGTH = (255, 221, 0), 0.2
_CORNER_GAP, _CORNER_WIDTHS = 4, ((4, (0, 0, 0)), (2, _CORNER_COLOUR))

Crop = tuple[int, int, int, int]


def crop_of(hand: SampledHand, points: NDArray[np.float64] | None, margin: float | None) -> Crop:
    """Return the part of the frame to show.

    Args:
        hand: The hand.
        points: (K,2) px of the joints inside the frame; all are shown.
        margin: Room around the box in units of its longest side; None for the whole frame.

    Returns:
        x, y, width, height in whole px, inside the frame.
    """
    width, height = hand.size
    if margin is None:
        return 0, 0, width, height
    box = box_of(hand, points)
    low, high = np.array(box[:2]), np.array(box[2:])
    side = float((high - low).max())
    low, high = low - margin * side, high + margin * side
    if points is not None and len(points):
        low = np.minimum(low, points.min(0) - _AROUND_POINTS * side)
        high = np.maximum(high, points.max(0) + _AROUND_POINTS * side)
    limit = np.array(hand.size)
    # The crop is never empty, even if the box lies outside the frame.
    first = np.clip(np.floor(low), 0, limit - 1).astype(int)
    last = np.clip(np.ceil(high), first + 1, limit).astype(int)
    return int(first[0]), int(first[1]), int(last[0] - first[0]), int(last[1] - first[1])


def box_of(hand: SampledHand, points: NDArray[np.float64] | None) -> Box:
    """Return the box of a hand; around its points, or of a typical size, if it has only a centre."""
    if hand.box_xyxy is not None:
        return hand.box_xyxy
    if points is not None and len(points) > 1 and (np.ptp(points, axis=0) > 0).all():
        return (*points.min(0).tolist(), *points.max(0).tolist())
    half = _UNKNOWN * min(hand.size) / 2
    return hand.centre[0] - half, hand.centre[1] - half, hand.centre[0] + half, hand.centre[1] + half


def shown_size(crop: Crop) -> tuple[int, int]:
    """Return (width, height) of the picture that shows a crop."""
    factor = max(1, _LONG // max(crop[2:]))
    return crop[2] * factor, crop[3] * factor


def read_frame(hand: SampledHand, folder: Path) -> Image:
    """Read the picture of a hand of a manifest.

    Raises:
        InputError: If it is missing, changed since it was sampled, or of another size.
    """
    path = folder / hand.image
    frame = read_image(path)
    if sha256_file(path) != hand.image_sha256:
        raise InputError(f"{path} is not the picture that was sampled (its sha256 differs)")
    if (frame.shape[1], frame.shape[0]) != hand.size:
        raise InputError(
            f"{path} is {frame.shape[1]}x{frame.shape[0]} px, but {hand.size[0]}x{hand.size[1]} px in the manifest"
        )
    return frame


def cut(frame: Image, crop: Crop, box: Box | None = None) -> Image:
    """Return the picture that shows a crop, with the corners of a box marked."""
    x, y, width, height = crop
    part: Image = np.array(frame[y : y + height, x : x + width])
    size = shown_size(crop)
    if size != (width, height):
        part = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    if box is not None:
        _mark_corners(part, (np.array(box) - (x, y, x, y)) * (size[0] / width))
    return part


def _mark_corners(picture: Image, box: NDArray[np.float64]) -> None:
    """Draw the four corners of a box, in px of the picture."""
    length = _CORNER_LENGTH * float((box[2:] - box[:2]).min())
    outer = box + np.array((-_CORNER_GAP, -_CORNER_GAP, _CORNER_GAP, _CORNER_GAP))
    for width, colour in _CORNER_WIDTHS:
        for x, to_right in ((outer[0], 1), (outer[2], -1)):
            for y, down in ((outer[1], 1), (outer[3], -1)):
                bend = [(x + to_right * length, y), (x, y), (x, y + down * length)]
                cv2.polylines(picture, [np.rint(bend).astype(np.int32)], False, colour, width)
