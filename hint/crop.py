"""The square crop that networks see, and the way back to the picture.

The square's centre goes to the middle of the crop and its edges to the crop's edges. Left hands are
mirrored; because the mirrored square is centred at ``width - x - 1``, the way back is exact.

Pixels are interpolated here, in float32, and not by ``cv2.warpAffine``: versions of OpenCV differ in how they round
positions (4.12: to 1/32 px, which is several grey levels in places), and a score must not depend on the version.

Source: HaMeR (Pavlakos et al. 2024), released evaluation and demonstration code.
"""

from __future__ import annotations

import math
import threading
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from hint.box import Box
from hint.errors import InputError
from hint.types import Float, Image

#: Side of the crop, px.
CROP_SIZE = 256

#: Width and height of the tall crop networks cut out of the square one.
_TALL = (192, 256)

#: The demonstration blurs only where the picture shrinks by more than twice this.
_SHRINK = 1.1

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

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    weight: Float


class _Scratch(threading.local):
    """Memory that a thread uses again for every crop: fresh pages would cost as much as the arithmetic."""

    def __init__(self) -> None:
        self._blocks: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of any content; it lives until the next one of that name."""
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if name not in self._blocks or len(self._blocks[name]) < n_bytes:
            self._blocks[name] = np.empty(n_bytes, np.uint8)
        return self._blocks[name][:n_bytes].view(dtype).reshape(shape)


_SCRATCH = _Scratch()


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
    # Rounds halves to even, as the released code does; nothing is negative.
    rounded: Image = cv2.convertScaleAbs(_interpolate(image, *_samples(image.shape, square, mirror, crop_size)))
    return rounded


def crop_unrounded(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Float:
    """Cut a square as :func:`crop` does, float32 in 0..255, for networks trained on unrounded pixels."""
    return _interpolate(image, *_samples(image.shape, square, mirror, crop_size)).copy()


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
    return _interpolate(blurred, _moved(y, rows.start), _moved(x, columns.start)).copy()


def _samples(shape: tuple[int, ...], square: Square, mirror: bool, crop_size: int) -> tuple[_Samples, _Samples]:
    """Return the rows and the columns a crop is made of."""
    height, width = shape[:2]
    rows = _along(square.y, square.size, crop_size, height)
    if not mirror:
        return rows, _along(square.x, square.size, crop_size, width)
    flipped = _along(width - square.x - 1, square.size, crop_size, width)
    return rows, _Samples(width - 1 - flipped.first, width - 1 - flipped.second, flipped.weight)


def _along(centre: float, size: float, crop_size: int, length: int) -> _Samples:
    """Return the samples along one axis; the roundings to float32 are those of the released code and of OpenCV."""
    middle = float(np.float32(centre))
    step = (float(np.float32(centre + np.float32(size / 2))) - middle) / (crop_size / 2)
    start = middle - step * crop_size / 2
    position = (np.arange(crop_size) * float(np.float32(step)) + float(np.float32(start))).astype(np.float32)
    floor = np.floor(position)
    # Everything beyond the picture is equally black, so far positions may be moved to where integers can hold them.
    first = np.clip(floor, -2, length + 1).astype(np.intp)
    return _Samples(first, first + 1, position - floor)


def _interpolate(image: NDArray[Any], y: _Samples, x: _Samples) -> Float:
    """Return the picture, float32, between its pixels: first along rows, then along columns; black outside.

    The result lies in scratch memory, which the thread's next crop overwrites.
    """
    rows, columns = _span(y, image.shape[0]), _span(x, image.shape[1])
    part, y = _needed_rows(image[rows, columns], _moved(y, rows.start))
    left, along = _columns(part, _moved(x, columns.start))
    _blend(left, along, np.repeat(x.weight, 3))
    top, between = (_SCRATCH.array(name, (len(y.weight), along.shape[1]), np.float32) for name in ("top", "between"))
    for index, picked in ((y.first, top), (y.second, between)):
        along.take(index, 0, picked, "clip")
        picked[_beyond(index, len(along))] = 0
    _blend(top, between, y.weight[:, None])
    crop_rows: Float = between.reshape(len(y.weight), len(x.weight), 3)
    return crop_rows


def _columns(part: NDArray[Any], x: _Samples) -> tuple[Float, Float]:
    """Return the columns on either side of the samples, (rows,3 * samples) each."""
    rgba = _SCRATCH.array("rgba", (*part.shape[:2], 4), part.dtype)
    cv2.cvtColor(part, cv2.COLOR_RGB2RGBA, dst=rgba)
    # numpy gathers pixels many times faster where each is one number of 4 or 16 bytes.
    pixels = rgba.view(np.uint32 if part.dtype == np.uint8 else np.complex128)[..., 0]
    shape = len(part), len(x.weight)
    gathered = _SCRATCH.array("gathered", shape, pixels.dtype)
    rgb = _SCRATCH.array("rgb", (*shape, 3), part.dtype)
    sides = []
    for index, name in ((x.first, "left"), (x.second, "right")):
        pixels.take(index, 1, gathered, "clip")
        gathered[:, _beyond(index, part.shape[1])] = 0
        cv2.cvtColor(gathered.view(part.dtype).reshape(*shape, 4), cv2.COLOR_RGBA2RGB, dst=rgb)
        side = _SCRATCH.array(name, (shape[0], 3 * shape[1]), np.float32)
        side[:] = rgb.reshape(side.shape)
        sides.append(side)
    return sides[0], sides[1]


def _needed_rows(part: NDArray[Any], y: _Samples) -> tuple[NDArray[Any], _Samples]:
    """Drop the rows that samples do not touch, where those are many."""
    n = len(y.weight)
    if len(part) <= 2 * n:
        return part, y
    rows = np.concatenate([y.first, y.second])
    place = np.where(_beyond(rows, len(part)), -1, np.arange(2 * n))
    return part[rows.clip(0, len(part) - 1)], _Samples(place[:n], place[n:], y.weight)


def _beyond(index: NDArray[np.intp], length: int) -> NDArray[np.bool_]:
    return (index < 0) | (index >= length)


def _blend(start: Float, end: Float, weight: Float) -> None:
    """Move ``end`` to its place between the two; in this order, its roundings are those of the released code."""
    end -= start
    end *= weight
    end += start


def _span(samples: _Samples, length: int) -> slice:
    """Return the part of an axis that samples touch."""
    touched = np.clip(np.concatenate([samples.first, samples.second]), 0, length - 1)
    return slice(int(touched.min()), int(touched.max()) + 1)


def _moved(samples: _Samples, start: int) -> _Samples:
    return samples._replace(first=samples.first - start, second=samples.second - start)


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
