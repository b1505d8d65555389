"""The picture an annotator sees: the part of the frame around the hand, enlarged where it is small.

Pixels are taken as stored, as everywhere in the toolkit; what is written carries no EXIF orientation, so that browsers,
which would turn it, show it the way the labels count.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError
from hint.files.manifest import SampledHand
from hint.images import read_image
from hint.provenance import sha256_file
from hint.types import Image

#: Room around the box, in units of its longest side, on each side.
MARGIN = 0.5
#: Pictures are enlarged by whole numbers until their longest side is about this long, px: a point is a few px wide.
_LONG = 720
#: Room around points put in beforehand that lie beyond the box, in units of its longest side.
_AROUND_POINTS = 0.1
#: Side of a hand without a box or points, in units of the frame's shorter side.
_UNKNOWN = 0.25

Box = tuple[float, float, float, float]
Crop = tuple[int, int, int, int]


def crop_of(hand: SampledHand, points: NDArray[np.float64] | None, margin: float | None) -> Crop:
    """Return the part of the frame to show.

    Args:
        hand: The hand.
        points: (K,2) px of the joints that are taken to lie in the frame; all are shown.
        margin: Room around the box in units of its longest side; None = the whole frame.

    Returns:
        x, y, width, height in whole px, inside the frame.
    """
    width, height = hand.size
    if margin is None:
        return 0, 0, width, height
    box = hand.box_xyxy or _box_of(hand, points)
    low, high = np.array(box[:2]), np.array(box[2:])
    side = float((high - low).max())
    low, high = low - margin * side, high + margin * side
    if points is not None and len(points):
        low = np.minimum(low, points.min(0) - _AROUND_POINTS * side)
        high = np.maximum(high, points.max(0) + _AROUND_POINTS * side)
    limit = np.array(hand.size)
    # A box may lie beyond the frame; something must be seen all the same.
    first = np.clip(np.floor(low), 0, limit - 1).astype(int)
    last = np.clip(np.ceil(high), first + 1, limit).astype(int)
    return int(first[0]), int(first[1]), int(last[0] - first[0]), int(last[1] - first[1])


def _box_of(hand: SampledHand, points: NDArray[np.float64] | None) -> Box:
    """Return a box for a hand whose source gives only a centre: around its points, or a guess of its size."""
    if points is not None and len(points) > 1 and (np.ptp(points, axis=0) > 0).all():
        return (*points.min(0).tolist(), *points.max(0).tolist())
    half = _UNKNOWN * min(hand.size) / 2
    return hand.centre[0] - half, hand.centre[1] - half, hand.centre[0] + half, hand.centre[1] + half


def shown_size(crop: Crop) -> tuple[int, int]:
    """Return (width, height) of the picture that shows a part of the frame."""
    factor = max(1, _LONG // max(crop[2:]))
    return crop[2] * factor, crop[3] * factor


def read_frame(hand: SampledHand, folder: Path) -> Image:
    """Read the picture a manifest names.

    Raises:
        InputError: If it is absent, not the one that was sampled, or of another size.
    """
    path = folder / hand.image
    frame = read_image(path)
    if sha256_file(path) != hand.image_sha256:
        raise InputError(f"{path} is not the picture that was sampled (its sha256 differs)")
    if (frame.shape[1], frame.shape[0]) != hand.size:
        raise InputError(f"{path} has {frame.shape[1]}x{frame.shape[0]} px, the manifest says {hand.size}")
    return frame


def cut(frame: Image, crop: Crop) -> Image:
    """Return the picture that shows a part of the frame."""
    x, y, width, height = crop
    part: Image = np.ascontiguousarray(frame[y : y + height, x : x + width])
    size = shown_size(crop)
    if size == (width, height):
        return part
    enlarged: Image = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return enlarged
