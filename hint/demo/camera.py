"""The pinhole camera; pixel (i, j) of a picture is the colour at coordinates x = j, y = i."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A camera at the origin that looks along +z, x right, y down.

    Attributes:
        width: Picture size in px.
        height: Picture size in px.
        focal: Focal length in px.
        centre: Principal point in px.
    """

    width: int
    height: int
    focal: float
    centre: tuple[float, float]

    def mirrored(self) -> Camera:
        """Return the camera that sees a world of negated x as this picture turned over."""
        return replace(self, centre=(self.width - 1 - self.centre[0], self.centre[1]))

    def project(self, points: Array) -> Array:
        """Return (...,2) px of (...,3) points in metres."""
        projected: Array = self.focal * points[..., :2] / points[..., 2:] + np.array(self.centre)
        return projected

    def rays(self, pixels: Array) -> Array:
        """Return (P,3) unit directions through (P,2) px."""
        flat = (pixels - np.array(self.centre)) / self.focal
        directions = np.concatenate([flat, np.ones((len(pixels), 1))], 1)
        unit: Array = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        return unit

    def place(self, pixel: Array, depth: float) -> Array:
        """Return the (3,) point at a depth that projects to a pixel."""
        return np.append((pixel - np.array(self.centre)) / self.focal * depth, depth)


def in_frame(camera: Camera, keypoints: Array) -> NDArray[np.bool_]:
    """Return (...,) whether (...,2) px lie in [0,W) x [0,H)."""
    inside = (keypoints >= 0) & (keypoints < (camera.width, camera.height))
    return np.asarray(inside.all(-1))
