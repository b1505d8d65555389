"""The square crop that networks see, and the way back to the picture.

The square's centre goes to the middle of the crop and its edges to the crop's edges. Left hands are
mirrored; because the mirrored square is centred at ``width - x - 1``, the way back is exact.

Pixels are interpolated here, in float32, and not by ``cv2.warpAffine``: versions of OpenCV differ in how they round
positions (4.12: to 1/32 px, which is several grey levels in places), and a score must not depend on the version.

Source: HaMeR (Pavlakos et al. 2024), released evaluation and demonstration code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.box import Box
from hint.errors import InputError
from hint.types import Float, Image

#: Side of the crop, px.
CROP_SIZE = 256

#: Width and height of the tall crop networks cut out of the square one.
_TALL = (192, 256)

#: The demonstration blurs only where the picture shrinks by more than twice this.
_SHRINK = 1.1

#: Rows of a crop that are computed at a time.
_BAND = 32

#: Mean and deviation of ImageNet's RGB, grey levels.
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class Square(NamedTuple):
    """A square of the picture: centre and side, px."""

    x: float
    y: float
    size: float


class _Samples(NamedTuple):
    """Where the pixels of a crop lie along one axis of the picture: between ``first`` and ``second``."""

    first: NDArray[np.int16]
    second: NDArray[np.int16]
    weight: Float


def box_to_square(box_xyxy: Box, factor: float) -> Square:
    """Return the square around a box, ``factor`` times its longest side (HInt evaluation: 2)."""
    x, y, w, h = _centre_and_sides(box_xyxy)
    return Square(x, y, factor * max(w, h))


def box_to_tall_square(box_xyxy: Box, factor: float) -> Square:
    """Return the square around a box grown to 3:4 (FreiHAND and HO-3D evaluation: factor 1; demonstration: 2)."""
    x, y, w, h = _centre_and_sides(box_xyxy)
    return Square(x, y, max(factor * w * _TALL[1] / _TALL[0], factor * h))


def _centre_and_sides(box_xyxy: Box) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box_xyxy
    if not (x2 > x1 and y2 > y1 and np.isfinite([x1, y1, x2, y2]).all()):
        raise InputError(f"box {tuple(box_xyxy)} has no area; boxes are x1, y1, x2, y2 in px")
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def crop(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Image:
    """Cut a square out of a picture, black where it leaves it; no blur, as in HaMeR's evaluation.

    Args:
        image: (H,W,3) RGB.
        square: Where, in the picture as it is.
        mirror: Mirror it (left hands).
        crop_size: Side of the result, px.

    Returns:
        (crop_size,crop_size,3) RGB uint8.
    """
    bands = _bands(image, *_samples(image.shape, square, mirror, crop_size))
    # Rounds halves to even, as the released code does; nothing is negative.
    return np.concatenate([cv2.convertScaleAbs(band) for band in bands])


def crop_unrounded(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Float:
    """Cut a square as :func:`crop` does, float32 in 0..255, for networks trained on unrounded pixels."""
    return np.concatenate(list(_bands(image, *_samples(image.shape, square, mirror, crop_size))))


def crop_blurred(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Float:
    """Cut a square as :func:`crop` does, after blurring a picture that will shrink, as in HaMeR's demonstration.

    Returns:
        (crop_size,crop_size,3) RGB float32 in 0..255; rounded only where nothing was blurred.
    """
    shrink = square.size / crop_size / 2
    if shrink <= _SHRINK:
        return crop(image, square, mirror=mirror, crop_size=crop_size).astype(np.float32)
    y, x = _samples(image.shape, square, mirror, crop_size)
    rows, columns = _span(y, image.shape[0]), _span(x, image.shape[1])
    blurred = _blur(image, rows, columns, (shrink - 1) / 2)
    return np.concatenate(list(_bands(blurred, _moved(y, rows.start), _moved(x, columns.start))))


def _samples(shape: tuple[int, ...], square: Square, mirror: bool, crop_size: int) -> tuple[_Samples, _Samples]:
    """Return the rows and the columns a crop is made of."""
    height, width = shape[:2]
    rows = _along(square.y, square.size, crop_size, height)
    if not mirror:
        return rows, _along(square.x, square.size, crop_size, width)
    flipped = _along(width - square.x - 1, square.size, crop_size, width)
    last = np.int16(width - 1)
    return rows, _Samples(last - flipped.first, last - flipped.second, flipped.weight)


def _along(centre: float, size: float, crop_size: int, length: int) -> _Samples:
    """Return the samples along one axis; the roundings to float32 are those of the released code and of OpenCV."""
    middle = float(np.float32(centre))
    step = (float(np.float32(centre + np.float32(size / 2))) - middle) / (crop_size / 2)
    start = middle - step * crop_size / 2
    position = (np.arange(crop_size) * float(np.float32(step)) + float(np.float32(start))).astype(np.float32)
    floor = np.floor(position)
    # Everything beyond the picture is equally black, so far positions may be moved to where 16 bits can hold them.
    first = np.clip(floor, -2, length + 1).astype(np.int16)
    return _Samples(first, first + np.int16(1), position - floor)


def _bands(image: NDArray[Any], y: _Samples, x: _Samples) -> Iterator[Float]:
    """Yield the crop a few rows at a time, so that the data stays in the cache."""
    for start in range(0, len(y.first), _BAND):
        part = slice(start, start + _BAND)
        yield _interpolate(image, _Samples(y.first[part], y.second[part], y.weight[part]), x)


def _interpolate(image: NDArray[Any], y: _Samples, x: _Samples) -> Float:
    """Return the picture, float32, between its pixels: first along rows, then along columns; black outside."""
    rows, place = np.unique(np.concatenate([y.first, y.second]), return_inverse=True)
    where = np.empty((len(rows), 2 * len(x.first), 2), np.int16)
    where[..., 0] = np.concatenate([x.first, x.second])
    where[..., 1] = rows[:, None]
    picked = cv2.remap(image, where, None, cv2.INTER_NEAREST).reshape(len(rows), 2, -1)
    left, along = picked[:, 0].astype(np.float32), picked[:, 1].astype(np.float32)
    along -= left
    along *= np.repeat(x.weight, image.shape[2])
    along += left
    top, between = along[place[: len(y.first)]], along[place[len(y.first) :]]
    between -= top
    between *= y.weight[:, None]
    between += top
    crop_rows: Float = between.reshape(len(y.first), len(x.first), -1)
    return crop_rows


def _span(samples: _Samples, length: int) -> slice:
    """Return the part of an axis that samples touch."""
    touched = np.clip(np.concatenate([samples.first, samples.second]), 0, length - 1)
    return slice(int(touched.min()), int(touched.max()) + 1)


def _moved(samples: _Samples, start: int) -> _Samples:
    return samples._replace(first=samples.first - np.int16(start), second=samples.second - np.int16(start))


def _blur(image: Image, rows: slice, columns: slice, sigma: float) -> Float:
    """Blur one region as if the whole picture had been (to 4 sigma, edges repeated, as scikit-image does)."""
    reach = int(4 * sigma + 0.5)
    top, left = max(rows.start - reach, 0), max(columns.start - reach, 0)
    part = image[top : rows.stop + reach, left : columns.stop + reach]
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    smooth: Float = cv2.sepFilter2D(part, cv2.CV_32F, bell, bell, borderType=cv2.BORDER_REPLICATE)
    return smooth[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def to_image(points: NDArray[Any], square: Square, is_right: bool) -> NDArray[np.float64]:
    """Carry points of a crop back into the picture.

    Args:
        points: (...,2) in crop units: the crop spans -0.5 to 0.5.
        square: Where the crop came from.
        is_right: False where the crop was mirrored.

    Returns:
        (...,2) px.
    """
    signed = np.asarray(points, np.float64) * (1 if is_right else -1, 1)
    return signed * square.size + (square.x, square.y)
