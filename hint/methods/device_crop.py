"""The crops of :mod:`hint.crop`, cut on the device of the network, within one grey level.

Blur and interpolation are linear, and treat rows and columns apart. So a crop is a product of three matrices: weights
of rows, the picture, weights of columns. Threads only copy the part of a picture that a crop shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from hint.crop import CROP_SIZE, Square
from hint.methods.device import float32_math, sent, stacked, staged
from hint.types import Float, Image

#: As in :mod:`hint.crop`: the demonstration blurs only where the picture shrinks by more than twice this.
_SHRINK = 1.1


class Axis(NamedTuple):
    """Where the pixels of a crop lie along one axis of its region, px.

    Attributes:
        start: Of the first one.
        step: From one to the next; negative where the crop is mirrored.
        length: Pixels of the region.
    """

    start: float
    step: float
    length: int


class Region(NamedTuple):
    """What a crop is cut from.

    Attributes:
        pixels: (H,W,3) RGB uint8: the part of the picture a crop shows, and a margin; edges repeated.
        rows: Where the rows of the crop lie.
        columns: Where its columns do.
        sigma: Of the blur, px; 0 for none.
        is_rounded: Whether the crop's pixels are whole grey levels.
    """

    pixels: Image
    rows: Axis
    columns: Axis
    sigma: float
    is_rounded: bool

    def numbers(self) -> Float:
        """Return all but the pixels, as an array."""
        return np.array([*self.rows, *self.columns, self.sigma, _reach(self.sigma), self.is_rounded], np.float32)


def crop(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Region:
    """Choose what :func:`hint.crop.crop` cuts."""
    return _region(image, square, mirror, crop_size, 0, True)


def crop_unrounded(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Region:
    """Choose what :func:`hint.crop.crop_unrounded` cuts."""
    return _region(image, square, mirror, crop_size, 0, False)


def crop_blurred(image: Image, square: Square, *, mirror: bool = False, crop_size: int = CROP_SIZE) -> Region:
    """Choose what :func:`hint.crop.crop_blurred` cuts."""
    shrink = square.size / crop_size / 2
    if shrink <= _SHRINK:
        return crop(image, square, mirror=mirror, crop_size=crop_size)
    return _region(image, square, mirror, crop_size, (shrink - 1) / 2, False)


def _region(image: Image, square: Square, mirror: bool, crop_size: int, sigma: float, is_rounded: bool) -> Region:
    step, half, margin = square.size / crop_size, square.size / 2, _reach(sigma)
    across = Axis(square.x + half, -step, image.shape[1]) if mirror else Axis(square.x - half, step, image.shape[1])
    down = Axis(square.y - half, step, image.shape[0])
    (top, bottom), (left, right) = (_touched(axis, crop_size) for axis in (down, across))
    inner = image[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]
    above, before = max(margin - top, 0), max(margin - left, 0)
    below, after = max(bottom + margin - image.shape[0], 0), max(right + margin - image.shape[1], 0)
    pixels: Image = cv2.copyMakeBorder(inner, above, below, before, after, cv2.BORDER_REPLICATE)
    rows, columns = (
        Axis(axis.start - first + margin, axis.step, length)
        for axis, first, length in ((down, top, pixels.shape[0]), (across, left, pixels.shape[1]))
    )
    return Region(pixels, rows, columns, sigma, is_rounded)


def _reach(sigma: float) -> int:
    """Return how far a blur looks, px."""
    return int(4 * sigma + 0.5)


def _touched(axis: Axis, crop_size: int) -> tuple[int, int]:
    """Return the first pixel of a picture that a crop touches, and the one behind the last; there is always one."""
    ends = axis.start, axis.start + (crop_size - 1) * axis.step
    first, last = (int(np.clip(end, 0, axis.length - 1)) for end in (np.floor(min(ends)), np.floor(max(ends)) + 1))
    return first, last + 1


def cut(regions: Sequence[Region], crop_size: int, device: torch.device) -> Tensor:
    """Cut the crops of regions on a device: (N,S,S,3) float32, RGB in 0..255, black outside the pictures."""
    # (N,H,3,W): weights of rows from the left and of columns from the right, without a copy in between.
    pixels = sent(_padded(regions, device), device).permute(0, 1, 3, 2)
    planes = pixels.to(torch.float32, memory_format=torch.contiguous_format)
    numbers = stacked([region.numbers() for region in regions], device)
    blurs, is_rounded = numbers[:, 6:8], numbers[:, 8, None, None, None] > 0
    is_blurred = any(region.sigma > 0 for region in regions)
    rows = _weights(numbers[:, :3], blurs, planes.shape[1], crop_size, is_blurred)
    columns = _weights(numbers[:, 3:6], blurs, planes.shape[3], crop_size, is_blurred)
    with float32_math("fp32"):
        high = rows @ planes.flatten(2)
        crops = high.reshape(len(regions), 3 * crop_size, -1) @ columns.mT
    crops = crops.reshape(len(regions), crop_size, 3, crop_size).transpose(2, 3)
    return torch.where(is_rounded, crops.round(), crops)


def _padded(regions: Sequence[Region], device: torch.device) -> Tensor:
    """Return the pixels of regions (N,H,W,3), black behind their ends, to be sent to a device."""
    height, width = (max(region.pixels.shape[axis] for region in regions) for axis in (0, 1))
    padded = staged((len(regions), height, width, 3), np.uint8, device)
    for array, region in zip(padded.numpy(), regions, strict=True):
        rows, columns = region.pixels.shape[:2]
        array[:rows, :columns] = region.pixels
        array[:rows, columns:] = 0
        array[rows:] = 0
    return padded


def _weights(axis: Tensor, blur: Tensor, n: int, crop_size: int, is_blurred: bool) -> Tensor:
    """Return how much each of n pixels of a region counts for each of the crop (N,S,n).

    Args:
        axis: (N,3) as in :class:`Axis`.
        blur: (N,2) sigma and how far the blur looks, px; margins of that size lie around what may be shown.
        n: Pixels of the regions, padded.
        crop_size: S.
        is_blurred: Whether any is blurred.
    """
    place = torch.arange(n, device=axis.device)
    start, step, length = axis[..., None].unbind(1)
    sigma, reach = blur[..., None, None].unbind(1)
    position = start + step * torch.arange(crop_size, device=axis.device)
    between = (1 - (position[..., None] - place).abs()).clamp_min(0)
    inside = (place >= reach) & (place < length[..., None] - reach)
    if not is_blurred:
        return between * inside
    apart = place[:, None] - place
    bell = torch.exp(-0.5 * (apart / sigma.clamp_min(1e-6)).square()) * (apart.abs() <= reach)
    with float32_math("fp32"):
        return (between * inside) @ (bell / bell.sum(-1, keepdim=True))
