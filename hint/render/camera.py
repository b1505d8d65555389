"""The pinhole camera of a picture, and the two cameras for drawing the hands of methods that work on crops.

Pixel (i, j) of a picture is the colour at coordinates x = j, y = i. Points are in metres in camera axes: x right,
y down, z forward. Methods place a hand in front of the camera by ``cam_t``, which is added to its vertices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.errors import InputError
from hint.normals import lengths
from hint.types import Double

#: Focal length of the camera of HaMeR's crop, px of a crop of 256.
FOCAL_LENGTH, CROP_SIZE = 5000.0, 256

#: Centre and side in px; :class:`hint.crop.Square` is one.
Square = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A camera at the origin that looks along +z.

    Attributes:
        width: Picture size in px.
        height: Picture size in px.
        focal: Focal length in px.
        centre: Principal point in px.

    Raises:
        InputError: If the picture has no pixels, or a number is not finite.
    """

    width: int
    height: int
    focal: float
    centre: tuple[float, float]

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1:
            raise InputError(f"a camera's picture of {self.width}x{self.height} px has no pixels")
        if not (self.focal > 0 and all(map(math.isfinite, (self.focal, *self.centre)))):
            raise InputError(f"a camera needs a focal length above 0 and a finite centre: {self.focal}, {self.centre}")

    def project(self, points: ArrayLike) -> Double:
        """Return (...,2) px of (...,3) points in metres; NaN for those that are not in front of the camera."""
        places = np.asarray(points, np.float64)
        ahead = np.where(places[..., 2:] > 0, places[..., 2:], np.nan)
        projected: Double = self.focal * places[..., :2] / ahead + np.array(self.centre)
        return projected

    def mirrored(self) -> Camera:
        """Return the camera that sees a world of negated x as this picture mirrored."""
        return replace(self, centre=(self.width - 1 - self.centre[0], self.centre[1]))

    def contains(self, pixels: ArrayLike) -> NDArray[np.bool_]:
        """Return (...,) whether (...,2) px lie in [0,W) x [0,H)."""
        places = np.asarray(pixels)
        inside = (places >= 0) & (places < (self.width, self.height))
        return np.asarray(inside.all(-1))

    def rays(self, pixels: Double) -> Double:
        """Return (P,3) unit directions through (P,2) px."""
        # One component after the other, as in hint.demo.columns.
        directions = np.ones((3, len(pixels))).T
        directions[:, :2] = (pixels - np.array(self.centre)) / self.focal
        unit: Double = directions / lengths(directions)
        return unit

    def place(self, pixel: Double, depth: float) -> Double:
        """Return the (3,) point at a depth, metres, that projects to a pixel (2,)."""
        return np.append((pixel - np.array(self.centre)) / self.focal * depth, depth)

    def window(self, corner: ArrayLike, scale: float, width: int, height: int) -> Camera:
        """Return the camera of a cut-out.

        Args:
            corner: (2,) first pixel of the cut-out, px of this picture.
            scale: Px of the cut-out per px of this picture.
            width: Size of the cut-out, px.
            height: Size of the cut-out, px.
        """
        # Edges of pixels, not their centres, keep their place when a picture is scaled.
        x, y = (np.array(self.centre) - np.asarray(corner, np.float64) + 0.5) * scale - 0.5
        return Camera(width, height, self.focal * scale, (float(x), float(y)))


def crop_camera(square: Square, width: int, height: int, focal_length: float = FOCAL_LENGTH) -> Camera:
    """Return the camera of a crop in the whole picture: it projects to the keypoints that are scored.

    Depths of hands from different crops are not comparable; :func:`full_frame_translation` makes them so.

    Args:
        square: Centre and side of what the crop shows, px of the picture.
        width: Size of the picture, px.
        height: Size of the picture, px.
        focal_length: Px of a crop of 256.

    Source: HaMeR (Pavlakos et al. 2024), released evaluation.
    """
    x, y, size = square
    return Camera(width, height, focal_length * size / CROP_SIZE, (x, y))


def full_frame_camera(width: int, height: int, focal_length: float = FOCAL_LENGTH) -> Camera:
    """Return one camera for all hands of a picture: the crop's angle of view for the longest side.

    Source: HaMeR (Pavlakos et al. 2024), released demonstration.
    """
    return Camera(width, height, focal_length * max(width, height) / CROP_SIZE, (width / 2, height / 2))


def full_frame_translation(
    cam_t: ArrayLike, square: Square, camera: Camera, focal_length: float = FOCAL_LENGTH
) -> Double:
    """Return where a hand is in front of the whole picture's camera, from where it is in front of its crop's.

    Args:
        cam_t: (3,) metres; for left hands x is negated already, like that of their vertices.
        square: Centre and side of what the crop shows, px of the picture.
        camera: The whole picture's camera.
        focal_length: Of the crop's camera, px of a crop of 256.

    Returns:
        (3,) metres; the hand has the same size at the same place, seen from a little to the side.

    Source: HaMeR (Pavlakos et al. 2024), released demonstration.
    """
    x, y, size = square
    translation = np.asarray(cam_t, np.float64)
    metres_per_px = translation[2] * CROP_SIZE / (focal_length * size)
    moved = (np.array([x, y]) - camera.centre) * metres_per_px
    return np.array([*(translation[:2] + moved), camera.focal * metres_per_px])
